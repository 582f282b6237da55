import Crypto
import OSSEmulator
import Testing

/// Sends forms as browsers do.
private struct Form {
    var fields: [(String, String)] = []
    var file: [UInt8]? = Array("hello".utf8)
    var fileHead = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain"
    var after = ""
    var boundary = "----x"

    var body: [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in fields {
            bytes += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8
        }
        if let file { bytes += Array("--\(boundary)\r\n\(fileHead)\r\n\r\n".utf8) + file + Array("\r\n".utf8) }
        return bytes + Array("\(after)--\(boundary)--\r\n".utf8)
    }

    func send(_ client: TestClient, to path: String = "/bkt/", headers: [String: String] = [:]) async throws -> Reply {
        var headers = headers
        headers["Content-Type"] = headers["Content-Type"] ?? "multipart/form-data; boundary=\(boundary)"
        return try await client.send("POST", path, headers: headers, body: body, isSigned: false)
    }

    /// Adds a policy and its signature of version 1.
    func signedV1(_ client: TestClient, _ conditions: String = "", expires: Int64 = 60, token: String? = nil) -> Form {
        var form = self
        let policy = Form.policy(client, conditions, expires: expires)
        let key = SymmetricKey(data: Array(client.accessKeySecret.utf8))
        let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(policy.utf8), using: key)
        form.fields += [("policy", policy), ("OSSAccessKeyId", client.accessKeyID), ("Signature", base64(Array(code)))]
        if let token { form.fields.append(("x-oss-security-token", token)) }
        return form
    }

    static func policy(_ client: TestClient, _ conditions: String, expires: Int64 = 60) -> String {
        var end = client.now
        end.millisecondsSince1970 += expires * 1000
        let stamp = TestClient.stamp(end)
        let date =
            "\(stamp.prefix(4))-\(stamp.dropFirst(4).prefix(2))-\(stamp.dropFirst(6).prefix(5)):"
            + "\(stamp.dropFirst(11).prefix(2)):\(stamp.dropFirst(13).prefix(2)).000Z"
        return base64(Array("{\"expiration\":\"\(date)\",\"conditions\":[\(conditions)]}".utf8))
    }

    /// Adds a policy and its signature of version 4.
    func signedV4(
        _ client: TestClient, _ conditions: String = "", date: String? = nil, region: String = "cn-hangzhou"
    ) -> Form {
        var form = self
        let date = date ?? TestClient.stamp(client.now)
        let scope = [String(date.prefix(8)), region, "oss", "aliyun_v4_request"]
        let policy = Form.policy(client, conditions)
        var key = Array("aliyun_v4\(client.accessKeySecret)".utf8)
        for part in scope + [policy] {
            key = Array(HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: SymmetricKey(data: key)))
        }
        form.fields += [
            ("policy", policy), ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
            ("x-oss-credential", ([client.accessKeyID] + scope).joined(separator: "/")), ("x-oss-date", date),
            ("x-oss-signature", key.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()),
        ]
        return form
    }
}

@Suite struct PostObjectTests {
    @Test func aSignedForm() async throws {
        try await withEmulator {
            $0.blocksPublicAccess = false
        } _: { client async throws in
            let form = Form(fields: [
                ("key", "dir/${filename}"), ("x-oss-meta-a", "é 1"), ("Cache-Control", "no-cache"),
                ("x-oss-object-acl", "public-read"), ("name", "ignored"),
            ])
            for signed in [form.signedV1(client), form.signedV4(client)] {
                _ = try await client.send("DELETE", "/bkt/dir/a.txt")
                let reply = try await signed.send(client)
                #expect(reply.status == 204 && reply.body.isEmpty)
                #expect(reply.headers["etag"] == "\"5D41402ABC4B2A76B9719D911017C592\"")
                let get = try await client.send("GET", "/bkt/dir/a.txt", isSigned: false)
                #expect(get.text == "hello" && get.headers["content-type"] == "text/plain")
                #expect(get.headers["x-oss-meta-a"] == "é 1" && get.headers["cache-control"] == "no-cache")
            }
            // Names are the same in capitals, and the bucket may stand in the host.
            let other = Form(fields: [("KEY", "k2")]).signedV1(client)
            #expect(try await other.send(client, to: "/", headers: ["Host": "bkt.localhost"]).status == 204)
            #expect(try await client.send("GET", "/bkt/k2").text == "hello")
            #expect(try await other.send(client, to: "/bkt").status == 204)
        }
    }

