import FaultServer
import Foundation
import HTTPTypes
import OSS
import OSSAsyncHTTPClient
import Testing

/// How the client connects: what the servers at the other end see of it, and when it gives up.
@Suite("Connections", .timeLimit(.minutes(60)))
struct ConnectionTests {
    private let get = GetObjectRequest(bucket: "my-bucket", key: "a")

    private func text(_ client: OSSClient) async throws -> String {
        try await client.getObject(get).body.text(upTo: 100)
    }

    /// The CRC-64 of "123456789".
    private static let crc = ReplyTests.crc

    // MARK: Timeouts

    @Test("cfg-connect-timeout: a peer that never shakes hands", arguments: [50, 400])
    func connectTimeout(milliseconds: Int) async throws {
        // TCP connects, and then nothing comes back to the first message of TLS.
        let server = try await FaultServer.start { _ in [.stall] }
        var configuration = ClientConfiguration(
            region: "cn-hangzhou", endpoint: "https://\(server.authority)", credentials: .anonymous)
        configuration.retry = .never
        configuration.transportConfiguration.connectTimeout = .milliseconds(milliseconds)
        let client = try OSSClient(configuration)
        let start = ContinuousClock.now
        let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
        #expect(error?.kind == .connectTimeout)
        #expect(start.duration(to: .now) >= .milliseconds(milliseconds / 2))
        #expect(server.requests.isEmpty)
        await client.shutdown()
        await server.stop()
    }

