"""The official Python SDK v2 against oss-emulator: every operation that the emulator has, good and bad."""

import base64
import datetime
import hashlib
import io

import alibabacloud_oss_v2 as oss
import requests
from harness import (
    ENDPOINT, KEY_SECRET, ODD_KEYS, anonymous, case, client, crc64, expect, get, pattern, put, refused, run, same,
)

def fetch(url, method="GET", body=None, headers=None):
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, data=body, headers=headers)
        return answer.status_code, answer.content, answer.headers


# Objects


@case
def put_get_head(api, bucket):
    body = pattern(100_000)
    result = put(
        api, bucket, "dir/key.txt", body,
        metadata={"author": "alice", "content-type": "odd", "x-oss-auth": "odder"},
        content_type="text/x-test", cache_control="no-cache", content_disposition="attachment; filename=a.txt",
        content_encoding="identity", expires="2022-10-12T00:00:00.000Z",
        content_md5=base64.b64encode(hashlib.md5(body).digest()).decode(),
        tagging="k=v&k%202=v%262",
    )
    same(result.status_code, 200)
    same(result.etag, f'"{hashlib.md5(body).hexdigest().upper()}"', "etag")
    same(result.hash_crc64, crc64(body), "crc64")
    same(result.version_id, None, "version")
    answer = get(api, bucket, "dir/key.txt")
    same(answer.body.read(), body, "body")
    for found in (answer, api.head_object(oss.HeadObjectRequest(bucket=bucket, key="dir/key.txt"))):
        same(found.content_length, len(body), "length")
        same(found.content_type, "text/x-test", "type")
        same(found.cache_control, "no-cache")
        same(found.content_disposition, "attachment; filename=a.txt")
        same(found.content_encoding, "identity")
        same(found.expires, "2022-10-12T00:00:00.000Z")
        same(found.etag, result.etag)
        same(found.hash_crc64, crc64(body))
        same(found.object_type, "Normal")
        same(found.storage_class, "Standard")
        same(found.tagging_count, 2)
        same(found.content_md5, base64.b64encode(hashlib.md5(body).digest()).decode())
        same(dict(found.metadata), {"author": "alice", "content-type": "odd", "x-oss-auth": "odder"}, "metadata")
        expect(isinstance(found.last_modified, datetime.datetime), "last modified")
    meta = api.get_object_meta(oss.GetObjectMetaRequest(bucket=bucket, key="dir/key.txt"))
    same((meta.content_length, meta.etag, meta.hash_crc64), (len(body), result.etag, crc64(body)))


@case
def empty_object(api, bucket):
    put(api, bucket, "empty", b"")
    answer = get(api, bucket, "empty")
    same(answer.body.read(), b"")
    same((answer.content_length, answer.hash_crc64), (0, "0"))
    same(answer.content_type, "application/octet-stream")


@case
def chunked_body(api, bucket):
    parts = [pattern(70_000), b"", b"x", pattern(300_000)]
    put(api, bucket, "chunked", iter(parts))
    same(get(api, bucket, "chunked").body.read(), b"".join(parts))


@case
def large_object_from_a_file(api, bucket):
    body = pattern(20_000_001)
    result = put(api, bucket, "large", io.BytesIO(body))
    same(result.hash_crc64, crc64(body))
    same(hashlib.sha256(get(api, bucket, "large").body.read()).digest(), hashlib.sha256(body).digest())


@case
def odd_keys(api, bucket):
    for key in ODD_KEYS:
        put(api, bucket, key, key.encode())
    for key in ODD_KEYS:
        same(get(api, bucket, key).body.read(), key.encode(), repr(key))
        same(api.head_object(oss.HeadObjectRequest(bucket=bucket, key=key)).content_length, len(key.encode()))
    found = []
    for page in api.list_objects_v2_paginator(limit=7).iter_page(oss.ListObjectsV2Request(bucket=bucket)):
        found += [item.key for item in page.contents or []]
    same(found, sorted(ODD_KEYS, key=str.encode), "listed")


@case
def wrong_content_md5(api, bucket):
    refused(lambda: put(api, bucket, "k", b"abc", content_md5=base64.b64encode(b"0" * 16).decode()), "InvalidDigest", 400)
    refused(lambda: put(api, bucket, "k", b"abc", content_md5="short"), "InvalidDigest", 400)
    refused(lambda: get(api, bucket, "k"), "NoSuchKey", 404)


