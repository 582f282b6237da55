"""Who may: signatures, credentials, signed URLs."""

import datetime

import alibabacloud_oss_v2 as oss
from cases.access import policy
from harness import CREDENTIALS, ENDPOINT, KEY_ID, KEY_SECRET, ODD_KEYS, REGION, case, expect, pattern, same
from local import fetch
from sdk import V4, get, head, put, read, refused


@case
async def wrong_secret(api, bucket):
    wrong = api.other(secret="wrong-" + KEY_SECRET)
    error = await refused(put(wrong, bucket, "k", b"x"), "SignatureDoesNotMatch", 403)
    if api.form in V4:
        expect(error.error_fileds.get("StringToSign", "").startswith("OSS4-HMAC-SHA256\n"), "the string to sign")
        expect("CanonicalRequest" in error.error_fileds, "the canonical request")
    else:
        expect(error.error_fileds.get("StringToSign", "").startswith("PUT\n"), "the string to sign")
    expect(KEY_SECRET not in str(error.error_fileds), "no secret")
    await refused(wrong.list_objects_v2(bucket=bucket), "SignatureDoesNotMatch", 403)
    await refused(head(wrong, bucket, "k"), "SignatureDoesNotMatch", 403)
    await refused(put(wrong, bucket, "k", pattern(3_000_000)), "SignatureDoesNotMatch", 403)


@case
async def wrong_key_id(api, bucket):
    wrong = api.other(key_id="invalid-ak")
    await refused(
        wrong.list_buckets(), "InvalidAccessKeyId", 403, ec="0002-00000902",
        message="The OSS Access Key Id you provided does not exist in our records.",
    )
    await refused(wrong.put_bucket(bucket=bucket + "-x"), "InvalidAccessKeyId", 403)
    await refused(wrong.put_bucket_acl(bucket=bucket + "-x", acl="private"), "InvalidAccessKeyId", 403)
    await refused(head(wrong, bucket, "k"), "InvalidAccessKeyId", 403)


@case
async def missing_bucket(api, bucket):
    name = bucket + "-none"
    for some in (api, api.other(key_id="invalid-ak"), api.other(secret="wrong"), api.anonymous()):
        for call in (
            some.list_objects_v2(bucket=name),
            some.list_objects(bucket=name),
            some.get_bucket_acl(bucket=name),
            some.get_bucket_stat(bucket=name),
            put(some, name, "k", b"x"),
            get(some, name, "k"),
            head(some, name, "k"),
            some.delete_bucket(bucket=name),
        ):
            await refused(
                call, "NoSuchBucket", 404, ec="0015-00000101", message="The specified bucket does not exist."
            )


@case
async def unknown_token(api, bucket):
    await refused(api.other(token="unknown").list_buckets(), "InvalidSecurityToken", 403)
    signed = await api.other(token="unknown").presign(oss.GetObjectRequest(bucket=bucket, key="k"))
    status, body, _ = fetch(signed.url)
    same((status, b"<Code>InvalidSecurityToken</Code>" in body), (403, True))


@case
async def security_tokens(api, bucket):
    session = api.using("STS.owner")
    for key in ODD_KEYS[:8]:
        await put(session, bucket, key, key.encode())
        same(await read(session, bucket, key), key.encode())
        signed = await session.presign(oss.GetObjectRequest(bucket=bucket, key=key))
        same(fetch(signed.url)[:2], (200, key.encode()), repr(key))
    without = api.other(session_id := "STS.interop-owner", "interop-session-secret")
    await refused(without.list_objects_v2(bucket=bucket), "InvalidAccessKeyId", 403)
    another = api.other(session_id, "interop-session-secret", "another")
    await refused(another.list_objects_v2(bucket=bucket), "InvalidSecurityToken", 403)
    await refused(api.using("STS.past").list_objects_v2(bucket=bucket), "SecurityTokenExpired", 403)


