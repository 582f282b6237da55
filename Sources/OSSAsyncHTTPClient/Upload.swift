import AsyncHTTPClient
import NIOCore
import OSSRuntime

/// Sends a request's body: a task reads it a little ahead, the event loop writes it.
///
/// No more than a window of bytes is written before the operating system has taken them. That is back-pressure
/// enough, and the only one that can be had: AsyncHTTPClient's own lets any amount through while a connection
/// lives on another event loop, and where it does hold a writer back, it drops the promise it gave when the
/// connection fails, and the writer would wait for ever. So it is never brought to hold anything back.
final class Upload: Sendable {
    /// How much is read ahead of the writing.
    private static var limit: Int { 2 * RequestBody.AsyncIterator.maximumSlice }
    /// How much is written ahead of the operating system. Connections call themselves full only above that.
    static var window: Int { 2 * RequestBody.AsyncIterator.maximumSlice }

    /// Completed when everything was written, or when sending was given up.
    let finished: EventLoopFuture<Void>

    private let promise: EventLoopPromise<Void>
    private let turns: UploadTurns
    private let writer: HTTPClient.Body.StreamWriter
    private let noteActivity: @Sendable () -> Void
    private let state = Locked(State())

    private struct State {
        var task: Task<Void, Never>?
        var phase = Phase.sending
        /// Whether the connection takes more.
        var isWritable = true
        var queue: CircularBuffer<ByteBuffer> = []
        var queued = 0
        /// Bytes written that the operating system hasn't taken yet.
        var inFlight = 0
        /// Whether the end of the body is in the queue.
        var isComplete = false
        /// Whether a turn was asked for.
        var isScheduled = false
        /// The reading task, while the queue is full.
        var waiter: CheckedContinuation<Void, any Error>?

        /// Takes a piece, or the end.
        mutating func enqueue(_ buffer: ByteBuffer?, isLast: Bool) -> (mustSchedule: Bool, isFull: Bool) {
            guard case .sending = phase else { return (false, true) }
            if let buffer {
                queue.append(buffer)
                queued += buffer.readableBytes
            }
            isComplete = isComplete || isLast
            return (requestTurn(), queued >= Upload.limit && !isComplete)
        }

        /// Whether there is something to do on the loop that nobody has asked for yet.
        mutating func requestTurn() -> Bool {
            guard case .sending = phase, hasRoom, !isScheduled, isComplete || !queue.isEmpty else { return false }
            isScheduled = true
            return true
        }

        private var hasRoom: Bool { isWritable && inFlight < Upload.window }

        /// What the loop is to do next.
        mutating func next() -> Step {
            isScheduled = false
            guard case .sending = phase, hasRoom else { return .wait }
            guard let buffer = queue.popFirst() else {
                guard isComplete else { return .wait }
                phase = .sent
                task = nil
                return .complete
            }
            queued -= buffer.readableBytes
            inFlight += buffer.readableBytes
            guard queued < Upload.limit else { return .write(buffer, nil) }
            defer { waiter = nil }
            return .write(buffer, waiter)
        }
    }

    private enum Phase {
        case sending
        /// All was written.
        case sent
        /// The server has answered; nothing more is sent.
        case abandoned
        case stopped(any Error)
    }

    init(turns: UploadTurns, writer: HTTPClient.Body.StreamWriter, noteActivity: @escaping @Sendable () -> Void) {
        self.turns = turns
        self.writer = writer
        self.noteActivity = noteActivity
        self.promise = turns.loop.makePromise()
        self.finished = promise.futureResult
    }

    /// Whether the next step is the network's or the body's; `nil` when there is no more to send.
    var isWaitingForNetwork: Bool? {
        state.withLock { state in
            if case .sending = state.phase { !state.isWritable || state.inFlight > 0 } else { nil }
        }
    }

    // MARK: Reading the body

    func start(_ body: RequestBody, onError: @escaping @Sendable (any Error) -> Void) {
        let task = Task {
            do {
                var iterator = body.makeAsyncIterator()
                var buffers = BufferRing()
                while let slice = try await iterator.nextSlice() {
                    // The one copy that a sent byte goes through. With the last byte goes the end, so that
                    // the request is complete before the response to it can be.
                    if enqueue(buffers.fill(with: slice), isLast: iterator.isAtEnd) { try await waitForRoom() }
                }
                _ = enqueue(nil, isLast: true)
            } catch {
                guard isSending else { return }
                onError(error)
                stop(error)
            }
        }
        let isOver = state.withLock { state in
            guard case .sending = state.phase else { return true }
            state.task = task
            return false
        }
        if isOver { task.cancel() }
    }

