import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads a `multipart/form-data` body part by part (RFC 7578), with no more in memory than what was just read.
///
/// Used by the one task that serves the connection.
final class MultipartForm {
    /// The head of a part.
    struct Part {
        var name: String
        var fileName: String?
        var contentType: String?
    }

    private let body: RequestBody
    /// What ends a part.
    private let delimiter: [UInt8]
    private var buffer = ByteBuffer()
    private var isBodyAtEnd = false
    /// What may still be read besides the file.
    private var budget: Int

    /// - Parameter budget: how large all parts but the file may be together.
    init(contentType: String, body: RequestBody, budget: Int) throws(Fault) {
        guard let boundary = Self.boundary(contentType) else { throw .malformedForm() }
        delimiter = Array("\r\n--\(boundary)".utf8)
        self.body = body
        self.budget = budget
        // The first delimiter may stand at the very beginning, without the line feed that belongs to it.
        buffer.writeString("\r\n")
    }

    private static func boundary(_ contentType: String) -> String? {
        let parameters = HeaderParameters(contentType)
        guard parameters.value.lowercased() == "multipart/form-data", let boundary = parameters["boundary"],
            (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy({ (32...126).contains($0) })
        else { return nil }
        return boundary
    }

    /// Reads more of the body; false at its end.
    private func fill() async throws -> Bool {
        guard !isBodyAtEnd else { return false }
        guard var bytes = try await body.read() else {
            isBodyAtEnd = true
            return false
        }
        buffer.discardReadBytes()
        buffer.writeBuffer(&bytes)
        return true
    }

    /// Where `pattern`, which begins with a carriage return, stands in what was read.
    private func offset(of pattern: [UInt8]) -> Int? {
        buffer.withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            var start = 0
            while start + pattern.count <= bytes.count,
                let found = memchr(base + start, 13, bytes.count - pattern.count - start + 1)
            {
                let place = base.distance(to: UnsafeRawPointer(found))
                if pattern.withUnsafeBytes({ memcmp($0.baseAddress ?? base, base + place, pattern.count) == 0 }) {
                    return place
                }
                start = place + 1
            }
            return nil
        }
    }

    /// The bytes up to `pattern`, which is passed over.
    private func take(until pattern: [UInt8], limit: Int, ec: String) async throws -> [UInt8] {
        while true {
            if let place = offset(of: pattern) {
                guard place <= min(limit, budget) else {
                    throw Fault.formTooLarge(ec: place > limit ? ec : "0006-00000112")
                }
                budget -= place
                let bytes = buffer.readBytes(length: place) ?? []
                buffer.moveReaderIndex(forwardBy: pattern.count)
                return bytes
            }
            guard buffer.readableBytes <= min(limit, budget) + pattern.count else {
                throw Fault.formTooLarge(ec: buffer.readableBytes > limit + pattern.count ? ec : "0006-00000112")
            }
            guard try await fill() else { throw Fault.malformedForm() }
        }
    }

    /// Passes over what stands before the first part, and gives its head.
    func first() async throws -> Part {
        while true {
            if let place = offset(of: delimiter) {
                buffer.moveReaderIndex(forwardBy: place + delimiter.count)
                guard let part = try await next() else { throw Fault.malformedForm(ec: "0006-00000104") }
                return part
            }
            buffer.moveReaderIndex(to: max(buffer.readerIndex, buffer.writerIndex - delimiter.count + 1))
            guard try await fill() else { throw Fault.malformedForm() }
        }
    }

