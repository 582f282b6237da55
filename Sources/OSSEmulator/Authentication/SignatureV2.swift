import Crypto

/// Checks signatures of version 2, which the first Python and Go SDKs can make: `Authorization: OSS2 AccessKeyId:…`,
/// and URLs with `x-oss-signature-version=OSS2`. It signs as version 1 does, but all of the query, and headers by name.
struct SignatureV2: Sendable {
    static let version = "OSS2"
    private static let fieldNames: Set<String> = ["AccessKeyId", "AdditionalHeaders", "Signature"]

    func verifyHeader(
        _ authorization: String, _ request: Request, credential lookup: Authenticator.CredentialLookup,
        check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        let malformed = Fault.malformedAuthorization("The Authorization header is invalid.")
        var fields: [String: String] = [:]
        for part in authorization.dropFirst(Self.version.utf8.count + 1).split(separator: ",") {
            guard let colon = part.firstIndex(of: ":") else { throw malformed }
            let name = part[..<colon].trimmingBlanks
            guard Self.fieldNames.contains(name), fields[name] == nil else { throw malformed }
            fields[name] = part[part.index(after: colon)...].trimmingBlanks
        }
        guard let id = fields["AccessKeyId"], !id.isEmpty, let signature = fields["Signature"], !signature.isEmpty
        else { throw malformed }
        check.scheme = .v2Header
        check.accessKeyID = id
        check.providedSignature = signature
        let credential = try lookup(id, request.nonEmptyHeader("x-oss-security-token"))
        try Authenticator.checkSkew(try Authenticator.date(of: request, isV1: true), request)
        let additional = try Authenticator.additionalHeaders(
            fields["AdditionalHeaders"], in: request, argument: "AdditionalHeaders", missing: "0002-00000112")
        try verify(
            request, date: request.nonEmptyHeader("date") ?? request.nonEmptyHeader("x-oss-date") ?? "",
            additional: additional, signature: signature, credential: credential, check: &check)
        return .account(credential.accountID)
    }

    func verifyQuery(
        _ request: Request, credential lookup: Authenticator.CredentialLookup, check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        let query = request.query
        guard let id = query.nonEmpty("x-oss-access-key-id"), let expires = query.nonEmpty("x-oss-expires"),
            let signature = query.nonEmpty("x-oss-signature")
        else { throw .malformedAuthorization("The signed URL lacks one of its parameters.") }
        check.scheme = .v2Query
        check.accessKeyID = id
        check.providedSignature = signature
        let token = query.nonEmpty("security-token") ?? request.nonEmptyHeader("x-oss-security-token")
        let credential = try lookup(id, token)
        try Authenticator.checkExpiry(expires, request)
        let additional = try Authenticator.additionalHeaders(
            query.nonEmpty("x-oss-additional-headers"), in: request, argument: "x-oss-additional-headers",
            missing: "0002-00000077")
        try verify(
            request, date: expires, additional: additional, signature: signature, credential: credential, check: &check)
        return .account(credential.accountID)
    }

    /// Of a form it is the policy that is signed.
    func verifyForm(
        _ form: FormFields, credential lookup: Authenticator.CredentialLookup, check: inout SignatureCheck
    ) throws(Fault) -> Identity {
        try Authenticator.verifyPolicy(
            of: form, .v2Form, keyID: "x-oss-access-key-id", signature: "x-oss-signature", credential: lookup,
            check: &check, sign: Self.sign)
    }

    private static func sign(_ text: String, _ secret: String) -> String {
        let key = SymmetricKey(data: Array(secret.utf8))
        return Base64.encode(Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)))
    }

    private func verify(
        _ request: Request, date: String, additional: [String], signature: String, credential: EmulatorCredential,
        check: inout SignatureCheck
    ) throws(Fault) {
        var path = "/"
        if let bucket = request.target.bucket { path += bucket + "/" }
        let resource = Percent.encode(Array(path.utf8) + (request.target.key?.bytes ?? []))
        let query = SignatureV4.canonicalQuery(request.query)
        let toSign = [
            request.head.method.rawValue,
            request.header("content-md5") ?? "",
            request.header("content-type") ?? "",
            date,
            Authenticator.canonicalHeaders(request.headers) { $0.hasPrefix("x-oss-") || additional.contains($0) }
                + additional.joined(separator: ";"),
            resource + (query.isEmpty ? "" : "?" + query),
        ].joined(separator: "\n")
        check.stringToSign = toSign
        guard Self.sign(toSign, credential.accessKeySecret).hasSameBytes(as: signature) else {
            throw .signatureDoesNotMatch(
                accessKeyID: credential.accessKeyID, provided: signature, stringToSign: toSign)
        }
    }
}
