import SpecModel

/// Compares the bytes of a body with one of the forms a case can expect, and makes such bytes.
enum BodyComparison {
    static func differences(_ expected: JSONNode, _ came: [UInt8]) -> [String] {
        if expected["none"] != nil {
            return came.isEmpty ? [] : ["body: expected none, got \(describe(came))"]
        }
        if let text = expected["text"]?.string {
            return came.elementsEqual(text.utf8) ? [] : ["body: expected \(quoted(text)), got \(describe(came))"]
        }
        if let base64 = expected["base64"]?.string {
            let bytes = Base64.decode(base64) ?? []
            return came == bytes ? [] : ["body: expected \(describe(bytes)), got \(describe(came))"]
        }
        if let text = expected["xml"]?.string {
            do {
                return try XMLTree(text).differences(from: XMLTree(String(decoding: came, as: UTF8.self)))
            } catch {
                return ["body: expected XML, got \(describe(came)): \(error)"]
            }
        }
        if let json = expected["json"] {
            var diagnostics = Diagnostics()
            guard let node = JSONParser.parse(SourceFile(path: "body", bytes: came), into: &diagnostics),
                diagnostics.isEmpty
            else { return ["body: expected JSON, got \(describe(came))"] }
            return jsonDifferences(json, node, "body")
        }
        return []
    }

    /// The bytes of a reply's body.
    static func bytes(_ body: JSONNode?) -> [UInt8] {
        guard let body else { return [] }
        if let text = body["text"]?.string ?? body["xml"]?.string { return Array(text.utf8) }
        if let base64 = body["base64"]?.string { return Base64.decode(base64) ?? [] }
        if let json = body["json"] { return Array(json.location.file.bytes[json.range]) }
        return []
    }

    static func describe(_ bytes: [UInt8]) -> String {
        if bytes.isEmpty { return "no body" }
        if let text = String(validating: bytes, as: UTF8.self) { return quoted(text) }
        return "\(bytes.count) bytes, 0x"
            + bytes.prefix(32).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func jsonDifferences(_ expected: JSONNode, _ came: JSONNode, _ path: String) -> [String] {
        switch (expected.value, came.value) {
        case (.null, .null): return []
        case (.bool(let a), .bool(let b)) where a == b: return []
        case (.string(let a), .string(let b)) where a == b: return []
        case (.number(let a), .number(let b)) where a == b || (Double(a) != nil && Double(a) == Double(b)): return []
        case (.array(let a), .array(let b)) where a.count == b.count:
            return zip(a, b).enumerated().flatMap { jsonDifferences($1.0, $1.1, "\(path)[\($0)]") }
        case (.object(let a), .object(let b)):
            let missing = a.filter { member in !b.contains { $0.key == member.key } }
            let extra = b.filter { member in !a.contains { $0.key == member.key } }
            return missing.map { "\(path).\($0.key): expected \(source($0.value)), got nothing" }
                + extra.map { "\(path).\($0.key): expected nothing, got \(source($0.value))" }
                + a.flatMap { member in
                    came[member.key].map { jsonDifferences(member.value, $0, "\(path).\(member.key)") } ?? []
                }
        default: return ["\(path): expected \(source(expected)), got \(source(came))"]
        }
    }

    static func source(_ node: JSONNode) -> String {
        String(decoding: node.location.file.bytes[node.range], as: UTF8.self)
    }
}
