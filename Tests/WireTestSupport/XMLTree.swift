/// A small XML tree of its own: the reader under test must not be its own judge.
struct XMLTree: Equatable {
    struct ParseError: Error, CustomStringConvertible {
        let description: String
    }

    var name = ""
    var attributes: [String: String] = [:]
    var children: [XMLTree] = []
    /// All text directly in the element.
    var text = ""

    init(_ source: String) throws {
        var parser = XMLTreeParser(source)
        self = try parser.parseDocument()
    }

    init() {}

    /// White space between elements and the order of differently named siblings don't count; everything else does.
    func differences(from other: XMLTree, at path: String = "") -> [String] {
        let here = path.isEmpty ? "<\(name)>" : path
        if name != other.name { return ["body: expected the element <\(name)>, got <\(other.name)>"] }
        var result: [String] = []
        for key in Set(attributes.keys).union(other.attributes.keys).sorted()
        where attributes[key] != other.attributes[key] {
            let expected = attributes[key].map(quoted) ?? "none"
            result.append(
                "body \(here) attribute \(key): expected \(expected), got \(other.attributes[key].map(quoted) ?? "none")"
            )
        }
        if significantText != other.significantText {
            result.append(difference("body \(here)", significantText, other.significantText))
        }
        var names: [String] = []
        for child in children + other.children where !names.contains(child.name) { names.append(child.name) }
        for name in names {
            let expected = children.filter { $0.name == name }
            let came = other.children.filter { $0.name == name }
            let child = "\(here.hasSuffix(">") ? String(here.dropLast()) : here)/\(name)"
            if expected.count != came.count {
                result.append("body \(child)>: expected \(expected.count) of them, got \(came.count)")
            }
            for (index, pair) in zip(expected, came).enumerated() {
                let place = expected.count > 1 ? "\(child)[\(index)]>" : "\(child)>"
                result += pair.0.differences(from: pair.1, at: place)
            }
        }
        return result
    }

    private var significantText: String {
        let isBlank = text.unicodeScalars.allSatisfy { " \t\r\n".unicodeScalars.contains($0) }
        return isBlank && !children.isEmpty ? "" : text
    }
}

private struct XMLTreeParser {
    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ source: String) {
        scalars = Array(source.unicodeScalars)
    }

    mutating func parseDocument() throws -> XMLTree {
        try skipMisc()
        guard peek("<") else { throw failure("no root element") }
        let root = try parseElement()
        try skipMisc()
        guard index == scalars.count else { throw failure("text after the root element") }
        return root
    }

    private func failure(_ message: String) -> XMLTree.ParseError {
        XMLTree.ParseError(description: "\(message), at character \(index)")
    }

    private func peek(_ text: String) -> Bool {
        scalars[index...].starts(with: text.unicodeScalars)
    }

    private mutating func take(_ text: String) -> Bool {
        guard peek(text) else { return false }
        index += text.unicodeScalars.count
        return true
    }

    private mutating func skipSpace() {
        while index < scalars.count, " \t\r\n\u{FEFF}".unicodeScalars.contains(scalars[index]) { index += 1 }
    }

    private mutating func until(_ end: String) throws -> String {
        let start = index
        while index < scalars.count {
            if peek(end) {
                defer { index += end.unicodeScalars.count }
                return string(scalars[start..<index])
            }
            index += 1
        }
        throw failure("'\(end)' is missing")
    }

    private func string(_ slice: ArraySlice<Unicode.Scalar>) -> String {
        var result = String.UnicodeScalarView()
        result.append(contentsOf: slice)
        return String(result)
    }

    private mutating func skipMisc() throws {
        while true {
            skipSpace()
            if take("<?") {
                _ = try until("?>")
            } else if take("<!--") {
                _ = try until("-->")
            } else {
                return
            }
        }
    }

    private mutating func parseName() throws -> String {
        let start = index
        while index < scalars.count, !" \t\r\n/>=<\"'&".unicodeScalars.contains(scalars[index]) { index += 1 }
        guard index > start else { throw failure("a name is missing") }
        return string(scalars[start..<index])
    }

    private mutating func parseElement() throws -> XMLTree {
        index += 1
        var element = XMLTree()
        element.name = try parseName()
        while true {
            skipSpace()
            if take("/>") { return element }
            if take(">") { break }
            let name = try parseName()
            skipSpace()
            guard take("=") else { throw failure("'=' is missing") }
            skipSpace()
            let quote = take("\"") ? "\"" : "'"
            if quote == "'" { guard take("'") else { throw failure("a quote is missing") } }
            guard element.attributes.updateValue(try resolve(try until(quote)), forKey: name) == nil else {
                throw failure("attribute '\(name)' is there twice")
            }
        }
        while index < scalars.count {
            if take("</") {
                let name = try parseName()
                skipSpace()
                guard name == element.name, take(">") else { throw failure("</\(element.name)> is missing") }
                return element
            } else if take("<!--") {
                _ = try until("-->")
            } else if take("<![CDATA[") {
                element.text += try until("]]>")
            } else if take("<?") {
                _ = try until("?>")
            } else if peek("<") {
                element.children.append(try parseElement())
            } else {
                let start = index
                while index < scalars.count, scalars[index] != "<" { index += 1 }
                element.text += try resolve(string(scalars[start..<index]))
            }
        }
        throw failure("</\(element.name)> is missing")
    }

    private func resolve(_ text: String) throws -> String {
        guard text.contains("&") else { return text }
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "&") {
            result += rest[..<start]
            guard let end = rest[start...].firstIndex(of: ";") else { throw failure("'&' without ';'") }
            let name = rest[rest.index(after: start)..<end]
            switch name {
            case "amp": result += "&"
            case "lt": result += "<"
            case "gt": result += ">"
            case "quot": result += "\""
            case "apos": result += "'"
            default:
                let code =
                    name.hasPrefix("#x")
                    ? UInt32(name.dropFirst(2), radix: 16)
                    : name.hasPrefix("#") ? UInt32(name.dropFirst()) : nil
                guard let scalar = code.flatMap(Unicode.Scalar.init) else {
                    throw failure("unknown entity '&\(name);'")
                }
                result.unicodeScalars.append(scalar)
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
