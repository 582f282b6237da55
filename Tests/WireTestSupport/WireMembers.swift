import OSSRuntime
import SpecModel

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What came: the members of an output or a structure by their names in the spec.
package struct WireMembers {
    indirect enum Value {
        case nothing
        case text(String)
        case bool(Bool)
        case number(String)
        case time(milliseconds: Int64)
        case bytes([UInt8])
        case list([Value])
        case map([String: String])
        case members(WireMembers)
    }

    private var entries: [(key: String, value: Value, isRequired: Bool)] = []

    package init() {}

    private mutating func append(_ key: String, _ value: Value?, _ isRequired: Bool = false) {
        entries.append((key, value ?? .nothing, isRequired))
    }

    package mutating func add(_ key: String, _ value: String?, isRequired: Bool = false) {
        append(key, value.map(Value.text), isRequired)
    }

    package mutating func add(_ key: String, _ value: (some OpenStringEnum)?, isRequired: Bool = false) {
        append(key, value.map { .text($0.rawValue) }, isRequired)
    }

    package mutating func add(_ key: String, _ value: Bool?, isRequired: Bool = false) {
        append(key, value.map(Value.bool), isRequired)
    }

    package mutating func add(_ key: String, _ value: Int?, isRequired: Bool = false) {
        append(key, value.map { .number(String($0)) }, isRequired)
    }

    package mutating func add(_ key: String, _ value: Int64?, isRequired: Bool = false) {
        append(key, value.map { .number(String($0)) }, isRequired)
    }

    package mutating func add(_ key: String, _ value: Double?, isRequired: Bool = false) {
        append(key, value.map { .number(String($0)) }, isRequired)
    }

    package mutating func add(_ key: String, _ value: Date?, isRequired: Bool = false) {
        append(key, value.map { .time(milliseconds: Int64(($0.timeIntervalSince1970 * 1000).rounded())) }, isRequired)
    }

    package mutating func add(_ key: String, _ value: [UInt8]?) { append(key, value.map(Value.bytes)) }
    package mutating func add(_ key: String, _ value: [String]) { append(key, .list(value.map(Value.text))) }
    package mutating func add(_ key: String, _ value: [Int]) { append(key, .list(value.map { .number(String($0)) })) }
    package mutating func add(_ key: String, _ value: [Int64]) { append(key, .list(value.map { .number(String($0)) })) }
    package mutating func add(_ key: String, _ value: [some OpenStringEnum]) {
        append(key, .list(value.map { .text($0.rawValue) }))
    }
    package mutating func add(_ key: String, _ value: [String: String]) { append(key, .map(value)) }
    package mutating func add(_ key: String, _ value: WireMembers?) { append(key, value.map(Value.members)) }
    package mutating func add(_ key: String, _ value: [WireMembers]) { append(key, .list(value.map(Value.members))) }

    /// Reads the stream to its end.
    package mutating func add(_ key: String, _ body: ResponseBody) async throws {
        append(key, .bytes(try await body.collect(upTo: 64 << 20)))
    }
}

extension WireMembers {
    /// How this differs from the JSON of a case; every member that the case does not name must be nil or empty.
    func differences(from expected: JSONNode, at path: String, isPartial: Bool) -> [String] {
        guard let members = expected.object else {
            return ["\(path): expected \(BodyComparison.source(expected)), got an object"]
        }
        var result: [String] = []
        for entry in entries {
            if let node = members.first(where: { $0.key == entry.key })?.value {
                result += Self.differences(node, entry.value, at: "\(path).\(entry.key)", isPartial: isPartial)
            } else if !isPartial, !Self.isEmpty(entry.value, isRequired: entry.isRequired) {
                result.append("\(path).\(entry.key): expected nothing, got \(Self.describe(entry.value))")
            }
        }
        return result
    }

    private static func differences(_ expected: JSONNode, _ came: Value, at path: String, isPartial: Bool) -> [String] {
        switch (expected.value, came) {
        case (.null, _) where isEmpty(came, isRequired: true): return []
        case (.string(let text), .text(let other)) where text == other: return []
        case (.string(let text), .time(let milliseconds)) where WireTime.milliseconds(text) == milliseconds: return []
        // Numbers and booleans that the spec has as text, and the reverse.
        case (.string(let text), .number(let other)) where text == other: return []
        case (.string(let text), .bool(let other)) where text == (other ? "true" : "false"): return []
        case (.number(let text), .text(let other)) where text == other: return []
        case (.number(let text), .number(let other)) where text == other || Double(text) == Double(other): return []
        case (.bool(let value), .bool(let other)) where value == other: return []
        case (.bool(let value), .text(let other)) where other == (value ? "true" : "false"): return []
        case (.array(let items), .list(let others)):
            let count =
                items.count == others.count ? [] : ["\(path): expected \(items.count) items, got \(others.count)"]
            let pairs = zip(items, others).enumerated()
            return count + pairs.flatMap { differences($1.0, $1.1, at: "\(path)[\($0)]", isPartial: isPartial) }
        case (.array(let items), .nothing) where items.isEmpty: return []
        case (.object(let entries), .map(let map)): return mapDifferences(entries, map, at: path, isPartial: isPartial)
        case (.object, .members(let members)):
            return members.differences(from: expected, at: path, isPartial: isPartial)
        case (.object, .bytes(let bytes)):
            return BodyComparison.differences(expected, bytes).map { path + $0.dropFirst("body".count) }
        default: break
        }
        return ["\(path): expected \(BodyComparison.source(expected)), got \(describe(came))"]
    }

    /// Header names come in lower case, whatever they were.
    private static func mapDifferences(
        _ expected: [JSONMember], _ came: [String: String], at path: String, isPartial: Bool
    ) -> [String] {
        var result: [String] = []
        for entry in expected {
            let value = came[entry.key] ?? came.first { $0.key.lowercased() == entry.key.lowercased() }?.value
            if let text = entry.value.string, text != value {
                result.append("\(path).\(entry.key): expected \(quoted(text)), got \(value.map(quoted) ?? "nothing")")
            }
        }
        for (key, value) in came.sorted(by: { $0.key < $1.key })
        where !isPartial && !expected.contains(where: { $0.key.lowercased() == key.lowercased() }) {
            result.append("\(path).\(key): expected nothing, got \(quoted(value))")
        }
        return result
    }

    private static func isEmpty(_ value: Value, isRequired: Bool) -> Bool {
        switch value {
        case .nothing: true
        case .text(let text): text.isEmpty
        case .list(let items): items.isEmpty
        case .map(let map): map.isEmpty
        case .bytes(let bytes): bytes.isEmpty
        case .members(let members): members.entries.allSatisfy { isEmpty($0.value, isRequired: $0.isRequired) }
        // A member that must be there is zero where a reply leaves it out.
        case .number(let text): isRequired && Double(text) == 0
        case .bool(let value): isRequired && !value
        case .time(let milliseconds): isRequired && milliseconds == 0
        }
    }

    private static func describe(_ value: Value) -> String {
        switch value {
        case .nothing: "nothing"
        case .text(let text): quoted(text)
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .time(let milliseconds): "\(milliseconds) ms since 1970"
        case .bytes(let bytes): BodyComparison.describe(bytes)
        case .list(let items): "[\(items.map(describe).joined(separator: ", "))]"
        case .map(let map): "\(map)"
        case .members(let members):
            "{"
                + members.entries.filter { !isEmpty($0.value, isRequired: $0.isRequired) }
                .map { "\($0.key): \(describe($0.value))" }.joined(separator: ", ") + "}"
        }
    }
}
