import Crypto

extension Operation {
    private static let name = "x-oss-access-point-name"
    private static let block = "publicAccessBlock&x-oss-access-point-name"

    static let accessPointOperations: [Operation] = [
        Operation("CreateAccessPoint", .PUT, .bucket, "accessPoint", need: .owner) {
            try await $0.createAccessPoint($1)
        },
        Operation("GetAccessPoint", .GET, .bucket, "accessPoint", header: name, need: .owner) {
            try $0.getAccessPoint($1)
        },
        Operation("ListAccessPoints", .GET, .bucket, "accessPoint", need: .owner) { try $0.listAccessPoints($1) },
        Operation("ListAccessPoints", .GET, .service, "accessPoint", need: .account) { try $0.listAccessPoints($1) },
        Operation("DeleteAccessPoint", .DELETE, .bucket, "accessPoint", need: .owner) {
            try await $0.deleteAccessPoint($1)
        },
        Operation("PutAccessPointPolicy", .PUT, .bucket, "accessPointPolicy", need: .owner) {
            try await $0.putAccessPointPolicy($1, .plain)
        },
        Operation("GetAccessPointPolicy", .GET, .bucket, "accessPointPolicy", need: .owner) {
            try $0.getAccessPointPolicy($1, .plain)
        },
        Operation("DeleteAccessPointPolicy", .DELETE, .bucket, "accessPointPolicy", need: .owner) {
            try await $0.deleteAccessPointPolicy($1, .plain)
        },
        Operation("PutAccessPointPublicAccessBlock", .PUT, .bucket, block, need: .owner) {
            try await $0.putAccessPointBlock($1)
        },
        Operation("GetAccessPointPublicAccessBlock", .GET, .bucket, block, need: .owner) {
            try $0.getAccessPointBlock($1)
        },
        Operation("DeleteAccessPointPublicAccessBlock", .DELETE, .bucket, block, need: .owner) {
            try await $0.deleteAccessPointBlock($1)
        },

        Operation("CreateAccessPointForObjectProcess", .PUT, .bucket, "accessPointForObjectProcess", need: .owner) {
            try await $0.createObjectProcessPoint($1)
        },
        Operation("GetAccessPointForObjectProcess", .GET, .bucket, "accessPointForObjectProcess", need: .owner) {
            try $0.getObjectProcessPoint($1)
        },
        Operation("ListAccessPointsForObjectProcess", .GET, .service, "accessPointForObjectProcess", need: .account) {
            try $0.listObjectProcessPoints($1)
        },
        Operation("DeleteAccessPointForObjectProcess", .DELETE, .bucket, "accessPointForObjectProcess", need: .owner) {
            try await $0.deleteObjectProcessPoint($1)
        },
        Operation(
            "GetAccessPointConfigForObjectProcess", .GET, .bucket, "accessPointConfigForObjectProcess", need: .owner
        ) { try $0.getObjectProcessConfig($1) },
        Operation(
            "PutAccessPointConfigForObjectProcess", .PUT, .bucket, "accessPointConfigForObjectProcess", need: .owner
        ) { try await $0.putObjectProcessConfig($1) },
        Operation(
            "PutAccessPointPolicyForObjectProcess", .PUT, .bucket, "accessPointPolicyForObjectProcess", need: .owner
        ) { try await $0.putAccessPointPolicy($1, .objectProcess) },
        Operation(
            "GetAccessPointPolicyForObjectProcess", .GET, .bucket, "accessPointPolicyForObjectProcess", need: .owner
        ) { try $0.getAccessPointPolicy($1, .objectProcess) },
        Operation(
            "DeleteAccessPointPolicyForObjectProcess", .DELETE, .bucket, "accessPointPolicyForObjectProcess",
            need: .owner
        ) { try await $0.deleteAccessPointPolicy($1, .objectProcess) },
    ]
}

/// The two kinds of access points: plain ones, and those through which a function transforms what is read.
enum AccessPointKind: Sendable {
    case plain, objectProcess

