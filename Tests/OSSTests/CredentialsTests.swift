import Foundation
import HTTPTypes
import OSS
import Testing

/// Counts how often it is asked, and gives what it is told to.
private final class Source: Sendable {
    private let state: Locked<(answers: [Result<Credentials, OSSError>], calls: Int)>
    private let gate: AsyncGate?

    init(_ answers: [Result<Credentials, OSSError>], gate: AsyncGate? = nil) {
        state = Locked((answers, 0))
        self.gate = gate
    }

    var calls: Int { state.withLock { $0.calls } }

    func fetch() async throws -> Credentials {
        let answer = state.withLock { state -> Result<Credentials, OSSError> in
            state.calls += 1
            return state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
        }
        await gate?.wait()
        return try answer.get()
    }
}

/// Holds back whoever waits until it is opened.
private final class AsyncGate: Sendable {
    private let state = Locked<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

private func temporary(_ id: String, until end: TimeInterval? = nil) -> Credentials {
    Credentials(
        accessKeyID: id, accessKeySecret: "secret-of-\(id)", securityToken: "token-of-\(id)",
        expiration: end.map { Date(timeIntervalSince1970: 1_700_000_000 + $0) })
}

extension ManualTime {
    fileprivate func pass(_ seconds: Int) async throws { try await dependencies().sleep(.seconds(seconds)) }
}

/// Waits for something that happens on another task; the machine's speed only decides how soon it is seen.
private func eventually(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}

@Suite struct RefreshTests {
    private let time = ManualTime()

    private func provider(_ source: Source, maximumAge: Duration? = nil) -> RefreshingCredentialsProvider {
        RefreshingCredentialsProvider(maximumAge: maximumAge, dependencies: time.dependencies()) {
            .init(try await source.fetch())
        }
    }

    @Test("cred-refresh: a hundred callers, one request") func singleFlight() async throws {
        let gate = AsyncGate()
        let source = Source([.success(temporary("a", until: 3600))], gate: gate)
        let provider = provider(source)
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<100 { group.addTask { try await provider.credentials().accessKeyID } }
            await eventually { source.calls == 1 }
            gate.open()
            for try await id in group { #expect(id == "a") }
        }
        #expect(source.calls == 1)
    }

    @Test("cred-refresh: one caller's cancellation is not the others'") func cancellation() async throws {
        let gate = AsyncGate()
        let source = Source([.success(temporary("a", until: 3600))], gate: gate)
        let provider = provider(source)
        let cancelled = Task { try await provider.credentials() }
        let other = Task { try await provider.credentials() }
        await eventually { source.calls == 1 }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        gate.open()
        #expect(try await other.value.accessKeyID == "a")
        #expect(source.calls == 1)
        // And one that was cancelled before it began.
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await self.provider(Source([.success(temporary("b", until: 1))], gate: AsyncGate()))
                .credentials()
        }
        await #expect(throws: CancellationError.self) { try await late.value }
    }

    @Test("cred-refresh: renewed before they expire, while the old ones are used") func early() async throws {
        let source = Source([.success(temporary("a", until: 3600)), .success(temporary("b", until: 9000))])
        let provider = provider(source)
        #expect(try await provider.credentials().accessKeyID == "a")
        try await time.pass(3299)
        #expect(try await provider.credentials().accessKeyID == "a")
        #expect(source.calls == 1)
        try await time.pass(1)
        #expect(try await provider.credentials().accessKeyID == "a")
        await eventually { source.calls == 2 }
        while try await provider.credentials().accessKeyID != "b" { await Task.yield() }
        #expect(source.calls == 2)
    }

    @Test("cred-refresh: none goes out that has expired") func expired() async throws {
        let source = Source([.success(temporary("a", until: 1000)), .success(temporary("b", until: 9000))])
        let provider = provider(source)
        _ = try await provider.credentials()
        try await time.pass(1000)
        #expect(try await provider.credentials().accessKeyID == "b")
        // What is fetched may have expired on the way.
        let stale = self.provider(Source([.success(temporary("c", until: 1000))]))
        let error = await #expect(throws: OSSError.self) { try await stale.credentials() }
        #expect(error?.message.contains("expired already") == true)
    }

