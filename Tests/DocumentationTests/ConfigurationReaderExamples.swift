// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The networks of the examples stand for the type `OSSClient`.

import Configuration
import Foundation
import OSS
import OSSConfiguration
import Testing

// The later examples of the article on configuration.

@Suite struct ConfigurationReaderExamples {
    @Test func otherClouds() async throws {
        try await withPublicNetwork(region: "cn-hangzhou-finance") { OSSClient in
            let finance = ClientConfiguration(
                region: "cn-hangzhou-finance", endpoint: "https://oss-cn-hzjbp-a-internal.aliyuncs.com",
                credentials: .environment)

            var box = ClientConfiguration(
                region: "cn-hangzhou", endpoint: "cb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com",
                credentials: .environment)
            box.cloudBox = .automatic

            let url = try await OSSClient.use(try OSSClient(finance))
            #expect(url == "https://my-bucket.oss-cn-hzjbp-a-internal.aliyuncs.com/used.txt")
            // The emulator is no cloud box.
            await #expect(throws: OSSError.self) { try await OSSClient.use(try OSSClient(box)) }
            let fields = try #require(OSSClient.requests.last).head.headerFields
            #expect(fields[.authorization]?.contains("/cb-123/oss-cloudbox/") == true)
        }
    }

    /// Stands for the type: the variables of the process are the example's own.
    private struct Variables {
        let values: [String: String]

        func callAsFunction() -> EnvironmentVariablesProvider {
            EnvironmentVariablesProvider(environmentVariables: values)
        }

        func callAsFunction(environmentFilePath path: String, allowMissing: Bool) async throws
            -> EnvironmentVariablesProvider
        {
            try await EnvironmentVariablesProvider(environmentFilePath: .init(path), allowMissing: allowMissing)
        }
    }

    @Test func fromTheEnvironment() async throws {
        try await withPublicNetwork { OSSClient in
            let EnvironmentVariablesProvider = Variables(values: [
                "OSS_REGION": "cn-hangzhou", "OSS_ACCESS_KEY_ID": "my-id", "OSS_ACCESS_KEY_SECRET": "my-secret",
                "OSS_ENDPOINT_KIND": "internal",
            ])
            let reader = ConfigReader(providers: [
                EnvironmentVariablesProvider(),
                try await EnvironmentVariablesProvider(environmentFilePath: "/etc/my-app.env", allowMissing: true),
            ])
            let client = try OSSClient(ClientConfiguration(config: reader.scoped(to: "oss")))

            #expect(
                try await OSSClient.use(client) == "https://my-bucket.oss-cn-hangzhou-internal.aliyuncs.com/used.txt")
        }
    }

    @Test func withMoreInCode() async throws {
        try await withPublicNetwork(environment: ["HOME": "/nowhere"]) { OSSClient in
            let reader = ConfigReader(
                provider: EnvironmentVariablesProvider(environmentVariables: ["OSS_REGION": "cn-hangzhou"]))
            var configuration = try ClientConfiguration(
                config: reader.scoped(to: "oss"), credentials: .profile("backup"))
            configuration.retry.isRetryable = { $0.status == 503 }

            let error = await #expect(throws: OSSError.self) {
                try await OSSClient.use(try OSSClient(configuration))
            }
            #expect(error?.kind == .credentials && error?.description.contains("/nowhere/") == true)
        }
    }

    /// The article's table of keys has each key that is read, and no other.
    @Test func allKeysAreDocumented() throws {
        let article = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/OSS/OSS.docc/Configuration.md")
        let text = try String(contentsOf: article, encoding: .utf8)
        let table = text.components(separatedBy: "| key | value |")[1].components(separatedBy: "\n\n")[0]
        let documented = table.components(separatedBy: "\n").dropFirst(2).flatMap { row in
            row.components(separatedBy: " | ")[0].components(separatedBy: "`").enumerated()
                .filter { $0.offset % 2 == 1 }.map(\.element)
        }
        let reporter = Reporter()
        let values: [AbsoluteConfigKey: ConfigValue] = ["region": "r", "accessKeyID": "a", "accessKeySecret": "b"]
        _ = try ClientConfiguration(
            config: ConfigReader(provider: InMemoryProvider(values: values), accessReporter: reporter))
        #expect(Set(documented) == reporter.keys.withLock { $0 })
    }

    private final class Reporter: AccessReporter {
        let keys = Locked(Set<String>())
        func report(_ event: AccessEvent) {
            keys.withLock { _ = $0.insert(event.metadata.key.description) }
        }
    }
}
