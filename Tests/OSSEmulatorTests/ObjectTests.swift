import OSSEmulator
import Testing

/// Objects, listings, versions and multipart uploads. The Python SDK's run covers more; this needs no Python.
@Suite struct ObjectTests {
    private static func enableVersioning(_ client: TestClient, _ status: String = "Enabled") async throws {
        let body = "<VersioningConfiguration><Status>\(status)</Status></VersioningConfiguration>"
        let reply = try await client.send("PUT", "/bkt/", query: [("versioning", "")], text: body)
        #expect(reply.status == 200)
    }

    @Test func listingPagesAndDelimiters() async throws {
        try await withEmulator { client async throws in
            let keys = ["a/1", "a/2", "b", "c//d", "c/e", "e\u{301}", "z+ %"]
            for key in keys { _ = try await client.send("PUT", "/bkt/" + key, text: "x") }
            for limit in 1...8 {
                var found: [String] = []
                var token = ""
                repeat {
                    let reply = try await client.send(
                        "GET", "/bkt/",
                        query: [
                            ("list-type", "2"), ("max-keys", "\(limit)"), ("continuation-token", token),
                            ("delimiter", "/"),
                        ])
                    #expect(Int(reply.element("KeyCount") ?? "") ?? 0 <= limit)
                    found += reply.elements("Key") + reply.elements("CommonPrefixes")
                    token = reply.element("NextContinuationToken") ?? ""
                } while !token.isEmpty
                let wanted = ["b", "e\u{301}", "z+ %"] + ["a/", "c/"].map { "<Prefix>\($0)</Prefix>" }
                #expect(found.sorted() == wanted.sorted())
                var marker = ""
                found = []
                repeat {
                    let reply = try await client.send(
                        "GET", "/bkt/", query: [("max-keys", "\(limit)"), ("marker", marker)])
                    found += reply.elements("Key")
                    marker = reply.element("NextMarker") ?? ""
                } while !marker.isEmpty
                #expect(found == keys)
            }
            let encoded = try await client.send("GET", "/bkt/", query: [("encoding-type", "url"), ("prefix", "z")])
            #expect(encoded.elements("Key") == ["z%2B%20%25"] && encoded.element("EncodingType") == "url")
            #expect(!encoded.text.contains("xmlns"))
            for bad in [[("max-keys", "1001")], [("max-keys", "x")], [("encoding-type", "none")]] {
                #expect(try await client.send("GET", "/bkt/", query: bad).status == 400)
            }
        }
    }

