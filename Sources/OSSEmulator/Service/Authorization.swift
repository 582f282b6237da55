import NIOHTTP1

/// Who may do what: policies first, of which a Deny that fits wins; then the owner may do anything, and others what the
/// ACLs of bucket and object leave open.
extension Service {
    func authorize(_ call: Call) throws {
        let operation = call.request.operation
        guard let bucket = call.bucketRecord else {
            if call.identity == .anonymous, operation.need != .nothing { throw Fault.anonymousDenied }
            if configuration.blocksPublicAccess, let opening = call.request.publicACL {
                throw Fault.publicNotAllowed(opening)
            }
            return
        }
        // Which objects are to go stands in the body; each is looked at when that is read.
        guard operation.name != "DeleteMultipleObjects" || bucket.documents["policy"] == nil else { return }
        try authorize(
            call, call.actions, operation.need, key: call.request.target.key, version: call.query.nonEmpty("versionId"),
            in: bucket)
        // Where public access is blocked, nothing can be made public either.
        if let opening = call.request.publicACL, blocksPublicAccess(bucket) { throw Fault.publicNotAllowed(opening) }
    }

    /// Whether the caller may remove an object that the body of its request names.
    func authorizeDeletion(_ call: Call, _ key: ObjectKey, version: String?) throws {
        guard let bucket = call.bucketRecord, bucket.documents["policy"] != nil else { return }
        try authorize(
            call, [version == nil ? "DeleteObject" : "DeleteObjectVersion"], .writeObject, key: key, version: version,
            in: bucket)
    }

    /// Whether the caller may read an object that its request names besides its target: the source of a copy.
    func authorizeRead(_ call: Call, _ key: ObjectKey, version: String?, in bucket: BucketRecord) throws {
        try authorize(
            call, [version == nil ? "GetObject" : "GetObjectVersion"], .readObject, key: key, version: version,
            in: bucket)
    }

    private func authorize(
        _ call: Call, _ actions: [String], _ need: Operation.Need, key: ObjectKey?, version: String?,
        in bucket: BucketRecord
    ) throws {
        let isOwner = call.identity.owns(bucket)
        if isOwner, bucket.documents["policy"] == nil { return }
        let isBlocked = blocksPublicAccess(bucket)
        let existing = try key.flatMap { try catalogue.version(version, of: $0, in: bucket.name) }
        let decision = try decide(call, actions, key, existing, bucket, ignoresPublic: isBlocked)
        // Nobody can lock himself out of the policy that does.
        if decision == .denied, !(isOwner && actions.allSatisfy(Self.ownersActions.contains)) {
            throw Fault.deniedByPolicy
        }
        if isOwner { return }
        if decision != .allowed { try checkACL(call, need, key, existing, bucket, isBlocked: isBlocked) }
        try checkPayer(call, bucket)
    }

    // MARK: Policies

    private static let ownersActions: Set<String> = ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"]

    private func decide(
        _ call: Call, _ actions: [String], _ key: ObjectKey?, _ existing: ObjectVersion?, _ bucket: BucketRecord,
        ignoresPublic: Bool
    ) throws -> BucketPolicy.Decision {
        guard let document = bucket.documents["policy"] else { return .open }
        let policy = try BucketPolicy(document)
        var access = BucketPolicy.Access(
            identity: call.identity, action: "", bucket: bucket.name, key: key, owner: bucket.ownerID,
            region: configuration.region, context: call.policyContext)
        for tag in existing?.attributes.tags ?? [] { access.context["oss:existingobjecttag/\(tag.key)"] = tag.value }
        var decision = BucketPolicy.Decision.allowed
        for action in actions {
            access.action = action
            switch policy.decide(access, ignoresPublic: ignoresPublic) {
            case .denied: return .denied
            case .open: decision = .open
            case .allowed: break
            }
        }
        return decision
    }

    // MARK: ACLs

