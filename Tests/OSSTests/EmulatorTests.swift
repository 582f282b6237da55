import Foundation
import OSS
import OSSEmulator
import Testing

/// The client against the local server: every operation once with a server that keeps state and checks each signature.
@Suite("Client and emulator")
struct EmulatorTests {
    static let oddKeys = [
        " !@#$%^&*()_+-=;'><,?.txt", "a//b", "a/./b/../c", "/leading", ".hidden", "trailing/", "日本/猫.png", "😀",
        "+%2F?x=1&y#z", "a\tb\u{1}c",
    ]

    private func withBucket(_ body: (OSSClient, String) async throws -> Void) async throws {
        var open = EmulatorConfiguration.unhurried
        open.blocksPublicAccess = false
        try await OSSTests.withBucket(on: open) { try await body($0, $1) }
    }

    @Test func buckets() async throws {
        try await withBucket { client, bucket in
            let owned = try await client.listBuckets(.init())
            #expect(owned.buckets.map(\.name) == [bucket])
            let info = try await client.getBucketInfo(.init(bucket: bucket)).bucketInfo
            #expect(info?.name == bucket)
            #expect(info?.acl == .private)
            #expect(try await client.getBucketLocation(.init(bucket: bucket)).location == "oss-cn-hangzhou")
            #expect(try await client.getBucketStat(.init(bucket: bucket)).objectCount == 0)
            try await client.putBucketAcl(.init(bucket: bucket, acl: .publicRead))
            #expect(try await client.getBucketAcl(.init(bucket: bucket)).acl == .publicRead)
            try await client.putObject(.init(bucket: bucket, key: "a"))
            let error = await #expect(throws: OSSError.self) { try await client.deleteBucket(.init(bucket: bucket)) }
            #expect(error?.code == .bucketNotEmpty)
            try await client.deleteObject(.init(bucket: bucket, key: "a"))
            try await client.deleteBucket(.init(bucket: bucket))
            let gone = await #expect(throws: OSSError.self) { try await client.getBucketInfo(.init(bucket: bucket)) }
            #expect(gone?.code == .noSuchBucket)
        }
    }

