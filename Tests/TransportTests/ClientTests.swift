import Foundation
import OSS
import OSSEmulator
import Testing

/// The client over each transport, against the local server, which checks every signature.
@Suite("Client over each transport", .serialized, .timeLimit(.minutes(60)))
struct ClientTests {
    private func withBucket(
        _ subject: TransportUnderTest,
        _ body: (OSSClient, String) async throws -> Void
    ) async throws {
        let emulator = try await Emulator.start(.unhurried)
        let (transport, shutdown) = try subject.make(.init(connectTimeout: .seconds(3600)))
        var configuration = ClientConfiguration(
            region: emulator.region, endpoint: emulator.endpoint,
            credentials: .static(accessKeyID: emulator.accessKeyID, accessKeySecret: emulator.accessKeySecret))
        configuration.retry = .never
        configuration.transport = transport
        configuration.readWriteTimeout = .seconds(3600)
        let client = try OSSClient(configuration)
        try await client.putBucket(.init(bucket: "my-bucket"))
        try await body(client, "my-bucket")
        await client.shutdown()
        await shutdown()
        try await emulator.shutdown()
    }

    @Test("cfg-http-client: odd keys are put, read, listed and deleted", arguments: TransportUnderTest.all)
    func oddKeys(_ subject: TransportUnderTest) async throws {
        try await withBucket(subject) { client, bucket in
            var keys = [
                " !@#$%^&*()_+-=;'><,?.txt", "a//b", "/leading", ".hidden", "..a/.b", "trailing/", "日本/猫.png", "😀",
                "+%2F?x=1&y#z", "a\tb\u{1}c", "{[|\\]}`\"~",
            ]
            if subject.exclusions[.dotSegments] == nil { keys.append("a/./b/../c") }
            for key in keys {
                try await client.putObject(.init(bucket: bucket, key: key, body: "content of \(key)"))
                let object = try await client.getObject(.init(bucket: bucket, key: key))
                #expect(try await object.body.text(upTo: 1000) == "content of \(key)")
                #expect(
                    try await client.headObject(.init(bucket: bucket, key: key)).contentLength
                        == Int64("content of \(key)".utf8.count))
            }
            var listed: Set<String> = []
            for try await object in client.listObjectsV2Pages(.init(bucket: bucket, maxKeys: 3)).items(\.contents) {
                listed.insert(object.key)
            }
            #expect(listed == Set(keys))
            let deleted = try await client.deleteMultipleObjects(
                .init(bucket: bucket, delete: .init(objects: keys.map { .init(key: $0) })))
            #expect(Set(deleted.deletedObjects.map(\.key)) == Set(keys))
        }
    }

    @Test("cfg-http-client: bodies are streamed and checked both ways", arguments: TransportUnderTest.all)
    func streams(_ subject: TransportUnderTest) async throws {
        try await withBucket(subject) { client, bucket in
            let chunk = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for length in [nil, 200 * 65_536] as [Int64?] {
                let body = RequestBody.stream(Tap(chunk: chunk, limit: 200), length: length)
                let put = try await client.putObject(.init(bucket: bucket, key: "big", body: body))
                #expect(put.hashCRC64 != nil)
                let object = try await client.getObject(.init(bucket: bucket, key: "big"))
                #expect(object.body.length == Int64(200 * chunk.count))
                var offset = 0
                for try await piece in object.body {
                    #expect(piece.first == chunk[offset % chunk.count])
                    offset += piece.count
                }
                #expect(offset == 200 * 65_536)
            }
            let range = try await client.getObject(.init(bucket: bucket, key: "big", range: "bytes=65536-65539"))
            #expect(try await range.body.collect(upTo: 10) == Array(chunk.prefix(4)))
            let path = FileManager.default.temporaryDirectory.appending(path: "oss-\(UUID())").path
            defer { try? FileManager.default.removeItem(atPath: path) }
            let object = try await client.getObject(.init(bucket: bucket, key: "big"))
            #expect(try await object.body.write(toFile: path) == 200 * 65_536)
            try await client.putObject(.init(bucket: bucket, key: "copy", body: try .file(at: path)))
            #expect(try await client.headObject(.init(bucket: bucket, key: "copy")).contentLength == 200 * 65_536)
        }
    }

    @Test("cfg-http-client: bodies in parts, appended and empty", arguments: TransportUnderTest.all)
    func otherBodies(_ subject: TransportUnderTest) async throws {
        try await withBucket(subject) { client, bucket in
            let first = try await client.appendObject(.init(bucket: bucket, key: "log", position: 0, body: "one "))
            try await client.appendObject(
                .init(bucket: bucket, key: "log", position: first.nextPosition ?? 0, body: "two"))
            #expect(try await client.getObject(.init(bucket: bucket, key: "log")).body.text(upTo: 100) == "one two")
            try await client.putObject(.init(bucket: bucket, key: "empty"))
            #expect(try await client.getObject(.init(bucket: bucket, key: "empty")).body.collect(upTo: 0) == [])
            let id = try #require(
                try await client.initiateMultipartUpload(.init(bucket: bucket, key: "parts")).uploadID)
            let part = try await client.uploadPart(
                .init(
                    bucket: bucket, key: "parts", uploadID: id, partNumber: 1,
                    body: .bytes(Array(repeating: 1, count: 200_000))))
            try await client.completeMultipartUpload(
                .init(
                    bucket: bucket, key: "parts", uploadID: id,
                    completeMultipartUpload: .init(parts: [.init(partNumber: 1, etag: part.etag)])))
            #expect(try await client.headObject(.init(bucket: bucket, key: "parts")).contentLength == 200_000)
        }
    }

    @Test("cfg-http-client: errors of the service are read", arguments: TransportUnderTest.all)
    func errors(_ subject: TransportUnderTest) async throws {
        try await withBucket(subject) { client, bucket in
            let missing = await #expect(throws: OSSError.self) {
                try await client.getObject(.init(bucket: bucket, key: "missing"))
            }
            #expect(missing?.code == .noSuchKey)
            let head = await #expect(throws: OSSError.self) {
                try await client.headObject(.init(bucket: bucket, key: "missing"))
            }
            #expect(head?.status == 404)
            // Refused before it is read, however large it is.
            let refused = await #expect(throws: OSSError.self) {
                try await client.putObject(.init(bucket: "no-such-bucket", key: "x", body: .stream(Tap(limit: 1000))))
            }
            #expect(refused?.code == .noSuchBucket)
        }
    }

    /// TRAPS 2: what URLSession unpacks has neither the length nor the checksum of what is stored.
    @Test("cfg-http-client: an object that is stored compressed can be read", arguments: TransportUnderTest.all)
    func compressedObjects(_ subject: TransportUnderTest) async throws {
        let bytes = [UInt8](try #require(Data(base64Encoded: "H4sIAAAAAAACA8tIzcnJ11Eozy/KSQEAOnKr/wwAAAA=")))
        try await withBucket(subject) { client, bucket in
            try await client.putObject(
                .init(bucket: bucket, key: "x.gz", body: .bytes(bytes), contentEncoding: "gzip"))
            let object = try await client.getObject(.init(bucket: bucket, key: "x.gz"))
            #expect(object.contentEncoding == "gzip")
            let isDecoded = subject.exclusions[.compressedBytesAreLeftAlone] != nil
            #expect(try await object.body.collect(upTo: 100) == (isDecoded ? Array("hello, world".utf8) : bytes))
        }
    }
}
