import NIOConcurrencyHelpers
import NIOCore

/// Reads an object's bytes from the front to the end, across its blobs.
final class SegmentReader: Sendable {
    private struct State: Sendable {
        var segments: ArraySlice<Segment>
        var source: (any BlobSource)?
    }

    private let storage: any Storage
    // One caller at a time; the lock is for the hand-over between threads, and is never waited for.
    private let state: NIOLockedValueBox<State>

    init(storage: any Storage, segments: [Segment]) {
        self.storage = storage
        state = NIOLockedValueBox(State(segments: segments[...]))
    }

    deinit {
        close()
    }

    /// The next bytes, never more than `count`; nil at the end.
    func read(upTo count: Int) throws -> ByteBuffer? {
        try state.withLockedValue { state in
            while let segment = state.segments.first {
                guard segment.length > 0 else {
                    state.segments.removeFirst()
                    state.source?.close()
                    state.source = nil
                    continue
                }
                let source = try state.source ?? storage.openBlob(segment.blob)
                state.source = source
                let bytes = try source.read(at: segment.offset, count: Int(min(segment.length, Int64(count))))
                guard bytes.readableBytes > 0 else { throw StorageFailure(description: "a blob is too short") }
                state.segments[state.segments.startIndex].offset += Int64(bytes.readableBytes)
                state.segments[state.segments.startIndex].length -= Int64(bytes.readableBytes)
                return bytes
            }
            state.source?.close()
            state.source = nil
            return nil
        }
    }

    func close() {
        state.withLockedValue { state in
            state.source?.close()
            state.source = nil
            state.segments = []
        }
    }
}
