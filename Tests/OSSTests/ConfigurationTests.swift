import FaultServer
import Foundation
import HTTPTypes
import Logging
import OSS
import OSSEmulator
import Testing

/// The options that shape requests and what is made of replies, seen by a server at the other end of the client's own
/// transport.
@Suite("Configuration", .timeLimit(.minutes(60)))
struct ConfigurationTests {
    private let get = GetObjectRequest(bucket: "my-bucket", key: "a")

    private func text(_ client: OSSClient) async throws -> String {
        try await client.getObject(get).body.text(upTo: 100)
    }

    private let put = PutObjectRequest(bucket: "my-bucket", key: "a", body: "123456789")

    // MARK: Signatures

    @Test("cfg-signature: versions 4 and 1, accepted by a server that checks them") func versions() async throws {
        for (method, prefix) in [
            (nil, "OSS4-HMAC-SHA256 Credential="), (SignatureMethod.v4, "OSS4-HMAC-SHA256 Credential="), (.v1, "OSS "),
        ] {
            try await withBucket {
                if let method { $0.signature = method }
            } _: { client, _ in
                try await client.putObject(put)
                #expect(try await text(client) == "123456789")
            }

            try await withServer {
                if let method { $0.signature = method }
            } _: { _ in
                [.readBody, .reply()]
            } _: { client, server in
                _ = try await client.getObject(get)
                #expect(server.requests.first?.header("authorization")?.hasPrefix(prefix) == true)
            }
        }
    }

    /// Marks requests in a way of its own.
    private struct Seal: RequestSigner {
        func sign(_ request: inout HTTPRequest, with context: RequestSigningContext) async throws {
            request.headerFields[.authorization] =
                "Seal \(context.credentials.accessKeyID)/\(context.bucket ?? "-")/\(context.key ?? "-")/\(context.region)"
        }
    }

    @Test("cfg-signature: a signer of one's own") func ownSigner() async throws {
        try await withServer {
            $0.signature = .custom(Seal())
        } _: { _ in
            [.readBody, .reply()]
        } _: { client, server in
            _ = try await client.getObject(get)
            #expect(server.requests.first?.header("authorization") == "Seal id/my-bucket/a/cn-hangzhou")
            #expect(server.requests.first?.header("x-oss-date") == nil)
        }
    }

    @Test("cfg-additional-headers: signed and named, where they are sent") func additionalHeaders() async throws {
        try await withServer {
            $0.additionalSignedHeaders = ["Host", "cache-control", "x-absent"]
        } _: { _ in
            [.readBody, .reply()]
        } _: { client, server in
            try await client.putObject(.init(bucket: "my-bucket", key: "a", body: "x", cacheControl: "no-cache"))
            let authorization = server.requests.first?.header("authorization")
            #expect(authorization?.contains(",AdditionalHeaders=cache-control;host,Signature=") == true)
        }
        try await withServer { _ in
            [.readBody, .reply()]
        } _: { client, server in
            try await client.putObject(.init(bucket: "my-bucket", key: "a", body: "x", cacheControl: "no-cache"))
            #expect(server.requests.first?.header("authorization")?.contains("AdditionalHeaders") == false)
        }
    }

    @Test("cfg-user-agent: appended to the SDK's own") func userAgent() async throws {
        var agents: [String] = []
        for own in [nil, "my-app/1.2"] {
            try await withServer {
                $0.userAgent = own
            } _: { _ in
                [.readBody, .reply()]
            } _: { client, server in
                _ = try await client.getObject(get)
                agents.append(server.requests.first?.header("user-agent") ?? "")
            }
        }
        #expect(agents[0].hasPrefix("oss-swift/"))
        #expect(agents[1] == agents[0] + "/my-app/1.2")
    }

