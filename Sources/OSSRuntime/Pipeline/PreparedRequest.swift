import Crypto
package import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A request with everything in it but what each attempt adds: date, credentials and signature.
package final class PreparedRequest: Sendable {
    package let operation: Operation
    package let bucket: String?
    package let key: String?
    /// The query as sent.
    package let query: String
    package let head: HTTPRequest
    package let body: RequestBody?
    /// Whether the whole body is comparable with the CRC-64 of the reply.
    package let checksUpload: Bool
    /// The range asked for, if any.
    package let range: ByteRange?
    /// Whether the caller takes other encodings of the body than the one that is stored.
    package let acceptsEncodings: Bool

    // Borrowed, since an initialiser gets copies otherwise, of large structures here.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidRequest``.
    package init(
        _ builder: borrowing RequestBuilder,
        endpoint: borrowing Endpoint,
        configuration: borrowing ClientConfiguration,
        options: borrowing CallOptions
    ) throws(OSSError) {
        if let error = builder.error { throw error }
        try options.validate()
        let operation = builder.operation

        var query = builder.query
        for (name, value) in options.query.isEmpty ? [] : options.query.sorted(by: { $0.key < $1.key }) {
            if !query.isEmpty { query += "&" }
            query += PercentEncoding.query(name)
            if !value.isEmpty { query += "=" + PercentEncoding.query(value) }
        }

        var headers = builder.headers
        for field in options.headers { headers[field.name] = nil }
        headers.append(contentsOf: options.headers)
        if !builder.isPresigned {
            let own = headers
            for field in configuration.defaultHeaders where own[field.name]?.isEmpty ?? true {
                headers[field.name] = nil
                headers.append(field)
            }
        }

        let body = builder.isPresigned ? nil : try PreparedRequest.body(of: builder, headers: &headers)
        if operation.contentTypeFromKey, !builder.isPresigned, headers[.contentType] == nil, let key = builder.key {
            headers[.contentType] = ContentType.forKey(key)
        }
        var acceptsEncodings = true
        if !builder.isPresigned {
            // The service would compress text on the fly, which drops its length, ETag and checksum.
            if !headers.contains(.acceptEncoding) {
                headers.append(Self.identityEncoding)
                acceptsEncodings = false
            }
            if headers.contains(.userAgent) { headers[.userAgent] = nil }
            headers.append(UserAgent.field(suffix: configuration.userAgent))
        }

        let range = try headers[.range].map { text throws(OSSError) in try ByteRange(text) }
        if range != nil, headers[.rangeBehavior] == nil {
            // Without it, a range past the end is answered with the whole object.
            headers[.rangeBehavior] = "standard"
        }

        let (authority, path) = configuration.addressing.resolve(endpoint, bucket: builder.bucket, key: builder.key)
        self.operation = operation
        self.bucket = builder.bucket
        self.key = builder.key
        self.query = query
        self.body = body
        self.range = range
        self.acceptsEncodings = acceptsEncodings && headers[.acceptEncoding] != "identity"
        checksUpload =
            switch operation.checksum {
            case .crc64: configuration.checksUploads
            case .crc64Append: configuration.checksUploads && builder.appendsAtStart
            case .none, .contentMD5: false
            }
        head = HTTPRequest(
            method: operation.method,
            scheme: endpoint.scheme,
            authority: authority,
            path: query.isEmpty ? path : "\(path)?\(query)",
            headerFields: headers
        )
    }

    /// Method and URL for errors and logs.
    package var target: String {
        let path = head.path.map { $0.prefix { $0 != "?" } } ?? "/"
        return "\(head.method.rawValue) \(head.scheme ?? "")://\(head.authority ?? "")\(path)" + Redaction.query(query)
    }

    private static let identityEncoding = HTTPField(name: .acceptEncoding, value: "identity")

    /// The body with the header fields that describe it.
    private static func body(of builder: RequestBuilder, headers: inout HTTPFields) throws(OSSError) -> RequestBody? {
        if let xml = builder.xmlBody {
            if headers[.contentType] == nil { headers[.contentType] = "application/xml" }
            if builder.operation.checksum == .contentMD5 && headers[.contentMD5] == nil {
                headers[.contentMD5] = Data(Insecure.MD5.hash(data: xml)).base64EncodedString()
            }
            headers[.contentLength] = String(xml.count)
            return .bytes(xml)
        }
        guard var body = builder.body else {
            if builder.operation.method == .put || builder.operation.method == .post { headers[.contentLength] = "0" }
            return nil
        }
        if let text = headers[.contentLength] {
            guard let length = Int64(text), length >= 0 else {
                throw OSSError(.invalidRequest, message: "Content-Length '\(text)' is not a number of bytes")
            }
            if let known = body.length, known != length {
                throw OSSError(
                    .invalidRequest,
                    message: "Content-Length is \(length), but the body has \(known) bytes; leave Content-Length out"
                )
            }
            body = body.withLength(length)
        } else if let length = body.length {
            headers[.contentLength] = String(length)
        }
        return body
    }
}

