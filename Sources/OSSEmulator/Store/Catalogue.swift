import NIOConcurrencyHelpers
import NIOPosix

/// Everything that is known about what is stored, in memory, and the one place where it changes.
///
/// Two kinds of lock: `state` guards the index and is held for moments only; a stripe per (bucket, key) is held over
/// a whole change, with its writing, so that disk and index see the changes of one key in the same order.
final class Catalogue: Sendable {
    struct KeyEntry: Sendable {
        /// Newest first; never empty.
        var versions: [ObjectVersion]

        var latest: ObjectVersion { versions[0] }
    }

    struct Upload: Sendable {
        var record: UploadRecord
        var parts: SortedMap<Int, PartRecord> = SortedMap()
    }

    struct Bucket: Sendable {
        var record: BucketRecord
        var objects: SortedMap<ObjectKey, KeyEntry> = SortedMap()
        var uploads: SortedMap<UploadKey, Upload> = SortedMap()
    }

    struct State: Sendable {
        var buckets: [String: Bucket] = [:]
        var accounts: [String: AccountRecord] = [:]
        var references: [BlobID: Int] = [:]
        var nextSequence: UInt64 = 1

        mutating func retain(_ segments: [Segment]) {
            for segment in segments { references[segment.blob, default: 0] += 1 }
        }

        /// The blobs that nothing refers to any more.
        mutating func release(_ segments: [Segment]) -> [BlobID] {
            var free: [BlobID] = []
            for segment in segments {
                let count = references[segment.blob, default: 1] - 1
                if count > 0 {
                    references[segment.blob] = count
                } else {
                    references[segment.blob] = nil
                    free.append(segment.blob)
                }
            }
            return free
        }

        mutating func bucket<Result>(_ name: String, _ body: (inout Bucket) throws -> Result) throws -> Result {
            guard let index = buckets.index(forKey: name) else { throw Fault.noSuchBucket(name) }
            // Through the index the bucket is changed where it lies; a copy would copy its whole index of keys.
            return try body(&buckets.values[index])
        }
    }

    let storage: any Storage
    private let pool: NIOThreadPool
    private let state: NIOLockedValueBox<State>
    private let stripes = (0..<64).map { _ in NIOLock() }

    init(storage: any Storage, pool: NIOThreadPool) throws {
        self.storage = storage
        self.pool = pool
        var state = State()
        let stored = try storage.load()
        for account in stored.accounts { state.accounts[account.id] = account }
        for found in stored.buckets {
            var bucket = Bucket(record: found.record)
            let versions = found.versions.sorted { left, right in
                left.key == right.key ? left.sequence > right.sequence : left.key < right.key
            }
            for version in versions {
                state.retain(version.segments)
                state.nextSequence = max(state.nextSequence, version.sequence &+ 1)
                if bucket.objects.update(version.key, { $0.versions.append(version) }) == nil {
                    bucket.objects[version.key] = KeyEntry(versions: [version])
                }
            }
            for (record, parts) in found.uploads {
                var upload = Upload(record: record)
                for part in parts {
                    state.retain(part.segments)
                    upload.parts[part.number] = part
                }
                bucket.uploads[UploadKey(key: record.key, uploadID: record.uploadID)] = upload
            }
            state.buckets[found.record.name] = bucket
        }
        self.state = NIOLockedValueBox(state)
    }

    // MARK: Reading

    func read<Result: Sendable>(_ body: (State) throws -> Result) rethrows -> Result {
        try state.withLockedValue { try body($0) }
    }

    func bucket(_ name: String) -> BucketRecord? {
        state.withLockedValue { $0.buckets[name]?.record }
    }

    func account(_ id: String) -> AccountRecord {
        state.withLockedValue { $0.accounts[id] } ?? AccountRecord(id: id)
    }

