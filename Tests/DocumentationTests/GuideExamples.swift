// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The networks of the examples stand for the type `OSSClient`.

import FaultServer
import Foundation
import OSS
import OSSAsyncHTTPClient
import OSSKMS
import Testing

// The examples of "Coming from the Python SDK", in its order: what the guides of that SDK show, one by one. The name of a
// test is the heading of its example; CodeBlockTests compares both with the list of the guides' examples.

@Suite("The developer guide: first requests") struct GuideFirstExamples {
    @Test("guide: A first request") func first() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
            let result = try await client.putObject("Hello, OSS!", bucket: "my-bucket", key: "hello.txt")
            print("status code:", result.response.status)
            print("request id:", result.response.requestID ?? "-")
            print("etag:", result.etag ?? "-")

            #expect(result.response.status == 200 && result.response.requestID != nil && result.etag != nil)
            #expect(try await OSSClient.use(client) == "https://my-bucket.oss-cn-hangzhou.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: The asynchronous client") func asynchronous() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
            do {
                async let first = client.putObject("one", bucket: "my-bucket", key: "1.txt")
                async let second = client.putObject("two", bucket: "my-bucket", key: "2.txt")
                print(try await first.etag ?? "-", try await second.etag ?? "-")
            } catch {
                print("upload failed:", error)
            }
            await client.shutdown()

            let error = await #expect(throws: OSSError.self) { try await OSSClient.use(client) }
            #expect(error?.kind == .shutdown)
            #expect(OSSClient.requests.map(\.url).sorted().map { $0.suffix(5) } == ["1.txt", "2.txt"])
        }
    }

    @Test("guide: Region and endpoint") func endpoint() async throws {
        try await withPublicNetwork { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "https://oss-cn-hangzhou.aliyuncs.com", credentials: .environment)
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "https://my-bucket.oss-cn-hangzhou.aliyuncs.com/used.txt")
        }
    }
}

