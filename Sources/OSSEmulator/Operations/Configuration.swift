import NIOHTTP1

/// A configuration of a bucket: its body is checked, kept under its sub-resource, and given back.
///
/// Most of the service's configurations are no more than this, so they are rows of ``all``; what else one of them does
/// is in a file of its own.
struct Configuration: Sendable {
    /// What GET answers while nothing was put.
    enum Unset: Sendable {
        case fault(Fault)
        /// A document with these elements.
        case document([XMLNode])
    }

    /// Where a configuration is put.
    struct Place: Sendable {
        let bucket: BucketRecord
        let catalogue: Catalogue
        let request: Request
    }

    /// Looks at what the schema can't say, and completes what is kept.
    typealias Settle = @Sendable (inout XMLNode, Place) throws -> Void

    /// Completes what is answered.
    typealias Present = @Sendable (inout XMLNode, BucketRecord, Catalogue) throws -> Void

    /// As the operations call it: `BucketCors` for `PutBucketCors`.
    let name: String
    let subresource: String
    let root: String
    let schema: Schema
    let unset: Unset
    let canDelete: Bool
    let mayMakeBucket: Bool
    let present: Present?
    let settle: Settle?

    /// - Parameter mayMakeBucket: the service takes its PUT on a missing bucket for PutBucket, and the body for a wrong
    ///   one.
    init(
        _ name: String, _ subresource: String, root: String, _ schema: Schema, unset: Unset, canDelete: Bool = true,
        mayMakeBucket: Bool = false, settle: Settle? = nil, present: Present? = nil
    ) {
        self.name = name
        self.subresource = subresource
        self.root = root
        self.schema = schema
        self.unset = unset
        self.canDelete = canDelete
        self.mayMakeBucket = mayMakeBucket
        self.present = present
        self.settle = settle
    }

    var operations: [Operation] {
        let put = Operation(
            "Put\(name)", .PUT, .bucket, subresource, need: .owner, createsBucket: mayMakeBucket
        ) { try await $0.put(self, $1) }
        let get = Operation("Get\(name)", .GET, .bucket, subresource, need: .owner) { try $0.get(self, $1) }
        guard canDelete else { return [put, get] }
        let delete = Operation("Delete\(name)", .DELETE, .bucket, subresource, need: .owner) {
            try await $0.deleteDocument(subresource, $1)
        }
        return [put, get, delete]
    }

    func document(of bucket: BucketRecord) throws(Fault) -> [UInt8] {
        if let bytes = bucket.documents[subresource] { return bytes }
        switch unset {
        case .fault(let fault): throw fault.detail("BucketName", bucket.name)
        case .document(let children): return XMLNode(root, children).bytes
        }
    }
}

extension Operation {
    static let configurationOperations: [Operation] = Configuration.all.flatMap(\.operations)
}

extension Service {
    func put(_ configuration: Configuration, _ call: Call) async throws -> Response {
        // Only where the service would have made the bucket; all others were refused before.
        guard call.bucketRecord != nil else { throw Fault.malformedXML }
        let name = try call.bucket.name
        let request = call.request
        let document = try await call.document(root: configuration.root, configuration.schema)
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateBucket(name) { bucket in
                var document = document
                try configuration.settle?(
                    &document, Configuration.Place(bucket: bucket, catalogue: catalogue, request: request))
                bucket.documents[configuration.subresource] = document.bytes
            }
        }
        return Response()
    }

    func get(_ configuration: Configuration, _ call: Call) throws -> Response {
        let bucket = try call.bucket
        let bytes = try configuration.document(of: bucket)
        guard let present = configuration.present else { return Response(document: bytes) }
        var document = try XMLReader.read(bytes)
        try present(&document, bucket, catalogue)
        return Response(document: document)
    }

    func deleteDocument(_ key: String, _ call: Call) async throws -> Response {
        let name = try call.bucket.name
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateBucket(name) { $0.documents[key] = nil }
        }
        return Response(.noContent)
    }
}

extension Call {
    /// The body, checked; an empty one lacks all that must be there.
    func document(root: String, _ schema: Schema) async throws -> XMLNode {
        try schema.checked(try await document(root: root) ?? XMLNode(root), at: root)
    }
}

extension Response {
    /// A document that was kept as it is answered.
    init(document bytes: [UInt8]) {
        self.init(headers: [HeaderField(name: "Content-Type", value: "application/xml")], body: .bytes(bytes))
    }

    init(document node: XMLNode) {
        self.init(document: node.bytes)
    }
}

extension BucketRecord {
    /// A configuration as it was put.
    func document(_ key: String) -> XMLNode? {
        documents[key].flatMap { try? XMLReader.read($0) }
    }
}
