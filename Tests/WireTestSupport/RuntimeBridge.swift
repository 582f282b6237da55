import HTTPTypes
import OSSRuntime
import SpecModel

// Everything these tests need of the runtime, and all they know about it.

/// `config` of a case.
struct WireConfig {
    var region = "cn-hangzhou"
    var endpoint: String?
    var addressing = AddressingStyle.virtualHosted

    init(_ node: JSONNode?) {
        guard let node else { return }
        region = node["region"]?.string ?? region
        endpoint = node["endpoint"]?.string
        switch node["addressing"]?.string {
        case "path": addressing = .path
        case "cname": addressing = .cname
        default: break
        }
    }

    var configuration: ClientConfiguration {
        var configuration = ClientConfiguration(region: region, credentials: .anonymous)
        configuration.endpoint = endpoint
        configuration.addressing = addressing
        // One reply for one attempt, and no body that its checksums could belong to.
        configuration.retry.maximumAttempts = 1
        configuration.checksUploads = false
        configuration.checksDownloads = false
        return configuration
    }
}

/// Answers every request with the same reply.
private struct CannedTransport: HTTPTransport {
    var reply = WireReply(nil)

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        let head = HTTPResponse(status: .init(code: reply.status), headerFields: reply.headers)
        return TransportResponse(head: head, body: .bytes(reply.body))
    }
}

/// A request as it would go out, before it is signed.
struct SentRequest {
    var method: String
    var host: String
    var path: String
    var query: [(name: String, value: String)]
    var headers: HTTPFields
    var body: [UInt8]?
}

extension SentRequest {
    init<Request: OperationRequest>(_ request: Request, _ config: WireConfig) async throws {
        let client = try ServiceClient(config.configuration, transport: CannedTransport())
        var builder = RequestBuilder(Request.operation)
        request.encode(into: &builder)
        let prepared = try client.prepare(builder, CallOptions())
        let target = (prepared.head.path ?? "").split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        method = prepared.head.method.rawValue
        host = prepared.head.authority ?? ""
        path = target.first.map(String.init) ?? ""
        query = target.dropFirst().flatMap { $0.split(separator: "&") }.map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decoded(parts[0]), parts.count > 1 ? Self.decoded(parts[1]) : "")
        }
        headers = prepared.head.headerFields
        body = nil
        if let stream = prepared.body {
            var bytes: [UInt8] = []
            for try await chunk in stream { bytes += chunk }
            body = bytes
        }
    }

    func header(_ name: String) -> String? {
        HTTPField.Name(name).flatMap { headers[$0] }
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let first = rest.popFirst() {
            if first == UInt8(ascii: "%"), rest.count >= 2,
                let byte = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(byte)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(first)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// `response` of a case.
struct WireReply {
    var status: Int
    var headers = HTTPFields()
    var body: [UInt8]

    init(_ node: JSONNode?) {
        status = 200
        if case .number(let text)? = node?["status"]?.value { status = Int(text) ?? 200 }
        for member in node?["headers"]?.object ?? [] {
            if let name = HTTPField.Name(member.key), let value = member.value.string {
                headers.append(HTTPField(name: name, value: value))
            }
        }
        body = BodyComparison.bytes(node?["body"])
    }

    func decode<Request: OperationRequest, Output: OperationOutput>(_ request: Request.Type) async throws -> Output {
        let client = try ServiceClient(WireConfig(nil).configuration, transport: CannedTransport(reply: self))
        return try await client.execute(AnyRequest<Request>(expectsCallback: status == 203), CallOptions())
    }
}

/// Some request of an operation, for a reply that is given.
private struct AnyRequest<Request: OperationRequest>: OperationRequest {
    static var operation: OSSRuntime.Operation { Request.operation }

    /// The status 203 means something only to those who asked for a callback.
    let expectsCallback: Bool

    func encode(into request: inout RequestBuilder) {
        request.setBucket("example-bucket")
        request.setKey("example-key")
        if expectsCallback { request.setHeader("x-oss-callback", "e30=") }
    }
}

/// An error that the runtime threw.
struct WireError {
    private let fields: [String: String]

    /// Nil where it is not the client's error type.
    init?(_ error: any Error) {
        guard let error = error as? OSSError else { return nil }
        var fields = ["code": error.code.rawValue, "message": error.message]
        fields["status"] = error.status.map { String($0) }
        fields["ec"] = error.ec
        fields["requestId"] = error.requestID
        fields["hostId"] = error.hostID
        fields["endpoint"] = error.endpointHint
        self.fields = fields
    }

    /// Keys that the case leaves out are not compared.
    func differences(from expected: JSONNode) -> [String] {
        (expected.object ?? []).compactMap { member in
            let text: String
            switch member.value.value {
            case .string(let value), .number(let value): text = value
            default: text = ""
            }
            let came = fields[member.key]
            if text == came ?? "" { return nil }
            return "error.\(member.key): expected \(quoted(text)), got \(came.map(quoted) ?? "nothing")"
        }
    }
}
