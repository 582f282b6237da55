package import HTTPTypes

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One request to a server that hands out credentials.
package struct CredentialsRequest {
    private static let maximumReply = 256 << 10
    private static let timeout = Duration.seconds(10)

    var method = HTTPRequest.Method.get
    /// Scheme, host, path and query.
    var url: String
    var headers: HTTPFields = [:]
    var body: String?
    /// What errors call the server.
    var source: String

    package init(
        method: HTTPRequest.Method = .get, url: String, headers: HTTPFields = [:], body: String? = nil, source: String
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.source = source
    }

    package struct Reply {
        package var status: Int
        package var text: String
        /// By the server's clock.
        package var time: Date?
    }

    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/credentials`` when there is no reply; `CancellationError`.
    package func send(_ transport: any HTTPTransport) async throws -> Reply {
        guard let separator = url.firstRange(of: "://") else { throw failure("'\(url)' is not a URL") }
        let rest = url[separator.upperBound...]
        let pathStart = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let path = rest[pathStart...]
        var head = HTTPRequest(
            method: method, scheme: String(url[..<separator.lowerBound]), authority: String(rest[..<pathStart]),
            path: path.hasPrefix("/") ? String(path) : "/" + path, headerFields: headers)
        head.headerFields.append(UserAgent.field(suffix: nil))
        if let body { head.headerFields[.contentLength] = String(body.utf8.count) }
        do {
            let response = try await transport.send(
                TransportRequest(head: head, body: body.map { .string($0) }, readWriteTimeout: Self.timeout))
            let bytes = try await response.body.collect(upTo: Self.maximumReply)
            return Reply(
                status: response.head.status.code, text: String(decoding: bytes, as: UTF8.self),
                time: response.head.headerFields[.date].flatMap { Timestamps.date($0, .httpDate) })
        } catch let error as CancellationError {
            throw error
        } catch {
            throw OSSError(.credentials, message: "\(source) could not be reached", cause: error)
        }
    }

    package func failure(_ reason: String) -> OSSError {
        OSSError(.credentials, message: "\(source): \(reason)")
    }

    /// What is said where the reply is no success.
    package func refusal(_ reply: Reply) -> OSSError {
        failure("status \(reply.status)\(ServerMessage(reply.text)?.text ?? "")")
    }

    /// The credentials in a reply that has them at its top level.
    func credentials(in reply: Reply) throws(OSSError) -> RefreshingCredentialsProvider.Fetched {
        guard reply.status == 200 else { throw refusal(reply) }
        guard let document = try? JSONDecoder().decode(CredentialsDocument.self, from: Data(reply.text.utf8)) else {
            throw failure("the reply is not the JSON document that was expected")
        }
        if let code = document.Code, code != "Success" {
            throw failure("code \(code)\(document.Message.map { ": \($0)" } ?? "")")
        }
        guard let credentials = document.credentials else { throw failure("the reply lacks keys or their expiration") }
        return .init(credentials, time: reply.time)
    }
}

/// What servers answer that hand out credentials: the names are theirs.
struct CredentialsDocument: Decodable {
    var Code: String?
    var Message: String?
    var AccessKeyId: String?
    var AccessKeySecret: String?
    var SecurityToken: String?
    var Expiration: String?

    /// Nil where something is missing, or the expiration can't be read.
    var credentials: Credentials? {
        guard let id = AccessKeyId, let secret = AccessKeySecret, !id.isEmpty, !secret.isEmpty else { return nil }
        var expiration: Date?
        if let Expiration {
            expiration = Timestamps.date(Expiration, .dateTime)
            if expiration == nil { return nil }
        }
        return Credentials(
            accessKeyID: id, accessKeySecret: secret, securityToken: SecurityToken, expiration: expiration)
    }
}

/// The error document of the account's services.
struct ServerMessage {
    var code: String
    /// Behind a status: `, code NoPermission: You are not authorized … (request id …)`.
    var text: String

    init?(_ body: String) {
        struct Document: Decodable {
            var Code: String
            var Message: String?
            var RequestId: String?
        }
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(body.utf8)) else { return nil }
        code = document.Code
        text = ", code \(document.Code)"
        if let message = document.Message { text += ": \(message)" }
        if let id = document.RequestId { text += " (request id \(id))" }
    }
}
