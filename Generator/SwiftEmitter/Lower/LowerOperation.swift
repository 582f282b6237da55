import SpecModel

extension Lowering {
    // MARK: Client

    func clientMethods(_ operations: [Operation]) -> TypeDeclaration {
        var methods: [Item] = []
        for operation in operations {
            methods += [.blank, .function(method(operation))]
            if operation.presignable != nil { methods += [.blank, .function(presign(operation))] }
            if let pagination = operation.pagination { methods += [.blank, .function(pages(operation, pagination))] }
            for waiter in operation.waiters { methods += [.blank, .function(wait(operation, waiter))] }
        }
        return TypeDeclaration(keyword: "extension", name: service.client, items: Array(methods.dropFirst()))
    }

    private func method(_ operation: Operation) -> Function {
        // Most callers of a write have no use for its reply.
        let isDiscardable = operation.output.isEmpty || !["GET", "HEAD"].contains(operation.method.value)
        let link = operation.link.map { ["[\(operation.name.value)](\($0))"] } ?? []
        return Function(
            doc: [operation.doc] + link, deprecated: operation.deprecated,
            head: "\(isDiscardable ? "@discardableResult " : "")public func \(Naming.escaped(names.method(operation)))",
            parameters: ["_ request: \(names.request(operation))", "options: CallOptions = .init()"],
            suffix: "async throws -> \(names.result(operation))", body: [.line("try await execute(request, options)")],
            isCompact: true)
    }

    private func presign(_ operation: Operation) -> Function {
        let body = operation.input.first { if case .payload = $0.binding { true } else { false } }
        return Function(
            doc: [
                "A URL that performs ``\(names.method(operation))(_:options:)`` until it expires, for somebody without "
                    + "credentials."
            ] + (body.map { ["`\(names.member($0))` is not part of it: whoever uses the URL sends the body."] } ?? []),
            deprecated: operation.deprecated, head: "public func presign",
            parameters: [
                "_ request: \(names.request(operation))", "expires: PresignExpiry = .after(.seconds(900))",
                "options: CallOptions = .init()",
            ],
            suffix: "async throws -> PresignedRequest", body: [.line("try await presigned(request, expires, options)")],
            isCompact: true)
    }

    private func pages(_ operation: Operation, _ pagination: Pagination) -> Function {
        func member(_ name: Located<String>, _ members: [Member]) -> Member? {
            members.first { $0.key.value == name.value }
        }
        var body: [Statement] = []
        if let more = pagination.more.flatMap({ member($0, operation.output) }) {
            let condition = "page.\(names.member(more))" + (more.isRequired ? "" : " == true")
            body.append(.line("guard \(condition) else { return false }"))
        }
        let tokens = zip(pagination.inputTokens, pagination.outputTokens).compactMap { input, output in
            if let input = member(input, operation.input), let output = member(output, operation.output) {
                (input: names.member(input), output: names.member(output))
            } else {
                nil
            }
        }
        for token in tokens { body.append(.line("request.\(token.input) = page.\(token.output)")) }
        body.append(.line("return " + tokens.map { "request.\($0.input) != nil" }.prefix(1).joined()))
        let method = names.method(operation)
        return Function(
            doc: ["The pages of ``\(method)(_:options:)``, asked for one after the other."],
            deprecated: operation.deprecated, head: "public func \(method)Pages",
            parameters: ["_ request: \(names.request(operation))", "options: CallOptions = .init()"],
            suffix: "-> Paginator<\(names.result(operation))>",
            body: [.block(opening: "paginate(request, options) { request, page in", body: body)])
    }

    private func reference(to operation: Operation) -> String {
        "``\(service.client)/\(names.method(operation))(_:options:)``"
    }

    // MARK: Request

