"""Buckets and what can be set on them, as oss2 asks for it."""

import json

import oss2
from harness import ENDPOINT, REGION, case, expect, same
from oss2.models import (
    AbortMultipartUpload, AccessPointVpcConfiguration, AggregationsRequest, BucketCors, BucketCreateConfig,
    BucketLifecycle,
    BucketLogging, BucketReferer, BucketTlsVersion, BucketWebsite, Condition, CorsRule, CreateAccessPointRequest,
    InventoryBucketDestination, InventoryConfiguration, InventoryDestination, InventoryFilter, InventorySchedule,
    LifecycleExpiration, LifecycleRule, MetaQuery, PutBucketCnameRequest, Redirect, ReplicationRule, RoutingRule,
    ServerSideEncryptionRule, StorageTransition, Tagging, TaggingRule,
)
from oss2_api import refused


def tags(**pairs):
    rule = TaggingRule()
    for key, value in pairs.items():
        rule.add(key, value)
    return Tagging(rule)


def policy(effect, principal, action, resource):
    statement = {"Effect": effect, "Principal": [principal], "Action": [action], "Resource": [resource]}
    return json.dumps({"Version": "1", "Statement": [statement]})


@case
def bucket_life(api, name):
    bucket = api.bucket(name)
    new = api.bucket(name + "-new")
    new.create_bucket(oss2.BUCKET_ACL_PRIVATE, BucketCreateConfig("IA", "ZRS"))
    info = new.get_bucket_info()
    same((info.acl.grant, info.storage_class, info.data_redundancy_type), ("private", "IA", "ZRS"))
    same((info.location, info.extranet_endpoint), (f"oss-{REGION}", f"oss-{REGION}.aliyuncs.com"))
    same(new.get_bucket_location().location, f"oss-{REGION}")
    new.put_object("k", b"12345")
    stat = new.get_bucket_stat()
    same((stat.object_count, stat.infrequent_access_real_storage), (1, 5))
    refused(new.delete_bucket, "BucketNotEmpty", 409)
    new.delete_object("k")
    new.delete_bucket()
    for call in (new.get_bucket_info, new.get_bucket_location, new.get_bucket_stat):
        refused(call, "NoSuchBucket", 404, ec="0015-00000101")
    refused(
        lambda: new.create_bucket(input=BucketCreateConfig("None")), "InvalidArgument", 400, ec="0013-00000101",
        message="No such bucket storage class exists.",
    )
    same(bucket.get_bucket_acl().acl, "private")
    refused(lambda: bucket.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ), "AccessDenied", 403)
    bucket.put_bucket_public_access_block(False)
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ)
    same(bucket.get_bucket_acl().acl, "public-read")
    same(api.anonymous(name).list_objects().object_list, [])
    refused(api.anonymous(name).get_bucket_acl, "AccessDenied", 403)
    refused(lambda: bucket.put_bucket_acl("none"), "InvalidArgument", 400, ec="0015-00000204")


@case
def services(api, name):
    service = api.service()
    page = service.list_buckets(prefix=name)
    same([(item.name, item.extranet_endpoint) for item in page.buckets], [(name, ENDPOINT)])
    same([item.name for item in oss2.BucketIterator(service, prefix=name)], [name])
    refused(lambda: service.list_buckets(max_keys=1001), "InvalidArgument", 400)
    same([item.region for item in service.describe_regions("oss-cn-hangzhou").regions], ["oss-cn-hangzhou"])
    expect(len(service.describe_regions().regions) > 1, "all regions")
    refused(lambda: service.describe_regions("oss-nowhere"), "NoSuchRegion", 404)
    try:
        service.put_public_access_block(True)
        same(service.get_public_access_block().block_public_access, True)
        unknown = api.service(api.auth(key_id="invalid-ak"))
        for call in (
            unknown.put_public_access_block, unknown.get_public_access_block, unknown.delete_public_access_block
        ):
            refused(call, "InvalidAccessKeyId", 403, ec="0002-00000902")
    finally:
        service.delete_public_access_block()
    refused(
        lambda: service.write_get_object_response("route", "token", "200", b"x"), "InvalidArgument", 400
    )


