extension Operation {
    static let metaQueryOperations: [Operation] =
        [
            ("OpenMetaQuery", Service.openMetaQuery, "add"), ("CloseMetaQuery", Service.closeMetaQuery, "delete"),
            ("DoMetaQuery", Service.doMetaQuery, "query"),
        ].flatMap { (name, perform, comp) -> [Operation] in
            let perform: Perform = { try await perform($0)($1) }
            // The same by its name, as the clients for data processing ask.
            let action = name.prefix(1).lowercased() + name.dropFirst()
            return ["metaQuery&comp=\(comp)", "metaQuery&action=\(action)"].map {
                Operation(name, .POST, .bucket, $0, need: .owner, perform: perform)
            }
        } + [
            Operation("GetMetaQueryStatus", .GET, .bucket, "metaQuery", need: .owner) { try $0.getMetaQueryStatus($1) },
            Operation("GetMetaQueryStatus", .POST, .bucket, "metaQuery&action=getMetaQueryStatus", need: .owner) {
                try $0.getMetaQueryStatus($1)
            },
        ]
}

/// Searching a bucket's objects by what is known about them.
extension Service {
    private static let metaQueryName = "metaQuery"
    /// The index says for so long that it isn't ready. It can be asked all the same: nothing has to be scanned.
    private static let metaQueryReadyTime: Int64 = 3000
    private static let metaQueryPage = 100

    func openMetaQuery(_ call: Call) async throws -> Response {
        let mode = call.query.nonEmpty("mode") ?? "basic"
        guard mode == "basic" || mode == "semantic" else {
            throw Fault.invalidArgument("mode", mode, "The mode must be basic or semantic.")
        }
        let document = XMLNode(
            "MetaQuery", [XMLNode("Mode", mode), XMLNode("CreateTime", call.request.received.iso8601)])
        try await changeBucket(call) { bucket in
            guard bucket.documents[Self.metaQueryName] == nil else { throw Fault.metaQueryExists }
            bucket.documents[Self.metaQueryName] = document.bytes
        }
        return Response()
    }

    func closeMetaQuery(_ call: Call) async throws -> Response {
        try await changeBucket(call) { $0.documents[Self.metaQueryName] = nil }
        return Response()
    }

    private func metaQueryIndex(_ call: Call) throws -> (mode: String, created: EmulatorInstant) {
        guard let document = try call.bucket.document(Self.metaQueryName), let mode = document.value("Mode"),
            let created = document.value("CreateTime").flatMap(EmulatorInstant.init(iso8601:))
        else { throw Fault.noMetaQuery }
        return (mode, created)
    }

    func getMetaQueryStatus(_ call: Call) throws -> Response {
        let (mode, created) = try metaQueryIndex(call)
        let now = call.request.received
        let isReady = now.millisecondsSince1970 < created.millisecondsSince1970 + Self.metaQueryReadyTime
        return Response(root: "MetaQueryStatus") { xml in
            xml.element("State", isReady ? "Ready" : "Running")
            xml.element("Phase", isReady ? "FullScanning" : "IncrementalScanning")
            xml.element("CreateTime", created.rfc3339)
            xml.element("UpdateTime", (isReady ? created : now).rfc3339)
            xml.element("MetaQueryMode", mode)
        }
    }

    func doMetaQuery(_ call: Call) async throws -> Response {
        let mode = call.query.nonEmpty("mode") ?? "basic"
        let document = try await call.document(root: "MetaQuery", MetaQuery.schema)
        let index = try metaQueryIndex(call)
        guard mode == "basic" || mode == index.mode else {
            throw Fault.invalidArgument("mode", mode, "The index was opened in another mode.")
        }
        let query = try MetaQuery(document, isSemantic: mode == "semantic")
        let bucket = try call.bucket
        let found = try catalogue.inBucket(bucket.name) { bucket in
            bucket.objects.compactMap { _, entry in
                let latest = entry.latest
                return !latest.isDeleteMarker && query.fits(MetaQueryFile(latest)) ? MetaQueryFile(latest) : nil
            }
        }
        guard query.aggregations.isEmpty else {
            let nodes = try query.aggregations.map { try $0.node(of: found) }
            return Response(document: XMLNode("MetaQuery", [XMLNode("NextToken"), XMLNode("Aggregations", nodes)]))
        }
        let sorted = query.sorted(found)
        // The token tells the last file and where it stood, should it be gone.
        let start =
            query.token.map { token in
                sorted.firstIndex { $0.version.key == token.key }.map { $0 + 1 } ?? min(token.position, sorted.count)
            } ?? 0
        let page = sorted[start...].prefix(min(query.limit, Self.metaQueryPage))
        let next = page.endIndex < sorted.count ? page.last.map { MetaQuery.token(page.endIndex, $0.version.key) } : nil
        return Response(root: "MetaQuery") { xml in
            xml.element("NextToken", next ?? "")
            xml.element("Files") { xml in
                for file in page { file.write(to: &xml, bucket: bucket.name) }
            }
        }
    }
}

