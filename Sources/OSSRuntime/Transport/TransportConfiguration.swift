#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// How a transport connects.
public struct TransportConfiguration: Sendable, Hashable {
    /// How long making a connection may take, TLS and proxy included; more than zero. Default: 10 seconds.
    public var connectTimeout: Duration
    /// The most connections to one host at a time; further requests wait for one. Default: 20; at least 1.
    public var maxConnections: Int
    /// How long an unused connection is kept; more than zero. Default: 50 seconds, below the service's own limit.
    public var idleTimeout: Duration
    /// The proxy to connect through. Default: none.
    public var proxy: ProxyConfiguration?
    /// Accepts any TLS certificate. For tests: anybody could then read and change what is sent. Default: off.
    public var insecureSkipVerify: Bool
    /// The path of a PEM file with the certificate authorities to trust in place of the system's. Default: none.
    public var trustedCertificatesFile: String?
    /// Follows HTTP redirects, at most five, instead of reporting them as errors. Default: off.
    ///
    /// What is sent again is the request as it was signed, so the service accepts it only for the same bucket, key and
    /// query. To another host it goes without `Authorization` and `x-oss-security-token`. From `https` to `http` nothing
    /// goes.
    public var followsRedirects: Bool

    /// Creates a configuration.
    public init(
        connectTimeout: Duration = .seconds(10),
        maxConnections: Int = 20,
        idleTimeout: Duration = .seconds(50),
        proxy: ProxyConfiguration? = nil,
        insecureSkipVerify: Bool = false,
        trustedCertificatesFile: String? = nil,
        followsRedirects: Bool = false
    ) {
        self.connectTimeout = connectTimeout
        self.maxConnections = maxConnections
        self.idleTimeout = idleTimeout
        self.proxy = proxy
        self.insecureSkipVerify = insecureSkipVerify
        self.trustedCertificatesFile = trustedCertificatesFile
        self.followsRedirects = followsRedirects
    }
}

/// An HTTP proxy that tunnels connections (`CONNECT`), for `http` and `https` endpoints alike.
public struct ProxyConfiguration: Sendable, Hashable {
    /// The proxy's host name or address.
    public var host: String
    /// The proxy's port.
    public var port: Int
    /// The user name, if the proxy asks for one.
    public var user: String?
    /// The user's password. It doesn't appear in descriptions.
    public var password: String?

    /// Creates a proxy configuration.
    public init(host: String, port: Int, user: String? = nil, password: String? = nil) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
    }

    /// Reads a proxy configuration from a URL such as `http://user:password@proxy.example.com:8080`.
    ///
    /// Escapes (`%40`) in user and password are decoded. The port defaults to 80.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration`` when it isn't such a URL.
    public init(url: String) throws(OSSError) {
        guard let parts = URLComponents(string: url), parts.scheme?.lowercased() == "http",
            let host = parts.host, !host.isEmpty,
            parts.path.isEmpty || parts.path == "/", parts.query == nil, parts.fragment == nil
        else {
            // The URL itself may have a password in it.
            throw OSSError(
                .invalidConfiguration, message: "the proxy's URL is not of the form http://user:password@host:port")
        }
        self.init(
            host: host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host,
            port: parts.port ?? 80,
            user: parts.user,
            password: parts.password
        )
    }
}

extension ProxyConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        "http://\(user.map { $0 + (password == nil ? "" : ":***") + "@" } ?? "")\(host):\(port)"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror {
        Mirror(self, children: ["host": host, "port": port, "user": user as Any])
    }
}
