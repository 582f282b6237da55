/// A JSON value (RFC 8259). Members keep their order.
enum JSON: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        var name: String
        var value: JSON
    }

    case null
    case bool(Bool)
    case integer(Int64)
    case decimal(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var integer: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// A string, or nothing at all.
    static func optional(_ text: String?) -> JSON {
        text.map { .string($0) } ?? .null
    }

    static func number(_ number: some BinaryInteger) -> JSON {
        .integer(Int64(clamping: number))
    }
}

extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByBooleanLiteral
{
    init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }

    init(arrayLiteral elements: JSON...) {
        self = .array(elements)
    }

    init(stringLiteral value: String) {
        self = .string(value)
    }

    init(booleanLiteral value: Bool) {
        self = .bool(value)
    }
}

// MARK: - Writing

extension JSON {
    var bytes: [UInt8] {
        var result: [UInt8] = []
        write(to: &result)
        return result
    }

    private func write(to result: inout [UInt8]) {
        switch self {
        case .null: result.append(contentsOf: "null".utf8)
        case .bool(let truth): result.append(contentsOf: (truth ? "true" : "false").utf8)
        case .integer(let number): result.append(contentsOf: String(number).utf8)
        case .decimal(let number): result.append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
        case .string(let text): Self.write(text, to: &result)
        case .array(let items):
            result.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { result.append(UInt8(ascii: ",")) }
                item.write(to: &result)
            }
            result.append(UInt8(ascii: "]"))
        case .object(let members):
            result.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { result.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &result)
                result.append(UInt8(ascii: ":"))
                member.value.write(to: &result)
            }
            result.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to result: inout [UInt8]) {
        result.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 10: result.append(contentsOf: "\\n".utf8)
            // The less-than sign too, so that no text can end a script that the value stands in.
            case 0..<32, 127, UInt8(ascii: "<"): result.append(contentsOf: "\\u00\(Hex.encode([byte]))".utf8)
            default: result.append(byte)
            }
        }
        result.append(UInt8(ascii: "\""))
    }
}

// MARK: - Reading

extension JSON {
    struct SyntaxError: Error, CustomStringConvertible {
        var description: String
    }