    private var isSending: Bool {
        state.withLock { state in
            if case .sending = state.phase { true } else { false }
        }
    }

    /// Hands a piece to the event loop. Returns whether there is no room for another one.
    private func enqueue(_ buffer: ByteBuffer?, isLast: Bool) -> Bool {
        let queued = state.withLock { $0.enqueue(buffer, isLast: isLast) }
        if queued.mustSchedule { turns.request(self) }
        return queued.isFull
    }

    private func waitForRoom() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let result: Result<Void, any Error>? = state.withLock { state in
                switch state.phase {
                case .stopped(let error): return .failure(error)
                case .sent, .abandoned: return .failure(CancellationError())
                case .sending where state.queued < Self.limit: return .success(())
                case .sending:
                    state.waiter = continuation
                    return nil
                }
            }
            if let result { continuation.resume(with: result) }
        }
    }

    // MARK: Writing it

    private enum Step: Sendable {
        case write(ByteBuffer, CheckedContinuation<Void, any Error>?)
        case complete
        case wait
    }

    /// Writes one piece, if the connection takes it. On the loop.
    ///
    /// - Returns: How many bytes were written, and whether there is more to write now.
    func takeTurn() -> (written: Int, wantsMore: Bool) {
        switch state.withLock({ $0.next() }) {
        case .wait:
            return (0, false)
        case .complete:
            promise.succeed(())
            return (0, false)
        case .write(let buffer, let waiter):
            waiter?.resume()
            // The future says less than `taken` and `writabilityChanged`.
            _ = writer.write(.byteBuffer(buffer))
            noteActivity()
            return (buffer.readableBytes, state.withLock { $0.requestTurn() })
        }
    }

    /// The operating system has taken bytes. On the loop.
    func taken(_ count: Int) {
        let mustSchedule = state.withLock { state in
            state.inFlight = max(0, state.inFlight - count)
            return state.requestTurn()
        }
        if mustSchedule { turns.request(self) }
    }

    /// The connection takes more, or no more for now. On the loop.
    func writabilityChanged(_ isWritable: Bool) {
        let mustSchedule = state.withLock { state in
            state.isWritable = isWritable
            return state.requestTurn()
        }
        if isWritable { noteActivity() }
        if mustSchedule { turns.request(self) }
    }

    // MARK: The end

    /// Stops reading the body, for the server has answered already.
    ///
    /// The promise stays open until the response is complete: to complete it now, in whatever way, would end
    /// the exchange before the response is read.
    func abandon() {
        let leftovers: Leftovers? = state.withLock { state in
            guard case .sending = state.phase else { return nil }
            state.phase = .abandoned
            return Leftovers(&state)
        }
        leftovers?.end(with: CancellationError())
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
        let leftovers: Leftovers? = state.withLock { state in
            switch state.phase {
            case .sent, .stopped: return nil
            case .sending, .abandoned: break
            }
            state.phase = .stopped(error)
            return Leftovers(&state)
        }
        guard let leftovers else { return }
        leftovers.end(with: error)
        promise.fail(error)
    }

    /// What an upload leaves behind when it ends early.
    private struct Leftovers {
        let task: Task<Void, Never>?
        let waiter: CheckedContinuation<Void, any Error>?

        init(_ state: inout State) {
            task = state.task
            waiter = state.waiter
            state.task = nil
            state.waiter = nil
            state.queue = []
            state.queued = 0
        }

        func end(with error: any Error) {
            task?.cancel()
            waiter?.resume(throwing: error)
        }
    }
}

/// A few buffers, used in turn. One that was sent is filled again: to allocate and free large buffers on
/// different threads costs more than to copy into them.
private struct BufferRing {
    private var buffers: [ByteBuffer] = []
    private var index = 0

    mutating func fill(with bytes: ArraySlice<UInt8>) -> ByteBuffer {
        if buffers.count < 4 {
            buffers.append(ByteBuffer(bytes: bytes))
            return buffers[buffers.count - 1]
        }
        index = (index + 1) % buffers.count
        // Keeps the memory if nobody else refers to it any more, and takes new memory otherwise.
        buffers[index].clear(minimumCapacity: bytes.count)
        buffers[index].writeBytes(bytes)
        return buffers[index]
    }
}
