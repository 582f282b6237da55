extension Operation {
    static let bucketOperations: [Operation] = [
        Operation("ListBuckets", .GET, .service, need: .account) { try $0.listBuckets($1) },
        Operation("PutBucket", .PUT, .bucket, need: .account, createsBucket: true) { try await $0.putBucket($1) },
        Operation("DeleteBucket", .DELETE, .bucket, need: .owner) { try await $0.deleteBucket($1) },
        Operation("GetBucketInfo", .GET, .bucket, "bucketInfo", need: .owner) { try $0.getBucketInfo($1) },
        Operation("GetBucketLocation", .GET, .bucket, "location", need: .owner) { try $0.getBucketLocation($1) },
        Operation("GetBucketStat", .GET, .bucket, "stat", need: .owner) { try $0.getBucketStat($1) },
        Operation("PutBucketAcl", .PUT, .bucket, "acl", need: .owner, createsBucket: true) {
            try await $0.putBucketACL($1)
        },
        Operation("GetBucketAcl", .GET, .bucket, "acl", need: .owner) { try $0.getBucketACL($1) },
        Operation("PutBucketVersioning", .PUT, .bucket, "versioning", need: .owner) {
            try await $0.putBucketVersioning($1)
        },
        Operation("GetBucketVersioning", .GET, .bucket, "versioning", need: .owner) { try $0.getBucketVersioning($1) },
    ]
}

/// Buckets themselves: making, removing, and what is known about them.
extension Service {
    func listBuckets(_ call: Call) throws -> Response {
        guard case .account(let account) = call.identity else { throw Fault.anonymousDenied }
        let query = call.query
        let prefix = query.nonEmpty("prefix") ?? ""
        let marker = query.nonEmpty("marker") ?? ""
        let limit = try call.number("max-keys", default: 100, in: 1...1000)
        let group = call.request.nonEmptyHeader("x-oss-resource-group-id")
        let filter = try TagFilter(query)
        let all = catalogue.read { state in
            state.buckets.values.map(\.record).filter { record in
                record.ownerID == account && record.name.hasPrefix(prefix)
                    && record.name.utf8.lexicographicallyCompare(marker) > 0
                    && (group == nil || group == record.resourceGroupID) && filter.fits(record)
            }
        }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let page = all.prefix(limit)
        return Response(root: "ListAllMyBucketsResult") { xml in
            if page.count < all.count {
                xml.element("Prefix", prefix)
                xml.element("Marker", marker)
                xml.element("MaxKeys", limit)
                xml.element("IsTruncated", true)
                xml.element("NextMarker", page.last?.name ?? "")
            }
            xml.owner(account)
            xml.element("Buckets") { xml in
                for bucket in page {
                    xml.element("Bucket") { xml in
                        xml.element("Name", bucket.name)
                        xml.element("Location", "oss-\(configuration.region)")
                        xml.element("CreationDate", bucket.created.iso8601)
                        xml.element("StorageClass", bucket.storageClass.rawValue)
                        // Clients connect to this to empty a bucket, so it names where we really are.
                        xml.element("ExtranetEndpoint", endpoint)
                        xml.element("IntranetEndpoint", endpoint)
                        xml.element("Region", configuration.region)
                        xml.element("ResourceGroupId", bucket.resourceGroupID)
                        xml.element("Comment", "")
                    }
                }
            }
        }
    }

    func putBucket(_ call: Call) async throws -> Response {
        let name = try newBucketName(call)
        var storageClass = StorageClass.standard
        var redundancy = "LRS"
        if let document = try await call.document(root: "CreateBucketConfiguration") {
            if let value = document.value("StorageClass") {
                guard let known = StorageClass(rawValue: value) else { throw Fault.noSuchBucketStorageClass }
                storageClass = known
            }
            if let value = document.value("DataRedundancyType") {
                guard value == "LRS" || value == "ZRS" else {
                    throw Fault.invalidArgument("DataRedundancyType", value, "No such data redundancy type exists.")
                }
                redundancy = value
            }
        }
        return try await makeBucket(
            call, name, acl: try bucketACL(call.request), storageClass: storageClass, redundancy: redundancy)
    }

