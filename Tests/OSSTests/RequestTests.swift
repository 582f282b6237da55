import Foundation
import HTTPTypes
import Logging
import OSS
import Testing

@Suite("What is sent")
struct RequestTests {
    @Test func everyRequestAsksForTheBytesAsTheyAreAndSaysWhoAsks() async throws {
        let fixture = try Fixture { $0.userAgent = "my-app/1" }
        _ = try await fixture.client.listBuckets(.init())
        let sent = try #require(fixture.transport.sent.first)
        #expect(sent.header("Accept-Encoding") == "identity")
        #expect(sent.header("User-Agent")?.hasPrefix("oss-swift/") == true)
        #expect(sent.header("User-Agent")?.hasSuffix("/my-app/1") == true)
        #expect(sent.header("x-oss-content-sha256") == "UNSIGNED-PAYLOAD")
        #expect(
            sent.header("Authorization")?.hasPrefix(
                "OSS4-HMAC-SHA256 Credential=test-id/20231114/cn-hangzhou/oss/aliyun_v4_request") == true)
    }

    @Test("cfg-additional-headers: the host is signed, and sent by the transport")
    func additionalHeadersAreNamedInTheSignature() async throws {
        let fixture = try Fixture { $0.additionalSignedHeaders = ["Host", "cache-control", "x-absent"] }
        try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: "x", cacheControl: "no-cache"))
        let sent = try #require(fixture.transport.sent.first)
        #expect(sent.header("Authorization")?.contains(",AdditionalHeaders=cache-control;host,Signature=") == true)
        #expect(sent.header("Host") == nil, "the transport sends it, once")
    }

    @Test("cred-anonymous: requests are unsigned") func anonymousRequestsAreUnsigned() async throws {
        let fixture = try Fixture { $0.credentials = .anonymous }
        _ = try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a"))
        #expect(fixture.transport.sent.first?.header("Authorization") == nil)
        #expect(fixture.transport.sent.first?.header("x-oss-date") == nil)
    }

    @Test("cred-static: a security token is sent, and an empty one is none")
    func aSecurityTokenIsSentAndAnEmptyOneIsNone() async throws {
        let temporary = try Fixture {
            $0.credentials = .static(accessKeyID: "a", accessKeySecret: "b", securityToken: "token")
        }
        _ = try await temporary.client.listBuckets(.init())
        #expect(temporary.transport.sent.first?.header("x-oss-security-token") == "token")
        let empty = try Fixture { $0.credentials = .static(accessKeyID: "a", accessKeySecret: "b", securityToken: "") }
        _ = try await empty.client.listBuckets(.init())
        #expect(empty.transport.sent.first?.header("x-oss-security-token") == nil)
    }

    @Test("cfg-per-call: options reach the wire") func callOptionsReachTheWire() async throws {
        let fixture = try Fixture()
        var options = CallOptions(readWriteTimeout: .seconds(3), query: ["x-extra": "a b", "bare": ""])
        options.headers[HTTPField.Name("x-oss-request-payer")!] = "requester"
        _ = try await fixture.client.getObject(.init(bucket: "my-bucket", key: "k", versionID: "v1"), options: options)
        let sent = try #require(fixture.transport.sent.first)
        #expect(sent.head.path == "/k?versionId=v1&bare&x-extra=a%20b")
        #expect(sent.header("x-oss-request-payer") == "requester")
        #expect(sent.stall == .seconds(3))
    }

    @Test(
        "body-mime: the content type comes from the key",
        arguments: [
            ("photo.JPG", "image/jpeg"), ("a/b.tar.gz", "application/gzip"),
            ("noextension", "application/octet-stream"),
            ("x.js", "application/javascript"),
        ])
    func theContentTypeComesFromTheKey(key: String, type: String) async throws {
        let fixture = try Fixture()
        try await fixture.client.putObject(.init(bucket: "my-bucket", key: key, body: "x"))
        #expect(fixture.transport.sent.first?.header("Content-Type") == type)
    }

    @Test("body-mime: a given content type wins") func aGivenContentTypeWins() async throws {
        let fixture = try Fixture()
        try await fixture.client.putObject(
            .init(bucket: "my-bucket", key: "a.jpg", body: "x", contentType: "text/x-mine"))
        #expect(fixture.transport.sent.first?.header("Content-Type") == "text/x-mine")
    }

    @Test("body-range: ranges ask for the standard behaviour") func rangesAskForTheStandardBehaviour() async throws {
        let fixture = try Fixture(.reply(206, ["Content-Range": "bytes 0-1/10"], "ab"))
        _ = try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a", range: "bytes=0-1"))
        #expect(fixture.transport.sent.first?.header("x-oss-range-behavior") == "standard")
    }

    @Test(
        "err-client: bad names are refused before anything is sent",
        arguments: [
            ("ab", "a"), ("Upper-case", "a"), ("-hyphen", "a"), ("hyphen-", "a"), ("dots.are.wrong", "a"),
            ("my-bucket", ""),
            ("my-bucket", String(repeating: "é", count: 513)), ("", "a"),
        ])
    func badNamesAreRefusedBeforeAnythingIsSent(bucket: String, key: String) async throws {
        let fixture = try Fixture()
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.getObject(.init(bucket: bucket, key: key))
        }
        #expect(error?.kind == .invalidRequest)
        #expect(error?.operation == "GetObject")
        #expect(fixture.transport.sent.isEmpty)
    }

    @Test(
        "err-client: bad metadata is refused before anything is sent",
        arguments: [
            ["under_score": "x"], ["": "x"], ["a b": "x"], ["ok": "line\r\nbreak"],
            ["big": String(repeating: "x", count: 8200)],
        ])
    func badMetadataIsRefusedBeforeAnythingIsSent(metadata: [String: String]) async throws {
        let fixture = try Fixture()
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: "x", metadata: metadata))
        }
        #expect(error?.kind == .invalidRequest)
        #expect(fixture.transport.sent.isEmpty)
    }

    @Test(
        "err-client: bad ranges are refused",
        arguments: ["0-1", "bytes=", "bytes=-", "bytes=5-1", "bytes=0-1,3-4", "bytes=a-b", "bytes=1"])
    func badRangesAreRefused(range: String) async throws {
        let fixture = try Fixture()
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a", range: range))
        }
        #expect(error?.kind == .invalidRequest)
        #expect(fixture.transport.sent.isEmpty)
    }

    @Test("err-client, body-in: a Content-Length that is not the body's is refused")
    func aContentLengthThatIsNotTheBodysIsRefused() async throws {
        let fixture = try Fixture()
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: "hello", contentLength: 7))
        }
        #expect(error?.kind == .invalidRequest)
    }

    @Test("body-in: a Content-Length gives a stream its length") func aContentLengthGivesAStreamItsLength() async throws
    {
        let stream = AsyncStream<[UInt8]> {
            $0.yield(Array("hello".utf8))
            $0.finish()
        }
        let fixture = try Fixture()
        try await fixture.client.putObject(
            .init(bucket: "my-bucket", key: "a", body: .stream(stream), contentLength: 5))
        #expect(fixture.transport.sent.first?.header("Content-Length") == "5")
    }
}

