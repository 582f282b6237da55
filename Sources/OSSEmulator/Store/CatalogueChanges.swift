/// The changes of buckets, versions and uploads. Each runs under the key's stripe (`change`) or all of them
/// (`changeAlone`): first the storage, then the index, so that what a client was told is on disk.
extension Catalogue {
    // MARK: Buckets

    /// Changes the storage and then the index. The latter also when the former is done but not safe from a crash of the
    /// machine: the client gets an error then, and what is in memory stays what is on disk.
    private func apply(_ write: () throws -> Void, then change: () throws -> Void) throws {
        do {
            try write()
        } catch let failure as StorageFailure where failure.isInPlace {
            try change()
            throw failure
        }
        try change()
    }

    func putBucket(_ record: BucketRecord) throws {
        try apply {
            try storage.write(record)
        } then: {
            mutate { state in
                if let index = state.buckets.index(forKey: record.name) {
                    state.buckets.values[index].record = record
                } else {
                    state.buckets[record.name] = Bucket(record: record)
                }
            }
        }
    }

    func updateBucket(_ name: String, _ body: (inout BucketRecord) throws -> Void) throws {
        guard var record = bucket(name) else { throw Fault.noSuchBucket(name) }
        try body(&record)
        try putBucket(record)
    }

    func removeBucket(_ name: String) throws {
        try inBucket(name) { bucket in
            guard bucket.objects.isEmpty else { throw Fault.bucketNotEmpty(name) }
            guard bucket.uploads.isEmpty else { throw Fault.bucketHasUploads(name) }
        }
        try apply {
            try storage.removeBucket(name)
        } then: {
            mutate { $0.buckets[name] = nil }
        }
    }

    // MARK: Accounts

    func updateAccount(_ id: String, _ body: (inout AccountRecord) throws -> Void) throws {
        var record = account(id)
        try body(&record)
        try storage.write(record)
        mutate { $0.accounts[id] = record }
    }

    // MARK: Versions

    struct Written: Sendable {
        var version: ObjectVersion
        /// What `x-oss-version-id` says; nil where there was never versioning.
        var versionHeader: String?
    }

    /// Makes `draft` the latest version of its key.
    func putVersion(_ draft: ObjectVersion, in bucketName: String, forbidOverwrite: Bool) throws -> Written {
        guard let record = bucket(bucketName) else { throw Fault.noSuchBucket(bucketName) }
        var version = draft
        let protection = Protection(record, now: draft.lastModified)
        if version.attributes.retention == nil, version.type != .symlink {
            version.attributes.retention = protection.standardRetention(from: draft.lastModified)
        }
        if record.versioning != .enabled,
            let old = try self.version(ObjectVersion.nullID, of: draft.key, in: bucketName)
        {
            try protection.check(old, at: draft.lastModified)
        }
        let versioning = try mutate { state -> VersioningStatus? in
            let sequence = state.nextSequence
            state.nextSequence += 1
            let status = try state.bucket(bucketName) { bucket in
                let status = bucket.record.versioning
                // With versioning nothing is overwritten, and the service ignores the wish.
                if forbidOverwrite, status == nil, let latest = bucket.objects[version.key]?.latest,
                    !latest.isDeleteMarker
                {
                    throw Fault.fileAlreadyExists(version.key)
                }
                return status
            }
            version.sequence = sequence
            version.versionID = status == .enabled ? VersionID.make(sequence: sequence) : ObjectVersion.nullID
            return status
        }
        try store(version, in: bucketName)
        return Written(version: version, versionHeader: versioning == nil ? nil : version.versionID)
    }

    /// Writes a version and puts it in its place: the front if it is new, else where its ID stands.
    private func store(_ version: ObjectVersion, in bucketName: String, keepingPlace: Bool = false) throws {
        try hold(version.segments) {
            try storage.write(version, bucket: bucketName)
        } then: { state in
            let replaced = try state.bucket(bucketName) { bucket -> ObjectVersion? in
                if let replaced = bucket.objects.update(
                    version.key,
                    { entry -> ObjectVersion? in
                        guard let place = entry.versions.firstIndex(where: { $0.versionID == version.versionID }) else {
                            entry.versions.insert(version, at: 0)
                            return nil
                        }
                        let old = entry.versions[place]
                        if keepingPlace {
                            entry.versions[place] = version
                        } else {
                            entry.versions.remove(at: place)
                            entry.versions.insert(version, at: 0)
                        }
                        return old
                    })
                {
                    return replaced
                }
                bucket.objects[version.key] = KeyEntry(versions: [version])
                return nil
            }
            return replaced?.segments ?? []
        }
    }

