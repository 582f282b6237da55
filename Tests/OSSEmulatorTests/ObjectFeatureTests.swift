import Synchronization
import Testing

@testable import OSSEmulator

/// A clock that only tests turn.
final class TestClock: Sendable {
    private let milliseconds = Mutex<Int64>(1_702_743_657_000)

    var now: EmulatorInstant { EmulatorInstant(millisecondsSince1970: milliseconds.withLock { $0 }) }

    func advance(seconds: Int64) {
        milliseconds.withLock { $0 += seconds * 1000 }
    }
}

/// A client whose clock is the emulator's.
struct ClockClient {
    var client: TestClient
    let clock: TestClock

    func send(
        _ method: String, _ resource: String, query: [(String, String)] = [], headers: [String: String] = [:],
        text: String = ""
    ) async throws -> Reply {
        var client = client
        client.now = clock.now
        return try await client.send(method, resource, query: query, headers: headers, text: text)
    }

    func put(_ key: String, _ text: String = "x", headers: [String: String] = [:]) async throws -> Reply {
        try await send("PUT", "/bkt/" + key, headers: headers, text: text)
    }
}

/// Runs a test with an emulator whose clock stands still, and whose bucket `bkt` has configurations.
func withClock(
    documents: [String: String] = [:], versioning: VersioningStatus? = nil,
    _ change: (inout EmulatorConfiguration) -> Void = { _ in }, _ body: (ClockClient) async throws -> Void
) async throws {
    let clock = TestClock()
    let folder = "\(temporaryFolder())/oss-emulator-test-\(UInt64.random(in: 0 ... .max))"
    defer { try? Files.removeTree(folder) }
    var configuration = EmulatorConfiguration.unhurried
    let storage = try FileStorage(directory: folder, isSynchronizing: false, logger: configuration.logger)
    try storage.write(
        BucketRecord(
            name: "bkt", ownerID: "1234567890123456", created: clock.now, acl: .private, storageClass: .standard,
            redundancy: "LRS", versioning: versioning, resourceGroupID: "rg",
            documents: documents.mapValues { Array($0.utf8) }))
    storage.close()
    configuration.dataDirectory = folder
    configuration.synchronizesFiles = false
    configuration.now = { clock.now }
    change(&configuration)
    let ready = configuration
    try await withEmulator({ $0 = ready }) { client async throws in
        try await body(ClockClient(client: client, clock: clock))
    }
}

@Suite struct ObjectFeatureTests {
    // MARK: Symbolic links

    @Test func symlinksAreFollowed() async throws {
        try await withClock { client async throws in
            _ = try await client.put("dir/a b", "hello", headers: ["Content-Type": "text/plain", "x-oss-meta-t": "1"])
            client.clock.advance(seconds: 60)
            let link = try await client.send(
                "PUT", "/bkt/link", query: [("symlink", "")],
                headers: [
                    "x-oss-symlink-target": "dir%2Fa%20b", "x-oss-meta-key1": "v1", "x-oss-tagging": "a=b",
                    "x-oss-object-acl": "public-read",
                ])
            #expect(link.status == 200 && link.headers["etag"] != nil)
            for method in ["GET", "HEAD"] {
                let reply = try await client.send(method, "/bkt/link")
                #expect(reply.status == 200 && reply.headers["content-length"] == "5")
                #expect(reply.headers["etag"] == "\"5D41402ABC4B2A76B9719D911017C592\"")
                #expect(reply.headers["x-oss-object-type"] == "Symlink" && reply.headers["x-oss-meta-key1"] == "v1")
                #expect(reply.headers["x-oss-meta-t"] == nil && reply.headers["x-oss-tagging-count"] == "1")
                #expect(reply.headers["last-modified"] == client.clock.now.httpDate)
            }
            let range = try await client.send("GET", "/bkt/link", headers: ["Range": "bytes=1-2"])
            #expect(range.status == 206 && range.text == "el")
            let get = try await client.send("GET", "/bkt/link", query: [("symlink", "")])
            #expect(get.headers["x-oss-symlink-target"] == "dir/a%20b" && get.headers["x-oss-meta-key1"] == "v1")
            #expect(get.headers["etag"] == link.headers["etag"])
            let anonymous = try await client.client.send("GET", "/bkt/link", isSigned: false)
            #expect(anonymous.status == 403)
            let listing = try await client.send("GET", "/bkt/", query: [("list-type", "2")])
            #expect(listing.elements("Type") == ["Normal", "Symlink"] && listing.elements("Size") == ["5", "0"])
            let acl = try await client.send("GET", "/bkt/link", query: [("acl", "")])
            #expect(acl.element("Grant") == "public-read")
        }
    }