    func putBucketACL(_ call: Call) async throws -> Response {
        guard let acl = try bucketACL(call.request) else { throw Fault.noSuchBucketACL }
        return try await makeBucket(
            call, try newBucketName(call), acl: acl, storageClass: .standard, redundancy: "LRS")
    }

    private func newBucketName(_ call: Call) throws -> String {
        let name = call.request.target.bucket ?? ""
        guard BucketName.isValid(name) else { throw Fault.invalidBucketName(name) }
        return name
    }

    private func bucketACL(_ request: Request) throws -> BucketACL? {
        guard let value = request.header("x-oss-acl") else { return nil }
        guard let acl = BucketACL(rawValue: value) else { throw Fault.noSuchBucketACL }
        return acl
    }

    /// Makes a bucket; of one's own bucket it changes the ACL.
    private func makeBucket(
        _ call: Call, _ name: String, acl: BucketACL?, storageClass: StorageClass, redundancy: String
    ) async throws -> Response {
        guard case .account(let account) = call.identity else { throw Fault.anonymousDenied }
        var created = BucketRecord(
            name: name, ownerID: account, created: call.request.received, acl: acl ?? .private,
            storageClass: storageClass, redundancy: redundancy,
            resourceGroupID: call.request.nonEmptyHeader("x-oss-resource-group-id") ?? Self.defaultResourceGroup)
        try created.setEncryption(call.request)
        if configuration.blocksPublicAccess { created.blockPublicAccess() }
        let new = created
        try await catalogue.changeAlone { catalogue in
            guard let existing = catalogue.bucket(name) else { return try catalogue.putBucket(new) }
            guard existing.ownerID == account else { throw Fault.bucketAlreadyExists(name) }
            if let acl, acl != existing.acl { try catalogue.updateBucket(name) { $0.acl = acl } }
        }
        return Response(headers: [HeaderField(name: "Location", value: "/\(name)")])
    }

    static let defaultResourceGroup = "rg-emulatordefault"

    func deleteBucket(_ call: Call) async throws -> Response {
        let name = try call.bucket.name
        try await catalogue.changeAlone { try $0.removeBucket(name) }
        return Response(.noContent)
    }

    func getBucketInfo(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        return Response(root: "BucketInfo") { xml in
            xml.element("Bucket") { xml in
                xml.element("AccessMonitor", bucket.document("accessmonitor")?.value("Status") ?? "Disabled")
                xml.element("BlockPublicAccess", blocksPublicAccess(bucket))
                xml.element("CreationDate", bucket.created.iso8601)
                xml.element("ExtranetEndpoint", "oss-\(configuration.region).aliyuncs.com")
                xml.element("IntranetEndpoint", "oss-\(configuration.region)-internal.aliyuncs.com")
                xml.element("Location", "oss-\(configuration.region)")
                xml.element("Name", bucket.name)
                xml.element("StorageClass", bucket.storageClass.rawValue)
                xml.element(
                    "TransferAcceleration",
                    bucket.document("transferAcceleration")?.value("Enabled") == "true" ? "Enabled" : "Disabled")
                xml.element(
                    "CrossRegionReplication",
                    bucket.isReplicated(at: call.request.received) ? "Enabled" : "Disabled")
                xml.element("DataRedundancyType", bucket.redundancy(at: call.request.received))
                xml.element("ResourceGroupId", bucket.resourceGroupID)
                xml.optional("Versioning", bucket.versioning?.rawValue)
                xml.owner(bucket.ownerID)
                xml.element("AccessControlList") { $0.element("Grant", bucket.acl.rawValue) }
                xml.element("ServerSideEncryptionRule") { xml in
                    let rule = bucket.encryptionRule
                    xml.element("SSEAlgorithm", rule?.value("SSEAlgorithm") ?? "None")
                    xml.optional("KMSMasterKeyID", rule?.value("KMSMasterKeyID"))
                    xml.optional("KMSDataEncryption", rule?.value("KMSDataEncryption"))
                }
                xml.element("BucketPolicy") { xml in
                    let logging = bucket.document("logging")?.child("LoggingEnabled")
                    xml.element("LogBucket", logging?.value("TargetBucket") ?? "")
                    xml.element("LogPrefix", logging?.value("TargetPrefix") ?? "")
                }
                xml.element("Comment", "")
            }
        }
    }

