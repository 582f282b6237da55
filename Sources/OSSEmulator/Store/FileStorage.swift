import Crypto
import Logging
import NIOConcurrencyHelpers
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Keeps everything in plain files under one folder.
///
///     DIR/lock                                     held while an emulator runs
///     DIR/temporary/…                              what is being written; emptied at start
///     DIR/blobs/HH/ID                              bytes, never changed once there
///     DIR/accounts/ID                              an account's record
///     DIR/buckets/NAME/bucket                      a bucket's record
///     DIR/buckets/NAME/objects/HH/HASH.VERSION     a version's record; HASH is the SHA-256 of the key
///     DIR/buckets/NAME/uploads/ID/upload           an upload's record
///     DIR/buckets/NAME/uploads/ID/part-N           a part's record
///
/// Every file is written under `temporary`, synchronized and then renamed to its place, blobs before the record that
/// names them. So a record that is there is whole, and so is what it names; a blob that no record names is removed at
/// the next start. A removal is not synchronized: after a power failure (not after a crash of the process) something
/// deleted a moment before may be back. Plain files instead of a database because blobs are files anyway, and one
/// rename is the whole transaction.
final class FileStorage: Storage {
    private let root: String
    private let isSynchronizing: Bool
    private let logger: Logger
    private let lockDescriptor: CInt

    var isBlocking: Bool { true }

    /// - Parameter isSynchronizing: without it a crash of the machine (not of the process) may lose what was written.
    init(directory: String, isSynchronizing: Bool, logger: Logger) throws {
        var root = directory
        while root.count > 1, root.hasSuffix("/") { root.removeLast() }
        self.root = root
        self.isSynchronizing = isSynchronizing
        self.logger = logger
        try Files.makeDirectories(root)
        lockDescriptor = try Files.open(root + "/lock", O_RDWR | O_CREAT)
        guard Files.lock(lockDescriptor) else {
            Files.close(lockDescriptor)
            throw StorageFailure(description: "\(root) is in use by another emulator")
        }
        do {
            for name in ["temporary", "blobs", "accounts", "buckets"] { try Files.makeDirectory(root + "/" + name) }
            for name in try Files.list(root + "/temporary") { try Files.removeTree(root + "/temporary/" + name) }
            for byte in UInt8.min...UInt8.max { try Files.makeDirectory(root + "/blobs/" + Hex.encode([byte])) }
        } catch {
            Files.close(lockDescriptor)
            throw error
        }
    }

    func close() {
        Files.close(lockDescriptor)
    }

    // MARK: Names

    private func blobPath(_ id: BlobID) -> String {
        let name = Hex.encode(id.value)
        return "\(root)/blobs/\(name.prefix(2))/\(name)"
    }

    private func bucketPath(_ name: String) throws -> String {
        // Names were checked when the bucket was made; this is the last fence before the file system.
        guard BucketName.isValid(name) else { throw StorageFailure(description: "not a bucket's name") }
        return "\(root)/buckets/\(name)"
    }

    private func versionPath(
        _ versionID: String, of key: ObjectKey, bucket: String
    ) throws -> (folder: String, file: String) {
        let hash = Hex.encode(SHA256.hash(data: key.bytes))
        let folder = "\(try bucketPath(bucket))/objects/\(hash.prefix(2))"
        return (folder, "\(folder)/\(hash).\(Hex.encode(Array(versionID.utf8)))")
    }

    private func uploadPath(_ upload: UploadKey, bucket: String) throws -> String {
        "\(try bucketPath(bucket))/uploads/\(Hex.encode(Array(upload.uploadID.utf8)))"
    }

    private func temporaryPath() -> String {
        "\(root)/temporary/\(Hex.encode(UInt64.random(in: 0 ... .max)))"
    }

    // MARK: Records

