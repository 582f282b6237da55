import Crypto
import Testing
import _CryptoExtras

@testable import OSSEmulator

/// `GetSecretValue` of the control endpoint: access keys that are rotated, read with a client key.
@Suite struct KeyManagementTests {
    private let key: _RSA.Signing.PrivateKey

    init() throws {
        key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
    }

    /// The parameters of a call, signed with the client key.
    private func signed(
        _ client: TestClient, _ parameters: [String: String] = [:], id: String = "KAAP.1", nonce: String? = nil
    ) throws -> String {
        var all = [
            "Action": "GetSecretValue", "Version": "2016-01-20", "Format": "JSON", "SecretName": "oss",
            "AccessKeyId": id, "SignatureMethod": "SHA256withRSA", "SignatureType": "PRIVATEKEY",
            "SignatureVersion": "1.0", "SignatureNonce": nonce ?? "\(UInt64.random(in: 0 ... .max))",
            "Timestamp": client.now.iso8601Seconds,
        ]
        for (name, value) in parameters { all[name] = value.isEmpty ? nil : value }
        let query = all.sorted { $0.key < $1.key }
            .map { "\(TestSigner.escape($0.key))=\(TestSigner.escape($0.value))" }.joined(separator: "&")
        let text = Array("POST&%2F&\(TestSigner.escape(query))".utf8)
        let signature = try key.signature(for: SHA256.hash(data: text), padding: .insecurePKCS1v1_5)
        return "/?\(query)&Signature=\(TestSigner.escape(base64(Array(signature.rawRepresentation))))"
    }

