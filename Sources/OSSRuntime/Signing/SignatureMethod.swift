public import HTTPTypes

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// How requests are signed.
///
/// See [Signature version 4](https://www.alibabacloud.com/help/en/oss/developer-reference/recommend-to-use-signature-version-4).
public struct SignatureMethod: Sendable {
    enum Kind: Sendable {
        case v4, v1
        case remote(SignatureVersion, @Sendable (StringToSign) async throws -> String)
        case custom(any RequestSigner)
    }

    let kind: Kind

    /// `OSS4-HMAC-SHA256`: covers the whole request but its body. The default.
    public static let v4 = SignatureMethod(kind: .v4)
    /// HMAC-SHA-1, for servers that know no other: it needs no region, and leaves parts of the query unsigned.
    public static let v1 = SignatureMethod(kind: .v1)

    /// Signatures computed elsewhere, by a service that holds the secret: the process itself never sees it. The
    /// credentials then need an access key id only.
    ///
    /// - Parameters:
    ///   - version: What is signed. Default: `v4`.
    ///   - sign: Gets the string to sign, and gives its signature: for ``SignatureVersion/v4`` the HMAC-SHA-256 in
    ///     lower-case hexadecimal digits with the key derived from the secret and ``StringToSign/scope``, for
    ///     ``SignatureVersion/v1`` the HMAC-SHA-1 in base64. What it throws reaches the caller as the cause of an
    ///     ``OSSError`` of kind ``OSSError/Kind/credentials``.
    public static func remote(
        _ version: SignatureVersion = .v4, sign: @escaping @Sendable (StringToSign) async throws -> String
    ) -> SignatureMethod {
        SignatureMethod(kind: .remote(version, sign))
    }

    /// A signer of your own, for requests in the header form. Presigning needs one of the other methods.
    public static func custom(_ signer: some RequestSigner) -> SignatureMethod {
        SignatureMethod(kind: .custom(signer))
    }
}

/// A version of the service's signatures.
public struct SignatureVersion: Sendable, Hashable {
    private enum Version { case v4, v1 }
    private let version: Version

    /// `OSS4-HMAC-SHA256`.
    public static let v4 = SignatureVersion(version: .v4)
    /// HMAC-SHA-1.
    public static let v1 = SignatureVersion(version: .v1)
}

/// What a remote signer signs.
public struct StringToSign: Sendable, Hashable {
    /// The version of the signature.
    public var version: SignatureVersion
    /// The text to sign, in UTF-8.
    public var text: String
    /// The id of the access key to sign with.
    public var accessKeyID: String
    /// For version 4, what the signing key is derived from besides the secret: date (`yyyyMMdd`), region, product and
    /// `aliyun_v4_request`, in this order. Empty for version 1.
    public var scope: [String]
}

/// Signs requests in a way of its own.
public protocol RequestSigner: Sendable {
    /// Adds what the server identifies the caller by; called for every attempt, with the request as it will be sent.
    ///
    /// What it throws reaches the caller as the cause of an ``OSSError`` of kind ``OSSError/Kind/credentials``.
    func sign(_ request: inout HTTPRequest, with context: RequestSigningContext) async throws
}

/// What a signature may depend on besides the request.
public struct RequestSigningContext: Sendable {
    /// The bucket, also where it isn't in the URL.
    public var bucket: String?
    /// The object's key, not escaped.
    public var key: String?
    /// What the credentials provider gave for this attempt.
    public var credentials: Credentials
    /// The region's id.
    public var region: String
    /// The product: `oss`, or `oss-cloudbox`.
    public var product: String
    /// The time by the server's clock, as well as it is known.
    public var date: Date
    /// The configuration's names of additional header fields to sign.
    public var additionalSignedHeaders: [String]
}
