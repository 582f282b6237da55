import NIOHTTP1

/// What is stored, for tests and the page.
extension ControlService {
    private static let maximumParts = 1000

    func state(_ request: Request) async throws -> Response {
        // The index is copied, which takes no time, and read where it stops nobody.
        let buckets = service.catalogue.read { $0.buckets }
        let now = clock.now
        let clockOffset = clock.offset
        return try await service.pool.runIfActive { [service, faults, metadata] in
            guard request.segments.count > 1 else {
                return Self.json([
                    "endpoint": .string(service.endpoint), "region": .string(service.configuration.region),
                    "now": .string(now.iso8601), "clockOffset": .number(clockOffset / 1000),
                    "data": .optional(service.configuration.dataDirectory), "faults": .number(faults.all.count),
                    "metadata": metadata.json,
                    "buckets": .array(
                        buckets.values.sorted { $0.record.name < $1.record.name }.map { Self.summary($0) }),
                ])
            }
            guard let bucket = buckets[request.segments[1]] else { throw Refusal.notFound }
            return Self.json(try Self.contents(bucket, request))
        }
    }

    private static func summary(_ bucket: Catalogue.Bucket) -> JSONValue {
        var count = 0
        var versions = 0
        var size: Int64 = 0
        for (_, entry) in bucket.objects {
            if !entry.latest.isDeleteMarker { count += 1 }
            versions += entry.versions.count
            for version in entry.versions { size += version.size }
        }
        return [
            "name": .string(bucket.record.name), "created": .string(bucket.record.created.iso8601),
            "acl": .string(bucket.record.acl.rawValue), "storageClass": .string(bucket.record.storageClass.rawValue),
            "versioning": .optional(bucket.record.versioning?.rawValue), "objects": .number(count),
            "versions": .number(versions), "size": .number(size), "uploads": .number(bucket.uploads.count),
        ]
    }

    /// A page of a bucket's objects, and of its uploads.
    private static func contents(_ bucket: Catalogue.Bucket, _ request: Request) throws -> JSONValue {
        let limit = try request.limit(default: 100, maximum: 1000)
        let prefix = Array((request.query.value("prefix") ?? "").utf8)
        let delimiter = Array((request.query.value("delimiter") ?? "").utf8)
        var items: [JSONValue] = []
        var position = bucket.objects.position(ObjectKey(prefix))
        if let after = request.query.nonEmpty("after").map({ ObjectKey($0) }), after.hasPrefix(prefix) {
            // A folder stands for all that is in it.
            let isFolder = after.commonPrefix(after: prefix.count, delimiter: delimiter) == after.bytes
            position =
                isFolder
                ? ObjectKey.afterAll(withPrefix: after.bytes).map { bucket.objects.position($0) } ?? position
                : bucket.objects.position(after, after: true)
        }
        var last: String?
        var isTruncated = false
        while let (key, entry) = bucket.objects.entry(at: position), key.hasPrefix(prefix) {
            guard items.count < limit else {
                isTruncated = true
                break
            }
            if let folder = key.commonPrefix(after: prefix.count, delimiter: delimiter) {
                last = String(decoding: folder, as: UTF8.self)
                items.append(["prefix": .optional(last)])
                guard let next = ObjectKey.afterAll(withPrefix: folder) else { break }
                position = bucket.objects.position(next)
            } else {
                last = key.text
                items.append(object(entry))
                bucket.objects.advance(&position)
            }
        }
        var uploads: [JSONValue] = []
        for (_, upload) in bucket.uploads where upload.record.key.hasPrefix(prefix) && uploads.count < limit {
            uploads.append(self.upload(upload))
        }
        return [
            "name": .string(bucket.record.name), "items": .array(items), "uploads": .array(uploads),
            "next": isTruncated ? .optional(last) : .null,
        ]
    }

    private static func object(_ entry: Catalogue.KeyEntry) -> JSONValue {
        let version = entry.latest
        return [
            "key": .string(version.key.text), "size": .number(version.size), "etag": .string(version.etag),
            "type": .string(version.type.rawValue), "storageClass": .string(version.attributes.storageClass.rawValue),
            "contentType": .string(version.attributes.contentType), "modified": .string(version.lastModified.iso8601),
            "crc64": .string(String(version.crc64)), "versionId": .string(version.versionID),
            "versions": .number(entry.versions.count), "deleted": .bool(version.isDeleteMarker),
        ]
    }

    private static func upload(_ upload: Catalogue.Upload) -> JSONValue {
        var parts: [JSONValue] = []
        var size: Int64 = 0
        for (number, part) in upload.parts {
            size += part.size
            guard parts.count < maximumParts else { continue }
            parts.append([
                "number": .number(number), "size": .number(part.size), "etag": .string(part.etag),
                "modified": .string(part.lastModified.iso8601),
            ])
        }
        return [
            "key": .string(upload.record.key.text), "uploadId": .string(upload.record.uploadID),
            "initiated": .string(upload.record.initiated.iso8601), "size": .number(size),
            "partCount": .number(upload.parts.count), "parts": .array(parts),
        ]
    }

    /// Forgets everything: what is stored, rules, requests, secrets, and the clock's offset. Only where nothing is on disk.
    func reset() async throws -> Response {
        guard service.configuration.dataDirectory == nil else {
            throw Refusal(status: .conflict, message: "What is stored on disk is not dropped.")
        }
        try await service.catalogue.changeAlone { $0.removeEverything() }
        faults.removeAll()
        recorder.removeAll()
        secrets.removeAll()
        clock.offset = 0
        return Response(.noContent)
    }
}

extension Catalogue {
    /// Drops all buckets with what is in them, and what accounts have set.
    fileprivate func removeEverything() {
        let free = mutate { state -> [BlobID] in
            var free: [BlobID] = []
            for bucket in state.buckets.values {
                for (_, entry) in bucket.objects {
                    for version in entry.versions { free += state.release(version.segments) }
                }
                for (_, upload) in bucket.uploads {
                    for (_, part) in upload.parts { free += state.release(part.segments) }
                }
            }
            state.buckets = [:]
            state.accounts = [:]
            return free
        }
        discard(free)
    }
}
