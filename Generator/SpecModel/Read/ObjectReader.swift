/// Reads the members of one JSON object by name, reports wrong kinds, and in the end every key nobody asked for.
struct ObjectReader {
    let location: SourceLocation
    private let what: String
    private let members: [JSONMember]
    private var asked: [String] = []

    init?(_ node: JSONNode, _ what: String, _ diagnostics: inout Diagnostics) {
        guard let members = node.object else {
            diagnostics.error("\(what) must be an object, not \(node.kind)", at: node.location)
            return nil
        }
        self.what = what
        self.members = members
        location = node.location
    }

    mutating func node(_ key: String) -> JSONNode? {
        asked.append(key)
        return members.first { $0.key == key }?.value
    }

    private mutating func typed<T: Sendable>(
        _ key: String, _ expected: String, _ diagnostics: inout Diagnostics, _ convert: (JSONNode) -> T?
    ) -> Located<T>? {
        guard let node = node(key) else { return nil }
        guard let value = convert(node) else {
            diagnostics.error("'\(key)' must be \(expected), not \(node.kind)", at: node.location)
            return nil
        }
        return Located(value, at: node.location)
    }

    mutating func string(_ key: String, _ diagnostics: inout Diagnostics) -> Located<String>? {
        typed(key, "a string", &diagnostics) { $0.string }
    }

    /// Like ``string(_:_:)``, but an empty text is a mistake.
    mutating func text(_ key: String, _ diagnostics: inout Diagnostics) -> Located<String>? {
        guard let text = string(key, &diagnostics) else { return nil }
        guard text.value.contains(where: { !$0.isWhitespace }) else {
            diagnostics.error("'\(key)' is empty", at: text.location)
            return nil
        }
        return text
    }

    mutating func bool(_ key: String, _ diagnostics: inout Diagnostics) -> Located<Bool>? {
        typed(key, "true or false", &diagnostics) { if case .bool(let value) = $0.value { value } else { nil } }
    }

    /// The place of a flag that is set; nil where it is left out or false.
    mutating func flag(_ key: String, _ diagnostics: inout Diagnostics) -> SourceLocation? {
        guard let flag = bool(key, &diagnostics), flag.value else { return nil }
        return flag.location
    }

    mutating func integer(_ key: String, _ diagnostics: inout Diagnostics) -> Located<Int>? {
        typed(key, "a whole number", &diagnostics) {
            if case .number(let text) = $0.value { Int(text) } else { nil }
        }
    }

    mutating func array(_ key: String, _ diagnostics: inout Diagnostics) -> [JSONNode] {
        typed(key, "an array", &diagnostics, \.array)?.value ?? []
    }

    mutating func strings(_ key: String, _ diagnostics: inout Diagnostics) -> [Located<String>] {
        guard let node = node(key) else { return [] }
        guard let items = node.array else {
            diagnostics.error("'\(key)' must be an array of strings, not \(node.kind)", at: node.location)
            return []
        }
        var result: [Located<String>] = []
        for item in items {
            if let text = item.string {
                result.append(Located(text, at: item.location))
            } else {
                diagnostics.error("'\(key)' must be an array of strings, not of \(item.kind)", at: item.location)
            }
        }
        return result
    }

    /// The members of a map from names to values, in their order.
    mutating func map(_ key: String, _ diagnostics: inout Diagnostics) -> [JSONMember] {
        guard let node = node(key) else { return [] }
        guard let members = node.object else {
            diagnostics.error("'\(key)' must be an object, not \(node.kind)", at: node.location)
            return []
        }
        return members
    }

    /// Reports what nobody asked for.
    func finish(_ diagnostics: inout Diagnostics) {
        for member in members where !asked.contains(member.key) {
            diagnostics.error(
                "unknown key '\(member.key)' in \(what)", at: member.keyLocation, hint: didYouMean(member.key, asked))
        }
    }
}
