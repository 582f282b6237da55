/// What an element of a configuration may hold. Small enough to be written beside what it describes.
///
/// It says what must be there and of what kind, not more: an element that it doesn't know is kept, since clients newer
/// than this server send them and want them back.
indirect enum Schema: Sendable {
    /// Text of so many bytes, kept as it is.
    case text(ClosedRange<Int>)
    case boolean
    case integer(ClosedRange<Int64>)
    case choice([String])
    /// An instant such as `2023-12-16T00:00:00.000Z`.
    case date
    case elements([Element])

    struct Element: Sendable {
        var name: String
        /// How often it may be there.
        var count: ClosedRange<Int>
        var schema: Schema
        /// What stands in the answer where a client left it out.
        var fallback: String?
    }

    static let text = Schema.text(0...(64 << 10))
    static let name = Schema.text(1...1024)
    static let count = Schema.integer(0...Int64.max)

    static func of(_ elements: Element...) -> Schema { .elements(elements) }
}

extension Schema.Element {
    static func one(_ name: String, _ schema: Schema = .name) -> Self {
        Self(name: name, count: 1...1, schema: schema)
    }

    static func optional(_ name: String, _ schema: Schema = .text, default fallback: String? = nil) -> Self {
        Self(name: name, count: 0...1, schema: schema, fallback: fallback)
    }

    static func many(_ name: String, _ count: ClosedRange<Int>, _ schema: Schema = .name) -> Self {
        Self(name: name, count: count, schema: schema)
    }
}

extension Schema {
    /// The element in the form that is answered: truths in lower case, no white space between elements, defaults
    /// filled in, and optional elements that hold nothing left out.
    func checked(_ node: XMLNode, at path: String) throws(Fault) -> XMLNode {
        guard case .elements(let elements) = self else {
            guard node.children.isEmpty else { throw .malformedXML("\(path) must hold text only.") }
            return XMLNode(name: node.name, text: try value(of: node, at: path))
        }
        var result = XMLNode(name: node.name, children: node.children)
        for element in elements {
            if element.count.lowerBound == 0, !element.schema.allowsNothing {
                result.children.removeAll { $0.name == element.name && $0.isEmpty }
            }
            var count = 0
            for index in result.children.indices where result.children[index].name == element.name {
                count += 1
                let child = result.children[index]
                result.children[index] = try element.schema.checked(child, at: "\(path)/\(element.name)")
            }
            if count == 0, let fallback = element.fallback {
                result.children.append(XMLNode(name: element.name, text: fallback))
                count = 1
            }
            guard count >= element.count.lowerBound else { throw .malformedXML("\(path)/\(element.name) is missing.") }
            guard count <= element.count.upperBound else {
                throw .malformedXML("\(path)/\(element.name) may be there \(element.count.upperBound) times at most.")
            }
        }
        return result
    }

    private var allowsNothing: Bool {
        switch self {
        case .text(let length): length.contains(0)
        case .elements: true
        case .boolean, .integer, .choice, .date: false
        }
    }

    private func value(of node: XMLNode, at path: String) throws(Fault) -> String {
        let trimmed = node.trimmedText
        switch self {
        case .elements: return ""
        case .text(let length):
            guard length.contains(node.text.utf8.count) else {
                throw .malformedXML("\(path) must have \(length.lowerBound) to \(length.upperBound) bytes.")
            }
            return node.text
        case .boolean:
            let lower = trimmed.lowercased()
            guard lower == "true" || lower == "false" else { throw .malformedXML("\(path) must be true or false.") }
            return lower
        case .integer(let range):
            guard let number = Int64(trimmed), range.contains(number) else {
                throw .malformedXML(
                    "\(path) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
            }
            return trimmed
        case .choice(let choices):
            guard choices.contains(trimmed) else {
                throw .malformedXML("\(path) must be one of \(choices.joined(separator: ", ")).")
            }
            return trimmed
        case .date:
            guard EmulatorInstant(iso8601: trimmed) != nil else {
                throw .malformedXML("\(path) must be a date such as 2023-12-16T00:00:00.000Z.")
            }
            return trimmed
        }
    }
}

extension XMLNode {
    init(_ name: String, _ text: String) {
        self.init(name: name, text: text)
    }

    init(_ name: String, _ children: [XMLNode] = []) {
        self.init(name: name, children: children)
    }

    var isEmpty: Bool { children.isEmpty && trimmedText.isEmpty }

    /// What stands at a path such as `Destination/Bucket`.
    subscript(path: String) -> XMLNode? {
        var node = self
        for name in path.split(separator: "/") {
            guard let child = node.child(String(name)) else { return nil }
            node = child
        }
        return node
    }

    /// Puts a child in the place of the one of its name, or at the end.
    mutating func set(_ child: XMLNode) {
        if let index = children.firstIndex(where: { $0.name == child.name }) {
            children[index] = child
        } else {
            children.append(child)
        }
    }

    mutating func remove(_ name: String) {
        children.removeAll { $0.name == name }
    }

    /// As a whole document.
    var bytes: [UInt8] {
        var writer = XMLWriter()
        writer.copy(self)
        return writer.bytes
    }
}

extension Fault {
    /// What didn't fit, in words; the service has the same element.
    static func malformedXML(_ reason: String) -> Fault {
        malformedXML.detail("ErrorDetail", reason)
    }
}
