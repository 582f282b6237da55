import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OSSRuntime

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Android)
    import Android
#endif

extension TransportError {
    /// What AsyncHTTPClient or NIO reports, in terms of the transport.
    ///
    /// - Parameters:
    ///   - wasHeadSent: Whether the request had reached a connection.
    ///   - proxy: The proxy in use, for the text.
    static func from(_ error: any Error, host: String, wasHeadSent: Bool, proxy: ProxyConfiguration?) -> TransportError
    {
        let peer = proxy.map { "\(host) through the proxy \($0.host):\($0.port)" } ?? host
        func made(_ kind: Kind, _ message: String) -> TransportError {
            TransportError(kind, message, cause: error)
        }
        switch error {
        case let error as TransportError:
            return error
        case let error as HTTPClientError:
            return from(error, peer: peer, proxy: proxy, made)
        case let error as NIOConnectionError:
            return from(error, peer: peer, made)
        case ChannelError.connectTimeout:
            return made(.connectTimeout, "No connection to \(peer) within the connect timeout.")
        case is ChannelError:
            return made(.reset, "The connection to \(peer) was closed before the response was complete.")
        case HTTPParserError.invalidEOFState:
            return made(.reset, "The connection to \(peer) was closed in the middle of the response.")
        case is HTTPParserError:
            return made(.protocolViolation, "What \(peer) sent is not HTTP/1.1.")
        case NIOSSLError.uncleanShutdown where wasHeadSent:
            return made(.reset, "The connection to \(peer) was closed in the middle of the response.")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            return made(.tls, "The TLS handshake with \(peer) failed.")
        case let error as IOError where !wasHeadSent:
            return error.errnoCode == ETIMEDOUT
                ? made(.connectTimeout, "No connection to \(peer) within the connect timeout.")
                : made(.connect, "No connection to \(peer) could be made.")
        case is IOError:
            return made(.reset, "The connection to \(peer) broke before the response was complete.")
        default:
            return fromNetworkFramework(error, peer: peer, made) ?? made(.other, "The request to \(peer) failed.")
        }
    }

    private static func from(
        _ error: HTTPClientError,
        peer: String,
        proxy: ProxyConfiguration?,
        _ made: (Kind, String) -> TransportError
    ) -> TransportError {
        switch error {
        case .remoteConnectionClosed:
            return made(.reset, "The connection to \(peer) was closed before the response was complete.")
        case .connectTimeout, .tlsHandshakeTimeout, .httpProxyHandshakeTimeout, .socksHandshakeTimeout,
            .getConnectionFromPoolTimeout:
            return made(.connectTimeout, "No connection to \(peer) within the connect timeout.")
        case .readTimeout, .writeTimeout, .deadlineExceeded:
            return made(.timeout, "\(peer) neither sent nor took a byte in time.")
        // We cancel with errors of our own, so this one is a shutdown.
        case .alreadyShutdown, .cancelled:
            return made(.shutdown, "The HTTP transport was shut down.")
        case .proxyAuthenticationRequired where proxy?.user != nil:
            return made(.connect, "The proxy refuses the user name or the password: no connection to \(peer).")
        case .proxyAuthenticationRequired:
            return made(.connect, "The proxy asks for a user name and a password: no connection to \(peer).")
        case .invalidProxyResponse:
            return made(.connect, "The proxy refused the connection to \(peer).")
        case .invalidURL, .emptyHost, .emptyScheme, .requestStreamCancelled, .bodyLengthMismatch:
            return made(.protocolViolation, "The request to \(peer) can't be sent.")
        case .redirectLimitReached, .redirectCycleDetected:
            return made(.protocolViolation, "\(peer) redirects without end.")
        default:
            return made(.other, "The request to \(peer) failed.")
        }
    }

    private static func from(
        _ error: NIOConnectionError,
        peer: String,
        _ made: (Kind, String) -> TransportError
    ) -> TransportError {
        guard let first = error.connectionErrors.first else {
            return made(.dns, "The name '\(error.host)' could not be resolved.")
        }
        let isTimeout = error.connectionErrors.allSatisfy { failure in
            if case ChannelError.connectTimeout = failure.error { return true }
            return (failure.error as? IOError)?.errnoCode == ETIMEDOUT
        }
        return isTimeout
            ? made(.connectTimeout, "No connection to \(peer) within the connect timeout.")
            : made(.connect, "No connection to \(peer) could be made: \(first.error).")
    }

    private static func fromNetworkFramework(
        _ error: any Error,
        peer: String,
        _ made: (Kind, String) -> TransportError
    ) -> TransportError? {
        #if canImport(Network)
            switch error {
            case is HTTPClient.NWTLSError: return made(.tls, "The TLS handshake with \(peer) failed.")
            case is HTTPClient.NWPOSIXError: return made(.connect, "No connection to \(peer) could be made.")
            default: return nil
            }
        #else
            return nil
        #endif
    }
}
