import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// The control endpoint: what tests want to know and to change, credentials as a machine in the cloud gets them, and a
/// page to look at it all.
final class ControlService: Responder {
    /// What rules for faults may call the ways to credentials.
    static let operations = [
        "AssumeRole", "AssumeRoleWithOIDC", "GetCallerIdentity", "GetSecretValue", "ECSMetadata", "ECSMetadataToken",
        "CredentialsURI",
    ]

    private static let maximumBody = 1 << 20

    let service: Service
    let clock: EmulatorClock
    let faults: FaultRules
    let recorder: ExchangeRecorder
    let tokens: SecurityTokenService
    let metadata: InstanceMetadata
    let secrets: KeyManagementService
    /// The configured name that it may be called by, besides addresses.
    private let host: String

    init(service: Service, clock: EmulatorClock, faults: FaultRules, recorder: ExchangeRecorder) {
        self.service = service
        self.clock = clock
        self.faults = faults
        self.recorder = recorder
        host = service.configuration.controlHost.lowercased()
        tokens = SecurityTokenService(
            credentials: service.credentials, accounts: Set(service.configuration.credentials.map(\.accountID)))
        let account = service.configuration.credentials.first?.accountID ?? ""
        metadata = InstanceMetadata(credentials: service.credentials, account: account)
        secrets = KeyManagementService(credentials: service.credentials, account: account)
    }

    /// An answer of the control endpoint that is no success.
    struct Refusal: Error {
        var status: HTTPResponseStatus
        var message: String

        static let notFound = Refusal(status: .notFound, message: "There is nothing here.")
    }

    /// A request with its parts taken apart.
    struct Request: Sendable {
        var head: HTTPRequestHead
        /// Of the path, decoded.
        var segments: [String]
        var query: Query
        var body: [UInt8]
        var now: EmulatorInstant
        /// The credentials that it asks for end so soon, whatever it says.
        var expires: Int64?

        func header(_ name: String) -> String? {
            head.headers.first(name: name)?.trimmingBlanks
        }

        /// The body as JSON.
        func document() throws(Refusal) -> JSONValue {
            do {
                return try JSONReader.read(body)
            } catch {
                throw Refusal(
                    status: .badRequest, message: "The body is not JSON: \(error.reason), at byte \(error.offset).")
            }
        }
    }

    func respond(to head: HTTPRequestHead, body: RequestBody, channel: any Channel) async throws -> Response {
        var response: Response
        do {
            try checkOrigin(of: head)
            let (segments, query) = try Self.split(head.uri)
            let hasAction = query.has("Action") || head.headers.contains(name: "x-acs-action")
            let isToken = segments.isEmpty ? hasAction || head.method == .POST : segments == ["sts"]
            let isCredential = isToken || segments.first == "latest" || segments == ["credentials"]
            let request = Request(head: head, segments: segments, query: query, body: [], now: clock.now)
            response =
                try await isCredential
                ? credentials(request, isToken: isToken, body, channel) : answer(request, body)
        } catch let refusal as Refusal {
            response = Self.json(["error": .string(refusal.message)], refusal.status)
        } catch let error as ConnectionLost {
            throw error
        } catch let fault as Fault {
            response = Self.json(["error": .string(fault.message)], fault.status)
        } catch {
            service.configuration.logger.error("the control endpoint failed", metadata: ["reason": "\(error)"])
            response = Self.json(["error": "The emulator failed."], .internalServerError)
        }
        response.headers.append(HeaderField(name: "Date", value: clock.now.httpDate))
        response.headers.append(HeaderField(name: "Cache-Control", value: "no-store"))
        response.headers.append(HeaderField(name: "X-Content-Type-Options", value: "nosniff"))
        response.headers.append(HeaderField(name: "Cross-Origin-Resource-Policy", value: "same-origin"))
        return response
    }

    static func json(_ value: JSONValue, _ status: HTTPResponseStatus = .ok) -> Response {
        Response(
            status, headers: [HeaderField(name: "Content-Type", value: "application/json")], body: .bytes(value.bytes))
    }

    // MARK: Who may ask

    /// Keeps other sites' pages out: what a browser sends for them names a foreign host (after DNS rebinding) or a
    /// foreign origin.
    private func checkOrigin(of head: HTTPRequestHead) throws(Refusal) {
        let hosts = head.headers["host"]
        guard hosts.count <= 1, hosts.first.map(isOwn) ?? true else {
            throw Refusal(status: .forbidden, message: "The Host header does not name this server.")
        }
        let isReading = head.method == .GET || head.method == .HEAD
        guard !isReading else { return }
        if let origin = head.headers.first(name: "origin"),
            origin.lowercased() != "http://\(hosts.first ?? "")".lowercased()
        {
            throw Refusal(status: .forbidden, message: "Pages of other origins may change nothing here.")
        }
        if let site = head.headers.first(name: "sec-fetch-site"), site != "same-origin", site != "none" {
            throw Refusal(status: .forbidden, message: "Pages of other sites may change nothing here.")
        }
    }