    func getBucketLocation(_ call: Call) throws -> Response {
        var xml = XMLWriter()
        xml.element("LocationConstraint", "oss-\(configuration.region)")
        return Response(
            headers: [HeaderField(name: "Content-Type", value: "application/xml")], body: .bytes(xml.bytes))
    }

    func getBucketACL(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        return Response(root: "AccessControlPolicy") { xml in
            xml.owner(bucket.ownerID)
            xml.element("AccessControlList") { $0.element("Grant", bucket.acl.rawValue) }
        }
    }

    func getBucketStat(_ call: Call) throws -> Response {
        struct Sum: Sendable {
            var objects: [StorageClass: (count: Int, size: Int64)] = [:]
            var markers = 0
            var uploads = 0
            var parts = 0
            var partSize: Int64 = 0
        }
        let sum = try catalogue.inBucket(try call.bucket.name) { bucket in
            var sum = Sum()
            for (_, entry) in bucket.objects {
                for version in entry.versions {
                    if version.isDeleteMarker {
                        sum.markers += 1
                    } else {
                        let old = sum.objects[version.attributes.storageClass] ?? (0, 0)
                        sum.objects[version.attributes.storageClass] = (old.count + 1, old.size + version.size)
                    }
                }
            }
            for (_, upload) in bucket.uploads {
                sum.uploads += 1
                for (_, part) in upload.parts {
                    sum.parts += 1
                    sum.partSize += part.size
                }
            }
            return sum
        }
        return Response(root: "BucketStat") { xml in
            xml.element("Storage", sum.objects.values.reduce(sum.partSize) { $0 + $1.size })
            xml.element("ObjectCount", sum.objects.values.reduce(0) { $0 + $1.count })
            xml.element("MultipartUploadCount", sum.uploads)
            xml.element("MultipartPartCount", sum.parts)
            xml.element("LiveChannelCount", 0)
            xml.element("LastModifiedTime", call.request.received.seconds)
            let names: [(StorageClass, String)] = [
                (.standard, "Standard"), (.infrequentAccess, "InfrequentAccess"), (.archive, "Archive"),
                (.coldArchive, "ColdArchive"), (.deepColdArchive, "DeepColdArchive"),
            ]
            for (storageClass, name) in names {
                let (count, size) = sum.objects[storageClass] ?? (0, 0)
                xml.element("\(name)Storage", size)
                if storageClass != .standard { xml.element("\(name)RealStorage", size) }
                xml.element("\(name)ObjectCount", count)
            }
            xml.element("DeleteMarkerCount", sum.markers)
        }
    }

    // MARK: Versioning

    func putBucketVersioning(_ call: Call) async throws -> Response {
        let name = try call.bucket.name
        guard let document = try await call.document(root: "VersioningConfiguration"),
            let status = document.value("Status").flatMap(VersioningStatus.init(rawValue:))
        else { throw Fault.malformedXML }
        try await catalogue.changeAlone { catalogue in try catalogue.updateBucket(name) { $0.versioning = status } }
        return Response()
    }

    func getBucketVersioning(_ call: Call) throws -> Response {
        let status = try call.bucket.versioning
        return Response(root: "VersioningConfiguration") { $0.optional("Status", status?.rawValue) }
    }
}

extension XMLWriter {
    mutating func owner(_ id: String) {
        element("Owner") { xml in
            xml.element("ID", id)
            xml.element("DisplayName", id)
        }
    }
}

extension String.UTF8View {
    /// Below, at or above zero, as the bytes come before, are, or come after those of `other`.
    func lexicographicallyCompare(_ other: String) -> Int {
        if elementsEqual(other.utf8) { return 0 }
        return lexicographicallyPrecedes(other.utf8) ? -1 : 1
    }
}
