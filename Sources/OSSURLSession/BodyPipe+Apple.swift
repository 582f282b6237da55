#if !canImport(FoundationNetworking)
    import Foundation
    import OSSRuntime

    /// Carries a body from the task that reads it to URLSession, through a pair of bound streams.
    // Sendable: all is touched on the queue only.
    final class BodyPipe: NSObject, StreamDelegate, @unchecked Sendable {
        private static let capacity = 256 * 1024

        private let queue = DispatchQueue(label: "oss-swift.BodyPipe")
        private var output: OutputStream?
        private var pending: ArraySlice<UInt8> = []
        private var writer: CheckedContinuation<Void, any Error>?
        private var hasEnded = false
        private var isStopped = false

        /// Nothing needs to be called here: URLSession reports what it sent, and nobody waits for bytes.
        init(patience: Duration, onRead: @Sendable () -> Void, onStarved: @Sendable () -> Void) {}

        deinit { closeOutput() }

        /// Whether it is the network's turn: bytes wait for it, or all are gone and an answer is due.
        var isWaitingForNetwork: Bool { queue.sync { hasEnded || isStopped || !pending.isEmpty } }

        var isFinished: Bool { queue.sync { hasEnded } }

        func makeStream(onOpen: @escaping () -> Void) -> InputStream? {
            var input: InputStream?
            var output: OutputStream?
            Stream.getBoundStreams(withBufferSize: Self.capacity, inputStream: &input, outputStream: &output)
            guard let input, let output else { return nil }
            queue.sync {
                self.output = output
                output.delegate = self
                CFWriteStreamSetDispatchQueue(output as CFWriteStream, queue)
                output.open()
            }
            onOpen()
            return input
        }

        /// Leaves bytes for the network, and waits until it took them.
        func write(_ bytes: ArraySlice<UInt8>) async throws {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                queue.async {
                    guard !self.isStopped else { return continuation.resume(throwing: CancellationError()) }
                    self.pending = bytes
                    self.writer = continuation
                    self.flush()
                }
            }
        }

        /// All bytes are written.
        func finish() {
            queue.async {
                guard !self.isStopped else { return }
                self.hasEnded = true
                self.closeOutput()
            }
        }

        func stop(isRefused: Bool) {
            queue.async {
                guard !self.hasEnded, !self.isStopped else { return }
                self.isStopped = true
                self.pending = []
                self.writer?.resume(throwing: CancellationError())
                self.writer = nil
                // Not closed: that would be taken for the end of the body.
            }
        }

        func stream(_ stream: Stream, handle event: Stream.Event) {
            switch event {
            case .hasSpaceAvailable: flush()
            case .errorOccurred, .endEncountered:
                // URLSession reads no more; it reports why.
                isStopped = true
                writer?.resume(throwing: CancellationError())
                writer = nil
            default: break
            }
        }

        private func flush() {
            guard let output else { return }
            while !pending.isEmpty, output.hasSpaceAvailable {
                let count = pending.withUnsafeBufferPointer { bytes in
                    bytes.baseAddress.map { output.write($0, maxLength: bytes.count) } ?? 0
                }
                guard count > 0 else { return }
                pending = pending.dropFirst(count)
            }
            if pending.isEmpty {
                writer?.resume()
                writer = nil
            }
        }

        private func closeOutput() {
            output?.delegate = nil
            output?.close()
            output = nil
        }
    }
#endif
