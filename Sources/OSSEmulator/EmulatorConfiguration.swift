import Logging

/// A pair of keys that the emulator accepts.
public struct EmulatorCredential: Sendable, Hashable {
    /// The public half.
    public var accessKeyID: String
    /// The secret half.
    public var accessKeySecret: String
    /// For temporary credentials: the token that every request must carry.
    public var securityToken: String?
    /// The account that the keys belong to; it owns the buckets that they make.
    public var accountID: String
    /// For temporary credentials: when they end; nil for never.
    public var expiration: EmulatorInstant?

    /// Creates a pair of keys.
    public init(
        accessKeyID: String, accessKeySecret: String, securityToken: String? = nil,
        accountID: String = "1234567890123456", expiration: EmulatorInstant? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.accessKeySecret = accessKeySecret
        self.securityToken = securityToken
        self.accountID = accountID
        self.expiration = expiration
    }

    /// The pair that is accepted unless others are configured. It opens nothing but an emulator.
    public static let standard = EmulatorCredential(
        accessKeyID: "oss-emulator-local-id-0001", accessKeySecret: "oss-emulator-local-secret-0001")
}

/// How an emulator runs.
public struct EmulatorConfiguration: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 takes any that is free.
    public var port = 0
    /// The region that the emulator is in; signatures must name it.
    public var region = "cn-hangzhou"
    /// The folder that objects are kept in. Without one they are in memory and end with the emulator.
    public var dataDirectory: String?
    /// Whether what is written to `dataDirectory` also survives a crash of the machine. A crash of the process alone
    /// loses nothing that was acknowledged, either way.
    public var synchronizesFiles = true
    /// The keys that are accepted.
    public var credentials: [EmulatorCredential] = [.standard]
    /// Domains under which a bucket is a sub-domain: with `oss.test`, `http://bucket.oss.test/key` works as
    /// `http://127.0.0.1/bucket/key` does. `localhost` is always one.
    public var domains: [String] = []
    /// What `GetBucketInfo` says of `BlockPublicAccess`, an account's setting in the service.
    public var blocksPublicAccess = true
    /// How long it takes until an archived object is readable that `RestoreObject` was called for: minutes to days in
    /// the service, by default here long enough for a client to see it under way.
    public var restoreDuration = Duration.seconds(5)
    /// The port of the control endpoint; 0 takes any that is free, nil has none. It gives credentials to whoever asks.
    public var controlPort: Int?
    /// The address that the control endpoint listens on.
    public var controlHost = "127.0.0.1"
    /// Whether a request may ask for a fault by its `x-emulator-fault` header.
    public var allowsFaultHeaders = false
    /// The file that a line of JSON is added to for each request; `-` is the standard output.
    public var requestLog: String?
    /// The emulator's clock: it judges signatures and dates what is stored.
    public var now: @Sendable () -> EmulatorInstant = { EmulatorInstant.now }
    /// Where callbacks go that name another host: its name, in lower case, and a port of 127.0.0.1. No TLS is spoken
    /// there. All other callbacks off this machine fail without being made.
    public var callbackPorts: [String: Int] = [:]
    /// How long a callback may take.
    var callbackTime = Duration.seconds(5)
    /// How long a connection may do nothing, and how many there may be.
    var connectionLimits = ConnectionLimits()
    /// Takes the place of the storage; a test's own fails where it wants.
    var storage: @Sendable (any Storage) -> any Storage = { $0 }
    /// How the stalls of faults are waited for.
    var sleep: Sleeper = { try await Task.sleep(for: .milliseconds($0)) }
    /// Where the emulator logs; secrets never.
    public var logger = Logger(label: "oss-emulator") { _ in SwiftLogNoOpLogHandler() }

    /// Creates the standard configuration: memory only, any free port of the loopback interface.
    public init() {}

    /// None of its limits is reached, however slow the machine: for tests that are not about them.
    package static var unhurried: EmulatorConfiguration {
        var configuration = EmulatorConfiguration()
        configuration.callbackTime = .seconds(3600)
        configuration.connectionLimits.head = .hours(1)
        configuration.connectionLimits.stall = .hours(1)
        configuration.connectionLimits.linger = .hours(1)
        return configuration
    }
}

/// Why an emulator didn't start.
public struct EmulatorError: Error, Sendable, CustomStringConvertible {
    /// A sentence for people.
    public var description: String
}
