import FaultServer
import Foundation
import OSS

/// A client with its own transport as users make it, and servers of this machine at the end of all its connections: a proxy
/// takes them for whichever host the client wants to talk to.
struct Wire {
    /// Stands for every host that is spoken to with TLS: ports 443 and 8443.
    let secure: FaultServer
    /// Stands for every other.
    let plain: FaultServer
    let proxy: ConnectProxy

    static func run<Value>(
        _ script: @escaping FaultServer.Script = { _ in [.readBody, .reply()] },
        _ body: (Wire) async throws -> Value
    ) async throws -> Value {
        let secure = try await FaultServer.start(usesTLS: true, script)
        let plain = try await FaultServer.start(script)
        let ports = (secure.port, plain.port)
        let proxy = try await ConnectProxy.start { target in
            target.hasSuffix(":443") || target.hasSuffix(":8443") ? ports.0 : ports.1
        }
        let wire = Wire(secure: secure, plain: plain, proxy: proxy)
        let result: Result<Value, any Error>
        do { result = .success(try await body(wire)) } catch { result = .failure(error) }
        await proxy.stop()
        await secure.stop()
        await plain.stop()
        return try result.get()
    }

    /// A client of `region` that finds its way to the servers, and is shut down at the end.
    func withClient<Value>(
        region: String = "cn-hangzhou",
        configure: (inout ClientConfiguration) -> Void = { _ in },
        _ body: (OSSClient) async throws -> Value
    ) async throws -> Value {
        var configuration = ClientConfiguration(
            region: region, credentials: .static(accessKeyID: "id", accessKeySecret: "secret"))
        configuration.retry = .never
        configuration.waitForServer()
        configuration.transportConfiguration.proxy = ProxyConfiguration(host: "127.0.0.1", port: proxy.port)
        configuration.transportConfiguration.insecureSkipVerify = true
        configure(&configuration)
        let client = try OSSClient(configuration)
        let result: Result<Value, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        await client.shutdown()
        return try result.get()
    }

    /// Where one request goes: what the connection was made to, and the URL that the server was asked for.
    static func route(
        region: String = "cn-hangzhou", _ configure: @escaping (inout ClientConfiguration) -> Void
    ) async throws -> (peer: String, url: String, authorization: String) {
        try await run { wire in
            try await wire.withClient(region: region, configure: configure) { client in
                _ = try await client.headObject(.init(bucket: "my-bucket", key: "a b/c"))
            }
            let (scheme, requests) =
                wire.secure.requests.isEmpty ? ("http", wire.plain.requests) : ("https", wire.secure.requests)
            let request = requests.first
            return (
                wire.proxy.targets.joined(separator: " "),
                "\(scheme)://\(request?.header("host") ?? "")\(request?.target ?? "")",
                request?.header("authorization") ?? ""
            )
        }
    }
}

/// Runs a test with one server, and a client of it.
func withServer(
    usesTLS: Bool = false,
    configure: (inout ClientConfiguration) -> Void,
    _ script: @escaping FaultServer.Script,
    _ body: (OSSClient, FaultServer) async throws -> Void
) async throws {
    let server = try await FaultServer.start(usesTLS: usesTLS, script)
    var configuration = ClientConfiguration(
        region: "cn-hangzhou", endpoint: server.url,
        credentials: .static(accessKeyID: "id", accessKeySecret: "secret", securityToken: "token"))
    configuration.retry = .never
    configuration.waitForServer()
    configure(&configuration)
    let client = try OSSClient(configuration)
    do {
        try await body(client, server)
    } catch {
        await client.shutdown()
        await server.stop()
        throw error
    }
    await client.shutdown()
    await server.stop()
}

/// Runs a test with one server, and a client of it with nothing special about it.
func withServer(
    _ script: @escaping FaultServer.Script, _ body: (OSSClient, FaultServer) async throws -> Void
) async throws {
    try await withServer(configure: { _ in }, script, body)
}
