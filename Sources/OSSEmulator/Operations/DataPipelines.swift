extension Operation {
    static let dataPipelineOperations: [Operation] = [
        Operation("DoDataPipelineAction", .POST, .service, "dataPipeline&action", need: .account) {
            try await $0.doDataPipelineAction($1)
        },
        Operation("DoMetaQueryAction", .POST, .bucket, "metaQuery&action", need: .owner) { _, _ in
            throw Fault.metaQueryActionNotSupported
        },
        // One of the service's clients writes it so; the service doesn't know it.
        Operation("DoMetaQueryAction", .POST, .bucket, "MetaQuery&action", need: .owner) { _, _ in
            throw Fault.methodNotAllowed.detail("Method", "POST")
        },
    ]
}

/// Pipelines from buckets into vector indexes: their configurations are kept per account. None runs.
extension Service {
    private static let pipelineKind = "dataPipeline"
    private static let pipelineLimit = 1000

    func doDataPipelineAction(_ call: Call) async throws -> Response {
        let account = try call.account
        let action = call.query.value("action") ?? ""
        let key = "\(Self.pipelineKind)/\(call.query.nonEmpty("dataPipelineName") ?? "")"
        func pipeline() throws -> XMLNode {
            guard let node = catalogue.account(account).document(key) else { throw Fault.noSuchDataPipeline }
            return node
        }
        switch action {
        case "listDataPipelineConfigurations":
            return try listDataPipelines(call, account)
        case "getDataPipelineConfiguration":
            return Response(document: try pipeline())
        case "putDataPipelineConfiguration":
            return try await putDataPipeline(call, account)
        case "deleteDataPipelineConfiguration":
            try await changePipeline(account, key) { _ in nil }
            return Response(.noContent)
        case "pauseDataPipeline", "restartDataPipeline":
            let status = action == "pauseDataPipeline" ? "Paused" : "Running"
            try await changePipeline(account, key) { node in
                var node = node
                node.set(XMLNode("Status", status))
                return node
            }
            return Response()
        default:
            throw Fault.invalidArgument("action", action, "The action is not one of data pipelines.")
        }
    }

    private func changePipeline(
        _ account: String, _ key: String, _ body: @escaping @Sendable (XMLNode) -> XMLNode?
    ) async throws {
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateAccount(account) { record in
                guard let node = record.document(key) else { throw Fault.noSuchDataPipeline }
                record.documents[key] = body(node)?.bytes
            }
        }
    }

    private func putDataPipeline(_ call: Call, _ account: String) async throws -> Response {
        // The name is looked at before the body.
        guard let name = call.query.nonEmpty("dataPipelineName") else { throw Fault.noSuchDataPipeline }
        let role = call.query.nonEmpty("role")
        var document = try await call.document(
            root: "DataPipelineConfiguration",
            .of(
                .optional("DataPipelineDescription"), .many("Sources", 1...100, .of(.one("InputBucket"))),
                .optional("DataPipelineEmbeddingConfiguration", .of(.optional("EmbeddingProvider"))),
                .one("Destination", .of(.optional("VectorBucketName")))))
        document.set(XMLNode("DataPipelineName", name))
        if let role { document.set(XMLNode("DataPipelineRole", role)) }
        let new = document
        let now = call.request.received.iso8601
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateAccount(account) { record in
                let key = "\(Self.pipelineKind)/\(name)"
                let old = record.document(key)
                let count = record.documents.keys.count { $0.hasPrefix(Self.pipelineKind + "/") }
                guard old != nil || count < Self.pipelineLimit else { throw Fault.tooManyDataPipelines }
                var document = new
                document.set(XMLNode("Status", old?.value("Status") ?? "Running"))
                document.set(XMLNode("Phase", "IncrementalScanning"))
                document.set(XMLNode("CreateTime", old?.value("CreateTime") ?? now))
                record.documents[key] = document.bytes
            }
        }
        return Response()
    }

    private func listDataPipelines(_ call: Call, _ account: String) throws -> Response {
        let limit = try call.number("maxResults", default: 100, in: 1...1000)
        let prefix = call.query.nonEmpty("prefix") ?? ""
        let input = call.query.nonEmpty("inputBucket")
        let record = catalogue.account(account)
        let start = Self.pipelineKind + "/"
        let all = record.documents.keys.filter { $0.hasPrefix(start + prefix) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .compactMap { key in record.document(key).map { (name: String(key.dropFirst(start.count)), node: $0) } }
            .filter { item in
                input == nil || item.node.all("Sources").contains { $0.value("InputBucket") == input }
            }
        let page = Page(all, after: call.query.nonEmpty("nextToken"), limit: limit) { $0.name }
        return Response(root: "ListDataPipelineConfigurationsResult") { xml in
            xml.element("DataPipelineConfigurations") { xml in
                for item in page.items { xml.copy(item.node) }
            }
            xml.element("NextToken", page.next ?? "")
        }
    }
}

extension AccountRecord {
    func document(_ key: String) -> XMLNode? {
        documents[key].flatMap { try? XMLReader.read($0) }
    }
}

extension Fault {
    fileprivate static let noSuchDataPipeline = Fault(
        .notFound, "NoSuchDataPipeline", "The specified resource dataPipeline is not found.")

    fileprivate static let tooManyDataPipelines = Fault(
        .badRequest, "TooManyDataPipelines", "The number of data pipelines of the account exceeds the limit.")

    fileprivate static let metaQueryActionNotSupported = Fault(
        .badRequest, "OperationNotSupported", "The operation is not supported for this resource", ec: "0037-00000001")
}
