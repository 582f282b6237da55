#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One of the account's RPC-style services, such as STS.
package struct RPCService: Sendable {
    package enum Place {
        case query, body
    }

    private let name: String
    private let url: String
    private let transport: any HTTPTransport
    private let now: @Sendable () -> Date

    /// - Parameter name: What errors call the service.
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration``.
    package init(
        _ name: String, endpoint: String, transport: any HTTPTransport, dependencies: RuntimeDependencies
    ) throws(OSSError) {
        let endpoint = try Endpoint(endpoint, defaultScheme: "https")
        self.name = name
        url = "\(endpoint.scheme)://\(endpoint.authority)/"
        self.transport = transport
        now = dependencies.now
    }

    /// Calls an operation, and once more by the service's clock when it refuses ours.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/credentials``, what `sign` throws, `CancellationError`.
    package func call(
        _ parameters: [String: String], in place: Place, sign: (inout [String: String]) throws -> Void
    ) async throws -> (CredentialsRequest, CredentialsRequest.Reply) {
        let (request, reply) = try await send(parameters, place, offset: ServerClock.offset, sign)
        if reply.status == 200 { return (request, reply) }
        guard let code = ServerMessage(reply.text)?.code, code.hasPrefix("InvalidTimeStamp"), let time = reply.time
        else { throw request.refusal(reply) }
        let second = try await send(parameters, place, offset: time.timeIntervalSince(now()), sign)
        guard second.1.status == 200 else { throw second.0.refusal(second.1) }
        return second
    }

    private func send(
        _ parameters: [String: String], _ place: Place, offset: TimeInterval,
        _ sign: (inout [String: String]) throws -> Void
    ) async throws -> (CredentialsRequest, CredentialsRequest.Reply) {
        let seconds = (now().timeIntervalSince1970 + offset).rounded(.down)
        var parameters = parameters
        parameters["Timestamp"] = Timestamps.string(Date(timeIntervalSince1970: seconds), .dateTime)
        try sign(&parameters)
        let query = RPCSignature.query(parameters)
        let source = "\(name) (\(parameters["Action"] ?? ""))"
        let request =
            switch place {
            case .query:
                CredentialsRequest(
                    method: .post, url: "\(url)?\(query)", headers: [.contentLength: "0"], source: source)
            case .body:
                CredentialsRequest(
                    method: .post, url: url, headers: [.contentType: "application/x-www-form-urlencoded"], body: query,
                    source: source)
            }
        return (request, try await request.send(transport))
    }
}

/// The signature of the account's RPC-style services.
package enum RPCSignature {
    /// Adds who signs, how, and the signature of a POST of all that.
    package static func sign<Failure: Error>(
        _ parameters: inout [String: String], by id: String, _ algorithm: String,
        signature: (_ stringToSign: String) throws(Failure) -> String
    ) throws(Failure) {
        parameters["AccessKeyId"] = id
        parameters["SignatureMethod"] = algorithm
        parameters["SignatureVersion"] = "1.0"
        parameters["SignatureNonce"] = Hex.string((0..<16).map { _ in UInt8.random(in: 0...255) })
        parameters["Signature"] = try signature("POST&%2F&\(PercentEncoding.query(query(parameters)))")
    }

    /// Sorted and escaped.
    static func query(_ parameters: [String: String]) -> String {
        parameters.sorted { $0.key < $1.key }
            .map { "\(PercentEncoding.query($0.key))=\(PercentEncoding.query($0.value))" }
            .joined(separator: "&")
    }
}
