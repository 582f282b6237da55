import Crypto
import HTTPTypes
import OSSChecksum
import OSSRuntime

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// The primitives of the runtime, each beside the limit it was held against, measured in turns in the same run.
// The structures are coded the way generated code is, in a module that is not the runtime's.

/// Measures the runtime's primitives and prints a table.
///
/// - Parameter filter: Only rows whose name holds this.
func runPrimitiveBenchmarks(only filter: String? = nil) {
    let page = ListPage.sample(objects: 1000).encoded()
    let prettyPage = prettyPrinted(page)
    let delete = DeleteRequest.sample(objects: 1000)
    let deleteBytes = delete.encoded()
    let pageValue = decode(page)
    precondition(pageValue == decode(prettyPage) && pageValue.contents.count == 1000)

    var table = Table(filter: filter)
    var sink = 0

    // XML
    table.throughput(
        "XML read, list page of 1000, into structs", bytes: page.count, ours: { sink &+= decode(page).contents.count },
        limit: "find every '<' and make the Strings", { sink &+= extractStrings(page) })
    table.throughput(
        "XML read, the same with indentation", bytes: prettyPage.count,
        ours: { sink &+= decode(prettyPage).contents.count },
        limit: "find every '<' and make the Strings", { sink &+= extractStrings(prettyPage) })
    table.throughput(
        "XML check only (skipped)", bytes: page.count,
        ours: { sink &+= (try? XMLReader.read(page) { _ in 1 }) ?? 0 },
        limit: "find every '<', byte by byte", { sink &+= countLessThan(page) })
    table.throughput(
        "XML write, delete of 1000 keys", bytes: deleteBytes.count, ours: { sink &+= delete.encoded().count },
        limit: "append the pieces without escaping", { sink &+= delete.appended().count })
    let pageOut = pageValue
    table.throughput(
        "XML write, list page of 1000", bytes: page.count, ours: { sink &+= pageOut.encoded().count },
        limit: "copy the bytes", { sink &+= copy(page) })

    // Checksums
    for size in [1 << 10, 64 << 10, 1 << 20, 64 << 20] {
        let data = randomBytes(size)
        table.throughput(
            "CRC-64 of \(size >> 10) KiB", bytes: size,
            ours: { sink &+= Int(truncatingIfNeeded: CRC64.checksum(of: data)) },
            limit: "read the bytes", { sink &+= readWords(data) })
    }

    // Signing
    let signer = V4Signer()
    let parameters = SigningParameters(
        credentials: Credentials(
            accessKeyID: "LTAI5tExampleExampleKeyID", accessKeySecret: "ExampleSecretExampleSecret0123"),
        region: "cn-hangzhou", date: Date(timeIntervalSince1970: 1_702_743_657))
    let request = SignableRequest(
        method: .put, bucket: "examplebucket", key: "photos/2023/12/16/IMG 0001.jpg",
        query: "partNumber=3&uploadId=0004B9895DBBB6EC98E36",
        headers: [
            .contentType: "image/jpeg", .contentLength: "6291456", .userAgent: "alibabacloud-swift-sdk/1.0",
            .acceptEncoding: "identity",
        ])
    var signed = request
    let trace = signer.trace(&signed, with: parameters)
    let canonical = Array((trace.canonicalRequest ?? "").utf8)
    let stringToSign = Array(trace.stringToSign.utf8)
    let prototype = HMAC<SHA256>(key: SymmetricKey(size: .bits256))
    table.latency(
        "V4 signature, cached key",
        ours: {
            var copy = request
            signer.sign(&copy, with: parameters)
            sink &+= copy.headers.count
        },
        limit: "its SHA-256 and HMAC alone",
        {
            let digest = canonical.withUnsafeBytes {
                var hash = SHA256()
                hash.update(bufferPointer: $0)
                return hash.finalize()
            }
            var hmac = prototype
            hmac.update(data: stringToSign)
            sink &+= hmac.finalize().byteCount &+ digest.withUnsafeBytes { Int($0[0]) }
        })
    table.latency(
        "V4 signature, new key",
        ours: {
            var copy = request
            V4Signer().sign(&copy, with: parameters)
            sink &+= copy.headers.count
        },
        limit: "key derivation alone",
        {
            var key = SymmetricKey(data: Array("aliyun_v4ExampleSecretExampleSecret0123".utf8))
            for part in ["20231216", "cn-hangzhou", "oss", "aliyun_v4_request"] {
                key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
            }
            sink &+= key.bitCount
        })
    table.latency(
        "V4 presigned query, cached key",
        ours: {
            var copy = request
            signer.presign(&copy, with: parameters, expiresIn: 900)
            sink &+= copy.query.utf8.count
        },
        limit: "V4 signature, cached key",
        {
            var copy = request
            signer.sign(&copy, with: parameters)
            sink &+= copy.headers.count
        })

    // Small things
    let key = "photos/2023/12/16/IMG_0001.jpg"
    let oddKey = "照片/2023 (12)/ !@#$%^&*()_+-=;'><,?.txt"
    let oddEscaped = PercentEncoding.path(oddKey)
    let copied: (String) -> Void = { sink &+= String(decoding: Array($0.utf8), as: UTF8.self).utf8.count }
    table.latency(
        "path escape, nothing to do", ours: { sink &+= PercentEncoding.path(key).utf8.count }, limit: "copy the string",
        { copied(key) })
    table.latency(
        "path escape, odd key", ours: { sink &+= PercentEncoding.path(oddKey).utf8.count }, limit: "copy the string",
        { copied(oddEscaped) })
    table.latency(
        "percent decode, odd key", ours: { sink &+= PercentEncoding.decode(oddEscaped).utf8.count },
        limit: "copy the string", { copied(oddKey) })
    let date = Date(timeIntervalSince1970: 1_702_743_657)
    let isoText = Timestamps.string(date, .dateTime)
    let httpText = Timestamps.string(date, .httpDate)
    table.latency(
        "ISO 8601 parse", ours: { sink &+= Timestamps.date(isoText, .dateTime) == nil ? 0 : 1 },
        limit: "copy the string", { copied(isoText) })
    table.latency(
        "ISO 8601 print", ours: { sink &+= Timestamps.string(date, .dateTime).utf8.count }, limit: "copy the string",
        { copied(isoText) })
    table.latency(
        "HTTP date parse", ours: { sink &+= Timestamps.date(httpText, .httpDate) == nil ? 0 : 1 },
        limit: "copy the string", { copied(httpText) })
    table.latency(
        "HTTP date print", ours: { sink &+= Timestamps.string(date, .httpDate).utf8.count }, limit: "copy the string",
        { copied(httpText) })
    table.latency(
        "content type of a key", ours: { sink &+= ContentType.forKey(key).utf8.count }, limit: "copy the string",
        { copied("image/jpeg") })

    table.print()
    if sink == 42 { print("") }  // keeps the work from being optimised away
}

