extension Operation {
    static let metadataConfigurationOperations: [Operation] = [
        Operation("CreateBucketMetadataConfiguration", .POST, .bucket, "metadataConfiguration", need: .owner) {
            try await $0.createMetadataConfiguration($1)
        },
        Operation("GetBucketMetadataConfiguration", .GET, .bucket, "metadataConfiguration", need: .owner) {
            try $0.getMetadataConfiguration($1)
        },
        Operation("DeleteBucketMetadataConfiguration", .DELETE, .bucket, "metadataConfiguration", need: .owner) {
            try await $0.deleteMetadataConfiguration($1)
        },
        Operation(
            "UpdateBucketMetadataInventoryTableConfiguration", .PUT, .bucket, "metadataInventoryTable", need: .owner
        ) { try await $0.updateMetadataTable($1, Service.inventoryTable) },
        Operation(
            "UpdateBucketMetadataJournalTableConfiguration", .PUT, .bucket, "metadataJournalTable", need: .owner
        ) { try await $0.updateMetadataTable($1, Service.journalTable) },
    ]
}

/// Tables about a bucket's objects: their configuration is kept and shown. No table is written.
extension Service {
    private static let metadataName = "metadataConfiguration"
    private static let enabledOrDisabled = Schema.choice(["ENABLED", "DISABLED", "Enabled", "Disabled"])
    private static let tableEncryption = Schema.Element.optional(
        "EncryptionConfiguration", .of(.one("SseAlgorithm"), .optional("KmsKeyArn")))

    fileprivate struct MetadataTable: Sendable {
        let root: String
        let schema: Schema
        let tableName: String
    }

    fileprivate static let journalTable = MetadataTable(
        root: "JournalTableConfiguration",
        schema: .of(
            .optional(
                "RecordExpiration",
                .of(.one("Expiration", enabledOrDisabled), .optional("Days", .integer(7...Int64(Int32.max))))),
            tableEncryption),
        tableName: "journal")

    fileprivate static let inventoryTable = MetadataTable(
        root: "InventoryTableConfiguration",
        schema: .of(.one("ConfigurationState", enabledOrDisabled), tableEncryption), tableName: "inventory")

    func createMetadataConfiguration(_ call: Call) async throws -> Response {
        let (journal, inventory) = (Self.journalTable, Self.inventoryTable)
        let document = try await call.document(
            root: "MetadataConfiguration",
            .of(.one(journal.root, journal.schema), .optional(inventory.root, inventory.schema)))
        try document.child(journal.root)?.checkExpiration()
        try await changeBucket(call) { bucket in
            guard bucket.documents[Self.metadataName] == nil else { throw Fault.metadataConfigurationExists }
            bucket.documents[Self.metadataName] = document.bytes
        }
        return Response()
    }

    fileprivate func updateMetadataTable(_ call: Call, _ table: MetadataTable) async throws -> Response {
        let document = try await call.document(root: table.root, table.schema)
        try document.checkExpiration()
        try await changeBucket(call) { bucket in
            guard var configuration = bucket.document(Self.metadataName) else {
                throw Fault.noSuchMetadataConfiguration
            }
            configuration.set(document)
            bucket.documents[Self.metadataName] = configuration.bytes
        }
        return Response()
    }

    func deleteMetadataConfiguration(_ call: Call) async throws -> Response {
        try await changeBucket(call) { bucket in
            guard bucket.documents[Self.metadataName] != nil else { throw Fault.noSuchMetadataConfiguration }
            bucket.documents[Self.metadataName] = nil
        }
        return Response(.noContent)
    }

    func getMetadataConfiguration(_ call: Call) throws -> Response {
        let bucket = try call.bucket
        guard let configuration = bucket.document(Self.metadataName) else { throw Fault.noSuchMetadataConfiguration }
        let arn = "acs:osstables:\(self.configuration.region):\(bucket.ownerID):bucket/aliyun-oss"
        return Response(root: "GetBucketMetadataConfigurationResult") { xml in
            xml.element("MetadataConfigurationResult") { xml in
                xml.element("DestinationResult") { xml in
                    xml.element("TableBucketType", "aliyun")
                    xml.element("TableBucketArn", arn)
                    xml.element("TableNamespace", "b_\(bucket.name)")
                }
                for table in [Self.journalTable, Self.inventoryTable] {
                    guard let node = configuration.child(table.root) else { continue }
                    xml.element("\(table.root)Result") { xml in
                        let isOn = node.value("ConfigurationState")?.uppercased() != "DISABLED"
                        xml.optional("ConfigurationState", node.value("ConfigurationState"))
                        xml.element("TableStatus", isOn ? "ACTIVE" : "DISABLED")
                        xml.element("TableName", table.tableName)
                        xml.element("TableArn", "\(arn)/table/b_\(bucket.name)/\(table.tableName)")
                        for child in node.children where child.name != "ConfigurationState" { xml.copy(child) }
                    }
                }
            }
        }
    }
}

extension XMLNode {
    fileprivate func checkExpiration() throws(Fault) {
        guard let expiration = child("RecordExpiration") else { return }
        guard expiration.value("Expiration")?.uppercased() != "ENABLED" || expiration.child("Days") != nil else {
            throw .malformedXML("RecordExpiration/Days is missing.")
        }
    }
}

extension Fault {
    fileprivate static let noSuchMetadataConfiguration = Fault(
        .notFound, "MetadataConfigurationNotFound", "The metadata configuration does not exist.")

    fileprivate static let metadataConfigurationExists = Fault(
        .conflict, "MetadataConfigurationAlreadyExists", "The bucket already has a metadata configuration.")
}
