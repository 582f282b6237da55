import OSSRuntime
import Testing

/// Well-formedness, production by production of XML 1.0 (fifth edition), for documents without a DTD.
/// Every document is skipped over; where text may stand it is also read.
///
/// The W3C's conformance suite was run too (2587 cases; it is not kept here): what differs from it is on purpose.
/// Documents with a DTD or in UTF-16 are refused, `&#5;` is accepted, namespace declarations are not checked, and
/// version 1.1 is read by the rules of 1.0.
@Suite struct XMLConformanceTests {
    private func error(_ bytes: [UInt8]) -> XMLError? {
        do {
            try XMLReader.read(bytes) { _ in }
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        // [1] document, [27] Misc
        "<a/>", "<a></a>", "<a/>\n", "\n<a/>", "<!--x--><a/><!--y-->", "<?x?><a/><?y?>", "\u{FEFF}<a/>", "<a/>\r\n\t ",
        // [3] S, [40] STag, [42] ETag, [44] EmptyElemTag
        "<a ></a >", "<a\t\r\n></a\t\r\n>", "<a />", "<a\n/>", "<a b=''/>", "<a b='' ></a>", "<a\nb='1'\nc='2'/>",
        // [4] NameStartChar, [4a] NameChar, [5] Name
        "<_/>", "<_-._1/>", "<A/>", "<a:b/>", "<a·/>", "<é/>", "<\u{37F}/>", "<\u{200C}/>", "<\u{2070}/>",
        "<\u{3001}/>",
        "<\u{FDF0}/>", "<\u{10000}/>", "<a\u{300}/>", "<a\u{203F}/>", "<元-1/>", "<a0/>", "<xml/>", "<xmlx/>",
        // [10] AttValue, [25] Eq, [41] Attribute
        "<a b=\"c\"/>", "<a b='c'/>", "<a b=\"'\"/>", "<a b='\"'/>", "<a b = 'c'/>", "<a b\n=\n'c'/>", "<a b='>'/>",
        "<a b='&lt;&#60;&#x3c;'/>", "<a b='\t\n\r'/>", "<a b=']]>'/>", "<a b='1' B='2'/>", "<a x:b='1' y:b='2'/>",
        "<a xml:lang='en'/>", "<a xmlns='u' xmlns:x='v'/>", "<a b='--'/>", "<a b='é'/>", "<a b='&#1;'/>",
        // [2] Char, [14] CharData
        "<a>\t\n\r</a>", "<a>\u{20}\u{D7FF}\u{E000}\u{FFFD}\u{10000}\u{10FFFF}</a>", "<a>]]</a>", "<a>]></a>",
        "<a>]] ></a>", "<a>></a>", "<a>\"'</a>", "<a>\u{7F}\u{9F}</a>", "<a>\u{1FFFE}</a>",
        // [15] Comment
        "<a><!----></a>", "<a><!-- - --></a>", "<a><!-- <b> & ]]> --></a>", "<a><!-->--></a>", "<a><!--->--></a>",
        "<a><!-- é --></a>",
        // [16] PI, [17] PITarget
        "<a><?x?></a>", "<a><?x y?></a>", "<a><?x ??></a>", "<a><?x <a>&?></a>", "<a><?xm?></a>", "<a><?xmll?></a>",
        "<a><?x-y ? > ?></a>", "<a><?x ?y?></a>",
        // [18] CDSect
        "<a><![CDATA[]]></a>", "<a><![CDATA[<&>]] ]]></a>", "<a><![CDATA[]]]]></a>", "<a><![CDATA[]]]></a>",
        "<a><![CDATA[<![CDATA[]]></a>", "<a><![CDATA[>]]]]><![CDATA[>]]></a>",
        // [23] XMLDecl and its parts
        "<?xml version='1.0'?><a/>", "<?xml version=\"1.0\" ?><a/>", "<?xml version = '1.1'?><a/>",
        "<?xml version='1.0' encoding='utf-8'?><a/>",
        "<?xml version='1.0' encoding=\"UTF-8\" standalone=\"yes\" ?><a/>",
        "<?xml version='1.0' standalone='no'?><a/>", "<?xml\nversion='1.0'\nencoding='US-ASCII'\n?>\n<a/>",
        "\u{FEFF}<?xml version='1.0'?><a/>",
        // [66] CharRef, [68] EntityRef
        "<a>&#9;&#x9;&#10;&#13;&#32;&#xD7FF;&#xE000;&#xFFFD;&#x10000;&#x10FFFF;&#1114111;</a>",
        "<a>&amp;&lt;&gt;&apos;&quot;</a>", "<a>&#000065;</a>", "<a>&#x1;&#31;</a>",
    ])
    func wellFormed(document: String) {
        #expect(error(Array(document.utf8)) == nil)
    }

