import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// Answers requests. It knows HTTP's vocabulary but not its wire, and has no state but the catalogue.
///
/// The order is the service's: the bucket must exist, then the signature must be right, then the caller must be
/// allowed to, and only then the operation looks at anything else.
final class Service: Responder {
    let configuration: EmulatorConfiguration
    let catalogue: Catalogue
    let pool: NIOThreadPool
    /// `http://127.0.0.1:40123`; clients take it from answers and connect to it.
    let endpoint: String
    let credentials: CredentialStore
    /// The faults to inject, and who writes down what was asked; nil where nobody wants them.
    let faults: FaultRules?
    let recorder: ExchangeRecorder?
    private let authenticator: Authenticator
    private let domains: [String]

    /// The largest XML body that is read.
    static let maximumDocument = 2 << 20

    init(
        configuration: EmulatorConfiguration, catalogue: Catalogue, pool: NIOThreadPool, endpoint: String,
        faults: FaultRules? = nil, recorder: ExchangeRecorder? = nil
    ) {
        self.faults = faults
        self.recorder = recorder
        self.configuration = configuration
        self.catalogue = catalogue
        self.pool = pool
        self.endpoint = endpoint
        credentials = CredentialStore(configuration.credentials)
        authenticator = Authenticator(credentials: credentials, region: configuration.region)
        domains = (configuration.domains + ["localhost"]).map { $0.lowercased() }
    }

    func respond(to head: HTTPRequestHead, body: RequestBody, channel: any Channel) async throws -> Response {
        let started = NIODeadline.now()
        var received = configuration.now()
        let id = Self.makeRequestID(received)
        var logger = configuration.logger
        logger[metadataKey: "request"] = "\(id)"
        var operation = Operation.notHere
        var bucket: String?
        var check = SignatureCheck()
        var response: Response
        let client = channel.remoteAddress?.ipAddress ?? ""
        let exchange = recorder.map {
            Exchange(ExchangeRecord(head: head, id: id, time: received, client: client), $0)
        }
        var injection: Injection?
        do {
            let target = try RequestTarget(uri: head.uri, host: head.headers.first(name: "host"), domains: domains)
            operation = Operation.route(method: head.method, target: target, headers: head.headers)
            bucket = target.bucket
            exchange?.update { $0.name(target, operation) }
            injection = try faults?.injection(for: head.headers, FaultSubject(head.method, target, operation))
            received = received.advanced(by: injection?.fault.skew ?? 0)
            exchange?.update { [injection] in $0.fault = injection?.text }
            let request = Request(
                id: id, head: head, target: target, operation: operation, received: received, logger: logger,
                client: client)
            response = try await Injection.apply(injection, received, body) {
                try await answer(request, body, channel.eventLoop, check: &check)
            }
        } catch let fault as Fault {
            logger.debug(
                "refused",
                metadata: ["code": "\(fault.code)", "message": "\(fault.message)", "path": "\(Self.path(of: head))"])
            response = document(fault, head: head, requestID: id)
            exchange?.update { $0.fail(fault) }
        } catch let error as ConnectionLost {
            exchange?.finish(received: body.received, sent: 0, isBroken: true)
            logger.debug("the client went away", metadata: ["operation": "\(operation.name)"])
            throw error
        } catch {
            logger.error("the request failed", metadata: ["reason": "\(error)", "operation": "\(operation.name)"])
            response = document(.internalError, head: head, requestID: id)
            exchange?.update { $0.fail(.internalError) }
        }
        let elapsed = (NIODeadline.now() - started).nanoseconds / 1_000_000
        allowOrigin(head, bucket: bucket, in: &response)
        response.headers.append(HeaderField(name: "Server", value: "AliyunOSS"))
        response.headers.append(
            HeaderField(name: "Date", value: configuration.now().advanced(by: injection?.fault.skew ?? 0).httpDate))
        response.headers.append(HeaderField(name: "x-oss-request-id", value: id))
        response.headers.append(HeaderField(name: "x-oss-server-time", value: String(elapsed)))
        injection?.alter(&response, to: head)
        response.exchange = exchange
        exchange?.answer(response.status, check, head)
        logger.debug(
            "answered",
            metadata: [
                "operation": "\(operation.name)", "bucket": "\(bucket ?? "")",
                "status": "\(response.status.code)", "milliseconds": "\(elapsed)", "signature": "\(check.scheme)",
            ])
        return response
    }

