import AsyncHTTPClient
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OSSRuntime

/// Sends requests with AsyncHTTPClient over HTTP/1.1: the default transport on servers.
///
/// It keeps a pool of connections per host. Share one transport between clients to share its pool. Calls
/// that find all connections in use wait for their turn, in order, for as long as it takes.
///
/// Call ``shutdown()`` when done to close the connections at a moment of your choosing. A transport that is
/// simply dropped closes them by itself, once its last response is read or dropped.
public final class AsyncHTTPClientTransport: HTTPTransport {
    private let client: HTTPClient
    let proxy: ProxyConfiguration?
    let followsRedirects: Bool
    /// The slots of the gate are places in here: an exchange that starts on the loop of the connection it will get spares
    /// a thread change for every chunk.
    private let loops: [any EventLoop]
    private let gate: ConnectionGate
    private let exchanges: ExchangeTable
    let names = FieldNames()
    /// How many bytes of a response are kept for a reader that is slower than the network.
    let responseLimit: Int
    private let state = Locked(State())

    private struct Template: Hashable {
        var origin: String
        var method: String
    }

    private struct State {
        /// A request to the root of each host; the target is put in on the wire.
        var templates: [Template: HTTPClient.Request] = [:]
        /// The turns of the uploads on each event loop.
        var turns: [ObjectIdentifier: UploadTurns] = [:]
        var shutdown: Task<Void, Never>?
    }

    /// Creates a transport with a connection pool of its own.
    ///
    /// - Parameters:
    ///   - configuration: How to connect. Default: `TransportConfiguration()`.
    ///   - eventLoopGroup: The threads for network I/O. Default: the process-wide group of NIO.
    ///   - customize: Changes AsyncHTTPClient's own configuration, for what `configuration` doesn't offer.
    ///     HTTP/2, decompression and the hook for new connections stay the transport's own.
    public convenience init(
        configuration: TransportConfiguration = .init(),
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        customize: (inout HTTPClient.Configuration) -> Void = { _ in }
    ) {
        self.init(configuration, eventLoopGroup, responseLimit: 512 * 1024, customize)
    }

    init(
        _ configuration: TransportConfiguration,
        _ eventLoopGroup: any EventLoopGroup,
        responseLimit: Int,
        _ customize: (inout HTTPClient.Configuration) -> Void = { _ in }
    ) {
        self.responseLimit = responseLimit
        let exchanges = ExchangeTable()
        var settings = HTTPClient.Configuration(configuration)
        customize(&settings)
        settings.httpVersion = .http1Only
        settings.decompression = .disabled
        settings.http1_1ConnectionDebugInitializer = { channel in
            Self.tune(channel).flatMap { WireHandler.install(in: channel, exchanges) }
        }
        self.client = HTTPClient(eventLoopGroup: eventLoopGroup, configuration: settings)
        self.proxy = configuration.proxy
        self.followsRedirects = configuration.followsRedirects
        self.exchanges = exchanges
        loops = Array(eventLoopGroup.makeIterator())
        gate = ConnectionGate(
            limit: settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit,
            makeSlot: { [loops] in
                let next = eventLoopGroup.next()
                return loops.firstIndex { $0 === next } ?? 0
            }
        )
    }

    deinit {
        // AsyncHTTPClient traps in debug builds when it is dropped before it is shut down. This neither
        // blocks nor needs anybody to wait; after a shutdown of our own it does nothing.
        client.shutdown { _ in }
    }

