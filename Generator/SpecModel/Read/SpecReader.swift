/// Turns the JSON of spec files into ``ServiceSyntax`` and ``FeatureSyntax``: kinds of values and unknown keys are
/// checked here, meaning is not.
struct SpecReader {
    var diagnostics = Diagnostics()

    mutating func readService(_ file: SourceFile) -> ServiceSyntax? {
        guard let node = JSONParser.parse(file, into: &diagnostics),
            var reader = ObjectReader(node, "a service", &diagnostics)
        else { return nil }
        _ = reader.node("$schema")
        let service = reader.text("service", &diagnostics)
        let client = reader.text("client", &diagnostics)
        let module = reader.text("module", &diagnostics)
        _ = reader.text("doc", &diagnostics)
        let shapes = readShapes(&reader)
        reader.finish(&diagnostics)
        require(service, "service", "a service", at: reader.location)
        require(client, "client", "a service", at: reader.location)
        require(module, "module", "a service", at: reader.location)
        guard let service, let client, let module else { return nil }
        return ServiceSyntax(file: file, service: service, client: client, module: module, shapes: shapes)
    }

    mutating func readFeature(_ file: SourceFile) -> FeatureSyntax? {
        guard let node = JSONParser.parse(file, into: &diagnostics),
            var reader = ObjectReader(node, "a feature", &diagnostics)
        else { return nil }
        _ = reader.node("$schema")
        let feature = reader.text("feature", &diagnostics)
        let operations = reader.map("operations", &diagnostics).compactMap { readOperation($0) }
        let shapes = readShapes(&reader)
        reader.finish(&diagnostics)
        require(feature, "feature", "a feature", at: reader.location)
        let name = feature ?? Located(file.stem, at: reader.location)
        return FeatureSyntax(file: file, feature: name, operations: operations, shapes: shapes)
    }

    private mutating func require(_ value: Located<String>?, _ key: String, _ what: String, at place: SourceLocation) {
        // One that was there with a wrong value has been reported already.
        let reported = diagnostics.all.contains { $0.message.hasPrefix("'\(key)'") && $0.location.file === place.file }
        if value == nil, !reported { diagnostics.error("\(what) needs '\(key)'", at: place) }
    }

    private mutating func readShapes(_ reader: inout ObjectReader) -> [ShapeSyntax] {
        reader.map("shapes", &diagnostics).compactMap { readShape($0) }
    }

    private mutating func readOperation(_ member: JSONMember) -> OperationSyntax? {
        guard var reader = ObjectReader(member.value, "an operation", &diagnostics) else { return nil }
        let doc = reader.text("doc", &diagnostics)
        let link = reader.text("link", &diagnostics)
        var method: Located<String>?
        var uri: Located<String>?
        if let node = reader.node("http") {
            if var http = ObjectReader(node, "'http'", &diagnostics) {
                method = http.text("method", &diagnostics)
                uri = http.text("uri", &diagnostics)
                http.finish(&diagnostics)
                if http.node("method") == nil { diagnostics.error("'http' needs 'method'", at: http.location) }
                if http.node("uri") == nil { diagnostics.error("'http' needs 'uri'", at: http.location) }
            }
        } else {
            diagnostics.error("operation '\(member.key)' needs 'http'", at: member.keyLocation)
        }
        let operation = OperationSyntax(
            name: Located(member.key, at: member.keyLocation), doc: doc, link: link, method: method, uri: uri,
            input: reader.map("input", &diagnostics).compactMap { readMember($0) },
            output: reader.map("output", &diagnostics).compactMap { readMember($0) },
            outputXMLName: reader.text("outputXmlName", &diagnostics),
            checksum: reader.text("httpChecksum", &diagnostics),
            contentTypeFromKey: reader.flag("contentTypeFromKey", &diagnostics),
            presignable: reader.flag("presignable", &diagnostics),
            pagination: readPagination(&reader),
            waiters: reader.map("waiters", &diagnostics).compactMap { readWaiter($0) },
            deprecated: reader.text("deprecated", &diagnostics))
        reader.finish(&diagnostics)
        return operation
    }

    private mutating func readPagination(_ operation: inout ObjectReader) -> PaginationSyntax? {
        guard let node = operation.node("paginated"), var reader = ObjectReader(node, "'paginated'", &diagnostics)
        else { return nil }
        let pagination = PaginationSyntax(
            location: reader.location, inputTokens: reader.strings("inputTokens", &diagnostics),
            outputTokens: reader.strings("outputTokens", &diagnostics), more: reader.text("more", &diagnostics),
            pageSize: reader.text("pageSize", &diagnostics), items: reader.strings("items", &diagnostics))
        reader.finish(&diagnostics)
        return pagination
    }

