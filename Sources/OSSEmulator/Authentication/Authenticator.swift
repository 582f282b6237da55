import NIOHTTP1

/// Who sent a request.
enum Identity: Sendable, Equatable {
    case anonymous
    case account(String)

    func owns(_ bucket: BucketRecord) -> Bool {
        self == .account(bucket.ownerID)
    }
}

/// Finds out who sent a request, by whichever signature it carries.
///
/// A further scheme is one more case in `identify`, and a type that checks it beside `SignatureV4`.
struct Authenticator: Sendable {
    /// How far a client's clock may be off, in milliseconds.
    static let maximumSkew: Int64 = 15 * 60 * 1000

    /// Gives the credential of a key ID that came with a token.
    typealias CredentialLookup = (_ accessKeyID: String, _ token: String?) throws(Fault) -> EmulatorCredential

    private let credentials: CredentialStore
    private let v1 = SignatureV1()
    private let v2 = SignatureV2()
    private let v4: SignatureV4

    init(credentials: CredentialStore, region: String) {
        self.credentials = credentials
        v4 = SignatureV4(region: region)
    }

    /// - Parameter check: what was found out, also where the request is refused.
    func identify(_ request: Request, check: inout SignatureCheck) throws(Fault) -> Identity {
        let lookup: CredentialLookup = { id, token throws(Fault) in
            try credential(id, token: token, now: request.received)
        }
        let hasV4Query = request.query.has("x-oss-signature-version") || request.query.has("x-oss-signature")
        let hasV1Query = request.query.has("OSSAccessKeyId") || request.query.has("Signature")
        if let authorization = request.header("authorization") {
            guard !hasV4Query, !hasV1Query, request.headers["authorization"].count == 1 else {
                throw .malformedAuthorization("Only one of the Authorization header and a signed URL may be used.")
            }
            if authorization.hasPrefix(SignatureV4.algorithm + " ") {
                return try v4.verifyHeader(authorization, request, credential: lookup, check: &check)
            }
            if authorization.hasPrefix(SignatureV1.prefix) {
                return try v1.verifyHeader(authorization, request, credential: lookup, check: &check)
            }
            if authorization.hasPrefix(SignatureV2.version + " ") {
                return try v2.verifyHeader(authorization, request, credential: lookup, check: &check)
            }
            throw .malformedAuthorization("The Authorization header is invalid.")
        }
        if hasV4Query, request.query.value("x-oss-signature-version") == SignatureV2.version {
            return try v2.verifyQuery(request, credential: lookup, check: &check)
        }
        if hasV4Query { return try v4.verifyQuery(request, credential: lookup, check: &check) }
        if hasV1Query { return try v1.verifyQuery(request, credential: lookup, check: &check) }
        return .anonymous
    }

    /// The same for a form, whose fields say who sends it.
    func identify(
        _ form: FormFields, now: EmulatorInstant, check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        let lookup: CredentialLookup = { id, token throws(Fault) in try credential(id, token: token, now: now) }
        if form["x-oss-signature-version"] == SignatureV2.version {
            return try v2.verifyForm(form, credential: lookup, check: &check)
        }
        if form["x-oss-signature-version"] ?? form["x-oss-credential"] ?? form["x-oss-signature"] != nil {
            return try v4.verifyForm(form, now: now, credential: lookup, check: &check)
        }
        // A policy is worth nothing without a signature.
        if form["OSSAccessKeyId"] ?? form["Signature"] ?? form["policy"] != nil {
            return try v1.verifyForm(form, credential: lookup, check: &check)
        }
        return .anonymous
    }

    /// The credential of a key ID, with the security token that must come with it.
    private func credential(
        _ accessKeyID: String, token: String?, now: EmulatorInstant
    ) throws(Fault) -> EmulatorCredential {
        guard let credential = credentials.find(accessKeyID) else {
            throw .invalidAccessKeyID.detail("OSSAccessKeyId", accessKeyID)
        }
        if credential.securityToken != nil, token == nil {
            throw .missingSecurityToken.detail("OSSAccessKeyId", accessKeyID)
        }
        guard credential.securityToken == token else { throw .invalidSecurityToken }
        if let end = credential.expiration, end <= now { throw .securityTokenExpired }
        return credential
    }
}

// MARK: - Forms

