extension Operation {
    static let lifecycleOperations: [Operation] = [
        Operation("PutBucketLifecycle", .PUT, .bucket, "lifecycle", need: .owner) {
            try await $0.putBucketLifecycle($1)
        },
        Operation("GetBucketLifecycle", .GET, .bucket, "lifecycle", need: .owner) { try $0.getBucketLifecycle($1) },
        Operation("DeleteBucketLifecycle", .DELETE, .bucket, "lifecycle", need: .owner) {
            try await $0.deleteBucketLifecycle($1)
        },
    ]
}

/// Lifecycle rules: checked, kept and given back. They are not carried out.
extension Service {
    private static let lifecycleName = "lifecycle"

    func putBucketLifecycle(_ call: Call) async throws -> Response {
        let name = try call.bucket.name
        guard let document = try await call.document(root: "LifecycleConfiguration") else { throw Fault.malformedXML }
        let rules = document.all("Rule")
        guard (1...1000).contains(rules.count) else { throw Fault.malformedXML }
        var ids: Set<String> = []
        var stored: [XMLNode] = []
        for rule in rules {
            try check(rule)
            var id = rule.value("ID") ?? ""
            guard id.utf8.count <= 255 else { throw Fault.malformedXML }
            // The service names rules that came without one.
            if id.isEmpty { id = Hex.encode(UInt64.random(in: 0 ... .max)) + Hex.encode(UInt64.random(in: 0 ... .max)) }
            guard ids.insert(id).inserted else {
                throw Fault.invalidArgument("ID", id, "Rule ID must be unique.")
            }
            var copy = rule
            copy.children.removeAll { $0.name == "ID" }
            copy.children.insert(XMLNode(name: "ID", text: id), at: 0)
            stored.append(copy)
        }
        var writer = XMLWriter()
        writer.element("LifecycleConfiguration") { xml in
            for rule in stored { xml.copy(rule) }
        }
        let bytes = writer.bytes
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateBucket(name) { $0.documents[Self.lifecycleName] = bytes }
        }
        return Response()
    }

    private func check(_ rule: XMLNode) throws(Fault) {
        guard let status = rule.value("Status"), status == "Enabled" || status == "Disabled" else {
            throw .malformedXML
        }
        let actions = [
            "Expiration", "Transition", "AbortMultipartUpload", "NoncurrentVersionExpiration",
            "NoncurrentVersionTransition",
        ].flatMap { rule.all($0) }
        guard !actions.isEmpty else { throw .malformedXML }
        for action in actions {
            var hasTime = false
            for name in ["Days", "NoncurrentDays"] {
                guard let text = action.value(name) else { continue }
                guard let days = Int(text), days > 0 else { throw .malformedXML }
                hasTime = true
            }
            for name in ["CreatedBeforeDate", "Date", "ExpiredObjectDeleteMarker"] where action.value(name) != nil {
                hasTime = true
            }
            guard hasTime else { throw .malformedXML }
            if action.name.hasSuffix("Transition") {
                guard let storageClass = action.value("StorageClass"), StorageClass(rawValue: storageClass) != nil
                else {
                    throw .malformedXML
                }
            }
        }
        for tag in rule.all("Tag") {
            guard tag.value("Key")?.isEmpty == false, tag.child("Value") != nil else { throw .malformedXML }
        }
    }

    func getBucketLifecycle(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        guard let bytes = bucket.documents[Self.lifecycleName] else { throw Fault.noSuchLifecycle(bucket.name) }
        return Response(
            headers: [HeaderField(name: "Content-Type", value: "application/xml")], body: .bytes(bytes))
    }

    func deleteBucketLifecycle(_ call: Call) async throws -> Response {
        let name = try call.bucket.name
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateBucket(name) { $0.documents[Self.lifecycleName] = nil }
        }
        return Response(.noContent)
    }
}
