import NIOConcurrencyHelpers
import NIOHTTP1
import _CryptoExtras

/// The Secrets Manager of the Key Management Service (KMS), as far as its RPC interface gives out access key pairs that
/// it rotates.
///
/// Secrets and the client keys that read them are made through the control endpoint, which also rotates.
final class KeyManagementService: Sendable {
    static let version = "2016-01-20"

    private struct Version: Sendable {
        var id: Int
        var created: EmulatorInstant
        var credential: EmulatorCredential
    }

    private struct Secret: Sendable {
        var created: EmulatorInstant
        /// In seconds; nil for one that isn't rotated by itself.
        var interval: Int64?
        var current: Version
        /// Only while its keys are still accepted.
        var previous: Version?

        var nextRotation: EmulatorInstant? { interval.map { current.created.advanced(by: $0 * 1000) } }
    }

    private struct State: Sendable {
        var clientKeys: [String: RPCSignature.ClientKey] = [:]
        var secrets: [String: Secret] = [:]
    }

    private let credentials: CredentialStore
    private let account: String
    private let state: NIOLockedValueBox<State>
    private let signatures: RPCSignature

    init(credentials: CredentialStore, account: String) {
        let state = NIOLockedValueBox(State())
        self.credentials = credentials
        self.account = account
        self.state = state
        signatures = RPCSignature(credentials) { id in state.withLockedValue { $0.clientKeys[id] } }
    }

    func answer(
        _ call: SecurityTokenService.Call, _ request: ControlService.Request, check: inout SignatureCheck
    ) throws(Fault) -> Response {
        guard call.action == "GetSecretValue" else { throw .unknownAction }
        let caller = try signatures.verify(call, request, check: &check)
        let requested = try call.required("SecretName")
        // The name itself, or acs:kms:REGION:ACCOUNT:secret/NAME.
        let name = requested.hasPrefix("acs:kms:") ? requested.split(separator: "/").last.map(String.init) : requested
        let stage = call.parameters.nonEmpty("VersionStage") ?? "ACSCurrent"
        guard caller.accountID == account, let name, let secret = state.withLockedValue({ $0.secrets[name] }),
            let version = stage == "ACSCurrent" ? secret.current : stage == "ACSPrevious" ? secret.previous : nil
        else { throw Fault(.notFound, "Forbidden.ResourceNotFound", "Resource not found.") }
        let data: JSONValue = [
            "AccessKeyId": .string(version.credential.accessKeyID),
            "AccessKeySecret": .string(version.credential.accessKeySecret),
            "GenerateTimestamp": .string(version.created.iso8601Seconds),
        ]
        var members: [JSONValue.Member] = [
            .init(name: "SecretName", value: .string(name)), .init(name: "SecretType", value: "RAMCredentials"),
            .init(name: "SecretDataType", value: "text"),
            .init(name: "SecretData", value: .string(String(decoding: data.bytes, as: UTF8.self))),
            .init(name: "VersionId", value: .string("v\(version.id)")),
            .init(name: "VersionStages", value: ["VersionStage": [.string(stage)]]),
            .init(name: "CreateTime", value: .string(secret.created.iso8601Seconds)),
            .init(name: "LastRotationDate", value: .string(secret.current.created.iso8601Seconds)),
            .init(name: "AutomaticRotation", value: secret.interval == nil ? "Disabled" : "Enabled"),
        ]
        if let interval = secret.interval, let next = secret.nextRotation {
            members.append(.init(name: "RotationInterval", value: .string("\(interval)s")))
            members.append(.init(name: "NextRotationDate", value: .string(next.iso8601Seconds)))
        }
        if call.parameters.value("FetchExtendedConfig")?.lowercased() == "true" {
            let configuration: JSONValue = ["SecretSubType": "RamUserAccessKey"]
            members.append(
                .init(name: "ExtendedConfig", value: .string(String(decoding: configuration.bytes, as: UTF8.self))))
        }
        return call.response(members)
    }

    // MARK: Settings