@Suite("The developer guide: the client's configuration") struct GuideConfigurationExamples {
    @Test("guide: Custom domain name") func customDomain() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "https://files.example.com", credentials: .environment)
            configuration.addressing = .cname
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "https://files.example.com/used.txt")
        }
    }

    @Test("guide: Timeouts") func timeouts() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.transportConfiguration.connectTimeout = .seconds(30)
            configuration.readWriteTimeout = .seconds(30)
            let client = try OSSClient(configuration)

            try await OSSClient.use(client)
            #expect(OSSClient.requests.allSatisfy { $0.readWriteTimeout == .seconds(30) })
        }
    }

    @Test("guide: More attempts") func attempts() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.retry.maximumAttempts = 5
            let client = try OSSClient(configuration)

            OSSClient.fail(4)
            try await OSSClient.use(client)
            #expect(OSSClient.delays.count == 4)
        }
    }

    @Test("guide: Longer delays") func delays() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.retry.backoff = .fullJitter(base: .milliseconds(500), maximum: .seconds(25))
            let client = try OSSClient(configuration)

            OSSClient.fail(2)
            try await OSSClient.use(client)
            #expect(OSSClient.delays.count == 2 && OSSClient.delays.allSatisfy { $0 <= .seconds(25) })
        }
    }

    @Test("guide: A fixed delay") func fixedDelay() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.retry.backoff = .fixed(.seconds(2))
            let client = try OSSClient(configuration)

            OSSClient.fail(2)
            try await OSSClient.use(client)
            #expect(OSSClient.delays == [.seconds(2), .seconds(2)])
        }
    }

    @Test("guide: No retries") func noRetries() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.retry = .never
            let client = try OSSClient(configuration)

            OSSClient.fail(1)
            let error = await #expect(throws: OSSError.self) { try await OSSClient.use(client) }
            #expect(error?.status == 503 && error?.attempts == 1)
        }
    }

    @Test("guide: The pool of connections") func pool() async throws {
        try await withTemporaryFile { path in
            try await withPublicNetwork { OSSClient in
                try await OSSClient.use(try OSSClient(region: "cn-hangzhou", credentials: .environment))
                var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
                configuration.transportConfiguration.maxConnections = 100
                let client = try OSSClient(configuration)
                try await client.getObject(bucket: "my-bucket", key: "used.txt", toFileAt: path)

                #expect(try String(contentsOfFile: path, encoding: .utf8) == "Hello, OSS")
                #expect(client.configuration.transportConfiguration.maxConnections == 100)
            }
        }
    }

    @Test("guide: HTTP instead of HTTPS") func plain() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.disablesTLS = true
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "http://my-bucket.oss-cn-hangzhou.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: A proxy") func proxy() async throws {
        // It plays the service behind the proxy, too.
        let server = try await FaultServer.start { request in
            guard request.method == "CONNECT" else { return [.readBody, .reply(body: "Hello, OSS")] }
            return request.header("proxy-authorization") == "Basic dXNlcjpwYXNzd29yZA=="
                ? [.write("HTTP/1.1 200 Connection established\r\n\r\n")] : [.reply(status: 407)]
        }
        try await withPublicNetwork(proxyPort: server.port) { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.userAgent = "my-app/1.2"
            configuration.transportConfiguration.proxy = ProxyConfiguration(
                host: "proxy.example.com", port: 3128, user: "user", password: "password")
            let client = try OSSClient(configuration)

            try await OSSClient.use(client)
            #expect(server.requests.map(\.method) == ["CONNECT", "PUT", "GET"])
            #expect(server.requests.last?.header("user-agent")?.hasSuffix("my-app/1.2") == true)
        }
        await server.stop()
    }

    @Test("guide: The internal endpoint") func internalEndpoint() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.endpointKind = .internalNetwork
            let client = try OSSClient(configuration)

            #expect(
                try await OSSClient.use(client) == "https://my-bucket.oss-cn-hangzhou-internal.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: The internal endpoint by its name") func internalEndpointByName() async throws {
        try await withPublicNetwork { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "https://oss-cn-hangzhou-internal.aliyuncs.com",
                credentials: .environment)
            let client = try OSSClient(configuration)

            #expect(
                try await OSSClient.use(client) == "https://my-bucket.oss-cn-hangzhou-internal.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: Transfer acceleration") func acceleration() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.endpointKind = .accelerate
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "https://my-bucket.oss-accelerate.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: Transfer acceleration by its endpoint") func accelerationByName() async throws {
        try await withPublicNetwork { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "https://oss-accelerate.aliyuncs.com", credentials: .environment)
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "https://my-bucket.oss-accelerate.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: A dedicated domain") func dedicatedDomain() async throws {
        try await withPublicNetwork { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "https://service.corp.example.com", credentials: .environment)
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "https://my-bucket.service.corp.example.com/used.txt")
        }
    }

    @Test("guide: An HTTP client of your own") func httpClient() async throws {
        try await withPublicNetwork { OSSClient in
            let transport = AsyncHTTPClientTransport(
                configuration: TransportConfiguration(
                    connectTimeout: .seconds(30), maxConnections: 1024, idleTimeout: .seconds(30),
                    insecureSkipVerify: false, followsRedirects: false))
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.transport = transport
            configuration.readWriteTimeout = .seconds(30)
            let client = try OSSClient(configuration)

            try await OSSClient.use(client)
            await transport.shutdown()
            await #expect(throws: OSSError.self) { try await OSSClient.use(client) }
        }
    }

    @Test("guide: The default endpoint, without TLS") func defaultEndpoint() async throws {
        try await withPublicNetwork { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "http://oss-cn-hangzhou.aliyuncs.com", credentials: .environment)
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "http://my-bucket.oss-cn-hangzhou.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: Finance Cloud") func financeCloud() async throws {
        try await withPublicNetwork(region: "cn-hangzhou-finance") { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-hangzhou-finance", endpoint: "https://oss-cn-hzjbp-a-internal.aliyuncs.com",
                credentials: .environment)
            let client = try OSSClient(configuration)

            #expect(
                try await OSSClient.use(client) == "https://my-bucket.oss-cn-hzjbp-a-internal.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: Government Cloud") func governmentCloud() async throws {
        try await withPublicNetwork(region: "cn-north-2-gov-1") { OSSClient in
            let configuration = ClientConfiguration(
                region: "cn-north-2-gov-1", endpoint: "https://oss-cn-north-2-gov-1-internal.aliyuncs.com",
                credentials: .environment)
            let client = try OSSClient(configuration)

            #expect(
                try await OSSClient.use(client)
                    == "https://my-bucket.oss-cn-north-2-gov-1-internal.aliyuncs.com/used.txt")
        }
    }

    @Test("guide: Parameters: the address") func addressParameters() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.endpointKind = .dualStack
            configuration.addressing = .path
            configuration.disablesTLS = true
            let client = try OSSClient(configuration)

            #expect(try await OSSClient.use(client) == "http://cn-hangzhou.oss.aliyuncs.com/my-bucket/used.txt")
        }
    }

    @Test("guide: Parameters: the network") func networkParameters() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.retry = RetryPolicy(maximumAttempts: 5, backoff: .equalJitter())
            configuration.transportConfiguration = TransportConfiguration(
                connectTimeout: .seconds(20), maxConnections: 50, insecureSkipVerify: true, followsRedirects: true)
            configuration.readWriteTimeout = .seconds(30)
            let client = try OSSClient(configuration)

            OSSClient.fail(4)
            try await OSSClient.use(client)
            #expect(OSSClient.requests.allSatisfy { $0.readWriteTimeout == .seconds(30) })
        }
    }

    @Test("guide: Parameters: signature and checks") func signatureParameters() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.additionalSignedHeaders = ["content-length"]
            configuration.userAgent = "user identifier"
            configuration.checksUploads = false
            configuration.checksDownloads = false
            let client = try OSSClient(configuration)

            try await OSSClient.use(client)
            let fields = try #require(OSSClient.requests.first).head.headerFields
            #expect(fields[.authorization]?.contains("AdditionalHeaders=content-length") == true)
            #expect(fields[.userAgent]?.hasSuffix("user identifier") == true)
        }
    }

    @Test("guide: Parameters: signature version 1") func signatureVersion1() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(region: "cn-hangzhou", credentials: .environment)
            configuration.signature = .v1
            let client = try OSSClient(configuration)

            try await OSSClient.use(client)
            let fields = try #require(OSSClient.requests.first).head.headerFields
            #expect(fields[.authorization]?.hasPrefix("OSS my-id:") == true)
        }
    }
}

