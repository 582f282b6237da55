"""What can be set on a bucket: each is set, read, removed, and has its effect where the service gives it one."""

import alibabacloud_oss_v2 as oss
from harness import REGION, case, expect, same
from local import fetch, url
from sdk import get, head, open_to_public, put, read, refused, versioning


async def owner(api, bucket):
    """The id of the account that owns a bucket."""
    return (await api.get_bucket_acl(bucket=bucket)).owner.id


@case
async def access_monitor(api, bucket):
    set_to = lambda status: api.put_bucket_access_monitor(
        bucket=bucket, access_monitor_configuration=oss.AccessMonitorConfiguration(status=status)
    )
    found = lambda: api.get_bucket_access_monitor(bucket=bucket)
    same((await found()).access_monitor_configuration.status, "Disabled")
    await set_to("Enabled")
    same((await found()).access_monitor_configuration.status, "Enabled")
    same((await api.get_bucket_info(bucket=bucket)).bucket_info.access_monitor, "Enabled")
    await set_to("Disabled")
    same((await found()).access_monitor_configuration.status, "Disabled")
    await refused(set_to(None), "MalformedXML", 400)
    await refused(set_to("Perhaps"), "MalformedXML", 400)
    await refused(api.anonymous().get_bucket_access_monitor(bucket=bucket), "AccessDenied", 403)


@case
async def archive_direct_read(api, bucket):
    set_to = lambda enabled: api.put_bucket_archive_direct_read(
        bucket=bucket, archive_direct_read_configuration=oss.ArchiveDirectReadConfiguration(enabled=enabled)
    )
    found = lambda: api.get_bucket_archive_direct_read(bucket=bucket)
    same((await found()).archive_direct_read_configuration.enabled, False)
    await put(api, bucket, "k", b"cold", storage_class="Archive")
    await refused(get(api, bucket, "k"), "InvalidObjectState", 403)
    await set_to(True)
    same((await found()).archive_direct_read_configuration.enabled, True)
    same(await read(api, bucket, "k"), b"cold", "an archived object that was not restored")
    await set_to(False)
    await refused(get(api, bucket, "k"), "InvalidObjectState", 403)
    await refused(set_to(None), "MalformedXML", 400)
    await refused(api.anonymous().get_bucket_archive_direct_read(bucket=bucket), "AccessDenied", 403)


@case
async def cname(api, bucket):
    configuration = lambda domain: oss.BucketCnameConfiguration(cname=oss.Cname(domain=domain))
    domain = f"{bucket}.example.com"
    missing = {"bucket": bucket, "bucket_cname_configuration": configuration(domain)}
    await refused(api.put_cname(**missing), "NeedVerifyDomainOwnership", 403, ec="0018-00000115")
    await refused(api.get_cname_token(bucket=bucket, cname=domain), "NoSuchCnameToken", 404)
    token = (await api.create_cname_token(**missing)).cname_token
    same((token.bucket, token.cname), (bucket, domain))
    expect(token.token and token.expire_time, "a token and its end")
    same((await api.get_cname_token(bucket=bucket, cname=domain)).cname_token.token, token.token)
    await refused(
        api.create_cname_token(bucket=bucket, bucket_cname_configuration=oss.BucketCnameConfiguration()),
        "MalformedXML", 400,
    )
    found = await api.list_cname(bucket=bucket)
    same((found.bucket, found.cnames or []), (bucket, []))
    expect(found.owner, "an owner")
    await refused(api.anonymous().list_cname(bucket=bucket), "AccessDenied", 403)
    same(
        (await api.delete_cname(bucket=bucket, bucket_cname_configuration=configuration("example.org"))).status_code,
        200,
    )
    await refused(
        api.delete_cname(bucket=bucket, bucket_cname_configuration=oss.BucketCnameConfiguration()), "MalformedXML", 400
    )


