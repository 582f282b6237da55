import Crypto
package import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Signs requests with `OSS4-HMAC-SHA256`, in the `Authorization` header or in the query.
///
/// Copies share their cache of signing keys.
package struct V4Signer: Sendable {
    private let keys = SigningKeyCache()

    private static let unsignedPayload = HTTPField(name: .ossContentSHA256, value: "UNSIGNED-PAYLOAD")

    /// The longest time that a presigned URL may be valid.
    package static let maximumExpiry = 604_800

    /// Makes a signer with an empty cache.
    package init() {}

    /// Signs in the `Authorization` header.
    ///
    /// Sets `x-oss-date`, `Date`, `x-oss-content-sha256` (if it is not there), `x-oss-security-token` (removed without
    /// a token) and `Authorization`. A request can be signed again: each attempt needs a fresh signature.
    package func sign(_ request: inout SignableRequest, with parameters: SigningParameters) {
        _ = signTracing(&request, with: parameters, tracing: false)
    }

    /// Signs in the query, for a URL that anyone can use until it expires.
    ///
    /// The query grows; the header fields stay. Those that were signed (``isAlwaysSigned(_:)`` and the additional ones)
    /// must be sent with the URL exactly as they are.
    ///
    /// - Parameter seconds: How long the URL is valid, from `parameters.date`; at most ``maximumExpiry``.
    package func presign(_ request: inout SignableRequest, with parameters: SigningParameters, expiresIn seconds: Int) {
        _ = presignTracing(&request, with: parameters, expiresIn: seconds, tracing: false)
    }

    /// Signs in the header as ``sign(_:with:)`` does, and tells what was signed.
    package func trace(_ request: inout SignableRequest, with parameters: SigningParameters) -> SigningTrace {
        signTracing(&request, with: parameters, tracing: true)
    }

    /// Signs in the query as ``presign(_:with:expiresIn:)`` does, and tells what was signed.
    package func trace(
        _ request: inout SignableRequest,
        with parameters: SigningParameters,
        expiresIn seconds: Int
    ) -> SigningTrace {
        presignTracing(&request, with: parameters, expiresIn: seconds, tracing: true)
    }

    /// The signature of any text, in hexadecimal digits.
    func signature(of text: String, _ parameters: SigningParameters, _ time: SigningTime) -> String {
        let key = keys.key(
            day: time.day, region: parameters.region, product: parameters.product,
            secret: parameters.credentials.accessKeySecret)
        var hex: [UInt8] = []
        Array(text.utf8).withUnsafeBytes { bytes in
            key.authenticationCode(for: bytes).withUnsafeBytes { Hex.append($0, to: &hex) }
        }
        return String(decoding: hex, as: UTF8.self)
    }

    /// Whether a header field is signed without being asked for: `Content-Type`, `Content-MD5` and `x-oss-…`.
    package static func isAlwaysSigned(_ name: HTTPField.Name) -> Bool {
        var name = name.canonicalName
        // Read inside the closure only.
        return name.withUTF8 { isAlwaysSigned($0) }
    }
}

// MARK: - The two forms

extension V4Signer {
    /// All of ``sign(_:with:)`` but the signature itself.
    func prepare(_ request: inout SignableRequest, with parameters: SigningParameters) -> V4Signature {
        let time = SigningTime(parameters.date)
        // Appending is cheaper than setting; nearly always nothing is there to replace.
        var hasPayloadHash = false
        var hasOthers = false
        for field in request.headers {
            switch field.name {
            case .ossContentSHA256: hasPayloadHash = true
            case .ossDate, .date, .ossSecurityToken, .authorization: hasOthers = true
            default: break
            }
        }
        if hasOthers {
            request.headers.removeAll { [.ossDate, .date, .ossSecurityToken, .authorization].contains($0.name) }
        }
        request.headers.append(HTTPField(name: .ossDate, value: time.dateTime))
        request.headers.append(HTTPField(name: .date, value: Timestamps.string(parameters.date, .httpDate)))
        if !hasPayloadHash { request.headers.append(Self.unsignedPayload) }
        if let token = parameters.credentials.securityToken {
            request.headers.append(HTTPField(name: .ossSecurityToken, value: token))
        }
        return V4Signature(request, parameters, time)
    }

    private func signTracing(
        _ request: inout SignableRequest,
        with parameters: SigningParameters,
        tracing: Bool
    ) -> SigningTrace {
        var signature = prepare(&request, with: parameters)
        signature.finish(keys)
        request.headers.append(HTTPField(name: .authorization, value: signature.authorization))
        return tracing ? signature.trace : SigningTrace(stringToSign: "")
    }

