import Crypto
import Testing

@testable import OSSEmulator

/// What the test-suites of the official SDKs found to differ from the service.
@Suite struct PeerTests {
    /// The Go SDK's first version sends no x-oss-date.
    @Test func theDateHeaderMayBeSigned() async throws {
        try await withEmulator { client async throws in
            var signer = client.signer
            signer.httpDate = client.now.httpDate
            var headers = ["Date": client.now.httpDate, "x-oss-content-sha256": "UNSIGNED-PAYLOAD"]
            headers["Authorization"] = signer.authorization(
                method: "GET", resource: "/bkt/", query: [("acl", "")], headers: headers)
            headers["Host"] = "127.0.0.1:\(client.emulator.port)"
            func reply(_ headers: [String: String]) async throws -> Reply {
                let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
                return try await client.raw("GET /bkt/?acl HTTP/1.1\r\n\(lines)\r\n")
            }
            #expect(try await reply(headers).status == 200)
            headers["Date"] = client.now.advanced(by: 1000).httpDate
            #expect(try await reply(headers).element("Code") == "SignatureDoesNotMatch")
        }
    }

    /// The ETag is made of the parts' ETags as text.
    @Test func etagOfParts() async throws {
        try await withEmulator { client async throws in
            let begun = try await client.send("POST", "/bkt/k", query: [("uploads", "")])
            let id = try #require(begun.element("UploadId"))
            var etags: [String] = []
            for number in 1...2 {
                let part = try await client.send(
                    "PUT", "/bkt/k", query: [("partNumber", "\(number)"), ("uploadId", id)],
                    body: [UInt8](repeating: UInt8(number), count: 102_400))
                etags.append(try #require(part.headers["etag"]))
            }
            let list = etags.enumerated().map {
                "<Part><PartNumber>\($0.offset + 1)</PartNumber><ETag>\($0.element)</ETag></Part>"
            }.joined()
            let done = try await client.send(
                "POST", "/bkt/k", query: [("uploadId", id)],
                text: "<CompleteMultipartUpload>\(list)</CompleteMultipartUpload>")
            let text = etags.joined().filter { $0 != "\"" }
            let digits = Insecure.MD5.hash(data: Array(text.utf8)).map {
                String($0 >> 4, radix: 16, uppercase: true) + String($0 & 15, radix: 16, uppercase: true)
            }
            #expect(done.element("ETag") == "&quot;\(digits.joined())-2&quot;")
        }
    }

    @Test(arguments: [
        ("k", "v", true), (" +-=._:/", "中文 1", true), ("键", "", true), ("a&b", "v", false), ("k", "a?b", false),
        ("k", "🙂", false),
    ])
    func lettersOfTags(key: String, value: String, isGood: Bool) async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "x")
            let tag =
                "<Tag><Key>\(key.replacing("&", with: "&amp;"))</Key><Value>\(value)</Value></Tag>"
            let reply = try await client.send(
                "PUT", "/bkt/k", query: [("tagging", "")], text: "<Tagging><TagSet>\(tag)</TagSet></Tagging>")
            #expect(reply.status == (isGood ? 200 : 400))
            #expect(reply.element("Code") == (isGood ? nil : "InvalidTag"))
        }
    }

    @Test func limitsOfTraffic() async throws {
        let sleeps = Sleeps()
        try await withEmulator {
            $0.sleep = { sleeps.sleep($0) }
        } _: { client async throws in
            let body = [UInt8](repeating: 1, count: 1 << 20)
            let limit = ["x-oss-traffic-limit": "819200"]
            func slept() -> Int64 { sleeps.all.reduce(0, +) }
            #expect(try await client.send("PUT", "/bkt/k", headers: limit, body: body).status == 200)
            let uploading = slept()
            #expect(uploading == 10_240)
            #expect(try await client.send("GET", "/bkt/k", headers: limit).body == body)
            #expect(slept() - uploading == 10_240)
            let before = slept()
            let reply = try await client.send("GET", "/bkt/k", query: [("x-oss-traffic-limit", "838860800")])
            #expect(reply.body == body && slept() - before == 10)
            #expect(try await client.send("GET", "/bkt/k", headers: ["x-oss-traffic-limit": "1000"]).status == 400)
        }
    }
}
