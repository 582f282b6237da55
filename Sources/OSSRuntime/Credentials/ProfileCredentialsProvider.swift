#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A profile of the files that the command line tool and the other SDKs keep: `~/.aliyun/config.json`, and if that has
/// none of the name, `~/.alibabacloud/credentials`.
///
/// Kinds of profiles: access key, security token, RAM role, RAM role through another profile, ECS role, OIDC role,
/// credentials URI. The files are read at the first request, and again after the service refused the credentials.
public struct ProfileCredentialsProvider: CredentialsProvider {
    private let cache: ProfileCache

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - name: The profile's name. Default: the environment variable `ALIBABA_CLOUD_PROFILE`, else the one that
    ///     `config.json` calls current, else `default`.
    ///   - configurationFile: The command line tool's file. Default: `~/.aliyun/config.json`.
    ///   - credentialsFile: The SDKs' file. Default: the environment variable `ALIBABA_CLOUD_CREDENTIALS_FILE`, else
    ///     `~/.alibabacloud/credentials`.
    ///   - transport: What sends the requests of roles.
    public init(
        name: String? = nil, configurationFile: String? = nil, credentialsFile: String? = nil,
        transport: any HTTPTransport
    ) {
        self.init(
            name: name, configurationFile: configurationFile, credentialsFile: credentialsFile, transport: transport,
            dependencies: .init(), lookUp: { Environment.value(of: $0) })
    }

    package init(
        name: String? = nil, configurationFile: String? = nil, credentialsFile: String? = nil,
        transport: any HTTPTransport, dependencies: RuntimeDependencies,
        lookUp: @escaping @Sendable (String) -> String?
    ) {
        let home = lookUp("HOME") ?? lookUp("USERPROFILE") ?? ""
        let files = ProfileFiles(
            name: name ?? lookUp("ALIBABA_CLOUD_PROFILE"),
            configurationFile: configurationFile ?? home + "/.aliyun/config.json",
            credentialsFile: credentialsFile ?? lookUp("ALIBABA_CLOUD_CREDENTIALS_FILE")
                ?? home + "/.alibabacloud/credentials",
            transport: transport, dependencies: dependencies, lookUp: lookUp)
        cache = ProfileCache(files: files)
    }

    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/credentials`` that names the file and what is wrong with it.
    public func credentials() async throws -> Credentials { try await cache.provider().credentials() }
    public func refused(_ credentials: Credentials) -> Bool { cache.refused(credentials) }
}

/// The provider that a profile comes to.
private final class ProfileCache: Sendable {
    private let files: ProfileFiles
    private let made = Locked<(any CredentialsProvider)?>(nil)

    init(files: ProfileFiles) {
        self.files = files
    }

    func provider() async throws -> any CredentialsProvider {
        if let provider = made.withLock({ $0 }) { return provider }
        let provider = try await files.provider()
        return made.withLock { made in
            let kept = made ?? provider
            made = kept
            return kept
        }
    }

    func refused(_ credentials: Credentials) -> Bool {
        made.withLock { made in
            if made?.refused(credentials) == true { return true }
            // Somebody may have changed the file.
            made = nil
            return true
        }
    }
}

private struct ProfileFiles: Sendable {
    let name: String?
    let configurationFile: String
    let credentialsFile: String
    let transport: any HTTPTransport
    let dependencies: RuntimeDependencies
    let lookUp: @Sendable (String) -> String?

    private static let maximumSize = 1 << 20

    func provider() async throws -> any CredentialsProvider {
        var reasons: [String] = []
        do {
            let text = try await FileIO.text(at: configurationFile, upTo: Self.maximumSize)
            if let provider = try configured(text) { return provider }
            reasons.append("\(configurationFile) has no profile '\(name ?? "default")'")
        } catch let error as OSSError where error.kind == .body {
            reasons.append(error.message)
        }
        do {
            let text = try await FileIO.text(at: credentialsFile, upTo: Self.maximumSize)
            let sections = INIFile(text).sections
            if let section = sections[name ?? "default"] { return try provider(of: section) }
            reasons.append("\(credentialsFile) has no section [\(name ?? "default")]")
        } catch let error as OSSError where error.kind == .body {
            reasons.append(error.message)
        }
        throw OSSError(.credentials, code: .credentialsMissing, message: reasons.joined(separator: "; "))
    }

