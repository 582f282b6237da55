import Foundation
import HTTPTypes
import OSS
import Testing

@Suite("What comes back")
struct ReplyTests {
    /// The CRC-64 of "123456789", from the algorithm's definition.
    static let crc = "11051210869376104954"

    @Test("body-crc, cfg-crc: an upload is compared with the service's checksum")
    func anUploadIsComparedWithTheServicesChecksum() async throws {
        let good = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": Self.crc]))
        let result = try await good.client.putObject(.init(bucket: "my-bucket", key: "a", body: "123456789"))
        #expect(result.hashCRC64 == Self.crc)
        #expect(result.response["X-OSS-Hash-CRC64ECMA"] == Self.crc, "fields that no member stands for can be read too")

        let bad = try Fixture(
            .reply(200, ["x-oss-hash-crc64ecma": "1"]), .reply(200, ["x-oss-hash-crc64ecma": Self.crc]))
        try await bad.client.putObject(.init(bucket: "my-bucket", key: "a", body: "123456789"))
        #expect(bad.transport.sent.count == 2, "sent again, since the service stored other bytes")

        let worse = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1"])) { $0.retry = .never }
        let error = await #expect(throws: OSSError.self) {
            try await worse.client.putObject(.init(bucket: "my-bucket", key: "a", body: "123456789"))
        }
        #expect(error?.kind == .checksumMismatch)

