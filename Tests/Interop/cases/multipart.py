"""Objects written in parts."""

import base64
import hashlib

import alibabacloud_oss_v2 as oss
from harness import case, expect, pattern, same
from sdk import content, crc64, get, open_to_public, put, read, refused


async def initiate(api, bucket, key, **more):
    return (await api.initiate_multipart_upload(bucket=bucket, key=key, **more)).upload_id


def parts(*pairs):
    return oss.CompleteMultipartUpload(parts=[oss.UploadPart(part_number=n, etag=etag) for n, etag in pairs])


@case
async def multipart(api, bucket):
    key = "multi/\x01part &.bin"
    blocks = [pattern(200_000), pattern(150_000), pattern(7)]
    upload_id = await initiate(api, bucket, key, metadata={"m": "1"}, tagging="a=b", content_type="text/m")
    uploaded = []
    for number, block in enumerate(blocks, 1):
        result = await api.upload_part(bucket=bucket, key=key, upload_id=upload_id, part_number=number, body=block)
        same((result.etag, result.hash_crc64), (f'"{hashlib.md5(block).hexdigest().upper()}"', crc64(block)))
        uploaded.append((number, result.etag))
    listed = []
    async for page in api.pages("list_parts", limit=1, bucket=bucket, key=key, upload_id=upload_id):
        same((page.key, page.upload_id, page.bucket), (key, upload_id, bucket))
        listed += [(part.part_number, part.size, part.hash_crc64) for part in page.parts]
    same(listed, [(n, len(block), crc64(block)) for n, block in enumerate(blocks, 1)])
    page = await api.list_parts(bucket=bucket, key=key, upload_id=upload_id)
    same(
        (page.max_parts, page.is_truncated, page.part_number_marker, page.next_part_number_marker), (1000, False, 0, 3)
    )
    same(page.storage_class, "Standard")
    uploads = await api.list_multipart_uploads(bucket=bucket)
    same([(upload.key, upload.upload_id) for upload in uploads.uploads], [(key, upload_id)])
    result = await api.complete_multipart_upload(
        bucket=bucket, key=key, upload_id=upload_id, complete_multipart_upload=parts(*uploaded)
    )
    whole = b"".join(blocks)
    etag = hashlib.md5("".join(etag.strip('"') for _, etag in uploaded).encode()).hexdigest().upper() + "-3"
    same((result.key, result.bucket, result.etag, result.hash_crc64), (key, bucket, f'"{etag}"', crc64(whole)))
    answer = await get(api, bucket, key)
    same(await content(answer), whole)
    same((answer.object_type, answer.hash_crc64, answer.content_md5), ("Multipart", crc64(whole), None))
    same((dict(answer.metadata), answer.tagging_count, answer.content_type), ({"m": "1"}, 1, "text/m"))
    same(await read(api, bucket, key, range_header="bytes=199990-350005"), whole[199990:350006], "over three parts")
    same((await api.list_multipart_uploads(bucket=bucket)).uploads or [], [])


@case
async def multipart_errors(api, bucket):
    upload_id = await initiate(api, bucket, "k")

    def upload(number, body=b"x", upload_id=upload_id, **more):
        return api.upload_part(bucket=bucket, key="k", upload_id=upload_id, part_number=number, body=body, **more)

    def complete(pairs, **more):
        return api.complete_multipart_upload(
            bucket=bucket, key="k", upload_id=upload_id, complete_multipart_upload=parts(*pairs), **more
        )

    missing = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or"
        " completed."
    )
    await refused(upload(10001), "InvalidArgument", 400)
    await refused(upload(1, content_md5=base64.b64encode(b"0" * 16).decode()), "InvalidDigest", 400)
    await refused(upload(1, upload_id="none"), "NoSuchUpload", 404, ec="0042-00000104", message=missing)
    await refused(
        api.list_parts(bucket=bucket, key="k", upload_id="none"), "NoSuchUpload", 404, ec="0042-00000002",
        message=missing
    )
    one, two = (await upload(1)).etag, (await upload(2)).etag
    await refused(complete([(2, two), (1, one)]), "InvalidPartOrder", 400)
    await refused(complete([(1, one), (3, two)]), "InvalidPart", 400)
    await refused(complete([(1, one), (2, two)]), "EntityTooSmall", 400)
    await refused(
        complete([(1, one)], complete_all="yes"), "InvalidArgument", 400, ec="0042-00000216",
        message="Should not speficy both complete all header and http body.",
    )
    await complete([(2, two)])
    same(await read(api, bucket, "k"), b"x")
    await open_to_public(api, bucket)
    upload_id = await initiate(api, bucket, "all")
    await api.upload_part(bucket=bucket, key="all", upload_id=upload_id, part_number=5, body=b"five")
    await api.complete_multipart_upload(
        bucket=bucket, key="all", upload_id=upload_id, complete_all="yes", acl="public-read"
    )
    same(await read(api.anonymous(), bucket, "all"), b"five")
    upload_id = await initiate(api, bucket, "aborted")
    abort = lambda: api.abort_multipart_upload(bucket=bucket, key="aborted", upload_id=upload_id)
    same((await abort()).status_code, 204)
    await refused(abort(), "NoSuchUpload", 404, ec="0042-00000002", message=missing)


