#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// Time and chance, as the attempt loop sees them: replaced in tests so that none has to wait.
package struct RuntimeDependencies: Sendable {
    /// The wall clock, for signatures.
    package var now: @Sendable () -> Date
    /// A clock that never jumps, for total timeouts.
    package var uptime: @Sendable () -> Duration
    /// Waits between attempts; throws `CancellationError` when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// A number in 0..<1, for jitter.
    package var random: @Sendable () -> Double

    package init(
        now: @escaping @Sendable () -> Date = { Date() },
        uptime: @escaping @Sendable () -> Duration = { RuntimeDependencies.start.duration(to: .now) },
        sleep: @escaping @Sendable (Duration) async throws -> Void = {
            try await Task.sleep(for: min($0, RuntimeDependencies.longestSleep))
        },
        random: @escaping @Sendable () -> Double = { .random(in: 0..<1) }
    ) {
        self.now = now
        self.uptime = uptime
        self.sleep = sleep
        self.random = random
    }

    /// A century: `Task.sleep` traps when it can't count the time.
    private static let longestSleep = Duration.seconds(3_155_760_000)
    private static let start = ContinuousClock.Instant.now
}
