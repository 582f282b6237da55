import FaultServer
import Foundation
import HTTPTypes
import OSSRuntime
import Testing

@testable import OSSURLSession

/// What is URLSession's own.
@Suite(.serialized, .timeLimit(.minutes(60)))
struct URLSessionTests {
    private func withServer(
        _ configuration: TransportConfiguration = .init(),
        script: @escaping FaultServer.Script,
        _ body: (URLSessionTransport, FaultServer) async throws -> Void
    ) async throws {
        let server = try await FaultServer.start(script)
        let transport = try URLSessionTransport(configuration: configuration.unhurried)
        try await body(transport, server)
        await transport.shutdown()
        #expect(await server.eventually { $0.openConnectionCount == 0 })
        await server.stop()
    }

    @Test func aBodyThatWasDecodedIsCalledSo() async throws {
        // "hello, world" by gzip.
        let bytes = try #require(Data(base64Encoded: "H4sIAAAAAAACA8tIzcnJ11Eozy/KSQEAOnKr/wwAAAA="))
        try await withServer(script: { request in
            [.reply(headers: request.target == "/plain" ? [] : [("Content-Encoding", "gzip")], bytes: [UInt8](bytes))]
        }) { transport, server in
            let decoded = try await transport.send(TransportRequest(.get, to: server.authority))
            #expect(decoded.isBodyDecoded)
            #expect(decoded.body.length == nil)
            #expect(try await decoded.body.text(upTo: 100) == "hello, world")
            let plain = try await transport.send(TransportRequest(.get, "/plain", to: server.authority))
            #expect(!plain.isBodyDecoded)
            #expect(try await plain.body.collect(upTo: 1000) == [UInt8](bytes))
        }
    }

    @Test func aReplyThatAsksForAPasswordIsJustAReply() async throws {
        try await withServer(script: { _ in
            [.reply(status: 401, headers: [("WWW-Authenticate", "Basic realm=\"x\"")], body: "no")]
        }) { transport, server in
            for _ in 0..<2 {
                let response = try await transport.send(TransportRequest(.get, to: server.authority))
                #expect(response.head.status == .unauthorized)
                #expect(try await response.body.text(upTo: 9) == "no")
            }
        }
    }

    @Test func cookiesAreNotKept() async throws {
        try await withServer(script: { _ in
            [.reply(headers: [("Set-Cookie", "a=b"), ("Cache-Control", "max-age=1000")])]
        }) { transport, server in
            for _ in 0..<2 { _ = try await transport.send(TransportRequest(.get, to: server.authority)) }
            #expect(server.requests.count == 2, "no cache")
            #expect(server.requests.allSatisfy { $0.header("cookie") == nil })
        }
    }

    @Test func aRedirectThatLeadsNowhereIsReturned() async throws {
        for follows in [false, true] {
            try await withServer(
                TransportConfiguration(followsRedirects: follows),
                script: { _ in [.reply(status: 301, body: "moved")] }
            ) { transport, server in
                let response = try await transport.send(TransportRequest(.get, to: server.authority))
                #expect(response.head.status.code == 301)
            }
        }
    }

    @Test func redirectsEnd() async throws {
        try await withServer(
            TransportConfiguration(followsRedirects: true),
            script: { _ in [.reply(status: 302, headers: [("Location", "/again")])] }
        ) { transport, server in
            await expectError(.protocolViolation) {
                _ = try await transport.send(TransportRequest(.get, to: server.authority))
            }
            #expect(server.requests.count == 6)
        }
    }

    @Test func theTargetOfARedirect() throws {
        let token = try #require(HTTPField.Name("x-oss-security-token"))
        func follow(_ status: Int, _ method: HTTPRequest.Method, _ location: String?) -> TransportRequest? {
            var head = HTTPResponse(status: .init(code: status))
            head.headerFields[.location] = location
            let request = TransportRequest(
                method, "/a/b?c", to: "one.example:80",
                headers: [.authorization: "secret", token: "secret", .contentType: "x"], body: "b")
            return Redirect.request(after: head, to: request)
        }
        let moved = try #require(follow(307, .put, "c%20d?e=f"))
        #expect(moved.head.path == "/a/c%20d?e=f")
        #expect(moved.head.authority == "one.example:80")
        #expect(moved.head.headerFields[.authorization] == "secret")
        #expect(moved.head.headerFields[token] == "secret")
        #expect(moved.body != nil)
        let away = try #require(follow(307, .put, "https://two.example/"))
        #expect(away.head.scheme == "https")
        #expect(away.head.authority == "two.example")
        #expect(away.head.headerFields.map(\.name) == [.contentType], "no secret leaves for another host")
        let seeOther = try #require(follow(303, .put, "/x"))
        #expect(seeOther.head.method == .get)
        #expect(seeOther.body == nil)
        #expect(seeOther.head.headerFields[.contentType] == nil)
        #expect(follow(302, .post, "/x")?.head.method == .get)
        #expect(follow(302, .put, "/x")?.head.method == .put)
        #expect(follow(307, .put, nil) == nil)
        #expect(follow(304, .get, "/x") == nil)
        #expect(follow(307, .put, "ftp://two.example/") == nil)
    }

