import NIOCore
import NIOPosix
import NIOSSL
import NIOConcurrencyHelpers

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An HTTP/1.1 server that misbehaves on demand, for tests. It listens on 127.0.0.1 only.
///
/// ```swift
/// let server = try await FaultServer.start { request in
///     switch request.index {
///     case 0: [.readBody, .reset]
///     default: [.readBody, .reply(status: 200, body: "ok")]
///     }
/// }
/// … server.url …
/// await server.stop()
/// ```
///
/// The function gets each request as soon as its head is read, and returns what to do, step by step. Bodies are
/// read and counted in the background all the while, unless a step stops that. When the steps are done and the
/// body is read, the connection waits for its next request.
public final class FaultServer: Sendable {
    /// A request, as far as it was read.
    public struct Request: Sendable {
        /// How many requests the server got before, on all connections.
        public let index: Int
        /// How many connections the server got before this one.
        public let connection: Int
        /// How many requests came before on this connection.
        public let indexOnConnection: Int
        /// The method, such as `GET`.
        public let method: String
        /// Path and query, byte for byte.
        public let target: String
        /// Header fields in order of arrival.
        public let headers: [(name: String, value: String)]
        /// How many bytes of the body were read so far.
        public internal(set) var bodyLength = 0
        /// The first 64 KiB of the body.
        public internal(set) var body: [UInt8] = []
        /// Whether the body was read to its end.
        public internal(set) var isComplete = false

        /// The first value of a header field.
        public func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// Something the server does with a connection.
    public enum Step: Sendable {
        /// Waits until the request's body is read to its end.
        case readBody
        /// Waits until so many bytes of the request's body are read.
        case readBytes(Int)
        /// Reads no more.
        case stopReading
        /// Reads a little, and again after a pause, until the body is read; waits for that.
        case readSlowly(bytes: Int, every: Duration)
        /// Writes bytes as they are.
        case write([UInt8])
        /// Writes the same chunk many times, each when the one before is out.
        case writeRepeatedly([UInt8], times: Int)
        /// Waits.
        case wait(Duration)
        /// Waits until the test calls ``FaultServer/release()``.
        case waitForRelease
        /// Does nothing more, and leaves the connection open.
        case stall
        /// Closes the connection.
        case close
        /// Closes the connection with a TCP reset.
        case reset

        /// Writes text as it is.
        public static func write(_ text: String) -> Step { .write(Array(text.utf8)) }

        /// Writes a response with a `Content-Length`.
        public static func reply(
            status: Int = 200,
            headers: [(name: String, value: String)] = [],
            body: String = ""
        ) -> Step {
            .reply(status: status, headers: headers, bytes: Array(body.utf8))
        }

        /// Writes a response with a `Content-Length`, that of `bytes` unless given.
        public static func reply(
            status: Int = 200,
            headers: [(name: String, value: String)] = [],
            bytes: [UInt8],
            contentLength: Int? = nil
        ) -> Step {
            var head = "HTTP/1.1 \(status) Status\r\n"
            for (name, value) in headers { head += "\(name): \(value)\r\n" }
            head += "Content-Length: \(contentLength ?? bytes.count)\r\n\r\n"
            return .write(Array(head.utf8) + bytes)
        }
    }

    /// Decides what to do with a request.
    public typealias Script = @Sendable (Request) -> [Step]

    /// The port the server listens on.
    public let port: Int
    /// The server's URL, without a slash at the end.
    public let url: String
    /// Host and port.
    public var authority: String { "127.0.0.1:\(port)" }

    private let listener: any Channel
    private let log: Log

    private init(listener: any Channel, log: Log, scheme: String) {
        self.listener = listener
        self.log = log
        self.port = listener.localAddress?.port ?? 0
        self.url = "\(scheme)://127.0.0.1:\(port)"
    }

    /// Starts a server on a free port.
    ///
    /// - Parameters:
    ///   - usesTLS: Whether to speak TLS, with ``TestCertificate``.
    ///   - script: What to do with each request.
    public static func start(usesTLS: Bool = false, _ script: @escaping Script) async throws -> FaultServer {
        let log = Log()
        let tls = try usesTLS ? makeTLSContext() : nil
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(Connection(script, log))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return FaultServer(listener: listener, log: log, scheme: usesTLS ? "https" : "http")
    }