    /// `GET /kms`, `PUT` and `DELETE /kms/client-keys/ID`, `PUT`, `POST` and `DELETE /kms/secrets/NAME`.
    func settings(_ request: ControlService.Request) throws(ControlService.Refusal) -> Response? {
        let segments = request.segments
        switch (request.head.method, segments.count > 1 ? segments[1] : "") {
        case (.GET, ""): return ControlService.json(json)
        case (.PUT, "client-keys"): return try setClientKey(segments[2], request)
        case (.DELETE, "client-keys"):
            guard state.withLockedValue({ $0.clientKeys.removeValue(forKey: segments[2]) }) != nil else {
                throw .notFound
            }
            return Response(.noContent)
        case (.PUT, "secrets"): return try setSecret(segments[2], request)
        case (.POST, "secrets"): return try rotate(segments[2], request)
        case (.DELETE, "secrets"):
            guard let secret = state.withLockedValue({ $0.secrets.removeValue(forKey: segments[2]) }) else {
                throw .notFound
            }
            drop(secret)
            return Response(.noContent)
        case (_, ""), (_, "client-keys"), (_, "secrets"): return nil
        default: throw .notFound
        }
    }

    func removeAll() {
        let secrets = state.withLockedValue { state in
            defer { state = State() }
            return state.secrets.values
        }
        for secret in secrets { drop(secret) }
    }

    private func drop(_ secret: Secret) {
        credentials.remove(secret.current.credential.accessKeyID)
        if let previous = secret.previous { credentials.remove(previous.credential.accessKeyID) }
    }

    private var json: JSONValue {
        let state = state.withLockedValue { $0 }
        return [
            "clientKeys": .array(state.clientKeys.keys.sorted().map { .string($0) }),
            "secrets": .array(state.secrets.sorted { $0.key < $1.key }.map { Self.json($0.key, $0.value) }),
        ]
    }

    private static func json(_ name: String, _ secret: Secret) -> JSONValue {
        [
            "name": .string(name), "accessKeyId": .string(secret.current.credential.accessKeyID),
            "previousAccessKeyId": .optional(secret.previous?.credential.accessKeyID),
            "rotated": .string(secret.current.created.iso8601Seconds),
            "nextRotation": .optional(secret.nextRotation?.iso8601Seconds),
        ]
    }

    private func setClientKey(
        _ id: String, _ request: ControlService.Request
    ) throws(ControlService.Refusal) -> Response {
        guard id[...].isName(in: 1...128, with: ".-_"),
            let key = try? _RSA.Signing.PublicKey(pemRepresentation: String(decoding: request.body, as: UTF8.self))
        else {
            throw .init(
                status: .badRequest,
                message: "A client key has an ID, and as its body the public key, RSA of 2048 bits or more, in PEM.")
        }
        state.withLockedValue { $0.clientKeys[id] = .init(key: key, accountID: account) }
        return Response(.noContent)
    }

    private func setSecret(
        _ name: String, _ request: ControlService.Request
    ) throws(ControlService.Refusal) -> Response {
        let interval: Int64?
        switch request.body.isEmpty ? nil : try request.document()["rotationInterval"] {
        case nil: interval = nil
        case let value?:
            guard let seconds = value.integer, (1...31_536_000).contains(seconds) else {
                throw .init(
                    status: .badRequest, message: "'rotationInterval' must be a number of seconds, a year at most.")
            }
            interval = seconds
        }
        guard name[...].isName(in: 1...64, with: "._-+=@") else {
            throw .init(status: .badRequest, message: "A secret's name has up to 64 letters, digits and . _ - + = @")
        }
        let version = Version(id: 1, created: request.now, credential: credentials.issue(accountID: account))
        let secret = Secret(created: request.now, interval: interval, current: version)
        let old = state.withLockedValue { $0.secrets.updateValue(secret, forKey: name) }
        if let old { drop(old) }
        return ControlService.json(Self.json(name, secret), old == nil ? .created : .ok)
    }

    /// Puts a new pair in the place of the current one, which is over unless it is to be kept.
    private func rotate(_ name: String, _ request: ControlService.Request) throws(ControlService.Refusal) -> Response {
        let keepsPrevious = request.body.isEmpty ? false : try request.document()["keepPrevious"] == .bool(true)
        let new = credentials.issue(accountID: account)
        let rotated = state.withLockedValue { state -> (before: Secret, now: Secret)? in
            guard let before = state.secrets[name] else { return nil }
            var secret = before
            secret.current = Version(id: before.current.id + 1, created: request.now, credential: new)
            secret.previous = keepsPrevious ? before.current : nil
            state.secrets[name] = secret
            return (before, secret)
        }
        guard let rotated else {
            credentials.remove(new.accessKeyID)
            throw .notFound
        }
        if let previous = rotated.before.previous { credentials.remove(previous.credential.accessKeyID) }
        if !keepsPrevious { credentials.remove(rotated.before.current.credential.accessKeyID) }
        return ControlService.json(Self.json(name, rotated.now))
    }
}
