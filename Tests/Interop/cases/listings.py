"""Lists of objects and of their versions."""

import alibabacloud_oss_v2 as oss
from harness import case, expect, same
from sdk import get, put, read, refused, versioning


@case
async def list_objects(api, bucket):
    keys = [f"a/{n:02}" for n in range(12)] + ["b", "c/1", "c/2", "d"]
    for key in keys:
        await put(api, bucket, key, key.encode())
    for limit in (1, 2, 3, 5, 100):
        found, prefixes = [], []
        async for page in api.pages("list_objects", limit=limit, bucket=bucket, delimiter="/"):
            found += [item.key for item in page.contents or []]
            prefixes += [item.prefix for item in page.common_prefixes or []]
            expect(len(page.contents or []) + len(page.common_prefixes or []) <= limit, "page size")
        same((found, prefixes), (["b", "d"], ["a/", "c/"]), f"v1 limit {limit}")
        found, prefixes, count = [], [], 0
        async for page in api.pages("list_objects_v2", limit=limit, bucket=bucket, delimiter="/"):
            found += [item.key for item in page.contents or []]
            prefixes += [item.prefix for item in page.common_prefixes or []]
            count += page.key_count
        same((found, prefixes, count), (["b", "d"], ["a/", "c/"], 4), f"v2 limit {limit}")
        found = []
        async for page in api.pages("list_objects_v2", limit=limit, bucket=bucket, prefix="a/", start_after="a/03"):
            found += [item.key for item in page.contents or []]
        same(found, keys[4:12])
    page = await api.list_objects_v2(bucket=bucket, prefix="b", fetch_owner=True)
    item = page.contents[0]
    same((item.key, item.size, item.object_type, item.storage_class), ("b", 1, "Normal", "Standard"))
    expect(item.owner.id and item.etag.startswith('"') and item.last_modified, "members")
    same((await api.list_objects_v2(bucket=bucket)).contents[0].owner, None)
    same((page.name, page.prefix, page.max_keys, page.is_truncated), (bucket, "b", 100, False))
    await refused(api.list_objects_v2(bucket=bucket, max_keys=1001), "InvalidArgument", 400)
    await refused(api.list_objects(bucket=bucket, max_keys=1001), "InvalidArgument", 400)


@case
async def list_odd_names(api, bucket):
    """Names that the HTTP library writes into the query as it likes."""
    keys = sorted(
        ["a/b +&=?#/1", "a/b +&=?#/2", "a/b%2F/3", "a/é/4", "a:b@c,d;e/5", "a~b/6", "a'()*!/7"], key=str.encode
    )
    for key in keys:
        await put(api, bucket, key, b"x")
    for key in keys:
        prefix = key[: key.rindex("/") + 1]
        wanted = [other for other in keys if other.startswith(prefix)]
        for encoding in (None, "url"):
            page = await api.list_objects_v2(bucket=bucket, prefix=prefix, encoding_type=encoding)
            same(([item.key for item in page.contents], page.prefix), (wanted, prefix), f"{prefix} {encoding}")
            page = await api.list_objects(bucket=bucket, prefix=prefix, encoding_type=encoding)
            same(([item.key for item in page.contents], page.prefix), (wanted, prefix), f"{prefix} {encoding}")
        page = await api.list_objects_v2(bucket=bucket, start_after=key)
        same(([item.key for item in page.contents or []], page.start_after), (keys[keys.index(key) + 1 :], key))
        page = await api.list_objects(bucket=bucket, marker=key)
        same(([item.key for item in page.contents or []], page.marker), (keys[keys.index(key) + 1 :], key))
        page = await api.list_object_versions(bucket=bucket, prefix=prefix)
        same([item.key for item in page.version], wanted)
    page = await api.list_objects_v2(bucket=bucket, delimiter=" +&=?#")
    same(([item.prefix for item in page.common_prefixes], page.delimiter), (["a/b +&=?#"], " +&=?#"))
    found = []
    async for page in api.pages("list_objects_v2", limit=1, bucket=bucket):
        found += [item.key for item in page.contents]
    same(found, keys)


@case
async def versions(api, bucket):
    await put(api, bucket, "old", b"before")
    same((await api.get_bucket_versioning(bucket=bucket)).version_status, None)
    await versioning(api, bucket)
    same((await api.get_bucket_versioning(bucket=bucket)).version_status, "Enabled")
    first = (await put(api, bucket, "k", b"one")).version_id
    second = (await put(api, bucket, "k", b"two")).version_id
    expect(first and second and first != second, "version ids")
    same(await read(api, bucket, "k"), b"two")
    answer = await get(api, bucket, "k", version_id=first)
    same(answer.version_id, first)
    same(await read(api, bucket, "k", version_id=first), b"one")
    same(await read(api, bucket, "old", version_id="null"), b"before")
    marker = await api.delete_object(bucket=bucket, key="k")
    same((marker.delete_marker, marker.status_code), (True, 204))
    error = await refused(get(api, bucket, "k"), "NoSuchKey", 404)
    same(error.headers.get("x-oss-delete-marker"), "true")
    await refused(get(api, bucket, "k", version_id=marker.version_id), "MethodNotAllowed", 405)
    wanted = [("k", marker.version_id), ("k", second), ("k", first), ("old", "null")]
    for limit in (1, 2, 100):
        found = []
        async for page in api.pages("list_object_versions", limit=limit, bucket=bucket):
            found += [(item.key, item.version_id) for item in page.delete_marker or []]
            found += [(item.key, item.version_id) for item in page.version or []]
        same(found, wanted, f"limit {limit}")
    same([item.key for item in (await api.list_objects_v2(bucket=bucket)).contents], ["old"])
    copied = await api.copy_object(bucket=bucket, key="copy", source_key="k", source_version_id=first)
    same(copied.source_version_id, first)
    same(await read(api, bucket, "copy"), b"one")
    await api.delete_object(bucket=bucket, key="k", version_id=marker.version_id)
    same(await read(api, bucket, "k"), b"two", "the marker is gone")
    tags = oss.Tagging(oss.TagSet([oss.Tag("v", "1")]))
    await api.put_object_tagging(bucket=bucket, key="k", version_id=first, tagging=tags)
    same((await get(api, bucket, "k")).tagging_count, None)
    same((await get(api, bucket, "k", version_id=first)).tagging_count, 1)
    await versioning(api, bucket, "Suspended")
    same((await put(api, bucket, "k", b"three")).version_id, "null")
    await put(api, bucket, "k", b"four")
    page = await api.list_object_versions(bucket=bucket, prefix="k")
    same([item.version_id for item in page.version], ["null", second, first])
    same([item.is_latest for item in page.version], [True, False, False])
    await refused(versioning(api, bucket, "On"), "MalformedXML", 400)
    missing = bucket + "-none"
    await refused(api.get_bucket_versioning(bucket=missing), "NoSuchBucket", 404, ec="0015-00000101")
    await refused(api.list_object_versions(bucket=missing), "NoSuchBucket", 404, ec="0015-00000101")
    await refused(api.list_object_versions(bucket=bucket, max_keys=1001), "InvalidArgument", 400)
