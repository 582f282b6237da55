import Crypto
import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Signs requests with the service's first signature, HMAC-SHA-1, in the `Authorization` header or in the query.
///
/// It covers neither all of the query nor the time of a header's signature beyond 15 minutes: for servers that know no
/// other.
enum V1Signer {
    /// Takes the request up to its signature: sets `Date`, `x-oss-security-token` (removed without a token), and
    /// removes an older `Authorization`.
    static func prepare(_ request: inout SignableRequest, _ parameters: SigningParameters) -> String {
        request.headers.removeAll { [.date, .ossSecurityToken, .authorization].contains($0.name) }
        request.headers.append(HTTPField(name: .date, value: Timestamps.string(parameters.date, .httpDate)))
        if let token = parameters.credentials.securityToken {
            // The documented name, which the signature covers; some clients send "security-token", which it doesn't.
            request.headers.append(HTTPField(name: .ossSecurityToken, value: token))
        }
        return stringToSign(request, date: request.headers[.ossDate] ?? request.headers[.date] ?? "")
    }

    static func finish(_ request: inout SignableRequest, _ parameters: SigningParameters, signature: String) {
        request.headers.append(
            HTTPField(name: .authorization, value: "OSS \(parameters.credentials.accessKeyID):\(signature)"))
    }

    /// The same for a signature in the query.
    static func prepare(
        _ request: inout SignableRequest, _ parameters: SigningParameters, expiresIn seconds: Int
    ) -> String {
        let expires = String(Int(parameters.date.timeIntervalSince1970.rounded(.down)) + seconds)
        request.query = SigningQuery.without(
            ["Signature", "security-token", "OSSAccessKeyId", "Expires"], in: request.query)
        SigningQuery.add("OSSAccessKeyId", parameters.credentials.accessKeyID, to: &request.query)
        SigningQuery.add("Expires", expires, to: &request.query)
        if let token = parameters.credentials.securityToken {
            SigningQuery.add("security-token", token, to: &request.query)
        }
        return stringToSign(request, date: expires)
    }

    static func finishQuery(_ request: inout SignableRequest, signature: String) {
        SigningQuery.add("Signature", signature, to: &request.query)
    }

    static func signature(of text: String, secret: String) -> String {
        let code = HMAC<Insecure.SHA1>.authenticationCode(
            for: Data(text.utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return Data(code).base64EncodedString()
    }

    private static func stringToSign(_ request: SignableRequest, date: String) -> String {
        var lines: [String: String] = [:]
        for field in request.headers {
            let name = field.name.canonicalName
            guard name.hasPrefix("x-oss-") else { continue }
            let value = field.value.trimmingBlanks
            lines[name] = lines[name].map { "\($0),\(value)" } ?? value
        }
        let headers = lines.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)\n" }.joined()
        return """
            \(request.method.rawValue)
            \(request.headers[.contentMD5]?.trimmingBlanks ?? "")
            \(request.headers[.contentType]?.trimmingBlanks ?? "")
            \(date)
            \(headers)\(resource(request))
            """
    }

    /// Bucket, key and those parameters that are sub-resources, all of them as they are and not escaped.
    private static func resource(_ request: SignableRequest) -> String {
        var text = "/"
        if let bucket = request.bucket { text += bucket + "/" }
        if let key = request.key { text += key }
        var pairs: [(name: String, value: String)] = []
        for pair in request.query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = PercentEncoding.decode(String(parts[0]))
            guard subresources.contains(name) || name.hasPrefix("x-oss-") else { continue }
            pairs.append((name, parts.count > 1 ? PercentEncoding.decode(String(parts[1])) : ""))
        }
        pairs.sort {
            $0.name == $1.name
                ? $0.value.utf8.lexicographicallyPrecedes($1.value.utf8)
                : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        for (index, pair) in pairs.enumerated() {
            text += index == 0 ? "?" : "&"
            text += pair.value.isEmpty ? pair.name : "\(pair.name)=\(pair.value)"
        }
        return text
    }

    /// What the service counts as part of the resource. Not `accessmonitor`, although it is a sub-resource.
    private static let subresources: Set<String> = [
        "MetaQuery", "accessPoint", "accessPointConfigForObjectProcess", "accessPointForObjectProcess",
        "accessPointPolicy", "accessPointPolicyForObjectProcess", "acl", "append", "bucketArchiveDirectRead",
        "bucketInfo", "callback", "callback-var", "cleanRestoredObject", "cloudboxes", "cname", "comp",
        "continuation-token", "cors", "dataPipeline", "delete", "encryption", "httpsConfig", "inventory", "inventoryId",
        "legalHold", "lifecycle", "location", "logging", "metaQuery", "metadataConfiguration",
        "metadataInventoryTable", "metadataJournalTable", "objectMeta", "objectWorm", "overwriteConfig", "partNumber",
        "policy", "policyStatus", "position", "publicAccessBlock", "quota", "redundancyTransition", "referer",
        "regionList", "replication", "replicationLocation", "replicationProgress", "requestPayment", "resourceGroup",
        "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language", "response-content-type", "response-expires", "restore", "retention", "rtc", "seal",
        "security-token", "sequential", "stat", "style", "styleName", "symlink", "tagging", "transferAcceleration",
        "uploadId", "uploads", "userDefinedLogFieldsConfig", "versionId", "versioning", "versions", "website", "worm",
        "wormExtend", "wormId",
    ]
}

/// Changing a query that is on its way to be signed.
enum SigningQuery {
    static func without(_ names: [String], in query: String) -> String {
        query.split(separator: "&")
            .filter { pair in !names.contains { $0 == pair.prefix { $0 != "=" } } }
            .joined(separator: "&")
    }

    static func add(_ name: String, _ value: String, to query: inout String) {
        if !query.isEmpty { query += "&" }
        query += name + "=" + PercentEncoding.query(value)
    }
}

extension String {
    /// Without the spaces and tabs around it, which are no part of a header field's value.
    fileprivate var trimmingBlanks: String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        guard let first = utf8.firstIndex(where: { !isBlank($0) }), let last = utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(self[first...last])
    }
}
