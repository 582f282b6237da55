import OSSEmulator
import Testing

/// What requests signed with version 4 come to, apart from right and wrong signatures.
@Suite struct AuthenticationTests {
    private func raw(_ client: TestClient, _ target: String, _ headers: [String] = [], method: String = "GET")
        async throws -> Reply
    {
        try await client.raw(
            "\(method) \(target) HTTP/1.1\r\nHost: h\r\n" + headers.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    private func signed(
        _ client: TestClient, _ resource: String, query: [(String, String)] = [], headers: [String: String] = [:],
        additional: [String] = [], method: String = "GET"
    ) -> [String: String] {
        var all = headers
        all["x-oss-date"] = TestClient.stamp(client.now)
        all["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD"
        all["Authorization"] = client.signer.authorization(
            method: method, resource: resource, query: query, headers: all, additional: additional)
        return all
    }

    // MARK: Tokens

    @Test func securityTokens() async throws {
        let now = EmulatorInstant(millisecondsSince1970: 1_702_743_657_000)
        let end = EmulatorInstant(millisecondsSince1970: 1_702_743_658_000)
        let keys = [
            EmulatorCredential(accessKeyID: "STS.x", accessKeySecret: "s", securityToken: "to+ken/=="),
            EmulatorCredential(accessKeyID: "STS.soon", accessKeySecret: "s", securityToken: "t", expiration: end),
            EmulatorCredential(accessKeyID: "STS.past", accessKeySecret: "s", securityToken: "t", expiration: now),
        ]
        try await withEmulator {
            $0.credentials += keys
            $0.now = { now }
        } _: { client async throws in
            func ask(_ id: String, _ token: String?, isQuery: Bool) async throws -> String {
                var client = client
                (client.accessKeyID, client.accessKeySecret) = (id, id.hasPrefix("STS.") ? "s" : client.accessKeySecret)
                let query = token.map { [("x-oss-security-token", $0)] } ?? []
                let reply =
                    isQuery
                    ? try await raw(
                        client,
                        "/bkt/?" + client.signer.presign(method: "GET", resource: "/bkt/", query: query, expires: 60))
                    : try await client.send("GET", "/bkt/", headers: Dictionary(uniqueKeysWithValues: query))
                return "\(reply.status) \(reply.element("Code") ?? "") \(reply.element("EC") ?? "")"
            }
            for isQuery in [false, true] {
                #expect(try await ask("STS.x", "to+ken/==", isQuery: isQuery) == "200  ")
                #expect(try await ask("STS.soon", "t", isQuery: isQuery) == "200  ")
                #expect(try await ask("STS.x", "other", isQuery: isQuery) == "403 InvalidSecurityToken 0002-00000008")
                #expect(try await ask("STS.x", nil, isQuery: isQuery) == "403 InvalidAccessKeyId 0002-00000003")
                #expect(try await ask("STS.past", "t", isQuery: isQuery) == "403 SecurityTokenExpired 0002-00000007")
                #expect(try await ask("STS.past", "u", isQuery: isQuery) == "403 InvalidSecurityToken 0002-00000008")
                #expect(
                    try await ask(client.accessKeyID, "t", isQuery: isQuery) == "403 InvalidSecurityToken 0002-00000008"
                )
                #expect(try await ask("STS.none", "t", isQuery: isQuery) == "403 InvalidAccessKeyId 0002-00000902")
            }
            // A token that came without being signed.
            var sts = client
            (sts.accessKeyID, sts.accessKeySecret) = ("STS.x", "s")
            var headers = signed(sts, "/bkt/")
            headers["x-oss-security-token"] = "to+ken/=="
            let reply = try await client.send("GET", "/bkt/", headers: headers, isSigned: false)
            #expect(reply.element("Code") == "SignatureDoesNotMatch")
        }
    }

    // MARK: Additional headers

    @Test func additionalHeaders() async throws {
        try await withEmulator { client async throws in
            let host = "127.0.0.1:\(client.emulator.port)"
            var names = ["host", "range"]
            func send(_ headers: [String: String], _ change: (inout [String: String]) -> Void = { _ in }) async throws
                -> Reply
            {
                var all = signed(client, "/bkt/", headers: headers, additional: names)
                change(&all)
                return try await client.send("GET", "/bkt/", headers: all, isSigned: false)
            }
            #expect(try await send(["Host": host, "range": "bytes=0-1"]).status == 200)
            #expect(try await send(["Host": host, "range": "bytes=0-1"]) { $0["range"] = "bytes=0-2" }.status == 403)
            #expect(try await send(["Host": host, "range": "bytes=0-1"]) { $0["Host"] = "localhost" }.status == 403)
            let missing = try await send(["Host": host, "range": "bytes=0-1"]) { $0["range"] = nil }
            #expect(missing.status == 400 && missing.element("EC") == "0002-00000211")
            names = ["x-custom"]
            // Blanks at the ends of a value don't count; those inside do.
            #expect(try await send(["X-Custom": "a  b"]) { $0["X-Custom"] = "  a  b \t" }.status == 200)
            #expect(try await send(["X-Custom": "a  b"]) { $0["X-Custom"] = "a b" }.status == 403)
            #expect(try await send(["X-Custom": ""]).status == 200)
            let authorization =
                signed(client, "/bkt/", headers: ["range": "bytes=0-1"], additional: ["range"])["Authorization"] ?? ""
            for list in [
                "", ";", "range;", ";range", "range;;range", "Range", "range; range", " range;host", "x_y", "none",
            ] {
                let reply = try await send([:]) { headers in
                    headers["range"] = "bytes=0-1"
                    headers["x_y"] = "1"
                    headers["Authorization"] = authorization.replacing(
                        "AdditionalHeaders=range", with: "AdditionalHeaders=\(list)")
                }
                #expect(reply.status == 400 || list == " range;host" && reply.status == 403, "\(list)")
            }
            // In a URL.
            func url(_ headers: [String: String], _ additional: [String]) -> String {
                client.signer.presign(
                    method: "GET", resource: "/bkt/", headers: headers, expires: 60, additional: additional)
            }
            #expect(
                try await raw(
                    client, "/bkt/?" + url(["host": "h", "range": "bytes=0-1"], ["host", "range"]), ["Range: bytes=0-1"]
                ).status == 200)
            let without = try await raw(client, "/bkt/?" + url(["range": "bytes=0-1"], ["range"]))
            #expect(without.status == 400 && without.element("EC") == "0002-00000077")
        }
    }

    // MARK: Queries and headers in odd forms

    @Test func queriesAsTheyMayBeWritten() async throws {
        try await withEmulator { client async throws in
            let query = [
                ("prefix", "a/b+c d%é"), ("empty", ""), ("", "nameless"), ("q", "1"), ("q", "0"),
                ("encoding-type", "url"),
                ("x-y_z~.", "!*'()"),
            ]
            let sorted = query.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
            let headers = signed(client, "/bkt/", query: sorted).map { "\($0.key): \($0.value)" }
            func status(_ text: String) async throws -> Int { try await raw(client, "/bkt/?" + text, headers).status }
            let strict =
                "prefix=a%2Fb%2Bc%20d%25%C3%A9&empty&=nameless&q=1&q=0&encoding-type=url&x-y_z~.=%21%2A%27%28%29"
            #expect(try await status(strict) == 200)
            // As some clients rewrite it after they signed it.
            #expect(
                try await status(strict.replacing("%2F", with: "/").replacing("%21%2A%27%28%29", with: "!*'()")) == 200)
            #expect(try await status(strict.replacing("%2B", with: "+").replacing("%C3%A9", with: "%c3%a9")) == 200)
            #expect(try await status(strict.replacing("&empty&", with: "&empty=&&")) == 200)
            #expect(try await status("q=0&" + strict.replacing("&q=0", with: "")) == 200)
            #expect(try await status(strict.replacing("prefix", with: "%70refi%78")) == 200)
            // A plus is a plus.
            #expect(try await status(strict.replacing("%20", with: "+")) == 403)
            #expect(try await status(strict.replacing("&q=0", with: "")) == 403)
            #expect(try await status(strict + "&q=1") == 403)
            #expect(try await status(strict + "&more") == 403)
            #expect(try await status(strict.replacing("&empty", with: "")) == 403)
            #expect(try await status(strict.replacing("%C3%A9", with: "e%CC%81")) == 403)
            #expect(try await status(strict + "&%zz") == 400)
        }
    }

