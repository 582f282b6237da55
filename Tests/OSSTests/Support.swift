import OSS
import OSSAsyncHTTPClient

extension ClientConfiguration {
    /// Gives a server of this process all the time it needs, for tests that are not about limits of time: on a busy
    /// machine each step may take minutes.
    mutating func waitForServer() {
        readWriteTimeout = .seconds(3600)
        transportConfiguration.connectTimeout = .seconds(3600)
    }
}

/// A transport that does so whatever its requests say.
struct PatientTransport: HTTPTransport {
    private let transport = AsyncHTTPClientTransport(
        configuration: TransportConfiguration(connectTimeout: .seconds(3600)))

    func send(_ request: TransportRequest) async throws -> TransportResponse {
        var request = request
        request.readWriteTimeout = .seconds(3600)
        return try await transport.send(request)
    }

    func shutdown() async { await transport.shutdown() }
}
