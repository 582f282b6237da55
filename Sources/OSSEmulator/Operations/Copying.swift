/// A copy's source, from `x-oss-copy-source`: `/bucket/key?versionId=…`, percent-encoded.
struct CopySource {
    var bucket: BucketRecord
    var version: ObjectVersion
    var lease: Lease
    /// What `x-oss-copy-source-version-id` says.
    var versionHeader: String?
}

extension Service {
    /// Finds the source of a copy, checks that the caller may read it, and that the conditions hold.
    func copySource(_ call: Call) throws -> CopySource {
        let header = call.request.header("x-oss-copy-source") ?? ""
        let malformed = Fault.invalidArgument(
            "x-oss-copy-source", header, "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey.")
        var path = header[...]
        var versionID: String?
        if let mark = path.range(ofSuffixStarting: "?versionId=") {
            versionID = try VersionID.check(Percent.decodeText(path[mark.upperBound...]) ?? "")
            path = path[..<mark.lowerBound]
        }
        if path.hasPrefix("/") { path = path.dropFirst() }
        // Some clients encode all of it, with the slashes.
        var whole = Substring()
        if !path.contains("/"), let decoded = Percent.decodeText(path) {
            whole = decoded.hasPrefix("/") ? decoded.dropFirst() : decoded[...]
        }
        let isWhole = !whole.isEmpty
        if isWhole { path = whole }
        guard let slash = path.firstIndex(of: "/"),
            let bucketName = isWhole ? String(path[..<slash]) : Percent.decodeText(path[..<slash])
        else { throw malformed }
        let name = path[path.index(after: slash)...]
        guard let bytes = isWhole ? Array(name.utf8) : Percent.decode(name.utf8),
            let key = try? ObjectKey(checking: bytes)
        else { throw malformed }
        guard let bucket = catalogue.bucket(bucketName) else { throw Fault.noSuchBucket(bucketName) }
        try authorizeRead(call, key, version: versionID, in: bucket)
        let (version, lease) = try find(versionID, of: key, in: bucket)
        try Conditions(call.request, prefix: "x-oss-copy-source-").check(version)
        return CopySource(
            bucket: bucket, version: version, lease: lease,
            versionHeader: bucket.versioning == nil ? nil : version.versionID)
    }

    private func replaces(_ request: Request, _ name: String) throws(Fault) -> Bool {
        guard let value = request.nonEmptyHeader(name) else { return false }
        switch value.lowercased() {
        case "copy": return false
        case "replace": return true
        default: throw .invalidArgument(name, value, "The directive must be COPY or REPLACE.")
        }
    }

    /// A copy that rewrites the bytes is limited; within a bucket the service only writes the headers anew.
    private static func checkSize(
        of source: CopySource, to bucket: BucketRecord, _ attributes: ObjectAttributes
    ) throws(Fault) {
        let old = source.version.attributes
        let size = source.version.size
        if old.storageClass != attributes.storageClass || old.encryption != attributes.encryption {
            guard size <= ObjectLimits.changedCopy else {
                throw .entityTooLarge(size, limit: ObjectLimits.changedCopy)
            }
        } else if source.bucket.name != bucket.name, size > ObjectLimits.object {
            throw .entityTooLarge(size, limit: ObjectLimits.object)
        }
    }

    func copyObject(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let key = try call.key
        let request = call.request
        _ = try request.trafficLimit()
        let source = try copySource(call)
        guard source.version.type == .symlink || !isFrozen(source.version, in: source.bucket) else {
            throw Fault.invalidObjectState
        }
        let forbidOverwrite = try checkOverwrite(call)
        let given = try ObjectAttributes(request, bucket: bucket)
        var attributes = source.version.attributes
        if try replaces(request, "x-oss-metadata-directive") {
            attributes.contentType = request.nonEmptyHeader("content-type") ?? attributes.contentType
            attributes.standardHeaders = given.standardHeaders
            // Without these an object that a client encrypted could not be read any more.
            let kept = attributes.metadata.filter { old in
                old.name.hasPrefix("client-side-encryption-") && !given.metadata.contains { $0.name == old.name }
            }
            attributes.metadata = given.metadata + kept
        }
        if try replaces(request, "x-oss-tagging-directive") { attributes.tags = given.tags }
        attributes.storageClass = given.storageClass
        attributes.acl = given.acl
        if !given.encryption.isEmpty { attributes.encryption = given.encryption }
        attributes.retention = given.retention
        attributes.isOnLegalHold = given.isOnLegalHold
        try Self.checkSize(of: source, to: bucket, attributes)
        let old = source.version
        let draft = ObjectVersion(
            key: key, versionID: "", sequence: 0, lastModified: configuration.now(),
            type: old.type == .symlink ? .symlink : .normal, size: old.size, etag: old.etag, crc64: old.crc64,
            contentMD5: old.contentMD5, attributes: attributes, segments: old.segments,
            symlinkTarget: old.symlinkTarget)
        let written = try await catalogue.change(bucket.name, key) { catalogue in
            try catalogue.putVersion(draft, in: bucket.name, forbidOverwrite: forbidOverwrite)
        }
        withExtendedLifetime(source.lease) {}
        var response = Response(root: "CopyObjectResult") { xml in
            xml.element("ETag", "\"\(written.version.etag)\"")
            xml.element("LastModified", written.version.lastModified.iso8601)
        }
        response.set("ETag", "\"\(written.version.etag)\"")
        response.set("x-oss-hash-crc64ecma", String(written.version.crc64))
        response.set("x-oss-version-id", written.versionHeader)
        response.set("x-oss-copy-source-version-id", source.versionHeader)
        response.setEncryption(attributes)
        return response
    }
}

extension Substring {
    /// The last place of `text`, which must be ASCII.
    fileprivate func range(ofSuffixStarting text: String) -> Range<Index>? {
        let bytes = utf8
        let wanted = Array(text.utf8)
        guard bytes.count >= wanted.count else { return nil }
        var start = bytes.index(bytes.endIndex, offsetBy: -wanted.count)
        while true {
            if bytes[start...].starts(with: wanted) { return start..<bytes.index(start, offsetBy: wanted.count) }
            guard start > bytes.startIndex else { return nil }
            start = bytes.index(before: start)
        }
    }
}
