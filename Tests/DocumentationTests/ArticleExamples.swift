// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The networks of the examples stand for the type `OSSClient`.

import FaultServer
import Foundation
import Logging
import OSS
import OSSAsyncHTTPClient
import OSSEmulator
import OSSKMS
import OSSURLSession
import Testing

// The examples of the articles, in their order. None leaves the machine: where one makes a client of a public region,
// `OSSClient` is a network whose every name leads to an emulator.

@Suite struct GettingStartedExamples {
    @Test func makeAClient() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)

            try await OSSClient.use(client)
        }
    }

    @Test func storeAndGet() async throws {
        try await withClient { client in
            try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")

            let object = try await client.getObject(bucket: "my-bucket", key: "hello.txt")
            print(try await object.body.text(upTo: 1 << 20))
        }
    }

    @Test func requests() async throws {
        try await withClient { client in
            let request = PutObjectRequest(
                bucket: "my-bucket", key: "report.csv", body: "a,b\n1,2\n", storageClass: .ia,
                metadata: ["author": "alice"], forbidOverwrite: true)
            let result = try await client.putObject(request)
            print(result.response.status, result.response.requestID ?? "-", result.etag ?? "-")
        }
    }

    @Test func list() async throws {
        try await withClient { client in
            for try await object in client.listObjects(bucket: "my-bucket", prefix: "reports/") {
                print(object.key, object.size ?? 0)
            }
        }
    }
}

@Suite struct ConfigurationExamples {
    @Test func settings() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.retry = RetryPolicy(maximumAttempts: 5, backoff: .fullJitter(base: .milliseconds(500)))
            configuration.readWriteTimeout = .seconds(60)
            configuration.transportConfiguration.maxConnections = 100
            configuration.userAgent = "my-app/1.2"
            let client = try OSSClient(configuration)

            OSSClient.fail(4)
            try await OSSClient.use(client)
            #expect(OSSClient.requests.allSatisfy { $0.readWriteTimeout == .seconds(60) })
        }
    }

    @Test func endpoints() async throws {
        try await withPublicNetwork { OSSClient in
            var inside = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            inside.endpointKind = .internalNetwork

            var custom = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "https://files.example.com", credentials: .environment)
            custom.addressing = .cname

            let url = try await OSSClient.use(try OSSClient(inside))
            #expect(url == "https://my-bucket.oss-cn-hangzhou-internal.aliyuncs.com/used.txt")
            #expect(try await OSSClient.use(try OSSClient(custom)) == "https://files.example.com/used.txt")
        }
    }

    @Test func connections() async throws {
        // It plays the service behind the proxy, too.
        let server = try await FaultServer.start { request in
            request.method == "CONNECT"
                ? [.write("HTTP/1.1 200 Connection established\r\n\r\n")] : [.readBody, .reply(body: "Hello, OSS")]
        }
        try await withPublicNetwork(proxyPort: server.port) { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.transportConfiguration = TransportConfiguration(
                connectTimeout: .seconds(5), maxConnections: 50,
                proxy: ProxyConfiguration(host: "proxy.example.com", port: 8080, user: "user", password: "password"))

            try await OSSClient.use(try OSSClient(configuration))
            #expect(server.requests.map(\.method) == ["CONNECT", "PUT", "GET"])
        }
        await server.stop()
    }

    @Test func sharedTransport() async throws {
        try await withPublicNetwork { OSSClient in
            let transport = AsyncHTTPClientTransport(configuration: TransportConfiguration(maxConnections: 100))
            var first = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            first.transport = transport
            var second = ClientConfiguration(region: "cn-beijing", credentials: .environment)
            second.transport = transport

            try await OSSClient.use(try OSSClient(first))
            // The emulator is in one region.
            let error = await #expect(throws: OSSError.self) { try await OSSClient.use(try OSSClient(second)) }
            #expect(error?.kind == .service)
            #expect(OSSClient.requests.last?.url.contains("oss-cn-beijing") == true)
            await transport.shutdown()
        }
    }

    @Test("cfg-http-client: a transport of the article's own") func ownTransport() async throws {
        try await withPublicNetwork { OSSClient in
            struct LoggingTransport: HTTPTransport {
                let base: any HTTPTransport

                func send(_ request: TransportRequest) async throws -> TransportResponse {
                    let response = try await base.send(request)
                    print(request.head.method, request.head.path ?? "", response.head.status)
                    return response
                }
            }

            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.transport = LoggingTransport(base: try URLSessionTransport())

            try await OSSClient.use(try OSSClient(configuration))
        }
    }

    @Test func oneCall() async throws {
        try await withClient { client in
            try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")
            let options = CallOptions(
                readWriteTimeout: .seconds(5), timeout: .seconds(30), retry: .never,
                headers: [.acceptEncoding: "gzip"], query: ["x-oss-traffic-limit": "819200"])
            let object = try await client.getObject(bucket: "my-bucket", key: "hello.txt", options: options)
            #expect(try await object.body.text(upTo: 100) == "Hello, OSS")
        }
    }

    @Test func signatures() async throws {
        try await withPublicNetwork { OSSClient in
            let signingService = SigningService()
            var old = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            old.signature = .v1

            var remote = ClientConfiguration(
                region: "cn-hangzhou", credentials: .static(accessKeyID: "my-id", accessKeySecret: ""))
            remote.signature = .remote { request in
                try await signingService.sign(request.text, scope: request.scope)
            }

            try await OSSClient.use(try OSSClient(old))
            try await OSSClient.use(try OSSClient(remote))
        }
    }

    @Test func logs() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            var logger = Logger(label: "oss")
            logger.logLevel = .debug
            configuration.logger = logger

            try await OSSClient.use(try OSSClient(configuration))
        }
    }
}

