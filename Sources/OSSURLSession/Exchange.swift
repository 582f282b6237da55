import Foundation
import HTTPTypes
import OSSRuntime

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// One request and its response.
///
/// URLSession reports to it on the session's queue; the caller's task waits for the head and then reads the body; a task
/// of its own reads the request's body. What they share is in one value behind one lock.
final class Exchange: Sendable {
    /// How much of a response is buffered for a reader that is slower than the network.
    static var responseLimit: Int { 512 * 1024 }

    let outgoing: OutgoingRequest
    private let method: HTTPRequest.Method
    private let host: String
    private let timeout: Duration
    private let connectTimeout: Duration
    private let spill = SpillFile()
    private let state: Locked<State>

    private typealias Reader = CheckedContinuation<Arrival, any Error>

    private struct State {
        /// Keeps the session alive while the exchange runs.
        var transport: URLSessionTransport?
        var sessions: SessionPool?
        var lease: SessionPool.Lease?
        var task: URLSessionTask?
        var upload: Upload?
        var head = Head.expected
        /// The head of a response without a body, held back until the connection is free again: there is
        /// nothing in it to wait for, and whoever gets it may want to send the next request.
        var completeHead: ResponseHead?
        var inbox = Inbox<Reader>(limit: Exchange.responseLimit, overflow: Exchange.overflow)
        /// How many bytes of body are still to come, where the response says so.
        var remaining: Int64?
        var hasResponse = false
        var isRefused = false
        var isResponseComplete = false
        var failure: (any Error)?
        var isOver = false
        var isConnected = false
        var lastActivity = ContinuousClock.now
        var watch: Task<Void, Never>?
    }

    private enum Head {
        case expected
        case awaited(CheckedContinuation<ResponseHead, any Error>)
        case received(ResponseHead)
        case delivered
    }

    private struct ResponseHead: Sendable {
        var response: HTTPResponse
        var length: Int64?
        var isDecoded: Bool
    }

    #if canImport(FoundationNetworking)
        // Suspending a task breaks its connection there, and the request is sent again later.
        private static let overflow = Inbox<Reader>.Overflow.spill
    #else
        private static let overflow = Inbox<Reader>.Overflow.pause
    #endif

    init(_ request: TransportRequest, _ outgoing: OutgoingRequest, transport: URLSessionTransport) {
        self.outgoing = outgoing
        self.method = request.head.method
        self.host = request.head.authority ?? ""
        self.timeout = request.readWriteTimeout
        self.connectTimeout = transport.configuration.connectTimeout
        self.state = Locked(State(transport: transport))
    }

    // MARK: The caller's side

    /// Sends the request. To be called once, before waiting for the response.
    func start(on sessions: SessionPool) {
        state.withLock { $0.sessions = sessions }
        switch outgoing.body {
        case .none:
            launch(outgoing.urlRequest, on: sessions)
        case .stream(let body):
            let pipe = BodyPipe(
                patience: timeout,
                onRead: { [weak self] in self?.sent() },
                onStarved: { [weak self] in self?.starved() }
            )
            let upload = Upload(body, pipe) { [weak self] in self?.fail($0) }
            state.withLock { $0.upload = upload }
            launch(outgoing.urlRequest, on: sessions)
        case .piece(let body):
            Task {
                do {
                    var request = outgoing.urlRequest
                    var bytes = Data()
                    var iterator = body.makeAsyncIterator()
                    while let slice = try await iterator.nextSlice() { bytes.append(contentsOf: slice) }
                    request.httpBody = bytes
                    launch(request, on: sessions)
                } catch {
                    fail(error)
                    over(isReusable: false)
                }
            }
        }
    }

    private func launch(_ request: URLRequest, on sessions: SessionPool) {
        sessions.queue.async { [self] in
            let hasFailed = state.withLock { $0.failure != nil }
            guard !hasFailed, let lease = sessions.lease(outgoing.origin) else {
                fail(URLSessionTransport.shutdownError)
                return over(isReusable: false)
            }
            let session = lease.pooled.session
            let upload = state.withLock { $0.upload }
            let task: URLSessionTask
            #if canImport(FoundationNetworking)
                // A streamed upload task would send `Expect: 100-continue`.
                var request = request
                if let upload { request.httpBodyStream = upload.takeStream() }
                task = session.dataTask(with: request)
            #else
                task =
                    upload == nil ? session.dataTask(with: request) : session.uploadTask(withStreamedRequest: request)
            #endif
            lease.pooled.delegate.add(self, task)
            let failure = state.withLock { state in
                state.lease = lease
                state.task = task
                state.isConnected = lease.isConnected
                state.lastActivity = .now
                state.watch = watch()
                return state.failure
            }
            task.resume()
            if failure != nil { task.cancel() }
        }
    }