    private mutating func readWaiter(_ member: JSONMember) -> WaiterSyntax? {
        guard var reader = ObjectReader(member.value, "a waiter", &diagnostics) else { return nil }
        let waiter = WaiterSyntax(
            name: Located(member.key, at: member.keyLocation), doc: reader.text("doc", &diagnostics),
            minDelay: reader.integer("minDelay", &diagnostics), maxDelay: reader.integer("maxDelay", &diagnostics),
            acceptors: reader.array("acceptors", &diagnostics).compactMap { readAcceptor($0) })
        reader.finish(&diagnostics)
        return waiter
    }

    private mutating func readAcceptor(_ node: JSONNode) -> AcceptorSyntax? {
        guard var reader = ObjectReader(node, "an acceptor", &diagnostics) else { return nil }
        let acceptor = AcceptorSyntax(
            location: reader.location, state: reader.text("state", &diagnostics),
            success: reader.flag("success", &diagnostics), errorCode: reader.text("errorCode", &diagnostics),
            status: reader.integer("status", &diagnostics), output: reader.text("output", &diagnostics),
            contains: reader.text("contains", &diagnostics), message: reader.text("message", &diagnostics))
        if reader.node("state") == nil { diagnostics.error("an acceptor needs 'state'", at: reader.location) }
        reader.finish(&diagnostics)
        return acceptor
    }

    private mutating func readShape(_ member: JSONMember) -> ShapeSyntax? {
        guard var reader = ObjectReader(member.value, "a shape", &diagnostics) else { return nil }
        var shape = ShapeSyntax(
            name: Located(member.key, at: member.keyLocation), doc: reader.text("doc", &diagnostics),
            swiftName: reader.text("swiftName", &diagnostics), deprecated: reader.text("deprecated", &diagnostics))
        if reader.node("members") != nil {
            shape.members = reader.map("members", &diagnostics).compactMap { readMember($0) }
        }
        if let node = reader.node("enum") { shape.values = readEnumValues(node) }
        reader.finish(&diagnostics)
        return shape
    }

    private mutating func readEnumValues(_ node: JSONNode) -> [EnumValueSyntax] {
        guard let items = node.array else {
            diagnostics.error("'enum' must be an array, not \(node.kind)", at: node.location)
            return []
        }
        return items.compactMap { item in
            if let text = item.string { return EnumValueSyntax(value: Located(text, at: item.location)) }
            guard var reader = ObjectReader(item, "a value of an enumeration", &diagnostics) else { return nil }
            let value = reader.string("value", &diagnostics)
            let swiftName = reader.text("swiftName", &diagnostics)
            let doc = reader.text("doc", &diagnostics)
            reader.finish(&diagnostics)
            guard let value else {
                if reader.node("value") == nil {
                    diagnostics.error("a value of an enumeration needs 'value'", at: reader.location)
                }
                return nil
            }
            return EnumValueSyntax(value: value, swiftName: swiftName, doc: doc)
        }
    }

    private mutating func readMember(_ member: JSONMember) -> MemberSyntax? {
        guard var reader = ObjectReader(member.value, "a member", &diagnostics) else { return nil }
        let result = MemberSyntax(
            key: Located(member.key, at: member.keyLocation),
            type: reader.text("type", &diagnostics),
            doc: reader.text("doc", &diagnostics),
            label: reader.flag("label", &diagnostics),
            header: reader.text("header", &diagnostics),
            query: reader.text("query", &diagnostics),
            prefixHeaders: reader.text("prefixHeaders", &diagnostics),
            payload: reader.flag("payload", &diagnostics),
            payloadUnlessXML: reader.flag("payloadUnlessXml", &diagnostics),
            copySource: reader.text("copySource", &diagnostics),
            xmlName: reader.text("xmlName", &diagnostics),
            xmlItemName: reader.text("xmlItemName", &diagnostics),
            xmlPath: reader.text("xmlPath", &diagnostics),
            xmlFlattened: reader.flag("xmlFlattened", &diagnostics),
            xmlText: reader.flag("xmlText", &diagnostics),
            xmlAttribute: reader.flag("xmlAttribute", &diagnostics),
            urlEncoded: reader.flag("urlEncoded", &diagnostics),
            required: reader.flag("required", &diagnostics),
            sensitive: reader.flag("sensitive", &diagnostics),
            defaultValue: reader.node("default"),
            timestampFormat: reader.text("timestampFormat", &diagnostics),
            swiftName: reader.text("swiftName", &diagnostics),
            deprecated: reader.text("deprecated", &diagnostics))
        if reader.node("type") == nil {
            diagnostics.error("member '\(member.key)' needs 'type'", at: member.keyLocation)
        }
        reader.finish(&diagnostics)
        return result
    }
}
