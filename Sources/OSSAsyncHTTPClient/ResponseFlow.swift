import NIOCore

/// The flow of a response's body from the event loop to the task that reads it, as a pure value.
///
/// The producer adds chunks and is told to pause when enough wait; the reader takes all that wait at once,
/// or leaves itself behind to be resumed. `Reader` and `Pause` are whatever resumes the two sides.
struct ResponseFlow<Reader, Pause> {
    /// How many bytes may wait before the producer pauses.
    let limit: Int

    private var chunks: [ByteBuffer] = []
    private var waiting = 0
    private var reader: Reader?
    private var pause: Pause?
    private var ending = Ending.open

    private enum Ending {
        case open
        case ended
        case failed(any Error)
    }

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether the producer was stopped by a slow reader.
    var isPaused: Bool { pause != nil }

    enum Received {
        /// A reader was waiting; give it this chunk.
        case deliver(Reader, ByteBuffer)
        /// Go on.
        case proceed
        /// Enough is waiting: stop, and pass what resumes you to ``park(_:)``.
        case stop
        /// Nobody wants it.
        case discard
    }

    /// A chunk came in.
    mutating func receive(_ chunk: ByteBuffer) -> Received {
        guard case .open = ending else { return .discard }
        if let reader = take(&reader) { return .deliver(reader, chunk) }
        chunks.append(chunk)
        waiting += chunk.readableBytes
        return waiting < limit ? .proceed : .stop
    }

    /// Leaves behind what resumes the producer.
    mutating func park(_ pause: Pause) {
        self.pause = pause
    }

    enum Taken {
        /// Everything that waited; resume the producer if there is one to resume.
        case chunks([ByteBuffer], Pause?)
        /// Nothing yet.
        case nothing
        case end
        case failed(any Error)
    }

    /// The reader wants what there is.
    mutating func take() -> Taken {
        if !chunks.isEmpty {
            defer {
                chunks = []
                waiting = 0
            }
            return .chunks(chunks, take(&pause))
        }
        switch ending {
        case .open: return .nothing
        case .ended: return .end
        case .failed(let error): return .failed(error)
        }
    }

    /// The reader found nothing, and leaves itself behind.
    ///
    /// Returns it at once when there is something to take by now.
    mutating func wait(_ reader: Reader) -> Reader? {
        guard chunks.isEmpty, case .open = ending else { return reader }
        // Two tasks that read one body at the same time both get to look again.
        defer { self.reader = reader }
        return self.reader
    }

    /// The body is complete. Returns a reader to resume with the end.
    mutating func end() -> Reader? {
        guard case .open = ending else { return nil }
        ending = .ended
        return take(&reader)
    }

    /// The body failed. What waits is dropped. Returns a reader to fail, and a producer to resume.
    ///
    /// An end that was already noted stays the end only once all was read.
    mutating func fail(_ error: any Error) -> (reader: Reader?, pause: Pause?) {
        switch ending {
        case .failed: return (nil, nil)
        case .ended where chunks.isEmpty: return (nil, nil)
        case .ended, .open: break
        }
        ending = .failed(error)
        chunks = []
        waiting = 0
        return (take(&reader), take(&pause))
    }

    private func take<Value>(_ slot: inout Value?) -> Value? {
        defer { slot = nil }
        return slot
    }
}
