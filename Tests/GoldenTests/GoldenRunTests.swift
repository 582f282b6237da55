import OSSRuntime
import Testing
import WireTestSupport

/// Runs the golden files: what they encode and decode, through the runtime and without a network.
@Suite struct GoldenRunTests {
    private let tree = """
        <Root><ID>a&amp;b</ID><Color>new</Color><Size>-7</Size><Flag>true</Flag><At>2024-02-29T12:00:00Z</At>\
        <Label><Key>k</Key></Label><Day>1</Day><Day>2</Day><Colors><Color>IA</Color></Colors>\
        <AccessControlList><Grant>x</Grant></AccessControlList><Branch><ID>c</ID><Colors/></Branch></Root>
        """

    private var treeValue: Tree {
        Tree(
            id: "a&b", color: "new", size: -7, flag: true, at: instant(milliseconds: 1_709_208_000_000),
            label: Label(key: "k"), days: [1, 2], colors: [.ia], grant: "x", branches: [Tree(id: "c", colors: [])])
    }

    @Test func everyBindingOfARequest() async {
        let wire = WireTest(
            "PutEverything", at: "GoldenRunTests",
            request: #"""
                {
                    "method": "PUT", "host": "example-bucket.oss-cn-hangzhou.aliyuncs.com", "path": "/a%20b/%2B.txt",
                    "query": {
                        "every": "", "thing": "1", "default": "d&", "request": "r", "max-keys": "100", "encoding-type": "url",
                        "since": "86400"
                    },
                    "headers": {
                        "x-oss-text": "t", "x-oss-flag": "true", "x-oss-count": "3", "x-oss-ratio": "0.5",
                        "x-oss-color": "dark-red", "if-modified-since": "Fri, 02 Jan 1970 00:00:00 GMT",
                        "x-oss-meta-a": "1", "x-oss-meta-b": "2", "x-oss-copy-source": "/other/k%20?versionId=v",
                        "content-type": "text/plain"
                    },
                    "body": { "base64": "aGVsbG8=" }
                }
                """#)
        let day = instant(milliseconds: 86_400_000)
        let request = PutEverythingRequest(
            bucket: "example-bucket", key: "a b/+.txt", text: "t", flag: true, count: 3, ratio: 0.5, color: .darkRed,
            ifModifiedSince: day, default: "d&", request: "r", since: day, metadata: ["b": "2", "a": "1"],
            sourceBucket: "other", sourceKey: "k ", sourceVersionID: "v", body: "hello")
        await wire.checkRequest(request)
    }

    @Test func whatIsNotGivenIsNotSent() async {
        let wire = WireTest(
            "PutEverything", at: "GoldenRunTests",
            request: #"""
                {
                    "query": { "every": "", "thing": "1", "max-keys": "100", "encoding-type": "url" },
                    "headers": { "x-oss-count": "0", "x-oss-copy-source": "/example-bucket/k" },
                    "absentHeaders": [ "x-oss-text", "x-oss-flag", "x-oss-ratio", "x-oss-color", "if-modified-since" ],
                    "body": { "none": true }
                }
                """#)
        await wire.checkRequest(PutEverythingRequest(bucket: "example-bucket", key: "k", count: 0, sourceKey: "k"))
    }

    @Test func aPresignedURLHasNoDefaults() {
        var builder = RequestBuilder(PutEverythingRequest.operation)
        builder.isPresigned = true
        PutEverythingRequest(bucket: "example-bucket", key: "k", count: 0, maxKeys: 7, sourceKey: "k")
            .encode(into: &builder)
        #expect(builder.query == "every&thing=1&max-keys=7")
    }

    @Test func membersInHeadersAreReadWhenAskedFor() {
        let headers: [(String, String)] = [
            ("x-oss-text", "t"), ("x-oss-flag", "TRUE"), ("x-oss-count", "many"), ("x-oss-color", "new"),
            ("Last-Modified", "Fri, 02 Jan 1970 00:00:00 GMT"), ("x-oss-meta-A", "1"),
        ]
        let result = PutEverythingResult(response: .init(status: 200, headers: fields(headers)))
        #expect(result.text == "t")
        #expect(result.flag)
        #expect(result.count == nil)
        #expect(result.color == "new")
        #expect(result.lastModified == instant(milliseconds: 86_400_000))
        #expect(result.metadata == ["a": "1"])
        #expect(PutEverythingResult().flag == false)
    }

    @Test func aStructureIsWritten() async {
        let wire = WireTest("PutTree", at: "GoldenRunTests", request: #"{ "body": { "xml": "\#(json(tree))" } }"#)
        await wire.checkRequest(PutTreeRequest(bucket: "example-bucket", tree: treeValue))
    }

    @Test func aStructureIsRead() async {
        let wire = WireTest(
            "GetTree", at: "GoldenRunTests", response: #"{ "status": 200, "body": { "xml": "\#(json(tree))" } }"#)
        await wire.checkOutput(GetTreeRequest.self) { (result: GetTreeResult) in
            #expect(result.tree == treeValue)
            return WireMembers()
        }
    }

    @Test func everyElementOfAReply() async {
        let xml = """
            <Parts><EncodingType>url</EncodingType><Name>n</Name><Key>a%20b</Key><Flag>false</Flag><Count>2</Count>\
            <Ratio>1.5</Ratio><AccessControlList><X/><Grant>dark-red</Grant></AccessControlList><A><B><C>9</C></B></A>\
            <Day>2024-02-29T00:00:00.000Z</Day><Label><Key>k</Key><Value/></Label><Number>1</Number><Number>2</Number>\
            <Buckets><Bucket><Name>b</Name></Bucket></Buckets><Names><Name>x</Name><Name/></Names><Note>hm</Note>\
            <Element>e</Element><Unknown><Name>no</Name></Unknown></Parts>
            """
        let wire = WireTest(
            "GetParts", at: "GoldenRunTests", response: #"{ "status": 200, "body": { "xml": "\#(json(xml))" } }"#)
        await wire.checkOutput(GetPartsRequest.self) { (result: GetPartsResult) in
            #expect(result.name == "n")
            #expect(result.key == "a b")
            #expect(result.flag == false)
            #expect(result.count == 2)
            #expect(result.ratio == 1.5)
            #expect(result.grant == .darkRed)
            #expect(result.deep == 9)
            #expect(result.day == instant(milliseconds: 1_709_164_800_000))
            #expect(result.labels == [Label(key: "k", value: "")])
            #expect(result.numbers == [1, 2])
            #expect(result.buckets.map(\.name) == ["b"])
            #expect(result.names == ["x", ""])
            #expect(result.note?.text == "hm")
            #expect(result.element == "e")
            #expect(result.callback == nil)
            return WireMembers()
        }
    }

    @Test func aBodyThatIsNotXML() async {
        let wire = WireTest("GetParts", at: "GoldenRunTests", response: #"{ "status": 200, "body": { "text": "{}" } }"#)
        await wire.checkOutput(GetPartsRequest.self) { (result: GetPartsResult) in
            #expect(result.callback == "{}")
            #expect(result.name.isEmpty)
            return WireMembers()
        }
    }

    @Test func textsAndStreams() async {
        let reply = #"{ "status": 200, "headers": { "ETag": "e" }, "body": { "text": "hello" } }"#
        await WireTest("GetStream", at: "GoldenRunTests", response: reply)
            .checkOutput(GetStreamRequest.self) { (result: GetStreamResult) in
                #expect(result.etag == "e")
                let body = try await result.body.collect(upTo: 100)
                #expect(body == Array("hello".utf8))
                return WireMembers()
            }
        let location = #"{ "status": 200, "body": { "xml": "<Location> x </Location>" } }"#
        await WireTest("GetLocation", at: "GoldenRunTests", response: location)
            .checkOutput(GetLocationRequest.self) { (result: GetLocationResult) in
                #expect(result.location == " x ")
                return WireMembers()
            }
    }

    // MARK: Waiters

    private let state = GetStateRequest(bucket: "example-bucket")

    private func result(_ headers: (String, String)...) -> Result<ResponseMetadata, OSSError> {
        .success(ResponseMetadata(status: 200, headers: fields(headers)))
    }

    private func error(_ code: OSSError.Code, status: Int = 404) -> Result<ResponseMetadata, OSSError> {
        var error = OSSError(.service, code: code, message: "no")
        error.status = status
        return .failure(error)
    }

    @Test func aWaiterEndsWithTheResultThatIsASuccess() async throws {
        let client = GoldenClient(error("NoSuchState"), error(.badErrorResponse), result(("x-oss-state", "s")))
        #expect(try await client.waitUntilStateExists(state).state == "s")
        let ready = GoldenClient(result(), result(("x-oss-state", #"ready="true", x"#)))
        #expect(try await ready.waitUntilStateIsReady(state).state == #"ready="true", x"#)
        let always = GoldenClient(result(("x-oss-default", "already")))
        #expect(try await always.waitUntilStateIsReady(state).default == "already")
    }

    @Test func aWaiterEndsWithTheErrorThatIsASuccess() async throws {
        try await GoldenClient(result(), error("NoSuchState")).waitUntilStateNotExists(state)
        try await GoldenClient(error("NoSuchState")).waitUntilStateIsOldOrGone(state)
        try await GoldenClient(result(("x-oss-state", "older"))).waitUntilStateIsOldOrGone(state)
    }

    @Test(arguments: [("StateLost", 404), ("Other", 404), ("BadErrorResponse", 403)])
    func errorsThatNoAcceptorRetriesAreThrown(code: String, status: Int) async {
        let client = GoldenClient(error(OSSError.Code(rawValue: code), status: status), result())
        let thrown = await #expect(throws: OSSError.self) { try await client.waitUntilStateExists(state) }
        #expect(thrown?.code.rawValue == code)
    }

    @Test func resultsThatAreAFailureSayWhy() async {
        let ready = GoldenClient(result(("x-oss-default", "off")))
        let off = await #expect(throws: OSSError.self) { try await ready.waitUntilStateIsReady(state) }
        #expect(off?.kind == .waitFailed)
        #expect(off?.status == 200)
        #expect(off?.message == #"StateIsReady can't come about: the state is "off""#)
        let old = GoldenClient(result())
        let young = await #expect(throws: OSSError.self) { try await old.waitUntilStateIsOldOrGone(state) }
        #expect(young?.message.contains("the state is young") == true)
    }

    @Test("op-unknown: enumerations are open") func enumerationsAreOpen() {
        #expect(Color.darkRed.rawValue == "dark-red")
        #expect(Color.threeDimensional == "3D")
        #expect(Color.default == Color(rawValue: "default"))
        #expect(Color(rawValue: "tomorrow").rawValue == "tomorrow")
    }

    @Test @available(*, deprecated) func whatIsSensitiveIsNotPrinted() {
        let request = PostPolicyRequest(bucket: "b", password: "secret", policy: "p")
        #expect(!"\(request)".contains("secret"))
        #expect(!String(reflecting: request).contains("secret"))
    }

    private func json(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