@case
async def another_account(api, bucket):
    """Somebody who is known, but doesn't own the bucket."""
    guest = api.using("guest")
    await put(api, bucket, "k", b"x")
    for call in (
        read(guest, bucket, "k"), put(guest, bucket, "l", b"y"), guest.list_objects_v2(bucket=bucket),
        guest.get_bucket_acl(bucket=bucket), guest.delete_bucket(bucket=bucket),
        guest.delete_object(bucket=bucket, key="k"),
        guest.copy_object(bucket=bucket, key="l", source_key="k"),
    ):
        await refused(call, "AccessDenied", 403)
    await refused(guest.put_bucket(bucket=bucket), "BucketAlreadyExists", 409)
    same([item.name for item in (await guest.list_buckets(prefix=bucket)).buckets or []], [])
    account = (await guest.list_buckets()).owner.id
    same(account, CREDENTIALS["guest"]["accountId"])
    text = policy(
        "Allow", [account], ["oss:GetObject", "oss:ListObjects"], f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"
    )
    await api.put_bucket_policy(bucket=bucket, body=text)
    same(await read(guest, bucket, "k"), b"x")
    same((await guest.list_objects_v2(bucket=bucket)).key_count, 1)
    await refused(put(guest, bucket, "l", b"y"), "AccessDenied", 403)
    for principal in ("*", CREDENTIALS["owner"]["accountId"]):
        text = policy("Deny", [principal], ["oss:GetObject"], f"acs:oss:*:*:{bucket}/*")
        await api.put_bucket_policy(bucket=bucket, body=text)
        await refused(read(guest, bucket, "k"), "AccessDenied", 403)
        if principal == "*":
            same(await read(api, bucket, "k"), b"x", "everybody is not the owner")
        else:
            await refused(read(api, bucket, "k"), "AccessDenied", 403)
    await api.delete_bucket_policy(bucket=bucket)
    same(await read(api, bucket, "k"), b"x")


@case
async def requester_pays(api, bucket):
    guest = api.using("guest")
    await put(api, bucket, "k", b"x")
    await api.put_bucket_policy(
        bucket=bucket,
        body=policy(
            "Allow", [CREDENTIALS["guest"]["accountId"]], ["oss:*"], f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"
        ),
    )
    await api.put_bucket_request_payment(
        bucket=bucket, request_payment_configuration=oss.RequestPaymentConfiguration(payer="Requester")
    )
    for call in (read(guest, bucket, "k"), put(guest, bucket, "l", b"y"), head(guest, bucket, "k")):
        await refused(call, "AccessDenied", 403, message="Access denied for requester pay bucket")
    same(await read(guest, bucket, "k", request_payer="requester"), b"x")
    await put(guest, bucket, "l", b"y", request_payer="requester")
    same(await read(api, bucket, "l"), b"y", "the owner need not say so")


@case(forms=V4)
async def another_region(api, bucket):
    await refused(api.other(region="cn-beijing").list_objects_v2(bucket=bucket), "InvalidArgument", 400)


@case
async def clock_that_is_wrong(api, bucket):
    """The SDK takes the time of the signature from x-oss-date, where the request sets it."""
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    date = then.strftime("%a, %d %b %Y %H:%M:%S GMT")
    await refused(
        api.get_bucket_acl(bucket=bucket, headers={"x-oss-date": date}), "RequestTimeTooSkewed", 403
    )


class WithAdditionalHeaders(oss.signer.SignerV4):
    """The SDK has a setting for these, but does not pass it on to its signer."""

    def sign(self, signing_ctx):
        signing_ctx.additional_headers = {"host", "email", "x-not-there"}
        signing_ctx.request.headers["host"] = ENDPOINT.removeprefix("http://")
        super().sign(signing_ctx)


@case(forms=V4)
async def additional_headers(api, bucket):
    signed = api.signing_by(WithAdditionalHeaders())
    await signed.put_object(bucket=bucket, key="k", body=b"x", headers={"email": "a@b"})
    same(await read(signed, bucket, "k"), b"x")
    url = (await signed.presign(oss.GetObjectRequest(bucket=bucket, key="k", headers={"email": "a@b"}))).url
    same(fetch(url, headers={"email": "a@b"})[:2], (200, b"x"))
    same(fetch(url, headers={"email": "c@d"})[0], 403, "another value than was signed")
    same(fetch(url)[0], 400, "an additional header that is missing")