    @Test func symlinksThatLeadNowhere() async throws {
        try await withClock { client async throws in
            func link(_ key: String, _ target: String?, _ headers: [String: String] = [:]) async throws -> Reply {
                var headers = headers
                headers["x-oss-symlink-target"] = target
                return try await client.send("PUT", "/bkt/" + key, query: [("symlink", "")], headers: headers)
            }
            #expect(try await link("one", "none").status == 200)
            #expect(try await link("two", "one").status == 200)
            #expect(try await client.send("GET", "/bkt/one").element("Code") == "SymlinkTargetNotExist")
            #expect(try await client.send("GET", "/bkt/one").status == 404)
            #expect(try await client.send("GET", "/bkt/two").element("Code") == "InvalidTargetType")
            #expect(try await client.send("HEAD", "/bkt/two").status == 400)
            #expect(
                try await link("one", "x", ["x-oss-forbid-overwrite": "true"]).element("Code") == "FileAlreadyExists")
            for bad in [nil, "%zz", "%00", "", "a%FF"] { #expect(try await link("bad", bad).status == 400) }
            _ = try await client.put("plain")
            let plain = try await client.send("GET", "/bkt/plain", query: [("symlink", "")])
            #expect(plain.element("Code") == "NotSymlink")
            #expect(try await client.send("GET", "/bkt/no", query: [("symlink", "")]).element("Code") == "NoSuchKey")
            let append = try await client.send(
                "POST", "/bkt/one", query: [("append", ""), ("position", "0")], text: "x")
            #expect(append.element("Code") == "ObjectNotAppendable")
            // A copy of a link is a link; a part of it is of its target.
            #expect(try await link("three", "plain").status == 200)
            _ = try await client.put("copy", "", headers: ["x-oss-copy-source": "/bkt/three"])
            let copy = try await client.send("GET", "/bkt/copy")
            #expect(copy.text == "x" && copy.headers["x-oss-object-type"] == "Symlink")
            let id = try await client.send("POST", "/bkt/up", query: [("uploads", "")]).element("UploadId") ?? ""
            let part = try await client.send(
                "PUT", "/bkt/up", query: [("partNumber", "1"), ("uploadId", id)],
                headers: ["x-oss-copy-source": "/bkt/three"])
            #expect(part.status == 200 && part.element("ETag")?.contains("9DD4E461268C8034F5C8564E155C67A6") == true)
        }
    }

    @Test func symlinksHaveVersions() async throws {
        try await withClock(versioning: .enabled) { client async throws in
            func link(_ target: String) async throws -> String {
                let reply = try await client.send(
                    "PUT", "/bkt/link", query: [("symlink", "")], headers: ["x-oss-symlink-target": target])
                return reply.headers["x-oss-version-id"] ?? ""
            }
            let one = try await link("a")
            let two = try await link("b")
            #expect(!one.isEmpty && one != two)
            let old = try await client.send("GET", "/bkt/link", query: [("symlink", ""), ("versionId", one)])
            #expect(old.headers["x-oss-symlink-target"] == "a" && old.headers["x-oss-version-id"] == one)
            _ = try await client.send("DELETE", "/bkt/link")
            let gone = try await client.send("GET", "/bkt/link", query: [("symlink", "")])
            #expect(gone.status == 404 && gone.headers["x-oss-delete-marker"] == "true")
        }
    }

