/// One file of wire cases.
public struct WireCaseFile: Sendable {
    public var file: SourceFile
    public var service: String
    public var cases: [WireCase]

    public init(file: SourceFile, service: String, cases: [WireCase]) {
        self.file = file
        self.service = service
        self.cases = cases
    }
}

/// What one call looks like on the wire. The expectations are kept as they were written: they are compared, not compiled.
public struct WireCase: Sendable {
    public var id: Located<String>
    public var operation: Located<String>
    public var isPartial: Bool
    public var config: JSONNode?
    public var input: JSONNode?
    public var request: JSONNode?
    public var response: JSONNode?
    public var output: JSONNode?
    public var error: JSONNode?
    /// What is wrong with the case, but for names that the spec does not know.
    public var mistakes: [Diagnostic] = []
    /// Names that the spec does not know.
    public var unknown: [Diagnostic] = []
    /// The input's members with their types, in the order of the spec. Nil where the case has a mistake.
    public var arguments: [WireMember]?

    public var isGood: Bool { mistakes.isEmpty && unknown.isEmpty }

    init(id: Located<String>, operation: Located<String>) {
        self.id = id
        self.operation = operation
        isPartial = false
    }

    /// Stands for a file whose cases cannot be read.
    public init(unusable file: SourceFile, mistakes: [Diagnostic], unknown: [Diagnostic]) {
        let place = SourceLocation(file: file, offset: 0)
        self.init(id: Located(file.path, at: place), operation: Located("?", at: place))
        self.mistakes = mistakes
        self.unknown = unknown
    }
}

public struct WireMember: Sendable {
    public var member: Member
    public var value: WireValue
}

/// A JSON value that has become one of the spec's types.
public indirect enum WireValue: Sendable {
    case string(String)
    case bool(Bool)
    case number(String)
    /// Milliseconds since 1970.
    case timestamp(Int64)
    /// Base64, checked.
    case blob(String)
    case text(String)
    case list([WireValue])
    case map([(String, String)])
    case enumeration(String)
    case structure(String, [WireMember])
}