    private static func makeTLSContext() throws -> NIOSSLContext {
        let certificate = try NIOSSLCertificate(bytes: Array(TestCertificate.certificate.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(TestCertificate.privateKey.utf8), format: .pem)
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))
        )
    }

    /// All requests so far, in order of arrival.
    public var requests: [Request] { log.state.withLockedValue { $0.requests } }
    /// How many connections were made so far.
    public var connectionCount: Int { log.state.withLockedValue { $0.connections } }
    /// How many connections are open.
    public var openConnectionCount: Int { log.state.withLockedValue { $0.channels.count } }
    /// The most connections that were open at a time.
    public var peakConnectionCount: Int { log.state.withLockedValue { $0.peak } }

    /// Lets every request go on that waits for it, or will.
    public func release() {
        let promises = log.state.withLockedValue { state in
            state.isReleased = true
            defer { state.gates = [] }
            return state.gates
        }
        for promise in promises { promise.succeed(()) }
    }

    /// Undoes ``Step/stopReading`` and ``Step/readSlowly(bytes:every:)`` on all connections; no later
    /// step stops reading. A server that doesn't read doesn't see either that its client is gone.
    public func resumeReading() {
        let channels = log.state.withLockedValue { state in
            state.isReadingResumed = true
            return Array(state.channels.values)
        }
        for channel in channels {
            channel.pipeline.fireUserInboundEventTriggered(ResumeReading())
        }
    }

    /// Closes the connections that are open, as a server does with idle ones.
    public func closeConnections() async {
        let channels = log.state.withLockedValue { Array($0.channels.values) }
        for channel in channels { try? await channel.close().get() }
    }

    /// Closes everything.
    public func stop() async {
        release()
        log.state.withLockedValue { $0.isStopped = true }
        try? await listener.close().get()
        await closeConnections()
    }

    /// Waits until something is true of the server; for some minutes at most.
    ///
    /// - Returns: Whether it became true.
    public func eventually(_ condition: @Sendable (FaultServer) -> Bool) async -> Bool {
        for _ in 0..<300_000 {
            if condition(self) { return true }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return condition(self)
    }
}

/// What the server has seen.
final class Log: Sendable {
    struct State {
        var requests: [FaultServer.Request] = []
        var connections = 0
        var peak = 0
        var channels: [Int: any Channel] = [:]
        var isReleased = false
        var isReadingResumed = false
        var isStopped = false
        var gates: [EventLoopPromise<Void>] = []
    }

    let state = NIOLockedValueBox(State())
}

private struct ResumeReading {}

