import NIOHTTP1

extension Configuration {
    private static let redirectFlags = [
        "PassQueryString", "EnableReplacePrefix", "MirrorPassQueryString", "MirrorFollowRedirect", "MirrorCheckMd5",
        "MirrorPassOriginalSlashes", "MirrorSNI", "MirrorAllowVideoSnapshot", "MirrorUsingRole", "MirrorProxyPass",
        "MirrorIsExpressTunnel", "MirrorAllowHeadObject", "MirrorSaveOssMeta", "MirrorAllowGetImageInfo",
        "MirrorUserLastModified", "MirrorSwitchAllErrors",
    ]
    private static let keyAndValue = Schema.of(.one("Key"), .optional("Value"))

    static let website = Configuration(
        "BucketWebsite", "website", root: "WebsiteConfiguration",
        .of(
            .optional(
                "IndexDocument",
                .of(.one("Suffix"), .optional("SupportSubDir", .boolean), .optional("Type", .integer(0...2)))),
            .optional("ErrorDocument", .of(.one("Key"), .optional("HttpStatus", .integer(200...599)))),
            .optional("RoutingRules", .of(.many("RoutingRule", 0...100, routingRule)))),
        unset: .fault(.noSuchWebsite)
    ) { document, _ in
        guard !document.children.isEmpty else {
            throw Fault.malformedXML("IndexDocument, ErrorDocument or RoutingRules must be there.")
        }
    }

    private static let routingRule = Schema.of(
        .one("RuleNumber", .integer(1...Int64.max)),
        .optional(
            "Condition",
            .of(
                .optional("KeyPrefixEquals"), .optional("KeySuffixEquals"),
                .optional("HttpErrorCodeReturnedEquals", .integer(100...599)),
                .many(
                    "IncludeHeader", 0...10,
                    .of(.one("Key"), .optional("Equals"), .optional("StartsWith"), .optional("EndsWith"))))),
        .optional(
            "Redirect",
            .elements(
                redirectFlags.map { .optional($0, .boolean) } + [
                    .one("RedirectType", .choice(["Mirror", "External", "Internal", "AliCDN"])),
                    .optional("HttpRedirectCode", .integer(300...399)),
                    .optional("Protocol", .choice(["http", "https"])),
                    .optional("MirrorHeaders", .of(.optional("PassAll", .boolean), .many("Set", 0...100, keyAndValue))),
                    .optional("MirrorTaggings", .of(.many("Taggings", 0...100, keyAndValue))),
                    .optional("MirrorReturnHeaders", .of(.many("ReturnHeader", 0...100, keyAndValue))),
                ])),
        .optional("LuaConfig", .of(.optional("Script"))))
}

extension Fault {
    fileprivate static let noSuchWebsite = Fault(
        .notFound, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration.")
}

/// How a bucket is shown as a website. Mirroring, which fetches from elsewhere, is kept but not done.
private struct Website {
    struct Rule {
        var number: Int64
        var prefix: String
        var suffix: String
        var status: UInt?
        var headers: [XMLNode]
        var redirect: XMLNode

        init(_ node: XMLNode) {
            let condition = node.child("Condition") ?? XMLNode("Condition")
            number = node.value("RuleNumber").flatMap { Int64($0) } ?? 0
            prefix = condition.child("KeyPrefixEquals")?.text ?? ""
            suffix = condition.child("KeySuffixEquals")?.text ?? ""
            status = condition.value("HttpErrorCodeReturnedEquals").flatMap { UInt($0) }
            headers = condition.all("IncludeHeader")
            redirect = node.child("Redirect") ?? XMLNode("Redirect")
        }

        func fits(_ key: String, _ status: UInt?, _ request: Request) -> Bool {
            guard self.status == status, key.utf8.starts(with: prefix.utf8), key.hasSuffix(suffix) else { return false }
            return headers.allSatisfy { wanted in
                guard let value = request.header(wanted.value("Key") ?? "") else { return false }
                return wanted.child("Equals").map { value == $0.text } ?? true
                    && wanted.child("StartsWith").map { value.hasPrefix($0.text) } ?? true
                    && wanted.child("EndsWith").map { value.hasSuffix($0.text) } ?? true
            }
        }

        func newKey(_ key: String) -> String {
            if let replacement = redirect.child("ReplaceKeyWith")?.text { return replacement.replacingKey(with: key) }
            guard redirect.value("EnableReplacePrefix") == "true", key.utf8.starts(with: prefix.utf8) else {
                return key
            }
            return (redirect.child("ReplaceKeyPrefixWith")?.text ?? "")
                + String(decoding: key.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
        }

        func location(_ key: String, _ request: Request) -> String {
            let host = redirect.value("HostName") ?? request.header("host") ?? ""
            var location = "\(redirect.value("Protocol") ?? "http")://\(host)/"
            location += Percent.encode(newKey(key), keepingSlash: true)
            if redirect.value("PassQueryString") == "true", let query = request.head.uri.firstIndex(of: "?") {
                location += request.head.uri[query...]
            }
            return location
        }

        var code: UInt { redirect.value("HttpRedirectCode").flatMap { UInt($0) } ?? 302 }
    }

