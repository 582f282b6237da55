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

    private let credentials: CredentialStore
    private let v4: SignatureV4

    init(credentials: CredentialStore, region: String) {
        self.credentials = credentials
        v4 = SignatureV4(region: region)
    }

    /// - Parameter check: what was found out, also where the request is refused.
    func identify(_ request: Request, check: inout SignatureCheck) throws(Fault) -> Identity {
        let lookup: SignatureV4.CredentialLookup = { id, token throws(Fault) in
            try credential(id, token: token, now: request.received)
        }
        let authorization = request.nonEmptyHeader("authorization")
        let hasV4Query = request.query.has("x-oss-signature-version") || request.query.has("x-oss-signature")
        let hasV1Query = request.query.has("OSSAccessKeyId") || request.query.has("Signature")
        if let authorization {
            guard !hasV4Query, !hasV1Query else {
                throw .malformedAuthorization("Only one of the Authorization header and a signed URL may be used.")
            }
            if authorization.hasPrefix(SignatureV4.algorithm + " ") {
                return try v4.verifyHeader(authorization, request, credential: lookup, check: &check)
            }
            if authorization.hasPrefix("OSS ") { throw .notImplemented("signature version 1") }
            throw .malformedAuthorization("The Authorization header is invalid.")
        }
        if hasV4Query { return try v4.verifyQuery(request, credential: lookup, check: &check) }
        if hasV1Query { throw .notImplemented("signature version 1") }
        return .anonymous
    }

    /// The credential of a key ID, with the security token that must come with it.
    private func credential(
        _ accessKeyID: String, token: String?, now: EmulatorInstant
    ) throws(Fault) -> EmulatorCredential {
        guard let credential = credentials.find(accessKeyID) else {
            throw .invalidAccessKeyID.detail("OSSAccessKeyId", accessKeyID)
        }
        guard credential.securityToken == token else { throw .invalidSecurityToken }
        if let end = credential.expiration, end <= now { throw .securityTokenExpired }
        return credential
    }
}
