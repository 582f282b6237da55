public import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Temporary credentials of the RAM role that an ECS instance runs with, from the instance's metadata server.
///
/// They are kept, and renewed before they expire. The server is asked in its hardened mode first, with a token; where
/// that is not to be had, without.
/// See [Instance RAM roles](https://www.alibabacloud.com/help/en/ecs/user-guide/overview-12).
public struct ECSRoleCredentialsProvider: CredentialsProvider {
    private let cache: RefreshingCredentialsProvider

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - roleName: The role's name. Default: the server is asked for it.
    ///   - requiresToken: Whether requests without a token are ruled out. Default: false.
    ///   - endpoint: Where the metadata server is. Default: `http://100.100.100.200`.
    ///   - transport: What sends the requests.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration``.
    public init(
        roleName: String? = nil, requiresToken: Bool = false, endpoint: String = "http://100.100.100.200",
        transport: any HTTPTransport
    ) throws(OSSError) {
        try self.init(
            roleName: roleName, requiresToken: requiresToken, endpoint: endpoint, transport: transport,
            dependencies: .init())
    }

    package init(
        roleName: String? = nil, requiresToken: Bool = false, endpoint: String = "http://100.100.100.200",
        transport: any HTTPTransport, dependencies: RuntimeDependencies
    ) throws(OSSError) {
        let endpoint = try Endpoint(endpoint, defaultScheme: "http")
        let server = MetadataServer(
            url: "\(endpoint.scheme)://\(endpoint.authority)", requiresToken: requiresToken, transport: transport)
        cache = RefreshingCredentialsProvider(dependencies: dependencies) {
            try await server.credentials(roleName: roleName)
        }
    }

    public func credentials() async throws -> Credentials { try await cache.credentials() }
    public func refused(_ credentials: Credentials) -> Bool { cache.refused(credentials) }
}

private struct MetadataServer: Sendable {
    private static let folder = "/latest/meta-data/ram/security-credentials/"
    // A name that is always valid.
    private static let tokenHeader = HTTPField.Name("X-aliyun-ecs-metadata-token")!
    private static let lifetimeHeader = HTTPField.Name("X-aliyun-ecs-metadata-token-ttl-seconds")!

    let url: String
    let requiresToken: Bool
    let transport: any HTTPTransport

    private func request(_ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields) -> CredentialsRequest {
        CredentialsRequest(method: method, url: url + path, headers: headers, source: "the ECS metadata server")
    }

    func credentials(roleName: String?) async throws -> RefreshingCredentialsProvider.Fetched {
        let token = try await token()
        do {
            return try await credentials(roleName, token)
        } catch let error as OSSError {
            // A server that gives tokens but doesn't take them is one of the older kind.
            guard token != nil, !requiresToken else { throw error }
            do {
                return try await credentials(roleName, nil)
            } catch is OSSError {
                throw error
            }
        }
    }

    private func credentials(
        _ roleName: String?, _ token: String?
    ) async throws -> RefreshingCredentialsProvider.Fetched {
        let headers: HTTPFields = token.map { [Self.tokenHeader: $0] } ?? [:]
        let role =
            if let roleName, !roleName.isEmpty { roleName } else { try await discoverRole(headers) }
        let request = request(.get, Self.folder + PercentEncoding.query(role), headers)
        return try request.credentials(in: try await request.send(transport))
    }

    private func discoverRole(_ headers: HTTPFields) async throws -> String {
        let request = request(.get, Self.folder, headers)
        let reply = try await request.send(transport)
        guard reply.status == 200 else { throw request.failure("status \(reply.status): has the instance a RAM role?") }
        // One role at most, but nothing says so.
        let role = reply.text.trimmingWhitespace.prefix { $0 != "\n" && $0 != "\r" }
        guard !role.isEmpty else { throw request.failure("the instance has no RAM role") }
        return String(role)
    }

