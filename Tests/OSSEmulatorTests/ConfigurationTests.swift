import OSSEmulator
import Testing

/// A configuration of a bucket: what it takes, what it answers, what it refuses.
struct ConfigurationCase: Sendable, CustomTestStringConvertible {
    var subresource: String
    var root: String
    /// The code of GET before anything was put; empty where a default document is answered.
    var unset: String
    var canDelete = true
    /// What is put, and what must stand in the answer.
    var good: [(body: String, answer: [String])]
    /// What is refused, with the code.
    var bad: [(body: String, code: String)]

    var testDescription: String { subresource }

    static let malformed = "MalformedXML"

    static let all: [ConfigurationCase] = [
        ConfigurationCase(
            subresource: "accessmonitor", root: "AccessMonitorConfiguration", unset: "", canDelete: false,
            good: [("<Status>Enabled</Status>", ["<Status>Enabled</Status>"])],
            bad: [("", malformed), ("<Status>aa</Status>", malformed)]),
        ConfigurationCase(
            subresource: "bucketArchiveDirectRead", root: "ArchiveDirectReadConfiguration", unset: "", canDelete: false,
            good: [("<Enabled>True</Enabled>", ["<Enabled>true</Enabled>"])],
            bad: [("", malformed), ("<Enabled>aa</Enabled>", malformed)]),
        ConfigurationCase(
            subresource: "cors", root: "CORSConfiguration", unset: "NoSuchCORSConfiguration",
            good: [
                (
                    """
                    <CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>
                    <AllowedHeader>X-Oss-A</AllowedHeader><MaxAgeSeconds>9</MaxAgeSeconds></CORSRule>
                    """,
                    ["<AllowedHeader>x-oss-a</AllowedHeader>", "<ResponseVary>false</ResponseVary>"]
                )
            ],
            bad: [
                ("", malformed), ("<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>", malformed),
                (
                    "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod></CORSRule>",
                    malformed
                ),
                (
                    """
                    <CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
                    <MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule>
                    """,
                    "InvalidArgument"
                ),
                (
                    """
                    <CORSRule><AllowedOrigin>*.*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>
                    """,
                    "InvalidArgument"
                ),
            ]),
        ConfigurationCase(
            subresource: "encryption", root: "ServerSideEncryptionRule", unset: "NoSuchServerSideEncryptionRule",
            good: [
                (encryption("KMS", key: "k", data: "SM4"), [encryption("KMS", key: "k", data: "SM4")]),
                (encryption("AES256", data: "SM4"), [encryption("AES256")]), (encryption("KMS", key: ""), []),
            ],
            bad: [
                ("", malformed), (encryption("random"), "InvalidEncryptionAlgorithmError"),
                (encryption("AES256", key: "k"), "InvalidArgument"),
            ]),
        ConfigurationCase(
            subresource: "httpsConfig", root: "HttpsConfiguration", unset: "", canDelete: false,
            good: [
                (
                    """
                    <TLS><Enable>true</Enable><TLSVersion>TLSv1.2</TLSVersion><TLSVersion>TLSv1.2</TLSVersion></TLS>
                    <CipherSuite><Enable>true</Enable><TLS13CustomCipherSuite>A</TLS13CustomCipherSuite></CipherSuite>
                    """,
                    ["<TLS><Enable>true</Enable><TLSVersion>TLSv1.2</TLSVersion></TLS>", "TLS13CustomCipherSuite"]
                ), ("<TLS><Enable>false</Enable></TLS>", ["<TLS><Enable>false</Enable></TLS>"]),
            ],
            bad: [
                ("", malformed), ("<TLS><Enable>true</Enable></TLS>", malformed),
                ("<TLS><Enable>true</Enable><TLSVersion>aaa</TLSVersion></TLS>", malformed),
            ]),
        ConfigurationCase(
            subresource: "logging", root: "BucketLoggingStatus", unset: "",
            good: [
                (
                    "<LoggingEnabled><TargetBucket>bkt</TargetBucket><TargetPrefix>日志+/</TargetPrefix></LoggingEnabled>",
                    ["<TargetBucket>bkt</TargetBucket>", "日志+/"]
                ), ("", []),
            ],
            bad: [
                ("<LoggingEnabled><TargetPrefix>a</TargetPrefix></LoggingEnabled>", malformed),
                (
                    "<LoggingEnabled><TargetBucket>none</TargetBucket></LoggingEnabled>",
                    "InvalidTargetBucketForLogging"
                ),
            ]),
        ConfigurationCase(
            subresource: "userDefinedLogFieldsConfig", root: "UserDefinedLogFieldsConfiguration",
            unset: "NoSuchUserDefinedLogFieldsConfig",
            good: [("<HeaderSet><header>a</header><header>b</header></HeaderSet>", ["<header>b</header>"])],
            bad: [("", malformed), ("<HeaderSet/>", malformed)]),
        ConfigurationCase(
            subresource: "objectWorm", root: "ObjectWormConfiguration", unset: "NoSuchObjectWormConfiguration",
            canDelete: false,
            good: [
                (
                    """
                    <ObjectWormEnabled>Enabled</ObjectWormEnabled>
                    <Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>
                    """, ["<Days>1</Days>"]
                )
            ],
            bad: [
                ("", malformed),
                (
                    """
                    <ObjectWormEnabled>Enabled</ObjectWormEnabled>
                    <Rule><DefaultRetention><Mode>GOVERNANCE</Mode></DefaultRetention></Rule>
                    """, malformed
                ),
                (
                    """
                    <ObjectWormEnabled>Enabled</ObjectWormEnabled>
                    <Rule><DefaultRetention><Mode>NONE</Mode><Days>1</Days></DefaultRetention></Rule>
                    """, malformed
                ),
            ]),
        ConfigurationCase(
            subresource: "overwriteConfig", root: "OverwriteConfiguration", unset: "NoSuchBucketOverwriteConfig",
            good: [("<Rule><Action>forbid</Action><Prefix>a/</Prefix></Rule>", ["<Rule><ID>", "<Prefix>a/</Prefix>"])],
            bad: [
                ("", malformed), ("<Rule><Action>allow</Action></Rule>", malformed),
                (
                    "<Rule><ID>1</ID><Action>forbid</Action></Rule><Rule><ID>1</ID><Action>forbid</Action></Rule>",
                    "InvalidArgument"
                ),
            ]),
        ConfigurationCase(
            subresource: "publicAccessBlock", root: "PublicAccessBlockConfiguration", unset: "",
            good: [("<BlockPublicAccess>true</BlockPublicAccess>", ["<BlockPublicAccess>true</BlockPublicAccess>"])],
            bad: [("", malformed), ("<BlockPublicAccess>1</BlockPublicAccess>", malformed)]),
        ConfigurationCase(
            subresource: "referer", root: "RefererConfiguration", unset: "", canDelete: false,
            good: [
                (
                    "<AllowEmptyReferer>false</AllowEmptyReferer><RefererList><Referer></Referer></RefererList>",
                    ["<RefererList></RefererList>", "<AllowTruncateQueryString>true</AllowTruncateQueryString>"]
                )
            ],
            bad: [("", malformed)]),
        ConfigurationCase(
            subresource: "requestPayment", root: "RequestPaymentConfiguration", unset: "", canDelete: false,
            good: [("<Payer>Requester</Payer>", ["<Payer>Requester</Payer>"])],
            bad: [("", malformed), ("<Payer>Requesterttttt</Payer>", malformed)]),
        ConfigurationCase(
            subresource: "transferAcceleration", root: "TransferAccelerationConfiguration",
            unset: "NoSuchTransferAccelerationConfiguration",
            good: [("<Enabled>true</Enabled>", ["<Enabled>true</Enabled>"])], bad: [("", malformed)]),
        ConfigurationCase(
            subresource: "qos", root: "BucketUserQos", unset: "", canDelete: false,
            good: [("<StorageCapacity>100</StorageCapacity>", ["<StorageCapacity>100</StorageCapacity>"])],
            bad: [("", malformed), ("<StorageCapacity>-2</StorageCapacity>", "InvalidArgument")]),
        ConfigurationCase(
            subresource: "website", root: "WebsiteConfiguration", unset: "NoSuchWebsiteConfiguration",
            good: [
                (
                    """
                    <IndexDocument><Suffix>index.html</Suffix><Type>0</Type></IndexDocument><RoutingRules><RoutingRule>
                    <RuleNumber>1</RuleNumber><Redirect><RedirectType>Mirror</RedirectType><MirrorSNI>True</MirrorSNI>
                    <NewerThanThis>x</NewerThanThis></Redirect></RoutingRule></RoutingRules>
                    """,
                    ["<MirrorSNI>true</MirrorSNI>", "<NewerThanThis>x</NewerThanThis>"]
                )
            ],
            bad: [
                ("", malformed), ("<IndexDocument/>", malformed),
                ("<RoutingRules><RoutingRule><RuleNumber>x</RuleNumber></RoutingRule></RoutingRules>", malformed),
            ]),
        ConfigurationCase(
            subresource: "tagging", root: "Tagging", unset: "",
            good: [
                (
                    "<TagSet><Tag><Key>%@abc</Key><Value>++123%</Value></Tag></TagSet>",
                    ["<Key>%@abc</Key><Value>++123%</Value>"]
                )
            ],
            bad: [
                ("", malformed), ("<TagSet><Tag><Value>v</Value></Tag></TagSet>", malformed),
                ("<TagSet><Tag><Key>k</Key></Tag><Tag><Key>k</Key></Tag></TagSet>", "InvalidArgument"),
            ]),
        ConfigurationCase(
            subresource: "lifecycle", root: "LifecycleConfiguration", unset: "NoSuchLifecycle",
            good: [
                (
                    lifecycle("<Expiration><Days>357</Days></Expiration>", transition(356, "Archive"), transition(352)),
                    ["<Prefix>p</Prefix>", "<ID>"]
                ), (lifecycle(noncurrent(12), noncurrent(20, "Archive")), []),
            ],
            bad: [
                ("", malformed), (lifecycle(""), malformed), (lifecycle("<Expiration></Expiration>"), malformed),
                (lifecycle("<Expiration><Days>3</Days></Expiration>", transition(4)), "InvalidArgument"),
                (lifecycle(transition(2, "Archive"), transition(5)), "InvalidArgument"),
                (lifecycle(noncurrent(12, "Archive"), noncurrent(20)), "InvalidArgument"),
                (lifecycle(transition(5, "Standard")), "InvalidArgument"),
                (lifecycle(transition(5), transition(5)) + lifecycle(transition(5)), "InvalidArgument"),
                (
                    lifecycle(
                        "<Expiration><CreatedBeforeDate>2016-12-25T00:00:00.000Z</CreatedBeforeDate></Expiration>",
                        transition(5)),
                    "InvalidRequest"
                ),
                (lifecycle("<Expiration><Date>soon</Date></Expiration>"), malformed),
                (lifecycle(transition(5), "<Tag><Key>%&amp;</Key><Value>v</Value></Tag>"), "InvalidArgument"),
            ]),
    ]

