import OSSRuntime
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The error of a document that is skipped over.
private func skipError(_ text: String, limits: XMLReader.Limits = .init()) -> XMLError? {
    skipError(Array(text.utf8), limits: limits)
}

private func skipError(_ bytes: [UInt8], limits: XMLReader.Limits = .init()) -> XMLError? {
    do {
        try XMLReader.read(bytes, limits: limits) { _ in }
        return nil
    } catch {
        return error
    }
}

/// The root element's text, or the error's message.
private func rootText(_ text: String) -> String {
    do {
        return try XMLReader.read(Array(text.utf8)) { $0.readString() } ?? "nil"
    } catch {
        return "error: " + error.message
    }
}

/// A tree, to see everything that a reader gives.
private final class Node {
    var name = ""
    var children: [Node] = []

    static func tree(_ text: String) throws -> String {
        try XMLReader.read(Array(text.utf8)) { xml, name in
            let node = Node()
            node.name = name.description
            node.fill(&xml)
            return node
        }.description
    }

    func fill(_ xml: inout XMLReader) {
        while let name = xml.nextElement() {
            let node = Node()
            node.name = name.description
            node.fill(&xml)
            children.append(node)
        }
    }

    var description: String {
        name + (children.isEmpty ? "" : "(" + children.map(\.description).joined(separator: " ") + ")")
    }
}

@Suite struct XMLReaderTests {
    // MARK: Text

    @Test(arguments: [
        ("<a>text</a>", "text"), ("<a/>", ""), ("<a></a>", ""), ("<a >x</a >", "x"), ("<a\n/>", ""),
        ("<a>x</a\t\n>", "x"),
        ("<a>  two  spaces  </a>", "  two  spaces  "), ("<a>\ttab\nnewline</a>", "\ttab\nnewline"),
        ("<a>&lt;&gt;&amp;&quot;&apos;</a>", "<>&\"'"), ("<a>x&amp;y</a>", "x&y"),
        ("<a>&#65;&#x42;&#x63;&#X44;</a>", "error"),
        ("<a>&#65;&#x42;&#x4a;&#x4A;</a>", "ABJJ"), ("<a>&#29031;&#x1F600;</a>", "照😀"),
        ("<a>&#x00000000000041;</a>", "A"),
        ("<a>&#1;&#x1F;&#10;&#13;</a>", "\u{1}\u{1F}\n\r"), ("<a>照片😀</a>", "照片😀"),
        ("<a>one\r\ntwo\rthree\r\r\nfour</a>", "one\ntwo\nthree\n\nfour"),
        ("<a><![CDATA[<b>&amp;]]]></a>", "<b>&amp;]"), ("<a>x<![CDATA[]]>y</a>", "xy"),
        ("<a><![CDATA[a\r\nb\r]]></a>", "a\nb\n"), ("<a>x<!-- no --><?pi no?>y</a>", "xy"),
        ("<a>]] > ] ]></a>", "]] > ] ]>"), ("<a>a]b]]c</a>", "a]b]]c"), ("<a>a>b</a>", "a>b"),
        ("<a>]]<![CDATA[>]]></a>", "]]>"),
        ("<a>12345678901234567890&amp;12345678901234567890</a>", "12345678901234567890&12345678901234567890"),
        ("<ns:a xmlns:ns='u'>x</ns:a>", "x"), ("<a><b/></a>", "error"), ("<a>x<b/></a>", "error"),
        (" <!-- c --> <?pi?> <a>x</a> <?pi x?><!---->\n", "x"), ("\u{FEFF}<a>x</a>", "x"),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>x</a>", "x"),
        ("<a>\u{7F}\u{85}\u{2028}</a>", "\u{7F}\u{85}\u{2028}"),
    ])
    func text(document: String, expected: String) {
        let text = rootText(document)
        #expect(expected == "error" ? text.hasPrefix("error") : text == expected)
    }

