extension Service {
    private enum Need {
        case owner
        case readBucket
        case readObject
        case writeObject
        /// Any account; nobody anonymous.
        case account
    }

    private func need(of operation: Operation) -> Need {
        switch operation {
        case .listBuckets, .putBucket, .notHere, .methodNotAllowed: .account
        case .putBucketACL, .deleteBucket, .getBucketInfo, .getBucketLocation, .getBucketStat, .getBucketACL,
            .putBucketVersioning, .getBucketVersioning, .putBucketLifecycle, .getBucketLifecycle,
            .deleteBucketLifecycle, .putObjectACL, .getObjectACL, .putObjectTagging, .deleteObjectTagging:
            .owner
        case .listObjects, .listObjectsV2, .listObjectVersions, .listMultipartUploads: .readBucket
        case .getObject, .headObject, .getObjectMeta, .getObjectTagging: .readObject
        case .putObject, .copyObject, .appendObject, .deleteObject, .deleteMultipleObjects, .initiateMultipartUpload,
            .uploadPart, .uploadPartCopy, .completeMultipartUpload, .abortMultipartUpload, .listParts:
            .writeObject
        }
    }

    /// Says whether the caller may do what it asks for, by the ACLs of bucket and object.
    func authorize(_ call: Call) throws {
        let need = need(of: call.request.operation)
        guard let bucket = call.bucketRecord else {
            if call.identity == .anonymous { throw Fault.anonymousDenied }
            return
        }
        if call.identity.owns(bucket) { return }
        let isAnonymous = call.identity == .anonymous
        switch need {
        case .owner:
            throw isAnonymous ? Fault.anonymousDenied : Fault.notTheOwner
        case .account:
            if isAnonymous { throw Fault.anonymousDenied }
            // Somebody else's name for a bucket.
            if call.request.operation == .putBucket { throw Fault.bucketAlreadyExists(bucket.name) }
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