    private func put(_ bytes: [UInt8], at path: String, in folder: String) throws {
        let temporary = temporaryPath()
        let descriptor = try Files.open(temporary, O_WRONLY | O_CREAT | O_EXCL)
        do {
            defer { Files.close(descriptor) }
            try bytes.withUnsafeBytes { try Files.writeAll(descriptor, $0) }
            if isSynchronizing { try Files.synchronize(descriptor) }
        } catch {
            try? Files.remove(temporary)
            throw error
        }
        try Files.move(temporary, to: path)
        if isSynchronizing { try Files.synchronizeDirectory(folder) }
    }

    private func ensureFolder(_ path: String, in parent: String) throws {
        guard !Files.isDirectory(path) else { return }
        try Files.makeDirectory(path)
        if isSynchronizing { try Files.synchronizeDirectory(parent) }
    }

    func write(_ record: AccountRecord) throws {
        let folder = root + "/accounts"
        try put(record.encoded(), at: "\(folder)/\(Hex.encode(Array(record.id.utf8)))", in: folder)
    }

    func write(_ record: BucketRecord) throws {
        let folder = try bucketPath(record.name)
        try ensureFolder(folder, in: root + "/buckets")
        try ensureFolder(folder + "/objects", in: folder)
        try ensureFolder(folder + "/uploads", in: folder)
        try put(record.encoded(), at: folder + "/bucket", in: folder)
    }

    func write(_ version: ObjectVersion, bucket: String) throws {
        let (folder, file) = try versionPath(version.versionID, of: version.key, bucket: bucket)
        try ensureFolder(folder, in: try bucketPath(bucket) + "/objects")
        try put(version.encoded(), at: file, in: folder)
    }

    func write(_ upload: UploadRecord, bucket: String) throws {
        let folder = try uploadPath(UploadKey(key: upload.key, uploadID: upload.uploadID), bucket: bucket)
        try ensureFolder(folder, in: try bucketPath(bucket) + "/uploads")
        try put(upload.encoded(), at: folder + "/upload", in: folder)
    }

    func write(_ part: PartRecord, of upload: UploadKey, bucket: String) throws {
        let folder = try uploadPath(upload, bucket: bucket)
        try put(part.encoded(), at: folder + "/part-\(part.number)", in: folder)
    }

    func removeBucket(_ name: String) throws {
        // The record goes first: a folder without it is what is left of a removal.
        try Files.remove(try bucketPath(name) + "/bucket")
        try Files.removeTree(try bucketPath(name))
    }

    func removeVersion(_ versionID: String, of key: ObjectKey, bucket: String) throws {
        try Files.remove(try versionPath(versionID, of: key, bucket: bucket).file)
    }

    func removeUpload(_ upload: UploadKey, bucket: String) throws {
        let folder = try uploadPath(upload, bucket: bucket)
        try Files.remove(folder + "/upload")
        try Files.removeTree(folder)
    }

    // MARK: Blobs

    func newBlob() throws -> any BlobSink {
        let temporary = temporaryPath()
        let descriptor = try Files.open(temporary, O_WRONLY | O_CREAT | O_EXCL)
        return Sink(storage: self, temporary: temporary, descriptor: descriptor)
    }

    func openBlob(_ id: BlobID) throws -> any BlobSource {
        Source(descriptor: try Files.open(blobPath(id), O_RDONLY))
    }

    func discard(_ ids: [BlobID]) {
        for id in ids {
            do {
                try Files.remove(blobPath(id))
            } catch {
                logger.warning("a blob could not be removed", metadata: ["reason": "\(error)"])
            }
        }
    }

    private final class Sink: BlobSink {
        let id = BlobID.random()
        private let storage: FileStorage
        private let temporary: String
        private let descriptor: NIOLockedValueBox<CInt?>

        init(storage: FileStorage, temporary: String, descriptor: CInt) {
            self.storage = storage
            self.temporary = temporary
            self.descriptor = NIOLockedValueBox(descriptor)
        }

        func append(_ bytes: ByteBuffer) throws {
            guard let descriptor = descriptor.withLockedValue({ $0 }) else {
                throw StorageFailure(description: "the blob is closed")
            }
            try bytes.withUnsafeReadableBytes { try Files.writeAll(descriptor, $0) }
        }

