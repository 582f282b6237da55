import OSSEmulator
import Testing

@Suite struct ServiceTests {
    @Test func putAndGet() async throws {
        try await withEmulator { client async throws in
            let body = Array("hello".utf8)
            let put = try await client.send(
                "PUT", "/bkt/dir/a b+%é",
                headers: ["x-oss-meta-a": "1", "Content-Type": "text/x", "Content-MD5": md5Header(body)],
                body: body)
            #expect(put.status == 200)
            #expect(put.headers["etag"] == "\"5D41402ABC4B2A76B9719D911017C592\"")
            let get = try await client.send("GET", "/bkt/dir/a b+%é")
            #expect(get.text == "hello")
            #expect(get.headers["x-oss-meta-a"] == "1" && get.headers["content-type"] == "text/x")
            #expect(get.headers["x-oss-hash-crc64ecma"] == put.headers["x-oss-hash-crc64ecma"])
            #expect(get.headers["x-oss-object-type"] == "Normal" && get.headers["x-oss-version-id"] == nil)
            #expect(get.headers["x-oss-request-id"]?.count == 24 && get.headers["date"]?.hasSuffix("GMT") == true)
            #expect(get.headers["content-encoding"] == nil)
            let head = try await client.send("HEAD", "/bkt/dir/a b+%é")
            #expect(head.status == 200 && head.headers["content-length"] == "5")
        }
    }

    @Test func theOrderOfChecks() async throws {
        try await withEmulator { client async throws in
            var stranger = client
            stranger.accessKeyID = "ak"
            var wrong = client
            wrong.accessKeySecret = "wrong"
            for some in [client, stranger, wrong] {
                let reply = try await some.send("GET", "/none/k")
                #expect(reply.status == 404 && reply.element("Code") == "NoSuchBucket")
                #expect(reply.headers["x-oss-ec"] == "0015-00000101" && reply.element("EC") == "0015-00000101")
                #expect(reply.element("RequestId") == reply.headers["x-oss-request-id"])
            }
            for query in [[], [("acl", "")]] {
                let reply = try await stranger.send("PUT", "/none/", query: query, headers: ["x-oss-acl": "private"])
                #expect(reply.status == 403 && reply.element("Code") == "InvalidAccessKeyId")
            }
            let reply = try await wrong.send("GET", "/bkt/k", headers: ["x-oss-extra": "v"])
            #expect(reply.status == 403 && reply.element("Code") == "SignatureDoesNotMatch")
            #expect(reply.element("CanonicalRequest")?.contains("x-oss-extra:v") == true)
            #expect(reply.element("StringToSign")?.hasPrefix("OSS4-HMAC-SHA256&#10;") == true)
            #expect(!reply.text.contains(client.accessKeySecret))
            let head = try await stranger.send("HEAD", "/bkt/k")
            #expect(head.status == 403 && head.body.isEmpty && head.headers["x-oss-ec"] == "0002-00000902")
            #expect(head.headers["x-oss-err"]?.isEmpty == false)
            let anonymous = try await client.send("GET", "/bkt/k", isSigned: false)
            #expect(anonymous.status == 403 && anonymous.element("Code") == "AccessDenied")
            #expect(try await client.send("GET", "/", isSigned: false).status == 403)
        }
    }

    @Test func skewedClocksAreToldTheTime() async throws {
        let now = EmulatorInstant(millisecondsSince1970: 1_702_743_657_000)
        try await withEmulator {
            $0.now = { now }
        } _: { client async throws in
            var late = client
            late.now.millisecondsSince1970 += 901_000
            let reply = try await late.send("GET", "/bkt/k")
            #expect(reply.status == 403 && reply.element("Code") == "RequestTimeTooSkewed")
            #expect(reply.element("ServerTime") == "2023-12-16T16:20:57.000Z")
            #expect(reply.headers["date"] == "Sat, 16 Dec 2023 16:20:57 GMT")
        }
    }

