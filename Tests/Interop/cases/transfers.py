"""The SDK's tools for large objects and its client-side encryption. The asynchronous client has none of them."""

import hashlib
import io
import os
import tempfile

import alibabacloud_oss_v2 as oss
from harness import case, expect, pattern, same
from sdk import SYNC, content, crc64, get, head, put, read, refused


@case(forms=SYNC)
async def uploader_and_downloader(api, bucket):
    body = pattern(3_000_000)
    sdk = api.client
    sdk.uploader(part_size=500_000, parallel_num=3).upload_from(
        oss.PutObjectRequest(bucket=bucket, key="k"), io.BytesIO(body)
    )
    same((await head(api, bucket, "k")).object_type, "Multipart")
    target = io.BytesIO()
    sdk.downloader(part_size=400_000, parallel_num=3).download_to(oss.GetObjectRequest(bucket=bucket, key="k"), target)
    same(target.getvalue(), body)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        downloader = sdk.downloader(part_size=400_000, parallel_num=3, enable_checkpoint=True, checkpoint_dir=folder)
        result = downloader.download_file(oss.GetObjectRequest(bucket=bucket, key="k"), path)
        same((result.written, open(path, "rb").read()), (len(body), body))
        uploader = sdk.uploader(part_size=500_000, enable_checkpoint=True, checkpoint_dir=folder)
        result = uploader.upload_file(oss.PutObjectRequest(bucket=bucket, key="dir/é +"), path)
        same(result.hash_crc64, crc64(body))
        same(hashlib.sha256(await read(api, bucket, "dir/é +")).digest(), hashlib.sha256(body).digest())
        sdk.get_object_to_file(oss.GetObjectRequest(bucket=bucket, key="k"), path)
        same(open(path, "rb").read(), body)
        same(sdk.put_object_from_file(oss.PutObjectRequest(bucket=bucket, key="whole"), path).hash_crc64, crc64(body))
    try:
        sdk.downloader().download_to(oss.GetObjectRequest(bucket=bucket, key="none"), io.BytesIO())
        raise AssertionError("downloaded what is not there")
    except (oss.DownloadError, oss.exceptions.OperationError) as error:
        expect("NoSuchKey" in str(error), error)


@case(forms=SYNC)
async def copier(api, bucket):
    body = pattern(1_500_000)
    await put(api, bucket, "source", body, metadata={"a": "1"}, tagging="t=1", content_type="text/a")
    result = api.client.copier(part_size=300_000, parallel_num=3, multipart_copy_threshold=300_000).copy(
        oss.CopyObjectRequest(bucket=bucket, key="copy", source_bucket=bucket, source_key="source"),
        disable_shallow_copy=True,
    )
    same(result.hash_crc64, crc64(body))
    found = await get(api, bucket, "copy")
    same((await content(found), dict(found.metadata), found.tagging_count), (body, {"a": "1"}, 1))
    same((found.content_type, found.object_type), ("text/a", "Multipart"))


@case(forms=SYNC)
async def files(api, bucket):
    body = pattern(100_000)
    with api.client.append_file(bucket=bucket, key="log") as file:
        file.write(body)
        file.write(b"more")
    with api.client.append_file(bucket=bucket, key="log") as file:
        file.write(b"and more")
    whole = body + b"more" + b"and more"
    same(await read(api, bucket, "log"), whole)
    with api.client.open_file(bucket, "log") as file:
        same(file.read(10), whole[:10])
        file.seek(50_000)
        same(file.read(20), whole[50_000:50_020])
        file.seek(-8, os.SEEK_END)
        same(file.read(), b"and more")
    with api.client.open_file(bucket, "log", enable_prefetch=True, chunk_size=10_000, prefetch_num=2) as file:
        same(file.read(), whole)
    try:
        api.client.open_file(bucket, "none")
        raise AssertionError("opened what is not there")
    except oss.PathError as error:
        expect("NoSuchKey" in str(error), error)


@case(forms=SYNC)
async def client_side_encryption(api, bucket):
    from Crypto.PublicKey import RSA

    pair = RSA.generate(1024)
    cipher = oss.crypto.MasterRsaCipher(
        mat_desc={"tag": "value"},
        public_key=pair.publickey().export_key().decode(),
        private_key=pair.export_key().decode(),
    )
    encrypting = oss.EncryptionClient(api.client, cipher)
    body = pattern(100_000)
    encrypting.put_object(oss.PutObjectRequest(bucket=bucket, key="k", body=body, metadata={"a": "1"}))
    stored = await get(api, bucket, "k")
    expect(await content(stored) != body, "what is stored is encrypted")
    expect("client-side-encryption-key" in dict(stored.metadata), "the key is with it")
    same(encrypting.get_object(oss.GetObjectRequest(bucket=bucket, key="k")).body.read(), body)
    part = encrypting.get_object(oss.GetObjectRequest(bucket=bucket, key="k", range_header="bytes=1007-5000"))
    same(part.body.read(), body[1007:5001])

    upload = encrypting.initiate_multipart_upload(
        oss.InitiateMultipartUploadRequest(bucket=bucket, key="m", cse_part_size=100 * 1024, cse_data_size=250_000)
    )
    body = pattern(250_000)
    parts = []
    for number, start in enumerate(range(0, len(body), 100 * 1024), 1):
        result = encrypting.upload_part(
            oss.UploadPartRequest(
                bucket=bucket, key="m", upload_id=upload.upload_id, part_number=number,
                cse_multipart_context=upload.cse_multipart_context, body=body[start : start + 100 * 1024],
            )
        )
        parts.append(oss.UploadPart(part_number=number, etag=result.etag))
    listed = encrypting.list_parts(oss.ListPartsRequest(bucket=bucket, key="m", upload_id=upload.upload_id))
    same((int(listed.client_encryption_data_size), int(listed.client_encryption_part_size)), (250_000, 100 * 1024))
    expect(listed.client_encryption_key and listed.client_encryption_start and listed.client_encryption_cek_alg, "how")
    encrypting.complete_multipart_upload(
        oss.CompleteMultipartUploadRequest(
            bucket=bucket, key="m", upload_id=upload.upload_id,
            complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
        )
    )
    same(encrypting.get_object(oss.GetObjectRequest(bucket=bucket, key="m")).body.read(), body)
    await refused(get(api, bucket, "none"), "NoSuchKey", 404)