        let unchecked = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1"])) { $0.checksUploads = false }
        try await unchecked.client.putObject(.init(bucket: "my-bucket", key: "a", body: "123456789"))
    }

    @Test("body-crc: an append is compared at the start only") func anAppendIsComparedAtTheStartOnly() async throws {
        let start = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1"])) { $0.retry = .never }
        await #expect(throws: OSSError.self) {
            try await start.client.appendObject(.init(bucket: "my-bucket", key: "a", position: 0, body: "123456789"))
        }
        let later = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1"])) { $0.retry = .never }
        try await later.client.appendObject(.init(bucket: "my-bucket", key: "a", position: 9, body: "123456789"))
    }

    @Test("body-crc, cfg-crc: a whole download is compared with the stored checksum, unless it was transcoded")
    func aWholeDownloadIsComparedWithTheStoredChecksum() async throws {
        let request = GetObjectRequest(bucket: "my-bucket", key: "a")
        let good = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": Self.crc], "123456789"))
        let object = try await good.client.getObject(request)
        #expect(try await object.body.text(upTo: 100) == "123456789")

        let bad = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1"], "123456789"))
        let broken = try await bad.client.getObject(request)
        let error = await #expect(throws: OSSError.self) { try await broken.body.collect(upTo: 100) }
        #expect(error?.kind == .checksumMismatch)
        #expect(error?.operation == "GetObject")

        let unchecked = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1"], "123456789")) {
            $0.checksDownloads = false
        }
        _ = try await unchecked.client.getObject(request).body.collect(upTo: 100)

        // Sent compressed, because the caller asked for it: other bytes, so nothing to compare.
        let gzip = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": "1", "Content-Encoding": "gzip"], "123456789"))
        _ = try await gzip.client.getObject(.init(bucket: "my-bucket", key: "a", acceptEncoding: "gzip")).body.collect(
            upTo: 100)

        let part = try Fixture(.reply(206, ["x-oss-hash-crc64ecma": "1", "Content-Range": "bytes 0-1/9"], "12"))
        _ = try await part.client.getObject(.init(bucket: "my-bucket", key: "a", range: "bytes=0-1")).body.collect(
            upTo: 100)
    }

    @Test(
        "body-range: a reply that is not the range asked for is an error",
        arguments: [
            ("bytes=2-5", 200, nil), ("bytes=2-5", 206, "bytes 0-3/10"), ("bytes=2-5", 206, nil),
            ("bytes=2-5", 206, "bytes 2-4/10"),
            ("bytes=-3", 206, "bytes 0-2/10"), ("bytes=2-", 206, "bytes 2-5/10"), ("bytes=2-5", 206, "nonsense"),
        ] as [(String, Int, String?)])
    func aReplyThatIsNotTheRangeIsAnError(range: String, status: Int, contentRange: String?) async throws {
        let fixture = try Fixture(.reply(status, contentRange.map { ["Content-Range": $0] } ?? [:], "0123456789"))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a", range: range))
        }
        #expect(error?.kind == .unexpectedResponse)
        #expect(fixture.transport.sent.count == 1)
    }

    @Test(arguments: [
        ("bytes=2-5", 206, "bytes 2-5/10"), ("bytes=8-20", 206, "bytes 8-9/10"), ("bytes=-3", 206, "bytes 7-9/10"),
        ("bytes=-30", 206, "bytes 0-9/10"), ("bytes=4-", 206, "bytes 4-9/10"), ("bytes=0-", 200, ""),
        ("bytes=2-5", 206, "bytes 2-5/*"),
    ])
    func rangesThatFitAreAccepted(range: String, status: Int, contentRange: String) async throws {
        let fixture = try Fixture(.reply(status, ["Content-Range": contentRange], "xxxx"))
        _ = try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a", range: range))
    }

    @Test("err-service, err-text: errors tell everything, in one line too") func errorsTellEverything() async throws {
        let document = """
            <Error><Code>AccessDenied</Code><Message>The bucket you access does not belong to you.</Message>\
            <RequestId>5C3D9175B6FC201293AD0001</RequestId><HostId>h.example</HostId><EC>0003-00000001</EC>\
            <Endpoint>oss-cn-shanghai.aliyuncs.com</Endpoint><Future>kept</Future></Error>
            """
        let fixture = try Fixture(.reply(403, ["Date": "Wed, 01 May 2024 10:00:00 GMT"], document))
        let error = try #require(
            await #expect(throws: OSSError.self) {
                try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a b"))
            }
        )
        #expect(error.kind == .service)
        #expect(error.code == .accessDenied)
        #expect(error.status == 403)
        #expect(error.ec == "0003-00000001")
        #expect(error.hostID == "h.example")
        #expect(error.endpointHint == "oss-cn-shanghai.aliyuncs.com")
        #expect(error.errorFields["Future"] == "kept")
        #expect(error.localizedDescription == error.description)
        #expect(
            error.description
                == "GetObject failed: 403 AccessDenied: The bucket you access does not belong to you. "
                + "(use endpoint oss-cn-shanghai.aliyuncs.com) [EC 0003-00000001, request id 5C3D9175B6FC201293AD0001, "
                + "time 2024-05-01T10:00:00Z, GET https://my-bucket.oss-cn-hangzhou.aliyuncs.com/a%20b]"
        )
    }

    @Test("err-service: errors without a document are errors all the same")
    func errorsWithoutADocumentAreErrorsAllTheSame() async throws {
        for (body, expected) in [
            ("", "404"), ("<html>nginx</html>", "nginx"), ("<Error><Code>NoSu", "404"), ("\u{0}\u{1}", "404"),
        ] {
            let fixture = try Fixture(.reply(404, [:], body))
            let error = try #require(
                await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) })
            #expect(error.code == .badErrorResponse)
            #expect(error.status == 404)
            #expect(error.message.contains(expected))
            #expect(!error.description.contains("\n"))
        }
    }

    @Test("err-service: errors of HEAD come in a header") func errorsOfHeadComeInAHeader() async throws {
        let document = Data(serviceError("NoSuchKey", extra: "<EC>0026-00000001</EC>").utf8).base64EncodedString()
        let fixture = try Fixture(.reply(404, ["x-oss-err": document, "x-oss-ec": "0026-00000001"]))
        let error = await #expect(throws: OSSError.self) {
            try await fixture.client.headObject(.init(bucket: "my-bucket", key: "a"))
        }
        #expect(error?.code == .noSuchKey)
        #expect(error?.ec == "0026-00000001")
    }

    @Test("err-service: a reply that is not what it should be") func malformedXMLIsAnErrorThatSaysWhere() async throws {
        for body in [
            "<ListAllMyBucketsResult><Prefix>", "<Other/>", "not xml", "<!DOCTYPE x><ListAllMyBucketsResult/>",
        ] {
            let fixture = try Fixture(.reply(200, [:], body))
            let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
            #expect(error?.kind == .unexpectedResponse)
            #expect(error?.requestID == "5C3D9175B6FC201293AD0001")
        }
    }

    @Test("err-transport: errors while a body is read are errors of the SDK") func streamingErrorsAreErrorsOfTheSDK()
        async throws
    {
        let fixture = try Fixture(.broken(200, [:], "half", TransportError(.reset, "connection reset")))
        let object = try await fixture.client.getObject(.init(bucket: "my-bucket", key: "a"))
        let error = await #expect(throws: OSSError.self) { try await object.body.collect(upTo: 100) }
        #expect(error?.kind == .connectionReset)
        #expect(error?.requestTarget == "GET https://my-bucket.oss-cn-hangzhou.aliyuncs.com/a")
    }

    @Test(
        "err-transport: each kind is told apart",
        arguments: [
            (TransportError.Kind.dns, OSSError.Kind.dns), (.connect, .connect), (.connectTimeout, .connectTimeout),
            (.tls, .tls),
            (.timeout, .timeout), (.reset, .connectionReset), (.other, .transport),
        ])
    func transportErrorsAreToldApart(transport: TransportError.Kind, kind: OSSError.Kind) async throws {
        struct Below: Error {}
        let fixture = try Fixture(.refuse(TransportError(transport, "broken", cause: Below()))) { $0.retry = .never }
        let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(error?.kind == kind)
        #expect(error?.message == "broken")
        #expect(error?.cause is Below)
    }

    @Test("body-out, op-file: a file appears only when it is complete and verified")
    func aFileAppearsOnlyWhenItIsCompleteAndVerified() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("oss-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.txt").path
        func content() -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
        let request = GetObjectRequest(bucket: "my-bucket", key: "a")

        for broken: ScriptedTransport.Answer in [
            .reply(200, ["x-oss-hash-crc64ecma": "1"], "123456789"),
            .broken(200, [:], "half", TransportError(.reset, "connection reset")),
        ] {
            let fixture = try Fixture(broken)
            let object = try await fixture.client.getObject(request)
            await #expect(throws: OSSError.self) { try await object.body.write(toFile: path) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }

        try "old".write(toFile: path, atomically: true, encoding: .utf8)
        let good = try Fixture(.reply(200, ["x-oss-hash-crc64ecma": Self.crc], "123456789"))
        let count = try await good.client.getObject(request).body.write(toFile: path)
        #expect(count == 9)
        #expect(content() == "123456789")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.txt"])

        let nowhere = try Fixture(.reply(200, [:], "x"))
        let missing = folder.appendingPathComponent("missing/a.txt").path
        let error = await #expect(throws: OSSError.self) {
            try await nowhere.client.getObject(request).body.write(toFile: missing)
        }
        #expect(error?.code == .fileUnwritable)
        #expect(error?.message.contains(missing) == true)
    }

    @Test("body-progress: downloads report progress") func downloadsReportProgress() async throws {
        let seen = Locked([TransferProgress]())
        let fixture = try Fixture(.reply(200, [:], "123456789"))
        let object = try await fixture.client.getObject(
            .init(bucket: "my-bucket", key: "a"),
            options: .init(progress: { progress in seen.withLock { $0.append(progress) } })
        )
        _ = try await object.body.collect(upTo: 100)
        #expect(seen.withLock { $0 } == [TransferProgress(completed: 9, total: 9)])
    }

    @Test("body-progress: the total of a stream of unknown length is unknown") func progressWithoutTotal() async throws
    {
        let seen = Locked([TransferProgress]())
        let stream = AsyncStream<[UInt8]> {
            $0.yield(Array("hello".utf8))
            $0.yield(Array("you".utf8))
            $0.finish()
        }
        let fixture = try Fixture()
        try await fixture.client.putObject(
            .init(bucket: "my-bucket", key: "a", body: .stream(stream)),
            options: .init(progress: { progress in seen.withLock { $0.append(progress) } }))
        #expect(
            seen.withLock { $0 } == [
                TransferProgress(completed: 5, total: nil), TransferProgress(completed: 8, total: nil),
            ])
    }

    @Test("op-unknown: values are kept and sent back, header fields and elements can be read")
    func newerThanTheSDK() async throws {
        let list = """
            <ListBucketResult><Name>b</Name><FutureList><Item>1</Item></FutureList><Contents><Key>a</Key>\
            <StorageClass>FrozenArchive</StorageClass><Future>x</Future></Contents></ListBucketResult>
            """
        let fixture = try Fixture(.reply(200, ["x-oss-future": "kept"], list), .reply(200), .reply(200, [:], list))
        let page = try await fixture.client.listObjectsV2(.init(bucket: "my-bucket"))
        #expect(page.contents.map(\.key) == ["a"])
        #expect(page.response["x-oss-future"] == "kept")
        let storageClass = try #require(page.contents.first?.storageClass)
        try await fixture.client.putObject(
            .init(bucket: "my-bucket", key: "b", body: "x", storageClass: .init(rawValue: storageClass.rawValue)))
        #expect(fixture.transport.sent.last?.header("x-oss-storage-class") == "FrozenArchive")
        // An element without a member doesn't fail; the reply as it came has it.
        let raw = try await fixture.client.send(
            RawRequest(method: .get, bucket: "my-bucket", query: ["list-type": "2"]))
        let text = try await raw.body.text(upTo: 10_000)
        #expect(text == list)
    }
}

