import NIOCore

extension Operation {
    static let selectOperations: [Operation] = [
        Operation("SelectObject", .POST, .object, "x-oss-process=csv/select", need: .readObject, action: "GetObject") {
            try await $0.selectObject($1, isCSV: true)
        },
        Operation("SelectObject", .POST, .object, "x-oss-process=json/select", need: .readObject, action: "GetObject") {
            try await $0.selectObject($1, isCSV: false)
        },
        Operation(
            "CreateSelectObjectMeta", .POST, .object, "x-oss-process=csv/meta", need: .readObject, action: "GetObject"
        ) { try await $0.createSelectObjectMeta($1, isCSV: true) },
        Operation(
            "CreateSelectObjectMeta", .POST, .object, "x-oss-process=json/meta", need: .readObject, action: "GetObject"
        ) { try await $0.createSelectObjectMeta($1, isCSV: false) },
    ]
}

/// Queries on the rows of an object.
extension Service {
    func selectObject(_ call: Call, isCSV: Bool) async throws -> Response {
        guard let document = try await call.document(root: "SelectRequest") else { throw Fault.malformedXML }
        let request = try SelectRequest(document, isCSV: isCSV, isMeta: false)
        guard let expression = document.value("Expression").flatMap(Base64.decode),
            let text = String(validating: expression, as: UTF8.self)
        else { throw Fault.invalidSelect("InvalidSqlParameter", "The SQL must be base64 of UTF-8.") }
        let query: SQLQuery
        do {
            query = try SQLQuery(text)
        } catch {
            throw Fault.invalidSelect("InvalidSqlParameter", "The SQL is invalid: \(error.reason).")
        }
        let found = try read(call)
        guard !found.isFrozen else { throw Fault.invalidObjectState }
        var bytes = 0..<Int64.max
        if let header = call.request.nonEmptyHeader("range"),
            case .part(let start, let length) = ResolvedRange(header, size: found.version.size, isStandard: false)
        {
            bytes = start..<start + length
        }
        let storage = catalogue.storage
        let segments = found.version.segments
        let range = bytes
        let (result, length) = try await pool.runIfActive {
            var run = SelectRun(query, request, within: range) { SelectSource(storage, segments, request.isCompressed) }
            var output = SelectOutput(storage, isRaw: request.output.isRaw)
            do {
                try run.perform(&output)
                return try output.finish()
            } catch {
                output.cancel()
                throw error
            }
        }
        withExtendedLifetime(found.lease) {}
        var response = Response(.partialContent)
        response.set("Content-Type", "application/octet-stream")
        response.set("x-oss-select-output-raw", request.output.isRaw ? "true" : "false")
        response.body = .stored(result, length: length, catalogue.adopt(result))
        return response
    }

    /// Counts the rows. Nothing is kept: a query here has no need of it.
    func createSelectObjectMeta(_ call: Call, isCSV: Bool) async throws -> Response {
        guard let document = try await call.document(root: isCSV ? "CsvMetaRequest" : "JsonMetaRequest") else {
            throw Fault.malformedXML
        }
        let request = try SelectRequest(document, isCSV: isCSV, isMeta: true)
        if case .json(isDocument: true) = request.format {
            throw Fault.invalidSelect("InvalidJsonType", "Only JSON of the type LINES has rows to count.")
        }
        let found = try read(call)
        guard !found.isFrozen else { throw Fault.invalidObjectState }
        let storage = catalogue.storage
        let segments = found.version.segments
        let frame = try await pool.runIfActive {
            try SelectRun.count(request) { SelectSource(storage, segments, false) }
        }
        withExtendedLifetime(found.lease) {}
        var response = Response(body: .bytes(Array(frame.readableBytesView)))
        response.set("Content-Type", "application/octet-stream")
        return response
    }
}

/// The bytes that a query reads.
private struct SelectSource {
    private let reader: SegmentReader
    private var gzip: GzipReader?

    init(_ storage: any Storage, _ segments: [Segment], _ isCompressed: Bool) {
        let reader = SegmentReader(storage: storage, segments: segments)
        self.reader = reader
        gzip = isCompressed ? GzipReader { try reader.read(upTo: 256 << 10).map { Array($0.readableBytesView) } } : nil
    }

    mutating func next() throws -> [UInt8]? {
        guard gzip != nil else { return try reader.read(upTo: 256 << 10).map { Array($0.readableBytesView) } }
        do {
            return try gzip?.read()
        } catch let failure as GzipReader.Failure {
            throw SelectFailure(
                code: "DecompressFailure", message: "The data can't be decompressed: \(failure.reason).")
        }
    }
}

