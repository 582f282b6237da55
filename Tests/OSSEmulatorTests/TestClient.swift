import Crypto
import Dispatch
import OSSEmulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A signer of its own, so that a mistake in the emulator's is not made twice.
struct TestSigner {
    var accessKeyID: String
    var accessKeySecret: String
    var region: String
    /// `20231216T162057Z`.
    var date: String
    /// The Date header, where that is signed instead.
    var httpDate: String?

    private var day: String { String(date.prefix(8)) }
    private var scope: String { "\(day)/\(region)/oss/aliyun_v4_request" }

    static func escape(_ text: String, slash: Bool = false) -> String {
        var result = ""
        for byte in text.utf8 {
            let character = Character(Unicode.Scalar(byte))
            if byte < 128, character.isLetter || character.isNumber || "-._~".contains(character) || slash && byte == 47
            {
                result.append(character)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    func signature(
        method: String, resource: String, query: [(String, String)], headers: [String: String],
        additional: [String] = []
    ) -> String {
        let canonicalQuery =
            query
            .map { (Self.escape($0.0), Self.escape($0.1)) }
            .sorted { Array($0.0.utf8).lexicographicallyPrecedes(Array($1.0.utf8)) }
            .map { $0.1.isEmpty ? $0.0 : "\($0.0)=\($0.1)" }
            .joined(separator: "&")
        let canonicalHeaders =
            headers
            .map { ($0.key.lowercased(), $0.value) }
            .filter {
                $0.0.hasPrefix("x-oss-") || $0.0 == "content-type" || $0.0 == "content-md5" || additional.contains($0.0)
            }
            .sorted { $0.0 < $1.0 }
            .map { "\($0.0):\($0.1)\n" }
            .joined()
        let request = [
            method, Self.escape(resource, slash: true), canonicalQuery, canonicalHeaders,
            additional.sorted().joined(separator: ";"), "UNSIGNED-PAYLOAD",
        ].joined(separator: "\n")
        let toSign =
            "OSS4-HMAC-SHA256\n\(httpDate ?? date)\n\(scope)\n\(Self.hex(SHA256.hash(data: Array(request.utf8))))"
        var key = Array("aliyun_v4\(accessKeySecret)".utf8)
        for part in [day, region, "oss", "aliyun_v4_request", toSign] {
            key = Array(HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: SymmetricKey(data: key)))
        }
        return Self.hex(key)
    }

    func authorization(
        method: String, resource: String, query: [(String, String)], headers: [String: String],
        additional: [String] = []
    ) -> String {
        let signature = signature(
            method: method, resource: resource, query: query, headers: headers, additional: additional)
        let names = additional.isEmpty ? "" : ",AdditionalHeaders=\(additional.sorted().joined(separator: ";"))"
        return "OSS4-HMAC-SHA256 Credential=\(accessKeyID)/\(scope)\(names),Signature=\(signature)"
    }

    /// The query of a signed URL, ready to be sent.
    func presign(
        method: String, resource: String, query: [(String, String)] = [], headers: [String: String] = [:],
        expires: Int, additional: [String] = []
    ) -> String {
        var all =
            query + [
                ("x-oss-signature-version", "OSS4-HMAC-SHA256"), ("x-oss-date", date), ("x-oss-expires", "\(expires)"),
                ("x-oss-credential", "\(accessKeyID)/\(scope)"),
            ]
        if !additional.isEmpty { all.append(("x-oss-additional-headers", additional.sorted().joined(separator: ";"))) }
        let signature = signature(
            method: method, resource: resource, query: all, headers: headers, additional: additional)
        all.append(("x-oss-signature", signature))
        return all.map { "\(Self.escape($0.0))=\(Self.escape($0.1))" }.joined(separator: "&")
    }
}

struct Reply: Sendable {
    var status: Int
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The text of the first element of this name.
    func element(_ name: String) -> String? {
        elements(name).first
    }

    func elements(_ name: String) -> [String] {
        let pieces = text.split(separator: "<\(name)>", omittingEmptySubsequences: false).dropFirst()
        return pieces.compactMap { piece in
            piece.split(separator: "</\(name)>", omittingEmptySubsequences: false).first.map(String.init)
        }
    }
}

struct SocketFailure: Error {
    var what: String
}

/// A plain blocking socket, used away from the cooperative threads.
final class Socket: Sendable {
    private let descriptor: CInt
    private let queue = DispatchQueue(label: "socket")

    init(port: Int) throws {
        #if canImport(Darwin)
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
            descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw SocketFailure(what: "connect") }
        // Only what never comes takes longer, on whatever machine.
        var timeout = timeval(tv_sec: 600, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    private func run<Result: Sendable>(_ body: @escaping @Sendable (CInt) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in continuation.resume(with: Swift.Result { try body(descriptor) }) }
        }
    }

    private static func send(_ bytes: [UInt8], to descriptor: CInt) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { pointer in
                #if canImport(Darwin)
                    Darwin.send(descriptor, pointer.baseAddress! + sent, pointer.count - sent, 0)
                #elseif canImport(Glibc)
                    Glibc.send(descriptor, pointer.baseAddress! + sent, pointer.count - sent, CInt(MSG_NOSIGNAL))
                #else
                    Musl.send(descriptor, pointer.baseAddress! + sent, pointer.count - sent, MSG_NOSIGNAL)
                #endif
            }
            guard count > 0 else { throw SocketFailure(what: "send") }
            sent += count
        }
    }

    func write(_ bytes: [UInt8]) async throws {
        try await run { try Self.send(bytes, to: $0) }
    }

    func write(_ text: String) async throws {
        try await write(Array(text.utf8))
    }

    /// Sends the same block over and over.
    func write(_ block: [UInt8], times: Int) async throws {
        try await run { descriptor in
            for _ in 0..<times { try Self.send(block, to: descriptor) }
        }
    }

    /// Sends nothing more, but still receives.
    func finish() async throws {
        try await run { _ = shutdown($0, CInt(SHUT_WR)) }
    }

    private static func receive(_ descriptor: CInt, _ chunk: inout [UInt8]) throws -> Int {
        let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw SocketFailure(what: "receive") }
        return count
    }

    /// The next whole reply; interim ones are given too.
    func read(isHead: Bool = false) async throws -> Reply {
        try await run { descriptor in
            var bytes: [UInt8] = []
            var one = [UInt8](repeating: 0, count: 1)
            while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
                guard try Self.receive(descriptor, &one) == 1 else { throw SocketFailure(what: "closed") }
                bytes.append(one[0])
            }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
            var reply = Reply(status: Int(lines[0].split(separator: " ")[1]) ?? 0, headers: [:], body: [])
            for line in lines.dropFirst() {
                let colon = line.firstIndex(of: ":") ?? line.startIndex
                reply.headers[line[..<colon].lowercased()] = String(
                    line[line.index(after: colon)...].drop { $0 == " " })
            }
            let length = isHead || reply.status == 304 ? 0 : Int(reply.headers["content-length"] ?? "0") ?? 0
            var chunk = [UInt8](repeating: 0, count: 65536)
            while reply.body.count < length {
                if length - reply.body.count < chunk.count {
                    chunk = [UInt8](repeating: 0, count: length - reply.body.count)
                }
                let count = try Self.receive(descriptor, &chunk)
                guard count > 0 else { throw SocketFailure(what: "closed in the body") }
                reply.body.append(contentsOf: chunk[..<count])
            }
            return reply
        }
    }

    /// Exactly so many bytes.
    func read(count: Int) async throws -> [UInt8] {
        try await run { descriptor in
            var bytes: [UInt8] = []
            while bytes.count < count {
                var chunk = [UInt8](repeating: 0, count: count - bytes.count)
                let received = try Self.receive(descriptor, &chunk)
                guard received > 0 else { throw SocketFailure(what: "closed") }
                bytes += chunk[..<received]
            }
            return bytes
        }
    }

    /// All that comes until the other side closes, and whether it was a reset.
    func readToEnd() async throws -> (text: String, isReset: Bool) {
        try await run { descriptor in
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
                if count < 0, errno != ECONNRESET { throw SocketFailure(what: "receive") }
                guard count > 0 else { return (String(decoding: bytes, as: UTF8.self), count < 0) }
                bytes += chunk[..<count]
            }
        }
    }

    /// Counts what comes until the other side closes.
    func drain() async throws -> Int {
        try await run { descriptor in
            var total = 0
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = try Self.receive(descriptor, &chunk)
                if count == 0 { return total }
                total += count
            }
        }
    }
}

