import NIOCore
import NIOHTTP1
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How long a connection may do nothing, and how many there may be.
struct ConnectionLimits: Sendable {
    /// For a request's head to be there, from the answer before or from the start: an idle connection ends, and so does
    /// one that dribbles.
    var head = TimeAmount.seconds(60)
    /// For the client to send more of a body that is waited for, or to take more of an answer.
    var stall = TimeAmount.seconds(60)
    /// For a client that was answered early to end its upload.
    var linger = TimeAmount.seconds(10)
    /// More are closed at once. A quarter of the files that the process may have open is left for files.
    var connections = min(16384, openFiles / 4 * 3)

    /// The clock that `head` and `stall` go by, and how often it is looked at: by default often enough for them to be
    /// kept within a quarter.
    var now: @Sendable () -> NIODeadline = { .now() }
    var interval: TimeAmount?

    private static var openFiles: Int {
        var limit = rlimit()
        #if canImport(Glibc)
            let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        return result == 0 ? Int(clamping: limit.rlim_cur) : 256
    }
}

/// The client sent no more of a body that is waited for.
struct StalledBody: Error {}

/// Ends a connection on which nothing happens though it is the client's turn.
///
/// It stands behind the decoder: a head that isn't complete is none, however many bytes of it come.
final class IdleWatch: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: ConnectionLimits
    private var timer: Scheduled<Void>?
    private var progress = NIODeadline.uptimeNanoseconds(0)
    /// Requests whose answers aren't written yet.
    private var unanswered = 0
    private var isReceiving = false
    private var isReading = false
    private var unsent = 0

    init(_ limits: ConnectionLimits) {
        self.limits = limits
    }

    // MARK: The timer

    func channelActive(context: ChannelHandlerContext) {
        progress = limits.now()
        schedule(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    private func schedule(_ context: ChannelHandlerContext) {
        let interval = limits.interval ?? .nanoseconds(min(limits.head, limits.stall).nanoseconds / 4)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: interval) {
            self.check(context)
        }
    }

    private func check(_ context: ChannelHandlerContext) {
        let now = limits.now()
        let before = unsent
        unsent = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if unsent > 0 {
            if unsent != before { progress = now }
            guard now - progress < limits.stall else { return context.close(promise: nil) }
        } else if unanswered == 0 {
            guard now - progress < limits.head else { return context.close(promise: nil) }
        } else if isReceiving, isReading, now - progress >= limits.stall {
            isReceiving = false
            context.fireErrorCaught(StalledBody())
        }
        schedule(context)
    }

    // MARK: What happens

    func read(context: ChannelHandlerContext) {
        if !isReading { progress = limits.now() }
        isReading = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = false
        switch unwrapInboundIn(data) {
        case .head:
            unanswered += 1
            isReceiving = true
        case .body: break
        case .end: isReceiving = false
        }
        progress = limits.now()
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) {
            unanswered = max(0, unanswered - 1)
            progress = limits.now()
        }
        context.write(data, promise: promise)
    }
}

/// Keeps the number of connections within its limit, and listening when the process has no more files to give.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = Channel
    typealias InboundOut = Channel
    typealias OutboundIn = Never

    private final class Count: Sendable {
        let value = Atomic(0)
    }

    private static let pause = TimeAmount.milliseconds(200)
    private static let silence = TimeAmount.seconds(10)

    private let limit: Int
    private let warn: (String) -> Void
    private var nextWarning = NIODeadline.uptimeNanoseconds(0)
    private let count = Count()
    private var isPaused = false
    private var wantsRead = false

    /// - Parameter warn: told why connections aren't taken, now and then.
    init(limit: Int, warn: @escaping (String) -> Void) {
        self.limit = limit
        self.warn = warn
    }

    private func refuse(_ reason: String, _ context: ChannelHandlerContext) {
        let now = context.eventLoop.now
        guard now >= nextWarning else { return }
        nextWarning = now + Self.silence
        warn(reason)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let child = unwrapInboundIn(data)
        guard count.value.load(ordering: .relaxed) < limit else {
            refuse("there are \(limit) already", context)
            return child.close(promise: nil)
        }
        count.value.add(1, ordering: .relaxed)
        // It closes on an event loop of its own.
        child.closeFuture.whenComplete { [count] _ in count.value.subtract(1, ordering: .relaxed) }
        context.fireChannelRead(data)
    }

    /// Passed on, an error would end the listening, and the next to connect would find nobody.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refuse("\(error)", context)
        guard !isPaused else { return }
        isPaused = true
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
            self.isPaused = false
            if self.wantsRead { context.read() }
            self.wantsRead = false
        }
    }

    func read(context: ChannelHandlerContext) {
        if isPaused { wantsRead = true } else { context.read() }
    }
}
