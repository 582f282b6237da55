/// A value of a JSON document. Numbers stay as they were written.
enum JSONValue: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        var name: String
        var value: JSONValue
    }

    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// The value of a member; nil when there is none, or this is no object.
    subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name.hasSameBytes(as: name) }?.value
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var array: [JSONValue]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// A whole number that is written without point and exponent.
    var integer: Int64? {
        if case .number(let text) = self { Int64(text) } else { nil }
    }
}

/// Why a document is no JSON.
struct JSONFailure: Error, CustomStringConvertible {
    var reason: String
    var offset: Int

    var description: String { "\(reason) at byte \(offset)" }
}

/// Reads JSON by the letter of RFC 8259: UTF-8, nothing after the value, and no member twice; or what else is taken for
/// JSON in files.
struct JSONReader {
    private let bytes: ArraySlice<UInt8>
    private let isLenient: Bool
    private let maximumDepth: Int
    private var offset: Int

    static func read(_ bytes: [UInt8]) throws(JSONFailure) -> JSONValue {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw JSONFailure(reason: "not UTF-8", offset: 0)
        }
        var reader = JSONReader(bytes[...], isLenient: false, maximumDepth: 32)
        return try reader.document()
    }

    /// Other blanks, other spellings of numbers, names that are there twice and characters that aren't any are taken.
    static func readLeniently(_ bytes: ArraySlice<UInt8>) throws(JSONFailure) -> JSONValue {
        var reader = JSONReader(bytes, isLenient: true, maximumDepth: 64)
        return try reader.document()
    }

    private init(_ bytes: ArraySlice<UInt8>, isLenient: Bool, maximumDepth: Int) {
        self.bytes = bytes
        self.isLenient = isLenient
        self.maximumDepth = maximumDepth
        offset = bytes.startIndex
    }

    private mutating func document() throws(JSONFailure) -> JSONValue {
        skipBlanks()
        let value = try value(depth: 0)
        skipBlanks()
        guard offset == bytes.endIndex else { throw failure("something follows the value") }
        return value
    }

    private func failure(_ reason: String) -> JSONFailure {
        JSONFailure(reason: reason, offset: offset - bytes.startIndex)
    }

    private var current: UInt8? {
        offset < bytes.endIndex ? bytes[offset] : nil
    }

    private mutating func skipBlanks() {
        while let byte = current,
            byte == 32 || byte == 9 || byte == 10 || byte == 13 || isLenient && (byte == 11 || byte == 12)
        { offset += 1 }
    }

    /// Takes a byte, with the blanks around it, if it is the next.
    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard current == UInt8(ascii: byte) else { return false }
        offset += 1
        skipBlanks()
        return true
    }

    private mutating func take(word: String, as value: JSONValue) throws(JSONFailure) -> JSONValue {
        guard bytes[offset...].starts(with: word.utf8) else { throw failure("an unknown word") }
        offset += word.utf8.count
        return value
    }

    private mutating func value(depth: Int) throws(JSONFailure) -> JSONValue {
        guard depth < maximumDepth else { throw failure("nested too deeply") }
        switch current {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try take(word: "true", as: .bool(true))
        case UInt8(ascii: "f"): return try take(word: "false", as: .bool(false))
        case UInt8(ascii: "n"): return try take(word: "null", as: .null)
        default: return .number(try isLenient ? lenientNumber() : number())
        }
    }

    private mutating func object(_ depth: Int) throws(JSONFailure) -> JSONValue {
        var members: [JSONValue.Member] = []
        var names: Set<[UInt8]> = []
        _ = take("{")
        if take("}") { return .object([]) }
        repeat {
            guard current == UInt8(ascii: "\"") else { throw failure("a name is missing") }
            let name = try string()
            guard isLenient || names.insert(Array(name.utf8)).inserted else { throw failure("a name is there twice") }
            guard take(":") else { throw failure("a colon is missing") }
            members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
        } while take(",")
        guard take("}") else { throw failure("an object doesn't end") }
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws(JSONFailure) -> JSONValue {
        var values: [JSONValue] = []
        _ = take("[")
        if take("]") { return .array([]) }
        repeat { values.append(try value(depth: depth + 1)) } while take(",")
        guard take("]") else { throw failure("an array doesn't end") }
        return .array(values)
    }

    private mutating func number() throws(JSONFailure) -> String {
        let start = offset
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { (48...57).contains($0) } ?? false }
        func digits() throws(JSONFailure) {
            guard isDigit(current) else { throw failure("a value is missing") }
            while isDigit(current) { offset += 1 }
        }
        if current == UInt8(ascii: "-") { offset += 1 }
        if current == UInt8(ascii: "0") { offset += 1 } else { try digits() }
        if current == UInt8(ascii: ".") {
            offset += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            offset += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { offset += 1 }
            try digits()
        }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func lenientNumber() throws(JSONFailure) -> String {
        let start = offset
        while let byte = current, (48...57).contains(byte) || "+-.eE".utf8.contains(byte) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first), Double(text) != nil
        else { throw failure("a value is missing") }
        return text
    }

    private mutating func string() throws(JSONFailure) -> String {
        offset += 1
        var text: [UInt8] = []
        while let byte = current {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<32 where !isLenient: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("a string doesn't end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONFailure) {
        guard let byte = current else { throw failure("a string doesn't end") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var units = [try codeUnit()]
            if UTF16.isLeadSurrogate(units[0]), bytes[offset...].starts(with: #"\u"#.utf8) {
                offset += 2
                units.append(try codeUnit())
            }
            guard isLenient || String(validating: units, as: UTF16.self) != nil else {
                throw failure("half a surrogate pair")
            }
            // Half a pair becomes the character that stands for what can't be said.
            text.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
        default: throw failure("an unknown escape")
        }
    }

    private mutating func codeUnit() throws(JSONFailure) -> UInt16 {
        guard offset + 4 <= bytes.endIndex else { throw failure("an escape is too short") }
        var code: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Hex.digit(bytes[offset]) else { throw failure("an escape is not hexadecimal") }
            code = code << 4 | UInt16(digit)
            offset += 1
        }
        return code
    }
}
