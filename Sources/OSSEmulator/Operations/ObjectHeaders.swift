/// Reading an object's attributes from a request's headers, and writing them into an answer's.
extension ObjectAttributes {
    private static let standardNames = [
        "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires",
    ]
    private static let metadataPrefix = "x-oss-meta-"
    private static let metadataLimit = 8 << 10
    private static let encryptionNames = [
        "x-oss-server-side-encryption", "x-oss-server-side-data-encryption", "x-oss-server-side-encryption-key-id",
    ]

    init(_ request: Request, bucket: BucketRecord) throws(Fault) {
        self.init(
            contentType: request.nonEmptyHeader("content-type") ?? Self.defaultContentType,
            storageClass: bucket.storageClass, acl: .default)
        standardHeaders = Self.standardHeaders(of: request)
        metadata = try Self.metadata(of: request)
        encryption = try Self.encryption(of: request)
        if encryption.isEmpty { encryption = Self.encryption(by: bucket) }
        if let value = request.nonEmptyHeader("x-oss-storage-class") { storageClass = try Self.storageClass(value) }
        if let acl = try Self.acl(of: request) { self.acl = acl }
        if let tagging = request.nonEmptyHeader("x-oss-tagging") { tags = try Tag.parse(header: tagging) }
        try protect(by: request, bucket: bucket)
    }

    static func storageClass(_ value: String) throws(Fault) -> StorageClass {
        guard let known = StorageClass(rawValue: value) else { throw .noSuchStorageClass(value) }
        return known
    }

    static func acl(of request: Request) throws(Fault) -> ObjectACL? {
        guard let value = request.header("x-oss-object-acl") else { return nil }
        guard let acl = ObjectACL(rawValue: value) else { throw .noSuchObjectACL }
        return acl
    }

    static func standardHeaders(of request: Request) -> [HeaderField] {
        standardNames.compactMap { name in
            request.header(name).map { HeaderField(name: name, value: $0) }
        }
    }

    static func metadata(of request: Request) throws(Fault) -> [HeaderField] {
        var fields: [HeaderField] = []
        var size = 0
        for (name, value) in request.headers {
            let name = name.lowercased()
            guard name.hasPrefix(metadataPrefix), name.utf8.count > metadataPrefix.utf8.count else { continue }
            let field = HeaderField(
                name: String(name.dropFirst(metadataPrefix.utf8.count)), value: value.trimmingBlanks)
            size += field.name.utf8.count + field.value.utf8.count
            fields.append(field)
        }
        guard size <= metadataLimit else { throw .metadataTooLarge }
        return fields
    }

    static func encryption(of request: Request) throws(Fault) -> [HeaderField] {
        guard let method = request.nonEmptyHeader(encryptionNames[0]) else { return [] }
        guard ["AES256", "KMS", "SM4"].contains(method) else { throw .invalidEncryption(method) }
        let data = request.nonEmptyHeader(encryptionNames[1])
        if let data, data != "SM4", data != "AES256" {
            throw .invalidArgument(encryptionNames[1], data, "The data encryption method is not supported.")
        }
        let key = request.nonEmptyHeader(encryptionNames[2])
        if let key, method != "KMS" {
            throw .invalidArgument(encryptionNames[2], key, "A key ID may be given with KMS only.")
        }
        return encryption(method, data: data, key: key)
    }

    /// What the bucket wants for objects that say nothing.
    private static func encryption(by bucket: BucketRecord) -> [HeaderField] {
        let rule = bucket.document("encryption")?.child("ApplyServerSideEncryptionByDefault")
        func value(_ name: String) -> String? { rule?.value(name).flatMap { $0.isEmpty ? nil : $0 } }
        guard let method = value("SSEAlgorithm"), method != "None" else { return [] }
        return encryption(method, data: value("KMSDataEncryption"), key: value("KMSMasterKeyID"))
    }

