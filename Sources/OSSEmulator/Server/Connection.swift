import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Answers requests. Throws only when there is nobody left to answer.
protocol Responder: Sendable {
    func respond(to head: HTTPRequestHead, body: RequestBody, channel: any Channel) async throws -> Response
}

/// Serves the requests of one connection, one after the other.
struct Connection {
    typealias Outbound = NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    typealias Inbound = NIOAsyncChannelInboundStream<HTTPServerRequestPart>

    let service: Service
    /// What answers: the service itself, or what stands beside it.
    let responder: any Responder
    let channel: any Channel

    /// How much of a body is read and dropped after an early answer, so that the client gets to see the answer
    /// instead of a reset.
    private static let lingerBytes: Int64 = 32 << 20
    /// With no more than this outstanding the connection is worth keeping.
    private static let drainBytes: Int64 = 64 << 10

    func serve(_ inbound: Inbound, _ outbound: Outbound) async throws {
        let parts = Parts(inbound)
        while true {
            let part: HTTPServerRequestPart?
            do {
                part = try await parts.next()
            } catch let error as HTTPParserError where error.hasListener {
                return try await refuse(.invalidRequest, outbound)
            }
            guard case .head(let head) = part else { return }
            // `gzip, chunked` would be one whose bytes must be unpacked; of others nobody knows the end.
            let codings = head.headers["transfer-encoding"]
            guard codings.isEmpty || codings.count == 1 && codings[0].trimmingBlanks.lowercased() == "chunked" else {
                return try await refuse(
                    .notImplemented("Transfer-Encoding: \(codings.joined(separator: ", "))"), outbound)
            }
            let wantsContinue = head.headers["expect"].contains { $0.lowercased() == "100-continue" }
            let body = RequestBody(
                head: head,
                next: { try await parts.next() },
                beforeFirst: wantsContinue
                    ? { try await outbound.write(.head(HTTPResponseHead(version: .http1_1, status: .continue))) } : nil
            )
            if body.announcedLength ?? 0 == 0, !body.isChunked {
                // Nothing follows but the end; taking it now leaves a clean connection whatever the answer is.
                while try await body.read() != nil {}
            }
            let response = try await responder.respond(to: head, body: body, channel: channel)
            let canDrain =
                !body.isFinished && !body.isBroken && (body.hasStarted || !wantsContinue)
                && outstanding(body) <= Self.drainBytes
            var isKept = head.isKeepAlive && (body.isFinished || canDrain)
            do {
                var sent = head.method == .HEAD ? 0 : response.length
                if let delivery = response.delivery {
                    (sent, isKept) = try await deliver(response, delivery, to: head, keepAlive: isKept)
                } else {
                    try await write(response, to: head, keepAlive: isKept, outbound)
                }
                response.exchange?.finish(received: body.received, sent: sent)
            } catch {
                response.exchange?.finish(received: body.received, sent: 0, isBroken: true)
                throw error
            }
            if !body.isFinished {
                if body.isBroken { return await lingerUnread(outbound) }
                guard canDrain, isKept else { return await linger(parts, outbound) }
                while try await body.read() != nil {}
            }
            if !isKept { return }
        }
    }

    /// Answers what isn't a request, or none whose end is known, and takes no more.
    private func refuse(_ fault: Fault, _ outbound: Outbound) async throws {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
        try await write(service.refuse(fault), to: head, keepAlive: false, outbound)
        await lingerUnread(outbound)
    }

    private func outstanding(_ body: RequestBody) -> Int64 {
        body.announcedLength.map { $0 - body.received } ?? .max
    }

    func head(of response: Response, keepAlive: Bool) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        headers.reserveCapacity(response.headers.count + 2)
        for field in response.headers { headers.add(name: field.name, value: field.value) }
        if response.status != .notModified, response.status != .noContent {
            headers.add(name: "Content-Length", value: String(response.length))
        }
        headers.add(name: "Connection", value: keepAlive ? "keep-alive" : "close")
        return HTTPResponseHead(version: .http1_1, status: response.status, headers: headers)
    }

    private func write(
        _ response: Response, to request: HTTPRequestHead, keepAlive: Bool, _ outbound: Outbound
    ) async throws {
        let head = HTTPServerResponsePart.head(head(of: response, keepAlive: keepAlive))
        switch response.body {
        case .bytes(let bytes) where request.method != .HEAD && !bytes.isEmpty:
            try await outbound.write(
                contentsOf: [head, .body(.byteBuffer(ByteBuffer(bytes: bytes))), .end(nil)])
        case .stored(let segments, _, let lease) where request.method != .HEAD:
            defer { withExtendedLifetime(lease) {} }
            try await send(segments, head, outbound)
        default:
            try await outbound.write(contentsOf: [head, .end(nil)])
        }
    }

    /// Sends stored bytes. The next chunk is read while the one before is on its way; the writer waits where the
    /// client is slow.
    private func send(_ segments: [Segment], _ head: HTTPServerResponsePart, _ outbound: Outbound) async throws {
        let storage = service.catalogue.storage
        let reader = SegmentReader(storage: storage, segments: segments)
        let share = service.budget.share()
        guard storage.isBlocking else {
            var before = [head]
            while let bytes = try reader.read(upTo: share.piece) {
                try await outbound.write(contentsOf: before + [.body(.byteBuffer(bytes))])
                before = []
            }
            try await outbound.write(contentsOf: before + [.end(nil)])
            return
        }
        let pool = service.pool
        let next = { pool.runIfActive(eventLoop: channel.eventLoop) { try reader.read(upTo: share.piece) } }
        try await outbound.write(head)
        var pending = next()
        while let bytes = try await pending.get() {
            pending = next()
            do {
                try await outbound.write(.body(.byteBuffer(bytes)))
            } catch {
                // The read under way must end before its file is closed.
                _ = try? await pending.get()
                throw error
            }
        }
        try await outbound.write(.end(nil))
    }

    /// Ends a connection whose client may still be sending: no more answers, and what comes is dropped for a while.
    private func linger(_ parts: Parts, _ outbound: Outbound) async {
        outbound.finish()
        let timeout = channel.eventLoop.scheduleTask(in: service.configuration.connectionLimits.linger) { [channel] in
            channel.close(promise: nil)
        }
        defer { timeout.cancel() }
        var dropped: Int64 = 0
        while dropped < Self.lingerBytes, let part = try? await parts.next() {
            if case .body(let bytes) = part { dropped += Int64(bytes.readableBytes) }
        }
    }

    /// The same where what comes isn't HTTP any more: no parts of a request come from it, and nobody counts its bytes.
    private func lingerUnread(_ outbound: Outbound) async {
        outbound.finish()
        channel.setOption(.autoRead, value: true).whenSuccess { [channel] in channel.read() }
        let timeout = channel.eventLoop.scheduleTask(in: service.configuration.connectionLimits.linger) { [channel] in
            channel.close(promise: nil)
        }
        defer { timeout.cancel() }
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// The parts of all requests. A class, because several closures take from the one iterator.
    private final class Parts {
        private var iterator: Inbound.AsyncIterator

        init(_ inbound: Inbound) {
            iterator = inbound.makeAsyncIterator()
        }

        func next() async throws -> HTTPServerRequestPart? {
            try await iterator.next()
        }
    }
}
