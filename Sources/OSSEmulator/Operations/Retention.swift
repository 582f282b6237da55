extension Operation {
    static let retentionOperations: [Operation] = [
        Operation("PutObjectRetention", .PUT, .object, "retention", need: .owner) {
            try await $0.putObjectRetention($1)
        },
        Operation("GetObjectRetention", .GET, .object, "retention", need: .owner) { try $0.getObjectRetention($1) },
        Operation("PutObjectLegalHold", .PUT, .object, "legalHold", need: .owner) {
            try await $0.putObjectLegalHold($1)
        },
        Operation("GetObjectLegalHold", .GET, .object, "legalHold", need: .owner) { try $0.getObjectLegalHold($1) },
    ]
}

extension ObjectRetention {
    init(mode: String?, until: String?, now: EmulatorInstant) throws(Fault) {
        guard let mode = Mode(rawValue: mode ?? "") else {
            throw .invalidArgument("Mode", mode ?? "", "The retention mode must be GOVERNANCE or COMPLIANCE.")
        }
        guard let date = EmulatorInstant(iso8601: until ?? "") else {
            throw .invalidArgument(
                "RetainUntilDate", until ?? "", "The date must look like 2026-10-11T00:00:00.000Z.")
        }
        guard date > now else {
            throw .invalidArgument("RetainUntilDate", until ?? "", "The retain until date must be in the future.")
        }
        self.init(mode: mode, until: date)
    }

    /// Whether this may come after `old` without anybody insisting: only longer, and never weaker.
    fileprivate func extends(_ old: ObjectRetention) -> Bool {
        until >= old.until && (mode == .compliance || old.mode == .governance)
    }
}

extension ObjectAttributes {
    private static let legalHolds = ["ON": true, "OFF": false]

    static func legalHold(_ text: String) throws(Fault) -> Bool {
        guard let isOn = legalHolds[text] else {
            throw .invalidArgument("Status", text, "The legal hold must be ON or OFF.")
        }
        return isOn
    }

    /// The headers that protect an object from its beginning.
    mutating func protect(by request: Request, bucket: BucketRecord) throws(Fault) {
        let mode = request.nonEmptyHeader("x-oss-object-worm-mode")
        let until = request.nonEmptyHeader("x-oss-object-worm-retain-until-date")
        let hold = request.nonEmptyHeader("x-oss-object-worm-legal-hold")
        guard mode != nil || until != nil || hold != nil else { return }
        guard Protection(bucket, now: request.received).allowsRetention else { throw .retentionNotEnabled }
        if mode != nil || until != nil {
            retention = try ObjectRetention(mode: mode, until: until, now: request.received)
        }
        if let hold { isOnLegalHold = try Self.legalHold(hold) }
    }
}

/// Retention and legal hold of single versions, in buckets that have it.
extension Service {
    private func requireRetention(_ call: Call) throws {
        guard Protection(try call.bucket, now: call.request.received).allowsRetention else {
            throw Fault.retentionNotEnabled
        }
    }

    func putObjectRetention(_ call: Call) async throws -> Response {
        guard let document = try await call.document(root: "Retention"), let mode = document.value("Mode"),
            let until = document.value("RetainUntilDate")
        else { throw Fault.malformedXML }
        try requireRetention(call)
        let now = configuration.now()
        let retention = try ObjectRetention(mode: mode, until: until, now: now)
        let bypasses = try call.request.flag("x-oss-bypass-governance-retention")
        return try await update(call) { version in
            guard version.type != .appendable, version.type != .symlink else { throw Fault.retentionNotSupported }
            if let old = version.attributes.retention, now < old.until, !retention.extends(old),
                old.mode == .compliance || !bypasses
            {
                throw Fault.fileImmutable(version.key)
            }
            version.attributes.retention = retention
        }
    }

    func getObjectRetention(_ call: Call) throws -> Response {
        try requireRetention(call)
        let (version, _, versionHeader) = try find(call)
        let retention = version.attributes.retention
        var response = Response(root: "Retention") { xml in
            xml.element("Mode", retention?.mode.rawValue ?? "")
            xml.element("RetainUntilDate", retention?.until.iso8601 ?? "")
        }
        response.set("x-oss-version-id", versionHeader)
        return response
    }

    func putObjectLegalHold(_ call: Call) async throws -> Response {
        guard let status = try await call.document(root: "LegalHold")?.value("Status") else { throw Fault.malformedXML }
        try requireRetention(call)
        let isOn = try ObjectAttributes.legalHold(status)
        return try await update(call) { version in
            guard version.type != .appendable, version.type != .symlink else { throw Fault.retentionNotSupported }
            version.attributes.isOnLegalHold = isOn
        }
    }

    func getObjectLegalHold(_ call: Call) throws -> Response {
        try requireRetention(call)
        let (version, _, versionHeader) = try find(call)
        var response = Response(root: "LegalHold") { xml in
            xml.element("Status", version.attributes.isOnLegalHold == true ? "ON" : "OFF")
        }
        response.set("x-oss-version-id", versionHeader)
        return response
    }
}

extension Fault {
    static let retentionNotEnabled = Fault(
        .badRequest, "InvalidRequest", "Object-level retention is not enabled for the bucket.")

    static let retentionNotSupported = Fault(
        .badRequest, "OperationNotSupported", "Objects of this type can't be retained.")
}