@case
async def presigned(api, bucket):
    v4 = api.form in V4
    for key in ["k", " !@#$%^&*()_+-=;'><,?.txt", "dir//é/%2F+"]:
        request = oss.PutObjectRequest(bucket=bucket, key=key, content_type="text/p", metadata={"a": "b"})
        signed = await api.presign(request)
        same(fetch(signed.url, signed.method, b"presigned", dict(signed.signed_headers))[0], 200, key)
        signed = await api.presign(oss.GetObjectRequest(bucket=bucket, key=key))
        status, body, headers = fetch(signed.url)
        same((status, body, headers["Content-Type"], headers["x-oss-meta-a"]), (200, b"presigned", "text/p", "b"), key)
        signed = await api.presign(oss.HeadObjectRequest(bucket=bucket, key=key))
        status, body, headers = fetch(signed.url, "HEAD")
        same((status, headers["Content-Length"]), (200, "9"))
        signed = await api.presign(oss.GetObjectRequest(bucket=bucket, key=key, response_content_type="text/q"))
        same(fetch(signed.url)[2]["Content-Type"], "text/q")
    signed = await api.presign(oss.PutObjectRequest(bucket=bucket, key="k", content_type="text/p"))
    status, body, _ = fetch(signed.url, "PUT", b"x", {"Content-Type": "text/other"})
    same((status, b"<Code>SignatureDoesNotMatch</Code>" in body), (403, True), "another type than was signed")
    status, body, _ = fetch(signed.url.replace("/k?", "/other?"), "PUT", b"x", {"Content-Type": "text/p"})
    same(status, 403, "another key than was signed")
    signed = await api.presign(oss.GetObjectRequest(bucket=bucket, key="k"), expires=datetime.timedelta(seconds=600))
    same(fetch(signed.url)[0], 200)
    expiry = "x-oss-expires=" if v4 else "Expires="
    same(fetch(signed.url.replace(expiry, expiry + "1"))[0], 403, "another expiry than was signed")
    same(fetch(signed.url + "&response-content-type=text/x")[0], 403, "a parameter more than was signed")


@case
async def presigned_and_expired(api, bucket):
    await put(api, bucket, "k", b"x")
    now = datetime.datetime.now(datetime.timezone.utc)
    signer = oss.signer.SignerV4() if api.form in V4 else oss.signer.SignerV1()
    context = oss.SigningContext(
        product="oss", region=REGION, bucket=bucket, key="k",
        credentials=oss.credentials.Credentials(KEY_ID, KEY_SECRET),
        request=oss.HttpRequest("GET", f"{ENDPOINT}/{bucket}/k"), signing_time=now - datetime.timedelta(seconds=60),
    )
    context.auth_method_query = True
    context.expiration_time = now - datetime.timedelta(seconds=5)
    signer.sign(context)
    status, body, _ = fetch(context.request.url)
    same((status, b"<Code>AccessDenied</Code>" in body), (403, True), body)


@case
async def presigned_odd_keys(api, bucket):
    for key in ODD_KEYS:
        signed = await api.presign(oss.PutObjectRequest(bucket=bucket, key=key))
        same(fetch(signed.url, "PUT", key.encode(), dict(signed.signed_headers))[0], 200, repr(key))
        same(await read(api, bucket, key), key.encode(), repr(key))


@case
async def presigned_multipart(api, bucket):
    signed = await api.presign(oss.InitiateMultipartUploadRequest(bucket=bucket, key="k"))
    status, body, _ = fetch(signed.url, "POST", None, dict(signed.signed_headers))
    same(status, 200)
    upload_id = body.decode().split("<UploadId>")[1].split("<")[0]
    signed = await api.presign(oss.UploadPartRequest(bucket=bucket, key="k", upload_id=upload_id, part_number=1))
    same(fetch(signed.url, "PUT", b"part", dict(signed.signed_headers))[0], 200)
    signed = await api.presign(
        oss.CompleteMultipartUploadRequest(bucket=bucket, key="k", upload_id=upload_id, complete_all="yes")
    )
    same(fetch(signed.url, "POST", None, dict(signed.signed_headers))[0], 200)
    same(await read(api, bucket, "k"), b"part")
    upload_id = (await api.initiate_multipart_upload(bucket=bucket, key="k")).upload_id
    signed = await api.presign(oss.AbortMultipartUploadRequest(bucket=bucket, key="k", upload_id=upload_id))
    same(fetch(signed.url, "DELETE", None, dict(signed.signed_headers))[0], 204)
    same(fetch(signed.url, "DELETE", None, dict(signed.signed_headers))[0], 404)


@case
async def header_values(api, bucket):
    """Values with spaces and other bytes than letters, as they go into the signature."""
    metadata = {"spaces": "a  b", "plus": "+%20&=", "quote": "\"'<>"}
    await put(api, bucket, "k", b"x", metadata=metadata, content_type="text/plain; charset=utf-8", tagging="a=b%20c")
    same(dict((await head(api, bucket, "k")).metadata), metadata)
