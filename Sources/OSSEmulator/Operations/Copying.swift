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
            versionID = Percent.decodeText(path[mark.upperBound...])
            path = path[..<mark.lowerBound]
        }
        if path.hasPrefix("/") { path = path.dropFirst() }
        guard let slash = path.firstIndex(of: "/"), let bucketName = Percent.decodeText(path[..<slash]),
            let keyBytes = Percent.decode(path[path.index(after: slash)...].utf8), !keyBytes.isEmpty
        else { throw malformed }
        let key = ObjectKey(keyBytes)
        guard let bucket = catalogue.bucket(bucketName) else { throw Fault.noSuchBucket(bucketName) }
        guard try mayRead(key, version: versionID, in: bucket, as: call.identity) else { throw Fault.accessDenied }
        let (version, lease) = try find(versionID.flatMap { $0.isEmpty ? nil : $0 }, of: key, in: bucket)
        try Conditions(call.request, prefix: "x-oss-copy-source-").check(version)
        guard !version.attributes.storageClass.needsRestore else { throw Fault.invalidObjectState }
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

    func copyObject(_ call: Call) async throws -> Response {
        let bucket = try call.bucket
        let key = try call.key
        let request = call.request
        let forbidOverwrite = try request.flag("x-oss-forbid-overwrite")
        let source = try copySource(call)
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
        var draft = source.version
        draft.key = key
        draft.lastModified = configuration.now()
        draft.type = .normal
        draft.attributes = attributes
        let written = try await catalogue.change(bucket.name, key) { [draft] catalogue in
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
