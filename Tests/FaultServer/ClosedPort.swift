import NIOCore
import NIOPosix

/// A port of this machine at which connections are refused, and that nobody else is given meanwhile: a connection to
/// somewhere else begins there.
public final class ClosedPort: Sendable {
    /// The port, on 127.0.0.1.
    public let port: Int
    private let listener: any Channel
    private let connection: any Channel

    private init(_ listener: any Channel, _ connection: any Channel) {
        self.listener = listener
        self.connection = connection
        port = connection.localAddress?.port ?? 0
    }

    /// Takes a free port.
    public static func reserve() async throws -> ClosedPort {
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: listener.localAddress?.port ?? 0)
        return ClosedPort(listener, try await ClientBootstrap(group: group).connect(to: address).get())
    }

    /// Lets go of the port.
    public func release() async {
        try? await connection.close().get()
        try? await listener.close().get()
    }
}
