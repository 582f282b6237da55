import Dispatch
internal import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Android)
    import Android
#endif

/// Where blocking file calls run, so that they never occupy a thread of the cooperative pool.
package enum FileIO {
    // Serial queues, because each gets a thread of its own when it has work: a concurrent queue on
    // Linux takes its threads from the pool that also runs Swift's tasks, and would block them.
    private static let queues = (0..<4).map { DispatchQueue(label: "oss.file-io.\($0)") }
    private static let turn = Atomic<Int>(0)

    /// One of the queues, in turn.
    package static func nextQueue() -> DispatchQueue {
        queues[turn.wrappingAdd(1, ordering: .relaxed).oldValue & 3]
    }

    /// Runs blocking work on a queue and waits for it without blocking.
    package static func run<Value: Sendable>(
        on queue: DispatchQueue,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: work)) }
        }
    }
}

/// An open file that is read at given positions. The descriptor is closed with the last reference.
package final class FileReader: Sendable {
    package let path: String
    private let descriptor: Int32
    private let queue: DispatchQueue

    /// Opens a file for reading.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/body``.
    package static func open(_ path: String) async throws -> FileReader {
        let queue = FileIO.nextQueue()
        return try await FileIO.run(on: queue) { try FileReader(path: path, queue: queue) }
    }

    private init(path: String, queue: DispatchQueue) throws {
        let opened = retryingInterrupts { openReadOnly(path) }
        guard opened >= 0 else { throw fileError(path, "can't be opened", errno) }
        self.path = path
        self.queue = queue
        self.descriptor = opened
    }

    deinit { close(descriptor) }

    /// The size of a regular file, in bytes.
    package static func size(ofFileAt path: String) throws -> Int64 {
        var info = stat()
        guard stat(path, &info) == 0 else { throw fileError(path, "can't be opened", errno) }
        return try size(info, path)
    }

    /// The size of the open file now, in bytes.
    package func size() async throws -> Int64 {
        try await FileIO.run(on: queue) { [self] in
            var info = stat()
            guard fstat(descriptor, &info) == 0 else { throw fileError(path, "can't be read", errno) }
            return try Self.size(info, path)
        }
    }

    /// Reads up to `count` bytes at `offset`; fewer only at the end of the file.
    package func read(at offset: Int64, count: Int) async throws -> [UInt8] {
        try await FileIO.run(on: queue) { [self] in
            try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                while filled < count {
                    let target = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                    let got = retryingInterrupts {
                        pread(descriptor, target.baseAddress, target.count, off_t(offset) + off_t(filled))
                    }
                    guard got >= 0 else { throw fileError(path, "can't be read", errno) }
                    if got == 0 { break }
                    filled += got
                }
            }
        }
    }

    private static func size(_ info: stat, _ path: String) throws -> Int64 {
        switch info.st_mode & S_IFMT {
        case S_IFREG: Int64(info.st_size)
        case S_IFDIR: throw fileError(path, "is a directory", EISDIR)
        default:
            throw OSSError(
                .body, code: .fileUnreadable, message: "'\(path)' is not a regular file; send it as a stream.")
        }
    }
}

// Outside the class, whose own `open` hides the system's.
private func openReadOnly(_ path: String) -> Int32 {
    open(path, O_RDONLY | O_CLOEXEC)
}

func retryingInterrupts<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

func fileError(
    _ path: String, _ what: String, _ number: Int32, code: OSSError.Code = .fileUnreadable
) -> OSSError {
    OSSError(.body, code: code, message: "'\(path)' \(what): \(String(cString: strerror(number))) (errno \(number)).")
}
