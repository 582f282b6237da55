import NIOConcurrencyHelpers
import NIOCore

/// Keeps blobs in memory, and no records at all: the catalogue has them.
final class MemoryStorage: Storage {
    private let blobs = NIOLockedValueBox<[BlobID: [ByteBuffer]]>([:])

    var isBlocking: Bool { false }

    func load() -> StoredState { StoredState() }

    func newBlob() -> any BlobSink { Sink(storage: self) }

    func openBlob(_ id: BlobID) throws -> any BlobSource {
        guard let chunks = blobs.withLockedValue({ $0[id] }) else {
            throw StorageFailure(description: "no such blob")
        }
        return Source(chunks: chunks)
    }

    func discard(_ ids: [BlobID]) {
        // The chunks are freed after the lock was given back.
        _ = blobs.withLockedValue { blobs in ids.map { blobs.removeValue(forKey: $0) } }
    }

    func write(_ record: AccountRecord) {}
    func write(_ record: BucketRecord) {}
    func write(_ version: ObjectVersion, bucket: String) {}
    func write(_ upload: UploadRecord, bucket: String) {}
    func write(_ part: PartRecord, of upload: UploadKey, bucket: String) {}
    func removeBucket(_ name: String) {}
    func removeVersion(_ versionID: String, of key: ObjectKey, bucket: String, isBatched: Bool) {}
    func settle(removalsOf keys: [ObjectKey], bucket: String) {}
    func removeUpload(_ upload: UploadKey, bucket: String) {}
    func close() {}

    private final class Sink: BlobSink {
        let id = BlobID.random()
        private let storage: MemoryStorage
        private let chunks = NIOLockedValueBox<[ByteBuffer]>([])

        init(storage: MemoryStorage) {
            self.storage = storage
        }

        func append(_ bytes: ByteBuffer) {
            // A slice would keep the whole of a larger buffer alive.
            let exact =
                bytes.readableBytes == bytes.storageCapacity ? bytes : ByteBuffer(bytes: bytes.readableBytesView)
            chunks.withLockedValue { $0.append(exact) }
        }

        func finish() {
            let all = chunks.withLockedValue { $0 }
            storage.blobs.withLockedValue { $0[id] = all }
        }

        func cancel() {}
    }

    private struct Source: BlobSource {
        let chunks: [ByteBuffer]
        let starts: [Int64]

        init(chunks: [ByteBuffer]) {
            self.chunks = chunks
            var start: Int64 = 0
            starts = chunks.map { chunk in
                defer { start += Int64(chunk.readableBytes) }
                return start
            }
        }

        /// One chunk's share at most, as a slice that copies nothing.
        func read(at offset: Int64, count: Int) throws -> ByteBuffer {
            var low = 0
            var high = starts.count
            while low < high {
                let middle = (low + high) / 2
                if starts[middle] <= offset { low = middle + 1 } else { high = middle }
            }
            guard low > 0 else { throw StorageFailure(description: "read outside a blob") }
            let chunk = chunks[low - 1]
            let skip = Int(offset - starts[low - 1])
            let length = min(count, chunk.readableBytes - skip)
            guard length > 0, let slice = chunk.getSlice(at: chunk.readerIndex + skip, length: length) else {
                throw StorageFailure(description: "read outside a blob")
            }
            return slice
        }

        func close() {}
    }
}
