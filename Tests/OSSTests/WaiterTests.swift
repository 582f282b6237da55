import Foundation
import HTTPTypes
import Logging
import OSS
import OSSEmulator
import Testing

/// Waiting by asking again and again. Time passes only in pauses; see ``ManualTime``.
@Suite("Waiters (op-wait)")
struct WaiterTests {
    typealias Answer = ScriptedTransport.Answer

    static let object = HeadObjectRequest(bucket: "my-bucket", key: "k")
    static let bucket = GetBucketAclRequest(bucket: "my-bucket")

    /// An error as replies to HEAD have it: the document is in a header.
    static func missing(_ code: String, status: Int = 404) -> Answer {
        .reply(status, ["x-oss-err": Data(serviceError(code).utf8).base64EncodedString()])
    }

    static func archived(_ restore: String) -> Answer { .reply(200, ["x-oss-restore": restore]) }

    static let acl =
        "<AccessControlPolicy><AccessControlList><Grant>private</Grant></AccessControlList></AccessControlPolicy>"

    /// A client whose calls are all answered in the time that a waiter with this least delay gives them.
    private func fixture(
        _ script: Answer..., timeout: Duration = .seconds(300), minDelay: Duration = .seconds(2),
        configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws -> Fixture {
        let fixture = try Fixture(script: script, configure: configure)
        fixture.time.callsEnd(before: timeout + minDelay)
        return fixture
    }

    @Test("op-wait: until an object exists")
    func objectExists() async throws {
        let fixture = try fixture(
            Self.missing("NoSuchKey"), Self.missing("NoSuchVersion"), .reply(404), .reply(200, ["ETag": "e"]))
        #expect(try await fixture.client.waitUntilObjectExists(Self.object).etag == "e")
        // Random 0.5 lies in the middle of 2...2, 2...4, 2...8.
        #expect(fixture.time.delays == [.seconds(2), .seconds(3), .seconds(5)])
        #expect(fixture.transport.sent.map { $0.head.method } == [.head, .head, .head, .head])
    }

    @Test("op-wait: no pause before the first call")
    func alreadyThere() async throws {
        let fixture = try fixture(.reply(200))
        try await fixture.client.waitUntilObjectExists(Self.object)
        #expect(fixture.time.delays.isEmpty)
    }

    @Test("op-wait: until an object does not exist", arguments: ["NoSuchKey", "NoSuchVersion", ""])
    func objectNotExists(code: String) async throws {
        let fixture = try fixture(.reply(200), .reply(200), code.isEmpty ? .reply(404) : Self.missing(code))
        try await fixture.client.waitUntilObjectNotExists(Self.object)
        #expect(fixture.transport.sent.count == 3)
    }

    @Test("op-wait: until a bucket exists, and until it does not")
    func buckets() async throws {
        let absent = Answer.reply(404, [:], serviceError("NoSuchBucket"))
        let coming = try fixture(absent, absent, .reply(200, [:], Self.acl))
        #expect(try await coming.client.waitUntilBucketExists(Self.bucket).acl == .private)
        #expect(coming.transport.sent.map { $0.head.path } == ["/?acl", "/?acl", "/?acl"])
        let going = try fixture(.reply(200, [:], Self.acl), absent)
        try await going.client.waitUntilBucketNotExists(Self.bucket)
        #expect(going.transport.sent.count == 2)
    }

    @Test("op-wait: until an archived object is restored")
    func restored() async throws {
        let running = #"ongoing-request="true""#
        let done = #"ongoing-request="false", expiry-date="Sun, 16 Apr 2017 08:12:33 GMT""#
        let fixture = try fixture(
            Self.archived(running), Self.archived(running), Self.archived(done), minDelay: .seconds(10))
        #expect(try await fixture.client.waitUntilObjectRestored(Self.object).restore == done)
        #expect(fixture.time.delays == [.seconds(10), .seconds(15)])
    }

    @Test("op-wait: an object that nobody restores is not waited for")
    func notBeingRestored() async throws {
        let fixture = try fixture(.reply(200), minDelay: .seconds(10))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectRestored(Self.object)
        }
        #expect(error?.kind == .waitFailed)
        #expect(error?.message.contains("its restore was not asked for") == true)
        #expect(error?.operation == "HeadObject")
        #expect(error?.requestID == "5C3D9175B6FC201293AD0001")
        #expect(error?.attempts == 1)
        #expect(fixture.time.delays.isEmpty)
    }