    /// An address is always right: only a name can have been made to point here.
    private func isOwn(_ authority: String) -> Bool {
        var name = authority.lowercased()
        if let colon = name.lastIndex(of: ":"), name[name.index(after: colon)...].allSatisfy(\.isWholeNumber) {
            name = String(name[..<colon])
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        return name == "localhost" || name == host || (try? SocketAddress(ipAddress: name, port: 0)) != nil
    }

    // MARK: What is asked

    private static func split(_ uri: String) throws(Refusal) -> (segments: [String], query: Query) {
        var rest = uri[...]
        if !rest.hasPrefix("/"), rest.hasPrefix("http://") {
            // A client of the instance metadata may take us for its proxy.
            rest = rest.dropFirst(7)
            rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = parts.first, path.hasPrefix("/") else { throw .notFound }
        var segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        if segments.last == "" { segments.removeLast() }
        let decoded = segments.compactMap { Percent.decodeText($0) }
        guard decoded.count == segments.count else {
            throw Refusal(status: .badRequest, message: "The path is not UTF-8 in percent encoding.")
        }
        return (decoded, try form(parts.count > 1 ? parts[1] : ""))
    }

    /// The pairs of a query or of a form, where a plus sign is a space.
    static func form(_ text: Substring) throws(Refusal) -> Query {
        var query = Query()
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { Percent.decodeText(String($0.map { $0 == "+" ? " " : $0 })) }
            guard let name = parts[0], let value = parts.count > 1 ? parts[1] : "" else {
                throw Refusal(status: .badRequest, message: "The parameters are not UTF-8 in percent encoding.")
            }
            query.items.append(Query.Item(name: name, value: value))
        }
        return query
    }

    /// The ways to credentials, which faults may disturb, and which are written down as the service's requests are.
    private func credentials(
        _ request: Request, isToken: Bool, _ body: RequestBody, _ channel: any Channel
    ) async throws -> Response {
        var request = request
        let id = SecurityTokenService.makeRequestID()
        let exchange = Exchange(
            ExchangeRecord(
                head: request.head, id: id, time: request.now, client: channel.remoteAddress?.ipAddress ?? ""),
            recorder)
        request.body = try await body.collect(upTo: Self.maximumBody)
        var call: SecurityTokenService.Call?
        let name: String
        if isToken {
            let parsed = try SecurityTokenService.Call(request, id: id)
            call = parsed
            name = parsed.action
        } else {
            name = metadata.operation(of: request)
        }
        var response: Response
        var injection: Injection?
        var check = SignatureCheck()
        do {
            injection = try faults.injection(
                for: request.head.headers, FaultSubject(name, request.head.method, call?.parameters ?? request.query))
            exchange.update { [injection] record in
                record.operation = name
                record.fault = injection?.text
            }
            request.now = request.now.advanced(by: injection?.fault.skew ?? 0)
            request.expires = injection?.fault.expires
            response = try await Injection.apply(injection, request.now, body) { [request] in
                guard let call else { return try metadata.answer(request) }
                return try answer(call, request, check: &check)
            }
        } catch let fault as Fault {
            exchange.update { $0.fail(fault) }
            response = call?.document(fault) ?? InstanceMetadata.document(fault)
        }
        injection?.alter(&response, to: request.head)
        exchange.answer(response.status, check, request.head)
        response.exchange = exchange
        return response
    }

    private func answer(
        _ call: SecurityTokenService.Call, _ request: Request, check: inout SignatureCheck
    ) throws(Fault) -> Response {
        guard !call.action.isEmpty else { throw .missing("Action") }
        switch call.version {
        case "": throw .missing("Version")
        case SecurityTokenService.version: return try tokens.answer(call, request, check: &check)
        case KeyManagementService.version: return try secrets.answer(call, request, check: &check)
        default: throw Fault(.badRequest, "InvalidVersion", "Specified parameter Version is not valid.")
        }
    }

    private func answer(_ request: Request, _ body: RequestBody) async throws -> Response {
        var request = request
        request.body = try await body.collect(upTo: Self.maximumBody)
        let allowed: String
        switch (request.segments.first, request.segments.count) {
        case (nil, _):
            if request.head.method == .GET || request.head.method == .HEAD { return ControlPage.response }
            allowed = "GET"
        case ("faults", 1...2):
            if let response = try faults(request) { return response }
            allowed = request.segments.count > 1 ? "GET, DELETE" : "GET, POST, DELETE"
        case ("requests", 1...2):
            if let response = try await requests(request) { return response }
            allowed = request.segments.count > 1 ? "GET" : "GET, DELETE"
        case ("state", 1...2):
            if request.head.method == .GET { return try await state(request) }
            allowed = "GET"
        case ("clock", 1):
            if let response = try clock(request) { return response }
            allowed = "GET, PUT"
        case ("metadata", 1):
            if let response = try metadata.settings(request) { return response }
            allowed = "GET, PUT"
        case ("kms", 1), ("kms", 3):
            if let response = try secrets.settings(request) { return response }
            allowed = request.segments.count > 1 ? "PUT, POST, DELETE" : "GET"
        case ("reset", 1):
            if request.head.method == .POST { return try await reset() }
            allowed = "POST"
        default: throw Refusal.notFound
        }
        var response = Self.json(["error": "The method is not allowed here."], .methodNotAllowed)
        response.set("Allow", allowed)
        return response
    }

    // MARK: Faults

    private func faults(_ request: Request) throws -> Response? {
        if request.segments.count > 1 {
            let id = request.segments[1]
            switch request.head.method {
            case .GET:
                guard let rule = faults.all.first(where: { $0.id == id }) else { throw Refusal.notFound }
                return Self.json(rule.json)
            case .DELETE:
                guard faults.remove(id) else { throw Refusal.notFound }
                return Response(.noContent)
            default: return nil
            }
        }
        switch request.head.method {
        case .GET: return Self.json(["faults": .array(faults.all.map(\.json))])
        case .DELETE:
            faults.removeAll()
            return Response(.noContent)
        case .POST:
            let rule: FaultRule
            do {
                rule = try FaultRule(try request.document())
            } catch let error as InjectedFault.SyntaxError {
                throw Refusal(status: .badRequest, message: "\(error)")
            }
            guard let added = faults.add(rule) else {
                throw Refusal(status: .conflict, message: "There are \(FaultRules.maximumCount) rules already.")
            }
            return Self.json(added.json, .created)
        default: return nil
        }
    }

    // MARK: Requests

    private func requests(_ request: Request) async throws -> Response? {
        if request.segments.count > 1 {
            guard request.head.method == .GET else { return nil }
            guard let record = recorder.all.first(where: { $0.id == request.segments[1] }) else {
                throw Refusal.notFound
            }
            return try await service.pool.runIfActive { [service] in
                guard case .object(let members) = record.json, let head = record.evidence,
                    let diagnosis = SignatureDiagnosis(record.check, head, secrets: service.credentials.secrets)
                else { return Self.json(record.json) }
                return Self.json(.object(members + [.init(name: "diagnosis", value: diagnosis.json)]))
            }
        }
        switch request.head.method {
        case .DELETE:
            recorder.removeAll()
            return Response(.noContent)
        case .GET:
            let limit = try request.limit(default: 100, maximum: ExchangeRecorder.capacity)
            var records = recorder.all
            for item in request.query.items where item.name != "limit" {
                switch item.name {
                case "operation": records.removeAll { $0.operation != item.value }
                case "bucket": records.removeAll { $0.bucket != item.value }
                case "key": records.removeAll { $0.key != item.value }
                case "method": records.removeAll { $0.method != item.value.uppercased() }
                case "status": records.removeAll { String($0.status) != item.value }
                case "code": records.removeAll { $0.code != item.value }
                case "outcome": records.removeAll { $0.outcome != item.value }
                case "after":
                    guard let sequence = Int(item.value) else {
                        throw Refusal(status: .badRequest, message: "'after' must be a number.")
                    }
                    records.removeAll { $0.sequence <= sequence }
                default: throw Refusal(status: .badRequest, message: "Requests have no '\(item.name)' to look for.")
                }
            }
            return Self.json(["requests": .array(records.prefix(limit).map(\.json))])
        default: return nil
        }
    }

    // MARK: Clock

    private func clock(_ request: Request) throws -> Response? {
        if request.head.method == .PUT {
            let limit = Double(EmulatorClock.maximumOffset)
            guard case .number(let text)? = try request.document()["offset"], let seconds = Double(text),
                (-limit...limit).contains(seconds * 1000)
            else {
                throw Refusal(
                    status: .badRequest,
                    message: "'offset' must be a number of seconds, at most \(Int64(limit) / 1000).")
            }
            clock.offset = Int64(seconds * 1000)
        } else if request.head.method != .GET {
            return nil
        }
        return Self.json([
            "now": .string(clock.now.iso8601), "offset": .number(String(Double(clock.offset) / 1000)),
        ])
    }
}

extension ControlService.Request {
    func limit(default standard: Int, maximum: Int) throws(ControlService.Refusal) -> Int {
        guard let text = query.nonEmpty("limit") else { return standard }
        guard let number = Int(text), (1...maximum).contains(number) else {
            throw .init(status: .badRequest, message: "'limit' must be a number from 1 to \(maximum).")
        }
        return number
    }
}
