import Crypto
import Dispatch

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The least a client can do: signed requests over connections that stay open, and answers of which only the length is
/// read. What the server does with it is what the server can do.
struct RawClient: Sendable {
    let server: ServerProcess

    // MARK: Requests

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func stamp() -> String {
        var now = time(nil)
        var fields = tm()
        gmtime_r(&now, &fields)
        let numbers = [
            fields.tm_year + 1900, fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec,
        ].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return numbers[..<3].joined() + "T" + numbers[3...].joined() + "Z"
    }

    /// A signed request up to its body; `path` holds nothing that would need encoding.
    func head(_ method: String, _ path: String, query: [String] = [], length: Int = 0) -> [UInt8] {
        let date = Self.stamp()
        let scope = "\(date.prefix(8))/\(server.region)/oss/aliyun_v4_request"
        let canonical =
            "\(method)\n\(path)\n\(query.sorted().joined(separator: "&"))\n"
            + "x-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:\(date)\n\n\nUNSIGNED-PAYLOAD"
        let toSign = "OSS4-HMAC-SHA256\n\(date)\n\(scope)\n\(Self.hex(SHA256.hash(data: Array(canonical.utf8))))"
        var key = Array("aliyun_v4\(server.accessKeySecret)".utf8)
        for part in scope.split(separator: "/").map(String.init) + [toSign] {
            key = Array(HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: SymmetricKey(data: key)))
        }
        let target = query.isEmpty ? path : "\(path)?\(query.joined(separator: "&"))"
        return Array(
            """
            \(method) \(target) HTTP/1.1\r
            Host: 127.0.0.1:\(server.port)\r
            x-oss-date: \(date)\r
            x-oss-content-sha256: UNSIGNED-PAYLOAD\r
            Authorization: OSS4-HMAC-SHA256 Credential=\(server.accessKeyID)/\(scope),Signature=\(Self.hex(key))\r
            Content-Length: \(length)\r
            \r\n
            """.utf8)
    }

    // MARK: Load

    /// Sends `count` requests over `connections` connections, each with one under way at a time.
    func load(
        _ count: Int, connections: Int = 32, request: @escaping @Sendable (Int) -> [UInt8]
    ) {
        let workers = 2
        let port = server.port
        DispatchQueue.concurrentPerform(iterations: workers) { worker in
            let sockets = (0..<connections / workers).map { _ in RawSocket(port: port) }
            var next = worker
            while next < count {
                var busy: ArraySlice<RawSocket> = []
                for socket in sockets where next < count {
                    socket.send(request(next))
                    next += workers
                    busy = sockets[...busy.endIndex]
                }
                for socket in busy { socket.receive() }
            }
        }
    }

    /// One request on a connection of its own; returns the length of the answer's body.
    @discardableResult
    func send(_ head: [UInt8], body: [UInt8] = [], times: Int = 1) -> Int {
        let socket = RawSocket(port: server.port)
        socket.send(head)
        if !body.isEmpty { for _ in 0..<times { socket.send(body) } }
        return socket.receive()
    }
}

/// A blocking socket.
final class RawSocket {
    private let descriptor: CInt
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)

    init(port: UInt16) {
        #if canImport(Glibc)
            descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { giveUp("cannot connect: \(errno)") }
        var yes: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<CInt>.size))
    }

    deinit {
        close(descriptor)
    }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { giveUp("cannot send: \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Reads one answer, which must be a success, and returns the length of its body.
    @discardableResult
    func receive() -> Int {
        var have = 0
        var headEnd: Int?
        while headEnd == nil {
            guard have < buffer.count else { giveUp("an answer's head is too long") }
            have += take(into: have)
            headEnd = Self.headEnd(buffer[..<have])
        }
        let head = String(decoding: buffer[..<(headEnd ?? 0)], as: UTF8.self)
        guard head.hasPrefix("HTTP/1.1 2") else { giveUp(String(decoding: buffer[..<have], as: UTF8.self)) }
        let field = head.utf8.split(separator: 10).first { line in
            line.prefix(15).map { $0 | 32 }.elementsEqual("content-length:".utf8)
        }
        let digits = field?.dropFirst(15).filter { (48...57).contains($0) } ?? []
        let length = Int(String(decoding: digits, as: UTF8.self)) ?? 0
        var rest = length - (have - (headEnd ?? 0))
        while rest > 0 { rest -= take(into: 0) }
        return length
    }

    private static func headEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
        bytes.withUnsafeBytes { bytes in
            var index = 3
            while index < bytes.count {
                if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10 { return index + 1 }
                index += 1
            }
            return nil
        }
    }

    private func take(into offset: Int) -> Int {
        let count = buffer.withUnsafeMutableBytes {
            read(descriptor, $0.baseAddress?.advanced(by: offset), $0.count - offset)
        }
        guard count > 0 else { giveUp("the connection was closed") }
        return count
    }
}