    @Test func headersThatAreThereTwice() async throws {
        try await withEmulator { client async throws in
            let headers = signed(client, "/bkt/", headers: ["x-oss-meta-a": "1,2"]).filter { $0.key != "x-oss-meta-a" }
            let lines = headers.map { "\($0.key): \($0.value)" }
            #expect(try await raw(client, "/bkt/", lines + ["x-oss-meta-a: 1", "X-OSS-Meta-A: 2"]).status == 200)
            #expect(try await raw(client, "/bkt/", lines + ["x-oss-meta-a: 2", "x-oss-meta-a: 1"]).status == 403)
            #expect(try await raw(client, "/bkt/", lines + ["x-oss-meta-a: 1"]).status == 403)
            let plain = signed(client, "/bkt/").map { "\($0.key): \($0.value)" }
            for name in ["Authorization", "x-oss-date", "x-oss-content-sha256"] {
                let copy = plain.first { $0.hasPrefix(name) } ?? ""
                let reply = try await raw(client, "/bkt/", plain + [copy])
                #expect((400..<500).contains(reply.status), "\(name)")
            }
            // Of a signature that is there twice the first counts.
            let url = client.signer.presign(method: "GET", resource: "/bkt/", expires: 60)
            #expect(try await raw(client, "/bkt/?\(url)&x-oss-signature=0").status == 200)
            #expect(try await raw(client, "/bkt/?x-oss-signature=0&\(url)").status == 403)
            for name in [
                "x-oss-date=20231216T162057Z", "x-oss-credential=x", "x-oss-expires=1", "x-oss-signature-version=x",
            ] {
                #expect(try await raw(client, "/bkt/?\(url)&\(name)").status == 403)
            }
        }
    }