    /// What the points are kept under; their policies have `Policy` after it.
    var key: String {
        switch self {
        case .plain: "accessPoint"
        case .objectProcess: "accessPointForObjectProcess"
        }
    }

    var header: String {
        switch self {
        case .plain: "x-oss-access-point-name"
        case .objectProcess: "x-oss-access-point-for-object-process-name"
        }
    }

    var missing: Fault {
        switch self {
        case .plain: Fault(.notFound, "NoSuchAccessPoint", "Accesspoint not found")
        case .objectProcess:
            Fault(.notFound, "NoSuchAccessPointForObjectProcess", "Accesspoint for object process not found")
        }
    }

    var missingPolicy: Fault {
        Fault(.notFound, "NoSuchAccessPointPolicy", "The access point policy does not exist.")
    }

    func arn(_ name: String, _ bucket: BucketRecord, _ region: String) -> String {
        "acs:oss:\(region):\(bucket.ownerID):\(key.lowercased())/\(name)"
    }

    /// Stands for the bucket in a host name.
    func alias(_ name: String, _ bucket: BucketRecord) -> String {
        let digest = Hex.encode(SHA256.hash(data: Array("\(key)/\(bucket.ownerID)/\(name)".utf8))).prefix(32)
        return "\(name)-\(digest)-\(self == .plain ? "ossalias" : "opapalias")"
    }
}

/// Access points can be made, described and given policies. Requests through them are not routed.
extension Service {
    private static let accessPointLimit = 1000
    private static let onePoint = Schema.of(
        .one("AccessPointName"), .one("NetworkOrigin", .choice(["internet", "vpc"])),
        .optional("VpcConfiguration", .of(.optional("VpcId"))))

    private func pointName(_ call: Call, _ kind: AccessPointKind) throws(Fault) -> String {
        guard let name = call.request.nonEmptyHeader(kind.header) ?? call.query.nonEmpty(kind.header) else {
            throw .missingArgument.detail("ArgumentName", kind.header)
        }
        return name
    }

    private func point(_ call: Call, _ kind: AccessPointKind) throws(Fault) -> (name: String, document: XMLNode) {
        let name = try pointName(call, kind)
        guard let document = try call.bucket.document(kind.key, name) else { throw kind.missing }
        return (name, document)
    }

    /// All of an account, by name.
    private func points(
        of account: String, _ kind: AccessPointKind
    ) -> [(bucket: BucketRecord, name: String, document: XMLNode)] {
        catalogue.read { state in
            state.buckets.values.filter { $0.record.ownerID == account }.flatMap { bucket in
                bucket.record.documents(kind.key).map { (bucket.record, $0.name, $0.document) }
            }
        }.sorted { $0.1.utf8.lexicographicallyPrecedes($1.1.utf8) }
    }

    private static func checkPointName(_ name: String) throws(Fault) {
        guard BucketName.isValid(name), !name.hasSuffix("-ossalias") else {
            throw .invalidArgument("AccessPointName", name, "The access point name is not valid.")
        }
    }

    /// Adds a point. Names are an account's, whatever the bucket.
    private func addPoint(
        _ call: Call, _ kind: AccessPointKind, _ name: String, _ document: XMLNode
    ) async throws {
        try Self.checkPointName(name)
        let bucket = try call.bucket
        var document = document
        document.set(XMLNode("CreationDate", String(call.request.received.seconds)))
        let new = document
        try await catalogue.changeAlone { [self] catalogue in
            let all = points(of: bucket.ownerID, kind)
            guard !all.contains(where: { $0.name == name }) else { throw Fault.accessPointExists(name) }
            guard all.count < Self.accessPointLimit else { throw Fault.tooManyAccessPoints }
            try catalogue.updateBucket(bucket.name) { $0.documents["\(kind.key)/\(name)"] = new.bytes }
        }
    }

    // MARK: Plain ones

