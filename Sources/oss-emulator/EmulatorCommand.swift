import ArgumentParser
import Dispatch
import Logging
import OSSEmulator

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@main
struct EmulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oss-emulator",
        abstract: "A local server that behaves like Alibaba Cloud Object Storage Service (OSS).",
        discussion: """
            It checks every signature (versions 1, 2 and 4, in the header, in URLs and in forms), answers errors as the \
            service does, and keeps objects in memory or, with --data, in a folder. When it is ready it prints one line:

                ready http://127.0.0.1:40123 region=cn-hangzhou accessKeyId=… accessKeySecret=…

            It ends on SIGINT and SIGTERM. It is meant for development and tests: the keys are no secret, and there \
            is no TLS. Clients that are given an IP address send the bucket in the path; for \
            http://BUCKET.DOMAIN:PORT/ name the domain with --domain (localhost needs no naming).
            """
    )

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 takes any that is free.")
    var port = 0

    @Option(help: "The region that signatures must name.")
    var region = "cn-hangzhou"

    @Option(
        help: ArgumentHelp("The folder to keep objects in; without it they are in memory.", valueName: "directory"))
    var data: String?

    @Option(help: ArgumentHelp("The access key ID that is accepted.", valueName: "id"))
    var accessKeyId: String?

    @Option(help: ArgumentHelp("The secret of the access key.", valueName: "secret"))
    var accessKeySecret: String?

    @Option(
        help: ArgumentHelp(
            "A file with the keys of several accounts, instead of the one pair.",
            discussion: """
                One pair in a line, for example 'accessKeyId=alice-1 accessKeySecret=s3cret accountId=1001', and with \
                'securityToken=… expiration=2030-01-01T00:00:00Z' one that is temporary. Lines that begin with # are \
                comments. The first pair is the one that is printed.
                """, valueName: "file"))
    var credentials: String?

    @Option(
        help: ArgumentHelp("A domain whose sub-domains are buckets; may be repeated.", valueName: "domain"))
    var domain: [String] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Whether writes under --data also survive a crash of the machine (slower for small objects).")
    var sync = true

    @Flag(inversion: .prefixedNo, help: "What GetBucketInfo says of BlockPublicAccess.")
    var blockPublicAccess = true

    @Option(
        help: ArgumentHelp("How much to log, to stderr.", valueName: "level"))
    var logLevel = LogLevel.warning

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be between 0 and 65535") }
        guard credentials == nil || accessKeyId == nil && accessKeySecret == nil else {
            throw ValidationError("--credentials goes without --access-key-id and --access-key-secret")
        }
        guard accessKeyId?.isEmpty != true, accessKeySecret?.isEmpty != true else {
            throw ValidationError("the keys must not be empty")
        }
        guard
            accessKeyId?.utf8.allSatisfy({ (33...126).contains($0) && !"/,:".utf8.contains($0) }) != false
        else {
            throw ValidationError("--access-key-id must be printable ASCII without spaces, slashes, commas and colons")
        }
    }

    func run() async throws {
        // Writes to a connection that the client closed must fail, not end the process.
        signal(SIGPIPE, SIG_IGN)
        var configuration = EmulatorConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.region = region
        configuration.dataDirectory = data
        configuration.synchronizesFiles = sync
        configuration.blocksPublicAccess = blockPublicAccess
        configuration.domains = domain
        let standard = EmulatorCredential.standard
        configuration.credentials =
            try credentials.map { try EmulatorCredential.read(file: $0) } ?? [
                EmulatorCredential(
                    accessKeyID: accessKeyId ?? standard.accessKeyID,
                    accessKeySecret: accessKeySecret ?? standard.accessKeySecret)
            ]
        var logger = Logger(label: "oss-emulator") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = Logger.Level(rawValue: logLevel.rawValue) ?? .warning
        configuration.logger = logger

        let (stop, sources) = Self.stopSignals()
        defer { for source in sources { source.cancel() } }
        let emulator = try await Emulator.start(configuration)
        // Written by hand, since a pipe's buffer would keep `print`'s line from whoever waits for it.
        let line =
            "ready \(emulator.endpoint) region=\(emulator.region) accessKeyId=\(emulator.accessKeyID)"
            + " accessKeySecret=\(emulator.accessKeySecret)\n"
        line.withCString { _ = write(STDOUT_FILENO, $0, strlen($0)) }
        for await _ in stop { break }
        try await emulator.shutdown()
    }

    /// One element for each SIGINT or SIGTERM, as long as the sources live.
    private static func stopSignals() -> (AsyncStream<Void>, [any DispatchSourceSignal]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
        return (stream, sources)
    }
}

/// The levels of the logger, under a type of our own that the command line can name.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical
}
