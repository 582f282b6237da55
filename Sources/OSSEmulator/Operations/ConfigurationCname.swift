extension Operation {
    static let cnameOperations: [Operation] = [
        Operation("PutCname", .POST, .bucket, "cname&comp=add", need: .owner) { try await $0.putCname($1) },
        Operation("DeleteCname", .POST, .bucket, "cname&comp=delete", need: .owner) { try await $0.deleteCname($1) },
        Operation("ListCname", .GET, .bucket, "cname", need: .owner) { try $0.listCname($1) },
        Operation("CreateCnameToken", .POST, .bucket, "cname&comp=token", need: .owner) {
            try await $0.createCnameToken($1)
        },
        Operation("GetCnameToken", .GET, .bucket, "cname&comp=token", need: .owner) { try $0.getCnameToken($1) },
    ]
}

/// Domains of one's own. Whose a domain is shows in the DNS, which a local server doesn't ask: a token can be had, but
/// no domain is ever bound.
extension Service {
    private static let cname = Schema.of(
        .one(
            "Cname",
            .of(
                .one("Domain", .text(1...255)), .optional("IsWildCard", .boolean),
                .optional(
                    "CertificateConfiguration",
                    .of(.optional("Force", .boolean), .optional("DeleteCertificate", .boolean))))))
    private static let tokenLife: Int64 = 3 * 86_400_000
    private static let tokenLimit = 1000

    private func domain(_ call: Call) async throws -> String {
        let document = try await call.document(root: "BucketCnameConfiguration", Self.cname)
        let domain = (document["Cname/Domain"]?.trimmedText ?? "").lowercased()
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
        let isValid = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.contains { " /:?#@".contains($0) }
        }
        guard labels.count > 1, isValid else {
            throw Fault.invalidArgument("Domain", domain, "The domain is not valid.")
        }
        return domain
    }

    func putCname(_ call: Call) async throws -> Response {
        throw Fault.domainNotVerified(try await domain(call))
    }

    func deleteCname(_ call: Call) async throws -> Response {
        _ = try await domain(call)
        return Response()
    }

    func listCname(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        return Response(root: "ListCnameResult") { xml in
            xml.element("Bucket", bucket.name)
            xml.element("Owner", bucket.ownerID)
        }
    }

    func createCnameToken(_ call: Call) async throws -> Response {
        let domain = try await domain(call)
        let now = call.request.received
        let end = EmulatorInstant(millisecondsSince1970: now.millisecondsSince1970 + Self.tokenLife)
        let new = XMLNode(
            "CnameToken",
            [
                XMLNode("Bucket", try call.bucket.name), XMLNode("Cname", domain), XMLNode("Token", Self.randomID()),
                XMLNode("ExpireTime", end.httpDate),
            ])
        let name = try call.bucket.name
        let token = try await catalogue.changeAlone { catalogue in
            var token = new
            try catalogue.updateBucket(name) { bucket in
                for (name, document) in bucket.documents("cnameToken") where !document.isCurrentToken(now) {
                    bucket.documents["cnameToken/\(name)"] = nil
                }
                // While it lasts the same one is given.
                if let old = bucket.document("cnameToken", domain) {
                    token = old
                } else {
                    guard bucket.documents("cnameToken").count < Self.tokenLimit else { throw Fault.tooManyCnameTokens }
                    bucket.documents["cnameToken/\(domain)"] = new.bytes
                }
            }
            return token
        }
        return Response(document: token)
    }

    func getCnameToken(_ call: Call) throws -> Response {
        let domain = (call.query.value("cname") ?? "").lowercased()
        guard let token = try call.bucket.document("cnameToken", domain), token.isCurrentToken(call.request.received)
        else { throw Fault.noSuchCnameToken(domain) }
        return Response(document: token)
    }
}

extension XMLNode {
    fileprivate func isCurrentToken(_ now: EmulatorInstant) -> Bool {
        value("ExpireTime").flatMap(EmulatorInstant.init(httpDate:)).map { now < $0 } ?? false
    }
}

extension Fault {
    fileprivate static func domainNotVerified(_ domain: String) -> Fault {
        Fault(
            .forbidden, "NeedVerifyDomainOwnership",
            "Domain ownership verification failed. Please add the TXT record of the token first.",
            ec: "0018-00000115"
        ).detail("Cname", domain)
    }

    fileprivate static func noSuchCnameToken(_ domain: String) -> Fault {
        Fault(.notFound, "NoSuchCnameToken", "The specified token does not exist.").detail("Cname", domain)
    }

    fileprivate static let tooManyCnameTokens = Fault(
        .badRequest, "TooManyCnameToken", "You have attempted to create more cname tokens than allowed.")
}