@case
async def cors(api, bucket):
    rules = lambda *rules, **more: api.put_bucket_cors(
        bucket=bucket, cors_configuration=oss.CORSConfiguration(cors_rules=list(rules), **more)
    )
    await refused(api.get_bucket_cors(bucket=bucket), "NoSuchCORSConfiguration", 404)
    await rules(
        oss.CORSRule(
            allowed_origins=["http://a.example.com", "http://*.example.org"], allowed_methods=["GET", "PUT"],
            allowed_headers=["X-Test", "Content-Type"], expose_headers=["x-oss-request-id"], max_age_seconds=100,
        ),
        oss.CORSRule(allowed_origins=["*"], allowed_methods=["HEAD"]),
        response_vary=True,
    )
    found = (await api.get_bucket_cors(bucket=bucket)).cors_configuration
    rule = found.cors_rules[0]
    same((len(found.cors_rules), found.response_vary), (2, True))
    same(
        (rule.allowed_origins, rule.allowed_methods), (["http://a.example.com", "http://*.example.org"], ["GET", "PUT"])
    )
    same(
        (rule.allowed_headers, rule.expose_headers, rule.max_age_seconds),
        (["x-test", "content-type"], ["x-oss-request-id"], 100),
    )
    ask = lambda origin, method, headers=None: api.option_object(
        bucket=bucket, key="k", origin=origin, access_control_request_method=method,
        access_control_request_headers=headers,
    )
    answer = await ask("http://b.example.org", "PUT", "x-test")
    same(
        (answer.access_control_allow_origin, answer.access_control_allow_methods, answer.access_control_allow_headers),
        ("http://b.example.org", "GET, PUT", "x-test"),
    )
    same((answer.access_control_expose_headers, str(answer.access_control_max_age)), ("x-oss-request-id", "100"))
    await refused(ask("http://b.example.org", "DELETE"), "AccessForbidden", 403)
    await refused(ask("http://b.example.org", "PUT", "x-other"), "AccessForbidden", 403)
    await refused(rules(oss.CORSRule(allowed_origins=["*"])), "MalformedXML", 400)
    await refused(rules(), "MalformedXML", 400)
    same((await api.delete_bucket_cors(bucket=bucket)).status_code, 204)
    await refused(api.get_bucket_cors(bucket=bucket), "NoSuchCORSConfiguration", 404)
    await refused(ask("http://a.example.com", "GET"), "AccessForbidden", 403)
    await refused(api.anonymous().delete_bucket_cors(bucket=bucket), "AccessDenied", 403)


@case
async def redundancy_transition(api, bucket):
    create = lambda kind="ZRS": api.create_bucket_data_redundancy_transition(bucket=bucket, target_redundancy_type=kind)
    task = (await create()).bucket_data_redundancy_transition.task_id
    expect(task, "a task id")
    found = (
        await api.get_bucket_data_redundancy_transition(bucket=bucket, redundancy_transition_taskid=task)
    ).bucket_data_redundancy_transition
    same((found.bucket, found.task_id), (bucket, task))
    expect(found.status in ("Queueing", "Processing", "Finished") and found.create_time, "status and time")
    for listing in (
        await api.list_bucket_data_redundancy_transition(bucket=bucket),
        await api.list_user_data_redundancy_transition(max_keys=100),
    ):
        tasks = listing.list_bucket_data_redundancy_transition.bucket_data_redundancy_transition
        same([item.task_id for item in tasks if item.bucket == bucket], [task])
    await refused(create("Triple"), "InvalidArgument", 400)
    for call in (api.get_bucket_data_redundancy_transition, api.delete_bucket_data_redundancy_transition):
        await refused(
            call(bucket=bucket, redundancy_transition_taskid="none"), "NoSuchBucketDataRedundancyTransition", 404
        )
    await refused(api.anonymous().list_bucket_data_redundancy_transition(bucket=bucket), "AccessDenied", 403)
    await refused(
        api.other(key_id="invalid-ak").list_user_data_redundancy_transition(), "InvalidAccessKeyId", 403,
        ec="0002-00000902",
    )
    deleted = await api.delete_bucket_data_redundancy_transition(bucket=bucket, redundancy_transition_taskid=task)
    same(deleted.status_code, 204)


