public import HTTPTypes

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// What a signature covers of a request.
public struct SignableRequest: Sendable, Hashable {
    /// The method.
    public var method: HTTPRequest.Method
    /// The bucket, also where it is in the host; or what stands for it in signatures, such as an ARN.
    public var bucket: String?
    /// The object's key as it is, not escaped.
    public var key: String?
    /// The query exactly as it is sent: percent-encoded, without "?".
    public var query: String
    /// The header fields. Signing in a header adds some.
    ///
    /// `host` is signed only if it is among the additional headers, and must then be put here: HTTPTypes keeps it in
    /// the authority.
    public var headers: HTTPFields

    /// Describes a request.
    public init(
        method: HTTPRequest.Method,
        bucket: String? = nil,
        key: String? = nil,
        query: String = "",
        headers: HTTPFields = [:]
    ) {
        self.method = method
        self.bucket = bucket
        self.key = key
        self.query = query
        self.headers = headers
    }
}

/// What a request is signed with.
public struct SigningParameters: Sendable {
    /// The access key.
    public var credentials: Credentials
    /// The region, such as `cn-hangzhou`.
    public var region: String
    /// The product: `oss` for the main service.
    public var product: String
    /// The time of the signature; what the server's clock shows, as well as is known.
    public var date: Date
    /// Names of header fields to sign beyond those that always are.
    public var additionalHeaders: [String]

    /// Collects what a request is signed with.
    public init(
        credentials: Credentials,
        region: String,
        product: String = "oss",
        date: Date,
        additionalHeaders: [String] = []
    ) {
        self.credentials = credentials
        self.region = region
        self.product = product
        self.date = date
        self.additionalHeaders = additionalHeaders
    }
}

/// The texts between a request and its signature, to compare with those in a `SignatureDoesNotMatch` error.
///
/// They hold no secret; with temporary credentials they hold the token.
public struct SigningTrace: Sendable, Hashable {
    /// What was hashed; nil for signatures that have no such step.
    public var canonicalRequest: String?
    /// What was signed.
    public var stringToSign: String
}
