import Crypto
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import OSSChecksum

/// A body that was stored, with its checksums; held by the lease until something refers to it.
struct StoredBody: Sendable {
    var segments: [Segment] = []
    var size: Int64 = 0
    var md5: [UInt8]
    var crc64: UInt64 = 0
    var lease: Lease?

    var etag: String { Hex.encode(md5, uppercase: true) }
}

/// Takes the bytes of one body: into the storage, and through both checksums.
private final class BodyWriter: Sendable {
    private struct State: Sendable {
        var sink: (any BlobSink)?
        var md5 = Insecure.MD5()
        var crc64 = CRC64()
        var size: Int64 = 0
    }

    private let storage: any Storage
    // One caller at a time; the lock is for the hand-over between threads, and is never waited for.
    private let state = NIOLockedValueBox(State())

    init(storage: any Storage) {
        self.storage = storage
    }

    func append(_ bytes: ByteBuffer) throws {
        guard bytes.readableBytes > 0 else { return }
        try state.withLockedValue { state in
            let sink = try state.sink ?? storage.newBlob()
            state.sink = sink
            bytes.withUnsafeReadableBytes { pointer in
                state.md5.update(bufferPointer: pointer)
                state.crc64.update(pointer)
            }
            state.size += Int64(bytes.readableBytes)
            try sink.append(bytes)
        }
    }

    func finish() throws -> StoredBody {
        try state.withLockedValue { state in
            try state.sink?.finish()
            let segments = state.sink.map { [Segment(blob: $0.id, offset: 0, length: state.size)] } ?? []
            return StoredBody(
                segments: segments, size: state.size, md5: Array(state.md5.finalize()), crc64: state.crc64.value)
        }
    }

    func cancel() {
        state.withLockedValue { $0.sink?.cancel() }
    }
}

extension Service {
    /// Up to here hashing takes less time than handing the bytes to another thread.
    private static let smallBody = 16 << 10

    /// Stores the body of a request.
    ///
    /// One chunk is hashed and written on the thread pool while the next arrives; more are never in memory, because
    /// nothing is read from the connection meanwhile.
    func ingest(_ call: Call, upTo limit: Int64) async throws -> StoredBody {
        guard call.body.isChunked || call.body.announcedLength != nil else { throw Fault.missingContentLength }
        if let length = call.body.announcedLength, length > limit {
            throw Fault.entityTooLarge(length, limit: limit)
        }
        let expected = try ContentMD5(call.request)
        // A piece is gathered, then hashed and stored in one go.
        let share = budget.share()
        let writer = BodyWriter(storage: catalogue.storage)
        let pool = self.pool
        var pending: EventLoopFuture<Void>?
        var gathered = ByteBuffer()
        var body: StoredBody
        do {
            if let length = call.body.announcedLength {
                gathered.reserveCapacity(Int(min(length, Int64(share.piece))))
            }
            while var bytes = try await call.body.read() {
                guard call.body.received <= limit else {
                    throw Fault.entityTooLarge(call.body.received, limit: limit)
                }
                gathered.writeBuffer(&bytes)
                guard gathered.readableBytes >= share.piece else { continue }
                let chunk = gathered
                try await pending?.get()
                pending = pool.runIfActive(eventLoop: call.eventLoop) { try writer.append(chunk) }
                gathered = ByteBuffer()
                gathered.reserveCapacity(share.piece)
            }
            try await pending?.get()
            pending = nil
            let rest = gathered
            if rest.readableBytes <= Self.smallBody, !catalogue.storage.isBlocking {
                try writer.append(rest)
                body = try writer.finish()
            } else {
                body = try await pool.runIfActive {
                    try writer.append(rest)
                    return try writer.finish()
                }
            }
        } catch {
            // The write under way must end before its file is closed.
            if let pending { _ = try? await pending.get() }
            pool.submit { _ in writer.cancel() }
            throw error
        }
        body.lease = catalogue.adopt(body.segments)
        try expected?.check(body.md5)
        return body
    }
}
