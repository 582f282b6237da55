import NIOHTTP1

/// The Security Token Service (STS): temporary credentials for a role, as its RPC interface gives them.
///
/// There are no roles to make: every account that the emulator knows has any role, and lets itself assume it.
final class SecurityTokenService: Sendable {
    static let version = "2015-04-01"

    private let credentials: CredentialStore
    private let accounts: Set<String>
    private let signatures: RPCSignature

    init(credentials: CredentialStore, accounts: Set<String>) {
        self.credentials = credentials
        self.accounts = accounts
        signatures = RPCSignature(credentials)
    }

    /// As the gateway makes them: `6894B13B-6D71-4EF5-88FA-F32781734A7F`.
    static func makeRequestID() -> String {
        let digits = Array(
            (Hex.encode(.random(in: 0 ... .max), uppercase: true) + Hex.encode(.random(in: 0 ... .max), uppercase: true))
                .utf8)
        return [digits[..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20...]]
            .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }

    /// A call of the RPC interface, whichever way its parameters came.
    struct Call: Sendable {
        let id: String
        let action: String
        let version: String
        let parameters: Query
        private let isXML: Bool
        private let host: String

        init(_ request: ControlService.Request, id: String) throws {
            self.id = id
            var parameters = request.query
            let type = request.header("content-type") ?? ""
            if type.lowercased().hasPrefix("application/x-www-form-urlencoded") {
                parameters.items += try ControlService.form(String(decoding: request.body, as: UTF8.self)[...]).items
            }
            self.parameters = parameters
            action = parameters.nonEmpty("Action") ?? request.header("x-acs-action") ?? ""
            version = parameters.nonEmpty("Version") ?? request.header("x-acs-version") ?? ""
            // The older interface speaks XML unless it is told otherwise.
            isXML =
                (parameters.nonEmpty("Format") ?? (request.header("x-acs-action") == nil ? "XML" : "JSON"))
                .uppercased() != "JSON"
            host = request.header("host") ?? ""
        }

        func required(_ name: String) throws(Fault) -> String {
            guard let value = parameters.nonEmpty(name) else { throw .missing(name) }
            return value
        }

        func response(_ members: [JSONValue.Member]) -> Response {
            document(.ok, root: action + "Response", [.init(name: "RequestId", value: .string(id))] + members)
        }

        func document(_ fault: Fault) -> Response {
            document(
                fault.status, root: "Error",
                [
                    .init(name: "RequestId", value: .string(id)), .init(name: "HostId", value: .string(host)),
                    .init(name: "Code", value: .string(fault.code)),
                    .init(name: "Message", value: .string(fault.message)),
                ])
        }

        private func document(_ status: HTTPResponseStatus, root: String, _ members: [JSONValue.Member]) -> Response {
            var response = ControlService.json(.object(members), status)
            if isXML { response = Response(status, root: root) { Self.write(members, to: &$0) } }
            response.set("x-acs-request-id", id)
            return response
        }

        private static func write(_ members: [JSONValue.Member], to xml: inout XMLWriter) {
            for member in members {
                switch member.value {
                case .object(let children): xml.element(member.name) { write(children, to: &$0) }
                case .string(let text): xml.element(member.name, text)
                case .number(let number): xml.element(member.name, number)
                case .array(let items): write(items.map { .init(name: member.name, value: $0) }, to: &xml)
                default: break
                }
            }
        }
    }

    func answer(_ call: Call, _ request: ControlService.Request, check: inout SignatureCheck) throws(Fault) -> Response
    {
        switch call.action {
        case "AssumeRole":
            let caller = try signatures.verify(call, request, check: &check)
            let role = try role(call)
            guard role.account == caller.accountID else { throw .roleNotAllowed }
            return call.response(try session(call, role, request))
        case "AssumeRoleWithOIDC":
            let members = try assumeRoleWithOIDC(call, request)
            check.isVerified = true
            return call.response(members)
        case "GetCallerIdentity":
            let caller = try signatures.verify(call, request, check: &check)
            return call.response([
                .init(name: "AccountId", value: .string(caller.accountID)),
                .init(name: "Arn", value: .string("acs:ram::\(caller.accountID):root")),
                .init(
                    name: "IdentityType", value: .string(caller.isTemporary ? "AssumedRoleUser" : "Account")),
                .init(name: "PrincipalId", value: .string(caller.accountID)),
            ])
        default: throw .unknownAction
        }
    }

    // MARK: Roles

    private struct Role {
        var account: String
        var name: String
    }

    private func role(_ call: Call) throws(Fault) -> Role {
        guard let (account, name) = Self.resource(try call.required("RoleArn"), kind: "role") else {
            throw .wronglyFormed("RoleArn")
        }
        guard accounts.contains(account) else {
            throw Fault(.notFound, "EntityNotExist.Role", "The specified Role not exists.")
        }
        return Role(account: account, name: name)
    }

    /// Account and name of `acs:ram::ACCOUNT:KIND/NAME`.
    private static func resource(_ arn: String, kind: String) -> (account: String, name: String)? {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "acs", parts[1] == "ram", parts[2].isEmpty,
            !parts[3].isEmpty, parts[3].utf8.allSatisfy({ (48...57).contains($0) }), parts[4].hasPrefix(kind + "/")
        else { return nil }
        let name = parts[4].dropFirst(kind.utf8.count + 1)
        guard name.isName(in: 1...64, with: ".-_") else { return nil }
        return (String(parts[3]), String(name))
    }