@case
async def encryption(api, bucket):
    set_to = lambda **members: api.put_bucket_encryption(
        bucket=bucket,
        server_side_encryption_rule=oss.ServerSideEncryptionRule(
            apply_server_side_encryption_by_default=oss.ApplyServerSideEncryptionByDefault(**members)
        ),
    )
    missing = lambda: refused(api.get_bucket_encryption(bucket=bucket), "NoSuchServerSideEncryptionRule", 404)
    await missing()
    await set_to(sse_algorithm="KMS", kms_data_encryption="SM4", kms_master_key_id="key-1")
    found = (await api.get_bucket_encryption(bucket=bucket)).server_side_encryption_rule
    found = found.apply_server_side_encryption_by_default
    same((found.sse_algorithm, found.kms_data_encryption, found.kms_master_key_id), ("KMS", "SM4", "key-1"))
    rule = (await api.get_bucket_info(bucket=bucket)).bucket_info.sse_rule
    same((rule.sse_algorithm, rule.kms_master_key_id), ("KMS", "key-1"))
    await set_to(sse_algorithm="AES256")
    await put(api, bucket, "k", b"x")
    same((await head(api, bucket, "k")).server_side_encryption, "AES256", "as the bucket has it")
    await refused(set_to(sse_algorithm="ROT13"), "InvalidEncryptionAlgorithmError", 400)
    await refused(set_to(), "MalformedXML", 400)
    same((await api.delete_bucket_encryption(bucket=bucket)).status_code, 204)
    await missing()
    await refused(api.anonymous().delete_bucket_encryption(bucket=bucket), "AccessDenied", 403)


@case
async def https_configuration(api, bucket):
    set_to = lambda **members: api.put_bucket_https_config(
        bucket=bucket, https_configuration=oss.HttpsConfiguration(**members)
    )
    await set_to(
        tls=oss.TLS(enable=True, tls_versions=["TLSv1.2", "TLSv1.3"]),
        cipher_suite=oss.CipherSuite(
            enable=True, strong_cipher_suite=False, custom_cipher_suites=["ECDHE-ECDSA-AES128-SHA256"],
            tls13_custom_cipher_suites=["TLS_AES_256_GCM_SHA384"],
        ),
    )
    found = (await api.get_bucket_https_config(bucket=bucket)).https_configuration
    same((found.tls.enable, found.tls.tls_versions), (True, ["TLSv1.2", "TLSv1.3"]))
    same(found.cipher_suite.custom_cipher_suites, ["ECDHE-ECDSA-AES128-SHA256"])
    await set_to(tls=oss.TLS(enable=False))
    same((await api.get_bucket_https_config(bucket=bucket)).https_configuration.tls.enable, False)
    await refused(set_to(), "MalformedXML", 400)
    await refused(api.anonymous().get_bucket_https_config(bucket=bucket), "AccessDenied", 403)


@case
async def inventory(api, bucket):
    account = await owner(api, bucket)

    def configuration(name, **more):
        members = dict(
            id=name, is_enabled=True, included_object_versions="All",
            optional_fields=oss.OptionalFields(fields=["Size", "ETag"]),
            filter=oss.InventoryFilter(
                prefix="a/", storage_class="Standard", lower_size_bound=1024, upper_size_bound=1048576,
                last_modify_begin_time_stamp=1637883649, last_modify_end_time_stamp=1638347592,
            ),
            schedule=oss.InventorySchedule(frequency="Daily"),
            destination=oss.InventoryDestination(
                oss_bucket_destination=oss.InventoryOSSBucketDestination(
                    format="CSV", account_id=account, role_arn=f"acs:ram::{account}:role/inventory",
                    bucket=f"acs:oss:::{bucket}", prefix="reports/",
                )
            ),
        )
        return oss.InventoryConfiguration(**members | more)

    set_to = lambda name, **more: api.put_bucket_inventory(
        bucket=bucket, inventory_id=name, inventory_configuration=configuration(name, **more)
    )
    listing = lambda **more: api.list_bucket_inventory(bucket=bucket, **more)
    await refused(api.get_bucket_inventory(bucket=bucket, inventory_id="first"), "NoSuchInventory", 404)
    await refused(listing(), "NoSuchInventory", 404)
    await set_to("first")
    found = (await api.get_bucket_inventory(bucket=bucket, inventory_id="first")).inventory_configuration
    same((found.id, found.is_enabled, found.included_object_versions), ("first", True, "All"))
    same((found.optional_fields.fields, found.schedule.frequency), (["Size", "ETag"], "Daily"))
    same(
        (found.filter.prefix, found.filter.lower_size_bound, found.filter.last_modify_end_time_stamp),
        ("a/", 1024, 1638347592),
    )
    target = found.destination.oss_bucket_destination
    same(
        (target.format, target.account_id, target.bucket, target.prefix),
        ("CSV", account, f"acs:oss:::{bucket}", "reports/"),
    )
    await set_to("second", is_enabled=False)
    found = (await listing()).list_inventory_configurations_result
    same([(item.id, item.is_enabled) for item in found.inventory_configurations], [("first", True), ("second", False)])
    same(found.is_truncated, False)
    await refused(set_to("third", schedule=None), "MalformedXML", 400)
    await refused(
        api.put_bucket_inventory(bucket=bucket, inventory_id="one", inventory_configuration=configuration("other")),
        "InvalidArgument", 400,
    )
    for number in range(100):
        await set_to(f"many-{number:03}")
    page = (await listing()).list_inventory_configurations_result
    same((len(page.inventory_configurations), page.is_truncated), (100, True))
    page = (await listing(continuation_token=page.next_continuation_token)).list_inventory_configurations_result
    same((len(page.inventory_configurations), page.is_truncated), (2, False))
    same((await api.delete_bucket_inventory(bucket=bucket, inventory_id="first")).status_code, 204)
    await refused(api.get_bucket_inventory(bucket=bucket, inventory_id="first"), "NoSuchInventory", 404)
    await refused(api.anonymous().delete_bucket_inventory(bucket=bucket, inventory_id="second"), "AccessDenied", 403)