    func createAccessPoint(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let document = try await call.document(root: "CreateAccessPointConfiguration", Self.onePoint)
        let name = document.value("AccessPointName") ?? ""
        if document.value("NetworkOrigin") == "vpc", document["VpcConfiguration/VpcId"]?.isEmpty != false {
            throw Fault.malformedXML("CreateAccessPointConfiguration/VpcConfiguration/VpcId is missing.")
        }
        try await addPoint(call, .plain, name, document)
        return Response(root: "CreateAccessPointResult") { xml in
            xml.element("AccessPointArn", AccessPointKind.plain.arn(name, bucket, configuration.region))
            xml.element("Alias", AccessPointKind.plain.alias(name, bucket))
        }
    }

    func getAccessPoint(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        let (name, document) = try point(call, .plain)
        let region = "oss-\(configuration.region)"
        return Response(root: "GetAccessPointResult") { xml in
            xml.element("AccessPointName", name)
            xml.element("Bucket", bucket.name)
            xml.element("AccountId", bucket.ownerID)
            Self.describe(document, in: &xml)
            xml.element("AccessPointArn", AccessPointKind.plain.arn(name, bucket, configuration.region))
            xml.element("CreationDate", document.value("CreationDate") ?? "")
            xml.element("Alias", AccessPointKind.plain.alias(name, bucket))
            xml.element("Status", "enable")
            xml.element("Endpoints") { xml in
                xml.element("PublicEndpoint", "\(name).\(region).oss-accesspoint.aliyuncs.com")
                xml.element("InternalEndpoint", "\(name).\(region)-internal.oss-accesspoint.aliyuncs.com")
            }
            xml.element("PublicAccessBlockConfiguration") { xml in
                xml.element("BlockPublicAccess", document.value("BlockPublicAccess") ?? "false")
            }
        }
    }

    private static func describe(_ document: XMLNode, in xml: inout XMLWriter) {
        xml.element("NetworkOrigin", document.value("NetworkOrigin") ?? "internet")
        xml.element("VpcConfiguration") { xml in
            xml.element("VpcId", document["VpcConfiguration/VpcId"]?.trimmedText ?? "")
        }
    }

    func listAccessPoints(_ call: Call) throws -> Response {
        let account = try call.account
        let limit = try call.number("max-keys", default: 100, in: 1...1000)
        var all = points(of: call.bucketRecord?.ownerID ?? account, .plain)
        if let bucket = call.bucketRecord { all.removeAll { $0.bucket.name != bucket.name } }
        let page = Page(all, after: call.query.nonEmpty("continuation-token"), limit: limit) { $0.name }
        return Response(root: "ListAccessPointsResult") { xml in
            xml.element("AccountId", call.bucketRecord?.ownerID ?? account)
            xml.element("MaxKeys", limit)
            xml.element("IsTruncated", page.next != nil)
            xml.optional("NextContinuationToken", page.next)
            xml.element("AccessPoints") { xml in
                for item in page.items {
                    xml.element("AccessPoint") { xml in
                        xml.element("Bucket", item.bucket.name)
                        xml.element("AccessPointName", item.name)
                        xml.element("Alias", AccessPointKind.plain.alias(item.name, item.bucket))
                        Self.describe(item.document, in: &xml)
                        xml.element("Status", "enable")
                    }
                }
            }
        }
    }

    func deleteAccessPoint(_ call: Call) async throws -> Response {
        try await deletePoint(call, .plain)
    }

    private func deletePoint(_ call: Call, _ kind: AccessPointKind) async throws -> Response {
        let name = try pointName(call, kind)
        try await changeBucket(call) { bucket in
            guard bucket.document(kind.key, name) != nil else { throw kind.missing }
            bucket.documents["\(kind.key)/\(name)"] = nil
            bucket.documents["\(kind.key)Policy/\(name)"] = nil
        }
        return Response(.noContent)
    }

    // MARK: Policies

