import NIOHTTP1
import Testing

@testable import OSSEmulator

/// Examples computed with the official SDKs' signers.
private struct Vector: Sendable, CustomTestStringConvertible {
    var title: String
    var additional: [String] = []
    var token: String?
    var signature: String
    var hash: String
    var isQuery = false

    var testDescription: String { title }

    static let all = [
        Vector(
            title: "header", signature: "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe",
            hash: "f4613657f1b108998e8dbd10a1aa5da621dc2c6e02c9ddec0f163664848704c4"),
        Vector(
            title: "header, token", token: "token",
            signature: "e8e2bb87548e2fb1b71367c300da5c7436c242ea9270a03c7f50752aecf62216",
            hash: "6e1cb19c77f0ea057fc6767b491db5af0a753f3073ba68594801f8571962044e"),
        Vector(
            title: "header, additional headers", additional: ["abc", "zabc"],
            signature: "47c9e374f165ecb7e92d150f3e9639082b74d3578a56e388f81a2ad652f4d254",
            hash: "915769e8550a50ea7bd40e1e8b32c19c128f1bd0047cfa8eb746f2ac49df8645"),
        Vector(
            title: "URL", signature: "7a36e0acd6f5f115e6bb82764a369e1bdec70a4b383a3720d7b7d00ae88fa7b5",
            hash: "715d6e9846b1a29d48c69d54a076c999005b0aa39e06433b7d9945404563d28d", isQuery: true),
        Vector(
            title: "URL, token", token: "token",
            signature: "503f920ac06a667a1c0db203944d4f2bc9848a1f57ebe6db31e09cca9ef8f380",
            hash: "b2f18e5183f14b8740ce065352b525a4e76b655e66d1ba5175e1399266ee3a2f", isQuery: true),
        Vector(
            title: "URL, additional headers", additional: ["abc", "zabc"],
            signature: "0b6c1c8e48014ce0a859f364ff3fd2cfcb59c904bac2ae3622d8f6ffbef3749c",
            hash: "2aaf3976d893204fbc1c774cb67c9313ed95386fe57e928331c833e72dac0be5", isQuery: true),
    ]

    private static let scope = "20231216/cn-hangzhou/oss/aliyun_v4_request"

    func request(change: (inout HTTPRequestHead) -> Void = { _ in }, at instant: Int64 = 1_702_743_657) throws
        -> Request
    {
        var uri =
            "/bucket/1234%2B-/123/1.txt?param1=value1&%2Bparam1=value3&%7Cparam1=value4&%2Bparam2&%7Cparam2&param2"
        var headers: HTTPHeaders = [
            "x-oss-head1": "value", "abc": "value", "ZAbc": "value", "XYZ": "value", "content-type": "text/plain",
            "Host": "127.0.0.1",
        ]
        if isQuery {
            uri += "&x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20231216T162057Z&x-oss-expires=3600"
            uri += "&x-oss-credential=ak%2F" + Self.scope.replacing("/", with: "%2F")
            if let token { uri += "&x-oss-security-token=\(token)" }
            if !additional.isEmpty { uri += "&x-oss-additional-headers=" + additional.joined(separator: "%3B") }
            uri += "&x-oss-signature=\(signature)"
        } else {
            headers.add(name: "x-oss-date", value: "20231216T162057Z")
            headers.add(name: "x-oss-content-sha256", value: "UNSIGNED-PAYLOAD")
            if let token { headers.add(name: "x-oss-security-token", value: token) }
            let names = additional.isEmpty ? "" : "AdditionalHeaders=\(additional.joined(separator: ";")),"
            headers.add(
                name: "Authorization",
                value: "OSS4-HMAC-SHA256 Credential=ak/\(Self.scope),\(names)Signature=\(signature)")
        }
        var head = HTTPRequestHead(version: .http1_1, method: .PUT, uri: uri, headers: headers)
        change(&head)
        return Request(
            id: "", head: head, target: try RequestTarget(uri: head.uri, host: "127.0.0.1", domains: []),
            operation: .notHere,
            received: EmulatorInstant(secondsSince1970: instant),
            logger: EmulatorConfiguration().logger)
    }