    // MARK: Archived objects

    @Test func restoresTakeTheirTime() async throws {
        try await withClock { client async throws in
            func restore(_ key: String, _ body: String = "") async throws -> Reply {
                try await client.send("POST", "/bkt/" + key, query: [("restore", "")], text: body)
            }
            _ = try await client.put("a", "hello", headers: ["x-oss-storage-class": "Archive"])
            #expect(try await client.send("GET", "/bkt/a").element("Code") == "InvalidObjectState")
            #expect(try await client.send("HEAD", "/bkt/a").status == 200)
            _ = try await client.put("standard")
            let standard = try await restore("standard")
            #expect(standard.status == 400 && standard.element("Code") == "OperationNotSupported")
            let copy = try await client.put("copy", "", headers: ["x-oss-copy-source": "/bkt/a"])
            #expect(copy.element("Code") == "InvalidObjectState")
            let clean = try await client.send("POST", "/bkt/a", query: [("cleanRestoredObject", "")])
            #expect(clean.status == 409 && clean.element("Code") == "ArchiveRestoreFileStale")

            #expect(try await restore("a").status == 202)
            #expect(try await restore("a").element("Code") == "RestoreAlreadyInProgress")
            let ongoing = try await client.send("HEAD", "/bkt/a")
            #expect(ongoing.headers["x-oss-restore"] == #"ongoing-request="true""#)
            let listing = try await client.send("GET", "/bkt/")
            #expect(listing.element("RestoreInfo") == "ongoing-request=&quot;true&quot;")
            let early = try await client.send("POST", "/bkt/a", query: [("cleanRestoredObject", "")])
            #expect(early.element("Code") == "ArchiveRestoreNotFinished" && early.element("EC") == "0016-00000719")
            #expect(try await client.send("GET", "/bkt/a").status == 403)

            client.clock.advance(seconds: 5)
            let get = try await client.send("GET", "/bkt/a")
            #expect(get.text == "hello")
            #expect(
                get.headers["x-oss-restore"]
                    == #"ongoing-request="false", expiry-date="Sun, 17 Dec 2023 16:21:02 GMT""#)
            #expect(try await restore("a", "<RestoreRequest><Days>2</Days></RestoreRequest>").status == 200)
            #expect(try await client.send("HEAD", "/bkt/a").headers["x-oss-restore"]?.contains("19 Dec") == true)
            #expect(try await restore("a", "<RestoreRequest><Days>7</Days></RestoreRequest>").status == 200)
            #expect(try await client.send("HEAD", "/bkt/a").headers["x-oss-restore"]?.contains("23 Dec") == true)
            #expect(try await client.put("copy", "", headers: ["x-oss-copy-source": "/bkt/a"]).status == 200)
            #expect(try await client.send("GET", "/bkt/copy").text == "hello")
            #expect(try await client.send("POST", "/bkt/a", query: [("cleanRestoredObject", "")]).status == 200)
            #expect(try await client.send("GET", "/bkt/a").status == 403)
            #expect(try await restore("a").status == 202)
            client.clock.advance(seconds: 86400 + 5)
            let over = try await client.send("HEAD", "/bkt/a")
            #expect(over.headers["x-oss-restore"] == nil)
            #expect(try await client.send("GET", "/bkt/a").status == 403)
        }
    }

