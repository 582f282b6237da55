public import HTTPTypes

/// A request type's side of the contract between generated code and runtime: what it is called on the wire, and how its
/// members become an HTTP message.
package protocol OperationRequest: Sendable {
    static var operation: Operation { get }

    /// Writes every member to its place. Mistakes are kept by the builder and thrown by the runtime.
    func encode(into request: inout RequestBuilder)
}

/// A result type's side of the contract.
package protocol OperationOutput: Sendable {
    init(response: ResponseMetadata)

    /// Reads what is in the body. Mistakes are kept by the reader and thrown by the runtime.
    init(from reply: inout ResponseReader)
}

extension OperationOutput {
    /// For results whose members are all header fields.
    package init(from reply: inout ResponseReader) {
        self.init(response: reply.metadata)
    }
}

/// A structure that is read from the children of an XML element.
package protocol XMLStructure: XMLDecodable {
    init()

    /// Reads one child element, or skips it where it is unknown.
    mutating func read(_ element: XMLName, from xml: inout XMLReader)
}

extension XMLStructure {
    package init(from xml: inout XMLReader) {
        self.init()
        while let element = xml.nextElement() { read(element, from: &xml) }
    }
}

/// What every result has, whatever its operation.
public protocol OperationResult: Sendable {
    /// Status, request id and header fields of the reply.
    var response: ResponseMetadata { get }
}

/// Status and header fields of a reply.
public struct ResponseMetadata: Sendable, Hashable {
    /// The HTTP status.
    public var status: Int
    /// All header fields, also those that no member of the result stands for.
    public var headers: HTTPFields

    /// Makes a value, for tests that need a result without a server.
    public init(status: Int = 200, headers: HTTPFields = [:]) {
        self.status = status
        self.headers = headers
    }

    /// The service's id of the request: what its support asks for first.
    public var requestID: String? { headers.value("x-oss-request-id") }

    /// The value of a header field, by its name in any case; nil when the reply has none.
    public subscript(name: String) -> String? { headers.value(name) }
}

/// What is fixed about an operation.
package struct Operation: Sendable {
    package enum Checksum: Sendable {
        case none
        /// `Content-MD5` of the XML body.
        case contentMD5
        /// CRC-64 of the body, compared with the reply's.
        case crc64
        /// The same for an append, whose reply has the CRC-64 of the whole object: only comparable at position 0.
        case crc64Append
    }

    package let name: String
    package let method: HTTPRequest.Method
    /// The fixed part of the query, as sent.
    package let query: String
    package let checksum: Checksum
    package let contentTypeFromKey: Bool
    /// The reply's body goes to the caller as a stream instead of being read here.
    package let streamsResponse: Bool

    package init(
        name: String,
        method: HTTPRequest.Method,
        query: String = "",
        checksum: Checksum = .none,
        contentTypeFromKey: Bool = false,
        streamsResponse: Bool = false
    ) {
        self.name = name
        self.method = method
        self.query = query
        self.checksum = checksum
        self.contentTypeFromKey = contentTypeFromKey
        self.streamsResponse = streamsResponse
    }
}

extension HTTPFields {
    /// The field's value by its text name; nil for a name that no field can have.
    package func value(_ name: String) -> String? {
        HTTPField.Name(name).flatMap { value($0) }
    }

    /// The field's value, at a fraction of what the subscript costs for a field that is there once.
    package func value(_ name: HTTPField.Name) -> String? {
        let values = self[values: name]
        return values.count > 1 ? self[name] : values.first
    }
}
