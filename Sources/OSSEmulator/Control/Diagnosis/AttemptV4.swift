import Crypto
import NIOHTTP1

/// What goes into a signature of version 4.
struct AttemptV4: SigningAttempt {
    struct Header: Sendable {
        var name: String
        var value: String
    }

    var method: String
    var path: String
    var query: String
    var headers: [Header]
    var additional: String
    var payload: String
    var separator = "\n"
    var headersEnd = "\n"
    var algorithm: String
    var date: String
    /// Date, region, product and end.
    var scope: [String]
    /// The same, as the key has them.
    var keyScope: [String]
    var prefix = "aliyun_v4"
    var secret: String
    var hashesRequest = true

    init?(canonicalRequest: String, stringToSign: String, secret: String) {
        let lines = canonicalRequest.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let signed = stringToSign.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 6, signed.count == 4 else { return nil }
        (method, path, query) = (lines[0], lines[1], lines[2])
        headers = lines[3..<lines.count - 3].compactMap { line in
            line.firstIndex(of: ":").map {
                Header(name: String(line[..<$0]), value: String(line[line.index(after: $0)...]))
            }
        }
        (additional, payload) = (lines[lines.count - 2], lines[lines.count - 1])
        (algorithm, date) = (signed[0], signed[1])
        scope = signed[2].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard scope.count == 4 else { return nil }
        keyScope = scope
        self.secret = secret
    }

    private var request: String {
        [
            method, path, query, headers.map { "\($0.name):\($0.value)\(separator)" }.joined() + headersEnd.dropFirst(),
            additional, payload,
        ].joined(separator: separator)
    }

    var canonicalRequest: String? { request }

    var stringToSign: String {
        let request = Array(request.utf8)
        let last = hashesRequest ? Hex.encode(SHA256.hash(data: request)) : String(decoding: request, as: UTF8.self)
        return [algorithm, date, scope.joined(separator: "/"), last].joined(separator: separator)
    }

    var keyParts: [String] { [prefix + secret] + keyScope }

