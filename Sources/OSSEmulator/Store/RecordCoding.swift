import Crypto
import OSSChecksum

/// The text form of records in files: one `name value` per line, values percent-encoded, and at the end the CRC-64 of
/// all before it. People can read it, and a torn file gives itself away.
struct RecordWriter {
    private var record: [UInt8] = []

    init(kind: String) {
        record.reserveCapacity(1024)
        record.append(contentsOf: "oss-emulator 1 \(kind)\n".utf8)
    }

    mutating func field(_ name: String, _ value: some Sequence<UInt8>) {
        write(name)
        Percent.encode(value, keepingSlash: true, into: &record)
        record.append(10)
    }

    mutating func field(_ name: String, _ value: String) {
        field(name, value.utf8)
    }

    mutating func field(_ name: String, _ value: String?) {
        if let value { field(name, value) }
    }

    mutating func field(_ name: String, _ value: some BinaryInteger) {
        field(name, String(value))
    }

    mutating func pair(_ name: String, _ first: String, _ second: String) {
        write(name)
        Percent.encode(first.utf8, into: &record)
        record.append(32)
        Percent.encode(second.utf8, into: &record)
        record.append(10)
    }

    mutating func segments(_ segments: [Segment]) {
        for segment in segments {
            write("segment")
            record.append(contentsOf: "\(Hex.encode(segment.blob.value)) \(segment.offset) \(segment.length)\n".utf8)
        }
    }

    mutating func documents(_ documents: [String: [UInt8]]) {
        for (name, bytes) in documents.sorted(by: { $0.key < $1.key }) {
            pair("document", name, String(decoding: bytes, as: UTF8.self))
        }
    }

    private mutating func write(_ name: String) {
        record.append(contentsOf: name.utf8)
        record.append(32)
    }

    consuming func finish() -> [UInt8] {
        var crc = CRC64()
        record.withUnsafeBytes { crc.update($0) }
        record.append(contentsOf: "end \(Hex.encode(crc.value))\n".utf8)
        return record
    }
}

/// Reads what `RecordWriter` wrote; nil for anything else.
struct RecordReader {
    private let record: [UInt8]
    /// The first byte of each line, and of what follows the last.
    private var lines: [Int] = []

    init?(_ bytes: [UInt8], kind: String) {
        // "end ", 16 digits and a line feed.
        guard bytes.count > 21 else { return nil }
        var crc = CRC64()
        bytes.withUnsafeBytes { crc.update(UnsafeRawBufferPointer(rebasing: $0.dropLast(21))) }
        guard bytes.suffix(21).elementsEqual("end \(Hex.encode(crc.value))\n".utf8) else { return nil }
        let first = "oss-emulator 1 \(kind)\n".utf8
        guard bytes.starts(with: first) else { return nil }
        record = bytes
        lines.reserveCapacity(24)
        bytes.withUnsafeBytes { bytes in
            var start = first.count
            for index in start..<bytes.count - 21 where bytes[index] == 10 {
                lines.append(start)
                start = index + 1
            }
            lines.append(start)
        }
    }

    private func value(_ name: String, at line: Int) -> ArraySlice<UInt8>? {
        let start = lines[line]
        let end = lines[line + 1] - 1
        let length = name.utf8.count
        guard end - start > length, record[start + length] == 32,
            record[start..<start + length].elementsEqual(name.utf8)
        else { return nil }
        return record[(start + length + 1)..<end]
    }

    private func value(_ name: String) -> ArraySlice<UInt8>? {
        for line in 0..<lines.count - 1 {
            if let value = value(name, at: line) { return value }
        }
        return nil
    }

    private func values(_ name: String) -> [[ArraySlice<UInt8>]] {
        (0..<lines.count - 1).compactMap { value(name, at: $0)?.split(separator: 32, omittingEmptySubsequences: false) }
    }

    func bytes(_ name: String) -> [UInt8]? {
        value(name).flatMap { Percent.decode($0) }
    }

