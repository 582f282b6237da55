import CoreMetrics
import HTTPTypes
import Logging
import Tracing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What all clients have in common: the way from a request value to a result value.
///
/// One call runs in this order:
///
/// 1. The request encodes itself into a ``RequestBuilder``.
/// 2. ``PreparedRequest`` resolves the endpoint and adds what every attempt has in common.
/// 3. The attempt loop, at most ``RetryPolicy/maximumAttempts`` times:
///    credentials → clock → sign → send → check → decide.
/// 4. The result decodes itself from a ``ResponseReader``.
///
/// Signing is inside the loop, since a signature has a time; so is starting the body anew.
package final class ServiceClient: Sendable {
    package let configuration: ClientConfiguration
    package let dependencies: RuntimeDependencies
    package let retryQuota: RetryQuota

    private let endpoint: Endpoint
    private let transport: any HTTPTransport
    private let product: String
    /// What stands for the region in signatures.
    private let signingRegion: String
    private let signer: Signer
    /// Whether the configuration wants the host signed too.
    private let signsHost: Bool
    /// How far the server's clock is ahead of ours; measured when it refuses a signature for its time.
    private let clockOffset = Locked(TimeInterval(0))
    private let calls = CallCounter()
    private let metrics: CallMetrics?

    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidConfiguration``.
    package init(
        _ configuration: ClientConfiguration,
        product: String = "oss",
        transport: any HTTPTransport,
        dependencies: RuntimeDependencies = .init(),
        retryQuota: RetryQuota = .init()
    ) throws(OSSError) {
        try configuration.validate()
        self.configuration = configuration
        let endpoint = try configuration.resolvedEndpoint()
        let cloudBox = try configuration.resolvedCloudBox(endpoint)
        self.endpoint = endpoint
        self.product = cloudBox == nil ? product : "oss-cloudbox"
        signingRegion = cloudBox ?? configuration.region
        self.transport = transport
        self.dependencies = dependencies
        self.retryQuota = retryQuota
        signer = Signer(configuration.signature)
        metrics = CallMetrics(configuration.metrics ?? MetricsSystem.factory)
        signsHost = configuration.additionalSignedHeaders.contains { $0.lowercased() == "host" }
    }

    package func execute<R: OperationRequest, Output: OperationOutput>(_ request: R, _ options: CallOptions)
        async throws -> Output
    {
        var builder = RequestBuilder(R.operation)
        request.encode(into: &builder)
        if let document = options.document { try await builder.setDocument(document) }
        let prepared = try prepare(builder, options)
        var reply = try await perform(prepared, options)
        let result = Output(from: &reply)
        if let error = reply.error { throw error.found(in: reply.metadata).about(prepared, attempts: reply.attempts) }
        return result
    }

    /// A call whose request is built already, and whose reply nobody decodes.
    package func execute(_ builder: RequestBuilder, _ options: CallOptions) async throws -> ResponseReader {
        try await perform(try prepare(builder, options), options)
    }

    package func prepare(_ builder: RequestBuilder, _ options: CallOptions) throws(OSSError) -> PreparedRequest {
        do throws(OSSError) {
            return try PreparedRequest(builder, endpoint: endpoint, configuration: configuration, options: options)
        } catch {
            var error = error
            error.operation = builder.operation.name
            throw error
        }
    }

    /// A URL that performs the request until it expires.
    ///
    /// - Throws: ``OSSError`` of kind ``OSSError/Kind/invalidRequest`` for an expiry out of bounds, and of kind
    ///   ``OSSError/Kind/credentials`` without credentials.
    package func presign<R: OperationRequest>(_ request: R, expires: PresignExpiry, _ options: CallOptions)
        async throws -> PresignedRequest
    {
        var builder = RequestBuilder(R.operation)
        builder.isPresigned = true
        request.encode(into: &builder)
        let prepared = try prepare(builder, options)
        do {
            let parameters = signingParameters(try await signingCredentials())
            let seconds = expires.seconds(from: parameters.date)
            var signable = signable(prepared)
            try await signer.presign(&signable, with: parameters, expiresIn: seconds)
            let path = prepared.head.path ?? "/"
            let end = parameters.date.addingTimeInterval(TimeInterval(seconds))
            return PresignedRequest(
                method: prepared.head.method,
                url:
                    "\(endpoint.scheme)://\(prepared.head.authority ?? "")\(path.prefix { $0 != "?" })?\(signable.query)",
                headers: prepared.head.headerFields,
                expiration: parameters.credentials.expiration.map { min($0, end) } ?? end
            )
        } catch let error as OSSError {
            throw error.about(prepared, attempts: 0)
        }
    }

    /// The form fields that let a browser upload to `bucket` under the conditions of a policy.
    package func post(
        bucket: String, expires: PresignExpiry, policy: (_ expiration: Date, _ fields: [(String, String)]) -> String
    ) async throws -> (url: String, fields: [(String, String)], expiration: Date) {
        var builder = RequestBuilder(Operation(name: "PostObject", method: .post))
        builder.setBucket(bucket)
        if let error = builder.error { throw error }
        let parameters = signingParameters(try await signingCredentials())
        let seconds = expires.seconds(from: parameters.date)
        guard seconds > 0 else {
            throw OSSError(.invalidRequest, message: "the policy's expiry is not valid: it is in the past")
        }
        let end = parameters.date.addingTimeInterval(TimeInterval(seconds))
        let fields = try await signer.post(with: parameters) { policy(end, $0) }
        let (authority, path) = configuration.addressing.resolve(endpoint, bucket: bucket, key: nil)
        return ("\(endpoint.scheme)://\(authority)\(path)", fields, end)
    }

    /// Credentials that can sign.
    private func signingCredentials() async throws -> Credentials {
        let credentials = try await credentials()
        guard !credentials.isAnonymous else {
            throw OSSError(
                .credentials, code: .credentialsMissing, message: "anonymous credentials can't sign a URL or a form")
        }
        return credentials
    }

    /// The request of one page, which knows the request of the next.
    package func page<R: OperationRequest & Hashable, Page: OperationOutput>(
        _ request: R,
        _ options: CallOptions,
        _ advance: @escaping @Sendable (inout R, Page) -> Bool
    ) -> PageRequest<Page> {
        PageRequest { [self] in
            let page: Page = try await execute(request, options)
            var next = request
            guard advance(&next, page) else { return (page, nil) }
            guard next != request else {
                var error = OSSError(
                    .unexpectedResponse, message: "the list says there is more, but its continuation does not move")
                error.operation = R.operation.name
                throw error
            }
            return (page, self.page(next, options, advance))
        }
    }

    /// Refuses new calls and waits for those in flight. The second time it returns at once.
    package func shutdown() async {
        await calls.close()
    }
}