    private static func encryption(_ algorithm: String, key: String? = nil, data: String? = nil) -> String {
        "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>\(algorithm)</SSEAlgorithm>"
            + (key.map { "<KMSMasterKeyID>\($0)</KMSMasterKeyID>" } ?? "")
            + (data.map { "<KMSDataEncryption>\($0)</KMSDataEncryption>" } ?? "")
            + "</ApplyServerSideEncryptionByDefault>"
    }

    private static func lifecycle(_ parts: String...) -> String {
        "<Rule><Prefix>p</Prefix><Status>Enabled</Status>\(parts.joined())</Rule>"
    }

    private static func transition(_ days: Int, _ storageClass: String = "IA") -> String {
        "<Transition><Days>\(days)</Days><StorageClass>\(storageClass)</StorageClass></Transition>"
    }

    private static func noncurrent(_ days: Int, _ storageClass: String = "IA") -> String {
        "<NoncurrentVersionTransition><NoncurrentDays>\(days)</NoncurrentDays><StorageClass>\(storageClass)"
            + "</StorageClass></NoncurrentVersionTransition>"
    }
}

extension TestClient {
    func configure(_ subresource: String, _ root: String, _ body: String, bucket: String = "bkt") async throws -> Reply
    {
        try await send(
            "PUT", "/\(bucket)/", query: [(subresource, "")],
            text: #"<?xml version="1.0"?><\#(root) xmlns="http://x">\#(body)</\#(root)>"#)
    }

    func configuration(_ subresource: String, bucket: String = "bkt") async throws -> Reply {
        try await send("GET", "/\(bucket)/", query: [(subresource, "")])
    }
}

@Suite struct ConfigurationTests {
    @Test(arguments: ConfigurationCase.all) func isKeptAndGivenBack(_ row: ConfigurationCase) async throws {
        try await withEmulator {
            $0.blocksPublicAccess = false
        } _: { client async throws in
            func get() async throws -> Reply { try await client.configuration(row.subresource) }
            func checkUnset() async throws {
                let reply = try await get()
                if row.unset.isEmpty {
                    #expect(reply.status == 200 && reply.text.contains("<\(row.root)>"))
                } else {
                    #expect(reply.status == 404 && reply.element("Code") == row.unset)
                }
            }
            try await checkUnset()
            for (body, code) in row.bad {
                let reply = try await client.configure(row.subresource, row.root, body)
                #expect(reply.status == 400 && reply.element("Code") == code, "\(body)")
                #expect(reply.element("Message")?.isEmpty == false)
            }
            for broken in ["", "<\(row.root)>", "<Other/>"] {
                let reply = try await client.send("PUT", "/bkt/", query: [(row.subresource, "")], text: broken)
                if broken.isEmpty, row.subresource == "logging" { continue }
                #expect(reply.element("Code") == "MalformedXML" && reply.element("EC") == "0015-00000231", "\(broken)")
            }
            try await checkUnset()
            for (body, answers) in row.good {
                let put = try await client.configure(row.subresource, row.root, body)
                #expect(put.status == 200 && put.body.isEmpty, "\(put.text)")
                let reply = try await get()
                #expect(reply.status == 200 && reply.headers["content-type"] == "application/xml")
                #expect(!reply.text.contains("xmlns"))
                for answer in answers { #expect(reply.text.contains(answer), "\(reply.text)") }
            }
            let delete = try await client.send("DELETE", "/bkt/", query: [(row.subresource, "")])
            if row.canDelete {
                #expect(delete.status == 204)
                try await checkUnset()
                #expect(try await client.send("DELETE", "/bkt/", query: [(row.subresource, "")]).status == 204)
            } else {
                // Above all not the bucket.
                #expect(delete.status == 405)
                #expect(try await client.send("GET", "/bkt/").status == 200)
            }
            let (status, code) =
                ["objectWorm", "overwriteConfig"].contains(row.subresource)
                ? (400, "MalformedXML") : (404, "NoSuchBucket")
            let none = try await client.configure(row.subresource, row.root, row.good[0].body, bucket: "none")
            #expect(none.status == status && none.element("Code") == code)
            #expect(try await client.configuration(row.subresource, bucket: "none").element("Code") == "NoSuchBucket")
        }
    }

    @Test func survivesARestart() async throws {
        let folder = try TemporaryFolder()
        try await withEmulator {
            $0.dataDirectory = folder.path
        } _: { client async throws in
            _ = try await client.configure("accessmonitor", "AccessMonitorConfiguration", "<Status>Enabled</Status>")
            _ = try await client.send("PUT", "/", query: [("publicAccessBlock", "")], text: block("true"))
        }
        try await withEmulator {
            $0.dataDirectory = folder.path
        } _: { client async throws in
            #expect(try await client.configuration("accessmonitor").element("Status") == "Enabled")
            let account = try await client.send("GET", "/", query: [("publicAccessBlock", "")])
            #expect(account.element("BlockPublicAccess") == "true")
        }
    }

    private func block(_ value: String) -> String {
        "<PublicAccessBlockConfiguration><BlockPublicAccess>\(value)</BlockPublicAccess></PublicAccessBlockConfiguration>"
    }

    @Test func theAccountBlocksPublicAccess() async throws {
        try await withEmulator { client async throws in
            func service(_ method: String, _ text: String = "", isSigned: Bool = true) async throws -> Reply {
                try await client.send(
                    method, "/", query: [("publicAccessBlock", "")], body: Array(text.utf8), isSigned: isSigned)
            }
            #expect(try await service("GET").element("BlockPublicAccess") == "false")
            #expect(try await service("PUT", "<PublicAccessBlockConfiguration/>").element("Code") == "MalformedXML")
            #expect(try await service("PUT", block("true")).status == 200)
            #expect(try await service("GET").element("BlockPublicAccess") == "true")
            #expect(try await service("DELETE").status == 204)
            #expect(try await service("GET").element("BlockPublicAccess") == "false")
            #expect(try await service("GET", isSigned: false).status == 403)
            var stranger = client
            stranger.accessKeyID = "ak"
            let reply = try await stranger.send("GET", "/", query: [("publicAccessBlock", "")])
            #expect(reply.element("EC") == "0002-00000902")
        }
    }

    @Test func accessMonitorStaysWhileALifecycleNeedsIt() async throws {
        try await withEmulator { client async throws in
            let rule = """
                <Rule><Status>Enabled</Status><Transition><Days>3</Days><StorageClass>IA</StorageClass>
                <IsAccessTime>true</IsAccessTime></Transition></Rule>
                """
            _ = try await client.configure("accessmonitor", "AccessMonitorConfiguration", "<Status>Enabled</Status>")
            #expect(try await client.configure("lifecycle", "LifecycleConfiguration", rule).status == 200)
            let off = "<Status>Disabled</Status>"
            #expect(try await client.configure("accessmonitor", "AccessMonitorConfiguration", off).status == 409)
            _ = try await client.send("DELETE", "/bkt/", query: [("lifecycle", "")])
            #expect(try await client.configure("accessmonitor", "AccessMonitorConfiguration", off).status == 200)
        }
    }

    @Test func overlappingLifecycleRulesMustBeAllowed() async throws {
        try await withEmulator { client async throws in
            let expiration = "<Status>Enabled</Status><Expiration><Days>3</Days></Expiration>"
            let rules = "<Rule><Prefix>a</Prefix>\(expiration)</Rule><Rule><Prefix>a/b</Prefix>\(expiration)</Rule>"
            let refused = try await client.configure("lifecycle", "LifecycleConfiguration", rules)
            #expect(refused.element("Message") == "Overlap for same action type Expiration")
            let allowed = try await client.send(
                "PUT", "/bkt/", query: [("lifecycle", "")], headers: ["x-oss-allow-same-action-overlap": "true"],
                text: "<LifecycleConfiguration>\(rules)</LifecycleConfiguration>")
            #expect(allowed.status == 200)
        }
    }

    // MARK: What the configurations do

    @Test func bucketInfoShowsThem() async throws {
        try await withEmulator { client async throws in
            func info(_ name: String) async throws -> String? {
                try await client.configuration("bucketInfo").element(name)
            }
            #expect(try await info("BlockPublicAccess") == "true")
            _ = try await client.configure(
                "publicAccessBlock", "PublicAccessBlockConfiguration", "<BlockPublicAccess>false</BlockPublicAccess>")
            #expect(try await info("BlockPublicAccess") == "false")
            #expect(try await info("SSEAlgorithm") == "None")
            _ = try await client.configure(
                "encryption", "ServerSideEncryptionRule",
                """
                <ApplyServerSideEncryptionByDefault><SSEAlgorithm>KMS</SSEAlgorithm><KMSMasterKeyID>123</KMSMasterKeyID>
                </ApplyServerSideEncryptionByDefault>
                """)
            #expect(try await info("SSEAlgorithm") == "KMS")
            #expect(try await info("KMSMasterKeyID") == "123")
            _ = try await client.configure("accessmonitor", "AccessMonitorConfiguration", "<Status>Enabled</Status>")
            #expect(try await info("AccessMonitor") == "Enabled")
            _ = try await client.configure(
                "transferAcceleration", "TransferAccelerationConfiguration", "<Enabled>true</Enabled>")
            #expect(try await info("TransferAcceleration") == "Enabled")
            _ = try await client.configure(
                "logging", "BucketLoggingStatus",
                "<LoggingEnabled><TargetBucket>bkt</TargetBucket><TargetPrefix>l/</TargetPrefix></LoggingEnabled>")
            #expect(try await info("LogBucket") == "bkt")
            #expect(try await info("LogPrefix") == "l/")
            _ = try await client.send(
                "PUT", "/enc/",
                headers: ["x-oss-server-side-encryption": "KMS", "x-oss-server-side-data-encryption": "SM4"])
            let made = try await client.configuration("bucketInfo", bucket: "enc")
            #expect(made.element("SSEAlgorithm") == "KMS" && made.element("KMSDataEncryption") == "SM4")
        }
    }

    @Test func overwriteRules() async throws {
        try await withEmulator { client async throws in
            _ = try await client.configure(
                "overwriteConfig", "OverwriteConfiguration",
                """
                <Rule><Action>forbid</Action><Prefix>a/</Prefix><Suffix>.txt</Suffix></Rule>
                <Rule><Action>forbid</Action><Prefix>b/</Prefix><Principals><Principal>other</Principal></Principals></Rule>
                """)
            for key in ["a/1.txt", "a/1.jpg", "b/1"] {
                #expect(try await client.send("PUT", "/bkt/\(key)", text: "x").status == 200)
                let again = try await client.send("PUT", "/bkt/\(key)", text: "y")
                #expect(again.status == (key == "a/1.txt" ? 409 : 200))
                let copied = try await client.send(
                    "PUT", "/bkt/\(key)", headers: ["x-oss-copy-source": "/bkt/a/1.txt"])
                #expect(copied.status == (key == "a/1.txt" ? 409 : 200))
            }
            #expect(try await client.send("GET", "/bkt/a/1.txt").text == "x")
        }
    }

    @Test func referers() async throws {
        try await withEmulator {
            $0.blocksPublicAccess = false
        } _: { client async throws in
            _ = try await client.send("PUT", "/bkt/", query: [("acl", "")], headers: ["x-oss-acl": "public-read"])
            _ = try await client.send("PUT", "/bkt/k", text: "x")
            _ = try await client.configure(
                "referer", "RefererConfiguration",
                """
                <AllowEmptyReferer>false</AllowEmptyReferer>
                <RefererList><Referer>http://*.good.com/a?</Referer></RefererList>
                <RefererBlacklist><Referer>http://bad.good.com/*</Referer></RefererBlacklist>
                """)
            for (referer, status) in [
                ("http://www.good.com/ab", 200), ("http://www.good.com/ab?q=1", 200), ("http://www.good.com/abc", 200),
                ("http://www.good.com/b", 403),
                ("http://bad.good.com/ab", 403), ("", 403),
            ] {
                let reply = try await client.send("GET", "/bkt/k", headers: ["Referer": referer], isSigned: false)
                #expect(reply.status == status, "\(referer)")
            }
            // Programs that sign say what they like.
            #expect(try await client.send("GET", "/bkt/k").status == 200)
        }
    }

    // MARK: Tags

    @Test func bucketTags() async throws {
        try await withEmulator { client async throws in
            func tag(_ bucket: String, _ tags: [(String, String)]) async throws {
                let text = tags.map { "<Tag><Key>\($0.0)</Key><Value>\($0.1)</Value></Tag>" }.joined()
                #expect(
                    try await client.configure("tagging", "Tagging", "<TagSet>\(text)</TagSet>", bucket: bucket).status
                        == 200)
            }
            func list(_ query: [(String, String)]) async throws -> [String] {
                try await client.send("GET", "/", query: query).elements("Name")
            }
            _ = try await client.send("PUT", "/other/")
            try await tag("bkt", [("k", "v"), ("k,2", "v2"), ("k3", "v3")])
            try await tag("other", [("k", "w")])
            #expect(try await list([]) == ["bkt", "other"])
            #expect(try await list([("tag-key", "k")]) == ["bkt", "other"])
            #expect(try await list([("tag-key", "k"), ("tag-value", "w")]) == ["other"])
            #expect(try await list([("tag-key", "none")]).isEmpty)
            #expect(try await list([("tagging", #""k":"v","k3":"v3""#)]) == ["bkt"])
            #expect(try await list([("tagging", #""k":"v","k3":"x""#)]).isEmpty)
            #expect(try await list([("tagging", #""k,2" : "v2""#)]) == ["bkt"])
            for bad in ["k:v", #""k""#, #""k":"v";"l":"w""#, #""k":"v","#] {
                let reply = try await client.send("GET", "/", query: [("tagging", bad)])
                #expect(reply.element("Code") == "InvalidArgument", "\(bad)")
            }
            #expect(try await client.send("DELETE", "/bkt/", query: [("tagging", "k,k3")]).status == 204)
            #expect(try await client.configuration("tagging").elements("Key") == ["k,2"])
            #expect(try await client.send("DELETE", "/bkt/", query: [("tagging", "")]).status == 204)
            let empty = try await client.configuration("tagging")
            #expect(empty.status == 200 && empty.text.contains("<TagSet></TagSet>"))
        }
    }

