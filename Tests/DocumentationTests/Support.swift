import Foundation
import OSS
import OSSAsyncHTTPClient
import OSSEmulator

/// Runs an example with a client of a local server that has the bucket `my-bucket`, in a folder of its own. Whatever
/// limit of time it sets, the server's machine may be slower.
func withClient(_ body: (OSSClient) async throws -> Void) async throws {
    try await withEmulator { emulator in
        var configuration = ClientConfiguration(
            region: emulator.region, endpoint: emulator.endpoint,
            credentials: .static(accessKeyID: emulator.accessKeyID, accessKeySecret: emulator.accessKeySecret))
        configuration.retry = .never
        configuration.transport = PatientTransport()
        let client = try OSSClient(
            configuration,
            dependencies: RuntimeDependencies(uptime: { .zero }, sleep: { _ in try await Task.sleep(for: .seconds(3600)) })
        )
        try await client.putBucket(PutBucketRequest(bucket: "my-bucket"))
        try await body(client)
        await client.shutdown()
    }
}

func withEmulator(_ body: (Emulator) async throws -> Void) async throws {
    let emulator = try await Emulator.start(.unhurried)
    do {
        try await body(emulator)
    } catch {
        try await emulator.shutdown()
        throw error
    }
    try await emulator.shutdown()
}

private struct PatientTransport: HTTPTransport {
    private let transport = AsyncHTTPClientTransport(
        configuration: TransportConfiguration(connectTimeout: .seconds(3600)))

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        var request = request
        request.readWriteTimeout = .seconds(3600)
        return try await transport.send(request)
    }
}

/// A path in the temporary folder; what is there goes when the example is over.
func withTemporaryFile(_ content: String? = nil, _ body: (String) async throws -> Void) async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "example-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    if let content { try content.write(toFile: path, atomically: true, encoding: .utf8) }
    try await body(path)
}