    // MARK: config.json

    private struct Configuration: Decodable {
        var current: String?
        var profiles: [Profile]?
    }

    private struct Profile: Decodable {
        var name: String?
        var mode: String?
        var access_key_id: String?
        var access_key_secret: String?
        var sts_token: String?
        var ram_role_name: String?
        var ram_role_arn: String?
        var ram_session_name: String?
        var expired_seconds: Int64?
        var policy: String?
        var external_id: String?
        var source_profile: String?
        var sts_region: String?
        var enable_vpc: Bool?
        var oidc_provider_arn: String?
        var oidc_token_file: String?
        var credentials_uri: String?
    }

    private func configured(_ text: String) throws(OSSError) -> (any CredentialsProvider)? {
        let configuration: Configuration
        do {
            configuration = try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
        } catch {
            // Without the decoder's own words, which may show what stands in the file.
            throw OSSError(.credentials, message: "\(configurationFile) is not the JSON document that was expected")
        }
        let wanted = name ?? configuration.current ?? "default"
        return try provider(of: wanted, in: configuration, through: [])
    }

    private func provider(
        of name: String, in configuration: Configuration, through others: [String]
    ) throws(OSSError) -> (any CredentialsProvider)? {
        guard let profile = configuration.profiles?.first(where: { $0.name == name }) else { return nil }
        func invalid(_ reason: String) -> OSSError {
            OSSError(.credentials, message: "profile '\(name)' of \(configurationFile) \(reason)")
        }
        func required(_ value: String?, _ key: String) throws(OSSError) -> String {
            guard let value, !value.isEmpty else { throw invalid("lacks '\(key)'") }
            return value
        }
        func keys(token: String? = nil) throws(OSSError) -> StaticCredentialsProvider {
            StaticCredentialsProvider(
                accessKeyID: try required(profile.access_key_id, "access_key_id"),
                accessKeySecret: try required(profile.access_key_secret, "access_key_secret"), securityToken: token)
        }
        func role(_ source: any CredentialsProvider) throws(OSSError) -> RAMRoleCredentialsProvider {
            try RAMRoleCredentialsProvider(
                roleARN: try required(profile.ram_role_arn, "ram_role_arn"),
                sessionName: profile.ram_session_name ?? "oss-swift", policy: profile.policy,
                duration: .seconds(profile.expired_seconds ?? 3600), externalID: profile.external_id,
                endpoint: endpoint(profile), source: source, transport: transport, dependencies: dependencies)
        }
        switch profile.mode ?? "AK" {
        case "AK": return try keys()
        case "StsToken": return try keys(token: try required(profile.sts_token, "sts_token"))
        case "RamRoleArn": return try role(try keys(token: profile.sts_token))
        case "ChainableRamRoleArn":
            let source = try required(profile.source_profile, "source_profile")
            guard source != name, !others.contains(source) else { throw invalid("is its own source") }
            guard let provider = try provider(of: source, in: configuration, through: others + [name]) else {
                throw invalid("has the source '\(source)', which isn't there")
            }
            return try role(provider)
        case "EcsRamRole":
            return try ECSRoleCredentialsProvider(
                roleName: profile.ram_role_name, endpoint: metadataEndpoint, transport: transport,
                dependencies: dependencies)
        case "OIDC":
            return try OIDCRoleCredentialsProvider(
                roleARN: profile.ram_role_arn, providerARN: profile.oidc_provider_arn,
                tokenFile: profile.oidc_token_file, sessionName: profile.ram_session_name, policy: profile.policy,
                duration: .seconds(profile.expired_seconds ?? 3600), endpoint: endpoint(profile), transport: transport,
                dependencies: dependencies, lookUp: lookUp)
        case "CredentialsURI":
            return try URICredentialsProvider(
                uri: try required(profile.credentials_uri, "credentials_uri"), transport: transport,
                dependencies: dependencies)
        case let mode: throw invalid("has the mode '\(mode)', which is not supported")
        }
    }

