import Crypto
import Foundation
import OSS
import OSSAsyncHTTPClient
import OSSEmulator
import Testing

/// Runs an example with a client of a local server that has the bucket `my-bucket`, in a folder of its own.
func withClient(_ body: (OSSClient) async throws -> Void) async throws {
    try await withPublicNetwork { network in
        let client = try network(region: "cn-hangzhou", credentials: .environment)
        try await body(client)
        await client.shutdown()
    }
}

/// A path in the temporary folder; what is there goes when the example is over.
func withTemporaryFile(_ content: String? = nil, _ body: (String) async throws -> Void) async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "example-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    if let content { try content.write(toFile: path, atomically: true, encoding: .utf8) }
    try await body(path)
}

/// Runs an example in the public network, as far as it needs one: the service under all its hosts, STS, KMS, the
/// metadata server of an instance and a credentials URI, all of them an emulator's.
///
/// - Parameters:
///   - region: The region that the service is in.
///   - environment: The variables of the process, beside `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET`.
///   - proxyPort: The local port of `proxy.example.com`.
///   - body: Gets the network, which stands for the type `OSSClient`.
func withPublicNetwork(
    region: String = "cn-hangzhou", environment: [String: String] = [:], proxyPort: Int? = nil,
    _ body: (PublicNetwork) async throws -> Void
) async throws {
    var configuration = EmulatorConfiguration.unhurried
    configuration.region = region
    configuration.controlPort = 0
    configuration.credentials = [
        EmulatorCredential(accessKeyID: "my-id", accessKeySecret: "my-secret"),
        EmulatorCredential(accessKeyID: "STS.my-id", accessKeySecret: "my-secret", securityToken: "my-token"),
    ]
    let emulator = try await Emulator.start(configuration)
    let network = PublicNetwork(emulator: emulator, proxyPort: proxyPort)
    var variables = ["OSS_ACCESS_KEY_ID": "my-id", "OSS_ACCESS_KEY_SECRET": "my-secret"]
    variables.merge(environment) { $1 }
    do {
        try await network.makeBucket()
        try await Environment.$replacement.withValue(variables) {
            try await CredentialsTransport.$shared.withValue(network.transport(network.makeTransport())) {
                try await body(network)
            }
        }
    } catch {
        try await network.shutdown()
        throw error
    }
    try await network.shutdown()
}

/// A client that waits for its server however slow the machine is; an example calls it `OSSClient`.
func unhurried(_ configuration: ClientConfiguration) throws -> OSSClient {
    var configuration = configuration
    configuration.readWriteTimeout = .seconds(3600)
    configuration.transportConfiguration.connectTimeout = .seconds(3600)
    return try OSSClient(configuration)
}

/// The same of servers; an example calls it `Emulator`.
enum UnhurriedEmulator {
    static func start() async throws -> Emulator { try await Emulator.start(.unhurried) }
}

/// Makes clients that reach an emulator under every name. An example calls it `OSSClient`, and then reads as a program
/// does that makes its client of a public region. Whatever limits of time it sets, none is reached.
final class PublicNetwork: Sendable {
    let emulator: Emulator
    let proxyPort: Int?
    private let state = Locked(
        (requests: [TransportRequest](), delays: [Duration](), failures: 0, transports: [AsyncHTTPClientTransport]()))

    init(emulator: Emulator, proxyPort: Int?) {
        (self.emulator, self.proxyPort) = (emulator, proxyPort)
    }

    func callAsFunction(region: String, credentials: any CredentialsProvider) throws -> OSSClient {
        try self(ClientConfiguration(region: region, credentials: credentials))
    }

    func callAsFunction(_ configuration: ClientConfiguration) throws -> OSSClient {
        var configuration = configuration
        if let proxyPort, configuration.transportConfiguration.proxy?.host == "proxy.example.com" {
            configuration.transportConfiguration.proxy?.host = "127.0.0.1"
            configuration.transportConfiguration.proxy?.port = proxyPort
        }
        configuration.transport = transport(
            configuration.transport ?? makeTransport(configuration.transportConfiguration))
        return try OSSClient(
            configuration,
            dependencies: RuntimeDependencies(
                uptime: { .zero },
                sleep: { delay in
                    // Longer ones are the time that a call has in all.
                    guard delay < .seconds(4) else { return try await Task.sleep(for: .seconds(3600)) }
                    self.state.withLock { $0.delays.append(delay) }
                },
                // Backoffs stay below any limit of a call that is in the examples.
                random: { 0.1 }))
    }

    /// What clients and providers have sent, under the names they know.
    var requests: [TransportRequest] { state.withLock { $0.requests } }
    /// How long clients have waited between attempts.
    var delays: [Duration] { state.withLock { $0.delays } }

    /// The next requests are answered 503.
    func fail(_ count: Int) {
        state.withLock { $0.failures = count }
    }

