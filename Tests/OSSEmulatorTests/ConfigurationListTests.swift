import OSSEmulator
import Testing

/// Configurations of which a bucket has many, and those that do more than to be kept.
@Suite struct ConfigurationListTests {
    private func code(_ reply: Reply) -> String { "\(reply.status) \(reply.element("Code") ?? "")" }

    @Test func inventories() async throws {
        try await withEmulator { client async throws in
            func body(_ id: String, _ change: (String) -> String = { $0 }) -> String {
                change(
                    """
                    <InventoryConfiguration><Id>\(id)</Id><IsEnabled>true</IsEnabled><Destination><OSSBucketDestination>
                    <Format>CSV</Format><AccountId>1</AccountId><RoleArn>acs:ram::1:role/r</RoleArn>
                    <Bucket>acs:oss:::bkt</Bucket><Encryption><SSE-OSS/></Encryption></OSSBucketDestination></Destination>
                    <Schedule><Frequency>Daily</Frequency></Schedule><Filter><StorageClass>Standard,IA</StorageClass>
                    </Filter><IncludedObjectVersions>All</IncludedObjectVersions><OptionalFields><Field>Size</Field>
                    <Field>ETag</Field></OptionalFields></InventoryConfiguration>
                    """)
            }
            func put(_ id: String, _ body: String) async throws -> Reply {
                try await client.send(
                    "PUT", "/bkt/", query: [("inventory", ""), ("inventoryId", id)], text: body)
            }
            func send(_ method: String, _ query: [(String, String)]) async throws -> Reply {
                try await client.send(method, "/bkt/", query: [("inventory", "")] + query)
            }
            #expect(code(try await send("GET", [])) == "404 NoSuchInventory")
            #expect(code(try await send("GET", [("inventoryId", "a")])) == "404 NoSuchInventory")
            for (bad, expected) in [
                ("", "400 MalformedXML"),
                ("<InventoryConfiguration><Id>a</Id></InventoryConfiguration>", "400 MalformedXML"),
                (body("b"), "400 InvalidArgument"),
                (body("a") { $0.replacing("acs:oss:::bkt", with: "test") }, "400 InvalidArgument"),
                (body("a") { $0.replacing("Standard,IA", with: "None") }, "400 InvalidArgument"),
                (body("a") { $0.replacing("ETag", with: "StartTime") }, "400 MalformedXML"),
                (body("a") { $0.replacing("Daily", with: "Hourly") }, "400 MalformedXML"),
            ] { #expect(code(try await put("a", bad)) == expected, "\(bad)") }
            for number in 0..<120 { #expect(try await put("id-\(number)", body("id-\(number)")).status == 200) }
            #expect(code(try await put("id-7", body("id-7"))) == "409 InventoryAlreadyExist")
            let one = try await send("GET", [("inventoryId", "id-7")])
            #expect(one.element("Id") == "id-7" && one.element("StorageClass") == "IA,Standard")
            #expect(one.text.contains("<SSE-OSS></SSE-OSS>") && one.elements("Field") == ["Size", "ETag"])
            let first = try await send("GET", [])
            #expect(first.elements("Id").count == 100 && first.element("IsTruncated") == "true")
            let token = first.element("NextContinuationToken") ?? ""
            let second = try await send("GET", [("continuation-token", token)])
            #expect(second.elements("Id").count == 20 && second.element("IsTruncated") == "false")
            #expect(second.element("ContinuationToken") == token && second.element("NextContinuationToken") == nil)
            #expect(Set(first.elements("Id") + second.elements("Id")).count == 120)
            #expect(try await send("DELETE", [("inventoryId", "id-7")]).status == 204)
            #expect(try await send("DELETE", [("inventoryId", "id-7")]).status == 204)
            #expect(code(try await send("DELETE", [])) == "405 MethodNotAllowed")
        }
    }

    @Test func styles() async throws {
        try await withEmulator { client async throws in
            func send(_ method: String, _ name: String?, _ content: String = "") async throws -> Reply {
                let query = [("style", "")] + (name.map { [("styleName", $0)] } ?? [])
                return try await client.send(method, "/bkt/", query: query, text: content)
            }
            func style(_ content: String) -> String { "<Style><Content>\(content)</Content></Style>" }
            #expect(try await send("GET", nil).text.contains("<StyleList></StyleList>"))
            for name in ["z", "a.b-c_1", "m"] { #expect(try await send("PUT", name, style(name)).status == 200) }
            #expect(try await send("PUT", "z", style("image/resize,p_50")).status == 200)
            let list = try await send("GET", nil)
            #expect(list.elements("Name") == ["z", "a.b-c_1", "m"])
            #expect(list.elements("Content") == ["image/resize,p_50", "a.b-c_1", "m"])
            let one = try await send("GET", "m")
            #expect(one.element("Category") == "image" && one.element("CreateTime")?.hasSuffix("GMT") == true)
            #expect(code(try await send("GET", "none")) == "404 NoSuchStyle")
            #expect(code(try await send("PUT", "@%$", style("x"))) == "400 InvalidArgument")
            #expect(try await send("PUT", "e", style("")).element("Message") == "Style content is invalid.")
            #expect(code(try await send("PUT", "e", "<Style/>")) == "400 MalformedXML")
            for name in ["z", "m", "a.b-c_1", "none"] { #expect(try await send("DELETE", name).status == 204) }
            #expect(try await send("GET", nil).elements("Name").isEmpty)
        }
    }

    @Test func domains() async throws {
        try await withEmulator { client async throws in
            func send(_ comp: String, _ domain: String) async throws -> Reply {
                try await client.send(
                    "POST", "/bkt/", query: [("cname", ""), ("comp", comp)],
                    text: "<BucketCnameConfiguration>\(domain)</BucketCnameConfiguration>")
            }
            func token(_ domain: String) async throws -> Reply {
                try await client.send("GET", "/bkt/", query: [("comp", "token"), ("cname", domain)])
            }
            let domain = "<Cname><Domain>Example.com</Domain></Cname>"
            #expect(code(try await token("example.com")) == "404 NoSuchCnameToken")
            let made = try await send("token", domain)
            #expect(made.element("Cname") == "example.com" && made.element("Bucket") == "bkt")
            #expect(made.element("ExpireTime")?.hasSuffix("GMT") == true)
            #expect(try await token("example.com").element("Token") == made.element("Token"))
            #expect(try await send("token", domain).element("Token") == made.element("Token"))
            let refused = try await send("add", domain)
            #expect(code(refused) == "403 NeedVerifyDomainOwnership" && refused.element("EC") == "0018-00000115")
            let list = try await client.configuration("cname")
            #expect(list.element("Bucket") == "bkt" && list.element("Owner")?.isEmpty == false)
            #expect(list.elements("Domain").isEmpty)
            #expect(try await send("delete", domain).status == 200)
            #expect(code(try await send("add", "")) == "400 MalformedXML")
            #expect(code(try await send("token", "<Cname><Domain>a b</Domain></Cname>")) == "400 InvalidArgument")
        }
    }

    @Test func redundancyTransitions() async throws {
        let clock = TestClock()
        try await withEmulator {
            $0.now = { clock.now }
        } _: { client async throws in
            let type = "x-oss-target-redundancy-type"
            let id = "x-oss-redundancy-transition-taskid"
            func send(_ method: String, _ query: [(String, String)] = [], path: String = "/bkt/") async throws -> Reply
            {
                var client = client
                client.now = clock.now
                return try await client.send(method, path, query: [("redundancyTransition", "")] + query)
            }
            #expect(code(try await send("POST")) == "400 MissingArgument")
            #expect(code(try await send("POST", [(type, "XRS")])) == "400 InvalidArgument")
            #expect(code(try await send("POST", [(type, "LRS")])) == "400 InvalidArgument")
            let task = try await send("POST", [(type, "ZRS")]).element("TaskId") ?? ""
            #expect(try await send("POST", [(type, "ZRS")]).status == 409)
            var one = try await send("GET", [(id, task)])
            #expect(one.element("Status") == "Queueing" && one.element("Bucket") == "bkt")
            #expect(one.element("StartTime") == nil && one.element("CreateTime")?.isEmpty == false)
            clock.advance(seconds: 10)
            one = try await send("GET", [(id, task)])
            #expect(one.element("Status") == "Processing" && one.element("ProcessPercentage") == "50")
            clock.advance(seconds: 10)
            #expect(try await send("GET").element("Status") == "Finished")
            let all = try await send("GET", [("max-keys", "10"), ("continuation-token", "")], path: "/")
            #expect(all.elements("TaskId") == [task] && all.element("IsTruncated") == "false")
            var late = client
            late.now = clock.now
            #expect(try await late.configuration("bucketInfo").element("DataRedundancyType") == "ZRS")
            #expect(try await send("DELETE", [(id, task)]).status == 204)
            #expect(code(try await send("DELETE", [(id, task)])) == "404 NoSuchBucketDataRedundancyTransition")
            #expect(try await send("GET", [(id, task)]).status == 404)
            #expect(try await late.configuration("bucketInfo").element("DataRedundancyType") == "ZRS")
        }
    }

    @Test func replication() async throws {
        let clock = TestClock()
        try await withEmulator {
            $0.now = { clock.now }
        } _: { client async throws in
            func send(
                _ method: String, _ query: [(String, String)], _ text: String = ""
            ) async throws -> Reply {
                var client = client
                client.now = clock.now
                return try await client.send(method, "/bkt/", query: query, text: text)
            }
            func put(_ rule: String) async throws -> Reply {
                try await send(
                    "POST", [("replication", ""), ("comp", "add")],
                    "<ReplicationConfiguration><Rule>\(rule)</Rule></ReplicationConfiguration>")
            }
            func get() async throws -> Reply { try await send("GET", [("replication", "")]) }
            func destination(_ name: String) -> String {
                "<Destination><Bucket>\(name)</Bucket><Location>oss-cn-beijing</Location></Destination>"
            }
            #expect(code(try await get()) == "404 NoSuchReplicationConfiguration")
            #expect(code(try await put("")) == "400 MalformedXML")
            let made = try await put(
                destination("far")
                    + "<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>"
                    + "</SourceSelectionCriteria><EncryptionConfiguration><ReplicaKmsKeyID>k</ReplicaKmsKeyID>"
                    + "</EncryptionConfiguration><PrefixSet><Prefix>a/</Prefix><Prefix>b/</Prefix></PrefixSet>")
            let id = made.headers["x-oss-replication-rule-id"] ?? ""
            #expect(made.status == 200 && !id.isEmpty)
            #expect(code(try await put(destination("far"))) == "400 BucketReplicationAlreadyExist")
            var rule = try await get()
            #expect(rule.element("ID") == id && rule.element("Status") == "starting")
            #expect(rule.element("Action") == "ALL" && rule.element("HistoricalObjectReplication") == "enabled")
            // Without a role nothing is said of encryption.
            #expect(rule.element("ReplicaKmsKeyID") == nil && !rule.text.contains("Created"))
            #expect(try await send("GET", [("bucketInfo", "")]).element("CrossRegionReplication") == "Enabled")

            let rtc = "<RTC><Status>enabled</Status></RTC>"
            func putRTC(_ id: String) async throws -> Reply {
                try await send("PUT", [("rtc", "")], "<ReplicationRule>\(rtc)<ID>\(id)</ID></ReplicationRule>")
            }
            #expect(code(try await putRTC("none")) == "404 NoSuchReplicationRule")
            #expect(try await putRTC(id).status == 200)
            #expect(try await get().text.contains(rtc))

            let progress = try await send("GET", [("replicationProgress", ""), ("rule-id", id)])
            #expect(progress.elements("Prefix") == ["a/", "b/"] && progress.element("HistoricalObject") == "0.0")
            #expect(progress.element("NewObject") == nil && progress.element("Status") == "starting")
            let wrong = try await send("GET", [("replicationProgress", ""), ("rule-id", "wrong")])
            #expect(code(wrong) == "404 NoSuchReplicationRule")
            let locations = try await send("GET", [("replicationLocation", "")])
            #expect(locations.elements("Location").contains("oss-cn-beijing"))
            #expect(!locations.elements("Location").contains("oss-cn-hangzhou"))
            #expect(locations.element("Type") == "oss_acc")

            clock.advance(seconds: 60)
            #expect(try await get().elements("Status").last == "doing")
            func delete(_ id: String) async throws -> Reply {
                try await send(
                    "POST", [("replication", ""), ("comp", "delete")], "<ReplicationRules>\(id)</ReplicationRules>")
            }
            #expect(code(try await delete("")) == "400 MalformedXML")
            #expect(code(try await delete("<ID>none</ID>")) == "404 NoSuchReplicationRule")
            #expect(try await delete("<ID>\(id)</ID>").status == 200)
            rule = try await get()
            #expect(rule.elements("Status").last == "closing")
            clock.advance(seconds: 30)
            #expect(code(try await get()) == "404 NoSuchReplicationConfiguration")
            #expect(try await put(destination("far")).status == 200)
        }
    }

    @Test func metadataTables() async throws {
        try await withEmulator { client async throws in
            func send(_ method: String, _ name: String, _ text: String = "") async throws -> Reply {
                try await client.send(method, "/bkt/", query: [(name, "")], text: text)
            }
            let journal = """
                <JournalTableConfiguration><RecordExpiration><Expiration>ENABLED</Expiration><Days>30</Days>\
                </RecordExpiration></JournalTableConfiguration>
                """
            let inventory =
                "<InventoryTableConfiguration><ConfigurationState>DISABLED</ConfigurationState></InventoryTableConfiguration>"
            #expect(code(try await send("GET", "metadataConfiguration")) == "404 MetadataConfigurationNotFound")
            #expect(
                code(try await send("PUT", "metadataInventoryTable", inventory)) == "404 MetadataConfigurationNotFound")
            #expect(
                code(try await send("POST", "metadataConfiguration", "<MetadataConfiguration/>")) == "400 MalformedXML")
            let configuration = "<MetadataConfiguration>\(journal)</MetadataConfiguration>"
            #expect(try await send("POST", "metadataConfiguration", configuration).status == 200)
            #expect(try await send("POST", "metadataConfiguration", configuration).status == 409)
            #expect(try await send("PUT", "metadataInventoryTable", inventory).status == 200)
            #expect(
                try await send("PUT", "metadataJournalTable", journal.replacing("30", with: "60")).status == 200)
            #expect(
                code(
                    try await send("PUT", "metadataJournalTable", journal.replacing("<Days>30</Days>", with: "")))
                    == "400 MalformedXML")
            let found = try await send("GET", "metadataConfiguration")
            #expect(found.element("Days") == "60" && found.elements("TableStatus") == ["ACTIVE", "DISABLED"])
            #expect(found.element("TableBucketArn")?.isEmpty == false)
            #expect(try await send("DELETE", "metadataConfiguration").status == 204)
            #expect(try await send("DELETE", "metadataConfiguration").status == 404)
        }
    }

