extension Operation {
    static let objectOperations: [Operation] = [
        Operation("PutObject", .PUT, .object, need: .writeObject) { try await $0.putObject($1) },
        Operation("GetObject", .GET, .object, need: .readObject) { try $0.getObject($1) },
        Operation("HeadObject", .HEAD, .object, need: .readObject, action: "GetObject") { try $0.headObject($1) },
        Operation("GetObjectMeta", .HEAD, .object, "objectMeta", need: .readObject, action: "GetObject") {
            try $0.getObjectMeta($1)
        },
        Operation("CopyObject", .PUT, .object, header: "x-oss-copy-source", need: .writeObject, action: "PutObject") {
            try await $0.copyObject($1)
        },
        Operation("DeleteObject", .DELETE, .object, need: .writeObject) { try await $0.deleteObject($1) },
        Operation("DeleteMultipleObjects", .POST, .bucket, "delete", need: .writeObject, action: "DeleteObject") {
            try await $0.deleteMultipleObjects($1)
        },
        Operation("PutObjectAcl", .PUT, .object, "acl", need: .owner) { try await $0.putObjectACL($1) },
        Operation("GetObjectAcl", .GET, .object, "acl", need: .owner) { try $0.getObjectACL($1) },
    ]
}

/// Single objects: put, get, head, append, delete.
extension Service {
    // MARK: Writing

    /// Refuses early what would be refused after the body was sent.
    func checkOverwrite(_ call: Call) throws -> Bool {
        let forbids = try call.forbidsOverwrite()
        let bucket = try call.bucket
        guard bucket.versioning != .enabled,
            let existing = try catalogue.version(ObjectVersion.nullID, of: try call.key, in: bucket.name),
            !existing.isDeleteMarker
        else { return forbids }
        if forbids, bucket.versioning == nil { throw Fault.fileAlreadyExists(try call.key) }
        let now = configuration.now()
        try Protection(bucket, now: now).check(existing, at: now)
        return forbids
    }

    func putObject(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let key = try call.key
        let attributes = try ObjectAttributes(call.request, bucket: bucket)
        let callback = try Callback(call.request)
        try limitUpload(call)
        let forbidOverwrite = try checkOverwrite(call)
        let body = try await ingest(call, upTo: ObjectLimits.object)
        let draft = ObjectVersion(
            key: key, versionID: "", sequence: 0, lastModified: configuration.now(), type: .normal, size: body.size,
            etag: body.etag, crc64: body.crc64, contentMD5: Base64.encode(body.md5), attributes: attributes,
            segments: body.segments)
        let written = try await catalogue.change(bucket.name, key) { catalogue in
            try catalogue.putVersion(draft, in: bucket.name, forbidOverwrite: forbidOverwrite)
        }
        withExtendedLifetime(body.lease) {}
        var response = Response()
        response.set("ETag", "\"\(body.etag)\"")
        response.set("Content-MD5", draft.contentMD5)
        response.set("x-oss-hash-crc64ecma", String(body.crc64))
        response.set("x-oss-version-id", written.versionHeader)
        response.setEncryption(attributes)
        if let callback { response = try await perform(callback, for: written.version, call, response) }
        return response
    }

    // MARK: Reading

    /// The version that a request reads, with the header that names it, or the error that the service has for it.
    func find(_ call: Call) throws -> (version: ObjectVersion, lease: Lease, versionHeader: String?) {
        let bucket = try call.bucket
        let key = try call.key
        let (version, lease) = try find(try call.versionID, of: key, in: bucket)
        return (version, lease, bucket.versioning == nil ? nil : version.versionID)
    }

    func find(_ versionID: String?, of key: ObjectKey, in bucket: BucketRecord) throws -> (ObjectVersion, Lease) {
        guard let (version, lease) = try catalogue.leaseVersion(versionID, of: key, in: bucket.name) else {
            throw versionID == nil ? Fault.noSuchKey(key) : Fault.noSuchVersion(key, versionID)
        }
        if version.isDeleteMarker {
            throw versionID == nil
                ? Fault.noSuchKey(key).deleteMarker(version.versionID) : Fault.markerNotAllowed(version)
        }
        return (version, lease)
    }

