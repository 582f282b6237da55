extension Operation {
    static let replicationOperations: [Operation] = [
        Operation("PutBucketReplication", .POST, .bucket, "replication&comp=add", need: .owner) {
            try await $0.putBucketReplication($1)
        },
        Operation("GetBucketReplication", .GET, .bucket, "replication", need: .owner) {
            try $0.getBucketReplication($1)
        },
        Operation("DeleteBucketReplication", .POST, .bucket, "replication&comp=delete", need: .owner) {
            try await $0.deleteBucketReplication($1)
        },
        Operation("GetBucketReplicationLocation", .GET, .bucket, "replicationLocation", need: .owner) {
            try $0.getBucketReplicationLocation($1)
        },
        Operation("GetBucketReplicationProgress", .GET, .bucket, "replicationProgress", need: .owner) {
            try $0.getBucketReplicationProgress($1)
        },
        Operation("PutBucketRtc", .PUT, .bucket, "rtc", need: .owner) { try await $0.putBucketRtc($1) },
    ]
}

/// Replication rules: checked, kept, and led through their states. Nothing is copied: other regions are elsewhere.
private struct ReplicationRule: Sendable {
    /// As it was put, with `ID` first and what clients left out.
    var document: XMLNode
    var created: EmulatorInstant
    /// When its end began.
    var closed: EmulatorInstant?

    private static let startTime: Int64 = 60_000
    private static let closeTime: Int64 = 30_000

    var id: String { document.child("ID")?.text ?? "" }
    var destination: String? { document["Destination/Bucket"]?.trimmedText }

    init(_ document: XMLNode, created: EmulatorInstant) {
        self.document = document
        self.created = created
    }

    private init?(stored node: XMLNode) {
        guard let document = node.child("Rule"),
            let created = node.value("Created").flatMap(EmulatorInstant.init(iso8601:))
        else { return nil }
        self.document = document
        self.created = created
        closed = node.value("Closed").flatMap(EmulatorInstant.init(iso8601:))
    }

    /// The rules of a bucket but those that are over.
    static func all(of bucket: BucketRecord, at now: EmulatorInstant) -> [ReplicationRule] {
        (bucket.document("replication")?.children ?? []).compactMap(ReplicationRule.init(stored:)).filter { rule in
            rule.closed.map { now.millisecondsSince1970 < $0.millisecondsSince1970 + closeTime } ?? true
        }
    }

    static func store(_ rules: [ReplicationRule], in bucket: inout BucketRecord) {
        let nodes = rules.map { rule in
            XMLNode(
                "Stored",
                [rule.document, XMLNode("Created", rule.created.iso8601)]
                    + (rule.closed.map { [XMLNode("Closed", $0.iso8601)] } ?? []))
        }
        bucket.documents["replication"] = nodes.isEmpty ? nil : XMLNode("Replication", nodes).bytes
    }

    func status(at now: EmulatorInstant) -> String {
        if closed != nil { return "closing" }
        return now.millisecondsSince1970 < created.millisecondsSince1970 + Self.startTime ? "starting" : "doing"
    }

    func write(to xml: inout XMLWriter, at now: EmulatorInstant) {
        xml.element("Rule") { xml in
            for child in document.children { xml.copy(child) }
            xml.element("Status", status(at: now))
        }
    }
}

extension BucketRecord {
    func isReplicated(at now: EmulatorInstant) -> Bool {
        ReplicationRule.all(of: self, at: now).contains { $0.closed == nil }
    }
}

extension Service {
    private static let rtc = Schema.of(.one("Status", .choice(["enabled", "disabled"])))
    private static let replication = Schema.of(
        .many(
            "Rule", 1...100,
            .of(
                .optional("ID", .text(0...255)),
                .one(
                    "Destination",
                    .of(
                        .one("Bucket"), .one("Location"),
                        .optional("TransferType", .choice(["internal", "oss_acc"])))),
                .optional("PrefixSet", .of(.many("Prefix", 0...10))), .optional("Action", default: "ALL"),
                .optional("HistoricalObjectReplication", .choice(["enabled", "disabled"]), default: "enabled"),
                .optional("RTC", rtc), .optional("SyncRole"),
                .optional(
                    "SourceSelectionCriteria",
                    .of(
                        .optional(
                            "SseKmsEncryptedObjects", .of(.one("Status", .choice(["Enabled", "Disabled"])))))),
                .optional("EncryptionConfiguration", .of(.one("ReplicaKmsKeyID"))))))

    func putBucketReplication(_ call: Call) async throws -> Response {
        var document = try await call.document(root: "ReplicationConfiguration", Self.replication)
        try document.settleRuleIDs()
        let now = call.request.received
        let new = document.all("Rule").map { rule in
            var rule = rule
            rule.settleReplication()
            return ReplicationRule(rule, created: now)
        }
        try await changeBucket(call) { bucket in
            var rules = ReplicationRule.all(of: bucket, at: now)
            for rule in new {
                guard !rules.contains(where: { $0.id == rule.id || $0.destination == rule.destination }) else {
                    throw Fault.replicationExists
                }
                rules.append(rule)
            }
            ReplicationRule.store(rules, in: &bucket)
        }
        return Response(headers: new.prefix(1).map { HeaderField(name: "x-oss-replication-rule-id", value: $0.id) })
    }

