/// What SelectObject and CreateSelectObjectMeta were asked for.
struct SelectRequest: Sendable {
    enum Format: Sendable {
        case csv(CSVDialect, Header)
        case json(isDocument: Bool)
    }

    /// What the first line of a CSV is.
    enum Header: String, Sendable {
        case none, ignore, use
    }

    /// Which rows, counted from 0 with the header.
    struct Lines: Sendable {
        var first: Int?
        var last: Int?

        func contains(_ line: Int) -> Bool {
            line >= first ?? 0 && line <= last ?? .max
        }
    }

    var format: Format
    var isCompressed = false
    var lines = Lines()
    /// The last so many lines, instead.
    var lastLines: Int?
    var output = Output()
    var skipsPartialRows = false
    var maximumSkipped = 0

    struct Output: Sendable {
        var rowEnd: [UInt8] = [10]
        var fieldEnd: [UInt8] = [UInt8(ascii: ",")]
        var keepsAllColumns = false
        var isRaw = false
        var hasHeader = false
    }

    /// - Parameter isMeta: only the rows are counted.
    init(_ document: XMLNode, isCSV: Bool, isMeta: Bool) throws(Fault) {
        let input = document.child("InputSerialization")
        if isCSV {
            let node = input?.child("CSV")
            let header = node?.value("FileHeaderInfo") ?? ""
            guard let known = header.isEmpty ? Header.none : Header(rawValue: header.lowercased()) else {
                throw .invalidSelect("InvalidFileHeaderInfo", "FileHeaderInfo must be None, Ignore or Use.")
            }
            format = .csv(try CSVDialect(node), known)
        } else {
            let type = input?.child("JSON")?.value("Type") ?? ""
            guard ["DOCUMENT", "LINES"].contains(type.uppercased()) else {
                throw .invalidSelect("InvalidJsonType", "The JSON type must be DOCUMENT or LINES.")
            }
            format = .json(isDocument: type.uppercased() == "DOCUMENT")
        }
        switch input?.value("CompressionType")?.uppercased() ?? "" {
        case "", "NONE", "TM9UZQ==": break
        case "GZIP" where !isMeta: isCompressed = true
        default:
            throw .invalidSelect("UnsupportedCompressionFormat", "The compression type is not supported here.")
        }
        let range = input?.child(isCSV ? "CSV" : "JSON")?.value("Range") ?? ""
        try setRange(range)
        let output = document.child("OutputSerialization")
        let delimiters = output?.child(isCSV ? "CSV" : "JSON")
        if let bytes = try CSVDialect.delimiter("RecordDelimiter", delimiters, "InvalidOutputRecordDelimiter", upTo: 2)
        {
            self.output.rowEnd = bytes
        }
        if isCSV,
            let bytes = try CSVDialect.delimiter("FieldDelimiter", delimiters, "InvalidOutputFieldDelimiter", upTo: 4)
        {
            self.output.fieldEnd = bytes
        }
        self.output.keepsAllColumns = try Self.flag("KeepAllColumns", output)
        self.output.isRaw = try Self.flag("OutputRawData", output)
        self.output.hasHeader = try Self.flag("OutputHeader", output)
        let options = document.child("Options") ?? document.child("SelectRequestOptions")
        skipsPartialRows = try Self.flag("SkipPartialDataRecord", options)
        if let text = options?.value("MaxSkippedRecordsAllowed"), !text.isEmpty {
            guard let number = Int(text), number >= 0 else {
                throw .invalidSelect("InvalidMaxSkippedRecordsAllowed", "\(text) is no number of records.")
            }
            maximumSkipped = number
        }
    }

    private static func flag(_ name: String, _ node: XMLNode?) throws(Fault) -> Bool {
        switch node?.value(name)?.lowercased() {
        case nil, "", "false": false
        case "true": true
        default: throw .malformedXML
        }
    }

    /// `line-range=10-20` or `split-range=0-1`. A file is one split here.
    private mutating func setRange(_ text: String) throws(Fault) {
        guard !text.isEmpty else { return }
        let invalid = Fault.invalidSelect("InvalidRange", "The range \(text) is invalid.")
        var range = text[...]
        var isSplit = false
        if range.hasPrefix("split-range=") {
            isSplit = true
            range = range.dropFirst(12)
        } else if range.hasPrefix("line-range=") {
            range = range.dropFirst(11)
        }
        let parts = range.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw invalid }
        let numbers = parts.map { Int($0) }
        guard zip(parts, numbers).allSatisfy({ $0.isEmpty || $1 ?? -1 >= 0 }) else { throw invalid }
        if let first = numbers[0], let last = numbers[1], first > last { throw invalid }
        if isSplit {
            if numbers[0] ?? 0 > 0 { lines = Lines(first: .max, last: 0) }
        } else if parts[0].isEmpty, let count = numbers[1] {
            lastLines = count
        } else {
            lines = Lines(first: numbers[0], last: numbers[1])
        }
    }
}

/// How a CSV is written.
struct CSVDialect: Sendable {
    var rowEnd: [UInt8] = [10]
    var fieldEnd = UInt8(ascii: ",")
    var quote: UInt8? = UInt8(ascii: "\"")
    var comment: UInt8?
    /// Whether a row's end may stand inside quotes.
    var allowsQuotedRowEnd = true

    init(_ node: XMLNode?) throws(Fault) {
        if let bytes = try Self.delimiter("RecordDelimiter", node, "InvalidInputRecordDelimiter", upTo: 2) {
            rowEnd = bytes
        }
        if let bytes = try Self.delimiter("FieldDelimiter", node, "InvalidInputFieldDelimiter", upTo: 1) {
            fieldEnd = bytes[0]
        }
        if let bytes = try Self.delimiter("QuoteCharacter", node, "InvalidInputQuote", upTo: 1) { quote = bytes[0] }
        if let bytes = try Self.delimiter("CommentCharacter", node, "InvalidCommentCharacter", upTo: 1) {
            comment = bytes[0]
        }
        allowsQuotedRowEnd = node?.value("AllowQuotedRecordDelimiter")?.lowercased() != "false"
        guard !rowEnd.contains(fieldEnd), quote != fieldEnd else {
            throw .invalidSelect("InvalidInputFieldDelimiter", "The delimiters must differ.")
        }
    }

    /// A delimiter from its base64 form; nil when there is none.
    static func delimiter(
        _ name: String, _ node: XMLNode?, _ code: String, upTo limit: Int
    ) throws(Fault) -> [UInt8]? {
        guard let text = node?.value(name), !text.isEmpty else { return nil }
        guard let bytes = Base64.decode(text), (1...limit).contains(bytes.count) else {
            throw .invalidSelect(code, "\(name) must be base64 of 1 to \(limit) characters.")
        }
        return bytes
    }
}

extension Fault {
    static func invalidSelect(_ code: String, _ message: String) -> Fault {
        Fault(.badRequest, code, message, ec: "0016-00000801")
    }
}

/// Why reading the rows ends: told at the end of the answer, whose beginning may be under way.
struct SelectFailure: Error {
    var code: String
    var message: String
}
