import Crypto
import NIOHTTP1
import Testing

@testable import OSSEmulator

/// Signs with version 1, for what a given client would sign.
struct TestSignerV1 {
    var accessKeyID: String
    var accessKeySecret: String

    func signature(
        method: String, resource: String, date: String, signedQuery: [(String, String)] = [],
        headers: [String: String] = [:]
    ) -> String {
        let lower = Dictionary(uniqueKeysWithValues: headers.map { ($0.key.lowercased(), $0.value) })
        let oss = lower.filter { $0.key.hasPrefix("x-oss-") }.sorted { $0.key < $1.key }.map {
            "\($0.key):\($0.value)\n"
        }
        let query = signedQuery.sorted { $0.0 < $1.0 }.map { $0.1.isEmpty ? $0.0 : "\($0.0)=\($0.1)" }
        let text =
            [method, lower["content-md5"] ?? "", lower["content-type"] ?? "", date, oss.joined() + resource]
            .joined(separator: "\n") + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        let key = SymmetricKey(data: Array(accessKeySecret.utf8))
        return base64(Array(HMAC<Insecure.SHA1>.authenticationCode(for: Array(text.utf8), using: key)))
    }

    /// The query of a signed URL.
    func presign(
        method: String, resource: String, query: [(String, String)] = [], headers: [String: String] = [:],
        expires: Int64,
        token: String? = nil
    ) -> String {
        let signed = query + (token.map { [("security-token", $0)] } ?? [])
        let signature = signature(
            method: method, resource: resource, date: "\(expires)", signedQuery: signed, headers: headers)
        return (signed + [("OSSAccessKeyId", accessKeyID), ("Expires", "\(expires)"), ("Signature", signature)])
            .map { "\(TestSigner.escape($0.0))=\(TestSigner.escape($0.1))" }.joined(separator: "&")
    }
}

/// Examples computed with the official SDKs' signers.
private struct Vector: Sendable, CustomTestStringConvertible {
    var title: String
    var method = "GET"
    var uri: String
    var headers: [String: String] = [:]
    var authorization: String?
    var token: String?
    var stringToSign: String

    var testDescription: String { title }

