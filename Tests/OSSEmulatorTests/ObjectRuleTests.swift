import Testing

@testable import OSSEmulator

/// The small rules of puts, copies, uploads and listings.
@Suite struct ObjectRuleTests {
    private static let block = [UInt8](repeating: 65, count: 100 << 10)

    @Test func headersOfPuts() async throws {
        try await withClock { client async throws in
            for limit in ["819199", "838860801", "x", "-1"] {
                let headers = ["x-oss-traffic-limit": limit]
                #expect(try await client.put("k", headers: headers).element("Code") == "InvalidArgument")
                #expect(try await client.send("GET", "/bkt/k", headers: headers).status == 404)
            }
            #expect(try await client.put("k", headers: ["x-oss-traffic-limit": "819200"]).status == 200)
            let get = try await client.send("GET", "/bkt/k", query: [("x-oss-traffic-limit", "1")])
            #expect(get.status == 400)
            let sse = "x-oss-server-side-encryption"
            #expect(
                try await client.put("k", headers: [sse: "DES"]).element("Code") == "InvalidEncryptionAlgorithmError")
            #expect(try await client.put("k", headers: [sse: "AES256", sse + "-key-id": "1"]).status == 400)
            let kms = try await client.put("k", headers: [sse: "KMS", "x-oss-server-side-data-encryption": "SM4"])
            #expect(kms.headers[sse] == "KMS" && kms.headers[sse + "-key-id"]?.isEmpty == false)
            #expect(try await client.put("k", headers: ["x-oss-storage-class": "Cold"]).status == 400)
            #expect(try await client.put("k", headers: ["x-oss-object-acl": "public"]).element("EC") == "0017-00000104")
            #expect(try await client.put("k", headers: ["x-oss-forbid-overwrite": "yes"]).status == 400)
            #expect(try await client.put("\\k").element("Code") == "InvalidObjectName")
            let tags = (0..<11).map { "k\($0)=v" }.joined(separator: "&")
            for bad in [tags, "a=%25b", "a=b&a=c", "=b", "a=\(String(repeating: "v", count: 257))", "a=%zz", "<=a"] {
                #expect(try await client.put("k", headers: ["x-oss-tagging": bad]).element("Code") == "InvalidTag")
            }
            let good = "a=&%2B-%3D._%3A%2F%20=%C3%A91"
            #expect(try await client.put("k", headers: ["x-oss-tagging": good]).status == 200)
            let read = try await client.send("GET", "/bkt/k", query: [("tagging", "")])
            #expect(read.elements("Key") == ["a", "+-=._:/ "] && read.elements("Value") == ["", "é1"])
            #expect(
                try await client.put("m", headers: ["x-oss-meta-a": String(repeating: "a", count: 8192)]).status == 400)
            let large = ["Content-Length": "5368709121", "Expect": "100-continue"]
            #expect(try await client.send("PUT", "/bkt/k", headers: large).element("Code") == "EntityTooLarge")
        }
    }

    @Test func bucketsEncryptByDefault() async throws {
        let rule = """
            <ServerSideEncryptionRule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>KMS</SSEAlgorithm>
            <KMSMasterKeyID>key1</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></ServerSideEncryptionRule>
            """
        try await withClock(documents: ["encryption": rule]) { client async throws in
            #expect(try await client.put("k").headers["x-oss-server-side-encryption-key-id"] == "key1")
            let other = try await client.put("k", headers: ["x-oss-server-side-encryption": "AES256"])
            #expect(other.headers["x-oss-server-side-encryption"] == "AES256")
        }
    }

    @Test func versionIDs() async throws {
        try await withClock(versioning: .enabled) { client async throws in
            _ = try await client.put("k")
            for (id, code) in [
                ("", "InvalidArgument"), ("234", "InvalidArgument"), ("CAE%1", "InvalidArgument"),
                ("CAE1", "NoSuchVersion"),
            ] {
                let query = [("versionId", id)]
                #expect(try await client.send("GET", "/bkt/k", query: query).element("Code") == code)
                #expect(try await client.send("GET", "/bkt/k", query: query + [("acl", "")]).element("Code") == code)
                #expect(
                    try await client.send("GET", "/bkt/k", query: query + [("tagging", "")]).element("Code") == code)
                let source = "/bkt/k?versionId=" + id.filter { $0 != "%" }
                if id != "CAE%1" {
                    let copy = try await client.put("c", "", headers: ["x-oss-copy-source": source])
                    #expect(copy.element("Code") == code)
                }
            }
            #expect(try await client.send("DELETE", "/bkt/k", query: [("versionId", "234")]).status == 400)
            #expect(try await client.send("DELETE", "/bkt/k", query: [("versionId", "CAE1")]).status == 204)
            let body = "<Delete><Object><Key>k</Key><VersionId>234</VersionId></Object></Delete>"
            let many = try await client.send(
                "POST", "/bkt/", query: [("delete", "")], headers: ["Content-MD5": md5Header(Array(body.utf8))],
                text: body)
            #expect(many.element("Code") == "InvalidArgument")
        }
    }

    // MARK: Copies

    @Test func directives() async throws {
        try await withClock { client async throws in
            _ = try await client.put(
                "s", "body",
                headers: [
                    "Content-Type": "text/plain", "x-oss-meta-a": "1", "x-oss-meta-client-side-encryption-key": "K",
                    "x-oss-tagging": "t=1", "Cache-Control": "no-cache", "x-oss-storage-class": "IA",
                    "x-oss-object-acl": "public-read",
                ])
            func copy(_ headers: [String: String], _ key: String = "d") async throws -> Reply {
                let all = headers.merging(["x-oss-copy-source": "/bkt/s"]) { $1 }
                let reply = try await client.put(key, "", headers: all)
                #expect(reply.status == 200)
                return try await client.send("HEAD", "/bkt/" + key)
            }
            let plain = try await copy(["x-oss-meta-b": "2", "x-oss-tagging": "u=1&v=2"])
            #expect(plain.headers["x-oss-meta-a"] == "1" && plain.headers["x-oss-meta-b"] == nil)
            #expect(plain.headers["cache-control"] == "no-cache" && plain.headers["x-oss-tagging-count"] == "1")
            #expect(plain.headers["x-oss-storage-class"] == "Standard")
            #expect(try await client.send("GET", "/bkt/d", query: [("acl", "")]).element("Grant") == "default")
            for directive in ["replace", "REPLACE"] {
                let replaced = try await copy([
                    "x-oss-meta-b": "2", "x-oss-metadata-directive": directive, "x-oss-tagging": "u=1&v=2",
                    "x-oss-tagging-directive": directive,
                ])
                #expect(replaced.headers["x-oss-meta-a"] == nil && replaced.headers["x-oss-meta-b"] == "2")
                #expect(replaced.headers["x-oss-meta-client-side-encryption-key"] == "K")
                #expect(replaced.headers["content-type"] == "text/plain" && replaced.headers["cache-control"] == nil)
                #expect(replaced.headers["x-oss-tagging-count"] == "2")
            }
            let bad = ["x-oss-copy-source": "/bkt/s", "x-oss-metadata-directive": "move"]
            #expect(try await client.put("d", "", headers: bad).status == 400)
            // Onto itself: other headers, another class.
            let own = try await copy(["x-oss-storage-class": "Archive"], "s")
            #expect(own.headers["x-oss-storage-class"] == "Archive" && own.headers["x-oss-meta-a"] == "1")
        }
    }

    @Test func sources() async throws {
        try await withClock { client async throws in
            _ = try await client.put("a b/?versionId=x", "body")
            let encoded = "a%20b%2F%3FversionId%3Dx"
            for source in ["/bkt/" + encoded, "bkt/" + encoded, "%2Fbkt%2F" + encoded, "/bkt/a%20b/%3FversionId%3Dx"] {
                #expect(try await client.put("d", "", headers: ["x-oss-copy-source": source]).status == 200)
            }
            let etag = try await client.send("HEAD", "/bkt/d").headers["etag"] ?? ""
            for bad in ["", "/", "/bkt", "/bkt/", "bkt", "/bkt/%zz"] {
                #expect(try await client.put("d", "", headers: ["x-oss-copy-source": bad]).status == 400)
            }
            #expect(
                try await client.put("d", "", headers: ["x-oss-copy-source": "/nobucket/k"]).element("Code")
                    == "NoSuchBucket")
            let prefix = "x-oss-copy-source-if-"
            for (name, value, status) in [
                ("match", etag, 200), ("match", "\"x\"", 412), ("none-match", etag, 304), ("none-match", "\"x\"", 200),
                ("modified-since", client.clock.now.httpDate, 304),
                ("unmodified-since", "Sat, 16 Dec 2000 16:20:57 GMT", 412),
            ] {
                let reply = try await client.put(
                    "e", "", headers: ["x-oss-copy-source": "/bkt/d", prefix + name: value])
                #expect(reply.status == status, "\(name) \(value)")
            }
        }
    }

    @Test func largeCopies() async throws {
        try await withClock { client async throws in
            _ = try await client.send("PUT", "/other/")
            let size = 32 << 20
            _ = try await client.client.send("PUT", "/bkt/s", body: [UInt8](repeating: 1, count: size))
            let id = try await client.send("POST", "/bkt/l", query: [("uploads", "")]).element("UploadId") ?? ""
            for number in 1...161 {
                let reply = try await client.send(
                    "PUT", "/bkt/l", query: [("partNumber", "\(number)"), ("uploadId", id)],
                    headers: ["x-oss-copy-source": "/bkt/s"])
                #expect(reply.status == 200)
            }
            let done = try await client.send(
                "POST", "/bkt/l", query: [("uploadId", id)], headers: ["x-oss-complete-all": "yes"])
            #expect(done.status == 200)
            #expect(try await client.send("HEAD", "/bkt/l").headers["content-length"] == "\(size * 161)")
            let source = ["x-oss-copy-source": "/bkt/l"]
            #expect(try await client.put("c", "", headers: source).status == 200)
            #expect(try await client.send("PUT", "/other/c", headers: source).element("Code") == "EntityTooLarge")
            let changed = source.merging(["x-oss-storage-class": "IA"]) { $1 }
            #expect(try await client.put("c", "", headers: changed).element("Code") == "EntityTooLarge")
            let next = try await client.send("POST", "/bkt/m", query: [("uploads", "")]).element("UploadId") ?? ""
            func part(_ range: String?) async throws -> Reply {
                var headers = source
                headers["x-oss-copy-source-range"] = range
                return try await client.send(
                    "PUT", "/bkt/m", query: [("partNumber", "1"), ("uploadId", next)], headers: headers)
            }
            #expect(try await part(nil).element("Code") == "EntityTooLarge")
            let ranged = try await part("bytes=33554430-33554435")
            #expect(ranged.status == 200 && ranged.headers["content-range"] == "bytes 33554430-33554435/\(size * 161)")
            #expect(ranged.element("ETag")?.contains("3CA9E73DA93E1E8C4B8ACFAD6EAA08B0") == false)
        }
    }

    // MARK: Uploads

    @Test func sequentialUploads() async throws {
        try await withClock { client async throws in
            let query = [("uploads", ""), ("sequential", "")]
            let id = try await client.send("POST", "/bkt/k", query: query).element("UploadId") ?? ""
            func part(_ number: Int) async throws -> Reply {
                try await client.send(
                    "PUT", "/bkt/k", query: [("partNumber", "\(number)"), ("uploadId", id)], text: "x")
            }
            #expect(try await part(2).element("Code") == "PartNotSequential")
            #expect(try await part(1).status == 200)
            let again = try await part(1)
            #expect(again.status == 409 && again.element("Code") == "PartAlreadyExist")
            #expect(try await part(3).status == 400)
            #expect(try await part(2).status == 200)
            for bad in [0, 10001] { #expect(try await part(bad).element("EC") == "0017-00000220") }
        }
    }

    @Test func uploadsAreEncryptedOnce() async throws {
        try await withClock { client async throws in
            let sse = ["x-oss-server-side-encryption": "KMS"]
            let created = try await client.send("POST", "/bkt/k", query: [("uploads", "")], headers: sse)
            let id = created.element("UploadId") ?? ""
            let key = created.headers["x-oss-server-side-encryption-key-id"]
            let query = [("partNumber", "1"), ("uploadId", id)]
            #expect(
                try await client.send("PUT", "/bkt/k", query: query, headers: sse).element("Code") == "InvalidArgument")
            let part = try await client.send("PUT", "/bkt/k", query: query, text: "x")
            #expect(part.headers["x-oss-server-side-encryption-key-id"] == key && key != nil)
            let all = ["x-oss-complete-all": "yes"]
            let bad = try await client.send(
                "POST", "/bkt/k", query: [("uploadId", id)], headers: all.merging(sse) { $1 })
            #expect(bad.element("Code") == "InvalidArgument")
            let wrong = try await client.send(
                "POST", "/bkt/k", query: [("uploadId", id), ("encoding-type", "x")], headers: all)
            #expect(wrong.status == 400)
            let done = try await client.send("POST", "/bkt/k", query: [("uploadId", id)], headers: all)
            #expect(done.headers["x-oss-server-side-encryption"] == "KMS")
        }
    }

    @Test func uploadListings() async throws {
        try await withClock { client async throws in
            var ids: [String] = []
            for key in ["a/1", "a/2", "b%", "b%", "c"] {
                ids.append(
                    try await client.send("POST", "/bkt/" + key, query: [("uploads", "")]).element("UploadId") ?? "")
            }
            for limit in 1...6 {
                var found: [String] = []
                var (key, upload) = ("", "")
                var isTruncated = true
                while isTruncated {
                    let page = try await client.send(
                        "GET", "/bkt/",
                        query: [
                            ("uploads", ""), ("max-uploads", "\(limit)"), ("key-marker", key),
                            ("upload-id-marker", upload), ("delimiter", "/"),
                        ])
                    found += page.elements("CommonPrefixes") + page.elements("UploadId")
                    (key, upload) = (page.element("NextKeyMarker") ?? "", page.element("NextUploadIdMarker") ?? "")
                    isTruncated = page.element("IsTruncated") == "true"
                }
                #expect(Set(found) == Set(["<Prefix>a/</Prefix>"] + ids[2...]) && found.count == 4)
            }
            let encoded = try await client.send(
                "GET", "/bkt/",
                query: [("uploads", ""), ("encoding-type", "url"), ("prefix", "b%"), ("key-marker", "a/")])
            #expect(encoded.elements("Key") == ["b%25", "b%25"] && encoded.element("Prefix") == "b%25")
            #expect(encoded.element("KeyMarker") == "a%2F" && encoded.element("MaxUploads") == "1000")
            for number in [3, 1, 7] {
                _ = try await client.send(
                    "PUT", "/bkt/c", query: [("partNumber", "\(number)"), ("uploadId", ids[4])], text: "\(number)")
            }
            var parts: [String] = []
            var marker = "0"
            var isTruncated = true
            while isTruncated {
                let page = try await client.send(
                    "GET", "/bkt/c",
                    query: [("uploadId", ids[4]), ("max-parts", "1"), ("part-number-marker", marker)])
                parts += page.elements("PartNumber")
                marker = page.element("NextPartNumberMarker") ?? ""
                isTruncated = page.element("IsTruncated") == "true"
            }
            #expect(parts == ["1", "3", "7"])
            #expect(
                try await client.send("GET", "/bkt/c", query: [("uploadId", ids[4]), ("max-parts", "1001")]).status
                    == 400)
        }
    }

    // MARK: Reading

    @Test func rangesAndConditions() async throws {
        try await withClock { client async throws in
            let etag = try await client.put("k", "0123456789").headers["etag"] ?? ""
            let now = client.clock.now.httpDate
            let old = "Sat, 16 Dec 2000 16:20:57 GMT"
            func get(_ range: String, _ isStandard: Bool = false) async throws -> (Int, String) {
                var headers = ["Range": range]
                if isStandard { headers["x-oss-range-behavior"] = "standard" }
                let reply = try await client.send("GET", "/bkt/k", headers: headers)
                return (reply.status, reply.status < 300 ? reply.text : reply.element("Code") ?? "")
            }
            #expect(try await get("bytes=2-4") == (206, "234"))
            #expect(try await get("bytes=7-") == (206, "789"))
            #expect(try await get("bytes=-3") == (206, "789"))
            for bad in [
                "bytes=5-20", "bytes=20-30", "bytes=4-2", "bytes=-20", "bytes=-0", "bytes=a-b", "items=0-1",
                "bytes=0-1,3-4",
            ] {
                #expect(try await get(bad) == (200, "0123456789"), "\(bad)")
            }
            #expect(try await get("bytes=5-20", true) == (206, "56789"))
            #expect(try await get("bytes=20-30", true) == (416, "InvalidRange"))
            #expect(try await get("bytes=-20", true) == (206, "0123456789"))
            for method in ["GET", "HEAD"] {
                for (headers, status) in [
                    (["If-Match": etag], 200), (["If-Match": "\"x\""], 412), (["If-None-Match": etag], 304),
                    (["If-None-Match": "\"x\""], 200), (["If-Modified-Since": now], 304),
                    (["If-Modified-Since": old], 200), (["If-Unmodified-Since": old], 412),
                    (["If-Unmodified-Since": now], 200), (["If-Modified-Since": "nonsense"], 200),
                    (["If-Match": "\"x\"", "If-None-Match": etag], 412),
                ] {
                    #expect(try await client.send(method, "/bkt/k", headers: headers).status == status, "\(headers)")
                }
            }
            let changed = try await client.send(
                "GET", "/bkt/k",
                query: [
                    ("response-content-type", "text/x"), ("response-expires", "never"), ("response-cache-control", "c"),
                    ("response-content-language", "l"), ("response-content-disposition", "d"),
                    ("response-content-encoding", "e\r\nX: y"),
                ])
            #expect(changed.headers["content-type"] == "text/x" && changed.headers["expires"] == "never")
            #expect(changed.headers["content-encoding"] == "e%0D%0AX%3A%20y" && changed.headers["x"] == nil)
            let head = try await client.send("HEAD", "/bkt/none")
            #expect(
                head.status == 404 && head.headers["x-oss-err"] != nil && head.headers["x-oss-ec"] == "0026-00000001")
        }
    }

    // MARK: Listings

    @Test func listingDetails() async throws {
        try await withClock { client async throws in
            for key in ["a/b/1", "a/b/2", "a/c", "d %", "e/1"] { _ = try await client.put(key) }
            func list(_ query: (String, String)...) async throws -> Reply {
                try await client.send("GET", "/bkt/", query: query)
            }
            // A marker that is a common prefix leaves out all that it stands for.
            let after = try await list(("delimiter", "/"), ("marker", "a/"))
            #expect(after.elements("Key") == ["d %"] && after.elements("CommonPrefixes") == ["<Prefix>e/</Prefix>"])
            let inside = try await list(("delimiter", "/"), ("prefix", "a/"), ("max-keys", "1"))
            #expect(inside.elements("CommonPrefixes") == ["<Prefix>a/b/</Prefix>"])
            #expect(inside.element("NextMarker") == "a/b/" && inside.element("IsTruncated") == "true")
            let owner = try await list(("list-type", "2"), ("fetch-owner", "true"), ("start-after", "a/c"))
            #expect(owner.elements("Key") == ["d %", "e/1"] && owner.elements("Owner").count == 2)
            #expect(owner.element("StartAfter") == "a/c" && owner.element("KeyCount") == "2")
            let plain = try await list(("list-type", "2"), ("continuation-token", ""))
            #expect(plain.elements("Owner").isEmpty && plain.element("MaxKeys") == "100")
            let encoded = try await list(
                ("encoding-type", "url"), ("prefix", "d "), ("delimiter", "%"), ("marker", "a b"))
            #expect(encoded.elements("CommonPrefixes") == ["<Prefix>d%20%25</Prefix>"])
            #expect(encoded.element("Marker") == "a%20b" && encoded.element("Delimiter") == "%25")
            #expect(try await list(("list-type", "2"), ("continuation-token", "zz")).status == 400)
            for limit in ["0", "1001", "-1"] { #expect(try await list(("max-keys", limit)).status == 400) }
            let versions = try await list(("versions", ""), ("delimiter", "/"), ("key-marker", "a/"))
            #expect(versions.elements("VersionId") == ["null"] && versions.elements("CommonPrefixes").count == 1)
            #expect(try await list(("versions", ""), ("version-id-marker", "null")).status == 400)
        }
    }

    @Test func suspendedVersioning() async throws {
        try await withClock(versioning: .suspended) { client async throws in
            #expect(try await client.put("k", "1").headers["x-oss-version-id"] == "null")
            #expect(try await client.put("k", "2").headers["x-oss-version-id"] == "null")
            let versions = try await client.send("GET", "/bkt/", query: [("versions", "")])
            #expect(versions.elements("VersionId") == ["null"])
            let marker = try await client.send("DELETE", "/bkt/k")
            #expect(marker.headers["x-oss-version-id"] == "null" && marker.headers["x-oss-delete-marker"] == "true")
            let gone = try await client.send("GET", "/bkt/k", query: [("versionId", "null")])
            #expect(gone.status == 405)
            let deleted = try await client.send("DELETE", "/bkt/k", query: [("versionId", "null")])
            #expect(deleted.headers["x-oss-delete-marker"] == "true")
            #expect(try await client.send("DELETE", "/bkt/").status == 204)
        }
    }

    @Test func multiDeleteNamesVersions() async throws {
        try await withClock(versioning: .enabled) { client async throws in
            let id = try await client.put("a&").headers["x-oss-version-id"] ?? ""
            func delete(_ objects: String, quiet: Bool = false) async throws -> Reply {
                let body = "<Delete><Quiet>\(quiet)</Quiet>\(objects)</Delete>"
                return try await client.send(
                    "POST", "/bkt/", query: [("delete", ""), ("encoding-type", "url")],
                    headers: ["Content-MD5": md5Header(Array(body.utf8))], text: body)
            }
            let marker = try await delete("<Object><Key>a&amp;</Key></Object>")
            #expect(marker.element("Key") == "a%26" && marker.element("DeleteMarker") == "true")
            let markerID = marker.element("DeleteMarkerVersionId") ?? ""
            #expect(!markerID.isEmpty && marker.element("VersionId") == nil)
            let both = try await delete(
                "<Object><Key>a&amp;</Key><VersionId>\(markerID)</VersionId></Object>"
                    + "<Object><Key>a&amp;</Key><VersionId>\(id)</VersionId></Object>")
            #expect(both.elements("VersionId") == [markerID, id])
            #expect(both.elements("DeleteMarkerVersionId") == [markerID])
            let quiet = try await delete("<Object><Key>none</Key></Object>", quiet: true)
            #expect(quiet.status == 200 && quiet.body.isEmpty)
            #expect(try await delete("").element("Code") == "MalformedXML")
            #expect(
                try await delete("<Object><Key>\(String(repeating: "k", count: 1024))</Key></Object>").status == 400)
        }
    }
}