@Suite("Lists")
struct PaginatorTests {
    private func page(_ keys: [String], next: String?) -> ScriptedTransport.Answer {
        let contents = keys.map { "<Contents><Key>\($0)</Key></Contents>" }.joined()
        let more = next.map { "<IsTruncated>true</IsTruncated><NextContinuationToken>\($0)</NextContinuationToken>" }
        return .reply(
            200, [:], "<ListBucketResult>\(contents)\(more ?? "<IsTruncated>false</IsTruncated>")</ListBucketResult>")
    }

    @Test("op-paginate: pages and items follow the token") func pagesAndItemsFollowTheToken() async throws {
        let pages = [page(["a", "b"], next: "1"), page([], next: "2"), page(["c"], next: nil)]
        let fixture = try Fixture(pages[0], pages[1], pages[2], pages[0], pages[1], pages[2])
        let list = fixture.client.listObjectsV2Pages(.init(bucket: "my-bucket", maxKeys: 2))
        var keys: [String] = []
        for try await object in list.items(\.contents) { keys.append(object.key) }
        #expect(keys == ["a", "b", "c"])
        #expect(
            fixture.transport.sent.map { $0.head.path } == [
                "/?list-type=2&encoding-type=url&max-keys=2",
                "/?list-type=2&encoding-type=url&continuation-token=1&max-keys=2",
                "/?list-type=2&encoding-type=url&continuation-token=2&max-keys=2",
            ]
        )
        var count = 0
        for try await _ in list { count += 1 }
        #expect(count == 3, "a second loop starts over")
    }

    @Test("op-paginate: a token that does not move is an error") func aTokenThatDoesNotMoveIsAnError() async throws {
        let fixture = try Fixture(page(["a"], next: "1"), page(["b"], next: "1"))
        var keys: [String] = []
        let error = await #expect(throws: OSSError.self) {
            for try await object in fixture.client.listObjectsV2Pages(.init(bucket: "my-bucket")).items(\.contents) {
                keys.append(object.key)
            }
        }
        #expect(error?.kind == .unexpectedResponse)
        #expect(fixture.transport.sent.count == 2)
    }

    @Test("op-paginate: two tokens move together") func twoTokensMoveTogether() async throws {
        let first = """
            <ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>\
            <NextVersionIdMarker>v1</NextVersionIdMarker></ListVersionsResult>
            """
        let fixture = try Fixture(.reply(200, [:], first), .reply(200, [:], "<ListVersionsResult/>"))
        for try await _ in fixture.client.listObjectVersionsPages(.init(bucket: "my-bucket")) {}
        #expect(
            fixture.transport.sent.last?.head.path == "/?versions&key-marker=a&version-id-marker=v1&encoding-type=url")
    }

    @Test("op-paginate: stopping early asks for no further page") func stoppingEarlyAsksForNoFurtherPage() async throws
    {
        let fixture = try Fixture(page(["a", "b"], next: "1"))
        for try await _ in fixture.client.listObjectsV2Pages(.init(bucket: "my-bucket")).items(\.contents).prefix(2) {}
        #expect(fixture.transport.sent.count == 1)
    }
}

@Suite("Life cycle")
struct LifeCycleTests {
    @Test func shutdownRefusesNewCallsAndIsIdempotent() async throws {
        let fixture = try Fixture()
        await fixture.client.shutdown()
        await fixture.client.shutdown()
        let error = await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(error?.kind == .shutdown)
        #expect(fixture.transport.sent.isEmpty)
    }
}