@case
def access_monitor(api, name):
    bucket = api.bucket(name)
    same(bucket.get_bucket_access_monitor().access_monitor.status, "Disabled")
    bucket.put_bucket_access_monitor("Enabled")
    same(bucket.get_bucket_access_monitor().access_monitor.status, "Enabled")
    refused(lambda: bucket.put_bucket_access_monitor("Perhaps"), "MalformedXML", 400)
    refused(api.anonymous(name).get_bucket_access_monitor, "AccessDenied", 403)


@case
def archive_direct_read(api, name):
    bucket = api.bucket(name)
    bucket.put_bucket_archive_direct_read(True)
    same(bucket.get_bucket_archive_direct_read().enabled, True)
    refused(lambda: api.anonymous(name).put_bucket_archive_direct_read(False), "AccessDenied", 403)
    refused(api.anonymous(name).get_bucket_archive_direct_read, "AccessDenied", 403)


@case
def cname(api, name):
    bucket = api.bucket(name)
    domain = f"{name}.example.com"
    token = bucket.create_bucket_cname_token(domain)
    same((token.bucket, token.cname), (name, domain))
    same(bucket.get_bucket_cname_token(domain).token, token.token)
    same(bucket.list_bucket_cname().bucket, name)
    bucket.delete_bucket_cname(domain)
    refused(
        lambda: bucket.put_bucket_cname(PutBucketCnameRequest(domain)), "NeedVerifyDomainOwnership", 403,
        ec="0018-00000115",
    )
    refused(lambda: bucket.get_bucket_cname_token("other.example.com"), "NoSuchCnameToken", 404)
    for call in (
        lambda: api.anonymous(name).create_bucket_cname_token(domain), api.anonymous(name).list_bucket_cname,
        lambda: api.anonymous(name).delete_bucket_cname(domain),
    ):
        refused(call, "AccessDenied", 403)


@case
def cors(api, name):
    bucket = api.bucket(name)
    refused(bucket.get_bucket_cors, "NoSuchCORSConfiguration", 404)
    rule = CorsRule(
        allowed_origins=["*"], allowed_methods=["GET", "PUT"], allowed_headers=["X-Test"], expose_headers=["ETag"],
        max_age_seconds=100,
    )
    bucket.put_bucket_cors(BucketCors([rule]))
    found = bucket.get_bucket_cors().rules[0]
    same((found.allowed_origins, found.allowed_methods, found.allowed_headers), (["*"], ["GET", "PUT"], ["x-test"]))
    same((found.expose_headers, found.max_age_seconds), (["ETag"], 100))
    refused(lambda: bucket.put_bucket_cors(BucketCors([CorsRule(allowed_origins=["*"])])), "MalformedXML", 400)
    bucket.delete_bucket_cors()
    refused(api.anonymous(name).delete_bucket_cors, "AccessDenied", 403)


@case
def redundancy_transition(api, name):
    bucket = api.bucket(name)
    task = bucket.create_bucket_data_redundancy_transition("ZRS").task_id
    found = bucket.get_bucket_data_redundancy_transition(task)
    same((found.bucket, found.task_id), (name, task))
    listed = bucket.list_bucket_data_redundancy_transition().data_redundancy_transitions
    same([item.task_id for item in listed], [task])
    listed = api.service().list_user_data_redundancy_transition("", 100).data_redundancy_transitions
    expect(task in [item.task_id for item in listed], "that of the account")
    refused(lambda: bucket.create_bucket_data_redundancy_transition("Triple"), "InvalidArgument", 400)
    for call in (bucket.get_bucket_data_redundancy_transition, bucket.delete_bucket_data_redundancy_transition):
        refused(lambda: call("none"), "NoSuchBucketDataRedundancyTransition", 404)
    refused(api.anonymous(name).list_bucket_data_redundancy_transition, "AccessDenied", 403)
    refused(api.service(api.auth(secret="wrong")).list_user_data_redundancy_transition, "SignatureDoesNotMatch", 403)
    bucket.delete_bucket_data_redundancy_transition(task)


