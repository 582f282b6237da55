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

        let get: @Sendable (OSSClient) async throws -> Void = { client in
            _ = try await client.getObject(.init(bucket: bucket, key: "small")).body.collect(upTo: 2048)
        }
        // The transports alone send what the client sends, signature and all: the server has the same work with each.
        let recorded = try await Recording.make(of: get, client.configuration)
        var request = HTTPClientRequest(url: "\(target.endpoint)\(recorded.request.path ?? "/")")
        for field in recorded.request.headerFields { request.headers.add(name: field.name.rawName, value: field.value) }
        let replay = ReplayTransport(recorded)
        var configuration = client.configuration
        configuration.transport = replay
        let replayed = try OSSClient(configuration)

        let collect: @Sendable (any HTTPTransport) async throws -> Void = { transport in
            _ = try await transport.send(TransportRequest(head: recorded.request)).body.collect(upTo: 2048)
        }
        let contenders: [SmallCall] = [
            (
                "AsyncHTTPClient",
                { [request] in
                    let reply = try await bare.execute(request, timeout: .minutes(1))
                    _ = try await reply.body.collect(upTo: 2048)
                }
            ),
            ("our transport alone", { try await collect(transport) }),
            ("ours", { try await get(client) }),
            ("a transport that has the reply already", { try await collect(replay) }),
            ("ours with that", { try await get(replayed) }),
        ]
        for callers in [1, 20] {
            print("GET of 1 KiB, \(callers == 1 ? "one after the other" : "by \(callers) tasks at once"), per call")
            let costs = try await smallCalls(contenders, callers: callers)
            costs[2].report(above: costs[0])
            costs[2].report(above: costs[1])
            costs[4].report(above: costs[3])
        }
    }

    try await client.deleteMultipleObjects(
        .init(bucket: bucket, delete: .init(objects: [.init(key: "large"), .init(key: "small")])))
    try await client.deleteBucket(.init(bucket: bucket))
    await transport.shutdown()
    await client.shutdown()
}

/// One call's request and the reply to it.
private struct Recording {
    var request: HTTPRequest
    var response: HTTPResponse
    var body: [UInt8]

    static func make(
        of call: (OSSClient) async throws -> Void, _ configuration: ClientConfiguration
    ) async throws -> Recording {
        let recorder = RecordingTransport()
        var configuration = configuration
        configuration.transport = recorder
        try await call(OSSClient(configuration))
        await recorder.shutdown()
        return recorder.recording
    }
}

private final class RecordingTransport: HTTPTransport {
    private let transport = AsyncHTTPClientTransport()
    private let recorded = Mutex<Recording?>(nil)

    var recording: Recording {
        guard let recording = recorded.withLock({ $0 }) else { giveUp("nothing was sent") }
        return recording
    }

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        let response = try await transport.send(request)
        let body = try await response.body.collect(upTo: 1 << 20)
        recorded.withLock { $0 = Recording(request: request.head, response: response.head, body: body) }
        return TransportResponse(head: response.head, body: .bytes(body))
    }

    func shutdown() async { await transport.shutdown() }
}

/// Answers every request with the same reply, at once: what a call costs with it is spent in the client.
private final class ReplayTransport: HTTPTransport {
    private let recording: Recording

    init(_ recording: Recording) {
        self.recording = recording
    }

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        TransportResponse(head: recording.response, body: .bytes(recording.body))
    }

    func shutdown() async {}
}

private typealias SmallCall = (name: String, call: @Sendable () async throws -> Void)

/// What small calls cost. The contenders take turns that are short beside what disturbs a machine.
private func smallCalls(_ contenders: [SmallCall], callers: Int) async throws -> [SmallCallCosts] {
    var costs = contenders.map { SmallCallCosts(name: $0.name) }
    for round in 0..<85 {
        for place in contenders.indices {
            // Nobody always comes after the same one.
            let index = (place * (1 + round % (contenders.count - 1)) + round) % contenders.count
            let cost = try await Cost.measure {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<callers {
                        group.addTask {
                            for _ in 0..<SmallCallCosts.calls / callers { try await contenders[index].call() }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            if round >= 5 { costs[index].rounds.append(cost) }
        }
    }
    for cost in costs { cost.report() }
    return costs
}

private struct SmallCallCosts {
    static let calls = 200
    var name: String
    var rounds: [Cost] = []

    func report() {
        let allocations = rounds.map { Double($0.allocations) / Double(Self.calls) }.median
        print(
            "  \(name): \(microseconds(\.cpu)) µs CPU, \(microseconds(\.user)) outside of the kernel, "
                + "\(rounded(allocations, 1)) allocations")
    }

    func report(above other: SmallCallCosts) {
        print(
            "  \(name) above \(other.name): \(microseconds(\.cpu, above: other)) µs CPU, "
                + "\(microseconds(\.user, above: other)) outside of the kernel")
    }

    /// The median of the rounds, or of their differences.
    private func microseconds(_ time: KeyPath<Cost, Double>, above other: SmallCallCosts? = nil) -> Double {
        let times = rounds.indices.map { rounds[$0][keyPath: time] - (other?.rounds[$0][keyPath: time] ?? 0) }
        return rounded(times.median / Double(Self.calls) * 1e6, 1)
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