    static let date = "Sat, 16 Dec 2023 16:20:57 GMT"
    static let v1 = [
        Vector(
            title: "header", method: "PUT", uri: "/examplebucket/nelson",
            headers: [
                "Content-MD5": "eB5eJF1ptWaXm4bijSPyxw==", "Content-Type": "text/html", "x-oss-meta-author": "alice",
                "x-oss-meta-magic": "abracadabra", "x-oss-date": date,
            ], authorization: "OSS ak:WC80rvJ1KkqoIz7izoAHk8tohZ8=",
            stringToSign: "PUT\neB5eJF1ptWaXm4bijSPyxw==\ntext/html\n\(date)\nx-oss-date:\(date)\n"
                + "x-oss-meta-author:alice\nx-oss-meta-magic:abracadabra\n/examplebucket/nelson"),
        Vector(
            title: "header, sub-resources",
            uri:
                "/examplebucket/dir/a%2Bb?acl&versionId=v%3D1&prefix=x&response-content-type=text%2Fplain&resourceGroup",
            authorization: "OSS ak:1DuicMtDPrtVAwxA/TwRV6NdGR4=",
            stringToSign: "GET\n\n\n\(date)\n/examplebucket/dir/a+b"
                + "?acl&resourceGroup&response-content-type=text/plain&versionId=v=1"),
        Vector(
            title: "header, token under its old name", uri: "/examplebucket/key",
            headers: ["security-token": "token"], authorization: "OSS ak:T4Gl9gYccGEmQ3dIsWskAv0o7zk=",
            token: "token", stringToSign: "GET\n\n\n\(date)\n/examplebucket/key"),
        Vector(
            title: "header, bucket", uri: "/examplebucket/?lifecycle",
            authorization: "OSS ak:lavtbZA0e0x93UIf+6ZeDLrEZSI=",
            stringToSign: "GET\n\n\n\(date)\n/examplebucket/?lifecycle"),
        Vector(
            title: "URL",
            uri: "/bucket/key?versionId=versionId&OSSAccessKeyId=ak&Expires=1702747257"
                + "&Signature=Xb0hvip0HNJXCoqUW7un1ZyGjxc%3D",
            stringToSign: "GET\n\n\n1702747257\n/bucket/key?versionId=versionId"),
        Vector(
            title: "URL, token",
            uri: "/bucket/key%2B123?versionId=versionId&OSSAccessKeyId=ak&Expires=1702747257&security-token=token"
                + "&Signature=thOpF7CYbuHt9HKdpHNYJrY9s9c%3D", token: "token",
            stringToSign: "GET\n\n\n1702747257\n/bucket/key+123?security-token=token&versionId=versionId"),
    ]
    static let v2 = [
        Vector(
            title: "V2, header", uri: "/bucket/dir/a%2Bb?versionId=v%3D1&acl&prefix=x%20y",
            headers: ["Range": "bytes=0-1", "x-oss-meta-a": "b", "Content-Type": "text/plain"],
            authorization:
                "OSS2 AccessKeyId:ak,AdditionalHeaders:range,Signature:z23kgQTC0awBzc+k+7MnxxOO9KEmLH8shI/nqfvFnZY=",
            stringToSign: "GET\n\ntext/plain\n\(date)\nrange:bytes=0-1\nx-oss-meta-a:b\nrange\n"
                + "%2Fbucket%2Fdir%2Fa%2Bb?acl&prefix=x%20y&versionId=v%3D1"),
        Vector(
            title: "V2, URL",
            uri: "/bucket/dir%2Fa%2Bb?versionId=v%3D1&x-oss-signature-version=OSS2&x-oss-expires=1702747257"
                + "&x-oss-access-key-id=ak&x-oss-additional-headers=range"
                + "&x-oss-signature=I9h4eGjyFCRQI373Y2QdXhJ9muU7b4kimBNrh6rMYls%3D",
            headers: ["Range": "bytes=0-1"],
            stringToSign: "GET\n\n\n1702747257\nrange:bytes=0-1\nrange\n%2Fbucket%2Fdir%2Fa%2Bb?versionId=v%3D1"
                + "&x-oss-access-key-id=ak&x-oss-additional-headers=range&x-oss-expires=1702747257"
                + "&x-oss-signature-version=OSS2"),
    ]

    func request(at instant: Int64 = 1_702_743_657, change: (inout HTTPRequestHead) -> Void = { _ in }) throws
        -> Request
    {
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: uri)
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if let authorization {
            head.headers.add(name: "Date", value: Self.date)
            head.headers.add(name: "Authorization", value: authorization)
        }
        change(&head)
        return Request(
            id: "", head: head, target: try RequestTarget(uri: head.uri, host: "127.0.0.1", domains: []),
            operation: .notHere, received: EmulatorInstant(secondsSince1970: instant),
            logger: EmulatorConfiguration().logger)
    }

    /// The error's code, or nil where the request is accepted.
    func code(at instant: Int64 = 1_702_743_657, change: (inout HTTPRequestHead) -> Void = { _ in }) -> String? {
        let store = CredentialStore([
            EmulatorCredential(accessKeyID: "ak", accessKeySecret: "sk", securityToken: token)
        ])
        var check = SignatureCheck()
        do {
            let identity = try Authenticator(credentials: store, region: "cn-hangzhou").identify(
                try request(at: instant, change: change), check: &check)
            return identity == .anonymous ? "anonymous" : nil
        } catch {
            return (error as? Fault)?.code ?? "\(error)"
        }
    }
}

@Suite struct SignatureV1Tests {
    @Test(arguments: Vector.v1 + Vector.v2) private func vectors(vector: Vector) throws {
        #expect(vector.code() == nil)
        var check = SignatureCheck()
        let store = CredentialStore([
            EmulatorCredential(accessKeyID: "ak", accessKeySecret: "sk", securityToken: vector.token)
        ])
        _ = try Authenticator(credentials: store, region: "cn-hangzhou").identify(try vector.request(), check: &check)
        #expect(check.stringToSign == vector.stringToSign)
        #expect(check.accessKeyID == "ak" && check.canonicalRequest == nil && check.providedSignature != nil)
    }

