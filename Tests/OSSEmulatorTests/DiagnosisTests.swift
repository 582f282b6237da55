import Crypto
import NIOHTTP1
import Testing

@testable import OSSEmulator

/// What the control endpoint finds out about signatures that don't match.
@Suite struct DiagnosisTests {
    /// What a client signs, to be changed.
    private struct Signed {
        var method = "PUT"
        var path = "/bkt/dir/a%20b%2B~"
        var query = "b=1%2F2&c%20c=3%204&d&x-a=z"
        var headers = [
            "content-type:text/plain; charset=utf-8", "x-oss-content-sha256:UNSIGNED-PAYLOAD", "x-oss-date:DATE",
            "x-oss-meta-a:1",
        ]
        var additional = ""
        var payload = "UNSIGNED-PAYLOAD"
        var separator = "\n"
        var region = "cn-hangzhou"
        var keyRegion: String?
        var prefix = "aliyun_v4"
        var secret: String
        var day: String?

        init(_ client: TestClient) {
            secret = client.accessKeySecret
        }

        private func hmac(_ key: [UInt8], _ text: String) -> [UInt8] {
            Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
        }

        func signature(_ date: String) -> String {
            let lines = headers.map { $0.replacing("DATE", with: date) + separator }.joined()
            let request = [method, path, query, lines, additional, payload].joined(separator: separator)
            let today = String(date.prefix(8))
            let scope = "\(today)/\(region)/oss/aliyun_v4_request"
            let hash = Hex.encode(SHA256.hash(data: Array(request.utf8)))
            let text = ["OSS4-HMAC-SHA256", date, scope, hash].joined(separator: separator)
            var key = Array("\(prefix)\(secret)".utf8)
            for part in [day ?? today, keyRegion ?? region, "oss", "aliyun_v4_request", text] { key = hmac(key, part) }
            return Hex.encode(key)
        }
    }

    private struct Case: Sendable, CustomTestStringConvertible {
        var words: String
        var change: @Sendable (inout Signed) -> Void
        var testDescription: String { words }

        init(_ words: String, _ change: @escaping @Sendable (inout Signed) -> Void) {
            self.words = words
            self.change = change
        }
    }

    private static let cases = [
        Case("with the path not percent-encoded") { $0.path = "/bkt/dir/a b+~" },
        Case("with the path percent-encoded twice") { $0.path = "/bkt/dir/a%2520b%252B~" },
        Case("with the key's slashes encoded as %2F") { $0.path = "/bkt/dir%2Fa%20b%2B~" },
        Case("without the bucket in the path") { $0.path = "/dir/a%20b%2B~" },
        Case("with a plus sign for each space of the path") { $0.path = "/bkt/dir/a+b%2B~" },
        Case("with the query not sorted") { $0.query = "x-a=z&c%20c=3%204&b=1%2F2&d" },
        Case("with the query not percent-encoded") { $0.query = "b=1/2&c c=3 4&d&x-a=z" },
        Case("with the query's slashes not encoded") { $0.query = "b=1/2&c%20c=3%204&d&x-a=z" },
        Case("with = after parameters that have no value") { $0.query = "b=1%2F2&c%20c=3%204&d=&x-a=z" },
        Case("without the query") { $0.query = "" },
        Case("without the parameter x-a") { $0.query = "b=1%2F2&c%20c=3%204&d" },
        Case("without the header content-type") { $0.headers.removeFirst() },
        Case("without the header x-oss-meta-a") { $0.headers.removeLast() },
        Case("with the content-type text/plain and sent text/plain; charset=utf-8") {
            $0.headers[0] = "content-type:text/plain"
        },
        Case("with the content-type 'application/octet-stream'") {
            $0.headers[0] = "content-type:application/octet-stream"
        },
        Case("with the header host, which is not one of those signed") { $0.headers.insert("host:127.0.0.1", at: 1) },
        Case("with the hash of an empty body as payload") {
            $0.payload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        },
        Case("with the names of all signed headers as additional ones") {
            $0.additional = "content-type;x-oss-content-sha256;x-oss-date;x-oss-meta-a"
        },
        Case("with the method GET") { $0.method = "GET" },
        Case("with a line feed after the secret") { $0.secret += "\n" },
        Case("with a space before the secret") { $0.secret = " " + $0.secret },
        Case("with the secret of another key, other") { $0.secret = "another secret" },
        Case("for the region 'oss-cn-hangzhou' instead of cn-hangzhou") { $0.region = "oss-cn-hangzhou" },
        Case("with a key for the region 'us-west-1' instead of cn-hangzhou") { $0.keyRegion = "us-west-1" },
        Case("with a key that starts from AWS4") { $0.prefix = "AWS4" },
        Case("with a key of the day before, 20231215") { $0.day = "20231215" },
        Case("with CR and LF at the ends of lines") { $0.separator = "\r\n" },
        Case("with the path not percent-encoded, and with the query not percent-encoded.") {
            $0.path = "/bkt/dir/a b+~"
            $0.query = "b=1/2&c c=3 4&d&x-a=z"
        },
        Case("without the header content-type, and with a line feed after the secret.") {
            $0.headers.removeFirst()
            $0.secret += "\n"
        },
    ]