@case
def encryption_rule(api, name):
    bucket = api.bucket(name)
    refused(bucket.get_bucket_encryption, "NoSuchServerSideEncryptionRule", 404)
    bucket.put_bucket_encryption(ServerSideEncryptionRule("KMS", "key-1", "SM4"))
    found = bucket.get_bucket_encryption()
    same((found.sse_algorithm, found.kms_master_keyid, found.kms_data_encryption), ("KMS", "key-1", "SM4"))
    refused(
        lambda: bucket.put_bucket_encryption(ServerSideEncryptionRule("ROT13")), "InvalidEncryptionAlgorithmError", 400
    )
    bucket.delete_bucket_encryption()
    refused(api.anonymous(name).delete_bucket_encryption, "AccessDenied", 403)


@case
def https_configuration(api, name):
    bucket = api.bucket(name)
    bucket.put_bucket_https_config(BucketTlsVersion(True, ["TLSv1.2", "TLSv1.3"]))
    found = bucket.get_bucket_https_config()
    same((found.tls_enabled, sorted(found.tls_version)), (True, ["TLSv1.2", "TLSv1.3"]))
    refused(lambda: bucket.put_bucket_https_config(BucketTlsVersion(True, ["SSLv2"])), "MalformedXML", 400)
    refused(api.anonymous(name).get_bucket_https_config, "AccessDenied", 403)


@case
def inventory(api, name):
    bucket = api.bucket(name)
    account = bucket.get_bucket_info().owner.id
    configuration = lambda id, frequency="Daily": InventoryConfiguration(
        inventory_id=id, is_enabled=True, included_object_versions="Current", optional_fields=["Size", "ETag"],
        inventory_filter=InventoryFilter("a/"), inventory_schedule=InventorySchedule(frequency),
        inventory_destination=InventoryDestination(
            InventoryBucketDestination(account, f"acs:ram::{account}:role/r", name, "CSV", "reports/")
        ),
    )
    refused(lambda: bucket.get_bucket_inventory_configuration("one"), "NoSuchInventory", 404)
    refused(bucket.list_bucket_inventory_configurations, "NoSuchInventory", 404)
    bucket.put_bucket_inventory_configuration(configuration("one"))
    found = bucket.get_bucket_inventory_configuration("one")
    same((found.inventory_id, found.is_enabled, found.inventory_filter.prefix), ("one", True, "a/"))
    same(found.inventory_destination.bucket_destination.bucket, name)
    listed = bucket.list_bucket_inventory_configurations()
    same([item.inventory_id for item in listed.inventory_configurations], ["one"])
    refused(lambda: bucket.put_bucket_inventory_configuration(configuration("two", "Hourly")), "MalformedXML", 400)
    bucket.delete_bucket_inventory_configuration("one")
    refused(lambda: api.anonymous(name).delete_bucket_inventory_configuration("one"), "AccessDenied", 403)


@case
def lifecycle(api, name):
    bucket = api.bucket(name)
    refused(bucket.get_bucket_lifecycle, "NoSuchLifecycle", 404)
    rule = LifecycleRule(
        "first", "log/", expiration=LifecycleExpiration(days=30), abort_multipart_upload=AbortMultipartUpload(days=1),
        storage_transitions=[StorageTransition(days=10, storage_class="IA")], tagging=tags(a="b"),
    )
    bucket.put_bucket_lifecycle(BucketLifecycle([rule]))
    found = bucket.get_bucket_lifecycle().rules[0]
    same((found.id, found.prefix, found.expiration.days, found.status), ("first", "log/", 30, "Enabled"))
    same((found.storage_transitions[0].storage_class, found.tagging.tag_set.tagging_rule), ("IA", {"a": "b"}))
    refused(lambda: bucket.put_bucket_lifecycle(BucketLifecycle([])), "MalformedXML", 400)
    bucket.delete_bucket_lifecycle()
    refused(api.anonymous(name).delete_bucket_lifecycle, "AccessDenied", 403)


