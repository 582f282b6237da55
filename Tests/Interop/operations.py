"""The operations of the main service, and what the clients have of them."""

#: All of them, as the service's documents name them.
OPERATIONS = """
CreateAccessPoint GetAccessPoint ListAccessPoints DeleteAccessPoint PutAccessPointPolicy GetAccessPointPolicy
DeleteAccessPointPolicy
PutAccessPointPublicAccessBlock GetAccessPointPublicAccessBlock DeleteAccessPointPublicAccessBlock
PutBucketAccessMonitor GetBucketAccessMonitor
GetBucketArchiveDirectRead PutBucketArchiveDirectRead
PutBucket DeleteBucket ListObjects ListObjectsV2 GetBucketStat GetBucketLocation GetBucketInfo
PutBucketAcl GetBucketAcl
PutBucketVersioning GetBucketVersioning ListObjectVersions
PutCname ListCname DeleteCname GetCnameToken CreateCnameToken
PutBucketCors GetBucketCors DeleteBucketCors OptionObject
CreateBucketDataRedundancyTransition GetBucketDataRedundancyTransition ListBucketDataRedundancyTransition
ListUserDataRedundancyTransition DeleteBucketDataRedundancyTransition
PutBucketEncryption GetBucketEncryption DeleteBucketEncryption
GetBucketHttpsConfig PutBucketHttpsConfig
PutBucketInventory GetBucketInventory ListBucketInventory DeleteBucketInventory
PutBucketLifecycle GetBucketLifecycle DeleteBucketLifecycle
PutBucketLogging GetBucketLogging DeleteBucketLogging PutUserDefinedLogFieldsConfig GetUserDefinedLogFieldsConfig
DeleteUserDefinedLogFieldsConfig
GetMetaQueryStatus CloseMetaQuery DoMetaQuery OpenMetaQuery
CreateBucketMetadataConfiguration GetBucketMetadataConfiguration DeleteBucketMetadataConfiguration
UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration
PutBucketObjectWormConfiguration GetBucketObjectWormConfiguration
PutBucketOverwriteConfig GetBucketOverwriteConfig DeleteBucketOverwriteConfig
PutBucketPolicy GetBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus
GetBucketPublicAccessBlock PutBucketPublicAccessBlock DeleteBucketPublicAccessBlock
PutBucketReferer GetBucketReferer
PutBucketRtc PutBucketReplication GetBucketReplication GetBucketReplicationLocation GetBucketReplicationProgress
DeleteBucketReplication
PutBucketRequestPayment GetBucketRequestPayment
GetBucketResourceGroup PutBucketResourceGroup
PutBucketStorageQuota GetBucketStorageQuota DeleteBucketStorageQuota
PutStyle ListStyle GetStyle DeleteStyle
PutBucketTags GetBucketTags DeleteBucketTags
PutBucketTransferAcceleration GetBucketTransferAcceleration
GetBucketWebsite PutBucketWebsite DeleteBucketWebsite
InitiateBucketWorm AbortBucketWorm CompleteBucketWorm ExtendBucketWorm GetBucketWorm
ListCloudBoxes
DoMetaQueryAction DoDataPipelineAction
PutObject HeadObject GetObject AppendObject CopyObject DeleteObject DeleteMultipleObjects GetObjectMeta
RestoreObject CleanRestoredObject SealAppendObject
PutObjectAcl GetObjectAcl
InitiateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload AbortMultipartUpload ListMultipartUploads
ListParts
PutSymlink GetSymlink
PutObjectTagging GetObjectTagging DeleteObjectTagging
ProcessObject AsyncProcessObject
PutObjectRetention GetObjectRetention PutObjectLegalHold GetObjectLegalHold
GetPublicAccessBlock PutPublicAccessBlock DeletePublicAccessBlock
DescribeRegions
SelectObject CreateSelectObjectMeta
ListBuckets
CreateAccessPointForObjectProcess GetAccessPointForObjectProcess ListAccessPointsForObjectProcess
DeleteAccessPointForObjectProcess GetAccessPointConfigForObjectProcess PutAccessPointConfigForObjectProcess
PutAccessPointPolicyForObjectProcess GetAccessPointPolicyForObjectProcess DeleteAccessPointPolicyForObjectProcess
WriteGetObjectResponse
""".split()

#: What can't be done here, and so is refused with the service's words instead of half done.
NOT_OFFERED = {
    "ProcessObject": "no images, documents or media are processed",
    "AsyncProcessObject": "no images, documents or media are processed",
    "DoMetaQueryAction": "data sets are a service of their own; the service, too, refuses them for these buckets",
    "PutCname": "nobody can prove that a domain is his: no name server is asked",
    "WriteGetObjectResponse": "it answers a request that waits for a function; no functions are called",
}

