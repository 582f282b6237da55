import NIOHTTP1

/// What goes wrong with one request, as the header `x-emulator-fault` or a rule says it.
///
/// Both speak of the same parameters; the header has them as `status=503; code=ServiceUnavailable`, with `%3B` for a
/// semicolon in a value, a rule as members of an object.
struct InjectedFault: Sendable {
    enum Reset: Sendable, Equatable {
        case before
        /// After so many bytes of the answer's body.
        case within(Int64)
        case after
    }

    struct Stall: Sendable, Equatable {
        var milliseconds: Int64
        /// Before which byte of the answer's body; nil is before the answer.
        var position: Int64?
    }

    struct Header: Sendable, Equatable {
        var name: String
        /// Nil takes the header away.
        var value: String?
    }

    struct SyntaxError: Error, CustomStringConvertible {
        var description: String
    }

    /// As it was given, for the log.
    let text: String

    private(set) var status: Int?
    private(set) var code: String?
    private(set) var message: String?
    private(set) var ec: String?
    private(set) var body: String?
    private(set) var headers: [Header] = []
    /// Whether the operation is carried out although its answer is an error, or is lost.
    private(set) var isCarriedOut = false
    /// How much of the request's body is read before the answer; nil is all of it.
    private(set) var read: Int64?
    private(set) var latency: Int64 = 0
    private(set) var stalls: [Stall] = []
    private(set) var bytesPerSecond: Int64?
    private(set) var reset: Reset?
    private(set) var truncate: Int64?
    private(set) var corrupt: Int64?
    private(set) var hasWrongCRC = false
    private(set) var hasWrongETag = false
    private(set) var hasWrongMD5 = false
    /// How far the server's clock is ahead, in milliseconds.
    private(set) var skew: Int64 = 0
    private(set) var isGzipped = false
    /// How long the temporary credentials of the answer are good for, in seconds.
    private(set) var expires: Int64?

    /// No fault at all, only a slow line.
    init(bytesPerSecond: Int64) {
        text = "bandwidth=\(bytesPerSecond)"
        self.bytesPerSecond = bytesPerSecond
    }

    /// From the value of a header.
    init(header text: String) throws(SyntaxError) {
        var parameters: [(name: String, value: String)] = []
        for part in text.split(separator: ";") where !part.trimmingBlanks.isEmpty {
            guard let equals = part.firstIndex(of: "="),
                let value = Percent.decodeText(part[part.index(after: equals)...].trimmingBlanks)
            else { throw SyntaxError(description: "'\(part.trimmingBlanks)' is not of the form name=value") }
            parameters.append((part[..<equals].trimmingBlanks, value))
        }
        try self.init(parameters)
    }

    /// From the object of a rule.
    init(_ json: JSONValue) throws(SyntaxError) {
        guard case .object(let members) = json else { throw SyntaxError(description: "the fault must be an object") }
        var parameters: [(name: String, value: String)] = []
        for member in members {
            switch member.value {
            case .string(let value): parameters.append((member.name, value))
            case .number(let value): parameters.append((member.name, value))
            case .bool(let value): parameters.append((member.name, value ? "true" : "false"))
            case .array(let values):
                for value in values {
                    guard let value = value.string else {
                        throw SyntaxError(description: "the values of '\(member.name)' must be strings")
                    }
                    parameters.append((member.name, value))
                }
            default: throw SyntaxError(description: "the value of '\(member.name)' must be a string or a number")
            }
        }
        try self.init(parameters)
    }

    private init(_ parameters: [(name: String, value: String)]) throws(SyntaxError) {
        guard !parameters.isEmpty else { throw SyntaxError(description: "the fault says nothing") }
        text = parameters.map { "\($0.name)=\($0.value)" }.joined(separator: "; ")
        for (name, value) in parameters { try set(name, value) }
    }

