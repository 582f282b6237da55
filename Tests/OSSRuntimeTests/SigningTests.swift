import HTTPTypes
import OSSRuntime
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Vector: CustomTestStringConvertible {
    var testDescription: String { title }

    var request: SignableRequest {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return SignableRequest(method: method, bucket: bucket, key: key, query: query, headers: fields)
    }

    var parameters: SigningParameters {
        SigningParameters(
            credentials: Credentials(accessKeyID: "ak", accessKeySecret: "sk", securityToken: token),
            region: "cn-hangzhou", product: product, date: Date(timeIntervalSince1970: 1_702_743_657),
            additionalHeaders: additionalHeaders)
    }
}

private func name(_ text: String) throws -> HTTPField.Name {
    try #require(HTTPField.Name(text))
}

@Suite struct SigningTests {
    let signer = V4Signer()

    @Test(arguments: Vector.all)
    func vector(_ vector: Vector) throws {
        var request = vector.request
        if let authorization = vector.authorization {
            let trace = signer.trace(&request, with: vector.parameters)
            #expect(trace.canonicalRequest == vector.canonicalRequest)
            #expect(trace.stringToSign == vector.stringToSign)
            #expect(request.headers[.authorization] == authorization)
            #expect(try request.headers[name("x-oss-date")] == "20231216T162057Z")
            #expect(request.headers[.date] == "Sat, 16 Dec 2023 16:20:57 GMT")
            #expect(try request.headers[name("x-oss-content-sha256")] == "UNSIGNED-PAYLOAD")
            #expect(try request.headers[name("x-oss-security-token")] == vector.token)
            #expect(request.query == vector.query)
            // Without tracing, and with the key in the cache: the same.
            var again = vector.request
            signer.sign(&again, with: vector.parameters)
            #expect(again == request)
            // A signed request can be signed again.
            signer.sign(&again, with: vector.parameters)
            #expect(again == request)
        }
        if let signedQuery = vector.signedQuery {
            let trace = signer.trace(&request, with: vector.parameters, expiresIn: 3600)
            #expect(trace.canonicalRequest == vector.canonicalRequest)
            #expect(trace.stringToSign == vector.stringToSign)
            #expect(request.query == signedQuery)
            #expect(request.headers == vector.request.headers)
            var again = request
            again.query = "x-oss-signature=old&" + vector.query + "&x-oss-security-token=old&x-oss-additional-headers=a"
            signer.presign(&again, with: vector.parameters, expiresIn: 3600)
            #expect(again.query == signedQuery)
        }
    }

    private func parameters(token: String? = nil, secret: String = "sk", headers: [String] = []) -> SigningParameters {
        SigningParameters(
            credentials: Credentials(accessKeyID: "ak", accessKeySecret: secret, securityToken: token),
            region: "cn-hangzhou", date: Date(timeIntervalSince1970: 1_702_743_657), additionalHeaders: headers)
    }

    private func canonicalLines(_ request: SignableRequest, _ parameters: SigningParameters) -> [Substring] {
        var request = request
        let canonical = signer.trace(&request, with: parameters).canonicalRequest ?? ""
        return canonical.split(separator: "\n", omittingEmptySubsequences: false)
    }

    @Test(
        arguments: [
            (nil, nil, "/"), ("b", nil, "/b/"), ("b", "k", "/b/k"), ("b", "/k", "/b//k"),
            ("b", "a//b/../c", "/b/a//b/../c"),
            ("b", " !@#$%^&*()_+-=;'><,?.txt", "/b/%20%21%40%23%24%25%5E%26%2A%28%29_%2B-%3D%3B%27%3E%3C%2C%3F.txt"),
            ("b", "照片/😀", "/b/%E7%85%A7%E7%89%87/%F0%9F%98%80"),
        ] as [(String?, String?, String)])
    func canonicalPath(bucket: String?, key: String?, path: String) {
        let lines = canonicalLines(SignableRequest(method: .get, bucket: bucket, key: key), parameters())
        #expect(lines[1] == path)
    }

