internal import Synchronization

/// The bytes sent with a request: an array, a string, a region of a file, or an asynchronous sequence.
///
/// ```swift
/// try .file(at: "photo.jpg")
/// .bytes([1, 2, 3])
/// .stream(chunks, length: 1_048_576)
/// ```
///
/// A body is an `AsyncSequence` of chunks. It can be sent again after a failure when it is
/// ``isReplayable``: every iterator then starts where the body starts. A stream is read once; a second
/// iterator throws an ``OSSError`` of kind ``OSSError/Kind/body``.
public struct RequestBody: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    /// The number of bytes, or `nil` when it isn't known before they are read (sent chunked).
    public package(set) var length: Int64?

    /// Whether the body can be sent more than once.
    public var isReplayable: Bool { start == nil }

    private let source: Source
    /// Set for bodies that can be read once only.
    private let start: Start?
    private var observers: [Observer] = []

    private struct Observer: Sendable {
        var starting: @Sendable () -> Void
        var reading: @Sendable (UnsafeRawBufferPointer) -> Void
    }

    private enum Source: Sendable {
        case bytes([UInt8])
        case file(path: String, offset: Int64, toEnd: Bool)
        case stream(@Sendable () -> StreamIterator)
    }

    /// Remembers that a one-shot body was started.
    private final class Start: Sendable {
        private let isStarted = Atomic<Bool>(false)
        var wasMade: Bool { isStarted.load(ordering: .acquiring) }
        /// Whether the caller is the first.
        func make() -> Bool {
            isStarted.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        }
    }

    private init(_ source: Source, length: Int64?, isReplayable: Bool = true) {
        self.source = source
        self.length = length
        self.start = isReplayable ? nil : Start()
    }
}

extension RequestBody {
    /// A body of the given bytes.
    public static func bytes(_ bytes: [UInt8]) -> RequestBody {
        RequestBody(.bytes(bytes), length: Int64(bytes.count))
    }

    /// A body of the given bytes, which are copied.
    public static func bytes(_ bytes: some Collection<UInt8>) -> RequestBody {
        .bytes(Array(bytes))
    }

    /// A body of the string's UTF-8 bytes.
    public static func string(_ string: String) -> RequestBody {
        .bytes(Array(string.utf8))
    }

    /// A body read from a file, or from a region of it.
    ///
    /// The file's size is read now; the file itself is opened when the body is sent, and read in
    /// pieces off the threads that run Swift's tasks. Sending throws when the file turns out to have
    /// another size then.
    ///
    /// - Parameters:
    ///   - path: The path of a regular file.
    ///   - offset: Where to start, in bytes from the file's beginning.
    ///   - length: How many bytes to send; `nil` for all that follow `offset`.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/body`` that names the path when there is no such
    ///   file, or when the file doesn't hold the region.
    public static func file(at path: String, offset: Int64 = 0, length: Int64? = nil) throws -> RequestBody {
        let size = try FileReader.size(ofFileAt: path)
        guard offset >= 0, offset <= size, (length ?? 0) >= 0, (length ?? 0) <= size - offset else {
            let region = length.map { "\($0) bytes from offset \(offset)" } ?? "offset \(offset)"
            throw OSSError(
                .body, code: .fileUnreadable, message: "'\(path)' has \(size) bytes; it doesn't hold \(region).")
        }
        return RequestBody(
            .file(path: path, offset: offset, toEnd: length == nil),
            length: length ?? (size - offset)
        )
    }

    /// A body of the chunks that an asynchronous sequence yields.
    ///
    /// - Parameters:
    ///   - chunks: A sequence of byte collections, such as `[UInt8]`, `ArraySlice<UInt8>` or `Data`.
    ///   - length: The number of bytes in all. Sending throws when the sequence yields fewer or more.
    ///     `nil` when unknown: the body is then sent chunked.
    ///   - isReplayable: Whether each iterator of `chunks` yields the same bytes from the start, so that
    ///     the body can be sent again after a failure.
    public static func stream<Chunks: AsyncSequence & Sendable>(
        _ chunks: Chunks,
        length: Int64? = nil,
        isReplayable: Bool = false
    ) -> RequestBody where Chunks.Element: Collection, Chunks.Element.Element == UInt8 {
        RequestBody(
            .stream {
                var iterator = chunks.makeAsyncIterator()
                return StreamIterator { try await iterator.next().map { Array($0) } }
            },
            length: length,
            isReplayable: isReplayable
        )
    }

