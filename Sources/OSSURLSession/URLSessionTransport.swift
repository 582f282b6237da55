import Foundation
import HTTPTypes
public import OSSRuntime

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends requests with `URLSession`: the default transport on Apple platforms.
///
/// It keeps a pool of connections per host. Share one transport between clients to share its pool. Calls that find all
/// connections in use wait for their turn, in order, for as long as it takes. No cookie, cache or stored credential is
/// used.
///
/// What URLSession does by itself, and can't be kept from:
/// - It undoes a `Content-Encoding` it knows. `TransportResponse.isBodyDecoded` then says so, and the checksum of the
///   object isn't compared.
/// - It tries a request again when an idle connection turns out to be closed, unless it has a streamed body.
/// - It doesn't tell when a connection is made. Where that can't be seen (no TLS, and no body sent yet), connect and
///   read/write timeout run as one.
///
/// On Linux, `URLSession` is a layer over libcurl that does less. AsyncHTTPClient is the better choice there, and the
/// default. With this transport on Linux:
/// - Proxies, `TransportConfiguration.insecureSkipVerify` and `TransportConfiguration.trustedCertificatesFile` are
///   refused when it is made. What libcurl reads from the environment (`http_proxy` and its like) applies.
/// - A response whose `Content-Encoding` libcurl doesn't know can't be read.
/// - Paths with a segment `.` or `..` are refused when they are sent: libcurl would send others.
/// - What a slow reader doesn't take of a response is kept in a temporary file; the server isn't held back.
/// - All sessions of a process share one thread, which waits while a streamed body has nothing to send. So a body must
///   not come from a response of the same process' URLSession, and one that pauses for longer than the read/write
///   timeout fails.
///
/// Call ``shutdown()`` when done to close the connections at a moment of your choosing. A transport that is simply
/// dropped closes them by itself, once its last response is read or dropped.
public final class URLSessionTransport: HTTPTransport {
    private static let maximumRedirects = 5

    let configuration: TransportConfiguration
    private let gate: ConnectionGate
    private let sessions: SessionPool
    private let state = Locked(State())

    private struct State {
        var exchanges: [ObjectIdentifier: Exchange] = [:]
        var isShutDown = false
        /// Those who wait for the last exchange to end.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Creates a transport with a connection pool of its own.
    ///
    /// - Parameter configuration: How to connect. Default: `TransportConfiguration()`.
    /// - Throws: `OSSError` of kind `invalidConfiguration` where URLSession can't do what the configuration asks for.
    public convenience init(configuration: TransportConfiguration = .init()) throws {
        try SessionPool.check(configuration)
        self.init(configuration, try ServerTrust(configuration))
    }

    /// A transport that asks for nothing that some platform couldn't do.
    package convenience init(connectTimeout: Duration, maxConnections: Int) {
        self.init(TransportConfiguration(connectTimeout: connectTimeout, maxConnections: maxConnections), .system)
    }

    private init(_ configuration: TransportConfiguration, _ trust: ServerTrust) {
        let limit = max(1, configuration.maxConnections)
        self.configuration = configuration
        self.gate = ConnectionGate(limit: limit, makeSlot: { 0 })
        self.sessions = SessionPool(configuration, limit: limit, trust)
    }

    deinit {
        // Exchanges hold the transport: none is under way.
        sessions.close()
    }

    /// Closes all connections. Requests under way fail with `TransportError` of kind `shutdown`, and so does every
    /// later one. Calling it again waits for the same shutdown.
    public func shutdown() async {
        let exchanges = state.withLock { state in
            state.isShutDown = true
            return Array(state.exchanges.values)
        }
        gate.close()
        for exchange in exchanges { exchange.fail(Self.shutdownError) }
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.exchanges.isEmpty { state.waiters.append(continuation) }
                return state.exchanges.isEmpty
            }
            if isOver { continuation.resume() }
        }
        sessions.close()
    }

    public func send(_ request: TransportRequest) async throws -> TransportResponse {
        var request = request
        for _ in 0...Self.maximumRedirects {
            let response = try await sendOnce(request)
            guard configuration.followsRedirects, let next = Redirect.request(after: response.head, to: request) else {
                return response
            }
            // Read to its end, so that the connection can be used again.
            _ = try? await response.body.collect(upTo: 64 * 1024)
            request = next
        }
        throw TransportError(.protocolViolation, "\(request.head.authority ?? "") redirects without end.")
    }

    private func sendOnce(_ request: TransportRequest) async throws -> TransportResponse {
        let outgoing = try OutgoingRequest(request)
        _ = try await gate.enter(outgoing.origin)
        let exchange = Exchange(request, outgoing, transport: self)
        let isShutDown = state.withLock { state in
            if !state.isShutDown { state.exchanges[ObjectIdentifier(exchange)] = exchange }
            return state.isShutDown
        }
        guard !isShutDown else {
            gate.leave(outgoing.origin, idle: nil)
            throw Self.shutdownError
        }
        exchange.start(on: sessions)
        return try await exchange.response()
    }

    /// An exchange is over, and its connection free or closed.
    func finished(_ exchange: Exchange) {
        gate.leave(exchange.outgoing.origin, idle: nil)
        let waiters = state.withLock { state in
            state.exchanges[ObjectIdentifier(exchange)] = nil
            guard state.exchanges.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    static var shutdownError: TransportError {
        TransportError(.shutdown, "The HTTP transport was shut down.")
    }
}
