import OSS
import OSSAsyncHTTPClient
import OSSEmulator

extension ClientConfiguration {
    /// For a client of a server in this process. It doesn't try again.
    init(_ emulator: Emulator, secret: String? = nil) {
        self.init(
            region: emulator.region, endpoint: emulator.endpoint,
            credentials: .static(accessKeyID: emulator.accessKeyID, accessKeySecret: secret ?? emulator.accessKeySecret)
        )
        retry = .never
        waitForServer()
    }

    /// Gives a server of this process all the time it needs, for tests that are not about limits of time: on a busy
    /// machine each step may take minutes.
    mutating func waitForServer() {
        readWriteTimeout = .seconds(3600)
        transportConfiguration.connectTimeout = .seconds(3600)
    }
}

/// A client, and a bucket on a server of its own.
func withBucket(
    on server: EmulatorConfiguration = .unhurried, _ configure: (inout ClientConfiguration) -> Void = { _ in },
    _ body: (OSSClient, String) async throws -> Void
) async throws {
    let emulator = try await Emulator.start(server)
    var configuration = ClientConfiguration(emulator)
    configure(&configuration)
    let client = try OSSClient(configuration)
    try await client.putBucket(.init(bucket: "my-bucket"))
    try await body(client, "my-bucket")
    await client.shutdown()
    try await emulator.shutdown()
}

/// A transport that does so whatever its requests say.
struct PatientTransport: HTTPTransport {
    private let transport = AsyncHTTPClientTransport(
        configuration: TransportConfiguration(connectTimeout: .seconds(3600)))

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        var request = request
        request.readWriteTimeout = .seconds(3600)
        return try await transport.send(request)
    }

    func shutdown() async { await transport.shutdown() }
}