    /// Puts an object and gets it again; gives the URL that the client put it to.
    @discardableResult
    func use(_ client: OSSClient, _ location: SourceLocation = #_sourceLocation) async throws -> String {
        let first = requests.count
        try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "used.txt")
        let object = try await client.getObject(bucket: "my-bucket", key: "used.txt")
        #expect(try await object.body.text(upTo: 100) == "Hello, OSS", sourceLocation: location)
        return requests[first...].first { $0.head.method == .put }?.url ?? "no request"
    }

    /// What a form sent to the Security Token Service says.
    func parameters(of action: String) async throws -> [String: String] {
        for request in requests where request.head.authority == "sts.aliyuncs.com" {
            var text = ""
            for try await chunk in request.body ?? "" { text += String(decoding: chunk, as: UTF8.self) }
            var components = URLComponents()
            components.percentEncodedQuery = text
            let items = (components.queryItems ?? []).map { ($0.name, $0.value ?? "") }
            let parameters = Dictionary(items) { $1 }
            if parameters["Action"] == action { return parameters }
        }
        return [:]
    }

    /// Changes a setting of the emulator.
    func set(_ path: String, _ body: String = "", method: HTTPRequest.Method = .put) async throws {
        let head = HTTPRequest(method: method, scheme: "http", authority: controlAuthority, path: path)
        let response = try await makeTransport().send(
            TransportRequest(head: head, body: .string(body), readWriteTimeout: .seconds(3600)))
        #expect(response.head.status.kind == .successful)
    }

    /// The header fields that Function Compute invokes a function with.
    var invocation: HTTPFields {
        get throws {
            var fields: HTTPFields = [:]
            for (name, value) in [
                ("access-key-id", "STS.my-id"), ("access-key-secret", "my-secret"), ("security-token", "my-token"),
            ] {
                fields[try #require(HTTPField.Name("x-fc-\(name)"))] = value
            }
            return fields
        }
    }

    fileprivate func makeBucket() async throws {
        let client = try unhurried(
            ClientConfiguration(
                region: emulator.region, endpoint: emulator.endpoint,
                credentials: .static(accessKeyID: "my-id", accessKeySecret: "my-secret")))
        try await client.putBucket(PutBucketRequest(bucket: "my-bucket"))
        // New buckets are closed to the public.
        _ = try await client.send(RawRequest(method: .delete, bucket: "my-bucket", query: ["publicAccessBlock": ""]))
        await client.shutdown()
    }

    fileprivate func makeTransport(_ configuration: TransportConfiguration = .init()) -> AsyncHTTPClientTransport {
        var configuration = configuration
        configuration.connectTimeout = .seconds(3600)
        let transport = AsyncHTTPClientTransport(configuration: configuration)
        state.withLock { $0.transports.append(transport) }
        return transport
    }

    fileprivate func shutdown() async throws {
        for transport in state.withLock({ $0.transports }) { await transport.shutdown() }
        try await emulator.shutdown()
    }

    fileprivate func transport(_ inner: any HTTPTransport) -> any HTTPTransport {
        Redirection(network: self, inner: inner)
    }

    private var controlAuthority: String { authority(of: emulator.controlEndpoint ?? "") }

    private func authority(of url: String) -> String { String(url.drop { $0 != ":" }.dropFirst(3)) }

    /// Sends to the emulator what goes to the names of the public network. The bucket in a host becomes one in the path,
    /// which signatures don't tell apart.
    private struct Redirection: HTTPTransport {
        let network: PublicNetwork
        let inner: any HTTPTransport

        func send(_ request: TransportRequest) async throws -> TransportResponse {
            let fails = network.state.withLock { state in
                state.requests.append(request)
                defer { state.failures = max(0, state.failures - 1) }
                return state.failures > 0
            }
            if fails { return TransportResponse(head: HTTPResponse(status: .serviceUnavailable)) }
            var request = request
            request.readWriteTimeout = .seconds(3600)
            let host = request.head.authority ?? ""
            request.head.scheme = "http"
            switch host {
            case "sts.aliyuncs.com", "kms.cn-hangzhou.aliyuncs.com", "100.100.100.200":
                request.head.authority = network.controlAuthority
            case "credentials.example.com":
                request.head.authority = network.controlAuthority
                request.head.path = "/credentials"
            default:
                request.head.authority = network.authority(of: network.emulator.endpoint)
                let label = host.prefix { $0 != "." }
                if host == "files.example.com" {
                    request.head.path = "/my-bucket" + (request.head.path ?? "/")
                } else if label.hasSuffix("-bucket") {
                    request.head.path = "/\(label)" + (request.head.path ?? "/")
                }
            }
            return try await inner.send(request)
        }
    }
}

extension TransportRequest {
    /// Where it goes, without the query.
    var url: String {
        "\(head.scheme ?? "")://\(head.authority ?? "")\((head.path ?? "").prefix { $0 != "?" })"
    }
}

/// Holds the secret of `my-id`, and signs for those who don't.
struct SigningService: Sendable {
    func sign(_ text: String, scope: [String]) async throws -> String {
        let key = scope.reduce(SymmetricKey(data: Data("aliyun_v4my-secret".utf8))) { key, part in
            SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: key))
        }
        return HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)
            .map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
    }
}

/// Gives keys to those who may have them.
struct Vault: Sendable {
    struct Keys {
        var id = "STS.my-id"
        var secret = "my-secret"
        var token = "my-token"
        var end = Date(timeIntervalSinceNow: 3600)
    }

    func temporaryKeys() async throws -> Keys { Keys() }
}