    @Test func restoresHaveTiers() async throws {
        try await withClock { client async throws in
            func restore(_ key: String, _ tier: String?, days: Int = 1) async throws -> Reply {
                let job = tier.map { "<JobParameters><Tier>\($0)</Tier></JobParameters>" } ?? ""
                return try await client.send(
                    "POST", "/bkt/" + key, query: [("restore", "")],
                    text: "<RestoreRequest><Days>\(days)</Days>\(job)</RestoreRequest>")
            }
            for (key, storageClass) in [("a", "Archive"), ("c", "ColdArchive"), ("d", "DeepColdArchive")] {
                _ = try await client.put(key, headers: ["x-oss-storage-class": storageClass])
            }
            #expect(try await restore("a", "Bulk").element("Code") == "MalformedXML")
            #expect(try await restore("a", nil, days: 8).element("Code") == "InvalidArgument")
            #expect(try await restore("c", "wrong").element("Code") == "InvalidArgument")
            #expect(try await restore("c", nil, days: 366).status == 400)
            #expect(try await restore("c", nil, days: 0).status == 400)
            #expect(try await restore("d", "Bulk").element("Code") == "InvalidArgument")
            let bulk = try await restore("c", "Bulk", days: 7)
            #expect(bulk.status == 202 && bulk.headers["x-oss-object-restore-priority"] == "Bulk")
            #expect(try await restore("c", "Bulk").status == 409)
            let sooner = try await restore("c", "Expedited")
            #expect(sooner.status == 202 && sooner.headers["x-oss-object-restore-priority"] == "Expedited")
            let later = try await restore("c", "Standard")
            #expect(later.status == 409 && later.element("EC") == "0016-00000715")
            #expect(try await restore("d", nil).headers["x-oss-object-restore-priority"] == "Standard")
            #expect(try await restore("none", nil).element("Code") == "NoSuchKey")
        }
    }

    @Test func archiveCanBeReadDirectly() async throws {
        let document = "<ArchiveDirectReadConfiguration><Enabled>true</Enabled></ArchiveDirectReadConfiguration>"
        try await withClock(documents: ["bucketArchiveDirectRead": document]) { client async throws in
            _ = try await client.put("a", "hello", headers: ["x-oss-storage-class": "Archive"])
            _ = try await client.put("c", "hello", headers: ["x-oss-storage-class": "ColdArchive"])
            #expect(try await client.send("GET", "/bkt/a").text == "hello")
            #expect(try await client.send("GET", "/bkt/c").status == 403)
        }
    }

    // MARK: Appendable objects

    @Test func sealedObjectsTakeNoMore() async throws {
        try await withClock { client async throws in
            func append(_ position: String, _ headers: [String: String] = [:]) async throws -> Reply {
                try await client.send(
                    "POST", "/bkt/log", query: [("append", ""), ("position", position)], headers: headers, text: "hello"
                )
            }
            func seal(_ key: String, _ position: String) async throws -> Reply {
                try await client.send("POST", "/bkt/" + key, query: [("seal", ""), ("position", position)])
            }
            #expect(try await seal("log", "0").element("Code") == "NoSuchKey")
            #expect(try await append("0", ["x-oss-storage-class": "ColdArchive"]).status == 400)
            #expect(try await append("x").element("Code") == "InvalidArgument")
            #expect(try await append("0").headers["x-oss-next-append-position"] == "5")
            #expect(try await append("4").element("Code") == "PositionNotEqualToLength")
            #expect(try await append("5368709121").status == 409)
            #expect(try await client.send("HEAD", "/bkt/log").headers["x-oss-sealed-time"] == nil)
            #expect(try await seal("log", "4").element("Code") == "PositionNotEqualToLength")
            let sealed = try await seal("log", "5")
            #expect(sealed.status == 200 && sealed.headers["x-oss-sealed-time"] == client.clock.now.httpDate)
            client.clock.advance(seconds: 60)
            #expect(try await seal("log", "5").headers["x-oss-sealed-time"] == sealed.headers["x-oss-sealed-time"])
            #expect(try await seal("log", "0").element("Code") == "PositionNotEqualToLength")
            let refused = try await append("5")
            #expect(refused.status == 400 && refused.element("Code") == "AppendSealedObjectNotAllowed")
            let head = try await client.send("HEAD", "/bkt/log")
            #expect(head.headers["x-oss-sealed-time"] == sealed.headers["x-oss-sealed-time"])
            #expect(head.headers["x-oss-object-type"] == "Appendable")
            _ = try await client.put("plain")
            #expect(try await seal("plain", "1").element("Code") == "ObjectNotAppendable")
            let version = try await client.send(
                "POST", "/bkt/log", query: [("append", ""), ("position", "5"), ("versionId", "null")], text: "x")
            #expect(version.element("Code") == "InvalidArgument")
        }
    }