    /// All of ``presign(_:with:expiresIn:)`` but the signature itself.
    func preparePresign(
        _ request: inout SignableRequest,
        with parameters: SigningParameters,
        expiresIn seconds: Int
    ) -> V4Signature {
        let time = SigningTime(parameters.date)
        let scope = V4Signature.scope(parameters, time)
        let headers = V4Signature.effectiveAdditionalHeaders(parameters.additionalHeaders, in: request.headers)
        request.query = SigningQuery.without(
            ["x-oss-signature", "x-oss-security-token", "x-oss-additional-headers"], in: request.query)
        func add(_ name: String, _ value: String) { SigningQuery.add(name, value, to: &request.query) }
        add("x-oss-signature-version", V4Signature.algorithm)
        add("x-oss-date", time.dateTime)
        add("x-oss-expires", String(seconds))
        add("x-oss-credential", parameters.credentials.accessKeyID + "/" + scope)
        if let token = parameters.credentials.securityToken {
            add("x-oss-security-token", token)
        }
        if !headers.isEmpty {
            add("x-oss-additional-headers", headers.joined(separator: ";"))
        }
        return V4Signature(request, parameters, time)
    }

    private func presignTracing(
        _ request: inout SignableRequest,
        with parameters: SigningParameters,
        expiresIn seconds: Int,
        tracing: Bool
    ) -> SigningTrace {
        var signature = preparePresign(&request, with: parameters, expiresIn: seconds)
        signature.finish(keys)
        SigningQuery.add("x-oss-signature", signature.signature, to: &request.query)
        return tracing ? signature.trace : SigningTrace(stringToSign: "")
    }

    static func isAlwaysSigned(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        starts(name, with: "x-oss-") || equals(name, "content-type") || equals(name, "content-md5")
    }

    private static func starts(_ name: UnsafeBufferPointer<UInt8>, with prefix: StaticString) -> Bool {
        // As many bytes as the prefix has are there.
        guard let start = name.baseAddress, name.count >= prefix.utf8CodeUnitCount else { return false }
        return XMLName.areEqual(start, prefix.utf8Start, prefix.utf8CodeUnitCount)
    }

    private static func equals(_ name: UnsafeBufferPointer<UInt8>, _ other: StaticString) -> Bool {
        name.count == other.utf8CodeUnitCount && starts(name, with: other)
    }
}

/// The time of a signature in the forms that it needs.
struct SigningTime {
    /// `yyyyMMddTHHmmssZ`.
    let dateTime: String
    /// The first eight bytes of `dateTime`, as they lie in memory.
    let day: UInt64

    init(_ date: Date) {
        dateTime = Timestamps.basicString(date)
        var text = dateTime
        // It has 16 bytes, and is read inside the closure only.
        day = text.withUTF8 { UnsafeRawBufferPointer($0).loadUnaligned(as: UInt64.self) }
    }
}

// MARK: - The signature

/// One signature on its way: canonical request, string to sign, signature.
struct V4Signature {
    static let algorithm = "OSS4-HMAC-SHA256"

    /// The canonical request, and behind it the string to sign.
    private var buffer: [UInt8] = []
    private var canonicalCount = 0
    private var additionalHeaders: [String]
    private let parameters: SigningParameters
    private let time: SigningTime
    var signature = ""

    init(_ request: SignableRequest, _ parameters: SigningParameters, _ time: SigningTime) {
        self.parameters = parameters
        self.time = time
        additionalHeaders = Self.effectiveAdditionalHeaders(parameters.additionalHeaders, in: request.headers)
        buffer.reserveCapacity(1024)
        appendCanonicalRequest(request)
    }

    static func scope(_ parameters: SigningParameters, _ time: SigningTime) -> String {
        time.dateTime.prefix(8) + "/" + parameters.region + "/" + parameters.product + "/aliyun_v4_request"
    }

    /// Lower-case, sorted, without those that are signed anyhow and those that the request has not.
    static func effectiveAdditionalHeaders(_ names: [String], in headers: HTTPFields) -> [String] {
        if names.isEmpty { return [] }
        var effective = Set<String>()
        for name in names {
            guard let name = HTTPField.Name(name), !V4Signer.isAlwaysSigned(name),
                let value = headers[name], !value.allSatisfy(\.isWhitespace)
            else { continue }
            effective.insert(name.canonicalName)
        }
        return effective.sorted()
    }

