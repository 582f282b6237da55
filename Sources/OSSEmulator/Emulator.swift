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
    /// Where the control endpoint is: `http://127.0.0.1:40124`; nil where none was asked for.
    public let controlEndpoint: String?

    /// The threads that wait for the disk; an emulator that keeps nothing there has none of its own.
    private let ownPool: NIOThreadPool?
    private let storage: any Storage
    private let recorder: ExchangeRecorder?
    private let reception: Reception
    private let servers: [Task<Void, Never>]
    private let logger: Logger
    private let shutdownTask = NIOLockedValueBox<Task<Void, any Error>?>(nil)

    private typealias Listener = NIOAsyncChannel<HTTPConnection, Never>

    /// Starts an emulator; when this returns it answers.
    public static func start(_ configuration: EmulatorConfiguration = .init()) async throws -> Emulator {
        let clock = EmulatorClock(configuration.now)
        var turned = configuration
        turned.now = { clock.now }
        return try await start(configuration.controlPort == nil ? configuration : turned, clock)
    }

    private static func start(_ configuration: EmulatorConfiguration, _ clock: EmulatorClock) async throws -> Emulator {
        guard let credential = configuration.credentials.first else {
            throw EmulatorError(description: "at least one pair of keys must be configured")
        }
        let ownPool = configuration.dataDirectory.map { _ in NIOThreadPool(numberOfThreads: max(4, System.coreCount)) }
        ownPool?.start()
        let pool = ownPool ?? .singleton
        let reception = Reception()
        var storage: (any Storage)?
        var listener: Listener?
        do {
            let opened = try await pool.runIfActive { try open(configuration) }
            storage = opened
            let catalogue = try await pool.runIfActive { [pool] in try Catalogue(storage: opened, pool: pool) }
            let recorder = try recorder(configuration)
            let service = try await bind(configuration.host, configuration.port, configuration, reception)
            listener = service
            let control =
                if let port = configuration.controlPort {
                    try await bind(configuration.controlHost, port, configuration, reception)
                } else {
                    nil as Listener?
                }
            return Emulator(
                configuration, credential, ownPool, opened, catalogue, service, control, clock, recorder, reception)
        } catch {
            try? await listener?.executeThenClose { _ in }
            await reception.close()
            storage?.close()
            try? await ownPool?.shutdownGracefully()
            if let error = error as? StorageFailure { throw EmulatorError(description: error.description) }
            throw error
        }
    }

    private static func open(_ configuration: EmulatorConfiguration) throws -> any Storage {
        guard let directory = configuration.dataDirectory else { return configuration.storage(MemoryStorage()) }
        let files = try FileStorage(
            directory: directory, isSynchronizing: configuration.synchronizesFiles, logger: configuration.logger)
        return configuration.storage(files)
    }

    private static func reason(_ error: any Error) -> String {
        (error as? IOError)?.errnoCode == EADDRINUSE ? "the port is in use" : "\(error)"
    }

    /// Somebody who writes requests down, where anybody wants to know of them.
    private static func recorder(_ configuration: EmulatorConfiguration) throws -> ExchangeRecorder? {
        guard configuration.controlPort != nil || configuration.requestLog != nil else { return nil }
        return ExchangeRecorder(
            log: try configuration.requestLog.map { try RequestLog(path: $0, logger: configuration.logger) })
    }

    private static func bind(
        _ host: String, _ port: Int, _ configuration: EmulatorConfiguration, _ reception: Reception
    ) async throws -> Listener {
        do {
            return try await listen(host, port, configuration, reception)
        } catch {
            throw EmulatorError(description: "cannot listen on \(host):\(port): \(reason(error))")
        }
    }

    private static func listen(
        _ host: String, _ port: Int, _ configuration: EmulatorConfiguration, _ reception: Reception
    ) async throws -> Listener {
        let limits = configuration.connectionLimits
        return try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let gate = AcceptGate(limit: limits.connections) { reason in
                        configuration.logger.warning("a connection was refused", metadata: ["reason": "\(reason)"])
                    }
                    try channel.pipeline.syncOperations.addHandler(gate)
                }
            }
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: 256 << 10)
            )
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 128 << 10))
            .bind(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    var sizes = NIOHTTPDecoderLimitConfiguration()
                    sizes.maxHeaderFieldSize = 64 << 10
                    sizes.maxHeaderListSize = 128 << 10
                    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: sizes)
                    try channel.pipeline.syncOperations.addHandlers([
                        HTTPResponseEncoder(), ByteToMessageHandler(decoder), IdleWatch(limits),
                    ])
                    let connection = try HTTPConnection(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(
                            backPressureStrategy: .init(lowWatermark: 2, highWatermark: 6),
                            isOutboundHalfClosureEnabled: true))
                    reception.add(connection)
                    return connection
                }
            }
    }

    private init(
        _ configuration: EmulatorConfiguration, _ credential: EmulatorCredential, _ ownPool: NIOThreadPool?,
        _ storage: any Storage, _ catalogue: Catalogue, _ listener: Listener,
        _ control: Listener?, _ clock: EmulatorClock, _ recorder: ExchangeRecorder?, _ reception: Reception
    ) {
        let endpoint = Self.endpoint(configuration.host, listener)
        self.endpoint = endpoint
        controlEndpoint = control.map { Self.endpoint(configuration.controlHost, $0) }
        port = listener.channel.localAddress?.port ?? configuration.port
        region = configuration.region
        accessKeyID = credential.accessKeyID
        accessKeySecret = credential.accessKeySecret
        self.ownPool = ownPool
        self.reception = reception
        self.storage = storage
        self.recorder = recorder
        logger = configuration.logger
        let faults =
            control != nil || configuration.allowsFaultHeaders
            ? FaultRules(takesHeaders: configuration.allowsFaultHeaders, sleep: configuration.sleep) : nil
        let service = Service(
            configuration: configuration, catalogue: catalogue, pool: ownPool ?? .singleton, endpoint: endpoint,
            faults: faults,
            recorder: recorder)
        var servers = [Self.serve(listener, reception, service, service)]
        if let control, let faults, let recorder {
            servers.append(
                Self.serve(
                    control, reception, service,
                    ControlService(service: service, clock: clock, faults: faults, recorder: recorder)))
        }
        self.servers = servers
        logger.info("listening", metadata: ["endpoint": "\(endpoint)"])
    }

    private static func endpoint(_ host: String, _ listener: Listener) -> String {
        "http://\(host.contains(":") ? "[\(host)]" : host):\(listener.channel.localAddress?.port ?? 0)"
    }

    private static func serve(
        _ listener: Listener, _ reception: Reception, _ service: Service, _ responder: any Responder
    ) -> Task<Void, Never> {
        Task {
            do {
                try await accept(listener, reception, service, responder)
            } catch is CancellationError {
            } catch {
                service.configuration.logger.error("the listener failed", metadata: ["reason": "\(error)"])
            }
        }
    }

    private static func accept(
        _ listener: Listener, _ reception: Reception, _ service: Service, _ responder: any Responder
    ) async throws {
        try await withThrowingDiscardingTaskGroup { tasks in
            try await listener.executeThenClose { inbound in
                for try await child in inbound {
                    reception.remove(child)
                    tasks.addTask(executorPreference: ConnectionExecutor(child.channel.eventLoop)) {
                        do {
                            try await child.executeThenClose { inbound, outbound in
                                try await Connection(
                                    service: service, responder: responder, channel: child.channel
                                ).serve(inbound, outbound)
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
                for server in servers { server.cancel() }
                for server in servers { await server.value }
                await reception.close()
                await recorder?.close()
                try await ownPool?.shutdownGracefully()
                storage.close()
            }
            task = new
            return new
        }
        try await task.value
    }
}
