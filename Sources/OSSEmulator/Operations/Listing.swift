extension Operation {
    static let listingOperations: [Operation] = [
        Operation("ListObjects", .GET, .bucket, need: .readBucket) { try $0.listObjects($1) },
        Operation("ListObjectsV2", .GET, .bucket, "list-type=2", need: .readBucket, action: "ListObjects") {
            try $0.listObjectsV2($1)
        },
        Operation("ListObjectVersions", .GET, .bucket, "versions", need: .readBucket) { try $0.listObjectVersions($1) },
        Operation("ListMultipartUploads", .GET, .bucket, "uploads", need: .readBucket) {
            try $0.listMultipartUploads($1)
        },
    ]
}

/// The listings of a bucket: objects, versions and uploads.
///
/// They share one walk over a sorted index: skip to the marker, roll keys up into common prefixes, and stop one item
/// after the page is full.
extension Service {
    /// What a listing was asked for.
    private struct Page {
        var prefix: [UInt8]
        var delimiter: [UInt8]
        var limit: Int
        var encodes: Bool

        init(_ call: Call, limitName: String = "max-keys", standard: Int = 100) throws(Fault) {
            prefix = Array((call.query.value("prefix") ?? "").utf8)
            delimiter = Array((call.query.value("delimiter") ?? "").utf8)
            limit = try call.number(limitName, default: standard, in: 1...1000)
            encodes = try call.encodesNames
        }

        func text(_ bytes: [UInt8]) -> String {
            encodes ? Percent.encode(bytes) : String(decoding: bytes, as: UTF8.self)
        }

        func text(_ string: String) -> String {
            text(Array(string.utf8))
        }

        /// Where the walk begins, when it goes on after `marker`.
        func start<Value>(
            in map: SortedMap<ObjectKey, Value>, after marker: [UInt8], includingMarker: Bool = false
        ) -> SortedMap<ObjectKey, Value>.Position {
            let first = ObjectKey(prefix)
            let last = ObjectKey(marker)
            guard !marker.isEmpty, !(last < first) else { return map.position(first) }
            // A marker that is a common prefix stands for every key under it.
            if last.hasPrefix(prefix), last.commonPrefix(after: prefix.count, delimiter: delimiter) == marker {
                return ObjectKey.afterAll(withPrefix: marker).map { map.position($0) } ?? end(of: map)
            }
            return map.position(last, after: !includingMarker)
        }

        func end<Value>(of map: SortedMap<ObjectKey, Value>) -> SortedMap<ObjectKey, Value>.Position {
            map.position(ObjectKey([UInt8](repeating: 255, count: 1024)))
        }
    }

    private enum Item<Entry: Sendable>: Sendable {
        case entry(Entry)
        case prefix([UInt8])
    }

    private struct Found<Entry: Sendable>: Sendable {
        var items: [Item<Entry>] = []
        var isTruncated = false

        var entries: [Entry] {
            items.compactMap { if case .entry(let entry) = $0 { entry } else { nil } }
        }

        var prefixes: [[UInt8]] {
            items.compactMap { if case .prefix(let prefix) = $0 { prefix } else { nil } }
        }
    }

    // MARK: Objects

    private func objects(_ bucket: Catalogue.Bucket, _ page: Page, after marker: [UInt8]) -> Found<ObjectVersion> {
        var found = Found<ObjectVersion>()
        var position = page.start(in: bucket.objects, after: marker)
        while let (key, entry) = bucket.objects.entry(at: position), key.hasPrefix(page.prefix) {
            guard !entry.latest.isDeleteMarker else {
                bucket.objects.advance(&position)
                continue
            }
            guard found.items.count < page.limit else {
                found.isTruncated = true
                break
            }
            if let common = key.commonPrefix(after: page.prefix.count, delimiter: page.delimiter) {
                found.items.append(.prefix(common))
                position =
                    ObjectKey.afterAll(withPrefix: common).map { bucket.objects.position($0) }
                    ?? page.end(of: bucket.objects)
            } else {
                found.items.append(.entry(entry.latest))
                bucket.objects.advance(&position)
            }
        }
        return found
    }

