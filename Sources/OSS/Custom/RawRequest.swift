public import HTTPTypes
public import OSSRuntime

/// A call of an operation that this SDK has no method for: signed, retried and checked like all others.
///
/// ```swift
/// let result = try await client.send(RawRequest(method: .get, bucket: "my-bucket", query: ["requestPayment": ""]))
/// print(try await result.body.text(upTo: 1 << 20))
/// ```
public struct RawRequest: Sendable {
    /// What logs and errors call it. Default: `RawRequest`.
    public var name = "RawRequest"
    /// The HTTP method.
    public var method: HTTPRequest.Method
    /// The bucket, unless the operation belongs to the account.
    public var bucket: String?
    /// The object's key, not escaped.
    public var key: String?
    /// Sub-resources and parameters, not escaped; an empty value sends the bare name.
    public var query: [String: String]
    /// Header fields.
    public var headers: HTTPFields
    /// The body.
    public var body: RequestBody?

    /// Makes a request.
    public init(
        method: HTTPRequest.Method, bucket: String? = nil, key: String? = nil, query: [String: String] = [:],
        headers: HTTPFields = [:], body: RequestBody? = nil
    ) {
        (self.method, self.bucket, self.key, self.query) = (method, bucket, key, query)
        (self.headers, self.body) = (headers, body)
    }
}

/// The reply of a ``RawRequest``.
public struct RawResult: OperationResult {
    /// Status, request id and header fields.
    public var response: ResponseMetadata
    /// The body; to be read once.
    public var body: ResponseBody
}

extension OSSClient {
    /// Calls an operation by its parts.
    ///
    /// - Throws: `OSSError` for a reply that isn't a success, as for any other operation.
    public func send(_ request: RawRequest, options: CallOptions = .init()) async throws -> RawResult {
        var builder = RequestBuilder(Operation(name: request.name, method: request.method, streamsResponse: true))
        if let bucket = request.bucket { builder.setBucket(bucket) }
        if let key = request.key { builder.setKey(key) }
        for (name, value) in request.query.sorted(by: { $0.key < $1.key }) { builder.setQuery(name, value) }
        for field in request.headers { builder.setHeader(field.name.rawName, field.value) }
        builder.setBody(request.body)
        var reply = try await core.execute(builder, options)
        return RawResult(response: reply.metadata, body: reply.takeBody())
    }
}
