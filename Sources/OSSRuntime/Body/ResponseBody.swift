internal import Synchronization

/// The bytes of a response, as they arrive.
///
/// ```swift
/// for try await chunk in response.body { … }
/// let bytes = try await response.body.collect(upTo: 1_048_576)
/// ```
///
/// The body is read once, by one task at a time; reading it again throws an ``OSSError`` with the code
/// ``OSSError/Code/bodyAlreadyConsumed``. While nobody reads, no more than a small buffer is taken from the
/// network. A body that is dropped before its end closes its connection, so drop only what you don't need.
public struct ResponseBody: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    /// The number of bytes, or `nil` when the server didn't say. A body that ends early or late throws.
    public let length: Int64?

    private let source: Source
    private var observers: [Observer] = []
    private var mapError: @Sendable (any Error) -> any Error = { $0 }

    private struct Observer: Sendable {
        var chunk: @Sendable (UnsafeRawBufferPointer) throws -> Void
        var end: @Sendable () throws -> Void
    }

    /// Creates a body from functions; for those who write a transport or a test.
    ///
    /// - Parameters:
    ///   - length: The number of bytes, if it is known.
    ///   - next: Gives the next chunk, `nil` at the end. It is called by one task at a time, and not again
    ///     after it returned `nil` or threw. When its task is cancelled it should throw
    ///     `CancellationError` without delay.
    ///   - cancel: Called at most once, when the body is dropped before its end.
    public init(
        length: Int64?,
        next: @escaping @Sendable () async throws -> [UInt8]?,
        cancel: @escaping @Sendable () -> Void = {}
    ) {
        self.length = length
        self.source = Source(next: next, cancel: cancel)
    }

    /// A body of the given bytes.
    public static func bytes(_ bytes: [UInt8]) -> ResponseBody {
        let rest = Remaining(bytes)
        return ResponseBody(length: Int64(bytes.count), next: { rest.take() })
    }

    /// A body without bytes.
    public static var empty: ResponseBody { .bytes([]) }
}

// MARK: Reading

extension ResponseBody {
    /// Reads all bytes.
    ///
    /// - Parameter maximumBytes: The most bytes to accept.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/body`` when there are more; the connection is
    ///   then closed. Otherwise what iterating the body throws.
    public func collect(upTo maximumBytes: Int) async throws -> [UInt8] {
        if let length, length > Int64(maximumBytes) {
            throw tooLarge("of \(length) bytes", maximumBytes)
        }
        var iterator = makeAsyncIterator()
        guard var bytes = try await iterator.next() else { return [] }
        while true {
            guard bytes.count <= maximumBytes else { throw tooLarge("", maximumBytes) }
            guard let chunk = try await iterator.next() else { return bytes }
            if let length, bytes.capacity < length { bytes.reserveCapacity(Int(length)) }
            bytes.append(contentsOf: chunk)
        }
    }

    /// Reads all bytes as UTF-8 text. Bytes that aren't UTF-8 become U+FFFD.
    ///
    /// - Parameter maximumBytes: The most bytes to accept.
    /// - Throws: As ``collect(upTo:)``.
    public func text(upTo maximumBytes: Int) async throws -> String {
        String(decoding: try await collect(upTo: maximumBytes), as: UTF8.self)
    }

    /// Writes all bytes to a file, in constant memory.
    ///
    /// They are written beside the file, which gets its name (in place of one that has it) only when the body has been
    /// received in full and its checks have passed. When anything fails, and when the task is cancelled, nothing is left.
    ///
    /// - Parameter path: The path of the file; its folder must exist.
    /// - Returns: The number of bytes.
    /// - Throws: ``OSSError`` with the code ``OSSError/Code/fileUnwritable`` that names the path; otherwise what
    ///   iterating the body throws.
    @discardableResult
    public func write(toFile path: String) async throws -> Int64 {
        do {
            let file = try await FileWriter.create(path)
            var count: Int64 = 0
            for try await chunk in self {
                try await file.write(chunk)
                count += Int64(chunk.count)
            }
            try await file.commit()
            return count
        } catch {
            cancel()
            throw error
        }
    }