// MARK: - The attempt loop

extension ServiceClient {
    private func perform(_ request: PreparedRequest, _ options: CallOptions) async throws -> ResponseReader {
        guard calls.begin() else {
            throw OSSError(.shutdown, message: "the client was shut down").about(request, attempts: 0)
        }
        defer { calls.end() }

        let operation = request.operation.name
        let started = metrics == nil ? .zero : dependencies.uptime()
        let span = CallSpan(configuration.tracer, request)
        do {
            let reply = try await attempts(request, options, span)
            metrics?.finished(
                operation, outcome: "success", attempts: reply.attempts, after: dependencies.uptime() - started)
            span.succeeded(reply.metadata, attempts: reply.attempts)
            return reply
        } catch {
            let failure = error as? OSSError
            let outcome =
                failure.map { $0.kind == .service ? $0.code.rawValue : $0.kind.rawValue } ?? "cancelled"
            metrics?.finished(
                operation, outcome: outcome, attempts: failure?.attempts ?? 1, after: dependencies.uptime() - started)
            span.failed(error)
            throw error
        }
    }

    private func attempts(_ request: PreparedRequest, _ options: CallOptions, _ span: CallSpan) async throws
        -> ResponseReader
    {
        let policy = options.retry ?? configuration.retry
        let deadline = options.timeout.map { dependencies.uptime() + $0 }
        let progress = options.progress.map { ProgressMeter(report: $0) }
        let log = CallLog(options.logger ?? configuration.logger, request)
        var attempt = 0
        var quotaTaken: Int?
        var hasRenewedCredentials = false

        while true {
            attempt += 1
            try Task.checkCancellation()
            span.attempt(attempt)
            let failure: OSSError
            var credentials: Credentials?
            do {
                let current = try await self.credentials()
                credentials = current
                var reply = try await self.attempt(request, current, options, progress, log, attempt, deadline)
                reply.attempts = attempt
                retryQuota.release(quotaTaken)
                return reply
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                failure = OSSError(wrapping: error).about(request, attempts: attempt)
            }
            // A cancelled exchange may end as a broken one.
            try Task.checkCancellation()
            correctClock(after: failure, log)

            var allowsRetry = policy.allowsRetry(of: failure)
            if !hasRenewedCredentials, failure.refusesCredentials, let credentials,
                configuration.credentials.refused(credentials)
            {
                hasRenewedCredentials = true
                allowsRetry = true
            }
            guard attempt < policy.maximumAttempts, allowsRetry else {
                log.failed(failure)
                throw failure
            }
            guard request.body?.canBeSent ?? true else {
                log.failed(failure)
                throw failure
            }
            var delay = policy.backoff.delay(attempt, dependencies.random())
            if let demanded = failure.throttlingDelay { delay = max(delay, min(demanded, .seconds(20))) }
            if let deadline, dependencies.uptime() + delay >= deadline {
                log.failed(failure)
                throw failure
            }
            guard let taken = retryQuota.acquire(for: failure) else {
                log.failed(failure, reason: "the retry quota is used up")
                throw failure
            }
            quotaTaken = taken
            log.retrying(failure, after: delay)
            try await dependencies.sleep(delay)
        }
    }