    @Test(
        "op-wait: errors that are not waited for are thrown at once",
        arguments: [("AccessDenied", 403), ("NoSuchBucket", 404), ("MethodNotAllowed", 405)])
    func otherErrors(code: String, status: Int) async throws {
        let fixture = try fixture(Self.missing("NoSuchKey"), Self.missing(code, status: status), .reply(200))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectExists(Self.object)
        }
        #expect(error?.code.rawValue == code)
        #expect(error?.status == status)
        #expect(fixture.transport.sent.count == 2)
    }

    @Test("op-wait: what is wrong with the request is said before anything is sent")
    func wrongRequest() async throws {
        let fixture = try fixture()
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectExists(.init(bucket: "Not A Bucket", key: "k"))
        }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.operation == "HeadObject")
        #expect(fixture.transport.sent.isEmpty)
    }

    @Test("op-wait: each call is retried by the policy, and its last failure ends the wait")
    func retriesOfACall() async throws {
        let passing = try fixture(.reply(500), Self.missing("NoSuchKey"), .reply(503), .reply(200)) {
            $0.retry.backoff = .fixed(.milliseconds(1))
        }
        try await passing.client.waitUntilObjectExists(Self.object)
        #expect(passing.time.delays == [.milliseconds(1), .seconds(2), .milliseconds(1)])
        let failing = try fixture(.reply(500), .reply(500), .reply(200))
        let error = await #expect(throws: OSSError.self) {
            try await failing.client.waitUntilObjectExists(Self.object, options: .init(retry: .never))
        }
        #expect(error?.status == 500)
        #expect(failing.transport.sent.count == 1)
    }

    @Test("op-wait: a timeout says what was waited for, and what the last reply was")
    func timeout() async throws {
        let fixture = try Fixture(script: Array(repeating: Self.missing("NoSuchKey"), count: 100))
        fixture.time.callsEnd(before: .seconds(302))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectExists(Self.object)
        }
        #expect(error?.kind == .timeout)
        #expect(
            error?.message == "ObjectExists did not come about within 300.0 seconds; the last call gave 404 NoSuchKey")
        #expect((error?.cause as? OSSError)?.code == .noSuchKey)
        #expect(error?.operation == "HeadObject")
        #expect(error?.requestTarget == "HEAD https://my-bucket.oss-cn-hangzhou.aliyuncs.com/k")
        #expect(error?.attempts == fixture.transport.sent.count)
        // All of the time is used, and the last call is at its end.
        #expect(fixture.time.delays.reduce(.zero, +) == .seconds(300))
        #expect(fixture.time.delays.dropLast().allSatisfy { (.seconds(2) ... .seconds(20)).contains($0) })
        #expect(fixture.transport.sent.count == fixture.time.delays.count + 1)
    }

    @Test("op-wait: a timeout after a result says its status")
    func timeoutAfterAResult() async throws {
        let fixture = try fixture(.reply(200), .reply(200), timeout: .seconds(1))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectNotExists(Self.object, timeout: .seconds(1))
        }
        #expect(error?.kind == .timeout)
        #expect(
            error?.message.contains("ObjectNotExists did not come about within 1.0 seconds; the last call gave 200")
                == true)
        #expect(error?.cause == nil)
        #expect(fixture.time.delays == [.seconds(1)])
    }

    @Test("op-wait: without time there is one call", arguments: [Duration.zero, .seconds(-5)])
    func noTime(timeout: Duration) async throws {
        let there = try fixture(.reply(200), timeout: .zero)
        try await there.client.waitUntilObjectExists(Self.object, timeout: timeout)
        let absent = try fixture(Self.missing("NoSuchKey"), .reply(200), timeout: .zero)
        let error = await #expect(throws: OSSError.self) {
            try await absent.client.waitUntilObjectExists(Self.object, timeout: timeout)
        }
        #expect(error?.kind == .timeout)
        #expect(absent.transport.sent.count == 1)
    }

    @Test("op-wait: there may be all the time there is")
    func noEnd() async throws {
        var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
        configuration.transport = ScriptedTransport(.reply(200))
        try await OSSClient(configuration).waitUntilObjectExists(Self.object, timeout: .seconds(Int64.max))
    }

    @Test("op-wait: a call that hangs ends with the time")
    func hanging() async throws {
        let fixture = try Fixture(.wait)
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectExists(Self.object, timeout: .seconds(60))
        }
        #expect(error?.kind == .timeout)
        #expect(error?.message.hasPrefix("ObjectExists did not come about within 60.0 seconds") == true)
        #expect(fixture.time.delays == [.seconds(62)])
    }

    @Test("op-wait: the caller's own time for a call is kept, and ends the wait")
    func ownTimeout() async throws {
        let fixture = try Fixture(.wait)
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectExists(
                Self.object, options: .init(timeout: .seconds(7), retry: .never))
        }
        #expect(error?.kind == .timeout)
        #expect(error?.message == "the call's total time is over")
        #expect(fixture.time.delays == [.seconds(7)])
    }

    @Test("op-wait: cancellation ends a pause at once")
    func cancellation() async throws {
        let transport = ScriptedTransport(script: Array(repeating: Self.missing("NoSuchKey"), count: 3))
        var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
        configuration.transport = transport
        let pausing = AsyncStream<Void>.makeStream()
        var dependencies = RuntimeDependencies()
        dependencies.sleep = { delay in
            if delay < .seconds(60) { pausing.continuation.yield() }
            try await Task.sleep(for: .seconds(3600))
        }
        let client = try OSSClient(configuration, dependencies: dependencies)
        let task = Task { try await client.waitUntilObjectExists(Self.object) }
        for await _ in pausing.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(transport.sent.count == 1)
    }

    @Test("op-wait: every call has the caller's options, and none of them alarms the log")
    func options() async throws {
        let lines = Locked([String]())
        var logger = Logger(label: "test") { _ in RecordingLogHandler { line in lines.withLock { $0.append(line) } } }
        logger.logLevel = .trace
        let fixture = try fixture(Self.missing("NoSuchKey"), Self.missing("NoSuchKey"), .reply(200))
        var options = CallOptions(readWriteTimeout: .seconds(3), query: ["x-extra": "1"], logger: logger)
        options.headers[try #require(HTTPField.Name("x-oss-request-payer"))] = "requester"
        try await fixture.client.waitUntilObjectExists(Self.object, options: options)
        #expect(fixture.transport.sent.count == 3)
        for sent in fixture.transport.sent {
            #expect(sent.head.path == "/k?x-extra=1")
            #expect(sent.header("x-oss-request-payer") == "requester")
            #expect(sent.stall == .seconds(3))
        }
        let texts = lines.withLock { $0 }
        #expect(texts.allSatisfy { $0.hasPrefix("debug") || $0.hasPrefix("trace") })
        #expect(
            texts.filter { $0.contains("waiting for ObjectExists") && $0.contains("404 NoSuchKey") }.count == 2)
    }

    @Test("op-wait: a client that was shut down waits for nothing")
    func shutdown() async throws {
        let fixture = try fixture()
        await fixture.client.shutdown()
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.waitUntilObjectExists(Self.object)
        }
        #expect(error?.kind == .shutdown)
    }

    @Test(
        "op-wait: pauses grow at random from the least delay to the greatest",
        arguments: [
            (1, 0.9, 300, 2), (2, 0, 300, 2), (2, 1, 300, 4), (3, 0.5, 300, 5), (6, 1, 300, 64), (7, 1, 300, 120),
            (1_000_000, 1, 300, 120), (7, 0, 300, 2),
            // The last call is at the end, and no other one shortly before it.
            (7, 1, 100, 100), (7, 1, 121, 121), (7, 1, 122, 120), (1, 0.5, 3, 3), (1, 0.5, 1, 1),
            (1, 0.5, 0, nil), (1, 0.5, -1, nil),
        ] as [(Int, Double, Int, Int?)])
    func delays(call: Int, random: Double, remaining: Int, delay: Int?) {
        let waiter = Waiter<HeadObjectResult>("Any", minDelay: .seconds(2), maxDelay: .seconds(120))
        #expect(
            waiter.delay(afterCall: call, remaining: .seconds(remaining), random: random) == delay.map { .seconds($0) })
    }

    @Test("op-wait: the server's objects and buckets come and go")
    func emulator() async throws {
        let emulator = try await Emulator.start(.unhurried)
        let configuration = ClientConfiguration(emulator)
        let other = try OSSClient(configuration)
        // What happens in the pause of a wait.
        let meanwhile = Locked<(@Sendable () async throws -> Void)?>(nil)
        var dependencies = RuntimeDependencies(uptime: { .zero })
        dependencies.sleep = { delay in
            // A pause is 20 s at most; what is longer is the end of a call's time, which never comes.
            guard delay < .seconds(60) else { return try await Task.sleep(for: .seconds(3600)) }
            try await meanwhile.withLock { $0.take() }?()
        }
        let client = try OSSClient(configuration, dependencies: dependencies)

        meanwhile.withLock { $0 = { try await other.putBucket(.init(bucket: "my-bucket")) } }
        try await client.waitUntilBucketExists(Self.bucket)
        meanwhile.withLock { $0 = { try await other.putObject(.init(bucket: "my-bucket", key: "k", body: "abc")) } }
        #expect(try await client.waitUntilObjectExists(Self.object).contentLength == 3)
        meanwhile.withLock { $0 = { try await other.deleteObject(.init(bucket: "my-bucket", key: "k")) } }
        try await client.waitUntilObjectNotExists(Self.object)
        meanwhile.withLock { $0 = { try await other.deleteBucket(.init(bucket: "my-bucket")) } }
        try await client.waitUntilBucketNotExists(Self.bucket)
        #expect(meanwhile.withLock { $0 == nil })

        await client.shutdown()
        await other.shutdown()
        try await emulator.shutdown()
    }
}
