import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Signs by whichever method is configured.
package struct Signer: Sendable {
    private let method: SignatureMethod
    private let v4 = V4Signer()

    package init(_ method: SignatureMethod) {
        self.method = method
    }

    /// Whether signing needs the secret of the access key here.
    var needsSecret: Bool {
        switch method.kind {
        case .v4, .v1: true
        case .remote, .custom: false
        }
    }

    /// Signs in the header, where nobody has to be waited for; false where somebody has.
    func signAtOnce(_ request: inout SignableRequest, with parameters: SigningParameters) -> Bool {
        guard case .v4 = method.kind else { return false }
        v4.sign(&request, with: parameters)
        return true
    }

    /// Signs in the header.
    package func sign(_ request: inout SignableRequest, with parameters: SigningParameters) async throws {
        switch method.kind {
        case .v4: v4.sign(&request, with: parameters)
        case .v1, .remote(.v1, _):
            let text = V1Signer.prepare(&request, parameters)
            V1Signer.finish(&request, parameters, signature: try await v1Signature(of: text, parameters))
        case .remote(_, let sign):
            var signature = v4.prepare(&request, with: parameters)
            signature.appendStringToSign()
            signature.signature = try await remotely(sign, .v4, signature.trace.stringToSign, parameters)
            request.headers.append(HTTPField(name: .authorization, value: signature.authorization))
        case .custom:
            // Its interface is the message itself; see ``sign(_:_:with:)``.
            break
        }
    }

    /// Signs a message by a signer of the user's own; false where that isn't the method.
    func sign(_ head: inout HTTPRequest, bucket: String?, key: String?, with parameters: SigningParameters)
        async throws -> Bool
    {
        guard case .custom(let signer) = method.kind else { return false }
        let context = RequestSigningContext(
            bucket: bucket, key: key, credentials: parameters.credentials, region: parameters.region,
            product: parameters.product, date: parameters.date, additionalSignedHeaders: parameters.additionalHeaders)
        do {
            try await signer.sign(&head, with: context)
        } catch {
            throw Self.failure(error)
        }
        return true
    }

    /// Signs in the query.
    package func presign(
        _ request: inout SignableRequest, with parameters: SigningParameters, expiresIn seconds: Int
    ) async throws {
        switch method.kind {
        case .v4, .remote(.v4, _), .custom:
            try checkExpiry(seconds)
        case .v1, .remote:
            guard seconds > 0 else { throw Self.invalidExpiry("it is in the past") }
        }
        switch method.kind {
        case .v4: v4.presign(&request, with: parameters, expiresIn: seconds)
        case .v1, .remote(.v1, _):
            let text = V1Signer.prepare(&request, parameters, expiresIn: seconds)
            V1Signer.finishQuery(&request, signature: try await v1Signature(of: text, parameters))
        case .remote(_, let sign):
            var signature = v4.preparePresign(&request, with: parameters, expiresIn: seconds)
            signature.appendStringToSign()
            let value = try await remotely(sign, .v4, signature.trace.stringToSign, parameters)
            SigningQuery.add("x-oss-signature", value, to: &request.query)
        case .custom: throw Self.customCannotPresign
        }
    }

    /// The fields that sign a form upload, for a policy that is finished but for what signing adds to it.
    ///
    /// - Parameter policy: Gives the policy, in base64, for the conditions that the signing fields need.
    package func post(
        with parameters: SigningParameters, policy: (_ fields: [(String, String)]) -> String
    ) async throws -> [(String, String)] {
        let token = parameters.credentials.securityToken
        let tokenField = token.map { [("x-oss-security-token", $0)] } ?? []
        switch method.kind {
        case .v1, .remote(.v1, _):
            let text = policy(tokenField)
            return tokenField + [
                ("OSSAccessKeyId", parameters.credentials.accessKeyID), ("policy", text),
                ("Signature", try await v1Signature(of: text, parameters)),
            ]
        case .v4, .remote:
            let time = SigningTime(parameters.date)
            let fields =
                tokenField + [
                    ("x-oss-signature-version", V4Signature.algorithm),
                    (
                        "x-oss-credential",
                        parameters.credentials.accessKeyID + "/" + V4Signature.scope(parameters, time)
                    ),
                    ("x-oss-date", time.dateTime),
                ]
            let text = policy(fields)
            let signature =
                if case .remote(_, let sign) = method.kind {
                    try await remotely(sign, .v4, text, parameters)
                } else {
                    v4.signature(of: text, parameters, time)
                }
            return fields + [("policy", text), ("x-oss-signature", signature)]
        case .custom: throw Self.customCannotPresign
        }
    }

    // MARK: Parts

    private func v1Signature(of text: String, _ parameters: SigningParameters) async throws -> String {
        guard case .remote(_, let sign) = method.kind else {
            return V1Signer.signature(of: text, secret: parameters.credentials.accessKeySecret)
        }
        return try await remotely(sign, .v1, text, parameters)
    }

    private func remotely(
        _ sign: @Sendable (StringToSign) async throws -> String, _ version: SignatureVersion, _ text: String,
        _ parameters: SigningParameters
    ) async throws -> String {
        let day = String(SigningTime(parameters.date).dateTime.prefix(8))
        let scope = version == .v4 ? [day, parameters.region, parameters.product, "aliyun_v4_request"] : []
        let signature: String
        do {
            signature = try await sign(
                StringToSign(
                    version: version, text: text, accessKeyID: parameters.credentials.accessKeyID, scope: scope))
        } catch {
            throw Self.failure(error)
        }
        guard !signature.isEmpty, signature.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw OSSError(
                .credentials, message: "the remote signer gave no signature, or one that no header can carry")
        }
        return signature
    }

    private static func failure(_ error: any Error) -> any Error {
        if error is CancellationError || error is OSSError { return error }
        return OSSError(.credentials, message: "the signer failed", cause: error)
    }

    private func checkExpiry(_ seconds: Int) throws(OSSError) {
        guard seconds > 0 else { throw Self.invalidExpiry("it is in the past") }
        guard seconds <= V4Signer.maximumExpiry else {
            throw Self.invalidExpiry("\(seconds) seconds are more than the 7 days that a version 4 signature allows")
        }
    }

    private static func invalidExpiry(_ reason: String) -> OSSError {
        OSSError(.invalidRequest, message: "the URL's expiry is not valid: \(reason)")
    }

    private static let customCannotPresign = OSSError(
        .invalidConfiguration, message: "a custom signer can't presign: use .v4, .v1 or .remote as signature method")
}