@case
async def multipart_forbid_overwrite(api, bucket):
    await put(api, bucket, "k", b"first")
    await refused(
        api.initiate_multipart_upload(bucket=bucket, key="k", forbid_overwrite=True), "FileAlreadyExists", 409
    )
    upload_id = await initiate(api, bucket, "k")
    etag = (await api.upload_part(bucket=bucket, key="k", upload_id=upload_id, part_number=1, body=b"second")).etag
    complete = lambda **more: api.complete_multipart_upload(
        bucket=bucket, key="k", upload_id=upload_id, complete_multipart_upload=parts((1, etag)), **more
    )
    await refused(complete(forbid_overwrite=True), "FileAlreadyExists", 409)
    same(await read(api, bucket, "k"), b"first")
    await complete()
    same(await read(api, bucket, "k"), b"second")


@case
async def sequential_parts(api, bucket):
    """An upload that promises its parts in order gets the MD5 of the whole."""
    upload_id = await initiate(api, bucket, "k", parameters={"sequential": ""})
    one = await api.upload_part(bucket=bucket, key="k", upload_id=upload_id, part_number=1, body=b"one")
    await api.complete_multipart_upload(
        bucket=bucket, key="k", upload_id=upload_id, complete_multipart_upload=parts((1, one.etag))
    )
    answer = await get(api, bucket, "k")
    same(answer.content_md5, base64.b64encode(hashlib.md5(b"one").digest()).decode())


@case
async def part_copy(api, bucket):
    body = pattern(500_000)
    await put(api, bucket, "source", body)
    upload_id = await initiate(api, bucket, "k")

    def copy(number, upload_id=upload_id, **more):
        return api.upload_part_copy(
            bucket=bucket, key="k", upload_id=upload_id, part_number=number, source_key="source", **more
        )

    uploaded = []
    for number, header in enumerate(["bytes=0-199999", "bytes=200000-499999"], 1):
        result = await copy(number, source_range=header)
        expect(result.last_modified, "last modified")
        uploaded.append((number, result.etag))
    same(uploaded[0][1], f'"{hashlib.md5(body[:200000]).hexdigest().upper()}"')
    await refused(copy(3, if_match='"other"'), "PreconditionFailed", 412)
    await refused(copy(3, if_unmodified_since="Mon, 01 Jan 2001 00:00:00 GMT"), "PreconditionFailed", 412)
    await refused(copy(3, source_range="bytes=500000-600000"), "InvalidRange", 416)
    result = await api.complete_multipart_upload(
        bucket=bucket, key="k", upload_id=upload_id, complete_multipart_upload=parts(*uploaded)
    )
    same(result.hash_crc64, crc64(body))
    await api.delete_object(bucket=bucket, key="source")
    same(await read(api, bucket, "k"), body)
    await refused(copy(1, upload_id="none"), "NoSuchUpload", 404, ec="0042-00000311")


@case
async def list_uploads(api, bucket):
    wanted = []
    for n in range(5):
        for _ in range(2):
            key = f"dir{n}/k"
            wanted.append((key, await initiate(api, bucket, key)))
    for limit in (1, 3, 100):
        found = []
        async for page in api.pages("list_multipart_uploads", limit=limit, bucket=bucket):
            found += [(upload.key, upload.upload_id) for upload in page.uploads or []]
        same(found, sorted(wanted), f"limit {limit}")
    page = await api.list_multipart_uploads(bucket=bucket, prefix="dir3")
    same([upload.key for upload in page.uploads], ["dir3/k", "dir3/k"])
    same(
        (page.max_uploads, page.is_truncated, page.key_marker or "", page.next_key_marker), (1000, False, "", "dir3/k")
    )
    await refused(api.list_multipart_uploads(bucket=bucket, max_uploads=1001), "InvalidArgument", 400)