    var authenticator: Authenticator {
        Authenticator(
            credentials: CredentialStore([
                EmulatorCredential(accessKeyID: "ak", accessKeySecret: "sk", securityToken: token)
            ]),
            region: "cn-hangzhou")
    }
}

extension Authenticator {
    fileprivate func identify(_ request: Request) throws(Fault) -> Identity {
        var check = SignatureCheck()
        return try identify(request, check: &check)
    }
}

private func code(_ body: () throws -> some Any) -> String? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? Fault)?.code ?? "\(error)"
    }
}

@Suite struct SignatureTests {
    @Test(arguments: Vector.all) private func vectors(vector: Vector) throws {
        let request = try vector.request()
        guard case .account = try vector.authenticator.identify(request) else {
            Issue.record("not identified")
            return
        }
        let canonical = SignatureV4.canonicalRequest(
            method: "PUT", bucket: "bucket", key: ObjectKey("1234+-/123/1.txt"), query: request.query,
            headers: request.headers, additionalHeaders: vector.additional, payloadHash: "UNSIGNED-PAYLOAD")
        let toSign = SignatureV4.stringToSign(
            canonicalRequest: canonical, date: "20231216T162057Z", scope: "20231216/cn-hangzhou/oss/aliyun_v4_request")
        #expect(toSign.hasSuffix("\n" + vector.hash))
    }

