import Logging
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import OSSEmulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the storage does where the disk doesn't do its part. `Scripts/crash-test` kills a real server.
@Suite struct DurabilityTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = "\(temporaryFolder())/oss-emulator-durability-\(UInt64.random(in: 0 ... .max))"
        try Files.makeDirectories(folder)
        defer { try? Files.removeTree(folder) }
        try await body(folder)
    }

    private func files(_ folder: String) throws -> [String] {
        try Files.list(folder).flatMap { name in
            let path = "\(folder)/\(name)"
            return Files.isDirectory(path) ? try files(path) : [path]
        }
    }

    /// Blobs are removed behind the answer, so this asks until it is so.
    private func has(_ count: Int, in folder: String) async throws -> Bool {
        for _ in 0..<2000 {
            if try files(folder).count == count { return true }
            await Task.yield()
        }
        return false
    }

    @Test func aFullDiskIsAnErrorThatLeavesNothing() async throws {
        try await withFolder { folder in
            let disk = FailingDisk()
            try await withEmulator {
                $0.dataDirectory = folder
                $0.storage = { FailingStorage(base: $0, disk: disk) }
            } _: { client async throws in
                _ = try await client.send("PUT", "/bkt/k", text: "before")
                for failing in [FailingDisk.Step.append, .finish, .record] {
                    disk.failing.withLockedValue { $0 = failing }
                    let large = [UInt8](repeating: 1, count: 2 << 20)
                    for key in ["k", "new"] {
                        let reply = try await client.send("PUT", "/bkt/" + key, body: large)
                        #expect(reply.status == 500 && reply.element("Code") == "InternalError")
                    }
                    #expect(try await client.send("GET", "/bkt/k").text == "before")
                    #expect(try await client.send("HEAD", "/bkt/new").status == 404)
                    disk.failing.withLockedValue { $0 = nil }
                    #expect(try await has(1, in: folder + "/blobs"))
                    #expect(try await has(0, in: folder + "/temporary"))
                }
                #expect(try await client.send("PUT", "/bkt/k", text: "after").status == 200)
            }
            try await withEmulator {
                $0.dataDirectory = folder
            } _: { client async throws in
                #expect(try await client.send("GET", "/bkt/k").text == "after")
            }
        }
    }

    /// The record is in its place, but whether it would be after a crash of the machine is open: the client is told of
    /// a failure, and what is in memory must be what is on the disk.
    @Test func aChangeThatIsNotSafeIsMadeAllTheSame() async throws {
        try await withFolder { folder in
            let disk = FailingDisk()
            try await withEmulator {
                $0.dataDirectory = folder
                $0.storage = { FailingStorage(base: $0, disk: disk) }
            } _: { client async throws in
                for key in ["put", "delete"] { _ = try await client.send("PUT", "/bkt/" + key, text: "before") }
                disk.failing.withLockedValue { $0 = .settle }
                #expect(try await client.send("PUT", "/bkt/put", text: "after").status == 500)
                #expect(try await client.send("DELETE", "/bkt/delete").status == 500)
                #expect(try await client.send("GET", "/bkt/put").text == "after")
                #expect(try await client.send("GET", "/bkt/delete").status == 404)
                disk.failing.withLockedValue { $0 = nil }
                #expect(try await has(1, in: folder + "/blobs"))
            }
            try await withEmulator {
                $0.dataDirectory = folder
            } _: { client async throws in
                #expect(try await client.send("GET", "/bkt/put").text == "after")
                #expect(try await client.send("GET", "/bkt/delete").status == 404)
            }
        }
    }

    @Test func whatCantBeReadIsNotTakenForGone() async throws {
        try await withFolder { folder in
            let record = folder + "/buckets/bkt/bucket"
            try await withEmulator {
                $0.dataDirectory = folder
            } _: { client async throws in
                _ = try await client.send("PUT", "/bkt/k", text: "x")
            }
            let bytes = try Files.readAll(record)
            // Damaged, or gone by someone's hand: not served, not removed, and said.
            for damage in [Array(bytes.dropLast(3)), bytes + [10], nil] {
                try Files.remove(record)
                if let damage { try Files.write(damage, to: record, synchronizing: false) }
                let log = LogLines()
                var configuration = EmulatorConfiguration.unhurried
                configuration.dataDirectory = folder
                configuration.logger = log.logger
                let emulator = try await Emulator.start(configuration)
                #expect(try await TestClient(emulator).send("GET", "/bkt/k").status == 404)
                try await emulator.shutdown()
                #expect(log.text.contains("left out") && log.text.contains("buckets/bkt"))
                #expect(try files(folder + "/blobs").count == 1)
            }
            try? Files.remove(record)
            try Files.write(bytes, to: record, synchronizing: false)
            // Whatever else lies around is nobody's record.
            try Files.write([1], to: folder + "/buckets/bkt/objects/.DS_Store", synchronizing: false)
            try Files.write([1], to: folder + "/buckets/README", synchronizing: false)
            try await withEmulator {
                $0.dataDirectory = folder
            } _: { client async throws in
                #expect(try await client.send("GET", "/bkt/k").text == "x")
            }
        }
    }

    @Test func damagedUploadsAndParts() async throws {
        try await withFolder { folder in
            var upload = ""
            try await withEmulator {
                $0.dataDirectory = folder
            } _: { client async throws in
                upload = try await client.send("POST", "/bkt/k", query: [("uploads", "")]).element("UploadId") ?? ""
                for number in ["1", "2"] {
                    _ = try await client.send(
                        "PUT", "/bkt/k", query: [("partNumber", number), ("uploadId", upload)], text: "part")
                }
            }
            let parts = try files(folder + "/buckets/bkt/uploads").filter { $0.hasSuffix("part-1") }
            let path = try #require(parts.first)
            let bytes = try Files.readAll(path)
            try Files.remove(path)
            try Files.write(Array(bytes.dropLast()), to: path, synchronizing: false)
            try await withEmulator {
                $0.dataDirectory = folder
            } _: { client async throws in
                let reply = try await client.send("GET", "/bkt/k", query: [("uploadId", upload)])
                #expect(reply.elements("PartNumber") == ["2"])
            }
            #expect(try files(folder + "/blobs").count == 2)
        }
    }

    @Test func foldersOfOthersAreLeftAlone() async throws {
        try await withFolder { folder in
            try Files.makeDirectories(folder + "/temporary")
            try Files.write([1], to: folder + "/temporary/thesis", synchronizing: false)
            var configuration = EmulatorConfiguration.unhurried
            configuration.dataDirectory = folder
            await #expect(throws: EmulatorError.self) { try await Emulator.start(configuration) }
            #expect(Files.size(folder + "/temporary/thesis") == 1)
            try Files.removeTree(folder + "/temporary")
            try Files.write(Array("oss-emulator 2\n".utf8), to: folder + "/lock", synchronizing: false)
            await #expect(throws: EmulatorError.self) { try await Emulator.start(configuration) }
        }
    }

    @Test func manyDeletesAtOnce() async throws {
        try await withFolder { folder in
            try await withEmulator {
                $0.dataDirectory = folder
            } _: { client async throws in
                for number in 0..<20 { _ = try await client.send("PUT", "/bkt/k\(number)", text: "x") }
                let body = Array(
                    "<Delete>\((0..<30).map { "<Object><Key>k\($0)</Key></Object>" }.joined())</Delete>".utf8)
                let reply = try await client.send(
                    "POST", "/bkt/", query: [("delete", "")], headers: ["Content-MD5": md5Header(body)], body: body)
                #expect(reply.status == 200 && reply.elements("Deleted").count == 30)
                #expect(try await has(0, in: folder + "/blobs"))
                #expect(try files(folder + "/buckets/bkt/objects").isEmpty)
            }
        }
    }
}

