import NIOCore
import NIOHTTP1

/// Waits; a test's own makes stalls take no time.
typealias Sleeper = @Sendable (_ milliseconds: Int64) async throws -> Void

/// A fault on its way with a request.
struct Injection: Sendable {
    static let header = "x-emulator-fault"

    let fault: InjectedFault
    /// The rule that it came from; nil is the request's own header.
    let rule: String?
    let sleep: Sleeper

    /// For the request log: `rule 3: status=503`.
    var text: String { (rule.map { "rule \($0): " } ?? "") + fault.text }

    // MARK: Before the answer

    /// Answers with what a fault leaves of it.
    static func apply(
        _ injection: Injection?, _ now: EmulatorInstant, _ body: RequestBody, _ answer: () async throws -> Response
    ) async throws -> Response {
        guard let injection else { return try await answer() }
        try await injection.begin(body)
        if injection.carriesOut {
            let response = try await answer()
            return try injection.replacement(now: now) ?? response
        }
        try await injection.read(body)
        return try injection.replacement(now: now) ?? Response()
    }

    private func begin(_ body: RequestBody) async throws {
        if fault.latency > 0 { try await sleep(fault.latency) }
        if let rate = fault.bytesPerSecond {
            var pace = Pace(bytesPerSecond: rate)
            body.pace = { try await sleep(pace.pause(after: Int64($0))) }
        }
    }

    /// Whether the operation is carried out at all.
    private var carriesOut: Bool {
        fault.isCarriedOut || !(fault.replacesAnswer || fault.reset == .before)
    }

    /// Takes as much of the request's body as the fault wants.
    private func read(_ body: RequestBody) async throws {
        let limit = fault.read ?? .max
        while body.received < limit, try await body.read() != nil {}
    }

    /// The answer that takes the place of the operation's, if any.
    private func replacement(now: EmulatorInstant) throws(Fault) -> Response? {
        if let body = fault.body {
            return Response(
                HTTPResponseStatus(statusCode: fault.status ?? 200),
                headers: [HeaderField(name: "Content-Type", value: "text/html")], body: .bytes(Array(body.utf8)))
        }
        if let error = fault.error(now: now) { throw error }
        return nil
    }

    // MARK: The answer

    func alter(_ response: inout Response, to head: HTTPRequestHead) {
        for index in response.headers.indices {
            switch response.headers[index].name.lowercased() {
            case "x-oss-hash-crc64ecma" where fault.hasWrongCRC:
                response.headers[index].value = UInt64(response.headers[index].value).map { "\($0 ^ 1)" } ?? "1"
            case "etag" where fault.hasWrongETag:
                response.headers[index].value = "\"00000000000000000000000000000000\""
            case "content-md5" where fault.hasWrongMD5:
                response.headers[index].value = Base64.encode([UInt8](repeating: 0, count: 16))
            default: break
            }
        }
        for header in fault.headers {
            response.headers.removeAll { $0.name.lowercased() == header.name.lowercased() }
            if let value = header.value { response.headers.append(HeaderField(name: header.name, value: value)) }
        }
        let isGzipped =
            fault.isGzipped && response.hasBody && head.method != .HEAD && response.status != .partialContent
            && head.headers[canonicalForm: "accept-encoding"].contains { $0.lowercased().hasPrefix("gzip") }
        if isGzipped {
            // As the service does it: a length and an ETag would be those of other bytes.
            response.headers.removeAll { ["etag", "content-md5"].contains($0.name.lowercased()) }
            response.headers.append(HeaderField(name: "Content-Encoding", value: "gzip"))
            response.headers.append(HeaderField(name: "Vary", value: "Accept-Encoding"))
        }
        response.delivery = Delivery(fault: fault, isGzipped: isGzipped, sleep: sleep) ?? response.delivery
    }
}

/// Keeps a body to so many bytes a second, however small the pieces are that it comes in.
struct Pace {
    let bytesPerSecond: Int64
    /// What is left of the bytes so far that didn't make up a millisecond, in thousandths of a byte.
    private var rest: Int64 = 0

    init(bytesPerSecond: Int64) {
        self.bytesPerSecond = bytesPerSecond
    }

    /// How many milliseconds to wait once more bytes have gone.
    mutating func pause(after bytes: Int64) -> Int64 {
        rest += bytes * 1000
        defer { rest %= bytesPerSecond }
        return rest / bytesPerSecond
    }
}

extension Response {
    fileprivate var hasBody: Bool {
        switch body {
        case .none: false
        case .bytes(let bytes): !bytes.isEmpty
        case .stored(_, let length, _): length > 0
        }
    }
}

/// How an answer is sent where a fault, or a limit of the client's, says so.
struct Delivery: Sendable {
    var fault: InjectedFault
    var isGzipped: Bool
    var sleep: Sleeper

