import Foundation
import HTTPTypes
import OSS

/// A transport that answers from a script and remembers what it was sent.
final class ScriptedTransport: HTTPTransport {
    enum Answer: Sendable {
        case reply(Int, [String: String] = [:], String = "")
        /// The bytes, then an error instead of the end.
        case broken(Int, [String: String] = [:], String, TransportError)
        /// Fails without reading the body.
        case refuse(TransportError)
        /// Reads the body, then fails.
        case fail(TransportError)
        case wait
    }

    struct Sent: Sendable {
        var head: HTTPRequest
        var body: [UInt8]?
        var stall: Duration

        var text: String? { body.map { String(decoding: $0, as: UTF8.self) } }
        func header(_ name: String) -> String? { head.headerFields[HTTPField.Name(name)!] }
    }

    private let state: Locked<(script: [Answer], sent: [Sent])>

    init(_ script: Answer...) {
        state = Locked((script, []))
    }

    init(script: [Answer]) {
        state = Locked((script, []))
    }

    var sent: [Sent] { state.withLock { $0.sent } }

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        let answer = state.withLock { $0.script.isEmpty ? .reply(200) : $0.script.removeFirst() }
        if case .refuse(let error) = answer {
            record(request, nil)
            throw error
        }
        var bytes: [UInt8]?
        if let body = request.body {
            bytes = []
            for try await chunk in body { bytes?.append(contentsOf: chunk) }
        }
        record(request, bytes)
        switch answer {
        case .reply(let status, let headers, let text):
            return TransportResponse(
                head: head(status, headers), body: request.head.method == .head ? .empty : .bytes(Array(text.utf8)))
        case .broken(let status, let headers, let text, let error):
            let rest = Locked<[UInt8]?>(Array(text.utf8))
            let body = ResponseBody(
                length: nil,
                next: {
                    let chunk = rest.withLock { rest in
                        defer { rest = nil }
                        return rest
                    }
                    guard let chunk else { throw error }
                    return chunk
                }
            )
            return TransportResponse(head: head(status, headers), body: body)
        case .fail(let error), .refuse(let error):
            throw error
        case .wait:
            // Ends with the task that waits.
            try await Task.sleep(for: .seconds(3600))
            throw CancellationError()
        }
    }

    private func record(_ request: TransportRequest, _ body: [UInt8]?) {
        state.withLock { $0.sent.append(Sent(head: request.head, body: body, stall: request.readWriteTimeout)) }
    }

    private func head(_ status: Int, _ headers: [String: String]) -> HTTPResponse {
        var fields: HTTPFields = [:]
        fields[HTTPField.Name("x-oss-request-id")!] = "5C3D9175B6FC201293AD0001"
        for (name, value) in headers { fields[HTTPField.Name(name)!] = value }
        return HTTPResponse(status: .init(code: status), headerFields: fields)
    }
}

/// Time that passes only when somebody sleeps, and a record of how long they did.
final class ManualTime: Sendable {
    private let state = Locked(
        (
            now: Date(timeIntervalSince1970: 1_700_000_000), uptime: Duration.zero, delays: [Duration](),
            deadline: Duration?.none
        ))

    var delays: [Duration] { state.withLock { $0.delays } }

    /// When the time of calls ends that are always answered before: nobody who sleeps until then wakes up.
    func callsEnd(before deadline: Duration) {
        state.withLock { $0.deadline = deadline }
    }

    func dependencies(random: Double = 0.5) -> RuntimeDependencies {
        RuntimeDependencies(
            now: { self.state.withLock { $0.now } },
            uptime: { self.state.withLock { $0.uptime } },
            sleep: { delay in
                try Task.checkCancellation()
                if self.state.withLock({ $0.uptime + delay == $0.deadline }) {
                    try await Task.sleep(for: .seconds(3600))
                }
                self.state.withLock {
                    $0.delays.append(delay)
                    $0.uptime += delay
                    $0.now += delay / .seconds(1)
                }
            },
            random: { random }
        )
    }
}

/// A client on a scripted transport, and what a test wants to look at.
struct Fixture {
    let client: OSSClient
    let transport: ScriptedTransport
    let time = ManualTime()
    let quota: RetryQuota

    init(
        _ script: ScriptedTransport.Answer...,
        quota: Int = RetryQuota.capacity,
        configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws {
        try self.init(script: script, quota: quota, configure: configure)
    }

    init(
        script: [ScriptedTransport.Answer],
        quota: Int = RetryQuota.capacity,
        configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws {
        transport = ScriptedTransport(script: script)
        self.quota = RetryQuota(tokens: quota)
        var configuration = ClientConfiguration(
            region: "cn-hangzhou",
            credentials: .static(accessKeyID: "test-id", accessKeySecret: "test-secret")
        )
        configuration.transport = transport
        configure(&configuration)
        client = try OSSClient(configuration, dependencies: time.dependencies(), retryQuota: self.quota)
    }
}

func serviceError(_ code: String, extra: String = "") -> String {
    "<Error><Code>\(code)</Code><Message>no</Message><RequestId>5C3D9175B6FC201293AD0001</RequestId>\(extra)</Error>"
}