@case
def ranges(api, bucket):
    body = pattern(10_000)
    put(api, bucket, "k", body)

    def part(header, behavior=None):
        answer = get(api, bucket, "k", range_header=header, range_behavior=behavior)
        return answer.status_code, answer.content_range, answer.body.read()

    same(part("bytes=0-99"), (206, "bytes 0-99/10000", body[:100]))
    same(part("bytes=9999-"), (206, "bytes 9999-9999/10000", body[9999:]))
    same(part("bytes=-5"), (206, "bytes 9995-9999/10000", body[-5:]))
    same(part("bytes=100-20000"), (200, None, body))
    same(part("bytes=100-20000", "standard"), (206, "bytes 100-9999/10000", body[100:]))
    same(part("bytes=20000-", None), (200, None, body))
    refused(lambda: part("bytes=20000-", "standard"), "InvalidRange", 416)


@case
def conditions(api, bucket):
    put(api, bucket, "k", b"abc")
    head = api.head_object(oss.HeadObjectRequest(bucket=bucket, key="k"))
    before = "Mon, 01 Jan 2001 00:00:00 GMT"
    after = "Fri, 01 Jan 2100 00:00:00 GMT"

    def status(**more):
        try:
            return get(api, bucket, "k", **more).status_code
        except oss.exceptions.OperationError as error:
            return error.unwrap().status_code

    same(status(if_match=head.etag), 200)
    same(status(if_match='"other"'), 412)
    same(status(if_none_match=head.etag), 304)
    same(status(if_none_match='"other"'), 200)
    same(status(if_modified_since=before), 200)
    same(status(if_modified_since=after), 304)
    same(status(if_unmodified_since=before), 412)
    same(status(if_unmodified_since=after), 200)


@case
def forbid_overwrite(api, bucket):
    put(api, bucket, "k", b"first", forbid_overwrite=True)
    refused(lambda: put(api, bucket, "k", b"second", forbid_overwrite=True), "FileAlreadyExists", 409)
    same(get(api, bucket, "k").body.read(), b"first")


@case
def missing_object(api, bucket):
    error = refused(lambda: get(api, bucket, "none"), "NoSuchKey", 404)
    same((error.message, error.ec), ("The specified key does not exist.", "0026-00000001"))
    refused(lambda: api.head_object(oss.HeadObjectRequest(bucket=bucket, key="none")), "NoSuchKey", 404)
    same(api.delete_object(oss.DeleteObjectRequest(bucket=bucket, key="none")).status_code, 204)
    same(api.is_object_exist(bucket, "none"), False)
    same(api.is_bucket_exist(bucket), True)
    same(api.is_bucket_exist("no-such-" + bucket), False)


@case
def copy(api, bucket):
    put(api, bucket, "dir/source +%.txt", b"copied", metadata={"a": "1"}, tagging="t=1", content_type="text/a")
    source = "dir/source +%.txt"

    def run_copy(key, **more):
        return api.copy_object(
            oss.CopyObjectRequest(bucket=bucket, key=key, source_bucket=bucket, source_key=source, **more)
        )

    result = run_copy("same")
    same(result.etag, f'"{hashlib.md5(b"copied").hexdigest().upper()}"')
    same(result.hash_crc64, crc64(b"copied"))
    head = api.head_object(oss.HeadObjectRequest(bucket=bucket, key="same"))
    same((dict(head.metadata), head.tagging_count, head.content_type), ({"a": "1"}, 1, "text/a"))
    run_copy("new", metadata={"b": "2"}, metadata_directive="replace", tagging="u=2&v=3", tagging_directive="REPLACE")
    head = api.head_object(oss.HeadObjectRequest(bucket=bucket, key="new"))
    same((dict(head.metadata), head.tagging_count, head.content_type), ({"b": "2"}, 2, "text/a"))
    same(get(api, bucket, "new").body.read(), b"copied")
    refused(lambda: run_copy("new", forbid_overwrite=True), "FileAlreadyExists", 409)
    refused(lambda: run_copy("x", if_match='"other"'), "PreconditionFailed", 412)
    api.delete_object(oss.DeleteObjectRequest(bucket=bucket, key=source))
    refused(lambda: run_copy("x"), "NoSuchKey", 404)
    same(get(api, bucket, "same").body.read(), b"copied", "the copy outlives its source")


@case
def append(api, bucket):
    def run_append(position, body, key="log"):
        return api.append_object(oss.AppendObjectRequest(bucket=bucket, key=key, position=position, body=body))

    same(run_append(0, b"hello ").next_position, 6)
    result = run_append(6, b"world")
    same((result.next_position, result.hash_crc64), (11, crc64(b"hello world")))
    answer = get(api, bucket, "log")
    same((answer.body.read(), answer.object_type, answer.next_append_position), (b"hello world", "Appendable", 11))
    refused(lambda: run_append(3, b"x"), "PositionNotEqualToLength", 409)
    refused(lambda: run_append(5, b"x", key="new"), "PositionNotEqualToLength", 409)
    put(api, bucket, "normal", b"n")
    refused(lambda: run_append(1, b"x", key="normal"), "ObjectNotAppendable", 409)