    static func key(_ parts: [String]) -> SymmetricKey {
        parts.dropFirst().reduce(SymmetricKey(data: Array((parts.first ?? "").utf8))) { key, part in
            SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
    }

    func signature(_ key: SymmetricKey) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(stringToSign.utf8), using: key))
    }

    // MARK: The mistakes

    private typealias Own = Mistake<AttemptV4>

    private static let emptyHash = Hex.encode(SHA256.hash(data: [UInt8]()))
    private static let types = [
        "application/octet-stream", "application/xml", "application/json", "text/plain", "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded", "binary/octet-stream", "",
    ]
    private static let regions = [
        "cn-hangzhou", "cn-shanghai", "cn-beijing", "cn-shenzhen", "cn-qingdao", "cn-zhangjiakou", "cn-huhehaote",
        "cn-wulanchabu", "cn-heyuan", "cn-guangzhou", "cn-chengdu", "cn-hongkong", "us-west-1", "us-east-1",
        "ap-southeast-1", "ap-southeast-5", "ap-northeast-1", "eu-central-1", "eu-west-1", "me-east-1", "default", "",
    ]

    func mistakes(_ head: HTTPRequestHead) -> [Mistake<AttemptV4>] {
        pathMistakes(head) + queryMistakes(head) + headerMistakes(head) + otherMistakes(head)
    }

    private func pathMistakes(_ head: HTTPRequestHead) -> [Own] {
        let sent = Self.parts(of: head.uri).path
        let decoded = Percent.decodeText(path) ?? path
        let components = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        let bucket = components.count > 1 ? String(components[1]) : ""
        let key = components.count > 2 ? String(components[2]) : ""
        var variants: [(String, String)] = [
            ("with the path not percent-encoded", decoded),
            ("with the path percent-encoded twice", Percent.encode(path, keepingSlash: true)),
            ("with the path as it was sent", sent),
            ("with the path as it was sent, percent-encoded again", Percent.encode(sent, keepingSlash: true)),
            ("with a plus sign for each space of the path", path.replacing("%20", with: "+")),
            ("with the path in lower-case percent encoding", Self.lowerCaseEscapes(path)),
            ("with an empty path", ""), ("with the path /", "/"),
        ]
        if !bucket.isEmpty {
            variants += [
                ("with the key's slashes encoded as %2F", "/\(bucket)/\(key.replacing("/", with: "%2F"))"),
                ("without the bucket in the path", "/\(key)"),
                ("without the bucket in the path, not percent-encoded", "/\(Percent.decodeText(key) ?? key)"),
                ("with the bucket twice in the path", "/\(bucket)\(path)"),
                ("without the slash before the bucket", String(path.dropFirst())),
                ("without the slash after the bucket", key.isEmpty ? "/\(bucket)" : "/\(bucket)\(key)"),
            ]
        }
        return variants.map { text, path in Own(.path, text) { $0.path = path } }
    }

    private func queryMistakes(_ head: HTTPRequestHead) -> [Own] {
        let sent = Self.parts(of: head.uri).query.split(separator: "&").map(String.init)
            .filter { !$0.hasPrefix("x-oss-signature=") }
        let pairs = query.split(separator: "&").map(String.init)
        let inSentOrder = sent.map { Percent.encode(Percent.decodeText($0) ?? $0).replacing("%3D", with: "=") }
        var variants: [(String, String)] = [
            ("with the query not sorted", inSentOrder.joined(separator: "&")),
            ("with the query as it was sent", sent.joined(separator: "&")),
            ("with the query as it was sent, sorted", sent.sorted().joined(separator: "&")),
            ("with the query not percent-encoded", pairs.map { Percent.decodeText($0) ?? $0 }.joined(separator: "&")),
            (
                "with the query not percent-encoded and not sorted",
                sent.map { Percent.decodeText($0) ?? $0 }.joined(separator: "&")
            ),
            (
                "with the query percent-encoded twice",
                pairs.map { Percent.encode($0).replacing("%3D", with: "=") }.joined(separator: "&")
            ),
            ("with a plus sign for each space of the query", query.replacing("%20", with: "+")),
            ("with the query's slashes not encoded", query.replacing("%2F", with: "/")),
            ("with the query in lower-case percent encoding", Self.lowerCaseEscapes(query)),
            (
                "with = after parameters that have no value",
                pairs.map { $0.contains("=") ? $0 : $0 + "=" }.joined(separator: "&")
            ),
            ("without the query", ""),
            ("with a question mark before the query", "?" + query),
        ]
        for (index, pair) in pairs.enumerated() where pairs.count <= 32 {
            var rest = pairs
            rest.remove(at: index)
            let name = pair.prefix { $0 != "=" }
            variants.append(("without the parameter \(name)", rest.joined(separator: "&")))
            variants.append(
                (
                    "without the value of the parameter \(name)",
                    (pairs[..<index] + [String(name)] + pairs[(index + 1)...]).joined(separator: "&")
                ))
        }
        return variants.map { text, query in Own(.query, text) { $0.query = query } }
    }

    private func headerMistakes(_ head: HTTPRequestHead) -> [Own] {
        var result: [Own] = []
        for header in headers {
            result.append(
                Own(.headers, "without the header \(header.name)") { attempt in
                    attempt.headers.removeAll { $0.name == header.name }
                })
        }
        func with(_ name: String, _ value: String) -> @Sendable (inout AttemptV4) -> Void {
            { attempt in
                attempt.headers.removeAll { $0.name == name }
                attempt.headers.append(Header(name: name, value: value))
                attempt.headers.sort { $0.name < $1.name }
            }
        }
        let signed = Set(headers.map(\.name))
        var sent: [String: String] = [:]
        for (name, value) in head.headers { sent[name.lowercased()] = value.trimmingBlanks }
        for (name, value) in sent.sorted(by: { $0.key < $1.key })
        where !signed.contains(name) && name != "authorization" {
            result.append(Own(.headers, "with the header \(name), which is not one of those signed", with(name, value)))
        }
        let type = sent["content-type"]
        if let type, let end = type.firstIndex(of: ";") {
            let bare = type[..<end].trimmingBlanks
            result.append(
                Own(.headers, "with the content-type \(bare) and sent \(type)", with("content-type", bare)))
        }
        for other in Self.types where other != type {
            result.append(
                Own(
                    .headers, "with the content-type '\(other)' and sent \(type.map { "'\($0)'" } ?? "none")",
                    with("content-type", other)))
        }
        let order = Dictionary(
            head.headers.enumerated().map { ($0.element.name.lowercased(), $0.offset) }
        ) { first, _ in first }
        let names = Dictionary(head.headers.map { ($0.name.lowercased(), $0.name) }) { first, _ in first }
        return result + [
            Own(.headers, "with the headers not sorted") { attempt in
                attempt.headers.sort { order[$0.name] ?? 0 < order[$1.name] ?? 0 }
            },
            Own(.headers, "with the names of headers not in lower case") { attempt in
                for index in attempt.headers.indices {
                    attempt.headers[index].name = names[attempt.headers[index].name] ?? attempt.headers[index].name
                }
            },
            Own(.headers, "without any header") { $0.headers = [] },
            Own(.headers, "with only the x-oss- headers") { attempt in
                attempt.headers.removeAll { !$0.name.hasPrefix("x-oss-") }
            },
            Own(.form, "without the line feed after the headers") { $0.headersEnd = "" },
        ]
    }

    private func otherMistakes(_ head: HTTPRequestHead) -> [Own] {
        let named = Set(additional.split(separator: ";").map(String.init))
        var result: [Own] = [
            Own(.additional, "without the line of additional headers") { $0.additional = "" },
            Own(.additional, "with the names of all signed headers as additional ones") { attempt in
                attempt.additional = attempt.headers.map { $0.name.lowercased() }.joined(separator: ";")
            },
            Own(.additional, "without the additional headers and their line") { attempt in
                attempt.headers.removeAll { named.contains($0.name) }
                attempt.additional = ""
            },
            Own(.payload, "with the hash of an empty body as payload") { $0.payload = Self.emptyHash },
            Own(.payload, "with an empty payload line") { $0.payload = "" },
            Own(.payload, "with UNSIGNED-PAYLOAD as payload") { $0.payload = "UNSIGNED-PAYLOAD" },
            Own(.form, "with CR and LF at the ends of lines") { $0.separator = "\r\n" },
            Own(.form, "the canonical request itself instead of its hash") { $0.hashesRequest = false },
            Own(.scope, "with a key that starts from AWS4 instead of aliyun_v4") { $0.prefix = "AWS4" },
            Own(.scope, "with a key that starts from the secret alone") { $0.prefix = "" },
            Own(.scope, "as AWS does, with AWS4 and aws4_request") { attempt in
                attempt.prefix = "AWS4"
                attempt.algorithm = "AWS4-HMAC-SHA256"
                attempt.scope[3] = "aws4_request"
                attempt.keyScope[3] = "aws4_request"
            },
            Own(.date, "with the whole date in the key") { $0.keyScope[0] = $0.date },
        ]
        if let hash = head.headers.first(name: "x-oss-content-sha256")?.trimmingBlanks {
            result.append(Own(.payload, "with the payload \(hash)") { $0.payload = hash })
        }
        for region in Self.regions + ["oss-\(scope[1])"] where region != scope[1] {
            result.append(
                Own(.scope, "for the region '\(region)' instead of \(scope[1])") { attempt in
                    attempt.scope[1] = region
                    attempt.keyScope[1] = region
                })
            result.append(
                Own(.scope, "with a key for the region '\(region)' instead of \(scope[1])") { $0.keyScope[1] = region })
        }
        for product in ["s3", "OSS", "oss-cloudbox", "osstables", ""] where product != scope[2] {
            result.append(
                Own(.scope, "for the product '\(product)' instead of \(scope[2])") { attempt in
                    attempt.scope[2] = product
                    attempt.keyScope[2] = product
                })
        }
        let day = String(date.prefix(8))
        let dates = [
            ("x-oss-date header", head.headers.first(name: "x-oss-date")?.trimmingBlanks),
            ("Date header", head.headers.first(name: "date")?.trimmingBlanks),
            (
                "Date header, as \(day)T…Z",
                head.headers.first(name: "date").flatMap { EmulatorInstant(httpDate: $0.trimmingBlanks) }?.basicISO8601
            ),
            ("day alone", day),
        ]
        for case (let text, let date?) in dates where date != self.date {
            result.append(Own(.date, "with the date of the \(text)") { $0.date = date })
        }
        if let instant = EmulatorInstant(basicISO8601: date) {
            for (text, offset) in [("before", -86_400_000), ("after", 86_400_000)] as [(String, Int64)] {
                let other = String(instant.advanced(by: offset).basicISO8601.prefix(8))
                result.append(
                    Own(.date, "with a key of the day \(text), \(other)") { attempt in attempt.keyScope[0] = other })
                result.append(
                    Own(.date, "with the day \(text), \(other)") { attempt in
                        attempt.scope[0] = other
                        attempt.keyScope[0] = other
                    })
            }
        }
        return result
    }

    static func parts(of uri: String) -> (path: String, query: String) {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts.first ?? ""), parts.count > 1 ? String(parts[1]) : "")
    }

    static func lowerCaseEscapes(_ text: String) -> String {
        var digits = 0
        return String(
            text.map { character -> Character in
                defer { digits = character == "%" ? 2 : max(0, digits - 1) }
                return digits > 0 ? Character(character.lowercased()) : character
            })
    }
}
