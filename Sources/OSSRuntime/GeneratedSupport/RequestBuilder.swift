package import HTTPTypes

#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// Collects what a request's members become. Nothing here throws: the first mistake is kept in ``error``, which makes
/// generated code a plain list of assignments.
package struct RequestBuilder {
    package let operation: Operation
    package private(set) var bucket: String?
    package private(set) var key: String?
    package private(set) var headers: HTTPFields = [:]
    /// The query as sent.
    package private(set) var query: String
    package private(set) var body: RequestBody?
    package private(set) var xmlBody: [UInt8]?
    package private(set) var error: OSSError?
    /// It becomes a URL: somebody else sends it, so nothing is added that they would have to send.
    package var isPresigned = false
    /// An append's position, for the checksum.
    private(set) var appendsAtStart = false

    package init(_ operation: Operation) {
        self.operation = operation
        query = operation.query
    }

    package mutating func fail(_ message: String) {
        if error == nil { error = OSSError(.invalidRequest, message: message) }
    }

    /// What is sent where the caller gives nothing. Not in a URL: its user reads the reply without this client's help.
    package func byDefault<T>(_ value: T) -> T? { isPresigned ? nil : value }

    // MARK: Labels

    package mutating func setBucket(_ name: String) {
        let bytes = name.utf8
        let isValid =
            (3...63).contains(bytes.count) && bytes.first != UInt8(ascii: "-") && bytes.last != UInt8(ascii: "-")
            && bytes.allSatisfy { $0.isLowercaseLetterOrDigit || $0 == UInt8(ascii: "-") }
        if !isValid {
            fail(
                "bucket name '\(name)' is not valid: 3 to 63 lower-case letters, digits and hyphens, "
                    + "no hyphen at either end"
            )
        }
        bucket = name
    }

    package mutating func setKey(_ key: String) {
        if key.isEmpty { fail("the object key is empty") }
        if key.utf8.count > 1024 {
            fail("the object key has \(key.utf8.count) bytes in UTF-8; at most 1024 are allowed")
        }
        self.key = key
    }

    // MARK: Header fields

    package mutating func setHeader(_ name: String, _ value: String?) {
        guard let value else { return }
        guard let field = HTTPField.Name(name) else { return fail("'\(name)' is not a valid header name") }
        guard HTTPField.isValidValue(value) else {
            return fail("the value of header '\(name)' holds a line end or another character that no header can carry")
        }
        headers[field] = value
    }

    package mutating func setHeader(_ name: String, _ value: Int?) { setHeader(name, value.map { String($0) }) }
    package mutating func setHeader(_ name: String, _ value: Int64?) { setHeader(name, value.map { String($0) }) }
    package mutating func setHeader(_ name: String, _ value: Double?) { setHeader(name, value.map { "\($0)" }) }
    package mutating func setHeader(_ name: String, _ value: Bool?) {
        setHeader(name, value.map { $0 ? "true" : "false" })
    }
    // Not generic: what is generic is not specialised outside of this module.
    package mutating func setHeader(_ name: String, _ value: (any OpenStringEnum)?) {
        setHeader(name, value?.rawValue)
    }
    package mutating func setHeader(_ name: String, _ value: Date?, _ format: TimestampFormat) {
        setHeader(name, value.map { Timestamps.string($0, format) })
    }

    /// User metadata: the service takes letters, digits and hyphens in names and 8 KB in all.
    package mutating func setPrefixHeaders(_ prefix: String, _ values: [String: String]) {
        var bytes = 0
        // In a fixed order, so that the same request is the same bytes.
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard !name.isEmpty, name.utf8.allSatisfy(\.isMetadataNameByte) else {
                return fail("'\(name)' is not a valid metadata name: use letters, digits and hyphens")
            }
            bytes += prefix.utf8.count + name.utf8.count + value.utf8.count
            setHeader(prefix + name, value)
        }
        if bytes > 8192 { fail("the metadata has \(bytes) bytes with its header names; at most 8192 are allowed") }
    }

    /// `x-oss-copy-source`: the source's bucket is the request's own where none is given.
    package mutating func setCopySource(bucket source: String?, key: String, versionID: String?) {
        if key.isEmpty { return fail("the source's key is empty") }
        var value = "/\(source ?? bucket ?? "")/\(PercentEncoding.path(key))"
        if let versionID { value += "?versionId=\(PercentEncoding.query(versionID))" }
        setHeader("x-oss-copy-source", value)
    }

    // MARK: Query parameters

    package mutating func setQuery(_ name: String, _ value: String?) {
        guard let value else { return }
        if operation.checksum == .crc64Append && name == "position" && value == "0" { appendsAtStart = true }
        if !query.isEmpty { query += "&" }
        query += PercentEncoding.query(name)
        if !value.isEmpty { query += "=" + PercentEncoding.query(value) }
    }

    package mutating func setQuery(_ name: String, _ value: Int?) { setQuery(name, value.map { String($0) }) }
    package mutating func setQuery(_ name: String, _ value: Int64?) { setQuery(name, value.map { String($0) }) }
    package mutating func setQuery(_ name: String, _ value: Double?) { setQuery(name, value.map { "\($0)" }) }
    package mutating func setQuery(_ name: String, _ value: Bool?) {
        setQuery(name, value.map { $0 ? "true" : "false" })
    }
    package mutating func setQuery(_ name: String, _ value: (any OpenStringEnum)?) { setQuery(name, value?.rawValue) }
    package mutating func setQuery(_ name: String, _ value: Date?, _ format: TimestampFormat) {
        setQuery(name, value.map { Timestamps.string($0, format) })
    }

    // MARK: Body

    package mutating func setBody(_ body: RequestBody?) {
        self.body = body
    }

    package mutating func setBody(text: String?) {
        body = text.map { .string($0) }
    }

    /// The caller's own document in place of the one that members make.
    mutating func setDocument(_ document: RequestBody) async throws {
        guard body == nil, operation.method == .put || operation.method == .post else {
            return fail("\(operation.name) takes no document")
        }
        var bytes: [UInt8] = []
        for try await chunk in document {
            bytes.append(contentsOf: chunk)
            guard bytes.count <= Self.maximumDocument else {
                return fail("the document is larger than \(Self.maximumDocument) bytes")
            }
        }
        xmlBody = bytes
    }

    /// Far above what the service takes.
    private static let maximumDocument = 8 << 20

    package mutating func setXML(_ root: StaticString, _ value: (some XMLEncodable)?) {
        guard let value else { return }
        var xml = XMLWriter()
        xml.write(root, value)
        xmlBody = xml.bytes
    }
}

extension UInt8 {
    fileprivate var isMetadataNameByte: Bool {
        isLowercaseLetterOrDigit || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) || self == UInt8(ascii: "-")
    }
}
