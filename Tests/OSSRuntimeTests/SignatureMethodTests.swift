import Crypto
import HTTPTypes
import OSSRuntime
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Signatures of version 1 that the service accepts, and signers of the user's own.
@Suite struct SignatureMethodTests {
    private static let date = Date(timeIntervalSince1970: 1_702_743_657)

    private func parameters(token: String? = nil) -> SigningParameters {
        SigningParameters(
            credentials: Credentials(accessKeyID: "ak", accessKeySecret: "sk", securityToken: token),
            region: "cn-hangzhou", date: Self.date)
    }

    private func request(
        _ method: HTTPRequest.Method = .get, _ bucket: String? = "examplebucket", _ key: String? = nil,
        _ query: String = "", headers: [(String, String)] = []
    ) throws -> SignableRequest {
        var fields = HTTPFields()
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        return SignableRequest(method: method, bucket: bucket, key: key, query: query, headers: fields)
    }

    private static let head: [(String, String)] = [
        ("Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="), ("Content-Type", "text/html"), ("x-oss-meta-author", "alice"),
        ("x-oss-meta-magic", "abracadabra"), ("x-oss-date", "Sat, 16 Dec 2023 16:20:57 GMT"),
    ]

    @Test(
        "cfg-signature: version 1 in the header",
        arguments: [
            (HTTPRequest.Method.put, "nelson" as String?, "", head, "WC80rvJ1KkqoIz7izoAHk8tohZ8="),
            (
                .get, "dir/a+b", "acl&versionId=v%3D1&prefix=x&response-content-type=text%2Fplain&resourceGroup", [],
                "1DuicMtDPrtVAwxA/TwRV6NdGR4="
            ),
            (.get, nil, "lifecycle", [], "lavtbZA0e0x93UIf+6ZeDLrEZSI="),
        ])
    func version1(
        method: HTTPRequest.Method, key: String?, query: String, headers: [(String, String)], signature: String
    ) async throws {
        let signer = Signer(.v1)
        var signed = try request(method, "examplebucket", key, query, headers: headers)
        try await signer.sign(&signed, with: parameters())
        #expect(signed.headers[.authorization] == "OSS ak:\(signature)")
        #expect(signed.headers[.date] == "Sat, 16 Dec 2023 16:20:57 GMT")
        var again = signed
        try await signer.sign(&again, with: parameters())
        #expect(again == signed)
    }

    @Test(
        "cfg-signature: version 1 in the query",
        arguments: [
            ("key", nil as String?, "OSSAccessKeyId=ak&Expires=1702747257&Signature=Xb0hvip0HNJXCoqUW7un1ZyGjxc%3D"),
            (
                "key+123", "token",
                "OSSAccessKeyId=ak&Expires=1702747257&security-token=token&Signature=thOpF7CYbuHt9HKdpHNYJrY9s9c%3D"
            ),
        ])
    func version1Query(key: String, token: String?, query: String) async throws {
        var signed = try request(.get, "bucket", key, "versionId=versionId")
        try await Signer(.v1).presign(&signed, with: parameters(token: token), expiresIn: 3600)
        #expect(signed.query == "versionId=versionId&" + query)
        try await Signer(.v1).presign(&signed, with: parameters(token: token), expiresIn: 3600)
        #expect(signed.query == "versionId=versionId&" + query)
    }

    @Test("cfg-signature: version 1 signs the token that it sends") func version1Token() async throws {
        var signed = try request(.get, "examplebucket", "key")
        try await Signer(.v1).sign(&signed, with: parameters(token: "token"))
        let name = try #require(HTTPField.Name("x-oss-security-token"))
        #expect(signed.headers[name] == "token")
        var other = try request(.get, "examplebucket", "key", headers: [("x-oss-security-token", "token")])
        other.headers[name] = nil
        try await Signer(.v1).sign(&other, with: parameters(token: "other"))
        #expect(other.headers[.authorization] != signed.headers[.authorization])
        try await Signer(.v1).sign(&other, with: parameters())
        #expect(other.headers[name] == nil)
    }

    @Test("cfg-signature: a remote signer gives the same signature", arguments: [SignatureVersion.v4, .v1])
    func remote(version: SignatureVersion) async throws {
        let local = Signer(version == .v4 ? .v4 : .v1)
        var expected = try request(.put, "bucket", "a b", "acl&x=1", headers: Self.head)
        var query = expected
        try await local.sign(&expected, with: parameters(token: "t"))
        try await local.presign(&query, with: parameters(token: "t"), expiresIn: 60)

        // Stands for the service that holds the secret: it knows the string to sign and the scope, no more.
        let service = SignatureMethod.remote(version) { text in
            #expect(text.accessKeyID == "ak")
            #expect(text.version == version)
            #expect(text.scope == (version == .v4 ? ["20231216", "cn-hangzhou", "oss", "aliyun_v4_request"] : []))
            return RemoteKeys.signature(of: text, secret: "sk")
        }
        var parameters = parameters(token: "t")
        parameters.credentials.accessKeySecret = ""
        var signed = try request(.put, "bucket", "a b", "acl&x=1", headers: Self.head)
        var signedQuery = signed
        try await Signer(service).sign(&signed, with: parameters)
        try await Signer(service).presign(&signedQuery, with: parameters, expiresIn: 60)
        #expect(signed == expected)
        #expect(signedQuery == query)
    }

    @Test("cfg-signature: what a remote signer throws is the cause") func remoteFailure() async throws {
        struct Broken: Error {}
        for method in [SignatureMethod.remote { _ in throw Broken() }, .remote { _ in "" }, .remote { _ in "a\r\nb" }] {
            var signed = try request()
            let error = await #expect(throws: OSSError.self) {
                try await Signer(method).sign(&signed, with: parameters())
            }
            #expect(error?.kind == .credentials)
        }
        var signed = try request()
        await #expect(throws: CancellationError.self) {
            try await Signer(.remote { _ in throw CancellationError() }).sign(&signed, with: parameters())
        }
    }

    @Test("op-presign: more than seven days only with version 1", arguments: [604_800, 604_801, 0, -1, Int.max])
    func expiry(seconds: Int) async throws {
        var signed = try request(.get, "bucket", "key")
        if seconds == 604_800 {
            try await Signer(.v4).presign(&signed, with: parameters(), expiresIn: seconds)
        } else {
            await #expect(throws: OSSError.self) {
                try await Signer(.v4).presign(&signed, with: parameters(), expiresIn: seconds)
            }
        }
        guard seconds == 604_801 else { return }
        try await Signer(.v1).presign(&signed, with: parameters(), expiresIn: seconds)
        #expect(signed.query.contains("Expires=1703348458"))
    }
}

/// The keys of a signing service, derived in the plainest way.
private enum RemoteKeys {
    static func signature(of text: StringToSign, secret: String) -> String {
        let message = Data(text.text.utf8)
        if text.version == .v1 {
            let code = HMAC<Insecure.SHA1>.authenticationCode(
                for: message, using: SymmetricKey(data: Data(secret.utf8)))
            return Data(code).base64EncodedString()
        }
        var key = Data("aliyun_v4\(secret)".utf8)
        for part in text.scope + [text.text] {
            key = Data(HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: SymmetricKey(data: key)))
        }
        return Hex.string(Array(key))
    }
}
