import FaultServer
import Foundation
import OSS
import Synchronization
import Testing

/// The client with its real transport against a server that misbehaves: each call ends in the right result or the right
/// error, and nothing is left behind.
@Suite("Faults on the wire", .timeLimit(.minutes(60)))
struct FaultTests {
    static let crc = "11051210869376104954"  // of "123456789"

    /// Runs `body` with a client of the server, then sees that nothing leaked.
    private func withClient(
        attempts: Int = 3,
        readWriteTimeout: Duration = .seconds(3600),
        _ script: @escaping FaultServer.Script,
        _ body: (OSSClient, FaultServer) async throws -> Void
    ) async throws {
        let server = try await FaultServer.start(script)
        weak var leaked: OSSClient?
        do {
            var configuration = ClientConfiguration(
                region: "cn-hangzhou",
                endpoint: server.url,
                credentials: .static(accessKeyID: "id", accessKeySecret: "secret")
            )
            configuration.retry = RetryPolicy(maximumAttempts: attempts, backoff: .fixed(.milliseconds(1)))
            configuration.waitForServer()
            configuration.readWriteTimeout = readWriteTimeout
            let client = try OSSClient(configuration)
            leaked = client
            try await body(client, server)
            await client.shutdown()
        }
        try await eventually("a task or a connection still holds the client") { leaked == nil }
        // A server that reads nothing doesn't see the end of a connection either.
        server.resumeReading()
        try await eventually("the client left a connection open") { server.openConnectionCount == 0 }
        #if os(Linux)
            try await eventually("a socket to the server is still open") { openSockets(to: server.port) == 0 }
        #endif
        await server.stop()
    }

    private let get = GetObjectRequest(bucket: "my-bucket", key: "a")

    @Test("cfg-retry: a reset before the reply is repeated") func resetBeforeHeadersIsRepeated() async throws {
        try await withClient {
            $0.index == 0 ? [.reset] : [.reply(body: "good")]
        } _: { client, server in
            let object = try await client.getObject(get)
            #expect(try await object.body.text(upTo: 100) == "good")
            #expect(server.requests.count == 2)
        }
    }

    @Test("err-transport: a reset before the reply, again and again") func resetBeforeHeadersAgainAndAgainIsAnError()
        async throws
    {
        try await withClient { _ in
            [.reset]
        } _: { client, server in
            let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
            #expect(error?.kind == .connectionReset)
            #expect(error?.attempts == 3)
            #expect(server.requests.count == 3)
        }
    }

