import Foundation
import HTTPTypes
import OSSRuntime

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A request in the form that URLSession sends.
struct OutgoingRequest: Sendable {
    /// Bodies up to this size are handed over in one piece if they can be read again.
    static let maximumPiece: Int64 = 64 * 1024

    let origin: String
    let urlRequest: URLRequest
    let body: Body

    enum Body: Sendable {
        case none
        case piece(RequestBody)
        case stream(RequestBody)
    }

    /// - Throws: ``TransportError`` when URLSession would send something else.
    init(_ request: TransportRequest) throws {
        let head = request.head
        let host = head.authority ?? ""
        let target = head.path ?? "/"
        origin = "\(head.scheme ?? "https")://\(host)"
        guard let url = URL(string: origin + target), url.absoluteString == origin + target, url.host != nil else {
            throw Self.refusal("'\(Self.path(of: target))' isn't a path that a URL can have", host)
        }
        #if canImport(FoundationNetworking)
            if Self.hasDotSegment(target) {
                throw Self.refusal(
                    "its path '\(Self.path(of: target))' has a segment '.' or '..', which URLSession resolves on Linux; "
                        + "use the AsyncHTTPClient transport for such keys",
                    host
                )
            }
        #endif

        var urlRequest = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalAndRemoteCacheData)
        // Time is ours to watch: URLSession's timeout counts waits that are no fault of the network.
        urlRequest.timeoutInterval = 7 * 24 * 3600
        urlRequest.httpMethod = head.method.rawValue
        urlRequest.httpShouldHandleCookies = false
        for field in head.headerFields { urlRequest.addValue(field.value, forHTTPHeaderField: field.name.rawName) }

        switch request.body {
        case let body? where body.length != 0:
            guard head.method != .get else {
                throw Self.refusal("a GET request can't have a body with URLSession", host)
            }
            if let length = body.length, length <= Self.maximumPiece, body.isReplayable {
                self.body = .piece(body)
            } else {
                self.body = .stream(body)
                if let length = body.length {
                    urlRequest.setValue(String(length), forHTTPHeaderField: "Content-Length")
                }
            }
        case .some where head.method != .get && head.method != .head:
            urlRequest.httpBody = Data()
            body = .none
        default:
            body = .none
        }
        Self.silenceDefaults(&urlRequest, isLengthKnown: request.body?.length != nil)
        self.urlRequest = urlRequest
    }

    /// Keeps URLSession from adding header fields.
    private static func silenceDefaults(_ request: inout URLRequest, isLengthKnown: Bool) {
        #if canImport(FoundationNetworking)
            // A field of nothing but blanks isn't sent by libcurl, and takes the place of the default.
            var names = ["Accept", "Accept-Encoding", "Accept-Language", "Connection", "Content-Type", "User-Agent"]
            // It would send a stream chunked even where it has been told the length.
            if isLengthKnown { names.append("Transfer-Encoding") }
            for name in names where request.value(forHTTPHeaderField: name) == nil {
                request.setValue(" ", forHTTPHeaderField: name)
            }
        #else
            // The others can't be left out, and do no harm; this one makes the server compress.
            if request.value(forHTTPHeaderField: "Accept-Encoding") == nil {
                request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
            }
        #endif
    }

    static func hasDotSegment(_ target: String) -> Bool {
        path(of: target).split(separator: "/").contains { segment in
            let plain = segment.replacing("%2e", with: ".").replacing("%2E", with: ".")
            return plain == "." || plain == ".."
        }
    }

    private static func path(of target: String) -> Substring {
        target.prefix { $0 != "?" }
    }

    private static func refusal(_ reason: String, _ host: String) -> TransportError {
        TransportError(.protocolViolation, "The request to \(host) can't be sent: \(reason).")
    }
}