    private func lastName(_ found: Found<ObjectVersion>) -> [UInt8] {
        switch found.items.last {
        case .entry(let version): version.key.bytes
        case .prefix(let prefix): prefix
        case nil: []
        }
    }

    private func write(
        _ found: Found<ObjectVersion>, _ page: Page, ownerID: String?, to xml: inout XMLWriter
    ) {
        for version in found.entries {
            xml.element("Contents") { xml in
                xml.element("Key", page.text(version.key.bytes))
                write(version, to: &xml)
                if let ownerID { xml.owner(ownerID) }
            }
        }
        writePrefixes(found.prefixes, page, to: &xml)
    }

    private func write(_ version: ObjectVersion, to xml: inout XMLWriter) {
        xml.element("LastModified", version.lastModified.iso8601)
        xml.element("ETag", "\"\(version.etag)\"")
        xml.element("Type", version.type.rawValue)
        xml.element("Size", version.size)
        xml.element("StorageClass", version.attributes.storageClass.rawValue)
        let now = configuration.now()
        if let restore = version.restore, restore.state(at: now) != .over {
            xml.element("RestoreInfo", restore.description(at: now))
        }
    }

    private func writePrefixes(_ prefixes: [[UInt8]], _ page: Page, to xml: inout XMLWriter) {
        for prefix in prefixes {
            xml.element("CommonPrefixes") { $0.element("Prefix", page.text(prefix)) }
        }
    }

    func listObjects(_ call: Call) throws -> Response {
        let record = try call.bucket
        let page = try Page(call)
        let marker = call.query.value("marker") ?? ""
        let found = try catalogue.inBucket(record.name) { objects($0, page, after: Array(marker.utf8)) }
        return Response(root: "ListBucketResult") { xml in
            xml.element("Name", record.name)
            xml.element("Prefix", page.text(page.prefix))
            xml.element("Marker", page.text(marker))
            xml.element("MaxKeys", page.limit)
            xml.element("Delimiter", page.text(page.delimiter))
            if page.encodes { xml.element("EncodingType", "url") }
            xml.element("IsTruncated", found.isTruncated)
            if found.isTruncated { xml.element("NextMarker", page.text(lastName(found))) }
            write(found, page, ownerID: record.ownerID, to: &xml)
        }
    }

    func listObjectsV2(_ call: Call) throws -> Response {
        let record = try call.bucket
        let page = try Page(call)
        let startAfter = call.query.value("start-after") ?? ""
        let token = call.query.nonEmpty("continuation-token")
        var marker = Array(startAfter.utf8)
        if let token {
            guard let decoded = Hex.decode(token) else {
                throw Fault.invalidArgument(
                    "continuation-token", token, "The continuation token provided is incorrect.")
            }
            marker = decoded
        }
        let wantsOwner = call.query.value("fetch-owner") == "true"
        let found = try catalogue.inBucket(record.name) { objects($0, page, after: marker) }
        return Response(root: "ListBucketResult") { xml in
            xml.element("Name", record.name)
            xml.element("Prefix", page.text(page.prefix))
            if let token { xml.element("ContinuationToken", page.text(token)) }
            if !startAfter.isEmpty { xml.element("StartAfter", page.text(startAfter)) }
            xml.element("MaxKeys", page.limit)
            xml.element("Delimiter", page.text(page.delimiter))
            if page.encodes { xml.element("EncodingType", "url") }
            xml.element("IsTruncated", found.isTruncated)
            if found.isTruncated {
                // Hexadecimal, so that url encoding leaves it alone.
                xml.element("NextContinuationToken", Hex.encode(lastName(found)))
            }
            xml.element("KeyCount", found.items.count)
            write(found, page, ownerID: wantsOwner ? record.ownerID : nil, to: &xml)
        }
    }

    // MARK: Versions