@Suite struct CredentialsExamples {
    @Test func fixed() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(
                region: "cn-hangzhou",
                credentials: .static(
                    accessKeyID: "STS.my-id", accessKeySecret: "my-secret", securityToken: "my-token"))

            try await OSSClient.use(client)
        }
    }

    @Test func roles() async throws {
        try await withPublicNetwork { OSSClient in
            let role = try RAMRoleCredentialsProvider.ramRole(
                "acs:ram::1234567890123456:role/reader", source: .environment, sessionName: "nightly-job",
                duration: .seconds(1800))
            let client = try OSSClient(region: "cn-hangzhou", credentials: role)

            try await OSSClient.use(client)
            #expect(try await role.credentials().accessKeyID.hasPrefix("STS."))
        }
    }

    @Test func environment() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)

            try await OSSClient.use(client)
        }
        try await withPublicNetwork(environment: ["OSS_ACCESS_KEY_ID": ""]) { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
            let error = await #expect(throws: OSSError.self) { try await OSSClient.use(client) }
            #expect(error?.description.contains("OSS_ACCESS_KEY_ID") == true)
        }
    }

    @Test func anonymous() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .anonymous)

            let error = await #expect(throws: OSSError.self) { try await OSSClient.use(client) }
            #expect(error?.code == .accessDenied)
        }
    }

    @Test func pods() async throws {
        try await withTemporaryFile("token-of-the-pod") { path in
            let environment = [
                "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1234567890123456:role/reader",
                "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1234567890123456:oidc-provider/cluster",
                "ALIBABA_CLOUD_OIDC_TOKEN_FILE": path,
            ]
            try await withPublicNetwork(environment: environment) { OSSClient in
                let client = try OSSClient(region: "cn-hangzhou", credentials: .oidcRole())

                try await OSSClient.use(client)
            }
        }
    }

    @Test func ownServer() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .uri("https://credentials.example.com/oss"))

            try await OSSClient.use(client)
        }
    }

    @Test func invocations() async throws {
        try await withPublicNetwork { OSSClient in
            @Sendable func handle(invocation headers: HTTPFields) async throws {
                let credentials = FunctionComputeCredentialsProvider(invocation: headers)
                let client = try OSSClient(region: "cn-hangzhou", credentials: credentials)
                try await client.putObject("done", bucket: "my-bucket", key: "result.txt")
                await client.shutdown()
            }

            try await handle(invocation: try OSSClient.invocation)
            #expect(OSSClient.requests.count == 1)
        }
    }

    @Test func profiles() async throws {
        let profiles = """
            {"current": "home", "profiles": [
              {"name": "work", "mode": "AK", "access_key_id": "my-id", "access_key_secret": "my-secret"}]}
            """
        let home = FileManager.default.temporaryDirectory.appending(path: "example-\(UUID())")
        let folder = home.appending(path: ".aliyun")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: home) }
        try profiles.write(to: folder.appending(path: "config.json"), atomically: true, encoding: .utf8)
        try await withPublicNetwork(environment: ["HOME": home.path]) { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .profile("work"))

            try await OSSClient.use(client)
        }
    }

    @Test func rotatingKeys() async throws {
        try await withTemporaryFile(ClientKeyFixture.file()) { clientKeyFile in
            try await withPublicNetwork { OSSClient in
                let password = ClientKeyFixture.password
                try await OSSClient.set("/kms/client-keys/KAAP.local", ClientKeyFixture.publicKey)
                try await OSSClient.set("/kms/secrets/oss-keys")
                let rotating = try RotatingCredentialsProvider.rotating(
                    secretName: "oss-keys", clientKeyFile: clientKeyFile, password: password, region: "cn-hangzhou")
                let client = try OSSClient(region: "cn-hangzhou", credentials: rotating)

                try await OSSClient.use(client)
                #expect(try await rotating.credentials().accessKeyID != "my-id")
            }
        }
    }

    @Test func instances() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .ecsRole())

            try await OSSClient.use(client)
        }
    }

    @Test func chain() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .chain())

            try await OSSClient.use(client)
        }
    }

    @Test func functions() async throws {
        try await withPublicNetwork { OSSClient in
            let vault = Vault()
            let provider = RefreshingCredentialsProvider {
                let answer = try await vault.temporaryKeys()
                return Credentials(
                    accessKeyID: answer.id, accessKeySecret: answer.secret, securityToken: answer.token,
                    expiration: answer.end)
            }
            let client = try OSSClient(region: "cn-hangzhou", credentials: provider)

            try await OSSClient.use(client)
        }
    }

    @Test func types() async throws {
        try await withPublicNetwork { OSSClient in
            struct VaultProvider: CredentialsProvider {
                let vault: Vault

                func credentials() async throws -> Credentials {
                    let answer = try await vault.temporaryKeys()
                    return Credentials(
                        accessKeyID: answer.id, accessKeySecret: answer.secret, securityToken: answer.token)
                }
            }

            let provider = VaultProvider(vault: Vault())
            try await OSSClient.use(try OSSClient(region: "cn-hangzhou", credentials: provider))
        }
    }
}

