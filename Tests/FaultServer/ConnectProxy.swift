import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A proxy that tunnels connections (`CONNECT`) to servers of this machine, whatever host is asked for: so a client can be
/// seen talking to any host, and nothing leaves the machine.
public final class ConnectProxy: Sendable {
    /// Gives the local port that stands for a host and port such as `bucket.example.com:443`; nil refuses with 502.
    public typealias Route = @Sendable (_ target: String) -> Int?

    /// The port the proxy listens on, on 127.0.0.1.
    public let port: Int
    private let listener: any Channel
    private let state: NIOLockedValueBox<State>

    fileprivate struct State {
        var targets: [String] = []
        var refusals = 0
        var channels: [any Channel] = []
    }

    private init(_ listener: any Channel, _ state: NIOLockedValueBox<State>) {
        self.listener = listener
        self.state = state
        port = listener.localAddress?.port ?? 0
    }

    /// Starts a proxy on a free port.
    ///
    /// - Parameters:
    ///   - user: The user name that clients must give; nil for none.
    ///   - password: The user's password.
    ///   - route: Where tunnels lead.
    public static func start(user: String? = nil, password: String = "", _ route: @escaping Route) async throws
        -> ConnectProxy
    {
        let state = NIOLockedValueBox(State())
        let authorization = user.map { "Basic " + Data("\($0):\(password)".utf8).base64EncodedString() }
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                state.withLockedValue { $0.channels.append(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Tunnel(authorization, route, state))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return ConnectProxy(listener, state)
    }

    /// The hosts and ports to which tunnels were made, in order.
    public var targets: [String] { state.withLockedValue { $0.targets } }
    /// How often a client was refused for its user name or password.
    public var refusals: Int { state.withLockedValue { $0.refusals } }

    /// Closes everything.
    public func stop() async {
        try? await listener.close().get()
        for channel in state.withLockedValue({ $0.channels }) { try? await channel.close().get() }
    }
}

/// One client's connection: a request for a tunnel, then bytes to and fro.
private final class Tunnel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let authorization: String?
    private let route: ConnectProxy.Route
    private let state: NIOLockedValueBox<ConnectProxy.State>
    private var input = ByteBuffer()
    private var isDecided = false
    private var server: (any Channel)?

    init(
        _ authorization: String?, _ route: @escaping ConnectProxy.Route, _ state: NIOLockedValueBox<ConnectProxy.State>
    ) {
        self.authorization = authorization
        self.route = route
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if let server { return server.writeAndFlush(bytes, promise: nil) }
        input.writeBuffer(&bytes)
        let text = String(buffer: input)
        guard !isDecided, text.hasSuffix("\r\n\r\n") else { return }
        isDecided = true
        decide(text.split(separator: "\r\n"), context)
    }

    private func decide(_ lines: [Substring], _ context: ChannelHandlerContext) {
        let words = (lines.first ?? "").split(separator: " ")
        guard words.count == 3, words[0] == "CONNECT" else { return refuse("405 Method Not Allowed", context) }
        let given = lines.first { $0.lowercased().hasPrefix("proxy-authorization: ") }?.dropFirst(21)
        guard authorization == nil || given.map(String.init) == authorization else {
            state.withLockedValue { $0.refusals += 1 }
            return refuse("407 Proxy Authentication Required", context)
        }
        let target = String(words[1])
        guard let port = route(target) else { return refuse("502 Bad Gateway", context) }
        state.withLockedValue { $0.targets.append(target) }
        let client = context.channel
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Return(to: client))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .whenComplete { result in
                let (tunnel, context) = bound.value
                guard case .success(let server) = result, context.channel.isActive else {
                    return tunnel.refuse("502 Bad Gateway", context)
                }
                tunnel.server = server
                tunnel.reply("200 Connection established", context)
            }
    }

    private func reply(_ status: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 \(status)\r\n\r\n")), promise: nil)
    }

    private func refuse(_ status: String, _ context: ChannelHandlerContext) {
        reply(status, context)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        server?.close(promise: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// The way back from the server to the client.
private final class Return: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: any Channel

    init(to client: any Channel) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        client.close(promise: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