    func text(_ name: String) -> String? {
        bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    func number<Number: FixedWidthInteger>(_ name: String) -> Number? {
        value(name).flatMap { Number(String(decoding: $0, as: UTF8.self)) }
    }

    func instant(_ name: String) -> EmulatorInstant? {
        number(name).map { EmulatorInstant(millisecondsSince1970: $0) }
    }

    func choice<Choice: RawRepresentable>(_ name: String) -> Choice? where Choice.RawValue == String {
        text(name).flatMap(Choice.init(rawValue:))
    }

    func pairs(_ name: String) -> [(String, String)] {
        values(name).compactMap { words in
            guard words.count == 2, let first = Percent.decode(words[0]), let second = Percent.decode(words[1])
            else { return nil }
            return (String(decoding: first, as: UTF8.self), String(decoding: second, as: UTF8.self))
        }
    }

    func documents() -> [String: [UInt8]] {
        Dictionary(pairs("document").map { ($0, Array($1.utf8)) }) { $1 }
    }

    func segments() -> [Segment]? {
        var result: [Segment] = []
        for words in values("segment") {
            let words = words.map { String(decoding: $0, as: UTF8.self) }
            guard words.count == 3, let blob = UInt64(words[0], radix: 16), let offset = Int64(words[1]),
                let length = Int64(words[2])
            else { return nil }
            result.append(Segment(blob: BlobID(value: blob), offset: offset, length: length))
        }
        return result
    }
}

extension ObjectAttributes {
    func write(to record: inout RecordWriter) {
        record.field("content-type", contentType)
        record.field("storage-class", storageClass.rawValue)
        record.field("acl", acl.rawValue)
        for header in standardHeaders { record.pair("header", header.name, header.value) }
        for header in metadata { record.pair("meta", header.name, header.value) }
        for header in encryption { record.pair("encryption", header.name, header.value) }
        for tag in tags { record.pair("tag", tag.key, tag.value) }
        if let retention {
            record.field("retention", retention.mode.rawValue)
            record.field("retained", retention.until.millisecondsSince1970)
        }
        if let isOnLegalHold { record.field("hold", isOnLegalHold ? 1 : 0) }
    }

    init?(_ record: RecordReader) {
        guard let contentType = record.text("content-type"),
            let storageClass: StorageClass = record.choice("storage-class"),
            let acl: ObjectACL = record.choice("acl")
        else { return nil }
        self.init(
            contentType: contentType,
            standardHeaders: record.pairs("header").map { HeaderField(name: $0, value: $1) },
            metadata: record.pairs("meta").map { HeaderField(name: $0, value: $1) },
            encryption: record.pairs("encryption").map { HeaderField(name: $0, value: $1) },
            storageClass: storageClass,
            acl: acl,
            tags: record.pairs("tag").map { Tag(key: $0, value: $1) }
        )
        if let mode: ObjectRetention.Mode = record.choice("retention"), let until = record.instant("retained") {
            retention = ObjectRetention(mode: mode, until: until)
        }
        isOnLegalHold = record.number("hold").map { (number: Int) in number == 1 }
    }
}

extension AccountRecord {
    func encoded() -> [UInt8] {
        var record = RecordWriter(kind: "account")
        record.field("id", id)
        record.documents(documents)
        return record.finish()
    }

    init?(encoded bytes: [UInt8]) {
        guard let record = RecordReader(bytes, kind: "account"), let id = record.text("id") else { return nil }
        self.init(id: id, documents: record.documents())
    }
}

extension BucketRecord {
    func encoded() -> [UInt8] {
        var record = RecordWriter(kind: "bucket")
        record.field("name", name)
        record.field("owner", ownerID)
        record.field("created", created.millisecondsSince1970)
        record.field("acl", acl.rawValue)
        record.field("storage-class", storageClass.rawValue)
        record.field("redundancy", redundancy)
        record.field("versioning", versioning?.rawValue)
        record.field("resource-group", resourceGroupID)
        record.documents(documents)
        return record.finish()
    }