@Suite("The developer guide: credentials") struct GuideCredentialsExamples {
    private static let role = "acs:ram::1234567890123456:role/reader"

    /// The id of the key that the last request was signed with.
    private func keyID(_ network: PublicNetwork) -> Substring? {
        network.requests.last?.head.headerFields[.authorization].flatMap { $0.split(separator: "=").dropFirst().first }?
            .prefix { $0 != "/" }
    }

    @Test("guide: An access key from the environment") func environment() async throws {
        try await withPublicNetwork { OSSClient in
            // OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)

            try await OSSClient.use(client)
            #expect(keyID(OSSClient) == "my-id")
        }
    }

    @Test("guide: An access key in the program") func fixed() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(
                region: "cn-hangzhou", credentials: .static(accessKeyID: "my-id", accessKeySecret: "my-secret"))

            try await OSSClient.use(client)
            #expect(keyID(OSSClient) == "my-id")
        }
    }

    @Test("guide: Temporary credentials from the environment") func temporaryEnvironment() async throws {
        let environment = ["OSS_ACCESS_KEY_ID": "STS.my-id", "OSS_SESSION_TOKEN": "my-token"]
        try await withPublicNetwork(environment: environment) { OSSClient in
            // OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)

            try await OSSClient.use(client)
            #expect(keyID(OSSClient) == "STS.my-id")
        }
    }

    @Test("guide: Temporary credentials in the program") func temporaryFixed() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(
                region: "cn-hangzhou",
                credentials: .static(
                    accessKeyID: "STS.my-id", accessKeySecret: "my-secret", securityToken: "my-token"))

            try await OSSClient.use(client)
            #expect(keyID(OSSClient) == "STS.my-id")
        }
    }

    @Test("guide: A RAM role") func ramRole() async throws {
        try await withPublicNetwork { OSSClient in
            let policy = """
                {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:*"], "Resource": ["*"]}]}
                """
            let client = try OSSClient(
                region: "cn-hangzhou",
                credentials: .ramRole(
                    "acs:ram::1234567890123456:role/reader", source: .environment, sessionName: "nightly-job",
                    policy: policy, duration: .seconds(1800)))

            try await OSSClient.use(client)
            #expect(keyID(OSSClient)?.hasPrefix("STS.") == true)
            let sent = try await OSSClient.parameters(of: "AssumeRole")
            #expect(sent["RoleArn"] == Self.role && sent["RoleSessionName"] == "nightly-job")
            #expect(sent["Policy"] == policy && sent["DurationSeconds"] == "1800")
        }
    }

    @Test("guide: The role of an ECS instance") func ecsRole() async throws {
        try await withPublicNetwork { OSSClient in
            try await OSSClient.set("/metadata", #"{"role": "reader"}"#)
            let client = try OSSClient(region: "cn-hangzhou", credentials: .ecsRole("reader"))

            try await OSSClient.use(client)
            #expect(keyID(OSSClient)?.hasPrefix("STS.") == true)
            #expect(OSSClient.requests.contains { $0.url.hasSuffix("/ram/security-credentials/reader") })
        }
    }

    @Test("guide: An OIDC role") func oidcRole() async throws {
        try await withTemporaryFile("token-of-the-pod") { path in
            let environment = [
                "ALIBABA_CLOUD_ROLE_ARN": Self.role, "ALIBABA_CLOUD_OIDC_TOKEN_FILE": path,
                "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1234567890123456:oidc-provider/cluster",
            ]
            try await withPublicNetwork(environment: environment) { OSSClient in
                let policy = """
                    {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["oss:*"], "Resource": ["*"]}]}
                    """
                let client = try OSSClient(
                    region: "cn-hangzhou",
                    credentials: .oidcRole(sessionName: "pod-7", policy: policy, duration: .seconds(1800)))

                try await OSSClient.use(client)
                #expect(keyID(OSSClient)?.hasPrefix("STS.") == true)
                let sent = try await OSSClient.parameters(of: "AssumeRoleWithOIDC")
                #expect(sent["RoleArn"] == Self.role && sent["RoleSessionName"] == "pod-7")
                #expect(sent["OIDCToken"] == "token-of-the-pod")
                #expect(sent["Policy"] == policy && sent["DurationSeconds"] == "1800")
            }
        }
    }

    @Test("guide: A function that gives credentials") func function() async throws {
        try await withPublicNetwork { OSSClient in
            let provider = ClosureCredentialsProvider {
                Credentials(accessKeyID: "STS.my-id", accessKeySecret: "my-secret", securityToken: "my-token")
            }
            let client = try OSSClient(region: "cn-hangzhou", credentials: provider)

            try await OSSClient.use(client)
            #expect(keyID(OSSClient) == "STS.my-id")
        }
    }

    @Test("guide: A provider of your own") func provider() async throws {
        try await withPublicNetwork { OSSClient in
            let vault = Vault()
            struct VaultProvider: CredentialsProvider {
                let vault: Vault

                func credentials() async throws -> Credentials {
                    let keys = try await vault.temporaryKeys()
                    return Credentials(
                        accessKeyID: keys.id, accessKeySecret: keys.secret, securityToken: keys.token,
                        expiration: keys.end)
                }
            }
            let provider = RefreshingCredentialsProvider(VaultProvider(vault: vault))
            let client = try OSSClient(region: "cn-hangzhou", credentials: provider)

            try await OSSClient.use(client)
            #expect(keyID(OSSClient) == "STS.my-id")
        }
    }

    @Test("guide: Anonymous access") func anonymous() async throws {
        try await withPublicNetwork { OSSClient in
            let owner = try OSSClient(region: "cn-hangzhou", credentials: .environment)
            try await owner.putObject(
                PutObjectRequest(bucket: "my-bucket", key: "public.txt", body: "for all", acl: .publicRead))
            let client = try OSSClient(region: "cn-hangzhou", credentials: .anonymous)
            let object = try await client.getObject(bucket: "my-bucket", key: "public.txt")
            print(try await object.body.text(upTo: 1 << 20))

            #expect(OSSClient.requests.last?.head.headerFields[.authorization] == nil)
        }
    }

    @Test("guide: In Function Compute") func functionCompute() async throws {
        try await withPublicNetwork { OSSClient in
            @Sendable func handle(_ invocation: HTTPFields) async throws -> String {
                let client = try OSSClient(
                    region: "cn-hangzhou", credentials: FunctionComputeCredentialsProvider(invocation: invocation))
                try await client.putObject("done", bucket: "my-bucket", key: "result.txt")
                return "success"
            }

            let invocation = try OSSClient.invocation
            #expect(try await handle(invocation) == "success")
            #expect(keyID(OSSClient) == "STS.my-id")
        }
    }

    @Test("guide: A credentials URI") func uri() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(
                region: "cn-hangzhou", credentials: .uri("https://credentials.example.com/oss"))

            try await OSSClient.use(client)
            #expect(OSSClient.requests.first?.url == "https://credentials.example.com/oss")
            #expect(keyID(OSSClient)?.hasPrefix("STS.") == true)
        }
    }

    @Test("guide: Keys that rotate") func rotating() async throws {
        try await withTemporaryFile(ClientKeyFixture.file()) { clientKeyFile in
            try await withPublicNetwork { OSSClient in
                let password = ClientKeyFixture.password
                try await OSSClient.set("/kms/client-keys/KAAP.local", ClientKeyFixture.publicKey)
                try await OSSClient.set("/kms/secrets/oss-keys")
                let client = try OSSClient(
                    region: "cn-hangzhou",
                    credentials: .rotating(
                        secretName: "oss-keys", clientKeyFile: clientKeyFile, password: password,
                        region: "cn-hangzhou"))

                try await OSSClient.use(client)
                let first = keyID(OSSClient)
                try await OSSClient.set("/kms/secrets/oss-keys", method: .post)
                try await OSSClient.use(client)
                #expect(first != "my-id" && keyID(OSSClient) != first)
            }
        }
    }
}