extension EmulatorInstant {
    /// As this part of the service writes times: in China's.
    fileprivate var rfc3339: String {
        EmulatorInstant(millisecondsSince1970: millisecondsSince1970 + 8 * 3_600_000).iso8601.dropLast() + "+08:00"
    }
}

extension Fault {
    fileprivate static let noMetaQuery = Fault(
        .notFound, "MetaQueryNotExist", "The metadata index of the bucket does not exist.")

    fileprivate static let metaQueryExists = Fault(
        .conflict, "MetaQueryAlreadyExist", "The metadata index of the bucket already exists.")
}

// MARK: - Files

/// An object as a query sees it.
private struct MetaQueryFile: Sendable {
    let version: ObjectVersion

    init(_ version: ObjectVersion) {
        self.version = version
    }

    enum Value {
        case text(String)
        case number(Int64)
        case time(EmulatorInstant)
    }

    private var attributes: ObjectAttributes { version.attributes }

    var mediaType: String {
        let type = attributes.contentType.prefix { $0 != "/" }.lowercased()
        return ["image", "video", "audio"].contains(type) ? type : "document"
    }

    private func header(_ name: String) -> String? {
        (attributes.standardHeaders + attributes.encryption).first { $0.name.lowercased() == name }?.value
    }

    /// A field by the name that queries and answers use; nil where the object has none.
    subscript(field: String) -> Value? {
        func text(_ text: String?) -> Value? { text.map { .text($0) } }
        switch field {
        case "Filename": return .text(version.key.text)
        case "Size": return .number(version.size)
        case "FileModifiedTime": return .time(version.lastModified)
        case "ETag": return .text("\"\(version.etag)\"")
        case "OSSObjectType": return .text(version.type.rawValue)
        case "OSSStorageClass": return .text(attributes.storageClass.rawValue)
        case "ObjectACL": return .text(attributes.acl.rawValue)
        case "OSSCRC64": return .text(String(version.crc64))
        case "OSSTaggingCount": return .number(Int64(attributes.tags.count))
        case "ContentType": return .text(attributes.contentType)
        case "MediaType": return .text(mediaType)
        case "CacheControl": return text(header("cache-control"))
        case "ContentDisposition": return text(header("content-disposition"))
        case "ContentEncoding": return text(header("content-encoding"))
        case "ContentLanguage": return text(header("content-language"))
        case "OSSExpiration": return text(header("expires"))
        case "ServerSideEncryption": return text(header("x-oss-server-side-encryption"))
        case "ServerSideDataEncryption": return text(header("x-oss-server-side-data-encryption"))
        case "ServerSideEncryptionKeyId": return text(header("x-oss-server-side-encryption-key-id"))
        default: break
        }
        if let name = field.suffix(after: "OSSTagging.") {
            return text(attributes.tags.first { $0.key == name }?.value)
        }
        if let name = field.suffix(after: "OSSUserMeta.") {
            let name = name.suffix(after: "x-oss-meta-") ?? name
            return text(attributes.metadata.first { $0.name == name }?.value)
        }
        return nil
    }

    static let fields = [
        "Filename", "Size", "FileModifiedTime", "OSSObjectType", "OSSStorageClass", "ObjectACL", "ETag", "OSSCRC64",
        "OSSTaggingCount", "ContentType", "MediaType", "CacheControl", "ContentDisposition", "ContentEncoding",
        "ContentLanguage", "OSSExpiration", "ServerSideEncryption", "ServerSideDataEncryption",
        "ServerSideEncryptionKeyId",
    ]

