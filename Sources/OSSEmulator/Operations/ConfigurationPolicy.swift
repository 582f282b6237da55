extension Operation {
    static let policyOperations: [Operation] = [
        Operation("PutBucketPolicy", .PUT, .bucket, "policy", need: .owner) { try await $0.putBucketPolicy($1) },
        Operation("GetBucketPolicy", .GET, .bucket, "policy", need: .owner) { try $0.getBucketPolicy($1) },
        Operation("DeleteBucketPolicy", .DELETE, .bucket, "policy", need: .owner) {
            try await $0.deleteDocument("policy", $1)
        },
        Operation("GetBucketPolicyStatus", .GET, .bucket, "policyStatus", need: .owner) {
            try $0.getBucketPolicyStatus($1)
        },
        Operation("PutPublicAccessBlock", .PUT, .service, "publicAccessBlock", need: .account) {
            try await $0.putPublicAccessBlock($1)
        },
        Operation("GetPublicAccessBlock", .GET, .service, "publicAccessBlock", need: .account) {
            try $0.getPublicAccessBlock($1)
        },
        Operation("DeletePublicAccessBlock", .DELETE, .service, "publicAccessBlock", need: .account) {
            try await $0.deletePublicAccessBlock($1)
        },
    ]
}

/// Who may do what with a bucket, beyond its ACL.
extension Service {
    /// A policy's bytes are given back as they came.
    func putBucketPolicy(_ call: Call) async throws -> Response {
        let (bytes, policy) = try await readPolicy(call)
        try checkPublicPolicy(policy, try call.bucket)
        try await changeBucket(call) { $0.documents["policy"] = bytes }
        return Response()
    }

    func readPolicy(_ call: Call) async throws -> (bytes: [UInt8], policy: BucketPolicy) {
        let bytes = try await call.body.collect(upTo: Self.maximumPolicy)
        try ContentMD5(call.request)?.check(ContentMD5.digest(of: bytes))
        return (bytes, try BucketPolicy(bytes))
    }

    private static let maximumPolicy = 64 << 10

    func getBucketPolicy(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        guard let bytes = bucket.documents["policy"] else {
            throw Fault.noSuchBucketPolicy.detail("BucketName", bucket.name)
        }
        return Response(policy: bytes)
    }

    func getBucketPolicyStatus(_ call: Call) throws -> Response {
        let isPublic = try (try call.bucket.documents["policy"]).map { try BucketPolicy($0).isPublic } ?? false
        return Response(root: "PolicyStatus") { $0.element("IsPublic", isPublic) }
    }

    // MARK: Blocking public access

    private static let blockName = Configuration.publicAccessBlock.subresource

    func putPublicAccessBlock(_ call: Call) async throws -> Response {
        let account = try call.account
        let configuration = Configuration.publicAccessBlock
        let bytes = try await call.document(root: configuration.root, configuration.schema).bytes
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateAccount(account) { $0.documents[Self.blockName] = bytes }
        }
        return Response()
    }

    func getPublicAccessBlock(_ call: Call) throws -> Response {
        let isBlocked = catalogue.account(try call.account).blocksPublicAccess
        return Response(root: Configuration.publicAccessBlock.root) { $0.element("BlockPublicAccess", isBlocked) }
    }

    func deletePublicAccessBlock(_ call: Call) async throws -> Response {
        let account = try call.account
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateAccount(account) { $0.documents[Self.blockName] = nil }
        }
        return Response(.noContent)
    }
}

extension BucketRecord {
    var blocksPublicAccess: Bool {
        document("publicAccessBlock")?.value("BlockPublicAccess") == "true"
    }

    mutating func blockPublicAccess() {
        let configuration = Configuration.publicAccessBlock
        documents[configuration.subresource] =
            XMLNode(configuration.root, [XMLNode("BlockPublicAccess", "true")]).bytes
    }
}

extension AccountRecord {
    var blocksPublicAccess: Bool {
        document("publicAccessBlock")?.value("BlockPublicAccess") == "true"
    }
}

extension Call {
    /// The account of a signed request.
    var account: String {
        get throws(Fault) {
            guard case .account(let account) = identity else { throw .anonymousDenied }
            return account
        }
    }
}

extension Response {
    init(policy bytes: [UInt8]) {
        self.init(headers: [HeaderField(name: "Content-Type", value: "application/json")], body: .bytes(bytes))
    }
}

extension Fault {
    static let noSuchBucketPolicy = Fault(.notFound, "NoSuchBucketPolicy", "The bucket policy does not exist.")
}