    // MARK: Retention

    private static let objectWorm =
        "<ObjectWormConfiguration><ObjectWormEnabled>Enabled</ObjectWormEnabled></ObjectWormConfiguration>"

    private static func retention(_ mode: String, _ day: Int) -> String {
        "<Retention><Mode>\(mode)</Mode><RetainUntilDate>2023-12-\(day)T16:20:57.000Z</RetainUntilDate></Retention>"
    }

    @Test func retainedVersionsStay() async throws {
        try await withClock(documents: ["objectWorm": Self.objectWorm], versioning: .enabled) { client async throws in
            let bypass = ["x-oss-bypass-governance-retention": "true"]
            func retain(_ mode: String, _ day: Int, _ headers: [String: String] = [:]) async throws -> Reply {
                try await client.send(
                    "PUT", "/bkt/k", query: [("retention", "")], headers: headers, text: Self.retention(mode, day))
            }
            let id = try await client.put("k").headers["x-oss-version-id"] ?? ""
            let none = try await client.send("GET", "/bkt/k", query: [("retention", "")])
            #expect(none.status == 200 && none.element("Mode") == "")
            #expect(try await retain("GOVERNANCE", 16).element("Code") == "InvalidArgument")
            #expect(try await retain("OTHER", 20).status == 400)
            #expect(
                try await client.send("PUT", "/bkt/k", query: [("retention", "")], text: "<Retention/>").status == 400)
            #expect(try await retain("GOVERNANCE", 20).status == 200)
            #expect(try await retain("GOVERNANCE", 19).element("Code") == "FileImmutable")
            #expect(try await retain("GOVERNANCE", 19, bypass).status == 200)
            let get = try await client.send("GET", "/bkt/k", query: [("retention", "")])
            #expect(get.element("Mode") == "GOVERNANCE" && get.element("RetainUntilDate") == "2023-12-19T16:20:57.000Z")
            let head = try await client.send("HEAD", "/bkt/k")
            #expect(head.headers["x-oss-object-worm-mode"] == "GOVERNANCE")

            let refused = try await client.send("DELETE", "/bkt/k", query: [("versionId", id)])
            #expect(refused.status == 409 && refused.element("Code") == "FileImmutable")
            let many = "<Delete><Object><Key>k</Key><VersionId>\(id)</VersionId></Object></Delete>"
            let batch = try await client.send(
                "POST", "/bkt/", query: [("delete", "")], headers: ["Content-MD5": md5Header(Array(many.utf8))],
                text: many)
            #expect(batch.status == 200 && batch.elements("Deleted").isEmpty)
            // Hiding it and writing over it make new versions, and are not refused.
            let marker = try await client.send("DELETE", "/bkt/k")
            #expect(marker.status == 204)
            _ = try await client.send(
                "DELETE", "/bkt/k", query: [("versionId", marker.headers["x-oss-version-id"] ?? "")])
            #expect(try await client.send("GET", "/bkt/k").status == 200)

            #expect(try await retain("COMPLIANCE", 21).status == 200)
            #expect(try await retain("GOVERNANCE", 22, bypass).element("Code") == "FileImmutable")
            #expect(
                try await client.send("DELETE", "/bkt/k", query: [("versionId", id)], headers: bypass).status == 409)
            client.clock.advance(seconds: 6 * 86400)
            #expect(try await client.send("DELETE", "/bkt/k", query: [("versionId", id)]).status == 204)

