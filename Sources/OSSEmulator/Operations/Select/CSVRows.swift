/// Bytes that are read piece by piece, with some looked at ahead.
struct ByteQueue {
    private let source: () throws -> [UInt8]?
    private(set) var bytes: [UInt8] = []
    private(set) var start = 0
    /// Where `start` is in the whole.
    private(set) var offset: Int64 = 0
    private var isOver = false

    init(_ source: @escaping () throws -> [UInt8]?) {
        self.source = source
    }

    /// The byte so far ahead; nil at the end.
    mutating func peek(_ distance: Int) throws -> UInt8? {
        while start + distance >= bytes.count {
            guard !isOver else { return nil }
            guard let more = try source() else {
                isOver = true
                return nil
            }
            if start > 0 {
                bytes.removeFirst(start)
                start = 0
            }
            bytes += more
        }
        return bytes[start + distance]
    }

    func slice(_ range: Range<Int>) -> ArraySlice<UInt8> {
        bytes[start + range.lowerBound..<start + range.upperBound]
    }

    mutating func skip(_ count: Int) {
        start += count
        offset += Int64(count)
    }
}

struct CSVRow {
    struct Field {
        /// As it stands in the file, with its quotes.
        var raw: [UInt8]
        var isQuoted: Bool
        var text: String
    }

    var fields: [Field]
    /// Where it begins in the file.
    var offset: Int64
}

/// Reads the rows of a CSV.
struct CSVRows {
    /// The most that a row may have, as in the service.
    static let maximumRow = 256 << 10

    private let dialect: CSVDialect
    private var queue: ByteQueue

    init(_ dialect: CSVDialect, _ source: @escaping () throws -> [UInt8]?) {
        self.dialect = dialect
        queue = ByteQueue(source)
    }

    /// How far the file was read.
    var offset: Int64 { queue.offset }

    mutating func next() throws -> CSVRow? {
        while try queue.peek(0) != nil {
            if let comment = dialect.comment, try queue.peek(0) == comment {
                try skipLine()
                continue
            }
            return try row()
        }
        return nil
    }

    private mutating func isRowEnd(at distance: Int) throws -> Bool {
        for (index, byte) in dialect.rowEnd.enumerated() {
            guard try queue.peek(distance + index) == byte else { return false }
        }
        return true
    }

    private mutating func skipLine() throws {
        while try queue.peek(0) != nil {
            if try isRowEnd(at: 0) {
                queue.skip(dialect.rowEnd.count)
                return
            }
            queue.skip(1)
        }
    }

    private mutating func row() throws -> CSVRow {
        var row = CSVRow(fields: [], offset: queue.offset)
        var place = 0
        var fieldStart = 0
        var isInQuotes = false
        while true {
            guard place <= Self.maximumRow else {
                throw SelectFailure(code: "CsvLineTooLong", message: "A line is longer than 256 KB.")
            }
            guard let byte = try queue.peek(place) else {
                guard !isInQuotes else {
                    throw SelectFailure(code: "InvalidCsvLine", message: "A quote has no end.")
                }
                row.fields.append(field(fieldStart..<place))
                queue.skip(place)
                return row
            }
            if isInQuotes {
                if byte == dialect.quote {
                    let after = try queue.peek(place + 1)
                    if after == byte {
                        // Two of them are one that belongs to the text.
                        place += 1
                    } else if try after == nil || after == dialect.fieldEnd || isRowEnd(at: place + 1) {
                        isInQuotes = false
                    } else {
                        throw SelectFailure(code: "InvalidCsvLine", message: "Something follows a closing quote.")
                    }
                } else if !dialect.allowsQuotedRowEnd, try isRowEnd(at: place) {
                    throw SelectFailure(code: "InvalidCsvLine", message: "A quote has no end in its line.")
                }
                place += 1
            } else if byte == dialect.quote, place == fieldStart {
                isInQuotes = true
                place += 1
            } else if byte == dialect.fieldEnd {
                row.fields.append(field(fieldStart..<place))
                place += 1
                fieldStart = place
            } else if byte == dialect.rowEnd[0], try isRowEnd(at: place) {
                row.fields.append(field(fieldStart..<place))
                queue.skip(place + dialect.rowEnd.count)
                return row
            } else {
                place += 1
            }
        }
    }

    private func field(_ range: Range<Int>) -> CSVRow.Field {
        let raw = Array(queue.slice(range))
        guard let quote = dialect.quote, raw.count >= 2, raw.first == quote, raw.last == quote else {
            return CSVRow.Field(raw: raw, isQuoted: false, text: String(decoding: raw, as: UTF8.self))
        }
        var text: [UInt8] = []
        var isSecond = false
        for byte in raw[1..<raw.count - 1] {
            isSecond = byte == quote && !isSecond
            if !isSecond || byte != quote { text.append(byte) }
        }
        return CSVRow.Field(raw: raw, isQuoted: true, text: String(decoding: text, as: UTF8.self))
    }
}

/// A row with what its columns are called.
struct NamedCSVRow: SQLRow {
    var fields: [CSVRow.Field]
    var places: [String: Int]

    func place(of column: SQLColumn) -> Int? {
        if let place = column.place { return place - 1 }
        return places[column.name.lowercased()]
    }

    func value(of column: SQLColumn) -> SQLValue? {
        guard let place = place(of: column), place < fields.count else { return nil }
        return .string(fields[place].text)
    }
}