#: The operation behind a method of oss2, where that isn't its name in other letters.
OSS2_NAMES = {
    "put_object_from_file": "PutObject",
    "put_object_with_url": "PutObject",
    "put_object_with_url_from_file": "PutObject",
    "get_object_to_file": "GetObject",
    "get_object_with_url": "GetObject",
    "get_object_with_url_to_file": "GetObject",
    "select_object_to_file": "SelectObject",
    "update_object_meta": "CopyObject",
    "batch_delete_objects": "DeleteMultipleObjects",
    "delete_object_versions": "DeleteMultipleObjects",
    "init_multipart_upload": "InitiateMultipartUpload",
    "create_bucket": "PutBucket",
    "put_bucket_tagging": "PutBucketTags",
    "get_bucket_tagging": "GetBucketTags",
    "delete_bucket_tagging": "DeleteBucketTags",
    "put_bucket_inventory_configuration": "PutBucketInventory",
    "get_bucket_inventory_configuration": "GetBucketInventory",
    "list_bucket_inventory_configurations": "ListBucketInventory",
    "delete_bucket_inventory_configuration": "DeleteBucketInventory",
    "init_bucket_worm": "InitiateBucketWorm",
    "create_bucket_cname_token": "CreateCnameToken",
    "get_bucket_cname_token": "GetCnameToken",
    "put_bucket_cname": "PutCname",
    "list_bucket_cname": "ListCname",
    "delete_bucket_cname": "DeleteCname",
    "open_bucket_meta_query": "OpenMetaQuery",
    "get_bucket_meta_query_status": "GetMetaQueryStatus",
    "do_bucket_meta_query": "DoMetaQuery",
    "close_bucket_meta_query": "CloseMetaQuery",
    "put_bucket_style": "PutStyle",
    "get_bucket_style": "GetStyle",
    "list_bucket_style": "ListStyle",
    "delete_bucket_style": "DeleteStyle",
    "list_bucket_access_points": "ListAccessPoints",
}

#: Operations that oss2 has no method for.
OSS2_LACKS = """
OptionObject PutUserDefinedLogFieldsConfig GetUserDefinedLogFieldsConfig DeleteUserDefinedLogFieldsConfig
CreateBucketMetadataConfiguration GetBucketMetadataConfiguration DeleteBucketMetadataConfiguration
UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration
PutBucketObjectWormConfiguration GetBucketObjectWormConfiguration PutBucketOverwriteConfig GetBucketOverwriteConfig
DeleteBucketOverwriteConfig GetBucketPolicyStatus PutBucketRtc PutBucketStorageQuota GetBucketStorageQuota
DeleteBucketStorageQuota ListCloudBoxes DoMetaQueryAction DoDataPipelineAction CleanRestoredObject SealAppendObject
PutObjectRetention GetObjectRetention PutObjectLegalHold GetObjectLegalHold CreateAccessPointForObjectProcess
GetAccessPointForObjectProcess ListAccessPointsForObjectProcess DeleteAccessPointForObjectProcess
GetAccessPointConfigForObjectProcess PutAccessPointConfigForObjectProcess PutAccessPointPolicyForObjectProcess
GetAccessPointPolicyForObjectProcess DeleteAccessPointPolicyForObjectProcess
""".split()

#: Methods of oss2 for services that are not described any more, or are others: QoS, resource pools,
#: fetching, callback policies. They are refused as not implemented.
OSS2_ELSEWHERE = """
get_user_qos_info list_resource_pools get_resource_pool_info list_resource_pool_buckets
put_resource_pool_requester_qos_info get_resource_pool_requester_qos_info list_resource_pool_requester_qos_infos
delete_resource_pool_requester_qos_info
put_bucket_qos_info get_bucket_qos_info delete_bucket_qos_info put_async_fetch_task get_async_fetch_task put_bucket_callback_policy
get_bucket_callback_policy delete_bucket_callback_policy put_bucket_requester_qos_info get_bucket_requester_qos_info
list_bucket_requester_qos_infos delete_bucket_requester_qos_info
""".split()

#: Methods of oss2 which are none of the described operations but answered.
OSS2_LIVE = """
set_bucket_storage_capacity get_bucket_storage_capacity
create_live_channel delete_live_channel get_live_channel list_live_channel get_live_channel_stat
put_live_channel_status get_live_channel_history
""".split()

#: Playlists are made of what was streamed, and nothing is streamed here: refused with the service's words.
OSS2_PLAYLISTS = ["post_vod_playlist", "get_vod_playlist"]