    var index: String?
    var hasSubfolders: Bool
    var folderType: String
    var error: (key: String, status: UInt)?
    var rules: [Rule]

    init?(_ bucket: BucketRecord) {
        guard let document = bucket.document("website") else { return nil }
        index = document["IndexDocument/Suffix"]?.text
        hasSubfolders = document["IndexDocument/SupportSubDir"]?.trimmedText == "true"
        folderType = document["IndexDocument/Type"]?.trimmedText ?? "0"
        error = document["ErrorDocument/Key"].map { key in
            (key.text, document["ErrorDocument/HttpStatus"].flatMap { UInt($0.trimmedText) } ?? 404)
        }
        rules = (document.child("RoutingRules")?.all("RoutingRule") ?? []).map(Rule.init)
            .sorted { $0.number < $1.number }
    }

    func rule(_ key: String, _ status: UInt?, _ request: Request) -> Rule? {
        rules.first { $0.fits(key, status, request) }
    }
}

extension String {
    /// `prefix/${key}.suffix` with the key in its place.
    fileprivate func replacingKey(with key: String) -> String {
        let pieces = split(separator: "${key}", omittingEmptySubsequences: false)
        return pieces.joined(separator: key)
    }
}

extension Service {
    /// Carries a request out, where it reads an object of a website as a website does.
    func perform(_ call: Call) async throws -> Response {
        let name = call.request.operation.name
        let isRoot =
            call.request.target.key == nil && [.GET, .HEAD].contains(call.request.head.method)
            && call.identity == .anonymous && call.query.items.isEmpty
        guard isRoot || name == "GetObject" || name == "HeadObject", let bucket = call.bucketRecord,
            bucket.documents["website"] != nil, let site = Website(bucket)
        else { return try await carryOut(call) }
        let key = call.request.target.key?.text ?? ""
        if let rule = site.rule(key, nil, call.request), let response = try await follow(rule, key, call) {
            return response
        }
        do {
            // The root of a website is its index.
            guard isRoot, let index = site.index else { return try await carryOut(call) }
            return try await serve(index, call)
        } catch let fault as Fault where fault.status == .notFound || fault.status == .forbidden {
            if let rule = site.rule(key, fault.status.code, call.request),
                let response = try await follow(rule, key, call)
            {
                return response
            }
            guard fault.code == "NoSuchKey" else { throw fault }
            if let response = try await folder(key, site, call) { return response }
            // Programs, which sign, want the error and not a page.
            if call.identity == .anonymous, let error = site.error, var page = try? await serve(error.key, call) {
                page.status = HTTPResponseStatus(statusCode: Int(error.status))
                return page
            }
            throw fault
        }
    }

    private func carryOut(_ call: Call) async throws -> Response {
        try checkReferer(call)
        try authorize(call)
        return try await call.request.operation.perform(self, call)
    }

    /// Gives another object than the one that was asked for.
    private func serve(_ key: String, _ call: Call) async throws -> Response {
        let name = call.request.head.method == .HEAD ? "HeadObject" : "GetObject"
        guard let operation = Operation.all.first(where: { $0.name == name }) else { throw Fault.internalError }
        var request = call.request
        request.target.key = ObjectKey(Array(key.utf8))
        request.operation = operation
        return try await carryOut(
            Call(
                request: request, identity: call.identity, accessKeyID: call.accessKeyID,
                bucketRecord: call.bucketRecord, body: call.body,
                eventLoop: call.eventLoop))
    }

    /// What stands for a folder: its index, or the way to it.
    private func folder(_ key: String, _ site: Website, _ call: Call) async throws -> Response? {
        guard let index = site.index else { return nil }
        if key.hasSuffix("/") { return try? await serve(site.hasSubfolders ? key + index : index, call) }
        guard site.hasSubfolders, site.folderType != "1", let page = try? await serve("\(key)/\(index)", call) else {
            return nil
        }
        if site.folderType == "2" { return page }
        let path = call.request.head.uri.prefix { $0 != "?" }
        return Response(.found, headers: [HeaderField(name: "Location", value: "\(path)/")])
    }

    /// Nil where the rule would fetch from elsewhere.
    private func follow(_ rule: Website.Rule, _ key: String, _ call: Call) async throws -> Response? {
        switch rule.redirect.value("RedirectType") {
        case "External", "AliCDN":
            var response = Response(HTTPResponseStatus(statusCode: Int(rule.code)))
            response.set("Location", rule.location(key, call.request))
            return response
        case "Internal":
            return try await serve(rule.newKey(key), call)
        default:
            return nil
        }
    }
}