    /// Reads a bucket's index where it lies.
    func inBucket<Result: Sendable>(_ name: String, _ body: (Bucket) throws -> Result) throws -> Result {
        try state.withLockedValue { state in
            guard let bucket = state.buckets[name] else { throw Fault.noSuchBucket(name) }
            return try body(bucket)
        }
    }

    /// The latest version, or the one asked for; a delete marker too. Nil when there is none.
    func version(_ versionID: String?, of key: ObjectKey, in bucket: String) throws -> ObjectVersion? {
        try inBucket(bucket) { bucket in
            guard let entry = bucket.objects[key] else { return nil }
            guard let versionID else { return entry.latest }
            return entry.versions.first { $0.versionID == versionID }
        }
    }

    /// The same, with its bytes kept from being removed while the lease lives.
    func leaseVersion(
        _ versionID: String?, of key: ObjectKey, in bucket: String
    ) throws -> (version: ObjectVersion, lease: Lease)? {
        try state.withLockedValue { state -> ObjectVersion? in
            guard let bucket = state.buckets[bucket] else { throw Fault.noSuchBucket(bucket) }
            guard let entry = bucket.objects[key] else { return nil }
            let version = versionID.map { id in entry.versions.first { $0.versionID == id } } ?? entry.latest
            if let version { state.retain(version.segments) }
            return version
        }.map { ($0, Lease(catalogue: self, segments: $0.segments)) }
    }

    func upload(_ upload: UploadKey, in bucket: String) throws -> Upload? {
        try inBucket(bucket) { $0.uploads[upload] }
    }

    // MARK: Changing

    /// Runs a change of one key: on the thread pool when storing blocks, and alone among the changes of that key.
    func change<Result: Sendable>(
        _ bucket: String, _ key: ObjectKey, _ body: @escaping @Sendable (Catalogue) throws -> Result
    ) async throws -> Result {
        try await offload { try $0.locked(bucket, key) { try body(self) } }
    }

    /// Runs a change that touches a whole bucket, alone among all changes.
    func changeAlone<Result: Sendable>(
        _ body: @escaping @Sendable (Catalogue) throws -> Result
    ) async throws -> Result {
        try await offload { catalogue in
            // Always in the same order, so two of these can't wait for each other.
            for stripe in catalogue.stripes { stripe.lock() }
            defer { for stripe in catalogue.stripes { stripe.unlock() } }
            return try body(catalogue)
        }
    }

    func offload<Result: Sendable>(_ body: @escaping @Sendable (Catalogue) throws -> Result) async throws -> Result {
        guard storage.isBlocking else { return try body(self) }
        return try await pool.runIfActive { try body(self) }
    }

    func locked<Result>(_ bucket: String, _ key: ObjectKey, _ body: () throws -> Result) rethrows -> Result {
        var hasher = Hasher()
        hasher.combine(bucket)
        hasher.combine(key)
        let index = Int(UInt(bitPattern: hasher.finalize()) % UInt(stripes.count))
        return try stripes[index].withLock(body)
    }

    func mutate<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        try state.withLockedValue { try body(&$0) }
    }

    /// Takes over a blob that was just written; it goes when the lease does, unless something refers to it by then.
    func adopt(_ segments: [Segment]) -> Lease {
        mutate { $0.retain(segments) }
        return Lease(catalogue: self, segments: segments)
    }

    fileprivate func give(back segments: [Segment]) {
        discard(mutate { $0.release(segments) })
    }

    func discard(_ blobs: [BlobID]) {
        guard !blobs.isEmpty else { return }
        if storage.isBlocking {
            pool.submit { [storage] _ in storage.discard(blobs) }
        } else {
            storage.discard(blobs)
        }
    }
}

/// Keeps blobs from being removed as long as it lives.
final class Lease: Sendable {
    private let catalogue: Catalogue
    private let segments: [Segment]

    fileprivate init(catalogue: Catalogue, segments: [Segment]) {
        self.catalogue = catalogue
        self.segments = segments
    }

    deinit {
        if !segments.isEmpty { catalogue.give(back: segments) }
    }
}
