import OSS

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the local server can do, by a client that does next to nothing, and what our client reaches against it in the
/// same run: as long as the former is the larger number, it isn't the server that holds the client back.
///
/// - Parameters:
///   - program: The server's executable.
///   - folder: An empty folder for what it keeps.
///   - part: `requests`, `streams` or `objects`; nil for all.
func runEmulatorBenchmarks(program: String, folder: String, only part: String?) async throws {
    let modes: [(name: String, arguments: [String])] = [
        ("memory", []), ("--data", ["--data", folder + "/synced"]),
        ("--data --no-sync", ["--data", folder + "/unsynced", "--no-sync"]),
    ]
    for mode in modes where part != "objects" {
        let server = ServerProcess(program: program, arguments: mode.arguments)
        print("\(mode.name): started in \(rounded(server.startTime * 1000, 0)) ms")
        let client = try server.client()
        try await client.putBucket(.init(bucket: "benchmark"))
        if part != "streams" {
            try await smallObjects(server, client, count: mode.arguments.count == 2 ? 4000 : 30_000)
        }
        if part != "requests" { try await largeObject(server, client) }
        await client.shutdown()
        server.stop()
    }
    for mode in [modes[0], modes[2]] where part == nil || part == "objects" {
        try await manyObjects(program, mode.name, mode.arguments, count: 100_000)
    }
}

/// Requests per second, and what one costs each side.
private func smallObjects(_ server: ServerProcess, _ client: OSSClient, count: Int) async throws {
    let raw = RawClient(server: server)
    let body = [UInt8](repeating: 7, count: 1024)
    raw.load(count / 10) { raw.head("PUT", "/benchmark/warm-\($0)", length: body.count) + body }
    for name in ["PUT", "GET"] {
        let length = name == "PUT" ? body.count : 0
        let requests = (0..<count).map { raw.head(name, "/benchmark/small-\($0)", length: length) + body[..<length] }
        let before = server.cpu()
        let theirs = await Cost.measure { raw.load(count) { requests[$0] } }
        let serverCPU = server.cpu() - before
        let ours = try await Cost.measure {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for worker in 0..<32 {
                    tasks.addTask {
                        for index in stride(from: worker, to: count / 2, by: 32) {
                            let key = (name == "PUT" ? "ours-" : "small-") + String(index)
                            if name == "PUT" {
                                try await client.putObject(.init(bucket: "benchmark", key: key, body: .bytes(body)))
                            } else {
                                let reply = try await client.getObject(.init(bucket: "benchmark", key: key))
                                _ = try await reply.body.collect(upTo: 2048)
                            }
                        }
                    }
                }
                try await tasks.waitForAll()
            }
        }
        print(
            "  \(name) of 1 KiB, 32 at a time: server at most \(Int(Double(count) / theirs.wall))/s"
                + " (\(rounded(serverCPU / Double(count) * 1e6, 1)) µs of its CPU), our client"
                + " \(Int(Double(count / 2) / ours.wall))/s"
        )
    }
}

/// 1 GiB up and down.
private func largeObject(_ server: ServerProcess, _ client: OSSClient) async throws {
    let blocks = Blocks(count: 1024)
    let size = blocks.count << 20
    let raw = RawClient(server: server)
    func measure(_ name: String, theirs: () -> Void, ours: () async throws -> Void) async throws {
        let before = server.cpu()
        let theirCost = await Cost.measure { theirs() }
        let serverCPU = server.cpu() - before
        let ourCost = try await Cost.measure { try await ours() }
        print(
            "  1 GiB \(name): server at most \(Int(Double(blocks.count) / theirCost.wall)) MiB/s"
                + " (\(rounded(serverCPU)) s of its CPU), our client \(Int(Double(blocks.count) / ourCost.wall)) MiB/s")
    }
    try await measure("up") {
        raw.send(raw.head("PUT", "/benchmark/large", length: size), body: blocks.block, times: blocks.count)
    } ours: {
        try await client.putObject(
            .init(bucket: "benchmark", key: "large", body: .stream(blocks, length: Int64(size))))
    }
    try await measure("down") {
        guard raw.send(raw.head("GET", "/benchmark/large")) == size else { giveUp("not all bytes came back") }
    } ours: {
        var received = 0
        let reply = try await client.getObject(.init(bucket: "benchmark", key: "large"))
        for try await chunk in reply.body { received += chunk.count }
        guard received == size else { giveUp("\(received) of \(size) bytes came back") }
    }
    print("  server's memory: at most \(rounded(server.memory().peak / 1_048_576, 1)) MiB")
}

/// The same MiB again and again.
private struct Blocks: AsyncSequence, Sendable {
    let block = [UInt8](repeating: 3, count: 1 << 20)
    let count: Int

    struct AsyncIterator: AsyncIteratorProtocol {
        let block: [UInt8]
        var left: Int

        mutating func next() async -> [UInt8]? {
            guard left > 0 else { return nil }
            left -= 1
            return block
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(block: block, left: count) }
}

/// What each object costs in memory beyond its content, how listing them goes, and how long a start with them takes.
private func manyObjects(_ program: String, _ name: String, _ arguments: [String], count: Int) async throws {
    var server = ServerProcess(program: program, arguments: arguments)
    let body = [UInt8](repeating: 7, count: 1024)
    var raw = RawClient(server: server)
    raw.send(raw.head("PUT", "/many/"))
    // What the server needs anyhow, for its connections and caches, isn't the objects'.
    raw.load(2000) { [raw] _ in raw.head("GET", "/many/") }
    let before = server.memory().now
    let fill = await Cost.measure {
        raw.load(count) { [raw] index in
            // In no order, as a tree's worst case would have it.
            let key = String(UInt32(truncatingIfNeeded: index &* 2_654_435_761), radix: 16)
            return raw.head("PUT", "/many/folder/object-\(key)", length: body.count) + body
        }
    }
    func perObject(_ bytes: Double) -> Int { Int((bytes - before) / Double(count)) }
    print(
        "\(name), \(count) objects of 1 KiB: \(Int(Double(count) / fill.wall))/s, "
            + "memory \(perObject(server.memory().now)) bytes per object")
    if !arguments.isEmpty {
        server.stop()
        server = ServerProcess(program: program, arguments: arguments)
        raw = RawClient(server: server)
        print(
            "  start with them: \(rounded(server.startTime)) s (\(rounded(server.cpu())) s of CPU), "
                + "memory \(perObject(server.memory().now)) bytes per object")
    }
    let client = try server.client()
    var listed = 0
    let list = try await Cost.measure {
        for try await page in client.listObjectsV2Pages(.init(bucket: "many", maxKeys: 1000)) {
            listed += page.contents.count
        }
    }
    guard listed == count else { giveUp("\(listed) of \(count) objects are listed") }
    print("  listing all, 1000 at a time: \(rounded(list.wall)) s")
    await client.shutdown()
    server.stop()
}