// MARK: - Measuring

private final class Work {
    var call: () -> Void
    init(call: @escaping () -> Void) { self.call = call }
}

private struct Table {
    let filter: String?
    private var rows: [[String]] = []

    init(filter: String?) {
        self.filter = filter
    }

    mutating func throughput(
        _ name: String, bytes: Int, ours: @escaping () -> Void, limit: String, _ other: @escaping () -> Void
    ) {
        if let filter, !name.contains(filter) { return }
        let (a, b) = measure(ours, other)
        let rate = { (nanoseconds: Double) in
            let megabytes = Double(bytes) / nanoseconds * 1000
            return megabytes >= 10_000 ? "\(fixed(megabytes / 1000, 1)) GB/s" : "\(Int(megabytes)) MB/s"
        }
        rows.append([name, rate(a), limit, rate(b), fixed(b / a, 2)])
    }

    mutating func latency(_ name: String, ours: @escaping () -> Void, limit: String, _ other: @escaping () -> Void) {
        if let filter, !name.contains(filter) { return }
        let (a, b) = measure(ours, other)
        let time = { (nanoseconds: Double) in
            nanoseconds >= 1000 ? "\(fixed(nanoseconds / 1000, 2)) µs" : "\(Int(nanoseconds)) ns"
        }
        rows.append([name, time(a), limit, time(b), fixed(b / a, 2)])
    }

    /// Nanoseconds per call of both: the best of interleaved rounds, which other work on the machine disturbs least.
    private func measure(_ a: @escaping () -> Void, _ b: @escaping () -> Void) -> (Double, Double) {
        var best = (Double.infinity, Double.infinity)
        // Boxed, so that the optimiser can't look into them and move work out of the loop.
        let (a, b) = (Work(call: a), Work(call: b))
        let (countA, countB) = (calls(a), calls(b))
        for _ in 0..<15 {
            best.0 = min(best.0, time(countA, a))
            best.1 = min(best.1, time(countB, b))
        }
        return best
    }

    /// How many calls take about 10 ms.
    private func calls(_ work: Work) -> Int {
        var count = 1
        while time(count, work) * Double(count) < 10_000_000 { count *= 2 }
        return count
    }

    @inline(never)
    private func time(_ count: Int, _ work: Work) -> Double {
        let start = ContinuousClock.now
        for _ in 0..<count { work.call() }
        let duration = (ContinuousClock.now - start).components
        return (Double(duration.seconds) * 1e9 + Double(duration.attoseconds) / 1e9) / Double(count)
    }

