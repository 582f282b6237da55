import OSSRuntime
import NIOCore

/// Gives the uploads on one event loop their turns to write.
///
/// An event loop runs the tasks it is given until there are none left, and only then looks at its sockets. A
/// few fast uploads that each ask for the loop again and again would keep it from ever reading a response. So
/// they take turns here, and after some writing the loop gets a moment for its sockets.
final class UploadTurns: Sendable {
    /// How many bytes are written before the loop looks at its sockets.
    private static var burst: Int { 1024 * 1024 }
    /// A body this small needs no care.
    private static var small: Int { 64 * 1024 }

    let loop: any EventLoop
    private let state = Locked(State())

    private struct State {
        var waiting: CircularBuffer<Upload> = []
        /// Whether the loop will look at who waits.
        var isScheduled = false
    }

    init(loop: any EventLoop) {
        self.loop = loop
    }

    /// Asks for a turn.
    func request(_ upload: Upload) {
        let mustSchedule = state.withLock { state in
            state.waiting.append(upload)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustSchedule { loop.execute { self.run() } }
    }

    private func run() {
        var written = 0
        while written < Self.burst, let upload = next(written) {
            let turn = upload.takeTurn()
            written += turn.written
            if turn.wantsMore { state.withLock { $0.waiting.append(upload) } }
        }
        // In the future, however near: that is what makes the loop look at its sockets first.
        if written >= Self.small { loop.scheduleTask(in: .microseconds(5)) { self.run() } }
    }

    /// The next in turn. With nobody left after little writing, the next request starts anew.
    private func next(_ written: Int) -> Upload? {
        state.withLock { state in
            if state.waiting.isEmpty, written < Self.small { state.isScheduled = false }
            return state.waiting.popFirst()
        }
    }
}