@case
def logging(api, name):
    bucket = api.bucket(name)
    bucket.put_bucket_logging(BucketLogging(name, "logs/"))
    found = bucket.get_bucket_logging()
    same((found.target_bucket, found.target_prefix), (name, "logs/"))
    refused(lambda: bucket.put_bucket_logging(BucketLogging(name + "-none", "")), "InvalidTargetBucketForLogging", 400)
    bucket.delete_bucket_logging()
    refused(api.anonymous(name).get_bucket_logging, "AccessDenied", 403)
    refused(api.anonymous(name).delete_bucket_logging, "AccessDenied", 403)


@case
def meta_query(api, name):
    bucket = api.bucket(name)
    query = MetaQuery(
        max_results=10, query='{"Field": "Size","Value": "1","Operation": "gt"}', sort="Size", order="desc",
        aggregations=[AggregationsRequest(field="Size", operation="sum")],
    )
    for call in (bucket.get_bucket_meta_query_status, lambda: bucket.do_bucket_meta_query(query)):
        refused(call, "MetaQueryNotExist", 404)
    refused(api.anonymous(name).close_bucket_meta_query, "AccessDenied", 403)
    bucket.put_object("k", b"12345")
    bucket.open_bucket_meta_query()
    refused(bucket.open_bucket_meta_query, "MetaQueryAlreadyExist", 409)
    same(bucket.get_bucket_meta_query_status().state, "Ready")
    found = bucket.do_bucket_meta_query(query)
    same([(item.field, item.operation, float(item.value)) for item in found.aggregations], [("Size", "sum", 5)])
    bucket.close_bucket_meta_query()


@case
def policies(api, name):
    bucket = api.bucket(name)
    refused(bucket.get_bucket_policy, "NoSuchBucketPolicy", 404)
    bucket.put_object("open/k", b"x")
    bucket.put_bucket_public_access_block(False)
    text = policy("Allow", "*", "oss:GetObject", f"acs:oss:*:*:{name}/open/*")
    bucket.put_bucket_policy(text)
    same(bucket.get_bucket_policy().policy, text)
    same(api.anonymous(name).get_object("open/k").read(), b"x")
    refused(lambda: bucket.put_bucket_policy("{"), "InvalidPolicyDocument", 400)
    bucket.delete_bucket_policy()
    refused(api.anonymous(name).delete_bucket_policy, "AccessDenied", 403)
    refused(lambda: api.anonymous(name).get_object("open/k"), "AccessDenied", 403)
    bucket.put_bucket_public_access_block(True)
    same(bucket.get_bucket_public_access_block().block_public_access, True)
    bucket.delete_bucket_public_access_block()
    anonymous = api.anonymous(name)
    for call in (
        anonymous.put_bucket_public_access_block, anonymous.get_bucket_public_access_block,
        anonymous.delete_bucket_public_access_block,
    ):
        refused(call, "AccessDenied", 403)


@case
def referer(api, name):
    bucket = api.bucket(name)
    bucket.put_bucket_referer(BucketReferer(True, ["http://a.example.com"], black_referers=["http://b.example.com"]))
    found = bucket.get_bucket_referer()
    same(
        (found.allow_empty_referer, found.referers, found.black_referers),
        (True, ["http://a.example.com"], ["http://b.example.com"]),
    )
    refused(lambda: api.anonymous(name).put_bucket_referer(BucketReferer(True, [])), "AccessDenied", 403)
    refused(api.anonymous(name).get_bucket_referer, "AccessDenied", 403)


@case
def replication(api, name):
    bucket = api.bucket(name)
    target = api.bucket(name + "-to")
    target.create_bucket()
    rule = lambda id: ReplicationRule(
        rule_id=id, prefix_list=["a/", "b/"], action_list=["ALL"], target_bucket_name=target.bucket_name,
        target_bucket_location=f"oss-{REGION}", is_enable_historical_object_replication=False,
    )
    refused(bucket.get_bucket_replication, "NoSuchReplicationConfiguration", 404)
    bucket.put_bucket_replication(rule("r1"))
    found = bucket.get_bucket_replication().rule_list[0]
    same((found.rule_id, found.prefix_list, found.target_bucket_name), ("r1", ["a/", "b/"], target.bucket_name))
    same(bucket.get_bucket_replication_progress("r1").progress.rule_id, "r1")
    expect(bucket.get_bucket_replication_location().location_list, "locations")
    refused(lambda: api.anonymous(name).put_bucket_replication(rule("r2")), "AccessDenied", 403)
    refused(lambda: bucket.get_bucket_replication_progress("none"), "NoSuchReplicationRule", 404)
    refused(lambda: bucket.delete_bucket_replication("none"), "NoSuchReplicationRule", 404)
    refused(api.anonymous(name).get_bucket_replication_location, "AccessDenied", 403)
    bucket.delete_bucket_replication("r1")
    target.delete_bucket()


