/// Counts the calls in flight, so that a shutdown can wait for them.
final class CallCounter: Sendable {
    private struct State {
        var calls = 0
        var isClosed = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Locked(State())

    /// False when no call may begin any more.
    func begin() -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.calls += 1
            return true
        }
    }

    func end() {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.calls -= 1
            guard state.calls == 0 else { return [] }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Lets no further call begin and waits until the last one has ended.
    func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                state.isClosed = true
                if state.calls > 0 { state.waiters.append(continuation) }
                return state.calls == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}