    private func attempt(
        _ request: PreparedRequest,
        _ credentials: Credentials,
        _ options: CallOptions,
        _ progress: ProgressMeter?,
        _ log: CallLog,
        _ number: Int,
        _ deadline: Duration?
    ) async throws -> ResponseReader {
        let head = try await signed(request, credentials)

        let upload = request.checksUpload ? BodyChecksum() : nil
        let sent = metrics?.bytes("sent", request.operation.name)
        let received = metrics?.bytes("received", request.operation.name)
        let body = request.body.map { body in
            guard upload != nil || progress != nil || sent != nil else { return body }
            // A transport that follows redirects reads the body more than once.
            return body.observed {
                upload?.begin()
                progress?.begin(total: body.length)
            } by: { bytes in
                upload?.update(bytes)
                progress?.add(bytes.count)
                sent?.increment(by: bytes.count)
            }
        }

        log.sending(head, attempt: number)
        let stall = options.readWriteTimeout ?? configuration.readWriteTimeout
        let response = try await withDeadline(deadline) {
            try await self.transport.send(TransportRequest(head: head, body: body, readWriteTimeout: stall))
        }
        log.received(response.head)
        let metadata = ResponseMetadata(status: response.head.status.code, headers: response.head.headerFields)

        guard isSuccess(response.head.status.code, request) else {
            throw await serviceError(metadata, response.body, request)
        }
        if let upload, let stored = metadata.headers.value(.hashCRC64), stored != String(upload.value) {
            response.body.cancel()
            throw OSSError(
                .checksumMismatch,
                message:
                    "the service received other bytes than were sent: its CRC-64 is \(stored), ours \(upload.value)"
            ).found(in: metadata)
        }
        if request.operation.streamsResponse {
            var stream = try verified(response, metadata, request, progress, number)
            if let received { stream = stream.observed { received.increment(by: $0.count) } }
            return ResponseReader(metadata: metadata, stream: stream)
        }
        let bytes = try await withDeadline(deadline) {
            try await response.body.collect(upTo: ServiceClient.maximumReplySize)
        }
        received?.increment(by: bytes.count)
        return ResponseReader(metadata: metadata, bytes: bytes)
    }

