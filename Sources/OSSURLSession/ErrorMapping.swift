import Foundation
import OSSRuntime

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension TransportError {
    /// What URLSession reports, in terms of the transport.
    ///
    /// - Parameter isConnected: Whether the request had reached a connection.
    static func from(_ error: any Error, host: String, isConnected: Bool) -> TransportError {
        guard let error = error as? URLError else {
            return TransportError(.other, "The request to \(host) failed.", cause: error)
        }
        let kind = kind(of: error, isConnected)
        // Without the rest of its user info: that has the URL, and a URL can carry a signature.
        let cause = URLError(error.code, userInfo: [NSLocalizedDescriptionKey: error.localizedDescription])
        return TransportError(kind, message(kind, host), cause: cause)
    }

    private static func kind(of error: URLError, _ isConnected: Bool) -> Kind {
        switch error.code {
        case .cannotFindHost, .dnsLookupFailed:
            return .dns
        case .cannotConnectToHost, .notConnectedToInternet, .internationalRoamingOff, .callIsActive, .dataNotAllowed:
            return .connect
        case .timedOut:
            return isConnected ? .timeout : .connectTimeout
        case .secureConnectionFailed, .serverCertificateHasBadDate, .serverCertificateUntrusted,
            .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid, .clientCertificateRejected,
            .clientCertificateRequired, .appTransportSecurityRequiresSecureConnection:
            return .tls
        case .networkConnectionLost:
            return .reset
        case .cancelled:
            // We cancel with errors of our own, so this one is a shutdown.
            return .shutdown
        case .badURL, .unsupportedURL, .cannotParseResponse, .cannotDecodeRawData, .cannotDecodeContentData,
            .httpTooManyRedirects:
            return .protocolViolation
        case .badServerResponse:
            #if canImport(FoundationNetworking)
                // How it reports a connection that was closed without an answer.
                return .reset
            #else
                return .protocolViolation
            #endif
        default:
            #if canImport(FoundationNetworking)
                return kind(ofText: error.localizedDescription, isConnected)
            #else
                return .other
            #endif
        }
    }

    #if canImport(FoundationNetworking)
        /// Most errors of libcurl come as "unknown", with nothing but libcurl's own text, which is never translated.
        private static func kind(ofText text: String, _ isConnected: Bool) -> Kind {
            let kinds: [(Kind, [String])] = [
                (.tls, ["SSL", "TLS", "certificate"]),
                (.protocolViolation, ["encoding", "HTTP/", "header", "Chunky"]),
                (.dns, ["resolve host"]),
                (.connect, ["connect to", "Couldn't connect", "Failed to connect"]),
                (.reset, ["transfer closed", "Recv failure", "Send failure", "Broken pipe", "reset", "Partial file"]),
                (.reset, ["Failure when receiving", "Failed sending", "Operation was aborted"]),
            ]
            let kind = kinds.first { $0.1.contains { text.localizedStandardContains($0) } }?.0
            if let kind { return kind }
            return .other
        }
    #endif

    private static func message(_ kind: Kind, _ host: String) -> String {
        switch kind {
        case .dns: "The name of \(host) could not be resolved."
        case .connect: "No connection to \(host) could be made."
        case .connectTimeout: "No connection to \(host) within the connect timeout."
        case .tls: "The TLS handshake with \(host) failed."
        case .timeout: "\(host) neither sent nor took a byte in time."
        case .reset: "The connection to \(host) was closed before the response was complete."
        case .protocolViolation: "What \(host) sent is not HTTP/1.1 as it was asked for."
        case .shutdown: "The HTTP transport was shut down."
        default: "The request to \(host) failed."
        }
    }
}
