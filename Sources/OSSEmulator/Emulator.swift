import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// A local server that behaves like the object storage service and checks every signature.
///
///     let emulator = try await Emulator.start()
///     print(emulator.endpoint)  // http://127.0.0.1:40123
///     try await emulator.shutdown()
public final class Emulator: Sendable {
    /// Where clients connect to: `http://127.0.0.1:40123`.
    public let endpoint: String
    /// The port that was taken.
    public let port: Int
    /// The region that signatures must name.
    public let region: String
    /// The first of the accepted pairs of keys.
    public let accessKeyID: String
    /// The secret of `accessKeyID`.
    public let accessKeySecret: String

    private let group: MultiThreadedEventLoopGroup
    private let pool: NIOThreadPool
    private let storage: any Storage
    private let server: Task<Void, Never>
    private let logger: Logger
    private let shutdownTask = NIOLockedValueBox<Task<Void, any Error>?>(nil)

    private typealias Child = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    /// Starts an emulator; when this returns it answers.
    public static func start(_ configuration: EmulatorConfiguration = .init()) async throws -> Emulator {
        guard let credential = configuration.credentials.first else {
            throw EmulatorError(description: "at least one pair of keys must be configured")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let pool = NIOThreadPool(numberOfThreads: max(4, System.coreCount))
        pool.start()
        var storage: (any Storage)?
        do {
            let opened = try await pool.runIfActive { try open(configuration) }
            storage = opened
            let catalogue = try await pool.runIfActive { [pool] in try Catalogue(storage: opened, pool: pool) }
            let listener: NIOAsyncChannel<Child, Never>
            do {
                listener = try await bind(configuration, group)
            } catch {
                throw EmulatorError(
                    description: "cannot listen on \(configuration.host):\(configuration.port): \(reason(error))")
            }
            return Emulator(configuration, credential, group, pool, opened, catalogue, listener)
        } catch {
            storage?.close()
            try? await group.shutdownGracefully()
            try? await pool.shutdownGracefully()
            if let error = error as? StorageFailure { throw EmulatorError(description: error.description) }
            throw error
        }
    }

    private static func open(_ configuration: EmulatorConfiguration) throws -> any Storage {
        guard let directory = configuration.dataDirectory else { return MemoryStorage() }
        return try FileStorage(
            directory: directory, isSynchronizing: configuration.synchronizesFiles, logger: configuration.logger)
    }

    private static func reason(_ error: any Error) -> String {
        (error as? IOError)?.errnoCode == EADDRINUSE ? "the port is in use" : "\(error)"
    }

    private static func bind(
        _ configuration: EmulatorConfiguration, _ group: MultiThreadedEventLoopGroup
    ) async throws -> NIOAsyncChannel<Child, Never> {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16384, maximum: 256 << 10)
            )
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .bind(host: configuration.host, port: configuration.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    var limits = NIOHTTPDecoderLimitConfiguration()
                    limits.maxHeaderFieldSize = 64 << 10
                    limits.maxHeaderListSize = 128 << 10
                    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
                    try channel.pipeline.syncOperations.addHandlers([
                        HTTPResponseEncoder(), ByteToMessageHandler(decoder), ProtocolErrorHandler(),
                    ])
                    return try Child(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(
                            backPressureStrategy: .init(lowWatermark: 2, highWatermark: 6),
                            isOutboundHalfClosureEnabled: true))
                }
            }
    }

    private init(
        _ configuration: EmulatorConfiguration, _ credential: EmulatorCredential, _ group: MultiThreadedEventLoopGroup,
        _ pool: NIOThreadPool, _ storage: any Storage, _ catalogue: Catalogue, _ listener: NIOAsyncChannel<Child, Never>
    ) {
        let port = listener.channel.localAddress?.port ?? configuration.port
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let endpoint = "http://\(host):\(port)"
        self.endpoint = endpoint
        self.port = port
        region = configuration.region
        accessKeyID = credential.accessKeyID
        accessKeySecret = credential.accessKeySecret
        self.group = group
        self.pool = pool
        self.storage = storage
        logger = configuration.logger
        let service = Service(configuration: configuration, catalogue: catalogue, pool: pool, endpoint: endpoint)
        server = Task { [logger] in
            do {
                try await Self.serve(listener, service)
            } catch is CancellationError {
            } catch {
                logger.error("the listener failed", metadata: ["reason": "\(error)"])
            }
        }
        logger.info("listening", metadata: ["endpoint": "\(endpoint)"])
    }

    private static func serve(_ listener: NIOAsyncChannel<Child, Never>, _ service: Service) async throws {
        try await withThrowingDiscardingTaskGroup { tasks in
            try await listener.executeThenClose { inbound in
                for try await child in inbound {
                    tasks.addTask(executorPreference: ConnectionExecutor(child.channel.eventLoop)) {
                        do {
                            try await child.executeThenClose { inbound, outbound in
                                try await Connection(service: service, channel: child.channel).serve(inbound, outbound)
                            }
                        } catch {
                            // A client that goes away is no event; what is wrong with a request was answered before.
                            service.configuration.logger.trace("a connection ended", metadata: ["reason": "\(error)"])
                        }
                    }
                }
            }
        }
    }

    /// Stops listening, ends all connections, and returns when nothing is left running. May be called again.
    public func shutdown() async throws {
        let task = shutdownTask.withLockedValue { task in
            if let task { return task }
            let new = Task {
                server.cancel()
                await server.value
                try await group.shutdownGracefully()
                try await pool.shutdownGracefully()
                storage.close()
            }
            task = new
            return new
        }
        try await task.value
    }
}
