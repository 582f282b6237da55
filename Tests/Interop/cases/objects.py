"""Objects: written, read, copied, appended to, tagged, deleted."""

import base64
import datetime
import hashlib
import io
from urllib.parse import quote, unquote

import alibabacloud_oss_v2 as oss
from harness import ODD_KEYS, case, expect, pattern, same
from local import Receiver, clock_ahead
from sdk import content, crc64, get, head, http_date, in_pieces, keys, open_to_public, put, read, refused, versioning


def md5_base64(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def etag(data):
    return f'"{hashlib.md5(data).hexdigest().upper()}"'


@case
async def put_get_head(api, bucket):
    body = pattern(100_000)
    result = await put(
        api, bucket, "dir/key.txt", body,
        metadata={"author": "alice", "content-type": "odd", "x-oss-auth": "odder"},
        content_type="text/x-test", cache_control="no-cache", content_disposition="attachment; filename=a.txt",
        content_encoding="identity", expires="2022-10-12T00:00:00.000Z", content_md5=md5_base64(body),
        tagging="k=v&k%202=v%2B2",
    )
    same(result.status_code, 200)
    same(result.etag, etag(body), "etag")
    same(result.hash_crc64, crc64(body), "crc64")
    same(result.version_id, None, "version")
    answer = await get(api, bucket, "dir/key.txt")
    same(await content(answer), body, "body")
    for found in (answer, await head(api, bucket, "dir/key.txt")):
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
        same(found.content_md5, md5_base64(body))
        same(dict(found.metadata), {"author": "alice", "content-type": "odd", "x-oss-auth": "odder"}, "metadata")
        expect(isinstance(found.last_modified, datetime.datetime), "last modified")
    meta = await api.get_object_meta(bucket=bucket, key="dir/key.txt")
    same((meta.content_length, meta.etag, meta.hash_crc64), (len(body), result.etag, crc64(body)))
    await refused(api.get_object_meta(bucket=bucket, key="dir/none"), "NoSuchKey", 404)


@case
async def empty_object(api, bucket):
    await put(api, bucket, "empty", b"")
    answer = await get(api, bucket, "empty")
    same(await content(answer), b"")
    same((answer.content_length, answer.hash_crc64), (0, "0"))
    same(answer.content_type, "application/octet-stream")


@case
async def chunked_body(api, bucket):
    parts = [pattern(70_000), b"", b"x", pattern(300_000)]
    await put(api, bucket, "chunked", in_pieces(api, parts))
    same(await read(api, bucket, "chunked"), b"".join(parts))


@case
async def large_object_from_a_file(api, bucket):
    body = pattern(20_000_001)
    result = await put(api, bucket, "large", io.BytesIO(body))
    same(result.hash_crc64, crc64(body))
    same(hashlib.sha256(await read(api, bucket, "large")).digest(), hashlib.sha256(body).digest())


@case
async def odd_keys(api, bucket):
    for key in ODD_KEYS:
        await put(api, bucket, key, key.encode())
    for key in ODD_KEYS:
        same(await read(api, bucket, key), key.encode(), repr(key))
        same((await head(api, bucket, key)).content_length, len(key.encode()))
    same(await keys(api, bucket, limit=7), sorted(ODD_KEYS, key=str.encode), "listed")


@case
async def wrong_content_md5(api, bucket):
    await refused(put(api, bucket, "k", b"abc", content_md5=base64.b64encode(b"0" * 16).decode()), "InvalidDigest", 400)
    await refused(put(api, bucket, "k", b"abc", content_md5="short"), "InvalidDigest", 400)
    await refused(get(api, bucket, "k"), "NoSuchKey", 404)


@case
async def ranges(api, bucket):
    body = pattern(10_000)
    await put(api, bucket, "k", body)

    async def part(header, behavior=None):
        answer = await get(api, bucket, "k", range_header=header, range_behavior=behavior)
        return answer.status_code, answer.content_range, await content(answer)

    same(await part("bytes=0-99"), (206, "bytes 0-99/10000", body[:100]))
    same(await part("bytes=9999-"), (206, "bytes 9999-9999/10000", body[9999:]))
    same(await part("bytes=-5"), (206, "bytes 9995-9999/10000", body[-5:]))
    same(await part("bytes=100-20000"), (200, None, body))
    same(await part("bytes=100-20000", "standard"), (206, "bytes 100-9999/10000", body[100:]))
    same(await part("bytes=20000-", None), (200, None, body))
    await refused(part("bytes=20000-", "standard"), "InvalidRange", 416)


@case
async def conditions(api, bucket):
    await put(api, bucket, "k", b"abc")
    tag = (await head(api, bucket, "k")).etag
    before = "Mon, 01 Jan 2001 00:00:00 GMT"
    after = "Fri, 01 Jan 2100 00:00:00 GMT"

    async def status(call=get, **more):
        try:
            return (await call(api, bucket, "k", **more)).status_code
        except oss.exceptions.OperationError as error:
            return error.unwrap().status_code

    for call in (get, head):
        same(await status(call, if_match=tag), 200)
        same(await status(call, if_match='"other"'), 412)
        same(await status(call, if_none_match=tag), 304)
        same(await status(call, if_none_match='"other"'), 200)
        same(await status(call, if_modified_since=before), 200)
        same(await status(call, if_modified_since=after), 304)
        same(await status(call, if_unmodified_since=before), 412)
        same(await status(call, if_unmodified_since=after), 200)


@case
async def response_headers(api, bucket):
    """What a signed request may change of the answer's headers."""
    await put(api, bucket, "k", b"abc", content_type="text/a", cache_control="no-cache")
    answer = await get(
        api, bucket, "k", response_content_type="text/b", response_cache_control="max-age=1",
        response_content_disposition='attachment; filename="a +%.txt"',
        response_content_encoding="identity", response_expires="Fri, 01 Jan 2100 00:00:00 GMT",
        response_content_language="de",
    )
    same(
        (answer.content_type, answer.cache_control, answer.content_disposition, answer.content_encoding),
        ("text/b", "max-age=1", 'attachment; filename="a +%.txt"', "identity"),
    )
    same((answer.expires, answer.headers.get("Content-Language")), ("Fri, 01 Jan 2100 00:00:00 GMT", "de"))
    await refused(
        api.anonymous().get_object(bucket=bucket, key="k", response_content_type="text/b"), "AccessDenied", 403
    )


@case
async def forbid_overwrite(api, bucket):
    await put(api, bucket, "k", b"first", forbid_overwrite=True)
    await refused(put(api, bucket, "k", b"second", forbid_overwrite=True), "FileAlreadyExists", 409)
    same(await read(api, bucket, "k"), b"first")


@case
async def missing_object(api, bucket):
    await refused(
        get(api, bucket, "none"), "NoSuchKey", 404, ec="0026-00000001", message="The specified key does not exist."
    )
    await refused(head(api, bucket, "none"), "NoSuchKey", 404)
    same((await api.delete_object(bucket=bucket, key="none")).status_code, 204)
    same(await api.is_object_exist(bucket, "none"), False)
    same(await api.is_bucket_exist(bucket), True)
    same(await api.is_bucket_exist("no-such-" + bucket), False)
    await refused(api.anonymous().delete_object(bucket=bucket, key="none"), "AccessDenied", 403)


@case
async def copy(api, bucket):
    source = "dir/source +%.txt"
    await put(api, bucket, source, b"copied", metadata={"a": "1"}, tagging="t=1", content_type="text/a")

    async def run_copy(key, **more):
        return await api.copy_object(bucket=bucket, key=key, source_bucket=bucket, source_key=source, **more)

    result = await run_copy("same")
    same((result.etag, result.hash_crc64), (etag(b"copied"), crc64(b"copied")))
    found = await head(api, bucket, "same")
    same((dict(found.metadata), found.tagging_count, found.content_type), ({"a": "1"}, 1, "text/a"))
    await run_copy(
        "new", metadata={"b": "2"}, metadata_directive="replace", tagging="u=2&v=3", tagging_directive="REPLACE"
    )
    found = await head(api, bucket, "new")
    same((dict(found.metadata), found.tagging_count, found.content_type), ({"b": "2"}, 2, "text/a"))
    same(await read(api, bucket, "new"), b"copied")
    tag = (await head(api, bucket, source)).etag
    await refused(run_copy("new", forbid_overwrite=True), "FileAlreadyExists", 409)
    await refused(run_copy("x", if_match='"other"'), "PreconditionFailed", 412)
    await refused(run_copy("x", if_unmodified_since="Mon, 01 Jan 2001 00:00:00 GMT"), "PreconditionFailed", 412)
    for condition in ({"if_none_match": tag}, {"if_modified_since": http_date(3600)}):
        try:
            await run_copy("x", **condition)
            raise AssertionError(f"copied in spite of {condition}")
        except oss.exceptions.OperationError as error:
            same(error.unwrap().status_code, 304, str(condition))
    await api.delete_object(bucket=bucket, key=source)
    await refused(run_copy("x"), "NoSuchKey", 404)
    same(await read(api, bucket, "same"), b"copied", "the copy outlives its source")


@case
async def copy_between_buckets(api, bucket):
    other = bucket + "-to"
    await api.put_bucket(bucket=other)
    for key in ["k", "dir/é +%.txt", "url-%123-/?#:key-0", "//double//"]:
        await put(api, bucket, key, key.encode(), metadata={"of": "source"})
        await api.copy_object(bucket=other, key=key, source_bucket=bucket, source_key=key, storage_class="IA")
        found = await get(api, other, key)
        same(
            (await content(found), dict(found.metadata), found.storage_class),
            (key.encode(), {"of": "source"}, "IA"),
            key,
        )
    await refused(
        api.copy_object(bucket=other, key="k", source_bucket=bucket + "-none", source_key="k"), "NoSuchBucket", 404
    )
    await refused(api.copy_object(bucket=bucket + "-none", key="k", source_key="k"), "NoSuchBucket", 404)
    await api.remove_bucket(other)


@case
async def append(api, bucket):
    async def run_append(position, body, key="log", **more):
        return await api.append_object(bucket=bucket, key=key, position=position, body=body, **more)

    same((await run_append(0, b"hello ", metadata={"a": "1"}, server_side_encryption="AES256")).next_position, 6)
    result = await run_append(6, b"world")
    same((result.next_position, result.hash_crc64), (11, crc64(b"hello world")))
    answer = await get(api, bucket, "log")
    same((await content(answer), answer.object_type, answer.next_append_position), (b"hello world", "Appendable", 11))
    same((dict(answer.metadata), answer.server_side_encryption), ({"a": "1"}, "AES256"))
    error = await refused(run_append(3, b"x"), "PositionNotEqualToLength", 409)
    same(error.headers.get("x-oss-next-append-position"), "11")
    await refused(run_append(5, b"x", key="new"), "PositionNotEqualToLength", 409)
    await put(api, bucket, "normal", b"n")
    await refused(run_append(1, b"x", key="normal"), "ObjectNotAppendable", 409)


@case
async def seal_append(api, bucket):
    """The service may answer that sealing is not supported: that is right, too."""
    await api.append_object(bucket=bucket, key="log", position=0, body=b"12345")
    await refused(api.seal_append_object(bucket=bucket, key="log", position=1), "PositionNotEqualToLength", 409)
    await refused(api.seal_append_object(bucket=bucket, key="none", position=0), "NoSuchKey", 404)
    sealed = await api.seal_append_object(bucket=bucket, key="log", position=5)
    expect(sealed.sealed_time, "the time of the sealing")
    same((await head(api, bucket, "log")).sealed_time, sealed.sealed_time)
    await refused(
        api.append_object(bucket=bucket, key="log", position=5, body=b"x"), "AppendSealedObjectNotAllowed", 400
    )
    same(await read(api, bucket, "log"), b"12345")


@case
async def encryption_headers(api, bucket):
    result = await put(api, bucket, "k", b"x", server_side_encryption="KMS", server_side_data_encryption="SM4")
    same(result.headers.get("x-oss-server-side-encryption"), "KMS")
    found = await head(api, bucket, "k")
    same((found.server_side_encryption, found.server_side_data_encryption), ("KMS", "SM4"))
    expect(found.server_side_encryption_key_id, "a key id")
    await refused(put(api, bucket, "k", b"x", server_side_encryption="ROT13"), "InvalidEncryptionAlgorithmError", 400)


@case
async def object_acl(api, bucket):
    await open_to_public(api, bucket)
    await put(api, bucket, "k", b"x")
    anonymous = api.anonymous()
    same((await api.get_object_acl(bucket=bucket, key="k")).acl, "default")
    await refused(get(anonymous, bucket, "k"), "AccessDenied", 403)
    await api.put_object_acl(bucket=bucket, key="k", acl="public-read")
    found = await api.get_object_acl(bucket=bucket, key="k")
    same(found.acl, "public-read")
    expect(found.owner.id, "an owner")
    same(await read(anonymous, bucket, "k"), b"x")
    await refused(put(anonymous, bucket, "k", b"y"), "AccessDenied", 403)
    await refused(anonymous.put_object_acl(bucket=bucket, key="k", acl="private"), "AccessDenied", 403)
    await refused(
        api.put_object_acl(bucket=bucket, key="k", acl="none"), "InvalidArgument", 400, ec="0017-00000104",
        message="no such object access control exists",
    )
    await refused(
        api.get_object_acl(bucket=bucket, key="none"), "NoSuchKey", 404, ec="0026-00000001",
        message="The specified key does not exist.",
    )
    await put(api, bucket, "open", b"x", acl="public-read-write")
    await put(anonymous, bucket, "open", b"y")
    same(await read(api, bucket, "open"), b"y")


@case
async def object_tagging(api, bucket):
    await put(api, bucket, "k", b"x")
    await api.put_object_tagging(
        bucket=bucket, key="k", tagging=oss.Tagging(oss.TagSet([oss.Tag("a", "1"), oss.Tag("b + c", "=/:")]))
    )
    found = await api.get_object_tagging(bucket=bucket, key="k")
    same([(tag.key, tag.value) for tag in found.tag_set.tags], [("a", "1"), ("b + c", "=/:")])
    same((await head(api, bucket, "k")).tagging_count, 2)
    same((await api.delete_object_tagging(bucket=bucket, key="k")).status_code, 204)
    found = await api.get_object_tagging(bucket=bucket, key="k")
    same(found.tag_set.tags or [], [])
    same((await head(api, bucket, "k")).tagging_count, None)
    await refused(api.get_object_tagging(bucket=bucket, key="none"), "NoSuchKey", 404)
    await refused(api.delete_object_tagging(bucket=bucket, key="none"), "NoSuchKey", 404)
    eleven = oss.Tagging(oss.TagSet([oss.Tag(f"k{n}", "v") for n in range(11)]))
    await refused(api.put_object_tagging(bucket=bucket, key="k", tagging=eleven), "InvalidTag", 400)


@case
async def delete_multiple(api, bucket):
    for key in ODD_KEYS:
        await put(api, bucket, key, b"x")
    result = await api.delete_multiple_objects(
        bucket=bucket, encoding_type="url", objects=[oss.DeleteObject(key=key) for key in ODD_KEYS]
    )
    same([item.key for item in result.deleted_objects], ODD_KEYS)
    same(await keys(api, bucket), [])
    await put(api, bucket, "k", b"x")
    result = await api.delete_multiple_objects(bucket=bucket, objects=[oss.DeleteObject(key="k")], quiet=True)
    same(result.deleted_objects or [], [])
    await refused(get(api, bucket, "k"), "NoSuchKey", 404)
    await refused(
        api.delete_multiple_objects(bucket=bucket, objects=[oss.DeleteObject(key=f"{n}") for n in range(1001)]),
        "MalformedXML", 400,
    )


@case
async def symlinks(api, bucket):
    target = "dir/target é+%.txt"
    await put(api, bucket, target, b"behind it", metadata={"of": "target"})
    await api.put_symlink(bucket=bucket, key="link", target=quote(target, safe=""), metadata={"of": "link"})
    found = await api.get_symlink(bucket=bucket, key="link")
    same((unquote(found.target), dict(found.metadata)), (target, {"of": "link"}))
    expect(found.etag, "an etag")
    answer = await get(api, bucket, "link")
    same((await content(answer), answer.object_type, answer.etag), (b"behind it", "Symlink", etag(b"behind it")))
    same((await head(api, bucket, "link")).content_length, 9)
    await refused(
        api.put_symlink(bucket=bucket, key="link", target="other", forbid_overwrite=True), "FileAlreadyExists", 409
    )
    await refused(api.get_symlink(bucket=bucket, key=target), "NotSymlink", 400)
    await refused(api.get_symlink(bucket=bucket, key="none"), "NoSuchKey", 404)
    await api.delete_object(bucket=bucket, key=target)
    await refused(get(api, bucket, "link"), "SymlinkTargetNotExist", 404)
    await api.delete_object(bucket=bucket, key="link")
    await refused(api.get_symlink(bucket=bucket, key="link"), "NoSuchKey", 404)


@case
async def restore(api, bucket):
    days = lambda days: oss.RestoreRequest(days=days)
    await put(api, bucket, "standard", b"x")
    await refused(api.restore_object(bucket=bucket, key="standard"), "OperationNotSupported", 400)
    await refused(api.restore_object(bucket=bucket, key="none"), "NoSuchKey", 404)
    await put(api, bucket, "archive", b"cold", storage_class="Archive")
    same((await head(api, bucket, "archive")).storage_class, "Archive")
    await refused(get(api, bucket, "archive"), "InvalidObjectState", 403)
    same((await api.restore_object(bucket=bucket, key="archive", restore_request=days(2))).status_code, 202)
    expect('ongoing-request="true"' in (await head(api, bucket, "archive")).restore, "it is on its way")
    await refused(
        api.restore_object(bucket=bucket, key="archive"), "RestoreAlreadyInProgress", 409,
        message="The restore operation is in progress.",
    )
    await refused(get(api, bucket, "archive"), "InvalidObjectState", 403)
    await put(api, bucket, "cold", b"colder", storage_class="ColdArchive")
    result = await api.restore_object(
        bucket=bucket, key="cold",
        restore_request=oss.RestoreRequest(days=1, job_parameters=oss.JobParameters(tier="Bulk")),
    )
    same((result.status_code, result.restore_priority), (202, "Bulk"))
    with clock_ahead(600):
        same(await read(api, bucket, "archive"), b"cold")
        state = (await head(api, bucket, "archive")).restore
        expect(state.startswith('ongoing-request="false", expiry-date="'), state)
        same((await api.restore_object(bucket=bucket, key="archive")).status_code, 200, "longer")


@case
async def clean_restored(api, bucket):
    await put(api, bucket, "standard", b"x")
    await refused(api.clean_restored_object(bucket=bucket, key="standard"), "ArchiveRestoreFileStale", 409)
    await put(api, bucket, "cold", b"x", storage_class="ColdArchive")
    await refused(api.clean_restored_object(bucket=bucket, key="cold"), "ArchiveRestoreFileStale", 409)
    await api.restore_object(bucket=bucket, key="cold", restore_request=oss.RestoreRequest(days=1, tier="Expedited"))
    await refused(
        api.clean_restored_object(bucket=bucket, key="cold"), "ArchiveRestoreNotFinished", 409, ec="0016-00000719",
        message="The archive file's restore is not finished.",
    )
    with clock_ahead(600):
        same(await read(api, bucket, "cold"), b"x")
        same((await api.clean_restored_object(bucket=bucket, key="cold")).status_code, 200)
        await refused(get(api, bucket, "cold"), "InvalidObjectState", 403)


@case
async def callbacks(api, bucket):
    """A callback that can't be delivered is told with status 203; the object is stored all the same."""
    def encoded(document):
        return base64.b64encode(document.encode()).decode()

    with Receiver(b'{"answer":"fine"}') as server:
        result = await put(
            api, bucket, "k", b"x",
            callback=encoded(
                '{"callbackUrl":"%s","callbackBody":"{\\"key\\":${object},\\"size\\":${size},\\"mine\\":${x:mine}}",'
                '"callbackBodyType":"application/json"}' % server.url
            ),
            callback_var=encoded('{"x:mine":"yes"}'),
        )
        same(server.bodies, [b'{"key":"k","size":1,"mine":"yes"}'])
        same(result.callback_result, '{"answer":"fine"}')
    result = await put(
        api, bucket, "kept", b"kept",
        callback=encoded('{"callbackUrl":"%s/none","callbackBody":"a=b"}' % server.url),
    )
    same(result.status_code, 203)
    same(await read(api, bucket, "kept"), b"kept")


@case
async def traffic_limit_and_payer(api, bucket):
    await put(api, bucket, "k", b"x" * 100, traffic_limit=819200 * 100, request_payer="requester")
    same(await read(api, bucket, "k", traffic_limit=819200 * 100, request_payer="requester"), b"x" * 100)
    await refused(put(api, bucket, "k", b"x", traffic_limit=1), "InvalidArgument", 400)


@case
async def storage_classes(api, bucket):
    for name in ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"):
        await put(api, bucket, name, b"x", storage_class=name)
        same((await head(api, bucket, name)).storage_class, name)
    await refused(put(api, bucket, "k", b"x", storage_class="Tepid"), "InvalidArgument", 400)
    page = await api.list_objects_v2(bucket=bucket)
    same({item.key: item.storage_class for item in page.contents}, {item.key: item.key for item in page.contents})


@case
async def one_version(api, bucket):
    """Operations on an object that take the id of a version."""
    await open_to_public(api, bucket)
    await versioning(api, bucket)
    first = (await put(api, bucket, "k", b"one", tagging="a=1")).version_id
    await put(api, bucket, "k", b"two")
    await api.put_object_acl(bucket=bucket, key="k", version_id=first, acl="public-read")
    same((await api.get_object_acl(bucket=bucket, key="k", version_id=first)).acl, "public-read")
    same((await api.get_object_acl(bucket=bucket, key="k")).acl, "default")
    same((await api.get_object_meta(bucket=bucket, key="k", version_id=first)).content_length, 3)
    same((await head(api, bucket, "k", version_id=first)).etag, etag(b"one"))
    found = await api.get_object_tagging(bucket=bucket, key="k", version_id=first)
    same([(tag.key, tag.value) for tag in found.tag_set.tags], [("a", "1")])
    await api.delete_object_tagging(bucket=bucket, key="k", version_id=first)
    same((await head(api, bucket, "k", version_id=first)).tagging_count, None)
    deleted = await api.delete_multiple_objects(
        bucket=bucket, objects=[oss.DeleteObject(key="k", version_id=first), oss.DeleteObject(key="k")]
    )
    same([item.version_id for item in deleted.deleted_objects], [first, None])
    expect(deleted.deleted_objects[1].delete_marker and deleted.deleted_objects[1].delete_marker_version_id, "a marker")
    await refused(head(api, bucket, "k", version_id=first), "NoSuchVersion", 404)
    await refused(get(api, bucket, "k", version_id="none"), "InvalidArgument", 400)
