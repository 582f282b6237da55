"""Policies, access points, and what keeps the public out."""

import json

import alibabacloud_oss_v2 as oss
from cases.configurations import owner
from harness import REGION, case, expect, same
from sdk import open_to_public, put, read, refused

BLOCK = oss.PublicAccessBlockConfiguration


def policy(effect, principal, actions, *resources):
    return json.dumps(
        {
            "Version": "1",
            "Statement": [
                {"Effect": effect, "Principal": principal, "Action": actions, "Resource": list(resources)}
            ],
        }
    )


@case
async def bucket_policy(api, bucket):
    anonymous = api.anonymous()
    set_to = lambda text: api.put_bucket_policy(bucket=bucket, body=text)
    missing = lambda: refused(api.get_bucket_policy(bucket=bucket), "NoSuchBucketPolicy", 404)
    status = lambda: api.get_bucket_policy_status(bucket=bucket)
    await missing()
    same((await status()).policy_status.is_public, False)
    await refused(anonymous.get_bucket_policy_status(bucket=bucket), "AccessDenied", 403)
    await put(api, bucket, "open/k", b"x")
    await put(api, bucket, "closed/k", b"x")
    await refused(read(anonymous, bucket, "open/k"), "AccessDenied", 403)
    text = policy("Allow", ["*"], ["oss:GetObject"], f"acs:oss:*:*:{bucket}/open/*")
    await refused(set_to(text), "AccessDenied", 403, message="Put public bucket policy is not allowed")
    await open_to_public(api, bucket)
    text = policy("Allow", ["*"], ["oss:GetObject"], f"acs:oss:*:*:{bucket}/open/*")
    await set_to(text)
    same((await api.get_bucket_policy(bucket=bucket)).body, text, "byte for byte")
    same((await status()).policy_status.is_public, True)
    same(await read(anonymous, bucket, "open/k"), b"x")
    await refused(read(anonymous, bucket, "closed/k"), "AccessDenied", 403)
    await refused(put(anonymous, bucket, "open/k", b"y"), "AccessDenied", 403)
    account = await owner(api, bucket)
    await set_to(policy("Allow", [account], ["oss:GetObject"], f"acs:oss:*:{account}:{bucket}/*"))
    same((await status()).policy_status.is_public, False)
    for bad in ("", "{", '{"Version":"1"}', text.replace("Allow", "Perhaps"), text.replace('"1"', '"7"')):
        await refused(set_to(bad), "InvalidPolicyDocument", 400)
    same((await api.delete_bucket_policy(bucket=bucket)).status_code, 204)
    await missing()
    await refused(read(anonymous, bucket, "open/k"), "AccessDenied", 403)
    await refused(anonymous.delete_bucket_policy(bucket=bucket), "AccessDenied", 403)


@case
async def bucket_public_access_block(api, bucket):
    set_to = lambda block: api.put_bucket_public_access_block(
        bucket=bucket, public_access_block_configuration=BLOCK(block_public_access=block)
    )
    found = lambda: api.get_bucket_public_access_block(bucket=bucket)
    await set_to(False)
    same((await found()).public_access_block_configuration.block_public_access, False)
    await set_to(True)
    same((await found()).public_access_block_configuration.block_public_access, True)
    same((await api.get_bucket_info(bucket=bucket)).bucket_info.block_public_access, True)
    await refused(api.put_bucket_acl(bucket=bucket, acl="public-read"), "AccessDenied", 403)
    await refused(set_to(None), "MalformedXML", 400)
    same((await api.delete_bucket_public_access_block(bucket=bucket)).status_code, 204)
    for call in (api.get_bucket_public_access_block, api.delete_bucket_public_access_block):
        await refused(call(bucket=bucket + "-none"), "NoSuchBucket", 404, ec="0015-00000101")
    await refused(api.anonymous().delete_bucket_public_access_block(bucket=bucket), "AccessDenied", 403)


@case
async def public_access_block(api, bucket):
    """That of the account."""
    set_to = lambda block, api=api: api.put_public_access_block(
        public_access_block_configuration=BLOCK(block_public_access=block)
    )
    try:
        for block in (True, False):
            await set_to(block)
            found = await api.get_public_access_block()
            same(found.public_access_block_configuration.block_public_access, block)
        await refused(set_to(None), "MalformedXML", 400)
        wrong = api.other(key_id="invalid-ak")
        for call in (set_to(True, wrong), wrong.get_public_access_block(), wrong.delete_public_access_block()):
            await refused(call, "InvalidAccessKeyId", 403, ec="0002-00000902")
    finally:
        same((await api.delete_public_access_block()).status_code, 204)


