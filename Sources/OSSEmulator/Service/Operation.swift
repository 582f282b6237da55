import NIOHTTP1

/// The operations that the emulator knows, by the names that the API gives them.
enum Operation: String, Sendable {
    case listBuckets = "ListBuckets"

    case putBucket = "PutBucket"
    case deleteBucket = "DeleteBucket"
    case getBucketInfo = "GetBucketInfo"
    case getBucketLocation = "GetBucketLocation"
    case getBucketStat = "GetBucketStat"
    case putBucketACL = "PutBucketAcl"
    case getBucketACL = "GetBucketAcl"
    case putBucketVersioning = "PutBucketVersioning"
    case getBucketVersioning = "GetBucketVersioning"
    case putBucketLifecycle = "PutBucketLifecycle"
    case getBucketLifecycle = "GetBucketLifecycle"
    case deleteBucketLifecycle = "DeleteBucketLifecycle"
    case listObjects = "ListObjects"
    case listObjectsV2 = "ListObjectsV2"
    case listObjectVersions = "ListObjectVersions"
    case listMultipartUploads = "ListMultipartUploads"
    case deleteMultipleObjects = "DeleteMultipleObjects"

    case putObject = "PutObject"
    case getObject = "GetObject"
    case headObject = "HeadObject"
    case getObjectMeta = "GetObjectMeta"
    case copyObject = "CopyObject"
    case appendObject = "AppendObject"
    case deleteObject = "DeleteObject"
    case putObjectACL = "PutObjectAcl"
    case getObjectACL = "GetObjectAcl"
    case putObjectTagging = "PutObjectTagging"
    case getObjectTagging = "GetObjectTagging"
    case deleteObjectTagging = "DeleteObjectTagging"
    case initiateMultipartUpload = "InitiateMultipartUpload"
    case uploadPart = "UploadPart"
    case uploadPartCopy = "UploadPartCopy"
    case completeMultipartUpload = "CompleteMultipartUpload"
    case abortMultipartUpload = "AbortMultipartUpload"
    case listParts = "ListParts"

    /// The sub-resource is one of the service's, but nothing here answers it yet.
    case notHere = "NotImplemented"
    case methodNotAllowed = "MethodNotAllowed"

    /// These make the bucket if it is missing; all others find a missing bucket before anything else.
    var createsBucket: Bool {
        self == .putBucket || self == .putBucketACL
    }

    /// Sub-resources of the service that must not be taken for a plain request on the bucket or object.
    private static let otherSubresources: Set<String> = [
        "accessPoint", "accessPointConfigForObjectProcess", "accessPointForObjectProcess", "accessPointPolicy",
        "accessPointPolicyForObjectProcess", "accessmonitor", "bucketArchiveDirectRead", "callback",
        "cleanRestoredObject", "cloudboxes", "cname", "comp", "cors", "dataPipeline", "encryption", "httpsConfig",
        "img", "inventory", "legalHold", "live", "logging", "metaQuery", "MetaQuery", "metadataConfiguration",
        "metadataInventoryTable", "metadataJournalTable", "objectWorm", "overwriteConfig", "policy", "policyStatus",
        "publicAccessBlock", "qosInfo", "quota", "redundancyTransition", "referer", "regions", "replication",
        "replicationLocation", "replicationProgress", "requestPayment", "resourceGroup", "resourcePool", "restore",
        "retention", "rtc", "seal", "style", "symlink", "transferAcceleration", "userDefinedLogFieldsConfig", "vod",
        "website", "worm", "wormExtend", "wormId", "x-oss-async-process", "x-oss-process",
        "x-oss-write-get-object-response",
    ]

    /// Finds the operation that a request asks for.
    static func route(method: HTTPMethod, target: RequestTarget, headers: HTTPHeaders) -> Operation {
        let query = target.query
        if query.items.contains(where: { otherSubresources.contains($0.name) }) { return .notHere }
        guard target.bucket != nil else { return method == .GET ? .listBuckets : .methodNotAllowed }
        return target.key == nil ? bucketOperation(method, query) : objectOperation(method, query, headers)
    }

    private static func bucketOperation(_ method: HTTPMethod, _ query: Query) -> Operation {
        if query.has("tagging") { return .notHere }
        switch method {
        case .GET:
            if query.has("acl") { return .getBucketACL }
            if query.has("bucketInfo") { return .getBucketInfo }
            if query.has("location") { return .getBucketLocation }
            if query.has("stat") { return .getBucketStat }
            if query.has("versioning") { return .getBucketVersioning }
            if query.has("versions") { return .listObjectVersions }
            if query.has("lifecycle") { return .getBucketLifecycle }
            if query.has("uploads") { return .listMultipartUploads }
            return query.value("list-type") == "2" ? .listObjectsV2 : .listObjects
        case .PUT:
            if query.has("acl") { return .putBucketACL }
            if query.has("versioning") { return .putBucketVersioning }
            if query.has("lifecycle") { return .putBucketLifecycle }
            return .putBucket
        case .DELETE:
            return query.has("lifecycle") ? .deleteBucketLifecycle : .deleteBucket
        case .POST:
            return query.has("delete") ? .deleteMultipleObjects : .notHere
        case .OPTIONS:
            return .notHere
        default:
            return .methodNotAllowed
        }
    }

    private static func objectOperation(_ method: HTTPMethod, _ query: Query, _ headers: HTTPHeaders) -> Operation {
        switch method {
        case .GET:
            if query.has("acl") { return .getObjectACL }
            if query.has("tagging") { return .getObjectTagging }
            return query.has("uploadId") ? .listParts : .getObject
        case .HEAD:
            return query.has("objectMeta") ? .getObjectMeta : .headObject
        case .PUT:
            let isCopy = headers.contains(name: "x-oss-copy-source")
            if query.has("acl") { return .putObjectACL }
            if query.has("tagging") { return .putObjectTagging }
            if query.has("partNumber") || query.has("uploadId") { return isCopy ? .uploadPartCopy : .uploadPart }
            return isCopy ? .copyObject : .putObject
        case .POST:
            if query.has("append") { return .appendObject }
            if query.has("uploads") { return .initiateMultipartUpload }
            return query.has("uploadId") ? .completeMultipartUpload : .notHere
        case .DELETE:
            if query.has("tagging") { return .deleteObjectTagging }
            return query.has("uploadId") ? .abortMultipartUpload : .deleteObject
        case .OPTIONS:
            return .notHere
        default:
            return .methodNotAllowed
        }
    }
}