    private static func encryption(_ method: String, data: String?, key: String?) -> [HeaderField] {
        var fields = [HeaderField(name: encryptionNames[0], value: method)]
        if let data { fields.append(HeaderField(name: encryptionNames[1], value: data)) }
        if method == "KMS" {
            // The service takes the account's own key when none is named, and tells which.
            fields.append(
                HeaderField(name: encryptionNames[2], value: key ?? "00000000-0000-4000-8000-000000000001"))
        }
        return fields
    }

    /// The parts of an upload are encrypted as its beginning said, and no request after it may say otherwise.
    static func refuseEncryption(of request: Request) throws(Fault) {
        for name in encryptionNames {
            guard let value = request.nonEmptyHeader(name) else { continue }
            throw .invalidArgument(name, value, "The header \(name) is not allowed here.")
        }
    }
}

extension Response {
    mutating func setEncryption(_ attributes: ObjectAttributes) {
        for field in attributes.encryption { set(field.name, field.value) }
    }

    /// The headers of GetObject and HeadObject.
    mutating func setObject(_ version: ObjectVersion, versionHeader: String?, now: EmulatorInstant) {
        let attributes = version.attributes
        set("Content-Type", attributes.contentType)
        set("ETag", "\"\(version.etag)\"")
        set("Last-Modified", version.lastModified.httpDate)
        set("Accept-Ranges", "bytes")
        set("Content-MD5", version.contentMD5)
        set("x-oss-hash-crc64ecma", String(version.crc64))
        set("x-oss-object-type", version.type.rawValue)
        set("x-oss-storage-class", attributes.storageClass.rawValue)
        if version.type == .appendable { set("x-oss-next-append-position", String(version.size)) }
        set("x-oss-sealed-time", version.sealed?.httpDate)
        if let restore = version.restore, restore.state(at: now) != .over {
            set("x-oss-restore", restore.description(at: now))
            set("x-oss-object-restore-priority", restore.tier?.rawValue)
        }
        if !attributes.tags.isEmpty { set("x-oss-tagging-count", String(attributes.tags.count)) }
        set("x-oss-version-id", versionHeader)
        setEncryption(attributes)
        if let retention = attributes.retention {
            set("x-oss-object-worm-mode", retention.mode.rawValue)
            set("x-oss-object-worm-retain-until-date", retention.until.iso8601)
        }
        if let isOnHold = attributes.isOnLegalHold { set("x-oss-object-worm-legal-hold", isOnHold ? "ON" : "OFF") }
        for field in attributes.standardHeaders { set(field.name, field.value) }
        for field in attributes.metadata { set("x-oss-meta-\(field.name)", field.value) }
    }

    mutating func replace(_ name: String, _ value: String) {
        let lower = name.lowercased()
        headers.removeAll { $0.name.lowercased() == lower }
        set(name, value)
    }
}

extension Request {
    /// How fast the body may go, in bytes a second; the client says it in bits.
    func trafficLimit() throws(Fault) -> Int64? {
        let name = "x-oss-traffic-limit"
        guard let text = nonEmptyHeader(name) ?? query.nonEmpty(name) else { return nil }
        guard let limit = Int64(text), (819_200...838_860_800).contains(limit) else {
            throw .invalidArgument(
                name, text, "The traffic limit must be between 819200 and 838860800 bits per second.")
        }
        return limit / 8
    }
}

extension Service {
    /// Takes the request's body no faster than the client wants.
    func limitUpload(_ call: Call) throws(Fault) {
        guard let rate = try call.request.trafficLimit(), call.body.pace == nil else { return }
        let sleep = configuration.sleep
        var pace = Pace(bytesPerSecond: rate)
        call.body.pace = { try await sleep(pace.pause(after: Int64($0))) }
    }
}

extension Fault {
    static func invalidEncryption(_ method: String) -> Fault {
        Fault(
            .badRequest, "InvalidEncryptionAlgorithmError",
            "The encryption request you specified is not valid. Supported value: AES256/KMS/SM4."
        ).detail("ArgumentValue", method)
    }
}