    @Test(arguments: [
        ("", ""), ("acl", "acl"), ("acl=", "acl"), ("b=2&a=1", "a=1&b=2"), ("a=2&a=1&a", "a&a=1&a=2"),
        ("a-b=1&a=2&aa=3", "a=2&a-b=1&aa=3"), ("a+b=c+d", "a%20b=c%20d"), ("&&a=1&", "a=1"), ("a=b=c", "a=b=c"),
        ("prefix=%E7%85%A7&delimiter=%2F", "delimiter=%2F&prefix=%E7%85%A7"), ("B=1&a=1&_=1", "B=1&_=1&a=1"),
    ])
    func canonicalQuery(query: String, canonical: String) {
        #expect(canonicalLines(SignableRequest(method: .get, query: query), parameters())[2] == canonical)
    }

    @Test func manyQueryParameters() {
        let names = (0..<100).map { "p\($0 < 10 ? "0" : "")\($0)=v" }
        let lines = canonicalLines(
            SignableRequest(method: .get, query: names.shuffled().joined(separator: "&")), parameters())
        #expect(lines[2] == names.joined(separator: "&"))
    }

    @Test func canonicalHeaders() throws {
        var request = SignableRequest(method: .put, bucket: "b", key: "k")
        try request.headers.append(HTTPField(name: name("X-Oss-Meta-B"), value: "  two  words\t"))
        try request.headers.append(HTTPField(name: name("x-oss-meta-a"), value: "1"))
        try request.headers.append(HTTPField(name: name("X-OSS-Meta-A"), value: "2"))
        try request.headers.append(HTTPField(name: name("x-oss"), value: "not signed"))
        try request.headers.append(HTTPField(name: name("x-osss-y"), value: "not signed"))
        request.headers[.contentType] = "text/plain; charset=utf-8"
        request.headers[.userAgent] = "not signed"
        try request.headers.append(HTTPField(name: name("Content-MD5"), value: "1B2M2Y8AsgTpgAmY7PhCfg=="))
        #expect(
            canonicalLines(request, parameters(token: "t")) == [
                "PUT", "/b/k", "", "content-md5:1B2M2Y8AsgTpgAmY7PhCfg==", "content-type:text/plain; charset=utf-8",
                "x-oss-content-sha256:UNSIGNED-PAYLOAD", "x-oss-date:20231216T162057Z", "x-oss-meta-a:1,2",
                "x-oss-meta-b:two  words", "x-oss-security-token:t", "", "", "UNSIGNED-PAYLOAD",
            ])
    }

    @Test func additionalHeaders() throws {
        var request = SignableRequest(method: .get)
        try request.headers.append(HTTPField(name: name("Host"), value: "example.com"))
        request.headers[.userAgent] = "agent"
        try request.headers.append(HTTPField(name: name("empty"), value: ""))
        // Duplicates, names that are signed anyhow, absent, empty and invalid ones don't count.
        let parameters = parameters(
            headers: ["User-Agent", "HOST", "host", "x-oss-date", "Content-Type", "absent", "empty", "not a name"])
        let lines = canonicalLines(request, parameters)
        #expect(
            lines.dropFirst(3) == [
                "host:example.com", "user-agent:agent", "x-oss-content-sha256:UNSIGNED-PAYLOAD",
                "x-oss-date:20231216T162057Z", "", "host;user-agent", "UNSIGNED-PAYLOAD",
            ])
        signer.sign(&request, with: parameters)
        #expect(request.headers[.authorization]?.contains(",AdditionalHeaders=host;user-agent,Signature=") == true)
    }

    @Test func payloadHashOfTheCaller() throws {
        var request = SignableRequest(method: .put)
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        try request.headers[name("x-oss-content-sha256")] = hash
        #expect(canonicalLines(request, parameters()).last?.description == hash)
        signer.sign(&request, with: parameters())
        #expect(try request.headers[name("x-oss-content-sha256")] == hash)
    }

    @Test func tokenIsRemovedWhenCredentialsHaveNone() throws {
        var request = SignableRequest(method: .get)
        signer.sign(&request, with: parameters(token: "old"))
        #expect(try request.headers[name("x-oss-security-token")] == "old")
        signer.sign(&request, with: parameters())
        #expect(try request.headers[name("x-oss-security-token")] == nil)
    }

    @Test func cacheKeepsKeysApart() {
        // More combinations than it has room for, twice.
        var first: [String] = []
        for round in 0..<2 {
            for day in 0..<5 {
                for secret in ["a", "b"] {
                    for region in ["cn-hangzhou", "cn-beijing"] {
                        var parameters = parameters(secret: secret)
                        parameters.region = region
                        parameters.date.addTimeInterval(Double(day) * 86_400)
                        var cached = SignableRequest(method: .get, bucket: "b")
                        var fresh = cached
                        signer.sign(&cached, with: parameters)
                        V4Signer().sign(&fresh, with: parameters)
                        #expect(cached == fresh)
                        let authorization = cached.headers[.authorization] ?? ""
                        if round == 0 {
                            #expect(!first.contains(authorization))
                            first.append(authorization)
                        }
                    }
                }
            }
        }
    }

    @Test func concurrentSigning() async {
        let expected = {
            var request = SignableRequest(method: .get, bucket: "b", key: "k")
            V4Signer().sign(&request, with: self.parameters())
            return request
        }()
        await withTaskGroup(of: SignableRequest.self) { group in
            for _ in 0..<200 {
                group.addTask {
                    var request = SignableRequest(method: .get, bucket: "b", key: "k")
                    signer.sign(&request, with: parameters())
                    return request
                }
            }
            for await request in group { #expect(request == expected) }
        }
    }

    @Test func alwaysSigned() throws {
        for text in ["Content-Type", "content-md5", "x-oss-a", "X-OSS-"] {
            #expect(try V4Signer.isAlwaysSigned(name(text)))
        }
        for text in ["Content-Length", "x-oss", "x-os-a", "Date", "Host", "content-md55"] {
            #expect(try !V4Signer.isAlwaysSigned(name(text)))
        }
    }
}

