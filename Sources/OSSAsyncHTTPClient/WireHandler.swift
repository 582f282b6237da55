import OSSRuntime
import NIOCore
import NIOHTTP1

/// Sits in every connection between AsyncHTTPClient and the HTTP codec, and tells an exchange what only the
/// connection knows.
///
/// - The request target goes out exactly as it was signed, without a detour through `URL`; so do the header fields,
///   which AsyncHTTPClient would look through byte by byte for what no `HTTPField` can hold, such as line ends.
/// - What was received at once is handed on at once: waking the caller costs more than all the rest.
/// - The end of the response is seen even while the request is still being sent: a delegate isn't told.
/// - Changes of writability are seen before AsyncHTTPClient acts on them. An upload that asks it to wait for
///   writability would wait for ever if the connection dies meanwhile; so it is never asked to (see `Upload`).
/// - A response's end that overtakes the request's waits for it. AsyncHTTPClient would give the connection back only
///   after a detour through the request's event loop, and stop the program if it was closed meanwhile.
final class WireHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let exchanges: ExchangeTable
    private var exchange: Exchange?
    /// Whether the request was written in full.
    private var isRequestComplete = true
    /// Whether AsyncHTTPClient goes on sending after this response; after an error it doesn't.
    private var awaitsRequest = true
    /// The end of a response that is ahead of its request's.
    private var earlyEnd: NIOAny?
    /// When to look whether the exchange has stalled. One timer serves all exchanges of a connection, by finding that it
    /// is too early for the latest: to set and to cancel one for each costs more than that.
    private var stallCheck: (deadline: NIODeadline, timer: Scheduled<Void>)?

    init(_ exchanges: ExchangeTable) {
        self.exchanges = exchanges
    }

    /// Puts a handler into a new connection.
    static func install(in channel: any Channel, _ exchanges: ExchangeTable) -> EventLoopFuture<Void> {
        channel.eventLoop.submit {
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
            try pipeline.addHandler(WireHandler(exchanges), position: .after(codec))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part = unwrapOutboundIn(data)
        switch part {
        case .head: isRequestComplete = false
        case .body: break
        case .end: isRequestComplete = true
        }
        guard case .head(var head) = part, let exchange = exchanges.claim(&head) else {
            return context.write(data, promise: promise)
        }
        self.exchange = exchange
        exchange.attach(to: context.channel, &head)
        scheduleStallCheck(in: exchange.timeout, context.eventLoop)
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        if isRequestComplete { passEarlyEnd(context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            awaitsRequest = head.status.code < 300
            context.fireChannelRead(data)
        case .body:
            context.fireChannelRead(data)
        case .end:
            let exchange = exchange
            if awaitsRequest, !isRequestComplete {
                earlyEnd = data
            } else {
                pass(end: data, context)
            }
            exchange?.responseEndedOnWire()
        }
    }

    private func pass(end: NIOAny, _ context: ChannelHandlerContext) {
        // Given up first: the connection may be handed its next request while this one is passed on.
        exchange = nil
        context.fireChannelRead(end)
    }

    private func passEarlyEnd(_ context: ChannelHandlerContext) {
        guard let end = earlyEnd else { return }
        earlyEnd = nil
        pass(end: end, context)
        context.fireChannelReadComplete()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        exchange?.readCompleted()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        let exchange = exchange
        // Before AsyncHTTPClient pauses, after it resumed: an exchange then never writes while it is paused.
        if !isWritable { exchange?.writabilityChanged(false) }
        context.fireChannelWritabilityChanged()
        if isWritable { exchange?.writabilityChanged(true) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        exchange = nil
        passEarlyEnd(context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        exchange = nil
        stallCheck?.timer.cancel()
        stallCheck = nil
    }

    private func scheduleStallCheck(in delay: TimeAmount, _ loop: any EventLoop) {
        let deadline = NIODeadline.now() + delay
        if let next = stallCheck {
            if next.deadline <= deadline { return }
            next.timer.cancel()
        }
        let timer = loop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.stallCheck = nil
            if let delay = self.exchange?.checkForStall() { self.scheduleStallCheck(in: delay, loop) }
        }
        stallCheck = (deadline, timer)
    }
}

@available(*, unavailable)
extension WireHandler: Sendable {}

/// The exchanges under way, found again on their connection by a header field that never leaves the process.
final class ExchangeTable: Sendable {
    private struct State {
        var last: UInt64 = 0
        var underWay: [UInt64: Exchange] = [:]
    }

    private static let marker = "oss-swift-exchange"
    private let state = Locked(State())

    /// Notes an exchange, and adds its mark to the header fields.
    func add(_ exchange: Exchange, to headers: inout [(String, String)]) -> UInt64 {
        let id = state.withLock { state in
            state.last += 1
            state.underWay[state.last] = exchange
            return state.last
        }
        headers.append((Self.marker, String(id)))
        return id
    }

    /// Forgets an exchange that is over.
    func remove(_ id: UInt64) {
        _ = state.withLock { $0.underWay.removeValue(forKey: id) }
    }

    /// Finds the exchange of a request's head, and takes the mark off.
    fileprivate func claim(_ head: inout HTTPRequestHead) -> Exchange? {
        guard let mark = head.headers.first(name: Self.marker) else { return nil }
        head.headers.remove(name: Self.marker)
        guard let id = UInt64(mark) else { return nil }
        return state.withLock { $0.underWay[id] }
    }
}
