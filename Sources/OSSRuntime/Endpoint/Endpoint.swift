/// Where a service's requests go: scheme, host and port, parsed and checked once per client.
package struct Endpoint: Sendable, Hashable {
    package let scheme: String
    /// The host as it stands in a URL: an IPv6 address in its brackets.
    package let host: String
    package let port: Int?
    /// Host and port as they go into the `Host` field: a port that is the scheme's own is left out.
    package let authority: String
    /// Addresses have no subdomains, so the bucket goes into the path.
    package let isIPAddress: Bool

    /// Parses `host`, `host:port` or `scheme://host:port`.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration`` that names what is wrong.
    package init(_ text: String, defaultScheme: String) throws(OSSError) {
        func invalid(_ reason: String) -> OSSError {
            // What follows an "@" may come after a password: show none of it.
            let shown = text.contains("@") ? "the endpoint" : "endpoint '\(text)'"
            return OSSError(
                .invalidConfiguration, message: "\(shown) \(reason); write it as host, host:port or https://host:port")
        }

        var rest = Substring(text)
        var scheme = defaultScheme
        if let separator = rest.firstRange(ofASCII: "://") {
            scheme = rest[..<separator.lowerBound].lowercased()
            guard scheme == "http" || scheme == "https" else { throw invalid("has the unknown scheme '\(scheme)'") }
            rest = rest[separator.upperBound...]
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        guard !rest.isEmpty else { throw invalid("is empty") }
        guard !rest.contains("@") else { throw invalid("must not carry user information") }
        guard !rest.contains("?"), !rest.contains("#") else { throw invalid("must not have a query") }
        guard !rest.contains("/") else { throw invalid("must not have a path") }

        var isIPAddress = false
        var portText: Substring?
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { throw invalid("has an unclosed '['") }
            let address = rest[rest.index(after: rest.startIndex)..<end]
            guard !address.isEmpty,
                address.utf8.allSatisfy({ $0.isHexDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { throw invalid("has no valid IPv6 address in its brackets") }
            let after = rest[rest.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw invalid("has text after the IPv6 address") }
            portText = after.isEmpty ? nil : after.dropFirst()
            host = String(rest[...end])
            isIPAddress = true
        } else {
            let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            host = String(parts[0])
            portText = parts.count > 1 ? parts[1] : nil
            guard !host.isEmpty, host.utf8.allSatisfy(\.isHostByte) else {
                throw invalid("has a character no host name can have")
            }
            isIPAddress = host.isIPv4Address
        }
        let port = portText.map { Int($0) ?? 0 }
        if let portText, let port {
            guard (1...65535).contains(port), portText.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
                throw invalid("has no valid port")
            }
        }
        self.port = port
        self.scheme = scheme
        self.isIPAddress = isIPAddress
        if let port, port != (scheme == "https" ? 443 : 80) {
            authority = "\(host):\(port)"
        } else {
            authority = host
        }
    }
}

extension Endpoint {
    /// Checks a region's form before it becomes part of a host name and of every signature.
    package static func validate(region: String) throws(OSSError) {
        guard isLabel(region) else {
            throw OSSError(
                .invalidConfiguration,
                message:
                    "region '\(region)' is not valid: it consists of lower-case letters, digits and hyphens, as in 'cn-hangzhou'"
            )
        }
    }

    fileprivate static func isLabel(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0.isLowercaseLetterOrDigit || $0 == UInt8(ascii: "-") }
    }
}

/// How a bucket becomes part of a URL.
public struct AddressingStyle: Hashable, Sendable {
    private enum Style { case virtualHosted, path, cname }
    private let style: Style

    /// `https://bucket.endpoint/key`. An endpoint that is an IP address gets ``path`` instead. The default.
    public static let virtualHosted = AddressingStyle(style: .virtualHosted)
    /// `https://endpoint/bucket/key`.
    public static let path = AddressingStyle(style: .path)
    /// `https://endpoint/key`: the endpoint is a domain of the bucket's own.
    public static let cname = AddressingStyle(style: .cname)
}

