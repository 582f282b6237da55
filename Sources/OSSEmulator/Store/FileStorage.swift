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
///     DIR/lock                                     held while an emulator runs; says whose folder this is
///     DIR/temporary/…                              what is being written or removed; emptied at start
///     DIR/blobs/HH/ID                              bytes, never changed once there
///     DIR/accounts/ID                              an account's record
///     DIR/buckets/NAME/bucket                      a bucket's record
///     DIR/buckets/NAME/objects/HH/HASH.VERSION     a version's record; HASH is the SHA-256 of the key
///     DIR/buckets/NAME/uploads/ID/upload           an upload's record
///     DIR/buckets/NAME/uploads/ID/part-N           a part's record
///
/// Every file is written under `temporary`, synchronized and then renamed to its place, blobs before the record that
/// names them; what is removed goes in the reverse order, records before their blobs, and folders are renamed to
/// `temporary` first. So a record that is there is whole, and so is what it names. A blob that no record names is
/// removed at the next start.
final class FileStorage: Storage {
    let root: String
    let logger: Logger
    private let isSynchronizing: Bool
    private let lockDescriptor: CInt
    /// Folders that were found or made, and are safe from a crash of the machine.
    private let folders = NIOLockedValueBox<Set<String>>([])

    var isBlocking: Bool { true }

    private static let format = "oss-emulator 1\n"

    /// - Parameter isSynchronizing: without it a crash of the machine (not of the process) may lose what was written.
    init(directory: String, isSynchronizing: Bool, logger: Logger) throws {
        var root = directory
        while root.count > 1, root.hasSuffix("/") { root.removeLast() }
        self.root = root
        self.isSynchronizing = isSynchronizing
        self.logger = logger
        try Files.makeDirectories(root)
        // What is in `temporary` goes; it had better be ours.
        let names = try Files.list(root)
        guard names.isEmpty || names.contains("lock") else {
            throw StorageFailure(description: "\(root) is neither empty nor a folder of the emulator's")
        }
        lockDescriptor = try Files.open(root + "/lock", O_RDWR | O_CREAT)
        do {
            guard try Files.lock(lockDescriptor, root + "/lock") else {
                throw StorageFailure(description: "\(root) is in use by another emulator")
            }
            let format = try Files.readAll(root + "/lock")
            if format.isEmpty {
                try Array(Self.format.utf8).withUnsafeBytes { try Files.writeAll(lockDescriptor, $0) }
            } else if !format.elementsEqual(Self.format.utf8) {
                throw StorageFailure(description: "\(root) is of another version of the emulator, or not its folder")
            }
            for name in ["temporary", "blobs", "accounts", "buckets"] { try Files.makeDirectory(root + "/" + name) }
            for name in try Files.list(root + "/temporary") { try Files.removeTree(root + "/temporary/" + name) }
            for byte in UInt8.min...UInt8.max { try Files.makeDirectory(root + "/blobs/" + Hex.encode([byte])) }
            for name in ["/blobs", ""] { try synchronize(root + name) }
        } catch {
            Files.close(lockDescriptor)
            throw error
        }
    }

    func close() {
        // A process that is being started right now has the descriptor, too.
        Files.unlock(lockDescriptor)
        Files.close(lockDescriptor)
    }

    // MARK: Names

    func blobPath(_ id: BlobID) -> String {
        let name = Hex.encode(id.value)
        return "\(root)/blobs/\(name.prefix(2))/\(name)"
    }

    func bucketPath(_ name: String) throws -> String {
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

    /// Makes a folder's entries safe from a crash of the machine.
    private func synchronize(_ folder: String) throws {
        guard isSynchronizing else { return }
        do {
            try Files.synchronizeDirectory(folder)
        } catch var failure as StorageFailure {
            failure.isInPlace = true
            throw failure
        }
    }

    private func put(_ bytes: [UInt8], at path: String, in folder: String) throws {
        let temporary = temporaryPath()
        try Files.write(bytes, to: temporary, synchronizing: isSynchronizing)
        do {
            try Files.move(temporary, to: path)
        } catch {
            try? Files.remove(temporary)
            throw error
        }
        try synchronize(folder)
    }

    private func ensureFolder(_ path: String, in parent: String) throws {
        guard !folders.withLockedValue({ $0.contains(path) }) else { return }
        try Files.makeDirectory(path)
        // Also where it was there: whoever made it may not have come this far yet.
        if isSynchronizing { try Files.synchronizeDirectory(parent) }
        folders.withLockedValue { _ = $0.insert(path) }
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
        try Files.makeDirectory(folder)
        if isSynchronizing { try Files.synchronizeDirectory(try bucketPath(bucket) + "/uploads") }
        try put(upload.encoded(), at: folder + "/upload", in: folder)
    }

    func write(_ part: PartRecord, of upload: UploadKey, bucket: String) throws {
        let folder = try uploadPath(upload, bucket: bucket)
        try put(part.encoded(), at: folder + "/part-\(part.number)", in: folder)
    }

    func removeVersion(_ versionID: String, of key: ObjectKey, bucket: String, isBatched: Bool) throws {
        let (folder, file) = try versionPath(versionID, of: key, bucket: bucket)
        try Files.remove(file)
        if !isBatched { try synchronize(folder) }
    }

    func settle(removalsOf keys: [ObjectKey], bucket: String) throws {
        // The first takes along what the others would wait for; most file systems then have nothing left to do.
        for folder in try Set(keys.map { try versionPath("", of: $0, bucket: bucket).folder }) {
            try synchronize(folder)
        }
    }

    func removeBucket(_ name: String) throws {
        let folder = try bucketPath(name)
        folders.withLockedValue { folders in folders = folders.filter { $0 != folder && !$0.hasPrefix(folder + "/") } }
        try removeFolder(folder, in: root + "/buckets")
    }

    func removeUpload(_ upload: UploadKey, bucket: String) throws {
        try removeFolder(try uploadPath(upload, bucket: bucket), in: try bucketPath(bucket) + "/uploads")
    }

    /// Takes a folder away in one step.
    private func removeFolder(_ path: String, in parent: String) throws {
        let temporary = temporaryPath()
        try Files.move(path, to: temporary)
        defer {
            do {
                try Files.removeTree(temporary)
            } catch {
                logger.warning("left for the next start to remove", metadata: ["reason": "\(error)"])
            }
        }
        try synchronize(parent)
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
            let path = storage.blobPath(id)
            do {
                defer { Files.close(descriptor) }
                if storage.isSynchronizing { try Files.synchronize(descriptor) }
                try Files.move(temporary, to: path)
                try storage.synchronize(String(path.dropLast(17)))
            } catch {
                for path in [temporary, path] { try? Files.remove(path) }
                throw error
            }
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
}
