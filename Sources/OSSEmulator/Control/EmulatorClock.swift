import NIOConcurrencyHelpers

/// The emulator's clock: the configured one, put forward or back while running.
final class EmulatorClock: Sendable {
    /// The furthest that it is put, some thirty years.
    static let maximumOffset: Int64 = 1_000_000_000_000

    private let base: @Sendable () -> EmulatorInstant
    private let milliseconds = NIOLockedValueBox<Int64>(0)

    init(_ base: @escaping @Sendable () -> EmulatorInstant) {
        self.base = base
    }

    var now: EmulatorInstant { base().advanced(by: offset) }

    /// In milliseconds.
    var offset: Int64 {
        get { milliseconds.withLockedValue { $0 } }
        set { milliseconds.withLockedValue { $0 = newValue } }
    }
}

extension EmulatorInstant {
    func advanced(by milliseconds: Int64) -> EmulatorInstant {
        EmulatorInstant(millisecondsSince1970: millisecondsSince1970 &+ milliseconds)
    }
}
