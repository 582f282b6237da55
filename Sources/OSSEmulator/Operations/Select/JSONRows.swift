/// Files of JSON, as SelectObject sees them.
extension JSONValue {
    static func ofFile(_ bytes: ArraySlice<UInt8>) throws(SelectFailure) -> JSONValue {
        do {
            return try JSONReader.readLeniently(bytes)
        } catch {
            throw SelectFailure(code: "InvalidJsonData", message: "The JSON data is invalid: \(error.reason).")
        }
    }

    /// The value of a member that is named so, or else so but for capitals.
    private func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        if let exact = members.first(where: { $0.name == name }) { return exact.value }
        let lower = name.lowercased()
        return members.first { $0.name.lowercased() == lower }?.value
    }

    func value(at steps: some Sequence<SQLColumn.Step>) -> JSONValue? {
        var node = self
        for step in steps {
            switch (step, node) {
            case (.name(let name), _):
                guard let next = node.member(name) else { return nil }
                node = next
            case (.index(let index), .array(let items)) where index < items.count: node = items[index]
            default: return nil
            }
        }
        return node
    }

    /// The values that a path leads to, with all elements of arrays where it says so.
    func values(at steps: ArraySlice<SQLColumn.Step>) -> [JSONValue] {
        guard let star = steps.firstIndex(of: .all) else { return value(at: steps).map { [$0] } ?? [] }
        guard case .array(let items) = value(at: steps[..<star]) else { return [] }
        return items.flatMap { $0.values(at: steps[(star + 1)...]) }
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

    /// As the service writes it.
    var row: [UInt8] {
        var result: [UInt8] = []
        write(to: &result) { byte in
            switch byte {
            case UInt8(ascii: "/"): #"\/"#
            case 8: #"\b"#
            case 9: #"\t"#
            case 10: #"\n"#
            case 12: #"\f"#
            case 13: #"\r"#
            default: nil
            }
        }
        return result
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

    mutating func next() throws -> JSONValue? {
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
        let node = try JSONValue.ofFile(queue.slice(0..<length))
        queue.skip(length)
        return node
    }
}

/// A row of a JSON file.
struct JSONRow: SQLRow {
    var node: JSONValue

    func value(of column: SQLColumn) -> SQLValue? {
        node.value(at: column.steps)?.sql
    }
}
