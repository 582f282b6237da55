/// Making JSON, and writing it.
extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByBooleanLiteral
{
    init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }

    init(arrayLiteral elements: JSONValue...) {
        self = .array(elements)
    }

    init(stringLiteral value: String) {
        self = .string(value)
    }

    init(booleanLiteral value: Bool) {
        self = .bool(value)
    }

    /// A string, or null.
    static func optional(_ text: String?) -> JSONValue {
        text.map { .string($0) } ?? .null
    }

    static func number(_ number: some BinaryInteger) -> JSONValue {
        .number(String(number))
    }

    var bytes: [UInt8] {
        var result: [UInt8] = []
        write(to: &result) { byte in
            switch byte {
            case 10: "\\n"
            // The less-than sign too, so that no text can end a script that the value stands in.
            case 127, UInt8(ascii: "<"): Self.escape(byte)
            default: nil
            }
        }
        return result
    }

    /// - Parameter escape: how a byte of a string is written; nil leaves all but quotes, backslashes and control
    ///   characters as they are.
    func write(to result: inout [UInt8], escape: (UInt8) -> String?) {
        switch self {
        case .null: result.append(contentsOf: "null".utf8)
        case .bool(let truth): result.append(contentsOf: (truth ? "true" : "false").utf8)
        case .number(let digits): result.append(contentsOf: digits.utf8)
        case .string(let text): Self.write(text, to: &result, escape)
        case .array(let items):
            result.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { result.append(UInt8(ascii: ",")) }
                item.write(to: &result, escape: escape)
            }
            result.append(UInt8(ascii: "]"))
        case .object(let members):
            result.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { result.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &result, escape)
                result.append(UInt8(ascii: ":"))
                member.value.write(to: &result, escape: escape)
            }
            result.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to result: inout [UInt8], _ escape: (UInt8) -> String?) {
        result.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if let escaped = escape(byte) {
                result.append(contentsOf: escaped.utf8)
            } else {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): result.append(contentsOf: [UInt8(ascii: "\\"), byte])
                case 0..<32: result.append(contentsOf: Self.escape(byte).utf8)
                default: result.append(byte)
                }
            }
        }
        result.append(UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8) -> String { "\\u00\(Hex.encode([byte]))" }
}
