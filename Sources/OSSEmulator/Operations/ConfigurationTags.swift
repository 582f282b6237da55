extension Operation {
    static let bucketTagOperations: [Operation] = [
        Operation("PutBucketTags", .PUT, .bucket, "tagging", need: .owner) { try await $0.putBucketTags($1) },
        Operation("GetBucketTags", .GET, .bucket, "tagging", need: .owner) { try $0.getBucketTags($1) },
        Operation("DeleteBucketTags", .DELETE, .bucket, "tagging", need: .owner) { try await $0.deleteBucketTags($1) },
        Operation("PutBucketResourceGroup", .PUT, .bucket, "resourceGroup", need: .owner) {
            try await $0.putBucketResourceGroup($1)
        },
        Operation("GetBucketResourceGroup", .GET, .bucket, "resourceGroup", need: .owner) {
            try $0.getBucketResourceGroup($1)
        },
    ]
}

/// What buckets are sorted by: tags and resource groups.
extension Service {
    private static let tags = Schema.of(
        .one("TagSet", .of(.many("Tag", 0...20, .of(.one("Key", .text(1...512)), .optional("Value", .text(0...1024))))))
    )

    func putBucketTags(_ call: Call) async throws -> Response {
        let name = try call.bucket.name
        let document = try await call.document(root: "Tagging", Self.tags)
        var keys: Set<String> = []
        for key in document.bucketTags.map(\.key) where !keys.insert(key).inserted {
            throw Fault.invalidArgument("Key", key, "A tag's key is there twice.")
        }
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateBucket(name) { $0.documents["tagging"] = document.bytes }
        }
        return Response()
    }

    func getBucketTags(_ call: Call) throws -> Response {
        Response(document: try call.bucket.tags.document)
    }

    /// All of them, or those of the keys that the parameter lists.
    func deleteBucketTags(_ call: Call) async throws -> Response {
        let name = try call.bucket.name
        let keys = call.query.nonEmpty("tagging").map { Set($0.split(separator: ",").map(String.init)) }
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateBucket(name) { bucket in
                let left = keys.map { keys in bucket.tags.filter { !keys.contains($0.key) } } ?? []
                bucket.documents["tagging"] = left.isEmpty ? nil : left.document.bytes
            }
        }
        return Response(.noContent)
    }

    // MARK: Resource groups

    func putBucketResourceGroup(_ call: Call) async throws -> Response {
        let name = try call.bucket.name
        let document = try await call.document(
            root: "BucketResourceGroupConfiguration", .of(.one("ResourceGroupId", .text(0...128))))
        let wanted = document.value("ResourceGroupId") ?? ""
        let group = wanted.isEmpty ? Self.defaultResourceGroup : wanted
        try await catalogue.changeAlone { catalogue in
            // Groups are made elsewhere; those that some bucket is in are known to be there.
            let isKnown =
                group == Self.defaultResourceGroup
                || catalogue.read { $0.buckets.values.contains { $0.record.resourceGroupID == group } }
            guard isKnown else { throw Fault.unknownResourceGroup }
            try catalogue.updateBucket(name) { $0.resourceGroupID = group }
        }
        return Response()
    }

    func getBucketResourceGroup(_ call: Call) throws -> Response {
        let group = try call.bucket.resourceGroupID
        return Response(root: "BucketResourceGroupConfiguration") { $0.element("ResourceGroupId", group) }
    }
}

extension [Tag] {
    fileprivate var document: XMLNode {
        XMLNode(
            "Tagging",
            [XMLNode("TagSet", map { XMLNode("Tag", [XMLNode("Key", $0.key), XMLNode("Value", $0.value)]) })])
    }
}

extension XMLNode {
    fileprivate var bucketTags: [Tag] {
        (child("TagSet")?.all("Tag") ?? []).map { tag in
            Tag(key: tag.child("Key")?.text ?? "", value: tag.child("Value")?.text ?? "")
        }
    }
}

extension BucketRecord {
    var tags: [Tag] { document("tagging")?.bucketTags ?? [] }
}

/// What ListBuckets may ask of a bucket's tags: `tag-key` with or without `tag-value`, or `tagging="k":"v","l":"w"`.
struct TagFilter: Sendable {
    private var wanted: [(key: String, value: String?)] = []

    init(_ query: Query) throws(Fault) {
        if let key = query.nonEmpty("tag-key") { wanted.append((key, query.nonEmpty("tag-value"))) }
        guard let text = query.nonEmpty("tagging") else { return }
        let pieces = text.split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
        // Quotes stand before, between and after: a list of pairs has four for each.
        guard pieces.count % 4 == 1, pieces.count > 1 else { throw Self.malformed(text) }
        for start in stride(from: 0, to: pieces.count - 1, by: 4) {
            let between = pieces[start].trimmingBlanks
            guard between == (start == 0 ? "" : ","), pieces[start + 2].trimmingBlanks == ":" else {
                throw Self.malformed(text)
            }
            wanted.append((pieces[start + 1], pieces[start + 3]))
        }
        guard pieces[pieces.count - 1].trimmingBlanks.isEmpty else { throw Self.malformed(text) }
    }

    private static func malformed(_ text: String) -> Fault {
        .invalidArgument("tagging", text, "The tagging must be written as \"key1\":\"value1\",\"key2\":\"value2\".")
    }

    func fits(_ bucket: BucketRecord) -> Bool {
        guard !wanted.isEmpty else { return true }
        let tags = bucket.tags
        return wanted.allSatisfy { key, value in
            tags.contains { $0.key == key && (value == nil || $0.value == value) }
        }
    }
}

extension Fault {
    fileprivate static let unknownResourceGroup = Fault(
        .badRequest, "ResourceGroupIdPreCheckError", "The resource group id precheck error", ec: "0039-00000003")
}
