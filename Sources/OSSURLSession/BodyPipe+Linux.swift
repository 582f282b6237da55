#if canImport(FoundationNetworking)
    import Foundation
    import OSSRuntime

    /// Carries a body from the task that reads it to libcurl, which asks for it on a thread that it lets wait.
    ///
    /// A pair of bound streams would do, if URLSession didn't take one that is empty for one that has ended.
    // Sendable: all is touched under the condition's lock only.
    final class BodyPipe: @unchecked Sendable {
        private enum Ending {
            case open
            case finished
            case stopped(isRefused: Bool)
        }

        private let condition = NSCondition()
        private let patience: TimeInterval
        private let onRead: @Sendable () -> Void
        private let onStarved: @Sendable () -> Void
        private var pending: ArraySlice<UInt8> = []
        private var writer: CheckedContinuation<Void, any Error>?
        private var ending = Ending.open

        /// - Parameters:
        ///   - patience: How long the thread may wait for bytes.
        ///   - onRead: Called when bytes are asked for.
        ///   - onStarved: Called when the thread waited for too long.
        init(
            patience: Duration,
            onRead: @escaping @Sendable () -> Void,
            onStarved: @escaping @Sendable () -> Void
        ) {
            self.patience = patience / .seconds(1)
            self.onRead = onRead
            self.onStarved = onStarved
        }

        /// Whether it is the network's turn: bytes wait for it, or all are gone and an answer is due.
        var isWaitingForNetwork: Bool {
            condition.withLock {
                guard case .open = ending else { return true }
                return !pending.isEmpty
            }
        }

        var isFinished: Bool {
            condition.withLock {
                guard case .finished = ending else { return false }
                return pending.isEmpty
            }
        }

        func makeStream(onOpen: @escaping () -> Void) -> InputStream {
            PipeStream(self, onFirstRead: onOpen)
        }

        /// Leaves bytes for the network, and waits until it took those before.
        func write(_ bytes: ArraySlice<UInt8>) async throws {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                condition.withLock {
                    guard case .open = ending else { return continuation.resume(throwing: CancellationError()) }
                    pending = bytes
                    writer = continuation
                    condition.signal()
                }
            }
        }

        /// All bytes are written.
        func finish() {
            condition.withLock {
                if case .open = ending { ending = .finished }
                condition.signal()
            }
        }

        func stop(isRefused: Bool) {
            let writer = condition.withLock {
                switch ending {
                case .open: ending = .stopped(isRefused: isRefused)
                // Whoever reads on wants to send the request again: to say once more that this is the end would make
                // an empty body of it.
                case .finished where !isRefused: ending = .stopped(isRefused: false)
                case .finished, .stopped: break
                }
                pending = []
                condition.signal()
                defer { self.writer = nil }
                return self.writer
            }
            writer?.resume(throwing: CancellationError())
        }

        /// Gives out bytes, after waiting for them. 0 at the end, -1 to break off.
        fileprivate func read(_ target: UnsafeMutablePointer<UInt8>, _ capacity: Int) -> Int {
            onRead()
            let (result, writer) = condition.withLock { () -> (Int?, CheckedContinuation<Void, any Error>?) in
                guard waitForBytes() else { return (nil, nil) }
                guard !pending.isEmpty else {
                    if case .stopped(isRefused: false) = ending { return (-1, nil) }
                    return (0, nil)
                }
                let count = min(capacity, pending.count)
                pending.withUnsafeBufferPointer { bytes in
                    if let start = bytes.baseAddress { target.update(from: start, count: count) }
                }
                pending = pending.dropFirst(count)
                guard pending.isEmpty else { return (count, nil) }
                defer { self.writer = nil }
                return (count, self.writer)
            }
            writer?.resume()
            guard let result else {
                onStarved()
                return -1
            }
            return result
        }

        /// Returns whether there is something to say in time.
        private func waitForBytes() -> Bool {
            guard pending.isEmpty, case .open = ending else { return true }
            SharedThread.blocks()
            defer { SharedThread.goesOn() }
            let deadline = Date(timeIntervalSinceNow: patience)
            while pending.isEmpty, case .open = ending {
                guard condition.wait(until: deadline) else { break }
            }
            if case .open = ending { return !pending.isEmpty }
            return true
        }
    }

    /// The end of the pipe that libcurl reads.
    private final class PipeStream: InputStream {
        private let pipe: BodyPipe
        private let onFirstRead: () -> Void
        private var status = Status.notOpen

        init(_ pipe: BodyPipe, onFirstRead: @escaping () -> Void) {
            self.pipe = pipe
            self.onFirstRead = onFirstRead
            super.init(data: Data())
        }

        override var streamStatus: Status { status }
        override var streamError: (any Error)? { nil }
        override var hasBytesAvailable: Bool { true }
        override func open() { status = .open }
        override func close() { status = .closed }

        override func read(_ buffer: UnsafeMutablePointer<UInt8>, maxLength length: Int) -> Int {
            if status == .open {
                status = .reading
                onFirstRead()
            }
            return pipe.read(buffer, length)
        }

        override func getBuffer(
            _ buffer: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>,
            length: UnsafeMutablePointer<Int>
        ) -> Bool {
            false
        }
    }

    /// The one thread that all sessions of the process share. While a body keeps it waiting, no exchange can go on, and
    /// none is to be blamed for it.
    enum SharedThread {
        private static let state = Locked((isBlocked: false, since: ContinuousClock.now))

        static func blocks() { state.withLock { $0 = (true, .now) } }
        static func goesOn() { state.withLock { $0 = (false, .now) } }

        /// When it last was not to be had.
        static var lastBlocked: ContinuousClock.Instant {
            state.withLock { $0.isBlocked ? .now : $0.since }
        }
    }
#endif
