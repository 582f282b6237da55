import Testing

@testable import SpecModel

@Suite struct JSONParserTests {
    private func parse(_ text: String) -> (node: JSONNode?, messages: [String]) {
        var diagnostics = Diagnostics()
        let node = JSONParser.parse(SourceFile(path: "x.json", text: text), into: &diagnostics)
        return (node, diagnostics.sorted.map(\.text))
    }

    @Test func keepsOrderAndPlaces() throws {
        let (node, messages) = parse(
            "{ \"b\": 1,\n  \"ä\": [true, null, -0.5e3], \"a\": \"\\u00e9\\n\\ud83d\\ude00\" }")
        let members = try #require(node?.object)
        #expect(messages.isEmpty)
        #expect(members.map(\.key) == ["b", "ä", "a"])
        #expect(members.map(\.keyLocation.line) == [1, 2, 2])
        #expect(members.map(\.keyLocation.column) == [3, 3, 30])
        #expect(members[1].value.location.column == 8)
        #expect(members[2].value.string == "é\n😀")
        guard case .number(let text)? = members[1].value.array?[2].value else {
            Issue.record("not a number")
            return
        }
        #expect(text == "-0.5e3")
    }

    @Test(arguments: [
        ("", "1:1: error: expected a value, found the end of the file"),
        ("{", "1:2: error: expected a key in quotes, found the end of the file"),
        ("{\"a\" 1}", "1:6: error: expected ':' after the key, found '1'"),
        ("{\"a\": 1,}", "1:9: error: expected a key in quotes, found '}'"),
        ("[1 2]", "1:4: error: expected ',' or ']', found '2'"),
        ("{\"a\": 1\n\"b\": 2}", "2:1: error: expected ',' or '}', found '\"'"),
        ("[01]", "1:2: error: a number does not start with 0"),
        ("[1.]", "1:4: error: a number needs a digit after '.'"),
        ("[-]", "1:3: error: a number needs a digit"),
        ("[1e+]", "1:5: error: a number needs a digit in its exponent"),
        ("nul", "1:1: error: expected a value, found 'n'"),
        ("\"abc", "1:1: error: the string has no end"),
        ("\"a\tb\"", "1:3: error: a control character in a string; write it as an escape"),
        ("\"\\x\"", "1:2: error: unknown escape '\\x'"),
        ("\"\\ud800\"", "1:2: error: half of a surrogate pair"),
        ("\"\\u12g4\"", "1:2: error: \\u needs four hexadecimal digits"),
        ("{} {}", "1:4: error: text after the end of the value"),
        ("\u{FEFF}{}", "1:1: error: byte order mark in front of the text"),
        ("é", "1:1: error: expected a value, found 'é'"),
    ])
    func reportsSyntaxErrors(text: String, message: String) {
        let (node, messages) = parse(text)
        #expect(node == nil)
        #expect(messages == ["x.json:" + message])
    }

    @Test func reportsDuplicateKeysAndGoesOn() {
        let (node, messages) = parse("{ \"a\": 1,\n\"a\": { \"b\": 1, \"b\": 2 } }")
        #expect(node != nil)
        #expect(
            messages == [
                "x.json:2:1: error: duplicate key 'a' — first on line 1",
                "x.json:2:16: error: duplicate key 'b' — first on line 2",
            ])
    }

    @Test func refusesBytesThatAreNotUTF8() {
        var diagnostics = Diagnostics()
        let bytes: [UInt8] = Array("{ \"é\": \"".utf8) + [0xFF] + Array("\" }".utf8)
        #expect(JSONParser.parse(SourceFile(path: "x.json", bytes: bytes), into: &diagnostics) == nil)
        #expect(diagnostics.all.map(\.text) == ["x.json:1:9: error: the file is not UTF-8"])
    }

    @Test func refusesDeepNesting() {
        let (node, messages) = parse(String(repeating: "[", count: 100_000))
        #expect(node == nil)
        #expect(messages == ["x.json:1:201: error: nested too deeply"])
    }

    @Test(arguments: [
        ("BucketAlc", "did you mean 'BucketACL'?"), ("requird", "did you mean 'required'?"), ("Owner", nil),
        ("Quark", nil), ("lable", "did you mean 'label'?"),
    ])
    func suggests(name: String, hint: String?) {
        #expect(didYouMean(name, ["BucketACL", "Owner", "required", "label"]) == hint)
    }
}