/// Writes an answer into the storage, so that it may be larger than the memory.
private struct SelectOutput {
    private static let frameSize = 64 << 10

    private let storage: any Storage
    private let isRaw: Bool
    private var sink: (any BlobSink)?
    private var length: Int64 = 0
    private var pending: [UInt8] = []

    init(_ storage: any Storage, isRaw: Bool) {
        self.storage = storage
        self.isRaw = isRaw
    }

    mutating func write(_ row: [UInt8], scanned: Int64) throws {
        pending += row
        if pending.count >= Self.frameSize { try flush(scanned) }
    }

    private mutating func flush(_ scanned: Int64) throws {
        guard !pending.isEmpty else { return }
        try append(isRaw ? ByteBuffer(bytes: pending) : SelectFrame.data(pending, scanned: scanned))
        pending = []
    }

    private mutating func append(_ bytes: ByteBuffer) throws {
        let sink = try sink ?? storage.newBlob()
        self.sink = sink
        length += Int64(bytes.readableBytes)
        try sink.append(bytes)
    }

    /// - Parameter failure: what ended it before its time.
    mutating func end(scanned: Int64, _ failure: SelectFailure?) throws {
        try flush(scanned)
        guard !isRaw else { return }
        let message = failure.map { "\($0.code).\($0.message)" } ?? ""
        try append(SelectFrame.end(scanned: scanned, status: failure == nil ? 200 : 400, message: message))
    }

    func finish() throws -> ([Segment], Int64) {
        try sink?.finish()
        return (sink.map { [Segment(blob: $0.id, offset: 0, length: length)] } ?? [], length)
    }

    func cancel() {
        sink?.cancel()
    }
}

/// One query on its way over the rows.
private struct SelectRun {
    /// A JSON document is read as a whole, so it has a limit.
    private static let maximumDocument = 32 << 20

    private let query: SQLQuery
    private let request: SelectRequest
    /// Rows that begin here count.
    private let bytes: Range<Int64>
    private let open: () -> SelectSource
    private var accumulators: [SQLAccumulator] = []
    private var lines: SelectRequest.Lines
    private var line = 0
    private var found = 0
    private var skipped = 0

    init(_ query: SQLQuery, _ request: SelectRequest, within bytes: Range<Int64>, _ open: @escaping () -> SelectSource)
    {
        self.query = query
        self.request = request
        self.bytes = bytes
        self.open = open
        lines = request.lines
        for case .aggregate(let kind, let value) in (query.items ?? []).map(\.value) {
            accumulators.append(SQLAccumulator(kind, value))
        }
    }

    private func source() -> () throws -> [UInt8]? {
        var source = open()
        return { try source.next() }
    }

    /// Counts the rows of a file.
    static func count(_ request: SelectRequest, _ open: () -> SelectSource) throws -> ByteBuffer {
        var source = open()
        var count: Int64 = 0
        var columns: Int?
        var offset: Int64 = 0
        var failure: SelectFailure?
        do {
            switch request.format {
            case .csv(let dialect, _):
                columns = 0
                var rows = CSVRows(dialect) { try source.next() }
                defer { offset = rows.offset }
                while let row = try rows.next() {
                    if count == 0 { columns = row.fields.count }
                    count += 1
                }
            case .json:
                var rows = JSONLines { try source.next() }
                defer { offset = rows.offset }
                while try rows.next() != nil { count += 1 }
            }
        } catch let error as SelectFailure {
            failure = error
        }
        return SelectFrame.metaEnd(
            scanned: offset, rows: count, columns: columns, status: failure == nil ? 200 : 400,
            message: failure.map { "\($0.code).\($0.message)" } ?? "")
    }

    /// Writes the whole answer. Throws a fault for what shows before its beginning.
    mutating func perform(_ output: inout SelectOutput) throws {
        if query.limit == 0 { return try output.end(scanned: 0, nil) }
        do {
            if let last = request.lastLines {
                var total = 0
                try eachRow { total += 1 }
                lines = SelectRequest.Lines(first: max(total - last, 0))
            }
        } catch let failure as SelectFailure {
            throw Fault.invalidSelect(failure.code, failure.message)
        }
        switch request.format {
        case .csv(let dialect, let header): try performCSV(dialect, header, &output)
        case .json(let isDocument): try performJSON(isDocument, &output)
        }
    }