    @Test func resourceGroups() async throws {
        try await withEmulator { client async throws in
            let root = "BucketResourceGroupConfiguration"
            let first = try await client.configuration("resourceGroup").element("ResourceGroupId") ?? ""
            #expect(!first.isEmpty)
            for (group, status) in [("", 200), (first, 200), ("rg-not-exist", 400)] {
                let reply = try await client.configure(
                    "resourceGroup", root, "<ResourceGroupId>\(group)</ResourceGroupId>")
                #expect(reply.status == status)
                if status == 400 { #expect(reply.element("EC") == "0039-00000003") }
                #expect(try await client.configuration("resourceGroup").element("ResourceGroupId") == first)
            }
            #expect(try await client.configure("resourceGroup", root, "").element("Code") == "MalformedXML")
        }
    }

    // MARK: Policies

    @Test func policies() async throws {
        try await withEmulator { client async throws in
            func status() async throws -> String? { try await client.configuration("policyStatus").element("IsPublic") }
            #expect(try await client.configuration("policy").element("Code") == "NoSuchBucketPolicy")
            #expect(try await status() == "false")
            let open =
                "{\"Version\": \"1\",\n \"Statement\":[{\"Action\":[\"oss:PutObject\"],\"Effect\":\"Allow\","
                + "\"Resource\":[\"acs:oss:*:*:bkt\",\"acs:oss:*:*:bkt/*\"]}]}"
            func put() async throws -> Reply {
                try await client.send("PUT", "/bkt/", query: [("policy", "")], text: open)
            }
            // Nothing is opened where public access is blocked: by the bucket, or by the account.
            #expect(try await put().element("Code") == "AccessDenied")
            #expect(try await client.send("DELETE", "/bkt/", query: [("publicAccessBlock", "")]).status == 204)
            _ = try await client.send("PUT", "/", query: [("publicAccessBlock", "")], text: block("true"))
            #expect(try await put().element("Code") == "AccessDenied")
            _ = try await client.send("DELETE", "/", query: [("publicAccessBlock", "")])
            #expect(try await put().status == 200)
            #expect(try await client.configuration("policy").text == open)
            #expect(try await status() == "true")
            for bad in ["", "{", "[]", open.replacing("\"1\"", with: "\"2\"")] {
                let reply = try await client.send("PUT", "/bkt/", query: [("policy", "")], text: bad)
                #expect(reply.status == 400 && reply.element("Code") == "InvalidPolicyDocument")
            }
            #expect(try await client.send("DELETE", "/bkt/", query: [("policy", "")]).status == 204)
            #expect(try await status() == "false")
        }
    }

    // MARK: Retention

    @Test func bucketWorm() async throws {
        let clock = TestClock()
        try await withEmulator {
            $0.now = { clock.now }
        } _: { client async throws in
            func send(_ method: String, _ query: [(String, String)], _ text: String = "") async throws -> Reply {
                var client = client
                client.now = clock.now
                return try await client.send(method, "/bkt/", query: query, text: text)
            }
            func days(_ root: String, _ days: Int) -> String {
                "<\(root)><RetentionPeriodInDays>\(days)</RetentionPeriodInDays></\(root)>"
            }
            let initiate = days("InitiateWormConfiguration", 1)
            func code(_ reply: Reply) -> String { "\(reply.status) \(reply.element("Code") ?? "")" }
            #expect(code(try await send("GET", [("worm", "")])) == "404 NoSuchWORMConfiguration")
            #expect(
                code(try await send("POST", [("worm", "")], "<InitiateWormConfiguration/>")) == "400 MalformedXML")
            #expect(code(try await send("POST", [("worm", "")], days("InitiateWormConfiguration", 0))).hasPrefix("400"))
            #expect(try await send("POST", [("worm", "")], initiate).headers["x-oss-worm-id"]?.isEmpty == false)
            #expect(try await send("POST", [("worm", "")], initiate).status == 409)
            #expect(try await send("DELETE", [("worm", "")]).status == 204)
            #expect(code(try await send("DELETE", [("worm", "")])) == "404 NoSuchWORMConfiguration")
            // What isn't locked within a day is over.
            #expect(try await send("POST", [("worm", "")], initiate).status == 200)
            clock.advance(seconds: 86_400)
            #expect(try await send("GET", [("worm", "")]).status == 404)

            let id = try await send("POST", [("worm", "")], initiate).headers["x-oss-worm-id"] ?? ""
            let extend = days("ExtendWormConfiguration", 2)
            let early = try await send("POST", [("wormExtend", ""), ("wormId", id)], extend)
            #expect(code(early) == "400 InvalidWORMConfiguration")
            let open = try await send("GET", [("worm", "")])
            #expect(open.element("State") == "InProgress" && open.element("WormId") == id)
            #expect(open.element("RetentionPeriodInDays") == "1")
            #expect(code(try await send("POST", [("wormId", "wrong")])) == "404 NoSuchWORMConfiguration")
            #expect(try await send("POST", [("wormId", id)]).status == 200)
            clock.advance(seconds: 86_400)
            #expect(try await send("GET", [("worm", "")]).element("State") == "Locked")
            #expect(code(try await send("DELETE", [("worm", "")])) == "403 WORMConfigurationLocked")
            #expect(try await send("POST", [("wormExtend", ""), ("wormId", id)], extend).status == 200)
            #expect(try await send("GET", [("worm", "")]).element("RetentionPeriodInDays") == "2")
            let shorter = try await send("POST", [("wormExtend", ""), ("wormId", id)], extend)
            #expect(code(shorter) == "400 InvalidWORMConfiguration")
        }
    }
}
