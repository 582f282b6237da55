import SpecModel

/// The Swift names of one service, decided once: for the generated code, and for the tests that call it.
public struct Names: Sendable {
    private let service: Service
    private var types: [String: String] = [:]

    /// Decides all names and reports those that cannot be: no identifier, or two for one place.
    public init(_ service: Service, _ diagnostics: inout Diagnostics) {
        self.service = service
        decideTypes(&diagnostics)
        decideMethods(&diagnostics)
        for operation in service.operations {
            checkMembers(operation.input, Naming.reservedRequestMembers, &diagnostics)
            checkMembers(operation.output, Naming.reservedResultMembers, &diagnostics)
        }
        for name in service.shapes.keys.sorted() {
            guard let shape = service.shapes[name] else { continue }
            switch shape.kind {
            case .structure(let members): checkMembers(members, Naming.reservedStructureMembers, &diagnostics)
            case .enumeration(let values): checkValues(values, &diagnostics)
            }
        }
    }

    public func type(_ shape: String) -> String { types[shape] ?? shape }

    public func request(_ operation: Operation) -> String { "\(operation.name.value)Request" }

    public func result(_ operation: Operation) -> String { "\(operation.name.value)Result" }

    public func method(_ operation: Operation) -> String { Naming.method(operation.name.value) }

    public func method(_ waiter: Waiter) -> String { "waitUntil\(waiter.name.value)" }

    /// Not escaped: where a keyword needs back-ticks, ``Naming/escaped(_:)`` puts them.
    public func member(_ member: Member) -> String { member.swiftName?.value ?? Naming.member(member.key.value) }

    /// The type of a member, without the question mark of an optional.
    public func type(_ type: MemberType) -> String {
        switch type {
        case .string: "String"
        case .bool: "Bool"
        case .int: "Int"
        case .int64: "Int64"
        case .double: "Double"
        case .timestamp: "Date"
        case .blob: "[UInt8]"
        case .stream: "RequestBody"
        case .list(let element): "[\(self.type(element))]"
        case .map: "[String: String]"
        case .structure(let name), .enumeration(let name): self.type(name)
        case .invalid: "Never"
        }
    }

    // MARK: Checks

    private mutating func decideTypes(_ diagnostics: inout Diagnostics) {
        var taken: [String: SourceLocation] = [:]
        for operation in service.operations {
            for name in [request(operation), result(operation)] { taken[name] = operation.name.location }
        }
        for key in service.shapes.keys.sorted() {
            guard let shape = service.shapes[key] else { continue }
            let name = shape.swiftName?.value ?? key
            let place = shape.swiftName?.location ?? shape.name.location
            types[key] = name
            if !Naming.isIdentifier(name) {
                diagnostics.error("'\(name)' cannot be the name of a Swift type", at: place, hint: "give a 'swiftName'")
            } else if Naming.reservedTypes.contains(name) || name == service.client {
                diagnostics.error(
                    "shape '\(key)' has the name of a type that generated code uses", at: place,
                    hint: "give another 'swiftName'")
            } else if let other = taken.updateValue(place, forKey: name) {
                diagnostics.error(
                    "two types have the Swift name '\(name)'", at: place,
                    hint: "also \(other.file.path):\(other.line); give a 'swiftName'")
            }
        }
    }

    private func decideMethods(_ diagnostics: inout Diagnostics) {
        var taken: [String: SourceLocation] = [:]
        for operation in service.operations {
            let place = operation.name.location
            var methods = [(method(operation), place)]
            if operation.pagination != nil { methods.append((method(operation) + "Pages", place)) }
            for (name, place) in methods + operation.waiters.map({ (method($0), $0.name.location) }) {
                if let other = taken.updateValue(place, forKey: name) {
                    diagnostics.error(
                        "two methods have the Swift name '\(name)'", at: place,
                        hint: "also \(other.file.path):\(other.line)")
                }
            }
        }
    }

    private func checkMembers(_ members: [Member], _ reserved: Set<String>, _ diagnostics: inout Diagnostics) {
        var taken: [String: String] = [:]
        for member in members {
            let name = self.member(member)
            let place = member.swiftName?.location ?? member.location
            if !Naming.isIdentifier(name) {
                diagnostics.error(
                    "'\(name)' cannot be the name of a Swift member", at: place, hint: "give a 'swiftName'")
            } else if reserved.contains(name) {
                diagnostics.error(
                    "the Swift name '\(name)' is taken by generated code", at: place, hint: "give another 'swiftName'")
            } else if let other = taken.updateValue(member.key.value, forKey: name) {
                diagnostics.error(
                    "members '\(other)' and '\(member.key.value)' have the same Swift name '\(name)'", at: place,
                    hint: "give a 'swiftName'")
            }
        }
    }

    private func checkValues(_ values: [EnumValue], _ diagnostics: inout Diagnostics) {
        var taken: [String: String] = [:]
        var seen: Set<String> = []
        for value in values where seen.insert(value.value.value).inserted {
            let raw = value.value.value
            let place = value.swiftName?.location ?? value.value.location
            guard let name = value.swiftName?.value ?? Naming.enumValue(raw), Naming.isIdentifier(name) else {
                diagnostics.error(
                    "no Swift name can be made of the value '\(raw)'", at: place, hint: "give a 'swiftName'")
                continue
            }
            if Naming.reservedValues.contains(name) {
                diagnostics.error(
                    "the Swift name '\(name)' is taken in every enumeration", at: place,
                    hint: "give another 'swiftName'")
            } else if let other = taken.updateValue(raw, forKey: name) {
                diagnostics.error(
                    "values '\(other)' and '\(raw)' have the same Swift name '\(name)'", at: place,
                    hint: "give a 'swiftName'")
            }
        }
    }
}
