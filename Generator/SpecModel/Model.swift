// The resolved model: every name has become what it stands for. This is what the emitter reads.

/// One service: what `Spec/<service>/` says.
public struct Service: Sendable {
    /// The folder's name below `Spec`.
    public var name: String
    /// The Swift type that carries the client methods.
    public var client: String
    /// The Swift module; also the folder below `Sources`.
    public var module: String
    /// The path of `service.json`.
    public var file: SourceFile
    /// Sorted by file name, so that nothing depends on the order in which files were read.
    public var features: [Feature]
    /// Shapes of `service.json`, by name.
    public var sharedShapes: [String]
    public var shapes: [String: Shape]

    public var operations: [Operation] { features.flatMap(\.operations) }
}

/// One file below `Spec/<service>/`.
public struct Feature: Sendable {
    public var name: Located<String>
    public var file: SourceFile
    public var operations: [Operation]
    /// The names of the shapes of this file, in its order.
    public var shapes: [String]
}

public struct Operation: Sendable {
    public enum Checksum: String, Sendable, CaseIterable {
        case contentMD5 = "content-md5"
        case crc64
        case crc64Append = "crc64-append"
    }

    public var name: Located<String>
    public var doc: String
    public var link: String?
    public var method: Located<String>
    public var uri: URITemplate
    public var input: [Member]
    public var output: [Member]
    public var outputXMLName: Located<String>?
    public var checksum: Located<Checksum>?
    public var contentTypeFromKey: SourceLocation?
    public var presignable: SourceLocation?
    public var pagination: Pagination?
    public var waiters: [Waiter]
    public var deprecated: String?
}

/// `/{bucket}/{key}?append`
public struct URITemplate: Sendable {
    public var location: SourceLocation
    /// The names in braces, in their order.
    public var labels: [String]
    /// The text behind the question mark.
    public var query: String

    public var queryKeys: [String] {
        query.split(separator: "&").map { String($0.prefix { $0 != "=" }) }
    }
}

/// How to ask for the next page.
public struct Pagination: Sendable {
    public var location: SourceLocation
    public var inputTokens: [Located<String>]
    public var outputTokens: [Located<String>]
    public var more: Located<String>?
    public var pageSize: Located<String>?
    public var items: [Located<String>]
}

/// What to wait for by sending an operation again and again.
public struct Waiter: Sendable {
    public static let defaultMinDelay = 2
    public static let defaultMaxDelay = 120

    public var name: Located<String>
    public var doc: String
    /// Between two calls, in seconds.
    public var minDelay: Int
    public var maxDelay: Int
    /// The first one that matches a reply decides.
    public var acceptors: [Acceptor]

    /// Whether what ends the wait is always a result, never an error.
    public var endsWithResult: Bool {
        acceptors.allSatisfy { $0.state != .success || $0.matcher?.isOfResult == true }
    }
}

/// What a reply means to a waiter.
public struct Acceptor: Sendable {
    public enum State: String, Sendable, CaseIterable {
        case success, retry, failure
    }

    public enum Matcher: Sendable {
        /// Any result.
        case result
        /// A result with a text in one of its members.
        case output(Located<String>, contains: String)
        case error(code: String, status: Int?)

        public var isOfResult: Bool {
            if case .error = self { false } else { true }
        }

        /// Whether nothing that `other` matches gets past this one.
        func covers(_ other: Matcher) -> Bool {
            switch (self, other) {
            case (.result, _): other.isOfResult
            case (.output(let member, let text), .output(let otherMember, let otherText)):
                member.value == otherMember.value && otherText.contains(text)
            case (.error(let code, let status), .error(let otherCode, let otherStatus)):
                code == otherCode && (status == nil || status == otherStatus)
            default: false
            }
        }
    }

    public var location: SourceLocation
    /// Nil where the spec has it wrong, which has been reported.
    public var state: State?
    public var matcher: Matcher?
    /// What a result that means failure says about the cause.
    public var message: String?
}

public struct Member: Sendable {
    public var key: Located<String>
    public var swiftName: Located<String>?
    public var doc: String
    public var type: MemberType
    public var binding: Binding
    public var isRequired: Bool
    /// Sent where the caller gives nothing; a JSON scalar of the member's type.
    public var defaultValue: JSONNode?
    public var isURLEncoded: Bool
    public var isSensitive: Bool
    public var deprecated: String?

    public var location: SourceLocation { key.location }
}

public indirect enum MemberType: Sendable, Equatable {
    case string, bool, int, int64, double, blob, stream
    case timestamp(TimestampFormat)
    case list(MemberType)
    /// `[String: String]`
    case map
    /// A shape, by its name in the spec.
    case structure(String)
    case enumeration(String)
    /// Reported already; whatever it is used for is fine.
    case invalid

    /// One text, number or date: what fits into a header or a query.
    public var isScalar: Bool {
        switch self {
        case .string, .bool, .int, .int64, .double, .timestamp, .enumeration, .invalid: true
        case .blob, .stream, .list, .map, .structure: false
        }
    }

    /// The type as the spec writes it.
    public var specName: String {
        switch self {
        case .string: "String"
        case .bool: "Bool"
        case .int: "Int"
        case .int64: "Int64"
        case .double: "Double"
        case .blob: "Blob"
        case .stream: "Stream"
        case .timestamp: "Timestamp"
        case .list(let element): "[\(element.specName)]"
        case .map: "[String: String]"
        case .structure(let name), .enumeration(let name): name
        case .invalid: "?"
        }
    }
}

public enum TimestampFormat: String, Sendable, CaseIterable {
    case dateTime = "date-time"
    case httpDate = "http-date"
    case epochSeconds = "epoch-seconds"
    case dateTimeMidnight = "date-time-midnight"
}

/// Where a member is in the HTTP message.
public enum Binding: Sendable {
    case label
    case header(String)
    case query(String)
    case prefixHeaders(String)
    /// The whole body; the name is the root element where the body is XML.
    case payload(root: String)
    case payloadUnlessXML
    case copySource(CopySourcePart)
    /// A child element, where the members of an output and of a structure are unless they say otherwise.
    case element(XMLForm)
}

public enum CopySourcePart: String, Sendable, CaseIterable {
    case bucket, key, versionId
}

public enum XMLForm: Sendable {
    case element(String)
    /// List items side by side, without an element around them.
    case flattened(String)
    case wrapped(String, item: String)
    /// A scalar some elements below.
    case path([String])
    /// The text of the element itself.
    case text

    /// The child element of the parent that the member owns.
    public var firstName: String? {
        switch self {
        case .element(let name), .flattened(let name), .wrapped(let name, _): name
        case .path(let names): names.first
        case .text: nil
        }
    }
}

public struct Shape: Sendable {
    public enum Kind: Sendable {
        case structure([Member])
        case enumeration([EnumValue])
    }

    public var name: Located<String>
    public var swiftName: Located<String>?
    public var doc: String
    public var deprecated: String?
    public var kind: Kind
    /// Reachable from an operation's input / output.
    public var isUsedInInput = false
    public var isUsedInOutput = false

    public var members: [Member] {
        if case .structure(let members) = kind { members } else { [] }
    }
}

public struct EnumValue: Sendable {
    public var value: Located<String>
    public var swiftName: Located<String>?
    public var doc: String?
}
