import Foundation
import OSS
import OSSEmulator

/// Runs an example with a client of a local server that has the bucket `my-bucket`, in a folder of its own.
func withClient(_ body: (OSSClient) async throws -> Void) async throws {
    try await withEmulator { emulator in
        let client = try OSSClient(
            ClientConfiguration(
                region: emulator.region, endpoint: emulator.endpoint,
                credentials: .static(
                    accessKeyID: emulator.accessKeyID, accessKeySecret: emulator.accessKeySecret)))
        try await client.putBucket(PutBucketRequest(bucket: "my-bucket"))
        try await body(client)
        await client.shutdown()
    }
}

func withEmulator(_ body: (Emulator) async throws -> Void) async throws {
    let emulator = try await Emulator.start()
    do {
        try await body(emulator)
    } catch {
        try await emulator.shutdown()
        throw error
    }
    try await emulator.shutdown()
}

/// A path in the temporary folder; what is there goes when the example is over.
func withTemporaryFile(_ content: String? = nil, _ body: (String) async throws -> Void) async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "example-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    if let content { try content.write(toFile: path, atomically: true, encoding: .utf8) }
    try await body(path)
}
