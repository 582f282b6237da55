import OSSRuntime
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Random changes to valid documents: every read must end, without a crash and without leaving the document.
/// `OSS_FUZZ_SECONDS` makes it run longer than the moment that it takes in a usual test run.
@Suite struct XMLFuzzTests {
    static let documents: [String] = [
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <ListBucketResult xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com">
          <Name>oss-example</Name><Prefix></Prefix><MaxKeys>100</MaxKeys><EncodingType>url</EncodingType>
          <IsTruncated>false</IsTruncated>
          <Contents><Key>fun%2Fmovie%2F001.avi</Key><LastModified>2012-02-24T08:43:07.000Z</LastModified>
            <ETag>&quot;5B3C1A2E053D763E1B002CC607C5A0FE&quot;</ETag><Size>344606</Size><Owner><ID>0022</ID></Owner></Contents>
        </ListBucketResult>
        """,
        "<!-- c --><?pi x?><n:r xmlns:n='u' a = \"&lt;&#65;\" b='2'><![CDATA[<x>]]]]><e/>照片&#x1F600;]] \r\n<f g='h'/></n:r><!---->",
        "<Error><Code>NoSuchKey</Code><Message>a &amp; b</Message><RequestId>1</RequestId><Extra><Deep>x</Deep></Extra></Error>",
    ]

    static let pieces: [String] = [
        "<", ">", "</", "/>", "<!--", "-->", "--", "<![CDATA[", "]]>", "]]", "<?", "?>", "&", ";", "&#", "&#x", "&amp;",
        "'", "\"",
        "=", " ", "\n", "\r", "\u{0}", "\u{1}", "\u{FEFF}", "é", "<!DOCTYPE", "<?xml ", "xmlns:", ":", "<a>", "</a>",
        "0", "-",
    ]

    private func mutate(_ document: [UInt8], _ generator: inout some RandomNumberGenerator) -> [UInt8] {
        var bytes = document
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let at = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<7, using: &generator) {
            case 0 where at < bytes.count: bytes[at] = .random(in: 0...255, using: &generator)
            case 1 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes.insert(contentsOf: (Self.pieces.randomElement(using: &generator) ?? "").utf8, at: at)
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + .random(in: 0...12, using: &generator)))
            case 4: bytes.removeSubrange(at...)
            case 5:
                let from = Int.random(in: 0...bytes.count, using: &generator)
                let part = Array(bytes[from..<min(bytes.count, from + .random(in: 0...60, using: &generator))])
                bytes.insert(contentsOf: part, at: at)
            default:
                if at < bytes.count { bytes.swapAt(at, .random(in: 0..<bytes.count, using: &generator)) }
            }
        }
        return bytes
    }

    /// Reads with a random choice of functions.
    private func read(_ xml: inout XMLReader, _ generator: inout some RandomNumberGenerator, _ budget: inout Int) {
        while let name = xml.nextElement() {
            budget -= 1
            if budget < 0 { return }
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: xml.skipElement()
            case 1: _ = xml.readInt()
            case 2: _ = xml.readBool()
            case 3: _ = xml.readDate(.dateTime)
            case 4: _ = xml.readURLDecodedString()
            case 5, 6: _ = xml.readString()
            case 7:
                _ = xml.peekText(of: "ID")
                fallthrough
            default:
                if name.description.isEmpty { Issue.record("an empty name") }
                read(&xml, &generator, &budget)
            }
        }
    }

    @Test func mutatedDocuments() {
        let seconds = Double(ProcessInfo.processInfo.environment["OSS_FUZZ_SECONDS"] ?? "") ?? 1
        let end = ContinuousClock.now + .seconds(seconds)
        var generator = SystemRandomNumberGenerator()
        var (accepted, refused) = (0, 0)
        while ContinuousClock.now < end {
            for document in Self.documents {
                let bytes = mutate(Array(document.utf8), &generator)
                let skipped = Result { () throws(XMLError) in try XMLReader.read(bytes) { _ in } }
                var budget = 1000
                let read = Result { () throws(XMLError) in
                    try XMLReader.read(bytes) { xml in
                        xml.decodesURLs = true
                        self.read(&xml, &generator, &budget)
                    }
                }
                switch skipped {
                case .success: accepted += 1
                case .failure(let error):
                    refused += 1
                    // What is malformed is refused however it is read.
                    if case .success = read { Issue.record("accepted when read: \(bytes)") }
                    if error.offset < 0 || error.offset > bytes.count || error.line < 1 || error.column < 1 {
                        Issue.record("\(error) in \(bytes)")
                    }
                }
                if budget < 0 { Issue.record("does not end: \(bytes)") }
            }
        }
        print("XML fuzzing: \(accepted) accepted, \(refused) refused")
        #expect(accepted > 0 && refused > 0)
    }
}