        func finish() throws {
            guard let descriptor = take() else { throw StorageFailure(description: "the blob is closed") }
            do {
                defer { Files.close(descriptor) }
                if storage.isSynchronizing { try Files.synchronize(descriptor) }
            }
            let path = storage.blobPath(id)
            guard Files.size(path) == nil else { throw StorageFailure(description: "a blob of this name is there") }
            try Files.move(temporary, to: path)
            if storage.isSynchronizing { try Files.synchronizeDirectory(String(path.dropLast(17))) }
        }

        func cancel() {
            guard let descriptor = take() else { return }
            Files.close(descriptor)
            try? Files.remove(temporary)
        }

        private func take() -> CInt? {
            descriptor.withLockedValue { descriptor in
                defer { descriptor = nil }
                return descriptor
            }
        }
    }

    private struct Source: BlobSource {
        let descriptor: CInt

        func read(at offset: Int64, count: Int) throws -> ByteBuffer {
            try Files.readRegion(descriptor, at: offset, count: count)
        }

        func close() {
            Files.close(descriptor)
        }
    }

    // MARK: Start

    func load() throws -> StoredState {
        var state = StoredState()
        var sizes: [BlobID: Int64] = [:]
        for folder in try Files.list(root + "/blobs") {
            for name in try Files.list("\(root)/blobs/\(folder)") {
                guard let value = UInt64(name, radix: 16), let size = Files.size("\(root)/blobs/\(folder)/\(name)")
                else { continue }
                sizes[BlobID(value: value)] = size
            }
        }
        var used: Set<BlobID> = []
        var leftOut = 0
        func isWhole(_ segments: [Segment]) -> Bool {
            segments.allSatisfy { segment in
                guard let size = sizes[segment.blob] else { return false }
                return segment.offset >= 0 && segment.length >= 0 && segment.offset + segment.length <= size
            }
        }
        for name in try Files.list(root + "/accounts") {
            guard let record = AccountRecord(encoded: try Files.readAll("\(root)/accounts/\(name)")) else {
                logger.warning("a record that is not whole is left out", metadata: ["account": "\(name)"])
                continue
            }
            state.accounts.append(record)
        }
        for name in try Files.list(root + "/buckets") where BucketName.isValid(name) {
            let folder = try bucketPath(name)
            guard let bytes = try? Files.readAll(folder + "/bucket"), let record = BucketRecord(encoded: bytes) else {
                logger.warning("a bucket without a record is removed", metadata: ["bucket": "\(name)"])
                try Files.removeTree(folder)
                continue
            }
            var bucket = StoredState.Bucket(record: record)
            for hash in try Files.list(folder + "/objects") {
                for file in try Files.list("\(folder)/objects/\(hash)") {
                    let path = "\(folder)/objects/\(hash)/\(file)"
                    guard let version = ObjectVersion(encoded: try Files.readAll(path)), isWhole(version.segments)
                    else {
                        logger.warning("a record that is not whole is left out", metadata: ["file": "\(path)"])
                        leftOut += 1
                        continue
                    }
                    used.formUnion(version.segments.map(\.blob))
                    bucket.versions.append(version)
                }
            }
            for id in try Files.list(folder + "/uploads") {
                let path = "\(folder)/uploads/\(id)"
                guard let bytes = try? Files.readAll(path + "/upload"), let upload = UploadRecord(encoded: bytes) else {
                    try Files.removeTree(path)
                    continue
                }
                var parts: [PartRecord] = []
                for file in try Files.list(path) where file.hasPrefix("part-") {
                    guard let part = PartRecord(encoded: try Files.readAll(path + "/" + file)), isWhole(part.segments)
                    else { continue }
                    used.formUnion(part.segments.map(\.blob))
                    parts.append(part)
                }
                bucket.uploads.append((upload, parts))
            }
            state.buckets.append(bucket)
        }
        // Blobs without a record are what a crash left over, unless a record could not be read: then they may be its.
        if leftOut == 0 { discard(sizes.keys.filter { !used.contains($0) }) }
        return state
    }
}
