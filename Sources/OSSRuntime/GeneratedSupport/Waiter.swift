/// What to wait for by sending a request again and again: what its replies mean, and how long to pause between them.
package struct Waiter<Output: OperationOutput & OperationResult>: Sendable {
    package enum State: Sendable {
        case success, retry, failure
    }

    /// Which replies mean a state.
    package struct Acceptor: Sendable {
        fileprivate let state: State
        fileprivate var message = ""
        fileprivate let matches: @Sendable (Result<Output, OSSError>) -> Bool

        /// All results, or those that `matches` picks. `message` says why one is a failure.
        package static func result(
            _ state: State, _ message: String = "", _ matches: @escaping @Sendable (Output) -> Bool = { _ in true }
        ) -> Acceptor {
            Acceptor(state: state, message: message) { reply in
                if case .success(let output) = reply { matches(output) } else { false }
            }
        }

        package static func error(_ code: OSSError.Code, status: Int? = nil, _ state: State) -> Acceptor {
            Acceptor(state: state) { reply in
                guard case .failure(let error) = reply, error.code == code else { return false }
                return status == nil || error.status == status
            }
        }
    }

    let name: String
    private let minDelay: Duration
    private let maxDelay: Duration
    private let acceptors: [Acceptor]

    package init(_ name: String, minDelay: Duration, maxDelay: Duration, _ acceptors: Acceptor...) {
        self.name = name
        self.minDelay = minDelay
        self.maxDelay = maxDelay
        self.acceptors = acceptors
    }

    /// Whether the wait is over: the first acceptor that matches decides. What matches none is thrown if it is an error,
    /// and waited on if it is a result.
    package func isDone(after reply: Result<Output, OSSError>) throws(OSSError) -> Bool {
        let acceptor = acceptors.first { $0.matches(reply) }
        switch (acceptor?.state, reply) {
        case (.success, _): return true
        case (.retry, _), (nil, .success): return false
        case (.failure, .success(let result)):
            throw OSSError(.waitFailed, message: "\(name) can't come about: \(acceptor?.message ?? "")")
                .found(in: result.response)
        case (.failure, .failure(let error)), (nil, .failure(let error)): throw error
        }
    }

    /// The pause after the call of this number, with `remaining` time; nil when that is over.
    ///
    /// Random between the least delay and one that doubles up to the greatest. The last call is at the end of the time,
    /// and takes the place of one that would come shortly before it.
    package func delay(afterCall number: Int, remaining: Duration, random: Double) -> Duration? {
        guard remaining > .zero else { return nil }
        var ceiling = minDelay
        for _ in 1..<number where ceiling < maxDelay { ceiling *= 2 }
        let delay = minDelay + (min(ceiling, maxDelay) - minDelay) * random
        return remaining - delay < minDelay ? remaining : delay
    }

    /// How long a call may take: what remains of the time, and a little more for the last one.
    fileprivate func patience(remaining: Duration) -> Duration { max(remaining, .zero) + minDelay }
}

extension ServiceClient {
    /// Sends the request until the waiter is done, and gives the reply that it was done with.
    ///
    /// Every call has the caller's options and is repeated by their retry policy; what is thrown after that ends the wait
    /// unless an acceptor says otherwise.
    package func wait<R: OperationRequest, Output>(
        _ waiter: Waiter<Output>, _ request: R, _ timeout: Duration, _ options: CallOptions
    ) async throws -> Result<Output, OSSError> {
        var builder = RequestBuilder(R.operation)
        request.encode(into: &builder)
        let prepared = try prepare(builder, options)
        let log = CallLog(options.logger ?? configuration.logger, prepared)
        let end = dependencies.uptime() + timeout
        var calls = 0
        while true {
            calls += 1
            let reply: Result<Output, OSSError> = try await reply(
                to: request, options, within: waiter.patience(remaining: end - dependencies.uptime()))
            let remaining = end - dependencies.uptime()
            do throws(OSSError) {
                let isCutOff = remaining <= .zero && reply.error?.kind == .timeout
                if !isCutOff, try waiter.isDone(after: reply) { return reply }
            } catch {
                // What the service said knows its request already.
                throw error.kind == .waitFailed ? error.about(prepared, attempts: calls) : error
            }
            guard let delay = waiter.delay(afterCall: calls, remaining: remaining, random: dependencies.random())
            else {
                throw OSSError(
                    .timeout,
                    message: "\(waiter.name) did not come about within \(timeout); the last call gave \(reply.summary)",
                    cause: reply.error
                ).about(prepared, attempts: calls)
            }
            log.waiting(for: waiter.name, after: reply.summary, delay)
            try await dependencies.sleep(delay)
        }
    }

    private func reply<R: OperationRequest, Output: OperationOutput>(
        to request: R, _ options: CallOptions, within time: Duration
    ) async throws -> Result<Output, OSSError> {
        var options = options
        options.timeout = min(options.timeout ?? time, time)
        do {
            return .success(try await execute(request, options))
        } catch let error as OSSError {
            return .failure(error)
        }
    }
}

extension Result where Success: OperationResult, Failure == OSSError {
    fileprivate var error: OSSError? {
        if case .failure(let error) = self { error } else { nil }
    }

    /// `200`, or `404 NoSuchKey`
    fileprivate var summary: String {
        switch self {
        case .success(let result): "\(result.response.status)"
        case .failure(let error): (error.status.map { "\($0) " } ?? "") + error.code.rawValue
        }
    }
}