    var trace: SigningTrace {
        SigningTrace(
            canonicalRequest: String(decoding: buffer[..<canonicalCount], as: UTF8.self),
            stringToSign: String(decoding: buffer[canonicalCount...], as: UTF8.self))
    }

    /// The value of the `Authorization` header.
    var authorization: String {
        var text: [UInt8] = []
        text.reserveCapacity(256)
        text.append(literal: "OSS4-HMAC-SHA256 Credential=")
        text.append(utf8: parameters.credentials.accessKeyID)
        text.append(.slash)
        Self.appendScope(parameters, time, to: &text)
        for (i, name) in additionalHeaders.enumerated() {
            text.append(contentsOf: (i == 0 ? ",AdditionalHeaders=" : ";").utf8)
            text.append(utf8: name)
        }
        text.append(literal: ",Signature=")
        text.append(utf8: signature)
        return String(decoding: text, as: UTF8.self)
    }

    /// Hashes the canonical request and signs.
    mutating func finish(_ keys: SigningKeyCache) {
        appendStringToSign()
        let key = keys.key(
            day: time.day, region: parameters.region, product: parameters.product,
            secret: parameters.credentials.accessKeySecret)
        let start = canonicalCount
        let code = buffer.withUnsafeBytes {
            key.authenticationCode(for: UnsafeRawBufferPointer(rebasing: $0[start...]))
        }
        var hex: [UInt8] = []
        code.withUnsafeBytes { Hex.append($0, to: &hex) }
        signature = String(decoding: hex, as: UTF8.self)
    }

    /// Hashes the canonical request; what is left is to sign ``SigningTrace/stringToSign``.
    mutating func appendStringToSign() {
        canonicalCount = buffer.count
        // Hashed in place: the bytes are used inside the closure only.
        let digest = buffer.withUnsafeBytes { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: bytes)
            return hash.finalize()
        }
        buffer.append(literal: "OSS4-HMAC-SHA256\n")
        buffer.append(utf8: time.dateTime)
        buffer.append(.newline)
        Self.appendScope(parameters, time, to: &buffer)
        buffer.append(.newline)
        digest.withUnsafeBytes { Hex.append($0, to: &buffer) }
    }

    private static func appendScope(_ parameters: SigningParameters, _ time: SigningTime, to buffer: inout [UInt8]) {
        withUnsafeBytes(of: time.day) { buffer.append(contentsOf: $0) }
        buffer.append(.slash)
        buffer.append(utf8: parameters.region)
        buffer.append(.slash)
        buffer.append(utf8: parameters.product)
        buffer.append(literal: "/aliyun_v4_request")
    }

    private mutating func appendCanonicalRequest(_ request: SignableRequest) {
        buffer.append(utf8: request.method.rawValue)
        buffer.append(.newline)
        // The bucket is in the path of a signature wherever it is in the request.
        buffer.append(.slash)
        if let bucket = request.bucket {
            PercentEncoding.append(bucket, keepsSlash: true, to: &buffer)
            buffer.append(.slash)
        }
        if let key = request.key {
            PercentEncoding.append(key, keepsSlash: true, to: &buffer)
        }
        buffer.append(.newline)
        appendCanonicalQuery(request.query)
        buffer.append(.newline)
        let payloadHash = appendCanonicalHeaders(request.headers)
        buffer.append(.newline)
        for (i, name) in additionalHeaders.enumerated() {
            if i > 0 { buffer.append(.semicolon) }
            buffer.append(utf8: name)
        }
        buffer.append(.newline)
        buffer.append(contentsOf: (payloadHash ?? "UNSIGNED-PAYLOAD").utf8)
    }

    /// Pairs sorted by name, then value; the name alone where the value is empty.
    private mutating func appendCanonicalQuery(_ query: String) {
        if query.isEmpty { return }
        // "+" means a space to some, and is never sent by us.
        var query = query
        // Read inside the closures only.
        if query.withUTF8({ $0.contains(UInt8(ascii: "+")) }) {
            query = query.split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%20")
        }
        query.withUTF8 { bytes in
            var pairs: [(name: Range<Int>, value: Range<Int>)] = []
            pairs.reserveCapacity(16)
            var start = 0
            while start < bytes.count {
                var end = start
                var equals = -1
                while end < bytes.count, bytes[end] != .ampersand {
                    if equals < 0, bytes[end] == .equals { equals = end }
                    end += 1
                }
                if end > start {
                    let nameEnd = equals < 0 ? end : equals
                    pairs.append((start..<nameEnd, min(nameEnd + 1, end)..<end))
                }
                start = end + 1
            }
            sort(&pairs) { a, b in
                switch compare(bytes, a.name, b.name) {
                case 0: compare(bytes, a.value, b.value) < 0
                case let order: order < 0
                }
            }
            for (i, pair) in pairs.enumerated() {
                if i > 0 { buffer.append(.ampersand) }
                buffer.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[pair.name]))
                if !pair.value.isEmpty {
                    buffer.append(.equals)
                    buffer.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[pair.value]))
                }
            }
        }
    }

    /// `name:value` lines sorted by name; gives the value of `x-oss-content-sha256`.
    private mutating func appendCanonicalHeaders(_ headers: HTTPFields) -> String? {
        // Copied behind one another first, then into the buffer in order: names and values are each touched once.
        var text: [UInt8] = []
        text.reserveCapacity(512)
        var lines: [(name: Range<Int>, value: Range<Int>)] = []
        lines.reserveCapacity(16)
        for field in headers {
            var name = field.name.canonicalName
            let start = text.count
            // Read inside the closures only.
            let isSigned = name.withUTF8 { bytes in
                guard V4Signer.isAlwaysSigned(bytes) || isAdditional(bytes) else { return false }
                text.append(contentsOf: bytes)
                return true
            }
            if !isSigned { continue }
            let nameEnd = text.count
            field.withUnsafeBytesOfValue { bytes in
                let value = trim(bytes)
                text.append(contentsOf: value)
            }
            lines.append((start..<nameEnd, nameEnd..<text.count))
        }
        var payloadHash: String?
        text.withUnsafeBufferPointer { bytes in
            // Stable: repeated fields stay in their order.
            sort(&lines) { compare(bytes, $0.name, $1.name) < 0 }
            var previous = 0..<0
            for line in lines {
                if !previous.isEmpty, compare(bytes, previous, line.name) == 0 {
                    buffer[buffer.count - 1] = UInt8(ascii: ",")
                } else {
                    buffer.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[line.name]))
                    buffer.append(.colon)
                }
                previous = line.name
                let value = UnsafeBufferPointer(rebasing: bytes[line.value])
                buffer.append(contentsOf: value)
                buffer.append(.newline)
                if line.name.count == 20, bytes[line.name].elementsEqual("x-oss-content-sha256".utf8) {
                    payloadHash = String(decoding: value, as: UTF8.self)
                }
            }
        }
        return payloadHash
    }

    private func isAdditional(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        !additionalHeaders.isEmpty && additionalHeaders.contains { $0.utf8.elementsEqual(name) }
    }
}