@case
def request_payment(api, name):
    bucket = api.bucket(name)
    bucket.put_bucket_request_payment("Requester")
    same(bucket.get_bucket_request_payment().payer, "Requester")
    refused(lambda: bucket.put_bucket_request_payment("Nobody"), "MalformedXML", 400)
    refused(api.anonymous(name).get_bucket_request_payment, "AccessDenied", 403)


@case
def resource_group(api, name):
    bucket = api.bucket(name)
    group = bucket.get_bucket_resource_group().resource_group_id
    bucket.put_bucket_resource_group(group)
    same(bucket.get_bucket_resource_group().resource_group_id, group)
    refused(
        lambda: bucket.put_bucket_resource_group("rg-aek000000000000"), "ResourceGroupIdPreCheckError", 400,
        ec="0039-00000003",
    )
    refused(api.anonymous(name).get_bucket_resource_group, "AccessDenied", 403)


@case
def styles(api, name):
    bucket = api.bucket(name)
    refused(lambda: bucket.get_bucket_style("small"), "NoSuchStyle", 404)
    bucket.put_bucket_style("small", "image/resize,p_50")
    same(bucket.get_bucket_style("small").content, "image/resize,p_50")
    same([item.name for item in bucket.list_bucket_style().styles], ["small"])
    bucket.delete_bucket_style("small")
    anonymous = api.anonymous(name)
    for call in (
        lambda: anonymous.put_bucket_style("small", "x"), anonymous.list_bucket_style,
        lambda: anonymous.delete_bucket_style("small"),
    ):
        refused(call, "AccessDenied", 403)


@case
def bucket_tags(api, name):
    bucket = api.bucket(name)
    bucket.put_bucket_tagging(tags(a="1", b="2"))
    same(bucket.get_bucket_tagging().tag_set.tagging_rule, {"a": "1", "b": "2"})
    bucket.delete_bucket_tagging({"tagging": "a"})
    same(bucket.get_bucket_tagging().tag_set.tagging_rule, {"b": "2"})
    bucket.delete_bucket_tagging()
    same(bucket.get_bucket_tagging().tag_set.tagging_rule, {})
    anonymous = api.anonymous(name)
    for call in (
        lambda: anonymous.put_bucket_tagging(tags(a="1")), anonymous.get_bucket_tagging, anonymous.delete_bucket_tagging
    ):
        refused(call, "AccessDenied", 403)


@case
def transfer_acceleration(api, name):
    bucket = api.bucket(name)
    refused(bucket.get_bucket_transfer_acceleration, "NoSuchTransferAccelerationConfiguration", 404)
    bucket.put_bucket_transfer_acceleration("true")
    same(bucket.get_bucket_transfer_acceleration().enabled, "true")
    refused(lambda: bucket.put_bucket_transfer_acceleration("perhaps"), "MalformedXML", 400)


@case
def website(api, name):
    bucket = api.bucket(name)
    refused(bucket.get_bucket_website, "NoSuchWebsiteConfiguration", 404)
    rule = RoutingRule(
        1, Condition(key_prefix_equals="old/", http_err_code_return_equals=404),
        Redirect(
            "External", proto="http", host_name="example.com", http_redirect_code=302, replace_key_prefix_with="new/"
        ),
    )
    bucket.put_bucket_website(BucketWebsite("index.html", "error.html", [rule]))
    found = bucket.get_bucket_website()
    same(
        (found.index_file, found.error_file, found.rules[0].redirect.host_name),
        ("index.html", "error.html", "example.com"),
    )
    refused(lambda: bucket.put_bucket_website(BucketWebsite("", "error.html")), "MalformedXML", 400)
    bucket.delete_bucket_website()
    refused(api.anonymous(name).delete_bucket_website, "AccessDenied", 403)