    private struct ListedVersion: Sendable {
        var version: ObjectVersion
        var isLatest: Bool
    }

    private func versions(
        _ bucket: Catalogue.Bucket, _ page: Page, keyMarker: [UInt8], versionMarker: String
    ) -> Found<ListedVersion> {
        var found = Found<ListedVersion>()
        var position = page.start(in: bucket.objects, after: keyMarker, includingMarker: !versionMarker.isEmpty)
        walk: while let (key, entry) = bucket.objects.entry(at: position), key.hasPrefix(page.prefix) {
            if let common = key.commonPrefix(after: page.prefix.count, delimiter: page.delimiter) {
                guard found.items.count < page.limit else {
                    found.isTruncated = true
                    break
                }
                found.items.append(.prefix(common))
                position =
                    ObjectKey.afterAll(withPrefix: common).map { bucket.objects.position($0) }
                    ?? page.end(of: bucket.objects)
                continue
            }
            var first = 0
            if key.bytes == keyMarker, !versionMarker.isEmpty {
                first = resume(entry.versions, after: versionMarker)
            }
            for index in first..<entry.versions.count {
                guard found.items.count < page.limit else {
                    found.isTruncated = true
                    break walk
                }
                found.items.append(.entry(ListedVersion(version: entry.versions[index], isLatest: index == 0)))
            }
            bucket.objects.advance(&position)
        }
        return found
    }

    /// The first version after the marker, which may be gone by now; its name then tells its place.
    private func resume(_ versions: [ObjectVersion], after marker: String) -> Int {
        if let place = versions.firstIndex(where: { $0.versionID == marker }) { return place + 1 }
        guard let sequence = VersionID.sequence(of: marker) else { return versions.count }
        return versions.firstIndex { $0.sequence < sequence } ?? versions.count
    }

    func listObjectVersions(_ call: Call) throws -> Response {
        let record = try call.bucket
        let page = try Page(call)
        let keyMarker = call.query.value("key-marker") ?? ""
        let versionMarker = call.query.value("version-id-marker") ?? ""
        if keyMarker.isEmpty, !versionMarker.isEmpty {
            throw Fault.invalidArgument(
                "version-id-marker", versionMarker, "A version-id marker cannot be specified without a key marker.")
        }
        let found = try catalogue.inBucket(record.name) { bucket in
            versions(bucket, page, keyMarker: Array(keyMarker.utf8), versionMarker: versionMarker)
        }
        return Response(root: "ListVersionsResult") { xml in
            xml.element("Name", record.name)
            xml.element("Prefix", page.text(page.prefix))
            xml.element("KeyMarker", page.text(keyMarker))
            xml.element("VersionIdMarker", versionMarker)
            xml.element("MaxKeys", page.limit)
            xml.element("Delimiter", page.text(page.delimiter))
            if page.encodes { xml.element("EncodingType", "url") }
            xml.element("IsTruncated", found.isTruncated)
            if found.isTruncated {
                switch found.items.last {
                case .entry(let listed):
                    xml.element("NextKeyMarker", page.text(listed.version.key.bytes))
                    xml.element("NextVersionIdMarker", listed.version.versionID)
                case .prefix(let prefix):
                    xml.element("NextKeyMarker", page.text(prefix))
                    xml.element("NextVersionIdMarker", "")
                case nil: break
                }
            }
            for listed in found.entries {
                xml.element(listed.version.isDeleteMarker ? "DeleteMarker" : "Version") { xml in
                    xml.element("Key", page.text(listed.version.key.bytes))
                    xml.element("VersionId", listed.version.versionID)
                    xml.element("IsLatest", listed.isLatest)
                    if listed.version.isDeleteMarker {
                        xml.element("LastModified", listed.version.lastModified.iso8601)
                    } else {
                        write(listed.version, to: &xml)
                    }
                    xml.owner(record.ownerID)
                }
            }
            writePrefixes(found.prefixes, page, to: &xml)
        }
    }

    // MARK: Uploads

