import OSS
public import OSSRuntime

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An access key pair that KMS Secrets Manager keeps as a RAM secret and rotates, read with a client key.
///
/// The pair is kept. It is read anew five minutes after the rotation that KMS announces, after `refreshInterval` at the
/// latest, and at once when the service says that it doesn't know the key. While KMS can't be reached the old pair stays
/// in use.
/// See [RAM secrets](https://www.alibabacloud.com/help/en/kms/user-guide/manage-and-use-ram-secrets) and
/// [client keys](https://www.alibabacloud.com/help/en/kms/key-management-service/developer-reference/create-access-credentials).
public struct RotatingCredentialsProvider: CredentialsProvider {
    private let cache: RefreshingCredentialsProvider

    /// Makes a provider.
    ///
    /// - Parameters:
    ///   - secretName: The name or the ARN of the secret.
    ///   - clientKeyFile: The path of the file that KMS gave out with the client key. It is read whenever the secret is,
    ///     so that it can be replaced.
    ///   - password: The password that the private key in the file is protected with.
    ///   - region: The region of the secret, such as `cn-hangzhou`.
    ///   - endpoint: Where KMS is. Default: `https://kms.<region>.aliyuncs.com`; within a VPC it is
    ///     `https://kms-vpc.<region>.aliyuncs.com`.
    ///   - refreshInterval: How long a pair is kept at most before the secret is read again. Default: 6 hours.
    ///   - transport: What sends the requests.
    /// - Throws: `OSSError` of kind `invalidConfiguration`.
    public init(
        secretName: String, clientKeyFile: String, password: String, region: String, endpoint: String? = nil,
        refreshInterval: Duration = .seconds(6 * 3600), transport: any HTTPTransport
    ) throws(OSSError) {
        try self.init(
            secretName: secretName, clientKeyFile: clientKeyFile, password: password, region: region,
            endpoint: endpoint, refreshInterval: refreshInterval, transport: transport, dependencies: .init())
    }

    package init(
        secretName: String, clientKeyFile: String, password: String, region: String, endpoint: String? = nil,
        refreshInterval: Duration = .seconds(6 * 3600), transport: any HTTPTransport,
        dependencies: RuntimeDependencies
    ) throws(OSSError) {
        func invalid(_ reason: String) -> OSSError { OSSError(.invalidConfiguration, message: reason) }
        guard !secretName.isEmpty else { throw invalid("the secret's name is empty") }
        try Endpoint.validate(region: region)
        guard refreshInterval >= .seconds(60) else {
            throw invalid("a secret can't be read every \(refreshInterval): a minute is the least")
        }
        let secret = RotatedSecret(
            name: secretName, clientKeyFile: clientKeyFile, password: password, region: region,
            interval: refreshInterval.seconds, dependencies: dependencies,
            service: try RPCService(
                "KMS", endpoint: endpoint ?? "https://kms.\(region).aliyuncs.com", transport: transport,
                dependencies: dependencies))
        cache = RefreshingCredentialsProvider(dependencies: dependencies) { try await secret.read() }
    }

    public func credentials() async throws -> Credentials { try await cache.credentials() }
    public func refused(_ credentials: Credentials) -> Bool { cache.refused(credentials) }
}

extension CredentialsProvider where Self == RotatingCredentialsProvider {
    /// An access key pair that KMS Secrets Manager keeps as a RAM secret and rotates, read with a client key.
    ///
    /// - Parameters:
    ///   - secretName: The name or the ARN of the secret.
    ///   - clientKeyFile: The path of the file that KMS gave out with the client key.
    ///   - password: The password that the private key in the file is protected with.
    ///   - region: The region of the secret, such as `cn-hangzhou`.
    ///   - endpoint: Where KMS is. Default: `https://kms.<region>.aliyuncs.com`.
    ///   - refreshInterval: How long a pair is kept at most before the secret is read again. Default: 6 hours.
    /// - Throws: `OSSError` of kind `invalidConfiguration`.
    public static func rotating(
        secretName: String, clientKeyFile: String, password: String, region: String, endpoint: String? = nil,
        refreshInterval: Duration = .seconds(6 * 3600)
    ) throws -> Self {
        try RotatingCredentialsProvider(
            secretName: secretName, clientKeyFile: clientKeyFile, password: password, region: region,
            endpoint: endpoint, refreshInterval: refreshInterval, transport: CredentialsTransport.shared)
    }
}

/// A RAM secret, read with the `GetSecretValue` operation of KMS.
private struct RotatedSecret: Sendable {
    /// How long after an announced rotation the secret is read.
    private static let delay: TimeInterval = 300
    /// What is added to all times at most, so that not all clients come at once.
    private static let spread: TimeInterval = 300

    let name: String
    let clientKeyFile: String
    let password: String
    let region: String
    let interval: TimeInterval
    let dependencies: RuntimeDependencies
    let service: RPCService

    private struct Document: Decodable {
        var SecretData: String
        var NextRotationDate: String?
    }

    private struct Pair: Decodable {
        var AccessKeyId: String
        var AccessKeySecret: String
    }

    func read() async throws -> RefreshingCredentialsProvider.Fetched {
        let key = try await ClientKey.read(clientKeyFile, password: password)
        let parameters = [
            "Action": "GetSecretValue", "Format": "JSON", "Version": "2016-01-20", "RegionId": region,
            "SecretName": name, "VersionStage": "ACSCurrent", "SignatureType": "PRIVATEKEY",
        ]
        // KMS takes them in the query; nothing secret is among them.
        let (request, reply) = try await service.call(parameters, in: .query) { parameters in
            try RPCSignature.sign(&parameters, by: key.id, "SHA256withRSA", signature: key.signature)
        }
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(reply.text.utf8)) else {
            throw request.failure("the reply is not the JSON document that was expected")
        }
        guard let pair = try? JSONDecoder().decode(Pair.self, from: Data(document.SecretData.utf8)),
            !pair.AccessKeyId.isEmpty, !pair.AccessKeySecret.isEmpty
        else { throw request.failure("the secret '\(name)' is no access key pair: has it the type RAM secret?") }
        return .init(
            Credentials(accessKeyID: pair.AccessKeyId, accessKeySecret: pair.AccessKeySecret),
            renewal: renewal(after: document.NextRotationDate), time: reply.time)
    }

    private func renewal(after date: String?) -> Date {
        let now = dependencies.now().addingTimeInterval(ServerClock.offset)
        let jitter = Self.spread * dependencies.random()
        let latest = now.addingTimeInterval(interval)
        guard let date = date.flatMap({ Timestamps.date($0, .dateTime) }), date > now, date < latest else {
            return latest.addingTimeInterval(jitter)
        }
        return date.addingTimeInterval(Self.delay + jitter)
    }
}
