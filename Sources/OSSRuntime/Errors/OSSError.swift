public import HTTPTypes

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// What every call of this SDK throws, apart from `CancellationError`.
///
/// Look at ``kind`` to tell who failed (the service, the network, the caller) and at ``code`` to tell why:
///
/// ```swift
/// do {
///     _ = try await client.headObject(.init(bucket: "photos", key: "cat.jpg"))
/// } catch let error as OSSError where error.code == .noSuchKey {
///     print("no such object")
/// }
/// ```
///
/// ``description`` is one line that holds everything a support ticket needs and no secret.
/// See [Error codes](https://www.alibabacloud.com/help/en/oss/developer-reference/error-codes).
public struct OSSError: Error, Sendable {
    private var storage: Storage

    /// Makes an error. The SDK fills in ``operation``, ``attempts`` and ``requestTarget`` when it throws it.
    public init(_ kind: Kind, code: Code? = nil, message: String, cause: (any Error)? = nil) {
        storage = Storage(
            Fields(kind: kind, code: code ?? Code(rawValue: kind.rawValue), message: message, cause: cause))
    }

    /// Who failed.
    public var kind: Kind { fields.kind }
    /// Why: the service's error code, or the name of ``kind`` where the service said nothing.
    public var code: Code { fields.code }
    /// What happened, in words.
    public var message: String { fields.message }
    /// The error below this one, as the transport or a provider threw it.
    public var cause: (any Error)? { fields.cause }

    /// The operation's name, such as `GetObject`.
    public var operation: String? {
        get { fields.operation }
        set { update { $0.operation = newValue } }
    }
    /// How many times the request was sent; 0 when it never was.
    public var attempts: Int {
        get { fields.attempts }
        set { update { $0.attempts = newValue } }
    }
    /// Method and URL of the request, without signature, credential and token.
    public var requestTarget: String? {
        get { fields.requestTarget }
        set { update { $0.requestTarget = newValue } }
    }
    /// The HTTP status of the reply, if there was one.
    public var status: Int? {
        get { fields.status }
        set { update { $0.status = newValue } }
    }
    /// The reply's header fields; empty when there was none.
    public var headers: HTTPFields {
        get { fields.headers }
        set { update { $0.headers = newValue } }
    }
    /// Every child element of the error document by name, also those this SDK has never heard of.
    public var errorFields: [String: String] {
        get { fields.errorFields }
        set { update { $0.errorFields = newValue } }
    }
    /// When the error was made: the time the server put on the reply, or the local one.
    public var timestamp: Date {
        get { fields.timestamp }
        set { update { $0.timestamp = newValue } }
    }

    /// The service's id of the request: what its support asks for first.
    public var requestID: String? { nonEmpty(errorFields["RequestId"]) ?? headers.value("x-oss-request-id") }
    /// The host that answered, as the error document names it.
    public var hostID: String? { nonEmpty(errorFields["HostId"]) }
    /// The service's diagnostic code, for people to look up; don't branch on it.
    public var ec: String? { nonEmpty(errorFields["EC"]) ?? headers.value("x-oss-ec") }
    /// The endpoint the service says to use instead, when the wrong one was called.
    public var endpointHint: String? { nonEmpty(errorFields["Endpoint"]) }

    private var fields: Fields { storage.fields }

    private mutating func update(_ change: (inout Fields) -> Void) {
        var fields = storage.fields
        change(&fields)
        storage = Storage(fields)
    }

    private func nonEmpty(_ text: String?) -> String? {
        text?.isEmpty == true ? nil : text
    }

    /// Boxed, because an error travels through many `throws` that should stay small.
    private final class Storage: Sendable {
        let fields: Fields
        init(_ fields: Fields) { self.fields = fields }
    }

    private struct Fields: Sendable {
        var kind: Kind
        var code: Code
        var message: String
        var cause: (any Error)?
        var operation: String?
        var attempts = 0
        var requestTarget: String?
        var status: Int?
        var headers: HTTPFields = [:]
        var errorFields: [String: String] = [:]
        var timestamp = Date()
    }
}

extension OSSError {
    /// Who failed. New kinds may come: treat an unknown one as fatal.
    public struct Kind: OpenStringEnum {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The service refused the request or failed; ``OSSError/status`` and ``OSSError/code`` say how.
        public static var service: Kind { "Service" }
        /// The caller's input is wrong; nothing was sent.
        public static var invalidRequest: Kind { "InvalidRequest" }
        /// The client's configuration is wrong; nothing was sent.
        public static var invalidConfiguration: Kind { "InvalidConfiguration" }
        /// No usable credentials could be had.
        public static var credentials: Kind { "Credentials" }
        /// The host's name could not be resolved.
        public static var dns: Kind { "DNS" }
        /// No connection: refused or unreachable.
        public static var connect: Kind { "Connect" }
        /// No connection within the connect timeout.
        public static var connectTimeout: Kind { "ConnectTimeout" }
        /// The TLS handshake failed.
        public static var tls: Kind { "TLS" }
        /// No byte was read or written for the read/write timeout, or the call ran out of its total time, or what was
        /// waited for did not come about in time.
        public static var timeout: Kind { "Timeout" }
        /// The connection was closed or reset before the reply was complete.
        public static var connectionReset: Kind { "ConnectionReset" }
        /// Any other failure to send or receive.
        public static var transport: Kind { "Transport" }
        /// The CRC-64 of what was sent or received is not the one the service computed.
        public static var checksumMismatch: Kind { "ChecksumMismatch" }
        /// The reply is not what the protocol promises: malformed XML, another range than asked for.
        public static var unexpectedResponse: Kind { "UnexpectedResponse" }
        /// A body could not be read, has not the length it promised, or is larger than the caller's limit.
        public static var body: Kind { "Body" }
        /// What was waited for can't come about.
        public static var waitFailed: Kind { "WaitFailed" }
        /// The client was shut down.
        public static var shutdown: Kind { "Shutdown" }
    }