            let other = try await client.put("g").headers["x-oss-version-id"] ?? ""
            _ = try await client.send(
                "PUT", "/bkt/g", query: [("retention", "")], text: Self.retention("GOVERNANCE", 31))
            #expect(try await client.send("DELETE", "/bkt/g", query: [("versionId", other)]).status == 409)
            #expect(
                try await client.send("DELETE", "/bkt/g", query: [("versionId", other)], headers: bypass).status == 204)
            let log = try await client.send("POST", "/bkt/log", query: [("append", ""), ("position", "0")], text: "x")
            #expect(log.element("Code") == "OperationNotSupported")
        }
    }

    @Test func legalHoldsAndHeaders() async throws {
        try await withClock(documents: ["objectWorm": Self.objectWorm], versioning: .enabled) { client async throws in
            func hold(_ status: String) async throws -> Reply {
                try await client.send(
                    "PUT", "/bkt/k", query: [("legalHold", "")],
                    text: "<LegalHold><Status>\(status)</Status></LegalHold>")
            }
            let id = try await client.put("k").headers["x-oss-version-id"] ?? ""
            #expect(try await client.send("GET", "/bkt/k", query: [("legalHold", "")]).element("Status") == "OFF")
            #expect(try await hold("MAYBE").status == 400)
            #expect(try await hold("ON").status == 200)
            #expect(try await client.send("GET", "/bkt/k", query: [("legalHold", "")]).element("Status") == "ON")
            #expect(try await client.send("DELETE", "/bkt/k", query: [("versionId", id)]).status == 409)
            #expect(try await hold("OFF").status == 200)
            #expect(try await client.send("DELETE", "/bkt/k", query: [("versionId", id)]).status == 204)

            let worm = [
                "x-oss-object-worm-mode": "COMPLIANCE",
                "x-oss-object-worm-retain-until-date": "2023-12-20T00:00:00.000Z", "x-oss-object-worm-legal-hold": "ON",
            ]
            let put = try await client.put("p", headers: worm)
            #expect(put.status == 200)
            let head = try await client.send("HEAD", "/bkt/p")
            for (name, value) in worm { #expect(head.headers[name] == value) }
            _ = try await client.put("copy", "", headers: ["x-oss-copy-source": "/bkt/p"])
            #expect(try await client.send("HEAD", "/bkt/copy").headers["x-oss-object-worm-mode"] == nil)
            #expect(try await client.put("q", headers: ["x-oss-object-worm-mode": "COMPLIANCE"]).status == 400)
        }
        try await withClock { client async throws in
            #expect(try await client.put("p", headers: ["x-oss-object-worm-legal-hold": "ON"]).status == 400)
            _ = try await client.put("p")
            #expect(try await client.send("GET", "/bkt/p", query: [("retention", "")]).status == 400)
        }
    }

    @Test func bucketsRetainByDefault() async throws {
        let document = """
            <ObjectWormConfiguration><ObjectWormEnabled>Enabled</ObjectWormEnabled><Rule><DefaultRetention>
            <Mode>COMPLIANCE</Mode><Days>2</Days></DefaultRetention></Rule></ObjectWormConfiguration>
            """
        try await withClock(documents: ["objectWorm": document], versioning: .enabled) { client async throws in
            let id = try await client.put("k").headers["x-oss-version-id"] ?? ""
            let get = try await client.send("GET", "/bkt/k", query: [("retention", "")])
            #expect(get.element("RetainUntilDate") == "2023-12-18T16:20:57.000Z")
            #expect(try await client.send("DELETE", "/bkt/k", query: [("versionId", id)]).status == 409)
            client.clock.advance(seconds: 2 * 86400)
            #expect(try await client.send("DELETE", "/bkt/k", query: [("versionId", id)]).status == 204)
        }
    }

    @Test func retentionPoliciesOfBuckets() async throws {
        func worm(_ state: String, _ date: String) -> [String: String] {
            let body = "<State>\(state)</State><RetentionPeriodInDays>3</RetentionPeriodInDays>"
            return [
                "worm":
                    "<WormConfiguration><WormId>1</WormId>\(body)<CreationDate>\(date)</CreationDate></WormConfiguration>"
            ]
        }
        try await withClock(documents: worm("Locked", "2023-01-01T00:00:00.000Z")) { client async throws in
            #expect(try await client.put("k").status == 200)
            let again = try await client.put("k", "y")
            #expect(again.status == 409 && again.element("Code") == "FileImmutable")
            #expect(try await client.send("DELETE", "/bkt/k").element("Code") == "FileImmutable")
            #expect(try await client.put("k", "", headers: ["x-oss-copy-source": "/bkt/k"]).status == 409)
            let link = ["x-oss-symlink-target": "a"]
            #expect(try await client.send("PUT", "/bkt/k", query: [("symlink", "")], headers: link).status == 409)
            _ = try await client.send("POST", "/bkt/log", query: [("append", ""), ("position", "0")], text: "x")
            let append = try await client.send(
                "POST", "/bkt/log", query: [("append", ""), ("position", "1")], text: "x")
            #expect(append.element("Code") == "FileImmutable")
            #expect(
                try await client.send("PUT", "/bkt/k", query: [("acl", "")], headers: ["x-oss-object-acl": "private"])
                    .status == 200)
            client.clock.advance(seconds: 3 * 86400)
            #expect(try await client.put("k", "y").status == 200)
        }
        try await withClock(documents: worm("InProgress", "2023-12-16T16:00:00.000Z")) { client async throws in
            _ = try await client.put("k")
            #expect(try await client.send("DELETE", "/bkt/k").status == 409)
            // Nobody locked it in time.
            client.clock.advance(seconds: 86400)
            #expect(try await client.send("DELETE", "/bkt/k").status == 204)
        }
    }

    // MARK: Keeping it

    @Test func featuresSurviveARestart() throws {
        var version = ObjectVersion(
            key: ObjectKey("k"), versionID: "null", sequence: 1, lastModified: TestClock().now, type: .symlink, size: 0,
            etag: "E", crc64: 0, contentMD5: nil,
            attributes: ObjectAttributes(contentType: "t", storageClass: .archive, acl: .default), segments: [])
        let old = try #require(ObjectVersion(encoded: version.encoded()))
        #expect(old.symlinkTarget == nil && old.restore == nil && old.sealed == nil && old.lastAccess == nil)
        #expect(old.attributes.retention == nil && old.attributes.isOnLegalHold == nil)
        version.symlinkTarget = ObjectKey("a b\n")
        version.restore = ObjectRestore(ready: TestClock().now, end: .init(millisecondsSince1970: 5), tier: .bulk)
        version.sealed = .init(millisecondsSince1970: 7)
        version.lastAccess = .init(millisecondsSince1970: 8)
        version.attributes.retention = ObjectRetention(mode: .governance, until: .init(millisecondsSince1970: 9))
        version.attributes.isOnLegalHold = false
        let read = try #require(ObjectVersion(encoded: version.encoded()))
        #expect(read.symlinkTarget == version.symlinkTarget && read.restore == version.restore)
        #expect(read.sealed == version.sealed && read.lastAccess == version.lastAccess)
        #expect(read.attributes == version.attributes && read.type == .symlink)
    }

    @Test func readsAreNoticed() async throws {
        let document = "<AccessMonitorConfiguration><Status>Enabled</Status></AccessMonitorConfiguration>"
        try await withClock(documents: ["accessmonitor": document]) { client async throws in
            _ = try await client.put("k")
            let first = client.clock.now.httpDate
            func last() async throws -> String? {
                try await client.send("HEAD", "/bkt/k", query: [("objectMeta", "")]).headers["x-oss-last-access-time"]
            }
            client.clock.advance(seconds: 60)
            #expect(try await last() == first)
            _ = try await client.send("GET", "/bkt/k")
            #expect(try await last() == client.clock.now.httpDate)
        }
        try await withClock { client async throws in
            _ = try await client.put("k")
            let meta = try await client.send("HEAD", "/bkt/k", query: [("objectMeta", "")])
            #expect(meta.headers["x-oss-last-access-time"] == nil && meta.headers["content-length"] == "1")
        }
    }
}