    /// The credentials of a role's session, and who it is.
    private func session(
        _ call: Call, _ role: Role, _ request: ControlService.Request
    ) throws(Fault) -> [JSONValue.Member] {
        let name = try call.required("RoleSessionName")
        guard name[...].isName(in: 2...64, with: ".@-_") else { throw .wronglyFormed("RoleSessionName") }
        var duration: Int64 = 3600
        if let text = call.parameters.nonEmpty("DurationSeconds") {
            guard let seconds = Int64(text), (900...43200).contains(seconds) else {
                throw Fault(
                    .badRequest, "InvalidParameter.DurationSeconds",
                    "The Min/Max value of DurationSeconds is 15min/12hr.")
            }
            duration = seconds
        }
        if let id = call.parameters.nonEmpty("ExternalId"), !id[...].isName(in: 2...1224, with: "=,.@:/-_") {
            throw .wronglyFormed("ExternalId")
        }
        try Self.checkPolicy(call.parameters.nonEmpty("Policy"))
        let issued = credentials.issue(
            accountID: role.account, validFor: request.expires ?? duration, now: request.now)
        let arn = "acs:ram::\(role.account):role/\(role.name)"
        // As long as a role has its name, it has its number.
        let number = arn.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        return [
            .init(
                name: "AssumedRoleUser",
                value: [
                    "Arn": .string("\(arn)/\(name)"),
                    "AssumedRoleId": .string("3\(number % 100_000_000_000_000_000):\(name)"),
                ]),
            .init(
                name: "Credentials",
                value: [
                    "AccessKeyId": .string(issued.accessKeyID), "AccessKeySecret": .string(issued.accessKeySecret),
                    "SecurityToken": .optional(issued.securityToken),
                    "Expiration": .optional(issued.expiration?.iso8601Seconds),
                ]),
        ]
    }

    private static func checkPolicy(_ text: String?) throws(Fault) {
        guard let text else { return }
        guard text.utf8.count <= 2048 else {
            throw Fault(
                .badRequest, "InvalidParameter.PolicySize", "The size of Policy must be smaller than 2048 bytes.")
        }
        guard let policy = try? JSONReader.read(Array(text.utf8)), policy["Version"] == "1",
            case .array(let statements) = policy["Statement"], !statements.isEmpty,
            statements.allSatisfy({ statement in
                ["Allow", "Deny"].contains(statement["Effect"]?.string)
                    && (statement["Action"] ?? statement["NotAction"]) != nil && statement["Resource"] != nil
            })
        else {
            throw Fault(
                .badRequest, "InvalidParameter.PolicyGrammar", "The parameter Policy has not passed grammar check.")
        }
    }

    // MARK: OpenID Connect

    private func assumeRoleWithOIDC(
        _ call: Call, _ request: ControlService.Request
    ) throws(Fault) -> [JSONValue.Member] {
        let role = try role(call)
        guard let provider = Self.resource(try call.required("OIDCProviderArn"), kind: "oidc-provider") else {
            throw .wronglyFormed("OIDCProviderArn")
        }
        guard provider.account == role.account else {
            throw Fault(.notFound, "EntityNotExist.OIDCProvider", "The OIDC Provider does not exist.")
        }
        let token = try call.required("OIDCToken")
        guard (4...20000).contains(token.utf8.count) else { throw .wronglyFormed("OIDCToken") }
        // The signature can't be checked without the provider; what a token says of itself can.
        let claims = Self.claims(of: token)
        if let end = claims?["exp"]?.integer, end <= request.now.seconds {
            throw Fault(.badRequest, "AuthenticationFail.OIDCToken.Expired", "This JsonWebToken is expired.")
        }
        func date(_ name: String) -> JSONValue {
            .optional((claims?[name]?.integer).flatMap(EmulatorInstant.init(claim:))?.iso8601Seconds)
        }
        return try session(call, role, request) + [
            .init(
                name: "OIDCTokenInfo",
                value: [
                    "Subject": claims?["sub"] ?? "", "Issuer": claims?["iss"] ?? "", "ClientIds": claims?["aud"] ?? "",
                    "IssuanceTime": date("iat"), "ExpirationTime": date("exp"), "VerificationInfo": "Success",
                ])
        ]
    }

    /// What a JSON web token claims; nil for a token of another kind.
    private static func claims(of token: String) -> JSONValue? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let text = parts[1].replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Base64.decode(text + padding).flatMap { try? JSONReader.read($0) }
    }
}

extension EmulatorInstant {
    /// Seconds since 1970, as a token has them.
    fileprivate init?(claim seconds: Int64) {
        guard (0...253_402_300_799).contains(seconds) else { return nil }
        self.init(secondsSince1970: seconds)
    }

    /// `2023-12-16T16:20:57Z`.
    var iso8601Seconds: String { iso8601.dropLast(5) + "Z" }

    /// The same.
    init?(iso8601Seconds text: String) {
        self.init(basicISO8601: String(text.filter { $0 != "-" && $0 != ":" }))
    }
}

extension Substring {
    /// Whether it is made of letters, digits and `others`, and so long.
    func isName(in length: ClosedRange<Int>, with others: String) -> Bool {
        length.contains(utf8.count)
            && utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || others.utf8.contains(byte)
            }
    }
}

extension Fault {
    static let unknownAction = Fault(
        .notFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")

    static func missing(_ name: String) -> Fault {
        Fault(.badRequest, "Missing\(name)", "\(name) is mandatory for this action.")
    }

    fileprivate static func wronglyFormed(_ name: String) -> Fault {
        Fault(.badRequest, "InvalidParameter.\(name)", "The parameter \(name) is wrongly formed.")
    }

    fileprivate static let roleNotAllowed = Fault(
        .forbidden, "NoPermission", "You are not authorized to do this action. You should be authorized by RAM.")

    static func signatureNotMatched(_ detail: String) -> Fault {
        Fault(
            .badRequest, "SignatureDoesNotMatch",
            "Specified signature is not matched with our calculation. \(detail)")
    }
}