extension Authenticator {
    /// Versions 1 and 2 sign the policy of a form as it stands there, each in its own way.
    ///
    /// - Parameters:
    ///   - keyID: the field that names the key.
    ///   - signature: the field that holds the signature.
    static func verifyPolicy(
        of form: FormFields, _ scheme: SignatureCheck.Scheme, keyID: String, signature: String,
        credential lookup: CredentialLookup, check: inout SignatureCheck,
        sign: (_ policy: String, _ secret: String) -> String
    ) throws(Fault) -> Identity {
        let id = try form.required(keyID, ec: "0002-00000701")
        let policy = try form.required("policy", ec: "0002-00000702")
        let provided = try form.required(signature, ec: "0002-00000703")
        check.scheme = scheme
        check.accessKeyID = id
        check.providedSignature = provided
        check.stringToSign = policy
        let credential = try lookup(id, form["x-oss-security-token"])
        guard sign(policy, credential.accessKeySecret).hasSameBytes(as: provided) else {
            throw .signatureDoesNotMatch(accessKeyID: id, provided: provided, stringToSign: policy)
        }
        return .account(credential.accountID)
    }
}

// MARK: - Time

extension Authenticator {
    /// When a request with an Authorization header says that it was signed.
    ///
    /// - Parameter isV1: whether `x-oss-date` may be an HTTP date, as it is in version 1.
    static func date(of request: Request, isV1: Bool) throws(Fault) -> EmulatorInstant {
        if let text = request.nonEmptyHeader("x-oss-date") {
            if let date = EmulatorInstant(basicISO8601: text) { return date }
            if isV1, let date = EmulatorInstant(httpDate: text) { return date }
            throw Fault(.forbidden, "AccessDenied", "The x-oss-date header is invalid.", ec: "0002-00000502")
        }
        guard let text = request.nonEmptyHeader("date") else {
            throw Fault(.forbidden, "AccessDenied", "OSS authentication requires a valid Date.", ec: "0002-00000503")
        }
        guard let date = EmulatorInstant(httpDate: text) else {
            throw Fault(.forbidden, "AccessDenied", "OSS authentication requires a valid Date.", ec: "0002-00000502")
        }
        return date
    }

    static func checkSkew(_ date: EmulatorInstant, _ request: Request) throws(Fault) {
        guard abs(date.millisecondsSince1970 - request.received.millisecondsSince1970) <= maximumSkew else {
            throw .requestTimeTooSkewed(requested: date, now: request.received)
        }
    }

    /// - Parameter expires: seconds since 1970.
    static func checkExpiry(_ expires: String, _ request: Request) throws(Fault) {
        guard let seconds = Int64(expires), (0...253_402_300_799).contains(seconds) else {
            throw Fault(.forbidden, "AccessDenied", "Invalid date (should be seconds since epoch): \(expires)")
        }
        let end = EmulatorInstant(secondsSince1970: seconds)
        guard request.received <= end else { throw .requestHasExpired(expires: end, now: request.received) }
    }
}

// MARK: - Parts of what is signed

extension Authenticator {
    /// The names of the additional headers that are signed, sorted. Each must be there, and be named in lower case.
    ///
    /// - Parameter missing: the number of the error that one is missing.
    static func additionalHeaders(
        _ list: String?, in request: Request, argument: String, missing ec: String
    ) throws(Fault) -> [String] {
        guard let list else { return [] }
        var names: [String] = []
        for name in list.split(separator: ";", omittingEmptySubsequences: false).map(String.init) {
            guard !name.isEmpty, !name.utf8.contains(where: { (65...90).contains($0) || $0 == UInt8(ascii: "_") })
            else {
                throw .invalidArgument(
                    argument, list, "The additional headers must be named in lower case, with semicolons between them.",
                    ec: "0002-00000210")
            }
            guard request.headers.contains(name: name) else {
                throw .invalidArgument(
                    argument, list, "The request lacks the header \(name), which its signature names.", ec: ec)
            }
            if !names.contains(name) { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// `name:value` and a line feed for each header that is signed; of one that is there more often, all values.
    static func canonicalHeaders(_ headers: HTTPHeaders, isSigned: (_ name: String) -> Bool) -> String {
        var signed: [String: String] = [:]
        for (name, value) in headers {
            let name = name.lowercased()
            guard isSigned(name) else { continue }
            let value = value.trimmingBlanks
            signed[name] = signed[name].map { $0 + "," + value } ?? value
        }
        return signed.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { "\($0.key):\($0.value)\n" }.joined()
    }
}
