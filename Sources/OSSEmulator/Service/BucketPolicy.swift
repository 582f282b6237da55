import NIOCore

/// A bucket's policy: who may do what with it, besides what the ACLs say.
struct BucketPolicy: Sendable {
    enum Decision: Sendable, Equatable {
        case allowed, denied
        /// No statement is about the request.
        case open
    }

    /// One thing that somebody wants to do.
    struct Access: Sendable {
        var identity: Identity
        /// Without `oss:`.
        var action: String
        var bucket: String
        var key: ObjectKey?
        /// The bucket's owner.
        var owner: String
        var region: String
        /// The values of condition keys, by their names in lower case (of a tag: up to the slash).
        var context: [String: String] = [:]
    }

    static let maximumSize = 16 << 10

    private let statements: [Statement]

    /// Reads and checks a policy.
    init(_ bytes: [UInt8]) throws(Fault) {
        guard !bytes.isEmpty else { throw .invalidPolicy("The policy is empty.") }
        guard bytes.count <= Self.maximumSize else { throw .invalidPolicy("The policy is larger than 16 KB.") }
        let document: JSONValue
        do {
            document = try JSONReader.read(bytes)
        } catch {
            throw .invalidPolicy("The policy is not valid JSON: \(error).")
        }
        try Self.checkNames(of: document, "The policy", known: ["Version", "Statement", "Id"])
        guard document["Version"]?.string == "1" else { throw .invalidPolicy("Version must be \"1\".") }
        guard case .array(let list) = document["Statement"] else { throw .invalidPolicy("Statement must be an array.") }
        var statements: [Statement] = []
        for value in list { statements.append(try Statement(value)) }
        self.statements = statements
    }

    /// Whether it lets in whom it doesn't know.
    var isPublic: Bool { statements.contains(where: \.isPublic) }

    /// A Deny that fits wins over any Allow.
    ///
    /// - Parameter ignoresPublic: whether what is open to everybody doesn't count, since public access is blocked.
    func decide(_ access: Access, ignoresPublic: Bool = false) -> Decision {
        var decision = Decision.open
        for statement in statements where statement.matches(access) {
            if statement.isDeny { return .denied }
            if !(ignoresPublic && statement.isPublic) { decision = .allowed }
        }
        return decision
    }

    fileprivate static func checkNames(
        of value: JSONValue, _ what: String, known: Set<String>
    ) throws(Fault) {
        guard case .object(let members) = value else { throw .invalidPolicy("\(what) must be an object.") }
        for member in members where !known.contains(member.name) {
            throw .invalidPolicy("\(what) has an unknown member \(member.name).")
        }
    }
}

extension Fault {
    static func invalidPolicy(_ message: String) -> Fault {
        Fault(.badRequest, "InvalidPolicyDocument", message, ec: "0030-00000005")
    }
}

// MARK: - Statements

/// A list of patterns, or of what is left out.
private struct Patterns: Sendable {
    var patterns: [String]
    var isExcluding: Bool

    /// - Parameter name: the member; with `Not` before it, it says what is left out.
    init?(_ name: String, in statement: JSONValue) throws(Fault) {
        switch (statement[name], statement["Not" + name]) {
        case (let value?, nil): (patterns, isExcluding) = (try Self.strings(value, name), false)
        case (nil, let value?): (patterns, isExcluding) = (try Self.strings(value, "Not" + name), true)
        case (nil, nil): return nil
        case (.some, .some): throw .invalidPolicy("A statement has \(name) or Not\(name), not both.")
        }
    }

    /// A string, or an array of strings.
    static func strings(_ value: JSONValue, _ name: String) throws(Fault) -> [String] {
        if let text = value.string { return [text] }
        guard case .array(let values) = value else {
            throw .invalidPolicy("\(name) must be a string or an array of strings.")
        }
        var texts: [String] = []
        for value in values {
            guard let text = value.string else { throw .invalidPolicy("\(name) must hold strings only.") }
            texts.append(text)
        }
        return texts
    }

    func contains(where matches: (String) -> Bool) -> Bool {
        patterns.contains(where: matches) != isExcluding
    }
}

private struct Statement: Sendable {
    let isDeny: Bool
    private let actions: Patterns
    private let resources: Patterns
    /// Without any, a statement is about everybody.
    private let principals: Patterns?
    private let conditions: [Condition]

