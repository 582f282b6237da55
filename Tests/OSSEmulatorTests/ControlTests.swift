import Testing

@testable import OSSEmulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct ControlTests {
    @Test func thereIsNoneUnlessItIsAskedFor() async throws {
        try await withEmulator { client async throws in
            #expect(client.emulator.controlEndpoint == nil)
        }
    }

    @Test func foreignPagesAreKeptOut() async throws {
        try await withControl { client, control async throws in
            func status(_ method: String, _ headers: [String: String]) async throws -> Int {
                try await control.send(method, "/faults", #"{"fault": {"status": 500}}"#, headers: headers).status
            }
            let own = "127.0.0.1:\(control.port)"
            for host in [own, "localhost:\(control.port)", "[::1]:\(control.port)", "10.1.2.3", "LOCALHOST"] {
                #expect(try await status("GET", ["Host": host]) == 200)
            }
            for host in [
                "evil.example", "evil.example:\(control.port)", "127.0.0.1.evil.example", "localhost.evil", "",
            ] {
                #expect(try await status("GET", ["Host": host]) == 403)
                #expect(try await status("POST", ["Host": host]) == 403)
            }
            #expect(try await status("POST", ["Host": own, "Origin": "http://\(own)"]) == 201)
            for origin in ["http://evil.example", "null", "http://127.0.0.1", "https://\(own)", "http://\(own).evil"] {
                #expect(try await status("POST", ["Host": own, "Origin": origin]) == 403)
            }
            for site in ["cross-site", "same-site"] {
                #expect(try await status("DELETE", ["Host": own, "Sec-Fetch-Site": site]) == 403)
            }
            #expect(try await status("POST", ["Host": own, "Sec-Fetch-Site": "same-origin"]) == 201)
            let reply = try await control.send("GET", "/faults")
            #expect(reply.headers["access-control-allow-origin"] == nil)
            #expect(
                reply.headers["x-content-type-options"] == "nosniff" && reply.headers["cache-control"] == "no-store")
            _ = try await control.send("DELETE", "/faults")
            // What the service's own port answers has nothing of this.
            #expect(try await client.send("GET", "/faults").status == 404)
        }
    }

    @Test(arguments: [
        "/nothing", "//faults", "/faults//", "/faults/../state", "/faults/1/2", "/state%2Fb", "/%2e%2e/etc/passwd",
        "/state/none",
        "/requests/none", "/latest", "/latest/meta-data/ram/security-credentials/other",
        "/latest/meta-data/../api/token",
    ])
    func otherPathsAreNotFound(_ path: String) async throws {
        try await withControl { _, control async throws in
            #expect(try await control.send("GET", path).status == 404)
        }
    }

    @Test func wrongMethodsAndBodies() async throws {
        try await withControl { _, control async throws in
            for (method, path, allowed) in [
                ("PUT", "/faults", "GET, POST, DELETE"), ("POST", "/requests", "GET, DELETE"), ("PUT", "/state", "GET"),
                ("DELETE", "/clock", "GET, PUT"), ("GET", "/reset", "POST"), ("PUT", "/", "GET"),
            ] {
                let reply = try await control.send(method, path)
                #expect(reply.status == 405 && reply.headers["allow"] == allowed)
            }
            #expect(try await control.send("GET", "/faults/%zz").status == 400)
            #expect(try await control.send("GET", "/state?a=%zz").status == 400)
            #expect(try await control.send("POST", "/faults", String(repeating: " ", count: 2 << 20)).status == 400)
        }
    }

    @Test func stateOfBuckets() async throws {
        try await withControl { client, control async throws in
            for key in ["a", "b/1", "b/2", "c/1", "d", "<b>&\"'\n"] {
                _ = try await client.send("PUT", "/bkt/\(key)", text: key)
            }
            let start = try await client.send("POST", "/bkt/up", query: [("uploads", "")])
            let id = try #require(start.element("UploadId"))
            _ = try await client.send(
                "PUT", "/bkt/up", query: [("partNumber", "2"), ("uploadId", id)], text: "0123456789")
            let state = try await control.json("GET", "/state")
            let bucket = state["buckets"]?[0]
            #expect(bucket?["name"] == "bkt" && bucket?["objects"] == .number(6) && bucket?["uploads"] == .number(1))
            #expect(bucket?["size"] == .number(18) && state["endpoint"] == .string(client.emulator.endpoint))

            let all = try await control.json("GET", "/state/bkt")
            #expect(
                all["items"]?.items.compactMap { $0["key"]?.string } == ["<b>&\"'\n", "a", "b/1", "b/2", "c/1", "d"])
            let upload = all["uploads"]?[0]
            #expect(upload?["uploadId"] == .string(id) && upload?["key"] == "up" && upload?["size"] == .number(10))
            #expect(upload?["parts"]?[0]?["number"] == .number(2))

            var names: [String] = []
            var after = ""
            repeat {
                let page = try await control.json("GET", "/state/bkt?delimiter=/&limit=2&after=\(after)")
                names += page["items"]?.items.compactMap { ($0["key"] ?? $0["prefix"])?.string } ?? []
                after = TestSigner.escape(page["next"]?.string ?? "")
            } while !after.isEmpty
            #expect(names == ["<b>&\"'\n", "a", "b/", "c/", "d"])
            let inner = try await control.json("GET", "/state/bkt?prefix=b/&delimiter=/")
            #expect(inner["items"]?.items.compactMap { $0["key"]?.string } == ["b/1", "b/2"])
            for limit in ["0", "1001", "x"] {
                #expect(try await control.send("GET", "/state/bkt?limit=\(limit)").status == 400)
            }
        }
    }

    @Test func requestsAreKept() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", headers: ["User-Agent": "test/1"], text: "0123456789")
            let get = try await client.send("GET", "/bkt/k", headers: ["x-emulator-fault": "qos-delay=1"])
            _ = try await client.send("GET", "/bkt/none")
            var stranger = client
            stranger.accessKeySecret = "wrong"
            _ = try await stranger.send("GET", "/bkt/k")
            _ = try await client.send("GET", "/bkt/k", isSigned: false)
            // What was sent is written down once it was.
            var all: [JSONValue] = []
            let isDone = try await eventually {
                all = try await control.json("GET", "/requests")["requests"]?.items ?? []
                return all.count == 6 && all[3]["sent"] == .number(10) && all[4]["received"] == .number(10)
            }
            #expect(isDone)
            // The newest first; the first of all made the bucket.
            #expect(
                all.map { $0["operation"]?.string } == [
                    "GetObject", "GetObject", "GetObject", "GetObject", "PutObject", "PutBucket",
                ])
            #expect(all.map { $0["status"]?.integer } == [403, 403, 404, 200, 200, 200])
            #expect(all.map { $0["outcome"]?.string } == ["anonymous", "mismatch", "valid", "valid", "valid", "valid"])
            #expect(
                all.map { $0["code"]?.string } == ["AccessDenied", "SignatureDoesNotMatch", "NoSuchKey", nil, nil, nil])
            #expect(
                all[4]["received"] == .number(10) && all[4]["userAgent"] == "test/1" && all[4]["client"] == "127.0.0.1"
            )
            #expect(all[3]["sent"] == .number(10) && all[3]["fault"] == "qos-delay=1" && all[3]["key"] == "k")
            #expect(all[3]["accessKeyId"] == .string(client.accessKeyID) && all[3]["signature"] == "v4Header")
            let id = try #require(get.headers["x-oss-request-id"])
            #expect(try await control.json("GET", "/requests/\(id)")["path"] == "/bkt/k")

            func count(_ query: String) async throws -> Int? {
                try await control.json("GET", "/requests?\(query)")["requests"]?.items.count
            }
            #expect(try await count("operation=GetObject") == 4)
            #expect(try await count("status=403&outcome=mismatch") == 1)
            #expect(try await count("code=NoSuchKey") == 1)
            #expect(try await count("bucket=bkt&key=none") == 1)
            #expect(try await count("method=put") == 2)
            #expect(try await count("limit=2") == 2)
            #expect(try await count("after=\(all[2]["sequence"]?.integer ?? 0)") == 2)
            #expect(try await control.send("GET", "/requests?colour=red").status == 400)
            #expect(try await control.send("DELETE", "/requests").status == 204)
            #expect(try await count("") == 0)
            for _ in 0..<510 { _ = try await client.send("GET", "/bkt/k") }
            #expect(try await count("limit=500") == 500)
        }
    }

    @Test func resetForgetsEverything() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "x")
            let block = [("publicAccessBlock", "")]
            let setting = try await client.send("GET", "/", query: block).element("BlockPublicAccess")
            let other = setting == "true" ? "false" : "true"
            let configuration = "PublicAccessBlockConfiguration"
            let put = try await client.send(
                "PUT", "/", query: block,
                text: "<\(configuration)><BlockPublicAccess>\(other)</BlockPublicAccess></\(configuration)>")
            #expect(put.status == 200)
            #expect(try await client.send("GET", "/", query: block).element("BlockPublicAccess") == other)
            try await control.fault(#"{"fault": {"status": 500}}"#)
            _ = try await control.json("PUT", "/clock", #"{"offset": 5}"#)
            #expect(try await control.send("POST", "/reset").status == 204)
            #expect(try await client.send("GET", "/", query: block).element("BlockPublicAccess") == setting)
            #expect(try await control.json("GET", "/state")["buckets"]?.items.isEmpty == true)
            #expect(try await control.json("GET", "/clock")["offset"] == .number("0.0"))
            #expect(try await client.send("GET", "/bkt/k").element("Code") == "NoSuchBucket")
            #expect(try await client.send("PUT", "/bkt/").status == 200)
            #expect(try await client.send("PUT", "/bkt/k", text: "y").status == 200)
            #expect(try await client.send("GET", "/bkt/k").text == "y")
        }
        let folder = "\(temporary)/oss-emulator-control-\(UInt64.random(in: 0 ... .max))"
        defer { try? Files.removeTree(folder) }
        try await withControl {
            $0.dataDirectory = folder
        } _: { _, control async throws in
            #expect(try await control.send("POST", "/reset").status == 409)
            #expect(try await control.json("GET", "/state")["buckets"]?.items.count == 1)
        }
    }

    private var temporary: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    @Test func theRequestLogHasALineForEachAndNoSecret() async throws {
        let path = "\(temporary)/oss-emulator-log-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        let token = "the-security-token"
        try await withEmulator {
            $0.requestLog = path
            $0.credentials.append(
                EmulatorCredential(accessKeyID: "STS.a", accessKeySecret: "the-secret", securityToken: token))
        } _: { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            var temporary = client
            (temporary.accessKeyID, temporary.accessKeySecret) = ("STS.a", "the-secret")
            _ = try await temporary.send("GET", "/bkt/k", headers: ["x-oss-security-token": token])
            let query = temporary.signer.presign(
                method: "GET", resource: "/bkt/k", query: [("x-oss-security-token", token)], expires: 60)
            _ = try await client.raw("GET /bkt/k?\(query) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            _ = try await client.raw(
                "GET /bkt/k?OSSAccessKeyId=a&Expires=1&Signature=the-signature&security-token=\(token) HTTP/1.1\r\n"
                    + "Host: 127.0.0.1\r\n\r\n")
        }
        // The emulator has ended, so everything is there.
        let text = try String(decoding: Files.readAll(path), as: UTF8.self)
        let lines = try text.split(separator: "\n").map { try JSONReader.read(Array($0.utf8)) }
        #expect(lines.count == 5)
        #expect(lines.map { $0["method"]?.string } == ["PUT", "PUT", "GET", "GET", "GET"])
        #expect(lines[2]["accessKeyId"] == "STS.a" && lines[3]["signature"] == "v4Query")
        #expect(lines[3]["path"]?.string?.contains("x-oss-signature=***") == true)
        #expect(lines[1]["time"]?.string?.hasSuffix("Z") == true && lines[1]["milliseconds"]?.integer != nil)
        for secret in [token, "the-secret", "the-signature", EmulatorCredential.standard.accessKeySecret] {
            #expect(!text.contains(secret))
        }
    }

    @Test func aLogThatCannotBeWrittenIsSaidAtOnce() async throws {
        var configuration = EmulatorConfiguration()
        configuration.requestLog = "/nonexistent/folder/log"
        await #expect(throws: EmulatorError.self) { _ = try await Emulator.start(configuration) }
    }
}
