import Foundation
import HTTPTypes
import OSS
import Testing

/// Which host is connected to and asked, seen behind a proxy by the client's own transport.
@Suite("Endpoints", .timeLimit(.minutes(60)))
struct EndpointTests {
    @Test(
        "cfg-derive: each of a region's endpoints",
        arguments: [
            (EndpointKind.publicInternet, "oss-cn-hangzhou.aliyuncs.com"),
            (.internalNetwork, "oss-cn-hangzhou-internal.aliyuncs.com"),
            (.accelerate, "oss-accelerate.aliyuncs.com"),
            (.accelerateOverseas, "oss-accelerate-overseas.aliyuncs.com"),
            (.dualStack, "cn-hangzhou.oss.aliyuncs.com"),
        ])
    func derived(kind: EndpointKind, host: String) async throws {
        let route = try await Wire.route { $0.endpointKind = kind }
        #expect(route.peer == "my-bucket.\(host):443")
        #expect(route.url == "https://my-bucket.\(host)/a%20b/c")
    }

    @Test("cfg-derive: the public endpoint is the default") func derivedByDefault() async throws {
        let route = try await Wire.route(region: "eu-central-1") { _ in }
        #expect(route.url == "https://my-bucket.oss-eu-central-1.aliyuncs.com/a%20b/c")
    }

    @Test("cfg-region: it is part of the signature, whatever the endpoint") func region() async throws {
        let route = try await Wire.route(region: "us-west-1") { $0.endpoint = "oss.example.com" }
        #expect(route.authorization.contains("/us-west-1/oss/aliyun_v4_request,Signature="))
    }