    func print() {
        let header = ["primitive", "ours", "held against", "limit", "ratio"]
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        for row in all {
            let cells = row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 || column == 2 ? cell + padding : padding + cell
            }
            Swift.print(cells.joined(separator: "  "))
        }
    }
}

private func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = digits == 1 ? 10.0 : 100.0
    let scaled = Int((value * scale).rounded())
    let fraction = String(scaled % Int(scale))
    return "\(scaled / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
}

// MARK: - The limits

/// Every '<', one byte after the other.
@inline(never)
private func countLessThan(_ bytes: [UInt8]) -> Int {
    var count = 0
    for byte in bytes where byte == UInt8(ascii: "<") { count += 1 }
    return count
}

/// What a reader that checks nothing would still do: find the tags, and make a String of every text.
@inline(never)
private func extractStrings(_ bytes: [UInt8]) -> Int {
    var strings: [String] = []
    strings.reserveCapacity(10_000)
    bytes.withUnsafeBufferPointer { bytes in
        var start = 0
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: ">") {
                start = i + 1
            } else if bytes[i] == UInt8(ascii: "<") {
                if i > start, bytes[i + 1] == UInt8(ascii: "/"), bytes[start] > 0x20 {
                    strings.append(String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<i]), as: UTF8.self))
                }
            }
            i += 1
        }
    }
    return strings.count
}

@inline(never)
private func copy(_ bytes: [UInt8]) -> Int {
    let copy = bytes.withUnsafeBufferPointer { Array($0) }
    return Int(copy[copy.count / 2])
}

/// Every byte, eight at a time.
@inline(never)
private func readWords(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBytes { bytes in
        var sum: UInt64 = 0
        for word in bytes.bindMemory(to: UInt64.self) { sum ^= word }
        return Int(truncatingIfNeeded: sum)
    }
}

private func randomBytes(_ count: Int) -> [UInt8] {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}

/// As the service writes it: a line for each element.
private func prettyPrinted(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var depth = 0
    var i = 0
    var wasEnd = false
    while i < bytes.count {
        if bytes[i] == UInt8(ascii: "<") {
            let isEnd = bytes[i + 1] == UInt8(ascii: "/")
            if isEnd { depth -= 1 }
            if !isEnd || wasEnd {
                output.append(UInt8(ascii: "\n"))
                output.append(contentsOf: [UInt8](repeating: 0x20, count: 2 * depth))
            }
            if !isEnd { depth += 1 }
            wasEnd = isEnd
        }
        output.append(bytes[i])
        i += 1
    }
    return output
}

// MARK: - As generated

private func decode(_ bytes: [UInt8]) -> ListPage {
    do {
        return try XMLReader.read(bytes, root: "ListBucketResult") { xml in ListPage(from: &xml) }
    } catch {
        preconditionFailure("\(error)")
    }
}

private struct StorageClass: OpenStringEnum {
    var rawValue: String
}

private struct ListPage: Hashable {
    var name: String?
    var prefix: String?
    var maxKeys: Int?
    var encodingType: String?
    var isTruncated: Bool?
    var keyCount: Int?
    var nextContinuationToken: String?
    var contents: [Object] = []
    var commonPrefixes: [CommonPrefix] = []
    init() {}

    static func sample(objects: Int) -> ListPage {
        var page = ListPage()
        page.name = "examplebucket"
        page.prefix = "photos/"
        page.maxKeys = objects
        page.encodingType = "url"
        page.isTruncated = true
        page.keyCount = objects
        page.nextContinuationToken = "ChR1c2VyL2V2ZXJ5dGhpbmcvMTAwMA--"
        for i in 0..<objects {
            let object = Object(
                key: "photos%2F2023%2F12%2F16%2FIMG_\(100_000 + i).jpg",
                lastModified: Date(timeIntervalSince1970: 1_702_743_657 + Double(i)),
                etag: "\"5B3C1A2E053D763E1B002CC607C5A\(1000 + i)\"", type: "Normal", size: Int64(1_000_000 + 37 * i),
                storageClass: "Standard", owner: Owner(id: "0022012345678901", displayName: "user-example"))
            page.contents.append(object)
        }
        return page
    }

    func encoded() -> [UInt8] {
        var xml = XMLWriter()
        xml.write("ListBucketResult", self)
        return xml.bytes
    }
}

