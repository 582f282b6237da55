import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import OSSAsyncHTTPClient

/// What the handler in every connection does with the ends of requests and responses.
@Suite struct WireHandlerTests {
    /// Writes down in which order parts pass it by.
    private final class Recorder: ChannelDuplexHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundIn = HTTPClientRequestPart
        var parts: [String] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): parts.append("response \(head.status.code)")
            case .body: parts.append("response body")
            case .end: parts.append("response end")
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            parts.append("inactive")
        }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            switch unwrapOutboundIn(data) {
            case .head: parts.append("request")
            case .body: parts.append("request body")
            case .end: parts.append("request end")
            }
            context.write(data, promise: promise)
        }
    }

    private let channel = EmbeddedChannel()
    private let recorder = Recorder()

    init() throws {
        try channel.pipeline.syncOperations.addHandlers([WireHandler(ExchangeTable()), recorder])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try request(.head(HTTPRequestHead(version: .http1_1, method: .PUT, uri: "/")))
    }

    private func request(_ part: HTTPClientRequestPart) throws { try channel.writeOutbound(part) }

    private func response(_ parts: HTTPClientResponsePart...) throws {
        for part in parts { try channel.writeInbound(part) }
    }

    private func head(_ status: HTTPResponseStatus) -> HTTPClientResponsePart {
        .head(HTTPResponseHead(version: .http1_1, status: status))
    }

    @Test func anEarlyEndWaitsForTheRequests() throws {
        try response(head(.continue), head(.ok), .end(nil))
        try request(.body(.byteBuffer(ByteBuffer(string: "x"))))
        #expect(recorder.parts == ["request", "response 100", "response 200", "request body"])
        try request(.end(nil))
        #expect(recorder.parts.suffix(2) == ["request end", "response end"])
        // The next one on the same connection is as new.
        try request(.head(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")))
        try request(.end(nil))
        try response(head(.ok), .end(nil))
        #expect(recorder.parts.suffix(4) == ["request", "request end", "response 200", "response end"])
    }

    @Test func anErrorsEndDoesNotWait() throws {
        try response(head(.forbidden), .end(nil))
        #expect(recorder.parts == ["request", "response 403", "response end"])
    }

    @Test func anEarlyEndComesBeforeTheConnections() throws {
        try response(head(.ok), .end(nil))
        channel.pipeline.fireChannelInactive()
        #expect(recorder.parts == ["request", "response 200", "response end", "inactive"])
    }
}