@Suite("The developer guide: errors") struct GuideErrorExamples {
    @Test("guide: What an error says") func error() async throws {
        try await withTemporaryFile { path in
            try await withPublicNetwork { OSSClient in
                let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
                do {
                    let object = try await client.getObject(bucket: "my-bucket", key: "missing.txt")
                    print(object.response.status, object.response.requestID ?? "-")
                    let count = try await object.body.write(toFile: path)
                    print("\(count) bytes are in \(path)")
                } catch let error as OSSError {
                    print("EC \(error.ec ?? "-"):", error)
                }

                let error = await #expect(throws: OSSError.self) {
                    try await client.getObject(bucket: "my-bucket", key: "missing.txt")
                }
                #expect(error?.status == 404 && error?.code == .noSuchKey && error?.requestID != nil)
                #expect(error?.ec == "0026-00000001")
                let url = "GET https://my-bucket.oss-cn-hangzhou.aliyuncs.com/missing.txt"
                #expect(error?.description.contains(url) == true)
                #expect(!FileManager.default.fileExists(atPath: path))
            }
        }
    }

    @Test("guide: Who failed") func kinds() async throws {
        try await withClient { client in
            do {
                try await client.putObject("text", bucket: "no-such-bucket", key: "a.txt")
            } catch let error as OSSError {
                switch error.kind {
                case .invalidRequest, .invalidConfiguration: print("the caller:", error.message)
                case .service: print("the service:", error.status ?? 0, error.code)
                default: print("the way there:", error)
                }
            }

            let error = await #expect(throws: OSSError.self) {
                try await client.putObject("text", bucket: "no-such-bucket", key: "a.txt")
            }
            #expect(error?.kind == .service && error?.code == .noSuchBucket)
        }
    }
}