@case
def encryption_headers(api, bucket):
    result = put(api, bucket, "k", b"x", server_side_encryption="KMS", server_side_data_encryption="SM4")
    same(result.headers.get("x-oss-server-side-encryption"), "KMS")
    head = api.head_object(oss.HeadObjectRequest(bucket=bucket, key="k"))
    same((head.server_side_encryption, head.server_side_data_encryption), ("KMS", "SM4"))
    expect(head.server_side_encryption_key_id, "a key id")


@case
def object_acl(api, bucket):
    put(api, bucket, "k", b"x")
    same(api.get_object_acl(oss.GetObjectAclRequest(bucket=bucket, key="k")).acl, "default")
    refused(lambda: get(anonymous(), bucket, "k"), "AccessDenied", 403)
    api.put_object_acl(oss.PutObjectAclRequest(bucket=bucket, key="k", acl="public-read"))
    same(api.get_object_acl(oss.GetObjectAclRequest(bucket=bucket, key="k")).acl, "public-read")
    same(get(anonymous(), bucket, "k").body.read(), b"x")
    refused(lambda: put(anonymous(), bucket, "k", b"y"), "AccessDenied", 403)
    refused(
        lambda: api.put_object_acl(oss.PutObjectAclRequest(bucket=bucket, key="k", acl="none")), "InvalidArgument", 400
    )


@case
def object_tagging(api, bucket):
    put(api, bucket, "k", b"x")
    tags = oss.Tagging(oss.TagSet([oss.Tag("a", "1"), oss.Tag("b & c", "<2>")]))
    api.put_object_tagging(oss.PutObjectTaggingRequest(bucket=bucket, key="k", tagging=tags))
    found = api.get_object_tagging(oss.GetObjectTaggingRequest(bucket=bucket, key="k"))
    same([(tag.key, tag.value) for tag in found.tag_set.tags], [("a", "1"), ("b & c", "<2>")])
    same(api.head_object(oss.HeadObjectRequest(bucket=bucket, key="k")).tagging_count, 2)
    same(api.delete_object_tagging(oss.DeleteObjectTaggingRequest(bucket=bucket, key="k")).status_code, 204)
    found = api.get_object_tagging(oss.GetObjectTaggingRequest(bucket=bucket, key="k"))
    same(found.tag_set.tags or [], [])
    refused(
        lambda: api.get_object_tagging(oss.GetObjectTaggingRequest(bucket=bucket, key="none")), "NoSuchKey", 404
    )


@case
def delete_multiple(api, bucket):
    for key in ODD_KEYS:
        put(api, bucket, key, b"x")
    result = api.delete_multiple_objects(
        oss.DeleteMultipleObjectsRequest(
            bucket=bucket, encoding_type="url", objects=[oss.DeleteObject(key=key) for key in ODD_KEYS]
        )
    )
    same([item.key for item in result.deleted_objects], ODD_KEYS)
    same(api.list_objects_v2(oss.ListObjectsV2Request(bucket=bucket)).key_count, 0)
    put(api, bucket, "k", b"x")
    result = api.delete_multiple_objects(
        oss.DeleteMultipleObjectsRequest(bucket=bucket, objects=[oss.DeleteObject(key="k")], quiet=True)
    )
    same(result.deleted_objects or [], [])
    refused(lambda: get(api, bucket, "k"), "NoSuchKey", 404)
    refused(
        lambda: api.delete_multiple_objects(
            oss.DeleteMultipleObjectsRequest(bucket=bucket, objects=[oss.DeleteObject(key=f"{n}") for n in range(1001)])
        ),
        "MalformedXML", 400,
    )


# Listings