    private static let now = EmulatorInstant(millisecondsSince1970: 1_702_743_657_000)

    private func withEmulatorThen(_ body: (TestClient, ControlClient) async throws -> Void) async throws {
        try await withControl {
            $0.now = { Self.now }
            $0.credentials.append(EmulatorCredential(accessKeyID: "other", accessKeySecret: "another secret"))
        } _: { client, control async throws in
            try await body(client, control)
        }
    }

    /// Sends a request that is signed so; gives the request ID.
    private func send(_ client: TestClient, _ signature: String) async throws -> Reply {
        try await client.raw(
            "PUT /bkt/dir/a%20b%2B~?x-a=z&c%20c=3%204&b=1%2F2&d HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                + "Content-Type: text/plain; charset=utf-8\r\nx-oss-date: 20231216T162057Z\r\nX-Oss-Meta-A: 1\r\n"
                + "x-oss-content-sha256: UNSIGNED-PAYLOAD\r\nContent-Length: 0\r\nAuthorization: OSS4-HMAC-SHA256"
                + " Credential=\(client.accessKeyID)/20231216/cn-hangzhou/oss/aliyun_v4_request,"
                + "Signature=\(signature)\r\n\r\n")
    }

    @Test func mistakesOfVersion4AreNamed() async throws {
        try await withEmulatorThen { client, control async throws in
            let right = Signed(client)
            #expect(try await send(client, right.signature("20231216T162057Z")).status == 200)
            for mistake in Self.cases {
                var wrong = right
                mistake.change(&wrong)
                let reply = try await send(client, wrong.signature("20231216T162057Z"))
                #expect(reply.status == 403)
                let id = try #require(reply.headers["x-oss-request-id"])
                let diagnosis = try await control.json("GET", "/requests/\(id)")["diagnosis"]
                let explanation = diagnosis?["explanation"]?.string ?? ""
                #expect(explanation.contains(mistake.words), "\(explanation)")
                #expect(diagnosis?["client"]?["canonicalRequest"]?.string?.contains("UNSIGNED-PAYLOAD") != nil)
            }
        }
    }

    @Test func whatIsNotFoundIsSaid() async throws {
        try await withEmulatorThen { client, control async throws in
            for signature in [String(repeating: "0", count: 64), "no hex", ""] {
                let reply = try await send(client, signature)
                #expect(reply.status == 403)
                let id = try #require(reply.headers["x-oss-request-id"])
                let diagnosis = try await control.json("GET", "/requests/\(id)")["diagnosis"]
                #expect(diagnosis?["client"] == .null)
                #expect(diagnosis?["explanation"]?.string?.hasPrefix("None of ") == true)
                let count = diagnosis?["others"]?.items.count ?? 0
                #expect(count > 100 && diagnosis?["others"]?[0]?["mistake"]?.string?.isEmpty == false)
                #expect(diagnosis?["canonicalRequest"]?.string?.hasPrefix("PUT\n/bkt/dir/a%20b%2B~\nb=1%2F2") == true)
            }
            let text = try await control.send("GET", "/requests?limit=500").text
            #expect(!text.contains(client.accessKeySecret) && !text.contains("another secret"))
        }
    }