    init?(encoded bytes: [UInt8]) {
        guard let record = RecordReader(bytes, kind: "bucket"),
            let name = record.text("name"), let owner = record.text("owner"), let created = record.instant("created"),
            let acl: BucketACL = record.choice("acl"), let storageClass: StorageClass = record.choice("storage-class"),
            let redundancy = record.text("redundancy"), let group = record.text("resource-group")
        else { return nil }
        self.init(
            name: name, ownerID: owner, created: created, acl: acl, storageClass: storageClass, redundancy: redundancy,
            versioning: record.choice("versioning"), resourceGroupID: group,
            documents: record.documents()
        )
    }
}

extension ObjectVersion {
    func encoded() -> [UInt8] {
        var record = RecordWriter(kind: "object")
        record.field("key", key.bytes)
        record.field("version", versionID)
        record.field("sequence", sequence)
        record.field("modified", lastModified.millisecondsSince1970)
        record.field("marker", isDeleteMarker ? 1 : 0)
        record.field("type", type.rawValue)
        record.field("size", size)
        record.field("etag", etag)
        record.field("crc64", crc64)
        record.field("md5", contentMD5)
        attributes.write(to: &record)
        if let symlinkTarget { record.field("target", symlinkTarget.bytes) }
        if let restore {
            record.field("ready", restore.ready.millisecondsSince1970)
            record.field("restored", restore.end.millisecondsSince1970)
            record.field("tier", restore.tier?.rawValue)
        }
        if let sealed { record.field("sealed", sealed.millisecondsSince1970) }
        if let lastAccess { record.field("accessed", lastAccess.millisecondsSince1970) }
        record.segments(segments)
        return record.finish()
    }

    init?(encoded bytes: [UInt8]) {
        guard let record = RecordReader(bytes, kind: "object"),
            let key = record.bytes("key"), let version = record.text("version"),
            let sequence: UInt64 = record.number("sequence"), let modified = record.instant("modified"),
            let marker: Int = record.number("marker"), let type: ObjectType = record.choice("type"),
            let size: Int64 = record.number("size"), let etag = record.text("etag"),
            let crc: UInt64 = record.number("crc64"), let attributes = ObjectAttributes(record),
            let segments = record.segments(), segments.reduce(0, { $0 + $1.length }) == size
        else { return nil }
        self.init(
            key: ObjectKey(key), versionID: version, sequence: sequence, lastModified: modified,
            isDeleteMarker: marker == 1, type: type, size: size, etag: etag, crc64: crc,
            contentMD5: record.text("md5"), attributes: attributes, segments: segments,
            symlinkTarget: record.bytes("target").map { ObjectKey($0) }, sealed: record.instant("sealed"),
            lastAccess: record.instant("accessed")
        )
        if let ready = record.instant("ready"), let end = record.instant("restored") {
            restore = ObjectRestore(ready: ready, end: end, tier: record.choice("tier"))
        }
    }
}

extension UploadRecord {
    func encoded() -> [UInt8] {
        var record = RecordWriter(kind: "upload")
        record.field("key", key.bytes)
        record.field("upload", uploadID)
        record.field("initiated", initiated.millisecondsSince1970)
        record.field("sequential", isSequential ? 1 : 0)
        attributes.write(to: &record)
        return record.finish()
    }

    init?(encoded bytes: [UInt8]) {
        guard let record = RecordReader(bytes, kind: "upload"),
            let key = record.bytes("key"), let id = record.text("upload"), let initiated = record.instant("initiated"),
            let sequential: Int = record.number("sequential"), let attributes = ObjectAttributes(record)
        else { return nil }
        self.init(
            key: ObjectKey(key), uploadID: id, initiated: initiated, attributes: attributes,
            isSequential: sequential == 1)
    }
}

extension PartRecord {
    func encoded() -> [UInt8] {
        var record = RecordWriter(kind: "part")
        record.field("number", number)
        record.field("modified", lastModified.millisecondsSince1970)
        record.field("size", size)
        record.field("etag", etag)
        record.field("crc64", crc64)
        record.segments(segments)
        return record.finish()
    }

    init?(encoded bytes: [UInt8]) {
        guard let record = RecordReader(bytes, kind: "part"),
            let number: Int = record.number("number"), let modified = record.instant("modified"),
            let size: Int64 = record.number("size"), let etag = record.text("etag"),
            let crc: UInt64 = record.number("crc64"), let segments = record.segments(),
            segments.reduce(0, { $0 + $1.length }) == size
        else { return nil }
        self.init(number: number, lastModified: modified, size: size, etag: etag, crc64: crc, segments: segments)
    }
}