    init?(fault: InjectedFault, isGzipped: Bool, sleep: @escaping Sleeper) {
        guard
            isGzipped || !fault.stalls.isEmpty || fault.reset != nil || fault.truncate != nil || fault.corrupt != nil
                || fault.bytesPerSecond != nil
        else { return nil }
        self.fault = fault
        self.isGzipped = isGzipped
        self.sleep = sleep
    }
}

extension Connection {
    /// Sends an answer as its fault wants it.
    ///
    /// Everything goes through the channel and not through the connection's writer, since each step must have reached
    /// the socket before the next.
    /// - Returns: what was sent of the body, and whether the connection is still good.
    func deliver(
        _ response: Response, _ delivery: Delivery, to request: HTTPRequestHead, keepAlive: Bool
    ) async throws -> (sent: Int64, isGood: Bool) {
        // It holds the bytes that are being sent.
        defer { withExtendedLifetime(response) {} }
        let fault = delivery.fault
        var stalls = fault.stalls[...]
        while let stall = stalls.first, stall.position == nil {
            stalls.removeFirst()
            try await delivery.sleep(stall.milliseconds)
        }
        guard fault.reset != .before else {
            try await reset()
            return (0, false)
        }
        var head = head(of: response, keepAlive: keepAlive)
        if delivery.isGzipped { head.headers.remove(name: "Content-Length") }
        try await channel.writeAndFlush(HTTPServerResponsePart.head(head))

        let limit: Int64? = if case .within(let count)? = fault.reset { count } else { fault.truncate }
        var sent: Int64 = 0
        var isCut = false
        var pace = fault.bytesPerSecond.map(Pace.init)
        var source = BodySource(
            response, isHead: request.method == .HEAD, isGzipped: delivery.isGzipped, service, channel)
        pieces: while var rest = try await source.next() {
            while rest.readableBytes > 0 {
                if let stall = stalls.first, let position = stall.position, position <= sent {
                    stalls.removeFirst()
                    try await delivery.sleep(stall.milliseconds)
                    continue
                }
                var count = Int64(rest.readableBytes)
                if let limit { count = min(count, limit - sent) }
                if let position = stalls.first?.position { count = min(count, position - sent) }
                if let rate = fault.bytesPerSecond { count = min(count, max(1, rate / 20)) }
                guard count > 0, var piece = rest.readSlice(length: Int(count)) else {
                    isCut = true
                    break pieces
                }
                if let place = fault.corrupt, (sent..<sent + count).contains(place) {
                    let index = piece.readerIndex + Int(place - sent)
                    piece.setInteger(~(piece.getInteger(at: index, as: UInt8.self) ?? 0), at: index)
                }
                try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(piece)))
                sent += count
                if let pause = pace?.pause(after: count) { try await delivery.sleep(pause) }
            }
        }
        for stall in stalls { try await delivery.sleep(stall.milliseconds) }
        switch fault.reset {
        case .within?: try await reset()
        case .after?:
            try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
            try await reset()
        default:
            guard !isCut else { break }
            try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
            return (sent, keepAlive)
        }
        return (sent, false)
    }

    /// Closes so that the client sees a reset and not an end.
    private func reset() async throws {
        if let socket = channel as? any SocketOptionProvider {
            try await socket.setSoLinger(NIOLinger(l_onoff: 1, l_linger: 0)).get()
        }
        try await channel.close()
    }

    /// The bytes of an answer's body, one piece after the other.
    private struct BodySource {
        private var bytes: ByteBuffer?
        private let reader: SegmentReader?
        private var gzip: GzipWriter?
        private let service: Service
        private let eventLoop: any EventLoop

        init(_ response: Response, isHead: Bool, isGzipped: Bool, _ service: Service, _ channel: any Channel) {
            self.service = service
            eventLoop = channel.eventLoop
            gzip = isGzipped ? GzipWriter() : nil
            switch response.body {
            case .bytes(let bytes) where !isHead:
                self.bytes = ByteBuffer(bytes: bytes)
                reader = nil
            case .stored(let segments, _, _) where !isHead:
                reader = SegmentReader(storage: service.catalogue.storage, segments: segments)
            default: reader = nil
            }
        }

        mutating func next() async throws -> ByteBuffer? {
            if let piece = try await plain() { return gzip?.write(piece) ?? piece }
            let last = gzip?.finish()
            gzip = nil
            return last
        }

        private mutating func plain() async throws -> ByteBuffer? {
            guard let reader else {
                defer { bytes = nil }
                return bytes
            }
            return try await service.pool.runIfActive(eventLoop: eventLoop) { try reader.read(upTo: 256 << 10) }.get()
        }
    }
}
