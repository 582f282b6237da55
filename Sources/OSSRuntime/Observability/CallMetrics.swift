import CoreMetrics

/// What is counted of calls, for whichever metrics backend the process has.
///
/// - `oss.client.requests`: calls, by `operation` and `outcome`.
/// - `oss.client.attempts` and `oss.client.retries`: by `operation` and `outcome`.
/// - `oss.client.duration`: up to the reply's header, and its body where that isn't streamed.
/// - `oss.client.bytes.sent` and `oss.client.bytes.received`: of bodies, by `operation`.
///
/// The outcome is `success`, `cancelled`, the service's error code, or the kind of the error.
final class CallMetrics: Sendable {
    private struct Outcome {
        let requests, attempts, retries: Counter
        let duration: Timer
    }

    private struct Key: Hashable {
        var operation: String
        var outcome: String
    }

    private struct State {
        var outcomes: [Key: Outcome] = [:]
        var bytes: [Key: Counter] = [:]
    }

    /// Codes come from servers, which might make them up.
    private static let maximumOutcomes = 2000

    private let factory: any MetricsFactory
    private let state = Locked(State())

    /// Nil where nobody would hear.
    init?(_ factory: any MetricsFactory) {
        if factory is NOOPMetricsHandler { return nil }
        self.factory = factory
    }

    func finished(_ operation: String, outcome: String, attempts: Int, after duration: Duration) {
        let metrics = state.withLock { state -> Outcome in
            let isFull = state.outcomes.count >= Self.maximumOutcomes
            let key = Key(operation: operation, outcome: isFull ? "other" : outcome)
            if let known = state.outcomes[key] { return known }
            let dimensions = [("operation", key.operation), ("outcome", key.outcome)]
            func counter(_ label: String) -> Counter {
                Counter(label: "oss.client.\(label)", dimensions: dimensions, factory: factory)
            }
            let new = Outcome(
                requests: counter("requests"), attempts: counter("attempts"), retries: counter("retries"),
                duration: Timer(
                    label: "oss.client.duration", dimensions: dimensions, preferredDisplayUnit: .milliseconds,
                    factory: factory))
            state.outcomes[key] = new
            return new
        }
        metrics.requests.increment()
        metrics.attempts.increment(by: attempts)
        if attempts > 1 { metrics.retries.increment(by: attempts - 1) }
        let (seconds, attoseconds) = duration.components
        metrics.duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    /// The counter of the bytes that an operation sends or receives.
    func bytes(_ direction: String, _ operation: String) -> Counter {
        state.withLock { state in
            let key = Key(operation: operation, outcome: direction)
            if let known = state.bytes[key] { return known }
            let new = Counter(
                label: "oss.client.bytes.\(direction)", dimensions: [("operation", operation)], factory: factory)
            state.bytes[key] = new
            return new
        }
    }
}
