import NIOHTTP1

/// What a request can ask for: how it is recognised, who may ask, and what answers it.
///
/// The tables stand beside the code that answers; ``Operation/all`` joins them.
struct Operation: Sendable {
    enum Scope: Sendable {
        case service, bucket, object
    }

    /// Who may ask, where no policy says otherwise.
    enum Need: Sendable {
        /// Any account; nobody anonymous.
        case account
        /// The bucket's owner.
        case owner
        case readBucket
        case readObject
        case writeObject
        /// Everybody, signed or not.
        case nothing
        /// Whoever the fields of a form say; the operation finds out.
        case form
    }

    typealias Perform = @Sendable (Service, Call) async throws -> Response

    /// As the API calls it.
    let name: String
    let method: HTTPMethod
    let scope: Scope
    /// Query parameters that must be there; `name=value` asks for the value too.
    let parameters: [Substring]
    /// A header that must be there.
    let header: String?
    let need: Need
    /// What a policy calls it, without `oss:`.
    let action: String
    /// It makes the bucket if that is missing; all others find a missing bucket before anything else.
    let createsBucket: Bool
    let perform: Perform

    /// - Parameters:
    ///   - query: the parameters that mark it, as they would stand in a URL: `replication&comp=add`.
    ///   - action: what a policy calls it, where that isn't the name.
    init(
        _ name: String, _ method: HTTPMethod, _ scope: Scope, _ query: String = "", header: String? = nil,
        need: Need, action: String? = nil, createsBucket: Bool = false, perform: @escaping Perform
    ) {
        self.name = name
        self.method = method
        self.scope = scope
        parameters = query.split(separator: "&")
        self.header = header
        self.need = need
        self.action = action ?? name
        self.createsBucket = createsBucket
        self.perform = perform
    }

    private func matches(_ query: Query, _ headers: HTTPHeaders) -> Bool {
        if let header, !headers.contains(name: header) { return false }
        return parameters.allSatisfy { parameter in
            guard let equals = parameter.firstIndex(of: "=") else { return query.has(String(parameter)) }
            return query.value(String(parameter[..<equals])) == String(parameter[parameter.index(after: equals)...])
        }
    }

    /// The more conditions it has, the better it fits a request that meets them.
    private var weight: Int { parameters.count * 2 + (header == nil ? 0 : 1) }
}

// MARK: - Finding the operation

extension Operation {
    static let all: [Operation] =
        bucketOperations + listingOperations + objectOperations + taggingOperations + multipartOperations
        + appendOperations + symlinkOperations + restoreOperations + retentionOperations
        + configurationOperations + policyOperations + bucketTagOperations + wormOperations + corsOperations
        + inventoryOperations + styleOperations + cnameOperations + redundancyOperations + replicationOperations
        + metadataConfigurationOperations + accessPointOperations + metaQueryOperations + dataPipelineOperations
        + serviceOperations + formOperations

    private struct Place: Hashable {
        var method: String
        var scope: Scope
    }

    /// By method and scope, the most specific first.
    private static let table: [Place: [Operation]] = Dictionary(grouping: all) {
        Place(method: $0.method.rawValue, scope: $0.scope)
    }.mapValues { $0.sorted { $0.weight > $1.weight } }

    /// Sub-resources of the service that must not be taken for a plain request on the bucket or object.
    private static let otherSubresources: Set<String> = [
        "accessPoint", "accessPointConfigForObjectProcess", "accessPointForObjectProcess", "accessPointPolicy",
        "accessPointPolicyForObjectProcess", "accessmonitor", "bucketArchiveDirectRead",
        "cleanRestoredObject", "cloudboxes", "cname", "comp", "cors", "dataPipeline", "encryption", "httpsConfig",
        "img", "inventory", "legalHold", "live", "logging", "metaQuery", "MetaQuery", "metadataConfiguration",
        "metadataInventoryTable", "metadataJournalTable", "objectWorm", "overwriteConfig", "policy", "policyStatus",
        "publicAccessBlock", "qosInfo", "quota", "redundancyTransition", "referer", "regions", "replication",
        "replicationLocation", "replicationProgress", "requestPayment", "resourceGroup", "resourcePool", "restore",
        "retention", "rtc", "seal", "style", "symlink", "transferAcceleration", "userDefinedLogFieldsConfig", "vod",
        "website", "worm", "wormExtend", "wormId", "x-oss-async-process", "x-oss-process",
        "x-oss-write-get-object-response",
        // Of services that are not described any more, or are others.
        "asyncFetch", "qos", "requesterQosInfo", "resourcePoolBuckets", "resourcePoolInfo",
    ]

    /// Those that another method would have found here.
    private static let answeredSubresources: [Scope: Set<String>] = Dictionary(grouping: all, by: \.scope)
        .mapValues { Set($0.flatMap(\.parameters).filter { !$0.contains("=") }.map(String.init)) }

    /// Finds the operation that a request asks for.
    static func route(method: HTTPMethod, target: RequestTarget, headers: HTTPHeaders) -> Operation {
        let scope: Scope = target.bucket == nil ? .service : target.key == nil ? .bucket : .object
        let candidates = table[Place(method: method.rawValue, scope: scope)] ?? []
        let found = candidates.first { $0.matches(target.query, headers) }
        let names = target.query.items.map(\.name)
        if let found, !found.parameters.isEmpty || method == .OPTIONS {
            // ?policy&comp=callback is no policy.
            return names.contains("comp") && !found.parameters.contains { $0.hasPrefix("comp") } ? .notHere : found
        }
        // A sub-resource must not be taken for what it belongs to: DELETE ?acl doesn't delete a bucket.
        if found == nil || scope != .object, let answered = answeredSubresources[scope],
            names.contains(where: answered.contains)
        {
            return .methodNotAllowed
        }
        return names.contains(where: otherSubresources.contains) ? .notHere : found ?? .methodNotAllowed
    }

    /// The sub-resource is one of the service's, but nothing here answers it.
    static let notHere = Operation("NotImplemented", .GET, .service, need: .account) { _, call in
        throw Fault.notImplemented("\(call.request.head.method.rawValue) \(call.request.head.uri)")
    }

    static let methodNotAllowed = Operation("MethodNotAllowed", .GET, .service, need: .account) { _, call in
        throw Fault.methodNotAllowed.detail("Method", call.request.head.method.rawValue)
    }
}