    func getObject(_ call: Call) throws -> Response {
        let found = try read(call)
        let version = found.version
        let rate = try call.request.trafficLimit()
        try Conditions(call.request).check(version)
        guard !found.isFrozen else { throw Fault.invalidObjectState }
        var response = Response()
        response.setObject(version, versionHeader: found.versionHeader, now: call.request.received)
        try overrideHeaders(of: &response, call)
        var start: Int64 = 0
        var length = version.size
        if let header = call.request.nonEmptyHeader("range") {
            let isStandard = call.request.nonEmptyHeader("x-oss-range-behavior")?.lowercased() == "standard"
            switch ResolvedRange(header, size: version.size, isStandard: isStandard) {
            case .whole: break
            case .unsatisfiable: throw Fault.invalidRange(header, size: version.size)
            case .part(let first, let count):
                (start, length) = (first, count)
                response.status = .partialContent
                response.set("Content-Range", "bytes \(start)-\(start + length - 1)/\(version.size)")
            }
        }
        try noteRead(call)
        response.body = .stored(
            Segment.slice(version.segments, from: start, length: length), length: length, found.lease)
        response.delivery = rate.flatMap {
            Delivery(fault: InjectedFault(bytesPerSecond: $0), isGzipped: false, sleep: configuration.sleep)
        }
        return response
    }

    /// A version as GetObject and HeadObject see it.
    struct ReadableObject {
        /// Of a symbolic link the headers, with what its target says of the bytes.
        var version: ObjectVersion
        var lease: Lease
        var versionHeader: String?
        /// It must be restored first.
        var isFrozen: Bool
    }

    func read(_ call: Call) throws -> ReadableObject {
        let (version, lease, versionHeader) = try find(call)
        let bucket = try call.bucket
        guard version.type == .symlink else {
            return ReadableObject(
                version: version, lease: lease, versionHeader: versionHeader, isFrozen: isFrozen(version, in: bucket))
        }
        let (target, targetLease) = try follow(version, in: bucket, call)
        return ReadableObject(
            version: version.showing(target), lease: targetLease, versionHeader: versionHeader,
            isFrozen: isFrozen(target, in: bucket))
    }

    private func monitorsAccess(_ bucket: BucketRecord) -> Bool {
        bucket.document("accessmonitor")?.value("Status") == "Enabled"
    }

    private func noteRead(_ call: Call) throws {
        let bucket = try call.bucket
        guard monitorsAccess(bucket) else { return }
        catalogue.touch(try call.versionID, of: try call.key, in: bucket.name, at: call.request.received)
    }

    /// `response-content-type=…` and its like replace a header of the answer; nobody anonymous may ask for that.
    private func overrideHeaders(of response: inout Response, _ call: Call) throws {
        let names = [
            "Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding",
        ]
        for name in names {
            guard let value = call.query.nonEmpty("response-\(name.lowercased())") else { continue }
            guard call.identity != .anonymous else { throw Fault.anonymousDenied }
            response.replace(name, value)
        }
    }

    func headObject(_ call: Call) throws -> Response {
        let found = try read(call)
        try Conditions(call.request).check(found.version)
        var response = Response()
        response.setObject(found.version, versionHeader: found.versionHeader, now: call.request.received)
        response.announcedLength = found.version.size
        return response
    }

    func getObjectMeta(_ call: Call) throws -> Response {
        let (version, _, versionHeader) = try find(call)
        var response = Response()
        response.set("ETag", "\"\(version.etag)\"")
        response.set("Last-Modified", version.lastModified.httpDate)
        if version.type != .symlink { response.set("x-oss-hash-crc64ecma", String(version.crc64)) }
        if monitorsAccess(try call.bucket) {
            let last = max(version.lastAccess ?? version.lastModified, version.lastModified)
            response.set("x-oss-last-access-time", last.httpDate)
        }
        response.set("x-oss-version-id", versionHeader)
        response.announcedLength = version.size
        return response
    }

    // MARK: Deleting

    func deleteObject(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        let key = try call.key
        let versionID = try call.versionID
        let bypasses = try call.request.flag("x-oss-bypass-governance-retention")
        let now = configuration.now()
        let deletion = try await catalogue.change(bucket, key) { catalogue in
            try catalogue.deleteVersion(versionID, of: key, in: bucket, now: now, bypasses: bypasses)
        }
        var response = Response(.noContent)
        response.set("x-oss-version-id", deletion.versionID)
        if deletion.isDeleteMarker { response.set("x-oss-delete-marker", "true") }
        return response
    }

