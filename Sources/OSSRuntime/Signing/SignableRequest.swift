package import HTTPTypes

#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// What a signature covers of a request.
package struct SignableRequest: Sendable, Hashable {
    /// The method.
    package var method: HTTPRequest.Method
    /// The bucket, also where it is in the host; or what stands for it in signatures, such as an ARN.
    package var bucket: String?
    /// The object's key as it is, not escaped.
    package var key: String?
    /// The query exactly as it is sent: percent-encoded, without "?".
    package var query: String
    /// The header fields. Signing in a header adds some.
    ///
    /// `host` is signed only if it is among the additional headers, and must then be put here: HTTPTypes keeps it in
    /// the authority.
    package var headers: HTTPFields

    /// Describes a request.
    package init(
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
package struct SigningParameters: Sendable {
    /// The access key.
    package var credentials: Credentials
    /// The region, such as `cn-hangzhou`.
    package var region: String
    /// The product: `oss` for the main service.
    package var product: String
    /// The time of the signature; what the server's clock shows, as well as is known.
    package var date: Date
    /// Names of header fields to sign beyond those that always are.
    package var additionalHeaders: [String]

    /// Collects what a request is signed with.
    package init(
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
package struct SigningTrace: Sendable, Hashable {
    /// What was hashed; nil for signatures that have no such step.
    package var canonicalRequest: String?
    /// What was signed.
    package var stringToSign: String
}
