extension Configuration {
    private static let enabledOrDisabled = Schema.choice(["Enabled", "Disabled"])

    static let all: [Configuration] = [
        Configuration(
            "BucketAccessMonitor", "accessmonitor", root: "AccessMonitorConfiguration",
            .of(.one("Status", enabledOrDisabled), .optional("AllowCopy", .boolean)),
            unset: .document([XMLNode("Status", "Disabled")]), canDelete: false
        ) { document, place in
            guard document.value("Status") == "Disabled", let rules = place.bucket.document("lifecycle") else { return }
            guard !rules.usesAccessTime else { throw Fault.accessMonitorInUse }
        },
        Configuration(
            "BucketArchiveDirectRead", "bucketArchiveDirectRead", root: "ArchiveDirectReadConfiguration",
            .of(.one("Enabled", .boolean)), unset: .document([XMLNode("Enabled", "false")]), canDelete: false),
        Configuration(
            "BucketCors", "cors", root: "CORSConfiguration",
            .of(
                .many(
                    "CORSRule", 1...20,
                    .of(
                        .many("AllowedOrigin", 1...100),
                        .many("AllowedMethod", 1...5, .choice(["GET", "PUT", "DELETE", "POST", "HEAD"])),
                        .many("AllowedHeader", 0...100), .many("ExposeHeader", 0...100),
                        .optional("MaxAgeSeconds", .integer(.min ... .max)))),
                .optional("ResponseVary", .boolean, default: "false")),
            unset: .fault(.noSuchCORS)
        ) { document, _ in try document.settleCORS() },
        Configuration(
            "BucketEncryption", "encryption", root: "ServerSideEncryptionRule",
            .of(
                .one(
                    "ApplyServerSideEncryptionByDefault",
                    .of(.one("SSEAlgorithm"), .optional("KMSMasterKeyID"), .optional("KMSDataEncryption")))),
            unset: .fault(.noSuchEncryptionRule)
        ) { document, _ in try document.settleEncryption() },
        Configuration(
            "BucketHttpsConfig", "httpsConfig", root: "HttpsConfiguration",
            .of(
                .one(
                    "TLS",
                    .of(
                        .one("Enable", .boolean),
                        .many("TLSVersion", 0...16, .choice(["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"])))),
                .optional(
                    "CipherSuite",
                    .of(
                        .one("Enable", .boolean), .optional("StrongCipherSuite", .boolean),
                        .many("CustomCipherSuite", 0...100), .many("TLS13CustomCipherSuite", 0...100)))),
            unset: .document([XMLNode("TLS", [XMLNode("Enable", "false")])]), canDelete: false
        ) { document, _ in try document.settleTLS() },
        Configuration(
            "BucketLogging", "logging", root: "BucketLoggingStatus",
            .of(
                .optional(
                    "LoggingEnabled", .of(.one("TargetBucket"), .optional("TargetPrefix"), .optional("LoggingRole")))),
            unset: .document([])
        ) { document, place in
            guard let target = document["LoggingEnabled/TargetBucket"]?.trimmedText else { return }
            guard place.catalogue.bucket(target)?.ownerID == place.bucket.ownerID else {
                throw Fault.invalidLoggingTarget(target)
            }
        },
        Configuration(
            "UserDefinedLogFieldsConfig", "userDefinedLogFieldsConfig", root: "UserDefinedLogFieldsConfiguration",
            .of(
                .optional("HeaderSet", .of(.many("header", 0...100))),
                .optional("ParamSet", .of(.many("parameter", 0...100)))),
            unset: .fault(.noSuchLogFields)
        ) { document, _ in
            guard document.children.contains(where: { !$0.children.isEmpty }) else {
                throw Fault.malformedXML("HeaderSet or ParamSet must name a field.")
            }
        },
        Configuration(
            "BucketObjectWormConfiguration", "objectWorm", root: "ObjectWormConfiguration",
            .of(
                .one("ObjectWormEnabled", .choice(["Enabled"])),
                .optional(
                    "Rule",
                    .of(
                        .one(
                            "DefaultRetention",
                            .of(
                                .one("Mode", .choice(["GOVERNANCE", "COMPLIANCE"])),
                                .optional("Days", .integer(1...36500)), .optional("Years", .integer(1...100))))))),
            unset: .fault(.noSuchObjectWorm), canDelete: false, mayMakeBucket: true
        ) { document, _ in
            guard let retention = document["Rule/DefaultRetention"] else { return }
            guard (retention.child("Days") == nil) != (retention.child("Years") == nil) else {
                throw Fault.malformedXML("DefaultRetention must have either Days or Years.")
            }
        },
        Configuration(
            "BucketOverwriteConfig", "overwriteConfig", root: "OverwriteConfiguration",
            .of(
                .many(
                    "Rule", 1...100,
                    .of(
                        .optional("ID", .text(0...255)), .one("Action", .choice(["forbid"])), .optional("Prefix"),
                        .optional("Suffix"), .optional("Principals", .of(.many("Principal", 1...100)))))),
            unset: .fault(.noSuchOverwriteConfiguration), mayMakeBucket: true
        ) { document, _ in try document.settleRuleIDs() },
        publicAccessBlock,
        Configuration(
            "BucketReferer", "referer", root: "RefererConfiguration",
            .of(
                .one("AllowEmptyReferer", .boolean),
                .optional("AllowTruncateQueryString", .boolean, default: "true"),
                .optional("TruncatePath", .boolean, default: "false"),
                .optional("RefererList", .of(.many("Referer", 0...10_000, .text))),
                .optional("RefererBlacklist", .of(.many("Referer", 0...10_000, .text)))),
            unset: .document([
                XMLNode("AllowEmptyReferer", "true"), XMLNode("AllowTruncateQueryString", "true"),
                XMLNode("TruncatePath", "false"), XMLNode("RefererList"),
            ]), canDelete: false
        ) { document, _ in document.settleReferers() },
        Configuration(
            "BucketRequestPayment", "requestPayment", root: "RequestPaymentConfiguration",
            .of(.one("Payer", .choice(["BucketOwner", "Requester"]))),
            unset: .document([XMLNode("Payer", "BucketOwner")]), canDelete: false),
        // How much is stored is told, not limited: which error the service would give isn't known.
        Configuration(
            "BucketStorageQuota", "quota", root: "QuotaConfiguration",
            .of(
                .one("StorageQuota", .integer(-1...Int64.max)), .optional("Mode"),
                .optional("CurrentUsage", .integer(.min ... .max))),
            unset: .document([XMLNode("StorageQuota", "-1")]),
            present: { document, bucket, catalogue in
                let usage = try catalogue.inBucket(bucket.name) { bucket in
                    bucket.objects.reduce(Int64(0)) { $0 + $1.1.versions.reduce(0) { $0 + $1.size } }
                }
                document.set(XMLNode("CurrentUsage", String(usage)))
            }),
        Configuration(
            "BucketTransferAcceleration", "transferAcceleration", root: "TransferAccelerationConfiguration",
            .of(.one("Enabled", .boolean)), unset: .fault(.noSuchTransferAcceleration)),
        lifecycle,
        website,
    ]

