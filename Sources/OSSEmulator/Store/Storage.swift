import NIOCore

/// Where bytes and records stay. What is done with them is the catalogue's business; a storage only keeps them.
///
/// All calls may block when `isBlocking`; the caller then makes them on the thread pool.
protocol Storage: Sendable {
    var isBlocking: Bool { get }

    /// Everything that an earlier run left whole.
    func load() throws -> StoredState

    /// Starts a new blob. Nothing of it is found after a crash before `finish` returned.
    func newBlob() throws -> any BlobSink
    func openBlob(_ id: BlobID) throws -> any BlobSource
    func discard(_ ids: [BlobID])

    /// Each returns when what was written, or removed, would stay so after a crash.
    func write(_ record: AccountRecord) throws
    func write(_ record: BucketRecord) throws
    func write(_ version: ObjectVersion, bucket: String) throws
    func write(_ upload: UploadRecord, bucket: String) throws
    func write(_ part: PartRecord, of upload: UploadKey, bucket: String) throws

    func removeBucket(_ name: String) throws
    /// - Parameter isBatched: `settle` follows, and only then it must be safe: many removals cost little more than one.
    func removeVersion(_ versionID: String, of key: ObjectKey, bucket: String, isBatched: Bool) throws
    func settle(removalsOf keys: [ObjectKey], bucket: String) throws
    func removeUpload(_ upload: UploadKey, bucket: String) throws

    func close()
}

/// Takes the bytes of one blob, in order, from one caller at a time.
protocol BlobSink: Sendable {
    var id: BlobID { get }
    func append(_ bytes: ByteBuffer) throws
    func finish() throws
    func cancel()
}

/// Gives the bytes of one blob.
protocol BlobSource: Sendable {
    /// Up to `count` bytes; fewer only at the blob's end.
    func read(at offset: Int64, count: Int) throws -> ByteBuffer
    func close()
}

struct StorageFailure: Error, CustomStringConvertible {
    var description: String
    /// The system's number of the error, if it came from there.
    var code: CInt = 0
    /// The change was made, and only its being safe from a crash of the machine failed: what is in memory must follow.
    var isInPlace = false
}

/// What a start finds.
struct StoredState: Sendable {
    struct Bucket: Sendable {
        var record: BucketRecord
        var versions: [ObjectVersion] = []
        var uploads: [(upload: UploadRecord, parts: [PartRecord])] = []
    }

    var buckets: [Bucket] = []
    var accounts: [AccountRecord] = []
}