@Suite("Credentials")
struct CredentialsTests {
    @Test("cred-env: the missing variable is named") func theMissingVariableIsNamed() async throws {
        for (environment, missing) in [
            ([:], "OSS_ACCESS_KEY_ID"), (["OSS_ACCESS_KEY_ID": "id"], "OSS_ACCESS_KEY_SECRET"),
            (["OSS_ACCESS_KEY_ID": "", "OSS_ACCESS_KEY_SECRET": "s"], "OSS_ACCESS_KEY_ID"),
        ] {
            let fixture = try Fixture {
                $0.credentials = EnvironmentCredentialsProvider(lookUp: { environment[$0] })
            }
            let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
            #expect(error?.kind == .credentials)
            #expect(error?.message.contains(missing) == true)
            #expect(error?.attempts == 1, "keys that aren't there won't come by waiting")
            #expect(fixture.transport.sent.isEmpty)
        }
    }

    @Test("cred-env: the environment's keys and token are used") func theEnvironmentsTokenIsUsed() async throws {
        let environment = ["OSS_ACCESS_KEY_ID": "id", "OSS_ACCESS_KEY_SECRET": "secret", "OSS_SESSION_TOKEN": "token"]
        let fixture = try Fixture { $0.credentials = EnvironmentCredentialsProvider(lookUp: { environment[$0] }) }
        _ = try await fixture.client.listBuckets(.init())
        #expect(fixture.transport.sent.first?.header("x-oss-security-token") == "token")
    }

    @Test func aFailingProviderIsAskedAgainAndItsErrorKept() async throws {
        struct Unreachable: Error {}
        struct Failing: CredentialsProvider {
            func credentials() async throws -> Credentials { throw Unreachable() }
        }
        let fixture = try Fixture { $0.credentials = Failing() }
        let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(error?.kind == .credentials)
        #expect(error?.cause is Unreachable)
        #expect(error?.attempts == 3)
    }

    @Test func emptyKeysAreRefused() async throws {
        let fixture = try Fixture { $0.credentials = .static(accessKeyID: "", accessKeySecret: "") }
        let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(error?.kind == .credentials)
        #expect(fixture.transport.sent.isEmpty)
    }
}

@Suite("Secrets stay secret")
struct SecrecyTests {
    static let secrets = ["hush-secret", "hush-token"]

    @Test("cfg-log, err-text: no secret in logs, errors and descriptions") func noSecretInLogsAndErrors() async throws {
        let lines = Locked([String]())
        var logger = Logger(label: "test") { _ in RecordingLogHandler { line in lines.withLock { $0.append(line) } } }
        logger.logLevel = .trace
        let fixture = try Fixture(.reply(500), .reply(403, [:], serviceError("AccessDenied"))) {
            $0.credentials = .static(accessKeyID: "id", accessKeySecret: "hush-secret", securityToken: "hush-token")
            $0.logger = logger
        }
        let options = CallOptions(query: ["x-oss-signature": "hush-token", "x-oss-security-token": "hush-token"])
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a"), options: options)
        }
        let signature = try #require(fixture.transport.sent.last?.header("Authorization")?.split(separator: "=").last)
        var dumped = ""
        dump(fixture.client.configuration, to: &dumped)
        let texts =
            lines.withLock { $0 } + [
                "\(error!)", "\(fixture.client.configuration)", String(reflecting: fixture.client.configuration),
                dumped,
            ]
        #expect(lines.withLock { $0 }.count >= 8)
        for text in texts {
            for secret in Self.secrets + [String(signature)] { #expect(!text.contains(secret), "\(text)") }
        }
    }
}

struct RecordingLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    let record: @Sendable (String) -> Void

    init(record: @escaping @Sendable (String) -> Void) { self.record = record }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        record("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
}