    func request(_ operation: Operation) -> TypeDeclaration {
        let members = operation.input
        let isHashable = !members.contains { $0.type == .stream }
        var items = members.map { property($0, beginsEmpty: false) }
        items.append(memberwiseInit(members))
        items.append(.statement(.call(head: "package static let operation = Operation(", arguments: facts(operation))))
        items.append(
            .function(
                Function(
                    head: "package func encode", parameters: ["into request: inout RequestBuilder"],
                    body: encoding(operation), isCompact: true)))
        items += mirror(members)
        return TypeDeclaration(
            keyword: "public struct", name: names.request(operation),
            conformances: ["OperationRequest", "Sendable"] + (isHashable ? ["Hashable"] : []) + reflectable(members),
            doc: ["The request of \(reference(to: operation))."], deprecated: operation.deprecated, items: items)
    }

    func reflectable(_ members: [Member]) -> [String] {
        members.contains(where: \.isSensitive) ? ["CustomReflectable"] : []
    }

    private func facts(_ operation: Operation) -> [String] {
        var facts = [
            "name: \(SwiftLiteral.string(operation.name.value))", "method: .\(operation.method.value.lowercased())",
        ]
        if !operation.uri.query.isEmpty { facts.append("query: \(SwiftLiteral.string(operation.uri.query))") }
        switch operation.checksum?.value {
        case .contentMD5: facts.append("checksum: .contentMD5")
        case .crc64: facts.append("checksum: .crc64")
        case .crc64Append: facts.append("checksum: .crc64Append")
        case nil: break
        }
        if operation.contentTypeFromKey != nil { facts.append("contentTypeFromKey: true") }
        if operation.output.contains(where: { $0.type == .stream }) { facts.append("streamsResponse: true") }
        return facts
    }

    private func encoding(_ operation: Operation) -> [Statement] {
        let members = operation.input
        return members.compactMap { member in
            let value = reference(member, hidden: "request")
            switch member.binding {
            case .label: return .line("request.set\(member.key.value == "key" ? "Key" : "Bucket")(\(value))")
            case .header(let name): return set("Header", name, member, value, of: operation)
            case .query(let name): return set("Query", name, member, value, of: operation)
            case .prefixHeaders(let prefix):
                return .call(head: "request.setPrefixHeaders(", arguments: [SwiftLiteral.string(prefix), value])
            case .payload(let root):
                switch member.type {
                case .stream: return .line("request.setBody(\(value))")
                case .string: return .line("request.setBody(text: \(value))")
                default: return .call(head: "request.setXML(", arguments: [SwiftLiteral.string(root), value])
                }
            // One header of up to three members, written where its key is.
            case .copySource(.key): return copySource(members)
            case .copySource, .payloadUnlessXML, .element: return nil
            }
        }
    }

    private func copySource(_ members: [Member]) -> Statement {
        func value(_ wanted: CopySourcePart) -> String {
            let member = members.first { if case .copySource(let part) = $0.binding { part == wanted } else { false } }
            return member.map { reference($0, hidden: "request") } ?? "nil"
        }
        let arguments = ["bucket: \(value(.bucket))", "key: \(value(.key))", "versionID: \(value(.versionId))"]
        return .call(head: "request.setCopySource(", arguments: arguments)
    }

    private func set(
        _ place: String, _ name: String, _ member: Member, _ value: String, of operation: Operation
    ) -> Statement {
        var arguments = [SwiftLiteral.string(name), value]
        if let defaultValue = member.defaultValue.map(literal) {
            arguments[1] +=
                " ?? " + (operation.presignable == nil ? defaultValue : "request.byDefault(\(defaultValue))")
        }
        if case .timestamp(let format) = member.type { arguments.append(format.swiftCase) }
        return .call(head: "request.set\(place)(", arguments: arguments)
    }

    private func literal(_ node: JSONNode) -> String {
        switch node.value {
        case .string(let text): SwiftLiteral.string(text)
        case .number(let text): text
        case .bool(let value): value ? "true" : "false"
        case .null, .array, .object: "nil"
        }
    }

    // MARK: Result

