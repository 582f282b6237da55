import Crypto
import NIOHTTP1

/// Checks signatures of version 1: `Authorization: OSS AK:…`, and URLs with `OSSAccessKeyId`, `Expires`, `Signature`.
struct SignatureV1: Sendable {
    static let prefix = "OSS "

    // MARK: The two forms

    func verifyHeader(
        _ authorization: String, _ request: Request, credential lookup: Authenticator.CredentialLookup,
        check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        let parts = authorization.dropFirst(Self.prefix.utf8.count)
            .split(separator: ":", omittingEmptySubsequences: false).map(\.trimmingBlanks)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw .malformedAuthorization("The Authorization header is invalid.", ec: "0002-00000065")
        }
        check.scheme = .v1Header
        check.accessKeyID = parts[0]
        check.providedSignature = parts[1]
        // The Python and Java SDKs send the token under its old name, and don't sign it.
        let token = request.nonEmptyHeader("x-oss-security-token") ?? request.nonEmptyHeader("security-token")
        let credential = try lookup(parts[0], token)
        let date = try Authenticator.date(of: request, isV1: true)
        try Authenticator.checkSkew(date, request)
        // With both dates there, the Go SDKs sign `Date` and all others `x-oss-date`.
        var dates: [String] = []
        for name in ["x-oss-date", "date"] {
            if let text = request.nonEmptyHeader(name), !dates.contains(text) { dates.append(text) }
        }
        try verify(request, dates: dates, signature: parts[1], credential: credential, check: &check)
        return .account(credential.accountID)
    }

    func verifyQuery(
        _ request: Request, credential lookup: Authenticator.CredentialLookup, check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        let query = request.query
        check.scheme = .v1Query
        check.accessKeyID = query.value("OSSAccessKeyId")
        check.providedSignature = query.value("Signature")
        guard let accessKeyID = query.nonEmpty("OSSAccessKeyId") else {
            throw .incompleteSignedURL(ec: "0002-00000071")
        }
        guard let expires = query.nonEmpty("Expires") else { throw .incompleteSignedURL(ec: "0002-00000067") }
        guard let signature = query.nonEmpty("Signature") else { throw .incompleteSignedURL(ec: "") }
        let token =
            query.nonEmpty("security-token") ?? request.nonEmptyHeader("x-oss-security-token")
            ?? request.nonEmptyHeader("security-token")
        let credential = try lookup(accessKeyID, token)
        try Authenticator.checkExpiry(expires, request)
        try verify(request, dates: [expires], signature: signature, credential: credential, check: &check)
        return .account(credential.accountID)
    }

    /// Of a form it is the policy that is signed.
    func verifyForm(
        _ form: FormFields, credential lookup: Authenticator.CredentialLookup, check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        try Authenticator.verifyPolicy(
            of: form, .v1Form, keyID: "OSSAccessKeyId", signature: "Signature", credential: lookup, check: &check
        ) { policy, secret in Self.sign(policy, key: SymmetricKey(data: Array(secret.utf8))) }
    }

    // MARK: What is signed

    /// The query parameters that are signed, as far as the official clients agree.
    ///
    /// What the service signs isn't published as a whole; each client has a list of its own, and where one leaves a
    /// parameter out, it doesn't send it either, with the exceptions in `variants`. `accessmonitor`, `regions` and
    /// `rule-id` are signed by none.
    private static let signed: Set<String> = [
        "MetaQuery", "accessPoint", "accessPointConfigForObjectProcess", "accessPointForObjectProcess",
        "accessPointPolicy", "accessPointPolicyForObjectProcess", "acl", "append", "asyncFetch",
        "bucketArchiveDirectRead", "bucketInfo", "callback", "callback-var", "cleanRestoredObject", "cloudboxes",
        "cname", "comp", "continuation-token", "cors", "dataPipeline", "delete", "encryption", "endTime", "group",
        "httpsConfig", "img", "inventory", "inventoryId", "legalHold", "lifecycle", "link", "live", "location",
        "logging", "metaQuery", "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable",
        "objectInfo", "objectMeta", "objectWorm", "overwriteConfig", "partNumber", "policy", "policyStatus",
        "position", "publicAccessBlock", "qos", "qosInfo", "qosRequester", "quota", "redundancyTransition", "referer",
        "replication", "replicationLocation", "replicationProgress", "requestPayment", "requesterQosInfo",
        "regionList", "resourceGroup", "resourcePool", "resourcePoolBuckets", "resourcePoolInfo",
        "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language", "response-content-type", "response-expires", "responseHeader", "restore",
        "retention", "rtc", "seal", "security-token", "sequential", "startTime", "stat", "status", "style",
        "styleName", "symlink", "tagging", "transferAcceleration", "udf", "udfApplication", "udfApplicationLog",
        "udfId", "udfImage", "udfImageDesc", "udfName", "uploadId", "uploads", "userDefinedLogFieldsConfig",
        "versionId", "versioning", "versions", "vod", "website", "withHashContext", "worm", "wormExtend", "wormId",
        "x-oss-access-point-name", "x-oss-redundancy-transition-taskid", "x-oss-target-redundancy-type",
        "x-oss-write-get-object-response",
    ]

    /// Signed by some clients, and sent without by others.
    private static let listed: Set<String> = [
        "x-oss-ac-forward-allow", "x-oss-ac-source-ip", "x-oss-ac-subnet-mask", "x-oss-ac-vpc-id",
        "x-oss-async-process", "x-oss-enable-md5", "x-oss-enable-sha1", "x-oss-enable-sha256", "x-oss-hash-ctx",
        "x-oss-md5-ctx", "x-oss-process", "x-oss-request-payer", "x-oss-traffic-limit",
    ]

    /// How the clients differ in what they sign of one and the same query; a signature that fits any of these is good.
    private static let variants: [@Sendable (_ name: String) -> Bool] = [
        // Python SDK v1, Go SDK v1.
        { signed.contains($0) || listed.contains($0) },
        // Go SDK v2: whatever begins so.
        { signed.contains($0) || $0.hasPrefix("x-oss-") },
        // Python SDK v2, Java SDK v2.
        { signed.contains($0) },
        // Swift SDK.
        { signed.contains($0) || $0 == "x-oss-process" || $0.hasPrefix("x-oss-ac-") },
        // Go SDK v2 and Python SDK v2, where `action` says what is wanted.
        { signed.contains($0) && $0 != "metaQuery" && $0 != "dataPipeline" },
    ]

    /// The strings that a client may have signed, the likeliest first.
    static func stringsToSign(
        method: String, bucket: String?, key: ObjectKey?, query: Query, headers: HTTPHeaders, dates: [String]
    ) -> [String] {
        var resource = "/"
        if let bucket { resource += bucket + "/" }
        if let key { resource += key.text }

        let headerLines = Authenticator.canonicalHeaders(headers) { $0.hasPrefix("x-oss-") }
        let items = query.items.sorted { left, right in
            left.name.hasSameBytes(as: right.name)
                ? left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
                : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        var queries: [String] = []
        let count = query.has("action") ? variants.count : variants.count - 1
        for isSigned in variants.prefix(count) {
            let pairs = items.filter { isSigned($0.name) }.map { $0.value.isEmpty ? $0.name : "\($0.name)=\($0.value)" }
            let text = pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
            if !queries.contains(text) { queries.append(text) }
        }

        let md5 = headers.first(name: "content-md5")?.trimmingBlanks ?? ""
        let type = headers.first(name: "content-type")?.trimmingBlanks ?? ""
        return dates.flatMap { date in
            queries.map { "\(method)\n\(md5)\n\(type)\n\(date)\n\(headerLines)\(resource)\($0)" }
        }
    }

    private func verify(
        _ request: Request, dates: [String], signature: String, credential: EmulatorCredential,
        check: inout SignatureCheck
    ) throws(Fault) {
        let candidates = Self.stringsToSign(
            method: request.head.method.rawValue, bucket: request.target.bucket, key: request.target.key,
            query: request.query, headers: request.headers, dates: dates)
        let key = SymmetricKey(data: Array(credential.accessKeySecret.utf8))
        let match = candidates.first { Self.sign($0, key: key).hasSameBytes(as: signature) }
        let shown = match ?? candidates.first ?? ""
        check.stringToSign = shown
        guard match != nil else {
            throw .signatureDoesNotMatch(
                accessKeyID: credential.accessKeyID, provided: signature, stringToSign: shown)
        }
    }

    static func sign(_ text: String, key: SymmetricKey) -> String {
        Base64.encode(Array(HMAC<Insecure.SHA1>.authenticationCode(for: Array(text.utf8), using: key)))
    }
}