    /// The service's error code, such as `NoSuchKey`. Codes without a constant here are compared as text:
    /// `error.code == "InvalidObjectState"`.
    public struct Code: OpenStringEnum {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The bucket does not exist.
        public static var noSuchBucket: Code { "NoSuchBucket" }
        /// The object does not exist.
        public static var noSuchKey: Code { "NoSuchKey" }
        /// The multipart upload does not exist, was completed or aborted.
        public static var noSuchUpload: Code { "NoSuchUpload" }
        /// The version does not exist.
        public static var noSuchVersion: Code { "NoSuchVersion" }
        /// The caller may not do this.
        public static var accessDenied: Code { "AccessDenied" }
        /// The access key id is unknown.
        public static var invalidAccessKeyID: Code { "InvalidAccessKeyId" }
        /// The token of temporary credentials has expired.
        public static var securityTokenExpired: Code { "SecurityTokenExpired" }
        /// The signature is not the one the service computed: most often a wrong secret.
        public static var signatureDoesNotMatch: Code { "SignatureDoesNotMatch" }
        /// The clocks of client and service differ by more than 15 minutes.
        public static var requestTimeTooSkewed: Code { "RequestTimeTooSkewed" }
        /// A precondition such as `If-Match` did not hold.
        public static var preconditionFailed: Code { "PreconditionFailed" }
        /// The object exists and must not be overwritten.
        public static var fileAlreadyExists: Code { "FileAlreadyExists" }
        /// The bucket's name is taken.
        public static var bucketAlreadyExists: Code { "BucketAlreadyExists" }
        /// The bucket still holds objects or uploads.
        public static var bucketNotEmpty: Code { "BucketNotEmpty" }
        /// The position is not the end of the appendable object.
        public static var positionNotEqualToLength: Code { "PositionNotEqualToLength" }
        /// The object was stored, but the callback the request asked for failed.
        public static var callbackFailed: Code { "CallbackFailed" }
        /// There are no keys where they were looked for.
        public static var credentialsMissing: Code { "CredentialsMissing" }
        /// A file could not be opened or read.
        public static var fileUnreadable: Code { "FileUnreadable" }
        /// A file could not be written.
        public static var fileUnwritable: Code { "FileUnwritable" }
        /// A file's size changed between the start and the end of its upload.
        public static var fileChanged: Code { "FileChanged" }
        /// A body had fewer or more bytes than its declared length.
        public static var bodyLengthMismatch: Code { "BodyLengthMismatch" }
        /// A body that can be read once was read again.
        public static var bodyAlreadyConsumed: Code { "BodyAlreadyConsumed" }
        /// A reply's body was larger than the limit it was collected with.
        public static var bodyTooLarge: Code { "BodyTooLarge" }
        /// An error reply without a code of its own, such as one from a proxy.
        public static var badErrorResponse: Code { "BadErrorResponse" }
    }
}

extension OSSError: CustomStringConvertible {
    /// One line: operation, status, code, message, EC, request id, time, method and URL, attempts.
    public var description: String {
        var text = operation.map { "\($0) failed: " } ?? ""
        if let status { text += "\(status) " }
        text += "\(code.rawValue): \(message)"
        if let hint = endpointHint { text += " (use endpoint \(hint))" }
        var details: [String] = []
        if kind != .service && kind.rawValue != code.rawValue { details.append("kind \(kind.rawValue)") }
        if let ec { details.append("EC \(ec)") }
        if let requestID { details.append("request id \(requestID)") }
        let seconds = Date(timeIntervalSince1970: timestamp.timeIntervalSince1970.rounded(.down))
        details.append("time \(Timestamps.string(seconds, .dateTime))")
        if let requestTarget { details.append(requestTarget) }
        if attempts > 1 { details.append("\(attempts) attempts") }
        if let cause { details.append("cause: \(cause)") }
        return (text + " [" + details.joined(separator: ", ") + "]").singleLine
    }
}

extension OSSError {
    /// The service doesn't know the access key, or its token is over: other credentials may do.
    package var refusesCredentials: Bool {
        kind == .service
            && [.invalidAccessKeyID, .securityTokenExpired, "InvalidSecurityToken", "InvalidAccessKeyId.NotFound"]
                .contains(code)
    }
}

extension OSSError: LocalizedError {
    /// The same as ``description``.
    public var errorDescription: String? { description }
}

extension String {
    /// The text with control characters, line ends among them, replaced by spaces: servers and proxies may send any.
    fileprivate var singleLine: String {
        guard utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else { return self }
        return String(decoding: utf8.map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 }, as: UTF8.self)
    }
}