    init(_ value: JSONValue) throws(Fault) {
        try BucketPolicy.checkNames(
            of: value, "A statement",
            known: [
                "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal",
                "Condition",
            ])
        switch value["Effect"]?.string {
        case "Allow": isDeny = false
        case "Deny": isDeny = true
        default: throw .invalidPolicy("Effect must be Allow or Deny.")
        }
        guard let actions = try Patterns("Action", in: value), !actions.patterns.isEmpty else {
            throw .invalidPolicy("A statement lacks its Action.")
        }
        for action in actions.patterns where action != "*" && !action.hasPrefix("oss:") {
            throw .invalidPolicy("The action \(action) is not one of OSS: it must begin with oss:.")
        }
        guard let resources = try Patterns("Resource", in: value), !resources.patterns.isEmpty else {
            throw .invalidPolicy("A statement lacks its Resource.")
        }
        for resource in resources.patterns where resource != "*" && Resource(resource) == nil {
            throw .invalidPolicy("The resource \(resource) must look like acs:oss:*:*:bucket/key.")
        }
        let principals = try Patterns("Principal", in: value)
        self.actions = actions
        self.resources = resources
        // An empty list says the same as none.
        self.principals = principals.flatMap { $0.patterns.isEmpty && !$0.isExcluding ? nil : $0 }
        var conditions: [Condition] = []
        if let block = value["Condition"] {
            guard case .object(let operators) = block else { throw .invalidPolicy("Condition must be an object.") }
            for member in operators {
                guard case .object(let keys) = member.value else {
                    throw .invalidPolicy("The condition \(member.name) must be an object.")
                }
                for key in keys { conditions.append(try Condition(member.name, key.name, key.value)) }
            }
        }
        self.conditions = conditions
    }

    /// About everybody, or all but some.
    private var isForEverybody: Bool {
        guard let principals else { return true }
        return principals.isExcluding || principals.patterns.contains("*")
    }

    var isPublic: Bool {
        !isDeny && isForEverybody && !conditions.contains(where: \.namesWhoAsks)
    }

    func matches(_ access: BucketPolicy.Access) -> Bool {
        guard isAbout(access.identity, owner: access.owner) else { return false }
        let action = "oss:" + access.action
        guard actions.contains(where: { Wildcard.matches($0, action) }) else { return false }
        guard resources.contains(where: { $0 == "*" || Resource($0)?.matches(access) == true }) else { return false }
        return conditions.allSatisfy { $0.isMet(by: access.context) }
    }

    private func isAbout(_ identity: Identity, owner: String) -> Bool {
        // Everybody doesn't mean the owner, unless under conditions.
        if isForEverybody, conditions.isEmpty, identity == .account(owner) { return false }
        guard let principals else { return true }
        return principals.contains { principal in
            if principal == "*" { return true }
            guard case .account(let account) = identity else { return false }
            if principal == account { return true }
            // acs:ram::ACCOUNT:root and arn:acs:ram::ACCOUNT:root; the keys known here are those of accounts.
            let parts = principal.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count >= 5, let last = parts.last else { return false }
            return parts[parts.count - 2] == account && (last == "root" || last == "*")
        }
    }
}

/// `acs:oss:REGION:ACCOUNT:BUCKET/KEY`.
private struct Resource {
    private let region: Substring
    private let account: Substring
    private let path: Substring

    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "acs", parts[1] == "oss", !parts[4].isEmpty else { return nil }
        (region, account, path) = (parts[2], parts[3], parts[4])
    }

    func matches(_ access: BucketPolicy.Access) -> Bool {
        guard region == "*" || region.isEmpty || region == access.region || region == "oss-\(access.region)" else {
            return false
        }
        guard account == "*" || account.isEmpty || account == access.owner else { return false }
        let text = Array(access.bucket.utf8) + (access.key.map { [UInt8(ascii: "/")] + $0.bytes } ?? [])
        return Wildcard.matches(Array(path.utf8), text)
    }
}

// MARK: - Conditions

private struct Condition: Sendable {
    private enum Comparison: String, Sendable {
        case stringEquals = "StringEquals"
        case stringNotEquals = "StringNotEquals"
        case stringEqualsIgnoreCase = "StringEqualsIgnoreCase"
        case stringNotEqualsIgnoreCase = "StringNotEqualsIgnoreCase"
        case stringLike = "StringLike"
        case stringNotLike = "StringNotLike"
        case numericEquals = "NumericEquals"
        case numericNotEquals = "NumericNotEquals"
        case numericLessThan = "NumericLessThan"
        case numericLessThanEquals = "NumericLessThanEquals"
        case numericGreaterThan = "NumericGreaterThan"
        case numericGreaterThanEquals = "NumericGreaterThanEquals"
        case dateEquals = "DateEquals"
        case dateNotEquals = "DateNotEquals"
        case dateLessThan = "DateLessThan"
        case dateLessThanEquals = "DateLessThanEquals"
        case dateGreaterThan = "DateGreaterThan"
        case dateGreaterThanEquals = "DateGreaterThanEquals"
        case bool = "Bool"
        case ipAddress = "IpAddress"
        case notIPAddress = "NotIpAddress"

        var isNegated: Bool {
            switch self {
            case .stringNotEquals, .stringNotEqualsIgnoreCase, .stringNotLike, .numericNotEquals, .dateNotEquals,
                .notIPAddress:
                true
            default: false
            }
        }
    }

    private let comparison: Comparison
    private let key: String
    private let values: [String]