    private func checkACL(
        _ call: Call, _ need: Operation.Need, _ key: ObjectKey?, _ existing: ObjectVersion?, _ bucket: BucketRecord,
        isBlocked: Bool
    ) throws {
        let isAnonymous = call.identity == .anonymous
        let acl = isBlocked ? .private : effectiveACL(existing, bucket)
        switch need {
        case .nothing, .form: break
        case .owner:
            throw isAnonymous ? Fault.anonymousDenied : Fault.notTheOwner
        case .account:
            if isAnonymous { throw Fault.anonymousDenied }
            // Somebody else's name for a bucket.
            if call.request.operation.createsBucket { throw Fault.bucketAlreadyExists(bucket.name) }
        case .readBucket:
            guard acl != .private else { throw isAnonymous ? Fault.anonymousDenied : Fault.notTheOwner }
        case .readObject:
            guard acl != .private else { throw Fault.accessDenied }
        case .writeObject:
            guard acl == .publicReadWrite else { throw Fault.accessDenied }
        }
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

    // MARK: Public access

    /// Whether what a bucket's ACLs and its policy open to everybody doesn't count.
    func blocksPublicAccess(_ bucket: BucketRecord) -> Bool {
        bucket.blocksPublicAccess || catalogue.account(bucket.ownerID).blocksPublicAccess
    }

    /// Refuses a policy that opens to everybody what is blocked.
    func checkPublicPolicy(_ policy: BucketPolicy, _ bucket: BucketRecord) throws {
        if policy.isPublic, blocksPublicAccess(bucket) { throw Fault.publicNotAllowed("bucket policy") }
    }

    // MARK: Who pays

    /// Where whoever asks pays for it, it must say that it will.
    private func checkPayer(_ call: Call, _ bucket: BucketRecord) throws {
        guard bucket.document("requestPayment")?.value("Payer") == "Requester" else { return }
        let payer = call.request.nonEmptyHeader("x-oss-request-payer") ?? call.query.value("x-oss-request-payer")
        guard call.identity != .anonymous, payer?.lowercased() == "requester" else { throw Fault.requesterPays }
    }
}

extension Fault {
    static let deniedByPolicy = Fault(
        .forbidden, "AccessDenied", "Access denied by bucket policy.", ec: "0003-00000101")

    static func publicNotAllowed(_ what: String) -> Fault {
        Fault(.forbidden, "AccessDenied", "Put public \(what) is not allowed")
    }

    static let requesterPays = Fault(.forbidden, "AccessDenied", "Access denied for requester pay bucket")
}

extension Request {
    /// Which ACL the request makes public, if it does.
    fileprivate var publicACL: String? {
        if operation.createsBucket, header("x-oss-acl")?.hasPrefix("public") == true { return "bucket acl" }
        return header("x-oss-object-acl")?.hasPrefix("public") == true ? "object acl" : nil
    }
}

extension Call {
    /// What a policy must allow for the request, without `oss:`.
    fileprivate var actions: [String] {
        var actions = [request.operation.action]
        // An old version of an object is another thing than the object.
        if query.nonEmpty("versionId") != nil, let name = Self.versionActions[request.operation.action] {
            actions = [name]
        }
        guard request.operation.need == .writeObject, actions == ["PutObject"] else { return actions }
        if request.nonEmptyHeader("x-oss-tagging") != nil { actions.append("PutObjectTagging") }
        if request.nonEmptyHeader("x-oss-object-acl") != nil { actions.append("PutObjectAcl") }
        return actions
    }

    private static let versionActions = [
        "GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion",
        "GetObjectAcl": "GetObjectVersionAcl", "PutObjectAcl": "PutObjectVersionAcl",
        "GetObjectTagging": "GetObjectVersionTagging", "PutObjectTagging": "PutObjectVersionTagging",
        "DeleteObjectTagging": "DeleteObjectVersionTagging",
    ]

    /// The values that a policy's conditions are about. There is no TLS here, and no VPC.
    fileprivate var policyContext: [String: String] {
        var context = [
            "acs:sourceip": request.client, "acs:currenttime": request.received.iso8601, "acs:securetransport": "false",
        ]
        context["acs:useragent"] = request.header("user-agent")
        context["acs:accessid"] = accessKeyID
        if request.operation.need == .readBucket {
            context["oss:prefix"] = query.value("prefix") ?? ""
            context["oss:delimiter"] = query.value("delimiter") ?? ""
        }
        for (name, value) in request.headers where name.lowercased().hasPrefix("x-oss-") {
            context["oss:\(name.lowercased())"] = value.trimmingBlanks
        }
        if let tagging = request.nonEmptyHeader("x-oss-tagging"), let tags = try? Tag.parse(header: tagging) {
            for tag in tags { context["oss:requestobjecttag/\(tag.key)"] = tag.value }
        }
        return context
    }
}