/// Sends signed requests, each on a connection of its own.
struct TestClient {
    var emulator: Emulator
    var now: EmulatorInstant
    var accessKeyID: String
    var accessKeySecret: String

    init(_ emulator: Emulator, now: EmulatorInstant = .now) {
        self.emulator = emulator
        self.now = now
        accessKeyID = emulator.accessKeyID
        accessKeySecret = emulator.accessKeySecret
    }

    var signer: TestSigner {
        TestSigner(
            accessKeyID: accessKeyID, accessKeySecret: accessKeySecret, region: emulator.region, date: Self.stamp(now))
    }

    static func stamp(_ instant: EmulatorInstant) -> String {
        var seconds = time_t(instant.millisecondsSince1970 / 1000)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(fields.tm_year + 1900)\(two(fields.tm_mon + 1))\(two(fields.tm_mday))"
            + "T\(two(fields.tm_hour))\(two(fields.tm_min))\(two(fields.tm_sec))Z"
    }

    /// The text of a request up to its body.
    func head(
        _ method: String, _ resource: String, query: [(String, String)] = [], headers: [String: String] = [:],
        additional: [String] = [], isSigned: Bool = true
    ) -> String {
        var all = headers
        if isSigned {
            all["x-oss-date"] = TestClient.stamp(now)
            all["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD"
            all["Authorization"] = signer.authorization(
                method: method, resource: resource, query: query, headers: all, additional: additional)
        }
        let text = query.map {
            $0.1.isEmpty ? TestSigner.escape($0.0) : "\(TestSigner.escape($0.0))=\(TestSigner.escape($0.1))"
        }
        let target = TestSigner.escape(resource, slash: true) + (text.isEmpty ? "" : "?" + text.joined(separator: "&"))
        if all["Host"] == nil { all["Host"] = "127.0.0.1:\(emulator.port)" }
        return "\(method) \(target) HTTP/1.1\r\n" + all.map { "\($0.key): \($0.value)\r\n" }.joined() + "\r\n"
    }

    /// - Parameter resource: `/bucket/key`, not encoded.
    func send(
        _ method: String, _ resource: String, query: [(String, String)] = [], headers: [String: String] = [:],
        body: [UInt8] = [], additional: [String] = [], isSigned: Bool = true
    ) async throws -> Reply {
        var headers = headers
        headers["Content-Length"] = headers["Content-Length"] ?? "\(body.count)"
        let socket = try Socket(port: emulator.port)
        let head = head(method, resource, query: query, headers: headers, additional: additional, isSigned: isSigned)
        try await socket.write(Array(head.utf8) + body)
        return try await socket.read(isHead: method == "HEAD")
    }

    func send(
        _ method: String, _ resource: String, query: [(String, String)] = [], headers: [String: String] = [:],
        text: String
    ) async throws -> Reply {
        try await send(method, resource, query: query, headers: headers, body: Array(text.utf8))
    }

    /// Sends bytes as they are.
    func raw(_ text: String, isHead: Bool = false) async throws -> Reply {
        let socket = try Socket(port: emulator.port)
        try await socket.write(text)
        return try await socket.read(isHead: isHead)
    }
}

/// Where tests may make folders.
func temporaryFolder() -> String {
    getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
}

/// Runs a test with an emulator of its own and a bucket `bkt`. No time passes in it, and none of its limits is reached,
/// unless the test says so.
func withEmulator(
    _ change: (inout EmulatorConfiguration) -> Void = { _ in }, _ body: (TestClient) async throws -> Void
) async throws {
    var configuration = EmulatorConfiguration.unhurried
    let start = EmulatorInstant.now
    configuration.now = { start }
    change(&configuration)
    let emulator = try await Emulator.start(configuration)
    do {
        let client = TestClient(emulator, now: configuration.now())
        _ = try await client.send("PUT", "/bkt/")
        try await body(client)
    } catch {
        try await emulator.shutdown()
        throw error
    }
    try await emulator.shutdown()
}

func md5Header(_ body: [UInt8]) -> String {
    base64(Array(Insecure.MD5.hash(data: body)))
}

func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var result = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for place in 0..<4 {
            result.append(place <= group.count ? letters[bits >> (18 - 6 * place) & 63] : "=")
        }
    }
    return result
}