    private func eachRow(_ body: () -> Void) throws {
        switch request.format {
        case .csv(let dialect, _):
            var rows = CSVRows(dialect, source())
            while try rows.next() != nil { body() }
        case .json(isDocument: false):
            var rows = JSONLines(source())
            while try rows.next() != nil { body() }
        case .json: break
        }
    }

    /// Whether the rows after this one matter.
    private func isOver() -> Bool {
        if let last = lines.last, line > last { return true }
        guard let limit = query.limit, accumulators.isEmpty else { return false }
        return found >= limit
    }

    /// Works one row out; rows that don't fit the query are left out as long as they may.
    private mutating func take(_ row: some SQLRow, hasAll: Bool) throws -> Bool {
        do throws(SQLDataError) {
            guard hasAll || !request.skipsPartialRows else { throw SQLDataError(reason: "a column is missing") }
            if let condition = query.condition, try condition.truth(in: row) != true { return false }
            for index in accumulators.indices { try accumulators[index].add(row) }
            return accumulators.isEmpty
        } catch {
            skipped += 1
            guard skipped <= request.maximumSkipped else {
                throw SelectFailure(
                    code: "InvalidDataRecord", message: "Record \(line) doesn't fit the SQL: \(error.reason).")
            }
            return false
        }
    }

    // MARK: CSV

    private mutating func performCSV(
        _ dialect: CSVDialect, _ header: SelectRequest.Header, _ output: inout SelectOutput
    ) throws {
        var rows = CSVRows(dialect, source())
        var titles: [CSVRow.Field] = []
        do {
            if header != .none, let first = try rows.next() {
                line = 1
                if header == .use { titles = first.fields }
            }
        } catch let failure as SelectFailure {
            throw Fault.invalidSelect(failure.code, failure.message)
        }
        let places = Dictionary(
            titles.enumerated().map { ($0.element.text.trimmingBlanks.lowercased(), $0.offset) },
            uniquingKeysWith: { first, _ in first })
        let columns = query.columns
        for column in columns where column.place == nil {
            guard column.steps.count == 1, places[column.name.lowercased()] != nil else {
                throw Fault.invalidSelect("InvalidSqlParameter", "The column \(column.name) is unknown.")
            }
        }
        guard query.source.isEmpty else {
            throw Fault.invalidSelect("InvalidSqlParameter", "A CSV has no path in FROM.")
        }
        var failure: SelectFailure?
        do {
            if request.output.hasHeader, header == .use {
                let row = NamedCSVRow(fields: titles, places: places)
                try output.write(csvLine(row, isHeader: true), scanned: rows.offset)
            }
            while !isOver(), let row = try rows.next() {
                defer { line += 1 }
                guard lines.contains(line), bytes.contains(row.offset) else { continue }
                let named = NamedCSVRow(fields: row.fields, places: places)
                let hasAll = columns.allSatisfy { named.place(of: $0).map { $0 < row.fields.count } ?? false }
                guard try take(named, hasAll: hasAll) else { continue }
                found += 1
                try output.write(csvLine(named, isHeader: false), scanned: rows.offset)
            }
            if !accumulators.isEmpty {
                let values = accumulators.map { csvField($0.final.text ?? "") }
                try output.write(csvLine(values), scanned: rows.offset)
            }
        } catch let error as SelectFailure {
            failure = error
        }
        try output.end(scanned: rows.offset, failure)
    }

    private func csvLine(_ row: NamedCSVRow, isHeader: Bool) throws -> [UInt8] {
        guard let items = query.items else { return csvLine(row.fields.map(csvField)) }
        var places: Set<Int> = []
        var fields: [[UInt8]] = []
        for item in items {
            switch item.value {
            case .column(let column):
                let place = row.place(of: column)
                if let place { places.insert(place) }
                let field = place.flatMap { $0 < row.fields.count ? row.fields[$0] : nil }
                if isHeader, let alias = item.alias {
                    fields.append(csvField(alias))
                } else {
                    fields.append(field.map(csvField) ?? [])
                }
            case .cast(let value):
                // The row was found to fit, so this doesn't fail.
                let text = isHeader ? item.alias ?? "_\(fields.count + 1)" : (try value.value(in: row).text ?? "")
                fields.append(csvField(text))
            case .aggregate: fields.append(csvField(item.alias ?? "_\(fields.count + 1)"))
            }
        }
        guard request.output.keepsAllColumns, accumulators.isEmpty else { return csvLine(fields) }
        return csvLine(row.fields.enumerated().map { places.contains($0.offset) ? csvField($0.element) : [] })
    }

