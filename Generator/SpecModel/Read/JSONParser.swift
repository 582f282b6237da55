/// A strict JSON reader (RFC 8259) that keeps order and places, and takes a key only once.
///
/// A duplicate key is reported and reading goes on; a syntax error ends the file, since what follows it
/// would be guesswork.
public struct JSONParser {
    private let file: SourceFile
    private let bytes: [UInt8]
    private var offset = 0
    private var depth = 0
    private var duplicates: [Diagnostic] = []

    private struct SyntaxError: Error {
        let message: String
        let offset: Int
    }

    private init(_ file: SourceFile) {
        self.file = file
        bytes = file.bytes
    }

    /// The file's value, or nil after a syntax error.
    public static func parse(_ file: SourceFile, into diagnostics: inout Diagnostics) -> JSONNode? {
        var parser = JSONParser(file)
        do {
            if parser.bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
                throw SyntaxError(message: "byte order mark in front of the text", offset: 0)
            }
            if let invalid = parser.firstInvalidUTF8() {
                throw SyntaxError(message: "the file is not UTF-8", offset: invalid)
            }
            parser.skipSpace()
            let node = try parser.parseValue()
            parser.skipSpace()
            guard parser.offset == parser.bytes.count else {
                throw SyntaxError(message: "text after the end of the value", offset: parser.offset)
            }
            diagnostics.append(parser.duplicates)
            return node
        } catch {
            diagnostics.append(parser.duplicates)
            let place = (error as? SyntaxError) ?? SyntaxError(message: "\(error)", offset: parser.offset)
            diagnostics.error(place.message, at: SourceLocation(file: file, offset: place.offset))
            return nil
        }
    }

    private func firstInvalidUTF8() -> Int? {
        guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
        // Only on the way to a message: find how far the text is good.
        var low = 0
        var high = bytes.count
        while low < high {
            let middle = (low + high + 1) / 2
            var end = middle
            // Not in the middle of a character.
            while end < bytes.count, bytes[end] & 0xC0 == 0x80, end - middle < 3 { end += 1 }
            if String(validating: bytes[..<end], as: UTF8.self) != nil { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }

    private func failure(_ message: String, at place: Int? = nil) -> SyntaxError {
        SyntaxError(message: message, offset: place ?? offset)
    }

    private func describeHere() -> String {
        guard offset < bytes.count else { return "the end of the file" }
        let scalar = String(decoding: bytes[offset..<min(offset + 4, bytes.count)], as: UTF8.self).unicodeScalars.first
        return scalar.map { "'\($0)'" } ?? "a byte"
    }

    private mutating func parseValue() throws -> JSONNode {
        let start = offset
        guard offset < bytes.count else { throw failure("expected a value, found the end of the file") }
        let value: JSONNode.Value
        switch bytes[offset] {
        case UInt8(ascii: "{"): value = try nested { try $0.parseObject() }
        case UInt8(ascii: "["): value = try nested { try $0.parseArray() }
        case UInt8(ascii: "\""): value = .string(try parseString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): value = .number(try parseNumber())
        case UInt8(ascii: "t"): value = try literal("true", .bool(true))
        case UInt8(ascii: "f"): value = try literal("false", .bool(false))
        case UInt8(ascii: "n"): value = try literal("null", .null)
        default: throw failure("expected a value, found \(describeHere())")
        }
        return JSONNode(value: value, location: SourceLocation(file: file, offset: start), range: start..<offset)
    }

    private mutating func nested(_ body: (inout Self) throws -> JSONNode.Value) throws -> JSONNode.Value {
        // Recursion on the stack: a limit far above any spec, far below the stack's end.
        guard depth < 200 else { throw failure("nested too deeply") }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }

    private mutating func literal(_ word: StaticString, _ value: JSONNode.Value) throws -> JSONNode.Value {
        let end = offset + word.utf8CodeUnitCount
        let matches = word.withUTF8Buffer { buffer in end <= bytes.count && bytes[offset..<end].elementsEqual(buffer) }
        guard matches else { throw failure("expected a value, found \(describeHere())") }
        offset = end
        return value
    }

    private mutating func parseObject() throws -> JSONNode.Value {
        offset += 1
        var members: [JSONMember] = []
        var seen: [String: SourceLocation] = [:]
        skipSpace()
        if take("}") { return .object(members) }
        while true {
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
                throw failure("expected a key in quotes, found \(describeHere())")
            }
            let place = SourceLocation(file: file, offset: offset)
            let key = try parseString()
            skipSpace()
            guard take(":") else { throw failure("expected ':' after the key, found \(describeHere())") }
            skipSpace()
            let value = try parseValue()
            if let first = seen[key] {
                duplicates.append(Diagnostic("duplicate key '\(key)'", at: place, hint: "first on line \(first.line)"))
            } else {
                seen[key] = place
                members.append(JSONMember(key: key, keyLocation: place, value: value))
            }
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { throw failure("expected ',' or '}', found \(describeHere())") }
            skipSpace()
        }
    }

    private mutating func parseArray() throws -> JSONNode.Value {
        offset += 1
        var items: [JSONNode] = []
        skipSpace()
        if take("]") { return .array(items) }
        while true {
            items.append(try parseValue())
            skipSpace()
            if take("]") { return .array(items) }
            guard take(",") else { throw failure("expected ',' or ']', found \(describeHere())") }
            skipSpace()
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func parseNumber() throws -> String {
        let start = offset
        _ = take("-")
        guard let first = digitsAhead() else { throw failure("a number needs a digit") }
        if first.leadingZero, first.count > 1 { throw failure("a number does not start with 0", at: start) }
        offset += first.count
        if take(".") {
            guard let fraction = digitsAhead() else { throw failure("a number needs a digit after '.'") }
            offset += fraction.count
        }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            guard let exponent = digitsAhead() else { throw failure("a number needs a digit in its exponent") }
            offset += exponent.count
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private func digitsAhead() -> (count: Int, leadingZero: Bool)? {
        var end = offset
        while end < bytes.count, bytes[end] >= UInt8(ascii: "0"), bytes[end] <= UInt8(ascii: "9") { end += 1 }
        return end == offset ? nil : (end - offset, bytes[offset] == UInt8(ascii: "0"))
    }

    private mutating func parseString() throws -> String {
        let opening = offset
        offset += 1
        var plainStart = offset
        var result = ""
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                result += String(decoding: bytes[plainStart..<offset], as: UTF8.self)
                offset += 1
                return result
            case UInt8(ascii: "\\"):
                result += String(decoding: bytes[plainStart..<offset], as: UTF8.self)
                try parseEscape(into: &result)
                plainStart = offset
            case 0..<0x20:
                throw failure("a control character in a string; write it as an escape")
            default:
                offset += 1
            }
        }
        throw failure("the string has no end", at: opening)
    }

    private mutating func parseEscape(into result: inout String) throws {
        let start = offset
        offset += 1
        guard offset < bytes.count else { throw failure("the string has no end", at: start) }
        defer { offset += 1 }
        switch bytes[offset] {
        case UInt8(ascii: "\""): result += "\""
        case UInt8(ascii: "\\"): result += "\\"
        case UInt8(ascii: "/"): result += "/"
        case UInt8(ascii: "b"): result += "\u{8}"
        case UInt8(ascii: "f"): result += "\u{C}"
        case UInt8(ascii: "n"): result += "\n"
        case UInt8(ascii: "r"): result += "\r"
        case UInt8(ascii: "t"): result += "\t"
        case UInt8(ascii: "u"):
            guard let unit = hexUnit(at: offset + 1) else {
                throw failure("\\u needs four hexadecimal digits", at: start)
            }
            offset += 4
            var code = UInt32(unit)
            if 0xD800..<0xDC00 ~= code, offset + 2 < bytes.count, bytes[offset + 1] == UInt8(ascii: "\\"),
                bytes[offset + 2] == UInt8(ascii: "u"), let low = hexUnit(at: offset + 3), 0xDC00..<0xE000 ~= low
            {
                code = 0x10000 + ((code - 0xD800) << 10) + UInt32(low - 0xDC00)
                offset += 6
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair", at: start) }
            result.unicodeScalars.append(scalar)
        default:
            throw failure("unknown escape '\\\(Unicode.Scalar(bytes[offset]))'", at: start)
        }
    }

    private func hexUnit(at start: Int) -> UInt16? {
        guard start + 4 <= bytes.count else { return nil }
        let digits = bytes[start..<start + 4]
        guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