    /// The largest reply that is read into memory: a list page of 1,000 keys of the greatest length stays far below.
    private static var maximumReplySize: Int { 64 << 20 }

    private func credentials() async throws -> Credentials {
        let credentials: Credentials
        do {
            let offset = clockOffset.withLock { $0 }
            credentials =
                offset == 0
                ? try await configuration.credentials.credentials()
                : try await ServerClock.$offset.withValue(offset) {
                    try await configuration.credentials.credentials()
                }
        } catch let error as CancellationError {
            throw error
        } catch let error as OSSError {
            throw error
        } catch {
            throw OSSError(.credentials, message: "the credentials provider failed", cause: error)
        }
        let lacksKey =
            credentials.accessKeyID.isEmpty || credentials.accessKeySecret.isEmpty && signer.needsSecret
        if !credentials.isAnonymous && lacksKey {
            throw OSSError(
                .credentials,
                code: .credentialsMissing,
                message: "the credentials provider gave an empty access key; use .anonymous for unsigned requests")
        }
        return credentials
    }

    /// The request with a signature of this moment, unless the credentials are anonymous.
    private func signed(_ request: PreparedRequest, _ credentials: Credentials) async throws -> HTTPRequest {
        var head = request.head
        guard !credentials.isAnonymous else { return head }
        let parameters = signingParameters(credentials)
        var signable = signable(request)
        if !signer.signAtOnce(&signable, with: parameters) {
            if try await signer.sign(&head, bucket: request.bucket, key: request.key, with: parameters) { return head }
            try await signer.sign(&signable, with: parameters)
        }
        if signsHost { signable.headers[.hostField] = request.head.headerFields[.hostField] }
        head.headerFields = signable.headers
        return head
    }

    private func signable(_ request: PreparedRequest) -> SignableRequest {
        var signable = SignableRequest(
            method: request.head.method,
            bucket: request.bucket,
            key: request.key,
            query: request.query,
            headers: request.head.headerFields
        )
        // Part of the target here, a header field for the signature.
        if signsHost { signable.headers[.hostField] = request.head.authority }
        return signable
    }

    private func signingParameters(_ credentials: Credentials) -> SigningParameters {
        SigningParameters(
            credentials: credentials,
            region: signingRegion,
            product: product,
            date: dependencies.now().addingTimeInterval(clockOffset.withLock { $0 }),
            additionalHeaders: configuration.additionalSignedHeaders
        )
    }

    private func isSuccess(_ status: Int, _ request: PreparedRequest) -> Bool {
        // 203 says that the object was stored but the callback that was asked for failed.
        if status == 203 { return request.head.headerFields.value("x-oss-callback") == nil }
        return (200..<300).contains(status)
    }