    init(parsing bytes: [UInt8]) throws(SyntaxError) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw SyntaxError(description: "the text is not UTF-8")
        }
        var reader = Reader(bytes: bytes)
        self = try reader.value(depth: 0)
        reader.skipBlanks()
        guard reader.isAtEnd else { throw reader.error("something follows the value") }
    }

    private struct Reader {
        private static let maximumDepth = 64

        let bytes: [UInt8]
        var index = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        var isAtEnd: Bool { index >= bytes.count }
        private var next: UInt8? { isAtEnd ? nil : bytes[index] }

        func error(_ what: String) -> SyntaxError {
            let before = bytes[..<min(index, bytes.count)]
            let line = before.count { $0 == 10 } + 1
            let column = before.count - (before.lastIndex(of: 10).map { $0 + 1 } ?? 0) + 1
            return SyntaxError(description: "\(line):\(column): \(what)")
        }

        mutating func skipBlanks() {
            while let byte = next, byte == 32 || byte == 9 || byte == 10 || byte == 13 { index += 1 }
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard next == byte else { return false }
            index += 1
            return true
        }

        private mutating func word(_ text: StaticString, _ value: JSON) throws(SyntaxError) -> JSON {
            let wanted = Array("\(text)".utf8)
            guard bytes[index...].starts(with: wanted) else { throw error("expected a value") }
            index += wanted.count
            return value
        }

        mutating func value(depth: Int) throws(SyntaxError) -> JSON {
            guard depth < Self.maximumDepth else { throw error("the value is nested too deeply") }
            skipBlanks()
            switch next {
            case UInt8(ascii: "{"): return try object(depth)
            case UInt8(ascii: "["): return try array(depth)
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "t"): return try word("true", true)
            case UInt8(ascii: "f"): return try word("false", false)
            case UInt8(ascii: "n"): return try word("null", .null)
            case let byte? where byte == UInt8(ascii: "-") || (48...57).contains(byte): return try number()
            default: throw error("expected a value")
            }
        }

        private mutating func object(_ depth: Int) throws(SyntaxError) -> JSON {
            index += 1
            var members: [Member] = []
            var names: Set<String> = []
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object([]) }
            while true {
                skipBlanks()
                guard next == UInt8(ascii: "\"") else { throw error("expected a name in quotes") }
                let name = try string()
                guard names.insert(name).inserted else { throw error("the name '\(name)' is there twice") }
                skipBlanks()
                guard take(UInt8(ascii: ":")) else { throw error("expected a colon") }
                members.append(Member(name: name, value: try value(depth: depth + 1)))
                skipBlanks()
                if take(UInt8(ascii: "}")) { return .object(members) }
                guard take(UInt8(ascii: ",")) else { throw error("expected a comma or a closing brace") }
            }
        }

        private mutating func array(_ depth: Int) throws(SyntaxError) -> JSON {
            index += 1
            var items: [JSON] = []
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array([]) }
            while true {
                items.append(try value(depth: depth + 1))
                skipBlanks()
                if take(UInt8(ascii: "]")) { return .array(items) }
                guard take(UInt8(ascii: ",")) else { throw error("expected a comma or a closing bracket") }
            }
        }

        private mutating func digits() -> Int {
            let start = index
            while let byte = next, (48...57).contains(byte) { index += 1 }
            return index - start
        }

        private mutating func number() throws(SyntaxError) -> JSON {
            let start = index
            _ = take(UInt8(ascii: "-"))
            let hasZero = next == UInt8(ascii: "0")
            let count = digits()
            guard count > 0, !hasZero || count == 1 else { throw error("the number is malformed") }
            var isWhole = true
            if take(UInt8(ascii: ".")) {
                isWhole = false
                guard digits() > 0 else { throw error("the number is malformed") }
            }
            if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
                isWhole = false
                if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
                guard digits() > 0 else { throw error("the number is malformed") }
            }
            let text = String(decoding: bytes[start..<index], as: UTF8.self)
            if isWhole, let number = Int64(text) { return .integer(number) }
            guard let number = Double(text), number.isFinite else { throw error("the number is too large") }
            return .decimal(number)
        }

        private mutating func string() throws(SyntaxError) -> String {
            index += 1
            var text: [UInt8] = []
            while let byte = next {
                index += 1
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
                case UInt8(ascii: "\\"): try escape(into: &text)
                case 0..<32: throw error("a control character must be escaped")
                default: text.append(byte)
                }
            }
            throw error("the string has no end")
        }

        private mutating func escape(into text: inout [UInt8]) throws(SyntaxError) {
            guard let byte = next else { throw error("the string has no end") }
            index += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
            case UInt8(ascii: "b"): text.append(8)
            case UInt8(ascii: "f"): text.append(12)
            case UInt8(ascii: "n"): text.append(10)
            case UInt8(ascii: "r"): text.append(13)
            case UInt8(ascii: "t"): text.append(9)
            case UInt8(ascii: "u"):
                var code = try unit()
                if (0xD800..<0xDC00).contains(code) {
                    guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                        throw error("half a surrogate pair")
                    }
                    let low = try unit()
                    guard (0xDC00..<0xE000).contains(low) else { throw error("half a surrogate pair") }
                    code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(code) else { throw error("half a surrogate pair") }
                text.append(contentsOf: String(scalar).utf8)
            default: throw error("an unknown escape")
            }
        }

        private mutating func unit() throws(SyntaxError) -> UInt32 {
            var code: UInt32 = 0
            for _ in 0..<4 {
                guard let byte = next, let digit = Hex.digit(byte) else { throw error("expected four hex digits") }
                code = code << 4 | UInt32(digit)
                index += 1
            }
            return code
        }
    }
}
