import SpecModel

extension Lowering {
    func shape(_ shape: Shape) -> TypeDeclaration {
        switch shape.kind {
        case .structure(let members): structure(shape, members)
        case .enumeration(let values): enumeration(shape, values)
        }
    }

    /// An open vocabulary: a structure over its raw text, which keeps values this version does not know.
    private func enumeration(_ shape: Shape, _ values: [EnumValue]) -> TypeDeclaration {
        let rawValue = Function(
            head: "public init", parameters: ["rawValue: String"], body: [.line("self.rawValue = rawValue")],
            isCompact: true)
        var items: [Item] = values.map { value in
            let raw = value.value.value
            let name = Naming.escaped(value.swiftName?.value ?? Naming.enumValue(raw) ?? raw)
            return .property(
                Property(
                    doc: value.doc.map { [$0] } ?? [],
                    declaration: "public static let \(name): Self = \(SwiftLiteral.string(raw))"))
        }
        items += [.property(Property(declaration: "public let rawValue: String")), .function(rawValue)]
        return TypeDeclaration(
            keyword: "public struct", name: names.type(shape.name.value), conformances: ["OpenStringEnum"],
            doc: [shape.doc], deprecated: shape.deprecated, items: items)
    }

    private func structure(_ shape: Shape, _ members: [Member]) -> TypeDeclaration {
        let isText = members.contains { if case .text? = $0.elementForm { true } else { false } }
        var conformances: [String] = []
        if shape.isUsedInOutput { conformances.append(isText ? "XMLDecodable" : "XMLStructure") }
        if shape.isUsedInInput { conformances.append("XMLEncodable") }
        var items = members.map { property($0, beginsEmpty: shape.isUsedInOutput) }
        if shape.isUsedInInput { items.append(memberwiseInit(members)) }
        if shape.isUsedInOutput {
            let access = shape.isUsedInInput ? "package" : "public"
            items += [
                .function(Function(head: "\(access) init", parameters: [], body: [])),
                .function(isText ? textDecoding(members) : decoding(members)),
            ]
        }
        if shape.isUsedInInput {
            items.append(
                .function(
                    Function(
                        head: "package func encode", parameters: ["into xml: inout XMLWriter"],
                        body: members.map(writing), isCompact: true)))
        }
        items += mirror(members)
        return TypeDeclaration(
            keyword: "public struct", name: names.type(shape.name.value),
            conformances: conformances + ["Sendable", "Hashable"] + reflectable(members), doc: [shape.doc],
            deprecated: shape.deprecated, items: items)
    }

    // MARK: Reading

    private func decoding(_ members: [Member]) -> Function {
        Function(
            head: "package mutating func read", parameters: ["_ element: XMLName", "from xml: inout XMLReader"],
            body: [elementSwitch(members)])
    }

    private func textDecoding(_ members: [Member]) -> Function {
        Function(
            head: "package init", parameters: ["from xml: inout XMLReader"],
            body: members.map { .line("\(reference($0, hidden: "xml")) = \(scalarReader($0, "xml"))") })
    }

    /// `switch element { case "Name": name = xml.readString() … }`
    func elementSwitch(_ members: [Member]) -> Statement {
        var cases: [Statement] = []
        for member in members {
            guard let form = member.elementForm, let name = form.firstName else { continue }
            cases.append(.switchCase(SwiftLiteral.string(name), reading(member, form)))
        }
        cases.append(.line("default: xml.skipElement()"))
        return .switching("element", cases: cases)
    }

    private func reading(_ member: Member, _ form: XMLForm) -> Statement {
        let target = reference(member, hidden: "element", "xml", "reply")
        switch (form, member.type) {
        case (.wrapped(_, let item), _):
            return .line("xml.readList(item: \(SwiftLiteral.string(item)), into: &\(target))")
        case (_, .list):
            return .line("xml.readItem(into: &\(target))")
        case (.path(let names), _):
            var read = "$0.\(reader(member.type, isURLEncoded: member.isURLEncoded))"
            for name in names.dropFirst().dropFirst().reversed() {
                read = "$0.readNested(\(SwiftLiteral.string(name))) { \(read) }"
            }
            let fallback = member.isRequired ? " ?? \(zero(member.type))" : ""
            return .line("\(target) = xml.readNested(\(SwiftLiteral.string(names[1]))) { \(read) }\(fallback)")
        case (_, .structure): return .line("\(target) = xml.read()")
        default: return .line("\(target) = \(scalarReader(member, "xml"))")
        }
    }

    func scalarReader(_ member: Member, _ xml: String) -> String {
        let fallback = member.isRequired ? " ?? \(zero(member.type))" : ""
        return "\(xml).\(reader(member.type, isURLEncoded: member.isURLEncoded))\(fallback)"
    }

    private func reader(_ type: MemberType, isURLEncoded: Bool) -> String {
        switch type {
        case .bool: "readBool()"
        case .int: "readInt()"
        case .int64: "readInt64()"
        case .double: "readDouble()"
        case .timestamp(let format): "readDate(\(format.swiftCase))"
        case .enumeration: "readEnum()"
        default: isURLEncoded ? "readURLDecodedString()" : "readString()"
        }
    }

    // MARK: Writing

    private func writing(_ member: Member) -> Statement {
        guard let form = member.elementForm else { return .line("") }
        let value = reference(member, hidden: "xml")
        var format = ""
        if case .timestamp(let timestamp) = member.type { format = ", \(timestamp.swiftCase)" }
        switch (form, member.type) {
        case (.text, .enumeration): return .line("xml.writeText(\(value)\(member.isRequired ? "" : "?").rawValue)")
        case (.text, _): return .line("xml.writeText(\(value))")
        case (.element(let name), _):
            return .call(head: "xml.write(", arguments: [SwiftLiteral.string(name), value + format])
        case (.flattened(let name), _):
            return .call(head: "xml.writeFlattened(", arguments: [SwiftLiteral.string(name), value])
        case (.wrapped(let name, let item), _):
            var arguments = [SwiftLiteral.string(name), "item: \(SwiftLiteral.string(item))", value]
            if member.isRequired { arguments.append("always: true") }
            return .call(head: "xml.writeList(", arguments: arguments)
        case (.path(let names), _):
            let around = names.dropLast()
            let inner = SwiftLiteral.string(names[names.count - 1])
            let body =
                around.map { Statement.line("xml.startElement(\(SwiftLiteral.string($0)))") }
                + [.line("xml.write(\(inner), \(value)\(format))")]
                + around.reversed().map { .line("xml.endElement(\(SwiftLiteral.string($0)))") }
            return member.isRequired
                ? .block(opening: "do {", body: body) : .block(opening: "if let \(value) {", body: body)
        }
    }
}
