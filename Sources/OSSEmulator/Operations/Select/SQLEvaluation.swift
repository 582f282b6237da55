/// Why a row can't be worked out: its data is not what the query takes it for.
struct SQLDataError: Error {
    var reason: String
}

/// Gives the values of one row's columns; nil where the row has no such column.
protocol SQLRow {
    func value(of column: SQLColumn) -> SQLValue?
}

extension SQLExpression {
    func value(in row: some SQLRow) throws(SQLDataError) -> SQLValue {
        switch self {
        case .literal(let value): return value
        case .column(let column): return row.value(of: column) ?? .null
        case .cast(let value, let type): return try value.value(in: row).cast(to: type)
        case .negative(let value): return try SQLValue.integer(0).combined(.subtract, value.value(in: row))
        case .binary(let operation, let left, let right):
            switch operation {
            case .add, .subtract, .multiply, .divide, .modulo:
                return try left.value(in: row).combined(operation, right.value(in: row))
            case .concatenate:
                guard let first = try left.value(in: row).text, let second = try right.value(in: row).text else {
                    return .null
                }
                return .string(first + second)
            default: return try truth(in: row).map { .bool($0) } ?? .null
            }
        case .not, .like, .isIn, .between, .isNull: return try truth(in: row).map { .bool($0) } ?? .null
        }
    }

    /// Nil is neither true nor false: something is unknown.
    func truth(in row: some SQLRow) throws(SQLDataError) -> Bool? {
        switch self {
        case .not(let value): return try value.truth(in: row).map { !$0 }
        case .binary(.and, let left, let right):
            let first = try left.truth(in: row)
            if first == false { return false }
            let second = try right.truth(in: row)
            return second == false ? false : first == nil || second == nil ? nil : true
        case .binary(.or, let left, let right):
            let first = try left.truth(in: row)
            if first == true { return true }
            let second = try right.truth(in: row)
            return second == true ? true : first == nil || second == nil ? nil : false
        case .binary(let operation, let left, let right):
            guard let order = operation.accepts else { break }
            return try left.value(in: row).compared(to: right.value(in: row)).map(order)
        case .isNull(let value): return try value.value(in: row) == .null
        case .isIn(let value, let list):
            let wanted = try value.value(in: row)
            var isUnknown = false
            for item in list {
                switch try wanted.compared(to: item.value(in: row)) {
                case 0: return true
                case nil: isUnknown = true
                default: break
                }
            }
            return isUnknown && wanted == .null ? nil : false
        case .between(let value, let low, let high):
            let middle = try value.value(in: row)
            guard let first = try middle.compared(to: low.value(in: row)),
                let second = try middle.compared(to: high.value(in: row))
            else { return nil }
            return first >= 0 && second <= 0
        case .like(let value, let pattern, let escape):
            guard let text = try value.value(in: row).text, let pattern = try pattern.value(in: row).text else {
                return nil
            }
            return LikePattern(pattern, escape: escape).matches(text)
        case .literal, .column, .cast, .negative: break
        }
        switch try value(in: row) {
        case .bool(let truth): return truth
        case .string(let text): return SQLValue.truth(of: text)
        case .integer(let number): return number != 0
        default: return nil
        }
    }
}

extension SQLExpression.Operator {
    /// Which results of a comparison make it true; nil for what compares nothing.
    fileprivate var accepts: ((Int) -> Bool)? {
        switch self {
        case .equal: { $0 == 0 }
        case .notEqual: { $0 != 0 }
        case .less: { $0 < 0 }
        case .lessOrEqual: { $0 <= 0 }
        case .greater: { $0 > 0 }
        case .greaterOrEqual: { $0 >= 0 }
        default: nil
        }
    }
}

