import Configuration
import Foundation
import OSS
import OSSConfiguration
import Testing

// The later examples of the article on configuration: compiled, and run as far as no public region is talked to.

@Suite struct ConfigurationReaderExamples {
    @Test func otherClouds() throws {
        let finance = ClientConfiguration(
            region: "cn-hangzhou-finance", endpoint: "https://oss-cn-hzjbp-a-internal.aliyuncs.com",
            credentials: .environment)

        var box = ClientConfiguration(
            region: "cn-hangzhou", endpoint: "cb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com", credentials: .environment)
        box.cloudBox = .automatic
        _ = (try OSSClient(finance), try OSSClient(box))
    }

    func fromTheEnvironment() async throws {
        let reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(),
            try await EnvironmentVariablesProvider(environmentFilePath: "/etc/my-app.env", allowMissing: true),
        ])
        let client = try OSSClient(ClientConfiguration(config: reader.scoped(to: "oss")))
        _ = client
    }

    @Test func withMoreInCode() throws {
        let reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: ["OSS_REGION": "r"]))
        var configuration = try ClientConfiguration(config: reader.scoped(to: "oss"), credentials: .profile("backup"))
        configuration.retry.isRetryable = { $0.status == 503 }
        #expect(configuration.region == "r")
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
