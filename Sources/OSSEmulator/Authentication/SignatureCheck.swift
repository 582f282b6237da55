/// What was found out about a request's signature, for the request log and the control page. It holds no secret.
struct SignatureCheck: Sendable {
    enum Scheme: String, Sendable {
        case anonymous, v1Header, v1Query, v2Header, v2Query, v4Header, v4Query, v1Form, v2Form, v4Form
        /// Those of the Security Token Service.
        case rpc, acs3
    }

    var scheme = Scheme.anonymous
    /// The signature is right, or the request came without one and was taken so.
    var isVerified = false
    var accessKeyID: String?
    /// As the server computed it; V1 and V2 have none.
    var canonicalRequest: String?
    /// As the server computed it.
    var stringToSign: String?
    var providedSignature: String?
}
