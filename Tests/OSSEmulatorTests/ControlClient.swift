import NIOConcurrencyHelpers
import Testing

@testable import OSSEmulator

/// Asks the control endpoint.
struct ControlClient {
    let port: Int

    init(_ emulator: Emulator) throws {
        let endpoint = try #require(emulator.controlEndpoint)
        port = try #require(endpoint.split(separator: ":").last.flatMap { Int($0) })
    }

    func send(
        _ method: String, _ target: String, _ body: String = "", headers: [String: String] = [:]
    ) async throws -> Reply {
        var all = headers
        if all["Host"] == nil { all["Host"] = "127.0.0.1:\(port)" }
        all["Content-Length"] = "\(body.utf8.count)"
        let socket = try Socket(port: port)
        try await socket.write(
            "\(method) \(target) HTTP/1.1\r\n" + all.map { "\($0.key): \($0.value)\r\n" }.joined() + "\r\n\(body)")
        return try await socket.read(isHead: method == "HEAD")
    }

    /// The JSON of a successful answer.
    func json(_ method: String, _ target: String, _ body: String = "") async throws -> JSONValue {
        let reply = try await send(method, target, body)
        try #require((200..<300).contains(reply.status), "\(reply.text)")
        return try JSONReader.read(reply.body)
    }

    /// Adds a rule.
    func fault(_ rule: String) async throws {
        _ = try await json("POST", "/faults", rule)
    }
}

extension JSONValue {
    subscript(index: Int) -> JSONValue? {
        guard case .array(let items) = self, items.indices.contains(index) else { return nil }
        return items[index]
    }

    var items: [JSONValue] {
        if case .array(let items) = self { items } else { [] }
    }
}

/// Notes how long it should have waited, and waits for nothing.
final class Sleeps: Sendable {
    private let noted = NIOLockedValueBox<[Int64]>([])

    var all: [Int64] { noted.withLockedValue { $0 } }

    func sleep(_ milliseconds: Int64) {
        noted.withLockedValue { $0.append(milliseconds) }
    }
}

/// Keeps a stall up until the test has seen what comes before it.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func open() {
        isOpen = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }

    func wait() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }
}

/// Runs a test with an emulator that takes fault headers and has a control endpoint.
func withControl(
    _ change: (inout EmulatorConfiguration) -> Void = { _ in },
    _ body: (TestClient, ControlClient) async throws -> Void
) async throws {
    try await withEmulator {
        $0.controlPort = 0
        $0.allowsFaultHeaders = true
        change(&$0)
    } _: { client async throws in
        try await body(client, try ControlClient(client.emulator))
    }
}
