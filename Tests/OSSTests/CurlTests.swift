import Foundation
import HTTPTypes
import OSS
import OSSEmulator
import Subprocess
import Testing

/// What is signed for others, used by a program that knows nothing of this SDK.
@Suite("Presigned requests and curl", .enabled(if: Curl.path != nil))
struct CurlTests {
    private static let keys = [
        "plain.txt", " !@#$%^&*()_+-=;'><,?.txt", "a//b", "a/./b/../c", ".hidden", "日本/猫.png", "😀", "+%2F?x=1&y#z",
    ]

    @Test("op-presign: put and get odd keys with curl", arguments: ["v4", "v1"]) func urls(version: String) async throws
    {
        try await withBucket({ $0.signature = version == "v4" ? .v4 : .v1 }) { client, bucket in
            for key in Self.keys {
                let put = try await client.presign(
                    PutObjectRequest(
                        bucket: bucket, key: key, metadata: ["author": "alice b."], contentType: "text/x-odd"))
                let uploaded = try await Curl.run(put, sending: "content of \(key)")
                #expect(uploaded.status == 200, "\(key): \(uploaded.body)")
                let get = try await client.presign(
                    GetObjectRequest(bucket: bucket, key: key, responseContentType: "text/plain; charset=utf-8"))
                #expect(get.headers.isEmpty)
                let downloaded = try await Curl.run(get)
                #expect(downloaded.status == 200 && downloaded.body == "content of \(key)")
                let head = try await client.headObject(bucket: bucket, key: key)
                #expect(head.metadata == ["author": "alice b."])
                #expect(head.contentType == "text/x-odd")
            }
        }
    }

    @Test("op-presign: without a signed header, or with another method, it is refused") func refused() async throws {
        try await withBucket { client, bucket in
            var put = try await client.presign(
                PutObjectRequest(bucket: bucket, key: "a", metadata: ["m": "v"], contentType: "text/plain"))
            let headers = put.headers
            for name in ["x-oss-meta-m", "Content-Type"] {
                put.headers = headers
                put.headers[try #require(HTTPField.Name(name))] = nil
                let reply = try await Curl.run(put, sending: "x")
                #expect(reply.status == 403 && reply.body.contains("SignatureDoesNotMatch"))
            }
            put.headers = headers
            put.method = .delete
            #expect(try await Curl.run(put).status == 403)
        }
    }

    @Test("op-presign: x-oss-* parameters in the query") func parameters() async throws {
        try await withBucket { client, bucket in
            let put = try await client.presign(
                PutObjectRequest(bucket: bucket, key: "a"),
                options: CallOptions(query: ["x-oss-traffic-limit": "838860800"]))
            #expect(put.url.contains("x-oss-traffic-limit=838860800&"))
            #expect(try await Curl.run(put, sending: "x").status == 200)
        }
    }

    @Test("op-post-policy: a form, and what its policy refuses", arguments: ["v4", "v1"])
    func forms(version: String) async throws {
        try await withBucket({ $0.signature = version == "v4" ? .v4 : .v1 }) { client, bucket in
            let post = try await client.presignPost(
                bucket: bucket, key: "uploads/${filename}",
                fields: ["success_action_status": "201", "x-oss-meta-who": "ä \"b\""],
                conditions: [.field("key", startsWith: "uploads/"), .contentLength(1...20)])
            let stored = try await Curl.run(post, uploading: "short enough", named: "é.txt")
            #expect(stored.status == 201, "\(stored.body)")
            let object = try await client.getObject(bucket: bucket, key: "uploads/é.txt")
            #expect(try await object.body.text(upTo: 100) == "short enough")
            #expect(object.response["x-oss-meta-who"] != nil)

            let tooLong = try await Curl.run(post, uploading: String(repeating: "x", count: 21), named: "b")
            #expect((400..<500).contains(tooLong.status))
            var elsewhere = post
            elsewhere.fields[0].value = "other/b"
            #expect(try await Curl.run(elsewhere, uploading: "x", named: "b").status == 403)
            var forged = post
            forged.fields = forged.fields.map { $0.name == "x-oss-meta-who" ? ($0.name, "eve") : $0 }
            #expect(try await Curl.run(forged, uploading: "x", named: "b").status == 403)
        }
    }
}

private enum Curl {
    static let path = ["/usr/bin/curl", "/usr/local/bin/curl", "/opt/homebrew/bin/curl"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    struct Reply {
        var status: Int
        var body: String
    }

    static func run(_ request: PresignedRequest, sending body: String? = nil) async throws -> Reply {
        var arguments = ["--path-as-is", "--globoff", "-X", request.method.rawValue, request.url]
        // Without it curl makes up a type of its own.
        if body != nil, request.headers[.contentType] == nil { arguments += ["-H", "Content-Type:"] }
        for field in request.headers { arguments += ["-H", "\(field.name): \(field.value)"] }
        if let body { arguments += ["--data-binary", body] }
        return try await run(arguments)
    }

    static func run(_ post: PresignedPost, uploading content: String, named name: String) async throws -> Reply {
        let file = FileManager.default.temporaryDirectory.appending(path: "curl-\(UUID())")
        try content.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        var arguments = [post.url]
        for field in post.fields { arguments += ["--form-string", "\(field.name)=\(field.value)"] }
        return try await run(arguments + ["-F", "file=@\(file.path);filename=\(name)"])
    }

    private static func run(_ arguments: [String]) async throws -> Reply {
        let options = ["--silent", "--noproxy", "*", "--max-time", "3600", "-w", "\n%{http_code}"]
        let result = try await Subprocess.run(
            .name("curl"), arguments: Arguments(options + arguments), output: .string(limit: 1 << 20), error: .discarded
        )
        let lines = result.standardOutput.split(separator: "\n", omittingEmptySubsequences: false)
        return Reply(status: Int(lines.last ?? "") ?? 0, body: lines.dropLast().joined(separator: "\n"))
    }
}
