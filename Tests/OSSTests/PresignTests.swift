import Foundation
import HTTPTypes
import OSS
import OSSAsyncHTTPClient
import OSSEmulator
import Testing

/// URLs that perform an operation for somebody without credentials. The signatures are those of the service's other SDKs.
@Suite("Presigned URLs (op-presign)")
struct PresignTests {
    /// 2023-12-16T16:20:57Z, the time of the known signatures.
    static let now = Date(timeIntervalSince1970: 1_702_743_657)

    private struct Temporary: CredentialsProvider {
        var expiration: Date?
        func credentials() async throws -> Credentials {
            Credentials(accessKeyID: "ak", accessKeySecret: "sk", securityToken: "token", expiration: expiration)
        }
    }

    private func client(
        _ method: SignatureMethod = .v4, configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws -> OSSClient {
        var configuration = ClientConfiguration(
            region: "cn-hangzhou", credentials: .static(accessKeyID: "ak", accessKeySecret: "sk"))
        configuration.transport = ScriptedTransport(.refuse(TransportError(.connect, "nothing is sent")))
        configuration.signature = method
        configure(&configuration)
        return try OSSClient(configuration, dependencies: RuntimeDependencies(now: { Self.now }))
    }

    /// The upload of the known version 4 signatures.
    private func presignUpload(_ client: OSSClient) async throws -> PresignedRequest {
        var headers: HTTPFields = [:]
        for name in ["x-oss-head1", "abc", "ZAbc", "XYZ"] { headers[try #require(HTTPField.Name(name))] = "value" }
        let query = [
            "param1": "value1", "+param1": "value3", "|param1": "value4", "+param2": "", "|param2": "", "param2": "",
        ]
        return try await client.presign(
            PutObjectRequest(
                bucket: "bucket", key: "1234+-/123/1.txt", body: "not part of it", contentType: "text/plain"),
            expires: .after(.seconds(3600)), options: .init(headers: headers, query: query))
    }

    private func parts(_ url: String) -> (path: Substring, query: Set<Substring>) {
        let parts = url.split(separator: "?", maxSplits: 1)
        return (parts[0], Set(parts[1].split(separator: "&")))
    }

    @Test(
        "op-presign: V4 presign, V4 presign with a token, V4 presign with additional headers",
        arguments: [
            (nil, [], "7a36e0acd6f5f115e6bb82764a369e1bdec70a4b383a3720d7b7d00ae88fa7b5", []),
            (
                "token", [], "503f920ac06a667a1c0db203944d4f2bc9848a1f57ebe6db31e09cca9ef8f380",
                ["x-oss-security-token=token"]
            ),
            (
                nil, ["ZAbc", "abc"], "0b6c1c8e48014ce0a859f364ff3fd2cfcb59c904bac2ae3622d8f6ffbef3749c",
                ["x-oss-additional-headers=abc%3Bzabc"]
            ),
        ] as [(String?, [String], String, Set<Substring>)])
    func version4(token: String?, additional: [String], signature: String, extra: Set<Substring>) async throws {
        let client = try client {
            if token != nil { $0.credentials = Temporary() }
            $0.additionalSignedHeaders = additional
        }
        let presigned = try await presignUpload(client)
        let (path, query) = parts(presigned.url)
        #expect(path == "https://bucket.oss-cn-hangzhou.aliyuncs.com/1234%2B-/123/1.txt")
        #expect(
            query
                == extra.union([
                    "param1=value1", "%2Bparam1=value3", "%7Cparam1=value4", "%2Bparam2", "%7Cparam2", "param2",
                    "x-oss-signature-version=OSS4-HMAC-SHA256", "x-oss-date=20231216T162057Z", "x-oss-expires=3600",
                    "x-oss-credential=ak%2F20231216%2Fcn-hangzhou%2Foss%2Faliyun_v4_request",
                    "x-oss-signature=\(signature)",
                ]))
        #expect(presigned.method == .put)
        #expect(presigned.expiration == Self.now.addingTimeInterval(3600))
    }

    @Test(
        "op-presign: V1 presign, V1 presign with a token",
        arguments: [
            (
                nil, "key",
                "key?versionId=versionId&OSSAccessKeyId=ak&Expires=1702747257&Signature=Xb0hvip0HNJXCoqUW7un1ZyGjxc%3D"
            ),
            (
                "token", "key+123",
                "key%2B123?versionId=versionId&OSSAccessKeyId=ak&Expires=1702747257&security-token=token"
                    + "&Signature=thOpF7CYbuHt9HKdpHNYJrY9s9c%3D"
            ),
        ] as [(String?, String, String)])
    func version1(token: String?, key: String, url: String) async throws {
        let client = try client(.v1) { if token != nil { $0.credentials = Temporary() } }
        let presigned = try await client.presign(
            GetObjectRequest(bucket: "bucket", key: key, versionID: "versionId"),
            expires: .at(Self.now.addingTimeInterval(3600)))
        #expect(presigned.url == "https://bucket.oss-cn-hangzhou.aliyuncs.com/" + url)
        #expect(presigned.method == .get)
        #expect(presigned.headers.isEmpty)
    }

    @Test("op-presign: every presignable operation, with its method and sub-resource")
    func operations() async throws {
        let client = try client()
        let (bucket, key, id) = ("bucket", "k", "id")
        let all = [
            try await client.presign(GetObjectRequest(bucket: bucket, key: key)),
            try await client.presign(PutObjectRequest(bucket: bucket, key: key)),
            try await client.presign(HeadObjectRequest(bucket: bucket, key: key)),
            try await client.presign(InitiateMultipartUploadRequest(bucket: bucket, key: key)),
            try await client.presign(UploadPartRequest(bucket: bucket, key: key, uploadID: id, partNumber: 1)),
            try await client.presign(CompleteMultipartUploadRequest(bucket: bucket, key: key, uploadID: id)),
            try await client.presign(AbortMultipartUploadRequest(bucket: bucket, key: key, uploadID: id)),
        ]
        let calls = all.map { request in
            let query = parts(request.url).query.filter { !$0.hasPrefix("x-oss-") }
            return "\(request.method.rawValue) \(query.sorted().joined(separator: "&"))"
        }
        #expect(
            calls == [
                "GET ", "PUT ", "HEAD ", "POST uploads", "PUT partNumber=1&uploadId=id", "POST uploadId=id",
                "DELETE uploadId=id",
            ])
        // Nothing is added that the sender would have to add, too.
        for request in all { #expect(request.headers.isEmpty, "\(request)") }
        #expect(all.allSatisfy { $0.expiration == Self.now.addingTimeInterval(900) })
    }

    @Test("op-presign: the result says which headers must be sent")
    func headers() async throws {
        let presigned = try await client().presign(
            PutObjectRequest(
                bucket: "bucket", key: "k", acl: .private, metadata: ["a": "1"], contentMD5: "1B2M2Y8AsgTpgAmY7PhCfg==",
                contentType: "text/plain"))
        let headers = Dictionary(
            presigned.headers.map { ($0.name.canonicalName, $0.value) }, uniquingKeysWith: { first, _ in first })
        #expect(
            headers == [
                "x-oss-object-acl": "private", "x-oss-meta-a": "1", "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
                "content-type": "text/plain",
            ])
    }

    @Test("op-presign: more than 7 days is refused for V4, and so is the past")
    func expiry() async throws {
        let week = 604_800
        let request = GetObjectRequest(bucket: "bucket", key: "k")
        let (v4, v1) = (try client(), try client(.v1))
        #expect(try await v4.presign(request, expires: .after(.seconds(week))).url.contains("x-oss-expires=604800"))
        let later = Self.now.addingTimeInterval(Double(week) + 1)
        for (client, expires) in [
            (v4, .after(.seconds(week + 1))), (v4, .at(later)), (v4, .after(.zero)), (v4, .after(.seconds(-5))),
            (v4, .at(Self.now)), (v1, .at(Self.now.addingTimeInterval(-1))), (v4, .at(.distantPast)),
            (v4, .at(.distantFuture)), (v4, .after(.seconds(Int64.max))),
        ] as [(OSSClient, PresignExpiry)] {
            let error = await #expect(throws: OSSError.self) {
                try await client.presign(request, expires: expires)
            }
            #expect(error?.kind == .invalidRequest)
            #expect(error?.operation == "GetObject")
        }
        #expect(try await v1.presign(request, expires: .at(later)).expiration == later)
    }