    @Test func malformedAuthorizations() async throws {
        try await withEmulator { client async throws in
            let headers = signed(client, "/bkt/")
            let good = headers["Authorization"] ?? ""
            let credential = good.split(separator: ",")[0].dropFirst("OSS4-HMAC-SHA256 ".count)
            let signature = good.split(separator: ",")[1]
            func status(_ text: String) async throws -> Int {
                var headers = headers
                headers["Authorization"] = text
                return try await client.send("GET", "/bkt/", headers: headers, isSigned: false).status
            }
            #expect(try await status(good) == 200)
            #expect(try await status("OSS4-HMAC-SHA256 \(signature),\(credential)") == 200)
            #expect(try await status("OSS4-HMAC-SHA256   \(credential) , \(signature) ") == 200)
            for text in [
                "", " ", "OSS4-HMAC-SHA256", "OSS4-HMAC-SHA256 ", "OSS4-HMAC-SHA256 ,", "OSS4-HMAC-SHA256 =",
                "OSS4-HMAC-SHA256 ==,,==",
                "OSS4-HMAC-SHA256 \(credential)", "OSS4-HMAC-SHA256 \(signature)",
                "OSS4-HMAC-SHA256 \(credential),\(signature),\(signature)",
                "OSS4-HMAC-SHA256 \(credential),\(signature),More=1", "OSS4-HMAC-SHA256 \(credential);\(signature)",
                "OSS4-HMAC-SHA256 \(credential)/more,\(signature)", "OSS4-HMAC-SHA256 Credential=,\(signature)",
                "OSS4-HMAC-SHA256 Credential=////,\(signature)",
                "OSS4-HMAC-SHA256 Credential=/a/b/oss/aliyun_v4_request,\(signature)",
                "OSS4-HMAC-SHA256\(credential),\(signature)", "oss4-hmac-sha256 \(credential),\(signature)",
                "OSS4-HMAC-SHA1 \(credential),\(signature)",
                good.replacing("/oss/", with: "/oss-cloudbox/"), good.replacing("cn-hangzhou", with: "cn-beijing"),
                good.replacing("cn-hangzhou", with: "oss-cn-hangzhou"),
                good.replacing("aliyun_v4_request", with: "aws4_request"),
                good.replacing("/\(TestClient.stamp(client.now).prefix(8))/", with: "/20000101/"),
                good.replacing("/\(TestClient.stamp(client.now).prefix(8))/", with: "//"),
                String(repeating: "OSS4-HMAC-SHA256 ", count: 2000),
            ] {
                #expect(try await status(text) == 400, "\(text.prefix(200))")
            }
            for text in [
                "\(good)0", String(good.dropLast()), good.replacing(signature, with: "Signature="),
                good.replacing(signature, with: "Signature=zz"),
                good.replacing(signature, with: "Signature=\(signature.dropFirst(10).uppercased())"),
                good.replacing(signature, with: "Signature=é"),
            ] {
                #expect(try await status(text) == 403, "\(text)")
            }
        }
    }