    static let publicAccessBlock = Configuration(
        "BucketPublicAccessBlock", "publicAccessBlock", root: "PublicAccessBlockConfiguration",
        .of(.one("BlockPublicAccess", .boolean)), unset: .document([XMLNode("BlockPublicAccess", "false")]))
}

extension XMLNode {
    fileprivate mutating func settleCORS() throws(Fault) {
        for index in children.indices where children[index].name == "CORSRule" {
            if let age = children[index].value("MaxAgeSeconds"), !(0...999_999_999).contains(Int64(age) ?? -1) {
                throw .invalidArgument("MaxAgeSeconds", age, "MaxAgeSeconds must be between 0 and 999999999.")
            }
            for origin in children[index].all("AllowedOrigin") where origin.text.utf8.count(where: { $0 == 42 }) > 1 {
                throw .invalidArgument("AllowedOrigin", origin.text, "AllowedOrigin can not contain more than one *.")
            }
            for place in children[index].children.indices
            where children[index].children[place].name == "AllowedHeader" {
                children[index].children[place].text = children[index].children[place].text.lowercased()
            }
        }
    }

    fileprivate mutating func settleTLS() throws(Fault) {
        guard var tls = child("TLS") else { return }
        var versions: Set<String> = []
        tls.children.removeAll { $0.name == "TLSVersion" && !versions.insert($0.trimmedText).inserted }
        guard tls.value("Enable") == "false" || !versions.isEmpty else {
            throw .malformedXML("TLSVersion must be there when TLS is enabled.")
        }
        set(tls)
    }

    /// Rules are told apart by their IDs; the service makes those that are missing.
    mutating func settleRuleIDs() throws(Fault) {
        var ids: Set<String> = []
        for index in children.indices where children[index].name == "Rule" {
            let id = children[index].value("ID").flatMap { $0.isEmpty ? nil : $0 } ?? Service.randomID()
            guard ids.insert(id).inserted else { throw .invalidArgument("ID", id, "Rule ID must be unique.") }
            children[index].remove("ID")
            children[index].children.insert(XMLNode("ID", id), at: 0)
        }
    }

    fileprivate mutating func settleReferers() {
        for name in ["RefererList", "RefererBlacklist"] {
            guard var list = child(name) else { continue }
            list.children.removeAll { $0.isEmpty }
            set(list)
        }
        if child("RefererList") == nil { children.append(XMLNode("RefererList")) }
    }
}

extension Service {
    /// 32 digits of nobody's choosing.
    static func randomID(uppercase: Bool = false) -> String {
        Hex.encode(UInt64.random(in: 0 ... .max), uppercase: uppercase)
            + Hex.encode(UInt64.random(in: 0 ... .max), uppercase: uppercase)
    }
}

extension Fault {
    static let accessMonitorInUse = Fault(
        .conflict, "AccessMonitorInUse",
        "Access tracking can not be disabled while a lifecycle rule uses the last access time.")

    static let noSuchCORS = Fault(.notFound, "NoSuchCORSConfiguration", "The CORS Configuration does not exist.")

    static let noSuchEncryptionRule = Fault(
        .notFound, "NoSuchServerSideEncryptionRule", "The bucket encryption rule does not exist.")

    static let noSuchLogFields = Fault(
        .notFound, "NoSuchUserDefinedLogFieldsConfig", "The user defined log fields configuration does not exist.")

    static let noSuchObjectWorm = Fault(
        .notFound, "NoSuchObjectWormConfiguration", "The object WORM configuration does not exist.")

    static let noSuchOverwriteConfiguration = Fault(
        .notFound, "NoSuchBucketOverwriteConfig", "The bucket overwrite configuration does not exist.")

    static let noSuchTransferAcceleration = Fault(
        .notFound, "NoSuchTransferAccelerationConfiguration",
        "The bucket you specified does not have transfer acceleration configuration.")

    static func invalidLoggingTarget(_ name: String) -> Fault {
        Fault(
            .badRequest, "InvalidTargetBucketForLogging",
            "The target bucket for logging does not exist, is not owned by you, or is in another region."
        ).detail("TargetBucket", name)
    }
}