@case
def list_objects(api, bucket):
    keys = [f"a/{n:02}" for n in range(12)] + ["b", "c/1", "c/2", "d"]
    for key in keys:
        put(api, bucket, key, key.encode())
    for limit in (1, 2, 3, 5, 100):
        found, prefixes = [], []
        for page in api.list_objects_paginator(limit=limit).iter_page(oss.ListObjectsRequest(bucket=bucket, delimiter="/")):
            found += [item.key for item in page.contents or []]
            prefixes += [item.prefix for item in page.common_prefixes or []]
            expect(len(page.contents or []) + len(page.common_prefixes or []) <= limit, "page size")
        same((found, prefixes), (["b", "d"], ["a/", "c/"]), f"v1 limit {limit}")
        found, prefixes, count = [], [], 0
        for page in api.list_objects_v2_paginator(limit=limit).iter_page(
            oss.ListObjectsV2Request(bucket=bucket, delimiter="/")
        ):
            found += [item.key for item in page.contents or []]
            prefixes += [item.prefix for item in page.common_prefixes or []]
            count += page.key_count
        same((found, prefixes, count), (["b", "d"], ["a/", "c/"], 4), f"v2 limit {limit}")
        found = []
        for page in api.list_objects_v2_paginator(limit=limit).iter_page(
            oss.ListObjectsV2Request(bucket=bucket, prefix="a/", start_after="a/03")
        ):
            found += [item.key for item in page.contents or []]
        same(found, keys[4:12])
    page = api.list_objects_v2(oss.ListObjectsV2Request(bucket=bucket, prefix="b", fetch_owner=True))
    item = page.contents[0]
    same((item.key, item.size, item.object_type, item.storage_class), ("b", 1, "Normal", "Standard"))
    expect(item.owner.id and item.etag.startswith('"') and item.last_modified, "members")
    same(api.list_objects_v2(oss.ListObjectsV2Request(bucket=bucket)).contents[0].owner, None)
    same((page.name, page.prefix, page.max_keys, page.is_truncated), (bucket, "b", 100, False))
    refused(lambda: api.list_objects_v2(oss.ListObjectsV2Request(bucket=bucket, max_keys=1001)), "InvalidArgument", 400)


@case
def versions(api, bucket):
    put(api, bucket, "old", b"before")
    same(api.get_bucket_versioning(oss.GetBucketVersioningRequest(bucket=bucket)).version_status, None)

    def versioning(status):
        api.put_bucket_versioning(
            oss.PutBucketVersioningRequest(
                bucket=bucket, versioning_configuration=oss.VersioningConfiguration(status=status)
            )
        )

    versioning("Enabled")
    same(api.get_bucket_versioning(oss.GetBucketVersioningRequest(bucket=bucket)).version_status, "Enabled")
    first = put(api, bucket, "k", b"one").version_id
    second = put(api, bucket, "k", b"two").version_id
    expect(first and second and first != second, "version ids")
    same(get(api, bucket, "k").body.read(), b"two")
    answer = get(api, bucket, "k", version_id=first)
    same((answer.body.read(), answer.version_id), (b"one", first))
    same(get(api, bucket, "old", version_id="null").body.read(), b"before")
    marker = api.delete_object(oss.DeleteObjectRequest(bucket=bucket, key="k"))
    same((marker.delete_marker, marker.status_code), (True, 204))
    error = refused(lambda: get(api, bucket, "k"), "NoSuchKey", 404)
    same(error.headers.get("x-oss-delete-marker"), "true")
    refused(lambda: get(api, bucket, "k", version_id=marker.version_id), "MethodNotAllowed", 405)
    wanted = [("k", marker.version_id), ("k", second), ("k", first), ("old", "null")]
    for limit in (1, 2, 100):
        found = []
        for page in api.list_object_versions_paginator(limit=limit).iter_page(
            oss.ListObjectVersionsRequest(bucket=bucket)
        ):
            found += [(item.key, item.version_id) for item in page.delete_marker or []]
            found += [(item.key, item.version_id) for item in page.version or []]
        same(found, wanted, f"limit {limit}")
    same([item.key for item in api.list_objects_v2(oss.ListObjectsV2Request(bucket=bucket)).contents], ["old"])
    copied = api.copy_object(
        oss.CopyObjectRequest(bucket=bucket, key="copy", source_key="k", source_version_id=first)
    )
    same(copied.source_version_id, first)
    same(get(api, bucket, "copy").body.read(), b"one")
    api.delete_object(oss.DeleteObjectRequest(bucket=bucket, key="k", version_id=marker.version_id))
    same(get(api, bucket, "k").body.read(), b"two", "the marker is gone")
    tags = oss.Tagging(oss.TagSet([oss.Tag("v", "1")]))
    api.put_object_tagging(oss.PutObjectTaggingRequest(bucket=bucket, key="k", version_id=first, tagging=tags))
    same(get(api, bucket, "k").tagging_count, None)
    same(get(api, bucket, "k", version_id=first).tagging_count, 1)
    versioning("Suspended")
    same(put(api, bucket, "k", b"three").version_id, "null")
    put(api, bucket, "k", b"four")
    page = api.list_object_versions(oss.ListObjectVersionsRequest(bucket=bucket, prefix="k"))
    same([item.version_id for item in page.version], ["null", second, first])
    same([item.is_latest for item in page.version], [True, False, False])
    refused(lambda: versioning("On"), "MalformedXML", 400)


# Multipart


def initiate(api, bucket, key, **more):
    return api.initiate_multipart_upload(
        oss.InitiateMultipartUploadRequest(bucket=bucket, key=key, **more)
    ).upload_id


