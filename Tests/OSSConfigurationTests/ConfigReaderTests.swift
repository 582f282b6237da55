import Configuration
import Foundation
import Logging
import OSS
import OSSConfiguration
import Testing

/// A configuration read with swift-configuration, from values as a file gives them and from environment variables.
@Suite("Configuration from a reader")
struct ConfigReaderTests {
    private static let keys: [AbsoluteConfigKey: ConfigValue] = [
        "region": "cn-hangzhou", "accessKeyID": "id", "accessKeySecret": "hush",
    ]

    private func configuration(_ values: [AbsoluteConfigKey: ConfigValue]) throws -> ClientConfiguration {
        try ClientConfiguration(
            config: ConfigReader(provider: InMemoryProvider(values: Self.keys.merging(values) { $1 })))
    }

    private func configuration(environment: [String: String]) throws -> ClientConfiguration {
        try ClientConfiguration(
            config: ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
                .scoped(to: "oss"))
    }

    @Test func whatIsNotSetHasItsDefault() async throws {
        let configuration = try configuration([:])
        let plain = ClientConfiguration(region: "cn-hangzhou", credentials: .anonymous)
        #expect(configuration.region == "cn-hangzhou")
        #expect(configuration.endpoint == nil && configuration.userAgent == nil && configuration.logger == nil)
        #expect(configuration.endpointKind == .publicInternet && configuration.addressing == .virtualHosted)
        #expect(configuration.retry.maximumAttempts == 3)
        #expect(configuration.readWriteTimeout == .seconds(20))
        #expect(configuration.transportConfiguration == plain.transportConfiguration)
        #expect(configuration.checksUploads && configuration.checksDownloads && !configuration.disablesTLS)
        let credentials = try await configuration.credentials.credentials()
        #expect(credentials.accessKeyID == "id" && credentials.accessKeySecret == "hush")
        #expect(credentials.securityToken == nil)
    }

    private static let everything: [String: String] = [
        "OSS_REGION": "eu-central-1", "OSS_ENDPOINT": "http://127.0.0.1:9000", "OSS_ENDPOINT_KIND": "dual-stack",
        "OSS_DISABLES_TLS": "true", "OSS_ADDRESSING": "path", "OSS_CLOUD_BOX": "cb-1",
        "OSS_ACCESS_KEY_ID": "id", "OSS_ACCESS_KEY_SECRET": "secret", "OSS_SESSION_TOKEN": "token",
        "OSS_RETRY_MAXIMUM_ATTEMPTS": "7", "OSS_RETRY_BACKOFF": "equal-jitter", "OSS_RETRY_BASE": "1.5",
        "OSS_RETRY_MAXIMUM": "4",
        "OSS_READ_WRITE_TIMEOUT": "30", "OSS_CONNECT_TIMEOUT": "2.5", "OSS_IDLE_TIMEOUT": "9",
        "OSS_MAX_CONNECTIONS": "64", "OSS_PROXY": "http://me:p%40ss@proxy.example.com:3128",
        "OSS_INSECURE_SKIP_VERIFY": "true", "OSS_TRUSTED_CERTIFICATES_FILE": "/etc/ca.pem",
        "OSS_FOLLOWS_REDIRECTS": "true",
        "OSS_SIGNATURE": "v1", "OSS_ADDITIONAL_SIGNED_HEADERS": "host,cache-control", "OSS_USER_AGENT": "my-app/1",
        "OSS_DEFAULT_HEADERS": "X-A: 1,x-b:2: 3",
        "OSS_CHECKS_UPLOADS": "false", "OSS_CHECKS_DOWNLOADS": "false", "OSS_LOG_LEVEL": "trace",
    ]

    @Test func everyKeyFromTheEnvironment() async throws {
        try await check(configuration(environment: Self.everything))
    }