    /// URLSession sends again what an idle connection, closed meanwhile, didn't answer. It must not do so with a body
    /// that it has read in part.
    @Test func aBodyIsNotCutWhenARequestIsSentAgain() async throws {
        let length = 4 * 65_536
        // Broken off at its start, and after its end, when nothing is left to be read.
        let cases: [(RequestBody, Int, FaultServer.Step)] = [FaultServer.Step.readBytes(1), .readBody].flatMap {
            [
                ("abc", 3, $0), (.stream(Tap(limit: 4), length: Int64(length)), length, $0),
                (.stream(Tap(limit: 4)), length, $0),
            ]
        }
        for (body, length, reading) in cases {
            try await withServer(script: { request in
                request.indexOnConnection == 0 ? [.readBody, .reply()] : [reading, .close]
            }) { transport, server in
                _ = try await transport.send(TransportRequest(.get, to: server.authority))
                do {
                    let request = TransportRequest(.put, to: server.authority, body: body)
                    _ = try await transport.send(request)
                } catch let error as TransportError {
                    #expect(error.kind == .reset)
                }
                let puts = server.requests.filter { $0.method == "PUT" }
                #expect(!puts.isEmpty)
                for put in puts where put.isComplete { #expect(put.bodyLength == length) }
            }
        }
    }

    #if canImport(FoundationNetworking)
        @Test func aBodyThatWasReadIsNotEmptyWhenItIsAskedForAgain() async throws {
            let pipe = BodyPipe(patience: .seconds(3600), onRead: {}, onStarved: {})
            let stream = pipe.makeStream {}
            stream.open()
            async let written: Void = pipe.write([1, 2, 3])
            var buffer: [UInt8] = [0, 0, 0, 0]
            #expect(stream.read(&buffer, maxLength: 4) == 3)
            try await written
            pipe.finish()
            #expect(stream.read(&buffer, maxLength: 4) == 0)
            pipe.stop(isRefused: true)
            #expect(stream.read(&buffer, maxLength: 4) == 0, "the server has answered: the request counts as sent")
            pipe.stop(isRefused: false)
            #expect(stream.read(&buffer, maxLength: 4) == -1, "it is not ended, but broken off")
        }
    #endif

    @Test func aRequestURLSessionCannotSendIsRefused() async throws {
        let transport = try URLSessionTransport()
        await expectError(.protocolViolation) {
            _ = try await transport.send(TransportRequest(.get, to: "127.0.0.1:1", body: "abc"))
        }
        await expectError(.protocolViolation) {
            _ = try await transport.send(TransportRequest(.get, "/a b", to: "127.0.0.1:1"))
        }
        await transport.shutdown()
    }

    @Test func aCertificateFileThatHasNoneIsNamed() throws {
        for content in [nil, "nothing"] as [String?] {
            let path = FileManager.default.temporaryDirectory.appending(path: "oss-\(UUID())").path
            if let content { try content.write(toFile: path, atomically: true, encoding: .utf8) }
            defer { try? FileManager.default.removeItem(atPath: path) }
            let error = #expect(throws: OSSError.self) { try ServerTrust.certificates(inFile: path) }
            #expect(error?.kind == .invalidConfiguration)
            #expect(error?.message.contains(path) == true)
        }
    }

    @Test func errorsDoNotShowTheQuery() {
        let url = "http://example.com/?Signature=secret"
        let error = URLError(.networkConnectionLost, userInfo: ["NSErrorFailingURLStringKey": url])
        let mapped = TransportError.from(error, host: "example.com", isConnected: true)
        #expect(mapped.kind == .reset)
        #expect(!"\(mapped)".contains("secret"))
        #expect((mapped.cause as? URLError)?.code == .networkConnectionLost)
    }

    @Test("cfg-max-connections: what isn't needed any more is closed while others are busy")
    func unusedConnectionsAreClosedWhileOthersAreUsed() async throws {
        try await withServer(
            TransportConfiguration(idleTimeout: .milliseconds(50)),
            script: { _ in [.waitForRelease, .wait(.milliseconds(5)), .reply()] }
        ) { transport, server in
            let authority = server.authority
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask { _ = try await transport.send(TransportRequest(.get, to: authority)) }
                }
                #expect(await server.eventually { $0.openConnectionCount > 1 })
                server.release()
                try await group.waitForAll()
            }
            #expect(server.peakConnectionCount > 1)
            var isTrimmed = false
            for _ in 0..<100_000 where !isTrimmed {
                _ = try await transport.send(TransportRequest(.get, to: authority))
                isTrimmed = server.openConnectionCount <= 1
            }
            #expect(isTrimmed)
        }
    }

    #if canImport(FoundationNetworking)
        @Test func whatURLSessionCannotDoIsRefused() throws {
            let configurations = [
                ("proxy", TransportConfiguration(proxy: ProxyConfiguration(host: "127.0.0.1", port: 1))),
                ("insecureSkipVerify", TransportConfiguration(insecureSkipVerify: true)),
                ("trustedCertificatesFile", TransportConfiguration(trustedCertificatesFile: "/ca.pem")),
            ]
            for (name, configuration) in configurations {
                let error = #expect(throws: OSSError.self) { try URLSessionTransport(configuration: configuration) }
                #expect(error?.kind == .invalidConfiguration)
                #expect(error?.message.contains(name) == true)
            }
        }

        @Test func anEncodingThatURLSessionDoesNotKnowIsAnError() async throws {
            try await withServer(script: { _ in [.reply(headers: [("Content-Encoding", "utf-8")], body: "abc")] }) {
                transport, server in
                await expectError(.protocolViolation) {
                    _ = try await transport.send(TransportRequest(.get, to: server.authority)).body.collect(upTo: 9)
                }
            }
        }

        @Test func whatURLSessionWouldChangeIsRefused() async throws {
            try await withServer(script: { _ in [.reply()] }) { transport, server in
                for target in ["/a/../b", "/./a", "/a/.", "/..?acl", "/%2e%2E/x", "/.%2e/x"] {
                    await expectError(.protocolViolation) {
                        _ = try await transport.send(TransportRequest(.get, target, to: server.authority))
                    }
                }
                #expect(server.requests.isEmpty)
            }
        }

        @Test func whatASlowReaderLeavesGoesToAFile() async throws {
            let chunk = [UInt8](repeating: 1, count: 1_000_000)
            try await withServer(script: { _ in
                [.write("HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n"), .writeRepeatedly(chunk, times: 40)]
            }) { transport, server in
                let response = try await transport.send(TransportRequest(.get, to: server.authority))
                var body = response.body.makeAsyncIterator()
                var count = try await body.next()?.count ?? 0
                try await Task.sleep(for: .milliseconds(100))
                while let piece = try await body.next() {
                    #expect(piece.count <= 2 * Exchange.responseLimit)
                    count += piece.count
                }
                #expect(count == 40_000_000)
            }
        }

        @Test func aBodyThatKeepsURLSessionWaitingFails() async throws {
            try await withServer(script: { _ in [.readBody, .reply()] }) { transport, server in
                try await inTime { scale in
                    let tap = Tap(limit: 1, waitsAtLimit: true)
                    let late = try await timeout {
                        do {
                            _ = try await transport.send(
                                TransportRequest(
                                    .put, to: server.authority, body: .stream(tap), timeout: .milliseconds(50 * scale)))
                            Issue.record("no error")
                        } catch let error as TransportError where error.kind == .other {}
                    }
                    #expect(await eventually { tap.live == 0 })
                    return late
                }
            }
        }

        /// All wait while a body has nothing to give, and nobody is blamed for it.
        @Test func aPauseOfABodyIsNoStallOfOthers() async throws {
            try await inTime { scale in
                let configuration = TransportConfiguration(connectTimeout: .milliseconds(50 * scale))
                var late: TransportError?
                try await withServer(configuration, script: { _ in [.readBody, .reply()] }) { transport, server in
                    let authority = server.authority
                    let (chunks, source) = AsyncStream<[UInt8]>.makeStream()
                    let hasEnded = Locked(false)
                    let upload = Task {
                        defer { hasEnded.withLock { $0 = true } }
                        let body = RequestBody.stream(chunks)
                        return try await transport.send(TransportRequest(.put, to: authority, body: body)).head.status
                    }
                    source.yield([1])
                    let isPausing = await server.eventually {
                        $0.requests.first?.bodyLength == 1 || hasEnded.withLock { $0 }
                    }
                    #expect(isPausing)
                    let other = Task {
                        let request = TransportRequest(.get, to: authority, timeout: .milliseconds(50 * scale))
                        return try await transport.send(request).head.status
                    }
                    try await Task.sleep(for: .milliseconds(400 * scale))
                    source.yield([2])
                    source.finish()
                    late = try await timeout {
                        let statuses = (try await upload.value, try await other.value)
                        #expect(statuses == (.ok, .ok))
                    }
                }
                return late
            }
        }

        @Test func connectingWithoutAnAnswerEnds() async throws {
            let configuration = TransportConfiguration(connectTimeout: .milliseconds(50))
            try await withServer(configuration, script: { _ in [.close] }) { transport, server in
                await expectError(.timeout) {
                    let request = TransportRequest(
                        .get, to: server.authority, scheme: "https", timeout: .milliseconds(50))
                    _ = try await transport.send(request)
                }
            }
        }
    #endif
}

