/// When a failed request is sent again, and how long to wait before.
///
/// What is retried: statuses 401, 408, 429 and 500 and above, the codes `BadRequest` and `RequestTimeTooSkewed`
/// (after correcting the clock), failures to connect, send or receive other than those of TLS, checksum mismatches, and
/// providers of credentials that fail; never a request whose body was a one-shot stream that has been started.
public struct RetryPolicy: Sendable {
    /// How often a request is sent in all, the first time included; at least 1. Default: 3.
    public var maximumAttempts: Int
    /// The delays between attempts. Default: full jitter, base 0.2 s, at most 20 s.
    public var backoff: Backoff
    /// Decides instead of the rules above whether an error is worth another attempt; nil keeps the rules.
    public var isRetryable: (@Sendable (OSSError) -> Bool)?

    /// Makes a policy.
    public init(
        maximumAttempts: Int = 3,
        backoff: Backoff = .fullJitter(),
        isRetryable: (@Sendable (OSSError) -> Bool)? = nil
    ) {
        self.maximumAttempts = maximumAttempts
        self.backoff = backoff
        self.isRetryable = isRetryable
    }

    /// Every request is sent once.
    public static let never = RetryPolicy(maximumAttempts: 1)
}

extension RetryPolicy {
    /// How long to wait before the next attempt.
    public struct Backoff: Sendable {
        /// `retry` is 1 before the second attempt; `random` is in 0..<1.
        package let delay: @Sendable (_ retry: Int, _ random: Double) -> Duration

        /// A random time up to `base` × 2^retry, at most `maximum`. Spreads many clients best.
        public static func fullJitter(base: Duration = .milliseconds(200), maximum: Duration = .seconds(20)) -> Backoff
        {
            Backoff { retry, random in exponential(base, maximum, retry) * random }
        }

        /// Half of `base` × 2^retry (at most `maximum`) plus a random time up to the other half.
        public static func equalJitter(base: Duration = .milliseconds(200), maximum: Duration = .seconds(20)) -> Backoff
        {
            Backoff { retry, random in exponential(base, maximum, retry) * (0.5 + random / 2) }
        }

        /// Always the same delay.
        public static func fixed(_ delay: Duration) -> Backoff {
            Backoff { _, _ in delay }
        }

        /// A delay of the caller's own: `retry` is 1 before the second attempt.
        public static func custom(_ delay: @escaping @Sendable (_ retry: Int) -> Duration) -> Backoff {
            Backoff { retry, _ in delay(retry) }
        }

        private static func exponential(_ base: Duration, _ maximum: Duration, _ retry: Int) -> Duration {
            var delay = base
            for _ in 0..<retry where delay < maximum { delay *= 2 }
            return min(delay, maximum)
        }
    }

    package func allowsRetry(of error: OSSError) -> Bool {
        if let isRetryable { return isRetryable(error) }
        switch error.kind {
        case .service:
            // 203: the object is stored, only its callback failed; sending again would store it again.
            guard let status = error.status else { return false }
            return [401, 408, 429].contains(status) || status >= 500
                || error.code == "BadRequest" || error.code == .requestTimeTooSkewed
        case .dns, .connect, .connectTimeout, .timeout, .connectionReset, .transport, .checksumMismatch:
            return true
        case .credentials:
            // A provider that could not be reached may be later; keys that aren't there won't come by waiting.
            return error.code != .credentialsMissing
        default:
            return false
        }
    }
}

extension OSSError {
    /// The service asked to slow down rather than failed.
    package var isThrottling: Bool {
        status == 429 || (status == 503 && kind == .service)
    }

    /// The service's own lower bound for the next delay.
    package var throttlingDelay: Duration? {
        headers.value("x-oss-qos-delay-time").flatMap(Int64.init).map { .milliseconds(max(0, $0)) }
    }
}