    private func withSecret(
        _ settings: String = #"{"rotationInterval": 604800}"#,
        _ body: (TestClient, ControlClient) async throws -> Void
    ) async throws {
        try await withControl { client, control async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "0123456789")
            let reply = try await control.send("PUT", "/kms/client-keys/KAAP.1", key.publicKey.pemRepresentation)
            #expect(reply.status == 204)
            #expect(try await control.send("PUT", "/kms/secrets/oss", settings).status == 201)
            try await body(client, control)
        }
    }

    private func code(_ reply: Reply) throws -> String {
        "\(reply.status) \(try JSONReader.read(reply.body)["Code"]?.string ?? "")"
    }

    /// Asks the service with the keys of a secret.
    private func use(_ answer: JSONValue, _ client: TestClient) async throws -> Reply {
        let data = try JSONReader.read(Array(try #require(answer["SecretData"]?.string).utf8))
        var other = client
        other.accessKeyID = try #require(data["AccessKeyId"]?.string)
        other.accessKeySecret = try #require(data["AccessKeySecret"]?.string)
        return try await other.send("GET", "/bkt/k")
    }

    @Test func aSecretIsReadAndRotated() async throws {
        try await withSecret { client, control async throws in
            let first = try await control.json("POST", signed(client, ["FetchExtendedConfig": "true"]))
            #expect(first["SecretName"] == "oss" && first["SecretType"] == "RAMCredentials")
            #expect(first["SecretDataType"] == "text" && first["AutomaticRotation"] == "Enabled")
            #expect(first["RotationInterval"] == "604800s" && first["VersionId"] == "v1")
            #expect(first["VersionStages"]?["VersionStage"] == ["ACSCurrent"])
            #expect(first["ExtendedConfig"] == #"{"SecretSubType":"RamUserAccessKey"}"#)
            func seconds(_ name: String) throws -> Int64 {
                try #require(first[name]?.string.flatMap(EmulatorInstant.init(iso8601Seconds:))).seconds
            }
            #expect(try seconds("NextRotationDate") == seconds("LastRotationDate") + 604_800)
            #expect(try seconds("CreateTime") == seconds("LastRotationDate"))
            #expect(try await use(first, client).text == "0123456789")
            let none = try await control.send("POST", signed(client, ["VersionStage": "ACSPrevious"]))
            #expect(try code(none) == "404 Forbidden.ResourceNotFound")

            // The old key is kept for once.
            _ = try await control.json("POST", "/kms/secrets/oss", #"{"keepPrevious": true}"#)
            let second = try await control.json("POST", signed(client))
            #expect(second["VersionId"] == "v2" && second["ExtendedConfig"] == nil)
            #expect(try await use(second, client).status == 200)
            #expect(try await use(first, client).status == 200)
            let previous = try await control.json("POST", signed(client, ["VersionStage": "ACSPrevious"]))
            #expect(previous["SecretData"] == first["SecretData"])
            let state = try await control.json("GET", "/kms")
            #expect(state["clientKeys"] == ["KAAP.1"] && state["secrets"]?[0]?["name"] == "oss")
            #expect(state["secrets"]?[0]?["previousAccessKeyId"] != .null)

            _ = try await control.json("POST", "/kms/secrets/oss")
            for old in [first, second] {
                let reply = try await use(old, client)
                #expect(reply.status == 403 && reply.element("Code") == "InvalidAccessKeyId")
            }
            let third = try await control.json("POST", signed(client))
            #expect(try await use(third, client).status == 200)
            #expect(try await control.send("DELETE", "/kms/secrets/oss").status == 204)
            #expect(try await use(third, client).element("Code") == "InvalidAccessKeyId")
            #expect(try code(await control.send("POST", signed(client))) == "404 Forbidden.ResourceNotFound")
        }
    }

    @Test func signaturesAreChecked() async throws {
        try await withSecret { client, control async throws in
            func code(_ target: String) async throws -> String { try self.code(await control.send("POST", target)) }
            let good = try signed(client, nonce: "n")
            #expect(try await control.send("POST", good).status == 200)
            #expect(try await code(good) == "400 SignatureNonceUsed")
            #expect(try await code(signed(client) + "&Extra=1") == "400 SignatureDoesNotMatch")
            let other = try Self().signed(client)
            #expect(try await code(other) == "400 SignatureDoesNotMatch")
            let mismatch = try await control.json("GET", "/requests?outcome=mismatch")["requests"]
            #expect(mismatch?.items.count == 2)
            for item in mismatch?.items ?? [] {
                let id = try #require(item["id"]?.string)
                #expect(try await control.send("GET", "/requests/\(id)").status == 200)
            }
            #expect(try await code(signed(client, id: "KAAP.2")) == "404 InvalidAccessKeyId.NotFound")
            #expect(try await code(signed(client, ["SignatureType": ""])) == "400 MissingSignatureType")
            #expect(try await code(signed(client, ["SignatureType": "X"])) == "400 InvalidSignatureType")
            #expect(try await code(signed(client, ["SignatureMethod": "MD5"])) == "400 InvalidSignatureMethod")
            #expect(try await code(signed(client, ["SecretName": ""])) == "400 MissingSecretName")
            #expect(try await code(signed(client, ["Action": "ListSecrets"])) == "404 InvalidAction.NotFound")
            var late = client
            late.now.millisecondsSince1970 -= 1_000_000
            #expect(try await code(signed(late)) == "400 InvalidTimeStamp.Expired")
            // STS takes no client keys.
            let role = ["Action": "GetCallerIdentity", "Version": "2015-04-01"]
            #expect(try await code(signed(client, role)) == "400 InvalidSignatureMethod")
            #expect(try await control.send("DELETE", "/kms/client-keys/KAAP.1").status == 204)
            #expect(try await code(signed(client)) == "404 InvalidAccessKeyId.NotFound")
        }
    }

    @Test func faultsAndTheFormOfTheAnswer() async throws {
        try await withSecret("") { client, control async throws in
            let xml = try await control.send("POST", signed(client, ["Format": "XML"]))
            #expect(xml.element("SecretName") == "oss" && xml.element("VersionStage") == "ACSCurrent")
            #expect(xml.element("AutomaticRotation") == "Disabled" && xml.element("NextRotationDate") == nil)
            try await control.fault(#"{"match": {"operation": "GetSecretValue"}, "fault": {"status": 503}}"#)
            #expect(try await control.send("POST", signed(client)).status == 503)
        }
    }

    @Test func settings() async throws {
        try await withSecret { client, control async throws in
            for (path, body) in [
                ("/kms/client-keys/a", "no key"), ("/kms/client-keys/a%20b", key.publicKey.pemRepresentation),
                ("/kms/secrets/a", #"{"rotationInterval": 0}"#), ("/kms/secrets/a", "x"), ("/kms/secrets/a%2Fb", ""),
            ] {
                #expect(try await control.send("PUT", path, body).status == 400, "\(path)")
            }
            for (method, path) in [
                ("DELETE", "/kms/client-keys/none"), ("DELETE", "/kms/secrets/none"), ("POST", "/kms/secrets/none"),
                ("PUT", "/kms/other/a"), ("GET", "/kms/secrets"),
            ] {
                #expect(try await control.send(method, path).status == 404, "\(path)")
            }
            for (method, path) in [("PUT", "/kms"), ("GET", "/kms/secrets/oss"), ("POST", "/kms/client-keys/KAAP.1")] {
                #expect(try await control.send(method, path).status == 405, "\(path)")
            }
            // Made again it has other keys.
            let first = try await control.json("POST", signed(client))
            #expect(try await control.send("PUT", "/kms/secrets/oss").status == 200)
            #expect(try await use(first, client).element("Code") == "InvalidAccessKeyId")
            let second = try await control.json("POST", signed(client))
            #expect(try await control.send("POST", "/reset").status == 204)
            #expect(try await control.json("GET", "/kms")["secrets"]?.items.isEmpty == true)
            _ = try await client.send("PUT", "/bkt/")
            #expect(try await use(second, client).element("Code") == "InvalidAccessKeyId")
        }
    }
}
