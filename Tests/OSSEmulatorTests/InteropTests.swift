import Testing

@testable import OSSEmulator

/// What the cases of Tests/Interop found to differ from the service.
@Suite struct InteropTests {
    /// oss2 reads a copy's ETag from the header.
    @Test func etagOfCopiesInTheHeader() async throws {
        try await withEmulator { client async throws in
            let etag = try #require(try await client.send("PUT", "/bkt/k", text: "x").headers["etag"])
            let source = ["x-oss-copy-source": "/bkt/k"]
            #expect(try await client.send("PUT", "/bkt/copy", headers: source).headers["etag"] == etag)
            let begun = try await client.send("POST", "/bkt/parts", query: [("uploads", "")])
            let id = try #require(begun.element("UploadId"))
            let part = try await client.send(
                "PUT", "/bkt/parts", query: [("partNumber", "1"), ("uploadId", id)], headers: source)
            #expect(part.headers["etag"] == etag)
        }
    }

    /// What is the service's but not here, by whatever method it is asked for.
    @Test(arguments: [
        ("PUT", "/bkt/", [("policy", ""), ("comp", "callback")]), ("POST", "/bkt/", [("asyncFetch", "")]),
        ("PUT", "/", [("requesterQosInfo", ""), ("resourcePool", "p")]), ("DELETE", "/", [("requesterQosInfo", "")]),
    ])
    func notImplemented(method: String, path: String, query: [(String, String)]) async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "x")
            let reply = try await client.send(method, path, query: query)
            #expect(reply.status == 501)
            #expect(reply.element("Code") == "NotImplemented")
        }
    }

    @Test(arguments: [("PATCH", "/bkt/k"), ("DELETE", "/")])
    func methodNotAllowed(method: String, path: String) async throws {
        try await withEmulator { client async throws in
            #expect(try await client.send(method, path).status == 405)
        }
    }
}
