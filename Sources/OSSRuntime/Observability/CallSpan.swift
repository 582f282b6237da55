import Tracing

/// The span of one call, with an event for each attempt; nothing where no tracer listens.
struct CallSpan: Sendable {
    private let span: (any Span)?

    /// - Parameter tracer: By default the process's.
    init(_ tracer: (any Tracer)?, _ request: PreparedRequest) {
        guard let tracer = tracer ?? Self.processTracer, !(tracer is NoOpTracer) else {
            span = nil
            return
        }
        let span = tracer.startAnySpan(request.operation.name, ofKind: .client)
        span.attributes["rpc.system"] = "alibabacloud-oss"
        span.attributes["rpc.method"] = request.operation.name
        span.attributes["http.request.method"] = request.head.method.rawValue
        span.attributes["server.address"] = request.head.authority
        span.attributes["oss.bucket"] = request.bucket
        span.attributes["oss.key"] = request.key
        self.span = span
    }

    /// Finding the tracer among a process's instruments takes longer than to see that there is none.
    private static var processTracer: (any Tracer)? {
        InstrumentationSystem.instrument is NoOpInstrument ? nil : InstrumentationSystem.tracer
    }

    func attempt(_ number: Int) {
        span?.addEvent(SpanEvent(name: "attempt", attributes: ["oss.attempt": .int64(Int64(number))]))
    }

    func succeeded(_ reply: ResponseMetadata, attempts: Int) {
        guard let span else { return }
        span.attributes["oss.attempts"] = attempts
        span.attributes["http.response.status_code"] = reply.status
        span.attributes["oss.request_id"] = reply.requestID
        span.end()
    }

    func failed(_ error: any Error) {
        guard let span else { return }
        if let error = error as? OSSError {
            span.attributes["oss.attempts"] = error.attempts
            span.attributes["http.response.status_code"] = error.status
            span.attributes["oss.request_id"] = error.requestID
            span.attributes["error.type"] = error.code.rawValue
            span.recordError(error)
            span.setStatus(SpanStatus(code: .error, message: error.message))
        } else {
            span.attributes["error.type"] = "cancelled"
            span.setStatus(SpanStatus(code: .error, message: "cancelled"))
        }
        span.end()
    }
}
