import HTTPTypes

/// Sends one HTTP request and gives back its response: the way to bring your own HTTP client.
///
/// A transport knows nothing of the service: no signing, no retries. It sends `head` as it is, streams the
/// body, and returns as soon as the response's head is there, with a body that streams the rest.
///
/// What a transport must do:
/// - Send path and query byte for byte; they are signed.
/// - Throw ``TransportError`` for what the network does, with the right ``TransportError/Kind``; the
///   runtime decides by it whether to try again. Rethrow what the request's body throws.
/// - Throw `CancellationError` promptly when the calling task is cancelled, and close the connection.
/// - Stop sending and return the response when it comes before the request's body was sent in full.
/// - Fail with ``TransportError/Kind/timeout`` when no byte could be read or written for
///   ``TransportRequest/readWriteTimeout`` while it was waiting for the network.
/// - Leave a response's bytes as they are: no decompression. One that can't be kept from it says so in
///   ``TransportResponse/isBodyDecoded``.
/// - If it follows redirects, send neither `Authorization` nor `x-oss-security-token` to another host, and nothing from
///   `https` to `http`.
public protocol HTTPTransport: Sendable {
    /// Sends a request and waits for the head of its response.
    ///
    /// - Throws: ``TransportError``, `CancellationError`, or what the request's body throws.
    func send(_ request: TransportRequest) async throws -> TransportResponse
}

/// A request as it goes out.
public struct TransportRequest: Sendable {
    /// Method, scheme, authority, path with query as sent, and header fields.
    public var head: HTTPRequest
    /// The body; `nil` for none. Its ``RequestBody/length`` decides between `Content-Length` and chunked.
    public var body: RequestBody?
    /// How long no byte may be read or written before the request fails. Default: 20 seconds.
    public var readWriteTimeout: Duration

    /// Creates a request.
    public init(head: HTTPRequest, body: RequestBody? = nil, readWriteTimeout: Duration = .seconds(20)) {
        self.head = head
        self.body = body
        self.readWriteTimeout = readWriteTimeout
    }
}

/// A response as it comes in.
public struct TransportResponse: Sendable {
    /// Status and header fields.
    public var head: HTTPResponse
    /// The body, streamed.
    public var body: ResponseBody
    /// Whether the HTTP client undid the `Content-Encoding`, so that the body isn't the bytes that were sent: its
    /// length isn't the `Content-Length`, and its checksum not that of what is stored. Default: `false`.
    public var isBodyDecoded: Bool

    /// Creates a response.
    public init(head: HTTPResponse, body: ResponseBody = .empty, isBodyDecoded: Bool = false) {
        self.head = head
        self.body = body
        self.isBodyDecoded = isBodyDecoded
    }
}
