"""Objects, as oss2 asks for them. It writes the slashes of a key as %2F."""

import base64
import hashlib
import io
import os
import tempfile

import oss2
from harness import ODD_KEYS, case, expect, pattern, same
from oss2_api import empty, refused


@case
def put_get_head(api, name):
    bucket = api.bucket(name)
    body = pattern(100_000)
    result = bucket.put_object(
        "dir/key.txt", body,
        headers={
            "x-oss-meta-author": "alice", "Content-Type": "text/x-test", "Cache-Control": "no-cache",
            "x-oss-tagging": "k=v&k%202=v%2B2",
            "Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode(),
        },
    )
    same(result.etag, hashlib.md5(body).hexdigest().upper())
    found = bucket.get_object("dir/key.txt")
    same((found.read(), found.server_crc), (body, found.client_crc))
    same((found.content_type, found.headers["x-oss-meta-author"]), ("text/x-test", "alice"))
    found = bucket.head_object("dir/key.txt")
    same((found.content_length, found.object_type, found.headers["x-oss-tagging-count"]), (100_000, "Normal", "2"))
    same(bucket.get_object_meta("dir/key.txt").content_length, 100_000)
    same(bucket.get_object("dir/key.txt", byte_range=(100, 199)).read(), body[100:200])
    same(bucket.get_object("dir/key.txt", byte_range=(None, 10)).read(), body[-10:])
    same((bucket.object_exists("dir/key.txt"), bucket.object_exists("dir/none")), (True, False))
    for call in (bucket.get_object, bucket.head_object, bucket.get_object_meta):
        refused(lambda: call("none"), "NoSuchKey", 404)
    refused(
        lambda: bucket.get_object("none"), "NoSuchKey", 404, ec="0026-00000001",
        message="The specified key does not exist.",
    )
    refused(lambda: bucket.put_object("k", b"x", headers={"Content-MD5": "short"}), "InvalidDigest", 400)
    refused(lambda: api.anonymous(name).delete_object("dir/key.txt"), "AccessDenied", 403)
    bucket.delete_object("dir/key.txt")


@case
def odd_keys(api, name):
    bucket = api.bucket(name)
    for key in ODD_KEYS:
        bucket.put_object(key, key.encode())
    for key in ODD_KEYS:
        same(bucket.get_object(key).read(), key.encode(), repr(key))
        same(bucket.head_object(key).content_length, len(key.encode()))
    wanted = sorted(ODD_KEYS, key=str.encode)
    same([item.key for item in oss2.ObjectIterator(bucket, max_keys=7)], wanted)
    same([item.key for item in oss2.ObjectIteratorV2(bucket, max_keys=7)], wanted)
    for key in ODD_KEYS:
        bucket.copy_object(name, key, "copy/" + key)
        same(bucket.get_object("copy/" + key).read(), key.encode(), repr(key))
    result = bucket.batch_delete_objects(wanted)
    same(sorted(result.deleted_keys, key=str.encode), wanted)
    refused(lambda: bucket.batch_delete_objects([f"{n}" for n in range(1001)]), "MalformedXML", 400)


@case
def files(api, name):
    bucket = api.bucket(name)
    body = pattern(300_000)
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
        with open(source, "wb") as file:
            file.write(body)
        same(bucket.put_object_from_file("k", source).status, 200)
        bucket.get_object_to_file("k", target)
        same(open(target, "rb").read(), body)
        refused(lambda: bucket.get_object_to_file("none", target), "NoSuchKey", 404)
        refused(lambda: api.anonymous(name).put_object_from_file("k", source), "AccessDenied", 403)
        oss2.resumable_upload(bucket, "large", source, multipart_threshold=100_000, part_size=102_400, num_threads=2)
        same(bucket.head_object("large").object_type, "Multipart")
        oss2.resumable_download(bucket, "large", target, multiget_threshold=100_000, part_size=102_400, num_threads=2)
        same(open(target, "rb").read(), body)
    bucket.put_object("stream", iter([body, b"more"]))
    same(bucket.get_object("stream").read(), body + b"more")
    bucket.put_object("file", io.BytesIO(body))
    same(bucket.get_object("file").read(), body)


