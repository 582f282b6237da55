import OSS

/// One large file up and down again. Fails when the process needs 64 MiB or more for it, or the server 128 MiB.
func runTransfer(_ target: Target, file: String) async throws {
    let limit = 64.0
    let bucket = "benchmark-\(UInt32.random(in: 0...UInt32.max))"
    let client = target.client
    try await client.putBucket(.init(bucket: bucket))

    let body = try RequestBody.file(at: file)
    let size = body.length ?? 0
    let mebibytes = Double(size) / 1_048_576
    let up = try await Cost.measure {
        try await client.putObject(.init(bucket: bucket, key: "large", body: body))
    }
    let afterUpload = peakMemory()

    var received: Int64 = 0
    let down = try await Cost.measure {
        let object = try await client.getObject(.init(bucket: bucket, key: "large"))
        for try await chunk in object.body { received += Int64(chunk.count) }
    }
    try await client.deleteObject(.init(bucket: bucket, key: "large"))
    try await client.deleteBucket(.init(bucket: bucket))
    await client.shutdown()

    let peak = peakMemory()
    guard received == size else { giveUp("transfer: \(received) of \(size) bytes came back") }
    let figures =
        "transfer: \(Int(mebibytes)) MiB up \(Int(mebibytes / up.wall)) MiB/s (CPU \(rounded(up.cpu)) s), "
        + "down \(Int(mebibytes / down.wall)) MiB/s (CPU \(rounded(down.cpu)) s), "
        + "peak memory \(rounded(afterUpload, 1)) MiB after the upload, \(rounded(peak, 1)) MiB in all, limit \(Int(limit)) MiB"
    if let server = target.serverPeakMemory() {
        print("server: peak memory \(rounded(server, 1)) MiB, limit 128 MiB")
        guard server < 128 else { giveUp("transfer: the server kept the object in memory: FAILED") }
    }
    guard peak < limit else { giveUp(figures + ": FAILED") }
    print(figures)
}