@case
def multipart(api, bucket):
    key = "multi/\x01part &.bin"
    blocks = [pattern(200_000), pattern(150_000), pattern(7)]
    upload_id = initiate(api, bucket, key, metadata={"m": "1"}, tagging="a=b", content_type="text/m")
    parts = []
    for number, block in enumerate(blocks, 1):
        result = api.upload_part(
            oss.UploadPartRequest(bucket=bucket, key=key, upload_id=upload_id, part_number=number, body=block)
        )
        same((result.etag, result.hash_crc64), (f'"{hashlib.md5(block).hexdigest().upper()}"', crc64(block)))
        parts.append(oss.UploadPart(part_number=number, etag=result.etag))
    listed = []
    for page in api.list_parts_paginator(limit=1).iter_page(
        oss.ListPartsRequest(bucket=bucket, key=key, upload_id=upload_id)
    ):
        same((page.key, page.upload_id, page.bucket), (key, upload_id, bucket))
        listed += [(part.part_number, part.size, part.hash_crc64) for part in page.parts]
    same(listed, [(n, len(block), crc64(block)) for n, block in enumerate(blocks, 1)])
    uploads = api.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=bucket))
    same([(upload.key, upload.upload_id) for upload in uploads.uploads], [(key, upload_id)])
    result = api.complete_multipart_upload(
        oss.CompleteMultipartUploadRequest(
            bucket=bucket, key=key, upload_id=upload_id,
            complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
        )
    )
    whole = b"".join(blocks)
    etag = hashlib.md5(b"".join(hashlib.md5(block).digest() for block in blocks)).hexdigest().upper() + "-3"
    same((result.key, result.bucket, result.etag, result.hash_crc64), (key, bucket, f'"{etag}"', crc64(whole)))
    answer = get(api, bucket, key)
    same(answer.body.read(), whole)
    same((answer.object_type, answer.hash_crc64, answer.content_md5), ("Multipart", crc64(whole), None))
    same((dict(answer.metadata), answer.tagging_count, answer.content_type), ({"m": "1"}, 1, "text/m"))
    answer = get(api, bucket, key, range_header="bytes=199990-350005")
    same(answer.body.read(), whole[199990:350006], "a range over three parts")
    same(api.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=bucket)).uploads or [], [])


@case
def multipart_errors(api, bucket):
    upload_id = initiate(api, bucket, "k")
    upload = lambda number, body=b"x", **more: api.upload_part(
        oss.UploadPartRequest(bucket=bucket, key="k", upload_id=upload_id, part_number=number, body=body, **more)
    )
    refused(lambda: upload(10001), "InvalidArgument", 400)
    refused(lambda: upload(1, content_md5=base64.b64encode(b"0" * 16).decode()), "InvalidDigest", 400)
    error = refused(
        lambda: api.upload_part(
            oss.UploadPartRequest(bucket=bucket, key="k", upload_id="none", part_number=1, body=b"x")
        ),
        "NoSuchUpload", 404,
    )
    same(error.ec, "0042-00000104")

    def complete(parts=None, **more):
        body = oss.CompleteMultipartUpload(parts=[oss.UploadPart(part_number=n, etag=e) for n, e in parts]) if parts else None
        return api.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(
                bucket=bucket, key="k", upload_id=upload_id, complete_multipart_upload=body, **more
            )
        )

    one, two = upload(1).etag, upload(2).etag
    refused(lambda: complete([(2, two), (1, one)]), "InvalidPartOrder", 400)
    refused(lambda: complete([(1, one), (3, two)]), "InvalidPart", 400)
    refused(lambda: complete([(1, one), (2, two)]), "EntityTooSmall", 400)
    error = refused(lambda: complete([(1, one)], complete_all="yes"), "InvalidArgument", 400)
    same(error.ec, "0042-00000216")
    complete([(2, two)])
    same(get(api, bucket, "k").body.read(), b"x")
    upload_id = initiate(api, bucket, "all")
    api.upload_part(oss.UploadPartRequest(bucket=bucket, key="all", upload_id=upload_id, part_number=5, body=b"five"))
    api.complete_multipart_upload(
        oss.CompleteMultipartUploadRequest(bucket=bucket, key="all", upload_id=upload_id, complete_all="yes", acl="public-read")
    )
    same(get(anonymous(), bucket, "all").body.read(), b"five")
    upload_id = initiate(api, bucket, "aborted")
    abort = lambda: api.abort_multipart_upload(
        oss.AbortMultipartUploadRequest(bucket=bucket, key="aborted", upload_id=upload_id)
    )
    same(abort().status_code, 204)
    same(refused(abort, "NoSuchUpload", 404).ec, "0042-00000002")