    @Test("cred-refresh: a failure does not stick") func failure() async throws {
        let source = Source([
            .failure(OSSError(.credentials, message: "down")), .success(temporary("a", until: 1000)),
            .failure(OSSError(.credentials, message: "down")), .success(temporary("b", until: 5000)),
        ])
        let provider = provider(source)
        let error = await #expect(throws: OSSError.self) { try await provider.credentials() }
        #expect(error?.message == "down")
        #expect(try await provider.credentials().accessKeyID == "a")
        // The valid ones survive a failure; the next caller tries again.
        try await time.pass(900)
        #expect(try await provider.credentials().accessKeyID == "a")
        await eventually { source.calls == 3 }
        while try await provider.credentials().accessKeyID != "b" { await Task.yield() }
        #expect(source.calls == 4)
    }

    @Test("cred-refresh: the corrected clock counts") func clock() async throws {
        let source = Source([.success(temporary("a", until: 3600)), .success(temporary("b", until: 9000))])
        let provider = provider(source)
        #expect(try await provider.credentials().accessKeyID == "a")
        try await ServerClock.$offset.withValue(3600) {
            let renewed = try await provider.credentials()
            #expect(renewed.accessKeyID == "b")
        }
    }

    @Test("cred-refresh: temporary credentials that are refused are asked of any provider again")
    func refusedTemporary() async throws {
        struct Mine: CredentialsProvider {
            let source: Source
            func credentials() async throws -> Credentials { try await source.fetch() }
        }
        let first = Credentials(accessKeyID: "a", accessKeySecret: "s", expiration: Date().addingTimeInterval(3600))
        let source = Source([.success(first), .success(temporary("b"))])
        let kept = RefreshingCredentialsProvider(Mine(source: source))
        #expect(kept.refused(try await kept.credentials()))
        let other = try await kept.credentials()
        #expect(other.accessKeyID == "b")
        // Those without an end only if the provider says so.
        #expect(!kept.refused(other))
    }

    @Test("cred-refresh: a maximum age for those without an expiry") func age() async throws {
        let source = Source([.success(temporary("a")), .success(temporary("b"))])
        let kept = provider(source)
        _ = try await kept.credentials()
        try await time.pass(1_000_000)
        #expect(try await kept.credentials().accessKeyID == "a")
        let aging = provider(Source([.success(temporary("a")), .success(temporary("b"))]), maximumAge: .seconds(60))
        #expect(try await aging.credentials().accessKeyID == "a")
        try await time.pass(60)
        #expect(try await aging.credentials().accessKeyID == "b")
    }

    @Test("cred-refresh, cred-closure: refused credentials are replaced once") func refused() async throws {
        let source = Source([.success(temporary("a", until: 3600)), .success(temporary("b", until: 3600))])
        let provider = provider(source)
        for code in ["InvalidAccessKeyId", "SecurityTokenExpired"] {
            let fixture = try Fixture(
                .reply(403, [:], serviceError(code)), .reply(200), .reply(403, [:], serviceError(code)),
                .reply(403, [:], serviceError(code))
            ) { $0.credentials = provider }
            _ = try await fixture.client.listBuckets(.init())
            #expect(fixture.transport.sent.count == 2)
            #expect(fixture.transport.sent[1].header("authorization")?.contains("Credential=b/") == true)
            await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
            #expect(fixture.transport.sent.count == 4)
        }
        // A fixed pair stays what it is.
        let fixture = try Fixture(.reply(403, [:], serviceError("InvalidAccessKeyId")))
        await #expect(throws: OSSError.self) { try await fixture.client.listBuckets(.init()) }
        #expect(fixture.transport.sent.count == 1)
    }
}

@Suite struct ProviderTests {
    private let time = ManualTime()
    private static let end = "2023-11-15T00:13:20Z"
    private static let document =
        #"{"Code":"Success","AccessKeyId":"STS.a","AccessKeySecret":"s","SecurityToken":"t","Expiration":"\#(end)"}"#
    private static let sts =
        #"{"RequestId":"1","Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"s","SecurityToken":"t","Expiration":"\#(end)"}}"#

    private func form(_ sent: ScriptedTransport.Sent) -> [String: String] {
        var result: [String: String] = [:]
        for pair in (sent.text ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            result[parts[0]] = parts.count > 1 ? parts[1].removingPercentEncoding : ""
        }
        return result
    }