extension AddressingStyle {
    /// Host and escaped path of a bucket's or object's URL. The path is never normalised.
    package func resolve(_ endpoint: Endpoint, bucket: String?, key: String?) -> (authority: String, path: String) {
        let object = key.map { PercentEncoding.path($0) } ?? ""
        guard let bucket else { return (endpoint.authority, "/" + object) }
        switch self {
        case .cname: return (endpoint.authority, "/" + object)
        case .virtualHosted where !endpoint.isIPAddress: return ("\(bucket).\(endpoint.authority)", "/" + object)
        default: return (endpoint.authority, "/\(bucket)/\(object)")
        }
    }
}

/// Which of a region's endpoints is used where none is given explicitly.
///
/// See [Regions and endpoints](https://www.alibabacloud.com/help/en/oss/user-guide/regions-and-endpoints).
public struct EndpointKind: Hashable, Sendable {
    private enum Kind { case publicInternet, internalNetwork, accelerate, accelerateOverseas, dualStack }
    private let kind: Kind

    /// `oss-<region>.aliyuncs.com`, reachable from anywhere. The default.
    public static let publicInternet = EndpointKind(kind: .publicInternet)
    /// `oss-<region>-internal.aliyuncs.com`, for servers in the same region: no traffic fees.
    public static let internalNetwork = EndpointKind(kind: .internalNetwork)
    /// `oss-accelerate.aliyuncs.com`: transfer acceleration, which the bucket must have enabled.
    public static let accelerate = EndpointKind(kind: .accelerate)
    /// `oss-accelerate-overseas.aliyuncs.com`: transfer acceleration outside the Chinese mainland.
    public static let accelerateOverseas = EndpointKind(kind: .accelerateOverseas)
    /// `<region>.oss.aliyuncs.com`, with IPv4 and IPv6 addresses.
    public static let dualStack = EndpointKind(kind: .dualStack)

    /// The host for a region whose form has been checked.
    package func host(region: String) -> String {
        switch kind {
        case .publicInternet: "oss-\(region).aliyuncs.com"
        case .internalNetwork: "oss-\(region)-internal.aliyuncs.com"
        case .accelerate: "oss-accelerate.aliyuncs.com"
        case .accelerateOverseas: "oss-accelerate-overseas.aliyuncs.com"
        case .dualStack: "\(region).oss.aliyuncs.com"
        }
    }
}

/// Which cloud box, an installation of the service on the customer's own premises, an endpoint leads to.
///
/// Requests to it are signed for the product `oss-cloudbox`, with the cloud box's id in the place of the region.
public struct CloudBox: Hashable, Sendable {
    private let id: String?

    /// The cloud box with this id, such as `cb-f8z7yvzgwfkl9q0h`.
    public static func id(_ id: String) -> CloudBox { CloudBox(id: id) }
    /// Read from the endpoint's host, where it is `cb-….<region>.oss-cloudbox.aliyuncs.com` or
    /// `cb-….<region>.oss-cloudbox-control.aliyuncs.com`; requests to other endpoints are signed for the region as ever.
    public static let automatic = CloudBox(id: nil)

    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration`` for an id that can't be one.
    package func id(endpoint: Endpoint) throws(OSSError) -> String? {
        guard let id else {
            let labels = endpoint.host.lowercased().split(separator: ".", omittingEmptySubsequences: false)
            guard labels.count == 5, labels[0].hasPrefix("cb-"), labels[3...] == ["aliyuncs", "com"],
                labels[2] == "oss-cloudbox" || labels[2] == "oss-cloudbox-control"
            else { return nil }
            return String(labels[0])
        }
        guard Endpoint.isLabel(id) else {
            throw OSSError(
                .invalidConfiguration,
                message: "cloud box id '\(id)' is not valid: it consists of lower-case letters, digits and hyphens")
        }
        return id
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    package var isLowercaseLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    fileprivate var isHostByte: Bool {
        isLowercaseLetterOrDigit || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self)
            || self == UInt8(ascii: "-") || self == UInt8(ascii: ".") || self == UInt8(ascii: "_")
    }
}

extension String {
    fileprivate var isIPv4Address: Bool {
        let parts = split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil && !$0.hasPrefix("+") }
    }
}

extension Substring {
    /// The first place where `pattern` stands; searches bytes, so no Unicode equivalence is involved.
    fileprivate func firstRange(ofASCII pattern: String) -> Range<Substring.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].utf8.starts(with: pattern.utf8) {
                return start..<utf8.index(start, offsetBy: pattern.utf8.count)
            }
            start = utf8.index(after: start)
        }
        return nil
    }
}