    func deleteMultipleObjects(_ call: Call) async throws -> Response {
        let bucket = try call.bucket.name
        // The service insists on it, since a damaged list would delete the wrong objects.
        guard try ContentMD5(call.request) != nil else { throw Fault.missingArgument }
        guard let document = try await call.document(root: "Delete") else { throw Fault.malformedXML }
        let encodes = try call.encodesNames
        let bypasses = try call.request.flag("x-oss-bypass-governance-retention")
        let isQuiet: Bool
        switch document.value("Quiet")?.lowercased() {
        case nil, "false", "": isQuiet = false
        case "true": isQuiet = true
        default: throw Fault.malformedXML
        }
        struct Wish: Sendable {
            var key: ObjectKey
            var versionID: String?
        }
        var wishes: [Wish] = []
        for object in document.all("Object") {
            // Not trimmed: spaces at a key's ends belong to it.
            guard let key = object.child("Key")?.text, !key.isEmpty else { throw Fault.malformedXML }
            let version = try VersionID.check(object.value("VersionId").flatMap { $0.isEmpty ? nil : $0 })
            wishes.append(Wish(key: try ObjectKey(checking: Array(key.utf8)), versionID: version))
        }
        guard (1...1000).contains(wishes.count) else { throw Fault.malformedXML }
        for wish in wishes { try authorizeDeletion(call, wish.key, version: wish.versionID) }
        let now = configuration.now()
        let deletions = try await catalogue.offload { [wishes] catalogue in
            try catalogue.deleteVersions(
                wishes.map { ($0.key, $0.versionID) }, in: bucket, now: now, bypasses: bypasses)
        }
        if isQuiet { return Response() }
        return Response(root: "DeleteResult") { xml in
            if encodes { xml.element("EncodingType", "url") }
            for (wish, deletion) in zip(wishes, deletions) {
                // What must stay isn't named.
                guard let deletion else { continue }
                xml.element("Deleted") { xml in
                    xml.element("Key", encodes ? Percent.encode(wish.key.bytes) : wish.key.text)
                    xml.optional("VersionId", deletion.versionID == nil ? nil : wish.versionID)
                    if deletion.isDeleteMarker {
                        xml.element("DeleteMarker", true)
                        xml.optional("DeleteMarkerVersionId", deletion.versionID)
                    }
                }
            }
        }
    }

    // MARK: Access control

    func putObjectACL(_ call: Call) async throws -> Response {
        guard let acl = try ObjectAttributes.acl(of: call.request) else { throw Fault.noSuchObjectACL }
        return try await update(call) { $0.attributes.acl = acl }
    }

    func getObjectACL(_ call: Call) throws -> Response {
        let (version, _, versionHeader) = try find(call)
        let owner = try call.bucket.ownerID
        var response = Response(root: "AccessControlPolicy") { xml in
            xml.owner(owner)
            xml.element("AccessControlList") { $0.element("Grant", version.attributes.acl.rawValue) }
        }
        response.set("x-oss-version-id", versionHeader)
        return response
    }

    /// Changes the version that a request names.
    func update(
        _ call: Call, _ status: Response = Response(), _ body: @escaping @Sendable (inout ObjectVersion) throws -> Void
    ) async throws -> Response {
        let bucket = try call.bucket.name
        let key = try call.key
        let versionID = try call.versionID
        let written = try await catalogue.change(bucket, key) { catalogue in
            try catalogue.updateVersion(versionID, of: key, in: bucket, body)
        }
        var response = status
        response.set("x-oss-version-id", written.versionHeader)
        return response
    }
}

enum ObjectLimits {
    /// What one request may write: 5 GB.
    static let object: Int64 = 5 << 30
    /// What a copy may change the storage class or the encryption of.
    static let changedCopy: Int64 = 1 << 30
}

extension Call {
    /// The version that the query names.
    var versionID: String? {
        get throws(Fault) { try VersionID.check(query.value("versionId")) }
    }

    /// Whether names are to be percent-encoded in the answer.
    var encodesNames: Bool {
        get throws(Fault) {
            switch query.nonEmpty("encoding-type") {
            case nil: false
            case "url": true
            case let other?: throw .invalidArgument("encoding-type", other, "Only url is allowed.")
            }
        }
    }
}

extension Fault {
    static func entityTooLarge(_ size: Int64, limit: Int64) -> Fault {
        Fault(.badRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
            .detail("MaxSizeAllowed", String(limit)).detail("ProposedSize", String(size))
    }
}
