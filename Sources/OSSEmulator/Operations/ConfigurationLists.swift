/// Configurations of which a bucket has many, each under a name: kept as `kind/name`.
extension BucketRecord {
    func document(_ kind: String, _ name: String) -> XMLNode? {
        document("\(kind)/\(name)")
    }

    /// By name.
    func documents(_ kind: String) -> [(name: String, document: XMLNode)] {
        documents.keys.filter { $0.hasPrefix(kind + "/") }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .compactMap { key in document(key).map { (String(key.dropFirst(kind.count + 1)), $0) } }
    }
}

/// One page of a list.
struct Page<Item> {
    var items: [Item]
    /// The name after which the next page begins; nil on the last one.
    var next: String?

    /// - Parameter all: in the order of their names.
    init(_ all: [Item], after token: String?, limit: Int, name: (Item) -> String) {
        let rest = all.drop { item in
            token.map { token in !token.utf8.lexicographicallyPrecedes(name(item).utf8) } ?? false
        }
        items = Array(rest.prefix(limit))
        next = rest.count > limit ? items.last.map(name) : nil
    }
}

extension Service {
    /// Changes one configuration of the bucket alone among all changes.
    func changeBucket(
        _ call: Call, _ body: @escaping @Sendable (inout BucketRecord) throws -> Void
    ) async throws {
        let name = try call.bucket.name
        try await catalogue.changeAlone { try $0.updateBucket(name, body) }
    }
}

// MARK: - Inventories

extension Operation {
    static let inventoryOperations: [Operation] = [
        Operation("PutBucketInventory", .PUT, .bucket, "inventory&inventoryId", need: .owner) {
            try await $0.putBucketInventory($1)
        },
        Operation("GetBucketInventory", .GET, .bucket, "inventory&inventoryId", need: .owner) {
            try $0.getBucketInventory($1)
        },
        Operation("ListBucketInventory", .GET, .bucket, "inventory", need: .owner) { try $0.listBucketInventory($1) },
        Operation("DeleteBucketInventory", .DELETE, .bucket, "inventory&inventoryId", need: .owner) {
            try await $0.deleteBucketInventory($1)
        },
    ]
}

/// Inventories: checked, kept and listed. None is written.
extension Service {
    private static let inventoryLimit = 1000
    private static let inventoryPage = 100

    private static let inventory = Schema.of(
        .one("Id", .text(1...64)), .one("IsEnabled", .boolean),
        .one("IncludedObjectVersions", .choice(["All", "Current"])),
        .one(
            "Destination",
            .of(
                .one(
                    "OSSBucketDestination",
                    .of(
                        .one("Format", .choice(["CSV", "ORC", "Parquet"])), .one("AccountId"), .one("RoleArn"),
                        .one("Bucket"), .optional("Prefix"),
                        .optional(
                            "Encryption", .of(.optional("SSE-KMS", .of(.one("KeyId"))), .optional("SSE-OSS"))))))),
        .one(
            "Schedule",
            .of(
                .one("Frequency", .choice(["Daily", "Weekly", "Monthly", "Once"])),
                .optional("DayOfMonth", .integer(1...31)), .optional("AutoDelete", .boolean))),
        .optional(
            "Filter",
            .of(
                .optional("Prefix"), .optional("StorageClass"), .optional("LowerSizeBound", .count),
                .optional("UpperSizeBound", .count), .optional("LastModifyBeginTimeStamp", .count),
                .optional("LastModifyEndTimeStamp", .count))),
        .optional("OptionalFields", .of(.many("Field", 0...100, .choice(inventoryFields)))),
        .optional(
            "IncrementalInventory",
            .of(
                .one("IsEnabled", .boolean), .optional("Schedule", .of(.one("Frequency", .count))),
                .optional("OptionalFields", .of(.many("Field", 0...100))))))

    private static let inventoryFields = [
        "Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "EncryptionStatus",
        "TransitionTime", "ObjectAcl", "TaggingCount", "ObjectType", "Crc64",
    ]

    func putBucketInventory(_ call: Call) async throws -> Response {
        let id = call.query.value("inventoryId") ?? ""
        var document = try await call.document(root: "InventoryConfiguration", Self.inventory)
        guard document.value("Id") == id else {
            throw Fault.invalidArgument(
                "inventoryId", id, "The inventory ID of the request is not the one of its body.", ec: "0020-00000043")
        }
        let bucket = document["Destination/OSSBucketDestination/Bucket"]?.trimmedText ?? ""
        guard bucket.hasPrefix("acs:oss:::"), BucketName.isValid(String(bucket.dropFirst(10))) else {
            throw Fault.invalidArgument("Bucket", bucket, "The destination must be written as acs:oss:::bucket.")
        }
        try document.settleInventoryFilter()
        let new = document
        try await changeBucket(call) { bucket in
            guard bucket.document("inventory", id) == nil else { throw Fault.inventoryExists(id) }
            guard bucket.documents("inventory").count < Self.inventoryLimit else { throw Fault.tooManyInventories }
            bucket.documents["inventory/\(id)"] = new.bytes
        }
        return Response()
    }

    func getBucketInventory(_ call: Call) throws -> Response {
        let id = call.query.value("inventoryId") ?? ""
        guard let document = try call.bucket.document("inventory", id) else { throw Fault.noSuchInventory }
        return Response(document: document)
    }