    /// One character at a time: all that is signed, and the signature itself.
    @Test(arguments: Vector.v1 + Vector.v2) private func changesAreRefused(vector: Vector) throws {
        let good = try vector.request().head
        let isV2 = vector.title.hasPrefix("V2")
        let signed = ["content-md5", "content-type", "x-oss-meta-author", "x-oss-meta-a", "authorization"]
        for (name, value) in good.headers {
            guard signed.contains(name.lowercased()) || name.lowercased() == "range" && isV2 else { continue }
            for index in value.indices {
                var text = value
                text.replaceSubrange(index...index, with: value[index] == "1" ? "2" : "1")
                #expect(vector.code { $0.headers.replaceOrAdd(name: name, value: text) } != nil, "\(name): \(text)")
            }
        }
        let unsigned = isV2 ? nil : good.uri.range(of: "prefix=x")
        for index in good.uri.indices.dropFirst() where unsigned?.contains(index) != true {
            var uri = good.uri
            uri.replaceSubrange(index...index, with: uri[index] == "1" ? "2" : "1")
            #expect(vector.code { $0.uri = uri } != nil, "\(uri)")
        }
        #expect(vector.code { $0.method = .DELETE } == "SignatureDoesNotMatch")
        #expect(vector.code { $0.headers.add(name: "x-oss-more", value: "") } == "SignatureDoesNotMatch")
        #expect(vector.code { $0.uri += ($0.uri.contains("?") ? "&" : "?") + "uploads" } == "SignatureDoesNotMatch")
    }

    @Test func clocks() throws {
        let base: Int64 = 1_702_743_657
        for vector in [Vector.v1[0], Vector.v1[1], Vector.v2[0]] {
            for offset in [Int64(-900), 900] { #expect(vector.code(at: base + offset) == nil) }
            for offset in [Int64(-901), 901] { #expect(vector.code(at: base + offset) == "RequestTimeTooSkewed") }
        }
        for vector in [Vector.v1[4], Vector.v2[1]] {
            #expect(vector.code(at: base + 3600) == nil)
            #expect(vector.code(at: base + 3601) == "AccessDenied")
            #expect(vector.code(at: base - 10_000_000) == nil)
        }
    }

    @Test func whatIsWrongIsSaid() throws {
        let header = Vector.v1[1]
        func with(_ name: String, _ value: String?) -> String? {
            header.code { head in
                head.headers.remove(name: name)
                if let value { head.headers.add(name: name, value: value) }
            }
        }
        #expect(with("Authorization", "OSS other:1DuicMtDPrtVAwxA/TwRV6NdGR4=") == "InvalidAccessKeyId")
        for malformed in [
            "OSS ", "OSS", "OSS ak", "OSS ak:", "OSS :x", "OSS ak:x:y", "oss ak:1DuicMtDPrtVAwxA/TwRV6NdGR4=",
            "OSS:ak:x",
            "", " ", "Basic xyz", "OSS2 ", "OSS2 ak:x", "OSS2 AccessKeyId:ak",
            "OSS2 AccessKeyId:ak,AccessKeyId:ak,Signature:x",
            "OSS2 AccessKeyId:,Signature:x", "OSS2 AccessKeyId:ak,Signature:", "OSS2 AccessKeyId:ak,Signature:x,More:y",
            "OSS3 ak:x",
        ] {
            #expect(with("Authorization", malformed) == "InvalidArgument", "\(malformed)")
        }
        for wrong in ["1DuicMtDPrtVAwxA/TwRV6NdGR4", "1DuicMtDPrtVAwxA/TwRV6NdGR5=", "é", "===="] {
            #expect(with("Authorization", "OSS ak:\(wrong)") == "SignatureDoesNotMatch", "\(wrong)")
        }
        #expect(with("Date", nil) == "AccessDenied")
        #expect(with("Date", "yesterday") == "AccessDenied")
        #expect(with("x-oss-date", "yesterday") == "AccessDenied")
        #expect(with("x-oss-security-token", "t") == "InvalidSecurityToken")
        #expect(Vector.v1[2].code { $0.headers.remove(name: "security-token") } == "InvalidAccessKeyId")
        #expect(
            Vector.v1[2].code { $0.headers.replaceOrAdd(name: "security-token", value: "T") } == "InvalidSecurityToken")
        #expect(
            header.code { $0.headers.add(name: "Authorization", value: header.authorization ?? "") }
                == "InvalidArgument")
        #expect(header.code { $0.uri += "&Signature=x" } == "InvalidArgument")
        for query in [
            "OSSAccessKeyId=ak", "Signature=x", "OSSAccessKeyId=ak&Signature=x", "Expires=1702747257&Signature=x",
            "OSSAccessKeyId=ak&Expires=1702747257", "OSSAccessKeyId=ak&Expires=&Signature=x",
            "OSSAccessKeyId=ak&Expires=soon&Signature=x", "OSSAccessKeyId=ak&Expires=-1&Signature=x",
            "OSSAccessKeyId=ak&Expires=9223372036854775807&Signature=x", "OSSAccessKeyId=ak&Expires=1&Signature=x",
        ] {
            #expect(Vector.v1[4].code { $0.uri = "/bucket/key?" + query } == "AccessDenied", "\(query)")
        }
        #expect(Vector.v2[1].code { $0.headers.remove(name: "Range") } == "InvalidArgument")
        #expect(Vector.v2[1].code { $0.uri = "/b/k?x-oss-signature-version=OSS2" } == "InvalidArgument")
    }

