import Crypto
import Testing

@testable import OSSEmulator

/// The ways to temporary credentials that the control endpoint offers, each taken to its end: a request to the service.
@Suite struct CredentialTests {
    private static let role = "acs:ram::1234567890123456:role/test"
    private static let provider = "acs:ram::1234567890123456:oidc-provider/idp"

    /// Asks the service with what was issued.
    private func use(_ credentials: JSONValue?, _ client: TestClient, token: String? = nil) async throws -> Reply {
        var temporary = client
        temporary.accessKeyID = try #require(credentials?["AccessKeyId"]?.string)
        temporary.accessKeySecret = try #require(credentials?["AccessKeySecret"]?.string)
        let token = try token ?? #require(credentials?["SecurityToken"]?.string)
        return try await temporary.send("GET", "/bkt/k", headers: ["x-oss-security-token": token])
    }

    private static func stamp(_ now: EmulatorInstant) -> String { now.iso8601Seconds }

    /// The parameters of a call, signed with version 1.0.
    private func signed(
        _ client: TestClient, _ parameters: [String: String], method: String = "GET", nonce: String? = nil,
        change: (inout [String: String]) -> Void = { _ in }
    ) -> String {
        var all = parameters.merging([
            "Version": "2015-04-01", "AccessKeyId": client.accessKeyID, "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0", "SignatureNonce": nonce ?? "\(UInt64.random(in: 0 ... .max))",
            "Timestamp": Self.stamp(client.now), "Format": "JSON",
        ]) { own, _ in own }
        change(&all)
        let query = all.sorted { $0.key < $1.key }
            .map { "\(TestSigner.escape($0.key))=\(TestSigner.escape($0.value))" }.joined(separator: "&")
        let text = "\(method)&%2F&\(TestSigner.escape(query))"
        let key = SymmetricKey(data: Array("\(client.accessKeySecret)&".utf8))
        let code = HMAC<Insecure.SHA1>.authenticationCode(for: Array(text.utf8), using: key)
        return "\(query)&Signature=\(TestSigner.escape(base64(Array(code))))"
    }

    private var assumeRole: [String: String] {
        ["Action": "AssumeRole", "RoleArn": Self.role, "RoleSessionName": "session"]
    }