/// What a `Range` header asks for.
package struct ByteRange: Sendable, Hashable {
    /// nil: the last ``last`` bytes.
    package let first: Int64?
    package let last: Int64?

    package init(_ text: String) throws(OSSError) {
        func invalid() -> OSSError {
            OSSError(
                .invalidRequest, message: "range '\(text)' is not valid: write bytes=0-99, bytes=100- or bytes=-100")
        }
        guard text.hasPrefix("bytes=") else { throw invalid() }
        let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { throw invalid() }
        let numbers = ends.map { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64($0) : nil }
        guard ends[0].isEmpty || numbers[0] != nil, ends[1].isEmpty || numbers[1] != nil else { throw invalid() }
        first = numbers[0]
        last = numbers[1]
        guard first != nil || last != nil else { throw invalid() }
        if let first, let last, last < first { throw invalid() }
    }

    /// Whether the whole object is what was asked for.
    var coversEverything: Bool { first == 0 && last == nil }

    /// Whether a reply's `Content-Range` is this range of the object, or as much of it as there is.
    func matches(contentRange text: String) -> Bool {
        // bytes 0-99/1000, with * for an unknown size
        guard text.hasPrefix("bytes ") else { return false }
        let parts = text.dropFirst(6).split(separator: "/")
        guard parts.count == 2 else { return false }
        let ends = parts[0].split(separator: "-").map { Int64($0) }
        guard ends.count == 2, let start = ends[0], let end = ends[1], start <= end else { return false }
        let size = Int64(parts[1])
        if let first {
            guard start == first else { return false }
            guard let last else { return size.map { end == $0 - 1 } ?? true }
            return end == last || (end < last && size.map { end == $0 - 1 } ?? true)
        }
        let length = last ?? 0
        return size.map { end == $0 - 1 && start == max(0, $0 - length) } ?? (end - start < length)
    }
}

/// The SDK's `User-Agent`.
enum UserAgent {
    static let base: String = {
        #if os(Linux)
            let system = "Linux"
        #elseif os(macOS)
            let system = "macOS"
        #elseif os(iOS)
            let system = "iOS"
        #elseif os(Android)
            let system = "Android"
        #else
            let system = "other"
        #endif
        #if arch(x86_64)
            let architecture = "x86_64"
        #elseif arch(arm64)
            let architecture = "arm64"
        #else
            let architecture = "other"
        #endif
        return "oss-swift/\(SDKVersion.current) (\(system)/\(architecture))"
    }()

    private static let baseField = HTTPField(name: .userAgent, value: base)

    static func field(suffix: String?) -> HTTPField {
        suffix.map { HTTPField(name: .userAgent, value: "\(base)/\($0)") } ?? baseField
    }
}

/// The SDK's version, as in its tags.
package enum SDKVersion {
    package static let current = "0.1.0"
}

extension HTTPField.Name {
    // The names are constants of a form that is always valid.
    static let hostField = HTTPField.Name("Host")!
    static let rangeBehavior = HTTPField.Name("x-oss-range-behavior")!
    static let contentMD5 = HTTPField.Name("Content-MD5")!
    static let hashCRC64 = HTTPField.Name("x-oss-hash-crc64ecma")!
}
