// A tour of the client: a bucket, a large file streamed up, a listing, a copy, tags, a verified download, an error, and
// everything deleted again. Takes an endpoint, a region and a file; credentials come from the environment.

import OSS

// For `exit` alone.
#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

let arguments = CommandLine.arguments
guard arguments.count == 4 else {
    print("usage: oss-quickstart ENDPOINT REGION FILE")
    print("Credentials are read from OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET.")
    print("Scripts/quickstart starts a local server and runs this against it.")
    exit(2)
}
do {
    try await tour(endpoint: arguments[1], region: arguments[2], file: arguments[3])
} catch {
    print("failed: \(error)")
    exit(1)
}

func tour(endpoint: String, region: String, file: String) async throws {
    let client = try OSSClient(ClientConfiguration(region: region, endpoint: endpoint, credentials: .environment))
    let bucket = "quickstart-\(UInt32.random(in: 0...UInt32.max))"

    try await step("make bucket \(bucket)") {
        try await client.putBucket(.init(bucket: bucket))
    }

    let large = try RequestBody.file(at: file)
    let megabytes = Double(large.length ?? 0) / 1_048_576
    let stored = try await step("stream \(Int(megabytes)) MiB up", megabytes) {
        try await client.putObject(.init(bucket: bucket, key: "data/large.bin", body: large))
    }

    try await step("put five small objects") {
        for name in ["readme.txt", "data/one.json", "data/two.json", "logs/2024/a b+c.log", "logs/日志.log"] {
            try await client.putObject(.init(bucket: bucket, key: name, body: "Hello from \(name)"))
        }
    }

    try await step("list the top level, one page per entry") {
        let request = ListObjectsV2Request(bucket: bucket, delimiter: "/", maxKeys: 1)
        for try await page in client.listObjectsV2Pages(request) {
            for prefix in page.commonPrefixes { print("      \(prefix.prefix)") }
            for object in page.contents { print("      \(object.key)  \(object.size ?? 0) bytes") }
        }
    }

    try await step("copy on the server") {
        try await client.copyObject(.init(bucket: bucket, key: "copy/large.bin", sourceKey: "data/large.bin"))
    }

    try await step("tag the copy") {
        let tags = Tagging(tagSet: TagSet(tags: [.init(key: "origin", value: "quickstart")]))
        try await client.putObjectTagging(.init(bucket: bucket, key: "copy/large.bin", tagging: tags))
        let read = try await client.getObjectTagging(.init(bucket: bucket, key: "copy/large.bin"))
        for tag in read.tagSet?.tags ?? [] { print("      \(tag.key ?? "") = \(tag.value ?? "")") }
    }

    try await step("stream \(Int(megabytes)) MiB down and compare the CRC-64", megabytes) {
        let object = try await client.getObject(.init(bucket: bucket, key: "copy/large.bin"))
        var crc = CRC64()
        for try await chunk in object.body { crc.update(chunk) }
        print("      \(crc.value) here, \(stored.hashCRC64 ?? "nothing") at upload")
        guard stored.hashCRC64 == String(crc.value) else {
            throw OSSError(.checksumMismatch, message: "the copy differs from the original")
        }
    }

    try await step("ask for an object that isn't there") {
        do {
            _ = try await client.getObject(.init(bucket: bucket, key: "missing.txt"))
        } catch let error as OSSError where error.code == .noSuchKey {
            print("      \(error)")
        }
    }

    try await step("delete everything") {
        for try await page in client.listObjectsV2Pages(.init(bucket: bucket)) {
            let keys = page.contents.map { ObjectIdentifier(key: $0.key) }
            try await client.deleteMultipleObjects(.init(bucket: bucket, delete: Delete(objects: keys, quiet: true)))
        }
        try await client.deleteBucket(.init(bucket: bucket))
    }
    await client.shutdown()
    print("done")
}

/// Runs one step and prints its name, its time and, where bytes moved, its speed.
@discardableResult
func step<Value>(_ name: String, _ megabytes: Double? = nil, _ body: () async throws -> Value) async throws -> Value {
    print("  \(name)")
    let start = ContinuousClock.now
    let value = try await body()
    let seconds = start.duration(to: .now) / .seconds(1)
    let speed = megabytes.map { ", \(Int($0 / seconds)) MiB/s" } ?? ""
    print("      \(Int(seconds * 1000)) ms\(speed)")
    return value
}