    private mutating func set(_ name: String, _ value: String) throws(SyntaxError) {
        func number(_ text: some StringProtocol, _ range: ClosedRange<Int64>) throws(SyntaxError) -> Int64 {
            guard let number = Int64(text), range.contains(number) else {
                throw SyntaxError(
                    description: "'\(name)' must be a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        func truth() throws(SyntaxError) -> Bool {
            guard let truth = Bool(value) else { throw SyntaxError(description: "'\(name)' must be true or false") }
            return truth
        }
        func wrong() throws(SyntaxError) -> Bool {
            guard value == "wrong" else { throw SyntaxError(description: "'\(name)' can only be 'wrong'") }
            return true
        }
        let bytes: ClosedRange<Int64> = 0...1 << 50
        switch name {
        case "status": status = Int(try number(value, 200...599))
        case "code": code = value
        case "message": message = value
        case "ec": ec = value
        case "body": body = value
        case "qos-delay": headers.append(Header(name: "x-oss-qos-delay-time", value: "\(try number(value, bytes))"))
        case "header": headers.append(try Self.header(value))
        case "perform": isCarriedOut = try truth()
        case "read": read = value == "all" ? nil : try number(value, bytes)
        case "latency": latency = try number(value, Self.milliseconds)
        case "stall":
            let parts = value.split(separator: "@", maxSplits: 1)
            guard let time = parts.first else { throw SyntaxError(description: "'stall' must be MS or MS@BYTE") }
            stalls.append(
                Stall(
                    milliseconds: try number(time, Self.milliseconds),
                    position: parts.count > 1 ? try number(parts[1], bytes) : nil))
            stalls.sort { $0.position ?? -1 < $1.position ?? -1 }
        case "bandwidth": bytesPerSecond = try number(value, 1...1 << 40)
        case "reset":
            switch value {
            case "before": reset = .before
            case "after": reset = .after
            default: reset = .within(try number(value, bytes))
            }
        case "truncate": truncate = try number(value, bytes)
        case "corrupt": corrupt = try number(value, bytes)
        case "crc": hasWrongCRC = try wrong()
        case "etag": hasWrongETag = try wrong()
        case "md5": hasWrongMD5 = try wrong()
        case "skew": skew = try number(value, -1_000_000_000...1_000_000_000) * 1000
        case "gzip": isGzipped = try truth()
        case "expires": expires = try number(value, 0...43200)
        default: throw SyntaxError(description: "there is no fault '\(name)'")
        }
    }

    private static let milliseconds: ClosedRange<Int64> = 0...3_600_000

    private static func header(_ text: String) throws(SyntaxError) -> Header {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty,
            parts[0].utf8.allSatisfy({ (33...126).contains($0) }),
            parts[1].utf8.allSatisfy({ $0 >= 32 && $0 != 127 })
        else { throw SyntaxError(description: "'header' must be NAME:VALUE") }
        let value = parts[1].trimmingBlanks
        return Header(name: String(parts[0]), value: value.isEmpty ? nil : value)
    }
}

// MARK: - The answer instead

extension InjectedFault {
    /// Whether an answer of the fault's own takes the place of the operation's.
    var replacesAnswer: Bool { status != nil || code != nil || body != nil }

    /// The error that is answered; nil where only the answer's sending is disturbed.
    func error(now: EmulatorInstant) -> Fault? {
        guard status != nil || code != nil else { return nil }
        var error =
            code.map { Self.known(code: $0, now: now) ?? Fault(.badRequest, $0, "An injected fault.") }
            ?? Self.known(status: status ?? 500, now: now)
        if let status { error.status = HTTPResponseStatus(statusCode: status) }
        if let message { error.message = message }
        if let ec { error.ec = ec }
        return error
    }

    private static func known(status: Int, now: EmulatorInstant) -> Fault {
        switch status {
        case 400: Fault(.badRequest, "BadRequest", "An injected fault.")
        case 403: .accessDenied
        case 404: Fault(.notFound, "NoSuchKey", "The specified key does not exist.", ec: "0026-00000001")
        case 408: Fault(.requestTimeout, "RequestTimeout", "An injected fault.")
        case 429: Fault(.tooManyRequests, "TooManyRequests", "An injected fault.")
        case 503: throttled("ServiceUnavailable", "Thread pool is almost full, please retry later.")
        default: .internalError
        }
    }

    private static func throttled(_ code: String, _ message: String) -> Fault {
        Fault(.serviceUnavailable, code, message)
    }

    /// Codes that bring their status, their message and what else the service says with them.
    private static func known(code: String, now: EmulatorInstant) -> Fault? {
        switch code {
        case "AccessDenied": .accessDenied
        case "ActiveRequestLimitExceeded": throttled(code, "Max active request limit is exceeded.")
        case "CallbackFailed": .callbackFailed
        case "CpuLimitExceeded": throttled(code, "Please reduce your request rate.")
        case "DownloadTrafficRateLimitExceeded", "UploadTrafficRateLimitExceeded":
            throttled(code, "Please reduce your upload request traffic.")
        case "InternalError": .internalError
        case "InvalidAccessKeyId": .invalidAccessKeyID
        case "InvalidSecurityToken": .invalidSecurityToken
        case "MetaOperationQpsLimitExceeded": throttled(code, "Qps limit for the meta operation is exceeded.")
        case "RequestTimeTooSkewed": .requestTimeTooSkewed(requested: now, now: now)
        case "RequestTimeout":
            Fault(
                .badRequest, code,
                "Your socket connection to the server was not read from or written to within the timeout period.")
        case "SecurityTokenExpired": .securityTokenExpired
        case "ServiceUnavailable": known(status: 503, now: now)
        case "TotalQpsLimitExceeded": throttled(code, "Max total qps limit is exceeded.")
        default: nil
        }
    }
}
