import NIOCore
import OSSRuntime

/// Lets as many exchanges through as there may be connections to a host, in order of arrival.
///
/// AsyncHTTPClient has a queue of its own, but counts the wait in it against the connect timeout: with
/// more calls than connections, those at the end would fail though nothing is wrong. So calls wait here.
/// The gate also remembers on which event loop each idle connection lives: an exchange that starts on the
/// loop of the connection it will get spares a thread change for every chunk.
final class ConnectionGate: Sendable {
    private struct Host {
        var inUse = 0
        var idleLoops: [any EventLoop] = []
        var waiters: CircularBuffer<Waiter> = []
    }

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<any EventLoop, any Error>
    }

    private struct State {
        var hosts: [String: Host] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let limit: Int
    private let group: any EventLoopGroup
    private let state = Locked(State())

    init(limit: Int, group: any EventLoopGroup) {
        self.limit = limit
        self.group = group
    }

    /// Waits for a turn. Returns the event loop to prefer.
    ///
    /// - Throws: `CancellationError`, or ``TransportError`` of kind `shutdown`.
    func enter(_ host: String) async throws -> any EventLoop {
        enum Entry {
            case loop(any EventLoop)
            case wait(UInt64)
            case closed
        }
        let entry: Entry = state.withLock { state in
            if state.isClosed { return .closed }
            if let loop = admit(&state.hosts[host, default: Host()]) { return .loop(loop) }
            state.nextID += 1
            return .wait(state.nextID)
        }
        switch entry {
        case .loop(let loop): return loop
        case .closed: throw Self.closedError
        case .wait(let id): return try await wait(id, host)
        }
    }

    private func wait(_ id: UInt64, _ host: String) async throws -> any EventLoop {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<any EventLoop, any Error>? = state.withLock { state in
                    if state.isClosed { return .failure(Self.closedError) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    // A turn may have become free since `enter` looked.
                    if let loop = admit(&state.hosts[host, default: Host()]) { return .success(loop) }
                    state.hosts[host, default: Host()].waiters.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                guard let index = state.hosts[host]?.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                return state.hosts[host]?.waiters.remove(at: index)
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Ends a turn.
    ///
    /// - Parameter loop: The loop of the connection that was used, if it can be used again.
    func leave(_ host: String, idleOn loop: (any EventLoop)?) {
        let next: (Waiter, any EventLoop)? = state.withLock { state in
            guard var entry = state.hosts.removeValue(forKey: host) else { return nil }
            entry.inUse -= 1
            if let loop { entry.idleLoops.append(loop) }
            defer {
                // Nothing but loop hints is lost with a host that nobody uses; they are cheap to keep for a few.
                if entry.inUse > 0 || !entry.waiters.isEmpty || state.hosts.count < 64 { state.hosts[host] = entry }
            }
            guard !entry.waiters.isEmpty, let loop = admit(&entry) else { return nil }
            return (entry.waiters.removeFirst(), loop)
        }
        if let (waiter, loop) = next { waiter.continuation.resume(returning: loop) }
    }

    /// How many wait for a turn.
    func waiting(for host: String) -> Int {
        state.withLock { $0.hosts[host]?.waiters.count ?? 0 }
    }

    /// Turns away everybody who waits or comes later.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { state.hosts = [:] }
            return state.hosts.values.flatMap(\.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(throwing: Self.closedError) }
    }

    private func admit(_ host: inout Host) -> (any EventLoop)? {
        guard host.inUse < limit else { return nil }
        host.inUse += 1
        return host.idleLoops.popLast() ?? group.next()
    }

    private static var closedError: TransportError {
        TransportError(.shutdown, "The HTTP transport was shut down.")
    }
}