    private func token() async throws -> String? {
        let request = request(.put, "/latest/api/token", [Self.lifetimeHeader: "21600"])
        do {
            let reply = try await request.send(transport)
            let token = reply.text.trimmingWhitespace
            if reply.status == 200, !token.isEmpty { return token }
            if requiresToken { throw request.failure("no token: status \(reply.status)") }
        } catch let error as OSSError {
            if requiresToken { throw error }
        }
        return nil
    }
}

/// Temporary credentials from any server that answers a GET with
/// `{"Code": "Success", "AccessKeyId": …, "AccessKeySecret": …, "SecurityToken": …, "Expiration": …}`.
///
/// They are kept, and renewed before they expire.
public struct URICredentialsProvider: CredentialsProvider {
    private let cache: RefreshingCredentialsProvider

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - uri: Where to ask. Default: the environment variable `ALIBABA_CLOUD_CREDENTIALS_URI`.
    ///   - transport: What sends the requests.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration``.
    public init(uri: String? = nil, transport: any HTTPTransport) throws(OSSError) {
        try self.init(
            uri: uri ?? Environment.value(of: "ALIBABA_CLOUD_CREDENTIALS_URI"), transport: transport,
            dependencies: .init())
    }

    package init(uri: String?, transport: any HTTPTransport, dependencies: RuntimeDependencies) throws(OSSError) {
        guard let uri, !uri.isEmpty else {
            throw OSSError(
                .invalidConfiguration, code: .credentialsMissing,
                message: "the environment variable ALIBABA_CLOUD_CREDENTIALS_URI is not set")
        }
        guard uri.hasPrefix("http://") || uri.hasPrefix("https://") else {
            throw OSSError(
                .invalidConfiguration, message: "the credentials URI is not valid: it begins with http:// or https://")
        }
        // Its path or query may hold a secret.
        let request = CredentialsRequest(url: uri, source: "the credentials URI")
        cache = RefreshingCredentialsProvider(dependencies: dependencies) {
            try request.credentials(in: try await request.send(transport))
        }
    }

    public func credentials() async throws -> Credentials { try await cache.credentials() }
    public func refused(_ credentials: Credentials) -> Bool { cache.refused(credentials) }
}

/// The credentials of a function's role in Function Compute: from the header fields of an invocation in a custom
/// runtime, or from the environment that other runtimes set.
///
/// Make one for each invocation, since the credentials belong to it.
/// See [Function Compute](https://www.alibabacloud.com/help/en/functioncompute/).
public struct FunctionComputeCredentialsProvider: CredentialsProvider {
    private let lookUp: @Sendable (_ header: String, _ variable: String) -> String?

    /// Takes the environment variables `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and
    /// `ALIBABA_CLOUD_SECURITY_TOKEN`, read at every request.
    public init() {
        self.init { _, variable in Environment.value(of: variable) }
    }

    /// Takes the fields `x-fc-access-key-id`, `x-fc-access-key-secret` and `x-fc-security-token` of an invocation.
    public init(invocation headers: HTTPFields) {
        self.init { header, _ in headers.value(header) }
    }

    package init(lookUp: @escaping @Sendable (_ header: String, _ variable: String) -> String?) {
        self.lookUp = lookUp
    }

    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/credentials`` that names what is missing.
    public func credentials() async throws -> Credentials {
        Credentials(
            accessKeyID: try required("x-fc-access-key-id", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
            accessKeySecret: try required("x-fc-access-key-secret", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
            securityToken: lookUp("x-fc-security-token", "ALIBABA_CLOUD_SECURITY_TOKEN"))
    }

    private func required(_ header: String, _ variable: String) throws(OSSError) -> String {
        guard let value = lookUp(header, variable), !value.isEmpty else {
            throw OSSError(
                .credentials, code: .credentialsMissing,
                message: "neither the invocation's header \(header) nor the environment variable \(variable) is there")
        }
        return value
    }
}