@case
async def lifecycle(api, bucket):
    missing = lambda: refused(api.get_bucket_lifecycle(bucket=bucket), "NoSuchLifecycle", 404)
    await missing()
    rules = [
        oss.LifecycleRule(
            id="first", prefix="log/", status="Enabled", expiration=oss.LifecycleRuleExpiration(days=30),
            transitions=[oss.LifecycleRuleTransition(days=10, storage_class="IA")],
            tags=[oss.Tag("a", "b")],
        ),
        oss.LifecycleRule(
            prefix="tmp/", status="Disabled",
            abort_multipart_upload=oss.LifecycleRuleAbortMultipartUpload(days=1),
        ),
    ]
    put_rules = lambda rules: api.put_bucket_lifecycle(
        bucket=bucket, lifecycle_configuration=oss.LifecycleConfiguration(rules=rules)
    )
    await put_rules(rules)
    found = (await api.get_bucket_lifecycle(bucket=bucket)).lifecycle_configuration.rules
    same([(rule.prefix, rule.status) for rule in found], [("log/", "Enabled"), ("tmp/", "Disabled")])
    same((found[0].id, found[0].expiration.days, found[0].transitions[0].storage_class), ("first", 30, "IA"))
    same((found[0].tags[0].key, found[1].abort_multipart_upload.days), ("a", 1))
    expect(found[1].id, "a rule without an id gets one")
    await refused(put_rules([]), "MalformedXML", 400)
    same((await api.delete_bucket_lifecycle(bucket=bucket)).status_code, 204)
    await missing()
    await refused(api.anonymous().delete_bucket_lifecycle(bucket=bucket), "AccessDenied", 403)


@case
async def logging(api, bucket):
    set_to = lambda target, prefix="logs/": api.put_bucket_logging(
        bucket=bucket,
        bucket_logging_status=oss.BucketLoggingStatus(
            logging_enabled=oss.LoggingEnabled(target_bucket=target, target_prefix=prefix)
        ),
    )
    found = lambda: api.get_bucket_logging(bucket=bucket)
    same((await found()).bucket_logging_status.logging_enabled, None)
    await set_to(bucket)
    enabled = (await found()).bucket_logging_status.logging_enabled
    same((enabled.target_bucket, enabled.target_prefix), (bucket, "logs/"))
    await refused(set_to(bucket + "-none"), "InvalidTargetBucketForLogging", 400)
    same((await api.delete_bucket_logging(bucket=bucket)).status_code, 204)
    same((await found()).bucket_logging_status.logging_enabled, None)
    await refused(api.anonymous().get_bucket_logging(bucket=bucket), "AccessDenied", 403)
    await refused(api.anonymous().delete_bucket_logging(bucket=bucket), "AccessDenied", 403)