    @Test func mistakesInURLsAreNamed() async throws {
        try await withEmulatorThen { client, control async throws in
            // Signed without the content type that is sent.
            let query = client.signer.presign(method: "PUT", resource: "/bkt/k", expires: 60)
            let reply = try await client.raw(
                "PUT /bkt/k?\(query) HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: 0\r\n\r\n")
            #expect(reply.status == 403)
            let diagnosis = try await control.json("GET", "/requests/\(reply.headers["x-oss-request-id"] ?? "")")
            #expect(diagnosis["signature"] == "v4Query")
            #expect(
                diagnosis["diagnosis"]?["explanation"] == "The client signed without the header content-type.")
        }
    }

    @Test func mistakesOfVersion1AreNamed() throws {
        let right =
            "PUT\neB5eJF1ptWaXm4bijSPyxw==\ntext/html\nSat, 16 Dec 2023 16:20:57 GMT\nx-oss-meta-author:alice\n"
            + "x-oss-meta-magic:abracadabra\n/examplebucket/dir/a b?acl&versionId=1"
        let head = HTTPRequestHead(
            version: .http1_1, method: .PUT, uri: "/examplebucket/dir/a%20b?versionId=1&acl&prefix=x",
            headers: ["x-oss-date": "Sat, 16 Dec 2023 16:20:58 GMT"])
        func explain(_ text: String, secret: String = "sk") throws -> String {
            let code = HMAC<Insecure.SHA1>.authenticationCode(
                for: Array(text.utf8), using: SymmetricKey(data: Array(secret.utf8)))
            var check = SignatureCheck()
            check.scheme = .v1Header
            check.accessKeyID = "ak"
            check.stringToSign = right
            check.providedSignature = base64(Array(code))
            return try #require(SignatureDiagnosis(check, head, secrets: ["ak": "sk"])).explanation
        }
        let cases: [(String, String, String)] = [
            ("text/html", "", "with the content-type '' and sent 'text/html'"),
            ("eB5eJF1ptWaXm4bijSPyxw==", "", "without the content-md5"),
            ("x-oss-meta-author:alice\n", "", "without the header x-oss-meta-author"),
            ("16:20:57", "16:20:58", "with the x-oss-date header for the date"),
            ("/examplebucket/dir", "/dir", "without the bucket in the resource"),
            ("a b", "a%20b", "with the resource percent-encoded"),
            ("?acl&versionId=1", "", "without the sub-resources"),
            ("acl&versionId", "acl&prefix=x&versionId", "with the whole query, sorted, as sub-resources"),
            ("PUT", "GET", "with the method GET"),
        ]
        for (old, new, words) in cases {
            let explanation = try explain(right.replacing(old, with: new))
            #expect(explanation == "The client signed \(words).", "\(explanation)")
        }
        #expect(try explain(right, secret: "sk\n") == "The client signed with a line feed after the secret.")
        #expect(try explain("something else").hasPrefix("None of "))
    }

    @Test func mistakesOfTheOlderVersionsAreNamedByTheServer() async throws {
        try await withEmulatorThen { client, control async throws in
            let date = "Sat, 16 Dec 2023 16:20:57 GMT"
            func explain(_ authorization: (String) -> String) async throws -> String {
                let reply = try await client.raw(
                    "PUT /bkt/dir/a%20b?acl HTTP/1.1\r\nHost: h\r\nDate: \(date)\r\nContent-Type: a/b\r\n"
                        + "x-oss-object-acl: private\r\nContent-Length: 0\r\n"
                        + "Authorization: \(authorization(client.accessKeyID))\r\n\r\n")
                #expect(reply.status == 403, "\(reply.text)")
                let id = try #require(reply.headers["x-oss-request-id"])
                let diagnosis = try await control.json("GET", "/requests/\(id)")["diagnosis"]
                return diagnosis?["explanation"]?.string ?? ""
            }
            let key = SymmetricKey(data: Array(client.accessKeySecret.utf8))
            let v1 = "PUT\n\n\n\(date)\nx-oss-object-acl:private\n/bkt/dir/a b?acl"
            let sha1 = base64(Array(HMAC<Insecure.SHA1>.authenticationCode(for: Array(v1.utf8), using: key)))
            #expect(
                try await explain { "OSS \($0):\(sha1)" }
                    == "The client signed with the content-type '' and sent 'a/b'.")
            let v2 = "PUT\n\na/b\n\(date)\nx-oss-object-acl:private\n\n/bkt/dir/a b?acl"
            let sha256 = base64(Array(HMAC<SHA256>.authenticationCode(for: Array(v2.utf8), using: key)))
            #expect(
                try await explain { "OSS2 AccessKeyId:\($0),Signature:\(sha256)" }
                    == "The client signed with the resource not percent-encoded.")
        }
    }
}