    /// A streamed reply whose body is checked as the caller reads it.
    private func verified(
        _ response: TransportResponse,
        _ metadata: ResponseMetadata,
        _ request: PreparedRequest,
        _ progress: ProgressMeter?,
        _ attempt: Int
    ) throws(OSSError) -> ResponseBody {
        if let range = request.range {
            let contentRange = metadata.headers.value(.contentRange)
            let fits = metadata.status == 206 ? contentRange.map(range.matches) ?? false : range.coversEverything
            guard fits else {
                response.body.cancel()
                throw OSSError(
                    .unexpectedResponse,
                    message: "the reply is not the range asked for: status \(metadata.status), "
                        + (contentRange.map { "Content-Range '\($0)'" } ?? "no Content-Range")
                ).found(in: metadata)
            }
        }

        var body = response.body
        if !response.isBodyDecoded, let checksum = downloadChecksum(metadata, request) {
            let download = BodyChecksum()
            body = body.observed {
                download.update($0)
            } atEnd: {
                guard checksum != String(download.value) else { return }
                throw OSSError(
                    .checksumMismatch,
                    message:
                        "the bytes received are not those stored: their CRC-64 is \(download.value), the object's \(checksum)"
                ).found(in: metadata)
            }
        }
        if let progress {
            progress.begin(total: body.length)
            body = body.observed { progress.add($0.count) }
        }
        return body.mappingErrors { error in
            error is CancellationError ? error : OSSError(wrapping: error).about(request, attempts: attempt)
        }
    }

    /// The CRC-64 that the body of a reply must have, if it can be compared.
    private func downloadChecksum(_ metadata: ResponseMetadata, _ request: PreparedRequest) -> String? {
        guard configuration.checksDownloads, metadata.status == 200, request.range == nil else { return nil }
        // Processed on the way out, or compressed because the caller allowed it: other bytes than those stored.
        guard request.query.isEmpty || !request.query.contains("x-oss-process") else { return nil }
        let isTranscoded = request.acceptsEncodings && metadata.headers.contains(.contentEncoding)
        return isTranscoded ? nil : metadata.headers.value(.hashCRC64)
    }

    private func serviceError(_ metadata: ResponseMetadata, _ body: ResponseBody, _ request: PreparedRequest) async
        -> OSSError
    {
        // What can't be read of an error's body must not hide the error.
        let bytes = (try? await body.collect(upTo: 1 << 20)) ?? []
        return ErrorDocument.error(metadata, bytes, now: dependencies.now())
    }

    /// Takes over the server's clock when it refused ours.
    private func correctClock(after error: OSSError, _ log: CallLog) {
        guard error.code == .requestTimeTooSkewed, let serverTime = error.serverTime else { return }
        let offset = serverTime.timeIntervalSince(dependencies.now())
        clockOffset.withLock { $0 = offset }
        log.correctedClock(by: offset)
    }

    /// Ends `body` with an error of kind timeout when the call's total time is over.
    private func withDeadline<T: Sendable>(_ deadline: Duration?, _ body: @escaping @Sendable () async throws -> T)
        async throws -> T
    {
        guard let deadline else { return try await body() }
        return try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask { [dependencies] in
                try await dependencies.sleep(max(.zero, deadline - dependencies.uptime()))
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let value = first else {
                throw OSSError(.timeout, message: "the call's total time is over")
            }
            return value
        }
    }
}

extension OSSError {
    /// The error with the reply it was found in.
    func found(in reply: ResponseMetadata) -> OSSError {
        var error = self
        error.status = reply.status
        error.headers = reply.headers
        return error
    }

    /// The error with what it is about.
    func about(_ request: PreparedRequest, attempts: Int) -> OSSError {
        var error = self
        error.operation = request.operation.name
        error.requestTarget = request.target
        error.attempts = attempts
        return error
    }

    /// Any error that a transport, a body or a check threw.
    init(wrapping error: any Error) {
        switch error {
        case let error as OSSError: self = error
        case let error as TransportError: self.init(error)
        default: self.init(.body, message: "the body failed: \(error)", cause: error)
        }
    }

    init(_ error: TransportError) {
        let kind: Kind =
            switch error.kind {
            case .dns: .dns
            case .connect: .connect
            case .connectTimeout: .connectTimeout
            case .tls: .tls
            case .timeout: .timeout
            case .reset: .connectionReset
            case .shutdown: .shutdown
            case .protocolViolation: .unexpectedResponse
            default: .transport
            }
        self.init(kind, message: error.message, cause: error.cause)
    }
}
