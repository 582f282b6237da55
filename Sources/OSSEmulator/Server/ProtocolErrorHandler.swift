import NIOCore
import NIOHTTP1

/// Answers what isn't HTTP with a 400 and closes, if no answer is on its way.
final class ProtocolErrorHandler: ChannelDuplexHandler {
    typealias InboundIn = Never
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let now: @Sendable () -> EmulatorInstant
    private var isAnswering = false

    init(now: @escaping @Sendable () -> EmulatorInstant) {
        self.now = now
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // It must be said now: the decoder closes the connection when this returns.
        if error is HTTPParserError, !isAnswering {
            let now = now()
            let id = Service.makeRequestID(now)
            var writer = XMLWriter()
            writer.element("Error") { writer in
                writer.element("Code", "InvalidRequest")
                writer.element("Message", "The request is not valid HTTP/1.1.")
                writer.element("RequestId", id)
            }
            let headers: HTTPHeaders = [
                "Connection": "close", "Content-Type": "application/xml", "Content-Length": "\(writer.bytes.count)",
                "Server": "AliyunOSS", "Date": now.httpDate, "x-oss-request-id": id,
            ]
            let head = HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: writer.bytes)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            isAnswering = true
        }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head): isAnswering = head.status.code >= 200
        case .body: break
        case .end: isAnswering = false
        }
        context.write(data, promise: promise)
    }
}