/// Spaces and tabs around a header field's value are not part of it.
private func trim(_ value: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var start = 0
    var end = value.count
    while start < end, value[start] == 0x20 || value[start] == .tab { start += 1 }
    while end > start, value[end - 1] == 0x20 || value[end - 1] == .tab { end -= 1 }
    return UnsafeBufferPointer(rebasing: value[start..<end])
}

/// Byte order: negative, zero or positive.
private func compare(_ bytes: UnsafeBufferPointer<UInt8>, _ a: Range<Int>, _ b: Range<Int>) -> Int {
    let count = min(a.count, b.count)
    for i in 0..<count where bytes[a.lowerBound + i] != bytes[b.lowerBound + i] {
        return Int(bytes[a.lowerBound + i]) - Int(bytes[b.lowerBound + i])
    }
    return a.count - b.count
}

/// Sorts a short list stably, without the set-up of the library's sort; long ones are left to that.
private func sort<Element>(_ elements: inout [Element], by areInOrder: (Element, Element) -> Bool) {
    if elements.count > 32 {
        elements.sort(by: areInOrder)
        return
    }
    for i in elements.indices.dropFirst() {
        var j = i
        while j > 0, areInOrder(elements[j], elements[j - 1]) {
            elements.swapAt(j, j - 1)
            j -= 1
        }
    }
}

extension [UInt8] {
    // One copy from contiguous memory; appending a String's view goes a longer way.

    fileprivate mutating func append(literal: StaticString) {
        // A literal of more than one character has a pointer.
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    fileprivate mutating func append(utf8 text: String) {
        var text = text
        // Read inside the closure only.
        text.withUTF8 { append(contentsOf: $0) }
    }
}

extension HTTPField.Name {
    // Valid names, written here.
    static let ossDate = HTTPField.Name("x-oss-date")!
    static let ossContentSHA256 = HTTPField.Name("x-oss-content-sha256")!
    static let ossSecurityToken = HTTPField.Name("x-oss-security-token")!
}
