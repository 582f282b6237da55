import Foundation
import HTTPTypes
import OSS
import OSSEmulator
import Testing

@Suite struct EverydayTests {
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "everyday-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    @Test("op-exists, op-result: put, head, get, exists, delete") func roundTrip() async throws {
        try await withBucket { client, bucket in
            let put = try await client.putObject("meow", bucket: bucket, key: "cat.txt", metadata: ["mood": "fine"])
            #expect(put.response.status == 200)
            #expect(put.response.requestID?.count == 24)
            let head = try await client.headObject(bucket: bucket, key: "cat.txt")
            #expect(head.contentType == "text/plain")
            #expect(head.metadata == ["mood": "fine"])
            #expect(head.response["x-oss-object-type"] == "Normal")
            #expect(try await client.getObject(bucket: bucket, key: "cat.txt").body.text(upTo: 100) == "meow")
            #expect(try await client.objectExists(bucket: bucket, key: "cat.txt"))
            #expect(try await client.bucketExists(bucket))
            try await client.deleteObject(bucket: bucket, key: "cat.txt")
            #expect(try await !client.objectExists(bucket: bucket, key: "cat.txt"))
            #expect(try await !client.bucketExists("nobodys-bucket"))
            let error = await #expect(throws: OSSError.self) {
                try await client.objectExists(bucket: "nobodys-bucket", key: "cat.txt")
            }
            #expect(error?.code == .noSuchBucket)
        }
    }

    @Test("op-exists: what is no plain answer is thrown") func existsErrors() async throws {
        let fixture = try Fixture(
            .reply(403, [:], serviceError("AccessDenied")), .reply(403, [:], serviceError("InvalidAccessKeyId")),
            .reply(403, ["x-oss-err": Data(serviceError("AccessDenied").utf8).base64EncodedString()]))
        let denied = await #expect(throws: OSSError.self) {
            try await fixture.client.bucketExists("somebodys-bucket")
        }
        #expect(denied?.code == .accessDenied)
        await #expect(throws: OSSError.self) { try await fixture.client.bucketExists("my-bucket") }
        await #expect(throws: OSSError.self) { try await fixture.client.objectExists(bucket: "my-bucket", key: "a") }
    }

    @Test(
        "body-range: the first, the last, from an offset",
        arguments: [
            (ObjectRange.first(3), "012"), (.last(3), "789"), (.from(7), "789"), (.bytes(2...4), "234"),
            (.bytes(8...100), "89"), (.last(100), "0123456789"), (.from(0), "0123456789"),
        ])
    func ranges(range: ObjectRange, content: String) async throws {
        try await withBucket { client, bucket in
            try await client.putObject("0123456789", bucket: bucket, key: "digits")
            let part = try await client.getObject(bucket: bucket, key: "digits", range: range)
            #expect(try await part.body.text(upTo: 100) == content)
        }
    }

    @Test("op-file, body-in: from a file and to a file") func files() async throws {
        try await withFolder { folder in
            try await withBucket { client, bucket in
                let source = folder.appending(path: "source.json").path
                let target = folder.appending(path: "target").path
                let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                try Data(bytes).write(to: URL(filePath: source))
                try await client.putObject(fileAt: source, bucket: bucket, key: "a/b.json")
                try Data("old".utf8).write(to: URL(filePath: target))
                let result = try await client.getObject(bucket: bucket, key: "a/b.json", toFileAt: target)
                #expect(result.contentType == "application/json")
                #expect(try Data(contentsOf: URL(filePath: target)) == Data(bytes))
                // A failure leaves the old file, and nothing beside it.
                await #expect(throws: OSSError.self) {
                    try await client.getObject(bucket: bucket, key: "missing", toFileAt: target)
                }
                await #expect(throws: OSSError.self) {
                    try await client.getObject(bucket: bucket, key: "a/b.json", toFileAt: folder.path + "/no/folder")
                }
                let missing = await #expect(throws: OSSError.self) {
                    try await client.putObject(fileAt: folder.path + "/none", bucket: bucket, key: "a")
                }
                #expect(missing?.code == .fileUnreadable)
                #expect(try Data(contentsOf: URL(filePath: target)) == Data(bytes))
                let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
                #expect(left.sorted() == ["source.json", "target"])
            }
        }
    }

    @Test("op-file: wrong bytes never get the name") func wrongBytes() async throws {
        try await withFolder { folder in
            let fixture = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1"], "bytes"))
            let target = folder.appending(path: "target").path
            let error = await #expect(throws: OSSError.self) {
                try await fixture.client.getObject(bucket: "my-bucket", key: "a", toFileAt: target)
            }
            #expect(error?.kind == .checksumMismatch)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }
    }

    @Test("op-paginate: list and delete by prefix") func prefixes() async throws {
        try await withBucket { client, bucket in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<1203 {
                    group.addTask {
                        let key = index < 1200 ? "logs/\(index) &<é>" : "keep/\(index)"
                        try await client.putObject("x", bucket: bucket, key: key)
                    }
                }
                try await group.waitForAll()
            }
            var keys: Set<String?> = []
            for try await object in client.listObjects(bucket: bucket, prefix: "logs/") { keys.insert(object.key) }
            #expect(keys.count == 1200)
            #expect(try await client.deleteObjects(bucket: bucket, prefix: "logs/") == 1200)
            #expect(try await client.deleteObjects(bucket: bucket, prefix: "logs/") == 0)
            var left: [String?] = []
            for try await object in client.listObjects(bucket: bucket) { left.append(object.key) }
            #expect(left == ["keep/1200", "keep/1201", "keep/1202"])
        }
    }

    @Test("op-raw: an operation by its parts") func raw() async throws {
        try await withBucket { client, bucket in
            let put = RawRequest(
                method: .put, bucket: bucket, key: "a b/ü", query: ["tagging": ""],
                headers: [.contentType: "application/xml"],
                body: "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>")
            try await client.putObject("x", bucket: bucket, key: "a b/ü")
            let result = try await client.send(put)
            #expect(result.response.status == 200)
            let tags = try await client.send(
                RawRequest(method: .get, bucket: bucket, key: "a b/ü", query: ["tagging": ""]))
            #expect(try await tags.body.text(upTo: 10_000).contains("<Key>k</Key>"))
            let error = await #expect(throws: OSSError.self) {
                try await client.send(RawRequest(method: .get, bucket: bucket, key: "none", query: ["acl": ""]))
            }
            #expect(error?.code == .noSuchKey)
            #expect(error?.operation == "RawRequest")
        }
        let fixture = try Fixture()
        for request in [
            RawRequest(method: .get, bucket: "No"), RawRequest(method: .get, bucket: "my-bucket", key: ""),
        ] {
            let error = await #expect(throws: OSSError.self) { try await fixture.client.send(request) }
            #expect(error?.kind == .invalidRequest)
        }
        #expect(fixture.transport.sent.isEmpty)
    }

    private static let rule = """
        <LifecycleConfiguration><Rule><ID>a</ID><Prefix>x</Prefix><Status>Enabled</Status>\
        <Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>
        """

    @Test("op-config-raw: text, bytes, a file, and a typed value") func rawConfiguration() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "lifecycle.xml").path
            try Self.rule.write(toFile: file, atomically: true, encoding: .utf8)
            try await withBucket { client, bucket in
                for document in [
                    RequestBody.string(Self.rule), .bytes(Array(Self.rule.utf8)), try .file(at: file),
                ] {
                    try await client.putBucketLifecycle(
                        .init(bucket: bucket, lifecycleConfiguration: .init()),
                        options: CallOptions(document: document))
                    let found = try #require(
                        try await client.getBucketLifecycle(.init(bucket: bucket)).lifecycleConfiguration)
                    #expect(found.rules.map(\.id) == ["a"])
                    try await client.deleteBucketLifecycle(.init(bucket: bucket))
                    try await client.putBucketLifecycle(.init(bucket: bucket, lifecycleConfiguration: found))
                    #expect(
                        try await client.getBucketLifecycle(.init(bucket: bucket)).lifecycleConfiguration == found)
                }
            }
        }
        let fixture = try Fixture(.reply(200))
        try await fixture.client.putBucketLifecycle(
            .init(bucket: "my-bucket", lifecycleConfiguration: .init()),
            options: CallOptions(document: .string(Self.rule)))
        #expect(fixture.transport.sent[0].text == Self.rule)
        #expect(fixture.transport.sent[0].header("content-md5")?.isEmpty == false)
        #expect(fixture.transport.sent[0].header("content-type") == "application/xml")
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.getBucketLifecycle(
                .init(bucket: "my-bucket"), options: CallOptions(document: "x"))
        }
        #expect(error?.kind == .invalidRequest)
    }
}
