import HTTPTypes
import InMemoryTracing
import MetricsTestKit
import OSS
import Testing
import Tracing

@Suite("Metrics and spans")
struct ObservabilityTests {
    private let metrics = TestMetrics()
    private let tracer = InMemoryTracer()

    private func fixture(_ script: ScriptedTransport.Answer...) throws -> Fixture {
        try Fixture(script: script) {
            $0.metrics = metrics
            $0.tracer = tracer
            $0.credentials = .static(accessKeyID: "id", accessKeySecret: "hush-secret", securityToken: "hush-token")
        }
    }

    private func total(_ label: String, _ operation: String, _ outcome: String? = nil) -> Int64 {
        let dimensions = [("operation", operation)] + (outcome.map { [("outcome", $0)] } ?? [])
        return metrics.counterTotal(label: "oss.client.\(label)", dimensions: dimensions)
    }

    @Test func callsAreCountedByOperationAndOutcome() async throws {
        let fixture = try fixture(
            .reply(500), .reply(200), .reply(404, [:], serviceError("NoSuchKey")), .reply(200, [:], "0123456789"),
            .refuse(TransportError(.tls, "no")))
        try await fixture.client.putObject("12345", bucket: "my-bucket", key: "a")
        await #expect(throws: OSSError.self) { try await fixture.client.getObject(bucket: "my-bucket", key: "a") }
        let object = try await fixture.client.getObject(bucket: "my-bucket", key: "a")
        #expect(try await object.body.text(upTo: 100).count == 10)
        await #expect(throws: OSSError.self) { try await fixture.client.getObject(bucket: "my-bucket", key: "a") }

        #expect(total("requests", "PutObject", "success") == 1)
        #expect(total("attempts", "PutObject", "success") == 2)
        #expect(total("retries", "PutObject", "success") == 1)
        #expect(total("bytes.sent", "PutObject") == 10, "both attempts sent five bytes")
        #expect(total("requests", "GetObject", "success") == 1)
        #expect(total("requests", "GetObject", "NoSuchKey") == 1)
        #expect(total("requests", "GetObject", "TLS") == 1)
        #expect(total("bytes.received", "GetObject") == 10)
        let timer = try metrics.expectTimer(
            "oss.client.duration", [("operation", "PutObject"), ("outcome", "success")])
        // The delay of the retry, by the test's clock.
        #expect(timer.values == [200_000_000])
    }

    @Test func eachCallHasASpanWithItsAttempts() async throws {
        let fixture = try fixture(.reply(500), .reply(200), .reply(403, [:], serviceError("AccessDenied")))
        try await fixture.client.putObject("12345", bucket: "my-bucket", key: "a")
        await #expect(throws: OSSError.self) { try await fixture.client.headObject(bucket: "my-bucket", key: "b") }
        let spans = tracer.popFinishedSpans()
        try #require(spans.count == 2)
        #expect(spans[0].operationName == "PutObject")
        #expect(spans[0].kind == .client)
        #expect(spans[0].events.map(\.name) == ["attempt", "attempt"])
        #expect(spans[0].attributes.get("oss.bucket") == .string("my-bucket"))
        #expect(spans[0].attributes.get("oss.attempts") == .int64(2))
        #expect(spans[0].attributes.get("http.response.status_code") == .int64(200))
        #expect(spans[0].attributes.get("oss.request_id") == .string("5C3D9175B6FC201293AD0001"))
        #expect(spans[0].status == nil)
        #expect(spans[1].operationName == "HeadObject")
        #expect(spans[1].status?.code == .error)
        #expect(spans[1].errors.count == 1)
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test func aCancelledCallEndsItsSpan() async throws {
        let fixture = try fixture(.wait)
        let task = Task { try await fixture.client.headObject(bucket: "my-bucket", key: "a") }
        while tracer.activeSpans.isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(tracer.popFinishedSpans().first?.attributes.get("error.type") == .string("cancelled"))
        #expect(total("requests", "HeadObject", "cancelled") == 1)
    }

    @Test func noSecretInMetricsAndSpans() async throws {
        let fixture = try fixture(.reply(403, [:], serviceError("AccessDenied")))
        let options = CallOptions(query: ["x-oss-signature": "hush-token", "x-oss-security-token": "hush-token"])
        await #expect(throws: OSSError.self) {
            try await fixture.client.getObject(bucket: "my-bucket", key: "a", options: options)
        }
        var text = "\(metrics.counters.map(\.dimensions)) \(metrics.timers.map(\.dimensions))"
        dump(tracer.popFinishedSpans(), to: &text)
        #expect(text.contains("GetObject"))
        for secret in ["hush", "Signature="] { #expect(!text.contains(secret)) }
    }
}