@Suite struct CredentialsTests {
    @Test func secretsAreNotShown() {
        let credentials = Credentials(
            accessKeyID: "shown-id", accessKeySecret: "hidden-secret", securityToken: "hidden-token",
            expiration: Date(timeIntervalSince1970: 0))
        var dumped = ""
        dump(credentials, to: &dumped)
        dump([credentials], to: &dumped)
        dump(
            SigningParameters(credentials: credentials, region: "r", date: Date(timeIntervalSince1970: 0)), to: &dumped)
        let mirror = Mirror(reflecting: credentials).children.map { "\($0.label ?? "") \($0.value)" }.joined()
        for text in [
            "\(credentials)", String(describing: credentials), String(reflecting: credentials), dumped, mirror,
            "\([credentials])", "\(Optional(credentials) as Any)",
            "\(SigningParameters(credentials: credentials, region: "r", date: Date(timeIntervalSince1970: 0)))",
        ] {
            #expect(!text.contains("hidden"))
            #expect(text.contains("shown-id"))
        }
        #expect("\(credentials)".contains("1970-01-01T00:00:00Z"))
    }

    @Test func isAValue() {
        let credentials = Credentials(accessKeyID: "a", accessKeySecret: "b")
        #expect(credentials == Credentials(accessKeyID: "a", accessKeySecret: "b"))
        #expect(credentials != Credentials(accessKeyID: "a", accessKeySecret: "c"))
        #expect(credentials.securityToken == nil)
        #expect(credentials.expiration == nil)
    }
}