@case
def append(api, name):
    bucket = api.bucket(name)
    result = bucket.append_object("log", 0, b"hello ", init_crc=0)
    same(bucket.append_object("log", result.next_position, b"world", init_crc=result.crc).next_position, 11)
    same(bucket.get_object("log").read(), b"hello world")
    error = refused(lambda: bucket.append_object("log", 3, b"x"), "PositionNotEqualToLength", 409)
    same(error.next_position, 11)


@case
def copy(api, name):
    bucket = api.bucket(name)
    bucket.put_object("dir/source +%.txt", b"x", headers={"x-oss-meta-a": "1"})
    bucket.copy_object(name, "dir/source +%.txt", "copy")
    same((bucket.get_object("copy").read(), bucket.head_object("copy").headers["x-oss-meta-a"]), (b"x", "1"))
    bucket.update_object_meta("copy", {"x-oss-meta-b": "2"})
    found = bucket.head_object("copy").headers
    same((found.get("x-oss-meta-a"), found.get("x-oss-meta-b")), (None, "2"))
    refused(lambda: bucket.copy_object(name, "none", "copy"), "NoSuchKey", 404)
    refused(lambda: bucket.update_object_meta("none", {}), "NoSuchKey", 404)


@case
def conditions(api, name):
    bucket = api.bucket(name)
    bucket.put_object("k", b"x")
    tag = f'"{bucket.head_object("k").etag}"'
    same(bucket.get_object("k", headers={"If-Match": tag}).read(), b"x")
    refused(lambda: bucket.get_object("k", headers={"If-Match": '"other"'}), "PreconditionFailed", 412)
    try:
        bucket.get_object("k", headers={"If-None-Match": tag})
        raise AssertionError("got what has not changed")
    except oss2.exceptions.NotModified as error:
        same(error.status, 304)
    refused(lambda: bucket.put_object("k", b"y", headers={"x-oss-forbid-overwrite": "true"}), "FileAlreadyExists", 409)


@case
def object_acl(api, name):
    bucket = api.bucket(name)
    bucket.put_object("k", b"x")
    same(bucket.get_object_acl("k").acl, "default")
    refused(lambda: bucket.put_object_acl("k", oss2.OBJECT_ACL_PUBLIC_READ), "AccessDenied", 403)
    bucket.put_bucket_public_access_block(False)
    bucket.put_object_acl("k", oss2.OBJECT_ACL_PUBLIC_READ)
    same(bucket.get_object_acl("k").acl, "public-read")
    same(api.anonymous(name).get_object("k").read(), b"x")
    refused(lambda: bucket.put_object_acl("k", "none"), "InvalidArgument", 400, ec="0017-00000104")
    refused(lambda: bucket.get_object_acl("none"), "NoSuchKey", 404)


@case
def object_tagging(api, name):
    bucket = api.bucket(name)
    bucket.put_object("k", b"x")
    rule = oss2.models.TaggingRule()
    rule.add("a", "1")
    rule.add("b + c", "=/:")
    bucket.put_object_tagging("k", oss2.models.Tagging(rule))
    same(bucket.get_object_tagging("k").tag_set.tagging_rule, {"a": "1", "b + c": "=/:"})
    bucket.delete_object_tagging("k")
    same(bucket.get_object_tagging("k").tag_set.tagging_rule, {})
    for call in (bucket.get_object_tagging, bucket.delete_object_tagging):
        refused(lambda: call("none"), "NoSuchKey", 404)
    refused(lambda: bucket.put_object_tagging("none", oss2.models.Tagging(rule)), "NoSuchKey", 404)


@case
def symlinks(api, name):
    bucket = api.bucket(name)
    bucket.put_object("dir/target é", b"behind it")
    bucket.put_symlink("dir/target é", "link")
    same(bucket.get_symlink("link").target_key, "dir/target é")
    same(bucket.get_object("link").read(), b"behind it")
    refused(lambda: bucket.get_symlink("none"), "NoSuchKey", 404)
    refused(
        lambda: bucket.put_symlink("k", "link", headers={"x-oss-forbid-overwrite": "true"}), "FileAlreadyExists", 409
    )


