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

/// A file that appears under its name only once it is complete: written beside it, synced, and renamed.
///
/// Dropped before ``commit()``, it leaves nothing behind.
final class FileWriter: Sendable {
    private let path: String
    private let temporaryPath: String
    private let queue: DispatchQueue
    private let descriptor: Int32
    private let isCommitted = Atomic<Bool>(false)

    /// - Throws: ``OSSError`` with the code ``OSSError/Code/fileUnwritable``.
    static func create(_ path: String) async throws -> FileWriter {
        let queue = FileIO.nextQueue()
        return try await FileIO.run(on: queue) { try FileWriter(path, queue) }
    }

    private init(_ path: String, _ queue: DispatchQueue) throws {
        self.path = path
        self.queue = queue
        temporaryPath = "\(path).\(String(UInt64.random(in: 0 ... .max), radix: 36)).part"
        descriptor = createFile(temporaryPath)
        guard descriptor >= 0 else { throw fileError(path, "can't be written", errno, code: .fileUnwritable) }
    }

    deinit {
        close(descriptor)
        if !isCommitted.load(ordering: .acquiring) { unlink(temporaryPath) }
    }

    func write(_ bytes: [UInt8]) async throws {
        try await FileIO.run(on: queue) { [self] in
            try bytes.withUnsafeBytes { bytes in
                var written = 0
                while written < bytes.count {
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
                    let count = retryingInterrupts { writeToFile(descriptor, rest) }
                    guard count >= 0 else { throw fileError(path, "can't be written", errno, code: .fileUnwritable) }
                    written += count
                }
            }
        }
    }

    /// Gives the file its name, in place of one that has it.
    func commit() async throws {
        try await FileIO.run(on: queue) { [self] in
            guard retryingInterrupts({ fsync(descriptor) }) == 0, rename(temporaryPath, path) == 0 else {
                throw fileError(path, "can't be written", errno, code: .fileUnwritable)
            }
            isCommitted.store(true, ordering: .releasing)
        }
    }
}

// Outside the class, whose own members hide the system's.
private func createFile(_ path: String) -> Int32 {
    open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
}

private func writeToFile(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
