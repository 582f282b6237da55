/// A value while a query is worked out.
enum SQLValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case decimal(Double)
    case string(String)
    /// Milliseconds since 1970.
    case timestamp(Int64)
    /// An object or an array of a JSON document, which nothing can be done with.
    case nested
}

enum SQLType: String, Sendable {
    case int, double, decimal, string, bool, timestamp
}

/// A column: by its place, by the header's name, or by the way to it in a JSON object.
struct SQLColumn: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        case name(String)
        case index(Int)
        case all
    }

    var steps: [Step]

    /// What the column is called in the answer: the last name of its path.
    var name: String {
        for case .name(let name) in steps.reversed() { return name }
        return ""
    }

    /// `_3`, counted from 1.
    var place: Int? {
        guard steps.count == 1, case .name(let name) = steps[0], name.hasPrefix("_") else { return nil }
        return Int(name.dropFirst()).flatMap { $0 > 0 ? $0 : nil }
    }
}

indirect enum SQLExpression: Sendable {
    enum Operator: String, Sendable {
        case or = "OR"
        case and = "AND"
        case equal = "="
        case notEqual = "<>"
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case concatenate = "||"
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
    }

    case literal(SQLValue)
    case column(SQLColumn)
    case cast(SQLExpression, SQLType)
    case not(SQLExpression)
    case negative(SQLExpression)
    case binary(Operator, SQLExpression, SQLExpression)
    case like(SQLExpression, pattern: SQLExpression, escape: Unicode.Scalar?)
    case isIn(SQLExpression, [SQLExpression])
    case between(SQLExpression, SQLExpression, SQLExpression)
    case isNull(SQLExpression)

    /// The columns that it looks at.
    var columns: [SQLColumn] {
        switch self {
        case .literal: []
        case .column(let column): [column]
        case .cast(let value, _), .not(let value), .negative(let value), .isNull(let value): value.columns
        case .binary(_, let left, let right), .like(let left, let right, _): left.columns + right.columns
        case .isIn(let value, let list): value.columns + list.flatMap(\.columns)
        case .between(let value, let low, let high): value.columns + low.columns + high.columns
        }
    }
}

enum SQLAggregate: String, Sendable {
    case count, sum, avg, min, max
}

/// What is wrong with a query.
struct SQLError: Error {
    var reason: String
}

/// `select … from ossobject … where … limit …`, the part of SQL that the service knows.
struct SQLQuery: Sendable {
    struct Item: Sendable {
        enum Value: Sendable {
            case column(SQLColumn)
            case cast(SQLExpression)
            case aggregate(SQLAggregate, SQLExpression?)
        }

        var value: Value
        var alias: String?
    }

    /// Nil is `*`.
    var items: [Item]?
    /// From where in a JSON document the rows are.
    var source: [SQLColumn.Step] = []
    var condition: SQLExpression?
    var limit: Int?

    var isAggregate: Bool {
        guard let items else { return false }
        return items.contains { if case .aggregate = $0.value { true } else { false } }
    }

    /// All columns that it names.
    var columns: [SQLColumn] {
        var columns = condition?.columns ?? []
        for item in items ?? [] {
            switch item.value {
            case .column(let column): columns.append(column)
            case .cast(let value): columns += value.columns
            case .aggregate(_, let value): columns += value?.columns ?? []
            }
        }
        return columns
    }

    init(_ text: String) throws(SQLError) {
        var parser = SQLParser(tokens: try SQLToken.read(text))
        self = try parser.query()
    }

    fileprivate init(items: [Item]?) {
        self.items = items
    }
}

// MARK: - Tokens

private enum SQLToken: Sendable, Equatable {
    case word(String)
    /// In double quotes: a name, whatever it says.
    case name(String)
    case string(String)
    case number(String)
    case symbol(String)