    @Test(arguments: [
        // [1] document
        "", " ", "x", "<a/>x", "x<a/>", "<a/><b/>", "<a></a><a></a>", "&amp;<a/>", "<a/>&#32;", "<!-- -->", "<?x?>",
        "<a/><![CDATA[]]>", "<![CDATA[]]><a/>", "</a>", "<a/></a>", "<a><a/>", "<a></a></a>", "<a/>\u{0}", "<", "<a",
        "<a/",
        "]]><a/>", "<a/>\u{FEFF}",
        // [39]-[44] elements and tags
        "<a></b>", "<a></A>", "<a><b></a></b>", "<a></a b>", "<a></ a>", "< a/>", "<a / >", "<a/ >", "<a//>",
        "<a></a/>",
        "<>", "</>", "<a></>", "<a", "<a ", "<a><b", "<a></a", "<a><</a>", "<a>< b/></a>", "<a><b</a>", "<a<b/></a>",
        "<a></a", "<a/b/>", "<a&/>", "<ab></a>", "<a></ab>",
        // [4], [5] names
        "<1/>", "<-a/>", "<.a/>", "<·/>", "<×/>", "<a×/>", "<÷/>", "<\u{300}/>", "<\u{2000}/>", "<\u{37E}/>",
        "<a\u{37E}/>",
        "<\u{2190}/>", "<\u{3000}/>", "<\u{F0000}/>", "<a!/>", "<a@b/>", "<a,b/>", "<a$/>", "<:a/>", "<a:/>", "<:/>",
        // [10], [41] attributes
        "<a b/>", "<a b=/>", "<a b=c/>", "<a b=\"c/>", "<a b='c\"/>", "<a b='<'/>", "<a b='&'/>", "<a b='&x;'/>",
        "<a b='&#0;'/>", "<a b='c'd='e'/>", "<a b='1' b='2'/>", "<a x='1' y='2' x='3'/>", "<a 'c'/>", "<a ='c'/>",
        "<a b=='c'/>", "<a b='c'e/>", "<a b='\u{1}'/>", "<a b='\u{0}'/>", "<a 1='c'/>", "<a b='c' =/>", "<a b='c'/ >",
        "<a b='&#x;'/>", "<a b='&lt'/>", "<a b='c' c>", "<a></a b='c'>", "<a b 'c'/>", "<a b=\u{201C}c\u{201D}/>",
        "<a b='&amp'/>", "<a b='&;'/>", "<a/b='c'/>", "<a x:='1'/>", "<a :x='1'/>", "<a x:b='1' x:b='2'/>",
        // [2], [14] characters and text
        "<a>\u{0}</a>", "<a>\u{1}</a>", "<a>\u{8}</a>", "<a>\u{B}</a>", "<a>\u{C}</a>", "<a>\u{E}</a>", "<a>\u{1B}</a>",
        "<a>\u{1F}</a>", "<a>\u{FFFE}</a>", "<a>\u{FFFF}</a>", "<a>]]></a>", "<a>x]]]>y</a>", "<a>&</a>", "<a>& </a>",
        "<a>&a</a>", "<a>&amp</a>", "<a>&amp ;</a>", "<a>& amp;</a>", "<a>&;</a>", "<a>&AMP;</a>", "<a>&nbsp;</a>",
        // [66] CharRef
        "<a>&#;</a>", "<a>&#x;</a>", "<a>&#0;</a>", "<a>&#x0;</a>", "<a>&#00;</a>", "<a>&#xD800;</a>",
        "<a>&#xDFFF;</a>",
        "<a>&#55296;</a>", "<a>&#xFFFE;</a>", "<a>&#65535;</a>", "<a>&#x110000;</a>", "<a>&#1114112;</a>",
        "<a>&#A;</a>",
        "<a>&#xG;</a>", "<a>&#X41;</a>", "<a>&#-65;</a>", "<a>&#+65;</a>", "<a>&# 65;</a>", "<a>&#65</a>",
        "<a>&#6 5;</a>",
        "<a>&#99999999999999999999;</a>", "<a>&#x100000041;</a>", "<a>&#4294967361;</a>",
        "<a>&#18446744073709551681;</a>",
        // [15] comments
        "<a><!-- -- --></a>", "<a><!-- ---></a>", "<a><!--</a>", "<a><!-- --</a>", "<a><!-></a>", "<a><!- - -></a>",
        "<a><!--></a>", "<a><!---></a>", "<a><!-- \u{1} --></a>", "<!-- -- --><a/>", "<a><! -- x --></a>", "<!--<a/>",
        // [16] processing instructions
        "<a><?></a>", "<a><??></a>", "<a><? x?></a>", "<a><?x</a>", "<a><?x ></a>", "<a><?1?></a>", "<a><?xml?></a>",
        "<a><?XML x?></a>", "<a><?xMl x?></a>", "<a/><?xml version='1.0'?>", " <?xml version='1.0'?><a/>",
        "<!-- --><?xml version='1.0'?><a/>", "<a><?x \u{1}?></a>", "<a><?x/y?></a>", "<?x", "<?x ?",
        // [18] CDATA sections
        "<a><![CDATA[</a>", "<a><![CDATA[]]</a>", "<a><![CDATA[] ]></a>", "<a><![cdata[]]></a>", "<a><![CDATA []]></a>",
        "<a><! [CDATA[]]></a>", "<a><![CDATA]]></a>", "<a><![CDATA[\u{1}]]></a>", "<a><![CDATA[]]>]]></a>",
        "<a><![INCLUDE[]]></a>", "<a><![CDATA[\u{FFFF}]]></a>",
        // [23]-[32] XML declaration
        "<?xml?><a/>", "<?xml ?><a/>", "<?xml version='1.0'", "<?xml version='1.0'?", "<?xml version='2.0'?><a/>",
        "<?xml version='1.'?><a/>", "<?xml version='1.0a'?><a/>", "<?xml version=1.0?><a/>",
        "<?xml encoding='utf-8'?><a/>",
        "<?xml standalone='yes'?><a/>", "<?xml version='1.0' standalone='maybe'?><a/>",
        "<?xml version='1.0' standalone='YES'?><a/>", "<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>",
        "<?xml version='1.0'encoding='utf-8'?><a/>", "<?xml version='1.0' encoding='utf-8'standalone='yes'?><a/>",
        "<?xml version='1.0' encoding=''?><a/>", "<?xml version='1.0' encoding='utf-16'?><a/>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "<?xml version='1.0' encoding='gbk'?><a/>",
        "<?xml version='1.0' encoding=utf-8?><a/>", "<?xml version='1.0' version='1.0'?><a/>",
        "<?xml version='1.0' x='y'?><a/>", "<?xml version='1.0\"?><a/>", "<?xml VERSION='1.0'?><a/>",
        "<?xml version='1.0' encoding='utf-8' encoding='utf-8'?><a/>", "<?XML version='1.0'?><a/>",
        "<?xml version '1.0'?><a/>", "<?xml version=?><a/>", "<?xml version='1.0' ? ><a/>", "<?xml version='1.0'><a/>",
        // Document types
        "<!DOCTYPE a><a/>", "<!DOCTYPE a SYSTEM 'x'><a/>", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
        "<?xml version='1.0'?><!DOCTYPE a><a/>", "<a><!DOCTYPE a></a>", "<a/><!DOCTYPE a>", "<!doctype a><a/>",
        "<!ELEMENT a EMPTY><a/>", "<a><!ENTITY e 'x'></a>", "<!DOCTYPE",
    ])
    func malformed(document: String) {
        #expect(error(Array(document.utf8)) != nil)
        // The same when text is read instead of skipped.
        #expect(throws: XMLError.self) { try XMLReader.read(Array(document.utf8)) { $0.readString() } }
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x20], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE1, 0x80],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEF, 0xBF, 0xBE], [0xEF, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF0, 0x90, 0x80], [0xFE],
            [0xFF],
            [0xE4, 0xB8, 0x20], [0xF0, 0x9F, 0x98, 0x20],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        for padding in 0..<70 {
            let text = Array(repeating: UInt8(ascii: "x"), count: padding)
            let document = Array("<a>".utf8) + text + bytes + text + Array("</a>".utf8)
            guard let error = error(document), error.message == "this is not UTF-8", error.offset >= 3 + padding,
                error.offset < 3 + padding + bytes.count
            else {
                Issue.record("padding \(padding)")
                return
            }
        }
        // Also outside of text.
        for (before, after) in [
            ("<a b='", "'/>"), ("<a><!--", "--></a>"), ("<a><![CDATA[", "]]></a>"), ("<a", "/>"), ("<a/>", ""),
        ] {
            #expect(error(Array(before.utf8) + bytes + Array(after.utf8)) != nil)
        }
    }

    @Test func otherEncodings() {
        #expect(error([0xFE, 0xFF, 0, 0x3C, 0, 0x61, 0, 0x2F, 0, 0x3E]) != nil)
        #expect(error([0xFF, 0xFE, 0x3C, 0, 0x61, 0, 0x2F, 0, 0x3E, 0]) != nil)
        #expect(error([0x3C, 0, 0x61, 0, 0x2F, 0, 0x3E, 0]) != nil)
        #expect(error([0, 0x3C, 0, 0x61]) != nil)
    }
}