    func getBucketReplication(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        let now = call.request.received
        let rules = ReplicationRule.all(of: bucket, at: now)
        guard !rules.isEmpty else { throw Fault.noSuchReplication.detail("BucketName", bucket.name) }
        return Response(root: "ReplicationConfiguration") { xml in
            for rule in rules { rule.write(to: &xml, at: now) }
        }
    }

    /// A rule ends, but not at once.
    func deleteBucketReplication(_ call: Call) async throws -> Response {
        let document = try await call.document(root: "ReplicationRules", .of(.many("ID", 1...100)))
        let ids = Set(document.all("ID").map(\.text))
        try await changeRules(call) { rules, now in
            for id in ids where !rules.contains(where: { $0.id == id }) { throw Fault.noSuchReplicationRule(id) }
            for index in rules.indices where ids.contains(rules[index].id) && rules[index].closed == nil {
                rules[index].closed = now
            }
        }
        return Response()
    }

    func putBucketRtc(_ call: Call) async throws -> Response {
        let document = try await call.document(
            root: "ReplicationRule", .of(.one("RTC", Self.rtc), .one("ID", .text(1...255))))
        guard let id = document.child("ID")?.text, let rtc = document.child("RTC") else { throw Fault.malformedXML }
        try await changeRules(call) { rules, _ in
            guard let index = rules.firstIndex(where: { $0.id == id }) else { throw Fault.noSuchReplicationRule(id) }
            rules[index].document.set(rtc)
        }
        return Response()
    }

    private func changeRules(
        _ call: Call, _ body: @escaping @Sendable (inout [ReplicationRule], EmulatorInstant) throws -> Void
    ) async throws {
        let now = call.request.received
        try await changeBucket(call) { bucket in
            var rules = ReplicationRule.all(of: bucket, at: now)
            try body(&rules, now)
            ReplicationRule.store(rules, in: &bucket)
        }
    }

    func getBucketReplicationProgress(_ call: Call) throws -> Response {
        let now = call.request.received
        let id = call.query.nonEmpty("rule-id")
        let rules = ReplicationRule.all(of: try call.bucket, at: now).filter { id == nil || $0.id == id }
        guard !rules.isEmpty else { throw Fault.noSuchReplicationRule(id ?? "") }
        return Response(root: "ReplicationProgress") { xml in
            for rule in rules {
                xml.element("Rule") { xml in
                    for name in ["ID", "PrefixSet", "Action", "Destination"] {
                        if let node = rule.document.child(name) { xml.copy(node) }
                    }
                    xml.element("Status", rule.status(at: now))
                    xml.element(
                        "HistoricalObjectReplication",
                        rule.document.value("HistoricalObjectReplication") ?? "enabled")
                    // Of what was there before nothing has been copied, and of what came since neither.
                    xml.element("Progress") { $0.element("HistoricalObject", "0.0") }
                }
            }
        }
    }

    /// Where a bucket can be replicated to: all other regions.
    func getBucketReplicationLocation(_ call: Call) throws -> Response {
        let locations = Region.all(with: configuration.region).filter { $0 != configuration.region }.map { "oss-\($0)" }
        return Response(root: "ReplicationLocation") { xml in
            for location in locations { xml.element("Location", location) }
            xml.element("LocationTransferTypeConstraint") { xml in
                for location in locations {
                    xml.element("LocationTransferType") { xml in
                        xml.element("Location", location)
                        xml.element("TransferTypes") { $0.element("Type", "oss_acc") }
                    }
                }
            }
            xml.element("LocationRTCConstraint") { xml in
                for location in locations where location.hasPrefix("oss-cn-") { xml.element("Location", location) }
            }
        }
    }
}

extension XMLNode {
    /// Encrypted objects are replicated only under a role, and with a key only where they are at all.
    fileprivate mutating func settleReplication() {
        remove("Status")
        if value("SyncRole")?.isEmpty != false { remove("SourceSelectionCriteria") }
        if self["SourceSelectionCriteria/SseKmsEncryptedObjects/Status"]?.trimmedText != "Enabled" {
            remove("EncryptionConfiguration")
        }
    }
}

extension Fault {
    fileprivate static let replicationExists = Fault(
        .badRequest, "BucketReplicationAlreadyExist", "Bucket replication already exists.")

    fileprivate static let noSuchReplication = Fault(
        .notFound, "NoSuchReplicationConfiguration",
        "The bucket you specified does not have replication configuration.")

    fileprivate static func noSuchReplicationRule(_ id: String) -> Fault {
        Fault(.notFound, "NoSuchReplicationRule", "The specified replication rule does not exist.")
            .detail("RuleId", id)
    }
}