    static func read(_ text: String) throws(SQLError) -> [SQLToken] {
        guard text.utf8.count <= 16 << 10 else { throw SQLError(reason: "The SQL is longer than 16 KB") }
        let scalars = Array(text.unicodeScalars)
        var tokens: [SQLToken] = []
        var index = 0
        func isWord(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
        func isDigit(_ index: Int) -> Bool {
            index < scalars.count && ("0"..."9").contains(scalars[index])
        }
        func take(while matches: (Unicode.Scalar) -> Bool) -> String {
            var result = String.UnicodeScalarView()
            while index < scalars.count, matches(scalars[index]) {
                result.append(scalars[index])
                index += 1
            }
            return String(result)
        }
        /// Up to the closing quote; two of them are one. Nil when there is none.
        func quoted(_ quote: Unicode.Scalar) -> String? {
            var result = String.UnicodeScalarView()
            index += 1
            while index < scalars.count {
                if scalars[index] == quote {
                    index += 1
                    guard index < scalars.count, scalars[index] == quote else { return String(result) }
                }
                result.append(scalars[index])
                index += 1
            }
            return nil
        }
        while index < scalars.count {
            let scalar = scalars[index]
            if scalar.properties.isWhitespace {
                index += 1
            } else if scalar == "'" {
                // A lone quote at the very end is overlooked, as the service does.
                if index == scalars.count - 1 { break }
                guard let value = quoted(scalar) else { throw SQLError(reason: "A string has no end") }
                tokens.append(.string(value))
            } else if scalar == "\"" {
                guard let value = quoted(scalar) else { throw SQLError(reason: "A name has no end") }
                tokens.append(.name(value))
            } else if isDigit(index) || scalar == "." && isDigit(index + 1) {
                var value = take { ("0"..."9").contains($0) || $0 == "." }
                if index < scalars.count, scalars[index] == "e" || scalars[index] == "E" {
                    let signed = index + 1 < scalars.count && (scalars[index + 1] == "+" || scalars[index + 1] == "-")
                    if isDigit(index + (signed ? 2 : 1)) {
                        value += "e" + (signed ? String(scalars[index + 1]) : "")
                        index += signed ? 2 : 1
                        value += take { ("0"..."9").contains($0) }
                    }
                }
                tokens.append(.number(value))
            } else if isWord(scalar) {
                tokens.append(.word(take(while: isWord)))
            } else {
                let pair = index + 1 < scalars.count ? "\(scalar)\(scalars[index + 1])" : ""
                if ["<=", ">=", "<>", "!=", "||"].contains(pair) {
                    tokens.append(.symbol(pair))
                    index += 2
                } else if "()[]*,.=<>+-/%;".unicodeScalars.contains(scalar) {
                    tokens.append(.symbol(String(scalar)))
                    index += 1
                } else {
                    throw SQLError(reason: "Unexpected character \(scalar)")
                }
            }
        }
        return tokens
    }
}

// MARK: - Parser

private struct SQLParser {
    private static let reserved: Set<String> = [
        "SELECT", "FROM", "WHERE", "LIMIT", "AND", "OR", "NOT", "LIKE", "IN", "BETWEEN", "IS", "NULL", "AS", "ESCAPE",
        "GROUP", "ORDER", "HAVING", "JOIN", "ON", "UNION", "INNER", "LEFT", "RIGHT",
    ]
    private static let maximumDepth = 64

    let tokens: [SQLToken]
    var index = 0
    /// Other names of the table.
    private var tableNames: Set<String> = ["OSSOBJECT", "S3OBJECT"]
    private var depth = 0

    init(tokens: [SQLToken]) {
        self.tokens = tokens
    }

    private var next: SQLToken? { index < tokens.count ? tokens[index] : nil }

    private func isNext(_ keyword: String, at offset: Int = 0) -> Bool {
        guard index + offset < tokens.count, case .word(let word) = tokens[index + offset] else { return false }
        return word.uppercased() == keyword
    }

    private mutating func take(_ keyword: String) -> Bool {
        guard isNext(keyword) else { return false }
        index += 1
        return true
    }

    private mutating func take(symbol: String) -> Bool {
        guard next == .symbol(symbol) else { return false }
        index += 1
        return true
    }

    private func unexpected() -> SQLError {
        switch next {
        case .word(let text), .name(let text), .string(let text), .number(let text), .symbol(let text):
            SQLError(reason: "Unexpected \(text)")
        case nil: SQLError(reason: "The SQL ends too early")
        }
    }

    private mutating func expect(_ keyword: String) throws(SQLError) {
        guard take(keyword) else { throw unexpected() }
    }

    private mutating func expect(symbol: String) throws(SQLError) {
        guard take(symbol: symbol) else { throw unexpected() }
    }

