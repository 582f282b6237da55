import FaultServer
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOPosix
import OSSRuntime
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

/// When the head of a response is handed on.
@Suite(.timeLimit(.minutes(60))) struct HeldHeadTests {
    /// The end comes with the head, and in between more than is kept for a reader.
    @Test func aBodyThatWaitsForItsReaderDoesNotHoldUpTheHead() async throws {
        let server = try await FaultServer.start { _ in [.readBody, .reply(body: "0123456789")] }
        let transport = AsyncHTTPClientTransport(.init(), MultiThreadedEventLoopGroup.singleton, responseLimit: 1)
        for _ in 0..<3 {
            let response = try await transport.send(TransportRequest(to: server.authority))
            #expect(try await response.body.text(upTo: 100) == "0123456789")
        }
        await transport.shutdown()
        await server.stop()
    }

    /// What comes later may take its time: the head is there before.
    @Test func aHeadIsNotHeldForTheRestOfItsBody() async throws {
        let server = try await FaultServer.start { _ in
            [.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"), .waitForRelease, .write("done")]
        }
        let transport = AsyncHTTPClientTransport()
        let response = try await transport.send(TransportRequest(to: server.authority))
        server.release()
        #expect(try await response.body.text(upTo: 100) == "done")
        await transport.shutdown()
        await server.stop()
    }
}