    // MARK: Through HTTP

    private func get(
        _ client: TestClient, _ resource: String, query: [(String, String)], signed: [(String, String)],
        headers: [String: String] = [:]
    ) async throws -> Reply {
        let signer = TestSignerV1(accessKeyID: client.accessKeyID, accessKeySecret: client.accessKeySecret)
        var headers = headers
        let date = headers["Date"] ?? client.now.httpDate
        headers["Date"] = date
        headers["Authorization"] =
            "OSS \(client.accessKeyID):"
            + signer.signature(method: "GET", resource: resource, date: date, signedQuery: signed, headers: headers)
        return try await client.send("GET", resource, query: query, headers: headers, isSigned: false)
    }

    /// Where the official clients differ in what they sign, each is understood.
    @Test func everyClientsListIsUnderstood() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k +é", text: "hello")
            let plain = [("versionId", "null"), ("response-content-type", "a b/c+d")]
            let process = ("x-oss-process", "image/resize")
            let other = ("x-oss-new", "1")
            func status(_ query: [(String, String)], signed: [(String, String)]) async throws -> Int {
                try await get(client, "/bkt/k +é", query: query, signed: signed).status
            }
            #expect(try await status(plain + [("accessmonitor", ""), ("prefix", "p")], signed: plain) != 403)
            #expect(try await status(plain, signed: Array(plain.dropFirst())) == 403)
            #expect(try await status(plain + [other], signed: plain) == 200)
            #expect(try await status(plain + [other], signed: plain + [other]) == 200)
            for signed in [plain, plain + [process]] {
                #expect(try await status(plain + [process], signed: signed) != 403)
            }
            #expect(try await status(plain, signed: plain + [process]) == 403)
            #expect(try await status(plain + [("uploads", "")], signed: plain) == 403)
            for signed in [[], [("metaQuery", "")]] {
                let reply = try await get(
                    client, "/bkt/", query: [("metaQuery", ""), ("action", "createDataset")], signed: signed)
                #expect(reply.status != 403)
            }
            #expect(try await get(client, "/bkt/", query: [("metaQuery", "")], signed: []).status == 403)
        }
    }

    @Test func bothDates() async throws {
        try await withEmulator { client async throws in
            let date = client.now.httpDate
            for extra in [date, client.now.basicISO8601] {
                // Signed is either of both.
                for signed in [date, extra] {
                    let signer = TestSignerV1(accessKeyID: client.accessKeyID, accessKeySecret: client.accessKeySecret)
                    let signature = signer.signature(
                        method: "GET", resource: "/bkt/", date: signed, headers: ["x-oss-date": extra])
                    let reply = try await client.send(
                        "GET", "/bkt/",
                        headers: [
                            "Date": date, "x-oss-date": extra,
                            "Authorization": "OSS \(client.accessKeyID):\(signature)",
                        ], isSigned: false)
                    #expect(reply.status == 200)
                }
            }
            let old = try await get(
                client, "/bkt/", query: [], signed: [], headers: ["Date": "Sat, 16 Dec 2023 16:20:57 GMT"])
            #expect(old.status == 403 && old.element("Code") == "RequestTimeTooSkewed")
        }
    }

    @Test func signedURLs() async throws {
        let token = EmulatorCredential(accessKeyID: "STS.x", accessKeySecret: "s", securityToken: "to+ken/==")
        try await withEmulator {
            $0.credentials.append(token)
        } _: { client async throws in
            let signer = TestSignerV1(accessKeyID: client.accessKeyID, accessKeySecret: client.accessKeySecret)
            let soon = client.now.seconds + 60
            let put = signer.presign(
                method: "PUT", resource: "/bkt/dir/a +", headers: ["Content-Type": "a/b", "x-oss-meta-a": "1"],
                expires: soon)
            func send(_ method: String, _ query: String, _ headers: String = "") async throws -> Reply {
                try await client.raw(
                    "\(method) /bkt/dir%2Fa%20+?\(query) HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\(headers)\r\n")
            }
            #expect(try await send("PUT", put, "Content-Type: a/b\r\nx-oss-meta-a: 1\r\n").status == 200)
            #expect(try await send("PUT", put, "Content-Type: a/c\r\nx-oss-meta-a: 1\r\n").status == 403)
            #expect(try await send("PUT", put, "Content-Type: a/b\r\n").status == 403)
            let get = signer.presign(
                method: "GET", resource: "/bkt/dir/a +", query: [("response-expires", "x")], expires: soon)
            #expect(try await send("GET", get).headers["expires"] == "x")
            let past = try await send(
                "GET", signer.presign(method: "GET", resource: "/bkt/dir/a +", expires: soon - 61))
            #expect(past.status == 403 && past.element("Code") == "AccessDenied")
            #expect(past.element("Message") == "Request has expired.")
            let temporary = TestSignerV1(accessKeyID: "STS.x", accessKeySecret: "s")
            func url(_ given: String?) -> String {
                temporary.presign(method: "GET", resource: "/bkt/dir/a +", expires: soon, token: given)
            }
            #expect(try await send("GET", url("to+ken/==")).status == 200)
            #expect(try await send("GET", url("token")).element("Code") == "InvalidSecurityToken")
            let without = try await send("GET", url(nil))
            #expect(without.element("Code") == "InvalidAccessKeyId" && without.element("EC") == "0002-00000003")
            // Of a parameter that is there twice the first counts.
            #expect(try await send("GET", get + "&Signature=x&Expires=1").status == 200)
        }
    }

    @Test func theErrorShowsWhatWasSigned() async throws {
        try await withEmulator { client async throws in
            var wrong = client
            wrong.accessKeySecret = "wrong"
            let reply = try await get(wrong, "/bkt/", query: [("acl", "")], signed: [("acl", "")])
            #expect(reply.status == 403 && reply.element("Code") == "SignatureDoesNotMatch")
            #expect(reply.element("StringToSign") == "GET&#10;&#10;&#10;\(client.now.httpDate)&#10;/bkt/?acl")
            #expect(reply.element("CanonicalRequest") == nil && !reply.text.contains(client.accessKeySecret))
        }
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<Index>? {
        indices.lazy.compactMap { index in
            self[index...].hasPrefix(text) ? index..<self.index(index, offsetBy: text.count) : nil
        }.first
    }
}
