extension Operation {
    static let symlinkOperations: [Operation] = [
        Operation("PutSymlink", .PUT, .object, "symlink", need: .writeObject, action: "PutObject") {
            try await $0.putSymlink($1)
        },
        Operation("GetSymlink", .GET, .object, "symlink", need: .readObject, action: "GetObject") {
            try $0.getSymlink($1)
        },
    ]
}

/// Objects that stand for another one of the same bucket. Whether that is there, and may be read, is looked at when
/// the link is read.
extension Service {
    func putSymlink(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let key = try call.key
        let header = "x-oss-symlink-target"
        guard let text = call.request.nonEmptyHeader(header) else {
            throw Fault.invalidArgument(header, "", "The symlink target is missing.", ec: "0043-00000001")
        }
        guard let bytes = Percent.decode(text.utf8), let target = try? ObjectKey(checking: bytes) else {
            throw Fault.invalidArgument(header, text, "The symlink target must be the URL-encoded name of an object.")
        }
        var attributes = try ObjectAttributes(call.request, bucket: bucket)
        attributes.retention = nil
        attributes.isOnLegalHold = nil
        attributes.encryption = []
        let forbidOverwrite = try checkOverwrite(call)
        let digest = ContentMD5.digest(of: target.bytes)
        let draft = ObjectVersion(
            key: key, versionID: "", sequence: 0, lastModified: configuration.now(), type: .symlink, size: 0,
            etag: Hex.encode(digest, uppercase: true), crc64: 0, contentMD5: nil, attributes: attributes, segments: [],
            symlinkTarget: target)
        let written = try await catalogue.change(bucket.name, key) { catalogue in
            try catalogue.putVersion(draft, in: bucket.name, forbidOverwrite: forbidOverwrite)
        }
        var response = Response()
        response.set("ETag", "\"\(written.version.etag)\"")
        response.set("x-oss-version-id", written.versionHeader)
        return response
    }

    func getSymlink(_ call: Call) throws -> Response {
        let (version, _, versionHeader) = try find(call)
        guard let target = version.symlinkTarget else { throw Fault.notSymlink(version.key) }
        var response = Response()
        response.set("Last-Modified", version.lastModified.httpDate)
        response.set("ETag", "\"\(version.etag)\"")
        response.set("x-oss-symlink-target", Percent.encode(target.bytes, keepingSlash: true))
        response.set("x-oss-version-id", versionHeader)
        for field in version.attributes.metadata { response.set("x-oss-meta-\(field.name)", field.value) }
        return response
    }

    /// What a symbolic link stands for.
    func follow(
        _ link: ObjectVersion, in bucket: BucketRecord, _ call: Call
    ) throws -> (ObjectVersion, Lease) {
        guard let target = link.symlinkTarget else { throw Fault.internalError }
        guard let (version, lease) = try catalogue.leaseVersion(nil, of: target, in: bucket.name),
            !version.isDeleteMarker
        else { throw Fault.symlinkTargetNotExist(target) }
        guard version.type != .symlink else { throw Fault.invalidTargetType(target) }
        try authorizeRead(call, target, version: nil, in: bucket)
        return (version, lease)
    }
}

extension ObjectVersion {
    /// A symbolic link's own headers, with what its target says of the bytes.
    func showing(_ target: ObjectVersion) -> ObjectVersion {
        var shown = self
        shown.size = target.size
        shown.etag = target.etag
        shown.crc64 = target.crc64
        shown.contentMD5 = target.contentMD5
        shown.segments = target.segments
        shown.lastModified = max(lastModified, target.lastModified)
        return shown
    }
}

extension Fault {
    static func symlinkTargetNotExist(_ target: ObjectKey) -> Fault {
        Fault(.notFound, "SymlinkTargetNotExist", "The symlink target object does not exist.", ec: "0026-00000012")
            .detail("SymlinkTarget", target.text)
    }

    static func invalidTargetType(_ target: ObjectKey) -> Fault {
        Fault(.badRequest, "InvalidTargetType", "The symlink's target object is a symlink, too.")
            .detail("SymlinkTarget", target.text)
    }

    static func notSymlink(_ key: ObjectKey) -> Fault {
        Fault(.badRequest, "NotSymlink", "The object is not a symlink.", ec: "0043-00000101").detail("Key", key.text)
    }
}
