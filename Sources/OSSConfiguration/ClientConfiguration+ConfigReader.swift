public import Configuration
import Logging
public import OSS

extension ClientConfiguration {
    /// Reads a client's configuration from wherever the reader takes its values: environment variables, files, both.
    ///
    /// ```swift
    /// let reader = ConfigReader(provider: EnvironmentVariablesProvider())
    /// let client = try OSSClient(ClientConfiguration(config: reader.scoped(to: "oss")))
    /// ```
    ///
    /// A key has the name of the property that it sets: `readWriteTimeout`, or as an environment variable in the scope above
    /// `OSS_READ_WRITE_TIMEOUT`. What isn't set keeps its default. The article Configuration lists all keys.
    ///
    /// - Parameters:
    ///   - config: Where the values come from.
    ///   - credentials: Credentials to use instead of those that the keys speak of, which are then not read.
    /// - Throws: `OSSError` of kind `invalidConfiguration` that names the key whose value is missing or malformed. It doesn't
    ///   tell the value.
    public init(config: ConfigReader, credentials: (any CredentialsProvider)? = nil) throws {
        let values = Values(config)
        self.init(
            region: try values.required("region"),
            credentials: try credentials ?? values.credentials()
        )
        endpoint = try values.text("endpoint")
        set(&endpointKind, try values.choice("endpointKind", Values.endpointKinds))
        set(&disablesTLS, try values.flag("disablesTLS"))
        set(&addressing, try values.choice("addressing", Values.addressingStyles))
        cloudBox = try values.text("cloudBox").map { $0 == "automatic" ? .automatic : .id($0) }

        set(&retry.maximumAttempts, try values.number("retry.maximumAttempts", atLeast: 1))
        retry.backoff = try values.backoff()
        set(&readWriteTimeout, try values.seconds("readWriteTimeout"))
        set(&transportConfiguration.connectTimeout, try values.seconds("connectTimeout"))
        set(&transportConfiguration.maxConnections, try values.number("maxConnections", atLeast: 1))
        set(&transportConfiguration.idleTimeout, try values.seconds("idleTimeout"))
        transportConfiguration.proxy = try values.proxy()
        set(&transportConfiguration.insecureSkipVerify, try values.flag("insecureSkipVerify"))
        transportConfiguration.trustedCertificatesFile = try values.text("trustedCertificatesFile")
        set(&transportConfiguration.followsRedirects, try values.flag("followsRedirects"))

        set(&signature, try values.choice("signature", Values.signatures))
        set(&additionalSignedHeaders, try values.texts("additionalSignedHeaders"))
        defaultHeaders = try values.headers("defaultHeaders")
        userAgent = try values.text("userAgent")
        set(&checksUploads, try values.flag("checksUploads"))
        set(&checksDownloads, try values.flag("checksDownloads"))
        logger = try values.choice("logLevel", Values.logLevels).map { level in
            var logger = Logger(label: "oss")
            logger.logLevel = level
            return logger
        }
    }
}

/// Sets what has a value.
private func set<Value>(_ property: inout Value, _ value: Value?) {
    if let value { property = value }
}

/// The values of a reader, checked.
private struct Values {
    static let endpointKinds: KeyValuePairs<String, EndpointKind> = [
        "public": .publicInternet, "internal": .internalNetwork, "accelerate": .accelerate,
        "accelerate-overseas": .accelerateOverseas, "dual-stack": .dualStack,
    ]
    static let addressingStyles: KeyValuePairs<String, AddressingStyle> = [
        "virtual-hosted": .virtualHosted, "path": .path, "cname": .cname,
    ]
    static let signatures: KeyValuePairs<String, SignatureMethod> = ["v4": .v4, "v1": .v1]
    private enum CredentialsKind { case keys, environment, chain, anonymous }
    private static let credentialsKinds: KeyValuePairs<String, CredentialsKind> = [
        "keys": .keys, "environment": .environment, "chain": .chain, "anonymous": .anonymous,
    ]
    private enum BackoffKind { case fullJitter, equalJitter, fixed }
    private static let backoffKinds: KeyValuePairs<String, BackoffKind> = [
        "full-jitter": .fullJitter, "equal-jitter": .equalJitter, "fixed": .fixed,
    ]
    static let logLevels: KeyValuePairs<String, Logger.Level> = [
        "trace": .trace, "debug": .debug, "info": .info, "notice": .notice, "warning": .warning, "error": .error,
        "critical": .critical,
    ]

    private let reader: ConfigReader

    init(_ reader: ConfigReader) { self.reader = reader }

    // MARK: One value

    func text(_ key: String, isSecret: Bool = false) throws(OSSError) -> String? {
        let text = try value(key, "a text", isSecret) { try reader.requiredString(forKey: $0, isSecret: isSecret) }
        guard text?.isEmpty != true else { throw Self.error(key, "is empty") }
        return text
    }

