import Crypto
import NIOHTTP1

/// What goes into a signature of version 1, or of version 2, which has a line of additional headers more, encodes the
/// resource and signs with SHA-256.
struct AttemptV1: SigningAttempt {
    var method: String
    var md5: String
    var type: String
    var date: String
    var headers: [String]
    var resource: String
    var secret: String
    var additional: String?
    var isSHA256 = false

    init?(stringToSign: String, secret: String, isVersion2: Bool = false) {
        let lines = stringToSign.split(separator: "\n", maxSplits: 4, omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 5 else { return nil }
        (method, md5, type, date) = (lines[0], lines[1], lines[2], lines[3])
        var rest = lines[4][...]
        headers = []
        while rest.hasPrefix("x-oss-"), let end = rest.firstIndex(of: "\n") {
            headers.append(String(rest[..<end]))
            rest = rest[rest.index(after: end)...]
        }
        self.secret = secret
        isSHA256 = isVersion2
        if isVersion2 {
            var more = rest.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            guard more.count >= 2 else { return nil }
            resource = more.removeLast()
            additional = more.removeLast()
            headers += more
        } else {
            resource = String(rest)
        }
    }

    var canonicalRequest: String? { nil }

    var stringToSign: String {
        ([method, md5, type, date] + headers + [additional, resource].compactMap { $0 }).joined(separator: "\n")
    }

    var keyParts: [String] { [secret, isSHA256 ? "SHA256" : "SHA1"] }

    static func key(_ parts: [String]) -> SymmetricKey { SymmetricKey(data: Array((parts.first ?? "").utf8)) }

    func signature(_ key: SymmetricKey) -> [UInt8] {
        let text = Array(stringToSign.utf8)
        return isSHA256
            ? Array(HMAC<SHA256>.authenticationCode(for: text, using: key))
            : Array(HMAC<Insecure.SHA1>.authenticationCode(for: text, using: key))
    }

    private typealias Own = Mistake<AttemptV1>

    func mistakes(_ head: HTTPRequestHead) -> [Mistake<AttemptV1>] {
        var result: [Own] = [
            isSHA256
                ? Own(.form, "with HMAC-SHA1 instead of HMAC-SHA256") { $0.isSHA256 = false }
                : Own(.form, "with HMAC-SHA256 instead of HMAC-SHA1") { $0.isSHA256 = true },
            Own(.headers, "without the x-oss- headers") { $0.headers = [] },
            Own(.headers, "with the x-oss- headers not sorted") { attempt in
                let order = head.headers.map { $0.name.lowercased() }
                attempt.headers.sort { left, right in
                    func place(_ line: String) -> Int { order.firstIndex(of: String(line.prefix { $0 != ":" })) ?? 0 }
                    return place(left) < place(right)
                }
            },
        ]
        for line in headers {
            result.append(
                Own(.headers, "without the header \(line.prefix { $0 != ":" })") { attempt in
                    attempt.headers.removeAll { $0 == line }
                })
        }
        let types = [
            "", "application/octet-stream", "application/xml", "application/json", "text/plain",
            "application/x-www-form-urlencoded", String(type.prefix { $0 != ";" }),
        ]
        for other in types where other != type {
            result.append(Own(.payload, "with the content-type '\(other)' and sent '\(type)'") { $0.type = other })
        }
        if !md5.isEmpty { result.append(Own(.additional, "without the content-md5") { $0.md5 = "" }) }
        var dates = ["an empty line": ""]
        dates["the Date header"] = head.headers.first(name: "date")?.trimmingBlanks
        dates["the x-oss-date header"] = head.headers.first(name: "x-oss-date")?.trimmingBlanks
        for (text, other) in dates.sorted(by: { $0.key < $1.key }) where other != date {
            result.append(Own(.date, "with \(text) for the date") { $0.date = other })
        }
        return result + resourceMistakes(head)
    }

    private func resourceMistakes(_ head: HTTPRequestHead) -> [Own] {
        let (path, query) = AttemptV4.parts(of: resource)
        let sent = AttemptV4.parts(of: head.uri)
        let components = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        let bucket = components.count > 1 ? String(components[1]) : ""
        let key = components.count > 2 ? String(components[2]) : ""
        let tail = query.isEmpty ? "" : "?" + query
        let unsigned = ["OSSAccessKeyId", "Expires", "Signature"]
        let whole = sent.query.split(separator: "&").map(String.init)
            .filter { pair in !unsigned.contains(String(pair.prefix { $0 != "=" })) }
        var variants: [(String, String)] = [
            ("with the resource percent-encoded", Percent.encode(path, keepingSlash: true) + tail),
            ("with the path as it was sent", sent.path + tail),
            ("without the bucket in the resource", "/\(key)" + tail),
            ("with the bucket twice in the resource", "/\(bucket)\(path)" + tail),
            ("without the slash after the bucket", (key.isEmpty ? "/\(bucket)" : path) + tail),
            ("without the sub-resources", path),
            ("with the whole query as sub-resources", path + (whole.isEmpty ? "" : "?" + whole.joined(separator: "&"))),
            (
                "with the whole query, sorted, as sub-resources",
                path + (whole.isEmpty ? "" : "?" + whole.sorted().joined(separator: "&"))
            ),
            (
                "with the sub-resources percent-encoded",
                path + "?"
                    + query.split(separator: "&").map { Percent.encode(String($0)).replacing("%3D", with: "=") }
                    .joined(separator: "&")
            ),
        ]
        if additional != nil {
            variants += [
                ("with the resource not percent-encoded", (Percent.decodeText(path) ?? path) + tail),
                ("with the slashes of the resource not encoded", path.replacing("%2F", with: "/") + tail),
                ("with the query not percent-encoded", path + (Percent.decodeText(tail) ?? tail)),
            ]
        }
        let pairs = query.split(separator: "&").map(String.init)
        for (index, pair) in pairs.enumerated() where pairs.count <= 32 {
            var rest = pairs
            rest.remove(at: index)
            variants.append(
                (
                    "without the sub-resource \(pair.prefix { $0 != "=" })",
                    path + (rest.isEmpty ? "" : "?" + rest.joined(separator: "&"))
                ))
        }
        // A parameter that is signed by some clients only.
        for pair in whole where !pairs.contains(pair) && whole.count <= 32 {
            let all = (pairs + [Percent.decodeText(pair) ?? pair]).sorted()
            variants.append(
                (
                    "with the parameter \(pair.prefix { $0 != "=" }), which is no sub-resource",
                    path + "?" + all.joined(separator: "&")
                ))
        }
        return variants.map { text, resource in Own(.path, text) { $0.resource = resource } }
    }
}
