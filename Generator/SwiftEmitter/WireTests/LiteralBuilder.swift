import SpecModel

/// Writes the values of wire cases as Swift expressions. What does not fit into a line gets a constant of its own.
struct LiteralBuilder {
    let names: Names
    let module: String
    private var statements: [Statement] = []
    private var taken: Set<String> = ["wire", "request"]

    /// What is left of a line for a value: less the indentation, the argument's name, and what follows it.
    private static func room(_ name: String) -> Int { SwiftPrinter.lineLength - 16 - name.unicodeScalars.count }

    init(names: Names, module: String) {
        self.names = names
        self.module = module
    }

    /// `let request = …`, after the constants it needs.
    mutating func request(_ type: String, _ members: [WireMember]) -> [Statement] {
        let arguments = arguments(members)
        return statements + [.call(head: "let request = \(type)(", arguments: arguments)]
    }

    private mutating func arguments(_ members: [WireMember]) -> [String] {
        members.map { member in
            let name = names.member(member.member)
            return "\(name): \(expression(member.value, member.member.type, name: name))"
        }
    }

    private mutating func expression(_ value: WireValue, _ type: MemberType, name: String) -> String {
        switch value {
        case .string(let text), .enumeration(let text): return string(text, type, name: name)
        case .bool(let value): return value ? "true" : "false"
        case .number(let text): return Self.grouped(text)
        case .timestamp(let milliseconds): return "instant(milliseconds: \(Self.grouped(String(milliseconds))))"
        case .blob(let base64):
            let bytes = "base64(\(SwiftLiteral.string(base64)))"
            return hoisted(type == .stream ? ".bytes(\(bytes))" : bytes, type, name: name)
        case .text(let text): return hoisted(".string(\(SwiftLiteral.string(text)))", type, name: name)
        case .list(let values):
            guard case .list(let element) = type else { return "[]" }
            let items = values.map { expression($0, element, name: name + "Item") }
            let oneLine = "[\(items.joined(separator: ", "))]"
            if oneLine.unicodeScalars.count <= Self.room(name) { return oneLine }
            let variable = WireTestLowering.unique(Naming.escaped(name) == name ? name : name + "Value", &taken)
            let lines = ["let \(variable): \(names.type(type)) = ["] + items.map { "    \($0)," }
            statements.append(.verbatim(lines, close: "\n]"))
            return variable
        case .map(let pairs):
            let items = pairs.map { "\(SwiftLiteral.string($0.0)): \(SwiftLiteral.string($0.1))" }
            let oneLine = items.isEmpty ? "[:]" : "[\(items.joined(separator: ", "))]"
            if oneLine.unicodeScalars.count <= Self.room(name) { return oneLine }
            let variable = WireTestLowering.unique(Naming.escaped(name) == name ? name : name + "Value", &taken)
            let lines = ["let \(variable): [String: String] = ["] + items.map { "    \($0)," }
            statements.append(.verbatim(lines, close: "\n]"))
            return variable
        case .structure(let shape, let members):
            let arguments = arguments(members)
            let head = "\(names.type(shape))("
            let oneLine = "\(head)\(arguments.joined(separator: ", ")))"
            if oneLine.unicodeScalars.count <= Self.room(name) { return oneLine }
            let variable = WireTestLowering.unique(Naming.escaped(name) == name ? name : name + "Value", &taken)
            statements.append(.call(head: "let \(variable) = \(head)", arguments: arguments))
            return variable
        }
    }

    private mutating func string(_ text: String, _ type: MemberType, name: String) -> String {
        hoisted(SwiftLiteral.string(text), type, name: name)
    }

    private mutating func hoisted(_ literal: String, _ type: MemberType, name: String) -> String {
        if literal.unicodeScalars.count <= Self.room(name) { return literal }
        let variable = WireTestLowering.unique(Naming.escaped(name) == name ? name : name + "Value", &taken)
        // A literal longer than a line cannot be broken by a formatter; its own line is the best place for it.
        statements.append(
            .verbatim(["// swift-format-ignore", "let \(variable): \(names.type(type)) = \(literal)"], close: ""))
        return variable
    }

    /// Digits in groups of three from seven digits on, as the formatter writes them.
    static func grouped(_ number: String) -> String {
        let isNegative = number.hasPrefix("-")
        let digits = isNegative ? String(number.dropFirst()) : number
        guard digits.count > 6, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return number }
        var groups: [Substring] = []
        var rest = digits[...]
        while !rest.isEmpty {
            groups.insert(rest.suffix(3), at: 0)
            rest = rest.dropLast(3)
        }
        return (isNegative ? "-" : "") + groups.joined(separator: "_")
    }
}