@Suite struct ErrorExamples {
    @Test func kinds() async throws {
        try await withClient { client in
            do {
                _ = try await client.headObject(bucket: "my-bucket", key: "missing")
            } catch let error as OSSError where error.code == .noSuchKey {
                print("no such object")
            } catch let error as OSSError {
                print(error.kind, error.code, error.status ?? 0, error.requestID ?? "-", error.ec ?? "-")
            }
        }
    }

    @Test func existence() async throws {
        try await withClient { client in
            if try await !client.objectExists(bucket: "my-bucket", key: "hello.txt") {
                try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")
            }
            #expect(try await client.objectExists(bucket: "my-bucket", key: "hello.txt"))
        }
    }

    @Test func retries() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.retry = RetryPolicy(maximumAttempts: 10, backoff: .fixed(.seconds(2)))
            configuration.retry.isRetryable = { error in error.status == 503 }

            OSSClient.fail(9)
            try await OSSClient.use(try OSSClient(configuration))
            #expect(OSSClient.delays == [Duration](repeating: .seconds(2), count: 9))
        }
    }

    @Test func timeouts() async throws {
        try await withClient { client in
            try await client.putObject(
                "Hello, OSS", bucket: "my-bucket", key: "hello.txt", options: CallOptions(timeout: .seconds(10)))
        }
    }
}

@Suite struct BodyExamples {
    @Test func uploads() async throws {
        try await withTemporaryFile("0123456789") { path in
            try await withClient { client in
                try await client.putObject("text", bucket: "my-bucket", key: "a.txt")
                try await client.putObject(.bytes([1, 2, 3]), bucket: "my-bucket", key: "a.bin")
                try await client.putObject(fileAt: path, bucket: "my-bucket", key: "a.json")
                try await client.putObject(.file(at: path, offset: 2, length: 3), bucket: "my-bucket", key: "part")
                let part = try await client.getObject(bucket: "my-bucket", key: "part")
                #expect(try await part.body.text(upTo: 100) == "234")
            }
        }
    }

    @Test func streams() async throws {
        try await withClient { client in
            let chunks = AsyncStream<[UInt8]> { continuation in
                for number in 1...1000 { continuation.yield(Array("line \(number)\n".utf8)) }
                continuation.finish()
            }
            try await client.putObject(.stream(chunks), bucket: "my-bucket", key: "lines.txt")

            let object = try await client.getObject(bucket: "my-bucket", key: "lines.txt")
            var count = 0
            for try await chunk in object.body {
                count += chunk.count
            }
            #expect(Int64(count) == object.contentLength)

            try await withTemporaryFile { path in
                try await client.getObject(bucket: "my-bucket", key: "lines.txt", toFileAt: path)
            }
        }
    }

