import NIOHTTP1
import Testing

@testable import OSSEmulator

/// The same numbers in every run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// A signed request as it goes over the wire, in the bytes that a bit can be turned in.
private struct WireRequest {
    enum Part: String, CaseIterable {
        case method, path, query, headerName = "header name", headerValue = "header value", date,
            scope = "region and scope", accessKeyID = "access key ID", signature
    }

    var method: [UInt8]
    /// Path and query, encoded.
    var target: [UInt8]
    /// Those that are signed, and `Authorization`.
    var headers: [(name: [UInt8], value: [UInt8])]
    var unsigned: [(String, String)] = []

    static let date = "20231216T162057Z"
    static let region = "cn-hangzhou"

    /// Letters, and whatever is hard to encode.
    private static let alphabet: [String] =
        (33...126).map { String(Unicode.Scalar(UInt8($0))) } + [" ", "é", "e\u{301}", "中", "😀", "ß", "%20", "//", "."]

    private static func text(_ length: ClosedRange<Int>, _ random: inout SeededGenerator) -> String {
        (0..<Int.random(in: length, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "" }.joined()
    }

    private static func word(_ length: ClosedRange<Int>, _ random: inout SeededGenerator) -> String {
        String(
            (0..<Int.random(in: length, using: &random)).map { _ in
                "abcdefghijklmnopqrstuvwxyz0123456789".randomElement(using: &random) ?? "a"
            })
    }

    /// - Parameter resource: nil draws one, and a method.
    init(
        _ random: inout SeededGenerator, _ signer: TestSigner, token: String?, method: String? = nil,
        resource: String? = nil, host: String
    ) {
        let method =
            method ?? ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"].randomElement(using: &random) ?? "GET"
        let resource =
            resource ?? [
                "/", "/\(Self.word(3...9, &random))/", "/\(Self.word(3...9, &random))/\(Self.text(1...20, &random))",
            ]
            .randomElement(using: &random) ?? "/"
        var query: [(String, String)] = []
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            // Names apart from each other, so that their order is one; none is a word of the service.
            let name = "q\(query.count)" + Self.text(0...6, &random)
            query.append((name, Bool.random(using: &random) ? "" : Self.text(0...12, &random)))
        }
        var signed: [String: String] = [:]
        for number in 0..<Int.random(in: 0...3, using: &random) {
            signed["x-oss-meta-\(number)\(Self.word(0...5, &random))"] = Self.header(&random)
        }
        if Bool.random(using: &random) { signed["Content-Type"] = "text/\(Self.word(1...8, &random))" }
        if Bool.random(using: &random) {
            signed["Content-MD5"] = md5Header([])
        }
        var additional: [String] = []
        if Bool.random(using: &random) {
            additional = ["host", "range", "x-custom"].filter { _ in Bool.random(using: &random) }
            for name in additional { signed[name] = name == "host" ? host : Self.header(&random) }
        }
        if signed["host"] == nil { unsigned.append(("Host", host)) }
        self.method = Array(method.utf8)
        let path = TestSigner.escape(resource, slash: true)
        if Bool.random(using: &random) {
            // In the query; a security token is in it too.
            let all = query + (token.map { [("x-oss-security-token", $0)] } ?? [])
            target = Array(
                (path + "?"
                    + signer.presign(
                        method: method, resource: resource, query: all, headers: signed, expires: 600,
                        additional: additional)).utf8)
        } else {
            signed["x-oss-date"] = signer.date
            signed["x-oss-content-sha256"] = "UNSIGNED-PAYLOAD"
            if let token { signed["x-oss-security-token"] = token }
            let pairs = query.map {
                $0.1.isEmpty ? TestSigner.escape($0.0) : "\(TestSigner.escape($0.0))=\(TestSigner.escape($0.1))"
            }
            target = Array((path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))).utf8)
            let authorization = signer.authorization(
                method: method, resource: resource, query: query, headers: signed, additional: additional)
            signed["Authorization"] = authorization
        }
        headers = signed.sorted { $0.key < $1.key }.map { (Array($0.key.utf8), Array($0.value.utf8)) }
    }

    /// No blanks at the ends, which don't count.
    private static func header(_ random: inout SeededGenerator) -> String {
        "v" + text(0...12, &random) + "v"
    }

    // MARK: Turning bits

    /// Where a bit can be turned: in the method, the target, or a header.
    enum Place: Hashable {
        case method, target, name(Int), value(Int)
    }

    var places: [Place] {
        [.method, .target] + headers.indices.flatMap { [.name($0), .value($0)] }
    }

    subscript(place: Place) -> [UInt8] {
        get {
            switch place {
            case .method: method
            case .target: target
            case .name(let index): headers[index].name
            case .value(let index): headers[index].value
            }
        }
        set {
            switch place {
            case .method: method = newValue
            case .target: target = newValue
            case .name(let index): headers[index].name = newValue
            case .value(let index): headers[index].value = newValue
            }
        }
    }

    /// What a byte belongs to.
    func part(_ place: Place, _ offset: Int) -> Part {
        let text = self[place]
        func last(_ separator: UInt8, of text: ArraySlice<UInt8>) -> String {
            String(
                decoding: text[text.index(after: text.lastIndex(of: separator) ?? text.startIndex - 1)...],
                as: UTF8.self)
        }
        let field: String
        switch place {
        case .method: return .method
        case .target:
            guard text[...offset].contains(UInt8(ascii: "?")) else { return .path }
            field = last(UInt8(ascii: "&"), of: text[...offset])
        case .name: return .headerName
        case .value(let index):
            let name = String(decoding: headers[index].name, as: UTF8.self)
            guard name == "Authorization" else { return name == "x-oss-date" ? .date : .headerValue }
            field = last(UInt8(ascii: ","), of: text[...offset]).replacing("OSS4-HMAC-SHA256 ", with: "")
        }
        for (name, slash) in [("x-oss-credential=", "%2F"), ("Credential=", "/")] where field.hasPrefix(name) {
            return [.accessKeyID, .date, .scope][min(field.components(of: slash) - 1, 2)]
        }
        if field.hasPrefix("x-oss-date=") { return .date }
        return place == .target && !field.hasPrefix("x-oss-signature=") ? .query : .signature
    }

    /// What stays the same when only the spelling changes: the case of a header's name and of the digits of an escape,
    /// and what may be left out.
    var meaning: [[UInt8]] {
        var normal: [UInt8] = []
        var digits = 0
        for byte in target {
            normal.append(digits > 0 && (97...102).contains(byte) ? byte - 32 : byte)
            digits = byte == UInt8(ascii: "%") ? 2 : max(0, digits - 1)
        }
        // A bucket may go without its slash, and a query that is empty without its question mark.
        if normal.last == UInt8(ascii: "?") { normal.removeLast() }
        let path = normal.prefix { $0 != UInt8(ascii: "?") }
        if path.count > 1, path.count(where: { $0 == UInt8(ascii: "/") }) == 1 {
            normal.insert(UInt8(ascii: "/"), at: path.endIndex)
        }
        return [method, normal]
            + headers.flatMap { [Array(String(decoding: $0.name, as: UTF8.self).lowercased().utf8), $0.value] }
    }

    func isAuthorization(_ place: Place) -> Bool {
        if case .name(let index) = place { headers[index].name == Array("Authorization".utf8) } else { false }
    }

    /// A head that the server's parser could have given; nil where it would have refused.
    var head: HTTPRequestHead? {
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: String(decoding: method, as: UTF8.self)),
            uri: String(decoding: target, as: UTF8.self))
        for (name, value) in unsigned { head.headers.add(name: name, value: value) }
        for header in headers {
            let isToken = header.name.allSatisfy { (33...126).contains($0) && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
            guard isToken, !header.value.contains(where: { $0 < 32 && $0 != 9 || $0 == 127 }) else { return nil }
            head.headers.add(
                name: String(decoding: header.name, as: UTF8.self), value: String(decoding: header.value, as: UTF8.self)
            )
        }
        return head
    }

    /// The bytes of the request, with an empty body.
    var bytes: [UInt8] {
        var bytes = method + Array(" ".utf8) + target + Array(" HTTP/1.1\r\nContent-Length: 0\r\n".utf8)
        for (name, value) in unsigned { bytes += Array("\(name): \(value)\r\n".utf8) }
        for (name, value) in headers { bytes += name + Array(": ".utf8) + value + Array("\r\n".utf8) }
        return bytes + Array("\r\n".utf8)
    }
}