    /// Waits for the response's head.
    func response() async throws -> TransportResponse {
        let head = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<ResponseHead, any Error>? = state.withLock { state in
                    if case .received(let head) = state.head {
                        state.head = .delivered
                        return .success(head)
                    }
                    if let failure = state.failure { return .failure(failure) }
                    state.head = .awaited(continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            fail(CancellationError())
        }
        guard head.length != 0 else { return TransportResponse(head: head.response) }
        return TransportResponse(
            head: head.response,
            body: ResponseBody(
                length: head.length,
                next: { try await self.nextChunk() },
                cancel: { self.fail(CancellationError()) }
            ),
            isBodyDecoded: head.isDecoded
        )
    }

    /// The next part of the response's body: all that waits, or else what comes next.
    private func nextChunk() async throws -> [UInt8]? {
        while true {
            if Task.isCancelled {
                fail(CancellationError())
                throw CancellationError()
            }
            let (taken, task) = state.withLock { state in
                let taken = state.inbox.take()
                guard case .chunks(_, resumes: true) = taken else { return (taken, URLSessionTask?.none) }
                // The network is waited for from here on, where the reader held it up before.
                state.lastActivity = .now
                return (taken, state.task)
            }
            task?.resume()
            switch taken {
            case .chunks(let chunks, _): return Self.join(chunks)
            case .spilled(let count): return try await unspill(count)
            case .end: return nil
            case .failed(let error): throw error
            case .nothing: break
            }
            switch try await nextArrival() {
            case .chunk(let chunk): return Array(chunk)
            case .lookAgain: continue
            }
        }
    }

    private enum Arrival {
        case chunk(Data)
        case lookAgain
    }

    private func nextArrival() async throws -> Arrival {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { $0.inbox.wait(continuation) }?.resume(returning: .lookAgain)
            }
        } onCancel: {
            fail(CancellationError())
        }
    }

    private func unspill(_ count: Int) async throws -> [UInt8] {
        do {
            return try await spill.read(count)
        } catch {
            let failure = Self.spillError(error)
            fail(failure)
            throw failure
        }
    }

    private static func spillError(_ error: any Error) -> TransportError {
        TransportError(.other, "The response can't be kept in a temporary file until it is read.", cause: error)
    }

    private static func join(_ chunks: [Data]) -> [UInt8] {
        if chunks.count == 1 { return Array(chunks[0]) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(chunks.reduce(0) { $0 + $1.count })
        for chunk in chunks { bytes.append(contentsOf: chunk) }
        return bytes
    }

    /// Ends the exchange with an error, and closes its connection. The first error stays.
    func fail(_ error: any Error) {
        let (ending, task, sessions) = state.withLock { state -> (Ending?, URLSessionTask?, SessionPool?) in
            guard !state.isOver, state.failure == nil else {
                // The response is here in full; only a reader may still be to be told.
                return (state.isOver && state.failure == nil ? end(&state, with: error) : nil, nil, nil)
            }
            return (end(&state, with: error), state.task, state.sessions)
        }
        ending?.perform()
        if let task, let sessions { sessions.queue.async { task.cancel() } }
    }

    // MARK: The end

    /// Whom to tell that the exchange failed.
    private struct Ending {
        var error: any Error
        var head: CheckedContinuation<ResponseHead, any Error>?
        var reader: Reader?
        var upload: Upload?

        func perform() {
            // First, since a body may keep waiting whoever is told next.
            upload?.stop()
            head?.resume(throwing: error)
            reader?.resume(throwing: error)
        }
    }

    private func end(_ state: inout State, with error: any Error) -> Ending {
        state.failure = error
        var ending = Ending(error: error, upload: state.upload)
        if case .awaited(let continuation) = state.head {
            state.head = .delivered
            ending.head = continuation
        }
        ending.reader = state.inbox.fail(error)
        return ending
    }

    /// Whom to tell that the response is complete.
    private struct Completion {
        var head: (CheckedContinuation<ResponseHead, any Error>, ResponseHead)?
        var reader: Reader?

        func perform() {
            if let (continuation, head) = head { continuation.resume(returning: head) }
            reader?.resume(returning: .lookAgain)
        }
    }

    private func complete(_ state: inout State) -> Completion {
        state.isResponseComplete = true
        var completion = Completion(reader: state.inbox.end())
        if let head = state.completeHead {
            state.completeHead = nil
            if case .awaited(let continuation) = state.head {
                state.head = .delivered
                completion.head = (continuation, head)
            } else {
                state.head = .received(head)
            }
        }
        return completion
    }

    /// Lets go of everything.
    private func over(isReusable: Bool) {
        let last = state.withLock { state -> State? in
            guard !state.isOver else { return nil }
            var last = State()
            (last.transport, last.sessions, last.lease) = (state.transport, state.sessions, state.lease)
            (last.watch, last.upload) = (state.watch, state.upload)
            state.isOver = true
            (state.transport, state.sessions, state.lease) = (nil, nil, nil)
            (state.task, state.watch, state.upload) = (nil, nil, nil)
            return last
        }
        guard let last else { return }
        last.watch?.cancel()
        last.upload?.stop()
        if let lease = last.lease { last.sessions?.end(lease, isReusable: isReusable) }
        last.transport?.finished(self)
    }

    // MARK: URLSession's side

    /// The connection is made, and takes what is sent.
    func sent() {
        state.withLock { state in
            state.isConnected = true
            state.lastActivity = .now
        }
    }

    /// The stream of the body. URLSession asks for a second one when it wants to send the request again; that is for the
    /// runtime to decide.
    func newBodyStream() -> InputStream? {
        if let stream = state.withLock({ $0.upload })?.takeStream() { return stream }
        fail(TransportError(.reset, "The connection to \(host) was closed while the request was sent."))
        return nil
    }

    private func starved() {
        fail(
            TransportError(
                .other,
                "The body of the request to \(host) gave no byte for \(timeout). URLSession on this platform can't wait "
                    + "for one for longer: all other requests wait, too."
            )
        )
    }

    func received(_ response: HTTPURLResponse) {
        // What comes before the response proper.
        guard response.statusCode >= 200 else { return sent() }
        let head = makeHead(response)
        let (continuation, upload, completion) = state.withLock {
            state -> (CheckedContinuation<ResponseHead, any Error>?, Upload?, Completion?) in
            state.isConnected = true
            state.lastActivity = .now
            guard state.failure == nil, !state.hasResponse else { return (nil, nil, nil) }
            state.hasResponse = true
            state.remaining = head.length
            // The server has refused the body, or what is left of it.
            let isRefused = response.statusCode >= 300 && state.upload.map { !$0.pipe.isFinished } ?? false
            state.isRefused = isRefused
            let upload = isRefused ? state.upload : nil
            if head.length == 0 {
                state.completeHead = head
                return (nil, upload, isRefused ? complete(&state) : nil)
            }
            guard case .awaited(let continuation) = state.head else {
                state.head = .received(head)
                return (nil, upload, nil)
            }
            state.head = .delivered
            return (continuation, upload, nil)
        }
        upload?.stop(isRefused: true)
        continuation?.resume(returning: head)
        finishEarly(completion)
    }

    func received(_ data: Data) {
        let (received, completion, task) = state.withLock {
            state -> (Inbox<Reader>.Received, Completion?, URLSessionTask?) in
            state.lastActivity = .now
            let received = state.inbox.receive(data)
            if let remaining = state.remaining { state.remaining = remaining - Int64(data.count) }
            // Whatever becomes of the rest of the request, this is the answer.
            guard state.remaining == 0, state.isRefused, state.failure == nil else {
                return (received, nil, state.task)
            }
            if case .spill = received { return (received, nil, state.task) }
            return (received, complete(&state), state.task)
        }
        switch received {
        case .deliver(let reader, let chunk): reader.resume(returning: .chunk(chunk))
        case .pause: task?.suspend()
        case .spill:
            do {
                try spill.append(data)
                state.withLock { $0.inbox.spill(data.count) }?.resume(returning: .lookAgain)
            } catch {
                fail(Self.spillError(error))
            }
        case .proceed, .discard: break
        }
        finishEarly(completion)
    }

    /// The response is here, the request isn't out: no need to wait for the connection to notice.
    private func finishEarly(_ completion: Completion?) {
        guard let completion else { return }
        completion.perform()
        let (task, sessions) = state.withLock { ($0.task, $0.sessions) }
        if let task, let sessions { sessions.queue.async { task.cancel() } }
    }

    /// The response is complete, though its task may not end.
    func ended() {
        state.withLock { state -> Completion? in
            guard state.failure == nil, state.hasResponse else { return nil }
            return complete(&state)
        }?.perform()
    }

    /// URLSession is done with the request, one way or the other.
    func completed(_ error: (any Error)?, _ response: HTTPURLResponse?) {
        // A redirect that leads nowhere isn't reported as a response on all platforms.
        if error == nil, let response { received(response) }
        let (completion, ending) = state.withLock { state -> (Completion?, Ending?) in
            guard state.failure == nil, !state.isResponseComplete else { return (nil, nil) }
            let isAnswered = state.completeHead != nil || (state.hasResponse && state.remaining == 0)
            if state.hasResponse, error == nil || isAnswered { return (complete(&state), nil) }
            let failure = error.map { TransportError.from($0, host: host, isConnected: state.isConnected) }
            return (
                nil,
                end(
                    &state,
                    with: failure
                        ?? TransportError(
                            .reset, "The connection to \(host) was closed before the response was complete.")
                )
            )
        }
        over(isReusable: error == nil)
        completion?.perform()
        ending?.perform()
    }

    private func makeHead(_ response: HTTPURLResponse) -> ResponseHead {
        var head = HTTPResponse(status: .init(code: response.statusCode))
        for (name, value) in response.allHeaderFields {
            guard let name = (name as? String).flatMap({ HTTPField.Name($0) }), let value = value as? String else {
                continue
            }
            head.headerFields.append(HTTPField(name: name, value: value))
        }
        guard method != .head, response.statusCode != 204, response.statusCode != 304 else {
            return ResponseHead(response: head, length: 0, isDecoded: false)
        }
        let encoding = head.headerFields[.contentEncoding]?.lowercased() ?? "identity"
        let isDecoded = encoding != "identity" && !encoding.isEmpty
        let length = head.headerFields[.contentLength].flatMap { Int64($0) }
        return ResponseHead(response: head, length: isDecoded && length != 0 ? nil : length, isDecoded: isDecoded)
    }

    // MARK: Stalls

    /// How long nothing may happen.
    private func limit(_ state: State) -> Duration {
        if state.isConnected {
            // An answer of unknown length to a request that isn't out, which may never be told to be complete.
            return state.isRefused && state.remaining == nil && state.hasResponse ? min(timeout, .seconds(1)) : timeout
        }
        return isConnectingVisible ? connectTimeout : connectTimeout + timeout
    }

    /// Whether a connection that is made is noticed before the response comes.
    private var isConnectingVisible: Bool {
        #if canImport(FoundationNetworking)
            if case .none = outgoing.body { false } else { true }
        #else
            if case .none = outgoing.body { outgoing.origin.hasPrefix("https:") } else { true }
        #endif
    }

    private func watch() -> Task<Void, Never> {
        let first = min(timeout, connectTimeout)
        return Task { [weak self] in
            var delay: Duration? = first
            while let pause = delay {
                do { try await Task.sleep(for: pause) } catch { return }
                delay = self?.checkForStall()
            }
        }
    }

    /// Looks now and then whether anything happened since, which costs nothing per chunk. Returns when to look again.
    private func checkForStall() -> Duration? {
        let (delay, failure, completion) = state.withLock { state -> (Duration?, TransportError?, Completion?) in
            guard !state.isOver, state.failure == nil, !state.isResponseComplete else { return (nil, nil, nil) }
            let now = ContinuousClock.now
            let limit = limit(state)
            // Only the network is timed: not a body that has nothing to send yet, not a reader that doesn't read.
            let isWaitingForNetwork = (state.upload?.pipe.isWaitingForNetwork ?? true) && !state.inbox.isPaused
            if state.isConnected, !isWaitingForNetwork { state.lastActivity = now }
            #if canImport(FoundationNetworking)
                state.lastActivity = max(state.lastActivity, SharedThread.lastBlocked)
            #endif
            let delay = state.lastActivity + limit - now
            if delay > .zero { return (delay, nil, nil) }
            guard !state.isConnected else {
                if limit < timeout { return (nil, nil, complete(&state)) }
                return (
                    nil, TransportError(.timeout, "\(host) neither sent nor took a byte for \(timeout)."), nil
                )
            }
            guard isConnectingVisible else {
                return (nil, TransportError(.timeout, "\(host) neither was connected nor answered for \(limit)."), nil)
            }
            return (nil, TransportError(.connectTimeout, "No connection to \(host) within the connect timeout."), nil)
        }
        if let failure { fail(failure) }
        finishEarly(completion)
        return delay
    }
}
