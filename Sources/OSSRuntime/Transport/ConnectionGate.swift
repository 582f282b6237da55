/// Lets as many exchanges through as there may be connections to a host, in order of arrival.
///
/// HTTP clients have queues of their own, but count the wait in them against their timeouts: with more calls than
/// connections, those at the end would fail though nothing is wrong. So calls wait here.
///
/// Whoever leaves can leave a slot behind: what the transport wants to know of the connection that is idle now. It is
/// given to one who comes later.
package final class ConnectionGate: Sendable {
    /// A number, whatever it means to the transport.
    package typealias Slot = Int

    private struct Host {
        var inUse = 0
        var idleSlots: [Slot] = []
        var waiters: [Waiter] = []
    }

    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Slot, any Error>
    }

    private enum Entry {
        case slot(Slot)
        case wait(UInt64)
        case closed
    }

    private struct State {
        var hosts: [String: Host] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let limit: Int
    private let makeSlot: @Sendable () -> Slot
    private let state = Locked(State())

    /// - Parameters:
    ///   - limit: How many may be in at a time, per host.
    ///   - makeSlot: Makes a slot where none was left behind.
    package init(limit: Int, makeSlot: @escaping @Sendable () -> Slot) {
        self.limit = limit
        self.makeSlot = makeSlot
    }

    /// Waits for a turn. Returns the slot to use.
    ///
    /// - Throws: `CancellationError`, or ``TransportError`` of kind `shutdown`.
    package func enter(_ host: String) async throws -> Slot {
        // Nothing is begun for somebody who has gone.
        try Task.checkCancellation()
        let entry: Entry = state.withLock { state in
            if state.isClosed { return .closed }
            if let slot = admit(&state.hosts[host, default: Host()]) { return .slot(slot) }
            state.nextID += 1
            return .wait(state.nextID)
        }
        switch entry {
        case .slot(let slot): return slot
        case .closed: throw Self.closedError
        case .wait(let id): return try await wait(id, host)
        }
    }

    private func wait(_ id: UInt64, _ host: String) async throws -> Slot {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Slot, any Error>? = state.withLock { state in
                    if state.isClosed { return .failure(Self.closedError) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    // A turn may have become free since `enter` looked.
                    if let slot = admit(&state.hosts[host, default: Host()]) { return .success(slot) }
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
    /// - Parameter slot: What to give to one who comes later; `nil` where the connection can't be used again.
    package func leave(_ host: String, idle slot: Slot?) {
        let next: (Waiter, Slot)? = state.withLock { state in
            // After `close` there is nothing to leave.
            guard !state.isClosed else { return nil }
            let (next, isIdle) = leave(&state.hosts[host, default: Host()], idle: slot)
            // Nothing but slots is lost with a host that nobody uses; they are cheap to keep for a few.
            if isIdle, state.hosts.count > 64 { state.hosts[host] = nil }
            return next
        }
        if let (waiter, slot) = next { waiter.continuation.resume(returning: slot) }
    }

    /// How many wait for a turn.
    package func waiting(for host: String) -> Int {
        state.withLock { $0.hosts[host]?.waiters.count ?? 0 }
    }

    /// Turns away everybody who waits or comes later.
    package func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { state.hosts = [:] }
            return state.hosts.values.flatMap(\.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(throwing: Self.closedError) }
    }

    private func leave(_ host: inout Host, idle slot: Slot?) -> (next: (Waiter, Slot)?, isIdle: Bool) {
        host.inUse -= 1
        if let slot { host.idleSlots.append(slot) }
        guard !host.waiters.isEmpty, let slot = admit(&host) else { return (nil, host.inUse == 0) }
        return ((host.waiters.removeFirst(), slot), false)
    }

    private func admit(_ host: inout Host) -> Slot? {
        guard host.inUse < limit else { return nil }
        host.inUse += 1
        return host.idleSlots.popLast() ?? makeSlot()
    }

    private static var closedError: TransportError {
        TransportError(.shutdown, "The HTTP transport was shut down.")
    }
}