/// Says which step of a write fails.
private final class FailingDisk: Sendable {
    enum Step: Sendable {
        case append, finish, record, settle
    }

    let failing = NIOLockedValueBox<Step?>(nil)

    func pass(_ step: Step) throws {
        guard failing.withLockedValue({ $0 }) == step else { return }
        throw StorageFailure(
            description: "cannot write: No space left on device", code: ENOSPC, isInPlace: step == .settle)
    }
}

/// A storage on a disk that fails.
private struct FailingStorage: Storage {
    let base: any Storage
    let disk: FailingDisk

    var isBlocking: Bool { base.isBlocking }
    func load() throws -> StoredState { try base.load() }
    func newBlob() throws -> any BlobSink { Sink(base: try base.newBlob(), disk: disk) }
    func openBlob(_ id: BlobID) throws -> any BlobSource { try base.openBlob(id) }
    func discard(_ ids: [BlobID]) { base.discard(ids) }
    func write(_ record: AccountRecord) throws { try base.write(record) }
    func write(_ record: BucketRecord) throws { try base.write(record) }

    func write(_ version: ObjectVersion, bucket: String) throws {
        try disk.pass(.record)
        try base.write(version, bucket: bucket)
        try disk.pass(.settle)
    }

    func write(_ upload: UploadRecord, bucket: String) throws { try base.write(upload, bucket: bucket) }
    func write(_ part: PartRecord, of upload: UploadKey, bucket: String) throws {
        try base.write(part, of: upload, bucket: bucket)
    }
    func removeBucket(_ name: String) throws { try base.removeBucket(name) }

    func removeVersion(_ versionID: String, of key: ObjectKey, bucket: String, isBatched: Bool) throws {
        try base.removeVersion(versionID, of: key, bucket: bucket, isBatched: isBatched)
        try disk.pass(.settle)
    }

    func settle(removalsOf keys: [ObjectKey], bucket: String) throws {
        try base.settle(removalsOf: keys, bucket: bucket)
    }
    func removeUpload(_ upload: UploadKey, bucket: String) throws { try base.removeUpload(upload, bucket: bucket) }
    func close() { base.close() }

    struct Sink: BlobSink {
        let base: any BlobSink
        let disk: FailingDisk

        var id: BlobID { base.id }
        func append(_ bytes: ByteBuffer) throws {
            try disk.pass(.append)
            try base.append(bytes)
        }
        func finish() throws {
            try disk.pass(.finish)
            try base.finish()
        }
        func cancel() { base.cancel() }
    }
}

/// Keeps what is logged.
private final class LogLines: Sendable {
    private let lines = NIOLockedValueBox<[String]>([])

    var text: String { lines.withLockedValue { $0.joined(separator: "\n") } }
    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLockedValue { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}