    static func isField(_ name: String) -> Bool {
        fields.contains(name) || name.suffix(after: "OSSTagging.")?.isEmpty == false
            || name.suffix(after: "OSSUserMeta.")?.isEmpty == false
    }

    func text(_ field: String) -> String? {
        switch self[field] {
        case .text(let text): text
        case .number(let number): String(number)
        case .time(let time): time.rfc3339
        case nil: nil
        }
    }

    /// What words are looked for in.
    var words: String {
        ([version.key.text, attributes.contentType] + attributes.tags.flatMap { [$0.key, $0.value] }
            + attributes.metadata.map(\.value)).joined(separator: " ").lowercased()
    }

    func write(to xml: inout XMLWriter, bucket: String) {
        xml.element("File") { xml in
            xml.element("URI", "oss://\(bucket)/\(version.key.text)")
            for field in Self.fields { xml.optional(field, text(field)) }
            if !attributes.tags.isEmpty {
                xml.element("OSSTagging") { xml in
                    for tag in attributes.tags {
                        xml.element("Tagging") { xml in
                            xml.element("Key", tag.key)
                            xml.element("Value", tag.value)
                        }
                    }
                }
            }
            if !attributes.metadata.isEmpty {
                xml.element("OSSUserMeta") { xml in
                    for field in attributes.metadata {
                        xml.element("UserMeta") { xml in
                            xml.element("Key", "x-oss-meta-\(field.name)")
                            xml.element("Value", field.value)
                        }
                    }
                }
            }
        }
    }
}

extension String {
    fileprivate func suffix(after prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}

// MARK: - Queries

private struct MetaQuery: Sendable {
    static let schema = Schema.of(
        .optional("NextToken"), .optional("MaxResults", .integer(0...Int64.max)), .optional("Query"),
        .optional("Sort"), .optional("Order"), .optional("SimpleQuery"),
        .optional("MediaTypes", .of(.many("MediaType", 0...10))),
        .optional("Aggregations", .of(.many("Aggregation", 0...10, .of(.one("Field"), .one("Operation"))))))

    private var condition: Condition?
    private var words: [String] = []
    private var mediaTypes: [String] = []
    private var order: [(field: String, isAscending: Bool)] = []
    var aggregations: [Aggregation] = []
    var limit: Int
    var token: (position: Int, key: ObjectKey)?

    /// - Parameter isSemantic: the query is a sentence, and the condition beside it. What a file shows takes a model
    ///   to understand; here the sentence's words are looked for in what is known about the file.
    init(_ document: XMLNode, isSemantic: Bool) throws(Fault) {
        let text = document.value("Query") ?? ""
        limit = document.value("MaxResults").flatMap { Int($0) } ?? 0
        if limit == 0 { limit = 100 }
        if isSemantic {
            words = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
            mediaTypes = document.child("MediaTypes")?.all("MediaType").map(\.trimmedText) ?? []
        }
        let conditionText = isSemantic ? document.value("SimpleQuery") ?? "" : text
        if !conditionText.isEmpty { condition = try Condition(conditionText) }
        for node in document.child("Aggregations")?.all("Aggregation") ?? [] {
            aggregations.append(try Aggregation(node))
        }
        let directions = (document.value("Order") ?? "").split(separator: ",").map { String($0.trimmingBlanks) }
        for direction in directions where direction != "asc" && direction != "desc" {
            throw .invalidArgument("Order", direction, "The order must be asc or desc.")
        }
        for (index, name) in (document.value("Sort") ?? "").split(separator: ",").enumerated() {
            let field = String(name.trimmingBlanks)
            guard MetaQueryFile.isField(field) else {
                throw .invalidArgument("Sort", field, "The field \(field) is not known.")
            }
            let direction = index < directions.count ? directions[index] : directions.last ?? "desc"
            order.append((field, direction == "asc"))
        }
        if let text = document.value("NextToken"), !text.isEmpty {
            let parts = (Base64.decode(text) ?? []).split(separator: UInt8(ascii: "/"), maxSplits: 1)
            guard parts.count == 2, let position = Int(String(decoding: parts[0], as: UTF8.self)), position >= 0 else {
                throw .invalidArgument("NextToken", text, "The token is not one that was given.")
            }
            token = (position, ObjectKey(Array(parts[1])))
        }
    }

    static func token(_ position: Int, _ key: ObjectKey) -> String {
        Base64.encode(Array("\(position)/".utf8) + key.bytes)
    }

