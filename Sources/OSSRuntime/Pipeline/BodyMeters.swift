import OSSChecksum

/// The CRC-64 of a body as it goes by.
final class BodyChecksum: Sendable {
    private let crc = Locked(CRC64())

    /// The body is read from its start.
    func begin() {
        crc.withLock { $0 = CRC64() }
    }

    func update(_ bytes: UnsafeRawBufferPointer) {
        crc.withLock { $0.update(bytes) }
    }

    var value: UInt64 { crc.withLock { $0.value } }
}

/// Reports a call's progress. Bytes that a retry sends again are not reported again.
final class ProgressMeter: Sendable {
    private struct State {
        var total: Int64?
        var completed: Int64 = 0
        var reported: Int64 = 0
    }

    private let state = Locked(State())
    private let report: @Sendable (TransferProgress) -> Void

    init(report: @escaping @Sendable (TransferProgress) -> Void) {
        self.report = report
    }

    /// The body is sent or received from its start.
    func begin(total: Int64?) {
        state.withLock {
            $0.total = total
            $0.completed = 0
        }
    }

    func add(_ count: Int) {
        let progress = state.withLock { state -> TransferProgress? in
            state.completed += Int64(count)
            guard state.completed > state.reported else { return nil }
            state.reported = state.completed
            return TransferProgress(completed: state.completed, total: state.total)
        }
        if let progress { report(progress) }
    }
}
