/// What the network did to a request: no usable response came back.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// The kinds of transport errors. More may be added.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        private let name: String

        private init(_ name: String) { self.name = name }

        /// The host's name could not be resolved.
        public static let dns = Kind("dns")
        /// No connection could be made: refused, unreachable, or refused by the proxy.
        public static let connect = Kind("connect")
        /// No connection was made within the connect timeout.
        public static let connectTimeout = Kind("connectTimeout")
        /// The TLS handshake failed, for example because the certificate isn't trusted.
        public static let tls = Kind("tls")
        /// No byte was read or written for the read/write timeout.
        public static let timeout = Kind("timeout")
        /// The connection was closed or reset before the response was complete.
        public static let reset = Kind("reset")
        /// What came back, or what was to be sent, isn't HTTP.
        public static let protocolViolation = Kind("protocolViolation")
        /// The transport was shut down.
        public static let shutdown = Kind("shutdown")
        /// Anything else.
        public static let other = Kind("other")

        public var description: String { name }
    }

    /// What kind of error it is.
    public var kind: Kind
    /// A sentence for people.
    public var message: String
    /// The error underneath, as the HTTP client or the operating system gave it.
    public var cause: (any Error)?

    /// Creates a transport error.
    public init(_ kind: Kind, _ message: String, cause: (any Error)? = nil) {
        self.kind = kind
        self.message = message
        self.cause = cause
    }

    public var description: String {
        guard let cause else { return "\(message) [\(kind)]" }
        return "\(message) [\(kind): \(cause)]"
    }
}