/// One connection: reads requests, runs their steps.
private final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let script: FaultServer.Script
    private let log: Log
    private var number = 0
    private var requestsHere = 0
    private var input = ByteBuffer()
    private var reading = Reading.head
    /// The request being read or answered: its place in the log.
    private var current = 0
    private var received = 0
    private var steps: ArraySlice<FaultServer.Step> = []
    private var isBusy = false
    private var isRunningScript = false
    private var pace = Pace.normal

    private enum Reading {
        case head
        case fixed(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case done
    }

    private enum Pace {
        case normal
        case stopped
        case slow(bytes: Int, every: TimeAmount)
    }

    init(_ script: @escaping FaultServer.Script, _ log: Log) {
        self.script = script
        self.log = log
    }

    // MARK: Reading

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        let isStopped = log.state.withLockedValue { state in
            number = state.connections
            state.connections += 1
            state.channels[number] = channel
            state.peak = max(state.peak, state.channels.count)
            return state.isStopped
        }
        context.fireChannelActive()
        guard !isStopped else { return context.close(promise: nil) }
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        _ = log.state.withLockedValue { $0.channels.removeValue(forKey: number) }
        steps = []
        isBusy = true
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        parse(context)
        switch pace {
        case .normal:
            context.read()
        case .stopped:
            break
        case .slow(_, let pause):
            let context = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: pause) { context.value.read() }
        }
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ResumeReading else { return context.fireUserInboundEventTriggered(event) }
        pace = .normal
        context.read()
    }

    private func parse(_ context: ChannelHandlerContext) {
        while consume(context) {}
        run(context)
    }

    /// Takes one thing off the input. False when it needs more bytes, or when it's the script's turn.
    private func consume(_ context: ChannelHandlerContext) -> Bool {
        switch reading {
        case .head:
            guard !isRunningScript, let head = takeHead() else { return false }
            begin(head, context)
            return true
        case .fixed(let remaining):
            let count = min(remaining, input.readableBytes)
            take(count)
            if count == remaining { return finishBody() }
            reading = .fixed(remaining: remaining - count)
            return false
        case .chunkSize:
            guard let line = takeLine() else { return false }
            let size = Int(line.prefix { $0 != ";" }, radix: 16) ?? 0
            reading = size == 0 ? .chunk(remaining: -1) : .chunk(remaining: size)
            return true
        case .chunk(remaining: -1):
            guard takeLine() != nil else { return false }
            return finishBody()
        case .chunk(remaining: 0):
            guard takeLine() != nil else { return false }
            reading = .chunkSize
            return true
        case .chunk(let remaining):
            let count = min(remaining, input.readableBytes)
            guard count > 0 else { return false }
            take(count)
            reading = .chunk(remaining: remaining - count)
            return true
        case .done:
            return false
        }
    }

    private func takeHead() -> String? {
        let bytes = input.readableBytesView
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        return input.readString(length: end.upperBound - bytes.startIndex)
    }

    private func takeLine() -> String? {
        let bytes = input.readableBytesView
        guard let end = bytes.firstRange(of: Array("\r\n".utf8)) else { return nil }
        let line = input.readString(length: end.upperBound - bytes.startIndex)
        return line.map { String($0.dropLast()) }
    }

    private func take(_ count: Int) {
        guard count > 0, let slice = input.readSlice(length: count) else { return }
        received += count
        log.state.withLockedValue { state in
            state.requests[current].bodyLength = received
            let room = 64 * 1024 - state.requests[current].body.count
            if room > 0 { state.requests[current].body += slice.readableBytesView.prefix(room) }
        }
        input.discardReadBytes()
    }

    private func begin(_ head: String, _ context: ChannelHandlerContext) {
        let lines = head.split(separator: "\r\n")
        let first = (lines.first ?? "").split(separator: " ")
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (name: String(parts.first ?? ""), value: trimmed(parts.dropFirst().first ?? ""))
        }
        let request = log.state.withLockedValue { state in
            let request = FaultServer.Request(
                index: state.requests.count,
                connection: number,
                indexOnConnection: requestsHere,
                method: String(first.first ?? ""),
                target: String(first.dropFirst().first ?? ""),
                headers: headers
            )
            state.requests.append(request)
            return request
        }
        requestsHere += 1
        current = request.index
        received = 0
        if request.header("transfer-encoding")?.lowercased() == "chunked" {
            reading = .chunkSize
        } else {
            reading = .fixed(remaining: Int(request.header("content-length") ?? "") ?? 0)
        }
        isRunningScript = true
        steps = script(request)[...]
    }

    private func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    private func finishBody() -> Bool {
        reading = .done
        log.state.withLockedValue { $0.requests[current].isComplete = true }
        return true
    }

    // MARK: Steps

    private var isBodyRead: Bool {
        if case .done = reading { true } else { false }
    }

    private func run(_ context: ChannelHandlerContext) {
        while isRunningScript, !isBusy {
            guard let step = steps.first else {
                guard isBodyRead else { return }
                isRunningScript = false
                reading = .head
                // The next request may be here already.
                return parse(context)
            }
            switch step {
            case .readBody:
                guard isBodyRead else { return }
            case .readBytes(let count):
                guard isBodyRead || received >= count else { return }
            case .readSlowly(let bytes, let pause):
                if case .slow = pace {
                    guard isBodyRead else { return }
                    pace = .normal
                } else {
                    pace = .slow(bytes: bytes, every: TimeAmount(pause))
                    let channel = context.channel
                    _ = channel.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: bytes))
                    _ = channel.setOption(.maxMessagesPerRead, value: 1)
                    return
                }
            case .stopReading:
                if !log.state.withLockedValue({ $0.isReadingResumed }) { pace = .stopped }
            case .write(let bytes):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .writeRepeatedly(let bytes, let times):
                steps = steps.dropFirst()
                pause(context, until: writeAll(ByteBuffer(bytes: bytes), times, context.channel))
                return
            case .wait(let duration):
                steps = steps.dropFirst()
                pause(context, until: context.eventLoop.scheduleTask(in: TimeAmount(duration)) {}.futureResult)
                return
            case .waitForRelease:
                steps = steps.dropFirst()
                pause(context, until: released(on: context.eventLoop))
                return
            case .stall:
                return
            case .close:
                steps = []
                isBusy = true
                return context.close(promise: nil)
            case .reset:
                steps = []
                isBusy = true
                let channel = context.channel
                // Closing with nothing to linger for sends a reset.
                guard let options = channel as? any SocketOptionProvider else { return channel.close(promise: nil) }
                return options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                    .whenComplete { _ in channel.close(promise: nil) }
            }
            steps = steps.dropFirst()
        }
    }

    /// Goes on with the steps when something is done.
    private func pause(_ context: ChannelHandlerContext, until future: EventLoopFuture<Void>) {
        isBusy = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        future.hop(to: context.eventLoop).whenComplete { _ in
            let (handler, context) = bound.value
            guard context.channel.isActive else { return }
            handler.isBusy = false
            handler.run(context)
        }
    }

    private func writeAll(_ chunk: ByteBuffer, _ times: Int, _ channel: any Channel) -> EventLoopFuture<Void> {
        guard times > 0 else { return channel.eventLoop.makeSucceededVoidFuture() }
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        return channel.writeAndFlush(chunk).flatMap { bound.value.writeAll(chunk, times - 1, channel) }
    }

    private func released(on loop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        let isReleased = log.state.withLockedValue { state in
            if !state.isReleased { state.gates.append(promise) }
            return state.isReleased
        }
        if isReleased { promise.succeed(()) }
        return promise.futureResult
    }
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