    /// A body of the single bytes that an asynchronous sequence yields. They are sent in batches.
    ///
    /// - Parameters:
    ///   - bytes: A sequence of bytes.
    ///   - length: The number of bytes in all. Sending throws when the sequence yields fewer or more.
    ///     `nil` when unknown: the body is then sent chunked.
    ///   - isReplayable: Whether each iterator of `bytes` yields the same bytes from the start.
    public static func stream<Bytes: AsyncSequence & Sendable>(
        _ bytes: Bytes,
        length: Int64? = nil,
        isReplayable: Bool = false
    ) -> RequestBody where Bytes.Element == UInt8 {
        RequestBody(
            .stream {
                var iterator = bytes.makeAsyncIterator()
                return StreamIterator {
                    var batch: [UInt8] = []
                    batch.reserveCapacity(byteBatch)
                    while batch.count < byteBatch, let byte = try await iterator.next() { batch.append(byte) }
                    return batch.isEmpty ? nil : batch
                }
            },
            length: length,
            isReplayable: isReplayable
        )
    }

    private static var byteBatch: Int { 16 * 1024 }
}

extension RequestBody: ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) {
        self = .string(value)
    }
}

// MARK: For the runtime

extension RequestBody {
    /// Whether sending the body now would send all of it: false for a one-shot stream that was started.
    package var canBeSent: Bool {
        start.map { !$0.wasMade } ?? true
    }

    /// The same body with the length that the caller says it has.
    package func withLength(_ length: Int64) -> RequestBody {
        var body = self
        body.length = length
        return body
    }

    /// The same body, with a function that sees each piece of it as it is handed to the transport, in order.
    ///
    /// The function runs once per piece and iterator, `starting` before an iterator's first piece: observe anew for every
    /// attempt.
    package func observed(
        starting: @escaping @Sendable () -> Void = {},
        by reading: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) -> RequestBody {
        var body = self
        body.observers.append(Observer(starting: starting, reading: reading))
        return body
    }
}

// MARK: Iteration

