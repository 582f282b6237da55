@_exported public import HTTPTypes
@_exported public import OSSChecksum
@_exported public import OSSRuntime

/// A client of Object Storage Service (OSS): one for as many buckets and concurrent calls as you like.
///
/// ```swift
/// let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
/// try await client.putObject(.init(bucket: "photos", key: "cat.txt", body: "meow"))
/// ```
///
/// Every method throws `OSSError`, or `CancellationError` when its task is cancelled.
///
/// A client is cheap to pass around and holds a pool of connections, which is closed when the last reference goes or
/// ``shutdown()`` is called.
public final class OSSClient: Sendable {
    package let core: ServiceClient
    private let ownTransport: DefaultTransport?

    /// Makes a client.
    ///
    /// - Throws: `OSSError` of kind `invalidConfiguration` that says which setting is wrong.
    public convenience init(_ configuration: ClientConfiguration) throws {
        try self.init(configuration, dependencies: .init())
    }

    /// Makes a client of a region, with defaults for everything else.
    ///
    /// - Throws: `OSSError` of kind `invalidConfiguration` when the region is malformed.
    public convenience init(region: String, credentials: any CredentialsProvider) throws {
        try self.init(ClientConfiguration(region: region, credentials: credentials))
    }

    package init(
        _ configuration: ClientConfiguration,
        dependencies: RuntimeDependencies,
        retryQuota: RetryQuota = .init()
    ) throws {
        let transport: any HTTPTransport
        if let given = configuration.transport {
            transport = given
            ownTransport = nil
        } else {
            let own = try makeDefaultTransport(configuration.transportConfiguration)
            transport = own
            ownTransport = own
        }
        core = try ServiceClient(
            configuration,
            transport: transport,
            dependencies: dependencies,
            retryQuota: retryQuota
        )
    }

    /// The configuration the client was made with.
    public var configuration: ClientConfiguration { core.configuration }

    /// Waits for the calls in flight and closes the connections. Calls made afterwards throw an `OSSError` of kind
    /// `shutdown`, and so does reading on in the body of an earlier reply. Not mandatory, and harmless the
    /// second time.
    ///
    /// A transport given in the configuration stays open: it may serve other clients.
    public func shutdown() async {
        await core.shutdown()
        await ownTransport?.shutdown()
    }
}

extension OSSClient {
    package func execute<R: OperationRequest, Output: OperationOutput>(_ request: R, _ options: CallOptions)
        async throws -> Output
    {
        try await core.execute(request, options)
    }

    package func presigned<R: OperationRequest>(_ request: R, _ expires: PresignExpiry, _ options: CallOptions)
        async throws -> PresignedRequest
    {
        try await core.presign(request, expires: expires, options)
    }

    /// The reply that ends a wait.
    package func wait<R: OperationRequest, Output>(
        _ waiter: Waiter<Output>,
        _ request: R,
        _ timeout: Duration,
        _ options: CallOptions
    ) async throws -> Result<Output, OSSError> {
        try await core.wait(waiter, request, timeout, options)
    }

    /// The pages of a list. `advance` moves the request to the page after the one it is given, or says that there is none.
    package func paginate<R: OperationRequest & Hashable, Page: OperationOutput>(
        _ request: R,
        _ options: CallOptions,
        _ advance: @escaping @Sendable (inout R, Page) -> Bool
    ) -> Paginator<Page> {
        Paginator(first: core.page(request, options, advance))
    }
}