extension SQLValue {
    fileprivate static func truth(of text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// A number where this is one, or says one.
    var number: SQLValue? {
        switch self {
        case .integer, .decimal: return self
        case .string(let text):
            let text = text.trimmingBlanks
            if let number = Int64(text) { return .integer(number) }
            return Double(text).flatMap { $0.isFinite ? .decimal($0) : nil }
        default: return nil
        }
    }

    fileprivate var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .decimal(let number): number
        default: nil
        }
    }

    /// As it is written in an answer.
    var text: String? {
        switch self {
        case .null, .nested: nil
        case .bool(let truth): truth ? "true" : "false"
        case .integer(let number): String(number)
        case .decimal(let number): Self.text(of: number)
        case .string(let text): text
        case .timestamp(let milliseconds): EmulatorInstant(millisecondsSince1970: milliseconds).iso8601
        }
    }

    private static func text(of number: Double) -> String {
        if let whole = Int64(exactly: number) { return String(whole) }
        return "\(number)"
    }

    /// Below, at or above zero; nil where the two can't be compared. Where one is a number the other is taken for one.
    func compared(to other: SQLValue) -> Int? {
        func order<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
            left < right ? -1 : left == right ? 0 : 1
        }
        switch (self, other) {
        case (.null, _), (_, .null), (.nested, _), (_, .nested): return nil
        case (.string(let left), .string(let right)): return left.utf8.lexicographicallyCompare(right)
        case (.timestamp(let left), .timestamp(let right)): return order(left, right)
        case (.timestamp(let left), .string(let text)):
            return Self.timestamp(of: text).map { order(left, $0) }
        case (.string(let text), .timestamp(let right)):
            return Self.timestamp(of: text).map { order($0, right) }
        case (.bool(let left), .bool(let right)): return order(left ? 1 : 0, right ? 1 : 0)
        case (.bool(let left), .string(let text)):
            return Self.truth(of: text).map { order(left ? 1 : 0, $0 ? 1 : 0) }
        case (.string(let text), .bool(let right)):
            return Self.truth(of: text).map { order($0 ? 1 : 0, right ? 1 : 0) }
        default:
            guard let left = number, let right = other.number else { return nil }
            if case .integer(let first) = left, case .integer(let second) = right { return order(first, second) }
            guard let first = left.double, let second = right.double else { return nil }
            return order(first, second)
        }
    }

    func combined(_ operation: SQLExpression.Operator, _ other: SQLValue) throws(SQLDataError) -> SQLValue {
        // An empty column has no value.
        if [self, other].contains(where: { $0 == .null || $0 == .string("") }) { return .null }
        guard let left = number, let right = other.number else {
            throw SQLDataError(reason: "\(text ?? "a value") can't be calculated with")
        }
        if case .integer(let first) = left, case .integer(let second) = right {
            let result: (partialValue: Int64, overflow: Bool)
            switch operation {
            case .add: result = first.addingReportingOverflow(second)
            case .subtract: result = first.subtractingReportingOverflow(second)
            case .multiply: result = first.multipliedReportingOverflow(by: second)
            case .divide: result = second == 0 ? (0, true) : first.dividedReportingOverflow(by: second)
            default: result = second == 0 ? (0, true) : first.remainderReportingOverflow(dividingBy: second)
            }
            if !result.overflow { return .integer(result.partialValue) }
        }
        guard let first = left.double, let second = right.double else { return .null }
        let result =
            switch operation {
            case .add: first + second
            case .subtract: first - second
            case .multiply: first * second
            case .divide: first / second
            default: first.truncatingRemainder(dividingBy: second)
            }
        return result.isFinite ? .decimal(result) : .null
    }

    func cast(to type: SQLType) throws(SQLDataError) -> SQLValue {
        if self == .null { return .null }
        // An empty column has no value, whatever it should be.
        if case .string(let text) = self, text.isEmpty, type != .string { return .null }
        var result: SQLValue?
        switch type {
        case .string: result = text.map { .string($0) }
        case .int:
            switch number {
            case .decimal(let number): result = Int64(exactly: number.rounded(.towardZero)).map { .integer($0) }
            case let other: result = other
            }
        case .double, .decimal: result = number?.double.map { .decimal($0) }
        case .bool:
            switch self {
            case .bool: result = self
            case .string(let text): result = Self.truth(of: text).map { .bool($0) }
            case .integer(let number): result = .bool(number != 0)
            default: break
            }
        case .timestamp:
            switch self {
            case .timestamp: result = self
            case .string(let text): result = Self.timestamp(of: text).map { .timestamp($0) }
            case .integer(let seconds):
                let (milliseconds, overflows) = seconds.multipliedReportingOverflow(by: 1000)
                result = overflows ? nil : .timestamp(milliseconds)
            default: break
            }
        }
        guard let result else { throw SQLDataError(reason: "\(text ?? "a value") is no \(type.rawValue)") }
        return result
    }

    /// `2018-07-16`, `2018-07-16 14:09:15` or the form with a T.
    private static func timestamp(of text: String) -> Int64? {
        var text = text.trimmingBlanks
        if text.utf8.count == 10 { text += "T00:00:00" }
        text = text.replacingBlank(with: "T")
        if !text.hasSuffix("Z") { text += "Z" }
        return EmulatorInstant(iso8601: text)?.millisecondsSince1970
    }
}