extension ListPage: XMLDecodable, XMLEncodable {
    init(from xml: inout XMLReader) {
        self.init()
        while let element = xml.nextElement() {
            switch element {
            case "Name": name = xml.readString()
            case "Prefix": prefix = xml.readURLDecodedString()
            case "MaxKeys": maxKeys = xml.readInt()
            case "EncodingType": encodingType = xml.readString()
            case "IsTruncated": isTruncated = xml.readBool()
            case "KeyCount": keyCount = xml.readInt()
            case "NextContinuationToken": nextContinuationToken = xml.readString()
            case "Contents": contents.append(xml.read())
            case "CommonPrefixes": commonPrefixes.append(xml.read())
            default: xml.skipElement()
            }
        }
    }

    func encode(into xml: inout XMLWriter) {
        xml.write("Name", name)
        xml.write("Prefix", prefix)
        xml.write("MaxKeys", maxKeys)
        xml.write("EncodingType", encodingType)
        xml.write("IsTruncated", isTruncated)
        xml.write("KeyCount", keyCount)
        xml.write("NextContinuationToken", nextContinuationToken)
        xml.writeFlattened("Contents", contents)
        xml.writeFlattened("CommonPrefixes", commonPrefixes)
    }
}

private struct Object: Hashable {
    var key: String?
    var lastModified: Date?
    var etag: String?
    var type: String?
    var size: Int64?
    var storageClass: StorageClass?
    var restoreInfo: String?
    var owner: Owner?
}

extension Object: XMLDecodable, XMLEncodable {
    init(from xml: inout XMLReader) {
        self.init()
        while let element = xml.nextElement() {
            switch element {
            case "Key": key = xml.readURLDecodedString()
            case "LastModified": lastModified = xml.readDate(.dateTime)
            case "ETag": etag = xml.readString()
            case "Type": type = xml.readString()
            case "Size": size = xml.readInt64()
            case "StorageClass": storageClass = xml.readEnum()
            case "RestoreInfo": restoreInfo = xml.readString()
            case "Owner": owner = xml.read()
            default: xml.skipElement()
            }
        }
    }

    func encode(into xml: inout XMLWriter) {
        xml.write("Key", key)
        xml.write("LastModified", lastModified, .dateTime)
        xml.write("ETag", etag)
        xml.write("Type", type)
        xml.write("Size", size)
        xml.write("StorageClass", storageClass)
        xml.write("RestoreInfo", restoreInfo)
        xml.write("Owner", owner)
    }
}

private struct Owner: Hashable {
    var id: String?
    var displayName: String?
}

extension Owner: XMLDecodable, XMLEncodable {
    init(from xml: inout XMLReader) {
        self.init()
        while let element = xml.nextElement() {
            switch element {
            case "ID": id = xml.readString()
            case "DisplayName": displayName = xml.readString()
            default: xml.skipElement()
            }
        }
    }

    func encode(into xml: inout XMLWriter) {
        xml.write("ID", id)
        xml.write("DisplayName", displayName)
    }
}

private struct CommonPrefix: Hashable {
    var prefix: String?
}

extension CommonPrefix: XMLDecodable, XMLEncodable {
    init(from xml: inout XMLReader) {
        self.init()
        while let element = xml.nextElement() {
            switch element {
            case "Prefix": prefix = xml.readURLDecodedString()
            default: xml.skipElement()
            }
        }
    }

    func encode(into xml: inout XMLWriter) {
        xml.write("Prefix", prefix)
    }
}

private struct ObjectIdentifier: Hashable, XMLEncodable {
    var key: String
    var versionID: String?

    func encode(into xml: inout XMLWriter) {
        xml.write("Key", key)
        xml.write("VersionId", versionID)
    }
}

private struct DeleteRequest: XMLEncodable {
    var quiet: Bool?
    var objects: [ObjectIdentifier]

    static func sample(objects: Int) -> DeleteRequest {
        DeleteRequest(
            quiet: true,
            objects: (0..<objects).map {
                ObjectIdentifier(
                    key: "photos/2023/12/16/some longer folder name & more/IMG_\(100_000 + $0).jpg", versionID: nil)
            })
    }

    func encode(into xml: inout XMLWriter) {
        xml.write("Quiet", quiet)
        xml.writeFlattened("Object", objects)
    }

    func encoded() -> [UInt8] {
        var xml = XMLWriter()
        xml.write("Delete", self)
        return xml.bytes
    }

    /// The limit: the same pieces, appended to an array as they are.
    func appended() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(contentsOf: "<Delete><Quiet>true</Quiet>".utf8)
        for object in objects {
            bytes.append(contentsOf: "<Object><Key>".utf8)
            bytes.append(contentsOf: object.key.utf8)
            bytes.append(contentsOf: "</Key></Object>".utf8)
        }
        bytes.append(contentsOf: "</Delete>".utf8)
        return bytes
    }
}
