extension Operation {
    static let redundancyOperations: [Operation] = [
        Operation("CreateBucketDataRedundancyTransition", .POST, .bucket, "redundancyTransition", need: .owner) {
            try await $0.createRedundancyTransition($1)
        },
        Operation(
            "GetBucketDataRedundancyTransition", .GET, .bucket,
            "redundancyTransition&x-oss-redundancy-transition-taskid", need: .owner
        ) { try $0.getRedundancyTransition($1) },
        Operation("ListBucketDataRedundancyTransition", .GET, .bucket, "redundancyTransition", need: .owner) {
            try $0.listBucketRedundancyTransitions($1)
        },
        Operation("ListUserDataRedundancyTransition", .GET, .service, "redundancyTransition", need: .account) {
            try $0.listUserRedundancyTransitions($1)
        },
        Operation("DeleteBucketDataRedundancyTransition", .DELETE, .bucket, "redundancyTransition", need: .owner) {
            try await $0.deleteRedundancyTransition($1)
        },
    ]
}

/// A bucket on its way to another kind of redundancy. There are no copies here to be made; it takes its time all the
/// same, a short one, so that its states can be seen.
struct RedundancyTransition: Sendable {
    private static let kind = "redundancyTransition"
    private static let queueTime: Int64 = 5000
    private static let processTime: Int64 = 10_000

    var bucket: String
    var id: String
    var target: String
    var created: EmulatorInstant

    init(bucket: String, target: String, created: EmulatorInstant) {
        self.bucket = bucket
        id = Service.randomID()
        self.target = target
        self.created = created
    }

    private init?(_ bucket: String, _ id: String, _ document: XMLNode) {
        guard let target = document.value("Target"),
            let created = document.value("CreateTime").flatMap(EmulatorInstant.init(iso8601:))
        else { return nil }
        self.bucket = bucket
        self.id = id
        self.target = target
        self.created = created
    }

    /// The newest first.
    static func all(of record: BucketRecord) -> [RedundancyTransition] {
        record.documents(kind).compactMap { RedundancyTransition(record.name, $0.name, $0.document) }
            .sorted { $0.created > $1.created }
    }

    static func key(_ id: String) -> String { "\(kind)/\(id)" }

    var document: XMLNode {
        XMLNode("Task", [XMLNode("Target", target), XMLNode("CreateTime", created.iso8601)])
    }

    private func elapsed(_ now: EmulatorInstant) -> Int64 { now.millisecondsSince1970 - created.millisecondsSince1970 }

    private func after(_ milliseconds: Int64) -> EmulatorInstant {
        EmulatorInstant(millisecondsSince1970: created.millisecondsSince1970 + milliseconds)
    }

    func isFinished(at now: EmulatorInstant) -> Bool { elapsed(now) >= Self.queueTime + Self.processTime }

    func write(to xml: inout XMLWriter, at now: EmulatorInstant) {
        let processed = max(0, min(elapsed(now) - Self.queueTime, Self.processTime))
        let isQueueing = elapsed(now) < Self.queueTime
        xml.element("Bucket", bucket)
        xml.element("TaskId", id)
        xml.element("Status", isQueueing ? "Queueing" : isFinished(at: now) ? "Finished" : "Processing")
        xml.element("CreateTime", created.iso8601)
        guard !isQueueing else { return }
        xml.element("StartTime", after(Self.queueTime).iso8601)
        xml.element("ProcessPercentage", processed * 100 / Self.processTime)
        // In hours, and begun ones count.
        xml.element("EstimatedRemainingTime", isFinished(at: now) ? 0 : 1)
        if isFinished(at: now) { xml.element("EndTime", after(Self.queueTime + Self.processTime).iso8601) }
    }
}

extension BucketRecord {
    /// What the bucket has come to.
    func redundancy(at now: EmulatorInstant) -> String {
        RedundancyTransition.all(of: self).first { $0.isFinished(at: now) }?.target ?? redundancy
    }
}