    func listBucketInventory(_ call: Call) throws -> Response {
        let all = try call.bucket.documents("inventory")
        guard !all.isEmpty else { throw Fault.noSuchInventory }
        let token = call.query.nonEmpty("continuation-token")
        let page = Page(all, after: token, limit: Self.inventoryPage) { $0.name }
        return Response(root: "ListInventoryConfigurationsResult") { xml in
            for item in page.items { xml.copy(item.document) }
            xml.element("IsTruncated", page.next != nil)
            xml.optional("ContinuationToken", token)
            xml.optional("NextContinuationToken", page.next)
        }
    }

    func deleteBucketInventory(_ call: Call) async throws -> Response {
        try await deleteDocument("inventory/\(call.query.value("inventoryId") ?? "")", call)
    }
}

extension XMLNode {
    /// The storage classes come back in order.
    fileprivate mutating func settleInventoryFilter() throws(Fault) {
        guard var filter = child("Filter"), let text = filter.value("StorageClass"), !text.isEmpty else { return }
        let classes = text.split(separator: ",").map { String($0.trimmingBlanks) }
        for name in classes where name != "All" && StorageClass(rawValue: name) == nil {
            throw .invalidArgument("StorageClass", name, "No such storage class exists.", ec: "0020-00000026")
        }
        filter.set(XMLNode("StorageClass", classes.sorted().joined(separator: ",")))
        set(filter)
    }
}

extension Fault {
    fileprivate static let noSuchInventory = Fault(
        .notFound, "NoSuchInventory", "The specified inventory configuration does not exist.")

    fileprivate static func inventoryExists(_ id: String) -> Fault {
        Fault(.conflict, "InventoryAlreadyExist", "The inventory configuration already exists.")
            .detail("InventoryId", id)
    }

    fileprivate static let tooManyInventories = Fault(
        .badRequest, "InventoryExceedLimit", "The number of inventory configurations exceeds the limit.")
}

// MARK: - Image styles

extension Operation {
    static let styleOperations: [Operation] = [
        Operation("PutStyle", .PUT, .bucket, "style&styleName", need: .owner) { try await $0.putStyle($1) },
        Operation("GetStyle", .GET, .bucket, "style&styleName", need: .owner) { try $0.getStyle($1) },
        Operation("ListStyle", .GET, .bucket, "style", need: .owner) { try $0.listStyle($1) },
        Operation("DeleteStyle", .DELETE, .bucket, "style&styleName", need: .owner) { try await $0.deleteStyle($1) },
    ]
}

/// Styles, in the order in which they were made, in one document.
extension Service {
    private static let styleLimit = 1000

    func putStyle(_ call: Call) async throws -> Response {
        let name = call.query.value("styleName") ?? ""
        let allowed = name.utf8.allSatisfy { byte in
            byte < 128 && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber)
                || [45, 46, 95].contains(byte)
        }
        guard (1...63).contains(name.utf8.count), allowed else {
            throw Fault.invalidArgument("styleName", name, "Style name is invalid.")
        }
        let content = try await call.document(root: "Style", .of(.one("Content", .text))).value("Content") ?? ""
        guard !content.isEmpty else { throw Fault.invalidArgument("Content", "", "Style content is invalid.") }
        let category = call.query.nonEmpty("category") ?? "image"
        let now = call.request.received.httpDate
        try await changeBucket(call) { bucket in
            var list = bucket.document("style") ?? XMLNode("StyleList")
            let place = list.children.firstIndex { $0.child("Name")?.text == name }
            let created = place.flatMap { list.children[$0].value("CreateTime") } ?? now
            let style = XMLNode(
                "Style",
                [
                    XMLNode("Name", name), XMLNode("Content", content), XMLNode("Category", category),
                    XMLNode("CreateTime", created), XMLNode("LastModifyTime", now),
                ])
            if let place {
                list.children[place] = style
            } else {
                guard list.children.count < Self.styleLimit else { throw Fault.tooManyStyles }
                list.children.append(style)
            }
            bucket.documents["style"] = list.bytes
        }
        return Response()
    }

    func getStyle(_ call: Call) throws -> Response {
        let name = call.query.value("styleName") ?? ""
        let list = try call.bucket.document("style")
        guard let style = list?.children.first(where: { $0.child("Name")?.text == name }) else {
            throw Fault.noSuchStyle(name)
        }
        return Response(document: style)
    }

    func listStyle(_ call: Call) throws -> Response {
        Response(document: try call.bucket.document("style") ?? XMLNode("StyleList"))
    }

    func deleteStyle(_ call: Call) async throws -> Response {
        let name = call.query.value("styleName") ?? ""
        try await changeBucket(call) { bucket in
            guard var list = bucket.document("style") else { return }
            list.children.removeAll { $0.child("Name")?.text == name }
            bucket.documents["style"] = list.children.isEmpty ? nil : list.bytes
        }
        return Response(.noContent)
    }
}

extension Fault {
    fileprivate static func noSuchStyle(_ name: String) -> Fault {
        Fault(.notFound, "NoSuchStyle", "The specified style does not exist.").detail("StyleName", name)
    }

    fileprivate static let tooManyStyles = Fault(
        .badRequest, "TooManyStyle", "The number of styles of the bucket exceeds the limit.")
}
