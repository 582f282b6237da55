import AsyncHTTPClient
import NIOCore
import OSSRuntime
import Synchronization

/// Sends a request's body: a task reads it, the event loop writes it.
///
/// It writes only while the connection takes more, and else waits by itself. AsyncHTTPClient could be left to
/// do the waiting, but drops the promise it gave for that when the connection fails, and the task would
/// wait for ever.
final class Upload: Sendable {
    /// Completed when everything was written, or when sending was given up.
    let finished: EventLoopFuture<Void>

    private let promise: EventLoopPromise<Void>
    private let loop: any EventLoop
    private let writer: HTTPClient.Body.StreamWriter
    private let noteActivity: @Sendable () -> Void
    private let state = Mutex(State())

    private struct State {
        var task: Task<Void, Never>?
        var phase = Phase.sending
        var isWritable = true
        /// The sending task, while it waits for the connection.
        var waiter: CheckedContinuation<Void, any Error>?
    }

    private enum Phase {
        case sending
        /// All was written.
        case sent
        /// The server has answered; nothing more is sent.
        case abandoned
        case stopped(any Error)
    }

    init(loop: any EventLoop, writer: HTTPClient.Body.StreamWriter, noteActivity: @escaping @Sendable () -> Void) {
        self.loop = loop
        self.writer = writer
        self.noteActivity = noteActivity
        self.promise = loop.makePromise()
        self.finished = promise.futureResult
    }

    /// Whether the next step is the network's or the body's; `nil` when there is no more to send.
    var isWaitingForNetwork: Bool? {
        state.withLock { state in
            if case .sending = state.phase { state.waiter != nil } else { nil }
        }
    }

    func start(_ body: RequestBody, onError: @escaping @Sendable (any Error) -> Void) {
        let task = Task {
            do {
                var iterator = body.makeAsyncIterator()
                while let slice = try await iterator.nextSlice() {
                    // The one copy that a sent byte goes through.
                    try await write(ByteBuffer(bytes: slice))
                }
                complete()
            } catch {
                guard isSending else { return }
                onError(error)
                stop(error)
            }
        }
        let isOver = state.withLock { state in
            state.task = task
            if case .sending = state.phase { return false }
            state.task = nil
            return true
        }
        if isOver { task.cancel() }
    }

    private var isSending: Bool {
        state.withLock { state in
            if case .sending = state.phase { true } else { false }
        }
    }

    /// Writes, and returns when the connection takes more.
    private func write(_ buffer: ByteBuffer) async throws {
        try await withCheckedThrowingContinuation { continuation in
            loop.execute { self.write(buffer, continuation) }
        }
    }

    private func write(_ buffer: ByteBuffer, _ continuation: CheckedContinuation<Void, any Error>) {
        let error: (any Error)? = state.withLock { state in
            switch state.phase {
            case .sending: return nil
            case .sent, .abandoned: return CancellationError()
            case .stopped(let error): return error
            }
        }
        if let error { return continuation.resume(throwing: error) }
        // Writable now, or else the previous write would still wait. The future says nothing new.
        _ = writer.write(.byteBuffer(buffer))
        noteActivity()
        let result: Result<Void, any Error>? = state.withLock { state in
            switch state.phase {
            case .stopped(let error): return .failure(error)
            case .sent, .abandoned: return .failure(CancellationError())
            case .sending where state.isWritable: return .success(())
            case .sending:
                state.waiter = continuation
                return nil
            }
        }
        if let result { continuation.resume(with: result) }
    }

    /// The connection takes more, or no more for now. Called on the loop.
    func writabilityChanged(_ isWritable: Bool) {
        let waiter = state.withLock { state in
            state.isWritable = isWritable
            guard isWritable else { return nil as CheckedContinuation<Void, any Error>? }
            defer { state.waiter = nil }
            return state.waiter
        }
        if isWritable { noteActivity() }
        waiter?.resume()
    }

    private func complete() {
        let isSent = state.withLock { state in
            guard case .sending = state.phase else { return false }
            state.phase = .sent
            state.task = nil
            return true
        }
        if isSent { promise.succeed(()) }
    }

    /// Stops reading the body, for the server has answered already.
    ///
    /// The promise stays open until the response is complete: to complete it now, in whatever way, would end
    /// the exchange before the response is read.
    func abandon() {
        let (task, waiter) = state.withLock { state -> (Task<Void, Never>?, CheckedContinuation<Void, any Error>?) in
            guard case .sending = state.phase else { return (nil, nil) }
            state.phase = .abandoned
            defer {
                state.task = nil
                state.waiter = nil
            }
            return (state.task, state.waiter)
        }
        task?.cancel()
        waiter?.resume(throwing: CancellationError())
    }

    /// The response is complete: an abandoned upload no longer holds up the exchange.
    func responseEnded() {
        let wasAbandoned = state.withLock { state in
            guard case .abandoned = state.phase else { return false }
            state.phase = .sent
            return true
        }
        if wasAbandoned { promise.succeed(()) }
    }

    /// Ends the upload, whatever state it is in.
    func stop(_ error: any Error) {
        let (task, waiter, isOpen) = state.withLock {
            state -> (Task<Void, Never>?, CheckedContinuation<Void, any Error>?, Bool) in
            switch state.phase {
            case .sent, .stopped: return (nil, nil, false)
            case .sending, .abandoned: break
            }
            state.phase = .stopped(error)
            defer {
                state.task = nil
                state.waiter = nil
            }
            return (state.task, state.waiter, true)
        }
        task?.cancel()
        waiter?.resume(throwing: error)
        if isOpen { promise.fail(error) }
    }
}
