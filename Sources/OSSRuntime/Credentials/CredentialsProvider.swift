/// Where a client gets its credentials: asked before every attempt, so it should answer from memory when it can.
public protocol CredentialsProvider: Sendable {
    /// The credentials to sign the next attempt with.
    ///
    /// What it throws reaches the caller as the cause of an ``OSSError`` of kind ``OSSError/Kind/credentials``.
    func credentials() async throws -> Credentials

    /// The service refused these credentials as unknown or expired; gives whether asking again may bring others, in
    /// which case the request is tried once more. By default: no.
    func refused(_ credentials: Credentials) -> Bool
}

extension CredentialsProvider {
    public func refused(_ credentials: Credentials) -> Bool { false }
}

/// A fixed access key pair, with a security token if it is a temporary one.
public struct StaticCredentialsProvider: CredentialsProvider {
    private let value: Credentials

    /// Makes a provider of one fixed value. An empty token is no token.
    public init(accessKeyID: String, accessKeySecret: String, securityToken: String? = nil) {
        value = Credentials(accessKeyID: accessKeyID, accessKeySecret: accessKeySecret, securityToken: securityToken)
    }

    public func credentials() async throws -> Credentials { value }
}

/// The environment variables `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and, if set, `OSS_SESSION_TOKEN`, read at every
/// request.
public struct EnvironmentCredentialsProvider: CredentialsProvider {
    private let lookUp: @Sendable (String) -> String?

    /// Makes a provider that reads the process's environment.
    public init() {
        self.init { Environment.value(of: $0) }
    }

    package init(lookUp: @escaping @Sendable (String) -> String?) {
        self.lookUp = lookUp
    }

    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/credentials`` that names the missing variable.
    public func credentials() async throws -> Credentials {
        Credentials(
            accessKeyID: try required("OSS_ACCESS_KEY_ID"),
            accessKeySecret: try required("OSS_ACCESS_KEY_SECRET"),
            securityToken: lookUp("OSS_SESSION_TOKEN")
        )
    }

    private func required(_ name: String) throws(OSSError) -> String {
        guard let value = lookUp(name), !value.isEmpty else {
            throw OSSError(
                .credentials, code: .credentialsMissing, message: "the environment variable \(name) is not set")
        }
        return value
    }
}

/// No credentials: requests go out unsigned, for buckets and objects that anyone may read.
public struct AnonymousCredentialsProvider: CredentialsProvider {
    /// Makes the provider.
    public init() {}

    public func credentials() async throws -> Credentials { .anonymous }
}

/// Credentials from a function of your own, asked before every attempt.
///
/// What it gives is not kept: put it into a ``RefreshingCredentialsProvider`` if it takes time.
public struct ClosureCredentialsProvider: CredentialsProvider {
    private let function: @Sendable () async throws -> Credentials

    /// Makes a provider of a function.
    public init(_ function: @escaping @Sendable () async throws -> Credentials) {
        self.function = function
    }

    public func credentials() async throws -> Credentials { try await function() }
}

extension CredentialsProvider where Self == ClosureCredentialsProvider {
    /// Credentials from a function of your own, asked before every attempt.
    public static func closure(_ function: @escaping @Sendable () async throws -> Credentials) -> Self {
        ClosureCredentialsProvider(function)
    }
}

extension CredentialsProvider where Self == RefreshingCredentialsProvider {
    /// Credentials from a function of your own, kept until shortly before they expire.
    public static func refreshing(_ fetch: @escaping @Sendable () async throws -> Credentials) -> Self {
        RefreshingCredentialsProvider(fetch: fetch)
    }
}

extension CredentialsProvider where Self == StaticCredentialsProvider {
    /// A fixed access key pair, with a security token if it is a temporary one.
    public static func `static`(accessKeyID: String, accessKeySecret: String, securityToken: String? = nil) -> Self {
        StaticCredentialsProvider(
            accessKeyID: accessKeyID, accessKeySecret: accessKeySecret, securityToken: securityToken)
    }
}

extension CredentialsProvider where Self == EnvironmentCredentialsProvider {
    /// The environment variables `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and `OSS_SESSION_TOKEN`.
    public static var environment: Self { EnvironmentCredentialsProvider() }
}

extension CredentialsProvider where Self == AnonymousCredentialsProvider {
    /// No credentials: requests go out unsigned.
    public static var anonymous: Self { AnonymousCredentialsProvider() }
}
