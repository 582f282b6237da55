import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import OSSEmulator

/// Takes callbacks on the loopback interface.
private final class CallbackServer: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    struct Received {
        var head: HTTPRequestHead
        var body = ""
    }

    let received = Mutex<[Received]>([])
    private let status: HTTPResponseStatus
    private let answer: String?

    /// - Parameter answer: nil never answers.
    init(_ status: HTTPResponseStatus = .ok, _ answer: String? = nil) {
        self.status = status
        self.answer = answer
    }

    func run(_ body: (Int, CallbackServer) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(self)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            try await body(channel.localAddress?.port ?? 0, self)
        } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): received.withLock { $0.append(Received(head: head)) }
        case .body(let bytes): received.withLock { $0[$0.count - 1].body += String(buffer: bytes) }
        case .end:
            guard let answer else { return }
            let headers: HTTPHeaders = ["Content-Length": "\(answer.utf8.count)"]
            let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

@Suite struct CallbackTests {
    private static func put(
        _ client: TestClient, _ callback: String, variables: String? = nil, key: String = "dir/a b"
    ) async throws -> Reply {
        var headers = ["x-oss-callback": base64(Array(callback.utf8)), "Content-Type": "text/plain"]
        if let variables { headers["x-oss-callback-var"] = base64(Array(variables.utf8)) }
        return try await client.send("PUT", "/bkt/" + key, headers: headers, text: "hello")
    }

    @Test func callbacksAreMade() async throws {
        try await CallbackServer(.ok, #"{"a":1}"#).run { port, server in
            try await withEmulator { client async throws in
                let form =
                    #""callbackBody":"b=${bucket}&o=${object}&e=${etag}&s=${size}&m=${mimeType}&v=${x:v}&n=${x:n}""#
                let reply = try await Self.put(
                    client, #"{"callbackUrl":"http://127.0.0.1:\#(port)/path?q=1","callbackHost":"h",\#(form)}"#,
                    variables: #"{"x:v":"a&b"}"#)
                #expect(reply.status == 200 && reply.text == #"{"a":1}"#)
                #expect(reply.headers["content-type"] == "application/json" && reply.headers["etag"] != nil)
                let json = #""callbackBody":"{\"o\":${object},\"s\":${size}}","callbackBodyType":"application/json""#
                _ = try await Self.put(client, #"{"callbackUrl":"localhost:\#(port)",\#(json)}"#)
                let query = [("callback", base64(Array(#"{"callbackUrl":"127.0.0.1:\#(port)/q",\#(json)}"#.utf8)))]
                #expect(try await client.send("PUT", "/bkt/q", query: query, text: "x").text == #"{"a":1}"#)

                let id = try await client.send("POST", "/bkt/m", query: [("uploads", "")]).element("UploadId") ?? ""
                _ = try await client.send("PUT", "/bkt/m", query: [("partNumber", "1"), ("uploadId", id)], text: "x")
                let done = try await client.send(
                    "POST", "/bkt/m", query: [("uploadId", id)],
                    headers: ["x-oss-complete-all": "yes", "x-oss-callback": query[0].1])
                #expect(done.status == 200 && done.text == #"{"a":1}"#)

                let received = server.received.withLock { $0 }
                #expect(received.count == 4)
                #expect(
                    received[0].body
                        == "b=bkt&o=dir%2Fa%20b&e=5D41402ABC4B2A76B9719D911017C592&s=5&m=text%2Fplain&v=a%26b&n=")
                #expect(received[0].head.uri == "/path?q=1" && received[0].head.headers["host"] == ["h"])
                #expect(received[0].head.headers["user-agent"] == ["aliyun-oss-callback"])
                #expect(received[1].body == #"{"o":"dir/a b","s":5}"# && received[1].head.uri == "/")
                #expect(received[1].head.headers["content-type"] == ["application/json"])
            }
        }
    }

    @Test func callbacksFail() async throws {
        for (status, answer, message) in [
            (HTTPResponseStatus.forbidden, "{}", "Error status : 403."),
            (.ok, "not json", "Response body is not valid json format."),
        ] {
            try await CallbackServer(status, answer).run { port, _ in
                try await withEmulator { client async throws in
                    let reply = try await Self.put(
                        client, #"{"callbackUrl":"http://127.0.0.1:\#(port)","callbackBody":"x"}"#)
                    #expect(reply.status == 203 && reply.element("Code") == "CallbackFailed")
                    #expect(reply.element("Message") == message)
                    #expect(try await client.send("GET", "/bkt/dir/a b").text == "hello")
                }
            }
        }
        try await CallbackServer().run { port, _ in
            try await withEmulator({ $0.callbackTime = .milliseconds(50) }) { client async throws in
                let reply = try await Self.put(
                    client, #"{"callbackUrl":"http://127.0.0.1:\#(port)","callbackBody":"x"}"#)
                #expect(reply.status == 203 && reply.element("EC") == "0007-00000202")
            }
        }
        try await withEmulator { client async throws in
            // Nobody outside this machine is asked, and nobody listens here.
            for url in ["http://example.com/", "https://127.0.0.1:1", "http://127.0.0.1:1/;http://10.0.0.1"] {
                let reply = try await Self.put(client, #"{"callbackUrl":"\#(url)","callbackBody":"x"}"#)
                #expect(reply.status == 203 && reply.element("EC") == "0007-00000203")
            }
        }
    }

    @Test func theSecondUrlIsAskedToo() async throws {
        try await CallbackServer(.ok, "[]").run { port, _ in
            try await withEmulator { client async throws in
                let reply = try await Self.put(
                    client, #"{"callbackUrl":"http://127.0.0.1:1;http://127.0.0.1:\#(port)","callbackBody":"x"}"#)
                #expect(reply.status == 200 && reply.text == "[]")
            }
        }
    }

    @Test func badCallbacksStoreNothing() async throws {
        try await withEmulator { client async throws in
            for (callback, ec) in [
                ("not base64", "0007-00000002"), ("eyJ9", "0007-00000003"), ("W10=", "0007-00000003"),
            ] {
                let reply = try await client.send("PUT", "/bkt/k", headers: ["x-oss-callback": callback], text: "x")
                #expect(reply.status == 400 && reply.element("Code") == "InvalidArgument")
                #expect(reply.element("EC") == ec)
            }
            let url = #""callbackUrl":"http://127.0.0.1:1","#
            for bad in [
                #"{"callbackUrl":"http://h:x","callbackBody":"x"}"#, #"{"callbackUrl":";","callbackBody":"x"}"#,
                #"{\#(url)"callbackBody":""}"#, #"{\#(url)"callbackBody":[1]}"#,
                #"{\#(url)"callbackBody":"x","callbackBodyType":"text/plain"}"#,
            ] {
                #expect(try await Self.put(client, bad, key: "k").status == 400)
            }
            for bad in [#"{"v":"1"}"#, #"{"x:V":"1"}"#, #"{"x:v":1}"#] {
                let reply = try await Self.put(client, #"{\#(url)"callbackBody":"x"}"#, variables: bad, key: "k")
                #expect(reply.status == 400)
            }
            #expect(try await client.send("GET", "/bkt/k").status == 404)
            // Without a URL there is no callback.
            #expect(try await Self.put(client, #"{"callbackUrl":"","callbackBody":"x"}"#, key: "k").status == 200)
        }
    }
}