@case
async def user_defined_log_fields(api, bucket):
    set_to = lambda headers, parameters: api.put_user_defined_log_fields_config(
        bucket=bucket,
        user_defined_log_fields_configuration=oss.UserDefinedLogFieldsConfiguration(
            header_set=oss.LoggingHeaderSet(headers=headers), param_set=oss.LoggingParamSet(parameters=parameters)
        ),
    )
    found = lambda: api.get_user_defined_log_fields_config(bucket=bucket)
    await refused(found(), "NoSuchUserDefinedLogFieldsConfig", 404)
    await set_to(["header1", "header2"], ["param1", "param2"])
    fields = (await found()).user_defined_log_fields_configuration
    same((fields.header_set.headers, fields.param_set.parameters), (["header1", "header2"], ["param1", "param2"]))
    await refused(
        api.invoke(
            "PutUserDefinedLogFieldsConfig", "PUT", bucket, parameters={"userDefinedLogFieldsConfig": ""},
            body=b"<UserDefined", headers={"Content-Type": "application/xml"},
        ),
        "MalformedXML", 400,
    )
    same((await api.delete_user_defined_log_fields_config(bucket=bucket)).status_code, 204)
    await refused(found(), "NoSuchUserDefinedLogFieldsConfig", 404)
    await refused(api.anonymous().delete_user_defined_log_fields_config(bucket=bucket), "AccessDenied", 403)


@case
async def overwrite_configuration(api, bucket):
    rule = lambda **members: oss.OverwriteRule(**dict(id="r1", action="forbid", prefix="a/", suffix=".txt") | members)
    set_to = lambda *rules: api.put_bucket_overwrite_config(
        bucket=bucket, overwrite_configuration=oss.OverwriteConfiguration(rules=list(rules))
    )
    await refused(api.get_bucket_overwrite_config(bucket=bucket), "NoSuchBucketOverwriteConfig", 404)
    await set_to(rule(), rule(id="r2", prefix="b/", principals=oss.OverwritePrincipals(principals=["111", "222"])))
    found = (await api.get_bucket_overwrite_config(bucket=bucket)).overwrite_configuration.rules
    same(
        [(item.id, item.action, item.prefix, item.suffix) for item in found],
        [("r1", "forbid", "a/", ".txt"), ("r2", "forbid", "b/", ".txt")],
    )
    same(found[1].principals.principals, ["111", "222"])
    await put(api, bucket, "a/k.txt", b"first")
    await refused(put(api, bucket, "a/k.txt", b"second"), "FileAlreadyExists", 409)
    await refused(
        api.copy_object(bucket=bucket, key="a/k.txt", source_key="a/k.txt"), "FileAlreadyExists", 409
    )
    await put(api, bucket, "a/k.jpg", b"first")
    await put(api, bucket, "a/k.jpg", b"second")
    await put(api, bucket, "b/k.txt", b"first")
    await put(api, bucket, "b/k.txt", b"second")
    await refused(
        set_to(rule(action=None)), "MalformedXML", 400, ec="0015-00000231",
        message="The XML you provided was not well-formed or did not validate against our published schema.",
    )
    same((await api.delete_bucket_overwrite_config(bucket=bucket)).status_code, 204)
    await put(api, bucket, "a/k.txt", b"second")
    await refused(api.anonymous().delete_bucket_overwrite_config(bucket=bucket), "AccessDenied", 403)


