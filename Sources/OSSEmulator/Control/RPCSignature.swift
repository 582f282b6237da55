import Crypto
import NIOConcurrencyHelpers
import _CryptoExtras

/// Checks both signatures of the RPC interface: version 1.0 in the parameters, and ACS3 in the headers.
final class RPCSignature: Sendable {
    struct Caller: Sendable {
        var accountID: String
        var isTemporary = false

        fileprivate init(_ credential: EmulatorCredential) {
            accountID = credential.accountID
            isTemporary = credential.securityToken != nil
        }

        init(accountID: String) {
            self.accountID = accountID
        }
    }

    /// A key that signs with RSA, and whose it is.
    struct ClientKey: Sendable {
        var key: _RSA.Signing.PublicKey
        var accountID: String
    }

    private static let algorithm = "ACS3-HMAC-SHA256"

    private let credentials: CredentialStore
    /// The client keys by their IDs, where they may sign.
    private let clientKey: (@Sendable (String) -> ClientKey?)?
    // Only one caller holds it, for a moment.
    private let nonces = NIOLockedValueBox<[String: EmulatorInstant]>([:])

    init(_ credentials: CredentialStore, clientKey: (@Sendable (String) -> ClientKey?)? = nil) {
        self.credentials = credentials
        self.clientKey = clientKey
    }

    func verify(
        _ call: SecurityTokenService.Call, _ request: ControlService.Request, check: inout SignatureCheck
    ) throws(Fault) -> Caller {
        if let authorization = request.header("authorization"), authorization.hasPrefix(Self.algorithm) {
            return try verifyHeader(authorization, request, check: &check)
        }
        check.scheme = .rpc
        let id = try call.required("AccessKeyId")
        check.accessKeyID = id
        let signature = try call.required("Signature")
        let method = try call.required("SignatureMethod")
        guard method == "HMAC-SHA1" || method == "SHA256withRSA" && clientKey != nil else {
            throw Fault(.badRequest, "InvalidSignatureMethod", "Specified signature method is not valid.")
        }
        guard call.parameters.nonEmpty("SignatureVersion") ?? "1.0" == "1.0" else {
            throw Fault(.badRequest, "InvalidSignatureVersion", "Specified signature version is not valid.")
        }
        try checkDate(try call.required("Timestamp"), now: request.now)
        let nonce = try call.required("SignatureNonce")
        let toSign = Self.stringToSign(method: request.head.method.rawValue, call.parameters)
        check.stringToSign = toSign
        check.providedSignature = signature
        let caller =
            try method == "HMAC-SHA1"
            ? verify(signature, of: toSign, id, call, request) : verifyRSA(signature, of: toSign, id, call)
        try use(nonce, of: id, now: request.now)
        check.isVerified = true
        return caller
    }

    private func verify(
        _ signature: String, of toSign: String, _ id: String, _ call: SecurityTokenService.Call,
        _ request: ControlService.Request
    ) throws(Fault) -> Caller {
        let credential = try credential(id, token: call.parameters.nonEmpty("SecurityToken"), now: request.now)
        let key = SymmetricKey(data: Array((credential.accessKeySecret + "&").utf8))
        guard
            let provided = Base64.decode(signature),
            HMAC<Insecure.SHA1>.isValidAuthenticationCode(provided, authenticating: Array(toSign.utf8), using: key)
        else {
            throw .signatureNotMatched("server string to sign is:\(toSign)")
        }
        return Caller(credential)
    }

    private func verifyRSA(
        _ signature: String, of toSign: String, _ id: String, _ call: SecurityTokenService.Call
    ) throws(Fault) -> Caller {
        guard try call.required("SignatureType") == "PRIVATEKEY" else {
            throw Fault(.badRequest, "InvalidSignatureType", "Specified signature type is not valid.")
        }
        guard let clientKey = clientKey?(id) else { throw .unknownAccessKey }
        guard
            let provided = Base64.decode(signature),
            clientKey.key.isValidSignature(
                .init(rawRepresentation: provided), for: SHA256.hash(data: Array(toSign.utf8)),
                padding: .insecurePKCS1v1_5)
        else {
            throw .signatureNotMatched("server string to sign is:\(toSign)")
        }
        return Caller(accountID: clientKey.accountID)
    }

