// What a spec file says, as it says it: names are still names, nothing is looked up, everything keeps its place.

struct ServiceSyntax: Sendable {
    var file: SourceFile
    var service: Located<String>
    var client: Located<String>
    var module: Located<String>
    var shapes: [ShapeSyntax]
}

struct FeatureSyntax: Sendable {
    var file: SourceFile
    var feature: Located<String>
    var operations: [OperationSyntax]
    var shapes: [ShapeSyntax]
}

struct OperationSyntax: Sendable {
    var name: Located<String>
    var doc: Located<String>?
    var link: Located<String>?
    var method: Located<String>?
    var uri: Located<String>?
    var input: [MemberSyntax]
    var output: [MemberSyntax]
    var outputXMLName: Located<String>?
    var checksum: Located<String>?
    var contentTypeFromKey: SourceLocation?
    var presignable: SourceLocation?
    var pagination: PaginationSyntax?
    var waiters: [WaiterSyntax]
    var deprecated: Located<String>?
}

struct PaginationSyntax: Sendable {
    var location: SourceLocation
    var inputTokens: [Located<String>]
    var outputTokens: [Located<String>]
    var more: Located<String>?
    var pageSize: Located<String>?
    var items: [Located<String>]
}

struct WaiterSyntax: Sendable {
    var name: Located<String>
    var doc: Located<String>?
    var minDelay: Located<Int>?
    var maxDelay: Located<Int>?
    var acceptors: [AcceptorSyntax]
}

struct AcceptorSyntax: Sendable {
    var location: SourceLocation
    var state: Located<String>?
    var success: SourceLocation?
    var errorCode: Located<String>?
    var status: Located<Int>?
    var output: Located<String>?
    var contains: Located<String>?
    var message: Located<String>?
}

struct ShapeSyntax: Sendable {
    var name: Located<String>
    var doc: Located<String>?
    var swiftName: Located<String>?
    var deprecated: Located<String>?
    /// Exactly one of the two is there in a good spec.
    var members: [MemberSyntax]?
    var values: [EnumValueSyntax]?
}

struct EnumValueSyntax: Sendable {
    var value: Located<String>
    var swiftName: Located<String>?
    var doc: Located<String>?
}

struct MemberSyntax: Sendable {
    var key: Located<String>
    var type: Located<String>?
    var doc: Located<String>?
    var label: SourceLocation?
    var header: Located<String>?
    var query: Located<String>?
    var prefixHeaders: Located<String>?
    var payload: SourceLocation?
    var payloadUnlessXML: SourceLocation?
    var copySource: Located<String>?
    var xmlName: Located<String>?
    var xmlItemName: Located<String>?
    var xmlPath: Located<String>?
    var xmlFlattened: SourceLocation?
    var xmlText: SourceLocation?
    var xmlAttribute: SourceLocation?
    var urlEncoded: SourceLocation?
    var required: SourceLocation?
    var sensitive: SourceLocation?
    var defaultValue: JSONNode?
    var timestampFormat: Located<String>?
    var swiftName: Located<String>?
    var deprecated: Located<String>?
}
