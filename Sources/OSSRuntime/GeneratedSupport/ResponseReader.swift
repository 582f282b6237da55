import HTTPTypes

#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// Hands a reply's parts to a result's initialiser. Nothing here throws: the first mistake is kept in ``error``.
package struct ResponseReader {
    package let metadata: ResponseMetadata
    package private(set) var error: OSSError?
    /// How often the request was sent to get this reply.
    var attempts = 1
    /// Empty where the operation streams its reply.
    private let bytes: [UInt8]
    private var stream: ResponseBody?

    package init(metadata: ResponseMetadata, bytes: [UInt8] = [], stream: ResponseBody? = nil) {
        self.metadata = metadata
        self.bytes = bytes
        self.stream = stream
    }

    private mutating func fail(_ message: String, cause: (any Error)? = nil) {
        if error == nil { error = OSSError(.unexpectedResponse, message: message, cause: cause) }
    }

    // MARK: Body

    package mutating func takeBody() -> ResponseBody {
        defer { stream = nil }
        return stream ?? .bytes(bytes)
    }

    /// The body as text; nil when it is empty.
    package mutating func text() -> String? {
        guard !bytes.isEmpty else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            fail("the reply's body is not UTF-8 text")
            return nil
        }
        return text
    }

    /// The body as text where it is not XML: the answer of a callback.
    package mutating func textUnlessXML() -> String? {
        bytes.isXML ? nil : text()
    }

    /// Reads the body's root element. Empty bodies, and others that aren't XML where the operation allows for them, leave
    /// all members nil.
    package mutating func readXML(
        _ root: StaticString,
        urlEncoded: Bool = false,
        allowsOtherFormats: Bool = false,
        _ read: (inout XMLReader) -> Void
    ) {
        if bytes.isEmpty || (allowsOtherFormats && !bytes.isXML) { return }
        do {
            try XMLReader.read(bytes, root: root) { xml in
                if urlEncoded { xml.decodesURLs = xml.peekText(of: "EncodingType") == "url" }
                read(&xml)
            }
        } catch {
            fail("the reply's XML cannot be read: \(error)", cause: error)
        }
    }

    /// Reads the children of the body's root element, one by one.
    package mutating func readXML(
        _ root: StaticString,
        urlEncoded: Bool = false,
        allowsOtherFormats: Bool = false,
        _ readChild: (XMLName, inout XMLReader) -> Void
    ) {
        readXML(root, urlEncoded: urlEncoded, allowsOtherFormats: allowsOtherFormats) { xml in
            while let element = xml.nextElement() { readChild(element, &xml) }
        }
    }
}

// Header fields are read when a result's property is, so a reply costs nothing for those nobody looks at. A value of
// the wrong form reads as nil; the field itself stays in `headers`.
extension ResponseMetadata {
    package func header(_ name: String) -> String? { headers.value(name) }
    package func header(_ name: String) -> Int? { headers.value(name).flatMap { Int($0) } }
    package func header(_ name: String) -> Int64? { headers.value(name).flatMap { Int64($0) } }
    package func header(_ name: String) -> Double? { headers.value(name).flatMap { Double($0) } }
    package func header<E: OpenStringEnum>(_ name: String) -> E? { headers.value(name).map(E.init(rawValue:)) }
    package func header(_ name: String, _ format: TimestampFormat) -> Date? {
        headers.value(name).flatMap { Timestamps.date($0, format) }
    }
    package func header(_ name: String) -> Bool? {
        switch headers.value(name)?.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// The fields that start with `prefix`, by the rest of their names in lower case.
    package func prefixHeaders(_ prefix: String) -> [String: String] {
        var values: [String: String] = [:]
        for field in headers where field.name.canonicalName.hasPrefix(prefix) {
            values[String(field.name.canonicalName.dropFirst(prefix.count))] = field.value
        }
        return values
    }
}

extension [UInt8] {
    /// Whether the first byte that isn't white space (or part of a byte order mark) opens a tag.
    fileprivate var isXML: Bool {
        first { ![0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf].contains($0) } == UInt8(ascii: "<")
    }
}