    func fits(_ file: MetaQueryFile) -> Bool {
        guard mediaTypes.isEmpty || mediaTypes.contains(file.mediaType), condition?.fits(file) != false else {
            return false
        }
        return words.isEmpty || score(file) > 0
    }

    private func score(_ file: MetaQueryFile) -> Int {
        let text = file.words
        return words.count { text.contains($0) }
    }

    /// By name where nothing else decides.
    func sorted(_ files: [MetaQueryFile]) -> [MetaQueryFile] {
        if order.isEmpty, !words.isEmpty {
            return files.map { ($0, score($0)) }.sorted { $0.1 > $1.1 }.map(\.0)
        }
        return files.sorted { left, right in
            for (field, isAscending) in order {
                let comparison = MetaQueryFile.compare(left[field], right[field])
                if comparison != 0 { return isAscending ? comparison < 0 : comparison > 0 }
            }
            return left.version.key < right.version.key
        }
    }

    /// `{"Field": "Size", "Value": "1048576", "Operation": "gt"}`, or several under `and`, `or` and `not`.
    indirect enum Condition: Sendable {
        enum Comparison: String, Sendable {
            case equal = "eq"
            case greater = "gt"
            case greaterOrEqual = "gte"
            case less = "lt"
            case lessOrEqual = "lte"
            case match, prefix
        }

        case compare(String, Comparison, String)
        case all([Condition])
        case any([Condition])
        case none([Condition])

        init(_ text: String) throws(Fault) {
            let json: JSONValue
            do throws(JSONFailure) {
                json = try JSONReader.read(Array(text.utf8))
            } catch {
                throw Self.malformed("it is not JSON: \(error.reason) at byte \(error.offset)")
            }
            self = try Condition(json)
        }

        private init(_ json: JSONValue) throws(Fault) {
            guard let operation = json["Operation"]?.string else { throw Self.malformed("Operation is missing") }
            if let list = json["SubQueries"]?.array {
                var conditions: [Condition] = []
                for item in list { conditions.append(try Condition(item)) }
                switch operation {
                case "and": self = .all(conditions)
                case "or": self = .any(conditions)
                case "not": self = .none(conditions)
                default: throw Self.malformed("\(operation) can not join queries")
                }
                return
            }
            guard let comparison = Comparison(rawValue: operation) else {
                throw Self.malformed("the operation \(operation) is not known")
            }
            guard let field = json["Field"]?.string, MetaQueryFile.isField(field) else {
                throw Self.malformed("the field \(json["Field"]?.string ?? "") is not known")
            }
            switch json["Value"] {
            case .string(let value), .number(let value): self = .compare(field, comparison, value)
            default: throw Self.malformed("Value is missing")
            }
        }

        private static func malformed(_ reason: String) -> Fault {
            .invalidArgument("Query", "", "The query can not be read: \(reason).")
        }

        func fits(_ file: MetaQueryFile) -> Bool {
            switch self {
            case .all(let conditions): conditions.allSatisfy { $0.fits(file) }
            case .any(let conditions): conditions.contains { $0.fits(file) }
            case .none(let conditions): !conditions.contains { $0.fits(file) }
            case .compare(let field, let comparison, let value): Self.fits(file[field], comparison, value)
            }
        }

        private static func fits(_ found: MetaQueryFile.Value?, _ comparison: Comparison, _ value: String) -> Bool {
            guard let found else { return false }
            if case .text(let text) = found, comparison == .match || comparison == .prefix {
                if comparison == .prefix { return text.utf8.starts(with: value.utf8) }
                return text.lowercased().contains(value.lowercased())
            }
            guard let result = MetaQueryFile.compare(found, with: value) else { return false }
            switch comparison {
            case .equal: return result == 0
            case .greater: return result > 0
            case .greaterOrEqual: return result >= 0
            case .less: return result < 0
            case .lessOrEqual: return result <= 0
            case .match, .prefix: return false
            }
        }
    }

    struct Aggregation: Sendable {
        private var field: String
        private var operation: String

        private static let groupLimit = 2000
        private static let operations = ["min", "max", "average", "sum", "count", "distinct", "group"]

