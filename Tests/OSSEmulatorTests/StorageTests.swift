import Testing

@testable import OSSEmulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder that goes when the test is over.
final class TemporaryFolder {
    let path: String

    init() throws {
        path =
            "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/oss-emulator-test-\(UInt64.random(in: 0 ... .max))"
        try Files.makeDirectories(path)
    }

    deinit {
        try? Files.removeTree(path)
    }

    func files(_ below: String = "") throws -> [String] {
        var result: [String] = []
        for name in try Files.list(path + below) {
            let child = "\(below)/\(name)"
            if Files.isDirectory(path + child) { result += try files(child) } else { result.append(child) }
        }
        return result
    }

    /// Blobs are removed behind the answer, so this asks until it is so.
    func blobs(are count: Int) async throws -> Bool {
        try await eventually { try files("/blobs").count == count }
    }

    func write(_ bytes: [UInt8], _ name: String) throws {
        let descriptor = try Files.open(path + name, O_WRONLY | O_CREAT | O_TRUNC)
        defer { Files.close(descriptor) }
        try bytes.withUnsafeBytes { try Files.writeAll(descriptor, $0) }
    }
}

@Suite struct StorageTests {
    private func withData(_ folder: TemporaryFolder, _ body: (TestClient) async throws -> Void) async throws {
        try await withEmulator(
            {
                $0.dataDirectory = folder.path + "/data"
                $0.blocksPublicAccess = false
            }, body)
    }