    static func stringToSign(method: String, _ parameters: Query) -> String {
        let pairs = canonical(parameters.items.filter { $0.name != "Signature" })
        return "\(method)&%2F&\(Percent.encode(pairs))"
    }

    private static func canonical(_ items: [Query.Item]) -> String {
        items.map { (Percent.encode($0.name), Percent.encode($0.value)) }
            .sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    private func verifyHeader(
        _ authorization: String, _ request: ControlService.Request, check: inout SignatureCheck
    ) throws(Fault) -> Caller {
        check.scheme = .acs3
        var fields: [String: String] = [:]
        for part in authorization.dropFirst(Self.algorithm.utf8.count).split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { fields[pair[0].trimmingBlanks] = pair[1].trimmingBlanks }
        }
        guard let id = fields["Credential"], let names = fields["SignedHeaders"], let signature = fields["Signature"]
        else {
            throw Fault(
                .badRequest, "IncompleteSignature",
                "The request signature does not conform to Aliyun standards.")
        }
        check.accessKeyID = id
        guard let date = request.header("x-acs-date") else { throw .missing("x-acs-date") }
        try checkDate(date, now: request.now)
        guard let nonce = request.header("x-acs-signature-nonce") else { throw .missing("x-acs-signature-nonce") }
        let credential = try credential(id, token: request.header("x-acs-security-token"), now: request.now)
        let path = request.head.uri.prefix { $0 != "?" }
        var lines = [request.head.method.rawValue, String(path), Self.canonical(request.query.items)]
        lines += names.split(separator: ";").map { name in
            let values = request.head.headers[canonicalForm: String(name)].map { $0.trimmingBlanks }.sorted()
            return "\(name.lowercased()):\(values.joined(separator: ","))"
        }
        let hash = Hex.encode(SHA256.hash(data: request.body))
        lines += ["", names, hash]
        let canonical = lines.joined(separator: "\n")
        let toSign = "\(Self.algorithm)\n\(Hex.encode(SHA256.hash(data: Array(canonical.utf8))))"
        check.canonicalRequest = canonical
        check.stringToSign = toSign
        check.providedSignature = signature
        let key = SymmetricKey(data: Array(credential.accessKeySecret.utf8))
        guard
            let provided = Hex.decode(signature), request.header("x-acs-content-sha256").map({ $0 == hash }) ?? true,
            HMAC<SHA256>.isValidAuthenticationCode(provided, authenticating: Array(toSign.utf8), using: key)
        else {
            throw .signatureNotMatched("server string to sign is:\(toSign), server canonical string is:\(canonical)")
        }
        try use(nonce, of: id, now: request.now)
        check.isVerified = true
        return Caller(credential)
    }

    private func credential(_ id: String, token: String?, now: EmulatorInstant) throws(Fault) -> EmulatorCredential {
        guard let credential = credentials.find(id) else { throw .unknownAccessKey }
        if credential.securityToken != nil, token == nil { throw .missing("SecurityToken") }
        guard credential.securityToken == token else {
            throw Fault(
                .badRequest, "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatch with the AccessKey.")
        }
        if let end = credential.expiration, end <= now {
            throw Fault(.badRequest, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
        }
        return credential
    }

    private func checkDate(_ text: String, now: EmulatorInstant) throws(Fault) {
        guard let date = EmulatorInstant(iso8601Seconds: text) else {
            throw Fault(
                .badRequest, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
        }
        guard abs(date.millisecondsSince1970 - now.millisecondsSince1970) <= Authenticator.maximumSkew else {
            throw Fault(.badRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
        }
    }

    /// A nonce is good once, as long as its date is.
    private func use(_ nonce: String, of id: String, now: EmulatorInstant) throws(Fault) {
        let isNew = nonces.withLockedValue { nonces in
            if nonces.count >= 10_000 {
                let start = now.advanced(by: -2 * Authenticator.maximumSkew)
                nonces = nonces.filter { $0.value > start }
                if nonces.count >= 10_000 { nonces.removeAll() }
            }
            return nonces.updateValue(now, forKey: "\(id)\n\(nonce)") == nil
        }
        guard isNew else {
            throw Fault(.badRequest, "SignatureNonceUsed", "Specified signature nonce was used already.")
        }
    }
}

extension Fault {
    fileprivate static let unknownAccessKey = Fault(
        .notFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
}