@case
def worm(api, name):
    bucket = api.bucket(name)
    refused(bucket.get_bucket_worm, "NoSuchWORMConfiguration", 404)
    refused(bucket.abort_bucket_worm, "NoSuchWORMConfiguration", 404)
    refused(lambda: bucket.init_bucket_worm(0), "MalformedXML", 400)
    bucket.init_bucket_worm(1)
    bucket.abort_bucket_worm()
    worm_id = bucket.init_bucket_worm(1).worm_id
    found = bucket.get_bucket_worm()
    same((found.worm_id, found.state, int(found.retention_period_days)), (worm_id, "InProgress", 1))
    refused(lambda: bucket.complete_bucket_worm("none"), "NoSuchWORMConfiguration", 404)
    bucket.complete_bucket_worm(worm_id)
    refused(lambda: bucket.extend_bucket_worm(worm_id, 0), "MalformedXML", 400)
    bucket.extend_bucket_worm(worm_id, 2)
    same((bucket.get_bucket_worm().state, int(bucket.get_bucket_worm().retention_period_days)), ("Locked", 2))


@case
def access_points(api, name):
    bucket = api.bucket(name)
    point = f"ap-{name[8:]}"
    refused(lambda: bucket.get_access_point(point), "NoSuchAccessPoint", 404)
    created = bucket.create_access_point(CreateAccessPointRequest(point, "internet"))
    refused(
        lambda: bucket.create_access_point(CreateAccessPointRequest(point, "internet")), "AccessPointAlreadyExists", 409
    )
    bucket.create_access_point(CreateAccessPointRequest(point + "-vpc", "vpc", AccessPointVpcConfiguration("vpc-1")))
    found = bucket.get_access_point(point)
    same((found.access_point_name, found.bucket, found.access_point_arn), (point, name, created.access_point_arn))
    same((found.access_point_status, found.network_origin), ("enable", "internet"))
    listed = bucket.list_bucket_access_points(max_keys=1)
    same([item.access_point_name for item in listed.access_points], [point])
    listed = bucket.list_bucket_access_points(continuation_token=listed.next_continuation_token)
    same([item.access_point_name for item in listed.access_points], [point + "-vpc"])
    listed = api.service().list_access_points(max_keys=100)
    expect(point in [item.access_point_name for item in listed.access_points], "those of the account")
    refused(lambda: bucket.list_bucket_access_points(max_keys=0), "InvalidArgument", 400)
    refused(api.service(api.auth(key_id="invalid-ak")).list_access_points, "InvalidAccessKeyId", 403)

    text = policy("Deny", found.account_id, "oss:PutObject", created.access_point_arn)
    refused(lambda: bucket.get_access_point_policy(point), "NoSuchAccessPointPolicy", 404)
    bucket.put_access_point_policy(point, text)
    same(bucket.get_access_point_policy(point).policy, text)
    refused(lambda: bucket.put_access_point_policy(point, "{"), "InvalidPolicyDocument", 400)
    bucket.delete_access_point_policy(point)
    refused(lambda: bucket.delete_access_point_policy("none"), "NoSuchAccessPoint", 404)

    bucket.put_access_point_public_access_block(point, True)
    same(bucket.get_access_point_public_access_block(point).block_public_access, True)
    bucket.delete_access_point_public_access_block(point)
    for call in (
        bucket.put_access_point_public_access_block, bucket.get_access_point_public_access_block,
        bucket.delete_access_point_public_access_block,
    ):
        refused(lambda: call("none"), "NoSuchAccessPoint", 404)
    bucket.delete_access_point(point)
    bucket.delete_access_point(point + "-vpc")
    refused(lambda: bucket.delete_access_point(point), "NoSuchAccessPoint", 404)
