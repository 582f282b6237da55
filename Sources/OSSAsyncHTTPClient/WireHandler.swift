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
final class WireHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let exchanges: ExchangeTable
    private var exchange: Exchange?

    private init(_ exchanges: ExchangeTable) {
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
        guard case .head(var head) = unwrapOutboundIn(data), let exchange = exchanges.claim(&head) else {
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

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let exchange, case .end = unwrapInboundIn(data) else {
            return context.fireChannelRead(data)
        }
        // Given up first: the connection may be handed its next request while this one is passed on.
        self.exchange = nil
        context.fireChannelRead(data)
        exchange.responseEndedOnWire()
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