    private func expectTemporary(_ provider: some CredentialsProvider) async throws {
        let credentials = try await provider.credentials()
        #expect(credentials.accessKeyID == "STS.a")
        #expect(credentials.accessKeySecret == "s")
        #expect(credentials.securityToken == "t")
        #expect(credentials.expiration == Date(timeIntervalSince1970: 1_700_007_200))
    }

    @Test("cred-static: an empty token is no token") func fixed() async throws {
        let provider = StaticCredentialsProvider(accessKeyID: "a", accessKeySecret: "b", securityToken: "")
        #expect(try await provider.credentials().securityToken == nil)
    }

    @Test("cred-anonymous: unsigned") func anonymous() async throws {
        let fixture = try Fixture { $0.credentials = .anonymous }
        try await fixture.client.putObject(.init(bucket: "my-bucket", key: "a", body: "x"))
        #expect(fixture.transport.sent[0].header("authorization") == nil)
    }

    @Test("cred-closure, cred-custom: a function, a type") func own() async throws {
        struct Mine: CredentialsProvider {
            func credentials() async throws -> Credentials { temporary("mine") }
        }
        for provider: any CredentialsProvider in [
            ClosureCredentialsProvider { temporary("mine") }, Mine(), RefreshingCredentialsProvider(Mine()),
        ] {
            let fixture = try Fixture { $0.credentials = provider }
            _ = try await fixture.client.listBuckets(.init())
            #expect(fixture.transport.sent[0].header("authorization")?.contains("Credential=mine/") == true)
            #expect(fixture.transport.sent[0].header("x-oss-security-token") == "token-of-mine")
        }
    }

