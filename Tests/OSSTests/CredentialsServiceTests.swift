import FaultServer
import Foundation
import HTTPTypes
import OSS
import OSSAsyncHTTPClient
import OSSEmulator
import OSSKMS
import Testing

/// The local server with its control endpoint, as the cloud that providers ask for credentials; what they bring is used
/// for calls of the service.
private struct Cloud {
    static let role = "acs:ram::1234567890123456:role/test"

    let emulator: Emulator
    /// What its clock shows.
    let start: Date
    let transport = PatientTransport()
    /// Where STS, KMS, the metadata and the credentials URI are.
    let endpoint: String
    let folder: URL

    static func run(_ body: (Cloud) async throws -> Void) async throws {
        var configuration = EmulatorConfiguration.unhurried
        // The time of credentials passes only where a test turns the clock.
        let start = EmulatorInstant.now
        configuration.now = { start }
        configuration.controlPort = 0
        configuration.blocksPublicAccess = false
        let emulator = try await Emulator.start(configuration)
        let cloud = Cloud(
            emulator: emulator, start: Date(timeIntervalSince1970: Double(start.millisecondsSince1970) / 1000),
            endpoint: try #require(emulator.controlEndpoint),
            folder: FileManager.default.temporaryDirectory.appending(path: "cloud-\(UUID())"))
        try FileManager.default.createDirectory(at: cloud.folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: cloud.folder) }
        try await cloud.client(cloud.owner).putBucket(.init(bucket: "my-bucket"))
        _ = try await cloud.control("DELETE", "/requests")
        try await body(cloud)
        await cloud.transport.shutdown()
        try await emulator.shutdown()
    }

    var owner: StaticCredentialsProvider {
        .static(accessKeyID: emulator.accessKeyID, accessKeySecret: emulator.accessKeySecret)
    }

    func client(
        _ provider: any CredentialsProvider, _ dependencies: RuntimeDependencies = .init(sleep: { _ in })
    ) throws -> OSSClient {
        var configuration = ClientConfiguration(
            region: emulator.region, endpoint: emulator.endpoint, credentials: provider)
        configuration.transport = transport
        return try OSSClient(configuration, dependencies: dependencies)
    }

    /// Puts an object and reads it.
    func use(_ provider: any CredentialsProvider) async throws {
        let client = try client(provider)
        let text = UUID().uuidString
        try await client.putObject(.init(bucket: "my-bucket", key: "a", body: .string(text)))
        let object = try await client.getObject(.init(bucket: "my-bucket", key: "a"))
        #expect(try await object.body.text(upTo: 100) == text)
    }

    @discardableResult
    func control(_ method: String, _ path: String, _ body: String = "") async throws -> [String: Any] {
        let head = HTTPRequest(
            method: try #require(HTTPRequest.Method(method)), scheme: "http",
            authority: String(endpoint.dropFirst("http://".count)), path: path,
            headerFields: [.contentLength: String(body.utf8.count)])
        let response = try await transport.send(
            TransportRequest(head: head, body: .string(body)))
        let text = try await response.body.text(upTo: 1 << 20)
        try #require(response.head.status.kind == .successful, "\(text)")
        return try JSONSerialization.jsonObject(with: Data((text.isEmpty ? "{}" : text).utf8)) as? [String: Any] ?? [:]
    }

    /// What was asked of the server, the newest first.
    func requests(_ query: String) async throws -> [[String: Any]] {
        try await control("GET", "/requests?\(query)")["requests"] as? [[String: Any]] ?? []
    }

    func count(_ operation: String) async throws -> Int { try await requests("operation=\(operation)").count }

    /// Puts the server's clock ahead of this machine's.
    func turnClock(_ seconds: Int) async throws {
        try await control("PUT", "/clock", #"{"offset": \#(seconds)}"#)
    }

    /// Notes it in the request's record when an operation has these parameters.
    func watch(_ operation: String, _ parameters: [String]) async throws {
        let list = String(decoding: try JSONEncoder().encode(parameters), as: UTF8.self)
        try await control(
            "POST", "/faults", #"{"match": {"operation": "\#(operation)", "query": \#(list)}, "fault": {"latency": 0}}"#
        )
    }

    func file(_ name: String, _ text: String) throws -> String {
        let path = folder.appending(path: name)
        try text.write(to: path, atomically: true, encoding: .utf8)
        return path.path
    }

    /// Temporary keys.
    func temporary() async throws -> Credentials {
        try await URICredentialsProvider(uri: endpoint + "/credentials", transport: transport).credentials()
    }

    /// One request for credentials serves all calls. Near their end, by the clock that the server told the client,
    /// there are new ones while the old are used, and after it there are new ones at once; none is sent that is over.
    func expectRenewal(of provider: any CredentialsProvider, _ operation: String, lifetime: Int = 3600) async throws {
        let client = try client(provider)
        for _ in 0..<3 { _ = try await client.listBuckets() }
        let first = try await provider.credentials()
        #expect(first.securityToken != nil)
        #expect(try await count(operation) == 1)
        try await turnClock(lifetime - 60)
        // Refused for its time, then right.
        _ = try await client.listBuckets()
        while try await provider.credentials() == first { await Task.yield() }
        let second = try await provider.credentials()
        _ = try await client.listBuckets()
        #expect(try await count(operation) == 2)
        #expect(try await requests("code=SecurityTokenExpired").isEmpty)
        try await turnClock(3 * lifetime)
        _ = try await client.listBuckets()
        #expect(try await provider.credentials().accessKeyID != second.accessKeyID)
        #expect(try await requests("operation=\(operation)&status=200").count == 3)
        #expect(try await requests("operation=ListBuckets&status=200").count == 6)
    }
}