extension RequestBody {
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(self)
    }

    /// Reads a body from its start.
    public struct AsyncIterator: AsyncIteratorProtocol {
        /// The most bytes handed out at once: enough to make a hop between threads cheap, little enough
        /// to keep memory flat and a write timeout meaningful.
        package static var maximumSlice: Int { 256 * 1024 }

        private let body: RequestBody
        private var input = Input.unopened
        /// Bytes read and not yet handed out.
        private var pending: ArraySlice<UInt8> = []
        private var taken: Int64 = 0

        private enum Input {
            case unopened
            case bytes
            case file(FileReader, offset: Int64, toEnd: Bool)
            case stream(StreamIterator)
            case finished
        }

        fileprivate init(_ body: RequestBody) {
            self.body = body
        }

        /// Whether the end is known to be reached: ``next()`` would return `nil`.
        ///
        /// For a body of known length it is true as soon as the last chunk is handed out.
        package var isAtEnd: Bool {
            if case .finished = input { pending.isEmpty } else { false }
        }

        /// The next chunk, never empty; `nil` at the end.
        ///
        /// The last chunk of a body of known length is handed out only once it is certain that nothing
        /// follows, so that a server never gets the whole of a body that turns out to be wrong.
        ///
        /// - Throws: ``OSSError`` of kind ``OSSError/Kind/body``, or what the underlying sequence throws.
        public mutating func next() async throws -> [UInt8]? {
            try await nextSlice().map { Array($0) }
        }

        /// The next chunk, of at most ``maximumSlice`` bytes, without a copy.
        package mutating func nextSlice() async throws -> ArraySlice<UInt8>? {
            do {
                if pending.isEmpty { try await refill() }
                if taken == body.length { try await checkEnd() }
            } catch {
                pending = []
                input = .finished
                throw error
            }
            guard !pending.isEmpty else { return nil }
            let slice = pending.prefix(Self.maximumSlice)
            // Not a slice of a slice at the end: it would keep the chunk alive.
            pending = slice.endIndex == pending.endIndex ? [] : pending[slice.endIndex...]
            for observer in body.observers {
                slice.withUnsafeBytes(observer.reading)
            }
            return slice
        }

        private mutating func refill() async throws {
            if case .unopened = input { try await open() }
            switch input {
            case .unopened, .finished:
                break
            case .bytes:
                // All was taken at the start.
                input = .finished
            case .file(let file, let offset, _):
                try await refill(from: file, offset: offset)
            case .stream(let iterator):
                guard let chunk = try await iterator.nextNonEmpty() else {
                    if let length = body.length, taken < length {
                        throw OSSError(
                            .body,
                            code: .bodyLengthMismatch,
                            message:
                                "The request's body was declared to have \(length) bytes, and its stream ended after \(taken)."
                        )
                    }
                    input = .finished
                    return
                }
                take(chunk)
                try checkLength()
            }
        }

        private mutating func take(_ bytes: [UInt8]) {
            pending = bytes[...]
            taken += Int64(bytes.count)
        }

        private mutating func open() async throws {
            // Claimed when the first bytes are asked for, not when the iterator is made: a request that
            // fails while connecting leaves the stream untouched.
            if let start = body.start, !start.make() {
                throw OSSError(
                    .body,
                    code: .bodyAlreadyConsumed,
                    message: "The request's body is a stream that was read before; it can't be sent twice."
                )
            }
            for observer in body.observers { observer.starting() }
            switch body.source {
            case .bytes(let bytes):
                input = .bytes
                take(bytes)
            case .file(let path, let offset, let toEnd):
                let file = try await FileReader.open(path)
                try await checkSize(of: file, offset: offset, toEnd: toEnd)
                input = .file(file, offset: offset, toEnd: toEnd)
            case .stream(let make):
                input = .stream(make())
            }
        }

        private mutating func refill(from file: FileReader, offset: Int64) async throws {
            try Task.checkCancellation()
            let remaining = (body.length ?? 0) - taken
            guard remaining > 0 else { return }
            let count = Int(Swift.min(remaining, Int64(Self.maximumSlice)))
            let bytes = try await file.read(at: offset + taken, count: count)
            guard bytes.count == count else {
                throw OSSError(
                    .body,
                    code: .fileChanged,
                    message:
                        "'\(file.path)' became shorter while it was sent: \(remaining - Int64(bytes.count)) bytes are missing."
                )
            }
            take(bytes)
        }

        /// All bytes are taken: makes sure that there are no more.
        private mutating func checkEnd() async throws {
            switch input {
            case .unopened, .finished: return
            case .bytes: break
            case .file(let file, let offset, let toEnd):
                // Only a body that is "all the rest" cares about bytes that were added behind it.
                if toEnd { try await checkSize(of: file, offset: offset, toEnd: true) }
            case .stream(let iterator):
                if let chunk = try await iterator.nextNonEmpty() {
                    taken += Int64(chunk.count)
                    try checkLength()
                }
            }
            input = .finished
        }

        private func checkSize(of file: FileReader, offset: Int64, toEnd: Bool) async throws {
            let size = try await file.size()
            let expected = offset + (body.length ?? 0)
            if toEnd ? size != expected : size < expected {
                throw OSSError(
                    .body,
                    code: .fileChanged,
                    message:
                        "'\(file.path)' changed: it had \(expected) bytes when the request was made, and has \(size) now."
                )
            }
        }

        private func checkLength() throws {
            if let length = body.length, taken > length {
                throw OSSError(
                    .body,
                    code: .bodyLengthMismatch,
                    message:
                        "The request's body was declared to have \(length) bytes, and its stream yielded at least \(taken)."
                )
            }
        }
    }
}

/// An iterator whose type is erased. Not `Sendable`: it stays with the task that made it.
private final class StreamIterator {
    private let read: () async throws -> [UInt8]?

    init(_ read: @escaping () async throws -> [UInt8]?) {
        self.read = read
    }

    /// The next chunk with bytes in it: an empty one isn't the end.
    func nextNonEmpty() async throws -> [UInt8]? {
        while let chunk = try await read() {
            if !chunk.isEmpty { return chunk }
        }
        return nil
    }
}
