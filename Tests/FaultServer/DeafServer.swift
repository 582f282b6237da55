import NIOCore
import NIOPosix

/// A port of this machine at which nobody picks up: its queue of connections is full, so connecting takes for ever.
///
/// For Linux, where the system leaves such attempts unanswered.
public final class DeafServer: Sendable {
    /// The port, on 127.0.0.1.
    public let port: Int
    private let listener: any Channel
    private let first: any Channel

    private init(_ listener: any Channel, _ port: Int, _ first: any Channel) {
        self.listener = listener
        self.port = port
        self.first = first
    }

    /// Takes a free port.
    public static func start() async throws -> DeafServer {
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 0)
            .serverChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let port = listener.localAddress?.port ?? 0
        // The queue has one place all the same.
        let first = try await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: port).get()
        return DeafServer(listener, port, first)
    }

    /// Lets go of the port.
    public func stop() async {
        try? await first.close().get()
        try? await listener.close().get()
    }
}
