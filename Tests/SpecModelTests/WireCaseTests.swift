import Testing

@testable import SpecModel

@Suite struct WireCaseTests {
    private static let fixture: SpecFixture = {
        var fixture = SpecFixture.output(
            """
            "owner": { "type": "Owner", "doc": "D." }, "count": { "type": "Int", "doc": "D." },
            "at": { "type": "Timestamp", "doc": "D." }, "flag": { "type": "Bool", "doc": "D." },
            "names": { "type": "[String]", "xmlFlattened": true, "doc": "D." }
            """,
            shapes: #""Owner": { "doc": "D.", "members": { "id": { "type": "String", "doc": "D." } } }"#)
        return fixture
    }()

    private func messages(_ cases: String) throws -> [String] {
        var diagnostics = Diagnostics()
        let service = try #require(SpecLoader.load(folder: "oss", files: Self.fixture.files, &diagnostics))
        let file = SourceFile(path: "c.json", text: "{ \"service\": \"oss\", \"cases\": [\n\(cases)\n] }")
        let read = WireCaseReader(service).read(file, into: &diagnostics)
        return (diagnostics.sorted + (read?.cases ?? []).flatMap { $0.mistakes + $0.unknown }).map(\.text)
    }

    @Test(arguments: [
        (
            #"{ "id": "a", "operation": "GetThing", "input": { "bucket": "b" }, "request": { "method": "GET", "query": {} } }"#,
            []
        ),
        (
            #"{ "id": "a", "operation": "GetThing", "input": { "bucket": null }, "request": {} }"#,
            ["2:60: error: the input of 'GetThing' needs 'bucket', which is required"]
        ),
        (
            #"{ "id": "a", "operation": "GetThin", "request": {} }"#,
            ["2:27: error: unknown operation 'GetThin' — did you mean 'GetThing'?"]
        ),
        (
            #"{ "id": "a", "operation": "GetThing", "response": { "status": 200 }, "output": { "owner": { "ID": "x" }, "cout": 1 } }"#,
            [
                "2:106: error: unknown member 'cout' in the output of 'GetThing' — did you mean 'count'?",
                "2:93: error: unknown member 'ID' in 'Owner' — did you mean 'id'?",
            ]
        ),
        (
            #"{ "id": "a", "operation": "GetThing", "response": { "status": 200 }, "output": { "count": "x", "at": "today", "names": {} } }"#,
            [
                "2:91: error: expected Int, found a string",
                "2:102: error: 'today' is not a time — such as 2024-01-31T12:00:00Z",
                "2:120: error: expected [String], found an object",
            ]
        ),
        (
            #"{ "id": "a", "operation": "GetThing", "request": { "methd": "GET", "body": { "text": "a", "none": true } }, "input": { "bucket": "b" } }"#,
            [
                "2:76: error: a body is one of none, text, base64, json, xml",
                "2:52: error: unknown key 'methd' in 'request' — did you mean 'method'?",
            ]
        ),
        (
            #"{ "operation": "GetThing", "config": { "addressing": "virtal" }, "response": { "body": { "base64": "?" } } }"#,
            [
                "2:1: error: a wire case needs 'id'",
                "2:54: error: unknown addressing 'virtal' — one of virtual, path, cname",
                "2:78: error: 'response' needs 'status'", "2:100: error: this is not Base64",
            ]
        ),
        (
            #"{ "id": "a", "operation": "GetThing" }"#,
            ["2:9: error: a wire case needs 'request' or 'response'"]
        ),
    ])
    func reports(wire: String, expected: [String]) throws {
        #expect(try messages(wire).sorted() == expected.map { "c.json:" + $0 }.sorted())
    }

    @Test func everyOperationNeedsCases() throws {
        var diagnostics = Diagnostics()
        let service = try #require(SpecLoader.load(folder: "oss", files: Self.fixture.files, &diagnostics))
        let reader = WireCaseReader(service)
        let wire = #"{ "id": "a", "operation": "GetThing", "response": { "status": 404 }, "error": {} }"#
        let file = SourceFile(path: "c.json", text: "{ \"service\": \"oss\", \"cases\": [\n\(wire),\n\(wire)\n] }")
        let read = try #require(reader.read(file, into: &diagnostics))
        reader.checkCoverage([read], &diagnostics)
        #expect(
            diagnostics.sorted.map(\.text) == [
                "Spec/oss/thing.json:2:1: error: operation 'GetThing' has no wire case with a request",
                "Spec/oss/thing.json:2:1: error: operation 'GetThing' has no wire case with a response and its output",
                "c.json:3:9: error: two wire cases have the id 'a' — also c.json:2",
            ])
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2024-02-29T12:00:00Z", 1_709_208_000_000),
            ("2024-02-29T12:00:00.123456Z", 1_709_208_000_123),
            ("1969-12-31T23:59:59Z", -1000), ("2000-03-01T00:00:00.5Z", 951_868_800_500),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000), ("2024-02-29", nil), ("2024-13-01T00:00:00Z", nil),
            ("2024-02-29T12:00:00+08:00", nil), ("2024-02-29T24:00:00Z", nil), ("", nil),
        ] as [(String, Int64?)])
    func times(text: String, milliseconds: Int64?) {
        #expect(WireTime.milliseconds(text) == milliseconds)
    }

    @Test(
        arguments: [
            ("", []), ("AA==", [0]), ("aGk=", [104, 105]), ("aGkh", [104, 105, 33]), ("+/8A", [251, 255, 0]),
            ("a", nil), ("a===", nil),
            ("aG=k", nil), ("====", nil),
        ] as [(String, [UInt8]?)])
    func base64(text: String, bytes: [UInt8]?) {
        #expect(Base64.decode(text) == bytes)
    }
}
