import HTTPTypes
import Logging

/// The log lines of one call. Costs nothing where there is no logger or its level is higher.
struct CallLog: Sendable {
    private let logger: Logger?
    private let request: PreparedRequest

    init(_ logger: Logger?, _ request: PreparedRequest) {
        self.logger = logger
        self.request = request
    }

    private var operation: String { request.operation.name }

    func sending(_ head: HTTPRequest, attempt: Int) {
        logger?.debug("\(operation): sending \(request.target)", metadata: ["attempt": "\(attempt)"])
        logger?.trace("\(operation): request headers", metadata: ["headers": "\(Redaction.headers(head.headerFields))"])
    }

    func received(_ head: HTTPResponse) {
        logger?.debug(
            "\(operation): received \(head.status.code)",
            metadata: ["request-id": "\(head.headerFields.value("x-oss-request-id") ?? "-")"]
        )
        logger?.trace(
            "\(operation): response headers", metadata: ["headers": "\(Redaction.headers(head.headerFields))"])
    }

    func retrying(_ error: OSSError, after delay: Duration) {
        logger?.debug("\(operation): trying again", metadata: ["after": "\(delay)", "error": "\(error)"])
    }

    func waiting(for name: String, after reply: String, _ delay: Duration) {
        logger?.debug("\(operation): waiting for \(name)", metadata: ["after": "\(delay)", "last": "\(reply)"])
    }

    func failed(_ error: OSSError, reason: String? = nil) {
        logger?.debug(
            "\(operation): giving up",
            metadata: ["reason": "\(reason ?? "not retryable or attempts used up")", "error": "\(error)"])
    }

    func correctedClock(by offset: Double) {
        logger?.debug("\(operation): the server's clock is used from now on", metadata: ["offset-seconds": "\(offset)"])
    }
}