    @Test func textOfEveryLength() {
        // Around the words that are scanned at once, with something special at each place.
        for length in 0...40 {
            for position in 0...length {
                let before = String(repeating: "x", count: position)
                let after = String(repeating: "y", count: length - position)
                for (special, value) in [
                    ("&amp;", "&"), ("\r\n", "\n"), ("\n", "\n"), ("]", "]"), ("é", "é"), ("", ""),
                ] {
                    let text = rootText("<a>\(before)\(special)\(after)</a>")
                    guard text == before + value + after else {
                        Issue.record("\(length) \(position) \(special): \(text)")
                        return
                    }
                }
                for bad in ["\u{1}", "\u{1F}", "&", "&x;", "]]>", "<", "\u{FFFE}", "\u{0}"] {
                    guard skipError("<a>\(before)\(bad)\(after)</a>") != nil,
                        rootText("<a>\(before)\(bad)\(after)</a>").hasPrefix("error")
                    else {
                        Issue.record("\(length) \(position) \(bad) was accepted")
                        return
                    }
                }
            }
        }
    }

    // MARK: Scalars

    private func scalar<Value>(_ text: String, _ read: (inout XMLReader) -> Value?) -> Value? {
        try? XMLReader.read(Array("<a>\(text)</a>".utf8)) { read(&$0) }
    }

    private func scalarError<Value>(_ text: String, _ read: (inout XMLReader) -> Value?) -> String? {
        do {
            _ = try XMLReader.read(Array("<Root><MaxKeys>\(text)</MaxKeys></Root>".utf8)) { xml in
                while xml.nextElement() != nil { _ = read(&xml) }
            }
            return nil
        } catch {
            return error.message
        }
    }

    @Test func integers() {
        #expect(scalar("12") { $0.readInt() } == 12)
        #expect(scalar(" -12\n") { $0.readInt() } == -12)
        #expect(scalar("+5") { $0.readInt64() } == 5)
        #expect(scalar("&#49;2") { $0.readInt64() } == 12)
        #expect(scalar("9223372036854775807") { $0.readInt64() } == .max)
        #expect(scalar("-9223372036854775808") { $0.readInt64() } == .min)
        #expect(scalarError("") { $0.readInt() } == nil)
        #expect(scalarError("  ") { $0.readInt() } == nil)
        for bad in [
            "x", "1x", "1 2", "-", "+", "1.0", "9223372036854775808", "-9223372036854775809", "99999999999999999999",
        ] {
            #expect(scalarError(bad) { $0.readInt() } == "<MaxKeys> holds \"\(bad)\" where an integer was due")
            #expect(scalarError(bad) { $0.readInt64() } != nil)
        }
    }