    private func uploads(
        _ bucket: Catalogue.Bucket, _ page: Page, keyMarker: [UInt8], uploadMarker: String
    ) -> Found<UploadRecord> {
        var found = Found<UploadRecord>()
        let marker = UploadKey(key: ObjectKey(keyMarker), uploadID: uploadMarker)
        var position: SortedMap<UploadKey, Catalogue.Upload>.Position
        // Without an upload ID every upload of the marker's key is behind us, whatever its ID.
        let first = UploadKey(key: ObjectKey(page.prefix), uploadID: "")
        if keyMarker.isEmpty || marker.key < first.key {
            position = bucket.uploads.position(first)
        } else if uploadMarker.isEmpty {
            position = bucket.uploads.position(UploadKey(key: ObjectKey(keyMarker + [0]), uploadID: ""))
        } else {
            position = bucket.uploads.position(marker, after: true)
        }
        while let (key, upload) = bucket.uploads.entry(at: position), key.key.hasPrefix(page.prefix) {
            let common = key.key.commonPrefix(after: page.prefix.count, delimiter: page.delimiter)
            if let common, common == keyMarker {
                position =
                    ObjectKey.afterAll(withPrefix: common)
                    .map { bucket.uploads.position(UploadKey(key: $0, uploadID: "")) } ?? end(of: bucket)
                continue
            }
            guard found.items.count < page.limit else {
                found.isTruncated = true
                break
            }
            if let common {
                found.items.append(.prefix(common))
                position =
                    ObjectKey.afterAll(withPrefix: common)
                    .map { bucket.uploads.position(UploadKey(key: $0, uploadID: "")) } ?? end(of: bucket)
            } else {
                found.items.append(.entry(upload.record))
                bucket.uploads.advance(&position)
            }
        }
        return found
    }

    private func end(of bucket: Catalogue.Bucket) -> SortedMap<UploadKey, Catalogue.Upload>.Position {
        bucket.uploads.position(UploadKey(key: ObjectKey([UInt8](repeating: 255, count: 1024)), uploadID: ""))
    }

    func listMultipartUploads(_ call: Call) throws -> Response {
        let record = try call.bucket
        let page = try Page(call, limitName: "max-uploads", standard: 1000)
        let keyMarker = call.query.value("key-marker") ?? ""
        let uploadMarker = call.query.value("upload-id-marker") ?? ""
        let found = try catalogue.inBucket(record.name) { bucket in
            uploads(bucket, page, keyMarker: Array(keyMarker.utf8), uploadMarker: uploadMarker)
        }
        return Response(root: "ListMultipartUploadsResult") { xml in
            xml.element("Bucket", record.name)
            if page.encodes { xml.element("EncodingType", "url") }
            xml.element("KeyMarker", page.text(keyMarker))
            xml.element("UploadIdMarker", uploadMarker)
            // These name the last item also on the last page.
            switch found.items.last {
            case .entry(let upload):
                xml.element("NextKeyMarker", page.text(upload.key.bytes))
                xml.element("NextUploadIdMarker", upload.uploadID)
            case .prefix(let prefix):
                xml.element("NextKeyMarker", page.text(prefix))
                xml.element("NextUploadIdMarker", "")
            case nil:
                xml.element("NextKeyMarker", "")
                xml.element("NextUploadIdMarker", "")
            }
            xml.element("Delimiter", page.text(page.delimiter))
            xml.element("Prefix", page.text(page.prefix))
            xml.element("MaxUploads", page.limit)
            xml.element("IsTruncated", found.isTruncated)
            for upload in found.entries {
                xml.element("Upload") { xml in
                    xml.element("Key", page.text(upload.key.bytes))
                    xml.element("UploadId", upload.uploadID)
                    xml.element("StorageClass", upload.attributes.storageClass.rawValue)
                    xml.element("Initiated", upload.initiated.iso8601)
                }
            }
            writePrefixes(found.prefixes, page, to: &xml)
        }
    }
}
