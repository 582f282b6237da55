public import HTTPTypes
public import Logging

/// What one call does differently from the client's configuration. Nothing is different by default.
public struct CallOptions: Sendable {
    /// How long the request may go without a byte read or written, more than zero; nil: as configured.
    public var readWriteTimeout: Duration?
    /// How long the call may take in all, delays between attempts included, up to the reply's header (and its body, where
    /// the operation has no streamed one). No attempt starts later. Default: unlimited.
    public var timeout: Duration?
    /// When and how often the request is sent again; nil: as configured.
    public var retry: RetryPolicy?
    /// Header fields to set, in place of those the operation sets. They are signed where the service demands it.
    public var headers: HTTPFields
    /// Query parameters to add; an empty value adds the bare name.
    public var query: [String: String]
    /// The document to send in place of the one that the request's members make: a configuration kept as a file, or one
    /// with elements that this SDK doesn't know. Read into memory, up to 8 MiB.
    public var document: RequestBody?
    /// A logger to use instead of the client's.
    public var logger: Logger?
    /// Hears how many bytes of the body have been sent or received.
    public var progress: (@Sendable (TransferProgress) -> Void)?

    /// Makes options.
    public init(
        readWriteTimeout: Duration? = nil,
        timeout: Duration? = nil,
        retry: RetryPolicy? = nil,
        headers: HTTPFields = [:],
        query: [String: String] = [:],
        document: RequestBody? = nil,
        logger: Logger? = nil,
        progress: (@Sendable (TransferProgress) -> Void)? = nil
    ) {
        self.readWriteTimeout = readWriteTimeout
        self.timeout = timeout
        self.retry = retry
        self.headers = headers
        self.query = query
        self.document = document
        self.logger = logger
        self.progress = progress
    }
}

extension CallOptions {
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidRequest`` that names the option.
    func validate() throws(OSSError) {
        if let readWriteTimeout, readWriteTimeout <= .zero {
            throw OSSError(
                .invalidRequest, message: "readWriteTimeout is \(readWriteTimeout); it must be more than zero")
        }
        if let attempts = retry?.maximumAttempts, attempts < 1 {
            throw OSSError(
                .invalidRequest, message: "retry.maximumAttempts is \(attempts); at least 1 is needed")
        }
    }
}

/// How far a body is. After a retry the count goes on only where it passes what was reported before.
public struct TransferProgress: Sendable, Hashable {
    /// Bytes sent or received so far.
    public var completed: Int64
    /// The body's length in bytes; nil when unknown.
    public var total: Int64?

    /// Makes a value.
    public init(completed: Int64, total: Int64?) {
        self.completed = completed
        self.total = total
    }
}