    @Test("cred-ram-role: a signed AssumeRole") func ramRole() async throws {
        let transport = ScriptedTransport(.reply(200, [:], Self.sts))
        let provider = try RAMRoleCredentialsProvider(
            roleARN: "acs:ram::123:role/reader", sessionName: "me", policy: #"{"a": 1}"#, duration: .seconds(1800),
            externalID: "x", endpoint: "http://127.0.0.1:9",
            source: StaticCredentialsProvider(
                accessKeyID: "id", accessKeySecret: "key", securityToken: "old"), transport: transport,
            dependencies: time.dependencies())
        try await expectTemporary(provider)
        try await expectTemporary(provider)
        #expect(transport.sent.count == 1)
        let sent = transport.sent[0]
        #expect(sent.head.method == .post)
        #expect(sent.head.authority == "127.0.0.1:9")
        #expect(sent.head.path == "/")
        var fields = form(sent)
        #expect(fields.removeValue(forKey: "Signature")?.isEmpty == false)
        #expect(fields.removeValue(forKey: "SignatureNonce")?.count == 32)
        #expect(
            fields == [
                "Action": "AssumeRole", "Format": "JSON", "Version": "2015-04-01", "AccessKeyId": "id",
                "SecurityToken": "old", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
                "Timestamp": "2023-11-14T22:13:20Z", "RoleArn": "acs:ram::123:role/reader", "RoleSessionName": "me",
                "Policy": #"{"a": 1}"#, "DurationSeconds": "1800", "ExternalId": "x",
            ])
    }

    @Test("cred-ram-role: what the service says is passed on, without keys") func ramRoleErrors() async throws {
        let refusal = #"{"RequestId":"42","Code":"NoPermission","Message":"You are not authorized."}"#
        for (reply, text) in [
            (
                ScriptedTransport.Answer.reply(403, [:], refusal),
                "NoPermission: You are not authorized. (request id 42)"
            ),
            (.reply(200, [:], "{}"), "holds no credentials"), (.reply(500, [:], "oops"), "status 500"),
            (.fail(TransportError(.connect, "refused")), "could not be reached"),
        ] {
            let provider = try RAMRoleCredentialsProvider(
                roleARN: "acs:ram::123:role/reader",
                source: StaticCredentialsProvider(
                    accessKeyID: "id", accessKeySecret: "the-secret"), transport: ScriptedTransport(reply),
                dependencies: time.dependencies())
            let error = await #expect(throws: OSSError.self) { try await provider.credentials() }
            #expect(error?.kind == .credentials)
            #expect(error?.description.contains(text) == true)
            #expect(error?.description.contains("the-secret") == false)
        }
        for (arn, name, duration) in [
            ("role/x", "ok", 3600), ("acs:ram::1:role/x", "a b", 3600), ("acs:ram::1:role/x", "ok", 899),
        ] {
            let error = #expect(throws: OSSError.self) {
                try RAMRoleCredentialsProvider(
                    roleARN: arn, sessionName: name, duration: .seconds(duration), source: .anonymous,
                    transport: ScriptedTransport(), dependencies: time.dependencies())
            }
            #expect(error?.kind == .invalidConfiguration)
        }
    }

    @Test("cred-oidc: the token's file is read at every refresh") func oidc() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "oidc-\(UUID())").path
        try "first\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let variables = [
            "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::123:role/pod", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "provider",
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE": path,
        ]
        let transport = ScriptedTransport(.reply(200, [:], Self.sts), .reply(200, [:], Self.sts))
        let provider = try OIDCRoleCredentialsProvider(
            transport: transport, dependencies: time.dependencies(), lookUp: { variables[$0] })
        try await expectTemporary(provider)
        try "second".write(toFile: path, atomically: true, encoding: .utf8)
        _ = provider.refused(try await provider.credentials())
        try await expectTemporary(provider)
        #expect(transport.sent.map { form($0)["OIDCToken"] } == ["first", "second"])
        #expect(form(transport.sent[0])["OIDCProviderArn"] == "provider")
        #expect(form(transport.sent[0])["Signature"] == nil)
        for missing in variables.keys {
            let error = #expect(throws: OSSError.self) {
                try OIDCRoleCredentialsProvider(
                    transport: transport, dependencies: time.dependencies(),
                    lookUp: { $0 == missing ? nil : variables[$0] })
            }
            #expect(error?.message.contains(missing) == true)
        }
    }

    @Test("cred-ecs-role: hardened mode, role discovered") func ecsRole() async throws {
        let transport = ScriptedTransport(
            .reply(200, [:], "metadata-token"), .reply(200, [:], "my-role\n"), .reply(200, [:], Self.document))
        let provider = try ECSRoleCredentialsProvider(
            endpoint: "127.0.0.1:9", transport: transport, dependencies: time.dependencies())
        try await expectTemporary(provider)
        let folder = "/latest/meta-data/ram/security-credentials/"
        #expect(transport.sent.map(\.head.path) == ["/latest/api/token", folder, folder + "my-role"])
        #expect(transport.sent.map(\.head.method) == [.put, .get, .get])
        #expect(transport.sent[0].header("x-aliyun-ecs-metadata-token-ttl-seconds") == "21600")
        #expect(transport.sent[2].header("x-aliyun-ecs-metadata-token") == "metadata-token")
    }

    @Test("cred-ecs-role: falls back to requests without a token, unless told not to") func ecsFallback() async throws {
        for first in [
            ScriptedTransport.Answer.reply(404), .fail(TransportError(.timeout, "no answer")), .reply(200, [:], " "),
        ] {
            let transport = ScriptedTransport(first, .reply(200, [:], Self.document))
            try await expectTemporary(
                try ECSRoleCredentialsProvider(
                    roleName: "r", endpoint: "127.0.0.1:9", transport: transport, dependencies: time.dependencies()))
            #expect(transport.sent[1].header("x-aliyun-ecs-metadata-token") == nil)
            let strict = try ECSRoleCredentialsProvider(
                roleName: "r", requiresToken: true, endpoint: "127.0.0.1:9", transport: ScriptedTransport(first),
                dependencies: time.dependencies())
            await #expect(throws: OSSError.self) { try await strict.credentials() }
        }
        // A token that is given and then not taken.
        let transport = ScriptedTransport(
            .reply(200, [:], "metadata-token"), .reply(403), .reply(200, [:], Self.document))
        try await expectTemporary(
            try ECSRoleCredentialsProvider(
                roleName: "r", endpoint: "127.0.0.1:9", transport: transport, dependencies: time.dependencies()))
    }

    @Test("cred-uri: any server that answers so") func uri() async throws {
        let transport = ScriptedTransport(.reply(200, [:], Self.document))
        let provider = try URICredentialsProvider(
            uri: "http://127.0.0.1:9/credentials?role=a", transport: transport, dependencies: time.dependencies())
        try await expectTemporary(provider)
        #expect(transport.sent[0].head.path == "/credentials?role=a")
        for (answer, text) in [
            (ScriptedTransport.Answer.reply(200, [:], #"{"Code":"Forbidden","Message":"no"}"#), "code Forbidden: no"),
            (.reply(200, [:], "<html>"), "not the JSON"), (.reply(404), "status 404"),
            (.reply(200, [:], #"{"Code":"Success","AccessKeyId":"a"}"#), "lacks keys"),
            (
                .reply(200, [:], #"{"Code":"Success","AccessKeyId":"a","AccessKeySecret":"b","Expiration":"soon"}"#),
                "lacks keys or their expiration"
            ),
        ] {
            let provider = try URICredentialsProvider(
                uri: "http://127.0.0.1:9", transport: ScriptedTransport(answer), dependencies: time.dependencies())
            let error = await #expect(throws: OSSError.self) { try await provider.credentials() }
            #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
        }
        for uri in [nil, "", "file:///etc/passwd"] {
            #expect(throws: OSSError.self) {
                try URICredentialsProvider(uri: uri, transport: transport, dependencies: time.dependencies())
            }
        }
    }

    @Test("cred-fc: from the invocation or the environment") func functionCompute() async throws {
        let headers: HTTPFields = [
            HTTPField.Name("X-Fc-Access-Key-Id")!: "a", HTTPField.Name("x-fc-access-key-secret")!: "b",
            HTTPField.Name("x-fc-security-token")!: "c",
        ]
        let credentials = try await FunctionComputeCredentialsProvider(invocation: headers).credentials()
        #expect(credentials == Credentials(accessKeyID: "a", accessKeySecret: "b", securityToken: "c"))
        let environment = FunctionComputeCredentialsProvider { _, variable in
            variable == "ALIBABA_CLOUD_SECURITY_TOKEN" ? nil : variable
        }
        #expect(try await environment.credentials().accessKeySecret == "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        let error = await #expect(throws: OSSError.self) {
            try await FunctionComputeCredentialsProvider(invocation: [:]).credentials()
        }
        #expect(error?.message.contains("x-fc-access-key-id") == true)
    }

    @Test("cred-chain: the first that answers, and what each one said") func chain() async throws {
        let asked = Locked<[String]>([])
        func link(_ name: String, _ result: Result<Credentials, OSSError>) -> CredentialsProviderChain.Link {
            .init(
                name,
                ClosureCredentialsProvider {
                    asked.withLock { $0.append(name) }
                    return try result.get()
                })
        }
        let no = OSSError(.credentials, message: "nothing here")
        let chain = CredentialsProviderChain([
            link("one", .failure(no)), .init("two") { throw OSSError(.invalidConfiguration, message: "not set up") },
            link("three", .success(temporary("x"))), link("four", .success(temporary("y"))),
        ])
        #expect(try await chain.credentials().accessKeyID == "x")
        #expect(try await chain.credentials().accessKeyID == "x")
        #expect(asked.withLock { $0 } == ["one", "three", "three"])
        let empty = CredentialsProviderChain([
            link("one", .failure(no)), .init("two") { throw OSSError(.invalidConfiguration, message: "not set up") },
        ])
        let error = await #expect(throws: OSSError.self) { try await empty.credentials() }
        #expect(error?.message == "no provider has credentials: one: nothing here; two: not set up")
        await #expect(throws: OSSError.self) { try await CredentialsProviderChain([]).credentials() }
    }
}

@Suite struct ProfileTests {
    private let time = ManualTime()

    private func provider(
        _ configuration: String?, _ credentials: String? = nil, name: String? = nil,
        transport: ScriptedTransport = ScriptedTransport(), _ body: (ProfileCredentialsProvider) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "profile-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = [("config.json", configuration), ("credentials", credentials)]
        for case (let file, let text?) in files {
            try text.write(to: folder.appending(path: file), atomically: true, encoding: .utf8)
        }
        try await body(
            ProfileCredentialsProvider(
                name: name, configurationFile: folder.appending(path: "config.json").path,
                credentialsFile: folder.appending(path: "credentials").path, transport: transport,
                dependencies: time.dependencies(),
                lookUp: { $0 == "ALIBABA_CLOUD_STS_ENDPOINT" ? "http://127.0.0.1:9" : nil }))
    }

    private static let configuration = """
        {"current": "main", "profiles": [
          {"name": "main", "mode": "AK", "access_key_id": "id-1", "access_key_secret": "key-1", "unknown": {"a": 1}},
          {"name": "token", "mode": "StsToken", "access_key_id": "id-2", "access_key_secret": "key-2", "sts_token": "t"},
          {"name": "role", "mode": "ChainableRamRoleArn", "source_profile": "main",
           "ram_role_arn": "acs:ram::1:role/r", "ram_session_name": "me", "expired_seconds": 900},
          {"name": "loop", "mode": "ChainableRamRoleArn", "source_profile": "loop", "ram_role_arn": "acs:ram::1:role/r"},
          {"name": "half", "mode": "AK", "access_key_id": "id-3"},
          {"name": "strange", "mode": "Oracle"}]}
        """

    @Test("cred-profile: the current one, one by name") func byName() async throws {
        try await provider(Self.configuration) {
            let credentials = try await $0.credentials()
            #expect(credentials.accessKeyID == "id-1")
        }
        try await provider(Self.configuration, name: "token") {
            let credentials = try await $0.credentials()
            #expect(credentials.securityToken == "t")
        }
    }

    @Test("cred-profile: a role through another profile") func role() async throws {
        let reply =
            #"{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2023-11-15T00:13:20Z"}}"#
        let transport = ScriptedTransport(.reply(200, [:], reply))
        try await provider(Self.configuration, name: "role", transport: transport) {
            let credentials = try await $0.credentials()
            #expect(credentials.accessKeyID == "STS.a")
        }
        #expect(transport.sent[0].text?.contains("AccessKeyId=id-1&") == true)
        #expect(transport.sent[0].text?.contains("DurationSeconds=900") == true)
    }

    @Test("cred-profile: a region's STS", arguments: [(false, "sts.cn-beijing"), (true, "sts-vpc.cn-beijing")])
    func region(isPrivate: Bool, host: String) async throws {
        let transport = ScriptedTransport(.reply(500))
        let profile = """
            {"profiles": [{"name": "default", "mode": "RamRoleArn", "access_key_id": "a", "access_key_secret": "b",
              "ram_role_arn": "acs:ram::1:role/r", "sts_region": "cn-beijing", "enable_vpc": \(isPrivate)}]}
            """
        try await provider(profile, transport: transport) { provider in
            await #expect(throws: OSSError.self) { try await provider.credentials() }
        }
        #expect(transport.sent.first?.head.authority == host + ".aliyuncs.com")
    }

    @Test("cred-profile: the SDKs' file") func credentialsFile() async throws {
        let file = """
            # comment
            [default]
            type = access_key
            access_key_id = id-4
            access_key_secret = key#4 # a comment

            [other]
            type=sts
            access_key_id=id-5
            access_key_secret=key-5
            security_token=t
            """
        try await provider(nil, file) {
            let credentials = try await $0.credentials()
            #expect(credentials.accessKeyID == "id-4")
            #expect(credentials.accessKeySecret == "key#4")
        }
        try await provider(Self.configuration, file, name: "other") {
            let credentials = try await $0.credentials()
            #expect(credentials.securityToken == "t")
        }
    }

    @Test("cred-profile: what is wrong is said, without secrets") func mistakes() async throws {
        for (configuration, name, text) in [
            (Self.configuration, "nobody", "has no profile 'nobody'"),
            (Self.configuration, "loop", "is its own source"),
            (Self.configuration, "half", "lacks 'access_key_secret'"),
            (Self.configuration, "strange", "has the mode 'Oracle', which is not supported"),
            (#"{"profiles": "key-1"}"#, "main", "is not the JSON document"),
        ] {
            try await provider(configuration, name: name) { provider in
                let error = await #expect(throws: OSSError.self) { try await provider.credentials() }
                #expect(error?.kind == .credentials)
                #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
                #expect(error?.description.contains("key-1") == false)
            }
        }
        try await provider(nil) { provider in
            let error = await #expect(throws: OSSError.self) { try await provider.credentials() }
            #expect(error?.code == .credentialsMissing)
            #expect(error?.message.contains("config.json") == true)
        }
    }
}
