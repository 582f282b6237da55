extension BucketRecord {
    /// Whether a rule keeps the account from overwriting the object.
    func forbidsOverwrite(of key: ObjectKey, by identity: Identity) -> Bool {
        guard let document = document("overwriteConfig") else { return false }
        return document.all("Rule").contains { rule in
            let principals = rule.child("Principals")?.all("Principal").map(\.trimmedText) ?? []
            return key.bytes.starts(with: (rule.child("Prefix")?.text ?? "").utf8)
                && key.text.hasSuffix(rule.child("Suffix")?.text ?? "")
                && (principals.isEmpty || principals.contains { identity == .account($0) || $0 == "*" })
        }
    }
}

extension Call {
    /// Whether what is there must stay: because the request says so, or the bucket.
    func forbidsOverwrite() throws(Fault) -> Bool {
        if try request.flag("x-oss-forbid-overwrite") { return true }
        return try bucket.forbidsOverwrite(of: try key, by: identity)
    }
}