@Suite("The API document of oss2") struct GuideInterfaceExamples {
    @Test("guide: A bucket and its first object") func bucket() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(
                ClientConfiguration(
                    region: "cn-hangzhou", endpoint: "http://oss-cn-hangzhou.aliyuncs.com",
                    credentials: .static(accessKeyID: "my-id", accessKeySecret: "my-secret")))
            try await client.putObject("content of the object", bucket: "my-bucket", key: "readme.txt")

            #expect(OSSClient.requests.map(\.url) == ["http://my-bucket.oss-cn-hangzhou.aliyuncs.com/readme.txt"])
        }
    }

    @Test("guide: All buckets") func buckets() async throws {
        try await withClient { client in
            for try await bucket in client.listBucketsPages(ListBucketsRequest()).items(\.buckets) {
                print(bucket.name ?? "-", bucket.location ?? "-")
            }

            #expect(try await client.listBuckets(ListBucketsRequest()).buckets.map(\.name) == ["my-bucket"])
        }
    }

    @Test("guide: What can be uploaded") func uploads() async throws {
        try await withTemporaryFile("0123456789") { path in
            try await withClient { client in
                let lines = AsyncStream<[UInt8]> { continuation in
                    for number in 1...3 { continuation.yield(Array("line \(number)\n".utf8)) }
                    continuation.finish()
                }
                let bodies: [RequestBody] = [
                    "text, as UTF-8", .bytes([1, 2, 3]), try .file(at: path, offset: 2), .stream(lines),
                ]
                for (number, body) in bodies.enumerated() {
                    try await client.putObject(body, bucket: "my-bucket", key: "body-\(number)")
                }

                var sizes: [Int64?] = []
                for try await object in client.listObjects(bucket: "my-bucket") { sizes.append(object.size) }
                #expect(sizes == [14, 3, 8, 21])
            }
        }
    }

    @Test("guide: A configuration as a document") func configurationDocument() async throws {
        try await withClient { client in
            let document = """
                <LifecycleConfiguration>
                  <Rule>
                    <ID>logs</ID><Prefix>logs/</Prefix><Status>Enabled</Status>
                    <Expiration><Days>30</Days></Expiration>
                  </Rule>
                </LifecycleConfiguration>
                """
            try await client.putBucketLifecycle(
                PutBucketLifecycleRequest(bucket: "my-bucket", lifecycleConfiguration: LifecycleConfiguration()),
                options: CallOptions(document: .string(document)))

            let stored = try await client.getBucketLifecycle(GetBucketLifecycleRequest(bucket: "my-bucket"))
            #expect(stored.lifecycleConfiguration?.rules.map(\.id) == ["logs"])
        }
    }

    @Test("guide: What a result has") func results() async throws {
        try await withClient { client in
            try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")
            let object = try await client.getObject(bucket: "my-bucket", key: "hello.txt")
            print(object.response.status, object.response.requestID ?? "-")
            print(object.response["x-oss-object-type"] ?? "-", object.contentLength ?? 0)
            print(try await object.body.text(upTo: 1 << 20))

            #expect(object.response.status == 200 && object.contentLength == 10)
        }
    }

    @Test("guide: A range of bytes") func ranges() async throws {
        try await withClient { client in
            try await client.putObject(
                .bytes([UInt8](repeating: 7, count: 500)), bucket: "my-bucket", key: "data.bin")
            let head = try await client.getObject(bucket: "my-bucket", key: "data.bin", range: .bytes(0...99))
            let tail = try await client.getObject(bucket: "my-bucket", key: "data.bin", range: .last(99))
            let rest = try await client.getObject(bucket: "my-bucket", key: "data.bin", range: .from(100))

            for (part, range) in [(head, "0-99"), (tail, "401-499"), (rest, "100-499")] {
                #expect(part.contentRange == "bytes \(range)/500")
                _ = try await part.body.collect(upTo: 500)
            }
        }
    }

    @Test("guide: Page by page") func markers() async throws {
        try await withClient { client in
            for number in 1...5 { try await client.putObject("x", bucket: "my-bucket", key: "\(number)") }
            var keys: [String] = []
            var request = ListObjectsRequest(bucket: "my-bucket", maxKeys: 2)
            while true {
                let page = try await client.listObjects(request)
                keys += page.contents.map(\.key)
                guard page.isTruncated == true else { break }
                request.marker = page.nextMarker
            }

            #expect(keys == ["1", "2", "3", "4", "5"])
        }
    }

    @Test("guide: Progress") func progress() async throws {
        try await withTemporaryFile("0123456789") { path in
            try await withClient { client in
                let options = CallOptions(progress: { progress in
                    print(progress.completed, "of", progress.total.map(String.init) ?? "unknown")
                })
                try await client.putObject(fileAt: path, bucket: "my-bucket", key: "data.txt", options: options)
                try await client.getObject(bucket: "my-bucket", key: "data.txt", toFileAt: path, options: options)

                #expect(try String(contentsOfFile: path, encoding: .utf8) == "0123456789")
            }
        }
    }

    @Test("guide: Times") func times() async throws {
        try await withClient { client in
            try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")
            let seen = try await client.headObject(bucket: "my-bucket", key: "hello.txt")
            print(seen.lastModified?.timeIntervalSince1970 ?? 0)
            let request = GetObjectRequest(
                bucket: "my-bucket", key: "hello.txt", ifModifiedSince: seen.response["Last-Modified"])
            do {
                _ = try await client.getObject(request)
            } catch let error as OSSError where error.status == 304 {
                print("not modified")
            }

            #expect(seen.lastModified != nil)
            let error = await #expect(throws: OSSError.self) { try await client.getObject(request) }
            #expect(error?.status == 304)
        }
    }
}

