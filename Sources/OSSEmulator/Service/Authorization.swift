extension Service {
    /// Says whether the caller may do what it asks for, by the ACLs of bucket and object.
    func authorize(_ call: Call) throws {
        guard let bucket = call.bucketRecord else {
            let isOpen = call.request.operation.need == .nothing
            if call.identity == .anonymous, !isOpen { throw Fault.anonymousDenied }
            return
        }
        if call.identity.owns(bucket) { return }
        let isAnonymous = call.identity == .anonymous
        switch call.request.operation.need {
        case .nothing: break
        case .owner:
            throw isAnonymous ? Fault.anonymousDenied : Fault.notTheOwner
        case .account:
            if isAnonymous { throw Fault.anonymousDenied }
            // Somebody else's name for a bucket.
            if call.request.operation.createsBucket { throw Fault.bucketAlreadyExists(bucket.name) }
        case .readBucket:
            guard bucket.acl != .private else { throw isAnonymous ? Fault.anonymousDenied : Fault.notTheOwner }
        case .readObject:
            let version = call.query.nonEmpty("versionId")
            guard try mayRead(try call.key, version: version, in: bucket, as: call.identity) else {
                throw Fault.accessDenied
            }
        case .writeObject:
            let existing = try call.request.target.key.flatMap { try catalogue.version(nil, of: $0, in: bucket.name) }
            guard effectiveACL(existing, bucket) == .publicReadWrite else { throw Fault.accessDenied }
        }
    }

    func mayRead(_ key: ObjectKey, version: String?, in bucket: BucketRecord, as identity: Identity) throws -> Bool {
        if identity.owns(bucket) { return true }
        return effectiveACL(try catalogue.version(version, of: key, in: bucket.name), bucket) != .private
    }

    /// An object's own ACL stands above the bucket's.
    private func effectiveACL(_ version: ObjectVersion?, _ bucket: BucketRecord) -> BucketACL {
        switch version?.attributes.acl ?? .default {
        case .default: bucket.acl
        case .private: .private
        case .publicRead: .publicRead
        case .publicReadWrite: .publicReadWrite
        }
    }
}