@case
async def referer(api, bucket):
    set_to = lambda empty, *referers, **more: api.put_bucket_referer(
        bucket=bucket,
        referer_configuration=oss.RefererConfiguration(
            allow_empty_referer=empty, referer_list=oss.RefererList(referers=list(referers)), **more
        ),
    )
    found = lambda: api.get_bucket_referer(bucket=bucket)
    configuration = (await found()).referer_configuration
    same((configuration.allow_empty_referer, configuration.referer_list.referers or []), (True, []))
    await set_to(
        False, "http://www.example.com", "https://*.example.org", allow_truncate_query_string=True, truncate_path=True,
        referer_blacklist=oss.RefererBlacklist(referers=["http://bad.example.org"]),
    )
    configuration = (await found()).referer_configuration
    same((configuration.allow_empty_referer, configuration.truncate_path), (False, True))
    same(configuration.referer_list.referers, ["http://www.example.com", "https://*.example.org"])
    same(configuration.referer_blacklist.referers, ["http://bad.example.org"])
    await open_to_public(api, bucket)
    await put(api, bucket, "k", b"x", acl="public-read")
    address = url(bucket, "k")
    same(fetch(address, headers={"Referer": "http://www.example.com"})[:2], (200, b"x"))
    same(fetch(address, headers={"Referer": "https://a.example.org"})[:2], (200, b"x"))
    for headers in ({}, {"Referer": "http://other.example.com"}, {"Referer": "http://bad.example.org"}):
        status, body, _ = fetch(address, headers=headers)
        same((status, b"<Code>AccessDenied</Code>" in body), (403, True), str(headers))
    same(await read(api, bucket, "k"), b"x", "a signed request may come from anywhere")
    await set_to(True)
    same(fetch(address, headers={"Referer": "http://other.example.com"})[0], 200)
    await refused(set_to(None), "MalformedXML", 400)
    await refused(api.anonymous().get_bucket_referer(bucket=bucket), "AccessDenied", 403)


@case
async def replication(api, bucket):
    target = bucket + "-to"
    await api.put_bucket(bucket=target)
    rule = lambda **more: oss.ReplicationRule(
        **dict(
            prefix_set=oss.ReplicationPrefixSet(prefixs=["a/", "b/"]), action="ALL", sync_role="role",
            destination=oss.ReplicationDestination(bucket=target, location=f"oss-{REGION}", transfer_type="oss_acc"),
            historical_object_replication="disabled", rtc=oss.ReplicationTimeControl(status="disabled"),
            source_selection_criteria=oss.ReplicationSourceSelectionCriteria(
                sse_kms_encrypted_objects=oss.SseKmsEncryptedObjects(status="Enabled")
            ),
            encryption_configuration=oss.ReplicationEncryptionConfiguration(replica_kms_key_id="key-1"),
        ) | more
    )
    set_to = lambda *rules: api.put_bucket_replication(
        bucket=bucket, replication_configuration=oss.ReplicationConfiguration(rules=list(rules))
    )
    rtc = lambda id, status="enabled": api.put_bucket_rtc(
        bucket=bucket, rtc_configuration=oss.RtcConfiguration(rtc=oss.ReplicationTimeControl(status=status), id=id)
    )
    remove = lambda *ids: api.delete_bucket_replication(
        bucket=bucket, replication_rules=oss.ReplicationRules(ids=list(ids))
    )
    found = lambda: api.get_bucket_replication(bucket=bucket)
    await refused(found(), "NoSuchReplicationConfiguration", 404)
    await refused(set_to(), "MalformedXML", 400)
    result = await set_to(rule())
    item = (await found()).replication_configuration.rules[0]
    expect(item.id, "a rule gets an id")
    same(result.replication_rule_id, item.id)
    same((item.action, item.prefix_set.prefixs, item.sync_role), ("ALL", ["a/", "b/"], "role"))
    same(
        (item.destination.bucket, item.destination.location, item.destination.transfer_type),
        (target, f"oss-{REGION}", "oss_acc"),
    )
    same((item.historical_object_replication, item.encryption_configuration.replica_kms_key_id), ("disabled", "key-1"))
    expect(item.status in ("starting", "doing"), "status")
    same((await api.get_bucket_info(bucket=bucket)).bucket_info.cross_region_replication, "Enabled")
    await rtc(item.id)
    expect((await found()).replication_configuration.rules[0].rtc.status in ("enabled", "enabling"), "the time control")
    await refused(rtc("none"), "NoSuchReplicationRule", 404)
    locations = (await api.get_bucket_replication_location(bucket=bucket)).replication_location
    expect(locations.locations and locations.location_transfer_type_constraint.location_transfer_types, "locations")
    progress = (await api.get_bucket_replication_progress(bucket=bucket, rule_id=item.id)).replication_progress.rules[0]
    same((progress.id, progress.prefix_set.prefixs, progress.action), (item.id, ["a/", "b/"], "ALL"))
    same((progress.destination.bucket, progress.historical_object_replication), (target, "disabled"))
    expect(progress.status, "status")
    await refused(api.get_bucket_replication_progress(bucket=bucket, rule_id="none"), "NoSuchReplicationRule", 404)
    await refused(remove("none"), "NoSuchReplicationRule", 404)
    await refused(api.anonymous().get_bucket_replication_location(bucket=bucket), "AccessDenied", 403)
    same((await remove(item.id)).status_code, 200)
    await api.remove_bucket(target)


