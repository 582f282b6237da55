import NIOConcurrencyHelpers
import NIOHTTP1

/// What a rule looks at in a request.
struct FaultSubject: Sendable {
    var operation: String
    var method: HTTPMethod
    var bucket: String?
    var key: ObjectKey?
    var query: Query

    init(_ operation: String, _ method: HTTPMethod, _ query: Query) {
        self.operation = operation
        self.method = method
        self.query = query
    }

    init(_ method: HTTPMethod, _ target: RequestTarget, _ operation: Operation) {
        self.init(operation.name, method, target.query)
        bucket = target.bucket
        key = target.key
    }
}

/// A fault for the requests that match it, or for some of them.
struct FaultRule: Sendable {
    private struct Match: Sendable {
        var operations: [String] = []
        var method: String?
        var bucket: String?
        var prefix: [UInt8]?
        /// `name` must be there; `name=value` with that value.
        var query: [String] = []

        func fits(_ subject: FaultSubject) -> Bool {
            if !operations.isEmpty, !operations.contains(subject.operation) { return false }
            if let method, method != subject.method.rawValue { return false }
            if let bucket, bucket != subject.bucket { return false }
            if let prefix { guard let key = subject.key, key.hasPrefix(prefix) else { return false } }
            return query.allSatisfy { wanted in
                guard let equals = wanted.firstIndex(of: "=") else { return subject.query.has(wanted) }
                return subject.query.value(String(wanted[..<equals])) == String(wanted[wanted.index(after: equals)...])
            }
        }
    }

    /// SplitMix64, so that a seed gives the same requests everywhere.
    private struct Random: Sendable {
        var state: UInt64

        mutating func unit() -> Double {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return Double((value ^ value >> 31) >> 11) / Double(1 << 53)
        }
    }

    fileprivate(set) var id = ""
    let fault: InjectedFault
    private let source: [JSONValue.Member]
    private var match = Match()
    private var skip: Int64 = 0
    private var times = Int64.max
    private var every: Int64 = 1
    private var probability = 1.0
    private var random = Random(state: .random(in: 0 ... .max))
    private var matched: Int64 = 0
    private var injected: Int64 = 0

    init(_ json: JSONValue) throws(InjectedFault.SyntaxError) {
        guard case .object(let members) = json else { throw .init(description: "the rule must be an object") }
        guard let fault = json["fault"] else { throw .init(description: "the rule has no 'fault'") }
        self.fault = try InjectedFault(fault)
        source = members
        for member in members {
            func number(_ range: ClosedRange<Int64>) throws(InjectedFault.SyntaxError) -> Int64 {
                guard let number = member.value.integer, range.contains(number) else {
                    throw .init(
                        description: "'\(member.name)' must be a whole number of at least \(range.lowerBound)")
                }
                return number
            }
            switch member.name {
            case "fault": break
            case "match": match = try Self.match(member.value)
            case "skip": skip = try number(0 ... .max)
            case "times": times = try number(1 ... .max)
            case "every": every = try number(1 ... .max)
            case "seed": random = Random(state: UInt64(bitPattern: try number(.min ... .max)))
            case "probability":
                guard case .number(let text) = member.value, let value = Double(text), (0...1).contains(value) else {
                    throw .init(description: "'probability' must be a number from 0 to 1")
                }
                probability = value
            default: throw .init(description: "a rule has no '\(member.name)'")
            }
        }
    }

    private static func match(_ json: JSONValue) throws(InjectedFault.SyntaxError) -> Match {
        guard case .object(let members) = json else { throw .init(description: "'match' must be an object") }
        var match = Match()
        for member in members {
            func text() throws(InjectedFault.SyntaxError) -> String {
                guard let text = member.value.string else {
                    throw .init(description: "'\(member.name)' must be a string")
                }
                return text
            }
            func texts() throws(InjectedFault.SyntaxError) -> [String] {
                guard case .array(let values) = member.value else { return [try text()] }
                let texts = values.compactMap(\.string)
                guard texts.count == values.count else {
                    throw .init(description: "'\(member.name)' must be strings")
                }
                return texts
            }
            switch member.name {
            case "operation":
                match.operations = try texts()
                for name in match.operations where !Self.operations.contains(name) {
                    throw .init(description: "there is no operation '\(name)'")
                }
            case "method": match.method = try text().uppercased()
            case "bucket": match.bucket = try text()
            case "prefix": match.prefix = Array(try text().utf8)
            case "query": match.query = try texts()
            default: throw .init(description: "a match has no '\(member.name)'")
            }
        }
        return match
    }

    private static let operations = Set(Operation.all.map(\.name) + ControlService.operations)

    /// Counts a request, and says whether it is one of those that the fault is for.
    fileprivate mutating func fires(for subject: FaultSubject) -> Bool {
        guard injected < times, match.fits(subject) else { return false }
        matched += 1
        guard matched > skip, (matched - skip - 1).isMultiple(of: every) else { return false }
        guard probability >= 1 || random.unit() < probability else { return false }
        injected += 1
        return true
    }

    var json: JSONValue {
        .object(
            [.init(name: "id", value: .string(id))] + source
                + [.init(name: "matched", value: .number(matched)), .init(name: "injected", value: .number(injected))])
    }
}

/// Decides which requests meet a fault.
final class FaultRules: Sendable {
    private struct State: Sendable {
        var rules: [FaultRule] = []
        var lastID = 0
    }

    static let maximumCount = 1000

    private let takesHeaders: Bool
    private let sleep: Sleeper
    private let state = NIOLockedValueBox(State())

    init(takesHeaders: Bool, sleep: @escaping Sleeper) {
        self.takesHeaders = takesHeaders
        self.sleep = sleep
    }

    /// The fault of a request: that of its own header, or of the first rule that is for it.
    func injection(
        for headers: HTTPHeaders, _ subject: @autoclosure () -> FaultSubject
    ) throws(Fault) -> Injection? {
        if takesHeaders, let text = headers.first(name: Injection.header) {
            do {
                return Injection(fault: try InjectedFault(header: text), rule: nil, sleep: sleep)
            } catch {
                throw .invalidArgument(Injection.header, text, "\(error)")
            }
        }
        let found = state.withLockedValue { state -> FaultRule? in
            guard !state.rules.isEmpty else { return nil }
            let subject = subject()
            guard let index = state.rules.indices.first(where: { state.rules[$0].fires(for: subject) }) else {
                return nil
            }
            return state.rules[index]
        }
        return found.map { Injection(fault: $0.fault, rule: $0.id, sleep: sleep) }
    }

    var all: [FaultRule] { state.withLockedValue(\.rules) }

    /// Nil when there are too many already.
    func add(_ rule: FaultRule) -> FaultRule? {
        state.withLockedValue { state in
            guard state.rules.count < Self.maximumCount else { return nil }
            state.lastID += 1
            var rule = rule
            rule.id = String(state.lastID)
            state.rules.append(rule)
            return rule
        }
    }

    func remove(_ id: String) -> Bool {
        state.withLockedValue { state in
            guard let index = state.rules.firstIndex(where: { $0.id == id }) else { return false }
            state.rules.remove(at: index)
            return true
        }
    }

    func removeAll() {
        state.withLockedValue { $0.rules = [] }
    }
}
