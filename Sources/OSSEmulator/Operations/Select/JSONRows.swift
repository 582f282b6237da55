/// A value of a JSON file. Numbers stay as they were written.
indirect enum JSONNode: Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONNode])
    case object([(name: String, value: JSONNode)])

    subscript(name: String) -> JSONNode? {
        guard case .object(let members) = self else { return nil }
        if let exact = members.first(where: { $0.name == name }) { return exact.value }
        let lower = name.lowercased()
        return members.first { $0.name.lowercased() == lower }?.value
    }

    func value(at steps: some Sequence<SQLColumn.Step>) -> JSONNode? {
        var node = self
        for step in steps {
            switch (step, node) {
            case (.name(let name), _):
                guard let next = node[name] else { return nil }
                node = next
            case (.index(let index), .array(let items)) where index < items.count: node = items[index]
            default: return nil
            }
        }
        return node
    }

    /// The nodes that a path leads to, with all elements of arrays where it says so.
    func nodes(at steps: ArraySlice<SQLColumn.Step>) -> [JSONNode] {
        guard let star = steps.firstIndex(of: .all) else { return value(at: steps).map { [$0] } ?? [] }
        guard case .array(let items) = value(at: steps[..<star]) else { return [] }
        return items.flatMap { $0.nodes(at: steps[(star + 1)...]) }
    }

    var sql: SQLValue {
        switch self {
        case .null: .null
        case .bool(let truth): .bool(truth)
        case .number(let text): Int64(text).map { .integer($0) } ?? Double(text).map { .decimal($0) } ?? .null
        case .string(let text): .string(text)
        case .array, .object: .nested
        }
    }

    // MARK: Writing

    func write(to result: inout [UInt8]) {
        switch self {
        case .null: result += "null".utf8
        case .bool(let truth): result += (truth ? "true" : "false").utf8
        case .number(let text): result += text.utf8
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
            // The slash too: that is how the service writes it.
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result += [UInt8(ascii: "\\"), byte]
            case 8: result += "\\b".utf8
            case 9: result += "\\t".utf8
            case 10: result += "\\n".utf8
            case 12: result += "\\f".utf8
            case 13: result += "\\r".utf8
            case 0..<32: result += "\\u00\(Hex.encode([byte]))".utf8
            default: result.append(byte)
            }
        }
        result.append(UInt8(ascii: "\""))
    }
}

/// Reads one JSON value of a file.
struct JSONNodeReader {
    private static let maximumDepth = 64

    private let bytes: ArraySlice<UInt8>
    private var index: Int

    static func read(_ bytes: ArraySlice<UInt8>) throws -> JSONNode {
        var reader = JSONNodeReader(bytes: bytes, index: bytes.startIndex)
        let value = try reader.value(depth: 0)
        reader.skipBlanks()
        guard reader.index == bytes.endIndex else { throw reader.failure("something follows the value") }
        return value
    }

    private func failure(_ reason: String) -> SelectFailure {
        SelectFailure(code: "InvalidJsonData", message: "The JSON data is invalid: \(reason).")
    }

    private var next: UInt8? { index < bytes.endIndex ? bytes[index] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 32 || (9...13).contains(byte) { index += 1 }
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard next == UInt8(ascii: scalar) else { return false }
        index += 1
        return true
    }

    private mutating func take(word: String) throws {
        guard bytes[index...].starts(with: word.utf8) else { throw failure("an unknown word") }
        index += word.utf8.count
    }

    private mutating func value(depth: Int) throws -> JSONNode {
        guard depth < Self.maximumDepth else { throw failure("it is nested too deeply") }
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"):
            index += 1
            var members: [(name: String, value: JSONNode)] = []
            if take("}") { return .object([]) }
            repeat {
                skipBlanks()
                guard next == UInt8(ascii: "\"") else { throw failure("a name is missing") }
                let name = try string()
                guard take(":") else { throw failure("a colon is missing") }
                members.append((name, try value(depth: depth + 1)))
            } while take(",")
            guard take("}") else { throw failure("an object has no end") }
            return .object(members)
        case UInt8(ascii: "["):
            index += 1
            var items: [JSONNode] = []
            if take("]") { return .array([]) }
            repeat { items.append(try value(depth: depth + 1)) } while take(",")
            guard take("]") else { throw failure("an array has no end") }
            return .array(items)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try take(word: "true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try take(word: "false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try take(word: "null")
            return .null
        default: return .number(try number())
        }
    }

    private mutating func number() throws -> String {
        let start = index
        while let byte = next, (48...57).contains(byte) || "+-.eE".utf8.contains(byte) { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first), Double(text) != nil
        else { throw failure("a value is missing") }
        return text
    }

    private mutating func string() throws -> String {
        index += 1
        var text: [UInt8] = []
        while let byte = next {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &text)
            default: text.append(byte)
            }
        }
        throw failure("a string has no end")
    }

    private mutating func escape(into text: inout [UInt8]) throws {
        guard let byte = next else { throw failure("a string has no end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var units = [try codeUnit()]
            if (0xD800..<0xDC00).contains(units[0]), bytes[index...].starts(with: #"\u"#.utf8) {
                index += 2
                units.append(try codeUnit())
            }
            // Half a surrogate pair becomes the character that stands for what can't be said.
            text += String(decoding: units, as: UTF16.self).utf8
        default: throw failure("an unknown escape")
        }
    }

    private mutating func codeUnit() throws -> UInt16 {
        guard index + 4 <= bytes.endIndex,
            let unit = UInt16(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw failure("an escape is too short") }
        index += 4
        return unit
    }
}

/// Reads values that follow one another, with blanks or commas between.
struct JSONLines {
    /// The most that a value may have.
    static let maximumValue = 1 << 20

    private var queue: ByteQueue

    init(_ source: @escaping () throws -> [UInt8]?) {
        queue = ByteQueue(source)
    }

    var offset: Int64 { queue.offset }

    mutating func next() throws -> JSONNode? {
        while let byte = try queue.peek(0), byte == 32 || (9...13).contains(byte) || byte == UInt8(ascii: ",") {
            queue.skip(1)
        }
        guard try queue.peek(0) != nil else { return nil }
        var (length, depth) = (0, 0)
        var (isInString, isEscaped) = (false, false)
        scan: while let byte = try queue.peek(length) {
            guard length < Self.maximumValue else {
                throw SelectFailure(code: "JsonLineTooLong", message: "A JSON value is longer than 1 MB.")
            }
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth <= 0 {
                        length += 1
                        break scan
                    }
                case 10, 13, UInt8(ascii: ","):
                    if depth == 0 { break scan }
                default: break
                }
            }
            length += 1
        }
        let node = try JSONNodeReader.read(queue.slice(0..<length))
        queue.skip(length)
        return node
    }
}

/// A row of a JSON file.
struct JSONRow: SQLRow {
    var node: JSONNode

    func value(of column: SQLColumn) -> SQLValue? {
        node.value(at: column.steps)?.sql
    }
}
