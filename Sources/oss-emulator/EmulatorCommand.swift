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

            CONTROL ENDPOINT
            With --control-port the line also has control=http://127.0.0.1:40124. A browser sees there what is stored, \
            the last requests, and for a signature that doesn't match what the client did otherwise. For tests there \
            is JSON:

              GET /state                 the buckets
              GET /state/BUCKET          its objects and uploads; with
                                         ?prefix= delimiter= after= limit=
              GET, DELETE /requests      the last 500; with ?operation= bucket=
                                         key= method= status= code= outcome=
                                         after= limit=
              GET /requests/ID           one of them, and why its signature
                                         doesn't match
              GET, POST, DELETE /faults  the rules for faults
              GET, DELETE /faults/ID     one of them
              GET, PUT /clock            {"offset": SECONDS} turns the clock
              GET, PUT /metadata         {"mode": "open"|"hardened"|"off",
                                          "role": NAME}
              GET /kms                   the client keys and secrets of KMS
              PUT /kms/client-keys/ID    takes the public key, in PEM, of one
                                         that may read them
              PUT /kms/secrets/NAME      makes a RAM secret, with an access
                                         key; {"rotationInterval": SECONDS}
              POST /kms/secrets/NAME     rotates it: the old key is unknown,
                                         unless {"keepPrevious": true}
              DELETE /kms/…/…            takes either away
              POST /reset                forgets everything (not with --data)

            And credentials, as there are in the cloud, which the emulator then takes:

              / (or /sts)                AssumeRole, AssumeRoleWithOIDC and
                                         GetCallerIdentity of STS;
                                         GetSecretValue of KMS
              /latest/…                  an ECS instance's role and token
              /credentials               for a credentials URI

            FAULTS
            A rule is {"match": {…}, "fault": {…}}. Its match may have operation, method, bucket, prefix (of the key) \
            and query (NAME or NAME=VALUE); beside it there may be skip, times, every, probability and seed. With \
            --fault-headers a request can say its fault itself: "x-emulator-fault: status=503; qos-delay=200". The \
            faults are:

              status=N, code=CODE,       an error instead of the answer; a known
              message=TEXT, ec=EC        code brings the rest with it
              body=TEXT                  a body of another kind, e.g. a proxy's
              perform=true               carries the request out all the same
              read=N                     reads N bytes of the request's body
                                         before the error, not all
              header=NAME:VALUE          sets a header of the answer, or without
                                         a value takes it away
              qos-delay=MS               sets x-oss-qos-delay-time
              latency=MS                 waits before it looks at the request
              stall=MS, stall=MS@N       waits before the answer, or after N
                                         bytes of its body
              bandwidth=N                N bytes a second, both ways
              reset=before|N|after       resets the connection before the
                                         answer, after N bytes of its body, or
                                         after all of it
              truncate=N                 closes after N bytes of the body
              corrupt=N                  inverts byte N of the body
              crc=wrong, etag=wrong,     wrong headers
              md5=wrong
              skew=SECONDS               another clock for this request
              gzip=true                  compresses, if Accept-Encoding has gzip
              expires=SECONDS            ends the credentials given so soon
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

    @Option(help: ArgumentHelp("The port of the control endpoint; 0 takes any that is free.", valueName: "port"))
    var controlPort: Int?

    @Option(
        help: ArgumentHelp(
            "The address of the control endpoint. It gives credentials to whoever can reach it.", valueName: "host"))
    var controlHost = "127.0.0.1"

    @Flag(help: "Let requests ask for faults by their x-emulator-fault header.")
    var faultHeaders = false

    @Option(help: ArgumentHelp("Add a line of JSON for each request to a file; - is stdout.", valueName: "file"))
    var requestLog: String?

    @Option(
        help: ArgumentHelp(
            "Send the callbacks for a host to a port of 127.0.0.1, without TLS; may be repeated.",
            valueName: "host=port"))
    var callbackHost: [String] = []

    @Option(
        help: ArgumentHelp("How long the restore of an archived object takes.", valueName: "seconds"))
    var restoreDuration = 5

    @Option(
        help: ArgumentHelp("How much to log, to stderr.", valueName: "level"))
    var logLevel = LogLevel.warning

    func validate() throws {
        _ = try callbackPorts()
        guard (0...65535).contains(port) else { throw ValidationError("--port must be between 0 and 65535") }
        guard (0...65535).contains(controlPort ?? 0) else {
            throw ValidationError("--control-port must be between 0 and 65535")
        }
        guard (0...31_536_000).contains(restoreDuration) else {
            throw ValidationError("--restore-duration must be between 0 seconds and a year")
        }
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

    private func callbackPorts() throws -> [String: Int] {
        var ports: [String: Int] = [:]
        for text in callbackHost {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, let port = Int(parts[1]), (1...65535).contains(port) else {
                throw ValidationError("--callback-host must look like www.example.com=8301, not \(text)")
            }
            ports[parts[0].lowercased()] = port
        }
        return ports
    }

    func run() async throws {
        // Writes to a connection that the client closed, or beyond a file's limit, must fail, not end the process.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        Self.raiseFileLimit()
        var configuration = EmulatorConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.region = region
        configuration.dataDirectory = data
        configuration.synchronizesFiles = sync
        configuration.blocksPublicAccess = blockPublicAccess
        configuration.domains = domain
        configuration.controlPort = controlPort
        configuration.controlHost = controlHost
        configuration.allowsFaultHeaders = faultHeaders
        configuration.requestLog = requestLog
        configuration.restoreDuration = .seconds(restoreDuration)
        configuration.callbackPorts = try callbackPorts()
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
            + " accessKeySecret=\(emulator.accessKeySecret)"
            + (emulator.controlEndpoint.map { " control=\($0)" } ?? "") + "\n"
        line.withCString { _ = write(STDOUT_FILENO, $0, strlen($0)) }
        for await _ in stop { break }
        try await emulator.shutdown()
    }

    /// Each connection is an open file, and the limit that a shell gives is often 1024 or 256.
    private static func raiseFileLimit() {
        var limit = rlimit()
        #if canImport(Glibc)
            let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let files = RLIMIT_NOFILE
        #endif
        guard getrlimit(files, &limit) == 0 else { return }
        // macOS may refuse more than 10240, whatever it names as the maximum.
        for wanted: rlim_t in [40960, 10240] where limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = min(limit.rlim_max, wanted)
            if setrlimit(files, &raised) == 0 { return }
        }
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
