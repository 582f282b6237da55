#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Temporary credentials of a RAM role, from the `AssumeRole` operation of the Security Token Service (STS).
///
/// They are kept, and renewed before they expire.
/// See [AssumeRole](https://www.alibabacloud.com/help/en/ram/developer-reference/api-sts-2015-04-01-assumerole).
public struct RAMRoleCredentialsProvider: CredentialsProvider {
    private let cache: RefreshingCredentialsProvider

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - roleARN: The role, such as `acs:ram::1234567890123456:role/reader`.
    ///   - sessionName: Names the session in the account's logs. Default: `oss-swift`.
    ///   - policy: A policy in JSON that narrows what the role may do. Default: none.
    ///   - duration: How long the credentials are valid: 15 minutes up to what the role allows. Default: an hour.
    ///   - externalID: The external id that the role asks for, if it does.
    ///   - endpoint: Where STS is. Default: `https://sts.aliyuncs.com`.
    ///   - source: Credentials that may assume the role.
    ///   - transport: What sends the requests.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration``.
    public init(
        roleARN: String, sessionName: String = "oss-swift", policy: String? = nil,
        duration: Duration = .seconds(3600), externalID: String? = nil, endpoint: String = "https://sts.aliyuncs.com",
        source: any CredentialsProvider, transport: any HTTPTransport
    ) throws(OSSError) {
        try self.init(
            roleARN: roleARN, sessionName: sessionName, policy: policy, duration: duration, externalID: externalID,
            endpoint: endpoint, source: source, transport: transport, dependencies: .init())
    }

    package init(
        roleARN: String, sessionName: String = "oss-swift", policy: String? = nil,
        duration: Duration = .seconds(3600), externalID: String? = nil, endpoint: String = "https://sts.aliyuncs.com",
        source: any CredentialsProvider, transport: any HTTPTransport, dependencies: RuntimeDependencies
    ) throws(OSSError) {
        let sts = try STS(endpoint: endpoint, transport: transport, dependencies: dependencies)
        var parameters = try STS.parameters(
            "AssumeRole", roleARN: roleARN, sessionName: sessionName, policy: policy, duration: duration)
        if let externalID { parameters["ExternalId"] = externalID }
        cache = RefreshingCredentialsProvider(dependencies: dependencies) { [parameters] in
            try await sts.call(parameters, signedWith: try await source.credentials())
        }
    }

    public func credentials() async throws -> Credentials { try await cache.credentials() }
    public func refused(_ credentials: Credentials) -> Bool { cache.refused(credentials) }
}

/// Temporary credentials of a RAM role for the bearer of an OpenID Connect token, such as a pod in Kubernetes with RAM
/// roles for service accounts.
///
/// The token's file is read anew at every refresh.
/// See [AssumeRoleWithOIDC](https://www.alibabacloud.com/help/en/ram/developer-reference/api-sts-2015-04-01-assumerolewithoidc).
public struct OIDCRoleCredentialsProvider: CredentialsProvider {
    private let cache: RefreshingCredentialsProvider

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - roleARN: The role. Default: the environment variable `ALIBABA_CLOUD_ROLE_ARN`.
    ///   - providerARN: The identity provider. Default: `ALIBABA_CLOUD_OIDC_PROVIDER_ARN`.
    ///   - tokenFile: The path of the file with the token. Default: `ALIBABA_CLOUD_OIDC_TOKEN_FILE`.
    ///   - sessionName: Names the session in the account's logs. Default: `ALIBABA_CLOUD_ROLE_SESSION_NAME`, or
    ///     `oss-swift`.
    ///   - policy: A policy in JSON that narrows what the role may do. Default: none.
    ///   - duration: How long the credentials are valid: 15 minutes up to what the role allows. Default: an hour.
    ///   - endpoint: Where STS is. Default: `https://sts.aliyuncs.com`.
    ///   - transport: What sends the requests.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration`` that names the missing variable.
    public init(
        roleARN: String? = nil, providerARN: String? = nil, tokenFile: String? = nil, sessionName: String? = nil,
        policy: String? = nil, duration: Duration = .seconds(3600), endpoint: String = "https://sts.aliyuncs.com",
        transport: any HTTPTransport
    ) throws(OSSError) {
        try self.init(
            roleARN: roleARN, providerARN: providerARN, tokenFile: tokenFile, sessionName: sessionName, policy: policy,
            duration: duration, endpoint: endpoint, transport: transport, dependencies: .init(),
            lookUp: { Environment.value(of: $0) })
    }

