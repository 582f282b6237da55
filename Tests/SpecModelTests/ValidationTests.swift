import Testing

@testable import SpecModel

/// A spec with a mistake, and what is said about it.
struct Mistake: CustomTestStringConvertible, Sendable {
    let name: String
    let fixture: SpecFixture
    let expected: [String]

    init(_ name: String, _ fixture: SpecFixture, _ expected: String...) {
        self.name = name
        self.fixture = fixture
        self.expected = expected
    }

    var testDescription: String { name }
}

@Suite struct ValidationTests {
    static let string = #""type": "String", "doc": "D.""#

    @Test func aGoodSpecHasNoMistakes() {
        let fixture = SpecFixture.input(#""acl": { "type": "String", "header": "x-oss-acl", "doc": "D." }"#)
        #expect(fixture.messages.isEmpty)
    }

    @Test(
        arguments: bindingMistakes + typeMistakes + bodyMistakes + operationMistakes + presigningMistakes
            + waiterMistakes
            + shapeMistakes + paginationMistakes)
    func reports(_ mistake: Mistake) {
        #expect(mistake.fixture.messages == mistake.expected.map { "Spec/oss/thing.json:" + $0 })
    }

    static let bindingMistakes = [
        Mistake(
            "unknown key", .input(##""a": { "type": "String", "heeder": "x-a", "header": "x-b", "doc": "D." }"##),
            "4:26: error: unknown key 'heeder' in a member — did you mean 'header'?"),
        Mistake(
            "duplicate key", .input(#""a": { "type": "String", "header": "x-a", "doc": "D.", "doc": "E." }"#),
            "4:56: error: duplicate key 'doc' — first on line 4"),
        Mistake(
            "no binding", .input("\"a\": { \(string) }"),
            "4:1: error: member 'a' of an input has no binding — one of label, header, query, prefixHeaders, payload, copySource"
        ),
        Mistake(
            "two bindings", .input("\"a\": { \(string), \"header\": \"x-a\", \"query\": \"a\" }"),
            "4:65: error: member 'a' has 2 bindings: 'header', 'query' — keep one"),
        Mistake(
            "header twice",
            .input("\"a\": { \(string), \"header\": \"x-a\" },\n\"b\": { \(string), \"header\": \"X-A\" }"),
            "5:1: error: header 'X-A' is bound twice — also by 'a'"),
        Mistake(
            "query twice", .input("\"a\": { \(string), \"query\": \"a\" },\n\"b\": { \(string), \"query\": \"a\" }"),
            "5:1: error: query 'a' is bound twice — also by 'a'"),
        Mistake(
            "query in the uri too", .input("\"a\": { \(string), \"query\": \"acl\" }", uri: "/{bucket}?acl"),
            "4:1: error: query 'acl' is bound twice — also by the uri"),
        Mistake(
            "label not in the uri", .input("\"key\": { \(string), \"label\": true, \"required\": true }"),
            "4:1: error: label 'key' is not in the uri of 'GetThing'"),
        Mistake(
            "label not required", .input("\"key\": { \(string), \"label\": true }", uri: "/{bucket}/{key}"),
            "4:1: error: label 'key' must be 'required'"),
        Mistake(
            "uri's label without member", .input("", uri: "/{bucket}/{key}"),
            "2:97: error: the uri's label '{key}' has no member with 'label'"),
        Mistake(
            "label that is another binding",
            .input("\"key\": { \(string), \"query\": \"key\" }", uri: "/{bucket}/{key}"),
            "2:97: error: the uri's label '{key}' has no member with 'label' — member 'key' lacks \"label\": true"),
        Mistake(
            "query in an output", .output("\"a\": { \(string), \"query\": \"a\" }", root: nil),
            "4:48: error: 'query' cannot be in an output"),
        Mistake(
            "prefixHeaders of a String", .input("\"a\": { \(string), \"prefixHeaders\": \"x-a-\" }"),
            "4:16: error: the type of a member with 'prefixHeaders' must be [String: String], not String"),
        Mistake(
            "header name", .input("\"a\": { \(string), \"header\": \"x a\" }"),
            "4:1: error: 'x a' is not the name of a header"),
        Mistake(
            "copy source without key", .input("\"a\": { \(string), \"copySource\": \"bucket\" }"),
            "4:1: error: the copy source has no 'key'"),
        Mistake(
            "unknown part of the copy source",
            .input("\"a\": { \(string), \"copySource\": \"kei\", \"required\": true }"),
            "4:53: error: unknown part 'kei' of the copy source — did you mean 'key'?"),
    ]

    static let typeMistakes = [
        Mistake(
            "unknown type",
            .output(
                #""o": { "type": "Ownr", "doc": "D." }"#,
                shapes: #""Owner": { "doc": "O.", "members": { "id": { "type": "String", "doc": "D." } } }"#),
            "4:16: error: unknown type 'Ownr' — did you mean 'Owner'?",
            "8:1: error: shape 'Owner' is not used by any operation"),
        Mistake(
            "list of lists", .output(#""o": { "type": "[[String]]", "xmlFlattened": true, "doc": "D." }"#),
            "4:16: error: a list cannot hold '[String]'"),
        Mistake(
            "list without form", .output(#""o": { "type": "[String]", "doc": "D." }"#),
            "4:1: error: list 'o' needs 'xmlFlattened' or 'xmlItemName'"),
        Mistake(
            "flattened scalar", .output("\"o\": { \(string), \"xmlFlattened\": true }"),
            "4:55: error: 'xmlFlattened' is for lists"),
        Mistake(
            "unknown timestampFormat",
            .output(#""o": { "type": "Timestamp", "timestampFormat": "date-tim", "doc": "D." }"#),
            "4:48: error: unknown timestampFormat 'date-tim' — did you mean 'date-time'?"),
        Mistake(
            "timestampFormat of a String", .output("\"o\": { \(string), \"timestampFormat\": \"http-date\" }"),
            "4:58: error: 'timestampFormat' is for Timestamps"),
        Mistake(
            "default of another type", .input(#""a": { "type": "Int", "query": "a", "default": "x", "doc": "D." }"#),
            "4:48: error: a 'default' of type Int cannot be a string"),
        Mistake(
            "default of a required member",
            .input(#""a": { "type": "Int", "query": "a", "required": true, "default": 1, "doc": "D." }"#),
            "4:66: error: a required member has no 'default'"),
        Mistake(
            "urlEncoded number", .output(#""o": { "type": "Int", "urlEncoded": true, "doc": "D." }"#),
            "4:37: error: 'urlEncoded' is for Strings read from XML"),
        Mistake(
            "no type and no doc", .input("\"a\": { \"header\": \"x-a\" }"),
            "4:1: error: member 'a' has no 'doc'", "4:1: error: member 'a' needs 'type'"),
        Mistake(
            "wrong kinds", .input(#""a": { "type": 1, "header": "x-a", "required": "yes", "doc": " " }"#),
            "4:1: error: member 'a' has no 'doc'", "4:16: error: 'type' must be a string, not a number",
            "4:48: error: 'required' must be true or false, not a string", "4:62: error: 'doc' is empty"),
    ]

    static let bodyMistakes = [
        Mistake(
            "two payloads",
            .input("\"a\": { \(string), \"payload\": true },\n\"b\": { \(string), \"payload\": true }"),
            "5:1: error: two payloads in the input: 'a' and 'b'"),
        Mistake(
            "payload on GET", .input("\"a\": { \(string), \"payload\": true }", method: "GET"),
            "4:1: error: 'a' is a payload, but GET has no body"),
        Mistake(
            "body of HEAD", .output("\"a\": { \(string) }", method: "HEAD"),
            "4:1: error: 'a' is in the body, but the reply to HEAD has none"),
        Mistake(
            "payload and elements",
            .output("\"a\": { \"type\": \"Stream\", \"payload\": true, \"doc\": \"D.\" },\n\"b\": { \(string) }"),
            "5:1: error: 'b' is an XML element, but 'a' is the whole body"),
        Mistake(
            "no root", .output("\"a\": { \(string) }", root: nil),
            "2:1: error: operation 'GetThing' needs 'outputXmlName', the root of the reply's XML — 'a' is an element of it"
        ),
        Mistake(
            "root for nothing", .output("\"a\": { \(string), \"header\": \"x-a\" }"),
            "5:18: error: 'outputXmlName' without an XML element in the output"),
        Mistake(
            "element twice", .output("\"a\": { \(string) },\n\"b\": { \(string), \"xmlName\": \"A\" }"),
            "5:1: error: element 'A' is bound twice — also by 'a'"),
        Mistake(
            "checksum without body", .input("", extra: ", \"httpChecksum\": \"content-md5\""),
            "3:117: error: 'content-md5' needs an XML or text payload"),
        Mistake(
            "unknown checksum", .input("", extra: ", \"httpChecksum\": \"md5\""),
            "3:117: error: unknown checksum 'md5' — one of content-md5, crc64, crc64-append"),
        Mistake(
            "content type without key", .input("", extra: ", \"contentTypeFromKey\": true"),
            "3:123: error: 'contentTypeFromKey' needs the label 'key' in the uri"),
        Mistake(
            "path of one element", .output("\"a\": { \(string), \"xmlPath\": \"A\" }"),
            "4:50: error: 'xmlPath' must be two or more element names joined by '/'"),
        Mistake(
            "text beside elements", .output("\"a\": { \(string), \"xmlText\": true },\n\"b\": { \(string) }"),
            "4:1: error: 'xmlText' must be the only XML member of 'GetThing'"),
    ]

    static let operationMistakes = [
        Mistake(
            "no doc, no link",
            SpecFixture(
                service: plainService, operations: "\"GetThing\": { \"http\": { \"method\": \"GET\", \"uri\": \"/\" } }"
            ),
            "2:1: error: operation 'GetThing' has no 'doc'",
            "2:1: error: operation 'GetThing' has no 'link' — the service's page about it"),
        Mistake(
            "no http",
            SpecFixture(
                service: plainService, operations: "\"GetThing\": { \"doc\": \"D.\", \"link\": \"https://e.com\" }"),
            "2:1: error: operation 'GetThing' needs 'http'"),
        Mistake(
            "method and path", .input("", uri: "/{bucket}/x", method: "GETT"),
            "2:83: error: unknown method 'GETT' — did you mean 'GET'?",
            "2:98: error: the path may only have labels such as {bucket}, not 'x'"),
    ]

    static let presigningMistakes = [
        Mistake(
            "presignable without a key", .input("", extra: ", \"presignable\": true"),
            "3:116: error: 'presignable' needs the label 'key' in the uri"),
        Mistake(
            "presignable of another kind", .input("", extra: ", \"presignable\": \"yes\""),
            "3:116: error: 'presignable' must be true or false, not a string"),
        Mistake(
            "presignable, nothing wrong",
            .input(
                "\"key\": { \(string), \"label\": true, \"required\": true }", uri: "/{bucket}/{key}",
                extra: ", \"presignable\": true")),
        Mistake("not presignable", .input("", extra: ", \"presignable\": false")),
    ]

    static let shapeMistakes = [
        Mistake(
            "unused shape",
            SpecFixture.input("").with(shapes: #""Unused": { "doc": "D.", "enum": ["a"] }"#),
            "6:1: error: shape 'Unused' is not used by any operation"),
        Mistake(
            "value twice",
            .output(
                #""s": { "type": "State", "doc": "D." }"#, shapes: #""State": { "doc": "D.", "enum": ["a", "b", "a"] }"#
            ),
            "8:44: error: value 'a' is twice in 'State'"),
        Mistake(
            "both kinds",
            .output(
                #""s": { "type": "State", "doc": "D." }"#,
                shapes: #""State": { "doc": "D.", "enum": ["a"], "members": {} }"#),
            "8:1: error: shape 'State' needs 'members' or 'enum', and not both",
            "8:1: error: structure 'State' has no members"),
        Mistake(
            "recursion without a list",
            .output(
                #""a": { "type": "A", "doc": "D." }"#,
                shapes: """
                    "A": { "doc": "D.", "members": { "b": { "type": "B", "doc": "D." } } },
                    "B": { "doc": "D.", "members": {
                        "a": { "type": "A", "doc": "D." },
                        "list": { "type": "[A]", "xmlFlattened": true, "doc": "D." } } }
                    """),
            "8:34: error: 'A' holds itself through 'b' without a list",
            "10:5: error: 'B' holds itself through 'a' without a list"),
        Mistake(
            "binding in a structure",
            .output(
                #""a": { "type": "A", "doc": "D." }"#,
                shapes: "\"A\": { \"doc\": \"D.\", \"members\": { \"b\": { \(string), \"header\": \"x-b\" } } }"),
            "8:82: error: 'header' cannot be in a structure"),
        Mistake(
            "names", .output("\"Member\": { \(string) }"),
            "4:1: error: a member's key must be in lowerCamelCase, not 'Member'"),
    ]

    static let paginated =
        #", "paginated": { "inputTokens": ["marker"], "outputTokens": ["next"], "more": "more", "items": ["items"] }"#

    static func pages(_ input: String, _ output: String, _ paginated: String = paginated) -> SpecFixture {
        SpecFixture(
            service: plainService,
            operations: SpecFixture.operation(
                "\"input\": { \(SpecFixture.bucket)\n\(input) },\n\"output\": {\n\(output) }, \"outputXmlName\": \"Root\"\n\(paginated)"
            ))
    }

    static let marker = #", "marker": { "type": "String", "query": "marker", "doc": "D." }"#
    static let page = """
        "next": { "type": "String", "doc": "D." }, "more": { "type": "Bool", "doc": "D." },
        "items": { "type": "[String]", "xmlFlattened": true, "doc": "D." }
        """

    static let paginationMistakes = [
        Mistake("nothing wrong", pages(marker, page)),
        Mistake(
            "member missing", pages("", page),
            "8:34: error: the input of 'GetThing' has no paginator member 'marker'"),
        Mistake(
            "misspelt member",
            pages(
                marker, page,
                #", "paginated": { "inputTokens": ["marker"], "outputTokens": ["nex"], "items": ["items"] }"#),
            "8:62: error: the output of 'GetThing' has no paginator member 'nex' — did you mean 'next'?"),
        Mistake(
            "tokens of two types", pages(#", "marker": { "type": "Int", "query": "marker", "doc": "D." }"#, page),
            "8:62: error: paginator member 'next' must be Int as the input's token is, not String"),
        Mistake(
            "more and items",
            pages(
                marker, page,
                #", "paginated": { "inputTokens": ["marker"], "outputTokens": ["next"], "more": "next", "items": ["more"] }"#
            ),
            "8:79: error: paginator member 'next' must be Bool, not String",
            "8:97: error: paginator member 'more' must be a list, not Bool"),
        Mistake(
            "tokens of two counts",
            pages(
                marker, page, #", "paginated": { "inputTokens": ["marker"], "outputTokens": [], "items": ["items"] }"#),
            "8:16: error: 'paginated' needs as many 'inputTokens' as 'outputTokens', and at least one"),
    ]

    /// A waiter with these acceptors, one to a line from line 8 on.
    static func waiter(_ acceptors: String..., name: String = "ThingExists", head: String = #""doc": "D.""#)
        -> SpecFixture
    {
        .output(
            "\"state\": { \(string), \"header\": \"x-oss-state\" }, \"size\": { \"type\": \"Int\", \"header\": \"x-oss-size\", \"doc\": \"D.\" }",
            root: nil,
            extra: """
                , "waiters": {
                "\(name)": {
                \(head),
                "acceptors": [
                \(acceptors.joined(separator: ",\n"))
                ] } }
                """)
    }

    static let success = #"{ "state": "success", "success": true }"#

    static let waiterMistakes = [
        Mistake(
            "every matcher and state",
            waiter(
                #"{ "state": "success", "output": "state", "contains": "new" }"#,
                #"{ "state": "retry", "errorCode": "NoSuchThing" }"#,
                #"{ "state": "retry", "errorCode": "BadErrorResponse", "status": 404 }"#,
                #"{ "state": "failure", "errorCode": "BadErrorResponse" }"#,
                #"{ "state": "failure", "success": true, "message": "Old." }"#,
                head: #""doc": "D.", "minDelay": 1, "maxDelay": 1"#)),
        Mistake(
            "unknown keys", waiter(#"{ "state": "success", "succes": true, "success": true }"#, head: #""dok": "D.""#),
            "5:1: error: waiter 'ThingExists' has no 'doc'",
            "6:1: error: unknown key 'dok' in a waiter — did you mean 'doc'?",
            "8:23: error: unknown key 'succes' in an acceptor — did you mean 'success'?"),
        Mistake(
            "wrong kinds",
            waiter(
                #"{ "state": 1, "success": "yes" }"#, "7", success,
                head: #""doc": "D.", "minDelay": 1.5, "maxDelay": "9""#
            ),
            "6:26: error: 'minDelay' must be a whole number, not a number",
            "6:43: error: 'maxDelay' must be a whole number, not a string",
            "8:1: error: an acceptor needs something to match — one of success, errorCode, output",
            "8:12: error: 'state' must be a string, not a number",
            "8:26: error: 'success' must be true or false, not a string",
            "9:1: error: an acceptor must be an object, not a number"),
        Mistake(
            "unknown state", waiter(#"{ "state": "retri", "errorCode": "A" }"#, success),
            "8:12: error: unknown state 'retri' — did you mean 'retry'?"),
        Mistake("no state", waiter(#"{ "errorCode": "A" }"#, success), "8:1: error: an acceptor needs 'state'"),
        Mistake(
            "no matcher", waiter(#"{ "state": "retry" }"#, #"{ "state": "retry", "success": false }"#, success),
            "8:1: error: an acceptor needs something to match — one of success, errorCode, output",
            "9:1: error: an acceptor needs something to match — one of success, errorCode, output"),
        Mistake(
            "two matchers", waiter(#"{ "state": "retry", "success": true, "errorCode": "A" }"#, success),
            "8:51: error: an acceptor with 2 matchers: 'success', 'errorCode' — keep one"),
        Mistake(
            "no success", waiter(#"{ "state": "retry", "errorCode": "A" }"#),
            "5:1: error: waiter 'ThingExists' has no acceptor with the state 'success'"),
        Mistake(
            "no acceptors", waiter(), "5:1: error: waiter 'ThingExists' has no acceptor with the state 'success'"),
        Mistake(
            "parts of matchers that are not there",
            waiter(
                #"{ "state": "retry", "success": true, "status": 404 }"#,
                #"{ "state": "success", "errorCode": "A", "contains": "x" }"#,
                #"{ "state": "retry", "errorCode": "B", "status": 200 }"#),
            "8:48: error: 'status' narrows an 'errorCode'",
            "9:53: error: 'contains' is for the member that 'output' names",
            "10:49: error: 200 is not the status of an error"),
        Mistake(
            "output without text", waiter(#"{ "state": "success", "output": "state" }"#),
            "8:33: error: 'output' needs 'contains', the text to look for"),
        Mistake(
            "unknown member", waiter(#"{ "state": "success", "output": "stat", "contains": "x" }"#),
            "8:33: error: the output of 'GetThing' has no waiter member 'stat' — did you mean 'state'?"),
        Mistake(
            "member of another type", waiter(#"{ "state": "success", "output": "size", "contains": "x" }"#),
            "8:33: error: 'contains' needs a String, but 'size' is Int"),
        Mistake(
            "failures without a reason, and reasons without a failure",
            waiter(
                #"{ "state": "failure", "output": "state", "contains": "x" }"#,
                #"{ "state": "failure", "errorCode": "A", "message": "M." }"#,
                #"{ "state": "success", "success": true, "message": "M." }"#),
            "8:1: error: an acceptor that takes a result for a 'failure' needs 'message' — what the error says",
            "9:52: error: 'message' is for a 'failure' that a result means",
            "10:51: error: 'message' is for a 'failure' that a result means"),
        Mistake(
            "acceptors that are never asked",
            waiter(
                #"{ "state": "retry", "output": "state", "contains": "x" }"#,
                #"{ "state": "retry", "output": "state", "contains": "axb" }"#, success,
                #"{ "state": "retry", "output": "state", "contains": "y" }"#,
                #"{ "state": "retry", "errorCode": "A" }"#,
                #"{ "state": "success", "errorCode": "A", "status": 404 }"#),
            "9:1: error: the acceptor is never asked — the one on line 8 matches all that it does",
            "11:1: error: the acceptor is never asked — the one on line 10 matches all that it does",
            "13:1: error: the acceptor is never asked — the one on line 12 matches all that it does"),
        Mistake(
            "delays", waiter(success, head: #""doc": "D.", "minDelay": 121"#),
            "6:26: error: 'minDelay' (121) must be from 1 to 'maxDelay' (120)"),
        Mistake(
            "delays", waiter(success, head: #""doc": "D.", "maxDelay": 1"#),
            "6:26: error: 'minDelay' (2) must be from 1 to 'maxDelay' (1)"),
        Mistake(
            "no delay", waiter(success, head: #""doc": "D.", "minDelay": 0"#),
            "6:26: error: 'minDelay' (0) must be from 1 to 'maxDelay' (120)"),
        Mistake(
            "name", waiter(success, name: "thingExists"),
            "5:1: error: a waiter's name must be in UpperCamelCase, not 'thingExists'"),
        Mistake(
            "waiter twice",
            waiter("\(success) ] },\n\"ThingExists\": { \"doc\": \"D.\", \"acceptors\": [ \(success)"),
            "9:1: error: duplicate key 'ThingExists' — first on line 5"),
        Mistake(
            "waiter of a stream",
            .output(
                #""body": { "type": "Stream", "payload": true, "doc": "D." }"#, root: nil,
                extra: ", \"waiters\": {\n\"ThingExists\": { \"doc\": \"D.\", \"acceptors\": [\(success)] } }"),
            "5:1: error: an operation with a stream cannot have 'waiters'"),
    ]

    static let plainService = "{ \"service\": \"oss\", \"client\": \"OSSClient\", \"module\": \"OSS\" }"

    @Test func allMistakesOfAllFilesAreReportedAtOnce() {
        var fixture = SpecFixture.input("\"a\": { \(Self.string), \"heder\": \"x\" }")
        fixture.service = "{ \"service\": \"osss\", \"client\": \"C\", \"modul\": \"M\", \"module\": \"OSS\" }"
        fixture.file = "think.json"
        #expect(
            fixture.messages == [
                "Spec/oss/service.json:1:14: error: service 'osss' is in the folder 'oss'",
                "Spec/oss/service.json:1:37: error: unknown key 'modul' in a service — did you mean 'module'?",
                "Spec/oss/think.json:1:14: error: feature 'Thing' does not go with the file's name 'think.json' — "
                    + "bucket-acl.json holds the feature BucketACL",
                "Spec/oss/think.json:4:1: error: member 'a' of an input has no binding — one of label, header, query, "
                    + "prefixHeaders, payload, copySource",
                "Spec/oss/think.json:4:39: error: unknown key 'heder' in a member — did you mean 'header'?",
            ])
    }

    @Test func duplicatesAcrossFilesAreReported() {
        let fixture = SpecFixture.output(
            #""s": { "type": "State", "doc": "D." }"#, shapes: #""State": { "doc": "D.", "enum": ["a"] }"#)
        var diagnostics = Diagnostics()
        let again = SourceFile(
            path: "Spec/oss/zoo.json",
            text: String(decoding: fixture.files[1].bytes, as: UTF8.self).replacing("Thing\",", with: "Zoo\","))
        _ = SpecLoader.load(folder: "oss", files: fixture.files + [again], &diagnostics)
        #expect(
            diagnostics.sorted.map(\.text) == [
                "Spec/oss/zoo.json:2:1: error: operation 'GetThing' is defined twice — also in Spec/oss/thing.json:2",
                "Spec/oss/zoo.json:8:1: error: shape 'State' is defined twice — first in Spec/oss/thing.json:8",
            ])
    }
}

extension SpecFixture {
    func with(shapes: String) -> SpecFixture {
        var copy = self
        copy.shapes = shapes
        return copy
    }
}
