/// Lifecycle rules: checked, kept and given back. They are not carried out.
extension Configuration {
    private static let age: [Schema.Element] = [
        .optional("Days", .integer(1...Int64.max)), .optional("CreatedBeforeDate", .date), .optional("Date", .date),
    ]
    private static let access: [Schema.Element] = [
        .optional("IsAccessTime", .boolean), .optional("ReturnToStdWhenVisit", .boolean),
        .optional("AllowSmallFile", .boolean),
    ]
    private static let storageClass = Schema.Element.one("StorageClass", .choice(StorageClass.allCases.map(\.rawValue)))
    private static let noncurrentDays = Schema.Element.one("NoncurrentDays", .integer(1...Int64.max))
    private static let tag = Schema.of(.one("Key"), .one("Value", .text))

    static let lifecycle = Configuration(
        "BucketLifecycle", "lifecycle", root: "LifecycleConfiguration",
        .of(
            .many(
                "Rule", 1...1000,
                .of(
                    .optional("ID", .text(0...255)), .optional("Prefix"),
                    .one("Status", .choice(["Enabled", "Disabled"])),
                    .optional("Expiration", .elements(age + [.optional("ExpiredObjectDeleteMarker", .boolean)])),
                    .many("Transition", 0...100, .elements(age + access + [storageClass])),
                    .optional("AbortMultipartUpload", .elements(age)),
                    .optional("NoncurrentVersionExpiration", .of(noncurrentDays)),
                    .many("NoncurrentVersionTransition", 0...100, .elements(access + [noncurrentDays, storageClass])),
                    .many("Tag", 0...100, tag),
                    .optional(
                        "Filter",
                        .of(
                            .many("Not", 0...100, .of(.optional("Prefix"), .optional("Tag", tag))),
                            .optional("ObjectSizeGreaterThan", .count), .optional("ObjectSizeLessThan", .count)))))),
        unset: .fault(.noSuchLifecycle)
    ) { document, place in
        try document.settleRuleIDs()
        let rules = document.all("Rule").map(LifecycleRule.init)
        for rule in rules { try rule.check() }
        if try !place.request.flag("x-oss-allow-same-action-overlap") { try LifecycleRule.checkOverlap(rules) }
    }
}

private struct LifecycleRule {
    private let rule: XMLNode

    init(_ rule: XMLNode) {
        self.rule = rule
    }

    private static let actions = [
        "Expiration", "Transition", "AbortMultipartUpload", "NoncurrentVersionExpiration",
        "NoncurrentVersionTransition",
    ]

    func check() throws(Fault) {
        let actions = Self.actions.flatMap(rule.all)
        guard !actions.isEmpty else { throw .malformedXML("Rule must have an action.") }
        for action in actions {
            let times = ["Days", "NoncurrentDays", "CreatedBeforeDate", "Date", "ExpiredObjectDeleteMarker"]
            guard times.contains(where: { action.child($0) != nil }) else {
                throw .malformedXML("\(action.name) must say when.")
            }
        }
        let timed = rule.all("Expiration") + rule.all("Transition")
        if timed.contains(where: { $0.child("Days") != nil }),
            timed.contains(where: { $0.child("CreatedBeforeDate") != nil })
        {
            throw Fault(.badRequest, "InvalidRequest", "Days and CreatedBeforeDate can not be used in the same rule.")
        }
        try checkOrder("Transition", days: "Days", before: rule["Expiration/Days"])
        try checkOrder(
            "NoncurrentVersionTransition", days: "NoncurrentDays",
            before: rule["NoncurrentVersionExpiration/NoncurrentDays"])
        for tag in rule.all("Tag") + rule.all("Filter").flatMap({ $0.all("Not") }).flatMap({ $0.all("Tag") }) {
            for part in tag.children where !part.text.allSatisfy(Self.mayBeInTag) {
                throw .invalidArgument("Tag", part.text, "A tag has letters, digits, spaces and +-=._:/ only.")
            }
        }
    }

    /// Colder classes come later, and all of them before the end.
    private func checkOrder(_ name: String, days: String, before end: XMLNode?) throws(Fault) {
        var coldest: (rank: Int, days: Int64)?
        let transitions = rule.all(name).compactMap { node in
            Int64(node.value(days) ?? "").flatMap { days in
                StorageClass(rawValue: node.value("StorageClass") ?? "").map { ($0, days) }
            }
        }
        for (storageClass, days) in transitions.sorted(by: { $0.1 < $1.1 }) {
            guard let rank = StorageClass.allCases.firstIndex(of: storageClass), storageClass != .standard else {
                throw .invalidArgument("StorageClass", storageClass.rawValue, "The storage class can not be Standard.")
            }
            if let coldest, rank < coldest.rank {
                throw .invalidArgument(
                    "Days", String(days), "Objects can not go from a colder storage class to a warmer one.")
            }
            if let end = end.flatMap({ Int64($0.trimmedText) }), days >= end {
                throw .invalidArgument("Days", String(days), "A transition must come before the expiration.")
            }
            coldest = (rank, days)
        }
    }

    /// Two rules must not do the same to the same objects.
    static func checkOverlap(_ rules: [LifecycleRule]) throws(Fault) {
        for action in actions {
            var seen: [(prefix: String, tags: [XMLNode])] = []
            for rule in rules.map(\.rule) where rule.value("Status") == "Enabled" && rule.child(action) != nil {
                let (prefix, tags) = (rule.child("Prefix")?.text ?? "", rule.all("Tag"))
                for other in seen where other.tags == tags {
                    if prefix.utf8.starts(with: other.prefix.utf8) || other.prefix.utf8.starts(with: prefix.utf8) {
                        throw .invalidArgument("Prefix", prefix, "Overlap for same action type \(action)")
                    }
                }
                seen.append((prefix, tags))
            }
        }
    }

    private static func mayBeInTag(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || " +-=._:/".contains(character)
    }
}

extension Fault {
    fileprivate static let noSuchLifecycle = Fault(.notFound, "NoSuchLifecycle", "No Row found in Lifecycle Table.")
}

extension XMLNode {
    /// Whether a lifecycle rule goes by the last access.
    var usesAccessTime: Bool {
        all("Rule").contains { rule in
            rule.children.contains { $0.value("IsAccessTime") == "true" }
        }
    }
}
