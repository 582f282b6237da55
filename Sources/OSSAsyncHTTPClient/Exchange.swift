import AsyncHTTPClient
import HTTPTypes
import NIOCore
import NIOHTTP1
import OSSRuntime

/// One request and its response.
///
/// AsyncHTTPClient calls it on an event loop; the caller's task waits for the head and then reads the body;
/// a task of its own sends the request's body. What they share is in one value behind one lock.
final class Exchange: HTTPClientResponseDelegate {
    typealias Response = Void

    private let request: HTTPRequest
    private let host: String
    /// How long the network may do nothing while it is waited for.
    let timeout: TimeAmount
    let loop: any EventLoop
    private let proxy: ProxyConfiguration?
    private let followsRedirects: Bool
    private let names: FieldNames
    private let state: Locked<State>

    private typealias Flow = ResponseFlow<Reader, EventLoopPromise<Void>>
    private typealias Reader = CheckedContinuation<Arrival, any Error>

    private struct State {
        /// Keeps the client alive while the exchange runs.
        var transport: AsyncHTTPClientTransport?
        var task: HTTPClient.Task<Void>?
        var head: Head = .expected
        /// The head of a response, held back until what arrived with it was received too: whoever waits for it is
        /// woken once, and finds the body there. Without a body it is held until the connection is free again, for
        /// the next request.
        var heldHead: HTTPResponseHead?
        /// How many bytes the response's body has, once its head is there.
        var length: Int64?
        var body: Flow
        var upload: Upload?
        var failure: (any Error)?
        var isOver = false
        var wasHeadSent = false
        var didResponseEndOnWire = false
        var connectionLoop: (any EventLoop)?
        var lastActivity = NIODeadline.distantPast
    }

    private enum Head {
        case expected
        case awaited(CheckedContinuation<HTTPResponseHead, any Error>)
        case received(HTTPResponseHead)
        case delivered
    }

    init(_ request: TransportRequest, host: String, loop: any EventLoop, transport: AsyncHTTPClientTransport) {
        self.request = request.head
        self.host = host
        self.timeout = TimeAmount(request.readWriteTimeout)
        self.loop = loop
        self.proxy = transport.proxy
        self.names = transport.names
        self.followsRedirects = transport.followsRedirects
        self.state = Locked(State(transport: transport, body: Flow(limit: transport.responseLimit)))
    }

    // MARK: The caller's side

    /// Ties the exchange to its request. To be called once, before waiting for the response.
    func start(_ task: HTTPClient.Task<Void>) {
        let failure = state.withLock { state in
            state.task = task
            return state.failure
        }
        if let failure { task.fail(reason: failure) }
    }