    #if os(Linux)
        @Test("cfg-connect-timeout: a peer that doesn't answer at all", arguments: ["http", "https"])
        func connectTimeout(scheme: String) async throws {
            let server = try await DeafServer.start()
            var configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "\(scheme)://127.0.0.1:\(server.port)", credentials: .anonymous)
            configuration.retry = .never
            configuration.transportConfiguration.connectTimeout = .milliseconds(200)
            let client = try OSSClient(configuration)
            let start = ContinuousClock.now
            let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
            #expect(error?.kind == .connectTimeout)
            // The transport counts from a little earlier on.
            #expect(start.duration(to: .now) >= .milliseconds(100))
            await client.shutdown()
            await server.stop()
        }
    #endif

    @Test("cfg-connect-timeout, cfg-readwrite-timeout, cfg-max-connections: the defaults") func defaults() async throws
    {
        let configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
        #expect(configuration.transportConfiguration.connectTimeout == .seconds(10))
        #expect(configuration.transportConfiguration.maxConnections == 20)
        let fixture = try Fixture()
        _ = try await fixture.client.getObject(get)
        #expect(fixture.transport.sent.first?.stall == .seconds(20))
    }

    @Test("cfg-connect-timeout, cfg-readwrite-timeout, cfg-max-connections, cfg-retry: what can't be is refused")
    func impossible() async throws {
        let mistakes: [(String, (inout ClientConfiguration) -> Void)] = [
            ("retry.maximumAttempts", { $0.retry.maximumAttempts = 0 }),
            ("readWriteTimeout", { $0.readWriteTimeout = .zero }),
            ("connectTimeout", { $0.transportConfiguration.connectTimeout = .seconds(-1) }),
            ("idleTimeout", { $0.transportConfiguration.idleTimeout = .zero }),
            ("maxConnections", { $0.transportConfiguration.maxConnections = 0 }),
            ("proxy", { $0.transportConfiguration.proxy = ProxyConfiguration(host: "", port: 80) }),
            (
                "proxy",
                {
                    $0.transportConfiguration.proxy = ProxyConfiguration(
                        host: "p", port: 0, user: "u", password: "hush")
                }
            ),
        ]
        for (name, mistake) in mistakes {
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
            mistake(&configuration)
            let error = #expect(throws: OSSError.self) { _ = try OSSClient(configuration) }
            #expect(error?.kind == .invalidConfiguration)
            #expect(error?.message.contains(name) == true)
            #expect(error?.description.contains("hush") == false)
        }
    }

    @Test("cfg-readwrite-timeout: no byte for that long, before a reply or in it", arguments: [[], ["half"]])
    func readWriteTimeout(start: [String]) async throws {
        try await withServer {
            $0.readWriteTimeout = .milliseconds(150)
        } _: { _ in
            start.map { .write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n\($0)") } + [.stall]
        } _: { client, _ in
            let begin = ContinuousClock.now
            let error = await #expect(throws: OSSError.self) {
                try await client.getObject(get).body.collect(upTo: 1000)
            }
            #expect(error?.kind == .timeout)
            #expect(begin.duration(to: .now) >= .milliseconds(150))
        }
    }

    // MARK: The pool

    @Test("cfg-max-connections: no more than that, and as many", arguments: [1, 3, 20])
    func maximumConnections(limit: Int) async throws {
        try await withServer {
            $0.transportConfiguration.maxConnections = limit
        } _: { _ in
            [.waitForRelease, .reply()]
        } _: { client, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<limit * 3 {
                    group.addTask { _ = try await client.headObject(.init(bucket: "my-bucket", key: "\(index)")) }
                }
                #expect(await server.eventually { $0.requests.count == limit })
                server.release()
                try await group.waitForAll()
            }
            #expect(server.requests.count == limit * 3)
            #expect(server.connectionCount == limit)
        }
    }

    @Test("cfg-max-connections: an unused connection is closed after the idle time") func idleTimeout() async throws {
        try await withServer {
            $0.transportConfiguration.idleTimeout = .milliseconds(50)
        } _: { _ in
            [.readBody, .reply()]
        } _: { client, server in
            _ = try await client.getObject(get)
            #expect(await server.eventually { $0.openConnectionCount == 0 })
        }
    }

    @Test("cfg-http-client: two clients share one pool") func sharedPool() async throws {
        let server = try await FaultServer.start { _ in [.readBody, .reply()] }
        let transport = AsyncHTTPClientTransport(configuration: TransportConfiguration(maxConnections: 1))
        var clients: [OSSClient] = []
        for id in ["first", "second"] {
            var configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: server.url, credentials: .static(accessKeyID: id, accessKeySecret: "s")
            )
            configuration.transport = transport
            clients.append(try OSSClient(configuration))
        }
        for client in clients + clients { _ = try await client.headObject(.init(bucket: "my-bucket", key: "a")) }
        #expect(server.requests.count == 4)
        #expect(server.connectionCount == 1)
        #expect(
            server.requests.map { $0.header("authorization")?.contains("Credential=second/") } == [
                false, true, false, true,
            ])
        await clients[0].shutdown()
        _ = try await clients[1].headObject(.init(bucket: "my-bucket", key: "a"))
        #expect(server.connectionCount == 1, "one client's shutdown leaves the pool to the other")
        await clients[1].shutdown()
        await transport.shutdown()
        await server.stop()
    }

    @Test("cfg-http-client: a transport of one's own sees each request, and its errors are understood")
    func ownTransport() async throws {
        let fixture = try Fixture(.fail(TransportError(.dns, "no such host")), .reply(200, [:], "here"))
        let object = try await fixture.client.getObject(get)
        #expect(try await object.body.text(upTo: 100) == "here")
        #expect(
            fixture.transport.sent.map(\.head.authority)
                == Array(
                    repeating: "my-bucket.oss-cn-hangzhou.aliyuncs.com", count: 2))
    }

    // MARK: Proxies

    private func withProxy(
        _ proxy: (_ port: Int) -> ProxyConfiguration?, usesTLS: Bool,
        _ body: (OSSClient, FaultServer, ConnectProxy) async throws -> Void
    ) async throws {
        let server = try await FaultServer.start(usesTLS: usesTLS) { _ in [.readBody, .reply(body: "through")] }
        let port = server.port
        let relay = try await ConnectProxy.start(user: "me", password: "p@ss:w/ord") { _ in port }
        var configuration = ClientConfiguration(
            region: "cn-hangzhou", endpoint: "\(usesTLS ? "https" : "http")://oss.invalid", credentials: .anonymous)
        configuration.retry = .never
        configuration.transportConfiguration.proxy = proxy(relay.port)
        configuration.transportConfiguration.insecureSkipVerify = usesTLS
        let client = try OSSClient(configuration)
        try await body(client, server, relay)
        await client.shutdown()
        await relay.stop()
        await server.stop()
    }

    @Test("cfg-proxy: with user and password, for HTTP and HTTPS endpoints", arguments: [false, true])
    func proxy(usesTLS: Bool) async throws {
        for proxy in [
            { ProxyConfiguration(host: "127.0.0.1", port: $0, user: "me", password: "p@ss:w/ord") },
            { try? ProxyConfiguration(url: "http://me:p%40ss%3Aw%2Ford@127.0.0.1:\($0)") },
        ] as [(Int) -> ProxyConfiguration?] {
            try await withProxy(proxy, usesTLS: usesTLS) { client, server, relay in
                let object = try await client.getObject(get)
                #expect(try await object.body.text(upTo: 100) == "through")
                #expect(relay.targets == ["my-bucket.oss.invalid:\(usesTLS ? 443 : 80)"])
                #expect(server.requests.map(\.target) == ["/a"])
                #expect(server.requests.first?.header("host") == "my-bucket.oss.invalid")
                #expect(server.requests.first?.header("proxy-authorization") == nil)
            }
        }
    }

    @Test("cfg-proxy: a wrong password, or none, is said as such", arguments: [false, true])
    func proxyRefuses(usesTLS: Bool) async throws {
        for (user, text) in [("me", "refuses the user name or the password"), (nil, "asks for a user name")] {
            try await withProxy(
                {
                    ProxyConfiguration(host: "127.0.0.1", port: $0, user: user, password: user.map { _ in "hush" })
                }, usesTLS: usesTLS
            ) { client, server, relay in
                let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
                #expect(error?.kind == .connect)
                #expect(error?.message.contains(text) == true)
                #expect(error?.message.contains("127.0.0.1:\(relay.port)") == true)
                #expect(error.map { "\($0)" }?.contains("hush") == false)
                #expect(relay.refusals == 1)
                #expect(server.connectionCount == 0)
            }
        }
    }

    // MARK: TLS

    @Test("cfg-insecure: a certificate that nobody vouches for is refused, unless told not to look")
    func insecureSkipVerify() async throws {
        for skips in [false, true] {
            try await withServer(usesTLS: true) {
                $0.transportConfiguration.insecureSkipVerify = skips
            } _: { _ in
                [.reply(body: "here")]
            } _: { client, server in
                if skips {
                    let text = try await text(client)
                    #expect(text == "here")
                } else {
                    let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
                    #expect(error?.kind == .tls)
                    #expect(error?.cause != nil)
                    #expect(server.requests.isEmpty)
                }
            }
        }
    }

    @Test("cfg-insecure: a certificate of an authority of one's own needs no blindness") func trustedCertificates()
        async throws
    {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("oss-\(UUID()).pem").path
        try Data(TestCertificate.certificate.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withServer(usesTLS: true) {
            $0.transportConfiguration.trustedCertificatesFile = path
        } _: { _ in
            [.reply(body: "here")]
        } _: { client, _ in
            let text = try await text(client)
            #expect(text == "here")
        }
    }

    // MARK: Failures

    @Test("err-transport: what the network did, on a real connection, and what was below it") func failures()
        async throws
    {
        let garbage = "no HTTP at all\r\n\r\n"
        for (steps, kind, hasCause) in [
            ([FaultServer.Step.reset], OSSError.Kind.connectionReset, true), ([.close], .connectionReset, true),
            ([.write(garbage)], .unexpectedResponse, true), ([.stall], .timeout, false),
        ] {
            try await withServer {
                if kind == .timeout { $0.readWriteTimeout = .milliseconds(100) }
            } _: { _ in
                [.readBody] + steps
            } _: { client, _ in
                let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
                #expect(error?.kind == kind)
                #expect((error?.cause != nil) == hasCause)
                #expect(error?.operation == "GetObject")
                #expect(error?.requestTarget?.hasPrefix("GET http://127.0.0.1:") == true)
            }
        }
    }

    // MARK: Bodies

    @Test("body-in: with its length, or chunked where that is unknown") func bodies() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("oss-\(UUID()).bin").path
        try Data("0123456789".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        func stream() -> AsyncStream<[UInt8]> {
            AsyncStream {
                $0.yield(Array("34".utf8))
                $0.yield(Array("56".utf8))
                $0.finish()
            }
        }
        for (body, length) in [
            (RequestBody.bytes(Array("3456".utf8)), "4"), (.string("3456"), "4"),
            (try .file(at: path, offset: 3, length: 4), "4"), (.stream(stream(), length: 4), "4"),
            (.stream(stream()), nil),
        ] {
            try await withServer { _ in
                [.readBody, .reply()]
            } _: { client, server in
                try await client.putObject(.init(bucket: "my-bucket", key: "a", body: body))
                let request = try #require(server.requests.first)
                #expect(request.body == Array("3456".utf8))
                #expect(request.header("content-length") == length)
                #expect(request.header("transfer-encoding") == (length == nil ? "chunked" : nil))
            }
        }
    }

    @Test("body-out: streamed in pieces that no buffer outgrows") func pieces() async throws {
        let chunk = [UInt8](repeating: 7, count: 1 << 20)
        let count = 64
        let read = Locked(0)
        try await withServer { _ in
            [
                .write("HTTP/1.1 200 OK\r\nContent-Length: \(count << 20)\r\n\r\n"),
                .writeRepeatedly(chunk, times: count),
            ]
        } _: { client, _ in
            let object = try await client.getObject(get)
            for try await piece in object.body {
                read.withLock { $0 += piece.count }
                #expect(piece.count <= 1 << 20)
            }
        }
        #expect(read.withLock { $0 } == count << 20)
    }

    // MARK: Redirects

    @Test("cfg-redirect: off, a redirect is the error that it is") func noRedirects() async throws {
        try await withServer { _ in
            [.readBody, .reply(status: 307, headers: [("Location", "/elsewhere")])]
        } _: { client, server in
            let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
            #expect(error?.kind == .service)
            #expect(error?.status == 307)
            #expect(error?.headers[.location] == "/elsewhere")
            #expect(server.requests.count == 1)
        }
    }

    @Test("cfg-redirect: on, the same host gets the request as it was signed") func sameHost() async throws {
        try await withServer {
            $0.transportConfiguration.followsRedirects = true
        } _: {
            $0.index == 0
                ? [.readBody, .reply(status: 307, headers: [("Location", "/my-bucket/a?again")])]
                : [.reply(body: "here")]
        } _: { client, server in
            let text = try await text(client)
            #expect(text == "here")
            #expect(server.requests.map(\.target) == ["/my-bucket/a", "/my-bucket/a?again"])
            let signatures = server.requests.map { $0.header("authorization") }
            #expect(signatures[0]?.hasPrefix("OSS4-HMAC-SHA256") == true)
            #expect(signatures[0] == signatures[1])
            #expect(server.requests.map { $0.header("x-oss-security-token") } == ["token", "token"])
        }
    }

    @Test("cfg-redirect: another host gets no signature and no token", arguments: [SignatureMethod.v4, .v1])
    func anotherHost(method: SignatureMethod) async throws {
        let other = try await FaultServer.start { _ in [.readBody, .reply(body: "public")] }
        // Another port is another host, as is another name.
        for location in [other.url, "http://localhost:\(other.port)"] {
            try await withServer {
                $0.transportConfiguration.followsRedirects = true
                $0.signature = method
            } _: { _ in
                [.readBody, .reply(status: 302, headers: [("Location", "\(location)/b")])]
            } _: { client, server in
                let text = try await text(client)
                #expect(text == "public")
                #expect(server.requests.first?.header("x-oss-security-token") == "token")
            }
        }
        #expect(other.requests.map { $0.header("host") } == [other.authority, "localhost:\(other.port)"])
        for request in other.requests {
            #expect(request.target == "/b")
            #expect(request.header("authorization") == nil)
            #expect(!request.headers.contains { $0.value.contains("token") || $0.name.contains("swift-exchange") })
        }
        await other.stop()
    }

    @Test("cfg-redirect: a body goes along, counted and compared once") func redirectedUpload() async throws {
        let seen = Locked([Int64]())
        try await withServer {
            $0.transportConfiguration.followsRedirects = true
        } _: {
            $0.index == 0
                ? [.readBody, .reply(status: 307, headers: [("Location", "/my-bucket/a?again")])]
                : [.readBody, .reply(headers: [("x-oss-hash-crc64ecma", Self.crc)])]
        } _: { client, server in
            try await client.putObject(
                .init(bucket: "my-bucket", key: "a", body: "123456789"),
                options: .init(progress: { progress in seen.withLock { $0.append(progress.completed) } }))
            #expect(server.requests.map { String(decoding: $0.body, as: UTF8.self) } == ["123456789", "123456789"])
        }
        #expect(seen.withLock { $0 } == [9])
    }

    @Test("cfg-redirect: not without end") func redirectLoop() async throws {
        try await withServer {
            $0.transportConfiguration.followsRedirects = true
        } _: {
            [.readBody, .reply(status: 307, headers: [("Location", "/\($0.index)")])]
        } _: { client, server in
            let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
            #expect(error?.message.contains("without end") == true)
            #expect(server.requests.count == 6)
        }
    }
}