@case
def restore(api, name):
    bucket = api.bucket(name)
    bucket.put_object("archive", b"x", headers={"x-oss-storage-class": "Archive"})
    refused(lambda: bucket.get_object("archive"), "InvalidObjectState", 403)
    same(bucket.restore_object("archive").status, 202)
    refused(lambda: bucket.restore_object("archive"), "RestoreAlreadyInProgress", 409)
    bucket.put_object("cold", b"x", headers={"x-oss-storage-class": "ColdArchive"})
    parameters = oss2.models.RestoreJobParameters(oss2.models.RESTORE_TIER_BULK)
    result = bucket.restore_object("cold", input=oss2.models.RestoreConfiguration(days=2, job_parameters=parameters))
    same(result.status, 202)


@case
def multipart(api, name):
    bucket = api.bucket(name)
    key = "multi/part &é.bin"
    blocks = [pattern(200_000), pattern(150_000), pattern(7)]
    upload_id = bucket.init_multipart_upload(key, headers={"x-oss-meta-m": "1"}).upload_id
    parts = []
    for number, block in enumerate(blocks, 1):
        result = bucket.upload_part(key, upload_id, number, block)
        parts.append(oss2.models.PartInfo(number, result.etag, size=len(block), part_crc=result.crc))
    same(
        [(part.part_number, part.size) for part in bucket.list_parts(key, upload_id).parts],
        [(1, 200_000), (2, 150_000), (3, 7)],
    )
    same([part.part_number for part in oss2.PartIterator(bucket, key, upload_id, max_parts=1)], [1, 2, 3])
    same([(item.key, item.upload_id) for item in bucket.list_multipart_uploads().upload_list], [(key, upload_id)])
    bucket.complete_multipart_upload(key, upload_id, parts)
    same(bucket.get_object(key).read(), b"".join(blocks))

    upload_id = bucket.init_multipart_upload("copy").upload_id
    result = bucket.upload_part_copy(name, key, (0, 199_999), "copy", upload_id, 1)
    bucket.complete_multipart_upload("copy", upload_id, [oss2.models.PartInfo(1, result.etag)])
    same(bucket.get_object("copy").read(), blocks[0])

    upload_id = bucket.init_multipart_upload("aborted").upload_id
    refused(lambda: bucket.upload_part("aborted", upload_id, 10001, b"x"), "InvalidArgument", 400)
    refused(
        lambda: bucket.complete_multipart_upload("aborted", upload_id, [oss2.models.PartInfo(1, "0" * 32)]),
        "InvalidPart", 400,
    )
    bucket.abort_multipart_upload("aborted", upload_id)
    for call, ec in (
        (lambda: bucket.abort_multipart_upload("aborted", upload_id), "0042-00000002"),
        (lambda: bucket.list_parts("aborted", upload_id), "0042-00000002"),
        (lambda: bucket.upload_part("aborted", upload_id, 1, b"x"), "0042-00000104"),
        (lambda: bucket.upload_part_copy(name, key, None, "aborted", upload_id, 1), "0042-00000311"),
    ):
        refused(call, "NoSuchUpload", 404, ec=ec)
    refused(
        lambda: bucket.init_multipart_upload("copy", headers={"x-oss-forbid-overwrite": "true"}),
        "FileAlreadyExists", 409,
    )
    refused(lambda: bucket.list_multipart_uploads(max_uploads=1001), "InvalidArgument", 400)


@case
def listings(api, name):
    bucket = api.bucket(name)
    keys = [f"a/{n:02}" for n in range(12)] + ["b", "c/1"]
    for key in keys:
        bucket.put_object(key, b"x")
    for iterator in (oss2.ObjectIterator, oss2.ObjectIteratorV2):
        for limit in (1, 3, 100):
            found = [(item.key, item.is_prefix()) for item in iterator(bucket, delimiter="/", max_keys=limit)]
            same(found, [("a/", True), ("b", False), ("c/", True)], f"{iterator.__name__} {limit}")
    page = bucket.list_objects_v2(prefix="a/", start_after="a/03", max_keys=2, fetch_owner=True)
    same(([item.key for item in page.object_list], page.is_truncated), (["a/04", "a/05"], True))
    expect(page.object_list[0].owner.id, "an owner")
    page = bucket.list_objects_v2(prefix="a/", continuation_token=page.next_continuation_token)
    same([item.key for item in page.object_list], keys[6:12])
    refused(lambda: bucket.list_objects(max_keys=1001), "InvalidArgument", 400)
    refused(lambda: bucket.list_objects_v2(max_keys=1001), "InvalidArgument", 400)