/// The flow of a response's body, as a value.
@Suite struct InboxTests {
    struct Failure: Error {}

    private func unexpected(sourceLocation: SourceLocation = #_sourceLocation) {
        Issue.record("another step was expected", sourceLocation: sourceLocation)
    }

    @Test func aWaitingReaderGetsTheNextChunk() {
        var inbox = Inbox<Int>(limit: 10, overflow: .pause)
        #expect(inbox.wait(1) == nil)
        #expect(inbox.wait(2) == 1, "two readers both look again")
        guard case .deliver(2, Data("abc".utf8)) = inbox.receive(Data("abc".utf8)) else { return unexpected() }
        guard case .nothing = inbox.take() else { return unexpected() }
    }

    @Test func theProducerIsPausedAtTheLimit() {
        var inbox = Inbox<Int>(limit: 10, overflow: .pause)
        guard case .proceed = inbox.receive(Data(count: 5)) else { return unexpected() }
        guard case .pause = inbox.receive(Data(count: 5)) else { return unexpected() }
        guard case .proceed = inbox.receive(Data(count: 5)) else { return unexpected() }
        #expect(inbox.isPaused)
        #expect(inbox.wait(1) == 1, "there is something to take")
        guard case .chunks(let chunks, resumes: true) = inbox.take() else { return unexpected() }
        #expect(chunks.map(\.count) == [5, 5, 5])
        #expect(!inbox.isPaused)
    }