    /// Nothing that is signed may change: one character at a time, in the target and in each header.
    @Test(arguments: Vector.all) private func everyChangeIsRefused(vector: Vector) throws {
        let good = try vector.request().head
        let signed =
            ["x-oss-head1", "content-type", "x-oss-date", "x-oss-security-token", "authorization"] + vector.additional
        for (name, value) in good.headers where signed.contains(name.lowercased()) {
            for index in value.indices {
                var text = value
                text.replaceSubrange(index...index, with: value[index] == "1" ? "2" : "1")
                let result = code {
                    try vector.authenticator.identify(
                        try vector.request { $0.headers.replaceOrAdd(name: name, value: text) })
                }
                #expect(result != nil, "\(name): \(text)")
            }
        }
        for index in good.uri.indices.dropFirst() {
            var uri = good.uri
            uri.replaceSubrange(index...index, with: uri[index] == "1" ? "2" : "1")
            // Without its question mark a URL has no signature, and nobody signed it.
            let identity = try? vector.authenticator.identify(try vector.request { $0.uri = uri })
            #expect((identity ?? .anonymous) == .anonymous, "\(uri)")
        }
        #expect(
            code { try vector.authenticator.identify(try vector.request { $0.method = .GET }) }
                == "SignatureDoesNotMatch")
        #expect(
            code { try vector.authenticator.identify(try vector.request { $0.uri += "&more" }) }
                == "SignatureDoesNotMatch")
        #expect(
            code {
                try vector.authenticator.identify(try vector.request { $0.headers.add(name: "x-oss-more", value: "") })
            }
                == "SignatureDoesNotMatch")
    }

    /// A query may be written in other ways than it was signed in.
    @Test func theSpellingOfTheQueryIsFree() throws {
        let vector = Vector.all[3]
        let request = try vector.request {
            $0.uri = $0.uri.replacing("ak%2F2023", with: "ak/2023").replacing("param1=value1", with: "p%61ram1=value1")
        }
        #expect(code { try vector.authenticator.identify(request) } == nil)
    }

    @Test func clocks() throws {
        let header = Vector.all[0]
        let base: Int64 = 1_702_743_657
        for offset in [Int64(-900), 900] {
            #expect(code { try header.authenticator.identify(try header.request(at: base + offset)) } == nil)
        }
        for offset in [Int64(-901), 901] {
            #expect(
                code { try header.authenticator.identify(try header.request(at: base + offset)) }
                    == "RequestTimeTooSkewed")
        }
        let url = Vector.all[3]
        #expect(code { try url.authenticator.identify(try url.request(at: base + 3600)) } == nil)
        #expect(code { try url.authenticator.identify(try url.request(at: base + 3601)) } == "AccessDenied")
        #expect(code { try url.authenticator.identify(try url.request(at: base - 901)) } == "RequestTimeTooSkewed")
    }

    @Test func whatIsWrongIsSaid() throws {
        let header = Vector.all[0]
        func with(_ name: String, _ value: String?) throws -> Request {
            try header.request { head in
                head.headers.remove(name: name)
                if let value { head.headers.add(name: name, value: value) }
            }
        }
        func result(_ request: Request) -> String? { code { try header.authenticator.identify(request) } }
        let good = try header.request().header("authorization") ?? ""
        #expect(result(try with("authorization", good.replacing("ak/", with: "other/"))) == "InvalidAccessKeyId")
        #expect(result(try with("authorization", good.replacing("hangzhou", with: "beijing"))) == "InvalidArgument")
        #expect(result(try with("authorization", good.replacing("/oss/", with: "/ots/"))) == "InvalidArgument")
        #expect(result(try with("authorization", "OSS4-HMAC-SHA256 nonsense")) == "InvalidArgument")
        #expect(
            result(try with("authorization", "OSS4-HMAC-SHA256 Credential=ak/1/2/3/4,Signature=")) == "InvalidArgument")
        #expect(result(try with("authorization", "Basic xyz")) == "InvalidArgument")
        #expect(result(try with("x-oss-content-sha256", nil)) == "InvalidArgument")
        #expect(result(try with("x-oss-date", "yesterday")) == "AccessDenied")
        #expect(result(try with("x-oss-security-token", "t")) == "InvalidSecurityToken")
        let token = Vector.all[1]
        #expect(
            code {
                try token.authenticator.identify(try token.request { $0.headers.remove(name: "x-oss-security-token") })
            }
                == "InvalidAccessKeyId")
        let url = Vector.all[5]
        #expect(
            code { try url.authenticator.identify(try url.request { $0.headers.remove(name: "abc") }) }
                == "InvalidArgument")
        #expect(
            code {
                try url.authenticator.identify(try url.request { $0.uri = $0.uri.replacing("=3600", with: "=604801") })
            }
                == "InvalidArgument")
        #expect(
            code {
                try url.authenticator.identify(try url.request { $0.headers.add(name: "Authorization", value: good) })
            }
                == "InvalidArgument")
    }

    @Test func targets() throws {
        func parse(_ uri: String, _ host: String = "127.0.0.1:80") throws -> (String?, String?) {
            let target = try RequestTarget(uri: uri, host: host, domains: ["oss.test", "localhost"])
            return (target.bucket, target.key?.text)
        }
        #expect(try parse("/") == (nil, nil))
        #expect(try parse("/b") == ("b", nil))
        #expect(try parse("/b/") == ("b", nil))
        #expect(try parse("/b//a/../c") == ("b", "/a/../c"))
        #expect(try parse("/b/a%2Fb+%20") == ("b", "a/b+ "))
        #expect(try parse("http://x/b/k?q=1") == ("b", "k"))
        #expect(try parse("/k/l", "b.localhost:80") == ("b", "k/l"))
        #expect(try parse("/", "B.OSS.test") == ("b", nil))
        #expect(try parse("/b/k", "localhost:80") == ("b", "k"))
        #expect(try parse("/b/k", "[::1]:80") == ("b", "k"))
        #expect(try parse("/b/k", "a.b.oss.test") == ("b", "k"))
        for broken in ["", "*", "/b/%zz", "/b/k?%", "/b/%00", "/b/%ff", "/b/" + String(repeating: "k", count: 1024)] {
            #expect(throws: Fault.self) { try parse(broken) }
        }
    }
}