    @Test("err-transport: a reset in the body is an error for the reader") func resetInTheBodyIsAnErrorForTheReader()
        async throws
    {
        try await withClient { _ in
            [.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), .waitForRelease, .reset]
        } _: { client, server in
            let object = try await client.getObject(get)
            server.release()
            let error = await #expect(throws: OSSError.self) { try await object.body.collect(upTo: 1000) }
            #expect(error?.kind == .connectionReset)
            #expect(error?.operation == "GetObject")
        }
    }

    @Test("err-transport: a truncated body is an error for the reader") func aTruncatedBodyIsAnErrorForTheReader()
        async throws
    {
        try await withClient { _ in
            [.reply(bytes: Array("half".utf8), contentLength: 100), .close]
        } _: { client, _ in
            let object = try await client.getObject(get)
            let error = await #expect(throws: OSSError.self) { try await object.body.collect(upTo: 1000) }
            #expect(error?.kind == .connectionReset)
        }
    }

    @Test func aTruncatedListIsAskedForAgain() async throws {
        let list = "<ListAllMyBucketsResult><Prefix>good</Prefix></ListAllMyBucketsResult>"
        try await withClient {
            $0.index == 0
                ? [.reply(bytes: Array(list.utf8.prefix(20)), contentLength: list.utf8.count), .close]
                : [.reply(body: list)]
        } _: { client, _ in
            let result = try await client.listBuckets(.init())
            #expect(result.prefix == "good")
        }
    }

    @Test("body-retry: two server errors, then good") func twoServerErrorsThenGood() async throws {
        try await withClient {
            $0.index < 2 ? [.readBody, .reply(status: 500 + $0.index)] : [.readBody, .reply()]
        } _: { client, server in
            try await client.putObject(.init(bucket: "my-bucket", key: "a", body: "123456789"))
            #expect(
                server.requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                    "123456789", "123456789", "123456789",
                ])
        }
    }

    @Test func aDelayHintIsWaitedFor() async throws {
        try await withClient {
            $0.index == 0 ? [.reply(status: 503, headers: [("x-oss-qos-delay-time", "30")])] : [.reply(body: "good")]
        } _: { client, server in
            let start = ContinuousClock.now
            let object = try await client.getObject(get)
            #expect(try await object.body.text(upTo: 100) == "good")
            #expect(start.duration(to: .now) >= .milliseconds(30))
            #expect(server.requests.count == 2)
        }
    }

    @Test("cfg-readwrite-timeout, err-transport: a stall before the reply") func aStallBeforeHeadersIsATimeout()
        async throws
    {
        try await withClient(attempts: 1, readWriteTimeout: .milliseconds(80)) { _ in
            [.stall]
        } _: { client, _ in
            let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
            #expect(error?.kind == .timeout)
        }
    }

    @Test("cfg-readwrite-timeout: a stall in the body is a timeout for the reader")
    func aStallInTheBodyIsATimeoutForTheReader() async throws {
        try await withClient(attempts: 1) { _ in
            [.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), .stall]
        } _: { client, _ in
            let object = try await getObject(client)
            let error = await #expect(throws: OSSError.self) { try await object.body.collect(upTo: 1000) }
            #expect(error?.kind == .timeout)
        }
    }

    /// Gets the object with a short limit; one in which a busy machine doesn't get the head is made longer.
    private func getObject(_ client: OSSClient) async throws -> GetObjectResult {
        var limit = Duration.milliseconds(200)
        while true {
            do {
                return try await client.getObject(get, options: .init(readWriteTimeout: limit))
            } catch let error as OSSError where error.kind == .timeout && limit < .seconds(3600) {
                limit *= 4
            }
        }
    }

    @Test("cfg-readwrite-timeout, cfg-per-call: a timeout of the call wins") func aTimeoutOfTheCallWins() async throws {
        try await withClient(attempts: 1) { _ in
            [.stall]
        } _: { client, _ in
            let error = await #expect(throws: OSSError.self) {
                try await client.getObject(get, options: .init(readWriteTimeout: .milliseconds(80)))
            }
            #expect(error?.kind == .timeout)
        }
    }

    @Test func anEarlyRefusalDuringAnUploadIsTheError() async throws {
        let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        try await withClient { _ in
            [.readBytes(65536), .stopReading, .reply(status: 403, body: denied), .waitForRelease, .close]
        } _: { client, server in
            let body = RequestBody.bytes([UInt8](repeating: 7, count: 32 << 20))
            let error = await #expect(throws: OSSError.self) {
                try await client.putObject(.init(bucket: "my-bucket", key: "a", body: body))
            }
            #expect(error?.code == .accessDenied)
            #expect(server.requests.count == 1)
        }
    }

    @Test("body-retry: a file is sent again, and closed at the end") func aFileOfAFailedUploadIsClosed() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("oss-\(UUID()).bin").path
        try Data(count: 8 << 20).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withClient { _ in
            [.readBytes(65536), .reset]
        } _: { client, server in
            let error = await #expect(throws: OSSError.self) {
                try await client.putObject(.init(bucket: "my-bucket", key: "a", body: .file(at: path)))
            }
            #expect(error?.kind == .connectionReset)
            #expect(server.requests.count == 3, "a file can be sent again")
        }
        #if os(Linux)
            try await eventually("the file is still open") { !openFiles().contains(path) }
        #endif
    }

    @Test("body-crc: a wrong checksum of an upload is sent again") func aWrongChecksumOfAnUploadIsSentAgain()
        async throws
    {
        try await withClient {
            [.readBody, .reply(headers: [("x-oss-hash-crc64ecma", $0.index == 0 ? "1" : Self.crc)])]
        } _: { client, server in
            try await client.putObject(.init(bucket: "my-bucket", key: "a", body: "123456789"))
            #expect(server.requests.count == 2)
        }
    }

    @Test("body-crc: a wrong checksum of a download is an error for the reader")
    func aWrongChecksumOfADownloadIsAnErrorForTheReader() async throws {
        try await withClient { _ in
            [.reply(headers: [("x-oss-hash-crc64ecma", "1")], body: "123456789")]
        } _: { client, _ in
            let object = try await client.getObject(get)
            let error = await #expect(throws: OSSError.self) { try await object.body.collect(upTo: 100) }
            #expect(error?.kind == .checksumMismatch)
        }
    }

    @Test("body-range: the whole object in place of a range is an error") func theWholeObjectForARangeIsAnError()
        async throws
    {
        try await withClient { _ in
            [.reply(body: "0123456789")]
        } _: { client, server in
            let error = await #expect(throws: OSSError.self) {
                try await client.getObject(.init(bucket: "my-bucket", key: "a", range: "bytes=2-3"))
            }
            #expect(error?.kind == .unexpectedResponse)
            #expect(server.requests.count == 1)
        }
    }

    @Test("err-time: a wrong clock is corrected and the request tried again") func aWrongClockIsCorrected() async throws
    {
        let skewed = """
            <Error><Code>RequestTimeTooSkewed</Code><Message>no</Message><ServerTime>2031-01-02T03:04:05.000Z</ServerTime></Error>
            """
        try await withClient {
            $0.index == 0 ? [.reply(status: 403, body: skewed)] : [.reply(body: "good")]
        } _: { client, server in
            let object = try await client.getObject(get)
            #expect(try await object.body.text(upTo: 100) == "good")
            #expect(server.requests.last?.header("x-oss-date")?.hasPrefix("20310102T0304") == true)
        }
    }

    @Test func aSlowReaderOfAnUploadGetsItAll() async throws {
        try await withClient { _ in
            [.readSlowly(bytes: 256 << 10, every: .milliseconds(2)), .reply()]
        } _: { client, server in
            try await client.putObject(
                .init(bucket: "my-bucket", key: "a", body: .bytes([UInt8](repeating: 1, count: 4 << 20))))
            #expect(server.requests.first?.bodyLength == 4 << 20)
        }
    }

    @Test("cfg-readwrite-timeout: an upload that nobody reads") func anUploadNobodyReadsIsATimeout() async throws {
        try await withClient(attempts: 1, readWriteTimeout: .milliseconds(200)) { _ in
            [.stopReading, .stall]
        } _: { client, _ in
            let error = await #expect(throws: OSSError.self) {
                try await client.putObject(
                    .init(bucket: "my-bucket", key: "a", body: .bytes([UInt8](repeating: 1, count: 64 << 20))))
            }
            #expect(error?.kind == .timeout)
        }
    }

    @Test func aCancelledDownloadLeavesNothing() async throws {
        try await withClient { _ in
            [.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), .stall]
        } _: { client, server in
            let task = Task {
                let object = try await client.getObject(get)
                return try await object.body.collect(upTo: 1000)
            }
            try await eventually("no request came") { server.requests.count == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func aCancelledUploadLeavesNothing() async throws {
        try await withClient { _ in
            [.stopReading, .stall]
        } _: { client, server in
            let task = Task {
                try await client.putObject(
                    .init(bucket: "my-bucket", key: "a", body: .bytes([UInt8](repeating: 1, count: 64 << 20))))
            }
            try await eventually("no request came") { server.requests.count == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func aBodyThatIsDroppedUnreadClosesItsConnection() async throws {
        try await withClient { _ in
            [.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf"), .stall]
        } _: { client, server in
            _ = try await client.getObject(get)
            try await eventually("the connection is still open") { server.openConnectionCount == 0 }
        }
    }

    @Test func anIdleConnectionThatWasClosedIsNotTheCallersProblem() async throws {
        try await withClient { _ in
            [.reply(body: "good")]
        } _: { client, server in
            for _ in 0..<3 {
                let object = try await client.getObject(get)
                #expect(try await object.body.text(upTo: 100) == "good")
                await server.closeConnections()
            }
        }
    }

    @Test("cfg-max-connections: a thousand calls share their connections") func aThousandCallsShareTheirConnections()
        async throws
    {
        try await withClient {
            [.readBody, .wait(.milliseconds(1)), .reply(body: $0.target)]
        } _: { client, server in
            let outcomes = try await withThrowingTaskGroup(of: Bool?.self) { group in
                for index in 0..<1000 {
                    group.addTask {
                        // Each second call is cancelled, most of them while they wait for a connection.
                        let call = Task {
                            let object = try await client.getObject(.init(bucket: "my-bucket", key: "\(index)"))
                            return try await object.body.text(upTo: 100)
                        }
                        if index.isMultiple(of: 2) { call.cancel() }
                        do {
                            return try await call.value == "/my-bucket/\(index)"
                        } catch is CancellationError {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: [Bool?]()) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == true } >= 500)
            #expect(!outcomes.contains(false), "nobody gets another call's reply")
            #expect(server.peakConnectionCount <= 20)
        }
    }

    @Test("err-transport: a server that is gone") func aServerThatIsGoneIsAConnectError() async throws {
        let closed = try await ClosedPort.reserve()
        var configuration = ClientConfiguration(
            region: "cn-hangzhou", endpoint: "http://127.0.0.1:\(closed.port)", credentials: .anonymous)
        configuration.retry = .never
        let client = try OSSClient(configuration)
        let error = await #expect(throws: OSSError.self) { try await client.getObject(get) }
        #expect(error?.kind == .connect)
        await client.shutdown()
        await closed.release()
    }
}

/// Waits for something that happens on other threads; fails when it doesn't within ten minutes.
private func eventually(_ failure: Comment, _ condition: () -> Bool) async throws {
    for _ in 0..<120_000 {
        if condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record(failure)
}

#if os(Linux)
    /// How many sockets of this machine are connected to a port, other than those the kernel only remembers (TIME_WAIT).
    private func openSockets(to port: Int) -> Int {
        guard let table = try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8) else { return -1 }
        let remote = ":" + String(port, radix: 16, uppercase: true)
        return table.split(separator: "\n").dropFirst().filter { line in
            let columns = line.split(separator: " ")
            return columns.count > 9 && columns[2].hasSuffix(remote) && columns[3] != "06" && columns[9] != "0"
        }.count
    }

    private func openFiles() -> [String] {
        let folder = "/proc/self/fd"
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
    }
#endif