    @Test func whatDoesNotFitIsSpilledAndReadInOrder() {
        var inbox = Inbox<Int>(limit: 10, overflow: .spill)
        guard case .proceed = inbox.receive(Data(count: 10)) else { return unexpected() }
        guard case .spill = inbox.receive(Data(count: 15)) else { return unexpected() }
        #expect(inbox.spill(15) == nil)
        guard case .chunks(_, resumes: false) = inbox.take() else { return unexpected() }
        guard case .spill = inbox.receive(Data(count: 1)) else { return unexpected() }
        #expect(inbox.spill(1) == nil)
        #expect(inbox.end() == nil)
        guard case .spilled(10) = inbox.take() else { return unexpected() }
        guard case .spilled(6) = inbox.take() else { return unexpected() }
        guard case .end = inbox.take() else { return unexpected() }
    }

    @Test func aReaderIsToldOfWhatWasSpilled() {
        var inbox = Inbox<Int>(limit: 1, overflow: .spill)
        _ = inbox.receive(Data(count: 1))
        guard case .spill = inbox.receive(Data(count: 1)) else { return unexpected() }
        _ = inbox.take()
        #expect(inbox.wait(7) == nil)
        #expect(inbox.spill(1) == 7)
    }

    @Test func aFailureDropsWhatWaits() {
        var inbox = Inbox<Int>(limit: 1, overflow: .pause)
        _ = inbox.receive(Data(count: 1))
        #expect(inbox.fail(Failure()) == nil)
        guard case .failed = inbox.take() else { return unexpected() }
        guard case .discard = inbox.receive(Data(count: 1)) else { return unexpected() }
        #expect(inbox.end() == nil)
        #expect(!inbox.isPaused)
        var ended = Inbox<Int>(limit: 1, overflow: .pause)
        #expect(ended.end() == nil)
        #expect(ended.fail(Failure()) == nil)
        guard case .end = ended.take() else { return unexpected() }
    }
}