@Suite("The other interfaces of the Python SDK") struct GuideFurtherExamples {
    @Test("guide: Paginators") func paginators() async throws {
        try await withClient { client in
            for number in 1...5 { try await client.putObject("x", bucket: "my-bucket", key: "logs/\(number)") }
            var keys: [String] = []
            let request = ListObjectsV2Request(bucket: "my-bucket", prefix: "logs/", maxKeys: 2)
            for try await page in client.listObjectsV2Pages(request) {
                keys += page.contents.map(\.key)
            }

            #expect(keys == (1...5).map { "logs/\($0)" })
        }
    }

    @Test("guide: Files") func files() async throws {
        try await withTemporaryFile("0123456789") { path in
            try await withClient { client in
                try await client.putObject(fileAt: path, bucket: "my-bucket", key: "data.txt")
                try await client.getObject(bucket: "my-bucket", key: "data.txt", toFileAt: path + ".copy")

                #expect(try String(contentsOfFile: path + ".copy", encoding: .utf8) == "0123456789")
                try FileManager.default.removeItem(atPath: path + ".copy")
            }
        }
    }

    @Test("guide: Whether something exists") func existence() async throws {
        try await withClient { client in
            let bucketExists = try await client.bucketExists("my-bucket")
            let objectExists = try await client.objectExists(bucket: "my-bucket", key: "missing.txt")

            #expect(bucketExists && !objectExists)
        }
    }