    mutating func query() throws(SQLError) -> SQLQuery {
        // The table's own name is needed to read the columns before it.
        try findTableName()
        try expect("SELECT")
        var query = SQLQuery(items: take(symbol: "*") ? nil : try items())
        try expect("FROM")
        query.source = try table()
        if take("WHERE") { query.condition = try expression() }
        if take("LIMIT") {
            guard case .number(let text) = next, let number = Int(text) else { throw unexpected() }
            index += 1
            query.limit = number
        }
        _ = take(symbol: ";")
        guard next == nil else { throw unexpected() }
        if query.isAggregate, let items = query.items {
            for item in items {
                guard case .aggregate = item.value else {
                    throw SQLError(reason: "Columns can't be mixed with aggregates")
                }
            }
        }
        return query
    }

    private mutating func findTableName() throws(SQLError) {
        guard let from = tokens.indices.first(where: { tokens[$0] == .word("from") || isKeyword(tokens[$0], "FROM") })
        else { return }
        let start = index
        index = from + 1
        _ = try table()
        index = start
    }

    private func isKeyword(_ token: SQLToken, _ keyword: String) -> Bool {
        if case .word(let word) = token { word.uppercased() == keyword } else { false }
    }

    /// `ossobject.path[*] as name`.
    private mutating func table() throws(SQLError) -> [SQLColumn.Step] {
        guard case .word(let word) = next, ["OSSOBJECT", "S3OBJECT"].contains(word.uppercased()) else {
            throw unexpected()
        }
        index += 1
        let steps = try path()
        if let alias = try alias() { tableNames.insert(alias.uppercased()) }
        return steps
    }

    /// The last of several names counts.
    private mutating func alias() throws(SQLError) -> String? {
        var found: String?
        while true {
            let isAnnounced = take("AS")
            switch next {
            case .word(let word) where !Self.reserved.contains(word.uppercased()): found = word
            case .name(let name): found = name
            default:
                if isAnnounced { throw unexpected() }
                return found
            }
            index += 1
        }
    }

    /// `.name`, `[3]` and `[*]`, as many as there are.
    private mutating func path() throws(SQLError) -> [SQLColumn.Step] {
        var steps: [SQLColumn.Step] = []
        while true {
            if take(symbol: ".") {
                steps.append(.name(try name()))
            } else if take(symbol: "[") {
                if take(symbol: "*") {
                    steps.append(.all)
                } else if case .number(let text) = next, let number = Int(text) {
                    index += 1
                    steps.append(.index(number))
                } else {
                    throw unexpected()
                }
                try expect(symbol: "]")
            } else {
                guard steps.count <= 20 else { throw SQLError(reason: "A path is too long") }
                return steps
            }
        }
    }

    private mutating func name() throws(SQLError) -> String {
        switch next {
        case .word(let text), .name(let text):
            index += 1
            return text
        default: throw unexpected()
        }
    }

    private mutating func items() throws(SQLError) -> [SQLQuery.Item] {
        var items: [SQLQuery.Item] = []
        repeat {
            let value = try item()
            items.append(SQLQuery.Item(value: value, alias: try alias()))
        } while take(symbol: ",")
        guard items.count <= 1000 else { throw SQLError(reason: "There are more than 1000 columns") }
        return items
    }

    private mutating func item() throws(SQLError) -> SQLQuery.Item.Value {
        if case .word(let word) = next, index + 1 < tokens.count, tokens[index + 1] == .symbol("(") {
            if let aggregate = SQLAggregate(rawValue: word.lowercased()) {
                index += 2
                if aggregate == .count, take(symbol: "*") {
                    try expect(symbol: ")")
                    return .aggregate(.count, nil)
                }
                let value = try expression()
                try expect(symbol: ")")
                return .aggregate(aggregate, value)
            }
            guard word.uppercased() == "CAST" else { throw SQLError(reason: "Unknown function \(word)") }
            return .cast(try primary())
        }
        return .column(try column())
    }

    private mutating func column() throws(SQLError) -> SQLColumn {
        if case .word(let word) = next, Self.reserved.contains(word.uppercased()) { throw unexpected() }
        let first = try name()
        let rest = try path()
        if !rest.isEmpty, tableNames.contains(first.uppercased()) { return SQLColumn(steps: rest) }
        guard !rest.contains(.all) else { throw SQLError(reason: "A column can't be all elements of an array") }
        return SQLColumn(steps: [.name(first)] + rest)
    }

    // MARK: Expressions, the weakest operators first

