import Foundation
import OSSRuntime

/// Sends the body of a request: a task that reads it, and a pipe to the stream that URLSession reads.
final class Upload: Sendable {
    private struct State {
        var pump: Task<Void, Never>?
        var isStarted = false
        var isStreamTaken = false
        var isStopped = false
    }

    let pipe: BodyPipe
    private let body: RequestBody
    private let onFailure: @Sendable (any Error) -> Void
    private let state = Locked(State())

    /// - Parameter onFailure: Called with what the body throws.
    init(_ body: RequestBody, _ pipe: BodyPipe, onFailure: @escaping @Sendable (any Error) -> Void) {
        self.body = body
        self.pipe = pipe
        self.onFailure = onFailure
    }

    /// The body's stream; `nil` when it was given out before, since a body is sent once.
    func takeStream() -> InputStream? {
        let isFirst = state.withLock { state in
            defer { state.isStreamTaken = true }
            return !state.isStreamTaken
        }
        return isFirst ? pipe.makeStream { [weak self] in self?.start() } : nil
    }

    private func start() {
        state.withLock { state in
            guard !state.isStarted, !state.isStopped else { return }
            state.isStarted = true
            state.pump = Task { await self.run() }
        }
    }

    private func run() async {
        do {
            var iterator = body.makeAsyncIterator()
            while let slice = try await iterator.nextSlice() { try await pipe.write(slice) }
            pipe.finish()
        } catch {
            let isStopped = state.withLock { $0.isStopped }
            if !isStopped { onFailure(error) }
        }
    }

    /// Produces no more of the body.
    ///
    /// - Parameter isRefused: Whether the server answered already, so that the request counts as sent.
    func stop(isRefused: Bool = false) {
        let pump = state.withLock { state in
            state.isStopped = true
            defer { state.pump = nil }
            return state.pump
        }
        pump?.cancel()
        pipe.stop(isRefused: isRefused)
    }
}
