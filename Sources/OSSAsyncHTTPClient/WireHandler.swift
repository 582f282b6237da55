import OSSRuntime
import NIOCore
import NIOHTTP1

/// Sits in every connection between AsyncHTTPClient and the HTTP codec, and tells an exchange what only the
/// connection knows.
///
/// - The request target goes out exactly as it was signed, without a detour through `URL`.
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
        if let target = exchange.attach(to: context.channel) {
            head.uri = target
        } else if !head.headers.contains(name: "authorization") {
            // AsyncHTTPClient has taken the signature off, since the redirect leads to another host.
            head.headers.remove(name: "x-oss-security-token")
        }
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
            // Given up first: the connection may be handed its next request while this one is passed on.
            let exchange = exchange
            self.exchange = nil
            if awaitsRequest, !isRequestComplete { earlyEnd = data } else { context.fireChannelRead(data) }
            exchange?.responseEndedOnWire()
        }
    }

    private func passEarlyEnd(_ context: ChannelHandlerContext) {
        guard let end = earlyEnd else { return }
        earlyEnd = nil
        context.fireChannelRead(end)
        context.fireChannelReadComplete()
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
    func add(_ exchange: Exchange, to headers: inout HTTPHeaders) -> UInt64 {
        let id = state.withLock { state in
            state.last += 1
            state.underWay[state.last] = exchange
            return state.last
        }
        headers.add(name: Self.marker, value: String(id))
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
