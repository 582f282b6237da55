import NIOConcurrencyHelpers
import NIOHTTP1

/// The credentials of an instance's role, as its metadata server gives them, and those of a credentials URI.
final class InstanceMetadata: Sendable {
    enum Mode: String, Sendable, CaseIterable {
        case open
        /// Only with a token that was asked for before.
        case hardened
        case off
    }

    private struct State: Sendable {
        var mode = Mode.open
        var role = "emulator-role"
        var tokens: [String: EmulatorInstant] = [:]
        /// The same are given until they near their end.
        var current: (credential: EmulatorCredential, issued: EmulatorInstant)?
    }

    private static let validity: Int64 = 6 * 3600
    private static let renewal: Int64 = 3600 * 1000
    private static let maximumTokenLife: Int64 = 21600

    private let credentials: CredentialStore
    private let account: String
    private let state = NIOLockedValueBox(State())

    init(credentials: CredentialStore, account: String) {
        self.credentials = credentials
        self.account = account
    }

    func operation(of request: ControlService.Request) -> String {
        if request.segments.first != "latest" { return "CredentialsURI" }
        return request.segments.dropFirst().first == "api" ? "ECSMetadataToken" : "ECSMetadata"
    }

    func answer(_ request: ControlService.Request) throws(Fault) -> Response {
        switch (request.head.method, request.segments) {
        case (.GET, ["credentials"]):
            return Self.response(issue(request, validFor: 3600), issued: nil)
        case (.PUT, ["latest", "api", "token"]): return try token(request)
        case (.GET, _) where request.segments.starts(with: ["latest", "meta-data", "ram", "security-credentials"]):
            let (mode, role) = state.withLockedValue { ($0.mode, $0.role) }
            guard mode != .off else { throw .noMetadata }
            if mode == .hardened { try checkToken(request) }
            if request.segments.count == 4 { return Self.text(role) }
            guard request.segments.count == 5, request.segments[4] == role else { throw .noMetadata }
            return roleCredentials(request)
        default: throw .noMetadata
        }
    }

    private func issue(_ request: ControlService.Request, validFor seconds: Int64) -> EmulatorCredential {
        credentials.issue(accountID: account, validFor: request.expires ?? seconds, now: request.now)
    }

    private func roleCredentials(_ request: ControlService.Request) -> Response {
        let (credential, issued) = state.withLockedValue { state -> (EmulatorCredential, EmulatorInstant) in
            if request.expires == nil, let current = state.current, let end = current.credential.expiration,
                request.now >= current.issued, request.now.advanced(by: Self.renewal) < end
            {
                return current
            }
            let new = (issue(request, validFor: Self.validity), request.now)
            state.current = request.expires == nil ? new : nil
            return new
        }
        return Self.response(credential, issued: issued)
    }

    private static func response(_ credential: EmulatorCredential, issued: EmulatorInstant?) -> Response {
        var members: [JSONValue.Member] = [
            .init(name: "AccessKeyId", value: .string(credential.accessKeyID)),
            .init(name: "AccessKeySecret", value: .string(credential.accessKeySecret)),
            .init(name: "Expiration", value: .optional(credential.expiration?.iso8601Seconds)),
            .init(name: "SecurityToken", value: .optional(credential.securityToken)),
        ]
        if let issued { members.append(.init(name: "LastUpdated", value: .string(issued.iso8601Seconds))) }
        members.append(.init(name: "Code", value: "Success"))
        return ControlService.json(.object(members))
    }

    private static func text(_ text: String) -> Response {
        Response(headers: [HeaderField(name: "Content-Type", value: "text/plain")], body: .bytes(Array(text.utf8)))
    }

    /// An error as JSON, with a code that isn't `Success`.
    static func document(_ fault: Fault) -> Response {
        ControlService.json(
            ["Code": .string(fault.code), "Message": .string(fault.message)], fault.status)
    }

    // MARK: Hardened mode

    private func token(_ request: ControlService.Request) throws(Fault) -> Response {
        guard state.withLockedValue(\.mode) != .off else { throw .noMetadata }
        guard let seconds = request.header("x-aliyun-ecs-metadata-token-ttl-seconds").flatMap({ Int64($0) }),
            (1...Self.maximumTokenLife).contains(seconds)
        else {
            throw Fault(
                .badRequest, "InvalidTTL",
                "X-aliyun-ecs-metadata-token-ttl-seconds must be from 1 to \(Self.maximumTokenLife).")
        }
        let token = Base64.encode((0..<30).map { _ in UInt8.random(in: 0...255) })
        state.withLockedValue { state in
            state.tokens = state.tokens.filter { $0.value > request.now }
            if state.tokens.count >= 1000 { state.tokens.removeAll() }
            state.tokens[token] = request.now.advanced(by: (request.expires ?? seconds) * 1000)
        }
        return Self.text(token)
    }

    private func checkToken(_ request: ControlService.Request) throws(Fault) {
        let token = request.header("x-aliyun-ecs-metadata-token") ?? ""
        guard let end = state.withLockedValue({ $0.tokens[token] }), end > request.now else {
            throw Fault(.forbidden, "Forbidden", "The metadata token is missing, unknown or over.")
        }
    }

    // MARK: Settings

    var json: JSONValue {
        let (mode, role) = state.withLockedValue { ($0.mode, $0.role) }
        return ["mode": .string(mode.rawValue), "role": .string(role)]
    }

    /// `GET` and `PUT /metadata`.
    func settings(_ request: ControlService.Request) throws(ControlService.Refusal) -> Response? {
        if request.head.method == .PUT {
            guard case .object(let members) = try request.document() else {
                throw .init(status: .badRequest, message: "The settings must be an object.")
            }
            var mode: Mode?
            var role: String?
            for member in members {
                switch member.name {
                case "mode":
                    mode = member.value.string.flatMap(Mode.init(rawValue:))
                    guard mode != nil else {
                        throw .init(status: .badRequest, message: "'mode' must be open, hardened or off.")
                    }
                case "role":
                    role = member.value.string
                    guard let role, !role.isEmpty, !role.contains("/") else {
                        throw .init(status: .badRequest, message: "'role' must be a name.")
                    }
                default: throw .init(status: .badRequest, message: "There is no setting '\(member.name)'.")
                }
            }
            state.withLockedValue { [mode, role] state in
                if let mode { state.mode = mode }
                if let role { state.role = role }
                state.tokens = [:]
                state.current = nil
            }
        } else if request.head.method != .GET {
            return nil
        }
        return ControlService.json(json)
    }
}

extension Fault {
    fileprivate static let noMetadata = Fault(.notFound, "NotFound", "There is no such metadata.")
}
