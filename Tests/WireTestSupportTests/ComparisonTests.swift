import SpecModel
import Testing

@testable import WireTestSupport

/// The judge is judged: what must be found different is, and nothing else.
@Suite struct ComparisonTests {
    private func node(_ text: String) throws -> JSONNode {
        var diagnostics = Diagnostics()
        return try #require(JSONParser.parse(SourceFile(path: "x", text: text), into: &diagnostics))
    }

    @Test(arguments: [
        ("<a/>", "<a></a>", 0),
        ("<a><b>1</b><c>2</c></a>", "<a>\n <c>2</c>\n <b>1</b>\n</a>", 0),
        ("<a><b>1</b><b>2</b></a>", "<a><b>2</b><b>1</b></a>", 2),
        ("<a> x </a>", "<a>x</a>", 1),
        ("<a> </a>", "<a/>", 1),
        ("<a k='1'/>", "<a k=\"1\"/>", 0),
        ("<a k='1'/>", "<a k='2' l='3'/>", 2),
        ("<a>&lt;&#65;&#x42;<![CDATA[<&]]></a>", "<a>&#60;AB&lt;&amp;</a>", 0),
        ("<a><b/></a>", "<a><b/><b/></a>", 1),
        ("<a><b/></a>", "<a/>", 1),
        ("<a/>", "<b/>", 1),
        ("<?xml version='1.0'?><!-- c --><a/>", "<a/>", 0),
    ])
    func xml(expected: String, came: String, differences: Int) throws {
        let found = try XMLTree(expected).differences(from: XMLTree(came))
        #expect(found.count == differences, "\(found)")
    }

    @Test(arguments: ["", "x", "<a>", "<a></b>", "<a/><b/>", "<a b/>", "<a>&x;</a>", "<a>&amp</a>", "<a k='1' k='1'/>"])
    func xmlThatIsNone(text: String) {
        #expect(throws: XMLTree.ParseError.self) { try XMLTree(text) }
    }

    @Test(arguments: [
        (#"{ "none": true }"#, "", []), (#"{ "none": true }"#, "x", [#"body: expected none, got "x""#]),
        (#"{ "text": "a" }"#, "a", []), (#"{ "text": "a" }"#, "b\n", [#"body: expected "a", got "b\n""#]),
        (#"{ "base64": "YQ==" }"#, "a", []), (#"{ "base64": "YQ==" }"#, "", [#"body: expected "a", got no body"#]),
        (#"{ "json": { "a": [1, 2.0], "b": null } }"#, #"{"b":null,"a":[1.0,2]}"#, []),
        (
            #"{ "json": { "a": [1, 2] } }"#, #"{"a":[2,1],"c":0}"#,
            ["body.c: expected nothing, got 0", "body.a[0]: expected 1, got 2", "body.a[1]: expected 2, got 1"]
        ),
        (#"{ "json": 1 }"#, "x", [#"body: expected JSON, got "x""#]),
        (#"{ "xml": "<a/>" }"#, "<a>", [#"body: expected XML, got "<a>": </a> is missing, at character 3"#]),
    ])
    func bodies(expected: String, came: String, differences: [String]) throws {
        #expect(BodyComparison.differences(try node(expected), Array(came.utf8)) == differences)
    }

    private var members: WireMembers {
        var owner = WireMembers()
        owner.add("id", "1")
        owner.add("name", nil as String?)
        var members = WireMembers()
        members.add("owner", owner)
        members.add("size", 5)
        members.add("zero", 0, isRequired: true)
        members.add("flag", false)
        members.add("text", "")
        members.add("at", instant(milliseconds: 1_709_208_000_000))
        members.add("tags", ["a": "1"])
        members.add("names", ["x", "y"])
        members.add("empty", [] as [String])
        return members
    }

    @Test(arguments: [
        (
            #"{ "owner": { "id": "1" }, "size": 5, "flag": false, "at": "2024-02-29T12:00:00Z", "tags": { "A": "1" }, "names": ["x", "y"] }"#,
            false, []
        ),
        (#"{ "owner": {} }"#, true, []),
        (#"{ "size": null }"#, true, ["output.size: expected null, got 5"]),
        (
            #"{ "owner": { "id": "1", "name": "n" }, "size": 6, "flag": true, "at": "2024-02-29T12:00:01Z", "tags": {}, "names": ["x"] }"#,
            false,
            [
                #"output.owner.name: expected "n", got nothing"#, "output.size: expected 6, got 5",
                "output.flag: expected true, got false",
                #"output.at: expected "2024-02-29T12:00:01Z", got 1709208000000 ms since 1970"#,
                #"output.tags.a: expected nothing, got "1""#, "output.names: expected 1 items, got 2",
            ]
        ),
        (
            #"{ "size": "5", "names": ["x", "y"], "empty": [], "text": "", "zero": 0 }"#, false,
            [
                #"output.owner: expected nothing, got {id: "1"}"#, "output.flag: expected nothing, got false",
                "output.at: expected nothing, got 1709208000000 ms since 1970",
                #"output.tags: expected nothing, got ["a": "1"]"#,
            ]
        ),
    ])
    func outputs(expected: String, isPartial: Bool, differences: [String]) throws {
        #expect(members.differences(from: try node(expected), at: "output", isPartial: isPartial) == differences)
    }

    @Test func requests() throws {
        let sent = SentRequest(
            method: "GET", host: "h", path: "/a%20b", query: [("acl", ""), ("x", "1")], headers: fields([("X-A", "1")]),
            body: nil)
        let same = #"""
            { "method": "GET", "host": "h", "path": "/a%20b", "query": { "x": "1", "acl": "" },
              "headers": { "x-a": "1", "Date": "never compared" }, "presentHeaders": ["X-A"], "absentHeaders": ["x-b"],
              "body": { "none": true } }
            """#
        #expect(RequestComparison.differences(try node(same), sent) == [])
        let other = #"""
            { "method": "PUT", "host": "i", "path": "/a b", "query": { "x": "2", "y": "" },
              "headers": { "x-a": "2" }, "presentHeaders": ["x-b"], "absentHeaders": ["x-a"], "body": { "text": "t" } }
            """#
        #expect(
            RequestComparison.differences(try node(other), sent) == [
                #"method: expected "PUT", got "GET""#, #"host: expected "i", got "h""#,
                #"path: expected "/a b", got "/a%20b""#,
                #"query x: expected "2", got "1""#, #"query y: expected "", got no such key"#,
                #"query acl: expected not to be there, got """#, #"header x-a: expected "2", got "1""#,
                "header x-b: expected to be there, got no such header",
                #"header x-a: expected not to be there, got "1""#,
                #"body: expected "t", got no body"#,
            ])
        #expect(RequestComparison.differences(try node(#"{ "query": {} }"#), sent).count == 2)
        #expect(RequestComparison.differences(try node("{}"), sent).isEmpty)
    }
}