@case
async def request_payment(api, bucket):
    set_to = lambda payer: api.put_bucket_request_payment(
        bucket=bucket, request_payment_configuration=oss.RequestPaymentConfiguration(payer=payer)
    )
    found = lambda: api.get_bucket_request_payment(bucket=bucket)
    same((await found()).request_payment_configuration.payer, "BucketOwner")
    await set_to("Requester")
    same((await found()).request_payment_configuration.payer, "Requester")
    await put(api, bucket, "k", b"x")
    same(await read(api, bucket, "k"), b"x", "the owner need not say that he pays")
    await set_to("BucketOwner")
    await refused(set_to("Nobody"), "MalformedXML", 400)
    await refused(set_to(None), "MalformedXML", 400)
    await refused(api.anonymous().get_bucket_request_payment(bucket=bucket), "AccessDenied", 403)


@case
async def resource_group(api, bucket):
    set_to = lambda group: api.put_bucket_resource_group(
        bucket=bucket, bucket_resource_group_configuration=oss.BucketResourceGroupConfiguration(resource_group_id=group)
    )
    found = lambda: api.get_bucket_resource_group(bucket=bucket)
    group = (await found()).bucket_resource_group_configuration.resource_group_id
    expect(group, "the default group")
    await set_to("")
    same((await found()).bucket_resource_group_configuration.resource_group_id, group)
    await set_to(group)
    same((await api.get_bucket_info(bucket=bucket)).bucket_info.resource_group_id, group)
    page = await api.list_buckets(prefix=bucket, resource_group_id=group)
    same([(item.name, item.resource_group_id) for item in page.buckets], [(bucket, group)])
    await refused(
        set_to("rg-aek000000000000"), "ResourceGroupIdPreCheckError", 400, ec="0039-00000003",
        message="The resource group id precheck error",
    )
    await refused(api.anonymous().get_bucket_resource_group(bucket=bucket), "AccessDenied", 403)


@case
async def storage_quota(api, bucket):
    set_to = lambda **members: api.put_bucket_storage_quota(
        bucket=bucket, quota_configuration=oss.QuotaConfiguration(**members)
    )
    found = lambda: api.get_bucket_storage_quota(bucket=bucket)
    same((await found()).quota_configuration.storage_quota, -1, "no limit")
    await set_to(storage_quota=1000)
    await put(api, bucket, "k", b"x" * 600)
    same((await found()).quota_configuration.storage_quota, 1000)
    same((await found()).quota_configuration.current_usage, 600)
    await refused(set_to(), "MalformedXML", 400)
    await refused(set_to(storage_quota=-2), "MalformedXML", 400)
    same((await api.delete_bucket_storage_quota(bucket=bucket)).status_code, 204)
    same((await found()).quota_configuration.storage_quota, -1)
    await refused(api.anonymous().get_bucket_storage_quota(bucket=bucket), "AccessDenied", 403)
    await refused(api.anonymous().delete_bucket_storage_quota(bucket=bucket), "AccessDenied", 403)


@case
async def styles(api, bucket):
    set_to = lambda name, style: api.put_style(
        bucket=bucket, style_name=name, category="image", style=oss.StyleContent(content=style)
    )
    await refused(api.get_style(bucket=bucket, style_name="small"), "NoSuchStyle", 404)
    await set_to("small", "image/resize,p_50")
    await set_to("wide", "image/resize,w_200")
    found = (await api.get_style(bucket=bucket, style_name="small")).style
    same((found.name, found.content, found.category), ("small", "image/resize,p_50", "image"))
    expect(found.create_time and found.last_modify_time, "times")
    found = (await api.list_style(bucket=bucket)).style_list.styles
    same(
        [(item.name, item.content) for item in found], [("small", "image/resize,p_50"), ("wide", "image/resize,w_200")]
    )
    await refused(set_to("empty", None), "MalformedXML", 400)
    await refused(api.anonymous().list_style(bucket=bucket), "AccessDenied", 403)
    same((await api.delete_style(bucket=bucket, style_name="small")).status_code, 204)
    await refused(api.get_style(bucket=bucket, style_name="small"), "NoSuchStyle", 404)
    await refused(api.anonymous().delete_style(bucket=bucket, style_name="wide"), "AccessDenied", 403)


