/// The `policy` of a form: until when it may be sent, and with what in its fields.
struct PostPolicy: Sendable {
    private enum Condition: Sendable {
        case equals(String, String)
        case startsWith(String, String)
        case oneOf(String, [String], isNegated: Bool)
    }

    private let expiration: EmulatorInstant
    private var conditions: [(condition: Condition, text: String)] = []
    /// How large the file may be.
    private(set) var sizes: ClosedRange<Int64>?

    /// - Parameter text: as it stands in the form, in Base64.
    init(_ text: String) throws(Fault) {
        guard let bytes = Base64.decode(text) else { throw .invalidPostPolicy("Policy is not Base64", "202") }
        let document: JSONValue
        do {
            document = try JSONReader.read(bytes)
        } catch {
            throw .invalidPostPolicy("Invalid JSON: \(error)", "204")
        }
        guard case .object = document else { throw .invalidPostPolicy("Invalid JSON", "204") }
        switch (document["expiration"], document["conditions"]) {
        case (nil, nil): throw .invalidPostPolicy("Policy missing expiration and conditions", "209")
        case (nil, .some): throw .invalidPostPolicy("Policy missing expiration", "208")
        case (.some, nil): throw .invalidPostPolicy("Policy missing conditions", "207")
        case (.some, .some): break
        }
        guard let date = document["expiration"]?.string else {
            throw .invalidPostPolicy("Invalid expiration: it must be a string", "210")
        }
        guard !date.isEmpty else { throw .invalidPostPolicy("Invalid expiration: it is empty", "211") }
        guard let expiration = EmulatorInstant(iso8601: date) else {
            throw .invalidPostPolicy("Invalid expiration: \(date)", "212")
        }
        self.expiration = expiration
        guard case .array(let list) = document["conditions"] else {
            throw .invalidPostPolicy("Invalid conditions: they must be an array", "222")
        }
        for item in list { try add(item) }
    }

    private mutating func add(_ item: JSONValue) throws(Fault) {
        switch item {
        case .object(let members):
            guard let member = members.first, members.count == 1 else {
                throw .invalidPostPolicy(
                    "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.", "223")
            }
            guard let value = member.value.string else {
                throw .invalidPostPolicy("Invalid Simple-Condition: the value must be a string", "224")
            }
            let name = Self.fieldName(member.name)
            conditions.append((.equals(name, value), Self.text("eq", "$" + member.name, [value], isList: false)))
        case .array(let parts):
            guard parts.count >= 3, let operation = parts[0].string?.lowercased() else {
                throw .invalidPostPolicy("Invalid Condition: it must have an operator and two arguments", "225")
            }
            if operation == "content-length-range" { return try addSizes(parts) }
            guard parts.count == 3, let field = parts[1].string else {
                throw .invalidPostPolicy("Invalid Condition: \(operation) takes a field and a value", "225")
            }
            let name = Self.fieldName(field)
            switch operation {
            case "eq", "starts-with":
                guard let value = parts[2].string else {
                    throw .invalidPostPolicy("Invalid Condition: \(operation) takes a string", "224")
                }
                conditions.append(
                    (
                        operation == "eq" ? .equals(name, value) : .startsWith(name, value),
                        Self.text(operation, field, [value], isList: false)
                    ))
            case "in", "not-in":
                guard case .array(let items) = parts[2], !items.contains(where: { $0.string == nil }) else {
                    throw .invalidPostPolicy("Invalid Condition: \(operation) takes a list of strings", "224")
                }
                let values = items.compactMap(\.string)
                conditions.append(
                    (
                        .oneOf(name, values, isNegated: operation == "not-in"),
                        Self.text(operation, field, values, isList: true)
                    ))
            default:
                throw .invalidPostPolicy("Invalid Condition: the operator \(operation) is unknown", "226")
            }
        default:
            throw .invalidPostPolicy("Invalid Condition: it must be an object or an array", "222")
        }
    }

    private mutating func addSizes(_ parts: [JSONValue]) throws(Fault) {
        guard parts.count == 3, let least = parts[1].integer, let most = parts[2].integer, least >= 0, most >= 0 else {
            throw .invalidPostPolicy("Invalid content-length-range: it takes two whole numbers", "221")
        }
        guard least <= most else {
            throw .invalidPostPolicy("Invalid content-length-range: the maximum is below the minimum", "219")
        }
        guard let sizes else {
            sizes = least...most
            return
        }
        // Of several all must hold; where they exclude each other, no size is right.
        let (low, high) = (max(sizes.lowerBound, least), min(sizes.upperBound, most))
        guard low <= high else { throw .invalidPostPolicy("Invalid content-length-range: no size suits all", "219") }
        self.sizes = low...high
    }

    private static func fieldName(_ name: String) -> String {
        (name.hasPrefix("$") ? String(name.dropFirst()) : name).lowercased()
    }

    /// A condition as an error tells it.
    private static func text(_ operation: String, _ field: String, _ values: [String], isList: Bool) -> String {
        func quoted(_ text: String) -> String { String(decoding: JSONValue.string(text).bytes, as: UTF8.self) }
        let list = values.map(quoted).joined(separator: ", ")
        return "[\(quoted(operation)), \(quoted(field)), \(isList ? "[\(list)]" : list)]"
    }

    /// - Parameter value: the value of a field by its name in lower case; empty where the form has none.
    func check(now: EmulatorInstant, value: (_ name: String) -> String) throws(Fault) {
        guard now <= expiration else {
            throw Fault(
                .forbidden, "AccessDenied", "Invalid according to Policy: Policy expired.", ec: "0006-00000213")
        }
        for (condition, text) in conditions where !Self.isMet(condition, value) {
            throw Fault(
                .forbidden, "AccessDenied", "Invalid according to Policy: Policy Condition failed: \(text)",
                ec: "0006-00000227")
        }
    }

    private static func isMet(_ condition: Condition, _ value: (String) -> String) -> Bool {
        switch condition {
        case .equals(let name, let wanted): value(name).hasSameBytes(as: wanted)
        case .startsWith(let name, let wanted): value(name).utf8.starts(with: wanted.utf8)
        case .oneOf(let name, let wanted, let isNegated):
            wanted.contains { $0.hasSameBytes(as: value(name)) } != isNegated
        }
    }

    // MARK: The file

    private static let largest: Int64 = 5 << 30

    /// Called as the file comes.
    ///
    /// - Parameter sizes: what a policy asks for, if there is one and it does.
    static func checkSize(_ size: Int64, isWhole: Bool, in sizes: ClosedRange<Int64>?) throws(Fault) {
        let sizes = sizes ?? 0...largest
        guard size <= min(sizes.upperBound, largest) else {
            throw Fault(
                .badRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.",
                ec: "0006-00000003"
            ).detail("MaxSizeAllowed", String(min(sizes.upperBound, largest)))
        }
        guard !isWhole || size >= sizes.lowerBound else {
            throw Fault(
                .badRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size.",
                ec: "0006-00000004"
            ).detail("MinSizeAllowed", String(sizes.lowerBound)).detail("ProposedSize", String(size))
        }
    }
}

extension Fault {
    fileprivate static func invalidPostPolicy(_ reason: String, _ number: String) -> Fault {
        Fault(.badRequest, "InvalidPolicyDocument", "Invalid Policy: \(reason)", ec: "0006-00000\(number)")
    }
}