    private func endpoint(_ profile: Profile) -> String {
        guard let region = profile.sts_region, !region.isEmpty else { return stsEndpoint }
        return "https://sts\(profile.enable_vpc == true ? "-vpc" : "").\(region).aliyuncs.com"
    }

    private var stsEndpoint: String { lookUp("ALIBABA_CLOUD_STS_ENDPOINT") ?? "https://sts.aliyuncs.com" }
    private var metadataEndpoint: String {
        lookUp("ALIBABA_CLOUD_ECS_METADATA_ENDPOINT") ?? "http://100.100.100.200"
    }

    // MARK: credentials

    private func provider(of section: [String: String]) throws(OSSError) -> any CredentialsProvider {
        func required(_ key: String) throws(OSSError) -> String {
            guard let value = section[key], !value.isEmpty else {
                throw OSSError(
                    .credentials, message: "section [\(name ?? "default")] of \(credentialsFile) lacks '\(key)'")
            }
            return value
        }
        func keys() throws(OSSError) -> StaticCredentialsProvider {
            StaticCredentialsProvider(
                accessKeyID: try required("access_key_id"), accessKeySecret: try required("access_key_secret"),
                securityToken: section["security_token"])
        }
        switch section["type"] ?? "access_key" {
        case "access_key", "sts": return try keys()
        case "ram_role_arn":
            return try RAMRoleCredentialsProvider(
                roleARN: try required("role_arn"), sessionName: section["role_session_name"] ?? "oss-swift",
                policy: section["policy"], endpoint: stsEndpoint, source: try keys(), transport: transport,
                dependencies: dependencies)
        case "ecs_ram_role":
            return try ECSRoleCredentialsProvider(
                roleName: section["role_name"], endpoint: metadataEndpoint, transport: transport,
                dependencies: dependencies)
        case "oidc_role_arn":
            return try OIDCRoleCredentialsProvider(
                roleARN: section["role_arn"], providerARN: section["oidc_provider_arn"],
                tokenFile: section["oidc_token_file_path"], sessionName: section["role_session_name"],
                policy: section["policy"], endpoint: stsEndpoint, transport: transport, dependencies: dependencies,
                lookUp: lookUp)
        case let type:
            throw OSSError(
                .credentials,
                message:
                    "section [\(name ?? "default")] of \(credentialsFile) has the type '\(type)', which is not supported"
            )
        }
    }
}

/// `[section]`, `key = value`, comments from `#` or `;`.
struct INIFile {
    private(set) var sections: [String: [String: String]] = [:]

    init(_ text: String) {
        var section = ""
        for line in text.split(whereSeparator: \.isNewline) {
            let line = String(line).trimmingWhitespace
            guard let first = line.first, first != "#", first != ";" else { continue }
            if first == "[", line.last == "]" {
                section = String(line.dropFirst().dropLast()).trimmingWhitespace
                sections[section, default: [:]] = [:]
                continue
            }
            guard let equals = line.firstIndex(of: "=") else { continue }
            // A comment needs a blank before it, since a secret may have a "#".
            var value = String(line[line.index(after: equals)...])
            if let comment = value.firstRange(of: " #") { value = String(value[..<comment.lowerBound]) }
            sections[section, default: [:]][String(line[..<equals]).trimmingWhitespace] = value.trimmingWhitespace
        }
    }
}

extension FileIO {
    /// A small file's text.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/body``.
    package static func text(at path: String, upTo limit: Int) async throws -> String {
        let bytes = try await FileReader.open(path).read(at: 0, count: limit)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    var trimmingWhitespace: String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        guard let first = utf8.firstIndex(where: { !isBlank($0) }), let last = utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(self[first...last])
    }
}