    private func tooLarge(_ size: String, _ limit: Int) -> any Error {
        cancel()
        return mapError(
            OSSError(
                .body, code: .bodyTooLarge,
                message:
                    "The response's body \(size.isEmpty ? "" : size + " ")is larger than the limit of \(limit) bytes."))
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(self)
    }

    /// Reads a response's body.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let body: ResponseBody
        private var state = State.unclaimed
        private var received: Int64 = 0

        private enum State { case unclaimed, reading, finished }

        fileprivate init(_ body: ResponseBody) {
            self.body = body
        }

        /// The next chunk, never empty; `nil` at the end.
        ///
        /// - Throws: ``TransportError``, ``OSSError`` of kind ``OSSError/Kind/body``, `CancellationError`, or what a check at the end of
        ///   the body throws.
        public mutating func next() async throws -> [UInt8]? {
            switch state {
            case .finished: return nil
            case .reading: break
            case .unclaimed:
                guard body.source.claim() else {
                    state = .finished
                    throw body.mapError(
                        OSSError(
                            .body, code: .bodyAlreadyConsumed,
                            message: "The response's body was read before; it can be read once."))
                }
                state = .reading
            }
            do {
                while let chunk = try await body.source.next() {
                    guard !chunk.isEmpty else { continue }
                    received += Int64(chunk.count)
                    for observer in body.observers { try chunk.withUnsafeBytes(observer.chunk) }
                    return chunk
                }
                state = .finished
                body.source.finish()
                if let length = body.length, length != received {
                    throw TransportError(
                        .reset,
                        "The response's body ended after \(received) of \(length) bytes."
                    )
                }
                for observer in body.observers { try observer.end() }
                return nil
            } catch {
                state = .finished
                body.source.abandon()
                throw body.mapError(error)
            }
        }
    }
}

// MARK: For the runtime

extension ResponseBody {
    /// The same body, with functions that see what is read.
    ///
    /// - Parameters:
    ///   - chunk: Called for each chunk, in order, before the reader gets it. What it throws ends the body.
    ///   - end: Called after the last chunk, once the length is checked. What it throws is thrown to the
    ///     reader in place of the end.
    package func observed(
        by chunk: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void,
        atEnd end: @escaping @Sendable () throws -> Void = {}
    ) -> ResponseBody {
        var body = self
        body.observers.append(Observer(chunk: chunk, end: end))
        return body
    }

    /// The same body, with what it throws turned into other errors.
    package func mappingErrors(_ map: @escaping @Sendable (any Error) -> any Error) -> ResponseBody {
        var body = self
        body.mapError = map
        return body
    }

    /// Closes the exchange without reading the rest. Reading afterwards throws.
    package func cancel() {
        _ = source.claim()
        source.abandon()
    }
}

/// The functions behind a body, and whether they were used. Its end of life is the end of the exchange.
private final class Source: Sendable {
    let next: @Sendable () async throws -> [UInt8]?
    private let cancel: @Sendable () -> Void
    private let isClaimed = Atomic<Bool>(false)
    private let isFinished = Atomic<Bool>(false)

    init(next: @escaping @Sendable () async throws -> [UInt8]?, cancel: @escaping @Sendable () -> Void) {
        self.next = next
        self.cancel = cancel
    }

    deinit { abandon() }

    /// Whether the caller is the first to read.
    func claim() -> Bool { first(isClaimed) }

    /// Notes that the end was read: there is nothing to cancel any more.
    func finish() { _ = first(isFinished) }

    func abandon() {
        if first(isFinished) { cancel() }
    }

    private func first(_ flag: borrowing Atomic<Bool>) -> Bool {
        flag.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    }
}

/// Bytes that are given out once.
private final class Remaining: Sendable {
    private let bytes: Locked<[UInt8]?>

    init(_ bytes: [UInt8]) {
        self.bytes = Locked(bytes)
    }

    func take() -> [UInt8]? {
        bytes.withLock { bytes in
            defer { bytes = nil }
            return bytes
        }
    }
}