@case
async def access_points(api, bucket):
    account = await owner(api, bucket)
    first, second = f"ap-{bucket[8:]}-1", f"ap-{bucket[8:]}-2"

    def create(name, origin="internet", **more):
        return api.create_access_point(
            bucket=bucket,
            create_access_point_configuration=oss.CreateAccessPointConfiguration(
                access_point_name=name, network_origin=origin, **more
            ),
        )

    named = lambda call, name=first, **more: call(bucket=bucket, access_point_name=name, **more)
    await refused(named(api.get_access_point), "NoSuchAccessPoint", 404)
    await refused(named(api.delete_access_point), "NoSuchAccessPoint", 404)
    created = await create(first)
    same(created.access_point_arn, f"acs:oss:{REGION}:{account}:accesspoint/{first}")
    expect(created.alias.startswith(first) and created.alias.endswith("-ossalias"), created.alias)
    await create(second, "vpc", vpc_configuration=oss.AccessPointVpcConfiguration(vpc_id="vpc-1"))
    await refused(create(first), "AccessPointAlreadyExists", 409)
    await refused(create("x", "carrier-pigeon"), "MalformedXML", 400)
    found = await named(api.get_access_point)
    same(
        (found.access_point_name, found.bucket, found.account_id, found.network_origin),
        (first, bucket, account, "internet"),
    )
    same((found.access_point_arn, found.alias, found.status), (created.access_point_arn, created.alias, "enable"))
    expect(found.endpoints.public_endpoint and found.endpoints.internal_endpoint and found.creation_date, "members")
    same((await named(api.get_access_point, second)).vpc_configuration.vpc_id, "vpc-1")
    page = await api.list_access_points(bucket=bucket, max_keys=1, continuation_token="")
    same(
        ([item.access_point_name for item in page.access_points], page.max_keys, page.is_truncated), ([first], 1, True)
    )
    page = await api.list_access_points(bucket=bucket, max_keys=1, continuation_token=page.next_continuation_token)
    same(([item.access_point_name for item in page.access_points], page.is_truncated), ([second], False))
    page = await api.list_access_points(max_keys=100)
    names = [item.access_point_name for item in page.access_points if item.bucket == bucket]
    same(names, [first, second], "those of the account")
    await refused(api.list_access_points(bucket=bucket, max_keys=0), "InvalidArgument", 400)

    text = policy(
        "Deny", [account], ["oss:PutObject"], created.access_point_arn, f"{created.access_point_arn}/object/*"
    )
    await refused(named(api.get_access_point_policy), "NoSuchAccessPointPolicy", 404)
    await named(api.put_access_point_policy, body=text)
    same((await named(api.get_access_point_policy)).body, text)
    await refused(named(api.put_access_point_policy, body="{"), "InvalidPolicyDocument", 400)
    same((await named(api.delete_access_point_policy)).status_code, 204)
    await refused(named(api.get_access_point_policy), "NoSuchAccessPointPolicy", 404)
    await refused(named(api.delete_access_point_policy, "none"), "NoSuchAccessPoint", 404)

    configuration = lambda block: {"public_access_block_configuration": BLOCK(block_public_access=block)}
    for block in (True, False):
        await named(api.put_access_point_public_access_block, **configuration(block))
        found = await named(api.get_access_point_public_access_block)
        same(found.public_access_block_configuration.block_public_access, block)
    await refused(named(api.put_access_point_public_access_block, **configuration(None)), "MalformedXML", 400)
    await refused(named(api.get_access_point_public_access_block, "none"), "NoSuchAccessPoint", 404)
    await refused(named(api.delete_access_point_public_access_block, "none"), "NoSuchAccessPoint", 404)
    same((await named(api.delete_access_point_public_access_block)).status_code, 204)
    for name in (first, second):
        same((await named(api.delete_access_point, name)).status_code, 204)
    same((await api.list_access_points(bucket=bucket)).access_points or [], [])