@case
async def transfer_acceleration(api, bucket):
    set_to = lambda enabled: api.put_bucket_transfer_acceleration(
        bucket=bucket, transfer_acceleration_configuration=oss.TransferAccelerationConfiguration(enabled=enabled)
    )
    found = lambda: api.get_bucket_transfer_acceleration(bucket=bucket)
    await refused(
        found(), "NoSuchTransferAccelerationConfiguration", 404,
        message="The bucket you specified does not have transfer acceleration configuration.",
    )
    for enabled in (True, False):
        await set_to(enabled)
        same((await found()).transfer_acceleration_configuration.enabled, enabled)
    same((await api.get_bucket_info(bucket=bucket)).bucket_info.transfer_acceleration, "Disabled")
    await refused(set_to(None), "MalformedXML", 400)


@case
async def website(api, bucket):
    set_to = lambda **members: api.put_bucket_website(
        bucket=bucket, website_configuration=oss.WebsiteConfiguration(**members)
    )
    missing = lambda: refused(api.get_bucket_website(bucket=bucket), "NoSuchWebsiteConfiguration", 404)
    await missing()
    await set_to(
        index_document=oss.IndexDocument(suffix="index.html", support_sub_dir=True, type=0),
        error_document=oss.ErrorDocument(key="error.html", http_status=404),
        routing_rules=oss.RoutingRules(
            routing_rules=[
                oss.RoutingRule(
                    rule_number=1,
                    condition=oss.RoutingRuleCondition(
                        key_prefix_equals="old/", http_error_code_returned_equals=404,
                        include_headers=[oss.RoutingRuleIncludeHeader(key="key1", equals="value1")],
                    ),
                    redirect=oss.RoutingRuleRedirect(
                        redirect_type="External", protocol="https", host_name="example.com", http_redirect_code=302,
                        replace_key_prefix_with="new/", pass_query_string=True,
                    ),
                ),
                oss.RoutingRule(
                    rule_number=2, condition=oss.RoutingRuleCondition(http_error_code_returned_equals=404),
                    redirect=oss.RoutingRuleRedirect(
                        redirect_type="Mirror", mirror_url="http://example.com/", mirror_follow_redirect=True,
                        mirror_headers=oss.MirrorHeaders(
                            pass_all=True, passs=["a", "b"], removes=["c"],
                            sets=[oss.MirrorHeadersSet(key="d", value="e")],
                        ),
                    ),
                ),
            ]
        ),
    )
    found = (await api.get_bucket_website(bucket=bucket)).website_configuration
    same(
        (found.index_document.suffix, found.index_document.support_sub_dir, found.index_document.type),
        ("index.html", True, 0),
    )
    same((found.error_document.key, found.error_document.http_status), ("error.html", 404))
    first, second = found.routing_rules.routing_rules
    same(
        (first.rule_number, first.condition.key_prefix_equals, first.condition.include_headers[0].equals),
        (1, "old/", "value1"),
    )
    same(
        (first.redirect.host_name, first.redirect.http_redirect_code, first.redirect.pass_query_string),
        ("example.com", 302, True),
    )
    same((second.redirect.mirror_url, second.redirect.mirror_headers.passs), ("http://example.com/", ["a", "b"]))
    same(second.redirect.mirror_headers.sets[0].value, "e")
    await refused(set_to(), "MalformedXML", 400)
    same((await api.delete_bucket_website(bucket=bucket)).status_code, 204)
    await missing()
    await refused(api.anonymous().delete_bucket_website(bucket=bucket), "AccessDenied", 403)


@case
async def versioned_bucket_information(api, bucket):
    await versioning(api, bucket)
    same((await api.get_bucket_info(bucket=bucket)).bucket_info.versioning, "Enabled")
