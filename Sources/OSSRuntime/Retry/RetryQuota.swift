/// A client's budget for retries: while everything fails, retrying stops adding load.
///
/// A transient failure takes 14 of 500 tokens, a throttled one 5; a success gives back what its last retry took, or 1.
package final class RetryQuota: Sendable {
    package static let capacity = 500

    private let tokens: Locked<Int>

    package init(tokens: Int = RetryQuota.capacity) {
        self.tokens = Locked(tokens)
    }

    /// What is left.
    package var available: Int { tokens.withLock { $0 } }

    /// Takes the tokens one retry costs; nil when there are not enough, and then nothing is taken.
    package func acquire(for error: OSSError) -> Int? {
        let cost = error.isThrottling ? 5 : 14
        return tokens.withLock { tokens in
            guard tokens >= cost else { return nil }
            tokens -= cost
            return cost
        }
    }

    /// Gives tokens back after a success.
    package func release(_ cost: Int?) {
        tokens.withLock { $0 = min(RetryQuota.capacity, $0 + (cost ?? 1)) }
    }
}