        init(_ node: XMLNode) throws(Fault) {
            field = node.value("Field") ?? ""
            operation = node.value("Operation") ?? ""
            guard MetaQueryFile.isField(field) else {
                throw .invalidArgument("Field", field, "The field \(field) is not known.")
            }
            guard Self.operations.contains(operation) else {
                throw .invalidArgument(
                    "Operation", operation, "The operation must be one of \(Self.operations.joined(separator: ", ")).")
            }
        }

        func node(of files: [MetaQueryFile]) throws(Fault) -> XMLNode {
            var node = XMLNode("Aggregation", [XMLNode("Field", field), XMLNode("Operation", operation)])
            let texts = files.compactMap { $0.text(field) }
            switch operation {
            case "count": node.set(XMLNode("Value", String(texts.count)))
            case "distinct": node.set(XMLNode("Value", String(Set(texts).count)))
            case "group":
                var counts: [String: Int] = [:]
                for text in texts { counts[text, default: 0] += 1 }
                let groups = counts.sorted { left, right in
                    left.value == right.value ? left.key < right.key : left.value > right.value
                }
                let nodes = groups.prefix(Self.groupLimit).map { value, count in
                    XMLNode("Group", [XMLNode("Value", value), XMLNode("Count", String(count))])
                }
                node.set(XMLNode("Groups", nodes))
            default: node.set(XMLNode("Value", try number(of: files)))
            }
            return node
        }

        private func number(of files: [MetaQueryFile]) throws(Fault) -> String {
            var numbers: [Int64] = []
            for file in files {
                switch file[field] {
                case .number(let number): numbers.append(number)
                case nil: break
                default: throw .invalidArgument("Field", field, "The field \(field) is not a number.")
                }
            }
            let sum = numbers.reduce(Double(0)) { $0 + Double($1) }
            switch operation {
            case "min": return String(numbers.min() ?? 0)
            case "max": return String(numbers.max() ?? 0)
            case "average": return String(numbers.isEmpty ? 0 : sum / Double(numbers.count))
            default:
                let (total, overflows) = numbers.reduce((Int64(0), false)) { partial, number in
                    let (value, overflow) = partial.0.addingReportingOverflow(number)
                    return (value, partial.1 || overflow)
                }
                return overflows ? String(sum) : String(total)
            }
        }
    }
}

extension MetaQueryFile {
    /// Below, at or above zero; what isn't there comes first.
    static func compare(_ left: Value?, _ right: Value?) -> Int {
        switch (left, right) {
        case (nil, nil): 0
        case (nil, _): -1
        case (_, nil): 1
        case (.number(let left), .number(let right)): left < right ? -1 : left > right ? 1 : 0
        case (.time(let left), .time(let right)): left < right ? -1 : left > right ? 1 : 0
        case (.text(let left), .text(let right)): left.utf8.lexicographicallyCompare(right)
        default: 0
        }
    }

    /// Nil where the text isn't of the value's kind.
    static func compare(_ value: Value, with text: String) -> Int? {
        switch value {
        case .text: return compare(value, .text(text))
        case .number(let number):
            guard let other = Double(text) else { return nil }
            let value = Double(number)
            return value < other ? -1 : value > other ? 1 : 0
        case .time:
            guard let time = EmulatorInstant(rfc3339: text) else { return nil }
            return compare(value, .time(time))
        }
    }
}

extension EmulatorInstant {
    /// With `Z`, or an offset such as `+08:00`.
    fileprivate init?(rfc3339 text: String) {
        if text.hasSuffix("Z") {
            self.init(iso8601: text)
            return
        }
        let offset = Array(text.utf8.suffix(6))
        guard offset.count == 6, let whole = EmulatorInstant(iso8601: text.dropLast(6) + "Z"),
            let hours = Int64(String(decoding: offset[1..<3], as: UTF8.self)),
            let minutes = Int64(String(decoding: offset[4..<6], as: UTF8.self)),
            offset[3] == UInt8(ascii: ":"), (0...14).contains(hours), (0...59).contains(minutes)
        else { return nil }
        let milliseconds = (hours * 60 + minutes) * 60_000
        switch offset[0] {
        case UInt8(ascii: "+"): self.init(millisecondsSince1970: whole.millisecondsSince1970 - milliseconds)
        case UInt8(ascii: "-"): self.init(millisecondsSince1970: whole.millisecondsSince1970 + milliseconds)
        default: return nil
        }
    }
}
