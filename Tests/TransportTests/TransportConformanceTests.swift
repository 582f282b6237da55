import FaultServer
import HTTPTypes
import OSSRuntime
import Synchronization
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What every transport must do, seen through a server that misbehaves. (FEATURES §1, §4, §5; TRAPS 15, 17, 20, 21)
@Suite(.serialized, .timeLimit(.minutes(60)))
struct TransportConformanceTests {
    /// Runs a test with a server and a transport, and checks that both are left clean.
    private func run(
        _ subject: TransportUnderTest,
        _ configuration: TransportConfiguration = .init(),
        usesTLS: Bool = false,
        script: @escaping FaultServer.Script,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ test: (any HTTPTransport, FaultServer) async throws -> Void
    ) async throws {
        let server = try await FaultServer.start(usesTLS: usesTLS, script)
        let (transport, shutdown) = try subject.make(configuration.unhurried)
        do {
            try await test(transport, server)
        } catch {
            Issue.record(error, sourceLocation: sourceLocation)
        }
        await shutdown()
        server.resumeReading()
        let isClean = await server.eventually { $0.openConnectionCount == 0 }
        #expect(isClean, "connections are left open", sourceLocation: sourceLocation)
        await server.stop()
    }

    // MARK: Requests and responses

    @Test(arguments: TransportUnderTest.all)
    func requestGoesOutAsGiven(_ subject: TransportUnderTest) async throws {
        let targets = [
            "/", "/a//b", "//a", "/..a/.b", "/%E4%BD%A0?acl", "/k?list-type=2&prefix=a%2Fb%20c&empty=",
            "/%20!%40%23%24%25%5E%26%2A%28%29_%2B-%3D%3B%27%3E%3C%2C%3F.txt", "/a+b;c,d=e", "/x?", "/?acl",
            "/q?a=%3F/../", "/it's(1)*!~$&:@", "/%2F%2f%25%5C%7C%22", "/%F0%9F%98%80/%00%01",
        ]
        try await run(subject, script: { _ in [.reply(headers: [("x-oss-request-id", "42")], body: "hi")] }) {
            transport, server in
            for target in targets {
                let response = try await transport.send(
                    TransportRequest(
                        .get, target, to: server.authority, headers: [.range: "bytes=0-1", .accept: "*/*"])
                )
                #expect(response.head.status == .ok)
                #expect(response.head.headerFields[HTTPField.Name("x-oss-request-id")!] == "42")
                #expect(response.body.length == 2)
                #expect(try await response.body.text(upTo: 10) == "hi")
            }
            #expect(server.requests.map(\.target) == targets)
            let request = try #require(server.requests.first)
            #expect(request.method == "GET")
            #expect(request.header("host") == server.authority)
            #expect(request.header("range") == "bytes=0-1")
            // Nothing is added that isn't asked for.
            let names = Set(request.headers.map { $0.name.lowercased() })
            #expect(
                names.subtracting(subject.addedFields)
                    == Set(["accept", "host", "range"]).subtracting(subject.addedFields))
            #expect(server.connectionCount == 1, "connections are used again")
        }
    }

    @Test(arguments: TransportUnderTest.all(for: .dotSegments))
    func dotSegmentsGoOutAsGiven(_ subject: TransportUnderTest) async throws {
        let targets = ["/a/../b/./c", "/%2e%2e/x", "/..", "/a/."]
        try await run(subject, script: { _ in [.reply()] }) { transport, server in
            for target in targets {
                _ = try await transport.send(TransportRequest(.get, target, to: server.authority))
            }
            #expect(server.requests.map(\.target) == targets)
        }
    }

    @Test(
        "body-in: with a length, and chunked", arguments: TransportUnderTest.all)
    func bodiesGoOut(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.readBody, .reply()] }) { transport, server in
            let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }
            for body in [nil, .bytes([]), "abc", .bytes(bytes), .stream(Tap(limit: 3))] as [RequestBody?] {
                let response = try await transport.send(TransportRequest(.put, to: server.authority, body: body))
                #expect(try await response.body.collect(upTo: 0) == [])
            }
            let requests = server.requests
            #expect(requests.map(\.bodyLength) == [0, 0, 3, 1_000_000, 196_608])
            #expect(requests.map { $0.header("content-length") } == ["0", "0", "3", "1000000", nil])
            #expect(requests[4].header("transfer-encoding") == "chunked")
            for request in requests {
                let names = Set(request.headers.map { $0.name.lowercased() }).subtracting(subject.addedFields)
                #expect(names.isSubset(of: ["host", "content-length", "transfer-encoding"]), "nothing is added")
                #expect(names.count == 2)
            }
            #expect(requests[2].body == Array("abc".utf8))
            #expect(requests[3].body == Array(bytes.prefix(65_536)))
            #expect(server.connectionCount == 1)
        }
    }

    @Test(
        "body-out: with a length, chunked, and until the end", arguments: TransportUnderTest.all)
    func bodiesComeIn(_ subject: TransportUnderTest) async throws {
        let chunk = [UInt8](repeating: 5, count: 100_000)
        try await run(
            subject,
            script: { request in
                switch request.target {
                case "/known":
                    [.write("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"), .writeRepeatedly(chunk, times: 50)]
                case "/chunked":
                    [
                        .write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), .write("5\r\nhello\r\n"),
                        .write("7\r\n, world\r\n0\r\n\r\n"),
                    ]
                default: [.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"), .close]
                }
            }
        ) { transport, server in
            let known = try await transport.send(TransportRequest(to: server.authority, path: "/known"))
            #expect(known.body.length == 5_000_000)
            #expect(try await known.body.collect(upTo: 5_000_000) == [UInt8](repeating: 5, count: 5_000_000))
            let chunked = try await transport.send(TransportRequest(to: server.authority, path: "/chunked"))
            #expect(chunked.body.length == nil)
            #expect(try await chunked.body.text(upTo: 100) == "hello, world")
            let open = try await transport.send(TransportRequest(to: server.authority, path: "/open"))
            #expect(try await open.body.text(upTo: 100) == "until the end")
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func responsesWithoutABody(_ subject: TransportUnderTest) async throws {
        try await run(
            subject,
            script: { request in
                switch request.target {
                case "/head": [.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n")]
                case "/204": [.write("HTTP/1.1 204 No Content\r\n\r\n")]
                case "/304": [.write("HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n")]
                default: [.reply(status: 404)]
                }
            }
        ) { transport, server in
            for (method, path) in [(.head, "/head"), (.delete, "/204"), (.get, "/304"), (.get, "/404")]
                as [(HTTPRequest.Method, String)]
            {
                let response = try await transport.send(TransportRequest(method, path, to: server.authority))
                #expect(response.body.length == 0)
                #expect(try await response.body.collect(upTo: 0) == [])
                if method == .head { #expect(response.head.headerFields[.contentLength] == "1000") }
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func interimResponsesAreSkipped(_ subject: TransportUnderTest) async throws {
        try await run(
            subject,
            script: { _ in
                [
                    .write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), .readBody,
                    .reply(body: "ok"),
                ]
            }
        ) { transport, server in
            for _ in 0..<2 {
                let response = try await transport.send(
                    TransportRequest(.put, to: server.authority, headers: [.expect: "100-continue"], body: "abc")
                )
                #expect(response.head.status == .ok)
                #expect(try await response.body.text(upTo: 9) == "ok")
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test(arguments: TransportUnderTest.all(for: .compressedBytesAreLeftAlone))
    func compressedBytesAreLeftAlone(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.reply(headers: [("Content-Encoding", "gzip")], body: "not gzip")] }) {
            transport, server in
            let response = try await transport.send(TransportRequest(to: server.authority))
            #expect(try await response.body.text(upTo: 100) == "not gzip")
            #expect(server.requests[0].header("accept-encoding") == nil)
        }
    }

    @Test("cfg-redirect: redirects are followed only when asked", arguments: TransportUnderTest.all)
    func redirectsAreFollowedOnlyWhenAsked(_ subject: TransportUnderTest) async throws {
        for follows in [false, true] {
            try await run(
                subject,
                TransportConfiguration(followsRedirects: follows),
                script: { request in
                    request.target == "/new"
                        ? [.readBody, .reply(body: "here")]
                        : [.readBody, .reply(status: 307, headers: [("Location", "/new")])]
                }
            ) { transport, server in
                let response = try await transport.send(
                    TransportRequest(.put, "/old", to: server.authority, body: "abc"))
                #expect(response.head.status.code == (follows ? 200 : 307))
                #expect(try await response.body.text(upTo: 9) == (follows ? "here" : ""))
                #expect(server.requests.map(\.target) == (follows ? ["/old", "/new"] : ["/old"]))
                #expect(server.requests.map(\.bodyLength) == (follows ? [3, 3] : [3]))
            }
        }
    }

    @Test("cfg-redirect: another host gets neither signature nor token", arguments: TransportUnderTest.all)
    func redirectsToAnotherHost(_ subject: TransportUnderTest) async throws {
        let other = try await FaultServer.start { _ in [.readBody, .reply(body: "there")] }
        let location = other.url + "/new"
        try await run(
            subject,
            TransportConfiguration(followsRedirects: true),
            script: { _ in [.readBody, .reply(status: 302, headers: [("Location", location)])] }
        ) { transport, server in
            var request = TransportRequest(to: server.authority, path: "/old")
            request.head.headerFields[.authorization] = "hush"
            request.head.headerFields[.init("x-oss-security-token")!] = "hush"
            request.head.headerFields[.init("x-oss-date")!] = "20231216T162057Z"
            let response = try await transport.send(request)
            #expect(try await response.body.text(upTo: 9) == "there")
            #expect(server.requests.first?.header("authorization") == "hush")
        }
        #expect(other.requests.map(\.target) == ["/new"])
        #expect(other.requests.first?.header("host") == other.authority)
        #expect(other.requests.first?.header("x-oss-date") == "20231216T162057Z")
        #expect(other.requests.first?.headers.contains { $0.value == "hush" } == false)
        await other.stop()
    }

    @Test("cfg-redirect: not from https to http", arguments: TransportUnderTest.all(for: .tlsSettings))
    func redirectsToPlainHTTP(_ subject: TransportUnderTest) async throws {
        let other = try await FaultServer.start { _ in [.readBody, .reply(body: "there")] }
        let location = other.url + "/new"
        try await run(
            subject,
            TransportConfiguration(insecureSkipVerify: true, followsRedirects: true),
            usesTLS: true,
            script: { _ in [.readBody, .reply(status: 307, headers: [("Location", location)])] }
        ) { transport, server in
            // A transport reports it, or gives back what it didn't follow.
            let response = try? await transport.send(
                TransportRequest(.put, to: server.authority, scheme: "https", body: "abc"))
            #expect(response?.head.status.code ?? 307 == 307)
            #expect(server.requests.count == 1)
        }
        #expect(other.connectionCount == 0)
        await other.stop()
    }

    // MARK: Failures of the server

    @Test("err-transport: a reset before the head", arguments: TransportUnderTest.all)
    func resetBeforeTheHead(_ subject: TransportUnderTest) async throws {
        for end in [FaultServer.Step.reset, .close] {
            try await run(subject, script: { _ in [.readBody, end] }) { transport, server in
                await expectError(.reset) { _ = try await transport.send(TransportRequest(to: server.authority)) }
                await expectError(.reset) {
                    _ = try await transport.send(TransportRequest(.put, to: server.authority, body: "abc"))
                }
            }
        }
    }

    @Test(
        "err-transport: a reset in the body", arguments: TransportUnderTest.all)
    func resetInTheBody(_ subject: TransportUnderTest) async throws {
        for end in [FaultServer.Step.reset, .close] {
            try await run(
                subject,
                script: { _ in [.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"), .waitForRelease, end] }
            ) { transport, server in
                let response = try await transport.send(TransportRequest(to: server.authority))
                var body = response.body.makeAsyncIterator()
                #expect(try await body.next() == Array("half".utf8))
                server.release()
                await expectError(.reset) { _ = try await body.next() }
                #expect(try await body.next() == nil)
            }
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func truncatedChunkedBody(_ subject: TransportUnderTest) async throws {
        try await run(
            subject,
            script: { _ in [.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), .close] }
        ) { transport, server in
            let response = try await transport.send(TransportRequest(to: server.authority))
            await expectError(.reset) { _ = try await response.body.collect(upTo: 100) }
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func resetDuringAnUpload(_ subject: TransportUnderTest) async throws {
        let tap = Tap()
        try await run(subject, script: { _ in [.readBytes(100_000), .stopReading, .reset] }) { transport, server in
            await expectError(.reset) {
                _ = try await transport.send(TransportRequest(.put, to: server.authority, body: .stream(tap)))
            }
            #expect(await eventually { tap.live == 0 }, "the upload's task ended")
        }
    }

    @Test(
        "err-transport: what is not HTTP", arguments: TransportUnderTest.all)
    func notHTTP(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.write("SSH-2.0-OpenSSH_9.2\r\n\r\n")] }) { transport, server in
            await expectError(.protocolViolation) {
                _ = try await transport.send(TransportRequest(to: server.authority))
            }
        }
    }

    /// TRAPS 15: the runtime tries again on `.reset`.
    @Test(arguments: TransportUnderTest.all(for: .noRetryOfItsOwn))
    func anIdleConnectionThatWasClosed(_ subject: TransportUnderTest) async throws {
        try await run(
            subject,
            script: { $0.indexOnConnection == 0 ? [.readBody, .reply()] : [.readBody, .close] }
        ) { transport, server in
            _ = try await transport.send(TransportRequest(to: server.authority)).body.collect(upTo: 0)
            // The request crosses the server's close on the way.
            await expectError(.reset) { _ = try await transport.send(TransportRequest(to: server.authority)) }
            _ = try await transport.send(TransportRequest(to: server.authority)).body.collect(upTo: 0)
            // Closed while idle, and noticed: a new connection is made.
            await server.closeConnections()
            #expect(await server.eventually { $0.openConnectionCount == 0 })
            for _ in 0..<2 {
                do {
                    _ = try await transport.send(TransportRequest(to: server.authority)).body.collect(upTo: 0)
                    break
                } catch let error as TransportError {
                    #expect(error.kind == .reset)
                }
            }
            #expect(server.connectionCount == 3)
        }
    }

    // MARK: Early replies

    /// TRAPS 17: the reply is reported, not the broken pipe.
    @Test(arguments: TransportUnderTest.all, [true, false])
    func replyBeforeTheUploadIsDone(_ subject: TransportUnderTest, isChunked: Bool) async throws {
        let document = "<Error><Code>AccessDenied</Code></Error>"
        let reply =
            isChunked
            ? FaultServer.Step.write(
                "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n\(document)\r\n0\r\n\r\n"
            )
            : .reply(status: 403, body: document)
        for after in [[], [.stopReading], [.close], [.stopReading, .reset]] as [[FaultServer.Step]] {
            let tap = Tap()
            try await run(
                subject,
                script: {
                    $0.index == 0
                        ? [.readBytes(100_000), reply, .waitForRelease] + after : [.readBody, .reply(status: 403)]
                }
            ) { transport, server in
                let response = try await transport.send(
                    TransportRequest(.put, to: server.authority, body: .stream(tap, length: 1 << 40))
                )
                #expect(response.head.status == .forbidden)
                #expect(try await response.body.text(upTo: 1000) == document)
                server.release()
                #expect(await eventually { tap.live == 0 }, "nothing more is sent")
                #expect(await server.eventually { $0.openConnectionCount == 0 || !after.isEmpty }, "not used again")
                let again = try await transport.send(
                    TransportRequest(.put, to: server.authority, body: .stream(Tap(limit: 4), length: 4 * 65_536))
                )
                #expect(again.head.status == .forbidden)
                #expect(server.connectionCount == 2)
            }
        }
    }

    /// A server that is content before it has read everything, and reads on.
    @Test(arguments: TransportUnderTest.all)
    func successBeforeTheUploadIsDone(_ subject: TransportUnderTest) async throws {
        let tap = Tap(limit: 512)
        let length = 512 * 65_536
        try await run(
            subject,
            script: { _ in [.readBytes(1), .stopReading, .reply(body: "ok"), .readBody] }
        ) { transport, server in
            let response = try await transport.send(
                TransportRequest(.put, to: server.authority, body: .stream(tap, length: Int64(length))))
            #expect(response.head.status == .ok)
            server.resumeReading()
            #expect(try await response.body.text(upTo: 9) == "ok")
            #expect(await server.eventually { $0.requests.last?.bodyLength == length })
            _ = try await transport.send(TransportRequest(to: server.authority))
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func earlyReplyWhoseBodyIsLarge(_ subject: TransportUnderTest) async throws {
        let chunk = [UInt8](repeating: 9, count: 100_000)
        try await run(
            subject,
            script: { _ in
                [
                    .readBytes(1), .stopReading, .write("HTTP/1.1 500 Oops\r\nContent-Length: 2000000\r\n\r\n"),
                    .writeRepeatedly(chunk, times: 20),
                ]
            }
        ) { transport, server in
            let response = try await transport.send(TransportRequest(.put, to: server.authority, body: .stream(Tap())))
            #expect(response.head.status.code == 500)
            #expect(try await response.body.collect(upTo: 2_000_000).count == 2_000_000)
        }
    }

    // MARK: Time

    /// TRAPS 20.
    @Test("cfg-readwrite-timeout: a stall before the head", arguments: TransportUnderTest.all)
    func stallBeforeTheHead(_ subject: TransportUnderTest) async throws {
        // Small, for a transport that can't tell one from the other.
        try await inTime { scale in
            let configuration = TransportConfiguration(connectTimeout: .seconds(scale))
            var late: TransportError?
            try await run(subject, configuration, script: { _ in [.readBody, .stall] }) { transport, server in
                for body in [nil, "abc"] as [RequestBody?] {
                    let error = try await timeout {
                        _ = try await transport.send(
                            TransportRequest(.put, to: server.authority, body: body, timeout: .milliseconds(60))
                        )
                    }
                    if error?.kind == .connectTimeout { late = error } else { #expect(error?.kind == .timeout) }
                }
                #expect(await server.eventually { $0.openConnectionCount == 0 }, "the connection is closed")
            }
            return late
        }
    }

    @Test("cfg-readwrite-timeout: a stall in the body", arguments: TransportUnderTest.all)
    func stallInTheBody(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), .stall] }) {
            transport, server in
            try await inTime { scale in
                try await timeout {
                    // The head must be in time.
                    let response = try await transport.send(
                        TransportRequest(to: server.authority, timeout: .milliseconds(60 * scale)))
                    await expectError(.timeout) { _ = try await response.body.collect(upTo: 10) }
                }
            }
            #expect(await server.eventually { $0.openConnectionCount == 0 })
        }
    }

    @Test("cfg-readwrite-timeout: on a connection that has been used", arguments: TransportUnderTest.all)
    func stallOfALaterRequest(_ subject: TransportUnderTest) async throws {
        let script: FaultServer.Script = { $0.index == 0 ? [.readBody, .reply()] : [.readBody, .stall] }
        try await run(subject, script: script) { transport, server in
            // Its time, which is longer, is not the next one's.
            _ = try await transport.send(TransportRequest(to: server.authority))
            let error = try await timeout {
                _ = try await transport.send(TransportRequest(to: server.authority, timeout: .milliseconds(60)))
            }
            #expect(error?.kind == .timeout)
        }
    }

    @Test("cfg-readwrite-timeout: a stall of an upload", arguments: TransportUnderTest.all)
    func stallOfAnUpload(_ subject: TransportUnderTest) async throws {
        let tap = Tap()
        try await run(subject, script: { _ in [.stopReading, .stall] }) { transport, server in
            await expectError(.timeout) {
                _ = try await transport.send(
                    TransportRequest(.put, to: server.authority, body: .stream(tap), timeout: .milliseconds(80))
                )
            }
            #expect(await eventually { tap.live == 0 }, "the upload's task ended")
        }
    }

    @Test(
        "cfg-readwrite-timeout: slow is not stalled", arguments: TransportUnderTest.all)
    func slowIsNotStalled(_ subject: TransportUnderTest) async throws {
        try await inTime { scale in
            let drip = (0..<8).flatMap { _ in [FaultServer.Step.wait(.milliseconds(40 * scale)), .write("x")] }
            var late: TransportError?
            try await run(
                subject,
                script: { _ in [.readBody, .write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")] + drip }
            ) { transport, server in
                late = try await timeout {
                    // Longer in all than the timeout, but never without a byte for that long.
                    let response = try await transport.send(
                        TransportRequest(to: server.authority, timeout: .milliseconds(240 * scale)))
                    #expect(try await response.body.text(upTo: 10) == "xxxxxxxx")
                }
            }
            return late
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func aSlowReaderIsNotAStallOfTheServer(_ subject: TransportUnderTest) async throws {
        let chunk = [UInt8](repeating: 1, count: 1_000_000)
        try await run(
            subject,
            script: { _ in
                [.write("HTTP/1.1 200 OK\r\nContent-Length: 32000000\r\n\r\n"), .writeRepeatedly(chunk, times: 32)]
            }
        ) { transport, server in
            try await inTime { scale in
                try await timeout {
                    let response = try await transport.send(
                        TransportRequest(to: server.authority, timeout: .milliseconds(100 * scale)))
                    var count = 0
                    for try await chunk in response.body {
                        if count == 0 { try await Task.sleep(for: .milliseconds(200 * scale)) }
                        count += chunk.count
                    }
                    #expect(count == 32_000_000)
                }
            }
        }
    }

    @Test(arguments: TransportUnderTest.all(for: .patienceWithBodies))
    func aSlowBodyIsNotAStallOfTheServer(_ subject: TransportUnderTest) async throws {
        struct Slow: AsyncSequence, AsyncIteratorProtocol, Sendable {
            let pause: Duration
            var rest = 2
            mutating func next() async throws -> [UInt8]? {
                guard rest > 0 else { return nil }
                rest -= 1
                try await Task.sleep(for: pause)
                return [1]
            }
            func makeAsyncIterator() -> Slow { self }
        }
        try await run(subject, script: { _ in [.readBody, .reply()] }) { transport, server in
            try await inTime { scale in
                try await timeout {
                    let body = RequestBody.stream(Slow(pause: .milliseconds(120 * scale)))
                    let response = try await transport.send(
                        TransportRequest(.put, to: server.authority, body: body, timeout: .milliseconds(100 * scale)))
                    #expect(response.head.status == .ok)
                }
            }
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func aSlowServerGetsTheWholeUpload(_ subject: TransportUnderTest) async throws {
        try await run(
            subject,
            script: { _ in [.readSlowly(bytes: 64 * 1024, every: .milliseconds(1)), .reply()] }
        ) { transport, server in
            let tap = Tap(limit: 100)
            let response = try await transport.send(TransportRequest(.put, to: server.authority, body: .stream(tap)))
            #expect(response.head.status == .ok)
            #expect(server.requests[0].bodyLength == 6_553_600)
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func anIdleConnectionIsClosedInTime(_ subject: TransportUnderTest) async throws {
        var configuration = TransportConfiguration()
        configuration.idleTimeout = .milliseconds(30)
        try await run(subject, configuration, script: { _ in [.reply()] }) { transport, server in
            let response = try await transport.send(TransportRequest(to: server.authority))
            _ = try await response.body.collect(upTo: 10)
            #expect(await server.eventually { $0.openConnectionCount == 0 })
        }
    }

    // MARK: Back-pressure

    @Test(
        "body-out: a reader that does not read holds the server back",
        arguments: TransportUnderTest.all(for: .backPressureOfResponses))
    func aReaderThatDoesNotReadHoldsTheServerBack(_ subject: TransportUnderTest) async throws {
        let chunk = [UInt8](repeating: 1, count: 1_000_000)
        try await run(
            subject,
            script: { _ in
                [
                    .write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"), .writeRepeatedly(chunk, times: 100),
                ]
            }
        ) { transport, server in
            let response = try await transport.send(TransportRequest(to: server.authority))
            var body = response.body.makeAsyncIterator()
            _ = try await body.next()
            try await Task.sleep(for: .milliseconds(100))
            // All that waits comes in one piece: what the transport buffers, at most a few reads above its limit.
            let waiting = try await body.next()
            #expect((waiting?.count ?? 0) <= 2 * 1024 * 1024)
        }
    }

    @Test(
        "body-in: a server that does not read holds the body back", arguments: TransportUnderTest.all)
    func aServerThatDoesNotReadHoldsTheBodyBack(_ subject: TransportUnderTest) async throws {
        let tap = Tap(chunk: [UInt8](repeating: 1, count: 1_000_000), limit: 200)
        try await run(subject, script: { _ in [.stopReading, .stall] }) { transport, server in
            let authority = server.authority
            let task = Task {
                _ = try await transport.send(TransportRequest(.put, to: authority, body: .stream(tap)))
            }
            #expect(await eventually { tap.pulled > 0 })
            try await Task.sleep(for: .milliseconds(100))
            #expect(tap.pulled < 50, "sockets hold a few megabytes")
            task.cancel()
            await expectCancellation(task)
            #expect(await eventually { tap.live == 0 })
        }
    }

    /// Many uploads at once: each one's pace is its connection's, on whichever thread that lives.
    @Test(arguments: TransportUnderTest.all)
    func uploadsDoNotRunAhead(_ subject: TransportUnderTest) async throws {
        let tap = Tap()
        try await run(subject, script: { _ in [.readBody, .reply()] }) { transport, server in
            let authority = server.authority
            let tasks = (0..<12).map { _ in
                Task { _ = try await transport.send(TransportRequest(.put, to: authority, body: .stream(tap))) }
            }
            var ahead = 0
            for _ in 0..<30 {
                try await Task.sleep(for: .milliseconds(10))
                // In this order: what is received between the two doesn't count against them.
                let pulled = tap.pulled * 65_536
                ahead = max(ahead, pulled - server.requests.reduce(0) { $0 + $1.bodyLength })
            }
            // Sockets and buffers hold some megabytes each.
            #expect(ahead < 12 * 16 * 1024 * 1024)
            for task in tasks { task.cancel() }
            for task in tasks { await expectCancellation(task) }
            #expect(await eventually { tap.live == 0 })
        }
    }

    // MARK: Cancellation

    /// TRAPS 21.
    @Test(arguments: TransportUnderTest.all)
    func cancelBeforeTheHead(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.readBody, .stall] }) { transport, server in
            let authority = server.authority
            let task = Task { _ = try await transport.send(TransportRequest(to: authority)) }
            #expect(await server.eventually { $0.requests.count == 1 })
            task.cancel()
            await expectCancellation(task)
            #expect(await server.eventually { $0.openConnectionCount == 0 })
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func cancelInTheBody(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), .stall] }) {
            transport, server in
            let authority = server.authority
            let (reading, started) = AsyncStream<Void>.makeStream()
            let task = Task {
                let response = try await transport.send(TransportRequest(to: authority))
                for try await _ in response.body { started.yield() }
            }
            for await _ in reading { break }
            task.cancel()
            await expectCancellation(task)
            #expect(await server.eventually { $0.openConnectionCount == 0 })
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func cancelDuringAnUpload(_ subject: TransportUnderTest) async throws {
        // Once while the body has nothing to give, once while the connection takes nothing.
        for tap in [Tap(limit: 1, waitsAtLimit: true), Tap()] {
            try await run(subject, script: { _ in [.stopReading, .stall] }) { transport, server in
                let authority = server.authority
                let task = Task {
                    _ = try await transport.send(TransportRequest(.put, to: authority, body: .stream(tap)))
                }
                #expect(await eventually { tap.pulled > 0 })
                task.cancel()
                await expectCancellation(task)
                #expect(await eventually { tap.live == 0 }, "the upload's task ended")
                #expect(await server.eventually { $0.openConnectionCount <= 1 })
            }
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func cancelledFromTheStart(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.reply()] }) { transport, server in
            let authority = server.authority
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await transport.send(TransportRequest(to: authority))
            }
            await expectCancellation(task)
        }
    }

    @Test(arguments: TransportUnderTest.all)
    func aBodyThatIsDroppedClosesItsConnection(_ subject: TransportUnderTest) async throws {
        try await run(
            subject,
            script: { _ in
                [
                    .write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"),
                    .write([UInt8](repeating: 1, count: 1_000_000)), .stall,
                ]
            }
        ) { transport, server in
            do { _ = try await transport.send(TransportRequest(to: server.authority)) }
            #expect(await server.eventually { $0.openConnectionCount == 0 }, "unread")
            do {
                let response = try await transport.send(TransportRequest(to: server.authority))
                for try await _ in response.body { break }
            }
            #expect(await server.eventually { $0.openConnectionCount == 0 }, "read in part")
        }
    }

    // MARK: The request's body fails

    @Test(arguments: TransportUnderTest.all)
    func anErrorOfTheBodyIsThrownAsItIs(_ subject: TransportUnderTest) async throws {
        struct Mine: Error {}
        struct Failing: AsyncSequence, AsyncIteratorProtocol, Sendable {
            var isFirst = true
            mutating func next() async throws -> [UInt8]? {
                guard isFirst else { throw Mine() }
                isFirst = false
                return [1]
            }
            func makeAsyncIterator() -> Failing { self }
        }
        try await run(subject, script: { _ in [.readBody, .reply()] }) { transport, server in
            for length in [nil, 100] as [Int64?] {
                await #expect(throws: Mine.self) {
                    _ = try await transport.send(
                        TransportRequest(.put, to: server.authority, body: .stream(Failing(), length: length))
                    )
                }
            }
            #expect(await server.eventually { $0.openConnectionCount == 0 })
            #expect(server.requests.allSatisfy { !$0.isComplete })
        }
    }

    @Test(arguments: TransportUnderTest.all, [1, 100] as [Int64])
    func aStreamOfTheWrongLength(_ subject: TransportUnderTest, length: Int64) async throws {
        try await run(subject, script: { _ in [.readBody, .reply()] }) { transport, server in
            let body = RequestBody.stream(Tap(chunk: [1, 2, 3], limit: 4), length: length)
            let error = await #expect(throws: OSSError.self) {
                _ = try await transport.send(TransportRequest(.put, to: server.authority, body: body))
            }
            #expect(error?.code == .bodyLengthMismatch)
        }
    }

    // MARK: Connecting

    @Test("err-transport: a refused connection", arguments: TransportUnderTest.all)
    func connectionRefused(_ subject: TransportUnderTest) async throws {
        let closed = try await ClosedPort.reserve()
        let (transport, shutdown) = try subject.make(TransportConfiguration().unhurried)
        let body = RequestBody.stream(Tap(limit: 1))
        for target in ["127.0.0.1:\(closed.port)", "localhost:\(closed.port)"] {
            await expectError(.connect) { _ = try await transport.send(TransportRequest(.put, to: target, body: body)) }
        }
        if subject.exclusions[.bodyIsNotTouchedEarly] == nil {
            #expect(body.canBeSent, "a body isn't touched before there is a connection")
        }
        await shutdown()
        await closed.release()
    }

    @Test("err-transport: an unknown name", arguments: TransportUnderTest.all)
    func unknownName(_ subject: TransportUnderTest) async throws {
        let (transport, shutdown) = try subject.make(TransportConfiguration().unhurried)
        await expectError(.dns) { _ = try await transport.send(TransportRequest(to: "no-such-host.invalid")) }
        await shutdown()
    }

    private func getWithTLS(_ transport: any HTTPTransport, _ server: FaultServer) async throws -> String {
        try await transport.send(TransportRequest(to: server.authority, scheme: "https")).body.text(upTo: 9)
    }

    @Test("cfg-insecure, err-transport: a server that is not trusted", arguments: TransportUnderTest.all)
    func aServerThatIsNotTrustedIsRefused(_ subject: TransportUnderTest) async throws {
        try await run(subject, usesTLS: true, script: { _ in [.reply()] }) { transport, server in
            await expectError(.tls) { _ = try await getWithTLS(transport, server) }
            #expect(server.requests.isEmpty)
        }
    }

    @Test(
        "cfg-insecure: any certificate, or those of a file, can be trusted",
        arguments: TransportUnderTest.all(for: .tlsSettings))
    func tlsSettings(_ subject: TransportUnderTest) async throws {
        try await run(
            subject,
            TransportConfiguration(insecureSkipVerify: true),
            usesTLS: true,
            script: { _ in [.reply(body: "ok")] }
        ) { transport, server in
            let text = try await getWithTLS(transport, server)
            #expect(text == "ok")
        }
        let path = FileManager.default.temporaryDirectory.appending(path: "oss-ca-\(UInt64.random(in: 0 ... .max)).pem")
            .path
        try Data(TestCertificate.certificate.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await run(
            subject,
            TransportConfiguration(trustedCertificatesFile: path),
            usesTLS: true,
            script: { _ in [.reply(body: "ok")] }
        ) { transport, server in
            let text = try await getWithTLS(transport, server)
            #expect(text == "ok")
        }
    }

    @Test(
        "cfg-connect-timeout: a server that does not answer the handshake",
        arguments: TransportUnderTest.all(for: .connectTimeoutOfTLS))
    func tlsToAServerWithoutIt(_ subject: TransportUnderTest) async throws {
        try await run(subject, script: { _ in [.close] }) { transport, server in
            await expectError(.connectTimeout) {
                let (impatient, shutdown) = try subject.make(TransportConfiguration(connectTimeout: .milliseconds(100)))
                do {
                    _ = try await impatient.send(TransportRequest(to: server.authority, scheme: "https"))
                } catch {
                    await shutdown()
                    throw error
                }
                await shutdown()
            }
        }
    }

    /// The server plays the proxy, and then the endpoint behind it.
    @Test("cfg-proxy: a tunnel with user and password", arguments: TransportUnderTest.all(for: .proxy))
    func proxy(_ subject: TransportUnderTest) async throws {
        let server = try await FaultServer.start { request in
            guard request.method == "CONNECT" else { return [.readBody, .reply(body: "through")] }
            return request.header("proxy-authorization") == "Basic bWU6cEBzcw=="
                ? [.write("HTTP/1.1 200 Connection established\r\n\r\n")]
                : [.reply(status: 407)]
        }
        let url = "http://me:p%40ss@\(server.authority)"
        let (transport, shutdown) = try subject.make(
            TransportConfiguration(proxy: try ProxyConfiguration(url: url)).unhurried)
        let response = try await transport.send(TransportRequest(to: "bucket.oss.invalid:8080", path: "/key"))
        #expect(try await response.body.text(upTo: 100) == "through")
        #expect(server.requests.map(\.target) == ["bucket.oss.invalid:8080", "/key"])
        await shutdown()
        // It may be asked again until the connect timeout.
        try await inTime { scale in
            var configuration = TransportConfiguration(connectTimeout: .milliseconds(200 * scale))
            configuration.proxy = ProxyConfiguration(host: "127.0.0.1", port: server.port)
            let (anonymous, shutdown) = try subject.make(configuration)
            let late = try await timeout {
                do {
                    _ = try await anonymous.send(TransportRequest(to: "bucket.oss.invalid"))
                    Issue.record("no error")
                } catch let error as TransportError where error.kind == .connect {}
            }
            await shutdown()
            return late
        }
        await server.stop()
    }

    @Test("cfg-max-connections: no more connections than allowed", arguments: TransportUnderTest.all)
    func noMoreConnectionsThanAllowed(_ subject: TransportUnderTest) async throws {
        try await inTime { scale in
            // Waiting for a turn isn't connecting: it takes longer here than the connect timeout allows.
            let configuration = TransportConfiguration(connectTimeout: .milliseconds(300 * scale), maxConnections: 5)
            let script: FaultServer.Script = { _ in [.wait(.milliseconds(10 * scale)), .reply(body: "ok")] }
            var late: TransportError?
            try await run(subject, configuration, script: script) { transport, server in
                let authority = server.authority
                let results = await withTaskGroup(of: Result<String, any Error>.self) { group in
                    for index in 0..<300 {
                        group.addTask {
                            if index % 3 == 0 { withUnsafeCurrentTask { $0?.cancel() } }
                            do {
                                let response = try await transport.send(TransportRequest(to: authority))
                                return .success(try await response.body.text(upTo: 9))
                            } catch {
                                return .failure(error)
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(server.peakConnectionCount <= 5)
                for case .failure(let error) in results where !(error is CancellationError) {
                    late = error as? TransportError
                    #expect(late?.kind == .connectTimeout, "\(error)")
                }
                if late == nil { #expect(results.filter { (try? $0.get()) == "ok" }.count == 200) }
            }
            return late
        }
    }

    // MARK: The end

    @Test(arguments: TransportUnderTest.all)
    func shutdownEndsEverything(_ subject: TransportUnderTest) async throws {
        let server = try await FaultServer.start { _ in [.readBody, .stall] }
        let (transport, shutdown) = try subject.make(TransportConfiguration(maxConnections: 1).unhurried)
        let authority = server.authority
        let running = Task { _ = try await transport.send(TransportRequest(to: authority)) }
        #expect(await server.eventually { $0.requests.count == 1 })
        let waiting = Task { _ = try await transport.send(TransportRequest(to: authority)) }
        try await Task.sleep(for: .milliseconds(10))
        await shutdown()
        await shutdown()
        await expectError(.shutdown) { try await running.value }
        await expectError(.shutdown) { try await waiting.value }
        await expectError(.shutdown) { _ = try await transport.send(TransportRequest(to: authority)) }
        #expect(await server.eventually { $0.openConnectionCount == 0 })
        await server.stop()
    }

    @Test(arguments: TransportUnderTest.all)
    func aTransportThatIsDroppedCleansUp(_ subject: TransportUnderTest) async throws {
        let server = try await FaultServer.start { _ in
            [.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"), .waitForRelease, .write("done")]
        }
        let request = TransportRequest(to: server.authority)
        let response = try await subject.make(TransportConfiguration().unhurried).0.send(request)
        server.release()
        #expect(try await response.body.text(upTo: 8) == "halfdone", "responses outlive their transport")
        #expect(await server.eventually { $0.openConnectionCount == 0 })
        await server.stop()
    }

    /// Nothing is left of good and bad exchanges: no descriptor, no connection, no task.
    @Test(arguments: TransportUnderTest.all)
    func nothingLeaks(_ subject: TransportUnderTest) async throws {
        let round = { @Sendable in
            let tap = Tap()
            let server = try await FaultServer.start { request in
                switch request.target {
                case "/reset": [.readBytes(10_000), .stopReading, .reset]
                case "/stall": [.stopReading, .stall]
                case "/early": [.readBytes(10_000), .reply(status: 403, body: "no")]
                case "/half": [.readBytes(10_000), .write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), .reset]
                default: [.readBody, .reply(body: "ok")]
                }
            }
            let (transport, shutdown) = try subject.make(TransportConfiguration().unhurried)
            let authority = server.authority
            await withTaskGroup(of: Void.self) { group in
                for path in ["/reset", "/stall", "/early", "/half"] {
                    for _ in 0..<4 {
                        group.addTask {
                            let request = TransportRequest(
                                .put, path, to: authority, body: .stream(tap), timeout: .milliseconds(100)
                            )
                            _ = try? await transport.send(request).body.collect(upTo: 100)
                        }
                    }
                }
                for _ in 0..<20 {
                    group.addTask {
                        _ = try? await transport.send(TransportRequest(.put, to: authority, body: "x")).body.collect(
                            upTo: 9)
                    }
                }
            }
            #expect(await eventually { tap.live == 0 })
            await shutdown()
            server.resumeReading()
            #expect(await server.eventually { $0.openConnectionCount == 0 })
            await server.stop()
        }
        try await round()
        let before = openDescriptors()
        for _ in 0..<3 { try await round() }
        if let before { #expect(await eventually { (openDescriptors() ?? 0) <= before }) }
    }
}

extension TransportRequest {
    fileprivate init(
        to authority: String, scheme: String = "http", path: String = "/", timeout: Duration = .seconds(3600)
    ) {
        self.init(.get, path, to: authority, scheme: scheme, timeout: timeout)
    }
}
