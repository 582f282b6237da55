import Foundation

/// The flow of a response's body from URLSession to the task that reads it, as a pure value.
///
/// The producer adds chunks; the reader takes all that wait at once, or leaves itself behind to be resumed. When enough
/// waits, the producer is told to pause, or, where it can't, to put the rest elsewhere. `Reader` is what resumes the
/// reader.
struct Inbox<Reader> {
    /// What to do with more than may wait in memory.
    enum Overflow {
        case pause
        case spill
    }

    /// How many bytes may wait in memory.
    let limit: Int
    let overflow: Overflow

    private var chunks: [Data] = []
    private var waiting = 0
    private var spilled: Int64 = 0
    private var reader: Reader?
    private(set) var isPaused = false
    private var ending = Ending.open

    private enum Ending {
        case open
        case ended
        case failed(any Error)
    }

    init(limit: Int, overflow: Overflow) {
        self.limit = limit
        self.overflow = overflow
    }

    enum Received {
        /// A reader was waiting; give it this chunk.
        case deliver(Reader, Data)
        /// It was kept: go on.
        case proceed
        /// It was kept, but enough is waiting.
        case pause
        /// It was not kept: write it where there is room, then say so with ``Inbox/spill(_:)``.
        case spill
        /// Nobody wants it.
        case discard
    }

    /// A chunk came in.
    mutating func receive(_ chunk: Data) -> Received {
        guard case .open = ending else { return .discard }
        if let reader = take(&reader) { return .deliver(reader, chunk) }
        if overflow == .spill, spilled > 0 || waiting >= limit { return .spill }
        chunks.append(chunk)
        waiting += chunk.count
        guard overflow == .pause, waiting >= limit, !isPaused else { return .proceed }
        isPaused = true
        return .pause
    }

    /// So many bytes were written elsewhere. Returns a reader to resume.
    mutating func spill(_ count: Int) -> Reader? {
        guard case .open = ending else { return nil }
        spilled += Int64(count)
        return take(&reader)
    }

    enum Taken {
        /// Everything that waited in memory, and whether the producer is to be resumed.
        case chunks([Data], resumes: Bool)
        /// So many bytes, to be read from where they were written.
        case spilled(Int)
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
                isPaused = false
            }
            return .chunks(chunks, resumes: isPaused)
        }
        if spilled > 0 {
            let count = min(spilled, Int64(limit))
            spilled -= count
            return .spilled(Int(count))
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
        guard chunks.isEmpty, spilled == 0, case .open = ending else { return reader }
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

    /// The body failed. What waits is dropped. Returns a reader to fail.
    ///
    /// An end that was already noted stays the end only once all was read.
    mutating func fail(_ error: any Error) -> Reader? {
        switch ending {
        case .failed: return nil
        case .ended where chunks.isEmpty && spilled == 0: return nil
        case .ended, .open: break
        }
        ending = .failed(error)
        chunks = []
        waiting = 0
        spilled = 0
        isPaused = false
        return take(&reader)
    }

    private func take<Value>(_ slot: inout Value?) -> Value? {
        defer { slot = nil }
        return slot
    }
}
