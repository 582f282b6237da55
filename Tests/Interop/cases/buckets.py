"""Buckets: made, described, listed, opened to others."""

import alibabacloud_oss_v2 as oss
from harness import ENDPOINT, REGION, case, expect, same
from sdk import head, keys, open_to_public, put, read, refused, versioning


@case
async def bucket_information(api, bucket):
    info = (await api.get_bucket_info(bucket=bucket)).bucket_info
    same((info.name, info.acl, info.storage_class, info.data_redundancy_type), (bucket, "private", "Standard", "LRS"))
    same((info.access_monitor, info.cross_region_replication, info.block_public_access), ("Disabled", "Disabled", True))
    same((info.location, info.extranet_endpoint), (f"oss-{REGION}", f"oss-{REGION}.aliyuncs.com"))
    same(info.intranet_endpoint, f"oss-{REGION}-internal.aliyuncs.com")
    expect(info.owner.id and info.creation_date and info.resource_group_id and info.sse_rule.sse_algorithm, "members")
    same((await api.get_bucket_location(bucket=bucket)).location, f"oss-{REGION}")
    stat = await api.get_bucket_stat(bucket=bucket)
    counters = [name for name in vars(stat) if name.endswith(("storage", "count"))]
    expect(len(counters) >= 19, "counters")
    for name in counters:
        same(getattr(stat, name), 0, name)
    await put(api, bucket, "k", b"12345")
    await put(api, bucket, "cold", b"123", storage_class="Archive")
    await api.initiate_multipart_upload(bucket=bucket, key="k")
    stat = await api.get_bucket_stat(bucket=bucket)
    same((stat.storage, stat.object_count, stat.standard_storage, stat.multi_part_upload_count), (8, 2, 5, 1))
    same((stat.archive_object_count, stat.archive_real_storage), (1, 3))
    for call in (api.get_bucket_info, api.get_bucket_location, api.get_bucket_stat, api.get_bucket_acl):
        await refused(call(bucket=bucket + "-none"), "NoSuchBucket", 404, ec="0015-00000101")
    await refused(api.anonymous().get_bucket_info(bucket=bucket), "AccessDenied", 403)
    await refused(api.anonymous().get_bucket_location(bucket=bucket), "AccessDenied", 403)
    await refused(api.anonymous().get_bucket_stat(bucket=bucket), "AccessDenied", 403)


@case
async def bucket_life(api, bucket):
    name = bucket + "-new"
    configuration = oss.CreateBucketConfiguration
    await api.put_bucket(
        bucket=name, acl="private",
        create_bucket_configuration=configuration(storage_class="IA", data_redundancy_type="ZRS"),
    )
    info = (await api.get_bucket_info(bucket=name)).bucket_info
    same((info.acl, info.storage_class, info.data_redundancy_type), ("private", "IA", "ZRS"))
    await put(api, name, "k", b"x")
    same((await head(api, name, "k")).storage_class, "IA")
    await refused(api.delete_bucket(bucket=name), "BucketNotEmpty", 409)
    await api.delete_object(bucket=name, key="k")
    same((await api.delete_bucket(bucket=name)).status_code, 204)
    await refused(api.get_bucket_info(bucket=name), "NoSuchBucket", 404)
    await refused(api.delete_bucket(bucket=name), "NoSuchBucket", 404)
    await refused(
        api.put_bucket(bucket=name, create_bucket_configuration=configuration(storage_class="None")),
        "InvalidArgument", 400, ec="0013-00000101", message="No such bucket storage class exists.",
    )
    await refused(
        api.put_bucket(bucket=name, create_bucket_configuration=configuration(data_redundancy_type="None")),
        "InvalidArgument", 400,
    )
    same((await api.put_bucket(bucket=bucket)).status_code, 200, "one's own bucket again")
    await put(api, bucket, "upload", b"x")
    await versioning(api, bucket)
    await api.delete_object(bucket=bucket, key="upload")
    same(await keys(api, bucket), [])
    await refused(api.delete_bucket(bucket=bucket), "BucketNotEmpty", 409)