    /// Without the query, which may hold a signature or a token.
    private static func path(of head: HTTPRequestHead) -> Substring {
        head.uri.prefix { $0 != "?" }
    }

    /// 24 digits, the first 8 of them the time, as the service makes them.
    private static func makeRequestID(_ now: EmulatorInstant) -> String {
        let time = Hex.encode(UInt64(bitPattern: now.seconds), uppercase: true).suffix(8)
        return time + Hex.encode(UInt64.random(in: 0 ... .max), uppercase: true)
    }

    private func answer(
        _ request: Request, _ body: RequestBody, _ eventLoop: any EventLoop, check: inout SignatureCheck
    ) async throws -> Response {
        var bucket: BucketRecord?
        if let name = request.target.bucket {
            bucket = catalogue.bucket(name)
            if bucket == nil, !request.operation.createsBucket { throw Fault.noSuchBucket(name) }
        }
        let identity = try authenticator.identify(request, check: &check)
        check.isVerified = true
        let call = Call(
            request: request, identity: identity, accessKeyID: check.accessKeyID, bucketRecord: bucket, body: body,
            eventLoop: eventLoop)
        return try await perform(call)
    }

    // MARK: Errors

    private func document(_ fault: Fault, head: HTTPRequestHead, requestID: String) -> Response {
        var response = Response(fault.status, headers: fault.headers)
        guard fault.status != .notModified else { return response }
        if !fault.ec.isEmpty { response.set("x-oss-ec", fault.ec) }
        var writer = XMLWriter()
        writer.element("Error") { writer in
            writer.element("Code", fault.code)
            writer.element("Message", fault.message)
            writer.element("RequestId", requestID)
            writer.element("HostId", head.headers.first(name: "host") ?? "")
            for detail in fault.details { writer.element(detail.name, detail.value) }
            if !fault.ec.isEmpty {
                writer.element("EC", fault.ec)
                writer.element("RecommendDoc", "https://api.aliyun.com/troubleshoot?q=\(fault.ec)")
            }
        }
        if head.method == .HEAD {
            response.set("x-oss-err", Base64.encode(writer.bytes))
        } else {
            response.set("Content-Type", "application/xml")
            response.body = .bytes(writer.bytes)
        }
        return response
    }
}

/// One request on its way through the service.
struct Call {
    let request: Request
    let identity: Identity
    /// Whose signature it carries; nil where nobody signed.
    var accessKeyID: String?
    /// The bucket as it was when the request came; nil where the operation makes it, or has none.
    let bucketRecord: BucketRecord?
    let body: RequestBody
    let eventLoop: any EventLoop

    var query: Query { request.query }

    /// The bucket that the request names.
    var bucket: BucketRecord {
        get throws(Fault) {
            guard let bucketRecord else { throw .noSuchBucket(request.target.bucket ?? "") }
            return bucketRecord
        }
    }

    var key: ObjectKey {
        get throws(Fault) {
            guard let key = request.target.key else { throw .invalidObjectName }
            return key
        }
    }

    /// The body as XML; nil when there is none.
    func document(root: String) async throws -> XMLNode? {
        let bytes = try await body.collect(upTo: Service.maximumDocument)
        try ContentMD5(request)?.check(ContentMD5.digest(of: bytes))
        guard !bytes.isEmpty else { return nil }
        let node: XMLNode
        do throws(XMLFailure) {
            node = try XMLReader.read(bytes)
        } catch {
            throw Fault.malformedXML("\(error.reason) at byte \(error.offset)")
        }
        guard node.name == root else { throw Fault.malformedXML("The root element must be \(root).") }
        return node
    }

    /// A whole number from the query within bounds.
    func number(_ name: String, default standard: Int, in range: ClosedRange<Int>) throws(Fault) -> Int {
        guard let text = query.nonEmpty(name) else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw .invalidArgument(
                name, text, "Argument \(name) must be an integer between \(range.lowerBound) and \(range.upperBound).")
        }
        return number
    }
}
