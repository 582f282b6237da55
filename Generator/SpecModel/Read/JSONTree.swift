/// A JSON value as it was written: members in their order, each with its place.
public struct JSONNode: Sendable {
    public indirect enum Value: Sendable {
        case null
        case bool(Bool)
        /// The number's own characters, so that nothing is rounded.
        case number(String)
        case string(String)
        case array([JSONNode])
        case object([JSONMember])
    }

    public let value: Value
    public let location: SourceLocation
    /// The bytes of the value, from its first to behind its last.
    public let range: Range<Int>

    /// What the value is, for messages.
    public var kind: String {
        switch value {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    public var isNull: Bool {
        if case .null = value { true } else { false }
    }

    public var string: String? {
        if case .string(let text) = value { text } else { nil }
    }

    public var array: [JSONNode]? {
        if case .array(let items) = value { items } else { nil }
    }

    public var object: [JSONMember]? {
        if case .object(let members) = value { members } else { nil }
    }

    /// The member of an object.
    public subscript(key: String) -> JSONNode? {
        object?.first { $0.key == key }?.value
    }
}

public struct JSONMember: Sendable {
    public let key: String
    public let keyLocation: SourceLocation
    public let value: JSONNode
}