extension String {
    fileprivate func components(of separator: String) -> Int {
        split(separator: separator, omittingEmptySubsequences: false).count
    }
}

/// How many turned bits were refused, and how many changed nothing but the spelling.
private struct Tally {
    var refused: [String: Int] = [:]
    var spelling: [String: Int] = [:]

    func show(_ title: String, requests: Int) {
        let names = Set(refused.keys).union(spelling.keys).sorted()
        print("\(title): \(requests) requests")
        for name in names {
            print("  \(name): \(refused[name] ?? 0) refused, \(spelling[name] ?? 0) only spelled otherwise")
        }
        print(
            "  in all: \(refused.values.reduce(0, +)) refused, \(spelling.values.reduce(0, +)) only spelled otherwise")
    }
}

/// A signature of version 4 with one bit of the request changed is refused.
@Suite struct SignaturePropertyTests {
    private static let instant = EmulatorInstant(secondsSince1970: 1_702_743_657)
    private static let secret = "s3cret-of-Twenty-bytes"

    private enum Outcome: Equatable {
        case accepted, refused, unsigned
    }

    private func outcome(_ request: WireRequest, _ authenticator: Authenticator) -> Outcome {
        guard let head = request.head else { return .refused }
        do {
            let host = head.headers.first(name: "host")
            let target = try RequestTarget(uri: head.uri, host: host, domains: ["localhost"])
            let request = Request(
                id: "", head: head, target: target, operation: .notHere, received: Self.instant,
                logger: EmulatorConfiguration().logger)
            var check = SignatureCheck()
            return try authenticator.identify(request, check: &check) == .anonymous ? .unsigned : .accepted
        } catch {
            return (400..<500).contains(error.status.code) ? .refused : .accepted
        }
    }

