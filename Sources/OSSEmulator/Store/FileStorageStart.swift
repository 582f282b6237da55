import Logging
import NIOConcurrencyHelpers
import NIOPosix

/// What a start finds, and what it clears away.
extension FileStorage {
    func load() throws -> StoredState {
        let sizes = try blobSizes()
        var used: Set<BlobID> = []
        used.reserveCapacity(sizes.count)
        var leftOut = 0

        func leaveOut(_ path: String, _ reason: String) {
            leftOut += 1
            logger.warning("left out", metadata: ["file": "\(path)", "reason": "\(reason)"])
        }
        /// Whether all bytes are there that a record names; if so, they are in use.
        func take(_ segments: [Segment], of path: String) -> Bool {
            for segment in segments {
                let (end, overflows) = segment.offset.addingReportingOverflow(segment.length)
                let size = sizes[segment.blob]
                guard segment.offset >= 0, segment.length >= 0, !overflows, let size, end <= size else {
                    let found = size.map { "has \($0) bytes" } ?? "is missing"
                    leaveOut(path, "it needs \(end) bytes of \(blobPath(segment.blob)), which \(found)")
                    return false
                }
            }
            for segment in segments { used.insert(segment.blob) }
            return true
        }
        /// A folder whose record was never written is what a crash leaves of its making: it is empty but for folders.
        func clear(_ folder: String) throws {
            if try Self.isEmpty(folder) {
                try Files.removeTree(folder)
            } else {
                leaveOut(folder, "its record is missing")
            }
        }

        var state = StoredState()
        for name in try Files.list(root + "/accounts") {
            let path = "\(root)/accounts/\(name)"
            guard let record = AccountRecord(encoded: try Files.readAll(path)) else {
                leaveOut(path, "the record is damaged")
                continue
            }
            state.accounts.append(record)
        }
        var folders: [(bucket: Int, path: String)] = []
        for name in try Files.list(root + "/buckets").sorted() where BucketName.isValid(name) {
            let folder = try bucketPath(name)
            guard let bytes = try contents(folder + "/bucket") else {
                try clear(folder)
                continue
            }
            guard let record = BucketRecord(encoded: bytes), record.name == name else {
                leaveOut(folder, "its record is damaged")
                continue
            }
            for name in try Files.list(folder + "/objects") {
                folders.append((state.buckets.count, "\(folder)/objects/\(name)"))
            }
            var bucket = StoredState.Bucket(record: record)
            for id in try Files.list(folder + "/uploads") {
                let path = "\(folder)/uploads/\(id)"
                guard let bytes = try contents(path + "/upload") else {
                    try clear(path)
                    continue
                }
                guard let upload = UploadRecord(encoded: bytes) else {
                    leaveOut(path, "its record is damaged")
                    continue
                }
                var parts: [PartRecord] = []
                for file in try Files.list(path) where file.hasPrefix("part-") {
                    guard let part = PartRecord(encoded: try Files.readAll(path + "/" + file)) else {
                        leaveOut(path + "/" + file, "the record is damaged")
                        continue
                    }
                    if take(part.segments, of: path + "/" + file) { parts.append(part) }
                }
                bucket.uploads.append((upload, parts))
            }
            state.buckets.append(bucket)
        }
        let versions = try Self.concurrently(folders.map(\.path)) { try Self.versions(in: $0) }
        for ((bucket, folder), versions) in zip(folders, versions) {
            for (name, version) in versions {
                let path = "\(folder)/\(name)"
                if let version {
                    if take(version.segments, of: path) { state.buckets[bucket].versions.append(version) }
                } else {
                    leaveOut(path, "the record is damaged")
                }
            }
        }
        // Blobs without a record are what a crash left over, unless something was left out: then they may be its.
        let unused = sizes.keys.filter { !used.contains($0) }
        if leftOut == 0 {
            discard(unused)
            if !unused.isEmpty { logger.info("cleared after a crash", metadata: ["blobs": "\(unused.count)"]) }
        } else {
            logger.warning(
                "some records were left out; their files are kept, and so are blobs that may be theirs",
                metadata: ["records": "\(leftOut)", "blobs": "\(unused.count)"])
        }
        return state
    }

    /// The records of a folder; nil for what isn't whole.
    private static func versions(in folder: String) throws -> [(name: String, version: ObjectVersion?)] {
        try Files.list(folder).filter(isVersion).map { name in
            (name, ObjectVersion(encoded: try Files.readAll("\(folder)/\(name)")))
        }
    }

    private func blobSizes() throws -> [BlobID: Int64] {
        let folders = try Files.list(root + "/blobs").map { "\(root)/blobs/\($0)" }
        let found = try Self.concurrently(folders) { folder in
            try Files.list(folder).compactMap { name -> (BlobID, Int64)? in
                guard let value = UInt64(name, radix: 16), let size = Files.size("\(folder)/\(name)") else {
                    return nil
                }
                return (BlobID(value: value), size)
            }
        }
        var sizes: [BlobID: Int64] = [:]
        sizes.reserveCapacity(found.reduce(0) { $0 + $1.count })
        for (id, size) in found.joined() { sizes[id] = size }
        return sizes
    }

    /// Does something for each element on several threads, more than there are cores: most of it is waiting for the disk.
    private static func concurrently<Element: Sendable, Result: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element) throws -> Result
    ) throws -> [Result] {
        guard !elements.isEmpty else { return [] }
        let pool = NIOThreadPool(numberOfThreads: min(elements.count, 4))
        pool.start()
        let results = NIOLockedValueBox<[Int: Swift.Result<Result, any Error>]>([:])
        let isDone = ConditionLock(value: false)
        for (index, element) in elements.enumerated() {
            pool.submit { _ in
                let result = Swift.Result { try body(element) }
                let count = results.withLockedValue { results in
                    results[index] = result
                    return results.count
                }
                guard count == elements.count else { return }
                isDone.lock()
                isDone.unlock(withValue: true)
            }
        }
        isDone.lock(whenValue: true)
        isDone.unlock()
        try pool.syncShutdownGracefully()
        return try results.withLockedValue { results in try elements.indices.compactMap { try results[$0]?.get() } }
    }

    /// A file's bytes; nil when there is no such file. Any other failure is one: what can't be read isn't gone.
    private func contents(_ path: String) throws -> [UInt8]? {
        do {
            return try Files.readAll(path)
        } catch let failure as StorageFailure where failure.isMissingFile {
            return nil
        }
    }

    private static func isEmpty(_ folder: String) throws -> Bool {
        try Files.list(folder).allSatisfy { name in
            let path = folder + "/" + name
            return Files.isDirectory(path) ? try isEmpty(path) : false
        }
    }

    /// `HASH.VERSION`; other names are nothing of ours.
    private static func isVersion(_ name: String) -> Bool {
        let bytes = name.utf8
        guard bytes.count > 65, let dot = bytes.firstIndex(of: UInt8(ascii: ".")) else { return false }
        return bytes.distance(from: bytes.startIndex, to: dot) == 64
    }
}