    @Test func ranges() async throws {
        try await withClient { client in
            try await client.putObject(
                .bytes([UInt8](repeating: 7, count: 6000)), bucket: "my-bucket", key: "lines.txt")
            let head = try await client.getObject(bucket: "my-bucket", key: "lines.txt", range: .first(100))
            let tail = try await client.getObject(bucket: "my-bucket", key: "lines.txt", range: .last(100))
            let rest = try await client.getObject(bucket: "my-bucket", key: "lines.txt", range: .from(5000))
            for (part, size) in [(head, 100), (tail, 100), (rest, 1000)] {
                #expect(try await part.body.collect(upTo: 2000).count == size)
            }
        }
    }

    @Test func progress() async throws {
        try await withTemporaryFile("{}") { path in
            try await withClient { client in
                let options = CallOptions(progress: { progress in
                    print(progress.completed, "of", progress.total.map(String.init) ?? "unknown")
                })
                try await client.putObject(fileAt: path, bucket: "my-bucket", key: "a.json", options: options)
            }
        }
    }
}

@Suite struct ListingExamples {
    @Test func lists() async throws {
        try await withClient { client in
            for number in 1...5 {
                try await client.putObject("x", bucket: "my-bucket", key: "logs/2023/\(number)")
            }
            for try await object in client.listObjects(bucket: "my-bucket", prefix: "logs/") {
                print(object.key, object.size ?? 0)
            }

            let folders = ListObjectsV2Request(bucket: "my-bucket", delimiter: "/", maxKeys: 1000)
            for try await page in client.listObjectsV2Pages(folders) {
                print(page.commonPrefixes.map(\.prefix), page.contents.count)
            }

            let uploads = client.listMultipartUploadsPages(ListMultipartUploadsRequest(bucket: "my-bucket"))
            for try await upload in uploads.items(\.uploads) {
                print(upload.key, upload.uploadID)
            }

            let first = try await client.listObjectsV2(ListObjectsV2Request(bucket: "my-bucket", maxKeys: 2))
            let rest = ListObjectsV2Request(bucket: "my-bucket", continuationToken: first.nextContinuationToken)
            for try await object in client.listObjectsV2Pages(rest).items(\.contents) {
                print(object.key)
            }

            let count = try await client.deleteObjects(bucket: "my-bucket", prefix: "logs/2023/")
            #expect(count == 5)
        }
    }
}

@Suite struct PresigningExamples {
    @Test func urls() async throws {
        try await withClient { client in
            let link = try await client.presign(
                GetObjectRequest(bucket: "my-bucket", key: "report.pdf"), expires: .after(.seconds(3600)))
            print(link.url)

            let upload = try await client.presign(
                PutObjectRequest(
                    bucket: "my-bucket", key: "photo.jpg", metadata: ["album": "holidays"], contentType: "image/jpeg"),
                expires: .after(.seconds(600)))
            for field in upload.headers {
                print("\(field.name): \(field.value)")
            }
        }
    }

    @Test func forms() async throws {
        try await withClient { client in
            let post = try await client.presignPost(
                bucket: "my-bucket", key: "uploads/${filename}",
                conditions: [.field("key", startsWith: "uploads/"), .contentLength(1...10_000_000)])
            for field in post.fields {
                print("<input type=\"hidden\" name=\"\(field.name)\" value=\"\(field.value)\">")
            }
        }
    }
}

@Suite struct EmulatorExamples {
    @Test func server() async throws {
        try await withPublicNetwork { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-hangzhou",
                endpoint: "http://127.0.0.1:9000",
                credentials: .static(accessKeyID: "…", accessKeySecret: "…")
            )
            let client = try OSSClient(configuration)

            let error = await #expect(throws: OSSError.self) { try await OSSClient.use(client) }
            #expect(error?.code == .invalidAccessKeyID)
            #expect(OSSClient.requests.first?.url == "http://127.0.0.1:9000/my-bucket/used.txt")
        }
    }

    @Test func library() async throws {
        let (Emulator, OSSClient) = (UnhurriedEmulator.self, unhurried)
        let emulator = try await Emulator.start()
        var configuration = ClientConfiguration(
            region: emulator.region, endpoint: emulator.endpoint,
            credentials: .static(accessKeyID: emulator.accessKeyID, accessKeySecret: emulator.accessKeySecret))
        configuration.retry = .never
        let client = try OSSClient(configuration)
        try await client.putBucket(PutBucketRequest(bucket: "my-bucket"))
        // what is to be tested
        await client.shutdown()
        try await emulator.shutdown()
    }
}
