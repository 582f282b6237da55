/// Rules for bucket names.
enum BucketName {
    static func isValid(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (3...63).contains(bytes.count), bytes.first != UInt8(ascii: "-"), bytes.last != UInt8(ascii: "-") else {
            return false
        }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }
}

/// The decoded query of a request.
struct Query: Sendable {
    struct Item: Sendable {
        var name: String
        var value: String
    }

    var items: [Item] = []

    func value(_ name: String) -> String? {
        items.first { $0.name == name }?.value
    }

    func has(_ name: String) -> Bool {
        items.contains { $0.name == name }
    }

    /// A value, unless it is empty: the service takes an empty parameter for an absent one.
    func nonEmpty(_ name: String) -> String? {
        value(name).flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// What a request is about: the bucket and the key, whichever way they were addressed.
struct RequestTarget: Sendable {
    var bucket: String?
    var key: ObjectKey?
    var query: Query

    /// - Parameter domains: hosts whose sub-domains are buckets.
    init(uri: String, host: String?, domains: [String]) throws(Fault) {
        var uri = uri[...]
        // A proxy's client may send the whole URL.
        if let scheme = uri.range(of: "://"), !uri.hasPrefix("/") {
            let rest = uri[scheme.upperBound...]
            uri = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        guard uri.hasPrefix("/") else { throw .invalidURI }
        let bytes = uri.utf8
        let questionMark = bytes.firstIndex(of: UInt8(ascii: "?"))
        let path = bytes[..<(questionMark ?? bytes.endIndex)].dropFirst()
        query = try Self.query(questionMark.map { bytes[bytes.index(after: $0)...] } ?? bytes[bytes.endIndex...])

        if let bucket = Self.bucket(ofHost: host, domains: domains) {
            self.bucket = bucket
            key = try path.isEmpty ? nil : Self.key(path)
            return
        }
        // Only the first slash that was sent as such parts the bucket from the key; oss2 sends those of keys as %2F.
        let slash = path.firstIndex(of: UInt8(ascii: "/"))
        guard let bucketBytes = Percent.decode(path[..<(slash ?? path.endIndex)]) else { throw .invalidURI }
        guard !bucketBytes.isEmpty else {
            if slash != nil { throw .invalidBucketName("") }
            return
        }
        bucket = String(decoding: bucketBytes, as: UTF8.self)
        if let slash {
            let rest = path[path.index(after: slash)...]
            key = try rest.isEmpty ? nil : Self.key(rest)
        }
    }

    private static func key(_ path: some Sequence<UInt8>) throws(Fault) -> ObjectKey {
        guard let bytes = Percent.decode(path) else { throw .invalidURI }
        return try ObjectKey(checking: bytes)
    }

    private static func query(_ text: Substring.UTF8View) throws(Fault) -> Query {
        var query = Query()
        for pair in text.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            guard let name = Percent.decode(pair[..<(equals ?? pair.endIndex)]),
                let value = Percent.decode(equals.map { pair[pair.index(after: $0)...] } ?? pair[pair.endIndex...])
            else { throw .invalidURI }
            query.items.append(
                Query.Item(name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self)))
        }
        return query
    }

    /// The bucket that a host name begins with, if it is `bucket.domain` of a known domain.
    private static func bucket(ofHost host: String?, domains: [String]) -> String? {
        guard var name = host?.lowercased() else { return nil }
        if !name.hasSuffix("]"), let colon = name.lastIndex(of: ":") { name = String(name[..<colon]) }
        for domain in domains {
            guard name.hasSuffix("." + domain) else { continue }
            let bucket = String(name.dropLast(domain.count + 1))
            // A dot further in means a longer domain that isn't ours.
            if !bucket.isEmpty, !bucket.contains(".") { return bucket }
        }
        return nil
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Substring.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