    @Test func everyKeyFromAFile() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "oss-\(UUID()).env")
        let lines = Self.everything.map { "\($0)=\($1)" }.joined(separator: "\n")
        try Data(lines.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let provider = try await EnvironmentVariablesProvider(environmentFilePath: .init(file.path))
        try await check(ClientConfiguration(config: ConfigReader(provider: provider).scoped(to: "oss")))
    }

    @Test func everyKeyWithTheTypesOfAFile() async throws {
        try await check(
            configuration([
                "region": "eu-central-1", "endpoint": "http://127.0.0.1:9000", "endpointKind": "dual-stack",
                "disablesTLS": true, "addressing": "path", "cloudBox": "cb-1",
                "accessKeyID": "id", "accessKeySecret": "secret", "sessionToken": "token",
                "retry.maximumAttempts": 7, "retry.backoff": "equal-jitter", "retry.base": 1.5, "retry.maximum": 4,
                "readWriteTimeout": 30, "connectTimeout": 2.5, "idleTimeout": 9, "maxConnections": 64,
                "proxy": "http://me:p%40ss@proxy.example.com:3128", "insecureSkipVerify": true,
                "trustedCertificatesFile": "/etc/ca.pem", "followsRedirects": true, "signature": "v1",
                "additionalSignedHeaders": .init(.stringArray(["host", "cache-control"]), isSecret: false),
                "defaultHeaders": .init(.stringArray(["X-A: 1", "x-b:2: 3"]), isSecret: false),
                "userAgent": "my-app/1", "checksUploads": false, "checksDownloads": false, "logLevel": "trace",
            ]))
    }

    private func check(_ configuration: ClientConfiguration) async throws {
        #expect(configuration.region == "eu-central-1")
        #expect(configuration.endpoint == "http://127.0.0.1:9000")
        #expect(configuration.endpointKind == .dualStack)
        #expect(configuration.disablesTLS)
        #expect(configuration.addressing == .path)
        #expect(configuration.cloudBox == .id("cb-1"))
        let credentials = try await configuration.credentials.credentials()
        #expect(credentials.accessKeyID == "id" && credentials.accessKeySecret == "secret")
        #expect(credentials.securityToken == "token")
        #expect(configuration.retry.maximumAttempts == 7)
        #expect(configuration.retry.backoff.delay(1, 0) == .milliseconds(1500))
        #expect(configuration.retry.backoff.delay(9, 0) == .seconds(2))
        #expect(configuration.readWriteTimeout == .seconds(30))
        let proxy = ProxyConfiguration(host: "proxy.example.com", port: 3128, user: "me", password: "p@ss")
        #expect(
            configuration.transportConfiguration
                == TransportConfiguration(
                    connectTimeout: .milliseconds(2500), maxConnections: 64, idleTimeout: .seconds(9), proxy: proxy,
                    insecureSkipVerify: true, trustedCertificatesFile: "/etc/ca.pem", followsRedirects: true))
        #expect("\(configuration.signature)" == "\(SignatureMethod.v1)")
        #expect(configuration.additionalSignedHeaders == ["host", "cache-control"])
        #expect(configuration.userAgent == "my-app/1")
        #expect(configuration.defaultHeaders.map { "\($0.name.rawName)=\($0.value)" } == ["X-A=1", "x-b=2: 3"])
        #expect(!configuration.checksUploads && !configuration.checksDownloads)
        #expect(configuration.logger?.logLevel == .trace)
    }

    /// Each option is either set above, or listed here as one that no text can express.
    @Test func noOptionIsForgotten() {
        func names(_ value: Any) -> Set<String> { Set(Mirror(reflecting: value).children.compactMap(\.label)) }
        let configuration = ClientConfiguration(region: "r", credentials: .anonymous)
        #expect(
            names(configuration) == [
                "region", "credentials", "endpoint", "endpointKind", "disablesTLS", "addressing", "cloudBox", "retry",
                "readWriteTimeout", "transportConfiguration", "signature", "additionalSignedHeaders", "defaultHeaders",
                "userAgent", "checksUploads", "checksDownloads", "logger",
                // In code only.
                "transport", "metrics", "tracer",
            ])
        #expect(
            names(configuration.transportConfiguration) == [
                "connectTimeout", "maxConnections", "idleTimeout", "proxy", "insecureSkipVerify",
                "trustedCertificatesFile", "followsRedirects",
            ])
        #expect(names(configuration.retry) == ["maximumAttempts", "backoff", "isRetryable"])
    }

    @Test(arguments: [
        ("endpointKind", ["public", "internal", "accelerate", "accelerate-overseas", "dual-stack"]),
        ("addressing", ["virtual-hosted", "path", "cname"]), ("signature", ["v4", "v1"]),
        ("retry.backoff", ["full-jitter", "equal-jitter", "fixed"]),
        ("credentials", ["keys", "environment", "chain", "anonymous"]),
        ("logLevel", ["trace", "debug", "info", "notice", "warning", "error", "critical"]),
    ])
    func choices(key: String, names: [String]) throws {
        for name in names { _ = try configuration([.init(stringLiteral: key): .init(stringLiteral: name)]) }
    }

    @Test func backoffs() throws {
        #expect(
            try configuration(["retry.backoff": "fixed", "retry.base": 3]).retry.backoff.delay(4, 0.9) == .seconds(3))
        #expect(try configuration(["retry.base": 1]).retry.backoff.delay(1, 0.5) == .seconds(1))
        #expect(try configuration([:]).retry.backoff.delay(1, 0.5) == .milliseconds(200))
    }

    @Test func credentialsOfOtherKinds() async throws {
        #expect(try configuration(["credentials": "anonymous"]).credentials is AnonymousCredentialsProvider)
        #expect(try configuration(["credentials": "environment"]).credentials is EnvironmentCredentialsProvider)
        #expect(try configuration(["credentials": "chain"]).credentials is CredentialsProviderChain)
        let reader = ConfigReader(provider: InMemoryProvider(values: ["region": "cn-hangzhou"]))
        let own = try ClientConfiguration(config: reader, credentials: .anonymous)
        #expect(own.credentials is AnonymousCredentialsProvider)
        let empty = try configuration(["sessionToken": ""])
        #expect(try await empty.credentials.credentials().securityToken == nil)
        #expect(try configuration(["cloudBox": "automatic"]).cloudBox == .automatic)
    }

    @Test(arguments: [
        ("region", ""), ("endpointKind", "nearby"), ("disablesTLS", "perhaps"), ("addressing", "Path"),
        ("retry.maximumAttempts", "0"), ("retry.maximumAttempts", "many"), ("retry.backoff", "none"),
        ("retry.base", "-1"), ("retry.maximum", "soon"), ("readWriteTimeout", "20s"), ("readWriteTimeout", "0"),
        ("connectTimeout", "1e300"), ("idleTimeout", "nan"), ("maxConnections", "0"), ("maxConnections", "2.5"),
        ("proxy", "hush@proxy"), ("insecureSkipVerify", "2"), ("followsRedirects", ""), ("signature", "v2"),
        ("checksUploads", "off!"), ("checksDownloads", "?"), ("logLevel", "loud"), ("credentials", "mine"),
        ("accessKeyID", ""), ("accessKeySecret", ""), ("cloudBox", ""), ("userAgent", ""), ("endpoint", ""),
        ("defaultHeaders", "no field"), ("defaultHeaders", "a b: c"),
        ("trustedCertificatesFile", ""),
    ])
    func malformedValues(key: String, value: String) throws {
        let name = "OSS_" + EnvironmentName.of(key)
        let environment = ["OSS_REGION": "r", "OSS_ACCESS_KEY_ID": "id", "OSS_ACCESS_KEY_SECRET": "hush"]
        let error = #expect(throws: OSSError.self) {
            _ = try configuration(environment: environment.merging([name: value]) { $1 })
        }
        #expect(error?.kind == .invalidConfiguration)
        #expect(error?.message.contains("'\(key)'") == true)
        #expect(error?.description.contains("hush") == false)
    }

    @Test func valuesOfAnotherType() throws {
        for (key, value) in [
            ("region", 5), ("maxConnections", "20"), ("disablesTLS", 1), ("readWriteTimeout", true),
            ("additionalSignedHeaders", "host"),
        ] as [(String, ConfigValue)] {
            let error = #expect(throws: OSSError.self) { _ = try configuration([.init(stringLiteral: key): value]) }
            #expect(error?.message.contains("'\(key)' is not valid") == true, "\(key)")
        }
    }

    @Test(arguments: ["region", "accessKeyID", "accessKeySecret"])
    func missingValues(key: String) throws {
        var values = Self.keys
        values[.init([key])] = nil
        let error = #expect(throws: OSSError.self) {
            _ = try ClientConfiguration(config: ConfigReader(provider: InMemoryProvider(values: values)))
        }
        #expect(error?.kind == .invalidConfiguration)
        #expect(error?.message == "the configuration key '\(key)' is not set")
    }

    @Test func aMaximumOfAFixedDelayIsRefused() throws {
        let error = #expect(throws: OSSError.self) {
            _ = try configuration(["retry.backoff": "fixed", "retry.maximum": 3])
        }
        #expect(error?.message.contains("'retry.maximum'") == true)
    }

    /// What readers report of each access.
    private final class Reporter: AccessReporter {
        let events = Locked([AccessEvent]())
        func report(_ event: AccessEvent) { events.withLock { $0.append(event) } }
    }

    @Test func secretsAreMarkedAsSuch() throws {
        let reporter = Reporter()
        let values: [AbsoluteConfigKey: ConfigValue] = [
            "sessionToken": "hush-token", "proxy": "http://u:hush@proxy.example.com:80",
        ]
        _ = try ClientConfiguration(
            config: ConfigReader(
                provider: InMemoryProvider(values: Self.keys.merging(values) { $1 }), accessReporter: reporter))
        var secret: Set<String> = []
        for event in reporter.events.withLock({ $0 }) {
            guard case .success(let value?) = event.result else { continue }
            let key = event.metadata.key.description
            if value.isSecret { secret.insert(key) }
            #expect(value.isSecret || !"\(value.content)".contains("hush"), "\(key)")
        }
        #expect(secret == ["accessKeyID", "accessKeySecret", "sessionToken", "proxy"])
    }
}

private enum EnvironmentName {
    /// `retry.maximumAttempts` becomes `RETRY_MAXIMUM_ATTEMPTS`.
    static func of(_ key: String) -> String {
        var name = ""
        for character in key {
            if character.isUppercase, name.last?.isLowercase == true { name += "_" }
            name.append(character == "." ? "_" : character)
        }
        return name.uppercased()
    }
}