@case
def versions(api, name):
    bucket = api.bucket(name)
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    same(bucket.get_bucket_versioning().status, "Enabled")
    first = bucket.put_object("k", b"one").versionid
    second = bucket.put_object("k", b"two").versionid
    same(bucket.get_object("k", params={"versionId": first}).read(), b"one")
    marker = bucket.delete_object("k")
    same(marker.delete_marker, True)
    page = bucket.list_object_versions()
    same([item.versionid for item in page.versions], [second, first])
    same([item.versionid for item in page.delete_marker], [marker.versionid])
    refused(lambda: bucket.get_object("k", params={"versionId": marker.versionid}), "MethodNotAllowed", 405)
    listed = oss2.models.BatchDeleteObjectVersionList()
    listed.append(oss2.models.BatchDeleteObjectVersion("k", first))
    listed.append(oss2.models.BatchDeleteObjectVersion("k", marker.versionid))
    result = bucket.delete_object_versions(listed)
    same([item.versionid for item in result.delete_versions], [first, marker.versionid])
    same(bucket.get_object("k").read(), b"two")
    many = oss2.models.BatchDeleteObjectVersionList(
        [oss2.models.BatchDeleteObjectVersion(f"{n}", "null") for n in range(1001)]
    )
    refused(lambda: bucket.delete_object_versions(many), "MalformedXML", 400)
    refused(lambda: bucket.list_object_versions(max_keys=1001), "InvalidArgument", 400)
    refused(lambda: bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("On")), "MalformedXML", 400)
    refused(lambda: api.anonymous(name).get_bucket_versioning(), "AccessDenied", 403)


@case
def encryption(api, name):
    """Of the client: it keeps the key among the metadata."""
    from Crypto.PublicKey import RSA

    pair = RSA.generate(1024)
    bucket = api.bucket(name)
    provider = oss2.RsaProvider(
        key_pair={"private_key": pair.export_key().decode(), "public_key": pair.publickey().export_key().decode()}
    )
    encrypting = oss2.CryptoBucket(bucket.auth, bucket.endpoint, name, crypto_provider=provider, region=bucket.region)
    body = pattern(50_000)
    encrypting.put_object("k", body)
    expect(bucket.get_object("k").read() != body, "what is stored is encrypted")
    same(encrypting.get_object("k").read(), body)
    same(encrypting.get_object("k", byte_range=(1600, 3000)).read(), body[1600:3001])


@case
def processing(api, name):
    bucket = api.bucket(name)
    bucket.put_object("image.png", b"no image")
    refused(lambda: bucket.get_object("image.png", process="image/info"), "NotImplemented", 501)
    refused(lambda: bucket.process_object("image.png", "image/resize,w_1|sys/saveas,o_eA"), "NotImplemented", 501)
    refused(lambda: bucket.async_process_object("image.png", "video/convert,f_avi"), "NotImplemented", 501)


@case
def select(api, name):
    bucket = api.bucket(name)
    text = b"name,age\nann,34\nbob,9\n"
    bucket.put_object("people.csv", text)
    use = {"CsvHeaderInfo": "Use"}
    result = bucket.select_object(
        "people.csv", "select name from ossobject where cast(age as int) > 20", select_params=use
    )
    same(result.read(), b"ann\n")
    found = bucket.create_select_object_meta("people.csv", {"OverwriteIfExists": "true"})
    same(found.rows, 3)
    refused(lambda: bucket.select_object("people.csv", "selekt"), "InvalidSqlParameter", 400)
    refused(lambda: bucket.create_select_object_meta("none"), "NoSuchKey", 404)
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "target")
        bucket.select_object_to_file("people.csv", target, "select age from ossobject", select_params=use)
        same(open(target, "rb").read(), b"34\n9\n")
        refused(lambda: bucket.select_object_to_file("none", target, "select * from ossobject"), "NoSuchKey", 404)


@case
def removing_all(api, name):
    """The helper that all cases end with."""
    bucket = api.bucket(name)
    bucket.put_object("k", b"x")
    bucket.init_multipart_upload("k")
    empty(bucket)
    same((list(oss2.ObjectIterator(bucket)), list(oss2.MultipartUploadIterator(bucket))), ([], []))
