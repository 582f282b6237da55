extension Operation {
    static let restoreOperations: [Operation] = [
        Operation("RestoreObject", .POST, .object, "restore", need: .writeObject) { try await $0.restoreObject($1) },
        Operation("CleanRestoredObject", .POST, .object, "cleanRestoredObject", need: .writeObject) {
            try await $0.cleanRestoredObject($1)
        },
    ]
}

extension ObjectRestore {
    enum State {
        case underWay, done, over
    }

    func state(at now: EmulatorInstant) -> State {
        now < ready ? .underWay : now < end ? .done : .over
    }

    /// What `x-oss-restore` and listings say.
    func description(at now: EmulatorInstant) -> String {
        switch state(at: now) {
        case .underWay: #"ongoing-request="true""#
        default: #"ongoing-request="false", expiry-date="\#(end.httpDate)""#
        }
    }
}

extension StorageClass {
    /// How many days an object can be readable at a stretch.
    fileprivate var longestRestore: Int64 { self == .archive ? 7 : 365 }
}

/// Archived objects, and making them readable for a while.
extension Service {
    /// Whether a version's bytes can't be read as it is.
    func isFrozen(_ version: ObjectVersion, in bucket: BucketRecord) -> Bool {
        guard version.attributes.storageClass.needsRestore else { return false }
        if version.restore?.state(at: configuration.now()) == .done { return false }
        return version.attributes.storageClass != .archive
            || bucket.document("bucketArchiveDirectRead")?.value("Enabled") != "true"
    }

    private struct Wish: Sendable {
        var days: Int64 = 1
        var tier: RestoreTier?

        init(_ document: XMLNode?) throws(Fault) {
            guard let document else { return }
            if let text = document.value("Days") {
                guard let number = Int64(text), number > 0 else {
                    throw .invalidArgument("Days", text, "The days must be a positive number.")
                }
                days = number
            }
            guard let text = document.child("JobParameters")?.value("Tier") ?? document.value("Tier") else { return }
            guard let tier = RestoreTier(rawValue: text) else { throw .invalidTier(text) }
            self.tier = tier
        }

        func check(_ storageClass: StorageClass) throws(Fault) {
            guard storageClass.needsRestore else { throw .restoreNotSupported }
            // Archive has no tiers, and its schema doesn't know them.
            if storageClass == .archive, tier != nil { throw .malformedXML }
            if storageClass == .deepColdArchive, tier == .bulk { throw .invalidTier(RestoreTier.bulk.rawValue) }
            guard days <= storageClass.longestRestore else {
                throw .invalidArgument(
                    "Days", String(days), "The days must not be more than \(storageClass.longestRestore).")
            }
        }
    }

    func restoreObject(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        let key = try call.key
        let versionID = try call.versionID
        let wish = try Wish(try await call.document(root: "RestoreRequest"))
        let now = configuration.now()
        let duration = configuration.restoreDuration
        let (written, isNew) = try await catalogue.change(bucket, key) { catalogue in
            var isNew = true
            let written = try catalogue.updateVersion(versionID, of: key, in: bucket) { version in
                let storageClass = version.attributes.storageClass
                try wish.check(storageClass)
                let tier = storageClass == .archive ? nil : wish.tier ?? .standard
                switch version.restore?.state(at: now) {
                case .underWay:
                    // The only thing to change about it is to want it sooner.
                    guard let tier, let before = version.restore?.tier, tier > before else {
                        throw Fault.restoreInProgress(isLess: tier.map { $0 < version.restore?.tier ?? $0 } ?? false)
                    }
                    version.restore?.tier = tier
                case .done:
                    isNew = false
                    // The days add up, to the most that the class allows.
                    let days = wish.days
                    version.restore = version.restore.map { restore in
                        let last = restore.ready.adding(days: storageClass.longestRestore)
                        return ObjectRestore(
                            ready: restore.ready, end: max(restore.end, min(restore.end.adding(days: days), last)),
                            tier: restore.tier)
                    }
                case .over, nil:
                    let ready = now.adding(milliseconds: duration.milliseconds)
                    version.restore = ObjectRestore(ready: ready, end: ready.adding(days: wish.days), tier: tier)
                }
            }
            return (written, isNew)
        }
        var response = Response(isNew ? .accepted : .ok)
        response.set("x-oss-version-id", written.versionHeader)
        response.set("x-oss-object-restore-priority", written.version.restore?.tier?.rawValue)
        return response
    }

    func cleanRestoredObject(_ call: Call) async throws -> Response {
        let now = configuration.now()
        return try await update(call) { version in
            switch version.restore?.state(at: now) {
            case .underWay: throw Fault.restoreNotFinished
            case .done: version.restore = nil
            case .over, nil: throw Fault.nothingRestored
            }
        }
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1000)
        return overflows ? .max : whole + attoseconds / 1_000_000_000_000_000
    }
}

extension Fault {
    static let restoreNotSupported = Fault(
        .badRequest, "OperationNotSupported", "The operation is not supported for this resource", ec: "0016-00000702")

    static func invalidTier(_ value: String) -> Fault {
        invalidArgument("Tier", value, "The tier of the restore is invalid.", ec: "0016-00000703")
    }

    /// - Parameter isLess: it was asked for with less urgency than before.
    static func restoreInProgress(isLess: Bool) -> Fault {
        Fault(
            .conflict, "RestoreAlreadyInProgress", "The restore operation is in progress.",
            ec: isLess ? "0016-00000715" : "0016-00000701")
    }

    static let restoreNotFinished = Fault(
        .conflict, "ArchiveRestoreNotFinished", "The archive file's restore is not finished.", ec: "0016-00000719")

    static let nothingRestored = Fault(
        .conflict, "ArchiveRestoreFileStale", "The archive file is not restored, or not any more.")
}
