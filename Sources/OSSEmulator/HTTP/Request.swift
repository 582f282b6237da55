import Logging
import NIOCore
import NIOHTTP1

/// A request's head with what was found out about it.
struct Request: Sendable {
    let id: String
    let head: HTTPRequestHead
    var target: RequestTarget
    var operation: Operation
    /// When it came, by the emulator's clock.
    let received: EmulatorInstant
    let logger: Logger
    /// The address that it came from, without the port.
    var client = ""

    var query: Query { target.query }
    var headers: HTTPHeaders { head.headers }

    /// The first value of a header, trimmed.
    func header(_ name: String) -> String? {
        headers.first(name: name)?.trimmingBlanks
    }

    func nonEmptyHeader(_ name: String) -> String? {
        header(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A header that says yes or no; absent is no.
    func flag(_ name: String) throws(Fault) -> Bool {
        guard let value = nonEmptyHeader(name) else { return false }
        switch value.lowercased() {
        case "true": return true
        case "false": return false
        default: throw .invalidArgument(name, value, "The value of the header \(name) must be true or false.")
        }
    }
}

/// The body of a request, taken piece by piece; what isn't asked for stays on the wire.
///
/// Used by the one task that serves the connection.
final class RequestBody {
    private let next: () async throws -> HTTPServerRequestPart?
    private let beforeFirst: (() async throws -> Void)?
    private(set) var isFinished = false
    private(set) var hasStarted = false
    /// Nothing more can come.
    private(set) var isBroken = false
    private(set) var received: Int64 = 0
    /// What the request announced; nil for a chunked body.
    let announcedLength: Int64?
    let isChunked: Bool
    /// Called with the size of every piece, to slow the client down.
    var pace: ((Int) async throws -> Void)?

    /// - Parameter beforeFirst: sends `100 Continue` when the client waits for it.
    init(
        head: HTTPRequestHead, next: @escaping () async throws -> HTTPServerRequestPart?,
        beforeFirst: (() async throws -> Void)?
    ) {
        self.next = next
        self.beforeFirst = beforeFirst
        isChunked = head.headers["transfer-encoding"].contains { $0.lowercased().contains("chunked") }
        announcedLength = isChunked ? nil : head.headers.first(name: "content-length").flatMap { Int64($0) }
    }

    /// The next piece; nil at the end.
    func read() async throws -> ByteBuffer? {
        guard !isFinished else { return nil }
        if !hasStarted {
            hasStarted = true
            if let beforeFirst, isChunked || announcedLength ?? 0 > 0 { try await beforeFirst() }
        }
        switch try await nextPart() {
        case .body(let bytes):
            received += Int64(bytes.readableBytes)
            try await pace?(bytes.readableBytes)
            return bytes
        case .end:
            isFinished = true
            return nil
        case .head, nil:
            isBroken = true
            throw ConnectionLost()
        }
    }

    private func nextPart() async throws -> HTTPServerRequestPart? {
        do {
            return try await next()
        } catch let fault as Fault {
            // Of a form's piece, for instance; the connection is as it was.
            throw fault
        } catch {
            isBroken = true
            if error is StalledBody { throw Fault.requestTimeout }
            if let error = error as? HTTPParserError, error.hasListener { throw Fault.invalidRequest }
            throw ConnectionLost()
        }
    }

    /// The whole of a small body.
    func collect(upTo limit: Int) async throws -> [UInt8] {
        if let announcedLength, announcedLength > Int64(limit) { throw Fault.bodyTooLarge }
        var result: [UInt8] = []
        while let bytes = try await read() {
            guard result.count + bytes.readableBytes <= limit else { throw Fault.bodyTooLarge }
            result.append(contentsOf: bytes.readableBytesView)
        }
        return result
    }
}

/// The client went away in the middle of a request: there is nobody to answer.
struct ConnectionLost: Error {}

extension HTTPParserError {
    /// Whether there may be somebody to tell: a client that closes in the middle of a request has left.
    var hasListener: Bool {
        if case .invalidEOFState = self { false } else { true }
    }
}
