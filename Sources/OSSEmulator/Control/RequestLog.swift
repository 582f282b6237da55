import Logging
import NIOConcurrencyHelpers
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes one line of JSON for each request, on a thread of its own: a slow disk must not slow an answer.
final class RequestLog: Sendable {
    private struct State: Sendable {
        var waiting: [ExchangeRecord] = []
        var dropped = 0
        var isWriting = false
    }

    /// How many may wait for the disk; those beyond are counted and dropped.
    private static let maximumWaiting = 20_000

    private let descriptor: CInt
    private let ownsDescriptor: Bool
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let state = NIOLockedValueBox(State())
    private let logger: Logger

    /// - Parameter path: the file to add to; `-` is the standard output.
    init(path: String, logger: Logger) throws {
        self.logger = logger
        ownsDescriptor = path != "-"
        do {
            descriptor = ownsDescriptor ? try Files.open(path, O_WRONLY | O_APPEND | O_CREAT) : STDOUT_FILENO
        } catch {
            throw EmulatorError(description: "the request log: \(error)")
        }
        thread.start()
    }

    func write(_ record: ExchangeRecord) {
        let mustStart = state.withLockedValue { state -> Bool in
            guard state.waiting.count < Self.maximumWaiting else {
                state.dropped += 1
                return false
            }
            state.waiting.append(record)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { thread.submit { _ in self.drain() } }
    }

    private func drain() {
        while true {
            let (records, dropped) = state.withLockedValue { state in
                let taken = (state.waiting, state.dropped)
                state.isWriting = !state.waiting.isEmpty
                (state.waiting, state.dropped) = ([], 0)
                return taken
            }
            if records.isEmpty { return }
            put(records.flatMap { $0.json.bytes + [10] })
            if dropped > 0 { put((["dropped": .number(dropped)] as JSONValue).bytes + [10]) }
        }
    }

    private func put(_ bytes: [UInt8]) {
        do {
            try bytes.withUnsafeBytes { try Files.writeAll(descriptor, $0) }
        } catch {
            logger.error("the request log cannot be written", metadata: ["reason": "\(error)"])
        }
    }

    /// Writes what still waits. Nothing may be written afterwards.
    func close() async {
        try? await thread.runIfActive { self.drain() }
        try? await thread.shutdownGracefully()
        if ownsDescriptor { Files.close(descriptor) }
    }
}
