import OSS

// The first programs of the READMEs and of the documentation's front page: compiled only, since they name a public
// region.

private func readme() async throws {
    // OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET
    let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)

    try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")
    try await client.putObject(fileAt: "film.mp4", bucket: "my-bucket", key: "film.mp4")

    let object = try await client.getObject(bucket: "my-bucket", key: "hello.txt")
    print(try await object.body.text(upTo: 1 << 20))

    for try await entry in client.listObjects(bucket: "my-bucket", prefix: "logs/") {
        print(entry.key, entry.size ?? 0)
    }

    do {
        _ = try await client.headObject(bucket: "my-bucket", key: "missing")
    } catch let error as OSSError where error.code == .noSuchKey {
        print(error)
    }
}

private func frontPage() async throws {
    let client = try OSSClient(region: "cn-hangzhou", credentials: .environment)
    try await client.putObject("Hello, OSS", bucket: "my-bucket", key: "hello.txt")

    let object = try await client.getObject(bucket: "my-bucket", key: "hello.txt")
    for try await chunk in object.body {
        print(chunk.count)
    }
}

private func rawRequests(_ client: OSSClient) async throws {
    let result = try await client.send(RawRequest(method: .get, bucket: "my-bucket", query: ["qosInfo": ""]))
    print(try await result.body.text(upTo: 1 << 20))
}