@case
async def bucket_acl(api, bucket):
    anonymous = api.anonymous()
    await put(api, bucket, "k", b"x")
    found = await api.get_bucket_acl(bucket=bucket)
    same(found.acl, "private")
    expect(found.owner.id and found.owner.display_name, "an owner")
    await refused(anonymous.list_objects_v2(bucket=bucket), "AccessDenied", 403)
    await refused(
        api.put_bucket_acl(bucket=bucket, acl="public-read"), "AccessDenied", 403,
        message="Put public bucket acl is not allowed",
    )
    await open_to_public(api, bucket)
    await api.put_bucket_acl(bucket=bucket, acl="public-read")
    same((await api.get_bucket_acl(bucket=bucket)).acl, "public-read")
    same((await anonymous.list_objects_v2(bucket=bucket)).key_count, 1)
    same(await read(anonymous, bucket, "k"), b"x")
    await refused(put(anonymous, bucket, "k", b"y"), "AccessDenied", 403)
    await api.put_bucket_acl(bucket=bucket, acl="public-read-write")
    await put(anonymous, bucket, "k", b"y")
    await api.put_object_acl(bucket=bucket, key="k", acl="private")
    await refused(read(anonymous, bucket, "k"), "AccessDenied", 403)
    await refused(anonymous.get_bucket_acl(bucket=bucket), "AccessDenied", 403)
    await refused(
        api.put_bucket_acl(bucket=bucket, acl="none"), "InvalidArgument", 400, ec="0015-00000204",
        message="no such bucket access control exists",
    )
    name = bucket + "-new"
    await api.put_bucket_acl(bucket=name, acl="private")
    same((await api.get_bucket_acl(bucket=name)).acl, "private", "a bucket that PutBucketAcl made")
    await api.delete_bucket(bucket=name)


@case
async def list_buckets(api, bucket):
    names = [f"{bucket}-{n}" for n in range(4)]
    for number, name in enumerate(names):
        await api.put_bucket(bucket=name)
        tags = [oss.Tag("number", str(number)), oss.Tag("of", bucket)]
        await api.put_bucket_tags(bucket=name, tagging=oss.Tagging(oss.TagSet(tags)))
    page = await api.list_buckets(prefix=bucket + "-")
    same(([item.name for item in page.buckets], page.max_keys, page.is_truncated), (names, None, None))
    item = page.buckets[0]
    same((item.extranet_endpoint, item.location, item.region), (ENDPOINT, f"oss-{REGION}", REGION))
    same(item.storage_class, "Standard")
    expect(page.owner.id and item.creation_date, "members")
    found = []
    async for page in api.pages("list_buckets", limit=3, prefix=bucket + "-"):
        found += [item.name for item in page.buckets]
    same(found, names)
    page = await api.list_buckets(prefix=bucket, max_keys=2, marker=names[0])
    same(([item.name for item in page.buckets], page.is_truncated, page.next_marker), (names[1:3], True, names[2]))
    same((page.prefix, page.marker, page.max_keys), (bucket, names[0], 2))
    page = await api.list_buckets(tag_key="of", tag_value=bucket)
    same([item.name for item in page.buckets], names)
    page = await api.list_buckets(tagging=f'"of":"{bucket}","number":"2"')
    same([item.name for item in page.buckets], names[2:3])
    await refused(api.list_buckets(max_keys=1001), "InvalidArgument", 400)
    await refused(api.anonymous().list_buckets(), "AccessDenied", 403)
    for name in names:
        await api.delete_bucket(bucket=name)


@case
async def bucket_tags(api, bucket):
    def tags(**pairs):
        return oss.Tagging(oss.TagSet([oss.Tag(key, value) for key, value in pairs.items()]))

    async def found():
        tagging = (await api.get_bucket_tags(bucket=bucket)).tagging
        return [(tag.key, tag.value) for tag in (tagging.tag_set and tagging.tag_set.tags) or []]

    same(await found(), [])
    await api.put_bucket_tags(bucket=bucket, tagging=tags(a="1", b="2", c="3"))
    same(await found(), [("a", "1"), ("b", "2"), ("c", "3")])
    same((await api.delete_bucket_tags(bucket=bucket, parameters={"tagging": "a,c"})).status_code, 204)
    same(await found(), [("b", "2")])
    await api.delete_bucket_tags(bucket=bucket)
    same(await found(), [])
    await refused(
        api.put_bucket_tags(bucket=bucket, tagging=tags(**{f"k{n}": "v" for n in range(21)})), "MalformedXML", 400
    )
    await refused(api.anonymous().get_bucket_tags(bucket=bucket), "AccessDenied", 403)
    await refused(api.anonymous().delete_bucket_tags(bucket=bucket), "AccessDenied", 403)


@case
async def regions(api, bucket):
    found = (await api.describe_regions()).region_info
    expect(len(found) > 1, "more than one region")
    found = (await api.describe_regions(regions="oss-cn-hangzhou")).region_info
    same(
        [(item.region, item.internet_endpoint, item.internal_endpoint, item.accelerate_endpoint) for item in found],
        [(
            "oss-cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com", "oss-cn-hangzhou-internal.aliyuncs.com",
            "oss-accelerate.aliyuncs.com",
        )],
    )
    await refused(api.describe_regions(regions="oss-nowhere"), "NoSuchRegion", 404)


@case
async def cloud_boxes(api, bucket):
    found = await api.list_cloud_boxes()
    same(found.cloud_boxes or [], [])
    expect(found.owner.id, "an owner")
    await refused(api.other(key_id="invalid-ak").list_cloud_boxes(), "InvalidAccessKeyId", 403, ec="0002-00000902")