    @Test func malformedSignedURLs() async throws {
        try await withEmulator { client async throws in
            let good = client.signer.presign(method: "GET", resource: "/bkt/", expires: 604_800)
            #expect(try await raw(client, "/bkt/?" + good).status == 200)
            for name in [
                "x-oss-signature-version", "x-oss-credential", "x-oss-date", "x-oss-expires", "x-oss-signature",
            ] {
                let fields = good.split(separator: "&")
                let without = fields.filter { !$0.hasPrefix(name + "=") }.joined(separator: "&")
                #expect((400..<404).contains(try await raw(client, "/bkt/?" + without).status), "\(name)")
                for value in ["", "=", "=%00", "=%FF", "=" + String(repeating: "9", count: 400)] {
                    let changed = fields.map { $0.hasPrefix(name + "=") ? name + value : String($0) }.joined(
                        separator: "&")
                    #expect((400..<404).contains(try await raw(client, "/bkt/?" + changed).status), "\(name)\(value)")
                }
            }
            for expires in ["0", "-1", "604801", "9223372036854775807", "1.5", "1e3", " 60"] {
                let changed = good.replacing(
                    "x-oss-expires=604800", with: "x-oss-expires=" + TestSigner.escape(expires))
                #expect(try await raw(client, "/bkt/?" + changed).status == 400, "\(expires)")
            }
        }
    }

    // MARK: The order of checks

    /// A missing bucket is found before a wrong key, a wrong key before a wrong signature, and that before the ACL.
    @Test func theOrderOfChecksWithEveryVersion() async throws {
        let other = EmulatorCredential(accessKeyID: "other", accessKeySecret: "o", accountID: "2")
        try await withEmulator {
            $0.credentials.append(other)
        } _: { client async throws in
            func v1(_ id: String, _ secret: String, _ resource: String) async throws -> Reply {
                let signer = TestSignerV1(accessKeyID: id, accessKeySecret: secret)
                let url = signer.presign(
                    method: "GET", resource: resource, expires: client.now.millisecondsSince1970 / 1000 + 60)
                return try await raw(client, resource + "?" + url)
            }
            func v4(_ id: String, _ secret: String, _ resource: String) async throws -> Reply {
                var client = client
                (client.accessKeyID, client.accessKeySecret) = (id, secret)
                return try await client.send("GET", resource)
            }
            for ask in [v1, v4] {
                for (id, secret) in [("nobody", "x"), (client.accessKeyID, "wrong"), ("other", "o")] {
                    let reply = try await ask(id, secret, "/none/k")
                    #expect(reply.status == 404 && reply.element("Code") == "NoSuchBucket")
                }
                #expect(try await ask("nobody", "x", "/bkt/k").element("Code") == "InvalidAccessKeyId")
                #expect(try await ask("other", "wrong", "/bkt/k").element("Code") == "SignatureDoesNotMatch")
                #expect(try await ask("other", "o", "/bkt/k").element("Code") == "AccessDenied")
                #expect(
                    try await ask(client.accessKeyID, client.accessKeySecret, "/bkt/k").element("Code") == "NoSuchKey")
            }
            #expect(try await raw(client, "/bkt/k").element("Code") == "AccessDenied")
            #expect(try await raw(client, "/none/k").element("Code") == "NoSuchBucket")
        }
    }
}
