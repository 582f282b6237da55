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
        if let value = request.nonEmptyHeader("x-oss-storage-class") { storageClass = try Self.storageClass(value) }
        if let acl = try Self.acl(of: request) { self.acl = acl }
        if let tagging = request.nonEmptyHeader("x-oss-tagging") { tags = try Tag.parse(header: tagging) }
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
        guard ["AES256", "KMS", "SM4"].contains(method) else {
            throw .invalidArgument(encryptionNames[0], method, "The encryption method is not supported.")
        }
        var fields = [HeaderField(name: encryptionNames[0], value: method)]
        if let data = request.nonEmptyHeader(encryptionNames[1]) {
            fields.append(HeaderField(name: encryptionNames[1], value: data))
        }
        if method == "KMS" {
            // The service takes the account's own key when none is named, and tells which.
            let id = request.nonEmptyHeader(encryptionNames[2]) ?? "00000000-0000-4000-8000-000000000001"
            fields.append(HeaderField(name: encryptionNames[2], value: id))
        }
        return fields
    }
}

extension Response {
    mutating func setEncryption(_ attributes: ObjectAttributes) {
        for field in attributes.encryption { set(field.name, field.value) }
    }

    /// The headers of GetObject and HeadObject.
    mutating func setObject(_ version: ObjectVersion, versionHeader: String?) {
        set("Content-Type", version.attributes.contentType)
        set("ETag", "\"\(version.etag)\"")
        set("Last-Modified", version.lastModified.httpDate)
        set("Accept-Ranges", "bytes")
        set("Content-MD5", version.contentMD5)
        set("x-oss-hash-crc64ecma", String(version.crc64))
        set("x-oss-object-type", version.type.rawValue)
        set("x-oss-storage-class", version.attributes.storageClass.rawValue)
        if version.type == .appendable { set("x-oss-next-append-position", String(version.size)) }
        if !version.attributes.tags.isEmpty { set("x-oss-tagging-count", String(version.attributes.tags.count)) }
        set("x-oss-version-id", versionHeader)
        setEncryption(version.attributes)
        for field in version.attributes.standardHeaders { set(field.name, field.value) }
        for field in version.attributes.metadata { set("x-oss-meta-\(field.name)", field.value) }
    }

    mutating func replace(_ name: String, _ value: String) {
        let lower = name.lowercased()
        headers.removeAll { $0.name.lowercased() == lower }
        set(name, value)
    }
}
