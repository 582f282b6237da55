public import CoreMetrics
public import HTTPTypes
public import Logging
public import Tracing

/// All settings of a client, as a value. What isn't set has the default that suits most users.
public struct ClientConfiguration: Sendable {
    /// The region's id, such as `cn-hangzhou`: part of every signature, and of the endpoint unless one is given.
    public var region: String
    /// Where credentials come from.
    public var credentials: any CredentialsProvider

    /// An endpoint to use instead of the region's own: `host`, `host:port` or `https://host:port`.
    public var endpoint: String?
    /// Which of the region's endpoints is used where ``endpoint`` is nil. Default: the public one.
    public var endpointKind: EndpointKind = .publicInternet
    /// Plain HTTP where the endpoint does not say which scheme to use. Default: false.
    public var disablesTLS = false
    /// How buckets become part of the URL. Default: virtual-hosted, or in the path where the endpoint is an IP address.
    public var addressing: AddressingStyle = .virtualHosted
    /// The cloud box that ``endpoint`` leads to, which requests are then signed for. Default: none.
    public var cloudBox: CloudBox?

    /// When and how often failed requests are sent again. Default: 3 attempts.
    public var retry = RetryPolicy()
    /// How long a request may go without a byte read or written; more than zero. Default: 20 s.
    public var readWriteTimeout: Duration = .seconds(20)
    /// Connections, proxy and TLS; not used where ``transport`` is set.
    public var transportConfiguration = TransportConfiguration()
    /// A transport to use instead of one of the client's own, for instance to share one pool between clients.
    /// The client does not shut it down.
    public var transport: (any HTTPTransport)?

    /// How requests are signed. Default: version 4.
    public var signature = SignatureMethod.v4
    /// Names of header fields to sign beyond those that always are, with version 4 of signatures. Default: none.
    public var additionalSignedHeaders: [String] = []
    /// Header fields of all requests that have no such field from their operation or its options; presigned URLs have none
    /// of them. Default: none.
    public var defaultHeaders: HTTPFields = [:]
    /// Appended to the SDK's own `User-Agent`. Default: nothing.
    public var userAgent: String?
    /// Compares the CRC-64 of uploads with the one the service computed. Default: true.
    public var checksUploads = true
    /// Compares the CRC-64 of whole-object downloads with the one the service stored. Default: true.
    public var checksDownloads = true
    /// Gets a line per attempt at debug, header fields at trace; never a secret. Default: silent.
    public var logger: Logger?

    /// Counts requests, attempts, retries, bytes and durations, by operation and outcome; nil takes the process's own
    /// (`MetricsSystem.factory`, as it is when the client is made).
    public var metrics: (any MetricsFactory)?
    /// Gets a span for each call, with an event for each attempt; nil takes the process's own
    /// (`InstrumentationSystem.tracer`).
    public var tracer: (any Tracer)?

    /// Makes a configuration with defaults for all but region and credentials.
    public init(region: String, credentials: any CredentialsProvider) {
        self.region = region
        self.credentials = credentials
    }

    /// Makes a configuration with an explicit endpoint.
    public init(region: String, endpoint: String, credentials: any CredentialsProvider) {
        self.init(region: region, credentials: credentials)
        self.endpoint = endpoint
    }
}

extension ClientConfiguration {
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration``.
    package func resolvedEndpoint() throws(OSSError) -> Endpoint {
        try Endpoint.validate(region: region)
        return try Endpoint(
            endpoint ?? endpointKind.host(region: region), defaultScheme: disablesTLS ? "http" : "https")
    }

    /// The id of the cloud box that requests go to; nil where they go to a region.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration``.
    package func resolvedCloudBox(_ resolved: Endpoint) throws(OSSError) -> String? {
        guard let cloudBox else { return nil }
        guard endpoint != nil else {
            throw OSSError(
                .invalidConfiguration,
                message: "a cloud box has an endpoint of its own: set endpoint, as in "
                    + "'cb-123.\(region).oss-cloudbox.aliyuncs.com'")
        }
        return try cloudBox.id(endpoint: resolved)
    }

    /// Refuses what could only fail, or be ignored, later.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration`` that names the setting.
    package func validate() throws(OSSError) {
        func check(_ isValid: Bool, _ name: String, _ value: some CustomStringConvertible, _ rule: String)
            throws(OSSError)
        {
            guard isValid else {
                throw OSSError(.invalidConfiguration, message: "\(name) is \(value); \(rule)")
            }
        }
        let attempts = retry.maximumAttempts
        try check(attempts >= 1, "retry.maximumAttempts", attempts, "at least 1 is needed")
        try check(readWriteTimeout > .zero, "readWriteTimeout", readWriteTimeout, "it must be more than zero")
        guard transport == nil else { return }
        let settings = transportConfiguration
        try check(
            settings.connectTimeout > .zero, "transportConfiguration.connectTimeout", settings.connectTimeout,
            "it must be more than zero")
        try check(
            settings.idleTimeout > .zero, "transportConfiguration.idleTimeout", settings.idleTimeout,
            "it must be more than zero")
        try check(
            settings.maxConnections >= 1, "transportConfiguration.maxConnections", settings.maxConnections,
            "at least 1 is needed")
        if let proxy = settings.proxy {
            try check(
                !proxy.host.isEmpty && (1...65535).contains(proxy.port), "transportConfiguration.proxy", proxy,
                "a host and a port of 1 to 65535 are needed")
        }
    }
}
