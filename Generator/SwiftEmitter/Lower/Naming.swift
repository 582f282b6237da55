import SpecModel

/// The one place that turns names of the spec into names of Swift.
///
/// What these rules get wrong for a name is put right in the spec with `swiftName`, never with another rule here.
public enum Naming {
    /// Words that are written in capitals, unless they begin a lower-case name.
    private static let acronyms: [String: String] = [
        "id": "ID", "ids": "IDs", "md5": "MD5", "crc64": "CRC64", "crc32": "CRC32", "sha1": "SHA1", "sha256": "SHA256",
        "url": "URL", "urls": "URLs", "uri": "URI", "http": "HTTP", "https": "HTTPS", "xml": "XML", "json": "JSON",
        "csv": "CSV", "ip": "IP", "vpc": "VPC", "arn": "ARN", "kms": "KMS", "sse": "SSE", "acl": "ACL", "cors": "CORS",
        "worm": "WORM", "api": "API", "dns": "DNS", "tls": "TLS", "ssl": "SSL", "qos": "QoS", "utc": "UTC",
        "hns": "HNS",
    ]

    /// `versionId` → `versionID`, `contentMd5` → `contentMD5`, `kmsMasterKeyId` → `kmsMasterKeyID`
    public static func member(_ key: String) -> String {
        let words = words(of: key)
        guard let first = words.first else { return key }
        return first.lowercased() + words.dropFirst().map(capitalized).joined()
    }

    /// `public-read` → `publicRead`, `ColdArchive` → `coldArchive`, `IA` → `ia`. Nil where no name can be made of it.
    public static func enumValue(_ raw: String) -> String? {
        let words = words(of: raw)
        guard let first = words.first, first.unicodeScalars.first?.properties.isAlphabetic == true else { return nil }
        let name = first.lowercased() + words.dropFirst().map(capitalized).joined()
        return name.unicodeScalars.allSatisfy(\.isASCII) ? name : nil
    }

    /// `PutBucketAcl` → `putBucketAcl`: operations keep the spelling of the service's other SDKs.
    public static func method(_ operation: String) -> String {
        let initials = operation.prefix { $0.isUppercase }
        // A leading run of capitals belongs to one word, but for its last letter: `RTCPut` → `rtcPut`.
        let count = initials.count > 1 && initials.count < operation.count ? initials.count - 1 : initials.count
        return operation.prefix(count).lowercased() + operation.dropFirst(count)
    }

    /// The name as it is written where a declaration or an expression needs an identifier.
    public static func escaped(_ name: String) -> String {
        keywords.contains(name) ? "`\(name)`" : name
    }

    /// Whether it can be written as an identifier at all, with back-ticks where it is a keyword.
    public static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, first == "_" || first.isLetter else { return false }
        return name.unicodeScalars.allSatisfy { $0 == "_" || $0.isLetter || $0.isDigit }
    }

    /// Names of members that a type has already, or that read as something else: `.none` is an absent optional.
    static let reservedValues: Set<String> = [
        "rawValue", "description", "debugDescription", "hashValue", "hash", "none", "some", "init", "self", "Type",
        "Protocol",
    ]

    /// Members every request or result has.
    static let reservedRequestMembers: Set<String> = [
        "operation", "encode", "hash", "hashValue", "self", "init", "Result",
    ]
    static let reservedResultMembers: Set<String> = ["response", "hash", "hashValue", "self", "init"]
    static let reservedStructureMembers: Set<String> = ["encode", "read", "hash", "hashValue", "self", "init"]

    /// Types that generated code uses by these names; a shape of the same name would hide them.
    static let reservedTypes: Set<String> = [
        "Any", "Bool", "CallOptions", "Data", "Date", "Double", "Duration", "Error", "Hashable", "Int", "Int64",
        "OpenStringEnum",
        "Operation", "OperationOutput", "OperationRequest", "OperationResult", "Optional", "Paginator", "PresignExpiry",
        "PresignedRequest", "Protocol",
        "RequestBody", "RequestBuilder", "ResponseBody", "ResponseMetadata", "ResponseReader", "Result", "Self",
        "Sendable", "StaticString", "String", "TimestampFormat", "Type", "UInt8", "Waiter", "XMLDecodable",
        "XMLEncodable",
        "XMLName", "XMLReader", "XMLStructure", "XMLWriter",
    ]

    private static let keywords: Set<String> = [
        "Any", "Self", "as", "associatedtype", "await", "break", "case", "catch", "class", "continue", "default",
        "defer",
        "deinit", "do", "else", "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard",
        "if",
        "import", "in", "init", "inout", "internal", "is", "let", "nil", "operator", "precedencegroup", "private",
        "protocol", "public", "repeat", "rethrows", "return", "self", "static", "struct", "subscript", "super",
        "switch",
        "throw", "throws", "true", "try", "typealias", "var", "where", "while",
    ]

    /// The words of a name: at every change from lower to upper case, before the last capital of a run, at every
    /// character that is neither letter nor digit. Digits stay with the word before them.
    static func words(of name: String) -> [String] {
        let scalars = Array(name.unicodeScalars)
        var words: [String] = []
        var word = ""
        for (index, scalar) in scalars.enumerated() {
            guard scalar.isLetter || scalar.isDigit else {
                if !word.isEmpty { words.append(word) }
                word = ""
                continue
            }
            if index > 0, scalar.properties.isUppercase, !word.isEmpty {
                let previous = scalars[index - 1]
                let startsWord = index + 1 < scalars.count && scalars[index + 1].properties.isLowercase
                let isPlural = index + 2 == scalars.count && scalars[index + 1] == "s"
                // `ETag` is one word in this service's language, `IDs` in everyone's.
                if !previous.properties.isUppercase || (startsWord && !isPlural && word != "E") {
                    words.append(word)
                    word = ""
                }
            }
            word.unicodeScalars.append(scalar)
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    private static func capitalized(_ word: String) -> String {
        let lower = word.lowercased()
        if let acronym = acronyms[lower] { return acronym }
        if lower == "etag" { return "ETag" }
        return lower.prefix(1).uppercased() + lower.dropFirst()
    }
}

extension Unicode.Scalar {
    fileprivate var isLetter: Bool { properties.isAlphabetic }
    fileprivate var isDigit: Bool { properties.numericType == .decimal }
}