    @Test(arguments: ["/", "/sts", "/sts/"])
    func assumeRole(_ path: String) async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let reply = try await control.send("GET", "\(path)?\(signed(client, assumeRole))")
            #expect(reply.status == 200)
            let answer = try JSONReader.read(reply.body)
            #expect(answer["AssumedRoleUser"]?["Arn"] == .string("\(Self.role)/session"))
            #expect(answer["AssumedRoleUser"]?["AssumedRoleId"]?.string?.hasSuffix(":session") == true)
            #expect(answer["RequestId"]?.string?.count == 36)
            let end = try #require(
                answer["Credentials"]?["Expiration"]?.string.flatMap(EmulatorInstant.init(iso8601Seconds:)))
            #expect(end.seconds - client.now.seconds == 3600)
            #expect(try await use(answer["Credentials"], client).text == "0123456789")
            let wrong = try await use(answer["Credentials"], client, token: "other")
            #expect(wrong.status == 403 && wrong.element("Code") == "InvalidSecurityToken")
        }
    }

    @Test func assumeRoleInOtherWays() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            // A form, as XML, with everything that may be said.
            var parameters = assumeRole
            parameters["Format"] = "XML"
            parameters["DurationSeconds"] = "900"
            parameters["ExternalId"] = "an-id"
            parameters["Policy"] =
                #"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}"#
            let form = signed(client, parameters, method: "POST")
            let xml = try await control.send(
                "POST", "/", form, headers: ["Content-Type": "application/x-www-form-urlencoded"])
            #expect(xml.status == 200 && xml.text.contains("<AssumeRoleResponse><RequestId>"))
            #expect(xml.headers["content-type"] == "application/xml")
            let credentials: JSONValue = [
                "AccessKeyId": .optional(xml.element("AccessKeyId")),
                "AccessKeySecret": .optional(xml.element("AccessKeySecret")),
                "SecurityToken": .optional(xml.element("SecurityToken")),
            ]
            #expect(try await use(credentials, client).text == "0123456789")

            // With credentials that are temporary themselves.
            var temporary = client
            temporary.accessKeyID = try #require(xml.element("AccessKeyId"))
            temporary.accessKeySecret = try #require(xml.element("AccessKeySecret"))
            let token = try #require(xml.element("SecurityToken"))
            let chained = try await control.json(
                "GET", "/?\(signed(temporary, assumeRole) { $0["SecurityToken"] = token })")
            #expect(try await use(chained["Credentials"], client).text == "0123456789")
            let without = try await control.send("GET", "/?\(signed(temporary, assumeRole))")
            #expect(without.status == 400 && without.text.contains("MissingSecurityToken"))
        }
    }

    /// The newer signature, in the headers.
    private func acs3(
        _ client: TestClient, _ method: String, _ parameters: [String: String], body: String = "",
        change: (inout [String: String]) -> Void = { _ in }
    ) -> [String: String] {
        func hex(_ bytes: some Sequence<UInt8>) -> String { Hex.encode(Array(bytes)) }
        let hash = hex(SHA256.hash(data: Array(body.utf8)))
        var headers = [
            "Host": "127.0.0.1", "x-acs-action": "AssumeRole", "x-acs-version": "2015-04-01",
            "x-acs-date": Self.stamp(client.now), "x-acs-signature-nonce": "\(UInt64.random(in: 0 ... .max))",
            "x-acs-content-sha256": hash,
        ]
        change(&headers)
        let names = headers.keys.map { $0.lowercased() }.sorted()
        let lines = names.map { name in
            "\(name):\(headers.first { $0.key.lowercased() == name }?.value ?? "")\n"
        }.joined()
        let query = parameters.sorted { $0.key < $1.key }
            .map { "\(TestSigner.escape($0.key))=\(TestSigner.escape($0.value))" }.joined(separator: "&")
        let canonical = "\(method)\n/\n\(query)\n\(lines)\n\(names.joined(separator: ";"))\n\(hash)"
        let text = "ACS3-HMAC-SHA256\n\(hex(SHA256.hash(data: Array(canonical.utf8))))"
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(text.utf8), using: SymmetricKey(data: Array(client.accessKeySecret.utf8)))
        headers["Authorization"] =
            "ACS3-HMAC-SHA256 Credential=\(client.accessKeyID),SignedHeaders=\(names.joined(separator: ";"))"
            + ",Signature=\(hex(code))"
        return headers
    }

    @Test func assumeRoleSignedInHeaders() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let query = ["RoleArn": Self.role, "RoleSessionName": "a.session@home"]
            let text = query.map { "\($0.key)=\(TestSigner.escape($0.value))" }.joined(separator: "&")
            let headers = acs3(client, "POST", query)
            let reply = try await control.send("POST", "/?\(text)", headers: headers)
            #expect(reply.status == 200, "\(reply.text)")
            #expect(try await use(try JSONReader.read(reply.body)["Credentials"], client).text == "0123456789")
            let get = try await control.send("GET", "/?\(text)", headers: acs3(client, "GET", query))
            #expect(get.status == 200, "\(get.text)")
            let again = try await control.send("POST", "/?\(text)", headers: headers)
            #expect(again.status == 400 && again.text.contains("SignatureNonceUsed"))
            let form = try await control.send(
                "POST", "/", text,
                headers: acs3(client, "POST", [:], body: text) {
                    $0["Content-Type"] = "application/x-www-form-urlencoded"
                })
            #expect(form.status == 200, "\(form.text)")
            let changed = try await control.send(
                "POST", "/", text + "&Policy=",
                headers: acs3(client, "POST", [:], body: text) {
                    $0["Content-Type"] = "application/x-www-form-urlencoded"
                })
            #expect(changed.status == 400 && changed.text.contains("SignatureDoesNotMatch"))
        }
    }

    @Test func theServiceRefusesAsItDoes() async throws {
        try await withControl { client, control async throws in
            var wrong = client
            wrong.accessKeySecret = "wrong"
            var stranger = client
            stranger.accessKeyID = "stranger"
            var late = client
            late.now.millisecondsSince1970 -= 1_000_000
            func code(
                _ client: TestClient, _ change: (inout [String: String]) -> Void
            ) async throws -> String {
                var parameters = assumeRole
                change(&parameters)
                let reply = try await control.send("GET", "/?\(signed(client, parameters))")
                let answer = try JSONReader.read(reply.body)
                #expect(answer["RequestId"] != nil && answer["HostId"] != nil && answer["Message"] != nil)
                return "\(reply.status) \(answer["Code"]?.string ?? "")"
            }
            #expect(try await code(wrong) { _ in } == "400 SignatureDoesNotMatch")
            #expect(try await code(stranger) { _ in } == "404 InvalidAccessKeyId.NotFound")
            #expect(try await code(late) { _ in } == "400 InvalidTimeStamp.Expired")
            #expect(try await code(client) { $0["Timestamp"] = "now" } == "400 InvalidTimeStamp.Format")
            #expect(try await code(client) { $0["Action"] = "Dance" } == "404 InvalidAction.NotFound")
            #expect(try await code(client) { $0["Version"] = "2014-01-01" } == "400 InvalidVersion")
            #expect(try await code(client) { $0["RoleArn"] = nil } == "400 MissingRoleArn")
            #expect(try await code(client) { $0["RoleSessionName"] = nil } == "400 MissingRoleSessionName")
            for arn in ["role/a", "acs:ram::x:role/a", "acs:ram::1234567890123456:user/a", "acs:ram::1:role/"] {
                #expect(try await code(client) { $0["RoleArn"] = arn } == "400 InvalidParameter.RoleArn")
            }
            #expect(try await code(client) { $0["RoleArn"] = "acs:ram::99:role/a" } == "404 EntityNotExist.Role")
            for name in ["a", "a b", String(repeating: "a", count: 65)] {
                let found = try await code(client) { $0["RoleSessionName"] = name }
                #expect(found == "400 InvalidParameter.RoleSessionName")
            }
            for seconds in ["899", "43201", "x"] {
                let found = try await code(client) { $0["DurationSeconds"] = seconds }
                #expect(found == "400 InvalidParameter.DurationSeconds")
            }
            #expect(try await code(client) { $0["Policy"] = "{}" } == "400 InvalidParameter.PolicyGrammar")
            let long = String(repeating: " ", count: 3000)
            #expect(try await code(client) { $0["Policy"] = long } == "400 InvalidParameter.PolicySize")
            #expect(try await code(client) { $0["ExternalId"] = "a" } == "400 InvalidParameter.ExternalId")
            let reply = try await control.send("GET", "/?\(signed(wrong, assumeRole))")
            #expect(reply.text.contains("server string to sign is:GET&%2F&AccessKeyId"))
            let once = signed(client, assumeRole, nonce: "n")
            #expect(try await control.send("GET", "/?\(once)").status == 200)
            #expect(try await control.send("GET", "/?\(once)").text.contains("SignatureNonceUsed"))
        }
        try await withControl {
            $0.credentials.append(EmulatorCredential(accessKeyID: "other", accessKeySecret: "s", accountID: "42"))
        } _: { client, control async throws in
            let other = ["Action": "AssumeRole", "RoleArn": "acs:ram::42:role/a", "RoleSessionName": "session"]
            let reply = try await control.send("GET", "/?\(signed(client, other))")
            #expect(reply.status == 403 && reply.text.contains("NoPermission"))
        }
    }

    @Test func assumeRoleWithOIDC() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            func call(_ token: String, provider: String = Self.provider) async throws -> Reply {
                let parameters = [
                    "Action": "AssumeRoleWithOIDC", "Version": "2015-04-01", "Format": "JSON", "RoleArn": Self.role,
                    "OIDCProviderArn": provider, "OIDCToken": token, "RoleSessionName": "session",
                ]
                let text = parameters.map { "\($0.key)=\(TestSigner.escape($0.value))" }.joined(separator: "&")
                return try await control.send(
                    "POST", "/sts", text, headers: ["Content-Type": "application/x-www-form-urlencoded"])
            }
            let reply = try await call("any-token")
            #expect(reply.status == 200)
            #expect(try await use(try JSONReader.read(reply.body)["Credentials"], client).text == "0123456789")

            func jwt(_ claims: String) -> String {
                "e30.\(base64(Array(claims.utf8)).replacing("=", with: "").replacing("/", with: "_")).sig"
            }
            let now = client.now.seconds
            let info = try JSONReader.read(
                try await call(
                    jwt(#"{"sub":"me","iss":"https://idp.test","aud":"client","exp":\#(now + 60)}"#)
                ).body)["OIDCTokenInfo"]
            #expect(info?["Subject"] == "me" && info?["Issuer"] == "https://idp.test" && info?["ClientIds"] == "client")
            let old = try await call(jwt(#"{"exp":\#(now - 1)}"#))
            #expect(old.status == 400 && old.text.contains("AuthenticationFail.OIDCToken.Expired"))
            #expect(try await call("").text.contains("MissingOIDCToken"))
            #expect(try await call("a").text.contains("InvalidParameter.OIDCToken"))
            #expect(try await call("token", provider: "idp").text.contains("InvalidParameter.OIDCProviderArn"))
            let requests = try await control.json("GET", "/requests?operation=AssumeRoleWithOIDC")["requests"]
            #expect(requests?.items.count == 6 && requests?[5]?["outcome"] == "anonymous")
        }
    }

    @Test func instanceMetadata() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let path = "/latest/meta-data/ram/security-credentials/"
            let role = try await control.send("GET", path)
            #expect(role.status == 200 && role.text == "emulator-role")
            let first = try await control.json("GET", path + role.text)
            #expect(first["Code"] == "Success" && first["LastUpdated"] != nil)
            #expect(try await use(first, client).text == "0123456789")
            #expect(try await control.json("GET", path + role.text) == first)
            // A client may take the emulator for its proxy.
            let proxied = try await control.send(
                "GET", "http://100.100.100.200\(path)", headers: ["Host": "100.100.100.200"])
            #expect(proxied.text == "emulator-role")
            // They are renewed before they end.
            _ = try await control.json("PUT", "/clock", #"{"offset": 18100}"#)
            #expect(try await control.json("GET", path + role.text)["AccessKeyId"] != first["AccessKeyId"])
            _ = try await control.json("PUT", "/clock", #"{"offset": 0}"#)

            _ = try await control.json("PUT", "/metadata", #"{"mode": "hardened", "role": "mine"}"#)
            #expect(try await control.send("GET", path).status == 403)
            func token(_ seconds: String) async throws -> Reply {
                try await control.send(
                    "PUT", "/latest/api/token", headers: ["X-aliyun-ecs-metadata-token-ttl-seconds": seconds])
            }
            let given = try await token("60")
            #expect(given.status == 200 && !given.text.isEmpty)
            let header = ["X-aliyun-ecs-metadata-token": given.text]
            #expect(try await control.send("GET", path, headers: header).text == "mine")
            #expect(try await control.send("GET", path + "mine", headers: header).status == 200)
            #expect(try await control.send("GET", path, headers: ["X-aliyun-ecs-metadata-token": "x"]).status == 403)
            for seconds in ["", "0", "21601", "x"] { #expect(try await token(seconds).status == 400) }
            _ = try await control.json("PUT", "/clock", #"{"offset": 61}"#)
            #expect(try await control.send("GET", path, headers: header).status == 403)

            _ = try await control.json("PUT", "/metadata", #"{"mode": "off"}"#)
            #expect(try await control.send("GET", path).status == 404)
            #expect(try await token("60").status == 404)
            #expect(try await control.json("GET", "/metadata") == ["mode": "off", "role": "mine"])
            for text in [#"{"mode": "x"}"#, #"{"role": "a/b"}"#, #"{"colour": 1}"#, "1"] {
                #expect(try await control.send("PUT", "/metadata", text).status == 400)
            }
        }
    }

    @Test func credentialsURI() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let credentials = try await control.json("GET", "/credentials")
            #expect(credentials["Code"] == "Success" && credentials["Expiration"]?.string?.hasSuffix("Z") == true)
            #expect(try await use(credentials, client).text == "0123456789")
        }
    }

    @Test func credentialsFailAndEndAsRulesSay() async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let path = "/latest/meta-data/ram/security-credentials/emulator-role"
            try await control.fault(#"{"match": {"operation": "AssumeRole"}, "fault": {"expires": 5}, "times": 1}"#)
            try await control.fault(
                #"{"match": {"operation": "AssumeRole"}, "fault": {"status": 503, "code": "ServiceUnavailable"}, "times": 1}"#
            )
            try await control.fault(#"{"match": {"operation": "ECSMetadata"}, "fault": {"status": 500}, "times": 1}"#)
            try await control.fault(#"{"match": {"operation": "ECSMetadata"}, "fault": {"expires": 5}, "times": 1}"#)
            try await control.fault(
                #"{"match": {"operation": "CredentialsURI"}, "fault": {"status": 200, "code": "Failed"}}"#)
            let short = try await control.json("GET", "/?\(signed(client, assumeRole))")["Credentials"]
            #expect(try await use(short, client).status == 200)
            let failed = try await control.send("GET", "/?\(signed(client, assumeRole))")
            #expect(failed.status == 503 && failed.text.contains(#""Code":"ServiceUnavailable""#))
            #expect(try await control.send("GET", path).status == 500)
            let machine = try await control.json("GET", path)
            #expect(try await use(machine, client).status == 200)
            let uri = try await control.json("GET", "/credentials")
            #expect(uri["Code"] == "Failed" && uri["AccessKeyId"] == nil)

            _ = try await control.json("PUT", "/clock", #"{"offset": 6}"#)
            var later = client
            later.now.millisecondsSince1970 += 6000
            for credentials in [short, machine] {
                let reply = try await use(credentials, later)
                #expect(reply.status == 403 && reply.element("Code") == "SecurityTokenExpired")
            }
            #expect(try await use(try await control.json("GET", path), later).status == 200)
        }
    }

    @Test func callerIdentity() async throws {
        try await withControl { client, control async throws in
            let parameters = ["Action": "GetCallerIdentity"]
            let answer = try await control.json("GET", "/?\(signed(client, parameters))")
            #expect(answer["AccountId"] == "1234567890123456" && answer["IdentityType"] == "Account")
        }
    }
}