    @Test func quotas() async throws {
        try await withEmulator { client async throws in
            _ = try await client.send("PUT", "/bkt/k", text: "12345")
            let unset = try await client.configuration("quota")
            #expect(unset.element("StorageQuota") == "-1" && unset.element("CurrentUsage") == "5")
            let put = try await client.configure("quota", "QuotaConfiguration", "<StorageQuota>7</StorageQuota>")
            #expect(put.status == 200)
            #expect(try await client.configuration("quota").element("StorageQuota") == "7")
            for bad in ["", "<StorageQuota>-2</StorageQuota>"] {
                #expect(code(try await client.configure("quota", "QuotaConfiguration", bad)) == "400 MalformedXML")
            }
            #expect(try await client.send("DELETE", "/bkt/", query: [("quota", "")]).status == 204)
            #expect(try await client.configuration("quota").element("StorageQuota") == "-1")
        }
    }

    // MARK: Access points

    private static let pointHeader = "x-oss-access-point-name"

    private func create(_ client: TestClient, _ name: String, _ origin: String = "internet") async throws -> Reply {
        try await client.send(
            "PUT", "/bkt/", query: [("accessPoint", "")],
            text: "<CreateAccessPointConfiguration><AccessPointName>\(name)</AccessPointName>"
                + "<NetworkOrigin>\(origin)</NetworkOrigin></CreateAccessPointConfiguration>")
    }

