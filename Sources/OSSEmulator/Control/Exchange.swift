import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// What became of one request, for the request log and the control page. It holds no secret.
struct ExchangeRecord: Sendable {
    /// Grows by one with every request.
    var sequence = 0
    let time: EmulatorInstant
    let id: String
    let client: String
    let method: String
    /// With its query, but without signatures and tokens.
    let path: String
    let userAgent: String?
    var operation = ""
    var bucket: String?
    var key: String?
    /// 0 when the client went away before it was answered.
    var status = 0
    var code: String?
    var message: String?
    var check = SignatureCheck()
    var fault: String?
    var received: Int64 = 0
    var sent: Int64 = 0
    var milliseconds: Int64 = 0
    /// The answer was not sent to its end.
    var isBroken = false
    /// The request as it came, where its signature did not match: to find out what the client signed instead.
    var evidence: HTTPRequestHead?

    init(head: HTTPRequestHead, id: String, time: EmulatorInstant, client: String) {
        self.time = time
        self.id = id
        self.client = client
        method = head.method.rawValue
        path = Redaction.path(head.uri)
        userAgent = head.headers.first(name: "user-agent")
    }

    mutating func name(_ target: RequestTarget, _ operation: Operation) {
        bucket = target.bucket
        key = target.key?.text
        self.operation = operation.name
    }

    mutating func fail(_ fault: Fault) {
        code = fault.code
        // What was to be signed may hold a token.
        let end = fault.message.firstRange(of: " server string to sign")?.lowerBound ?? fault.message.endIndex
        message = String(fault.message[..<end])
    }

    var json: JSONValue {
        [
            "sequence": .number(sequence), "time": .string(time.iso8601), "id": .string(id), "client": .string(client),
            "method": .string(method),
            "path": .string(path), "operation": .string(operation), "bucket": .optional(bucket), "key": .optional(key),
            "status": .number(status), "code": .optional(code),
            "message": .optional(message), "received": .number(received),
            "sent": .number(sent), "milliseconds": .number(milliseconds),
            "accessKeyId": .optional(check.accessKeyID), "signature": .string(check.scheme.rawValue),
            "outcome": .string(outcome), "fault": .optional(fault), "userAgent": .optional(userAgent),
            "broken": .bool(isBroken),
        ]
    }

    /// What came of the signature.
    var outcome: String {
        if check.isVerified { return check.scheme == .anonymous ? "anonymous" : "valid" }
        return code == "SignatureDoesNotMatch" ? "mismatch" : check.scheme == .anonymous ? "unchecked" : "refused"
    }
}

/// Takes secrets out of what is written down.
enum Redaction {
    private static let longest = 4096
    private static let secrets: Set<String> = [
        "x-oss-signature", "signature", "x-oss-security-token", "security-token", "securitytoken", "oidctoken",
        "samlassertion",
    ]

    static func path(_ uri: String) -> String {
        guard let mark = uri.firstIndex(of: "?") else { return shortened(uri) }
        let query = uri[uri.index(after: mark)...].split(separator: "&", omittingEmptySubsequences: false).map { pair in
            let name = pair.prefix { $0 != "=" }
            let isSecret = secrets.contains((Percent.decodeText(name) ?? String(name)).lowercased())
            return isSecret && name.endIndex < pair.endIndex ? "\(name)=***" : String(pair)
        }
        return shortened(uri[...mark] + query.joined(separator: "&"))
    }

    private static func shortened(_ text: String) -> String {
        text.utf8.count <= longest ? text : String(decoding: text.utf8.prefix(longest), as: UTF8.self) + "…"
    }
}

/// A request that is being answered. It is known from when its answer starts, so that whoever has the answer finds it,
/// and written down once the answer was sent.
final class Exchange: Sendable {
    private let record: NIOLockedValueBox<ExchangeRecord>
    private let recorder: ExchangeRecorder
    private let started = NIODeadline.now()

    init(_ record: ExchangeRecord, _ recorder: ExchangeRecorder) {
        self.record = NIOLockedValueBox(record)
        self.recorder = recorder
    }

    func update(_ body: (inout ExchangeRecord) -> Void) {
        record.withLockedValue(body)
    }

    func answer(_ status: HTTPResponseStatus, _ check: SignatureCheck, _ head: HTTPRequestHead) {
        update { record in
            record.status = Int(status.code)
            record.check = check
            if record.code == "SignatureDoesNotMatch" { record.evidence = head }
            recorder.keep(&record)
        }
    }

    func finish(received: Int64, sent: Int64, isBroken: Bool = false) {
        update { record in
            record.received = received
            record.sent = sent
            record.isBroken = isBroken
            record.milliseconds = (NIODeadline.now() - started).nanoseconds / 1_000_000
            recorder.keep(&record)
            recorder.log(record)
        }
    }
}

/// Keeps the last requests, and writes all of them to the request log.
final class ExchangeRecorder: Sendable {
    private struct State: Sendable {
        /// A ring: each stands at the place that its number gives.
        var records = [ExchangeRecord?](repeating: nil, count: capacity)
        var lastSequence = 0
    }

    static let capacity = 500

    private let requestLog: RequestLog?
    private let state = NIOLockedValueBox(State())

    init(log: RequestLog?) {
        requestLog = log
    }

    /// Takes a record, which gets its number, or what became of one.
    fileprivate func keep(_ record: inout ExchangeRecord) {
        state.withLockedValue { state in
            if record.sequence == 0 {
                state.lastSequence += 1
                record.sequence = state.lastSequence
            } else if state.records[record.sequence % Self.capacity]?.sequence != record.sequence {
                return
            }
            state.records[record.sequence % Self.capacity] = record
        }
    }

    fileprivate func log(_ record: ExchangeRecord) {
        requestLog?.write(record)
    }

    /// The newest first.
    var all: [ExchangeRecord] {
        state.withLockedValue(\.records).compactMap { $0 }.sorted { $0.sequence > $1.sequence }
    }

    func removeAll() {
        state.withLockedValue { $0.records = State().records }
    }

    /// Writes what still waits for the log's disk.
    func close() async {
        await requestLog?.close()
    }
}
