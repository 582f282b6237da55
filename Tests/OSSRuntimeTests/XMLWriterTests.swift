import OSSRuntime
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

private func written(_ write: (inout XMLWriter) -> Void) -> String {
    var xml = XMLWriter()
    write(&xml)
    return String(decoding: xml.bytes, as: UTF8.self)
}

@Suite struct XMLWriterTests {
    struct Color: OpenStringEnum {
        var rawValue: String
    }

    struct Item: XMLEncodable {
        var key: String
        func encode(into xml: inout XMLWriter) { xml.write("Key", key) }
    }

    @Test func scalars() {
        #expect(written { _ in } == "")
        #expect(written { $0.write("A", "text") } == "<A>text</A>")
        #expect(written { $0.write("A", "") } == "<A></A>")
        #expect(written { $0.write("A", nil as String?) } == "")
        #expect(written { $0.write("A", 12) } == "<A>12</A>")
        #expect(written { $0.write("A", Int64.min) } == "<A>-9223372036854775808</A>")
        #expect(written { $0.write("A", Int64.max) } == "<A>9223372036854775807</A>")
        for value in [0, 1, 9, 10, 99, 100, -1, -10, 1_000_000_000_000_000_000] {
            #expect(written { $0.write("A", value) } == "<A>\(value)</A>")
        }
        #expect(written { $0.write("A", nil as Int?) } == "")
        #expect(
            written {
                $0.write("A", true)
                $0.write("B", false)
            } == "<A>true</A><B>false</B>")
        #expect(written { $0.write("A", 1.5) } == "<A>1.5</A>")
        #expect(written { $0.write("A", Color(rawValue: "red")) } == "<A>red</A>")
        #expect(written { $0.write("A", nil as Color?) } == "")
        let date = Date(timeIntervalSince1970: 1_702_743_657)
        #expect(written { $0.write("A", date, .dateTime) } == "<A>2023-12-16T16:20:57Z</A>")
        #expect(written { $0.write("A", date, .dateTimeMidnight) } == "<A>2023-12-16T00:00:00.000Z</A>")
        #expect(written { $0.write("A", date, .httpDate) } == "<A>Sat, 16 Dec 2023 16:20:57 GMT</A>")
        #expect(written { $0.write("A", date, .epochSeconds) } == "<A>1702743657</A>")
    }

    @Test func structuresAndLists() {
        let items = [Item(key: "1"), Item(key: "2")]
        #expect(written { $0.write("I", items[0]) } == "<I><Key>1</Key></I>")
        #expect(written { $0.write("I", nil as Item?) } == "")
        #expect(written { $0.writeFlattened("I", items) } == "<I><Key>1</Key></I><I><Key>2</Key></I>")
        #expect(written { $0.writeFlattened("I", ["a", "b"]) } == "<I>a</I><I>b</I>")
        #expect(written { $0.writeFlattened("I", [1, 2]) } == "<I>1</I><I>2</I>")
        #expect(written { $0.writeFlattened("I", [Color(rawValue: "x")]) } == "<I>x</I>")
        #expect(written { $0.writeList("L", item: "I", ["a"]) } == "<L><I>a</I></L>")
        #expect(written { $0.writeList("L", item: "I", items) } == "<L><I><Key>1</Key></I><I><Key>2</Key></I></L>")
        #expect(written { $0.writeList("L", item: "I", [String]()) } == "")
        #expect(written { $0.writeList("L", item: "I", [String](), always: true) } == "<L></L>")
        #expect(
            written {
                $0.startElement("A")
                $0.writeText("x<y")
                $0.writeText(nil)
                $0.endElement("A")
            } == "<A>x&lt;y</A>")
    }

    @Test func escapes() {
        #expect(written { $0.writeText("&<>\"'") } == "&amp;&lt;&gt;\"'")
        #expect(written { $0.writeText("\u{0}\u{1}\t\n\r\u{1F} \u{7F}") } == "&#0;&#1;&#9;&#10;&#13;&#31; \u{7F}")
        #expect(written { $0.writeText("照片😀%#?=") } == "照片😀%#?=")
        // Every ASCII byte at every place of a word.
        for byte in UInt8(0)..<0x80 {
            let character = String(UnicodeScalar(byte))
            let expected =
                switch byte {
                case 0x26: "&amp;"
                case 0x3C: "&lt;"
                case 0x3E: "&gt;"
                case 0..<0x20: "&#\(byte);"
                default: character
                }
            for position in 0..<20 {
                for length in [0, 1, 7, 8, 20] {
                    let before = String(repeating: "é", count: position)
                    let after = String(repeating: "z", count: length)
                    let text = written { $0.write("A", before + character + after) }
                    guard text == "<A>" + before + expected + after + "</A>" else {
                        Issue.record("\(byte) at \(position): \(text)")
                        return
                    }
                }
            }
        }
    }

    @Test func growsWithEscapes() {
        // The longest escapes only, at sizes around each doubling of the buffer.
        for count in [1, 60, 64, 100, 500, 511, 512, 513, 2000, 10_000] {
            #expect(
                written { $0.write("A", String(repeating: "&", count: count)) } == "<A>"
                    + String(repeating: "&amp;", count: count) + "</A>")
        }
        for count in 0..<600 {
            let text = String(repeating: "x", count: count)
            #expect(
                written { xml in
                    xml.writeText(text)
                    xml.write("LongElementName", Int64.min)
                    xml.startElement("LongElementName")
                    xml.endElement("LongElementName")
                    xml.write("A", "&" + text)
                } == text
                    + "<LongElementName>-9223372036854775808</LongElementName><LongElementName></LongElementName><A>&amp;\(text)</A>"
            )
        }
    }

    @Test func readsBackWhatItWrote() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let scalars = (0..<Int.random(in: 0...40, using: &generator)).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 1...(Bool.random() ? 0x7F : 0x10FFFF), using: &generator))
            }.filter { $0.value != 0xFFFE && $0.value != 0xFFFF }
            let text = String(String.UnicodeScalarView(scalars))
            var xml = XMLWriter()
            xml.write("Key", text)
            let back = try XMLReader.read(xml.bytes) { $0.readString() }
            #expect(back.map { Array($0.utf8) } == Array(text.utf8))
        }
    }
}

@Suite struct OpenStringEnumTests {
    struct Color: OpenStringEnum {
        var rawValue: String
        static let red = Color(rawValue: "red")
    }

    @Test func behavesLikeItsString() {
        let fromLiteral: Color = "red"
        #expect(fromLiteral == .red)
        #expect("\(fromLiteral)" == "red")
        #expect(Color(rawValue: "new").rawValue == "new")
        #expect(Set([Color.red, "red", "blue"]).count == 2)
        switch fromLiteral {
        case .red: break
        default: Issue.record("not matched")
        }
    }
}