    @Test func presigned() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k +", text: "x")
            func get(_ query: String, headers: String = "") async throws -> Reply {
                try await client.raw("GET /bkt/k%20%2B?\(query) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)\r\n")
            }
            let signer = client.signer
            #expect(try await get(signer.presign(method: "GET", resource: "/bkt/k +", expires: 60)).text == "x")
            let typed = signer.presign(
                method: "GET", resource: "/bkt/k +", query: [("response-content-type", "a/b\r\nx: y")], expires: 60)
            let reply = try await get(typed)
            #expect(reply.status == 200 && reply.headers["x"] == nil)
            let bound = signer.presign(
                method: "GET", resource: "/bkt/k +", headers: ["x-bound": "1"], expires: 60, additional: ["x-bound"])
            #expect(try await get(bound, headers: "X-Bound: 1\r\n").status == 200)
            #expect(try await get(bound, headers: "X-Bound: 2\r\n").status == 403)
            #expect(try await get(bound).status == 400)
            var past = client
            past.now.millisecondsSince1970 -= 120_000
            let expired = try await get(past.signer.presign(method: "GET", resource: "/bkt/k +", expires: 60))
            #expect(expired.status == 403 && expired.element("Message") == "Request has expired.")
        }
    }

    @Test func virtualHosts() async throws {
        try await withEmulator {
            $0.domains = ["oss.test"]
        } _: { client async throws in
            _ = try await client.send("PUT", "/bkt/dir/k", text: "x")
            for host in ["bkt.localhost:1", "bkt.oss.test"] {
                let signed = client.head("GET", "/bkt/dir/k", headers: ["Host": host])
                #expect(try await client.raw(signed.replacing("GET /bkt/dir/k", with: "GET /dir/k")).text == "x")
            }
        }
    }

    // MARK: Connections

    @Test func keepAliveAndPipelining() async throws {
        try await withEmulator { client async throws in
            let socket = try Socket(port: client.emulator.port)
            let put = client.head("PUT", "/bkt/k", headers: ["Content-Length": "3"]) + "abc"
            let get = client.head("GET", "/bkt/k")
            try await socket.write(put + get + client.head("HEAD", "/bkt/k") + get)
            #expect(try await socket.read().status == 200)
            #expect(try await socket.read().text == "abc")
            #expect(try await socket.read(isHead: true).headers["content-length"] == "3")
            #expect(try await socket.read().text == "abc")
        }
    }

    @Test func chunkedBodies() async throws {
        try await withEmulator { client async throws in
            let head = client.head("PUT", "/bkt/k", headers: ["Transfer-Encoding": "chunked"])
            #expect(try await client.raw(head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").status == 200)
            #expect(try await client.send("GET", "/bkt/k").text == "abcde")
        }
    }

    @Test func expectContinue() async throws {
        try await withEmulator { client async throws in
            let socket = try Socket(port: client.emulator.port)
            try await socket.write(
                client.head("PUT", "/bkt/k", headers: ["Content-Length": "3", "Expect": "100-continue"]))
            #expect(try await socket.read().status == 100)
            try await socket.write("abc")
            #expect(try await socket.read().status == 200)
            // Refused before the body was asked for.
            try await socket.write(
                client.head("PUT", "/none/k", headers: ["Content-Length": "3", "Expect": "100-continue"]))
            let reply = try await socket.read()
            #expect(reply.status == 404 && reply.headers["connection"] == "close")
            #expect(try await socket.drain() == 0)
        }
    }

    @Test func anEarlyAnswerDuringAnUpload() async throws {
        try await withEmulator { client async throws in
            let socket = try Socket(port: client.emulator.port)
            try await socket.write(client.head("PUT", "/none/k", headers: ["Content-Length": "16777216"]))
            let block = [UInt8](repeating: 7, count: 1 << 20)
            try await socket.write(block, times: 16)
            let reply = try await socket.read()
            #expect(reply.status == 404 && reply.headers["connection"] == "close")
            // A short one leaves the connection usable.
            let other = try Socket(port: client.emulator.port)
            try await other.write(client.head("PUT", "/none/k", headers: ["Content-Length": "3"]) + "abc")
            #expect(try await other.read().status == 404)
            try await other.write(client.head("PUT", "/bkt/k", headers: ["Content-Length": "3"]) + "abc")
            #expect(try await other.read().status == 200)
        }
    }

    @Test func anAbandonedUploadLeavesNothing() async throws {
        try await withEmulator { client async throws in
            do {
                let socket = try Socket(port: client.emulator.port)
                try await socket.write(client.head("PUT", "/bkt/k", headers: ["Content-Length": "1000"]) + "abc")
            }
            #expect(try await client.send("GET", "/bkt/k").status == 404)
        }
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nBroken header\r\n\r\n",
        "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: nonsense\r\n\r\n",
        "PUT /bkt/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 200_000) + "\r\n\r\n",
        "GET /" + String(repeating: "x", count: 200_000) + " HTTP/1.1\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "GET /bkt/%00 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /bkt/k?x-oss-signature-version=x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /bkt/k HTTP/1.1\r\nHost: h\r\nAuthorization: OSS4-HMAC-SHA256 =,,=\r\n\r\n",
    ])
    func malformedRequests(text: String) async throws {
        try await withEmulator { client async throws in
            let reply = try await client.raw(text)
            #expect((400...431).contains(reply.status))
            #expect(try await client.send("GET", "/").status == 200)
        }
    }

    @Test func aBodyNeedsItsLength() async throws {
        try await withEmulator { client async throws in
            #expect(try await client.raw(client.head("PUT", "/bkt/k")).status == 411)
            let body = [UInt8](repeating: 32, count: (2 << 20) + 1)
            let reply = try await client.send(
                "POST", "/bkt/", query: [("delete", "")], headers: ["Content-MD5": md5Header(body)], body: body)
            #expect(reply.status == 400)
            #expect(
                try await client.send("POST", "/bkt/", query: [("delete", "")], text: "<Delete/>").element("Code")
                    == "MissingArgument")
            #expect(
                try await client.send("PUT", "/bkt/k", headers: ["Content-MD5": md5Header([1])], text: "x").element(
                    "Code") == "InvalidDigest")
        }
    }

    @Test func shutdownEndsConnectionsAndMayBeRepeated() async throws {
        let emulator = try await Emulator.start()
        let socket = try Socket(port: emulator.port)
        try await socket.write("GET / HTTP/1.1\r\n")
        try await emulator.shutdown()
        try await emulator.shutdown()
        #expect(throws: SocketFailure.self) { try Socket(port: emulator.port) }
    }

    @Test func aTakenPortIsSaid() async throws {
        try await withEmulator { client async throws in
            var configuration = EmulatorConfiguration()
            configuration.port = client.emulator.port
            await #expect(throws: EmulatorError.self) { try await Emulator.start(configuration) }
        }
    }

    @Test func temporaryKeysAndOtherAccounts() async throws {
        let temporary = EmulatorCredential(accessKeyID: "STS.x", accessKeySecret: "s", securityToken: "token")
        let other = EmulatorCredential(accessKeyID: "other", accessKeySecret: "o", accountID: "2")
        try await withEmulator {
            $0.credentials += [temporary, other]
        } _: { client async throws in
            var sts = client
            (sts.accessKeyID, sts.accessKeySecret) = ("STS.x", "s")
            #expect(try await sts.send("GET", "/bkt/").element("Code") == "InvalidAccessKeyId")
            #expect(try await sts.send("GET", "/bkt/", headers: ["x-oss-security-token": "token"]).status == 200)
            var foreign = client
            (foreign.accessKeyID, foreign.accessKeySecret) = ("other", "o")
            #expect(try await foreign.send("GET", "/bkt/").element("Code") == "AccessDenied")
            #expect(try await foreign.send("PUT", "/bkt/").element("Code") == "BucketAlreadyExists")
            #expect(try await foreign.send("GET", "/").elements("Bucket").isEmpty)
        }
    }
}