extension Service {
    func createRedundancyTransition(_ call: Call) async throws -> Response {
        let name = "x-oss-target-redundancy-type"
        guard let target = call.query.nonEmpty(name) ?? call.request.nonEmptyHeader(name) else {
            throw Fault.missingArgument.detail("ArgumentName", name)
        }
        guard target == "ZRS" || target == "LRS" else {
            throw Fault.invalidArgument(name, target, "No such data redundancy type exists.")
        }
        let now = call.request.received
        let transition = RedundancyTransition(bucket: try call.bucket.name, target: target, created: now)
        try await changeBucket(call) { bucket in
            guard bucket.redundancy(at: now) != target else {
                throw Fault.invalidArgument(name, target, "The bucket has this data redundancy type already.")
            }
            let all = RedundancyTransition.all(of: bucket)
            guard all.allSatisfy({ $0.isFinished(at: now) }) else { throw Fault.redundancyTransitionUnderWay }
            // Of what is over only the last says anything.
            for old in all.dropFirst() { bucket.documents[RedundancyTransition.key(old.id)] = nil }
            bucket.documents[RedundancyTransition.key(transition.id)] = transition.document.bytes
        }
        return Response(root: "BucketDataRedundancyTransition") { $0.element("TaskId", transition.id) }
    }

    func getRedundancyTransition(_ call: Call) throws -> Response {
        let id = call.query.value("x-oss-redundancy-transition-taskid") ?? ""
        guard let found = RedundancyTransition.all(of: try call.bucket).first(where: { $0.id == id }) else {
            throw Fault.noSuchRedundancyTransition(id)
        }
        let now = call.request.received
        return Response(root: "BucketDataRedundancyTransition") { found.write(to: &$0, at: now) }
    }

    func listBucketRedundancyTransitions(_ call: Call) throws -> Response {
        list(RedundancyTransition.all(of: try call.bucket), nil, call)
    }

    func listUserRedundancyTransitions(_ call: Call) throws -> Response {
        let account = try call.account
        let limit = try call.number("max-keys", default: 100, in: 1...1000)
        let token = call.query.nonEmpty("continuation-token")
        let all = catalogue.read { state in
            state.buckets.values.filter { $0.record.ownerID == account }
                .flatMap { RedundancyTransition.all(of: $0.record) }
        }.sorted { $0.created == $1.created ? $0.id < $1.id : $0.created > $1.created }
        let start = token.map { token in all.firstIndex { $0.id == token }.map { $0 + 1 } ?? all.count } ?? 0
        let rest = all[start...]
        let page = Array(rest.prefix(limit))
        return list(page, page.count < rest.count ? page.last?.id : nil, call)
    }

    private func list(_ page: [RedundancyTransition], _ next: String?, _ call: Call) -> Response {
        let now = call.request.received
        return Response(root: "ListBucketDataRedundancyTransition") { xml in
            for transition in page {
                xml.element("BucketDataRedundancyTransition") { transition.write(to: &$0, at: now) }
            }
            xml.element("IsTruncated", next != nil)
            xml.optional("NextContinuationToken", next)
        }
    }

    func deleteRedundancyTransition(_ call: Call) async throws -> Response {
        let id = call.query.value("x-oss-redundancy-transition-taskid") ?? ""
        let now = call.request.received
        try await changeBucket(call) { bucket in
            guard let found = RedundancyTransition.all(of: bucket).first(where: { $0.id == id }) else {
                throw Fault.noSuchRedundancyTransition(id)
            }
            // What was reached stays.
            if found.isFinished(at: now) { bucket.redundancy = found.target }
            bucket.documents[RedundancyTransition.key(id)] = nil
        }
        return Response(.noContent)
    }
}

extension Fault {
    fileprivate static func noSuchRedundancyTransition(_ id: String) -> Fault {
        Fault(
            .notFound, "NoSuchBucketDataRedundancyTransition",
            "The specified data redundancy transition task does not exist."
        ).detail("TaskId", id)
    }

    fileprivate static let redundancyTransitionUnderWay = Fault(
        .conflict, "BucketDataRedundancyTransitionInProgress",
        "A data redundancy transition task of the bucket is under way.")
}