    @Test(arguments: oddKeys)
    func oddKeysComeBackAsTheyAre(key: String) async throws {
        try await withBucket { client, bucket in
            try await client.putObject(.init(bucket: bucket, key: key, body: "content of \(key)"))
            let object = try await client.getObject(.init(bucket: bucket, key: key))
            #expect(try await object.body.text(upTo: 1000) == "content of \(key)")
            var keys: [String] = []
            for try await object in client.listObjectsV2Pages(.init(bucket: bucket)).items(\.contents) {
                keys.append(object.key)
            }
            #expect(keys == [key])
            try await client.copyObject(.init(bucket: bucket, key: "copy", sourceKey: key))
            #expect(
                try await client.headObject(.init(bucket: bucket, key: "copy")).contentLength
                    == Int64("content of \(key)".utf8.count))
            let deleted = try await client.deleteMultipleObjects(
                .init(bucket: bucket, delete: .init(objects: [.init(key: key), .init(key: "copy")])))
            #expect(Set(deleted.deletedObjects.map(\.key)) == [key, "copy"])
            #expect(try await client.listObjectsV2(.init(bucket: bucket)).contents.isEmpty)
        }
    }

    @Test func objectsWithEverything() async throws {
        try await withBucket { client, bucket in
            let put = try await client.putObject(
                .init(
                    bucket: bucket, key: "a.txt", body: "123456789", storageClass: .ia, metadata: ["name": "value"],
                    cacheControl: "no-cache", contentType: "text/x-special", tagging: "k=v"
                )
            )
            #expect(put.hashCRC64 == "11051210869376104954")
            let head = try await client.headObject(.init(bucket: bucket, key: "a.txt"))
            #expect(head.contentLength == 9)
            #expect(head.contentType == "text/x-special")
            #expect(head.cacheControl == "no-cache")
            #expect(head.metadata == ["name": "value"])
            #expect(head.storageClass == .ia)
            #expect(head.taggingCount == 1)
            #expect(head.etag == put.etag)
            #expect(head.lastModified != nil)
            let range = try await client.getObject(.init(bucket: bucket, key: "a.txt", range: "bytes=2-4"))
            #expect(try await range.body.text(upTo: 10) == "345")
            let past = await #expect(throws: OSSError.self) {
                try await client.getObject(.init(bucket: bucket, key: "a.txt", range: "bytes=100-"))
            }
            #expect(past?.status == 416)
            let match = await #expect(throws: OSSError.self) {
                try await client.getObject(.init(bucket: bucket, key: "a.txt", ifNoneMatch: put.etag))
            }
            #expect(match?.status == 304)
            #expect(try await client.getObjectMeta(.init(bucket: bucket, key: "a.txt")).contentLength == 9)
            #expect(try await client.getObjectAcl(.init(bucket: bucket, key: "a.txt")).acl == .default)

            try await client.putObjectTagging(
                .init(bucket: bucket, key: "a.txt", tagging: .init(tagSet: .init(tags: [.init(key: "x", value: "y")]))))
            let tags = try await client.getObjectTagging(.init(bucket: bucket, key: "a.txt"))
            #expect(tags.tagSet?.tags.map(\.key) == ["x"])
            try await client.deleteObjectTagging(.init(bucket: bucket, key: "a.txt"))
            #expect(
                try await client.getObjectTagging(.init(bucket: bucket, key: "a.txt")).tagSet?.tags.isEmpty != false)
        }
    }

    @Test func appendingAndItsRaces() async throws {
        try await withBucket { client, bucket in
            let first = try await client.appendObject(.init(bucket: bucket, key: "log", position: 0, body: "one "))
            #expect(first.nextPosition == 4)
            try await client.appendObject(.init(bucket: bucket, key: "log", position: 4, body: "two"))
            let race = await #expect(throws: OSSError.self) {
                try await client.appendObject(.init(bucket: bucket, key: "log", position: 4, body: "three"))
            }
            #expect(race?.code == .positionNotEqualToLength)
            #expect(try await client.getObject(.init(bucket: bucket, key: "log")).body.text(upTo: 100) == "one two")
        }
    }

    @Test func multipartUploads() async throws {
        try await withBucket { client, bucket in
            let upload = try await client.initiateMultipartUpload(.init(bucket: bucket, key: "big ü"))
            let id = try #require(upload.uploadID)
            #expect(upload.key == "big ü")
            let part = [UInt8](repeating: 65, count: 102_400)
            let one = try await client.uploadPart(
                .init(bucket: bucket, key: "big ü", uploadID: id, partNumber: 1, body: .bytes(part)))
            try await client.putObject(.init(bucket: bucket, key: "source", body: .bytes(part)))
            let two = try await client.uploadPartCopy(
                .init(
                    bucket: bucket, key: "big ü", uploadID: id, partNumber: 2, sourceKey: "source",
                    sourceRange: "bytes=0-9")
            )
            let uploads = try await client.listMultipartUploads(.init(bucket: bucket))
            #expect(uploads.uploads.map(\.key) == ["big ü"])
            var sizes: [Int64?] = []
            for try await part in client.listPartsPages(.init(bucket: bucket, key: "big ü", uploadID: id, maxParts: 1))
                .items(\.parts)
            {
                sizes.append(part.size)
            }
            #expect(sizes == [102_400, 10])
            let parts = CompleteMultipartUpload(parts: [
                .init(partNumber: 1, etag: one.etag), .init(partNumber: 2, etag: two.etag),
            ])
            let done = try await client.completeMultipartUpload(
                .init(bucket: bucket, key: "big ü", uploadID: id, completeMultipartUpload: parts))
            #expect(done.key == "big ü")
            #expect(
                try await client.getObject(.init(bucket: bucket, key: "big ü")).body.collect(upTo: 1 << 20).count
                    == 102_410)

            let other = try #require(try await client.initiateMultipartUpload(.init(bucket: bucket, key: "x")).uploadID)
            try await client.abortMultipartUpload(.init(bucket: bucket, key: "x", uploadID: other))
            let gone = await #expect(throws: OSSError.self) {
                try await client.listParts(.init(bucket: bucket, key: "x", uploadID: other))
            }
            #expect(gone?.code == .noSuchUpload)
        }
    }

    @Test func versions() async throws {
        try await withBucket { client, bucket in
            try await client.putBucketVersioning(
                .init(bucket: bucket, versioningConfiguration: .init(status: .enabled)))
            #expect(try await client.getBucketVersioning(.init(bucket: bucket)).versionStatus == .enabled)
            let one = try await client.putObject(.init(bucket: bucket, key: "a", body: "one"))
            try await client.putObject(.init(bucket: bucket, key: "a", body: "two"))
            let marker = try await client.deleteObject(.init(bucket: bucket, key: "a"))
            #expect(marker.deleteMarker == true)
            let old = try await client.getObject(.init(bucket: bucket, key: "a", versionID: one.versionID))
            #expect(try await old.body.text(upTo: 10) == "one")
            var versions: [String?] = []
            var markers: [String?] = []
            for try await page in client.listObjectVersionsPages(.init(bucket: bucket, maxKeys: 1)) {
                versions += page.versions.map(\.versionID)
                markers += page.deleteMarkers.map(\.versionID)
            }
            #expect(versions.count == 2)
            #expect(versions.last == one.versionID)
            #expect(markers == [marker.versionID])
        }
    }

    @Test func lifecycleRulesComeBackEqual() async throws {
        try await withBucket { client, bucket in
            let rules = LifecycleConfiguration(rules: [
                .init(
                    id: "a&b", prefix: "log/", status: .enabled, tags: [.init(key: "k", value: "a = b")],
                    expiration: .init(days: 30),
                    transitions: [.init(days: 10, storageClass: .ia)]
                )
            ])
            try await client.putBucketLifecycle(.init(bucket: bucket, lifecycleConfiguration: rules))
            #expect(try await client.getBucketLifecycle(.init(bucket: bucket)).lifecycleConfiguration == rules)
            try await client.deleteBucketLifecycle(.init(bucket: bucket))
            let error = await #expect(throws: OSSError.self) {
                try await client.getBucketLifecycle(.init(bucket: bucket))
            }
            #expect(error?.status == 404)
        }
    }

    @Test("op-paginate: lists group and page") func listsGroupAndPage() async throws {
        try await withBucket { client, bucket in
            for key in ["a/1", "a/2", "b/1", "c"] {
                try await client.putObject(.init(bucket: bucket, key: key, body: "x"))
            }
            var prefixes: [String] = []
            var keys: [String] = []
            for try await page in client.listObjectsV2Pages(.init(bucket: bucket, delimiter: "/", maxKeys: 1)) {
                prefixes += page.commonPrefixes.map(\.prefix)
                keys += page.contents.map(\.key)
            }
            #expect(prefixes == ["a/", "b/"])
            #expect(keys == ["c"])
            var old: [String] = []
            for try await object in client.listObjectsPages(.init(bucket: bucket, maxKeys: 2)).items(\.contents) {
                old.append(object.key)
            }
            #expect(old == ["a/1", "a/2", "b/1", "c"])
        }
    }

    @Test("body-in: a stream of unknown length is stored") func aStreamOfUnknownLengthIsStored() async throws {
        try await withBucket { client, bucket in
            let stream = AsyncStream<[UInt8]> { continuation in
                for index in 0..<100 { continuation.yield([UInt8](repeating: UInt8(index), count: 10_000)) }
                continuation.finish()
            }
            try await client.putObject(.init(bucket: bucket, key: "s", body: .stream(stream)))
            #expect(try await client.headObject(.init(bucket: bucket, key: "s")).contentLength == 1_000_000)
        }
    }

    @Test("cfg-additional-headers: the server checks them") func additionalHeadersAreSigned() async throws {
        try await OSSTests.withBucket {
            $0.additionalSignedHeaders = ["Host", "cache-control", "x-absent"]
        } _: { client, bucket in
            try await client.putObject(.init(bucket: bucket, key: "a", body: "x", cacheControl: "no-cache"))
            #expect(try await client.headObject(.init(bucket: bucket, key: "a")).cacheControl == "no-cache")
        }
    }

    @Test func wrongKeysAreToldApart() async throws {
        let emulator = try await Emulator.start(.unhurried)
        let good = try OSSClient(ClientConfiguration(emulator))
        try await good.putBucket(.init(bucket: "my-bucket"))
        let wrong = try OSSClient(ClientConfiguration(emulator, secret: "wrong"))
        let error = try #require(
            await #expect(throws: OSSError.self) { try await wrong.listObjectsV2(.init(bucket: "my-bucket")) })
        #expect(error.code == .signatureDoesNotMatch)
        #expect(!"\(error)".contains(emulator.accessKeySecret))
        var configuration = ClientConfiguration(emulator)
        configuration.credentials = .anonymous
        let anonymous = try OSSClient(configuration)
        let denied = await #expect(throws: OSSError.self) {
            try await anonymous.listObjectsV2(.init(bucket: "my-bucket"))
        }
        #expect(denied?.code == .accessDenied)
        for client in [good, wrong, anonymous] { await client.shutdown() }
        try await emulator.shutdown()
    }
}