    /// Closes all connections. Requests under way fail with `TransportError` of kind `shutdown`, and so does
    /// every later one. Calling it again waits for the same shutdown.
    public func shutdown() async {
        let task = state.withLock { state in
            if let task = state.shutdown { return task }
            let task = Task { [client, gate] in
                gate.close()
                try? await client.shutdown().get()
            }
            state.shutdown = task
            return task
        }
        await task.value
    }

    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        let host = request.head.authority ?? ""
        let origin = "\(request.head.scheme ?? "https")://\(host)"
        let slot = try await gate.enter(origin)
        let loop = loops[slot]
        let exchange = Exchange(request, host: host, loop: loop, transport: self)
        let outgoing: HTTPClient.Request
        let id: UInt64
        do {
            (outgoing, id) = try makeRequest(request, origin: origin, exchange)
        } catch {
            gate.leave(origin, idle: slot)
            throw TransportError.from(error, host: host, wasHeadSent: false, proxy: proxy)
        }
        let task = client.execute(request: outgoing, delegate: exchange, eventLoop: .delegate(on: loop))
        task.futureResult.whenComplete { [gate, loops, exchanges] result in
            exchange.finished(result)
            exchanges.remove(id)
            let isReusable = if case .success = result { true } else { false }
            let idle = isReusable ? exchange.connectionLoop : nil
            gate.leave(origin, idle: idle.flatMap { idle in loops.firstIndex { $0 === idle } })
        }
        exchange.start(task)
        return try await exchange.response()
    }

    private func makeRequest(
        _ request: TransportRequest,
        origin: String,
        _ exchange: Exchange
    ) throws -> (HTTPClient.Request, id: UInt64) {
        var outgoing = try template(origin: origin, request.head)
        var headers: [(String, String)] = []
        if followsRedirects {
            // Redirects may lead to another host: AsyncHTTPClient resolves them, and knows what that host may see.
            headers.reserveCapacity(request.head.headerFields.count + 4)
            for field in request.head.headerFields { headers.append((field.name.rawName, field.value)) }
        } else {
            // The others are put in on the wire.
            if let authority = request.head.authority { headers.append(("host", authority)) }
            if let connection = request.head.headerFields[.connection] { headers.append(("connection", connection)) }
        }
        let id = exchanges.add(exchange, to: &headers)
        outgoing.headers = HTTPHeaders(headers)
        if let body = request.body, body.length != 0 {
            let turns = turns(on: exchange.loop)
            outgoing.body = .stream(contentLength: body.length) { writer in
                exchange.sendBody(body, writer, turns)
            }
        }
        return (outgoing, id)
    }

    /// A request without header fields and body, to the right place.
    private func template(origin: String, _ head: HTTPRequest) throws -> HTTPClient.Request {
        let method = head.method.rawValue
        guard !followsRedirects else {
            // They are resolved against the whole URL.
            return try HTTPClient.Request(url: origin + (head.path ?? "/"), method: HTTPMethod(rawValue: method))
        }
        let key = Template(origin: origin, method: method)
        if let known = state.withLock({ $0.templates[key] }) { return known }
        let template = try HTTPClient.Request(url: origin + "/", method: HTTPMethod(rawValue: method))
        state.withLock { state in
            // Virtual hosts are many where buckets are; their URLs are cheap to parse again.
            if state.templates.count >= 256 { state.templates = [:] }
            state.templates[key] = template
        }
        return template
    }

    private func turns(on loop: any EventLoop) -> UploadTurns {
        state.withLock { state in
            if let turns = state.turns[ObjectIdentifier(loop)] { return turns }
            let turns = UploadTurns(loop: loop)
            state.turns[ObjectIdentifier(loop)] = turns
            return turns
        }
    }

    /// Buffers that fit bulk transfers: fewer and larger reads and writes than NIO's defaults.
    private static func tune(_ channel: any Channel) -> EventLoopFuture<Void> {
        #if canImport(Network)
            return channel.eventLoop.makeSucceededVoidFuture()
        #else
            let reads = AdaptiveRecvByteBufferAllocator(minimum: 4 * 1024, initial: 16 * 1024, maximum: 256 * 1024)
            let writes = ChannelOptions.Types.WriteBufferWaterMark(low: Upload.window, high: 4 * Upload.window)
            return channel.setOption(.recvAllocator, value: reads).flatMap {
                channel.setOption(.writeBufferWaterMark, value: writes)
            }
        #endif
    }
}

extension HTTPClient.Configuration {
    fileprivate init(_ configuration: TransportConfiguration) {
        self.init()
        timeout.connect = TimeAmount(configuration.connectTimeout)
        redirectConfiguration =
            configuration.followsRedirects
            ? .follow(max: 5, allowCycles: false)
            : .disallow
        connectionPool.idleTimeout = TimeAmount(configuration.idleTimeout)
        connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(1, configuration.maxConnections)
        // A refused connection is reported at once; whether to try again is the caller's decision.
        connectionPool.retryConnectionEstablishment = false
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if configuration.insecureSkipVerify { tls.certificateVerification = .none }
        if let file = configuration.trustedCertificatesFile { tls.trustRoots = .file(file) }
        tlsConfiguration = tls
        proxy = configuration.proxy.map { proxy in
            .server(
                host: proxy.host,
                port: proxy.port,
                authorization: proxy.user.map { .basic(username: $0, password: proxy.password ?? "") }
            )
        }
        // Spans are the caller's business: it knows operations and attempts.
        tracing.tracer = nil
    }
}