    private static let policy =
        #"{"Version":"1","Statement":[{"Action":["oss:PutObject"],"Effect":"Deny","Principal":["1"],"#
        + #""Resource":["acs:oss:cn-hangzhou:1:accesspoint/ap-1"]}]}"#

    @Test func accessPoints() async throws {
        try await withEmulator { client async throws in
            func send(
                _ method: String, _ name: String, point: String? = "ap-1", _ text: String = ""
            ) async throws -> Reply {
                try await client.send(
                    method, "/bkt/", query: [(name, "")], headers: point.map { [Self.pointHeader: $0] } ?? [:],
                    text: text)
            }
            #expect(code(try await send("GET", "accessPoint")) == "404 NoSuchAccessPoint")
            #expect(try await send("GET", "accessPoint").element("Message") == "Accesspoint not found")
            #expect(code(try await create(client, "ap-1", "moon")) == "400 MalformedXML")
            #expect(code(try await create(client, "ap-1", "vpc")) == "400 MalformedXML")
            #expect(code(try await create(client, "AP_1")) == "400 InvalidArgument")
            let made = try await create(client, "ap-1")
            #expect(made.element("AccessPointArn") == "acs:oss:cn-hangzhou:1234567890123456:accesspoint/ap-1")
            #expect(made.element("Alias")?.hasSuffix("-ossalias") == true)
            #expect(try await create(client, "ap-1").status == 409)
            #expect(try await create(client, "ap-2").status == 200)
            let one = try await send("GET", "accessPoint")
            #expect(one.element("Status") == "enable" && one.element("NetworkOrigin") == "internet")
            #expect(one.element("Alias") == made.element("Alias") && one.element("Bucket") == "bkt")
            #expect(one.element("PublicEndpoint") == "ap-1.oss-cn-hangzhou.oss-accesspoint.aliyuncs.com")
            for path in ["/bkt/", "/"] {
                let first = try await client.send("GET", path, query: [("accessPoint", ""), ("max-keys", "1")])
                #expect(first.elements("AccessPointName") == ["ap-1"] && first.element("IsTruncated") == "true")
                let token = first.element("NextContinuationToken") ?? ""
                let second = try await client.send(
                    "GET", path, query: [("accessPoint", ""), ("max-keys", "1"), ("continuation-token", token)])
                #expect(second.elements("AccessPointName") == ["ap-2"] && second.element("MaxKeys") == "1")
                #expect(second.element("NextContinuationToken") == nil)
            }

            #expect(code(try await send("GET", "accessPointPolicy")) == "404 NoSuchAccessPointPolicy")
            #expect(code(try await send("PUT", "accessPointPolicy", "{}")) == "400 InvalidPolicyDocument")
            #expect(try await send("PUT", "accessPointPolicy", Self.policy).status == 200)
            #expect(try await send("GET", "accessPointPolicy").text == Self.policy)
            #expect(try await send("DELETE", "accessPointPolicy").status == 204)
            #expect(code(try await send("PUT", "accessPointPolicy", point: nil, Self.policy)) == "400 MissingArgument")

            func block(_ method: String, _ point: String, _ text: String = "") async throws -> Reply {
                try await client.send(
                    method, "/bkt/", query: [("publicAccessBlock", ""), (Self.pointHeader, point)], text: text)
            }
            let on =
                "<PublicAccessBlockConfiguration><BlockPublicAccess>true</BlockPublicAccess></PublicAccessBlockConfiguration>"
            #expect(try await block("GET", "ap-1").element("BlockPublicAccess") == "false")
            #expect(try await block("PUT", "ap-1", on).status == 200)
            #expect(try await block("GET", "ap-1").element("BlockPublicAccess") == "true")
            #expect(try await block("DELETE", "ap-1").status == 204)
            #expect(try await block("GET", "ap-1").element("BlockPublicAccess") == "false")
            #expect(try await block("PUT", "none", on).element("Message") == "Accesspoint not found")

            for point in ["ap-1", "ap-2"] {
                #expect(try await send("DELETE", "accessPoint", point: point).status == 204)
            }
            #expect(code(try await send("DELETE", "accessPoint")) == "404 NoSuchAccessPoint")
        }
    }

