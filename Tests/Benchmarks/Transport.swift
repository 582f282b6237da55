import AsyncHTTPClient
import NIOCore
import NIOPosix
import OSS
import OSSAsyncHTTPClient
import Synchronization

/// Our client against what its transport's library does alone, from the same server in the same run, by turns.
func runTransportBenchmarks(_ target: Target) async throws {
    let bucket = "benchmark-\(UInt32.random(in: 0...UInt32.max))"
    let client = target.client
    try await client.putBucket(.init(bucket: bucket, acl: .publicRead))
    let large = 256 << 20
    try await client.putObject(.init(bucket: bucket, key: "large", body: .bytes([UInt8](repeating: 7, count: large))))
    try await client.putObject(.init(bucket: bucket, key: "small", body: .bytes([UInt8](repeating: 7, count: 1024))))
    let url = "\(target.endpoint)/\(bucket)"
    let authority = String(target.endpoint.drop { $0 != "/" }.drop { $0 == "/" })
    let transport = AsyncHTTPClientTransport()

    try await HTTPClient.withHTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton) { bare in
        var bareGet: [Cost] = []
        var delegateGet: [Cost] = []
        var transportGet: [Cost] = []
        var ourGet: [Cost] = []
        for round in 0..<10 {
            let async = try await Cost.measure {
                let reply = try await bare.execute(HTTPClientRequest(url: "\(url)/large"), timeout: .minutes(1))
                var count = 0
                for try await chunk in reply.body { count += chunk.readableBytes }
                guard count == large else { giveUp("bare GET: \(count) bytes") }
            }
            let delegate = try await Cost.measure {
                let counter = CountingDelegate()
                let count = try await bare.execute(request: .init(url: "\(url)/large"), delegate: counter).get()
                guard count == large else { giveUp("delegate GET: \(count) bytes") }
            }
            let transportAlone = try await Cost.measure {
                let head = HTTPRequest(method: .get, scheme: "http", authority: authority, path: "/\(bucket)/large")
                let reply = try await transport.send(TransportRequest(head: head))
                var count = 0
                for try await chunk in reply.body { count += chunk.count }
                guard count == large else { giveUp("our transport's GET: \(count) bytes") }
            }
            let ours = try await Cost.measure {
                let object = try await client.getObject(.init(bucket: bucket, key: "large"))
                var count = 0
                for try await chunk in object.body { count += chunk.count }
                guard count == large else { giveUp("our GET: \(count) bytes") }
            }
            // The first round warms up.
            guard round > 0 else { continue }
            bareGet.append(async)
            delegateGet.append(delegate)
            transportGet.append(transportAlone)
            ourGet.append(ours)
        }
        report("streamed GET, AsyncHTTPClient async body", bareGet, bytes: large)
        report("streamed GET, AsyncHTTPClient delegate", delegateGet, bytes: large)
        report("streamed GET, our transport alone", transportGet, bytes: large)
        report("streamed GET, ours with CRC-64", ourGet, bytes: large)
        ratio("ours / our transport alone", ourGet, transportGet)
        ratio("ours / bare async", ourGet, bareGet)
        ratio("ours / bare delegate", ourGet, delegateGet)

        try await compareSmallCalls([
            (
                "AsyncHTTPClient",
                {
                    let reply = try await bare.execute(HTTPClientRequest(url: "\(url)/small"), timeout: .minutes(1))
                    _ = try await reply.body.collect(upTo: 2048)
                }
            ),
            (
                "our transport alone",
                {
                    let head = HTTPRequest(method: .get, scheme: "http", authority: authority, path: "/\(bucket)/small")
                    _ = try await transport.send(TransportRequest(head: head)).body.collect(upTo: 2048)
                }
            ),
            ("ours", { _ = try await client.getObject(.init(bucket: bucket, key: "small")).body.collect(upTo: 2048) }),
        ])
    }

    try await client.deleteMultipleObjects(
        .init(bucket: bucket, delete: .init(objects: [.init(key: "large"), .init(key: "small")])))
    try await client.deleteBucket(.init(bucket: bucket))
    await transport.shutdown()
    await client.shutdown()
}

/// GETs of 1 KiB, one after the other. The contenders take turns that are short beside what disturbs a machine.
private func compareSmallCalls(_ contenders: [(name: String, call: () async throws -> Void)]) async throws {
    let calls = 200
    var costs = contenders.map { _ in [Cost]() }
    for round in 0..<40 {
        for (index, contender) in contenders.enumerated() {
            let cost = try await Cost.measure {
                for _ in 0..<calls { try await contender.call() }
            }
            if round >= 5 { costs[index].append(cost) }
        }
    }
    for (contender, mine) in zip(contenders, costs) {
        let cpu = mine.map(\.cpu).median / Double(calls) * 1e6
        let user = mine.map(\.user).median / Double(calls) * 1e6
        print(
            "GET of 1 KiB, \(contender.name): \(rounded(cpu, 1)) µs CPU, \(rounded(user, 1)) outside of the kernel, "
                + "\(rounded(Double(mine.map(\.allocations).sorted()[mine.count / 2]) / Double(calls), 1)) allocations")
    }
    let ours = costs[costs.count - 1]
    for (contender, theirs) in zip(contenders, costs).dropLast() {
        func above(_ time: KeyPath<Cost, Double>) -> Double {
            zip(ours, theirs).map { ($0[keyPath: time] - $1[keyPath: time]) / Double(calls) * 1e6 }.median
        }
        print(
            "GET of 1 KiB, ours above \(contender.name): \(rounded(above(\.cpu), 1)) µs CPU, "
                + "\(rounded(above(\.user), 1)) outside of the kernel")
    }
}

private func report(_ name: String, _ costs: [Cost], bytes: Int) {
    let mebibytes = Double(bytes) / 1_048_576
    print(
        "\(name): \(Int(mebibytes / costs.map(\.wall).median)) MiB/s, "
            + "\(Int(costs.map(\.cpu).median / mebibytes * 1024 * 1000)) ms CPU per GiB"
    )
}

private func ratio(_ name: String, _ a: [Cost], _ b: [Cost]) {
    let wall = zip(a, b).map { $0.wall / $1.wall }.median
    let cpu = zip(a, b).map { $0.cpu / $1.cpu }.median
    print("\(name): \(rounded(wall)) of the time, \(rounded(cpu)) of the CPU")
}

/// Counts bytes, and nothing else.
private final class CountingDelegate: HTTPClientResponseDelegate {
    typealias Response = Int
    private let count = Atomic(0)

    func didReceiveBodyPart(task: HTTPClient.Task<Int>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        count.add(buffer.readableBytes, ordering: .relaxed)
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<Int>) throws -> Int { count.load(ordering: .relaxed) }
}