    /// Writes a record that names bytes, and puts it into the index; `change` returns what the index named in its place.
    private func hold(
        _ segments: [Segment], _ write: () throws -> Void, then change: (inout State) throws -> [Segment]
    ) throws {
        // Held before the write, so that a blob can't go while its record is on the way to the disk.
        mutate { $0.retain(segments) }
        var isHeld = false
        do {
            try apply(write) {
                let free = try mutate { state in state.release(try change(&state)) }
                isHeld = true
                discard(free)
            }
        } catch {
            if !isHeld { discard(mutate { $0.release(segments) }) }
            throw error
        }
    }

    /// Changes a version without making a new one (tags, ACL, appended bytes).
    func updateVersion(
        _ versionID: String?, of key: ObjectKey, in bucket: String, _ body: (inout ObjectVersion) throws -> Void
    ) throws -> Written {
        guard var version = try version(versionID, of: key, in: bucket) else {
            throw versionID == nil ? Fault.noSuchKey(key) : Fault.noSuchVersion(key, versionID)
        }
        if version.isDeleteMarker {
            throw versionID == nil
                ? Fault.noSuchKey(key).deleteMarker(version.versionID) : Fault.markerNotAllowed(version)
        }
        try body(&version)
        try store(version, in: bucket, keepingPlace: true)
        let hasVersioning = self.bucket(bucket)?.versioning != nil
        return Written(version: version, versionHeader: hasVersioning ? version.versionID : nil)
    }

    /// Notes that a version was read. That reaches the storage with the version's next change: writing at every read
    /// would cost more than it is worth.
    func touch(_ versionID: String?, of key: ObjectKey, in bucket: String, at now: EmulatorInstant) {
        mutate { state in
            try? state.bucket(bucket) { bucket in
                bucket.objects.update(key) { entry in
                    guard let place = versionID.map({ id in entry.versions.firstIndex { $0.versionID == id } }) ?? 0
                    else { return }
                    entry.versions[place].lastAccess = now
                }
            }
        }
    }

    struct Deletion: Sendable {
        var versionID: String?
        var isDeleteMarker = false
    }

    /// Deletes as the bucket's versioning says: away, or hidden under a delete marker.
    ///
    /// - Parameter bypasses: the caller insists against retentions that allow it.
    func deleteVersion(
        _ versionID: String?, of key: ObjectKey, in bucketName: String, now: EmulatorInstant, bypasses: Bool = false
    ) throws -> Deletion {
        var batch: RemovalBatch?
        return try deleteVersion(versionID, of: key, in: bucketName, now: now, bypasses: bypasses, batch: &batch)
    }

    private func deleteVersion(
        _ versionID: String?, of key: ObjectKey, in bucketName: String, now: EmulatorInstant, bypasses: Bool,
        batch: inout RemovalBatch?
    ) throws -> Deletion {
        guard let record = bucket(bucketName) else { throw Fault.noSuchBucket(bucketName) }
        // What goes: the version that is named, or the one whose place the marker takes.
        let goingID = versionID ?? (record.versioning == .enabled ? nil : ObjectVersion.nullID)
        if let goingID, let going = try version(goingID, of: key, in: bucketName) {
            try Protection(record, now: now).check(going, at: now, bypasses: bypasses)
        }
        if let versionID {
            let header = record.versioning == nil ? nil : versionID
            guard let version = try version(versionID, of: key, in: bucketName) else {
                return Deletion(versionID: header)
            }
            try remove(version, in: bucketName, batch: &batch)
            return Deletion(versionID: header, isDeleteMarker: version.isDeleteMarker)
        }
        guard let versioning = record.versioning else {
            if let version = try version(ObjectVersion.nullID, of: key, in: bucketName) {
                try remove(version, in: bucketName, batch: &batch)
            }
            return Deletion()
        }
        let sequence = mutate { state in
            defer { state.nextSequence += 1 }
            return state.nextSequence
        }
        let marker = ObjectVersion(
            key: key,
            versionID: versioning == .enabled ? VersionID.make(sequence: sequence) : ObjectVersion.nullID,
            sequence: sequence, lastModified: now, isDeleteMarker: true, type: .normal, size: 0, etag: "", crc64: 0,
            attributes: ObjectAttributes(contentType: "", storageClass: record.storageClass, acl: .default),
            segments: [])
        try store(marker, in: bucketName)
        return Deletion(versionID: marker.versionID, isDeleteMarker: true)
    }