    @Test(
        "cfg-region: a malformed one is refused before any request",
        arguments: ["", "CN-Hangzhou", "cn hangzhou", "cn_hangzhou", "cn-hangzhou.evil.example", "cn-hangzhou\n"])
    func malformedRegions(region: String) throws {
        for endpoint in [nil, "oss.example.com"] {
            let error = #expect(throws: OSSError.self) {
                _ = try Fixture {
                    $0.region = region
                    $0.endpoint = endpoint
                }
            }
            #expect(error?.kind == .invalidConfiguration)
            #expect(error?.message.contains("'\(region)'") == true)
        }
    }

    @Test(
        "cfg-endpoint: with or without scheme and port",
        arguments: [
            ("oss.example.com", "my-bucket.oss.example.com:443", "https://my-bucket.oss.example.com"),
            ("oss.example.com:8443", "my-bucket.oss.example.com:8443", "https://my-bucket.oss.example.com:8443"),
            ("https://oss.example.com/", "my-bucket.oss.example.com:443", "https://my-bucket.oss.example.com"),
            ("http://oss.example.com", "my-bucket.oss.example.com:80", "http://my-bucket.oss.example.com"),
            ("http://oss.example.com:80", "my-bucket.oss.example.com:80", "http://my-bucket.oss.example.com"),
            ("HTTP://oss.example.com:9000", "my-bucket.oss.example.com:9000", "http://my-bucket.oss.example.com:9000"),
        ])
    func explicit(endpoint: String, peer: String, origin: String) async throws {
        let route = try await Wire.route { $0.endpoint = endpoint }
        #expect(route.peer == peer)
        #expect(route.url == origin + "/a%20b/c")
    }

    @Test(
        "cfg-endpoint: with path, query or user info it is refused, without saying the password",
        arguments: [
            ("", "empty"), ("https://", "empty"), ("ftp://oss.example.com", "scheme"),
            ("oss.example.com/path", "path"), ("oss.example.com?x=1", "query"), ("oss.example.com#x", "query"),
            ("user:hunter2@oss.example.com", "user information"), ("oss.example.com:0", "port"),
            ("oss.example.com:99999", "port"), ("oss.example.com:x", "port"), ("oss example.com", "character"),
            ("[::1", "["), ("[::1]x", "IPv6"),
        ])
    func malformed(endpoint: String, reason: String) throws {
        let error = #expect(throws: OSSError.self) { _ = try Fixture { $0.endpoint = endpoint } }
        #expect(error?.kind == .invalidConfiguration)
        #expect(error?.message.contains(reason) == true)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("cfg-disable-ssl: plain HTTP for a derived endpoint") func disableTLS() async throws {
        let derived = try await Wire.route { $0.disablesTLS = true }
        #expect(derived.peer == "my-bucket.oss-cn-hangzhou.aliyuncs.com:80")
        #expect(derived.url == "http://my-bucket.oss-cn-hangzhou.aliyuncs.com/a%20b/c")
        let bare = try await Wire.route {
            $0.disablesTLS = true
            $0.endpoint = "oss.example.com"
        }
        #expect(bare.url == "http://my-bucket.oss.example.com/a%20b/c")
    }

    @Test("cfg-disable-ssl: an explicit scheme wins") func disableTLSWithScheme() async throws {
        let route = try await Wire.route {
            $0.disablesTLS = true
            $0.endpoint = "https://oss.example.com"
        }
        #expect(route.peer == "my-bucket.oss.example.com:443")
        #expect(route.url == "https://my-bucket.oss.example.com/a%20b/c")
    }

    @Test("cfg-cname: the endpoint is the bucket's own domain") func cname() async throws {
        let route = try await Wire.route {
            $0.endpoint = "https://img.example.com"
            $0.addressing = .cname
        }
        #expect(route.peer == "img.example.com:443")
        #expect(route.url == "https://img.example.com/a%20b/c")
    }

    @Test("cfg-cname, cfg-path-style: signed with the bucket, wherever it is", arguments: [SignatureMethod.v4, .v1])
    func bucketIsSigned(method: SignatureMethod) async throws {
        var signatures: Set<String?> = []
        for style in [AddressingStyle.virtualHosted, .path, .cname] {
            let fixture = try Fixture {
                $0.endpoint = "img.example.com"
                $0.addressing = style
                $0.signature = method
            }
            _ = try await fixture.client.headObject(.init(bucket: "my-bucket", key: "a b/c"))
            signatures.insert(fixture.transport.sent.first?.header("Authorization"))
        }
        #expect(signatures.count == 1 && !signatures.contains(nil))
        let other = try Fixture {
            $0.endpoint = "img.example.com"
            $0.addressing = .cname
            $0.signature = method
        }
        _ = try await other.client.headObject(.init(bucket: "another-bucket", key: "a b/c"))
        #expect(!signatures.contains(other.transport.sent.first?.header("Authorization")))
    }

    @Test("cfg-path-style: the bucket in the path") func pathStyle() async throws {
        let route = try await Wire.route { $0.addressing = .path }
        #expect(route.peer == "oss-cn-hangzhou.aliyuncs.com:443")
        #expect(route.url == "https://oss-cn-hangzhou.aliyuncs.com/my-bucket/a%20b/c")
    }

    @Test(
        "cfg-path-style: automatic where the endpoint is an IP address",
        arguments: ["127.0.0.1:9000", "10.1.2.3", "[::1]:9000", "[fe80::1]"])
    func addresses(host: String) async throws {
        for followsRedirects in [false, true] {
            let route = try await Wire.route {
                $0.endpoint = "http://\(host)"
                $0.transportConfiguration.followsRedirects = followsRedirects
            }
            #expect(route.url == "http://\(host)/my-bucket/a%20b/c")
        }
        // What only looks like an address has subdomains.
        let name = try await Wire.route { $0.endpoint = "http://127.0.0.1.example.com" }
        #expect(name.url == "http://my-bucket.127.0.0.1.example.com/a%20b/c")
    }

    @Test(
        "cfg-private-domain: private, finance cloud and government cloud endpoints",
        arguments: [
            ("cn-hangzhou", "https://service.corp.example.com", "service.corp.example.com"),
            (
                "cn-hangzhou-finance", "https://oss-cn-hzjbp-a-internal.aliyuncs.com",
                "oss-cn-hzjbp-a-internal.aliyuncs.com"
            ),
            (
                "cn-north-2-gov-1", "https://oss-cn-north-2-gov-1-internal.aliyuncs.com",
                "oss-cn-north-2-gov-1-internal.aliyuncs.com"
            ),
        ])
    func privateDomains(region: String, endpoint: String, host: String) async throws {
        let route = try await Wire.route(region: region) { $0.endpoint = endpoint }
        #expect(route.peer == "my-bucket.\(host):443")
        #expect(route.url == "https://my-bucket.\(host)/a%20b/c")
        #expect(route.authorization.contains("/\(region)/oss/aliyun_v4_request,"))
    }

    // MARK: Cloud boxes

    /// The moment at which the service's other SDKs made the signatures below, with the access key `ak` and the secret `sk`.
    private static let signed = Date(timeIntervalSince1970: 1_702_743_657)

    private func cloudBoxClient(
        _ endpoint: String?, _ cloudBox: CloudBox?, configure: (inout ClientConfiguration) -> Void = { _ in }
    ) throws -> (OSSClient, ScriptedTransport) {
        let transport = ScriptedTransport()
        var configuration = ClientConfiguration(
            region: "cn-hangzhou", credentials: .static(accessKeyID: "ak", accessKeySecret: "sk"))
        configuration.endpoint = endpoint
        configuration.cloudBox = cloudBox
        configuration.transport = transport
        configure(&configuration)
        return (
            try OSSClient(configuration, dependencies: RuntimeDependencies(now: { Self.signed })), transport
        )
    }

    private func authorization(_ endpoint: String?, _ cloudBox: CloudBox?) async throws -> String? {
        let (client, transport) = try cloudBoxClient(endpoint, cloudBox)
        _ = try await client.getObject(.init(bucket: "bucket", key: "key"))
        return transport.sent.first?.header("Authorization")
    }

    private static let dataEndpoint = "cb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com"

    @Test("cfg-cloudbox: the signature that the other SDKs make") func cloudBoxVector() async throws {
        #expect(
            try await authorization(Self.dataEndpoint, .id("cn-hangzhou"))
                == "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss-cloudbox/aliyun_v4_request,Signature=a4f379da585ceaedfa2bc5f2bdcfec5e317b86466ac517458e449a846fc5f33f"
        )
    }

    @Test(
        "cfg-cloudbox: an id that is given, or read from the endpoint",
        arguments: [
            (dataEndpoint, CloudBox.id("cb-456"), "cb-456/oss-cloudbox"),
            ("http://10.0.0.1:9000", .id("cb-456"), "cb-456/oss-cloudbox"),
            (dataEndpoint, .automatic, "cb-123/oss-cloudbox"),
            ("https://cb-123.cn-hangzhou.oss-cloudbox-control.aliyuncs.com:8443", .automatic, "cb-123/oss-cloudbox"),
            ("ncb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com", .automatic, "cn-hangzhou/oss"),
            ("cb-123.oss-cloudbox.aliyuncs.com", .automatic, "cn-hangzhou/oss"),
            ("cb-123.cn-hangzhou.oss-cloudbox.example.com", .automatic, "cn-hangzhou/oss"),
            ("cb-123.a.cn-hangzhou.oss-cloudbox.aliyuncs.com", .automatic, "cn-hangzhou/oss"),
            ("oss-cn-hangzhou.aliyuncs.com", .automatic, "cn-hangzhou/oss"),
            (dataEndpoint, nil, "cn-hangzhou/oss"),
        ] as [(String, CloudBox?, String)])
    func cloudBoxScopes(endpoint: String, cloudBox: CloudBox?, scope: String) async throws {
        let authorization = try await authorization(endpoint, cloudBox)
        #expect(
            authorization?.hasPrefix("OSS4-HMAC-SHA256 Credential=ak/20231216/\(scope)/aliyun_v4_request,") == true)
    }

    @Test("cfg-cloudbox: on the wire, in presigned URLs, in forms, and for signers of one's own") func cloudBoxUses()
        async throws
    {
        let route = try await Wire.route {
            $0.endpoint = Self.dataEndpoint
            $0.cloudBox = .automatic
        }
        #expect(route.url == "https://my-bucket.\(Self.dataEndpoint)/a%20b/c")
        #expect(route.authorization.contains("/cb-123/oss-cloudbox/aliyun_v4_request,"))

        let (client, _) = try cloudBoxClient(Self.dataEndpoint, .automatic)
        let presigned = try await client.presign(
            GetObjectRequest(bucket: "bucket", key: "key"), expires: .after(.seconds(60)))
        #expect(presigned.url.contains("x-oss-credential=ak%2F20231216%2Fcb-123%2Foss-cloudbox%2Faliyun_v4_request"))

        let form = try await client.presignPost(bucket: "bucket", key: "key")
        #expect(
            form.fields.contains {
                $0.name == "x-oss-credential" && $0.value == "ak/20231216/cb-123/oss-cloudbox/aliyun_v4_request"
            })

        let seen = Locked([String]())
        let (remote, _) = try cloudBoxClient(Self.dataEndpoint, .automatic) {
            $0.signature = .remote { request in
                seen.withLock { $0 = request.scope }
                return "signature"
            }
        }
        _ = try await remote.getObject(.init(bucket: "bucket", key: "key"))
        #expect(seen.withLock { $0 } == ["20231216", "cb-123", "oss-cloudbox", "aliyun_v4_request"])
    }

    @Test("cfg-cloudbox: an id that can't be one, or no endpoint, is refused") func cloudBoxMistakes() throws {
        for id in ["", "CB-1", "cb_1", "cb-1/oss"] {
            let error = #expect(throws: OSSError.self) { _ = try cloudBoxClient(Self.dataEndpoint, .id(id)) }
            #expect(error?.kind == .invalidConfiguration)
            #expect(error?.message.contains("cloud box id '\(id)'") == true)
        }
        let error = #expect(throws: OSSError.self) { _ = try cloudBoxClient(nil, .id("cb-1")) }
        #expect(error?.kind == .invalidConfiguration)
        #expect(error?.message.contains("endpoint") == true)
    }
}