    @Test func booleans() {
        for text in ["true", "True", "TRUE", " true "] { #expect(scalar(text) { $0.readBool() } == true) }
        for text in ["false", "False", "FALSE"] { #expect(scalar(text) { $0.readBool() } == false) }
        #expect(scalarError("") { $0.readBool() } == nil)
        for bad in ["1", "yes", "tru", "truee", "t rue"] {
            #expect(scalarError(bad) { $0.readBool() } == "<MaxKeys> holds \"\(bad)\" where true or false was due")
        }
    }

    @Test func doublesAndDates() {
        #expect(scalar("1.5") { $0.readDouble() } == 1.5)
        #expect(scalar("-1e3") { $0.readDouble() } == -1000)
        for bad in ["inf", "nan", "0x1p3", "1..2", "-"] { #expect(scalarError(bad) { $0.readDouble() } != nil) }
        let date = Date(timeIntervalSince1970: 1_702_743_657)
        #expect(scalar("2023-12-16T16:20:57.000Z") { $0.readDate(.dateTime) } == date)
        #expect(scalar("Sat, 16 Dec 2023 16:20:57 GMT") { $0.readDate(.httpDate) } == date)
        #expect(scalarError("") { $0.readDate(.dateTime) } == nil)
        #expect(scalarError("soon") { $0.readDate(.dateTime) } == "<MaxKeys> holds \"soon\" where a date was due")
    }

    @Test func urlDecoding() throws {
        let document = Array("<R><EncodingType>url</EncodingType><Key>a%2Fb%20c%2Bd+e</Key></R>".utf8)
        for decodes in [true, false] {
            let key = try XMLReader.read(document) { xml in
                xml.decodesURLs = decodes && xml.peekText(of: "EncodingType") == "url"
                return xml.readNested("Key") { $0.readURLDecodedString() }
            }
            #expect(key == (decodes ? "a/b c+d+e" : "a%2Fb%20c%2Bd+e"))
        }
    }

    // MARK: Structure

    @Test func structure() throws {
        #expect(try Node.tree("<a/>") == "a")
        #expect(try Node.tree("<a><b/><c>text<d></d>text</c> </a>") == "a(b c(d))")
        #expect(try Node.tree("<a><!-- <x/> --><b/><![CDATA[<x/>]]><?x <x/>?><b2 x='&lt;' /></a>") == "a(b b2)")
        #expect(
            try Node.tree("<p:a xmlns:p=\"u\" xmlns=\"v\"><p:b-1 p:x='1' x='2'/><c.d/><_e/></p:a>") == "a(b-1 c.d _e)")
        #expect(try Node.tree("<元素><é·1/></元素>") == "元素(é·1)")
        #expect(try Node.tree("<a\n  x = \"1'\"\ty\r\n=\n'2\"&#1;&lt;>'\n/>") == "a")
    }

    @Test func skippingAndNesting() throws {
        let document = Array("<r><x><y>1</y><y/>&amp;</x><n><z/><m>deep</m><m>last</m></n><k>after</k><e/></r>".utf8)
        try XMLReader.read(document, root: "r") { xml in
            #expect(xml.nextElement()?.description == "x")
            xml.skipElement()
            #expect(xml.nextElement()?.description == "n")
            #expect(xml.readNested("m") { $0.readString() } == "last")
            #expect(xml.nextElement()?.description == "k")
            #expect(xml.readString() == "after")
            #expect(xml.nextElement()?.description == "e")
            xml.skipElement()
            #expect(xml.nextElement() == nil)
            #expect(xml.nextElement() == nil)
            #expect(xml.error == nil)
        }
    }

    @Test func peekingDoesNotMove() throws {
        for document in ["<r><a>1</a><b>x</b><c/></r>", "<r><b>x</b></r>", "<r><c/><a/><b>x</b></r>"] {
            let names = try XMLReader.read(Array(document.utf8)) { xml in
                #expect(xml.peekText(of: "b") == "x")
                #expect(xml.peekText(of: "none") == nil)
                var names = ""
                while let name = xml.nextElement() {
                    names += name.description
                    xml.skipElement()
                }
                return names
            }
            #expect(names == (document.contains("<a>1") ? "abc" : document.contains("<c/><a/>") ? "cab" : "b"))
        }
        #expect(try XMLReader.read(Array("<r/>".utf8)) { $0.peekText(of: "b") } == nil)
        let error = #expect(throws: XMLError.self) {
            try XMLReader.read(Array("<r><a></b></r>".utf8)) { xml in
                #expect(xml.peekText(of: "b") == nil)
                #expect(xml.nextElement() == nil)
            }
        }
        #expect(error?.message == "</b> where </a> was due")
    }

    @Test func lists() throws {
        struct Color: OpenStringEnum {
            var rawValue: String
        }
        struct Item: XMLDecodable, Equatable {
            var id: String?
            init(id: String?) { self.id = id }
            init(from xml: inout XMLReader) { id = xml.readNested("id") { $0.readString() } }
        }
        func list<T>(_ text: String, _ read: (inout XMLReader, inout [T]) -> Void) throws -> [T] {
            try XMLReader.read(Array("<l>\(text)</l>".utf8)) { xml in
                var items: [T] = []
                read(&xml, &items)
                return items
            }
        }
        #expect(try list("<i>a</i><x>n</x><i/>") { $0.readList(item: "i", into: &$1) } == ["a", ""])
        #expect(try list("") { $0.readList(item: "i", into: &$1) } == [String]())
        #expect(try list("<i>1</i><i>2</i>") { $0.readList(item: "i", into: &$1) } == [1, 2])
        #expect(try list("<i>1</i>") { $0.readList(item: "i", into: &$1) } == [Int64(1)])
        #expect(try list("<i>red</i>") { $0.readList(item: "i", into: &$1) } == [Color(rawValue: "red")])
        #expect(
            try list("<i><id>1</id></i><i/>") { $0.readList(item: "i", into: &$1) } == [Item(id: "1"), Item(id: nil)])
        #expect(
            try list("<i>1</i><i>2</i>") { (xml, items: inout [Int]) in
                while xml.nextElement() != nil { xml.readItem(into: &items) }
            } == [1, 2])
    }

    @Test func names() throws {
        try XMLReader.read(Array("<r><LongElementNameHere/><ab/><abc/><abcdefgh/><a/></r>".utf8)) { xml in
            let patterns: [StaticString] = ["LongElementNameHere", "ab", "abc", "abcdefgh", "a"]
            for expected in patterns.indices {
                guard let name = xml.nextElement() else {
                    Issue.record("missing")
                    return
                }
                for (index, pattern) in patterns.enumerated() {
                    #expect((pattern ~= name) == (index == expected))
                }
                #expect(!("LongElementNameHerf" ~= name) && !("ac" ~= name) && !("Abcdefgh" ~= name) && !("" ~= name))
                xml.skipElement()
            }
        }
    }

    // MARK: Errors

    @Test func errorsStick() {
        var reads: [String?] = []
        do {
            try XMLReader.read(Array("<r><a>1</a><b>&bad;</b><c>3</c></r>".utf8)) { xml in
                while xml.nextElement() != nil { reads.append(xml.readString()) }
                #expect(xml.error != nil)
                #expect(xml.readString() == nil)
                #expect(xml.readInt() == nil)
                #expect(xml.nextElement() == nil)
                xml.skipElement()
                xml.fail("later")
            }
            Issue.record("no error")
        } catch {
            #expect(reads == ["1", nil])
            #expect(error.message.contains("\"&\""))
        }
    }

    @Test func positions() {
        let error = skipError("<r>\n  <a>\n  &x;</a></r>")
        #expect(error?.line == 3)
        #expect(error?.column == 3)
        #expect(error?.offset == 12)
        #expect(error?.description.hasPrefix("XML line 3, column 3: ") == true)
        #expect(skipError("<r></x>")?.message == "</x> where </r> was due")
        #expect(skipError("<r><a>")?.message == "the document ends inside <a>")
        #expect(skipError("<r>\n\u{1}</r>")?.message == "the control character U+0001 is not allowed")
    }

    @Test func roots() {
        #expect(throws: XMLError.self) { try XMLReader.read(Array("<Error/>".utf8), root: "Result") { _ in } }
        #expect(throws: Never.self) { try XMLReader.read(Array("<n:Result/>".utf8), root: "Result") { _ in } }
        #expect(skipError("")?.message == "the document is empty")
        #expect(skipError(" \n")?.message == "there is no root element")
    }

    @Test func limits() {
        let nested = { String(repeating: "<a>", count: $0) + String(repeating: "</a>", count: $0) }
        #expect(skipError(nested(64)) == nil)
        #expect(skipError(nested(65))?.message == "elements nest deeper than 64")
        #expect(skipError("<r>" + String(repeating: "<a/>", count: 1000) + "</r>") == nil)
        #expect(skipError(nested(3), limits: .init(maximumDepth: 3)) == nil)
        #expect(skipError(nested(4), limits: .init(maximumDepth: 3)) != nil)
        #expect(skipError("<a><b x='1'/></a>", limits: .init(maximumDepth: 1)) != nil)
        #expect(skipError("<abc/>", limits: .init(maximumBytes: 6)) == nil)
        #expect(skipError("<abcd/>", limits: .init(maximumBytes: 6)) != nil)
        let attributes = { (count: Int) in "<a " + (0..<count).map { "x\($0)='' " }.joined() + "/>" }
        #expect(skipError(attributes(128)) == nil)
        #expect(skipError(attributes(129)) != nil)
        // A long start tag or reference is not searched over and over.
        #expect(skipError("<a>" + String(repeating: "&", count: 100_000) + "</a>") != nil)
    }

    @Test func everyTruncationIsAnError() {
        let document = Array(
            """
            <?xml version="1.0" encoding="UTF-8" standalone='no'?><!-- c --><r xmlns="u" n:x = 'y'>
            <a>t&amp;é&#x41;</a><![CDATA[x]]]]><b /><?pi x?><c>\r\n]]</c ></r>
            """.utf8)
        #expect(skipError(document) == nil)
        for length in 0..<document.count {
            let error = skipError(Array(document[..<length]))
            if error == nil { Issue.record("accepted \(length) bytes") }
            #expect((error?.offset ?? 0) <= length)
        }
    }

    @Test func unfinishedReadsAreCheckedToTheEnd() {
        // The body reads nothing or half; errors behind that count all the same.
        #expect(throws: XMLError.self) {
            try XMLReader.read(Array("<r><a>1</a><b></c></r>".utf8)) { xml in
                _ = xml.nextElement()
                _ = xml.readString()
            }
        }
        #expect(throws: Never.self) {
            try XMLReader.read(Array("<r><a><x><y/></x></a><b/></r>".utf8)) { xml in
                _ = xml.nextElement()
                _ = xml.nextElement()
            }
        }
    }
}