    @Test func whatTheAnswerIs() async throws {
        try await withEmulator { client async throws in
            func send(_ extra: (String, String)...) async throws -> Reply {
                try await Form(fields: [("key", "a b/ü&<")] + extra).signedV4(client).send(client)
            }
            #expect(try await send(("success_action_status", "200")).status == 200)
            #expect(try await send(("success_action_status", "418")).status == 204)
            let created = try await send(("success_action_status", "201"))
            #expect(created.status == 201 && created.headers["content-type"] == "application/xml")
            #expect(created.element("Bucket") == "bkt" && created.element("Key") == "a b/ü&amp;&lt;")
            #expect(created.element("ETag") == "&quot;5D41402ABC4B2A76B9719D911017C592&quot;")
            let location = "http://127.0.0.1:\(client.emulator.port)/bkt/a%20b/%C3%BC%26%3C"
            #expect(created.element("Location") == location && created.headers["location"] == location)
            let moved = try await send(
                ("success_action_redirect", "http://127.0.0.1/done?x=1"), ("success_action_status", "201"))
            #expect(moved.status == 303 && moved.headers["location"] == "http://127.0.0.1/done?x=1")
            #expect(try await send(("success_action_redirect", "javascript:alert(1)")).status == 204)
            #expect(
                try await send(("success_action_redirect", "http://h/\r\nx: y")).headers["x"] == nil)
        }
    }

    @Test func contentTypes() async throws {
        try await withEmulator { client async throws in
            func type(_ form: Form) async throws -> String? {
                #expect(try await form.signedV1(client).send(client).status == 204)
                return try await client.send("HEAD", "/bkt/k").headers["content-type"]
            }
            let both = [("key", "k"), ("Content-Type", "a/field")]
            #expect(try await type(Form(fields: both + [("x-oss-content-type", "a/own")])) == "a/own")
            #expect(try await type(Form(fields: both)) == "text/plain")
            let bare = "Content-Disposition: form-data; name=file"
            #expect(try await type(Form(fields: both, fileHead: bare)) == "a/field")
            #expect(try await type(Form(fields: [("key", "k")], fileHead: bare)) == "application/octet-stream")
        }
    }

    @Test(arguments: [
        (#"{"bucket":"bkt"}"#, true), (#"{"bucket":"other"}"#, false), (#"{"key":"user/a.txt"}"#, true),
        (#"{"KEY":"user/A.txt"}"#, false), (#"["eq","$key","user/a.txt"]"#, true), (#"["eq","$key","user/"]"#, false),
        (#"["starts-with","$key","user/"]"#, true), (#"["starts-with","$key",""]"#, true),
        (#"["starts-with","$key","other/"]"#, false), (#"["eq","x-oss-meta-a","1"]"#, true),
        (#"["eq","$x-oss-meta-b",""]"#, true), (#"["eq","$x-oss-meta-b","1"]"#, false),
        (#"["in","$content-type",["image/png","text/plain"]]"#, true),
        (#"["in","$content-type",["image/png"]]"#, false),
        (#"["not-in","$content-type",["image/png"]]"#, true), (#"["not-in","$content-type",["text/plain"]]"#, false),
        (#"["content-length-range",5,5]"#, true), (#"["content-length-range",0,4]"#, false),
        (#"["content-length-range",6,100]"#, false),
        (#"["content-length-range",0,9],["content-length-range",5,99]"#, true),
        (#"["content-length-range",0,9223372036854775807]"#, true), (#"{"success_action_status":"200"}"#, true),
    ])
    func conditions(condition: String, isMet: Bool) async throws {
        try await withEmulator { client async throws in
            let form = Form(fields: [
                ("key", "user/${filename}"), ("x-oss-meta-a", "1"), ("success_action_status", "200"),
            ])
            for signed in [form.signedV1(client, condition), form.signedV4(client, condition)] {
                let reply = try await signed.send(client)
                #expect(reply.status == 200 || !isMet)
                if !isMet {
                    let code = reply.element("Code")
                    #expect(
                        code == "EntityTooLarge" || code == "EntityTooSmall"
                            || code == "AccessDenied" && reply.status == 403
                                && reply.element("Message")?.hasPrefix(
                                    "Invalid according to Policy: Policy Condition failed: [") == true
                    )
                    #expect(try await client.send("GET", "/bkt/user/a.txt").status == 404)
                }
            }
        }
    }

    @Test func theFailedConditionIsShown() async throws {
        try await withEmulator { client async throws in
            let form = Form(fields: [("key", "k")])
            for (condition, shown) in [
                (#"["EQ", "$success_action_status","200" ]"#, #"["eq", "$success_action_status", "200"]"#),
                (#"{"key":"a\"b"}"#, #"["eq", "$key", "a\"b"]"#),
                (#"["in","$key",["a","b"]]"#, #"["in", "$key", ["a", "b"]]"#),
            ] {
                let reply = try await form.signedV4(client, condition).send(client)
                #expect(
                    reply.element("Message")?.replacing("&quot;", with: "\"")
                        == "Invalid according to Policy: Policy Condition failed: \(shown)")
                #expect(reply.element("EC") == "0006-00000227")
            }
            let expired = try await form.signedV1(client, expires: -2).send(client)
            #expect(expired.status == 403 && expired.element("Code") == "AccessDenied")
            #expect(expired.element("Message") == "Invalid according to Policy: Policy expired.")
        }
    }

    @Test(arguments: [
        "", "[]", "{}", "{", #"{"expiration":"2999-01-01T00:00:00Z"}"#, #"{"conditions":[]}"#,
        #"{"expiration":1,"conditions":[]}"#, #"{"expiration":"","conditions":[]}"#,
        #"{"expiration":"soon","conditions":[]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":{}}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[1]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[{}]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[{"a":"b","c":"d"}]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[{"a":1}]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[[]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["eq","$key"]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["eq","$key",1]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["gt","$key","1"]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["in","$key","a"]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["not-in","$key",["a",1]]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["content-length-range",2,1]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["content-length-range","1",2]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["content-length-range",-1,2]]}"#,
        #"{"expiration":"2999-01-01T00:00:00Z","conditions":[["content-length-range",0,99999999999999999999]]}"#,
    ])
    func brokenPolicies(policy: String) async throws {
        try await withEmulator { client async throws in
            var form = Form(fields: [("key", "k")])
            let text = base64(Array(policy.utf8))
            let key = SymmetricKey(data: Array(client.accessKeySecret.utf8))
            let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(text.utf8), using: key)
            form.fields += [
                ("policy", text), ("OSSAccessKeyId", client.accessKeyID), ("signature", base64(Array(code))),
            ]
            let reply = try await form.send(client)
            #expect(reply.status == 400)
            #expect(reply.element("Code") == (policy.isEmpty ? "InvalidArgument" : "InvalidPolicyDocument"))
        }
    }

    @Test func whoMaySend() async throws {
        let other = EmulatorCredential(accessKeyID: "other", accessKeySecret: "o", accountID: "2")
        let temporary = EmulatorCredential(accessKeyID: "STS.x", accessKeySecret: "s", securityToken: "token")
        try await withEmulator {
            $0.credentials += [other, temporary]
            $0.blocksPublicAccess = false
        } _: { client async throws in
            let form = Form(fields: [("key", "k")])
            func code(_ form: Form) async throws -> String? {
                let reply = try await form.send(client)
                return reply.status == 204 ? nil : "\(reply.status) \(reply.element("Code") ?? "")"
            }
            func with(_ name: String, _ value: String?, _ form: Form) -> Form {
                var form = form
                form.fields.removeAll { $0.0 == name }
                if let value { form.fields.append((name, value)) }
                return form
            }
            let (v1, v4) = (form.signedV1(client), form.signedV4(client))
            #expect(try await code(form) == "403 AccessDenied")
            #expect(try await code(with("Signature", "x", v1)) == "403 SignatureDoesNotMatch")
            #expect(try await code(with("x-oss-signature", "x", v4)) == "403 SignatureDoesNotMatch")
            #expect(
                try await code(with("policy", Form.policy(client, "", expires: 61), v1)) == "403 SignatureDoesNotMatch")
            #expect(
                try await code(with("policy", Form.policy(client, "", expires: 61), v4)) == "403 SignatureDoesNotMatch")
            #expect(try await code(with("OSSAccessKeyId", "nobody", v1)) == "403 InvalidAccessKeyId")
            for name in ["OSSAccessKeyId", "Signature", "policy"] {
                for value in [nil, ""] { #expect(try await code(with(name, value, v1)) == "400 InvalidArgument") }
            }
            for name in ["x-oss-signature-version", "x-oss-credential", "x-oss-signature", "x-oss-date", "policy"] {
                for value in [nil, ""] { #expect(try await code(with(name, value, v4)) == "400 InvalidArgument") }
            }
            for wrong in ["", "x", "a/b/c/d/e", "\(client.accessKeyID)/20231216/cn-hangzhou/oss/other"] {
                #expect(try await code(with("x-oss-credential", wrong, v4)) == "400 InvalidArgument")
            }
            #expect(try await code(form.signedV4(client, region: "cn-beijing")) == "400 InvalidArgument")
            #expect(try await code(with("x-oss-date", "yesterday", v4)) == "400 InvalidArgument")
            #expect(try await code(form.signedV4(client, date: "20231216T162057Z")) == "403 RequestTimeTooSkewed")
            #expect(try await code(form.signedV4(client, date: "29991216T162057Z")) == "403 RequestTimeTooSkewed")

            var sts = client
            (sts.accessKeyID, sts.accessKeySecret) = ("STS.x", "s")
            #expect(try await code(form.signedV1(sts, token: "token")) == nil)
            #expect(try await code(form.signedV1(sts, token: "wrong")) == "403 InvalidSecurityToken")
            #expect(try await code(form.signedV4(sts)) == "403 InvalidAccessKeyId")
            #expect(try await code(with("x-oss-security-token", "token", form.signedV4(sts))) == nil)

            var foreign = client
            (foreign.accessKeyID, foreign.accessKeySecret) = ("other", "o")
            #expect(try await code(form.signedV4(foreign)) == "403 AccessDenied")
            _ = try await client.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read-write"])
            #expect(try await code(form.signedV4(foreign)) == nil)
            #expect(try await code(form) == nil)
            #expect(try await form.send(client, to: "/none/").element("Code") == "NoSuchBucket")
            // What the header says doesn't count.
            #expect(try await form.send(client, headers: ["Authorization": "nonsense"]).status == 204)
        }
    }

    @Test func malformedForms() async throws {
        try await withEmulator {
            $0.blocksPublicAccess = false
        } _: { client async throws in
            _ = try await client.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read-write"])
            func code(_ body: String, type: String = "multipart/form-data; boundary=b") async throws -> String? {
                let reply = try await client.send(
                    "POST", "/bkt/", headers: ["Content-Type": type], body: Array(body.utf8), isSigned: false)
                return reply.status == 204 ? nil : "\(reply.status) \(reply.element("Code") ?? "")"
            }
            let key = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n"
            let file = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n"
            let malformed = "400 MalformedPOSTRequest"
            #expect(try await code(key + file + "--b--") == nil)
            #expect(try await code("preamble\r\n" + key + file + "--b--\r\nepilogue") == nil)
            #expect(try await code(key.replacing("--b\r\n", with: "--b \t\r\n") + file + "--b--\r\n") == nil)
            for body in [
                "", "--", "x", "--b", "--b--", "--b\r\n\r\n", key, key + "--b--\r\n", key + file, key + file + "--b",
                key + file + "--bx--", key + file.replacing("\r\n\r\n", with: "\r\n"),
                file.replacing("form-data", with: "other"),
                key.replacing("name=", with: "title=") + file + "--b--",
                key.replacing("Content-Disposition", with: "X") + file,
                "--b\r\nno header\r\n\r\nk\r\n" + file + "--b--", "--b\r\n\r\nk\r\n" + file + "--b--",
            ] {
                #expect(try await code(body) == malformed, "\(body)")
            }
            for type in [
                "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=c",
                "multipart/mixed; boundary=b",
                "text/plain", "multipart/form-data; boundary=" + String(repeating: "b", count: 71), "", ";;=",
                "multipart/form-data;boundary=\"",
            ] {
                #expect(try await code(key + file + "--b--", type: type) == malformed, "\(type)")
            }
            #expect(
                try await code(key + file + "--b--", type: "Multipart/Form-Data;  charset=x; BOUNDARY=\"b\"; a=b")
                    == nil)
            #expect(try await code(file + "--b--") == "400 InvalidArgument")
            #expect(try await code(file + key + "--b--") == "400 InvalidArgument")
            #expect(
                try await code(key.replacing("\r\nk\r\n", with: "\r\n\r\n") + file + "--b--") == "400 InvalidArgument")
            let long = String(repeating: "k", count: 1024)
            #expect(
                try await code(key.replacing("\r\nk\r\n", with: "\r\n\(long)\r\n") + file + "--b--")
                    == "400 InvalidObjectName")
            let meta = key.replacing("\"key\"", with: "\"x-oss-meta-a\"")
            #expect(
                try await code(meta.replacing("\r\nk\r\n", with: "\r\na\nb\r\n") + key + file + "--b--")
                    == "400 InvalidArgument")
            #expect(
                try await code(meta.replacing("meta-a", with: "meta-ü") + key + file + "--b--") == "400 InvalidArgument"
            )
            #expect(
                try await code(meta.replacing("x-oss-meta-a", with: "x-oss-object-acl") + key + file + "--b--")
                    == "400 InvalidArgument")
            let huge = String(repeating: "v", count: (2 << 20) + 1)
            #expect(
                try await code(meta.replacing("\r\nk\r\n", with: "\r\n\(huge)\r\n") + key + file + "--b--")
                    == "400 FieldItemTooLong")
            let half = meta.replacing("\r\nk\r\n", with: "\r\n\(huge.dropLast(2))\r\n").replacing(
                "x-oss-meta-a", with: "other")
            #expect(try await code(half + half + half + half + key + file + "--b--") == "400 FieldItemTooLong")
            let name = String(repeating: "n", count: 9000)
            #expect(
                try await code(meta.replacing("x-oss-meta-a", with: name) + key + file + "--b--")
                    == "400 FieldItemTooLong")
            #expect(try await client.raw("POST /bkt/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").status == 403)
        }
    }

    @Test func fileNames() async throws {
        try await withEmulator { client async throws in
            for (name, key) in [
                ("a.txt", "f/a.txt"), ("C:\\dir\\b \"c\".txt", "f/b \"c\".txt"), ("/x/y/ü.bin", "f/ü.bin"), ("", "f/"),
                ("a;b=c", "f/a;b=c"),
            ] {
                let quoted = name.replacing("\"", with: "\\\"")
                let form = Form(
                    fields: [("key", "f/${filename}")],
                    fileHead: "content-disposition:form-data;filename=\"\(quoted)\" ; name=\"file\"")
                #expect(try await form.signedV4(client).send(client).status == 204)
                #expect(try await client.send("GET", "/bkt/\(key)").status == 200, "\(key)")
            }
        }
    }

    /// The file holds what looks like its end, and everything comes in pieces.
    @Test func delimitersInTheFileAndBetweenReads() async throws {
        try await withEmulator { client async throws in
            var form = Form(fields: [("key", "k")]).signedV4(client)
            form.boundary = "abc"
            form.file = Array("\r\n--ab\r\r\n--ab\r\n\r\n--\r\n-\r\n--ab".utf8)
            form.after = "--abc\r\nContent-Disposition: form-data; name=\"late\"\r\n\r\nignored\r\n"
            let body = form.body
            for step in [1, 3, 7] {
                let socket = try Socket(port: client.emulator.port)
                try await socket.write(
                    "POST /bkt/ HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=abc\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n")
                for start in stride(from: 0, to: body.count, by: step) {
                    let piece = body[start..<min(start + step, body.count)]
                    try await socket.write(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10])
                }
                try await socket.write("0\r\n\r\n")
                #expect(try await socket.read().status == 204)
                #expect(try await client.send("GET", "/bkt/k").body == form.file)
                // The connection is as good as before.
                try await socket.write(client.head("HEAD", "/bkt/k"))
                #expect(try await socket.read(isHead: true).status == 200)
            }
        }
    }

    @Test func aLargeFileIsStreamed() async throws {
        try await withEmulator { client async throws in
            var form = Form(fields: [("key", "big")]).signedV4(client, #"["content-length-range",1,67108864]"#)
            // Carriage returns everywhere, since each may begin the end.
            let block = (0..<4096).map { UInt8(truncatingIfNeeded: $0 % 7 == 0 ? 13 : $0 / 7) }
            form.file = Array(repeatElement(block, count: 6 << 10).joined())
            #expect(try await form.send(client).status == 204)
            #expect(try await client.send("GET", "/bkt/big").body == form.file)
            // Too large: refused while it is on its way, and nothing stays.
            form = Form(fields: [("key", "other")]).signedV4(client, #"["content-length-range",1,1048576]"#)
            form.file = [UInt8](repeating: 7, count: 8 << 20)
            let reply = try await form.send(client)
            #expect(reply.status == 400 && reply.element("Code") == "EntityTooLarge")
            #expect(try await client.send("HEAD", "/bkt/other").status == 404)
        }
    }

    @Test func expectContinueAndEarlyRefusals() async throws {
        try await withEmulator { client async throws in
            let body = Form(fields: [("key", "k")]).signedV4(client).body
            let socket = try Socket(port: client.emulator.port)
            try await socket.write(
                "POST /bkt/ HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=----x\r\n"
                    + "Expect: 100-continue\r\nContent-Length: \(body.count)\r\n\r\n")
            #expect(try await socket.read().status == 100)
            try await socket.write(body)
            #expect(try await socket.read().status == 204)
        }
    }
}
