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

    func allow(_ referer: String) -> Bool {
        // Without pages that are let in the check is off, but for those that are kept out.
        guard !referer.isEmpty else { return allowsEmpty || allowed.isEmpty }
        let text = cut(referer)
        guard !refused.contains(where: { Wildcard.matches($0, text) }) else { return false }
        return allowed.isEmpty || allowed.contains { Wildcard.matches($0, text) }
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
            let rules = RefererRules(bucket), !rules.allow(call.request.header("referer") ?? "")
        else { return }
        throw Fault.refusedReferer
    }
}

extension Fault {
    fileprivate static let refusedReferer = Fault(
        .forbidden, "AccessDenied", "You are denied by bucket referer policy.", ec: "0003-00000503")
}