    private func csvLine(_ fields: [[UInt8]]) -> [UInt8] {
        Array(fields.joined(separator: request.output.fieldEnd)) + request.output.rowEnd
    }

    /// A column stays as it stands in the file.
    private func csvField(_ field: CSVRow.Field) -> [UInt8] {
        field.isQuoted ? field.raw : csvField(field.raw)
    }

    private func csvField(_ text: String) -> [UInt8] {
        csvField(Array(text.utf8))
    }

    private func csvField(_ bytes: [UInt8]) -> [UInt8] {
        let quote = UInt8(ascii: "\"")
        let special = request.output.fieldEnd + request.output.rowEnd + [quote]
        guard bytes.contains(where: special.contains) else { return bytes }
        return [quote] + bytes.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
    }

    // MARK: JSON

    private mutating func performJSON(_ isDocument: Bool, _ output: inout SelectOutput) throws {
        var offset: Int64 = 0
        var failure: SelectFailure?
        let path = query.source[...]
        if isDocument {
            let root: JSONValue
            do {
                root = try document(&offset)
            } catch let failure as SelectFailure {
                throw Fault.invalidSelect(failure.code, failure.message)
            }
            do {
                for node in root.values(at: path) {
                    if isOver() { break }
                    try takeJSON(node, offset, &output)
                    line += 1
                }
                try writeAggregates(offset, &output)
            } catch let error as SelectFailure {
                failure = error
            }
            return try output.end(scanned: offset, failure)
        }
        var rows = JSONLines(source())
        do {
            while !isOver() {
                offset = rows.offset
                guard let value = try rows.next() else { break }
                if bytes.contains(offset) {
                    for node in value.values(at: path) { try takeJSON(node, rows.offset, &output) }
                }
                line += 1
            }
            try writeAggregates(rows.offset, &output)
        } catch let error as SelectFailure {
            failure = error
        }
        try output.end(scanned: rows.offset, failure)
    }

    private func document(_ offset: inout Int64) throws -> JSONValue {
        let source = source()
        var bytes: [UInt8] = []
        while let piece = try source() {
            bytes += piece
            guard bytes.count <= Self.maximumDocument else {
                throw SelectFailure(code: "JsonDocumentTooLong", message: "The JSON document is larger than 32 MB.")
            }
        }
        offset = Int64(bytes.count)
        return try JSONValue.ofFile(bytes[...])
    }

    private mutating func takeJSON(_ node: JSONValue, _ offset: Int64, _ output: inout SelectOutput) throws {
        guard lines.contains(line) else { return }
        let row = JSONRow(node: node)
        let hasAll = !request.skipsPartialRows || query.columns.allSatisfy { row.value(of: $0) != nil }
        guard try take(row, hasAll: hasAll) else { return }
        found += 1
        var result = node
        if let items = query.items {
            var members: [JSONValue.Member] = []
            for (index, item) in items.enumerated() {
                switch item.value {
                case .column(let column):
                    guard let value = node.value(at: column.steps) else { continue }
                    let name = item.alias ?? column.name
                    members.append(.init(name: name.isEmpty ? "_\(index + 1)" : name, value: value))
                case .cast(let value):
                    let name = item.alias ?? "_\(index + 1)"
                    members.append(.init(name: name, value: JSONValue(try value.value(in: row))))
                case .aggregate: break
                }
            }
            result = .object(members)
        }
        try output.write(result.row + request.output.rowEnd, scanned: offset)
    }

    private func writeAggregates(_ offset: Int64, _ output: inout SelectOutput) throws {
        guard !accumulators.isEmpty, let items = query.items else { return }
        let members = zip(items, accumulators).enumerated().map { index, pair in
            JSONValue.Member(name: pair.0.alias ?? "_\(index + 1)", value: JSONValue(pair.1.final))
        }
        try output.write(JSONValue.object(members).row + request.output.rowEnd, scanned: offset)
    }
}

extension JSONValue {
    fileprivate init(_ value: SQLValue) {
        switch value {
        case .null, .nested: self = .null
        case .bool(let truth): self = .bool(truth)
        case .integer, .decimal: self = .number(value.text ?? "0")
        case .string(let text): self = .string(text)
        case .timestamp: self = .string(value.text ?? "")
        }
    }
}
