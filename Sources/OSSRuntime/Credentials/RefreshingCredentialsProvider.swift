#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Keeps credentials and gets new ones before they expire.
///
/// However many callers ask at the same time, there is one request for new credentials. While the old ones are still
/// valid nobody waits for it, and if it fails they stay in use; the next caller tries again. A caller that is
/// cancelled stops waiting and leaves the request to the others.
///
/// "Before" goes by the server's clock as far as the client knows it.
public final class RefreshingCredentialsProvider: CredentialsProvider {
    private struct State {
        var current: (credentials: Credentials, fetched: Date)?
        var isFetching = false
        var waiters: [Int: CheckedContinuation<Credentials, any Error>] = [:]
        var nextWaiter = 0
    }

    private enum Decision {
        case use(Credentials)
        case wait
    }

    private let fetch: @Sendable () async throws -> Credentials
    private let refusalOfSource: @Sendable (Credentials) -> Bool
    private let refreshBefore: TimeInterval
    private let maximumAge: TimeInterval?
    private let now: @Sendable () -> Date
    private let state = Locked(State())

    /// Keeps the credentials of another provider.
    ///
    /// - Parameters:
    ///   - provider: Asked when new credentials are needed.
    ///   - refreshBefore: How long before their expiry new ones are fetched; at most a fifth of their lifetime.
    ///     Default: 5 minutes.
    ///   - maximumAge: How long credentials are kept that don't say when they expire. Default: for ever.
    public convenience init(
        _ provider: some CredentialsProvider, refreshBefore: Duration = .seconds(300), maximumAge: Duration? = nil
    ) {
        self.init(
            refreshBefore: refreshBefore, maximumAge: maximumAge, dependencies: .init(),
            refused: { provider.refused($0) }, fetch: { try await provider.credentials() })
    }

    /// Keeps what a function gives.
    ///
    /// - Parameters:
    ///   - refreshBefore: How long before their expiry new ones are fetched; at most a fifth of their lifetime.
    ///     Default: 5 minutes.
    ///   - maximumAge: How long credentials are kept that don't say when they expire. Default: for ever.
    ///   - fetch: Gives new credentials.
    public convenience init(
        refreshBefore: Duration = .seconds(300), maximumAge: Duration? = nil,
        fetch: @escaping @Sendable () async throws -> Credentials
    ) {
        self.init(refreshBefore: refreshBefore, maximumAge: maximumAge, dependencies: .init(), fetch: fetch)
    }

    package init(
        refreshBefore: Duration = .seconds(300), maximumAge: Duration? = nil, dependencies: RuntimeDependencies,
        refused: @escaping @Sendable (Credentials) -> Bool = { _ in true },
        fetch: @escaping @Sendable () async throws -> Credentials
    ) {
        self.fetch = fetch
        refusalOfSource = refused
        self.refreshBefore = refreshBefore.seconds
        self.maximumAge = maximumAge?.seconds
        now = { dependencies.now().addingTimeInterval(ServerClock.offset) }
    }

    /// The credentials at hand, or new ones.
    ///
    /// - Throws: What the source threw, when there are no valid credentials; `CancellationError`.
    public func credentials() async throws -> Credentials {
        let now = now()
        let (decision, mustFetch) = state.withLock { state -> (Decision, Bool) in
            guard let current = state.current else { return (.wait, false) }
            var end = current.credentials.expiration
            if end == nil, let maximumAge { end = current.fetched.addingTimeInterval(maximumAge) }
            guard let end else { return (.use(current.credentials), false) }
            guard now < end else { return (.wait, false) }
            let window = min(refreshBefore, end.timeIntervalSince(current.fetched) / 5)
            guard now >= end.addingTimeInterval(-window), !state.isFetching else {
                return (.use(current.credentials), false)
            }
            state.isFetching = true
            return (.use(current.credentials), true)
        }
        if mustFetch { startFetching() }
        switch decision {
        case .use(let credentials): return credentials
        case .wait: return try await wait()
        }
    }

    /// Drops the credentials that the service refused, unless newer ones are here already.
    public func refused(_ credentials: Credentials) -> Bool {
        let mayGetOthers = refusalOfSource(credentials)
        return state.withLock { state in
            guard let current = state.current, current.credentials == credentials else { return true }
            if mayGetOthers { state.current = nil }
            return mayGetOthers
        }
    }

    private func wait() async throws -> Credentials {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isFirst = state.withLock { state in
                    state.waiters[id] = continuation
                    defer { state.isFetching = true }
                    return !state.isFetching
                }
                if isFirst { startFetching() }
                // Cancelled before there was anything to cancel.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func cancel(_ id: Int) {
        state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
    }

    /// On its own, since it belongs to all who wait for it.
    private func startFetching() {
        Task {
            let result: Result<Credentials, any Error>
            do {
                let credentials = try await fetch()
                if let end = credentials.expiration, end <= now() {
                    throw OSSError(.credentials, message: "the credentials that were fetched have expired already")
                }
                result = .success(credentials)
            } catch is CancellationError {
                // Of something further down; those who wait were not cancelled.
                result = .failure(OSSError(.credentials, message: "fetching credentials was cancelled"))
            } catch {
                result = .failure(error)
            }
            let waiters = state.withLock { state in
                if case .success(let credentials) = result { state.current = (credentials, now()) }
                state.isFetching = false
                defer { state.waiters = [:] }
                return state.waiters.values
            }
            for waiter in waiters { waiter.resume(with: result) }
        }
    }
}

/// How far the server's clock is ahead of this machine's, where a client asks its provider for credentials.
package enum ServerClock {
    @TaskLocal package static var offset: TimeInterval = 0
}

extension Duration {
    package var seconds: TimeInterval {
        TimeInterval(components.seconds) + TimeInterval(components.attoseconds) * 1e-18
    }
}
