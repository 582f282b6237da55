import NIOHTTP1

extension Operation {
    static let corsOperations: [Operation] = [Scope.object, .bucket].map { scope in
        // Browsers sign nothing here, whatever the request that follows needs.
        Operation("OptionObject", .OPTIONS, scope, need: .nothing) { try $0.optionObject($1) }
    }
}

/// What a bucket allows pages of other origins.
struct CORSRules: Sendable {
    struct Rule: Sendable {
        var origins: [String]
        var methods: [String]
        var headers: [String]
        var exposed: [String]
        var maxAge: String?

        func allows(origin: String, method: String) -> Bool {
            methods.contains(method) && origins.contains { Wildcard.matches($0, origin) }
        }

        func allows(headers wanted: [String]) -> Bool {
            wanted.allSatisfy { name in headers.contains { Wildcard.matches($0, name.lowercased()) } }
        }
    }

    var rules: [Rule]
    /// Whether every answer says that it depends on the origin.
    var varies: Bool

    init?(_ bucket: BucketRecord) {
        guard let document = bucket.document("cors") else { return nil }
        rules = document.all("CORSRule").map { rule in
            func texts(_ name: String) -> [String] { rule.all(name).map(\.trimmedText) }
            return Rule(
                origins: texts("AllowedOrigin"), methods: texts("AllowedMethod"), headers: texts("AllowedHeader"),
                exposed: texts("ExposeHeader"), maxAge: rule.value("MaxAgeSeconds"))
        }
        varies = document.value("ResponseVary") == "true"
    }

    /// The first rule that fits counts.
    func rule(origin: String, method: String, headers: [String] = []) -> Rule? {
        rules.first { $0.allows(origin: origin, method: method) && $0.allows(headers: headers) }
    }
}

extension Service {
    /// Answers a browser that asks before it sends a request.
    func optionObject(_ call: Call) throws -> Response {
        let request = call.request
        guard let origin = request.nonEmptyHeader("origin") else { throw Fault.preflightWithout("Origin") }
        guard let method = request.nonEmptyHeader("access-control-request-method") else {
            throw Fault.preflightWithout("Access-Control-Request-Method")
        }
        guard let cors = CORSRules(try call.bucket) else { throw Fault.corsDisabled }
        let wanted = request.headers["access-control-request-headers"].flatMap { $0.split(separator: ",") }
            .map(\.trimmingBlanks).filter { !$0.isEmpty }
        guard let rule = cors.rule(origin: origin, method: method, headers: wanted) else { throw Fault.corsRefused }
        var response = Response()
        response.allow(origin, rule)
        if !wanted.isEmpty { response.set("Access-Control-Allow-Headers", wanted.joined(separator: ", ")) }
        return response
    }

    /// Tells a browser that its page may see the answer.
    func allowOrigin(_ head: HTTPRequestHead, bucket name: String?, in response: inout Response) {
        guard head.method != .OPTIONS, let bucket = name.flatMap(catalogue.bucket), bucket.documents["cors"] != nil,
            let cors = CORSRules(bucket)
        else { return }
        if let origin = head.headers.first(name: "origin"),
            let rule = cors.rule(origin: origin, method: head.method.rawValue)
        {
            response.allow(origin, rule)
        }
        if cors.varies { response.set("Vary", "Origin") }
    }
}

extension Response {
    fileprivate mutating func allow(_ origin: String, _ rule: CORSRules.Rule) {
        set("Access-Control-Allow-Origin", rule.origins.contains("*") ? "*" : origin)
        set("Access-Control-Allow-Methods", rule.methods.joined(separator: ", "))
        if !rule.exposed.isEmpty { set("Access-Control-Expose-Headers", rule.exposed.joined(separator: ", ")) }
        set("Access-Control-Max-Age", rule.maxAge)
    }
}

extension Fault {
    fileprivate static func preflightWithout(_ name: String) -> Fault {
        Fault(.badRequest, "BadRequest", "Insufficient information. \(name) request header needed.")
    }

    fileprivate static let corsDisabled = Fault(
        .forbidden, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")

    fileprivate static let corsRefused = Fault(
        .forbidden, "AccessForbidden",
        "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request"
            + " method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the"
            + " resource's CORS spec.")
}
