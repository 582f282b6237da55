public import OSSRuntime

extension CredentialsProvider where Self == RAMRoleCredentialsProvider {
    /// Temporary credentials of a RAM role, from the Security Token Service.
    ///
    /// - Parameters:
    ///   - roleARN: The role, such as `acs:ram::1234567890123456:role/reader`.
    ///   - source: Credentials that may assume the role.
    ///   - sessionName: Names the session in the account's logs. Default: `oss-swift`.
    ///   - policy: A policy in JSON that narrows what the role may do. Default: none.
    ///   - duration: How long the credentials are valid: 15 minutes up to what the role allows. Default: an hour.
    ///   - externalID: The external id that the role asks for, if it does.
    ///   - endpoint: Where STS is. Default: `https://sts.aliyuncs.com`.
    /// - Throws: `OSSError` of kind `invalidConfiguration`.
    public static func ramRole(
        _ roleARN: String, source: any CredentialsProvider, sessionName: String = "oss-swift", policy: String? = nil,
        duration: Duration = .seconds(3600), externalID: String? = nil, endpoint: String = "https://sts.aliyuncs.com"
    ) throws -> Self {
        try RAMRoleCredentialsProvider(
            roleARN: roleARN, sessionName: sessionName, policy: policy, duration: duration, externalID: externalID,
            endpoint: endpoint, source: source, transport: CredentialsTransport.shared)
    }
}

extension CredentialsProvider where Self == OIDCRoleCredentialsProvider {
    /// Temporary credentials of a RAM role for the bearer of an OpenID Connect token, such as a pod in Kubernetes with
    /// RAM roles for service accounts. What isn't given comes from the environment.
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
    /// - Throws: `OSSError` of kind `invalidConfiguration` that names the missing variable.
    public static func oidcRole(
        _ roleARN: String? = nil, providerARN: String? = nil, tokenFile: String? = nil, sessionName: String? = nil,
        policy: String? = nil, duration: Duration = .seconds(3600), endpoint: String = "https://sts.aliyuncs.com"
    ) throws -> Self {
        try OIDCRoleCredentialsProvider(
            roleARN: roleARN, providerARN: providerARN, tokenFile: tokenFile, sessionName: sessionName, policy: policy,
            duration: duration, endpoint: endpoint, transport: CredentialsTransport.shared)
    }
}

extension CredentialsProvider where Self == ECSRoleCredentialsProvider {
    /// Temporary credentials of the RAM role that an ECS instance runs with.
    ///
    /// - Parameters:
    ///   - roleName: The role's name. Default: the metadata server is asked for it.
    ///   - requiresToken: Whether requests without a token, outside of the hardened mode, are ruled out. Default: false.
    ///   - endpoint: Where the metadata server is. Default: `http://100.100.100.200`.
    /// - Throws: `OSSError` of kind `invalidConfiguration`.
    public static func ecsRole(
        _ roleName: String? = nil, requiresToken: Bool = false, endpoint: String = "http://100.100.100.200"
    ) throws -> Self {
        try ECSRoleCredentialsProvider(
            roleName: roleName, requiresToken: requiresToken, endpoint: endpoint,
            transport: CredentialsTransport.shared)
    }
}

extension CredentialsProvider where Self == URICredentialsProvider {
    /// Temporary credentials from a server of your own.
    ///
    /// - Parameter uri: Where to ask. Default: the environment variable `ALIBABA_CLOUD_CREDENTIALS_URI`.
    /// - Throws: `OSSError` of kind `invalidConfiguration`.
    public static func uri(_ uri: String? = nil) throws -> Self {
        try URICredentialsProvider(uri: uri, transport: CredentialsTransport.shared)
    }
}

extension CredentialsProvider where Self == ProfileCredentialsProvider {
    /// A profile of `~/.aliyun/config.json` or `~/.alibabacloud/credentials`.
    ///
    /// - Parameter name: The profile's name. Default: the environment variable `ALIBABA_CLOUD_PROFILE`, else the
    ///   current one.
    public static func profile(_ name: String? = nil) -> Self {
        ProfileCredentialsProvider(name: name, transport: CredentialsTransport.shared)
    }
}

extension CredentialsProvider where Self == CredentialsProviderChain {
    /// The first of these that has credentials: the environment, an OIDC role, a profile, a credentials URI, Function
    /// Compute, and the role of the ECS instance (not where the environment variable
    /// `ALIBABA_CLOUD_ECS_METADATA_DISABLED` is `true`).
    public static func chain() -> Self {
        let transport = CredentialsTransport.shared
        var links: [CredentialsProviderChain.Link] = [
            .init("environment", .environment),
            .init("OIDC role") { try OIDCRoleCredentialsProvider(transport: transport) },
            .init("profile", ProfileCredentialsProvider(transport: transport)),
            .init("credentials URI") { try URICredentialsProvider(transport: transport) },
            .init("Function Compute", FunctionComputeCredentialsProvider()),
        ]
        if Environment.value(of: "ALIBABA_CLOUD_ECS_METADATA_DISABLED")?.lowercased() != "true" {
            links.append(.init("ECS role") { try ECSRoleCredentialsProvider(transport: transport) })
        }
        return CredentialsProviderChain(links)
    }
}