    func result(_ operation: Operation) -> TypeDeclaration {
        let members = operation.output
        let isHashable = !members.contains { $0.type == .stream }
        let initialiser = Function(
            head: "public init", parameters: ["response: ResponseMetadata = .init()"],
            body: [.line("self.response = response")], isCompact: true)
        var items: [Item] = [
            .property(Property(declaration: "public var response: ResponseMetadata")), .function(initialiser),
        ]
        items += members.map { member in
            switch member.binding {
            case .header, .prefixHeaders: headerProperty(member)
            default: property(member, beginsEmpty: true, isOutput: true)
            }
        }
        let decoding = decoding(operation)
        if !decoding.isEmpty {
            let initialiser = Function(
                head: "package init", parameters: ["from reply: inout ResponseReader"], body: decoding)
            items.append(.function(initialiser))
        }
        items += mirror(members)
        return TypeDeclaration(
            keyword: "public struct", name: names.result(operation),
            conformances: ["OperationResult", "OperationOutput"] + (isHashable ? ["Hashable"] : [])
                + reflectable(members),
            doc: ["The result of \(reference(to: operation))."], items: items)
    }

    /// Header fields stay in the response and are read when someone asks: a reply may have thirty of them.
    private func headerProperty(_ member: Member) -> Item {
        let name = Naming.escaped(names.member(member))
        var getter: String
        switch (member.binding, member.type) {
        case (.prefixHeaders(let prefix), _): getter = "response.prefixHeaders(\(SwiftLiteral.string(prefix)))"
        case (.header(let header), .timestamp(let format)):
            getter = "response.header(\(SwiftLiteral.string(header)), \(format.swiftCase))"
        case (.header(let header), _): getter = "response.header(\(SwiftLiteral.string(header)))"
        default: getter = "nil"
        }
        if member.isRequired, member.type != .map { getter += " ?? \(zero(member.type))" }
        return .property(
            Property(
                doc: [member.doc], deprecated: member.deprecated,
                declaration: "public var \(name): \(declaredType(member, isOutput: true))", getter: getter))
    }

    private func decoding(_ operation: Operation) -> [Statement] {
        var statements: [Statement] = []
        let elements = operation.output.filter { $0.elementForm != nil }
        let plain = operation.output.first { if case .payloadUnlessXML = $0.binding { true } else { false } }
        for member in operation.output {
            let target = reference(member, hidden: "reply")
            switch (member.binding, member.type) {
            case (.payload, .stream): statements.append(.line("\(target) = reply.takeBody()"))
            case (.payload, .string):
                statements.append(.line("\(target) = reply.text()\(member.isRequired ? " ?? \"\"" : "")"))
            case (.payload(let root), _):
                statements.append(
                    .line("reply.readXML(\(SwiftLiteral.string(root))) { \(target) = $0.read() }"))
            case (.payloadUnlessXML, _):
                statements.append(.line("\(target) = reply.textUnlessXML()\(member.isRequired ? " ?? \"\"" : "")"))
            default: break
            }
        }
        if let root = operation.outputXMLName, !elements.isEmpty {
            var arguments = [SwiftLiteral.string(root.value)]
            if elements.contains(where: hasURLEncoded) { arguments.append("urlEncoded: true") }
            if plain != nil { arguments.append("allowsOtherFormats: true") }
            let call = "reply.readXML(\(arguments.joined(separator: ", ")))"
            if elements.count == 1, case .text? = elements[0].elementForm {
                let target = reference(elements[0], hidden: "reply")
                statements.append(.line("\(call) { \(target) = \(scalarReader(elements[0], "$0")) }"))
            } else {
                let loop = elementSwitch(elements)
                statements.append(.block(opening: "\(call) { element, xml in", body: [loop]))
            }
        }
        return statements.isEmpty ? [] : [.line("self.init(response: reply.metadata)")] + statements
    }

    /// Whether anything below the member is to be percent-decoded.
    private func hasURLEncoded(_ member: Member) -> Bool {
        var visited: Set<String> = []
        func reaches(_ member: Member) -> Bool {
            if member.isURLEncoded { return true }
            switch member.type {
            case .structure(let name), .list(.structure(let name)):
                guard visited.insert(name).inserted, let shape = service.shapes[name] else { return false }
                return shape.members.contains(where: reaches)
            default: return false
            }
        }
        return reaches(member)
    }
}
