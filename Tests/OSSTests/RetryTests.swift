import Foundation
import HTTPTypes
import OSS
import Testing

@Suite("Retries")
struct RetryTests {
    static let broken = TransportError(.reset, "connection reset")

    @Test("cfg-retry, body-retry: server errors are repeated with jitter, then succeed")
    func serverErrorsAreRepeatedWithJitterThenSucceed() async throws {
        let fixture = try Fixture(.reply(500, [:], serviceError("InternalError")), .reply(502), .reply(200))
        try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: "hello"))
        #expect(fixture.transport.sent.map(\.text) == ["hello", "hello", "hello"])
        // Full jitter with random 0.5: half of 0.2 s × 2, half of 0.2 s × 4.
        #expect(fixture.time.delays == [.milliseconds(200), .milliseconds(400)])
    }

    @Test("cfg-retry: attempts are limited and counted") func attemptsAreLimitedAndCounted() async throws {
        let fixture = try Fixture(.reply(500), .reply(500), .reply(500), .reply(200))
        let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(error?.attempts == 3)
        #expect(error?.status == 500)
        #expect(error?.operation == "ListBuckets")
        #expect(fixture.transport.sent.count == 3)
    }

    @Test(
        "cfg-retry: what may pass is repeated", arguments: [401, 408, 429, 500, 503])
    func whatMayPassIsRepeated(status: Int) async throws {
        let fixture = try Fixture(.reply(status, [:], serviceError("Some")), .reply(200))
        _ = try await fixture.client.listBuckets(.init())
        #expect(fixture.transport.sent.count == 2)
    }

    @Test("cfg-retry: the code BadRequest is repeated") func theCodeBadRequestIsRepeated() async throws {
        let fixture = try Fixture(.reply(400, [:], serviceError("BadRequest")), .reply(200))
        _ = try await fixture.client.listBuckets(.init())
        #expect(fixture.transport.sent.count == 2)
    }

    @Test("cfg-retry: a rule of the caller's own decides") func aRuleOfTheCallersOwnDecides() async throws {
        let fixture = try Fixture(.reply(404, [:], serviceError("NoSuchBucket")), .reply(500), .reply(200)) {
            $0.retry.isRetryable = { $0.status == 404 }
        }
        let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(error?.status == 500)
        #expect(fixture.transport.sent.count == 2)
    }

    @Test(
        "cfg-retry: full jitter, equal jitter, a fixed delay, a function",
        arguments: [
            (
                RetryPolicy.Backoff.fullJitter(base: .seconds(1), maximum: .seconds(3)),
                [Duration.seconds(1), .milliseconds(1500)]
            ),
            (.equalJitter(base: .seconds(1), maximum: .seconds(3)), [.milliseconds(1500), .milliseconds(2250)]),
            (.fixed(.seconds(7)), [.seconds(7), .seconds(7)]),
            (.custom { .seconds($0) }, [.seconds(1), .seconds(2)]),
        ])
    func backoffs(backoff: RetryPolicy.Backoff, delays: [Duration]) async throws {
        let fixture = try Fixture(.reply(500), .reply(500), .reply(200)) { $0.retry.backoff = backoff }
        _ = try await fixture.client.listBuckets(.init())
        #expect(fixture.time.delays == delays)
    }

    @Test(
        "cfg-retry: mistakes of the caller are not repeated", arguments: [400, 403, 404, 409, 412])
    func mistakesOfTheCallerAreNotRepeated(status: Int) async throws {
        let fixture = try Fixture(.reply(status, [:], serviceError("Nope")))
        await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(fixture.transport.sent.count == 1)
    }

    @Test("cfg-retry: a throttled reply gives the lower bound of the delay")
    func aThrottledReplyGivesTheLowerBoundOfTheDelay() async throws {
        let fixture = try Fixture(
            .reply(503, ["x-oss-qos-delay-time": "1500"]), .reply(503, ["x-oss-qos-delay-time": "90000"]), .reply(200))
        _ = try await fixture.client.listBuckets(.init())
        #expect(fixture.time.delays == [.milliseconds(1500), .seconds(20)])
    }

    @Test("cfg-retry, cfg-per-call: retries can be switched off for one call") func retriesCanBeSwitchedOffForOneCall()
        async throws
    {
        let fixture = try Fixture(.reply(500), .reply(200))
        await #expect(throws: OSSError.self) {
            try await fixture.client.listBuckets(.init(), options: .init(retry: .never))
        }
        #expect(fixture.transport.sent.count == 1)
    }

    @Test("cfg-retry: the quota ends retries and is given back on success")
    func theQuotaEndsRetriesAndIsGivenBackOnSuccess() async throws {
        let fixture = try Fixture(.reply(500), .reply(500), .reply(500), .reply(200), .reply(200), quota: 20)
        await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(
            fixture.transport.sent.count == 2, "14 of 20 tokens are taken by the first retry; the second can't be paid")
        #expect(fixture.quota.available == 6)
        await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        _ = try await fixture.client.listBuckets(.init())
        #expect(fixture.quota.available == 7)
    }

    @Test("cfg-retry: a successful retry gives its tokens back") func aSuccessfulRetryGivesItsTokensBack() async throws
    {
        let fixture = try Fixture(.reply(500), .reply(200), quota: 100)
        _ = try await fixture.client.listBuckets(.init())
        #expect(fixture.quota.available == 100)
    }

    @Test("cfg-retry: a broken reply of an operation without stream is repeated")
    func aBrokenReplyOfAnOperationWithoutStreamIsRepeated() async throws {
        let list = "<ListAllMyBucketsResult><Prefix>x</Prefix></ListAllMyBucketsResult>"
        let fixture = try Fixture(.broken(200, [:], "<ListAllMyB", Self.broken), .reply(200, [:], list))
        let result = try await fixture.client.listBuckets(.init())
        #expect(result.prefix == "x")
    }

    @Test("body-retry: a file region is sent again from where it started")
    func aFileRegionIsSentAgainFromWhereItStarted() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("oss-\(UUID()).txt").path
        try Data("0123456789".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let fixture = try Fixture(.fail(Self.broken), .reply(200))
        try await fixture.client.putObject(
            .init(bucket: "my-bucket", key: "a", body: .file(at: path, offset: 3, length: 4)))
        #expect(fixture.transport.sent.map(\.text) == ["3456", "3456"])
    }

    @Test("body-retry: a one-shot stream is not sent again once started") func aOneShotStreamIsNotSentAgainOnceStarted()
        async throws
    {
        let stream = AsyncStream<[UInt8]> {
            $0.yield(Array("hello".utf8))
            $0.finish()
        }
        let fixture = try Fixture(.fail(Self.broken), .reply(200))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: .stream(stream)))
        }
        #expect(error?.kind == .connectionReset)
        #expect(fixture.transport.sent.count == 1)
    }

    @Test("body-retry: a one-shot stream is sent when the first attempt never read it")
    func aOneShotStreamIsSentWhenTheFirstAttemptNeverReadIt() async throws {
        let stream = AsyncStream<[UInt8]> {
            $0.yield(Array("hello".utf8))
            $0.finish()
        }
        let fixture = try Fixture(.refuse(TransportError(.connect, "refused")), .reply(200))
        try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: .stream(stream)))
        #expect(fixture.transport.sent.last?.text == "hello")
    }

    @Test("err-time: a wrong clock is corrected from the error document")
    func aWrongClockIsCorrectedFromTheErrorDocument() async throws {
        let skew = serviceError("RequestTimeTooSkewed", extra: "<ServerTime>2024-05-01T10:00:00.000Z</ServerTime>")
        let fixture = try Fixture(
            .reply(403, ["Date": "Thu, 01 Jan 1970 00:00:00 GMT"], skew), .reply(200), .reply(200)
        ) {
            $0.retry.backoff = .fixed(.zero)
        }
        _ = try await fixture.client.listBuckets(.init())
        _ = try await fixture.client.listBuckets(.init())
        #expect(
            fixture.transport.sent.map { $0.header("x-oss-date") } == [
                "20231114T221320Z", "20240501T100000Z", "20240501T100000Z",
            ])
    }

    @Test("err-time: the Date header corrects the clock unless it is absurd")
    func theDateHeaderCorrectsTheClockUnlessItIsAbsurd() async throws {
        let skew = serviceError("RequestTimeTooSkewed")
        let absurd = try Fixture(.reply(403, ["Date": "Thu, 01 Jan 1970 00:00:00 GMT"], skew), .reply(200)) {
            $0.retry.backoff = .fixed(.zero)
        }
        _ = try await absurd.client.listBuckets(.init())
        #expect(absurd.transport.sent.map { $0.header("x-oss-date") } == ["20231114T221320Z", "20231114T221320Z"])
        let sane = try Fixture(.reply(403, ["Date": "Wed, 01 May 2024 10:00:00 GMT"], skew), .reply(200)) {
            $0.retry.backoff = .fixed(.zero)
        }
        _ = try await sane.client.listBuckets(.init())
        #expect(sane.transport.sent.last?.header("x-oss-date") == "20240501T100000Z")
    }

    @Test func everyAttemptIsSignedAnew() async throws {
        let fixture = try Fixture(.reply(500), .reply(200)) { $0.retry.backoff = .fixed(.seconds(60)) }
        _ = try await fixture.client.listBuckets(.init())
        let sent = fixture.transport.sent
        #expect(sent.map { $0.header("x-oss-date") } == ["20231114T221320Z", "20231114T221420Z"])
        #expect(sent[0].header("Authorization") != sent[1].header("Authorization"))
    }

    @Test func cancellationInABackoffIsNotSwallowed() async throws {
        let transport = ScriptedTransport(.reply(500))
        var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
        configuration.transport = transport
        configuration.retry.backoff = .fixed(.seconds(3600))
        let sleeping = AsyncStream<Void>.makeStream()
        var dependencies = RuntimeDependencies()
        dependencies.sleep = {
            sleeping.continuation.yield()
            try await Task.sleep(for: $0)
        }
        let client = try OSSClient(configuration, dependencies: dependencies)
        let task = Task { try await client.listBuckets(.init()) }
        for await _ in sleeping.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(transport.sent.count == 1)
    }

    @Test("cfg-per-call: the total timeout ends a call that hangs") func theTotalTimeoutEndsACallThatHangs()
        async throws
    {
        let fixture = try Fixture(.wait)
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.listBuckets(.init(), options: .init(timeout: .seconds(5)))
        }
        #expect(error?.kind == .timeout)
    }

    @Test("cfg-per-call: the total timeout leaves no time for a retry") func theTotalTimeoutLeavesNoTimeForARetry()
        async throws
    {
        let transport = ScriptedTransport(.reply(500), .reply(200))
        var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
        configuration.transport = transport
        configuration.retry.backoff = .fixed(.seconds(7200))
        let client = try OSSClient(configuration)
        let error = await #expect(throws: OSSError.self) {
            try await client.listBuckets(.init(), options: .init(timeout: .seconds(3600)))
        }
        #expect(error?.status == 500)
        #expect(transport.sent.count == 1)
    }

    @Test("body-progress: no byte is counted twice on retry") func progressCountsNoByteTwice() async throws {
        let seen = Locked([Int64]())
        let fixture = try Fixture(.fail(Self.broken), .reply(200))
        try await fixture.client.putObject(
            .init(bucket: "my-bucket", key: "a", body: "hello"),
            options: .init(progress: { progress in seen.withLock { $0.append(progress.completed) } })
        )
        #expect(seen.withLock { $0 } == [5])
    }

    @Test func aStoredObjectWhoseCallbackFailedIsAnErrorAndNotRepeated() async throws {
        let fixture = try Fixture(.reply(203, [:], serviceError("CallbackFailed")), .reply(200))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: "hello", callback: "e30="))
        }
        #expect(error?.code == .callbackFailed)
        #expect(error?.status == 203)
        #expect(fixture.transport.sent.count == 1)
    }
}