    @Test("op-presign: a moment is kept to the second below")
    func expiryAtADate() async throws {
        let presigned = try await client().presign(
            GetObjectRequest(bucket: "bucket", key: "k"), expires: .at(Self.now.addingTimeInterval(99.9)))
        #expect(parts(presigned.url).query.contains("x-oss-expires=99"))
        #expect(presigned.expiration == Self.now.addingTimeInterval(99))
    }

    @Test("op-presign: a URL ends with the credentials that signed it", arguments: [60.0, 7200])
    func temporaryCredentials(lifetime: Double) async throws {
        let end = Self.now.addingTimeInterval(lifetime)
        let client = try client { $0.credentials = Temporary(expiration: end) }
        let presigned = try await client.presign(
            GetObjectRequest(bucket: "bucket", key: "k"), expires: .after(.seconds(3600)))
        #expect(presigned.expiration == min(end, Self.now.addingTimeInterval(3600)))
    }

    @Test("op-presign: anonymous credentials can't sign, and nothing else goes unnoticed")
    func refusals() async throws {
        let request = GetObjectRequest(bucket: "bucket", key: "k")
        let anonymous = try client { $0.credentials = .anonymous }
        let error = await #expect(throws: OSSError.self) { try await anonymous.presign(request) }
        #expect(error?.kind == .credentials)
        #expect(error?.operation == "GetObject")
        let name = await #expect(throws: OSSError.self) {
            try await client().presign(GetObjectRequest(bucket: "Not A Bucket", key: "k"))
        }
        #expect(name?.kind == .invalidRequest)
    }

    @Test("op-presign: a remote signer signs URLs", arguments: [SignatureVersion.v4, .v1])
    func remoteSigner(version: SignatureVersion) async throws {
        let seen = Locked<StringToSign?>(nil)
        let client = try client(
            .remote(version) { text in
                seen.withLock { $0 = text }
                return "a+b="
            }
        ) { $0.credentials = .static(accessKeyID: "ak", accessKeySecret: "") }
        let presigned = try await client.presign(
            GetObjectRequest(bucket: "bucket", key: "key", versionID: "versionId"), expires: .after(.seconds(3600)))
        let text = try #require(seen.withLock { $0 })
        #expect(text.accessKeyID == "ak")
        if version == .v4 {
            #expect(parts(presigned.url).query.contains("x-oss-signature=a%2Bb%3D"))
            #expect(
                text.text.hasPrefix("OSS4-HMAC-SHA256\n20231216T162057Z\n20231216/cn-hangzhou/oss/aliyun_v4_request\n"))
            #expect(text.scope == ["20231216", "cn-hangzhou", "oss", "aliyun_v4_request"])
        } else {
            #expect(parts(presigned.url).query.contains("Signature=a%2Bb%3D"))
            #expect(text.text == "GET\n\n\n1702747257\n/bucket/key?versionId=versionId")
        }
    }

    @Test("op-presign: a remote signer's failure is the cause, a custom signer can't presign")
    func signersThatDoNot() async throws {
        struct Unreachable: Error {}
        let request = GetObjectRequest(bucket: "bucket", key: "k")
        let remote = try client(.remote { _ in throw Unreachable() })
        let failed = await #expect(throws: OSSError.self) { try await remote.presign(request) }
        #expect(failed?.kind == .credentials)
        #expect(failed?.cause is Unreachable)

        struct Own: RequestSigner {
            func sign(_ request: inout HTTPRequest, with context: RequestSigningContext) async throws {}
        }
        let custom = try client(.custom(Own()))
        let refused = await #expect(throws: OSSError.self) { try await custom.presign(request) }
        #expect(refused?.kind == .invalidConfiguration)
        #expect(refused?.message.contains("custom signer") == true)
    }

    @Test("op-presign: the signature is not in what is printed")
    func secrecy() async throws {
        let presigned = try await client { $0.credentials = Temporary() }.presign(
            GetObjectRequest(bucket: "bucket", key: "k"))
        let signature = try #require(presigned.url.split(separator: "x-oss-signature=").last)
        var dumped = ""
        dump(presigned, to: &dumped)
        for text in ["\(presigned)", String(reflecting: presigned), dumped] {
            #expect(!text.contains(signature))
            #expect(!text.contains("token=token"))
        }
    }

    @Test("op-presign: the server takes what was presigned, with the headers that the result names and no others")
    func emulator() async throws {
        let emulator = try await Emulator.start(.unhurried)
        var configuration = ClientConfiguration(emulator)
        let transport = AsyncHTTPClientTransport(configuration: configuration.transportConfiguration)
        configuration.transport = transport
        let client = try OSSClient(configuration)
        try await client.putBucket(.init(bucket: "my-bucket"))

        func send(_ presigned: PresignedRequest, _ body: RequestBody? = nil, headers: HTTPFields? = nil) async throws
            -> (status: Int, text: String)
        {
            let url = try #require(URLComponents(string: presigned.url))
            var headers = headers ?? presigned.headers
            headers[.contentLength] = body?.length.map { String($0) }
            let head = HTTPRequest(
                method: presigned.method, scheme: url.scheme, authority: "\(url.host ?? ""):\(url.port ?? 80)",
                path: "\(url.percentEncodedPath)?\(url.percentEncodedQuery ?? "")", headerFields: headers)
            let response = try await transport.send(
                TransportRequest(head: head, body: body, readWriteTimeout: configuration.readWriteTimeout))
            return (response.head.status.code, try await response.body.text(upTo: 1 << 20))
        }
        let key = "a b+/ü.txt"
        let put = try await client.presign(
            PutObjectRequest(bucket: "my-bucket", key: key, metadata: ["a": "1"], contentType: "text/plain"))
        #expect(try await send(put, "hello").status == 200)
        #expect(try await send(put, "hello", headers: [:]).status == 403)
        let get = try await client.presign(GetObjectRequest(bucket: "my-bucket", key: key))
        let answer = try await send(get)
        #expect(answer.status == 200)
        #expect(answer.text == "hello")
        #expect(try await client.headObject(.init(bucket: "my-bucket", key: key)).metadata == ["a": "1"])
        #expect(try await send(client.presign(HeadObjectRequest(bucket: "my-bucket", key: key))).status == 200)

        let begin = try await client.presign(InitiateMultipartUploadRequest(bucket: "my-bucket", key: "large"))
        let upload = try await send(begin, .bytes([]))
        let id = try #require(upload.text.split(separator: "UploadId>").dropFirst().first?.split(separator: "<").first)
        let part = try await client.presign(
            UploadPartRequest(bucket: "my-bucket", key: "large", uploadID: String(id), partNumber: 1))
        #expect(try await send(part, "part").status == 200)
        let parts = try await client.listParts(.init(bucket: "my-bucket", key: "large", uploadID: String(id))).parts
        let etag = try #require(parts.first?.etag)
        let complete = try await client.presign(
            CompleteMultipartUploadRequest(bucket: "my-bucket", key: "large", uploadID: String(id)))
        let list =
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\(etag)</ETag></Part></CompleteMultipartUpload>"
        #expect(try await send(complete, .string(list)).status == 200)
        #expect(try await client.getObject(.init(bucket: "my-bucket", key: "large")).body.text(upTo: 10) == "part")
        let second = try await client.initiateMultipartUpload(.init(bucket: "my-bucket", key: "large"))
        let abort = try await client.presign(
            AbortMultipartUploadRequest(bucket: "my-bucket", key: "large", uploadID: second.uploadID ?? ""))
        #expect(try await send(abort).status == 204)

        await client.shutdown()
        await transport.shutdown()
        try await emulator.shutdown()
    }
}
