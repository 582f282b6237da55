/// Which pages may show what is in a bucket.
struct RefererRules: Sendable {
    private var allowsEmpty: Bool
    private var cutsQuery: Bool
    private var cutsPath: Bool
    private var allowed: [String]
    private var refused: [String]

    init?(_ bucket: BucketRecord) {
        guard let document = bucket.document("referer") else { return nil }
        allowsEmpty = document.value("AllowEmptyReferer") == "true"
        cutsQuery = document.value("AllowTruncateQueryString") == "true"
        cutsPath = document.value("TruncatePath") == "true"
        allowed = document.child("RefererList")?.all("Referer").map(\.trimmedText) ?? []
        refused = document.child("RefererBlacklist")?.all("Referer").map(\.trimmedText) ?? []
    }

    /// Which rule keeps a page out, as the last digit of the error's number.
    private enum Refusal: Int {
        case isEmpty = 1, isRefused, isNotAllowed
    }

    func check(_ referer: String) throws(Fault) {
        guard let refusal = refusal(referer) else { return }
        throw Fault(
            .forbidden, "AccessDenied", "You are denied by bucket referer policy.",
            ec: "0003-0000050\(refusal.rawValue)")
    }

    private func refusal(_ referer: String) -> Refusal? {
        // Without pages that are let in the check is off, but for those that are kept out.
        guard !referer.isEmpty else { return allowsEmpty || allowed.isEmpty ? nil : .isEmpty }
        let text = cut(referer)
        if Self.names(refused, text) { return .isRefused }
        return allowed.isEmpty || Self.names(allowed, text) ? nil : .isNotAllowed
    }

    /// A pattern is about all pages that begin so: `http://www.example.com` lets in all of that site.
    private static func names(_ patterns: [String], _ referer: String) -> Bool {
        patterns.contains { !$0.isEmpty && Wildcard.matches($0, referer, isPrefix: true) }
    }

    private func cut(_ referer: String) -> String {
        var text = referer
        if cutsQuery || cutsPath { text = String(text.prefix { $0 != "?" }) }
        guard cutsPath else { return text }
        // The scheme, nothing, the host.
        return text.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).prefix(3)
            .joined(separator: "/")
    }
}

extension Service {
    /// Checked for what browsers load: requests without a signature, and signed links.
    func checkReferer(_ call: Call) throws {
        guard let bucket = call.bucketRecord, call.request.header("authorization") == nil,
            let rules = RefererRules(bucket)
        else { return }
        try rules.check(call.request.header("referer") ?? "")
    }
}
