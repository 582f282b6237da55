import OSSRuntime

/// The hand-written side of the client that the golden files extend: it sends nothing.
final class GoldenClient: Sendable {
    struct NotConnected: Error {}

    /// What waiters get to see, one after the other.
    private let replies: [Result<ResponseMetadata, OSSError>]

    init(_ replies: Result<ResponseMetadata, OSSError>...) {
        self.replies = replies
    }

    func wait<Output>(
        _ waiter: Waiter<Output>, _ request: some OperationRequest, _ timeout: Duration, _ options: CallOptions
    ) async throws -> Result<Output, OSSError> {
        for reply in replies {
            let reply = reply.map { Output(response: $0) }
            if try waiter.isDone(after: reply) { return reply }
        }
        throw NotConnected()
    }

    func execute<Output: OperationOutput>(_ request: some OperationRequest, _ options: CallOptions) async throws
        -> Output
    {
        throw NotConnected()
    }
}

extension GoldenClient {
    func presigned(_ request: some OperationRequest, _ expires: PresignExpiry, _ options: CallOptions) async throws
        -> PresignedRequest
    {
        throw NotConnected()
    }

    func paginate<Request: OperationRequest & Hashable, Page: OperationOutput>(
        _ request: Request, _ options: CallOptions, _ advance: @escaping @Sendable (inout Request, Page) -> Bool
    ) -> Paginator<Page> {
        Paginator(first: PageRequest { throw NotConnected() })
    }
}