    @Test func accessPointsForObjectProcessing() async throws {
        try await withEmulator { client async throws in
            let header = "x-oss-access-point-for-object-process-name"
            func send(_ method: String, _ name: String, _ text: String = "") async throws -> Reply {
                try await client.send(method, "/bkt/", query: [(name, "")], headers: [header: "fc-1"], text: text)
            }
            let process = """
                <ObjectProcessConfiguration><AllowedFeatures><AllowedFeature>GetObject-Range</AllowedFeature>
                </AllowedFeatures><TransformationConfigurations><TransformationConfiguration><Actions>
                <Action>GetObject</Action></Actions><ContentTransformation><FunctionCompute><FunctionArn>f</FunctionArn>
                <FunctionAssumeRoleArn>r</FunctionAssumeRoleArn></FunctionCompute></ContentTransformation>
                </TransformationConfiguration></TransformationConfigurations></ObjectProcessConfiguration>
                """
            func configuration(_ base: String) -> String {
                "<CreateAccessPointForObjectProcessConfiguration><AccessPointName>\(base)</AccessPointName>\(process)"
                    + "</CreateAccessPointForObjectProcessConfiguration>"
            }
            let name = "accessPointForObjectProcess"
            _ = try await create(client, "ap-1")
            #expect(code(try await send("PUT", name, configuration("none"))) == "404 NoSuchAccessPoint")
            #expect(
                code(try await send("PUT", name, "<CreateAccessPointForObjectProcessConfiguration/>"))
                    == "400 MalformedXML")
            let made = try await send("PUT", name, configuration("ap-1"))
            #expect(made.element("AccessPointForObjectProcessAlias")?.hasSuffix("-opapalias") == true)
            let one = try await send("GET", name)
            #expect(one.element("AccessPointNameForObjectProcess") == "fc-1" && one.element("Status") == "enable")
            #expect(one.element("AllowAnonymousAccessForObjectProcess") == "false")
            let list = try await client.send("GET", "/", query: [(name, "")])
            #expect(list.elements("AccessPointName") == ["ap-1"])
            let config = "accessPointConfigForObjectProcess"
            #expect(try await send("GET", config).element("FunctionArn") == "f")
            let changed = process.replacing("<FunctionArn>f<", with: "<FunctionArn>g<")
            let put = try await send(
                "PUT", config,
                "<PutAccessPointConfigForObjectProcessConfiguration>\(changed)<PublicAccessBlockConfiguration>"
                    + "<BlockPublicAccess>true</BlockPublicAccess></PublicAccessBlockConfiguration>"
                    + "</PutAccessPointConfigForObjectProcessConfiguration>")
            #expect(put.status == 200)
            let after = try await send("GET", config)
            #expect(after.element("FunctionArn") == "g" && after.element("BlockPublicAccess") == "true")
            let policy = "accessPointPolicyForObjectProcess"
            #expect(try await send("PUT", policy, Self.policy).status == 200)
            #expect(try await send("GET", policy).text == Self.policy)
            #expect(try await send("DELETE", policy).status == 204)
            #expect(try await send("DELETE", name).status == 204)
            #expect(code(try await send("GET", name)) == "404 NoSuchAccessPointForObjectProcess")
        }
    }

    // MARK: The service itself

    @Test func regionsAndBoxes() async throws {
        try await withEmulator {
            $0.region = "cn-nowhere"
        } _: { client async throws in
            let all = try await client.send("GET", "/", query: [("regions", "")])
            #expect(all.elements("Region").contains("oss-cn-nowhere") && all.elements("Region").count > 20)
            let one = try await client.send("GET", "/", query: [("regions", "oss-cn-hangzhou")])
            #expect(one.elements("Region") == ["oss-cn-hangzhou"])
            #expect(one.element("InternetEndpoint") == "oss-cn-hangzhou.aliyuncs.com")
            #expect(one.element("InternalEndpoint") == "oss-cn-hangzhou-internal.aliyuncs.com")
            #expect(one.element("AccelerateEndpoint") == "oss-accelerate.aliyuncs.com")
            #expect(code(try await client.send("GET", "/", query: [("regions", "aaa")])) == "404 NoSuchRegion")
            #expect(try await client.send("GET", "/", query: [("cloudboxes", "")]).text.contains("<CloudBoxes>"))
            let name = "x-oss-write-get-object-response"
            #expect(code(try await client.send("POST", "/", query: [(name, "")])) == "400 MissingArgument")
        }
    }

    @Test func dataPipelines() async throws {
        try await withEmulator { client async throws in
            func act(_ action: String, _ query: [(String, String)] = [], _ text: String = "") async throws -> Reply {
                try await client.send(
                    "POST", "/", query: [("dataPipeline", ""), ("action", action)] + query, text: text)
            }
            let name = ("dataPipelineName", "p1")
            let body = """
                <DataPipelineConfiguration><Sources><InputBucket>bkt</InputBucket></Sources>
                <Destination><VectorBucketName>v</VectorBucketName></Destination></DataPipelineConfiguration>
                """
            #expect(try await act("listDataPipelineConfigurations").status == 200)
            #expect(code(try await act("putDataPipelineConfiguration")) == "404 NoSuchDataPipeline")
            #expect(code(try await act("getDataPipelineConfiguration")) == "404 NoSuchDataPipeline")
            #expect(code(try await act("putDataPipelineConfiguration", [name])) == "400 MalformedXML")
            #expect(code(try await act("fly", [name])) == "400 InvalidArgument")
            for number in 1...3 {
                #expect(
                    try await act("putDataPipelineConfiguration", [("dataPipelineName", "p\(number)")], body).status
                        == 200)
            }
            #expect(try await act("pauseDataPipeline", [name]).status == 200)
            let one = try await act("getDataPipelineConfiguration", [name])
            #expect(one.element("Status") == "Paused" && one.element("InputBucket") == "bkt")
            #expect(try await act("restartDataPipeline", [name]).status == 200)
            let page = try await act("listDataPipelineConfigurations", [("maxResults", "2")])
            #expect(page.elements("DataPipelineName") == ["p1", "p2"] && page.element("NextToken") == "p2")
            let rest = try await act("listDataPipelineConfigurations", [("nextToken", "p2"), ("inputBucket", "bkt")])
            #expect(rest.elements("DataPipelineName") == ["p3"] && rest.element("NextToken") == "")
            #expect(try await act("deleteDataPipelineConfiguration", [name]).status == 204)
            #expect(code(try await act("deleteDataPipelineConfiguration", [name])) == "404 NoSuchDataPipeline")
        }
    }
}