    /// Waits for the response's head.
    func response() async throws -> TransportResponse {
        let head = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<HTTPResponseHead, any Error>? = state.withLock { state in
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
        return makeResponse(head)
    }

    /// The next part of the response's body: all that waits, or else what comes next.
    private func nextChunk() async throws -> [UInt8]? {
        while true {
            if Task.isCancelled {
                fail(CancellationError())
                throw CancellationError()
            }
            let taken = state.withLock { state in
                let taken = state.body.take()
                // The network is waited for from here on, where the reader held it up before.
                if case .chunks(_, .some) = taken { state.lastActivity = .now() }
                return taken
            }
            switch taken {
            case .chunks(let chunks, let pause):
                pause?.succeed(())
                return Self.join(chunks)
            case .end: return nil
            case .failed(let error): throw error
            case .nothing: break
            }
            switch try await nextArrival() {
            case .chunk(let chunk): return Array(buffer: chunk)
            case .lookAgain: continue
            }
        }
    }

    private enum Arrival {
        case chunk(ByteBuffer)
        case lookAgain
    }

    private func nextArrival() async throws -> Arrival {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { $0.body.wait(continuation) }?.resume(returning: .lookAgain)
            }
        } onCancel: {
            fail(CancellationError())
        }
    }

    /// The one copy that a received byte goes through.
    private static func join(_ chunks: [ByteBuffer]) -> [UInt8] {
        if chunks.count == 1 { return Array(buffer: chunks[0]) }
        let count = chunks.reduce(0) { $0 + $1.readableBytes }
        return [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            for chunk in chunks {
                chunk.withUnsafeReadableBytes { bytes in
                    UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(target)[filled...])
                        .copyMemory(from: bytes)
                    filled += bytes.count
                }
            }
        }
    }

    /// Ends the exchange with an error, and closes its connection. The first error stays.
    func fail(_ error: any Error) {
        let (task, ending) = state.withLock { state in
            (state.task, end(&state, with: error))
        }
        guard let ending else { return }
        ending.perform()
        task?.fail(reason: error)
    }

    // MARK: The end

    /// Whom to tell that the exchange failed.
    private struct Ending {
        var error: any Error
        var head: CheckedContinuation<HTTPResponseHead, any Error>?
        var reader: Reader?
        var pause: EventLoopPromise<Void>?
        var upload: Upload?

        func perform() {
            head?.resume(throwing: error)
            reader?.resume(throwing: error)
            // A failed promise would make AsyncHTTPClient report this in place of what happened first.
            pause?.succeed(())
            upload?.stop(error)
        }
    }

    private func end(_ state: inout State, with error: any Error) -> Ending? {
        guard !state.isOver, state.failure == nil else { return nil }
        state.failure = error
        var ending = Ending(error: error)
        if case .awaited(let continuation) = state.head {
            state.head = .delivered
            ending.head = continuation
        }
        (ending.reader, ending.pause) = state.body.fail(error)
        ending.upload = state.upload
        return ending
    }

    /// AsyncHTTPClient is done with the request, one way or the other.
    func finished(_ result: Result<Void, any Error>) {
        let finish = state.withLock { state in
            var finish = Finish(upload: state.upload, transport: state.transport)
            switch result {
            case .success:
                complete(&state, &finish)
            case .failure(let error as HTTPClientError)
            where error == .requestStreamCancelled && state.didResponseEndOnWire:
                // The response came, in full, before the request was sent in full: a failure for
                // AsyncHTTPClient, the answer for us.
                complete(&state, &finish)
            case .failure(let error):
                finish.ending = end(
                    &state,
                    with: TransportError.from(error, host: host, wasHeadSent: state.wasHeadSent, proxy: proxy)
                )
            }
            state.isOver = true
            state.task = nil
            state.upload = nil
            state.transport = nil
            return finish
        }
        if let (continuation, head) = finish.head { continuation.resume(returning: head) }
        finish.reader?.resume(returning: .lookAgain)
        finish.ending?.perform()
        finish.upload?.stop(CancellationError())
    }

    /// Whom to tell that AsyncHTTPClient is done, and what to let go of outside the lock.
    private struct Finish {
        var upload: Upload?
        var transport: AsyncHTTPClientTransport?
        var head: Delivery?
        var reader: Reader?
        var ending: Ending?
    }

    private func complete(_ state: inout State, _ finish: inout Finish) {
        guard state.failure == nil else { return }
        finish.reader = state.body.end()
        finish.head = release(&state)
    }

    private typealias Delivery = (CheckedContinuation<HTTPResponseHead, any Error>, HTTPResponseHead)

    /// Whom to give the held head to, if somebody waits for it.
    private func release(_ state: inout State) -> Delivery? {
        guard let head = state.heldHead else { return nil }
        state.heldHead = nil
        guard case .awaited(let continuation) = state.head else {
            state.head = .received(head)
            return nil
        }
        state.head = .delivered
        return (continuation, head)
    }

    /// The loop of the connection, where another request would best start.
    var connectionLoop: (any EventLoop)? {
        state.withLock { $0.connectionLoop }
    }

    // MARK: The connection's side

    /// The same where there is a body: what there is of it may be more than is kept, and waits for its reader then.
    private func releaseIfReadable(_ state: inout State) -> Delivery? {
        state.length == 0 ? nil : release(&state)
    }

    /// The request's head goes out on this connection: makes it what was asked for.
    func attach(to channel: any Channel, _ outgoing: inout HTTPRequestHead) {
        let isRedirect = state.withLock { state in
            state.lastActivity = .now()
            defer { state.connectionLoop = channel.eventLoop }
            return state.connectionLoop != nil
        }
        guard !isRedirect else {
            // It has a target of its own. AsyncHTTPClient has taken the signature off where another host is meant.
            if !outgoing.headers.contains(name: "authorization") {
                outgoing.headers.remove(name: "x-oss-security-token")
            }
            return
        }
        outgoing.uri = request.path ?? "/"
        guard !followsRedirects else { return }
        var headers: [(String, String)] = []
        headers.reserveCapacity(outgoing.headers.count + request.headerFields.count)
        for header in outgoing.headers { headers.append(header) }
        for field in request.headerFields {
            switch field.name {
            // AsyncHTTPClient decides about these, and has written them already.
            case .contentLength, .transferEncoding, .connection: break
            default: headers.append((field.name.rawName, field.value))
            }
        }
        outgoing.headers = HTTPHeaders(headers)
    }

    /// All that the connection had received was passed on.
    func readCompleted() {
        let delivery = state.withLock { releaseIfReadable(&$0) }
        if let (continuation, head) = delivery { continuation.resume(returning: head) }
    }

    /// The connection has seen the end of the response.
    func responseEndedOnWire() {
        let (upload, delivery) = state.withLock { state in
            state.didResponseEndOnWire = true
            return (state.upload, releaseIfReadable(&state))
        }
        if let (continuation, head) = delivery { continuation.resume(returning: head) }
        upload?.responseEnded()
    }

    func writabilityChanged(_ isWritable: Bool) {
        guard loop.inEventLoop else {
            // In order with what AsyncHTTPClient tells itself across loops.
            return loop.execute { self.writabilityChanged(isWritable) }
        }
        state.withLock { $0.upload }?.writabilityChanged(isWritable)
    }

    // MARK: AsyncHTTPClient's side

    func didSendRequestHead(task: HTTPClient.Task<Void>, _ head: HTTPRequestHead) {
        state.withLock { $0.wasHeadSent = true }
    }

    /// Starts sending the body. Called by AsyncHTTPClient on the exchange's loop.
    func sendBody(
        _ body: RequestBody,
        _ writer: HTTPClient.Body.StreamWriter,
        _ turns: UploadTurns
    ) -> EventLoopFuture<Void> {
        let upload = Upload(turns: turns, writer: writer) { [weak self] in
            self?.state.withLock { $0.lastActivity = .now() }
        }
        let (failure, previous) = state.withLock { state in
            defer { state.upload = upload }
            return (state.failure, state.upload)
        }
        // A redirect starts over.
        previous?.stop(CancellationError())
        upload.start(body) { [weak self] error in self?.fail(error) }
        if let failure { upload.stop(failure) }
        return upload.finished
    }

    func didSendRequestPart(task: HTTPClient.Task<Void>, _ part: IOData) {
        let upload = state.withLock { state in
            state.lastActivity = .now()
            return state.upload
        }
        upload?.taken(part.readableBytes)
    }

    func didVisitURL(task: HTTPClient.Task<Void>, _ request: HTTPClient.Request, _ head: HTTPResponseHead) {
        guard followsRedirects, (300..<400).contains(head.status.code), request.url.scheme == "https",
            let location = head.headers.first(name: "location"), location.lowercased().hasPrefix("http:")
        else { return }
        fail(TransportError(.protocolViolation, "\(host) redirects to a URL without TLS, where nothing is sent."))
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        let (upload, isInOrder) = state.withLock { state -> (Upload?, Bool) in
            state.lastActivity = .now()
            guard state.failure == nil else { return (nil, true) }
            state.length = length(of: head)
            state.heldHead = head
            return (head.status.code >= 300 ? state.upload : nil, state.connectionLoop === loop)
        }
        // The server has refused the body: AsyncHTTPClient sends no more of it, so don't produce more.
        upload?.abandon()
        // On another loop this comes too late for the connection to tell when its reading was complete.
        if !isInOrder { readCompleted() }
        return loop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ part: ByteBuffer) -> EventLoopFuture<Void> {
        let (received, pause) = state.withLock { state -> (Flow.Received, EventLoopPromise<Void>?) in
            state.lastActivity = .now()
            let received = state.body.receive(part)
            guard case .stop = received else { return (received, nil) }
            let pause = loop.makePromise(of: Void.self)
            state.body.park(pause)
            return (received, pause)
        }
        if case .deliver(let reader, let chunk) = received { reader.resume(returning: .chunk(chunk)) }
        return pause?.futureResult ?? loop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) throws {}

    private func makeResponse(_ head: HTTPResponseHead) -> TransportResponse {
        let response = HTTPResponse(
            status: .init(code: Int(head.status.code), reasonPhrase: head.status.reasonPhrase),
            headerFields: names.fields(of: head.headers)
        )
        let length = state.withLock { $0.length }
        guard length != 0 else { return TransportResponse(head: response) }
        return TransportResponse(
            head: response,
            body: ResponseBody(
                length: length,
                next: { try await self.nextChunk() },
                cancel: { self.fail(CancellationError()) }
            )
        )
    }

    /// How many bytes a response's body has; `nil` when it doesn't say.
    private func length(of head: HTTPResponseHead) -> Int64? {
        guard request.method != .head, head.status.mayHaveResponseBody else { return 0 }
        return head.headers.first(name: "content-length").flatMap { Int64($0) }
    }

    // MARK: Stalls

    /// Fails the exchange if the network has done nothing for too long. Returns when to look again, `nil` for never.
    func checkForStall() -> TimeAmount? {
        let now = NIODeadline.now()
        let delay: TimeAmount? = state.withLock { state in
            guard !state.isOver else { return nil }
            // Only the network is timed: not a body that has nothing to send yet, not a reader that doesn't read.
            let isWaitingForNetwork = state.upload?.isWaitingForNetwork ?? !state.body.isPaused
            if !isWaitingForNetwork { state.lastActivity = now }
            return state.lastActivity + timeout - now
        }
        guard let delay, delay <= .zero else { return delay }
        fail(
            TransportError(
                .timeout,
                "The server neither sent nor took a byte for \(timeout.seconds) seconds."
            )
        )
        return nil
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        self = overflow ? .hours(24 * 365) : .nanoseconds(min(product, Int64.max / 4) + attoseconds / 1_000_000_000)
    }

    fileprivate var seconds: Double { Double(nanoseconds) / 1_000_000_000 }
}
