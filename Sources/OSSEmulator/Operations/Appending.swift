import Crypto
import OSSChecksum

extension Operation {
    static let appendOperations: [Operation] = [
        Operation("AppendObject", .POST, .object, "append", need: .writeObject, action: "PutObject") {
            try await $0.appendObject($1)
        },
        Operation("SealAppendObject", .POST, .object, "seal", need: .writeObject) { try await $0.sealAppendObject($1) },
    ]
}

/// Objects that grow at their end, until they are sealed.
extension Service {
    private func position(_ call: Call) throws -> Int64 {
        guard let text = call.query.nonEmpty("position"), let position = Int64(text), position >= 0 else {
            throw Fault.invalidArgument(
                "position", call.query.value("position") ?? "", "The position must be a number that is not negative.")
        }
        if let version = call.query.value("versionId") {
            throw Fault.invalidArgument(
                "versionId", version, "Appending works on the latest version only.", ec: "0016-00000504")
        }
        return position
    }

    func appendObject(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let key = try call.key
        let position = try position(call)
        let attributes = try ObjectAttributes(call.request, bucket: bucket)
        try limitUpload(call)
        _ = try call.request.flag("x-oss-forbid-overwrite")
        guard attributes.storageClass != .coldArchive, attributes.storageClass != .deepColdArchive else {
            throw Fault.invalidArgument(
                "x-oss-storage-class", attributes.storageClass.rawValue,
                "An appendable object can't be of this storage class.", ec: "0016-00000503")
        }
        let start = configuration.now()
        try Self.checkAppend(
            try catalogue.version(nil, of: key, in: bucket.name), position, Protection(bucket, now: start), start)
        let body = try await ingest(call, upTo: max(ObjectLimits.object - position, 0))
        let now = configuration.now()
        let written = try await catalogue.change(bucket.name, key) { catalogue in
            guard let bucket = catalogue.bucket(bucket.name) else { throw Fault.noSuchBucket(bucket.name) }
            let existing = try catalogue.version(nil, of: key, in: bucket.name)
            try Self.checkAppend(existing, position, Protection(bucket, now: now), now)
            guard let existing, !existing.isDeleteMarker else {
                let draft = ObjectVersion(
                    key: key, versionID: "", sequence: 0, lastModified: now, type: .appendable, size: body.size,
                    etag: body.etag, crc64: body.crc64, contentMD5: nil, attributes: attributes,
                    segments: body.segments)
                return try catalogue.putVersion(draft, in: bucket.name, forbidOverwrite: false)
            }
            return try catalogue.updateVersion(existing.versionID, of: key, in: bucket.name) { version in
                version.append(body, at: now)
            }
        }
        withExtendedLifetime(body.lease) {}
        var response = Response()
        response.set("ETag", "\"\(written.version.etag)\"")
        response.set("x-oss-next-append-position", String(written.version.size))
        response.set("x-oss-hash-crc64ecma", String(written.version.crc64))
        response.set("x-oss-version-id", written.versionHeader)
        response.setEncryption(written.version.attributes)
        return response
    }

    private static func checkAppend(
        _ existing: ObjectVersion?, _ position: Int64, _ protection: Protection, _ now: EmulatorInstant
    ) throws(Fault) {
        // What can be retained must not change, so there it doesn't begin.
        guard !protection.allowsRetention else { throw .appendNotSupported }
        guard let existing, !existing.isDeleteMarker else {
            guard position == 0 else { throw .positionNotEqualToLength(0) }
            return
        }
        guard existing.type == .appendable else { throw .objectNotAppendable }
        guard existing.sealed == nil else { throw .appendSealed }
        guard position == existing.size else { throw .positionNotEqualToLength(existing.size) }
        try protection.check(existing, at: now)
    }

    func sealAppendObject(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        let key = try call.key
        let position = try position(call)
        let now = configuration.now()
        let written = try await catalogue.change(bucket, key) { catalogue in
            try catalogue.updateVersion(nil, of: key, in: bucket) { version in
                guard version.type == .appendable else { throw Fault.objectNotAppendable }
                guard position == version.size else { throw Fault.positionNotEqualToLength(version.size) }
                // Sealed again it stays sealed since the first time.
                if version.sealed == nil { version.sealed = now }
            }
        }
        var response = Response()
        response.set("ETag", "\"\(written.version.etag)\"")
        response.set("x-oss-sealed-time", written.version.sealed?.httpDate)
        response.set("x-oss-version-id", written.versionHeader)
        return response
    }
}

extension ObjectVersion {
    /// Adds a body at the end. The ETag must change with the content, and the MD5 of the whole isn't known any more.
    fileprivate mutating func append(_ body: StoredBody, at now: EmulatorInstant) {
        var md5 = Insecure.MD5()
        md5.update(data: Hex.decode(etag) ?? [])
        md5.update(data: body.md5)
        etag = Hex.encode(md5.finalize(), uppercase: true)
        crc64 = CRC64.combine(crc64, body.crc64, secondLength: UInt64(body.size))
        size += body.size
        segments += body.segments
        lastModified = now
        contentMD5 = nil
    }
}

extension Fault {
    static let appendSealed = Fault(
        .badRequest, "AppendSealedObjectNotAllowed", "The object is sealed and takes no more data.")

    static let appendNotSupported = Fault(
        .badRequest, "OperationNotSupported", "Append is not supported in a bucket with object-level retention.")
}
