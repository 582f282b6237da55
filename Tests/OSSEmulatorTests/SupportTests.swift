import OSSChecksum
import Testing

@testable import OSSEmulator

@Suite struct SupportTests {
    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT", "19700101T000000Z"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT", "20000228T235959Z"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT", "20000229T000000Z"),
        (1_702_743_657, "Sat, 16 Dec 2023 16:20:57 GMT", "20231216T162057Z"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT", "21000301T000000Z"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT", "19691231T235959Z"),
    ])
    func dates(seconds: Int64, http: String, basic: String) {
        let instant = EmulatorInstant(secondsSince1970: seconds)
        #expect(instant.httpDate == http)
        #expect(instant.basicISO8601 == basic)
        #expect(EmulatorInstant(httpDate: http) == instant)
        #expect(EmulatorInstant(basicISO8601: basic) == instant)
    }

    @Test func everyDayOfManyYearsComesBack() {
        for day in stride(from: Int64(-100_000), to: 100_000, by: 13) {
            #expect(CivilTime(secondsSince1970: day * 86400 + 12345).secondsSince1970 == day * 86400 + 12345)
        }
    }

    @Test(arguments: [
        "", "garbage", "Sat, 16 Dec 2023 16:20:57", "Sat, 16 Foo 2023 16:20:57 GMT", "Sat, 16 Dec 2023 16:99:57 GMT",
    ])
    func datesThatAreNone(text: String) {
        #expect(EmulatorInstant(httpDate: text) == nil)
        #expect(EmulatorInstant(basicISO8601: text) == nil)
    }

    @Test func base64() {
        for (text, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            #expect(Base64.encode(Array(text.utf8)) == coded)
            #expect(Base64.decode(coded) == Array(text.utf8))
        }
        for broken in ["Zg", "Zg=", "====", "Z===", "Zm9v=", "Zm 9", "Zg==Zg=="] {
            #expect(Base64.decode(broken) == nil)
        }
    }

    @Test func percentCoding() {
        #expect(Percent.encode("a b/+%é~") == "a%20b%2F%2B%25%C3%A9~")
        #expect(Percent.encode("a/b", keepingSlash: true) == "a/b")
        #expect(Percent.decode("a+%2b%2F".utf8) == Array("a++/".utf8))
        for broken in ["%", "%4", "%zz", "a%"] { #expect(Percent.decode(broken.utf8) == nil) }
    }

    @Test func sortedMapAgainstADictionary() {
        var random = SystemRandomNumberGenerator()
        var map = SortedMap<Int, Int>()
        var model: [Int: Int] = [:]
        for step in 0..<20_000 {
            let key = Int.random(in: 0..<3000, using: &random)
            if Int.random(in: 0..<3, using: &random) == 0 {
                map[key] = nil
                model[key] = nil
            } else {
                map[key] = step
                model[key] = step
            }
        }
        #expect(map.count == model.count)
        #expect(map.map(\.key) == model.keys.sorted())
        for key in 0..<3000 {
            #expect(map[key] == model[key])
            #expect(map.entry(at: map.position(key))?.key == model.keys.filter { $0 >= key }.min())
            #expect(map.entry(at: map.position(key, after: true))?.key == model.keys.filter { $0 > key }.min())
        }
    }

    @Test func keysAreBytes() {
        #expect(ObjectKey("e\u{301}") != ObjectKey("\u{e9}"))
        #expect(ObjectKey("a") < ObjectKey("aa"))
        #expect(ObjectKey("Z") < ObjectKey("a"))
        #expect(ObjectKey("\u{ffff}") < ObjectKey("\u{10000}"))
        #expect(ObjectKey.afterAll(withPrefix: [97, 255, 255])?.bytes == [98])
        #expect(ObjectKey.afterAll(withPrefix: [255]) == nil)
        #expect(ObjectKey("p/a/b").commonPrefix(after: 2, delimiter: Array("/".utf8)) == Array("p/a/".utf8))
    }

    @Test func readsXML() throws {
        let root = try XMLReader.read(
            Array(
                "<?xml version='1.0'?><!-- c --><n:Delete xmlns:n='u' a=\"1\">\n<Key> &lt;&#01;&#x1F600;<![CDATA[<&]]></Key><E/></n:Delete>"
                    .utf8))
        #expect(root.name == "Delete")
        #expect(root.child("Key")?.text == " <\u{1}\u{1F600}<&")
        #expect(root.value("E") == "")
    }

    @Test(arguments: [
        "", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&none;</a>", "<a>&#xD800;</a>", "<a b=c/>", "<a", "<a>&#;</a>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a><!ENTITY x 'y'></a>", "<a>&#99999999999;</a>", "</a>",
        "<a b='<'/>",
    ])
    func refusesXML(text: String) {
        #expect(throws: XMLFailure.self) { try XMLReader.read(Array(text.utf8)) }
    }

    @Test func refusesDeepAndRandomXML() {
        let deep = String(repeating: "<a>", count: 100_000)
        #expect(throws: XMLFailure.self) { try XMLReader.read(Array(deep.utf8)) }
        #expect(throws: XMLFailure.self) { try XMLReader.read([60, 97, 62, 255, 60, 47, 97, 62]) }
        let alphabet = Array("<>/a&#;=\"' !-[]?".utf8)
        for _ in 0..<5000 {
            _ = try? XMLReader.read((0..<Int.random(in: 0..<40)).map { _ in alphabet.randomElement() ?? 60 })
        }
    }

    @Test(arguments: [
        ("bytes=0-99", true, ResolvedRange.part(start: 0, length: 100)),
        ("bytes=999-", false, .part(start: 999, length: 1)),
        ("bytes=-1", false, .part(start: 999, length: 1)),
        ("bytes=-2000", false, .whole),
        ("bytes=-2000", true, .part(start: 0, length: 1000)),
        ("bytes=-0", true, .unsatisfiable),
        ("bytes=500-1000", false, .whole),
        ("bytes=500-1000", true, .part(start: 500, length: 500)),
        ("bytes=1000-", false, .whole),
        ("bytes=1000-", true, .unsatisfiable),
        ("bytes=5-4", true, .whole),
        ("bytes=0-1,3-4", true, .whole),
        ("bytes=a-b", true, .whole),
        ("bytes=", true, .whole),
        ("bytes=99999999999999999999-", true, .whole),
        ("items=0-1", true, .whole),
    ])
    func ranges(header: String, isStandard: Bool, wanted: ResolvedRange) {
        #expect(ResolvedRange(header, size: 1000, isStandard: isStandard) == wanted)
    }

    @Test func recordsComeBackAndTornOnesDoNot() throws {
        let version = ObjectVersion(
            key: ObjectKey("a b\n\u{1}%é"), versionID: "v", sequence: 7,
            lastModified: EmulatorInstant(millisecondsSince1970: 5),
            type: .multipart, size: 30, etag: "E-2", crc64: .max, contentMD5: "m==",
            attributes: ObjectAttributes(
                contentType: "t/x; a=\"b\"", standardHeaders: [HeaderField(name: "Expires", value: "")],
                metadata: [HeaderField(name: "k k", value: "v\tv")], storageClass: .archive, acl: .publicRead,
                tags: [Tag(key: "=", value: "&")]),
            segments: [
                Segment(blob: BlobID(value: 1), offset: 0, length: 10),
                Segment(blob: BlobID(value: 2), offset: 3, length: 20),
            ])
        let bytes = version.encoded()
        let copy = try #require(ObjectVersion(encoded: bytes))
        #expect(copy.key == version.key && copy.attributes == version.attributes && copy.segments == version.segments)
        #expect(copy.crc64 == .max && copy.contentMD5 == "m==" && copy.type == .multipart && copy.sequence == 7)
        for count in 0..<bytes.count { #expect(ObjectVersion(encoded: Array(bytes.prefix(count))) == nil) }
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(ObjectVersion(encoded: damaged) == nil)
        }
    }

    @Test func slicesOfSegments() {
        let segments = [10, 20, 30].enumerated().map {
            Segment(blob: BlobID(value: UInt64($0 + 1)), offset: 100, length: $1)
        }
        #expect(
            Segment.slice(segments, from: 5, length: 30) == [
                Segment(blob: BlobID(value: 1), offset: 105, length: 5),
                Segment(blob: BlobID(value: 2), offset: 100, length: 20),
                Segment(blob: BlobID(value: 3), offset: 100, length: 5),
            ])
        #expect(Segment.slice(segments, from: 60, length: 0).isEmpty)
    }

    @Test func checksums() {
        var crc = CRC64()
        Array("123456789".utf8).withUnsafeBytes { crc.update($0) }
        #expect(crc.value == 0x995d_c9bb_df19_39fa)
        #expect(CRC64.combine(6_748_440_630_437_108_969, 10_278_880_121_275_185_425, secondLength: 4) == crc.value)
    }
}
