extension Operation {
    static let wormOperations: [Operation] = [
        Operation("InitiateBucketWorm", .POST, .bucket, "worm", need: .owner) { try await $0.initiateBucketWorm($1) },
        Operation("AbortBucketWorm", .DELETE, .bucket, "worm", need: .owner) { try await $0.abortBucketWorm($1) },
        Operation("CompleteBucketWorm", .POST, .bucket, "wormId", need: .owner) {
            try await $0.completeBucketWorm($1)
        },
        Operation("ExtendBucketWorm", .POST, .bucket, "wormExtend&wormId", need: .owner) {
            try await $0.extendBucketWorm($1)
        },
        Operation("GetBucketWorm", .GET, .bucket, "worm", need: .owner) { try $0.getBucketWorm($1) },
    ]
}

/// A bucket's retention policy: nothing younger than it can be changed or deleted.
struct BucketWorm: Sendable {
    enum State: String, Sendable {
        /// It can still be given up, and is when it isn't locked within a day.
        case inProgress = "InProgress"
        case locked = "Locked"
    }

    var id: String
    var state: State
    var days: Int64
    var created: EmulatorInstant

    static let timeToLock: Int64 = 86_400_000

    init(id: String, days: Int64, created: EmulatorInstant) {
        self.id = id
        state = .inProgress
        self.days = days
        self.created = created
    }

    /// The bucket's policy; nil when there is none, or when it was not locked in time.
    init?(_ bucket: BucketRecord, at now: EmulatorInstant) {
        guard let document = bucket.document("worm"), let id = document.value("WormId"),
            let state = document.value("State").flatMap(State.init(rawValue:)),
            let days = document.value("RetentionPeriodInDays").flatMap({ Int64($0) }),
            let created = document.value("CreationDate").flatMap(EmulatorInstant.init(iso8601:)),
            state == .locked || now.millisecondsSince1970 < created.millisecondsSince1970 + Self.timeToLock
        else { return nil }
        self.id = id
        self.state = state
        self.days = days
        self.created = created
    }

    var document: XMLNode {
        var document = XMLNode(
            "WormConfiguration",
            [
                XMLNode("WormId", id), XMLNode("State", state.rawValue),
                XMLNode("RetentionPeriodInDays", String(days)), XMLNode("CreationDate", created.iso8601),
            ])
        if state == .inProgress {
            let end = EmulatorInstant(millisecondsSince1970: created.millisecondsSince1970 + Self.timeToLock)
            document.children.append(XMLNode("ExpirationDate", end.iso8601))
        }
        return document
    }
}

extension Service {
    private static let retention = Schema.of(.one("RetentionPeriodInDays", .integer(1...25550)))

    private func retentionDays(_ call: Call, root: String) async throws -> Int64 {
        let document = try await call.document(root: root, Self.retention)
        guard let days = document.value("RetentionPeriodInDays").flatMap({ Int64($0) }) else {
            throw Fault.malformedXML
        }
        return days
    }

    /// Changes the policy alone among all changes; nil removes it.
    private func changeWorm(
        _ call: Call, _ body: @escaping @Sendable (BucketWorm?) throws -> BucketWorm?
    ) async throws {
        let name = try call.bucket.name
        let now = call.request.received
        try await catalogue.changeAlone { catalogue in
            try catalogue.updateBucket(name) { bucket in
                bucket.documents["worm"] = try body(BucketWorm(bucket, at: now))?.document.bytes
            }
        }
    }

    func initiateBucketWorm(_ call: Call) async throws -> Response {
        let new = BucketWorm(
            id: Self.randomID(uppercase: true), days: try await retentionDays(call, root: "InitiateWormConfiguration"),
            created: call.request.received)
        try await changeWorm(call) { worm in
            guard worm == nil else { throw Fault.wormConflict }
            return new
        }
        return Response(headers: [HeaderField(name: "x-oss-worm-id", value: new.id)])
    }

    func abortBucketWorm(_ call: Call) async throws -> Response {
        try await changeWorm(call) { worm in
            guard let worm else { throw Fault.noSuchWorm }
            guard worm.state == .inProgress else { throw Fault.wormLocked }
            return nil
        }
        return Response(.noContent)
    }

    func completeBucketWorm(_ call: Call) async throws -> Response {
        let id = call.query.value("wormId") ?? ""
        try await changeWorm(call) { worm in
            guard var worm, worm.id == id else { throw Fault.noSuchWorm }
            guard worm.state == .inProgress else { throw Fault.wormLocked }
            worm.state = .locked
            return worm
        }
        return Response()
    }

    func extendBucketWorm(_ call: Call) async throws -> Response {
        let id = call.query.value("wormId") ?? ""
        let days = try await retentionDays(call, root: "ExtendWormConfiguration")
        try await changeWorm(call) { worm in
            guard var worm, worm.id == id else { throw Fault.noSuchWorm }
            guard worm.state == .locked, days > worm.days else { throw Fault.invalidWorm }
            worm.days = days
            return worm
        }
        return Response()
    }

    func getBucketWorm(_ call: Call) throws -> Response {
        guard let worm = BucketWorm(try call.bucket, at: call.request.received) else { throw Fault.noSuchWorm }
        return Response(document: worm.document)
    }
}

extension Fault {
    fileprivate static let noSuchWorm = Fault(
        .notFound, "NoSuchWORMConfiguration", "The WORM Configuration does not exist.")

    fileprivate static let wormLocked = Fault(
        .forbidden, "WORMConfigurationLocked", "The WORM configuration is locked.")

    fileprivate static let wormConflict = Fault(
        .conflict, "WORMConfigurationConflict", "The bucket already has a WORM configuration.")

    fileprivate static let invalidWorm = Fault(
        .badRequest, "InvalidWORMConfiguration",
        "The WORM configuration must be locked, and its retention period can only grow.")
}