@case
def part_copy(api, bucket):
    body = pattern(500_000)
    put(api, bucket, "source", body)
    upload_id = initiate(api, bucket, "k")
    parts = []
    for number, header in enumerate(["bytes=0-199999", "bytes=200000-499999"], 1):
        result = api.upload_part_copy(
            oss.UploadPartCopyRequest(
                bucket=bucket, key="k", upload_id=upload_id, part_number=number, source_key="source", source_range=header
            )
        )
        parts.append(oss.UploadPart(part_number=number, etag=result.etag))
    same(parts[0].etag, f'"{hashlib.md5(body[:200000]).hexdigest().upper()}"')
    result = api.complete_multipart_upload(
        oss.CompleteMultipartUploadRequest(
            bucket=bucket, key="k", upload_id=upload_id,
            complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
        )
    )
    same(result.hash_crc64, crc64(body))
    api.delete_object(oss.DeleteObjectRequest(bucket=bucket, key="source"))
    same(get(api, bucket, "k").body.read(), body)
    error = refused(
        lambda: api.upload_part_copy(
            oss.UploadPartCopyRequest(bucket=bucket, key="k", upload_id="none", part_number=1, source_key="k")
        ),
        "NoSuchUpload", 404,
    )
    same(error.ec, "0042-00000311")


@case
def list_uploads(api, bucket):
    wanted = []
    for n in range(5):
        for _ in range(2):
            key = f"dir{n}/k"
            wanted.append((key, initiate(api, bucket, key)))
    for limit in (1, 3, 100):
        found = []
        for page in api.list_multipart_uploads_paginator(limit=limit).iter_page(
            oss.ListMultipartUploadsRequest(bucket=bucket)
        ):
            found += [(upload.key, upload.upload_id) for upload in page.uploads or []]
        same(found, sorted(wanted), f"limit {limit}")
    page = api.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=bucket, prefix="dir3"))
    same([upload.key for upload in page.uploads], ["dir3/k", "dir3/k"])


@case
def uploader_and_downloader(api, bucket):
    body = pattern(3_000_000)
    api.uploader(part_size=500_000, parallel_num=3).upload_from(
        oss.PutObjectRequest(bucket=bucket, key="k"), io.BytesIO(body)
    )
    target = io.BytesIO()
    api.downloader(part_size=400_000, parallel_num=3).download_to(
        oss.GetObjectRequest(bucket=bucket, key="k"), target
    )
    same(target.getvalue(), body)


# Buckets


@case
def bucket_information(api, bucket):
    info = api.get_bucket_info(oss.GetBucketInfoRequest(bucket=bucket)).bucket_info
    same((info.name, info.acl, info.storage_class, info.data_redundancy_type), (bucket, "private", "Standard", "LRS"))
    same((info.access_monitor, info.cross_region_replication, info.block_public_access), ("Disabled", "Disabled", True))
    same((info.location, info.extranet_endpoint), ("oss-cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com"))
    same(info.intranet_endpoint, "oss-cn-hangzhou-internal.aliyuncs.com")
    expect(info.owner.id and info.creation_date and info.resource_group_id and info.sse_rule.sse_algorithm, "members")
    same(api.get_bucket_location(oss.GetBucketLocationRequest(bucket=bucket)).location, "oss-cn-hangzhou")
    stat = api.get_bucket_stat(oss.GetBucketStatRequest(bucket=bucket))
    counters = [name for name in vars(stat) if name.endswith(("storage", "count"))]
    expect(len(counters) >= 19, "counters")
    for name in counters:
        same(getattr(stat, name), 0, name)
    put(api, bucket, "k", b"12345")
    stat = api.get_bucket_stat(oss.GetBucketStatRequest(bucket=bucket))
    same((stat.storage, stat.object_count, stat.standard_storage), (5, 1, 5))


@case
def bucket_life(api, bucket):
    name = bucket + "-new"
    api.put_bucket(
        oss.PutBucketRequest(
            bucket=name, acl="public-read",
            create_bucket_configuration=oss.CreateBucketConfiguration(storage_class="IA", data_redundancy_type="ZRS"),
        )
    )
    info = api.get_bucket_info(oss.GetBucketInfoRequest(bucket=name)).bucket_info
    same((info.acl, info.storage_class, info.data_redundancy_type), ("public-read", "IA", "ZRS"))
    put(api, name, "k", b"x")
    same(api.head_object(oss.HeadObjectRequest(bucket=name, key="k")).storage_class, "IA")
    refused(lambda: api.delete_bucket(oss.DeleteBucketRequest(bucket=name)), "BucketNotEmpty", 409)
    api.delete_object(oss.DeleteObjectRequest(bucket=name, key="k"))
    same(api.delete_bucket(oss.DeleteBucketRequest(bucket=name)).status_code, 204)
    refused(lambda: api.get_bucket_info(oss.GetBucketInfoRequest(bucket=name)), "NoSuchBucket", 404)
    refused(
        lambda: api.put_bucket(
            oss.PutBucketRequest(
                bucket=name, create_bucket_configuration=oss.CreateBucketConfiguration(storage_class="None")
            )
        ),
        "InvalidArgument", 400,
    )