    init(_ name: String, _ key: String, _ value: JSONValue) throws(Fault) {
        guard let comparison = Comparison(rawValue: name) else {
            throw .invalidPolicy("The condition operator \(name) is unknown.")
        }
        let values = try Self.values(value, name)
        for value in values {
            let isValid =
                switch comparison {
                case .dateEquals, .dateNotEquals, .dateLessThan, .dateLessThanEquals, .dateGreaterThan,
                    .dateGreaterThanEquals:
                    EmulatorInstant(iso8601: value) != nil
                case .numericEquals, .numericNotEquals, .numericLessThan, .numericLessThanEquals, .numericGreaterThan,
                    .numericGreaterThanEquals:
                    Int64(value) != nil
                case .bool: value == "true" || value == "false"
                case .ipAddress, .notIPAddress: AddressRange(value) != nil
                default: true
                }
            guard isValid else { throw .invalidPolicy("The value \(value) does not suit the operator \(name).") }
        }
        self.comparison = comparison
        // Case counts in the name of a tag only.
        let slash = key.firstIndex(of: "/") ?? key.endIndex
        self.key = key[..<slash].lowercased() + key[slash...]
        self.values = values
    }

    /// Booleans and numbers may be written as such.
    private static func values(_ value: JSONValue, _ name: String) throws(Fault) -> [String] {
        let list: [JSONValue] = if case .array(let values) = value { values } else { [value] }
        guard !list.isEmpty else { throw .invalidPolicy("The condition \(name) has no value.") }
        var texts: [String] = []
        for value in list {
            switch value {
            case .string(let text): texts.append(text)
            case .number(let text): texts.append(text)
            case .bool(let truth): texts.append(truth ? "true" : "false")
            default: throw .invalidPolicy("The condition \(name) must hold strings only.")
            }
        }
        return texts
    }

    /// Whether it lets in nobody but some who are named.
    var namesWhoAsks: Bool {
        guard !comparison.isNegated else { return false }
        switch key {
        case "acs:sourcevpc", "acs:sourcevpcid", "acs:accessid":
            return values.allSatisfy { !$0.contains("*") }
        case "acs:sourceip":
            return values.allSatisfy { value in AddressRange(value).map { $0.bits > 0 } ?? !value.contains("*") }
        default:
            return false
        }
    }

    /// Of what isn't known about a request only the contrary can be true.
    func isMet(by context: [String: String]) -> Bool {
        guard let given = context[key] else { return comparison.isNegated }
        return values.contains { matches($0, given) } != comparison.isNegated
    }

    private func matches(_ value: String, _ given: String) -> Bool {
        switch comparison {
        case .stringEquals, .stringNotEquals: value.hasSameBytes(as: given)
        case .stringEqualsIgnoreCase, .stringNotEqualsIgnoreCase:
            value.lowercased().hasSameBytes(as: given.lowercased())
        case .stringLike, .stringNotLike: Wildcard.matches(value, given)
        case .numericEquals, .numericNotEquals: compare(Int64(value), Int64(given), ==)
        case .numericLessThan: compare(Int64(value), Int64(given), >)
        case .numericLessThanEquals: compare(Int64(value), Int64(given), >=)
        case .numericGreaterThan: compare(Int64(value), Int64(given), <)
        case .numericGreaterThanEquals: compare(Int64(value), Int64(given), <=)
        case .dateEquals, .dateNotEquals: compare(date(value), date(given), ==)
        case .dateLessThan: compare(date(value), date(given), >)
        case .dateLessThanEquals: compare(date(value), date(given), >=)
        case .dateGreaterThan: compare(date(value), date(given), <)
        case .dateGreaterThanEquals: compare(date(value), date(given), <=)
        case .bool: value == given
        case .ipAddress, .notIPAddress: AddressRange(value)?.contains(given) == true
        }
    }

    private func date(_ text: String) -> EmulatorInstant? { EmulatorInstant(iso8601: text) }

    private func compare<Value>(_ value: Value?, _ given: Value?, _ isTrue: (Value, Value) -> Bool) -> Bool {
        guard let value, let given else { return false }
        return isTrue(value, given)
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`, or one address.
private struct AddressRange {
    private let address: [UInt8]
    let bits: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = Self.bytes(String(parts[0])) else { return nil }
        self.address = address
        guard parts.count == 2 else {
            bits = address.count * 8
            return
        }
        guard let bits = Int(parts[1]), (0...address.count * 8).contains(bits) else { return nil }
        self.bits = bits
    }

    func contains(_ text: String) -> Bool {
        guard let other = Self.bytes(text), other.count == address.count else { return false }
        return (0..<bits).allSatisfy { bit in
            (address[bit / 8] ^ other[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        guard let bytes = (try? SocketAddress(ipAddress: text, port: 0))?.addressBytes else { return nil }
        // An IPv4 address that came over an IPv6 socket.
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes[12...]) : bytes
    }
}

extension SocketAddress {
    /// The address alone, in network order.
    fileprivate var addressBytes: [UInt8]? {
        switch self {
        case .v4(let address): withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address): withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
        case .unixDomainSocket: nil
        }
    }
}