    package init(
        roleARN: String? = nil, providerARN: String? = nil, tokenFile: String? = nil, sessionName: String? = nil,
        policy: String? = nil, duration: Duration = .seconds(3600), endpoint: String = "https://sts.aliyuncs.com",
        transport: any HTTPTransport, dependencies: RuntimeDependencies,
        lookUp: @Sendable (String) -> String?
    ) throws(OSSError) {
        func value(_ given: String?, _ variable: String) throws(OSSError) -> String {
            guard let value = given ?? lookUp(variable), !value.isEmpty else {
                throw OSSError(
                    .invalidConfiguration, code: .credentialsMissing,
                    message: "the OIDC role needs the environment variable \(variable), or its parameter")
            }
            return value
        }
        let sts = try STS(endpoint: endpoint, transport: transport, dependencies: dependencies)
        var parameters = try STS.parameters(
            "AssumeRoleWithOIDC", roleARN: try value(roleARN, "ALIBABA_CLOUD_ROLE_ARN"),
            sessionName: sessionName ?? lookUp("ALIBABA_CLOUD_ROLE_SESSION_NAME") ?? "oss-swift",
            policy: policy, duration: duration)
        parameters["OIDCProviderArn"] = try value(providerARN, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN")
        let path = try value(tokenFile, "ALIBABA_CLOUD_OIDC_TOKEN_FILE")
        cache = RefreshingCredentialsProvider(dependencies: dependencies) { [parameters] in
            let text = try await FileIO.text(at: path, upTo: 1 << 20)
            let token = text.trimmingWhitespace
            guard !token.isEmpty else {
                throw OSSError(.credentials, code: .credentialsMissing, message: "the OIDC token file \(path) is empty")
            }
            var parameters = parameters
            parameters["OIDCToken"] = token
            return try await sts.call(parameters, signedWith: nil)
        }
    }

    public func credentials() async throws -> Credentials { try await cache.credentials() }
    public func refused(_ credentials: Credentials) -> Bool { cache.refused(credentials) }
}

/// Calls of the Security Token Service.
struct STS: Sendable {
    private let service: RPCService

    init(endpoint: String, transport: any HTTPTransport, dependencies: RuntimeDependencies) throws(OSSError) {
        service = try RPCService("STS", endpoint: endpoint, transport: transport, dependencies: dependencies)
    }

    static func parameters(
        _ action: String, roleARN: String, sessionName: String, policy: String?, duration: Duration
    ) throws(OSSError) -> [String: String] {
        func invalid(_ reason: String) -> OSSError { OSSError(.invalidConfiguration, message: reason) }
        guard roleARN.hasPrefix("acs:ram::"), roleARN.contains(":role/") else {
            throw invalid("role ARN '\(roleARN)' is not valid: write it as acs:ram::<account>:role/<name>")
        }
        let isNameByte: (UInt8) -> Bool = { byte in
            byte.isLowercaseLetterOrDigit || (0x41...0x5A).contains(byte) || ".@-_".utf8.contains(byte)
        }
        guard (2...64).contains(sessionName.utf8.count), sessionName.utf8.allSatisfy(isNameByte) else {
            throw invalid("session name '\(sessionName)' is not valid: 2 to 64 letters, digits and . @ - _")
        }
        let seconds = duration.components.seconds
        guard seconds >= 900 else {
            throw invalid("a role's credentials can't be valid for \(seconds) seconds: 900 is the least")
        }
        var parameters = [
            "Action": action, "Format": "JSON", "Version": "2015-04-01", "RoleArn": roleARN,
            "RoleSessionName": sessionName, "DurationSeconds": String(seconds),
        ]
        if let policy, !policy.isEmpty { parameters["Policy"] = policy }
        return parameters
    }

    /// Calls an operation that gives credentials.
    func call(
        _ parameters: [String: String], signedWith credentials: Credentials?
    ) async throws -> RefreshingCredentialsProvider.Fetched {
        // In the body, so that no token stands in a URL.
        let (request, reply) = try await service.call(parameters, in: .body) { parameters in
            guard let credentials else { return }
            parameters["SecurityToken"] = credentials.securityToken
            RPCSignature.sign(&parameters, by: credentials.accessKeyID, "HMAC-SHA1") {
                V1Signer.signature(of: $0, secret: credentials.accessKeySecret + "&")
            }
        }
        struct Document: Decodable {
            var Credentials: CredentialsDocument?
        }
        let document = try? JSONDecoder().decode(Document.self, from: Data(reply.text.utf8))
        guard let found = document?.Credentials?.credentials, found.securityToken != nil, found.expiration != nil else {
            throw request.failure("the reply holds no credentials")
        }
        return .init(found, time: reply.time)
    }
}