extension String {
    fileprivate func replacingBlank(with other: Character) -> String {
        guard let blank = firstIndex(of: " ") else { return self }
        return self[..<blank] + String(other) + self[index(after: blank)...]
    }
}

/// `%` is any text, `_` any one character.
struct LikePattern {
    private enum Part: Equatable {
        case any, one
        case scalar(Unicode.Scalar)
    }

    private var parts: [Part] = []

    init(_ text: String, escape: Unicode.Scalar?) {
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                parts.append(.scalar(scalar))
                isEscaped = false
            } else if scalar == escape {
                isEscaped = true
            } else {
                parts.append(scalar == "%" ? .any : scalar == "_" ? .one : .scalar(scalar))
            }
        }
    }

    func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var (part, place) = (0, 0)
        // Where to go on after the last `%` when what followed it didn't fit.
        var retry: (part: Int, place: Int)?
        while place < scalars.count {
            if part < parts.count, parts[part] == .any {
                retry = (part, place)
                part += 1
            } else if part < parts.count, parts[part] == .one || parts[part] == .scalar(scalars[place]) {
                part += 1
                place += 1
            } else if let last = retry {
                retry = (last.part, last.place + 1)
                (part, place) = (last.part + 1, last.place + 1)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { $0 == .any }
    }
}

/// One aggregate on its way over the rows.
struct SQLAccumulator {
    let kind: SQLAggregate
    let value: SQLExpression?
    private var count: Int64 = 0
    private var result = SQLValue.null

    init(_ kind: SQLAggregate, _ value: SQLExpression?) {
        self.kind = kind
        self.value = value
    }

    mutating func add(_ row: some SQLRow) throws(SQLDataError) {
        guard let value else {
            count += 1
            return
        }
        let new = try value.value(in: row)
        // An empty column is no number, and counts as none.
        if new == .null || kind != .count && new == .string("") { return }
        switch kind {
        case .count: break
        case .sum, .avg:
            result = result == .null ? try SQLValue.integer(0).combined(.add, new) : try result.combined(.add, new)
        case .min, .max:
            let candidate = new.number ?? new
            guard result != .null else {
                result = candidate
                break
            }
            guard let order = candidate.compared(to: result) else {
                throw SQLDataError(reason: "\(new.text ?? "a value") can't be compared")
            }
            if kind == .min ? order < 0 : order > 0 { result = candidate }
        }
        count += 1
    }

    var final: SQLValue {
        switch kind {
        case .count: .integer(count)
        case .avg: count == 0 ? .null : (result.double.map { .decimal($0 / Double(count)) } ?? .null)
        default: result
        }
    }
}