    /// Deletes many, in the order given; nil for those that must stay.
    func deleteVersions(
        _ wishes: [(key: ObjectKey, versionID: String?)], in bucketName: String, now: EmulatorInstant,
        bypasses: Bool = false
    ) throws -> [Deletion?] {
        var batch: RemovalBatch? = RemovalBatch()
        let deletions = Result {
            try wishes.map { wish -> Deletion? in
                try locked(bucketName, wish.key) {
                    do {
                        return try deleteVersion(
                            wish.versionID, of: wish.key, in: bucketName, now: now, bypasses: bypasses, batch: &batch)
                    } catch let fault as Fault where fault.code == Fault.fileImmutable(wish.key).code {
                        return nil
                    }
                }
            }
        }
        if let batch {
            try storage.settle(removalsOf: batch.keys, bucket: bucketName)
            discard(batch.free)
        }
        return try deletions.get()
    }

    /// Removals that are made safe together; until then the bytes stay.
    private struct RemovalBatch {
        var keys: [ObjectKey] = []
        var free: [BlobID] = []
    }

    private func remove(_ version: ObjectVersion, in bucketName: String, batch: inout RemovalBatch?) throws {
        try apply {
            try storage.removeVersion(
                version.versionID, of: version.key, bucket: bucketName, isBatched: batch != nil)
        } then: {
            let free = try mutate { state -> [BlobID] in
                try state.bucket(bucketName) { bucket in
                    let left = bucket.objects.update(version.key) { entry in
                        entry.versions.removeAll { $0.versionID == version.versionID }
                        return entry.versions.count
                    }
                    if left == 0 { bucket.objects[version.key] = nil }
                }
                return state.release(version.segments)
            }
            batch?.keys.append(version.key)
            batch?.free.append(contentsOf: free)
            if batch == nil { discard(free) }
        }
    }

    // MARK: Uploads

    func putUpload(_ record: UploadRecord, in bucketName: String) throws {
        try apply {
            try storage.write(record, bucket: bucketName)
        } then: {
            try mutate { state in
                try state.bucket(bucketName) { bucket in
                    bucket.uploads[UploadKey(key: record.key, uploadID: record.uploadID)] = Upload(record: record)
                }
            }
        }
    }

    /// Adds a part, or replaces the one of its number.
    func putPart(_ part: PartRecord, of upload: UploadKey, in bucketName: String, missing: Fault) throws {
        guard try self.upload(upload, in: bucketName) != nil else { throw missing }
        try hold(part.segments) {
            try storage.write(part, of: upload, bucket: bucketName)
        } then: { state in
            let replaced = try state.bucket(bucketName) { bucket in
                bucket.uploads.update(upload) { upload in
                    let old = upload.parts[part.number]
                    upload.parts[part.number] = part
                    return old?.segments ?? []
                }
            }
            return replaced ?? []
        }
    }

    /// Ends an upload; its parts' bytes go unless an object took them over.
    func removeUpload(_ upload: UploadKey, in bucketName: String) throws {
        guard let found = try self.upload(upload, in: bucketName) else { return }
        try apply {
            try storage.removeUpload(upload, bucket: bucketName)
        } then: {
            let free = try mutate { state -> [BlobID] in
                try state.bucket(bucketName) { $0.uploads[upload] = nil }
                return found.parts.flatMap { state.release($0.value.segments) }
            }
            discard(free)
        }
    }
}

/// Names of versions. They carry their place in time, so that a listing can go on after a version that is gone.
enum VersionID {
    private static let prefix = "CAEQ"

    static func make(sequence: UInt64) -> String {
        prefix + Hex.encode(sequence) + Hex.encode(UInt64.random(in: 0 ... .max))
    }

    /// What a request names a version by; nil where it names none.
    static func check(_ text: String?) throws(Fault) -> String? {
        guard let text else { return nil }
        guard !text.isEmpty else {
            throw .invalidArgument("versionId", text, "The version ID must not be empty.", ec: "0012-00000201")
        }
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default: false
            }
        }
        guard text == ObjectVersion.nullID || (isPlain && text.hasPrefix("CAE")) else {
            throw .invalidArgument("versionId", text, "Invalid version id specified", ec: "0012-00000202")
        }
        return text
    }

    static func sequence(of id: String) -> UInt64? {
        guard id.hasPrefix(prefix), id.utf8.count == prefix.utf8.count + 32 else { return nil }
        return UInt64(id.dropFirst(prefix.utf8.count).prefix(16), radix: 16)
    }
}