    @Test func everythingSurvivesARestart() async throws {
        let folder = try TemporaryFolder()
        let keys = [
            "a", "../../../escape", "..", "/", "//x", "dir/", "nul\u{1}\n", "é", "e\u{301}",
            String(repeating: "k", count: 1023),
        ]
        var uploadID = ""
        var first = ""
        try await withData(folder) { client async throws in
            for key in keys {
                let reply = try await client.send(
                    "PUT", "/bkt/" + key, headers: ["x-oss-meta-m": "v", "x-oss-tagging": "a=b"], text: "body of \(key)"
                )
                #expect(reply.status == 200)
            }
            _ = try await client.send("POST", "/bkt/log", query: [("append", ""), ("position", "0")], text: "one")
            _ = try await client.send("POST", "/bkt/log", query: [("append", ""), ("position", "3")], text: "two")
            uploadID = try await client.send("POST", "/bkt/up", query: [("uploads", "")]).element("UploadId") ?? ""
            _ = try await client.send(
                "PUT", "/bkt/up", query: [("partNumber", "7"), ("uploadId", uploadID)], text: "part")
            _ = try await client.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read"])
            _ = try await client.send(
                "PUT", "/bkt/", query: [("versioning", "")],
                text: "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
            first = try await client.send("PUT", "/bkt/v", text: "1").headers["x-oss-version-id"] ?? ""
            _ = try await client.send("PUT", "/bkt/v", text: "2")
            _ = try await client.send("DELETE", "/bkt/v")
        }
        #expect(try Files.list(folder.path) == ["data"])
        #expect(try folder.files("/data/temporary").isEmpty)
        try await withData(folder) { client async throws in
            for key in keys {
                let reply = try await client.send("GET", "/bkt/" + key)
                #expect(reply.text == "body of \(key)" && reply.headers["x-oss-meta-m"] == "v")
                #expect(reply.headers["x-oss-tagging-count"] == "1")
            }
            #expect(try await client.send("GET", "/bkt/log", isSigned: false).text == "onetwo")
            let parts = try await client.send("GET", "/bkt/up", query: [("uploadId", uploadID)])
            #expect(parts.elements("PartNumber") == ["7"])
            #expect(try await client.send("GET", "/bkt/v").headers["x-oss-delete-marker"] == "true")
            #expect(try await client.send("GET", "/bkt/v", query: [("versionId", first)]).text == "1")
            let listing = try await client.send("GET", "/bkt/", query: [("versions", ""), ("prefix", "v")])
            #expect(listing.elements("IsLatest") == ["true", "false", "false"])
            // New versions come before those of the run before.
            let latest = try await client.send("PUT", "/bkt/v", text: "3").headers["x-oss-version-id"]
            let again = try await client.send("GET", "/bkt/", query: [("versions", ""), ("prefix", "v")])
            #expect(again.elements("VersionId").first == latest)
        }
    }

    /// A process that is just being started has all descriptors of the one that starts it for a moment.
    @Test func theFolderIsFreeThoughTheLockHasACopy() async throws {
        let folder = try TemporaryFolder()
        var copies: [CInt] = []
        defer { for copy in copies { Files.close(copy) } }
        try await withData(folder) { _ in
            var (lock, other) = (stat(), stat())
            #expect(stat(folder.path + "/data/lock", &lock) == 0)
            let descriptors = (0..<CInt(4096)).filter {
                fstat($0, &other) == 0 && other.st_dev == lock.st_dev && other.st_ino == lock.st_ino
            }
            #expect(!descriptors.isEmpty)
            copies = descriptors.map { dup($0) }
        }
        try await withData(folder) { client async throws in
            #expect(try await client.send("GET", "/bkt/").status == 200)
        }
    }

    @Test func aCrashLeavesOnlyWholeObjects() async throws {
        let folder = try TemporaryFolder()
        try await withData(folder) { client async throws in
            _ = try await client.send("PUT", "/bkt/whole", text: "whole")
            _ = try await client.send("PUT", "/bkt/torn", text: "torn")
            _ = try await client.send("PUT", "/bkt/short", text: "short")
        }
        // What a crash may leave: a half-written file, a blob without a record, a bucket without its record.
        try folder.write([1, 2, 3], "/data/temporary/0123")
        try folder.write([1, 2, 3], "/data/blobs/00/0000000000000001")
        try Files.makeDirectories(folder.path + "/data/buckets/half/objects")
        try await withData(folder) { client async throws in
            #expect(try folder.files("/data/temporary").isEmpty)
            #expect(Files.size(folder.path + "/data/blobs/00/0000000000000001") == nil)
            #expect(try await client.send("GET", "/half/").status == 404)
            #expect(try await client.send("GET", "/bkt/").elements("Key") == ["short", "torn", "whole"])
        }
        // Damage that a crash can't do: it must not be served, and must not hurt the rest.
        for name in try folder.files("/data/buckets/bkt/objects") {
            let bytes = try Files.readAll(folder.path + name)
            let text = String(decoding: bytes, as: UTF8.self)
            if text.contains("key torn\n") { try folder.write(Array(bytes.dropLast(30)), name) }
            guard text.contains("key short\n"), let version = ObjectVersion(encoded: bytes) else { continue }
            let blob = Hex.encode(version.segments[0].blob.value)
            try folder.write([1], "/data/blobs/\(blob.prefix(2))/\(blob)")
        }
        try await withData(folder) { client async throws in
            #expect(try await client.send("GET", "/bkt/").elements("Key") == ["whole"])
            #expect(try await client.send("GET", "/bkt/whole").text == "whole")
        }
    }

    @Test func nothingIsLeftOver() async throws {
        let folder = try TemporaryFolder()
        try await withEmulator {
            $0.dataDirectory = folder.path
        } _: { client async throws in
            let body = [UInt8](repeating: 1, count: 1 << 20)
            for _ in 0..<3 { _ = try await client.send("PUT", "/bkt/k", body: body) }
            _ = try await client.send("PUT", "/bkt/copy", headers: ["x-oss-copy-source": "/bkt/k"])
            #expect(try await folder.blobs(are: 1))
            _ = try await client.send("PUT", "/bkt/bad", headers: ["Content-MD5": md5Header([9])], body: body)
            let upload = try await client.send("POST", "/bkt/up", query: [("uploads", "")]).element("UploadId") ?? ""
            for _ in 0..<2 {
                _ = try await client.send(
                    "PUT", "/bkt/up", query: [("partNumber", "1"), ("uploadId", upload)], body: body)
            }
            #expect(try await folder.blobs(are: 2))
            _ = try await client.send("DELETE", "/bkt/up", query: [("uploadId", upload)])
            do {
                let socket = try Socket(port: client.emulator.port)
                try await socket.write(
                    client.head("PUT", "/bkt/lost", headers: ["Content-Length": "\(2 * body.count)"]))
                try await socket.write(body)
            }
            _ = try await client.send("DELETE", "/bkt/k")
            #expect(try await client.send("GET", "/bkt/copy").body == body)
            _ = try await client.send("DELETE", "/bkt/copy")
            #expect(try await folder.blobs(are: 0))
            #expect(try await client.send("DELETE", "/bkt/").status == 204)
            #expect(try folder.files("/buckets").isEmpty)
        }
        #expect(try folder.files("/temporary").isEmpty)
    }

    @Test func oneEmulatorPerFolder() async throws {
        let folder = try TemporaryFolder()
        try await withEmulator {
            $0.dataDirectory = folder.path
        } _: { _ in
            var configuration = EmulatorConfiguration()
            configuration.dataDirectory = folder.path
            await #expect(throws: EmulatorError.self) { try await Emulator.start(configuration) }
        }
        var configuration = EmulatorConfiguration()
        try folder.write([], "/file")
        configuration.dataDirectory = folder.path + "/file/data"
        await #expect(throws: EmulatorError.self) { try await Emulator.start(configuration) }
    }

    @Test func namesOfBucketsAreFenced() throws {
        for name in ["..", ".", "", "a", "a/b", "A-b", "-ab", "ab-", "a\u{0}b", String(repeating: "a", count: 64)] {
            #expect(!BucketName.isValid(name))
        }
        let folder = try TemporaryFolder()
        let storage = try FileStorage(
            directory: folder.path, isSynchronizing: false, logger: EmulatorConfiguration().logger)
        defer { storage.close() }
        #expect(throws: StorageFailure.self) { try storage.removeBucket("../x") }
    }
}