extension OSSClient {
    fileprivate func listBuckets() async throws -> ListBucketsResult { try await listBuckets(.init()) }
}

@Suite("Credentials in use", .timeLimit(.minutes(60))) struct CredentialsServiceTests {
    @Test("cred-env: the environment's keys, with and without a token") func environment() async throws {
        try await Cloud.run { cloud in
            let temporary = try await cloud.temporary()
            for variables in [
                [
                    "OSS_ACCESS_KEY_ID": cloud.emulator.accessKeyID,
                    "OSS_ACCESS_KEY_SECRET": cloud.emulator.accessKeySecret,
                ],
                [
                    "OSS_ACCESS_KEY_ID": temporary.accessKeyID, "OSS_ACCESS_KEY_SECRET": temporary.accessKeySecret,
                    "OSS_SESSION_TOKEN": temporary.securityToken ?? "",
                ],
            ] {
                try await cloud.use(EnvironmentCredentialsProvider { variables[$0] })
            }
            let error = await #expect(throws: OSSError.self) {
                try await cloud.use(EnvironmentCredentialsProvider { $0 == "OSS_ACCESS_KEY_ID" ? "id" : nil })
            }
            #expect(error?.message.contains("OSS_ACCESS_KEY_SECRET") == true)
        }
    }

    @Test("cred-static: a pair, an empty token, a token") func fixed() async throws {
        try await Cloud.run { cloud in
            let temporary = try await cloud.temporary()
            try await cloud.use(cloud.owner)
            try await cloud.use(
                .static(
                    accessKeyID: cloud.emulator.accessKeyID, accessKeySecret: cloud.emulator.accessKeySecret,
                    securityToken: ""))
            try await cloud.use(
                .static(
                    accessKeyID: temporary.accessKeyID, accessKeySecret: temporary.accessKeySecret,
                    securityToken: temporary.securityToken))
            let error = await #expect(throws: OSSError.self) {
                try await cloud.use(
                    .static(accessKeyID: temporary.accessKeyID, accessKeySecret: temporary.accessKeySecret))
            }
            #expect(error?.status == 403)
        }
    }

    @Test("cred-anonymous: reads what anyone may read, and presigns nothing") func anonymous() async throws {
        try await Cloud.run { cloud in
            let owner = try cloud.client(cloud.owner)
            try await owner.putObject(.init(bucket: "my-bucket", key: "open", body: "x", acl: .publicRead))
            try await owner.putObject(.init(bucket: "my-bucket", key: "shut", body: "x"))
            let client = try cloud.client(.anonymous)
            let open = GetObjectRequest(bucket: "my-bucket", key: "open")
            #expect(try await client.getObject(open).body.text(upTo: 10) == "x")
            #expect(try await cloud.requests("key=open&method=GET").first?["outcome"] as? String == "anonymous")
            let denied = await #expect(throws: OSSError.self) {
                try await client.getObject(.init(bucket: "my-bucket", key: "shut"))
            }
            #expect(denied?.code == .accessDenied)
            let error = await #expect(throws: OSSError.self) { try await client.presign(open) }
            #expect(error?.kind == .credentials)
        }
    }

    @Test("cred-closure, cred-custom, cred-refresh: an expiry of one's own is kept to") func own() async throws {
        struct Mine: CredentialsProvider {
            let cloud: Cloud
            func credentials() async throws -> Credentials { try await cloud.temporary() }
        }
        try await Cloud.run { cloud in
            try await cloud.use(.closure { try await cloud.temporary() })
            try await cloud.use(Mine(cloud: cloud))
            #expect(try await cloud.count("CredentialsURI") == 4)
            for provider: any CredentialsProvider in [
                .refreshing { try await cloud.temporary() }, RefreshingCredentialsProvider(Mine(cloud: cloud)),
            ] {
                try await cloud.control("DELETE", "/requests")
                try await cloud.turnClock(0)
                try await cloud.expectRenewal(of: provider, "CredentialsURI")
            }
        }
    }

    @Test("cred-refresh: a hundred calls without credentials, one request for some") func together() async throws {
        try await Cloud.run { cloud in
            let provider = try RAMRoleCredentialsProvider(
                roleARN: Cloud.role, endpoint: cloud.endpoint, source: cloud.owner, transport: cloud.transport)
            let client = try cloud.client(provider)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<100 { group.addTask { _ = try await client.listBuckets() } }
                try await group.waitForAll()
            }
            #expect(try await cloud.count("AssumeRole") == 1)
            #expect(try await cloud.requests("operation=ListBuckets&status=200&limit=500").count == 100)
        }
    }

    @Test("cred-refresh: a failure is the next caller's to mend, and valid credentials survive it")
    func failures() async throws {
        try await Cloud.run { cloud in
            let down = #"{"match": {"operation": "AssumeRole"}, "fault": {"status": 503}}"#
            try await cloud.control("POST", "/faults", down)
            let provider = try RAMRoleCredentialsProvider(
                roleARN: Cloud.role, endpoint: cloud.endpoint, source: cloud.owner, transport: cloud.transport)
            let client = try cloud.client(provider)
            let error = await #expect(throws: OSSError.self) { try await client.listBuckets() }
            #expect(error?.kind == .credentials)
            #expect(error?.description.contains("status 503") == true)
            try await cloud.control("DELETE", "/faults")
            _ = try await client.listBuckets()
            let first = try await provider.credentials()
            let asked = try await cloud.count("AssumeRole")
            try await cloud.control("POST", "/faults", down)
            try await cloud.turnClock(3500)
            while try await cloud.count("AssumeRole") < asked + 2 { _ = try await client.listBuckets() }
            #expect(try await provider.credentials() == first)
            try await cloud.control("DELETE", "/faults")
            while try await provider.credentials() == first { _ = try await client.listBuckets() }
            #expect(try await cloud.requests("code=SecurityTokenExpired").isEmpty)
        }
    }

    @Test("cred-refresh: this machine's clock is wrong, and credentials come first", arguments: [-7200, 7200])
    func wrongClock(seconds: TimeInterval) async throws {
        try await Cloud.run { cloud in
            try await setUp(cloud)
            let dependencies = RuntimeDependencies(now: { Date().addingTimeInterval(seconds) }, sleep: { _ in })
            let file = try cloud.file("ClientKey.json", ClientKeyFixture.file())
            for provider: any CredentialsProvider in [
                try RAMRoleCredentialsProvider(
                    roleARN: Cloud.role, endpoint: cloud.endpoint, source: cloud.owner, transport: cloud.transport,
                    dependencies: dependencies),
                try URICredentialsProvider(
                    uri: cloud.endpoint + "/credentials", transport: cloud.transport, dependencies: dependencies),
                try RotatingCredentialsProvider(
                    secretName: "oss", clientKeyFile: file, password: ClientKeyFixture.password,
                    region: "cn-hangzhou", endpoint: cloud.endpoint, transport: cloud.transport,
                    dependencies: dependencies),
            ] {
                try await cloud.control("DELETE", "/requests")
                let client = try cloud.client(provider, dependencies)
                for _ in 0..<3 { _ = try await client.listBuckets() }
                let asked = try await cloud.requests("status=200").compactMap { $0["operation"] as? String }
                #expect(asked.filter { $0 != "ListBuckets" }.count == 1)
                // It is the service's clock that counts for their end, too.
                guard let end = try await provider.credentials().expiration else { continue }
                #expect((3500...3601).contains(end.timeIntervalSince(cloud.start)))
                try await cloud.turnClock(3560)
                let first = try await provider.credentials()
                while try await provider.credentials() == first { _ = try await client.listBuckets() }
                #expect(try await cloud.requests("code=SecurityTokenExpired").isEmpty)
                try await cloud.turnClock(0)
            }
        }
    }

    // MARK: STS

    @Test("cred-ram-role: everything that may be said, renewed before its end") func ramRole() async throws {
        try await Cloud.run { cloud in
            let policy =
                #"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}"#
            try await cloud.watch(
                "AssumeRole",
                [
                    "RoleArn=\(Cloud.role)", "RoleSessionName=me@work", "DurationSeconds=1800", "ExternalId=an-id",
                    "Policy=\(policy)",
                ])
            let provider = try RAMRoleCredentialsProvider(
                roleARN: Cloud.role, sessionName: "me@work", policy: policy, duration: .seconds(1800),
                externalID: "an-id", endpoint: cloud.endpoint, source: cloud.owner, transport: cloud.transport)
            try await cloud.expectRenewal(of: provider, "AssumeRole", lifetime: 1800)
            for request in try await cloud.requests("operation=AssumeRole&status=200") {
                #expect(request["outcome"] as? String == "valid")
                #expect(request["fault"] as? String != nil, "the parameters came")
                #expect(request["path"] as? String == "/", "in the body")
            }
            // Nothing but the role: an hour.
            let plain = try RAMRoleCredentialsProvider(
                roleARN: Cloud.role, endpoint: cloud.endpoint, source: cloud.owner, transport: cloud.transport)
            try await cloud.turnClock(0)
            let end = try #require(try await plain.credentials().expiration)
            #expect(abs(end.timeIntervalSince(cloud.start) - 3600) <= 1)
        }
    }

    @Test("cred-ram-role: a role assumed with a role's credentials") func chainedRole() async throws {
        try await Cloud.run { cloud in
            let first = try RAMRoleCredentialsProvider(
                roleARN: Cloud.role, sessionName: "first", endpoint: cloud.endpoint, source: cloud.owner,
                transport: cloud.transport)
            let second = try RAMRoleCredentialsProvider(
                roleARN: Cloud.role, sessionName: "second", endpoint: cloud.endpoint, source: first,
                transport: cloud.transport)
            try await cloud.use(second)
            let keys = try await cloud.requests("operation=AssumeRole").map { $0["accessKeyId"] as? String }
            #expect(keys == [try await first.credentials().accessKeyID, cloud.emulator.accessKeyID])
        }
    }

    @Test("cred-ram-role: what STS refuses") func refusedRole() async throws {
        try await Cloud.run { cloud in
            for (role, secret, text) in [
                (Cloud.role, "wrong", "SignatureDoesNotMatch"),
                ("acs:ram::99:role/a", cloud.emulator.accessKeySecret, "EntityNotExist.Role"),
            ] {
                let provider = try RAMRoleCredentialsProvider(
                    roleARN: role, endpoint: cloud.endpoint,
                    source: .static(accessKeyID: cloud.emulator.accessKeyID, accessKeySecret: secret),
                    transport: cloud.transport)
                let error = await #expect(throws: OSSError.self) { try await cloud.use(provider) }
                #expect(error?.kind == .credentials)
                #expect(error?.description.contains(text) == true)
                #expect(error?.description.contains(cloud.emulator.accessKeySecret) == false)
            }
        }
    }

    @Test("cred-oidc: from the environment, the token's file read at every refresh") func oidc() async throws {
        try await Cloud.run { cloud in
            let path = try cloud.file("token", "first-token\n")
            let variables = [
                "ALIBABA_CLOUD_ROLE_ARN": Cloud.role, "ALIBABA_CLOUD_OIDC_TOKEN_FILE": path,
                "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1234567890123456:oidc-provider/idp",
                "ALIBABA_CLOUD_ROLE_SESSION_NAME": "a-pod",
            ]
            func provider() throws -> OIDCRoleCredentialsProvider {
                try OIDCRoleCredentialsProvider(
                    endpoint: cloud.endpoint, transport: cloud.transport, dependencies: .init(),
                    lookUp: { variables[$0] })
            }
            try await cloud.watch("AssumeRoleWithOIDC", ["OIDCToken=second-token", "RoleSessionName=a-pod"])
            let renewed = try provider()
            try await cloud.use(renewed)
            _ = try cloud.file("token", "second-token")
            try await cloud.control("DELETE", "/requests")
            try await cloud.expectRenewal(of: try provider(), "AssumeRoleWithOIDC")
            #expect(renewed.refused(try await renewed.credentials()))
            try await cloud.turnClock(0)
            try await cloud.use(renewed)
            for request in try await cloud.requests("operation=AssumeRoleWithOIDC") {
                #expect(request["fault"] as? String != nil, "the second token came")
                #expect(request["outcome"] as? String == "anonymous")
            }
            // A token that says of itself that it is over.
            let claims = Data(#"{"exp": 1}"#.utf8).base64EncodedString().replacing("=", with: "")
            _ = try cloud.file("token", "e30.\(claims).sig")
            let error = await #expect(throws: OSSError.self) { try await cloud.use(try provider()) }
            #expect(error?.description.contains("AuthenticationFail.OIDCToken.Expired") == true)
            #expect(error?.description.contains(claims) == false)
            try FileManager.default.removeItem(atPath: path)
            let gone = await #expect(throws: OSSError.self) { try await cloud.use(try provider()) }
            #expect(gone?.description.contains(path) == true)
        }
    }

    // MARK: The metadata server, a URI, a function

    @Test("cred-ecs-role: open, hardened and off; the role discovered or named", arguments: ["open", "hardened"])
    func ecsRole(mode: String) async throws {
        try await Cloud.run { cloud in
            try await cloud.control("PUT", "/metadata", #"{"mode": "\#(mode)", "role": "a-role"}"#)
            for (name, strict) in [(nil, false), ("a-role", false), (nil, true)] as [(String?, Bool)] {
                try await cloud.control("DELETE", "/requests")
                try await cloud.use(
                    ECSRoleCredentialsProvider(
                        roleName: name, requiresToken: strict, endpoint: cloud.endpoint, transport: cloud.transport))
                #expect(try await cloud.count("ECSMetadata") == (name == nil ? 2 : 1))
                #expect(try await cloud.count("ECSMetadataToken") == 1)
            }
            let wrong = try ECSRoleCredentialsProvider(
                roleName: "other", endpoint: cloud.endpoint, transport: cloud.transport)
            let error = await #expect(throws: OSSError.self) { try await cloud.use(wrong) }
            #expect(error?.description.contains("status 404") == true)

            try await cloud.control("DELETE", "/requests")
            let provider = try ECSRoleCredentialsProvider(
                roleName: "a-role", endpoint: cloud.endpoint, transport: cloud.transport)
            try await cloud.expectRenewal(of: provider, "ECSMetadata", lifetime: 6 * 3600)
            try await cloud.control("PUT", "/metadata", #"{"mode": "off"}"#)
            let off = try ECSRoleCredentialsProvider(endpoint: cloud.endpoint, transport: cloud.transport)
            await #expect(throws: OSSError.self) { try await cloud.use(off) }
        }
    }

    @Test("cred-ecs-role: without tokens, unless they are asked for") func ecsWithoutTokens() async throws {
        try await Cloud.run { cloud in
            try await cloud.control(
                "POST", "/faults", #"{"match": {"operation": "ECSMetadataToken"}, "fault": {"status": 404}}"#)
            try await cloud.use(ECSRoleCredentialsProvider(endpoint: cloud.endpoint, transport: cloud.transport))
            let strict = try ECSRoleCredentialsProvider(
                requiresToken: true, endpoint: cloud.endpoint, transport: cloud.transport)
            let error = await #expect(throws: OSSError.self) { try await cloud.use(strict) }
            #expect(error?.description.contains("no token: status 404") == true)
        }
    }

    @Test("cred-uri: renewed before its end") func uri() async throws {
        try await Cloud.run { cloud in
            let provider = try URICredentialsProvider(uri: cloud.endpoint + "/credentials", transport: cloud.transport)
            try await cloud.use(provider)
            try await cloud.control("DELETE", "/requests")
            let fresh = try URICredentialsProvider(uri: cloud.endpoint + "/credentials", transport: cloud.transport)
            try await cloud.expectRenewal(of: fresh, "CredentialsURI")
            try await cloud.control(
                "POST", "/faults",
                #"{"match": {"operation": "CredentialsURI"}, "fault": {"status": 200, "code": "Failed"}}"#)
            let failing = try URICredentialsProvider(uri: cloud.endpoint + "/credentials", transport: cloud.transport)
            let error = await #expect(throws: OSSError.self) { try await cloud.use(failing) }
            #expect(error?.description.contains("code Failed") == true)
        }
    }

    @Test("cred-fc: an invocation's header fields, a function's environment") func functionCompute() async throws {
        try await Cloud.run { cloud in
            let keys = try await cloud.temporary()
            let token = try #require(keys.securityToken)
            var headers: HTTPFields = [:]
            for (name, value) in [
                ("access-key-id", keys.accessKeyID), ("access-key-secret", keys.accessKeySecret),
                ("security-token", token),
            ] {
                headers[try #require(HTTPField.Name("X-Fc-\(name)"))] = value
            }
            try await cloud.use(FunctionComputeCredentialsProvider(invocation: headers))
            let variables = [
                "ALIBABA_CLOUD_ACCESS_KEY_ID": keys.accessKeyID,
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET": keys.accessKeySecret, "ALIBABA_CLOUD_SECURITY_TOKEN": token,
            ]
            try await cloud.use(FunctionComputeCredentialsProvider { variables[$1] })
        }
    }

    // MARK: Profiles

    private func profile(
        _ cloud: Cloud, name: String? = nil, variables: [String: String] = [:]
    ) -> ProfileCredentialsProvider {
        let all = variables.merging([
            "HOME": cloud.folder.path, "ALIBABA_CLOUD_STS_ENDPOINT": cloud.endpoint,
            "ALIBABA_CLOUD_ECS_METADATA_ENDPOINT": cloud.endpoint,
        ]) { first, _ in first }
        return ProfileCredentialsProvider(
            name: name, transport: cloud.transport, dependencies: .init(), lookUp: { all[$0] })
    }

    private func writeProfiles(_ cloud: Cloud) async throws {
        let temporary = try await cloud.temporary()
        let token = try cloud.file("token", "a-token")
        let keys = """
            "access_key_id": "\(cloud.emulator.accessKeyID)", "access_key_secret": "\(cloud.emulator.accessKeySecret)"
            """
        let role = "\"ram_role_arn\": \"\(Cloud.role)\", \"ram_session_name\": \"a-profile\""
        for folder in [".aliyun", ".alibabacloud"] {
            try FileManager.default.createDirectory(
                at: cloud.folder.appending(path: folder), withIntermediateDirectories: true)
        }
        _ = try cloud.file(
            ".aliyun/config.json",
            """
            {"current": "AK", "profiles": [
              {"name": "AK", "mode": "AK", \(keys), "region_id": "cn-hangzhou", "output_format": "json"},
              {"name": "StsToken", "mode": "StsToken", "access_key_id": "\(temporary.accessKeyID)",
               "access_key_secret": "\(temporary.accessKeySecret)", "sts_token": "\(temporary.securityToken ?? "")"},
              {"name": "RamRoleArn", "mode": "RamRoleArn", \(keys), \(role), "expired_seconds": 1200,
               "external_id": "an-id"},
              {"name": "ChainableRamRoleArn", "mode": "ChainableRamRoleArn", "source_profile": "StsToken", \(role)},
              {"name": "EcsRamRole", "mode": "EcsRamRole", "ram_role_name": "emulator-role"},
              {"name": "OIDC", "mode": "OIDC", \(role), "oidc_token_file": "\(token)",
               "oidc_provider_arn": "acs:ram::1234567890123456:oidc-provider/idp"},
              {"name": "CredentialsURI", "mode": "CredentialsURI", "credentials_uri": "\(cloud.endpoint)/credentials"}]}
            """)
        let pair = "access_key_id=\(cloud.emulator.accessKeyID)\naccess_key_secret=\(cloud.emulator.accessKeySecret)"
        _ = try cloud.file(
            ".alibabacloud/credentials",
            """
            [default]
            type=access_key
            \(pair)
            [sts]
            type=sts
            access_key_id=\(temporary.accessKeyID)
            access_key_secret=\(temporary.accessKeySecret)
            security_token=\(temporary.securityToken ?? "")
            [ram_role_arn]
            type=ram_role_arn
            \(pair)
            role_arn=\(Cloud.role)
            role_session_name=a-profile
            [ecs_ram_role]
            type=ecs_ram_role
            [oidc_role_arn]
            type=oidc_role_arn
            role_arn=\(Cloud.role)
            oidc_provider_arn=acs:ram::1234567890123456:oidc-provider/idp
            oidc_token_file_path=\(token)
            """)
        try await cloud.control("DELETE", "/requests")
    }

    @Test(
        "cred-profile: each kind, of either file",
        arguments: [
            ("AK", nil), ("StsToken", nil), ("RamRoleArn", "AssumeRole"), ("ChainableRamRoleArn", "AssumeRole"),
            ("EcsRamRole", "ECSMetadata"), ("OIDC", "AssumeRoleWithOIDC"), ("CredentialsURI", "CredentialsURI"),
            ("default", nil), ("sts", nil), ("ram_role_arn", "AssumeRole"), ("ecs_ram_role", "ECSMetadata"),
            ("oidc_role_arn", "AssumeRoleWithOIDC"),
        ] as [(String, String?)])
    func profiles(name: String, operation: String?) async throws {
        try await Cloud.run { cloud in
            try await writeProfiles(cloud)
            try await cloud.use(profile(cloud, name: name))
            try await cloud.use(profile(cloud, variables: ["ALIBABA_CLOUD_PROFILE": name]))
            let asked = try await cloud.requests("").compactMap { $0["operation"] as? String }
            let operations = Set(asked).subtracting(["PutObject", "GetObject", "ECSMetadataToken"])
            #expect(operations == Set([operation].compactMap(\.self)))
        }
    }

    @Test("cred-profile: roles are renewed, the current profile is the default") func profileRenewal() async throws {
        try await Cloud.run { cloud in
            try await writeProfiles(cloud)
            try await cloud.use(profile(cloud))
            #expect(
                try await cloud.requests("operation=PutObject").first?["accessKeyId"] as? String
                    == cloud.emulator.accessKeyID)
            try await cloud.watch(
                "AssumeRole", ["DurationSeconds=1200", "ExternalId=an-id", "RoleSessionName=a-profile"])
            try await cloud.expectRenewal(of: profile(cloud, name: "RamRoleArn"), "AssumeRole", lifetime: 1200)
            for request in try await cloud.requests("operation=AssumeRole") {
                #expect(request["fault"] as? String != nil, "the parameters came")
            }
        }
    }

    @Test("cred-profile: changed keys are read when the old ones are refused") func changedProfile() async throws {
        try await Cloud.run { cloud in
            let text = { (id: String) in
                """
                {"profiles": [{"name": "default", "mode": "AK", "access_key_id": "\(id)",
                 "access_key_secret": "\(cloud.emulator.accessKeySecret)"}]}
                """
            }
            let path = try cloud.file("config.json", text("gone"))
            let provider = ProfileCredentialsProvider(configurationFile: path, transport: cloud.transport)
            await #expect(throws: OSSError.self) { try await cloud.use(provider) }
            _ = try cloud.file("config.json", text(cloud.emulator.accessKeyID))
            try await cloud.use(provider)
        }
    }

    // MARK: The chain

    @Test("cred-chain: the first that has some is kept to, and lists what each said") func chain() async throws {
        try await Cloud.run { cloud in
            func chain(_ variables: [String: String]) -> CredentialsProviderChain {
                CredentialsProviderChain([
                    .init("environment", EnvironmentCredentialsProvider { variables[$0] }),
                    .init("OIDC role") {
                        try OIDCRoleCredentialsProvider(
                            endpoint: cloud.endpoint, transport: cloud.transport, dependencies: .init(),
                            lookUp: { variables[$0] })
                    },
                    .init("profile", profile(cloud)),
                    .init("credentials URI") {
                        try URICredentialsProvider(
                            uri: variables["ALIBABA_CLOUD_CREDENTIALS_URI"], transport: cloud.transport,
                            dependencies: .init())
                    },
                    .init("Function Compute", FunctionComputeCredentialsProvider { variables[$1] }),
                    .init("ECS role") {
                        try ECSRoleCredentialsProvider(endpoint: cloud.endpoint, transport: cloud.transport)
                    },
                ])
            }
            try await cloud.expectRenewal(
                of: chain(["ALIBABA_CLOUD_CREDENTIALS_URI": cloud.endpoint + "/credentials"]), "CredentialsURI")
            try await cloud.turnClock(0)
            try await cloud.use(chain([:]))
            #expect(try await cloud.count("ECSMetadata") == 2)
            try await cloud.use(
                chain([
                    "OSS_ACCESS_KEY_ID": cloud.emulator.accessKeyID,
                    "OSS_ACCESS_KEY_SECRET": cloud.emulator.accessKeySecret,
                ]))
            try await cloud.control("PUT", "/metadata", #"{"mode": "off"}"#)
            let error = await #expect(throws: OSSError.self) { try await cloud.use(chain([:])) }
            for text in [
                "environment: the environment variable OSS_ACCESS_KEY_ID is not set",
                "OIDC role: the OIDC role needs the environment variable ALIBABA_CLOUD_ROLE_ARN", "profile: ",
                "credentials URI: the environment variable ALIBABA_CLOUD_CREDENTIALS_URI is not set",
                "Function Compute: neither", "ECS role: the ECS metadata server: status 404",
            ] {
                #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
            }
        }
    }

    // MARK: KMS

    private func rotating(
        _ cloud: Cloud, secret: String = "oss", file: String? = nil, password: String = ClientKeyFixture.password,
        dependencies: RuntimeDependencies = .init()
    ) throws -> RotatingCredentialsProvider {
        try RotatingCredentialsProvider(
            secretName: secret, clientKeyFile: try file ?? cloud.file("ClientKey.json", ClientKeyFixture.file()),
            password: password, region: "cn-hangzhou", endpoint: cloud.endpoint, transport: cloud.transport,
            dependencies: dependencies)
    }

    /// A secret, and the client key that may read it.
    private func setUp(_ cloud: Cloud) async throws {
        try await cloud.control("PUT", "/kms/client-keys/KAAP.local", ClientKeyFixture.publicKey)
        try await cloud.control("PUT", "/kms/secrets/oss", #"{"rotationInterval": 86400}"#)
    }

    @Test("cred-rotating: read again when the service doesn't know the key any more") func rotation() async throws {
        try await Cloud.run { cloud in
            try await setUp(cloud)
            for archive in [ClientKeyFixture.legacy, ClientKeyFixture.modern] {
                let file = try cloud.file("ClientKey.json", ClientKeyFixture.file(archive))
                let provider = try rotating(cloud, file: file)
                try await cloud.control("DELETE", "/requests")
                try await cloud.use(provider)
                #expect(try await cloud.count("GetSecretValue") == 1)
                let first = try await provider.credentials()
                #expect(first.securityToken == nil && first.expiration == nil)
                try await cloud.control("POST", "/kms/secrets/oss")
                let client = try cloud.client(provider)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<20 { group.addTask { _ = try await client.listBuckets() } }
                    try await group.waitForAll()
                }
                #expect(try await provider.credentials().accessKeyID != first.accessKeyID)
                #expect(try await cloud.count("GetSecretValue") == 2)
                #expect(try await !cloud.requests("code=InvalidAccessKeyId").isEmpty)
            }
            for request in try await cloud.requests("operation=GetSecretValue") {
                #expect(request["outcome"] as? String == "valid")
            }
            // By its ARN.
            try await cloud.use(rotating(cloud, secret: "acs:kms:cn-hangzhou:1234567890123456:secret/oss"))
        }
    }

    @Test("cred-rotating: read on schedule, while the old key is used, and also while KMS is down")
    func schedule() async throws {
        try await Cloud.run { cloud in
            try await setUp(cloud)
            // Time passes on the server only, and from the same moment on.
            let dependencies = RuntimeDependencies(now: { cloud.start }, sleep: { _ in })
            let provider = try rotating(cloud, dependencies: dependencies)
            let client = try cloud.client(provider, dependencies)
            _ = try await client.listBuckets()
            let first = try await provider.credentials()
            try await cloud.control("POST", "/kms/secrets/oss", #"{"keepPrevious": true}"#)
            // Six hours, and five minutes of jitter at most.
            try await cloud.turnClock(6 * 3600 + 310)
            while try await provider.credentials() == first { _ = try await client.listBuckets() }
            #expect(try await cloud.count("GetSecretValue") == 2)
            #expect(try await cloud.requests("code=InvalidAccessKeyId").isEmpty)

            let second = try await provider.credentials()
            try await cloud.control(
                "POST", "/faults", #"{"match": {"operation": "GetSecretValue"}, "fault": {"status": 503}}"#)
            try await cloud.turnClock(2 * (6 * 3600 + 310))
            while try await cloud.count("GetSecretValue") == 2 { _ = try await client.listBuckets() }
            for _ in 0..<10 { _ = try await client.listBuckets() }
            #expect(try await provider.credentials() == second)
            // It isn't asked for a minute then.
            #expect(try await cloud.count("GetSecretValue") == 3)
        }
    }

    @Test("cred-rotating: what is wrong is said, without secrets") func wrongClientKeys() async throws {
        try await Cloud.run { cloud in
            try await setUp(cloud)
            let cases: [(RotatingCredentialsProvider, String)] = [
                (try rotating(cloud, secret: "none"), "Forbidden.ResourceNotFound"),
                (try rotating(cloud, password: "Wrong-key-1"), "the password is wrong"),
                (
                    try rotating(cloud, file: try cloud.file("b", ClientKeyFixture.file(id: "KAAP.other"))),
                    "InvalidAccessKeyId.NotFound"
                ),
                (
                    try rotating(
                        cloud, file: try cloud.file("c", ClientKeyFixture.file(ClientKeyFixture.withoutCertificate))),
                    "without a certificate"
                ),
                (try rotating(cloud, file: try cloud.file("d", ClientKeyFixture.file("!"))), "not Base64"),
                (try rotating(cloud, file: try cloud.file("e", ClientKeyFixture.file("MAA="))), "no PKCS #12 archive"),
                (try rotating(cloud, file: try cloud.file("f", "[]")), "no JSON document"),
                (try rotating(cloud, file: cloud.folder.path + "/none"), cloud.folder.path + "/none"),
            ]
            for (provider, text) in cases {
                let error = await #expect(throws: OSSError.self) { try await cloud.use(provider) }
                #expect(error?.kind == .credentials)
                #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
                #expect(error?.description.contains("key-1") == false)
            }
            for (secret, region, interval) in [("", "cn-hangzhou", 60), ("a", "cn_hangzhou", 60), ("a", "b", 59)] {
                let error = #expect(throws: OSSError.self) {
                    try RotatingCredentialsProvider(
                        secretName: secret, clientKeyFile: "a", password: "b", region: region,
                        refreshInterval: .seconds(interval), transport: cloud.transport)
                }
                #expect(error?.kind == .invalidConfiguration)
            }
        }
    }
}

@Suite(.timeLimit(.minutes(60))) struct RotatingProviderTests {
    private let time = ManualTime()

    private func answer(_ id: String, rotation: TimeInterval? = nil) -> ScriptedTransport.Answer {
        let date = rotation.map {
            #", "NextRotationDate": "\#(Date(timeIntervalSince1970: 1_700_000_000 + $0).ISO8601Format())""#
        }
        return .reply(
            200, [:],
            #"{"SecretName": "oss", "SecretData": "{\"AccessKeyId\":\"\#(id)\",\"AccessKeySecret\":\"s\"}"\#(date ?? "")}"#
        )
    }

    private func run(
        _ script: ScriptedTransport.Answer..., interval: Int = 21600,
        _ body: (RotatingCredentialsProvider, ScriptedTransport) async throws -> Void
    ) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "client-key-\(UUID())").path
        try ClientKeyFixture.file().write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let transport = ScriptedTransport(script: script)
        let provider = try RotatingCredentialsProvider(
            secretName: "oss", clientKeyFile: path, password: ClientKeyFixture.password, region: "cn-hangzhou",
            refreshInterval: .seconds(interval), transport: transport, dependencies: time.dependencies())
        try await body(provider, transport)
    }

    @Test("cred-rotating: a signed GetSecretValue") func request() async throws {
        try await run(answer("a")) { provider, transport in
            #expect(try await provider.credentials() == Credentials(accessKeyID: "a", accessKeySecret: "s"))
            let head = transport.sent[0].head
            #expect(head.method == .post && head.scheme == "https" && head.authority == "kms.cn-hangzhou.aliyuncs.com")
            let url = try #require(URLComponents(string: head.path ?? ""))
            #expect(url.path == "/")
            var query = Dictionary(uniqueKeysWithValues: (url.queryItems ?? []).map { ($0.name, $0.value ?? "") })
            #expect(Data(base64Encoded: query.removeValue(forKey: "Signature") ?? "")?.count == 256)
            #expect(query.removeValue(forKey: "SignatureNonce")?.count == 32)
            #expect(
                query == [
                    "Action": "GetSecretValue", "Format": "JSON", "Version": "2016-01-20", "RegionId": "cn-hangzhou",
                    "SecretName": "oss", "VersionStage": "ACSCurrent", "AccessKeyId": "KAAP.local",
                    "SignatureMethod": "SHA256withRSA", "SignatureType": "PRIVATEKEY", "SignatureVersion": "1.0",
                    "Timestamp": "2023-11-14T22:13:20Z",
                ])
        }
    }

    @Test(
        "cred-rotating: when it is read again",
        arguments: [
            // No rotation to come, one within the interval, one beyond it, one that is over.
            (nil, 21600, 21750), (3600, 21600, 4050), (86400, 21600, 21750), (-60, 21600, 21750), (nil, 3600, 3750),
        ] as [(TimeInterval?, Int, Int)])
    func schedule(rotation: TimeInterval?, interval: Int, after: Int) async throws {
        try await run(answer("a", rotation: rotation), answer("b"), interval: interval) { provider, transport in
            #expect(try await provider.credentials().accessKeyID == "a")
            try await time.dependencies().sleep(.seconds(after - 1))
            #expect(try await provider.credentials().accessKeyID == "a")
            #expect(transport.sent.count == 1)
            try await time.dependencies().sleep(.seconds(1))
            // The old one until the new one is there.
            #expect(try await provider.credentials().accessKeyID == "a")
            while try await provider.credentials().accessKeyID != "b" { await Task.yield() }
            #expect(transport.sent.count == 2)
        }
    }

    @Test("cred-rotating: a reading that fails is tried again after a minute") func retry() async throws {
        try await run(answer("a"), .reply(503), answer("b")) { provider, transport in
            _ = try await provider.credentials()
            try await time.dependencies().sleep(.seconds(30000))
            // It is read on another task, which also puts the next time off.
            while transport.sent.count < 2 { _ = try await provider.credentials() }
            for _ in 0..<1000 {
                await Task.yield()
                #expect(try await provider.credentials().accessKeyID == "a")
            }
            #expect(transport.sent.count == 2)
            try await time.dependencies().sleep(.seconds(60))
            while try await provider.credentials().accessKeyID != "b" { await Task.yield() }
            #expect(transport.sent.count == 3)
        }
    }

    @Test("cred-rotating: a secret of another kind") func otherSecrets() async throws {
        for text in [
            #"{"SecretData": "plain"}"#, #"{"SecretData": "{\"AccessKeyId\":\"\"}"}"#, "{}", "<html>",
        ] {
            try await run(.reply(200, [:], text)) { provider, _ in
                let error = await #expect(throws: OSSError.self) { try await provider.credentials() }
                #expect(error?.kind == .credentials)
                #expect(error?.message.hasPrefix("KMS (GetSecretValue): the ") == true)
            }
        }
    }
}