@case
def bucket_acl(api, bucket):
    put(api, bucket, "k", b"x")
    same(api.get_bucket_acl(oss.GetBucketAclRequest(bucket=bucket)).acl, "private")
    refused(lambda: anonymous().list_objects_v2(oss.ListObjectsV2Request(bucket=bucket)), "AccessDenied", 403)
    api.put_bucket_acl(oss.PutBucketAclRequest(bucket=bucket, acl="public-read"))
    same(api.get_bucket_acl(oss.GetBucketAclRequest(bucket=bucket)).acl, "public-read")
    same(anonymous().list_objects_v2(oss.ListObjectsV2Request(bucket=bucket)).key_count, 1)
    same(get(anonymous(), bucket, "k").body.read(), b"x")
    refused(lambda: put(anonymous(), bucket, "k", b"y"), "AccessDenied", 403)
    api.put_bucket_acl(oss.PutBucketAclRequest(bucket=bucket, acl="public-read-write"))
    put(anonymous(), bucket, "k", b"y")
    error = refused(lambda: api.put_bucket_acl(oss.PutBucketAclRequest(bucket=bucket, acl="none")), "InvalidArgument", 400)
    same((error.message, error.ec), ("no such bucket access control exists", "0015-00000204"))


@case
def list_buckets(api, bucket):
    names = [f"{bucket}-{n}" for n in range(4)]
    for name in names:
        api.put_bucket(oss.PutBucketRequest(bucket=name))
    page = api.list_buckets(oss.ListBucketsRequest(prefix=bucket + "-"))
    same(([item.name for item in page.buckets], page.max_keys, page.is_truncated), (names, None, None))
    same(page.buckets[0].extranet_endpoint, ENDPOINT)
    same((page.buckets[0].location, page.buckets[0].region), ("oss-cn-hangzhou", "cn-hangzhou"))
    found = []
    for page in api.list_buckets_paginator(limit=3).iter_page(oss.ListBucketsRequest(prefix=bucket + "-")):
        found += [item.name for item in page.buckets]
    same(found, names)
    for name in names:
        api.delete_bucket(oss.DeleteBucketRequest(bucket=name))


@case
def lifecycle(api, bucket):
    missing = lambda: api.get_bucket_lifecycle(oss.GetBucketLifecycleRequest(bucket=bucket))
    refused(missing, "NoSuchLifecycle", 404)
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
        oss.PutBucketLifecycleRequest(bucket=bucket, lifecycle_configuration=oss.LifecycleConfiguration(rules=rules))
    )
    put_rules(rules)
    found = api.get_bucket_lifecycle(oss.GetBucketLifecycleRequest(bucket=bucket)).lifecycle_configuration.rules
    same([(rule.prefix, rule.status) for rule in found], [("log/", "Enabled"), ("tmp/", "Disabled")])
    same((found[0].id, found[0].expiration.days, found[0].transitions[0].storage_class), ("first", 30, "IA"))
    same((found[0].tags[0].key, found[1].abort_multipart_upload.days), ("a", 1))
    expect(found[1].id, "a rule without an id gets one")
    refused(lambda: put_rules([]), "MalformedXML", 400)
    same(api.delete_bucket_lifecycle(oss.DeleteBucketLifecycleRequest(bucket=bucket)).status_code, 204)
    refused(missing, "NoSuchLifecycle", 404)


# Who may


@case
def wrong_secret(api, bucket):
    wrong = client(secret="wrong-" + KEY_SECRET)
    error = refused(lambda: put(wrong, bucket, "k", b"x"), "SignatureDoesNotMatch", 403)
    expect(error.error_fileds.get("StringToSign", "").startswith("OSS4-HMAC-SHA256\n"), "the string to sign")
    expect("CanonicalRequest" in error.error_fileds, "the canonical request")
    expect(KEY_SECRET not in str(error.error_fileds), "no secret")
    refused(lambda: wrong.list_objects_v2(oss.ListObjectsV2Request(bucket=bucket)), "SignatureDoesNotMatch", 403)
    refused(lambda: wrong.head_object(oss.HeadObjectRequest(bucket=bucket, key="k")), "SignatureDoesNotMatch", 403)
    refused(lambda: put(wrong, bucket, "k", pattern(3_000_000)), "SignatureDoesNotMatch", 403)