    /// The head of the part that a delimiter leads to; nil where it was the last delimiter.
    func next() async throws -> Part? {
        while buffer.readableBytes < 2 { guard try await fill() else { throw Fault.malformedForm() } }
        if buffer.readableBytesView.starts(with: "--".utf8) { return nil }
        // Blanks may follow a delimiter.
        let rest = try await take(until: Array("\r\n".utf8), limit: 128, ec: "")
        guard rest.allSatisfy({ $0 == 32 || $0 == 9 }) else { throw Fault.malformedForm() }
        // So that a part without any headers is seen as one.
        buffer.moveReaderIndex(to: buffer.readerIndex - 2)
        let head = try await take(until: Array("\r\n\r\n".utf8), limit: 16 << 10, ec: "0006-00000110")
        guard let text = String(validating: head, as: UTF8.self) else { throw Fault.malformedForm() }
        var part: Part?
        var contentType: String?
        for line in text.split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else { throw Fault.malformedForm() }
            let value = line[line.index(after: colon)...].trimmingBlanks
            switch line[..<colon].trimmingBlanks.lowercased() {
            case "content-disposition":
                let parameters = HeaderParameters(value)
                guard parameters.value.lowercased() == "form-data", let name = parameters["name"], !name.isEmpty else {
                    throw Fault.malformedForm()
                }
                guard name.utf8.count <= 8 << 10 else { throw Fault.formTooLarge(ec: "0006-00000110") }
                part = Part(name: name, fileName: parameters["filename"])
            case "content-type": contentType = value
            default: break
            }
        }
        guard var part else { throw Fault.malformedForm() }
        part.contentType = contentType
        return part
    }

    /// The whole of a part.
    func value() async throws -> [UInt8] {
        try await take(until: delimiter, limit: 2 << 20, ec: "0006-00000111")
    }

    /// The next piece of a part that may be large; nil at its end.
    func piece() async throws -> ByteBuffer? {
        while true {
            if let place = offset(of: delimiter) {
                guard place > 0 else {
                    buffer.moveReaderIndex(forwardBy: delimiter.count)
                    return nil
                }
                return buffer.readSlice(length: place)
            }
            // The end of what was read may be the beginning of the delimiter.
            let whole = buffer.readableBytes - delimiter.count + 1
            if whole > 0 { return buffer.readSlice(length: whole) }
            guard try await fill() else { throw Fault.malformedForm(ec: "0006-00000104") }
        }
    }

    /// Passes over whatever follows the file.
    func finish() async throws {
        while buffer.readableBytes < 2 { guard try await fill() else { throw Fault.malformedForm() } }
        let isLast = buffer.readableBytesView.starts(with: "--".utf8)
        guard isLast || buffer.readableBytesView.starts(with: "\r\n".utf8) else { throw Fault.malformedForm() }
        repeat { buffer.clear() } while try await fill()
    }
}

/// `form-data; name="key"; filename="a.txt"`.
private struct HeaderParameters {
    let value: String
    private var parameters: [String: String] = [:]

    init(_ text: String) {
        // By bytes: to a Swift string a quote before a combining letter is no quote.
        var rest = Array(text.utf8)[...]
        func word(_ ends: String) -> String {
            let bytes = rest.prefix { !ends.utf8.contains($0) }
            rest = rest[bytes.endIndex...]
            return String(decoding: bytes, as: UTF8.self).trimmingBlanks
        }
        value = word(";")
        while rest.popFirst() != nil {
            let name = word("=;").lowercased()
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest = rest.dropFirst().drop { $0 == 32 || $0 == 9 }
            var value: String
            if rest.first == UInt8(ascii: "\"") {
                var bytes: [UInt8] = []
                rest = rest.dropFirst()
                while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
                    // Only a quote can be escaped: browsers send paths of Windows with their backslashes.
                    let isEscape = byte == UInt8(ascii: "\\") && rest.first == UInt8(ascii: "\"")
                    bytes.append(isEscape ? rest.removeFirst() : byte)
                }
                value = String(decoding: bytes, as: UTF8.self)
                _ = word(";")
            } else {
                value = word(";")
            }
            if parameters[name] == nil { parameters[name] = value }
        }
    }

    subscript(name: String) -> String? { parameters[name] }
}

extension Fault {
    static func malformedForm(ec: String = "") -> Fault {
        Fault(
            .badRequest, "MalformedPOSTRequest",
            "The body of your POST request is not well-formed multipart/form-data.",
            ec: ec)
    }

    fileprivate static func formTooLarge(ec: String) -> Fault {
        Fault(.badRequest, "FieldItemTooLong", "A field of the form, or all of them together, are too large.", ec: ec)
    }
}