    func putAccessPointPolicy(_ call: Call, _ kind: AccessPointKind) async throws -> Response {
        let name = try point(call, kind).name
        let bytes = try await readPolicy(call).bytes
        try await changeBucket(call) { bucket in
            guard bucket.document(kind.key, name) != nil else { throw kind.missing }
            bucket.documents["\(kind.key)Policy/\(name)"] = bytes
        }
        return Response()
    }

    func getAccessPointPolicy(_ call: Call, _ kind: AccessPointKind) throws -> Response {
        let name = try point(call, kind).name
        guard let bytes = try call.bucket.documents["\(kind.key)Policy/\(name)"] else { throw kind.missingPolicy }
        return Response(policy: bytes)
    }

    func deleteAccessPointPolicy(_ call: Call, _ kind: AccessPointKind) async throws -> Response {
        let name = try point(call, kind).name
        return try await deleteDocument("\(kind.key)Policy/\(name)", call)
    }

    // MARK: Blocking public access

    private func changePoint(
        _ call: Call, _ kind: AccessPointKind, _ body: @escaping @Sendable (inout XMLNode) -> Void
    ) async throws {
        let name = try pointName(call, kind)
        try await changeBucket(call) { bucket in
            guard var document = bucket.document(kind.key, name) else { throw kind.missing }
            body(&document)
            bucket.documents["\(kind.key)/\(name)"] = document.bytes
        }
    }

    func putAccessPointBlock(_ call: Call) async throws -> Response {
        _ = try point(call, .plain)
        let configuration = Configuration.publicAccessBlock
        let document = try await call.document(root: configuration.root, configuration.schema)
        guard let block = document.child("BlockPublicAccess") else { throw Fault.malformedXML }
        try await changePoint(call, .plain) { $0.set(block) }
        return Response()
    }

    func getAccessPointBlock(_ call: Call) throws -> Response {
        let block = try point(call, .plain).document.value("BlockPublicAccess") ?? "false"
        return Response(root: Configuration.publicAccessBlock.root) { $0.element("BlockPublicAccess", block) }
    }

    func deleteAccessPointBlock(_ call: Call) async throws -> Response {
        try await changePoint(call, .plain) { $0.remove("BlockPublicAccess") }
        return Response(.noContent)
    }

    // MARK: Those for object processing

    private static let objectProcess: [Schema.Element] = [
        .optional("AllowAnonymousAccessForObjectProcess", .boolean, default: "false"),
        .one(
            "ObjectProcessConfiguration",
            .of(
                .optional("AllowedFeatures", .of(.many("AllowedFeature", 0...10))),
                .one(
                    "TransformationConfigurations",
                    .of(
                        .many(
                            "TransformationConfiguration", 1...10,
                            .of(
                                .one("Actions", .of(.many("Action", 1...10))),
                                .one(
                                    "ContentTransformation",
                                    .of(
                                        .one(
                                            "FunctionCompute",
                                            .of(.one("FunctionArn"), .one("FunctionAssumeRoleArn"))))))))))),
    ]

    func createObjectProcessPoint(_ call: Call) async throws -> Response {
        let kind = AccessPointKind.objectProcess
        let bucket = try call.bucket
        let name = try pointName(call, kind)
        let document = try await call.document(
            root: "CreateAccessPointForObjectProcessConfiguration",
            .elements([.one("AccessPointName")] + Self.objectProcess))
        let base = document.value("AccessPointName") ?? ""
        guard bucket.document(AccessPointKind.plain.key, base) != nil else { throw AccessPointKind.plain.missing }
        try await addPoint(call, kind, name, document)
        return Response(root: "CreateAccessPointForObjectProcessResult") { xml in
            xml.element("AccessPointForObjectProcessArn", kind.arn(name, bucket, configuration.region))
            xml.element("AccessPointForObjectProcessAlias", kind.alias(name, bucket))
        }
    }

