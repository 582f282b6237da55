import NIOHTTP1
import Testing

@testable import OSSEmulator

@Suite struct RoutingTests {
    /// The service's operations on itself and on buckets: name, method, target, and a header where one is asked for.
    static let operations = """
        CreateAccessPoint PUT /bkt/?accessPoint
        GetAccessPoint GET /bkt/?accessPoint x-oss-access-point-name
        ListAccessPoints GET /bkt/?accessPoint
        DeleteAccessPoint DELETE /bkt/?accessPoint x-oss-access-point-name
        PutAccessPointPolicy PUT /bkt/?accessPointPolicy x-oss-access-point-name
        GetAccessPointPolicy GET /bkt/?accessPointPolicy x-oss-access-point-name
        DeleteAccessPointPolicy DELETE /bkt/?accessPointPolicy x-oss-access-point-name
        PutAccessPointPublicAccessBlock PUT /bkt/?publicAccessBlock&x-oss-access-point-name=x
        GetAccessPointPublicAccessBlock GET /bkt/?publicAccessBlock&x-oss-access-point-name=x
        DeleteAccessPointPublicAccessBlock DELETE /bkt/?publicAccessBlock&x-oss-access-point-name=x
        PutBucketAccessMonitor PUT /bkt/?accessmonitor
        GetBucketAccessMonitor GET /bkt/?accessmonitor
        GetBucketArchiveDirectRead GET /bkt/?bucketArchiveDirectRead
        PutBucketArchiveDirectRead PUT /bkt/?bucketArchiveDirectRead
        PutBucket PUT /bkt/
        DeleteBucket DELETE /bkt/
        ListObjects GET /bkt/
        PutBucketAcl PUT /bkt/?acl
        GetBucketAcl GET /bkt/?acl
        ListObjectsV2 GET /bkt/?list-type=2
        GetBucketStat GET /bkt/?stat
        GetBucketLocation GET /bkt/?location
        GetBucketInfo GET /bkt/?bucketInfo
        PutBucketVersioning PUT /bkt/?versioning
        GetBucketVersioning GET /bkt/?versioning
        ListObjectVersions GET /bkt/?versions
        PutCname POST /bkt/?cname&comp=add
        ListCname GET /bkt/?cname
        DeleteCname POST /bkt/?cname&comp=delete
        GetCnameToken GET /bkt/?comp=token&cname=x
        CreateCnameToken POST /bkt/?cname&comp=token
        PutBucketCors PUT /bkt/?cors
        GetBucketCors GET /bkt/?cors
        DeleteBucketCors DELETE /bkt/?cors
        CreateBucketDataRedundancyTransition POST /bkt/?redundancyTransition&x-oss-target-redundancy-type=x
        GetBucketDataRedundancyTransition GET /bkt/?redundancyTransition&x-oss-redundancy-transition-taskid=x
        ListBucketDataRedundancyTransition GET /bkt/?redundancyTransition
        ListUserDataRedundancyTransition GET /?redundancyTransition
        DeleteBucketDataRedundancyTransition DELETE /bkt/?redundancyTransition&x-oss-redundancy-transition-taskid=x
        PutBucketEncryption PUT /bkt/?encryption
        GetBucketEncryption GET /bkt/?encryption
        DeleteBucketEncryption DELETE /bkt/?encryption
        GetBucketHttpsConfig GET /bkt/?httpsConfig
        PutBucketHttpsConfig PUT /bkt/?httpsConfig
        PutBucketInventory PUT /bkt/?inventory&inventoryId=x
        GetBucketInventory GET /bkt/?inventory&inventoryId=x
        ListBucketInventory GET /bkt/?inventory
        DeleteBucketInventory DELETE /bkt/?inventory&inventoryId=x
        PutBucketLifecycle PUT /bkt/?lifecycle
        GetBucketLifecycle GET /bkt/?lifecycle
        DeleteBucketLifecycle DELETE /bkt/?lifecycle
        PutBucketLogging PUT /bkt/?logging
        GetBucketLogging GET /bkt/?logging
        DeleteBucketLogging DELETE /bkt/?logging
        PutUserDefinedLogFieldsConfig PUT /bkt/?userDefinedLogFieldsConfig
        GetUserDefinedLogFieldsConfig GET /bkt/?userDefinedLogFieldsConfig
        DeleteUserDefinedLogFieldsConfig DELETE /bkt/?userDefinedLogFieldsConfig
        GetMetaQueryStatus GET /bkt/?metaQuery
        CloseMetaQuery POST /bkt/?comp=delete&metaQuery
        DoMetaQuery POST /bkt/?comp=query&metaQuery
        OpenMetaQuery POST /bkt/?comp=add&metaQuery
        CreateBucketMetadataConfiguration POST /bkt/?metadataConfiguration
        GetBucketMetadataConfiguration GET /bkt/?metadataConfiguration
        DeleteBucketMetadataConfiguration DELETE /bkt/?metadataConfiguration
        UpdateBucketMetadataInventoryTableConfiguration PUT /bkt/?metadataInventoryTable
        UpdateBucketMetadataJournalTableConfiguration PUT /bkt/?metadataJournalTable
        PutBucketObjectWormConfiguration PUT /bkt/?objectWorm
        GetBucketObjectWormConfiguration GET /bkt/?objectWorm
        PutBucketOverwriteConfig PUT /bkt/?overwriteConfig
        GetBucketOverwriteConfig GET /bkt/?overwriteConfig
        DeleteBucketOverwriteConfig DELETE /bkt/?overwriteConfig
        PutBucketPolicy PUT /bkt/?policy
        GetBucketPolicy GET /bkt/?policy
        DeleteBucketPolicy DELETE /bkt/?policy
        GetBucketPolicyStatus GET /bkt/?policyStatus
        GetBucketPublicAccessBlock GET /bkt/?publicAccessBlock
        PutBucketPublicAccessBlock PUT /bkt/?publicAccessBlock
        DeleteBucketPublicAccessBlock DELETE /bkt/?publicAccessBlock
        PutBucketReferer PUT /bkt/?referer
        GetBucketReferer GET /bkt/?referer
        PutBucketRtc PUT /bkt/?rtc
        PutBucketReplication POST /bkt/?comp=add&replication
        GetBucketReplication GET /bkt/?replication
        GetBucketReplicationLocation GET /bkt/?replicationLocation
        GetBucketReplicationProgress GET /bkt/?replicationProgress&rule-id=x
        DeleteBucketReplication POST /bkt/?comp=delete&replication
        PutBucketRequestPayment PUT /bkt/?requestPayment
        GetBucketRequestPayment GET /bkt/?requestPayment
        GetBucketResourceGroup GET /bkt/?resourceGroup
        PutBucketResourceGroup PUT /bkt/?resourceGroup
        PutBucketStorageQuota PUT /bkt/?quota
        GetBucketStorageQuota GET /bkt/?quota
        DeleteBucketStorageQuota DELETE /bkt/?quota
        PutStyle PUT /bkt/?style&styleName=x
        ListStyle GET /bkt/?style
        GetStyle GET /bkt/?style&styleName=x
        DeleteStyle DELETE /bkt/?style&styleName=x
        PutBucketTags PUT /bkt/?tagging
        GetBucketTags GET /bkt/?tagging
        DeleteBucketTags DELETE /bkt/?tagging
        PutBucketTransferAcceleration PUT /bkt/?transferAcceleration
        GetBucketTransferAcceleration GET /bkt/?transferAcceleration
        GetBucketWebsite GET /bkt/?website
        PutBucketWebsite PUT /bkt/?website
        DeleteBucketWebsite DELETE /bkt/?website
        InitiateBucketWorm POST /bkt/?worm
        AbortBucketWorm DELETE /bkt/?worm
        CompleteBucketWorm POST /bkt/?wormId=x
        ExtendBucketWorm POST /bkt/?wormExtend&wormId=x
        GetBucketWorm GET /bkt/?worm
        ListCloudBoxes GET /?cloudboxes
        DoMetaQueryAction POST /bkt/?MetaQuery&action=x
        DoDataPipelineAction POST /?dataPipeline&action=x
        DeleteMultipleObjects POST /bkt/?delete
        ListMultipartUploads GET /bkt/?uploads
        GetPublicAccessBlock GET /?publicAccessBlock
        PutPublicAccessBlock PUT /?publicAccessBlock
        DeletePublicAccessBlock DELETE /?publicAccessBlock
        DescribeRegions GET /?regions
        ListBuckets GET /
        CreateAccessPointForObjectProcess PUT /bkt/?accessPointForObjectProcess x-oss-access-point-for-object-process-name
        GetAccessPointForObjectProcess GET /bkt/?accessPointForObjectProcess x-oss-access-point-for-object-process-name
        ListAccessPointsForObjectProcess GET /?accessPointForObjectProcess
        DeleteAccessPointForObjectProcess DELETE /bkt/?accessPointForObjectProcess x-oss-access-point-for-object-process-name
        GetAccessPointConfigForObjectProcess GET /bkt/?accessPointConfigForObjectProcess x-oss-access-point-for-object-process-name
        PutAccessPointConfigForObjectProcess PUT /bkt/?accessPointConfigForObjectProcess x-oss-access-point-for-object-process-name
        PutAccessPointPolicyForObjectProcess PUT /bkt/?accessPointPolicyForObjectProcess x-oss-access-point-for-object-process-name
        GetAccessPointPolicyForObjectProcess GET /bkt/?accessPointPolicyForObjectProcess x-oss-access-point-for-object-process-name
        DeleteAccessPointPolicyForObjectProcess DELETE /bkt/?accessPointPolicyForObjectProcess x-oss-access-point-for-object-process-name
        WriteGetObjectResponse POST /?x-oss-write-get-object-response
        OptionObject OPTIONS /bkt/key
        """.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }

    private func route(_ method: String, _ target: String, header: String? = nil) throws -> OSSEmulator.Operation {
        var headers = HTTPHeaders()
        if let header { headers.add(name: header, value: "x") }
        return OSSEmulator.Operation.route(
            method: HTTPMethod(rawValue: method), target: try RequestTarget(uri: target, host: nil, domains: []),
            headers: headers)
    }

    @Test(arguments: operations) func isRouted(_ row: [String]) throws {
        #expect(try route(row[1], row[2], header: row.count > 3 ? row[3] : nil).name == row[0])
    }

    /// A request with a sub-resource and a method that it doesn't have must not reach the bucket itself.
    @Test(arguments: Set(operations.map { $0[2] })) func noSubresourceIsTakenForTheBucket(_ target: String) throws {
        guard target.contains("?"), !target.contains("list-type") else { return }
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let name = try route(method, target).name
            #expect(!["PutBucket", "DeleteBucket", "ListObjects", "ListBuckets"].contains(name), "\(method) \(target)")
        }
    }

    @Test func whatIsNobodysIsSaid() throws {
        #expect(try route("GET", "/bkt/?qosInfo").name == "NotImplemented")
        #expect(try route("PATCH", "/bkt/").name == "MethodNotAllowed")
        #expect(try route("DELETE", "/bkt/?style").name == "MethodNotAllowed")
        #expect(try route("GET", "/?tagging=%22k%22%3A%22v%22").name == "ListBuckets")
    }
}
