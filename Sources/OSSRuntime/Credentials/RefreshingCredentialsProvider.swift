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
/// "Before" goes by the server's clock as far as it is known.
public final class RefreshingCredentialsProvider: CredentialsProvider {
    package struct Fetched: Sendable {
        var credentials: Credentials
        /// The time from which new ones are wanted, where that isn't shortly before they expire.
        var renewal: Date?
        /// The time by the clock of who gave them.
        var time: Date?

        package init(_ credentials: Credentials, renewal: Date? = nil, time: Date? = nil) {
            self.credentials = credentials
            self.renewal = renewal
            self.time = time
        }
    }

    private struct State {
        var current: (credentials: Credentials, fetched: Date, renewal: Date?)?
        var isFetching = false
        var waiters: [Int: CheckedContinuation<Credentials, any Error>] = [:]
        var nextWaiter = 0
        /// How far the clock of who gave the credentials is ahead of this machine's, where theirs makes the difference.
        var clockOffset: TimeInterval = 0
    }

    private enum Decision {
        case use(Credentials)
        case wait
    }

    /// How long credentials that have not expired are left alone after their renewal failed.
    private static let pause: TimeInterval = 60

    private let fetch: @Sendable () async throws -> Fetched
    private let refusalOfSource: @Sendable (Credentials) -> Bool
    private let refreshBefore: TimeInterval
    private let maximumAge: TimeInterval?
    private let machineTime: @Sendable () -> Date
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
            // Temporary ones were kept here for a while: the provider may have others by now.
            refused: { provider.refused($0) || $0.expiration != nil },
            fetch: { Fetched(try await provider.credentials()) })
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
        self.init(
            refreshBefore: refreshBefore, maximumAge: maximumAge, dependencies: .init(),
            fetch: { Fetched(try await fetch()) })
    }

    package init(
        refreshBefore: Duration = .seconds(300), maximumAge: Duration? = nil, dependencies: RuntimeDependencies,
        refused: @escaping @Sendable (Credentials) -> Bool = { _ in true },
        fetch: @escaping @Sendable () async throws -> Fetched
    ) {
        self.fetch = fetch
        refusalOfSource = refused
        self.refreshBefore = refreshBefore.seconds
        self.maximumAge = maximumAge?.seconds
        machineTime = dependencies.now
    }

    private func now(_ state: State) -> Date {
        machineTime().addingTimeInterval(ServerClock.offset == 0 ? state.clockOffset : ServerClock.offset)
    }

    /// The credentials at hand, or new ones.
    ///
    /// - Throws: What the source threw, when there are no valid credentials; `CancellationError`.
    public func credentials() async throws -> Credentials {
        let (decision, mustFetch) = state.withLock { state -> (Decision, Bool) in
            let now = now(state)
            guard let current = state.current else { return (.wait, false) }
            var end = current.credentials.expiration
            if end == nil, let maximumAge { end = current.fetched.addingTimeInterval(maximumAge) }
            if let end, now >= end { return (.wait, false) }
            let renewal =
                current.renewal
                ?? end.map { $0.addingTimeInterval(-min(refreshBefore, $0.timeIntervalSince(current.fetched) / 5)) }
            guard let renewal, now >= renewal, !state.isFetching else { return (.use(current.credentials), false) }
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

    private func checkExpiration(of fetched: Fetched) throws(OSSError) {
        let now = machineTime()
        var offset: TimeInterval = 0
        if let end = fetched.credentials.expiration, end <= now.addingTimeInterval(ServerClock.offset) {
            // Or this machine's clock is ahead, and no client has been told so yet.
            guard let time = fetched.time, time < end else {
                throw OSSError(.credentials, message: "the credentials that were fetched have expired already")
            }
            offset = time.timeIntervalSince(now)
        }
        state.withLock { $0.clockOffset = offset }
    }

    /// On its own, since it belongs to all who wait for it.
    private func startFetching() {
        Task {
            let result: Result<Fetched, any Error>
            do {
                let fetched = try await fetch()
                try checkExpiration(of: fetched)
                result = .success(fetched)
            } catch is CancellationError {
                // Of something further down; those who wait were not cancelled.
                result = .failure(OSSError(.credentials, message: "fetching credentials was cancelled"))
            } catch {
                result = .failure(error)
            }
            let waiters = state.withLock { state in
                let now = now(state)
                if case .success(let new) = result {
                    state.current = (new.credentials, now, new.renewal)
                } else if state.current?.renewal != nil {
                    state.current?.renewal = now.addingTimeInterval(Self.pause)
                }
                state.isFetching = false
                defer { state.waiters = [:] }
                return state.waiters.values
            }
            for waiter in waiters { waiter.resume(with: result.map(\.credentials)) }
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