@case
def wrong_key_id(api, bucket):
    wrong = client(key_id="invalid-ak")
    error = refused(lambda: wrong.list_buckets(oss.ListBucketsRequest()), "InvalidAccessKeyId", 403)
    same(error.ec, "0002-00000902")
    refused(lambda: wrong.put_bucket(oss.PutBucketRequest(bucket=bucket + "-x")), "InvalidAccessKeyId", 403)
    refused(lambda: wrong.put_bucket_acl(oss.PutBucketAclRequest(bucket=bucket + "-x", acl="private")), "InvalidAccessKeyId")
    refused(lambda: wrong.head_object(oss.HeadObjectRequest(bucket=bucket, key="k")), "InvalidAccessKeyId", 403)


@case
def missing_bucket(api, bucket):
    name = bucket + "-none"
    for some in (api, client(key_id="invalid-ak"), client(secret="wrong")):
        for call in (
            lambda: some.list_objects_v2(oss.ListObjectsV2Request(bucket=name)),
            lambda: some.get_bucket_acl(oss.GetBucketAclRequest(bucket=name)),
            lambda: some.get_bucket_stat(oss.GetBucketStatRequest(bucket=name)),
            lambda: put(some, name, "k", b"x"),
            lambda: get(some, name, "k"),
            lambda: some.head_object(oss.HeadObjectRequest(bucket=name, key="k")),
            lambda: some.delete_bucket(oss.DeleteBucketRequest(bucket=name)),
        ):
            error = refused(call, "NoSuchBucket", 404)
            same((error.message, error.ec), ("The specified bucket does not exist.", "0015-00000101"))


@case
def security_token(api, bucket):
    refused(lambda: client(token="unknown").list_buckets(oss.ListBucketsRequest()), "InvalidSecurityToken", 403)


@case
def additional_headers(api, bucket):
    signed = client(additional_headers=["host", "content-length", "email"])
    signed.put_object(oss.PutObjectRequest(bucket=bucket, key="k", body=b"x", headers={"email": "a@b"}))
    same(get(signed, bucket, "k").body.read(), b"x")


@case
def presigned(api, bucket):
    for key in ["k", " !@#$%^&*()_+-=;'><,?.txt", "dir//é/%2F+"]:
        request = oss.PutObjectRequest(bucket=bucket, key=key, content_type="text/p", metadata={"a": "b"})
        signed = api.presign(request)
        same(fetch(signed.url, signed.method, b"presigned", dict(signed.signed_headers))[0], 200, key)
        signed = api.presign(oss.GetObjectRequest(bucket=bucket, key=key))
        status, body, headers = fetch(signed.url)
        same((status, body, headers["Content-Type"], headers["x-oss-meta-a"]), (200, b"presigned", "text/p", "b"), key)
        signed = api.presign(oss.HeadObjectRequest(bucket=bucket, key=key))
        status, body, headers = fetch(signed.url, "HEAD")
        same((status, headers["Content-Length"]), (200, "9"))
        signed = api.presign(oss.GetObjectRequest(bucket=bucket, key=key, response_content_type="text/q"))
        same(fetch(signed.url)[2]["Content-Type"], "text/q")
    signed = api.presign(oss.PutObjectRequest(bucket=bucket, key="k", content_type="text/p"))
    status, body, _ = fetch(signed.url, "PUT", b"x", {"Content-Type": "text/other"})
    same((status, b"<Code>SignatureDoesNotMatch</Code>" in body), (403, True), "another type than was signed")
    status, body, _ = fetch(signed.url.replace("/k?", "/other?"), "PUT", b"x", {"Content-Type": "text/p"})
    same(status, 403, "another key than was signed")
    signed = api.presign(oss.GetObjectRequest(bucket=bucket, key="k"), expires=datetime.timedelta(seconds=600))
    same(fetch(signed.url)[0], 200)
    same(fetch(signed.url.replace("x-oss-expires=", "x-oss-expires=1"))[0], 403, "another expiry than was signed")
    same(fetch(signed.url + "&response-content-type=text/x")[0], 403, "a parameter more than was signed")


@case
def presigned_multipart(api, bucket):
    signed = api.presign(oss.InitiateMultipartUploadRequest(bucket=bucket, key="k"))
    status, body, _ = fetch(signed.url, "POST", None, dict(signed.signed_headers))
    same(status, 200)
    upload_id = body.decode().split("<UploadId>")[1].split("<")[0]
    signed = api.presign(oss.UploadPartRequest(bucket=bucket, key="k", upload_id=upload_id, part_number=1))
    same(fetch(signed.url, "PUT", b"part", dict(signed.signed_headers))[0], 200)
    signed = api.presign(
        oss.CompleteMultipartUploadRequest(bucket=bucket, key="k", upload_id=upload_id, complete_all="yes")
    )
    same(fetch(signed.url, "POST", None, dict(signed.signed_headers))[0], 200)
    same(get(api, bucket, "k").body.read(), b"part")


if __name__ == "__main__":
    run()