    @Test func anyTurnedBitIsRefused() {
        var random = SeededGenerator(state: 20_231_216)
        var tally = Tally()
        let count = 40
        for number in 0..<count {
            let token = number % 3 == 0 ? "to+ken/\(number)==" : nil
            func authenticator(_ change: (inout EmulatorCredential, inout String) -> Void = { _, _ in })
                -> Authenticator
            {
                var credential = EmulatorCredential(
                    accessKeyID: "key-ID.1", accessKeySecret: Self.secret, securityToken: token)
                var region = WireRequest.region
                change(&credential, &region)
                return Authenticator(credentials: CredentialStore([credential]), region: region)
            }
            let right = authenticator()
            let signer = TestSigner(
                accessKeyID: "key-ID.1", accessKeySecret: Self.secret, region: WireRequest.region,
                date: WireRequest.date)
            let request = WireRequest(&random, signer, token: token, host: "127.0.0.1:4711")
            #expect(outcome(request, right) == .accepted, "\(String(decoding: request.bytes, as: UTF8.self))")

            // One bit of each byte in turn.
            for place in request.places {
                for offset in request[place].indices {
                    var turned = request
                    turned[place][offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    let part = request.part(place, offset).rawValue
                    switch outcome(turned, right) {
                    case .refused: tally.refused[part, default: 0] += 1
                    // A URL without its question mark, and a request without Authorization, nobody signed. That
                    // opens nothing, which is seen over HTTP.
                    case .unsigned:
                        let isQuestionMark = place == .target && request.target[offset] == UInt8(ascii: "?")
                        #expect(isQuestionMark || request.isAuthorization(place))
                        tally.refused[part, default: 0] += 1
                    case .accepted:
                        #expect(
                            turned.meaning == request.meaning,
                            "\(place) \(offset): \(String(decoding: turned.bytes, as: UTF8.self))")
                        tally.spelling[part, default: 0] += 1
                    }
                }
            }
            // The server's side: another secret, another key, another region.
            func turned(_ text: String, _ offset: Int) -> String {
                var bytes = Array(text.utf8)
                // The highest bit would make it no text.
                bytes[offset] ^= 1 << UInt8.random(in: 0..<7, using: &random)
                return String(decoding: bytes, as: UTF8.self)
            }
            for offset in Self.secret.utf8.indices.enumerated().map(\.offset) {
                #expect(
                    outcome(
                        request,
                        authenticator { credential, _ in credential.accessKeySecret = turned(Self.secret, offset) })
                        == .refused)
                tally.refused["the server's secret", default: 0] += 1
            }
            for offset in 0..<"key-ID.1".utf8.count {
                #expect(
                    outcome(
                        request, authenticator { credential, _ in credential.accessKeyID = turned("key-ID.1", offset) })
                        == .refused)
                tally.refused["the server's key ID", default: 0] += 1
            }
            for offset in 0..<WireRequest.region.utf8.count {
                #expect(
                    outcome(request, authenticator { _, region in region = turned(WireRequest.region, offset) })
                        == .refused)
                tally.refused["the server's region", default: 0] += 1
            }
        }
        tally.show("bits turned before the verifier", requests: count)
        for part in WireRequest.Part.allCases { #expect(tally.refused[part.rawValue] ?? 0 > 50, "\(part)") }
    }

    /// The same over HTTP, for a draw of all bits.
    @Test func anyTurnedBitIsRefusedOverHTTP() async throws {
        try await withEmulator {
            $0.now = { Self.instant }
        } _: { client async throws in
            _ = try await client.send("PUT", "/bkt/k é+", text: "x")
            var random = SeededGenerator(state: 42)
            var tally = Tally()
            let count = 12
            for _ in 0..<count {
                let request = WireRequest(
                    &random, client.signer, token: nil, method: ["GET", "PUT", "DELETE"].randomElement(using: &random),
                    resource: "/bkt/k é+", host: "127.0.0.1:\(client.emulator.port)")
                func status(_ request: WireRequest) async throws -> Int {
                    let socket = try Socket(port: client.emulator.port)
                    try await socket.write(request.bytes)
                    return try await socket.read().status
                }
                let right = try await status(request)
                #expect((200..<300).contains(right), "\(right): \(String(decoding: request.bytes, as: UTF8.self))")
                let bits = request.places.flatMap { place in request[place].indices.map { (place, $0) } }
                for (place, offset) in bits.shuffled(using: &random).prefix(120) {
                    var turned = request
                    turned[place][offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    let part = request.part(place, offset).rawValue
                    let answer = try await status(turned)
                    if (400..<500).contains(answer) {
                        tally.refused[part, default: 0] += 1
                    } else {
                        #expect(
                            turned.meaning == request.meaning,
                            "\(answer): \(String(decoding: turned.bytes, as: UTF8.self))")
                        tally.spelling[part, default: 0] += 1
                    }
                }
                _ = try await client.send("PUT", "/bkt/k é+", text: "x")
            }
            tally.show("bits turned over HTTP", requests: count)
        }
    }
}