    @Test func versionsAndMarkers() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0")
            try await Self.enableVersioning(client)
            let first = try #require(try await client.send("PUT", "/bkt/k", text: "1").headers["x-oss-version-id"])
            let marker = try await client.send("DELETE", "/bkt/k")
            let markerID = try #require(marker.headers["x-oss-version-id"])
            #expect(marker.status == 204 && marker.headers["x-oss-delete-marker"] == "true")
            let missing = try await client.send("GET", "/bkt/k")
            #expect(missing.status == 404 && missing.headers["x-oss-delete-marker"] == "true")
            #expect(try await client.send("GET", "/bkt/k", query: [("versionId", markerID)]).status == 405)
            #expect(try await client.send("GET", "/bkt/k", query: [("versionId", first)]).text == "1")
            #expect(try await client.send("GET", "/bkt/k", query: [("versionId", "null")]).text == "0")
            #expect(
                try await client.send("GET", "/bkt/k", query: [("versionId", "none")]).element("Code")
                    == "InvalidArgument")
            #expect(
                try await client.send("GET", "/bkt/k", query: [("versionId", "CAEnone")]).element("Code")
                    == "NoSuchVersion")
            #expect(try await client.send("DELETE", "/bkt/").element("Code") == "BucketNotEmpty")

            var found: [String] = []
            var (key, version) = ("", "")
            repeat {
                let page = try await client.send(
                    "GET", "/bkt/",
                    query: [("versions", ""), ("max-keys", "1"), ("key-marker", key), ("version-id-marker", version)])
                found += page.elements("VersionId")
                (key, version) = (page.element("NextKeyMarker") ?? "", page.element("NextVersionIdMarker") ?? "")
                // The listing goes on although the version that it stopped at is gone.
                if version == markerID {
                    _ = try await client.send("DELETE", "/bkt/k", query: [("versionId", markerID)])
                }
            } while !key.isEmpty
            #expect(found == [markerID, first, "null"])
            #expect(try await client.send("GET", "/bkt/k").text == "1")

            try await Self.enableVersioning(client, "Suspended")
            #expect(try await client.send("PUT", "/bkt/k", text: "2").headers["x-oss-version-id"] == "null")
            let listing = try await client.send("GET", "/bkt/", query: [("versions", "")])
            #expect(
                listing.elements("VersionId") == ["null", first] && listing.elements("IsLatest") == ["true", "false"])
        }
    }

    @Test func deletesManyWithControlCharacters() async throws {
        try await withEmulator { client async throws in
            let keys = (1..<32).map { "k\(Character(Unicode.Scalar(UInt8($0))))" }
            for key in keys { _ = try await client.send("PUT", "/bkt/" + key, text: "x") }
            let objects = (1..<32).map { "<Object><Key>k&#\($0 < 10 ? "0" : "")\($0);</Key></Object>" }.joined()
            let body = Array("<Delete><Quiet>false</Quiet>\(objects)</Delete>".utf8)
            let reply = try await client.send(
                "POST", "/bkt/", query: [("delete", ""), ("encoding-type", "url")],
                headers: ["Content-MD5": md5Header(body)], body: body)
            #expect(
                reply.elements("Key")
                    == (1..<32).map { "k%" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) })
            #expect(try await client.send("GET", "/bkt/").elements("Key").isEmpty)
        }
    }

    @Test func multipartAndSharedBytes() async throws {
        try await withEmulator { client async throws in
            let block = [UInt8](repeating: 65, count: 100 << 10)
            let created = try await client.send("POST", "/bkt/k", query: [("uploads", ""), ("sequential", "")])
            let id = try #require(created.element("UploadId"))
            func part(_ number: Int, _ body: [UInt8]) async throws -> Reply {
                try await client.send(
                    "PUT", "/bkt/k", query: [("partNumber", "\(number)"), ("uploadId", id)], body: body)
            }
            let one = try #require(try await part(1, block).headers["etag"])
            let copy = try await client.send(
                "PUT", "/bkt/k", query: [("partNumber", "2"), ("uploadId", id)],
                headers: ["x-oss-copy-source": "/bkt/none"])
            #expect(copy.element("Code") == "NoSuchKey")
            let two = try #require(try await part(2, [66, 67]).headers["etag"])
            func complete(_ parts: [(Int, String)]) async throws -> Reply {
                let list = parts.map { "<Part><PartNumber>\($0.0)</PartNumber><ETag>\($0.1)</ETag></Part>" }.joined()
                return try await client.send(
                    "POST", "/bkt/k", query: [("uploadId", id)],
                    text: "<CompleteMultipartUpload>\(list)</CompleteMultipartUpload>")
            }
            #expect(try await complete([(2, two), (1, one)]).element("Code") == "InvalidPartOrder")
            #expect(try await complete([(1, two)]).element("Code") == "InvalidPart")
            let done = try await complete([(1, one), (2, two)])
            #expect(done.status == 200)
            let get = try await client.send("GET", "/bkt/k", headers: ["Range": "bytes=102399-102400"])
            #expect(get.body == [65, 66] && get.headers["x-oss-object-type"] == "Multipart")
            #expect(
                get.headers["etag"]?.hasSuffix("-2\"") == true
                    && get.headers["content-md5"] == md5Header(block + [66, 67]))
            #expect(done.headers["x-oss-hash-crc64ecma"] == get.headers["x-oss-hash-crc64ecma"])
            let whole = try await client.send("PUT", "/bkt/plain", body: block + [66, 67])
            #expect(whole.headers["x-oss-hash-crc64ecma"] == get.headers["x-oss-hash-crc64ecma"])
            _ = try await client.send("PUT", "/bkt/copy", headers: ["x-oss-copy-source": "/bkt/k"])
            _ = try await client.send("DELETE", "/bkt/k")
            #expect(try await client.send("GET", "/bkt/copy").body == block + [66, 67])
            #expect(try await complete([(1, one)]).element("Code") == "NoSuchUpload")
        }
    }

    @Test func uploadWithoutParts() async throws {
        try await withEmulator { client async throws in
            func upload(_ headers: [String: String], _ text: String) async throws -> Reply {
                let begun = try await client.send("POST", "/bkt/k", query: [("uploads", "")])
                let id = try #require(begun.element("UploadId"))
                return try await client.send("POST", "/bkt/k", query: [("uploadId", id)], headers: headers, text: text)
            }
            for (headers, text) in [([:], "<CompleteMultipartUpload/>"), (["x-oss-complete-all": "yes"], "")] {
                let reply = try await upload(headers, text)
                #expect(reply.status == 200 && reply.headers["x-oss-hash-crc64ecma"] == "0")
                #expect(try await client.send("HEAD", "/bkt/k").headers["content-length"] == "0")
                #expect(try await client.send("GET", "/bkt/k").body.isEmpty)
                _ = try await client.send("DELETE", "/bkt/k")
            }
            #expect(try await upload([:], "").element("Code") == "MalformedXML")
        }
    }

    @Test func onlyOneOfManyWins() async throws {
        try await withEmulator { client async throws in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for number in 0..<20 {
                    tasks.addTask {
                        try await client.send(
                            "PUT", "/bkt/k", headers: ["x-oss-forbid-overwrite": "true"], text: "\(number)"
                        ).status
                    }
                    tasks.addTask {
                        try await client.send(
                            "POST", "/bkt/log", query: [("append", ""), ("position", "0")], text: "x"
                        ).status
                    }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 200 }.count == 2)
            #expect(statuses.filter { $0 == 409 }.count == 38)
        }
    }

    @Test func callbacksFailButStore() async throws {
        try await withEmulator { client async throws in
            let callback = base64(Array(#"{"callbackUrl":"http://example.com","callbackBody":"a=${object}"}"#.utf8))
            let reply = try await client.send("PUT", "/bkt/k", headers: ["x-oss-callback": callback], text: "x")
            #expect(reply.status == 203 && reply.element("Code") == "CallbackFailed")
            #expect(try await client.send("GET", "/bkt/k").text == "x")
        }
    }

    @Test func whatIsNotHereYetSaysSo() async throws {
        try await withEmulator { client async throws in
            for query in ["website", "cors"] {
                #expect(try await client.send("GET", "/bkt/k", query: [(query, "")]).status == 501)
            }
            #expect(try await client.send("GET", "/bkt/", query: [("qosInfo", "")]).status == 501)
            #expect(try await client.send("HEAD", "/bkt/").status == 405)
        }
    }

    @Test func lifecycleRules() async throws {
        try await withEmulator { client async throws in
            func put(_ rules: String) async throws -> Reply {
                try await client.send(
                    "PUT", "/bkt/", query: [("lifecycle", "")],
                    text: "<LifecycleConfiguration>\(rules)</LifecycleConfiguration>")
            }
            let days = "<Expiration><Days>1</Days></Expiration>"
            #expect(try await put("<Rule><Prefix>a&amp;</Prefix><Status>Enabled</Status>\(days)</Rule>").status == 200)
            let get = try await client.send("GET", "/bkt/", query: [("lifecycle", "")])
            #expect(get.element("Prefix") == "a&amp;" && get.element("ID")?.isEmpty == false)
            for bad in [
                "", "<Rule><Prefix/><Status>On</Status>\(days)</Rule>",
                "<Rule><Prefix/><Status>Enabled</Status></Rule>",
                "<Rule><Status>Enabled</Status><Expiration><Days>0</Days></Expiration></Rule>",
                "<Rule><Status>Enabled</Status><Transition><Days>1</Days></Transition></Rule>",
            ] {
                #expect(try await put(bad).element("Code") == "MalformedXML")
            }
            #expect(try await client.send("DELETE", "/bkt/", query: [("lifecycle", "")]).status == 204)
            #expect(
                try await client.send("GET", "/bkt/", query: [("lifecycle", "")]).element("Code") == "NoSuchLifecycle")
        }
    }
}
