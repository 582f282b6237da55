import Crypto
import NIOConcurrencyHelpers
import NIOHTTP1

/// Checks `OSS4-HMAC-SHA256` signatures, in the Authorization header and in URLs.
struct SignatureV4: Sendable {
    static let algorithm = "OSS4-HMAC-SHA256"
    private static let scopeEnd = "aliyun_v4_request"
    private static let product = "oss"
    private static let unsignedPayload = "UNSIGNED-PAYLOAD"
    private static let maximumExpiry: Int64 = 7 * 24 * 3600

    private let region: String
    private let keys = NIOLockedValueBox<[String: SymmetricKey]>([:])

    init(region: String) {
        self.region = region
    }

    private static let fieldNames: Set<String> = ["Credential", "AdditionalHeaders", "Signature"]
    private static let malformedHeader = Fault.malformedAuthorization(
        "The Authorization header is invalid.", ec: "0002-00000202")

    // MARK: The two forms

    func verifyHeader(
        _ authorization: String, _ request: Request, credential lookup: Authenticator.CredentialLookup,
        check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        var fields: [String: String] = [:]
        for part in authorization.dropFirst(Self.algorithm.utf8.count + 1).split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else { throw Self.malformedHeader }
            let name = part[..<equals].trimmingBlanks
            guard Self.fieldNames.contains(name), fields[name] == nil else { throw Self.malformedHeader }
            fields[name] = part[part.index(after: equals)...].trimmingBlanks
        }
        guard let credentialField = fields["Credential"], let signature = fields["Signature"] else {
            throw Self.malformedHeader
        }
        let scope = try Scope(credentialField)
        check.scheme = .v4Header
        check.accessKeyID = scope.accessKeyID
        check.providedSignature = signature
        let credential = try lookup(scope.accessKeyID, request.nonEmptyHeader("x-oss-security-token"))
        let date = try Authenticator.date(of: request, isV1: false)
        try Authenticator.checkSkew(date, request)
        guard let payloadHash = request.nonEmptyHeader("x-oss-content-sha256") else {
            throw .malformedAuthorization("The x-oss-content-sha256 header is missing.")
        }
        guard payloadHash == Self.unsignedPayload else {
            throw .invalidArgument("x-oss-content-sha256", payloadHash, "The value must be UNSIGNED-PAYLOAD.")
        }
        try checkScope(scope, date: date.basicISO8601)
        let additional = try Authenticator.additionalHeaders(
            fields["AdditionalHeaders"], in: request, argument: "AdditionalHeaders", missing: "0002-00000211")
        // Without x-oss-date, the text of Date is what was signed.
        try verify(
            request, scope: scope, date: request.nonEmptyHeader("x-oss-date") ?? request.header("date") ?? "",
            additionalHeaders: additional, payloadHash: payloadHash, signature: signature, credential: credential,
            check: &check)
        return .account(credential.accountID)
    }

    func verifyQuery(
        _ request: Request, credential lookup: Authenticator.CredentialLookup, check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        let query = request.query
        guard query.value("x-oss-signature-version") == Self.algorithm else {
            throw .invalidArgument(
                "x-oss-signature-version", query.value("x-oss-signature-version") ?? "",
                "The signature version is not supported.")
        }
        guard let credentialField = query.nonEmpty("x-oss-credential"), let signature = query.value("x-oss-signature"),
            let dateText = query.nonEmpty("x-oss-date"), let expiryText = query.nonEmpty("x-oss-expires")
        else {
            throw .malformedAuthorization("The signed URL lacks one of its parameters.")
        }
        let scope = try Scope(credentialField)
        check.scheme = .v4Query
        check.accessKeyID = scope.accessKeyID
        check.providedSignature = signature
        let token = query.nonEmpty("x-oss-security-token") ?? request.nonEmptyHeader("x-oss-security-token")
        let credential = try lookup(scope.accessKeyID, token)
        guard let date = EmulatorInstant(basicISO8601: dateText) else {
            throw .invalidArgument("x-oss-date", dateText, "The date must look like 20231216T162057Z.")
        }
        guard let expiry = Int64(expiryText), (1...Self.maximumExpiry).contains(expiry) else {
            throw .invalidArgument("x-oss-expires", expiryText, "The value must be between 1 and 604800 seconds.")
        }
        guard date.millisecondsSince1970 - request.received.millisecondsSince1970 <= Authenticator.maximumSkew else {
            throw .requestTimeTooSkewed(requested: date, now: request.received)
        }
        let end = EmulatorInstant(millisecondsSince1970: date.millisecondsSince1970 + expiry * 1000)
        guard request.received <= end else { throw .requestHasExpired(expires: end, now: request.received) }
        try checkScope(scope, date: dateText)
        let additional = try Authenticator.additionalHeaders(
            query.nonEmpty("x-oss-additional-headers"), in: request, argument: "x-oss-additional-headers",
            missing: "0002-00000077")
        try verify(
            request, scope: scope, date: dateText, additionalHeaders: additional,
            payloadHash: request.nonEmptyHeader("x-oss-content-sha256") ?? Self.unsignedPayload, signature: signature,
            credential: credential, check: &check)
        return .account(credential.accountID)
    }

    // MARK: Parts

    /// `AK/20231216/cn-hangzhou/oss/aliyun_v4_request`.
    private struct Scope {
        var accessKeyID: String
        var date: String
        var region: String
        var product: String

        init(_ text: String) throws(Fault) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 5, !parts[0].isEmpty, parts[4] == SignatureV4.scopeEnd else {
                throw .malformedAuthorization("The credential of the signature is invalid.", ec: "0002-00000213")
            }
            (accessKeyID, date, region, product) = (parts[0], parts[1], parts[2], parts[3])
        }

        var text: String { "\(date)/\(region)/\(product)/\(SignatureV4.scopeEnd)" }
    }

    private func checkScope(_ scope: Scope, date: String) throws(Fault) {
        guard scope.region == region else {
            throw .malformedAuthorization("Invalid signing region in Authorization header.").detail("Region", region)
        }
        guard scope.product == Self.product else {
            throw .malformedAuthorization("Invalid signing product in Authorization header.")
        }
        guard date.hasPrefix(scope.date), scope.date.utf8.count == 8 else {
            throw .malformedAuthorization("Invalid signing date in Authorization header.")
        }
    }

    // MARK: The signature

    private func verify(
        _ request: Request, scope: Scope, date: String, additionalHeaders: [String], payloadHash: String,
        signature: String, credential: EmulatorCredential, check: inout SignatureCheck
    ) throws(Fault) {
        let canonical = Self.canonicalRequest(
            method: request.head.method.rawValue, bucket: request.target.bucket, key: request.target.key,
            query: request.query, headers: request.headers, additionalHeaders: additionalHeaders,
            payloadHash: payloadHash)
        let toSign = Self.stringToSign(canonicalRequest: canonical, date: date, scope: scope.text)
        check.canonicalRequest = canonical
        check.stringToSign = toSign
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(toSign.utf8), using: key(credential.accessKeySecret, scope))
        // As text, since a signature in capitals is not the one that was made.
        guard Hex.encode(code).hasSameBytes(as: signature) else {
            throw .signatureDoesNotMatch(
                accessKeyID: credential.accessKeyID, provided: signature, stringToSign: toSign,
                canonicalRequest: canonical)
        }
    }

    /// What is signed, from the decoded request: encoding everything anew makes it independent of how a client or a
    /// proxy wrote the query.
    static func canonicalRequest(
        method: String, bucket: String?, key: ObjectKey?, query: Query, headers: HTTPHeaders,
        additionalHeaders: [String], payloadHash: String
    ) -> String {
        var path = "/"
        if let bucket { path += Percent.encode(bucket) + "/" }
        if let key { path += Percent.encode(key.bytes, keepingSlash: true) }

        return [
            method,
            path,
            canonicalQuery(query),
            Authenticator.canonicalHeaders(headers) { name in
                name.hasPrefix("x-oss-") || name == "content-type" || name == "content-md5"
                    || additionalHeaders.contains(name)
            },
            additionalHeaders.joined(separator: ";"),
            payloadHash,
        ].joined(separator: "\n")
    }

    static func canonicalQuery(_ query: Query) -> String {
        var pairs: [(name: String, value: String)] = []
        for item in query.items where item.name != "x-oss-signature" {
            pairs.append((Percent.encode(item.name), Percent.encode(item.value)))
        }
        pairs.sort { left, right in
            left.name == right.name
                ? left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
                : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        return pairs.map { $0.value.isEmpty ? $0.name : "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    static func stringToSign(canonicalRequest: String, date: String, scope: String) -> String {
        let hash = Hex.encode(SHA256.hash(data: Array(canonicalRequest.utf8)))
        return "\(algorithm)\n\(date)\n\(scope)\n\(hash)"
    }

    private func key(_ secret: String, _ scope: Scope) -> SymmetricKey {
        let name = "\(secret)\n\(scope.text)"
        if let key = keys.withLockedValue({ $0[name] }) { return key }
        var key = SymmetricKey(data: Array("aliyun_v4\(secret)".utf8))
        for part in [scope.date, scope.region, scope.product, Self.scopeEnd] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        let derived = key
        keys.withLockedValue { keys in
            // A client chooses the date, so the cache must not grow with what it asks for.
            if keys.count >= 64 { keys.removeAll() }
            keys[name] = derived
        }
        return key
    }
}