    private mutating func expression() throws(SQLError) -> SQLExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw SQLError(reason: "The condition is nested too deeply") }
        var left = try conjunction()
        while take("OR") { left = .binary(.or, left, try conjunction()) }
        return left
    }

    private mutating func conjunction() throws(SQLError) -> SQLExpression {
        var left = try negation()
        while take("AND") { left = .binary(.and, left, try negation()) }
        return left
    }

    private mutating func negation() throws(SQLError) -> SQLExpression {
        var isNegated = false
        while take("NOT") { isNegated.toggle() }
        let value = try comparison()
        return isNegated ? .not(value) : value
    }

    private mutating func comparison() throws(SQLError) -> SQLExpression {
        let left = try sum()
        for (symbol, comparison) in [
            ("=", SQLExpression.Operator.equal), ("<>", .notEqual), ("!=", .notEqual), ("<=", .lessOrEqual),
            (">=", .greaterOrEqual), ("<", .less), (">", .greater),
        ] where take(symbol: symbol) {
            return .binary(comparison, left, try sum())
        }
        if take("IS") {
            let isNegated = take("NOT")
            try expect("NULL")
            return isNegated ? .not(.isNull(left)) : .isNull(left)
        }
        let isNegated = take("NOT")
        let test: SQLExpression
        if take("LIKE") {
            let pattern = try sum()
            var escape: Unicode.Scalar?
            if take("ESCAPE") {
                guard case .string(let text) = next, text.unicodeScalars.count == 1 else { throw unexpected() }
                index += 1
                escape = text.unicodeScalars.first
            }
            test = .like(left, pattern: pattern, escape: escape)
        } else if take("BETWEEN") {
            let low = try sum()
            try expect("AND")
            test = .between(left, low, try sum())
        } else if take("IN") {
            try expect(symbol: "(")
            var list: [SQLExpression] = []
            repeat { list.append(try sum()) } while take(symbol: ",")
            try expect(symbol: ")")
            guard list.count <= 1024 else { throw SQLError(reason: "The list has more than 1024 values") }
            test = .isIn(left, list)
        } else {
            if isNegated { throw unexpected() }
            return left
        }
        return isNegated ? .not(test) : test
    }

    private mutating func sum() throws(SQLError) -> SQLExpression {
        var left = try product()
        while true {
            if take(symbol: "+") {
                left = .binary(.add, left, try product())
            } else if take(symbol: "-") {
                left = .binary(.subtract, left, try product())
            } else if take(symbol: "||") {
                left = .binary(.concatenate, left, try product())
            } else {
                return left
            }
        }
    }

    private mutating func product() throws(SQLError) -> SQLExpression {
        var left = try primary()
        while true {
            if take(symbol: "*") {
                left = .binary(.multiply, left, try primary())
            } else if take(symbol: "/") {
                left = .binary(.divide, left, try primary())
            } else if take(symbol: "%") {
                left = .binary(.modulo, left, try primary())
            } else {
                return left
            }
        }
    }

    private mutating func primary() throws(SQLError) -> SQLExpression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw SQLError(reason: "The condition is nested too deeply") }
        if take(symbol: "(") {
            let value = try expression()
            try expect(symbol: ")")
            return value
        }
        if take(symbol: "-") { return .negative(try primary()) }
        switch next {
        case .string(let text):
            index += 1
            return .literal(.string(text))
        case .number(let text):
            index += 1
            if let number = Int64(text) { return .literal(.integer(number)) }
            guard let number = Double(text), number.isFinite else { throw SQLError(reason: "\(text) is no number") }
            return .literal(.decimal(number))
        case .word(let word):
            switch word.uppercased() {
            case "TRUE": index += 1; return .literal(.bool(true))
            case "FALSE": index += 1; return .literal(.bool(false))
            case "NULL": index += 1; return .literal(.null)
            default: break
            }
            guard index + 1 < tokens.count, tokens[index + 1] == .symbol("(") else { return .column(try column()) }
            guard word.uppercased() == "CAST" else {
                throw SQLError(reason: "The function \(word) is unknown, or not allowed here")
            }
            index += 2
            let value = try expression()
            try expect("AS")
            guard let type = SQLType(rawValue: try name().lowercased()) else {
                throw SQLError(reason: "The type of a cast is unknown")
            }
            try expect(symbol: ")")
            return .cast(value, type)
        case .name: return .column(try column())
        default: throw unexpected()
        }
    }
}