    @Test("guide: Presigned URLs") func presigning() async throws {
        try await withClient { client in
            let upload = try await client.presign(
                PutObjectRequest(bucket: "my-bucket", key: "notes.txt", contentType: "text/plain"),
                expires: .after(.seconds(600)))
            print(upload.method, upload.url, upload.expiration)
            for field in upload.headers { print(field.name, field.value) }

            #expect(upload.method == .put && upload.headers[.contentType] == "text/plain")
            #expect(upload.url.hasPrefix("https://my-bucket.oss-cn-hangzhou.aliyuncs.com/notes.txt?"))
        }
    }

    @Test("guide: A form upload") func forms() async throws {
        try await withClient { client in
            let form = try await client.presignPost(
                bucket: "my-bucket", key: "notes.txt", expires: .after(.seconds(600)),
                conditions: [.contentLength(1...1024)])
            for field in form.fields { print(field.name) }

            #expect(form.fields.contains { $0.name == "policy" })
        }
    }

    @Test("guide: A cloud box") func cloudBox() async throws {
        try await withPublicNetwork { OSSClient in
            var configuration = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "https://cb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com",
                credentials: .environment)
            configuration.cloudBox = .automatic
            let client = try OSSClient(configuration)

            // The emulator is no cloud box.
            await #expect(throws: OSSError.self) { try await OSSClient.use(client) }
            let first = try #require(OSSClient.requests.first)
            #expect(first.url == "https://my-bucket.cb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com/used.txt")
            #expect(first.head.headerFields[.authorization]?.contains("/cb-123/oss-cloudbox/") == true)
        }
    }

    @Test("guide: An operation without a method") func rawOperation() async throws {
        try await withClient { client in
            let result = try await client.send(
                RawRequest(
                    method: .put, bucket: "my-bucket", query: ["tagging": ""],
                    body: "<Tagging><TagSet><Tag><Key>team</Key><Value>a</Value></Tag></TagSet></Tagging>"))
            print(result.response.status)

            let tags = try await client.send(RawRequest(method: .get, bucket: "my-bucket", query: ["tagging": ""]))
            #expect(try await tags.body.text(upTo: 1000).contains("<Key>team</Key>"))
        }
    }

    @Test("guide: Image processing") func imageProcessing() async throws {
        try await withClient { client in
            let thumbnail = try await client.presign(
                GetObjectRequest(bucket: "my-bucket", key: "photo.jpg", process: "image/resize,w_100"),
                expires: .after(.seconds(600)))
            print(thumbnail.url)

            #expect(thumbnail.url.contains("x-oss-process=image%2Fresize%2Cw_100"))
        }
    }

    @Test("guide: A multipart upload") func multipart() async throws {
        try await withClient { client in
            let upload = try await client.initiateMultipartUpload(
                InitiateMultipartUploadRequest(bucket: "my-bucket", key: "large.bin"))
            let uploadID = upload.uploadID ?? ""
            var parts: [UploadPart] = []
            for number in 1...3 {
                let part = try await client.uploadPart(
                    UploadPartRequest(
                        bucket: "my-bucket", key: "large.bin", uploadID: uploadID, partNumber: number,
                        body: .bytes([UInt8](repeating: UInt8(number), count: 100 << 10))))
                parts.append(UploadPart(partNumber: number, etag: part.etag))
            }
            try await client.completeMultipartUpload(
                CompleteMultipartUploadRequest(
                    bucket: "my-bucket", key: "large.bin", uploadID: uploadID,
                    completeMultipartUpload: CompleteMultipartUpload(parts: parts)))

            let stored = try await client.headObject(bucket: "my-bucket", key: "large.bin")
            #expect(stored.contentLength == 300 << 10)
        }
    }

    @Test("guide: Appending") func appending() async throws {
        try await withClient { client in
            let first = try await client.appendObject(
                AppendObjectRequest(bucket: "my-bucket", key: "log.txt", position: 0, body: "one\n"))
            try await client.appendObject(
                AppendObjectRequest(
                    bucket: "my-bucket", key: "log.txt", position: first.nextPosition ?? 0, body: "two\n"))

            let log = try await client.getObject(bucket: "my-bucket", key: "log.txt")
            #expect(try await log.body.text(upTo: 100) == "one\ntwo\n")
        }
    }

    @Test("guide: Checksums") func checksums() async throws {
        try await withClient { client in
            let stored = try await client.putObject("123456789", bucket: "my-bucket", key: "digits.txt")
            var checksum = CRC64()
            checksum.update(Array("123456789".utf8))
            print(stored.hashCRC64 == String(checksum.value))

            #expect(stored.hashCRC64 == String(checksum.value))
        }
    }

    @Test("guide: One call only") func oneCall() async throws {
        try await withPublicNetwork { OSSClient in
            let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
            let options = CallOptions(
                readWriteTimeout: .seconds(5), timeout: .seconds(60), retry: RetryPolicy(maximumAttempts: 5))
            try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt", options: options)

            #expect(OSSClient.requests.last?.readWriteTimeout == .seconds(5))
        }
    }
}