    func getObjectProcessPoint(_ call: Call) throws -> Response {
        let kind = AccessPointKind.objectProcess
        let bucket = try call.bucket
        let (name, document) = try point(call, kind)
        let host = "\(kind.alias(name, bucket)).oss-\(configuration.region)"
        return Response(root: "GetAccessPointForObjectProcessResult") { xml in
            xml.element("AccessPointNameForObjectProcess", name)
            xml.element("AccessPointForObjectProcessAlias", kind.alias(name, bucket))
            xml.element("AccessPointName", document.value("AccessPointName") ?? "")
            xml.element("AccountId", bucket.ownerID)
            xml.element("AccessPointForObjectProcessArn", kind.arn(name, bucket, configuration.region))
            xml.element("CreationDate", document.value("CreationDate") ?? "")
            xml.element("Status", "enable")
            xml.element("Endpoints") { xml in
                xml.element("PublicEndpoint", "\(host).oss-object-process.aliyuncs.com")
                xml.element("InternalEndpoint", "\(host)-internal.oss-object-process.aliyuncs.com")
            }
            Self.describeProcess(document, in: &xml)
        }
    }

    private static func describeProcess(_ document: XMLNode, in xml: inout XMLWriter) {
        xml.element(
            "AllowAnonymousAccessForObjectProcess", document.value("AllowAnonymousAccessForObjectProcess") ?? "false")
        xml.element("PublicAccessBlockConfiguration") { xml in
            let block = document["PublicAccessBlockConfiguration/BlockPublicAccess"]?.trimmedText
            xml.element("BlockPublicAccess", block ?? "false")
        }
    }

    func listObjectProcessPoints(_ call: Call) throws -> Response {
        let account = try call.account
        let limit = try call.number("max-keys", default: 100, in: 1...1000)
        let all = points(of: account, .objectProcess)
        let page = Page(all, after: call.query.nonEmpty("continuation-token"), limit: limit) { $0.name }
        return Response(root: "ListAccessPointsForObjectProcessResult") { xml in
            xml.element("AccountId", account)
            xml.element("IsTruncated", page.next != nil)
            xml.optional("NextContinuationToken", page.next)
            xml.element("AccessPointsForObjectProcess") { xml in
                for item in page.items {
                    xml.element("AccessPointForObjectProcess") { xml in
                        let alias = AccessPointKind.objectProcess.alias(item.name, item.bucket)
                        xml.element("AccessPointNameForObjectProcess", item.name)
                        xml.element("AccessPointForObjectProcessAlias", alias)
                        xml.element("AccessPointName", item.document.value("AccessPointName") ?? "")
                        xml.element("Status", "enable")
                        xml.element(
                            "AllowAnonymousAccessForObjectProcess",
                            item.document.value("AllowAnonymousAccessForObjectProcess") ?? "false")
                    }
                }
            }
        }
    }

    func deleteObjectProcessPoint(_ call: Call) async throws -> Response {
        try await deletePoint(call, .objectProcess)
    }

    func getObjectProcessConfig(_ call: Call) throws -> Response {
        let document = try point(call, .objectProcess).document
        return Response(root: "GetAccessPointConfigForObjectProcessResult") { xml in
            if let configuration = document.child("ObjectProcessConfiguration") { xml.copy(configuration) }
            Self.describeProcess(document, in: &xml)
        }
    }

    func putObjectProcessConfig(_ call: Call) async throws -> Response {
        _ = try point(call, .objectProcess)
        let block = Schema.Element.optional("PublicAccessBlockConfiguration", Configuration.publicAccessBlock.schema)
        let document = try await call.document(
            root: "PutAccessPointConfigForObjectProcessConfiguration", .elements([block] + Self.objectProcess))
        try await changePoint(call, .objectProcess) { point in
            for child in document.children { point.set(child) }
        }
        return Response()
    }
}

extension Fault {
    fileprivate static func accessPointExists(_ name: String) -> Fault {
        Fault(.conflict, "AccessPointAlreadyExists", "The access point already exists.")
            .detail("AccessPointName", name)
    }

    fileprivate static let tooManyAccessPoints = Fault(
        .badRequest, "TooManyAccessPoints", "The number of access points of the account exceeds the limit.")
}
