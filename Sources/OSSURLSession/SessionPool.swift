import Foundation
import OSSRuntime

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif
#if canImport(Network)
    import Network
#endif

/// The URLSession in use, and how many connections it has.
///
/// URLSession has no setting for how long an unused connection is kept. So once a session is seen to hold more
/// connections than were needed during a whole idle timeout, it is left to end and another one takes its place.
final class SessionPool: Sendable {
    /// A session and its connections.
    final class PooledSession: Sendable {
        let session: URLSession
        let delegate: SessionDelegate
        fileprivate let origins = Locked<[String: Usage]>([:])

        fileprivate init(_ settings: Settings) {
            delegate = SessionDelegate(settings.trust)
            session = URLSession(configuration: settings.makeConfiguration(), delegate: delegate, delegateQueue: nil)
        }
    }

    /// A place on a connection.
    struct Lease: Sendable {
        let pooled: PooledSession
        let origin: String
        /// Whether there was an idle connection to use.
        let isConnected: Bool
    }

    fileprivate struct Usage {
        var inUse = 0
        /// The most in use at a time since the last look.
        var peak = 0
        /// The most in use at a time, less those that were closed: as many connections there may be.
        var connections = 0
    }

    private struct State {
        var current: PooledSession?
        var watch: Task<Void, Never>?
        var isClosed = false
    }

    /// What URLSession does on a thread that may be busy is asked for on this one: a task would block one of the few
    /// threads that Swift's tasks have.
    let queue = DispatchQueue(label: "oss-swift.URLSession")
    private let settings: Settings
    private let state = Locked(State())

    init(_ configuration: TransportConfiguration, limit: Int, _ trust: ServerTrust) {
        settings = Settings(
            idleTimeout: configuration.idleTimeout, trust: trust, limit: limit, proxy: configuration.proxy)
    }

    /// - Throws: `OSSError` of kind `invalidConfiguration` that names what URLSession can't do.
    static func check(_ configuration: TransportConfiguration) throws {
        #if canImport(FoundationNetworking)
            let unsupported = [
                configuration.proxy.map { _ in "proxy" },
                configuration.insecureSkipVerify ? "insecureSkipVerify" : nil,
                configuration.trustedCertificatesFile.map { _ in "trustedCertificatesFile" },
            ].compactMap(\.self)
            guard unsupported.isEmpty else {
                throw OSSError(
                    .invalidConfiguration,
                    message: "URLSession on this platform has no setting for \(unsupported.joined(separator: ", ")); "
                        + "use AsyncHTTPClientTransport"
                )
            }
        #endif
    }

    /// Takes a connection. To be called on the queue.
    func lease(_ origin: String) -> Lease? {
        let pooled: PooledSession? = state.withLock { state in
            guard !state.isClosed else { return nil }
            if let current = state.current { return current }
            let pooled = PooledSession(settings)
            state.current = pooled
            state.watch = watch()
            return pooled
        }
        guard let pooled else { return nil }
        let isConnected = pooled.origins.withLock { origins in
            var usage = origins[origin] ?? Usage()
            let isConnected = usage.connections > usage.inUse
            usage.inUse += 1
            usage.peak = max(usage.peak, usage.inUse)
            usage.connections = max(usage.connections, usage.inUse)
            origins[origin] = usage
            return isConnected
        }
        return Lease(pooled: pooled, origin: origin, isConnected: isConnected)
    }

    /// Gives a connection back.
    func end(_ lease: Lease, isReusable: Bool) {
        lease.pooled.origins.withLock { origins in
            origins[lease.origin]?.inUse -= 1
            if !isReusable { origins[lease.origin]?.connections -= 1 }
        }
    }

    /// Ends all sessions, each once its last exchange is over.
    func close() {
        let (pooled, watch) = state.withLock { state in
            state.isClosed = true
            defer { (state.current, state.watch) = (nil, nil) }
            return (state.current, state.watch)
        }
        watch?.cancel()
        if let pooled { retire(pooled) }
    }

    private func retire(_ pooled: PooledSession) {
        queue.async { pooled.session.finishTasksAndInvalidate() }
    }

    private func watch() -> Task<Void, Never> {
        let timeout = settings.idleTimeout
        return Task { [weak self] in
            repeat {
                do { try await Task.sleep(for: timeout) } catch { return }
            } while self?.retireIfWasteful() == false
        }
    }

    /// Looks whether connections went unused since the last look. Returns whether that was the end of the session.
    private func retireIfWasteful() -> Bool {
        let wasteful: PooledSession? = state.withLock { state in
            guard let current = state.current else { return nil }
            let isWasteful = current.origins.withLock { origins in
                let isWasteful = origins.values.contains { $0.peak < $0.connections }
                for (origin, usage) in origins { origins[origin]?.peak = usage.inUse }
                return isWasteful
            }
            guard isWasteful else { return nil }
            (state.current, state.watch) = (nil, nil)
            return current
        }
        if let wasteful { retire(wasteful) }
        return wasteful != nil
    }
}

/// What the sessions of a transport have in common.
private struct Settings: Sendable {
    let idleTimeout: Duration
    let trust: ServerTrust
    let limit: Int
    let proxy: OSSRuntime.ProxyConfiguration?

    func makeConfiguration() -> URLSessionConfiguration {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.requestCachePolicy = .reloadIgnoringLocalAndRemoteCacheData
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.httpCookieStorage = nil
        configuration.httpCookieAcceptPolicy = .never
        configuration.httpShouldSetCookies = false
        configuration.httpMaximumConnectionsPerHost = limit
        // Time is ours to watch.
        configuration.timeoutIntervalForRequest = 7 * 24 * 3600
        configuration.timeoutIntervalForResource = 7 * 24 * 3600
        #if !canImport(FoundationNetworking)
            configuration.tlsMinimumSupportedProtocolVersion = .TLSv12
            configuration.waitsForConnectivity = false
            if let proxy, let port = NWEndpoint.Port(rawValue: UInt16(clamping: proxy.port)) {
                var tunnel = Network.ProxyConfiguration(
                    httpCONNECTProxy: .hostPort(host: NWEndpoint.Host(proxy.host), port: port)
                )
                if let user = proxy.user { tunnel.applyCredential(username: user, password: proxy.password ?? "") }
                configuration.proxyConfigurations = [tunnel]
            }
        #endif
        return configuration
    }
}