    func required(_ key: String, isSecret: Bool = false) throws(OSSError) -> String {
        guard let text = try text(key, isSecret: isSecret) else { throw Self.error(key, "is not set") }
        return text
    }

    func texts(_ key: String) throws(OSSError) -> [String]? {
        try value(key, "a list of texts") { try reader.requiredStringArray(forKey: $0) }
    }

    func headers(_ key: String) throws(OSSError) -> HTTPFields {
        var fields: HTTPFields = [:]
        for line in try texts(key) ?? [] {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = HTTPField.Name(String(parts[0])) else {
                throw Self.malformed(key, "a list of header fields as in 'Cache-Control: no-cache'")
            }
            fields.append(HTTPField(name: name, value: String(parts[1].drop { $0 == " " })))
        }
        return fields
    }

    func flag(_ key: String) throws(OSSError) -> Bool? {
        try value(key, "true or false") { try reader.requiredBool(forKey: $0) }
    }

    func number(_ key: String, atLeast minimum: Int) throws(OSSError) -> Int? {
        let expected = "a whole number of at least \(minimum)"
        let number = try value(key, expected) { try reader.requiredInt(forKey: $0) }
        guard number.map({ $0 >= minimum }) ?? true else { throw Self.malformed(key, expected) }
        return number
    }

    func seconds(_ key: String) throws(OSSError) -> Duration? {
        let expected = "a number of seconds, more than 0 and up to a hundred years,"
        let seconds = try value(key, expected) { key in
            // A file's whole number isn't a fraction to all providers.
            if let whole = reader.int(forKey: key) { return Double(whole) }
            return try reader.requiredDouble(forKey: key)
        }
        guard let seconds else { return nil }
        guard seconds > 0, seconds <= 3_155_760_000 else { throw Self.malformed(key, expected) }
        return .seconds(seconds)
    }

    func choice<Choice>(_ key: String, _ choices: KeyValuePairs<String, Choice>) throws(OSSError) -> Choice? {
        guard let name = try text(key) else { return nil }
        guard let choice = choices.first(where: { $0.key == name })?.value else {
            throw Self.malformed(key, "one of " + choices.map(\.key).joined(separator: ", "))
        }
        return choice
    }

    // MARK: Several that belong together

    func credentials() throws(OSSError) -> any CredentialsProvider {
        switch try choice("credentials", Self.credentialsKinds) {
        case .environment: return .environment
        case .chain: return .chain()
        case .anonymous: return .anonymous
        case .keys, nil:
            let token = reader.string(forKey: "sessionToken", isSecret: true)
            return .static(
                accessKeyID: try required("accessKeyID", isSecret: true),
                accessKeySecret: try required("accessKeySecret", isSecret: true),
                // An empty one is none.
                securityToken: token?.isEmpty == true ? nil : try text("sessionToken", isSecret: true))
        }
    }

    func backoff() throws(OSSError) -> RetryPolicy.Backoff {
        let base = try seconds("retry.base") ?? .milliseconds(200)
        let maximum = try seconds("retry.maximum")
        switch try choice("retry.backoff", Self.backoffKinds) {
        case .fixed:
            guard maximum == nil else { throw Self.error("retry.maximum", "has no meaning for a fixed delay") }
            return .fixed(base)
        case .equalJitter: return .equalJitter(base: base, maximum: maximum ?? .seconds(20))
        case .fullJitter, nil: return .fullJitter(base: base, maximum: maximum ?? .seconds(20))
        }
    }

    func proxy() throws(OSSError) -> ProxyConfiguration? {
        guard let url = try text("proxy", isSecret: true) else { return nil }
        do {
            return try ProxyConfiguration(url: url)
        } catch {
            throw Self.malformed("proxy", "a URL as in http://user:password@host:port")
        }
    }

    // MARK: Missing and malformed ones

    /// A value; nil where there is none. A reader's own optional values are nil, too, for what it can't convert.
    private func value<Value>(
        _ name: String, _ expected: String, _ isSecret: Bool = false, _ read: (ConfigKey) throws -> Value
    ) throws(OSSError) -> Value? {
        let key = ConfigKey(name)
        do {
            return try read(key)
        } catch {
            guard isSet(key, isSecret) else { return nil }
            throw Self.malformed(name, expected)
        }
    }

    /// Whether there is a value of any type.
    private func isSet(_ key: ConfigKey, _ isSecret: Bool) -> Bool {
        reader.string(forKey: key, isSecret: isSecret) != nil || reader.int(forKey: key, isSecret: isSecret) != nil
            || reader.double(forKey: key, isSecret: isSecret) != nil
            || reader.bool(forKey: key, isSecret: isSecret) != nil
            || reader.stringArray(forKey: key, isSecret: isSecret) != nil
    }

    private static func malformed(_ key: String, _ expected: String) -> OSSError {
        error(key, "is not valid: \(expected) is needed")
    }

    private static func error(_ key: String, _ problem: String) -> OSSError {
        OSSError(.invalidConfiguration, message: "the configuration key '\(key)' \(problem)")
    }
}