    @Test("header fields of all calls give way to those of the operation and of the call")
    func defaultHeaders()
        async throws
    {
        try await withServer {
            $0.defaultHeaders[.cacheControl] = "max-age=1"
            $0.defaultHeaders[.contentType] = "text/x-default"
            $0.defaultHeaders[.init("x-oss-request-payer")!] = "requester"
        } _: { _ in
            [.readBody, .reply()]
        } _: { client, server in
            try await client.putObject(put)
            try await client.putObject(.init(bucket: "my-bucket", key: "a", body: "x", cacheControl: "no-cache"))
            try await client.putObject(put, options: .init(headers: [.contentType: "text/x-mine"]))
            let requests = server.requests
            #expect(requests.map { $0.header("cache-control") } == ["max-age=1", "no-cache", "max-age=1"])
            #expect(
                requests.map { $0.header("content-type") } == ["text/x-default", "text/x-default", "text/x-mine"])
            #expect(requests.allSatisfy { $0.header("x-oss-request-payer") == "requester" })
            for request in requests {
                let names = request.headers.map { $0.name.lowercased() }
                #expect(Set(names).count == names.count)
            }
            let presigned = try await client.presign(get)
            #expect(!presigned.headers.contains { $0.name == .cacheControl })
        }
    }

    // MARK: Checksums

    @Test("cfg-crc: each check can be switched off by itself", arguments: [true, false], [true, false])
    func checksums(checksUploads: Bool, checksDownloads: Bool) async throws {
        try await withServer {
            $0.checksUploads = checksUploads
            $0.checksDownloads = checksDownloads
        } _: { _ in
            // The right one is 11051210869376104954.
            [.readBody, .reply(headers: [("x-oss-hash-crc64ecma", "1")], body: "123456789")]
        } _: { client, _ in
            let upload = await failure { try await client.putObject(put) }
            #expect(upload == (checksUploads ? .checksumMismatch : nil))
            let download = await failure { try await client.getObject(get).body.collect(upTo: 100) }
            #expect(download == (checksDownloads ? .checksumMismatch : nil))
        }
    }

    @Test("cfg-crc: both are on by default") func checksumsByDefault() {
        let configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
        #expect(configuration.checksUploads && configuration.checksDownloads)
    }

    private func failure<T>(_ call: () async throws -> T) async -> OSSError.Kind? {
        do {
            _ = try await call()
            return nil
        } catch {
            return (error as? OSSError)?.kind
        }
    }

    // MARK: Retries

    @Test("cfg-retry: as many attempts as configured, with the delays in between", arguments: [1, 2, 5])
    func attempts(count: Int) async throws {
        let delays = Locked([Duration]())
        var dependencies = RuntimeDependencies()
        dependencies.sleep = { delay in delays.withLock { $0.append(delay) } }
        let server = try await FaultServer.start { _ in [.readBody, .reply(status: 503)] }
        var configuration = ClientConfiguration(region: "cn-hangzhou", endpoint: server.url, credentials: .anonymous)
        configuration.retry = RetryPolicy(maximumAttempts: count, backoff: .fixed(.seconds(30)))
        let client = try OSSClient(configuration, dependencies: dependencies)
        let error = await #expect(throws: OSSError.self) { try await client.putObject(put) }
        #expect(error?.attempts == count)
        #expect(server.requests.map(\.bodyLength) == Array(repeating: 9, count: count))
        #expect(delays.withLock { $0 } == Array(repeating: .seconds(30), count: count - 1))
        await client.shutdown()
        await server.stop()
    }

    @Test("cfg-retry: full jitter of 0.2 s up to 20 s by default") func defaultBackoff() async throws {
        let fixture = try Fixture(script: Array(repeating: .reply(500), count: 10)) { $0.retry.maximumAttempts = 10 }
        await #expect(throws: OSSError.self) { try await fixture.client.putObject(put) }
        // Half of 0.2 s × 2, × 4, … as long as that is below 20 s.
        #expect(
            fixture.time.delays
                == [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000].map { .milliseconds($0) })
        #expect(RetryPolicy().maximumAttempts == 3)
        #expect(RetryPolicy.never.maximumAttempts == 1)
    }

    // MARK: Logs

    private final class Log: Sendable {
        private let state = Locked([String]())
        var lines: [String] { state.withLock { $0 } }
        func append(_ line: String) { state.withLock { $0.append(line) } }

        func logger(_ level: Logger.Level) -> Logger {
            var logger = Logger(label: "test") { _ in RecordingLogHandler { self.append($0) } }
            logger.logLevel = level
            return logger
        }
    }

    @Test("cfg-log: a line per attempt at debug, header fields at trace, nothing above") func levels() async throws {
        for (level, hasAttempts, hasHeaders) in [
            (Logger.Level.info, false, false), (.debug, true, false), (.trace, true, true),
        ] {
            let log = Log()
            try await withServer {
                $0.logger = log.logger(level)
                $0.retry = RetryPolicy(maximumAttempts: 2, backoff: .fixed(.zero))
            } _: {
                [.readBody, .reply(status: $0.index == 0 ? 500 : 200)]
            } _: { client, _ in
                try await client.putObject(put)
            }
            let logged = log.lines
            #expect(logged.count { $0.contains("PutObject: sending PUT") } == (hasAttempts ? 2 : 0))
            #expect(logged.contains { $0.contains("User-Agent") } == hasHeaders)
            #expect(logged.isEmpty == !hasAttempts)
        }
    }

    @Test(
        "cfg-log: no secret at any level, with any signature and through a proxy", arguments: [SignatureMethod.v4, .v1])
    func secrets(method: SignatureMethod) async throws {
        let log = Log()
        let signatures = Locked([String]())
        try await Wire.run { request in
            signatures.withLock { $0.append(request.header("authorization") ?? "") }
            return [.readBody, .reply(status: request.index == 0 ? 500 : 403)]
        } _: { wire in
            let error = try await wire.withClient {
                $0.credentials = .static(accessKeyID: "id", accessKeySecret: "hush-secret", securityToken: "hush-token")
                $0.signature = method
                $0.logger = log.logger(.trace)
                $0.retry = RetryPolicy(maximumAttempts: 2, backoff: .fixed(.zero))
                $0.transportConfiguration.proxy?.user = "user"
                $0.transportConfiguration.proxy?.password = "hush-password"
            } _: { client in
                let error = await #expect(throws: OSSError.self) { try await client.putObject(put) }
                var dumped = ""
                dump(client.configuration, to: &dumped)
                log.append("\(dumped) \(client.configuration)")
                return error
            }
            log.append(error.map { "\($0) \(String(reflecting: $0))" } ?? "")
        }
        let text = log.lines.joined(separator: "\n")
        #expect(text.contains("request headers"))
        #expect(!text.contains("hush"))
        let sent = signatures.withLock { $0 }.compactMap { $0.split(whereSeparator: { "=:".contains($0) }).last }
        #expect(sent.count == 2)
        for signature in sent { #expect(!text.contains(signature)) }
    }

    // MARK: One call only

    @Test("cfg-per-call: a logger") func ownLogger() async throws {
        let (log, own) = (Log(), Log())
        try await withServer {
            $0.logger = log.logger(.debug)
        } _: { _ in
            [.readBody, .reply()]
        } _: { client, _ in
            _ = try await client.getObject(get, options: .init(logger: own.logger(.debug)))
            #expect(log.lines.isEmpty)
            #expect(!own.lines.isEmpty)
            _ = try await client.getObject(get)
            #expect(!log.lines.isEmpty)
        }
    }

    @Test("cfg-per-call: header fields and query parameters, signed with the rest") func ownHeaders() async throws {
        try await withServer { _ in
            [.readBody, .reply()]
        } _: { client, server in
            var options = CallOptions(query: ["x-extra": "a b", "bare": ""])
            options.headers[.init("x-oss-request-payer")!] = "requester"
            options.headers[.contentType] = "text/x-mine"
            try await client.putObject(put, options: options)
            try await client.putObject(put)
            let (first, second) = (server.requests[0], server.requests[1])
            #expect(first.target == "/my-bucket/a?bare&x-extra=a%20b")
            #expect(first.header("x-oss-request-payer") == "requester")
            #expect(first.headers.filter { $0.name.lowercased() == "content-type" }.map(\.value) == ["text/x-mine"])
            #expect(second.target == "/my-bucket/a")
            #expect(second.header("x-oss-request-payer") == nil)
        }
        try await withBucket { client, _ in
            var options = CallOptions(query: ["response-content-type": "text/x-read"])
            options.headers[.init("x-oss-meta-color")!] = "green"
            try await client.putObject(put, options: .init(headers: options.headers))
            let object = try await client.getObject(get, options: options)
            #expect(object.metadata["color"] == "green")
            #expect(object.contentType == "text/x-read")
        }
    }

    @Test("cfg-per-call: retries") func ownRetries() async throws {
        try await withServer {
            $0.retry = RetryPolicy(maximumAttempts: 2, backoff: .fixed(.zero))
        } _: { _ in
            [.readBody, .reply(status: 500)]
        } _: { client, server in
            for (retry, count) in [
                (nil, 2), (RetryPolicy.never, 1), (RetryPolicy(maximumAttempts: 4, backoff: .fixed(.zero)), 4),
            ] {
                let before = server.requests.count
                await #expect(throws: OSSError.self) { try await client.putObject(put, options: .init(retry: retry)) }
                #expect(server.requests.count - before == count)
            }
        }
    }

    @Test("cfg-per-call, cfg-readwrite-timeout: a time without a byte, and one for the whole call") func ownTimeouts()
        async throws
    {
        try await withServer { _ in
            [.readBody, .stall]
        } _: { client, _ in
            for options in [
                CallOptions(readWriteTimeout: .milliseconds(100)), CallOptions(timeout: .milliseconds(100)),
            ] {
                let start = ContinuousClock.now
                let error = await #expect(throws: OSSError.self) { try await client.putObject(put, options: options) }
                #expect(error?.kind == .timeout)
                // No other limit ends it.
                #expect(start.duration(to: .now) >= .milliseconds(100))
            }
        }
    }

    @Test("cfg-per-call: what can't be is refused before anything is sent") func impossibleOptions() async throws {
        let fixture = try Fixture()
        for (name, options) in [
            ("readWriteTimeout", CallOptions(readWriteTimeout: .zero)),
            ("retry.maximumAttempts", CallOptions(retry: RetryPolicy(maximumAttempts: 0))),
        ] {
            let error = await #expect(throws: OSSError.self) {
                try await fixture.client.getObject(get, options: options)
            }
            #expect(error?.kind == .invalidRequest)
            #expect(error?.message.contains(name) == true)
        }
        #expect(fixture.transport.sent.isEmpty)
    }
}
