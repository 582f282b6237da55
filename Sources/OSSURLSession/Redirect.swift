import Foundation
import HTTPTypes
import OSSRuntime

/// Following redirects. Not left to URLSession, which loses the body on some platforms.
enum Redirect {
    /// The request that a response asks for; `nil` when it is no redirect.
    static func request(after response: HTTPResponse, to request: TransportRequest) -> TransportRequest? {
        let method = request.head.method
        switch response.status.code {
        case 301, 302, 303, 307, 308: break
        default: return nil
        }
        guard let location = response.headerFields[.location], let scheme = request.head.scheme,
            let base = URL(string: "\(scheme)://\(request.head.authority ?? "")\(request.head.path ?? "/")"),
            let url = URL(string: location, relativeTo: base)?.absoluteURL,
            let target = URLComponents(url: url, resolvingAgainstBaseURL: true),
            let newScheme = target.scheme?.lowercased(), newScheme == "https" || newScheme == scheme.lowercased(),
            let host = target.encodedHost, !host.isEmpty
        else { return nil }

        var next = request
        next.head.scheme = newScheme
        next.head.authority = host + (target.port.map { ":\($0)" } ?? "")
        let path = target.percentEncodedPath.isEmpty ? "/" : target.percentEncodedPath
        next.head.path = path + (target.percentEncodedQuery.map { "?\($0)" } ?? "")
        let becomesGet =
            (response.status.code == 303 && method != .head) || (response.status.code <= 302 && method == .post)
        if becomesGet {
            next.head.method = .get
            next.body = nil
            for name in ["Content-Type", "Content-Length", "Content-MD5"].compactMap({ HTTPField.Name($0) }) {
                next.head.headerFields[name] = nil
            }
        }
        if next.head.scheme != request.head.scheme || next.head.authority != request.head.authority {
            for name in ["Authorization", "x-oss-security-token", "Cookie", "Origin"].compactMap({ HTTPField.Name($0) })
            {
                next.head.headerFields[name] = nil
            }
        }
        return next
    }
}