@case
async def access_points_for_object_process(api, bucket):
    """The SDK has no functions for these."""
    account = await owner(api, bucket)
    point, name = f"ap-{bucket[8:]}", f"fc-{bucket[8:]}"
    await api.create_access_point(
        bucket=bucket,
        create_access_point_configuration=oss.CreateAccessPointConfiguration(
            access_point_name=point, network_origin="internet"
        ),
    )
    process = (
        "<ObjectProcessConfiguration>"
        "<AllowedFeatures><AllowedFeature>GetObject-Range</AllowedFeature></AllowedFeatures>"
        "<TransformationConfigurations><TransformationConfiguration><Actions><Action>GetObject</Action></Actions>"
        "<ContentTransformation><FunctionCompute>"
        f"<FunctionArn>acs:fc:{REGION}:{account}:services/s.LATEST/functions/f</FunctionArn>"
        f"<FunctionAssumeRoleArn>acs:ram::{account}:role/fc</FunctionAssumeRoleArn>"
        "</FunctionCompute></ContentTransformation></TransformationConfiguration></TransformationConfigurations>"
        "</ObjectProcessConfiguration>"
    )

    def call(operation, method, kind, name=name, body=None, bucket=bucket):
        headers = {"x-oss-access-point-for-object-process-name": name} if name else {}
        if body is not None:
            headers["Content-Type"] = "application/xml"
        return api.invoke(
            f"{operation}ForObjectProcess", method, bucket, parameters={f"accessPoint{kind}ForObjectProcess": ""},
            headers=headers, body=body,
        )

    def create(body, **more):
        root = "CreateAccessPointForObjectProcessConfiguration"
        return call("CreateAccessPoint", "PUT", "", body=f"<{root}>{body}</{root}>".encode(), **more)

    def configure(body, **more):
        root = "PutAccessPointConfigForObjectProcessConfiguration"
        return call("PutAccessPointConfig", "PUT", "Config", body=f"<{root}>{body}</{root}>".encode(), **more)

    missing = "NoSuchAccessPointForObjectProcess"
    await refused(call("GetAccessPoint", "GET", ""), missing, 404)
    await refused(create(""), "MalformedXML", 400)
    await refused(create("", bucket=bucket + "-none"), "NoSuchBucket", 404, ec="0015-00000101")
    created = await create(f"<AccessPointName>{point}</AccessPointName>{process}")
    same(
        created.text("AccessPointForObjectProcessArn"), f"acs:oss:{REGION}:{account}:accesspointforobjectprocess/{name}"
    )
    expect(created.text("AccessPointForObjectProcessAlias"), "an alias")
    found = await call("GetAccessPoint", "GET", "")
    same((found.text("AccessPointNameForObjectProcess"), found.text("AccessPointName")), (name, point))
    same((found.text("Status"), found.text("AccountId")), ("enable", account))
    listed = lambda api: api.invoke(
        "ListAccessPointsForObjectProcess", "GET", parameters={"accessPointForObjectProcess": "", "max-keys": "100"},
        signed=["accessPointForObjectProcess"],
    )
    names = (await listed(api)).texts(
        "AccessPointsForObjectProcess/AccessPointForObjectProcess/AccessPointNameForObjectProcess"
    )
    expect(name in names, names)
    await refused(listed(api.other(key_id="invalid-ak")), "InvalidAccessKeyId", 403, ec="0002-00000902")

    found = await call("GetAccessPointConfig", "GET", "Config")
    path = "ObjectProcessConfiguration/AllowedFeatures/AllowedFeature"
    same(found.texts(path), ["GetObject-Range"])
    block = "PublicAccessBlockConfiguration"
    await configure(
        process.replace("GetObject-Range", "GetObject-PartNumber")
        + f"<{block}><BlockPublicAccess>true</BlockPublicAccess></{block}>"
    )
    found = await call("GetAccessPointConfig", "GET", "Config")
    same(
        (found.texts(path), found.text("PublicAccessBlockConfiguration/BlockPublicAccess")),
        (["GetObject-PartNumber"], "true"),
    )
    await refused(configure(""), "MalformedXML", 400)
    await refused(call("GetAccessPointConfig", "GET", "Config", name="none"), missing, 404)

    text = policy(
        "Allow", [account], ["oss:GetObject"], f"acs:oss:{REGION}:{account}:accesspointforobjectprocess/{name}/object/*"
    )
    gone = "NoSuchAccessPointPolicy"
    await refused(call("GetAccessPointPolicy", "GET", "Policy"), gone, 404)
    await call("PutAccessPointPolicy", "PUT", "Policy", body=text.encode())
    same((await call("GetAccessPointPolicy", "GET", "Policy")).body.decode(), text)
    await refused(call("PutAccessPointPolicy", "PUT", "Policy", body=b"{"), "InvalidPolicyDocument", 400)
    same((await call("DeleteAccessPointPolicy", "DELETE", "Policy")).status_code, 204)
    await refused(call("GetAccessPointPolicy", "GET", "Policy"), gone, 404)
    await refused(call("DeleteAccessPointPolicy", "DELETE", "Policy", name="none"), missing, 404)
    same((await call("DeleteAccessPoint", "DELETE", "")).status_code, 204)
    await refused(call("DeleteAccessPoint", "DELETE", ""), missing, 404)
    await api.delete_access_point(bucket=bucket, access_point_name=point)


@case
async def write_get_object_response(api, bucket):
    """It answers a request that waits for a function; none does, since no function can be called."""
    headers = {
        "x-oss-request-route": "route", "x-oss-request-token": "token", "x-oss-fwd-status": "200",
        "Content-Type": "application/octet-stream",
    }
    write = lambda headers: api.invoke(
        "WriteGetObjectResponse", "POST", parameters={"x-oss-write-get-object-response": ""}, headers=headers, body=b"x"
    )
    await refused(write(headers), "InvalidArgument", 400)
