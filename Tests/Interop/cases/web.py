"""What browsers and curl ask for, without any SDK: public objects, forms, preflight requests, web sites."""

import base64
import datetime
import hashlib
import hmac
import json
import re

import alibabacloud_oss_v2 as oss
from harness import ENDPOINT, KEY_ID, KEY_SECRET, REGION, case, expect, same
from local import Receiver, fetch, url
from sdk import get, head, open_to_public, put, read


def code(body):
    found = re.search(rb"<Code>(.*)</Code>", body)
    return found and found[1].decode()


@case(forms=["sync"])
async def anonymous_access(api, bucket):
    await open_to_public(api, bucket)
    await put(api, bucket, "closed", b"closed")
    await put(api, bucket, "open", b"open", acl="public-read", content_type="text/plain")
    status, body, _ = fetch(url(bucket, "closed"))
    same((status, code(body)), (403, "AccessDenied"))
    status, body, headers = fetch(url(bucket, "open"))
    same((status, body, headers["Content-Type"]), (200, b"open", "text/plain"))
    same(fetch(url(bucket, "open"), "HEAD")[2]["Content-Length"], "4")
    status, body, _ = fetch(url(bucket, "open"), "PUT", b"x")
    same((status, code(body)), (403, "AccessDenied"))
    same(fetch(url(bucket, "open"), "DELETE")[0], 403)
    status, body, _ = fetch(url(bucket, "", "list-type=2"))
    same((status, code(body)), (403, "AccessDenied"))
    status, body, _ = fetch(ENDPOINT + "/")
    same((status, code(body)), (403, "AccessDenied"))
    await api.put_bucket_acl(bucket=bucket, acl="public-read")
    same(fetch(url(bucket, "closed"))[:2], (200, b"closed"))
    status, body, _ = fetch(url(bucket, "", "list-type=2&prefix=o"))
    same((status, re.findall(rb"<Key>(.*?)</Key>", body)), (200, [b"open"]))
    expect(b"xmlns" not in body, "no name space, it would stop other clients")
    await api.put_bucket_acl(bucket=bucket, acl="public-read-write")
    same(fetch(url(bucket, "written"), "PUT", b"by anybody")[0], 200)
    same(await read(api, bucket, "written"), b"by anybody")
    same(fetch(url(bucket, "", "acl"))[0], 403, "the ACL stays the owner's")


@case(forms=["sync"])
async def virtual_hosts(api, bucket):
    await open_to_public(api, bucket)
    await put(api, bucket, "dir/k", b"x", acl="public-read")
    host = f"{bucket}.localhost:{ENDPOINT.rsplit(':', 1)[1]}"
    same(fetch(f"{ENDPOINT}/dir/k", headers={"Host": host})[:2], (200, b"x"))
    status, body, _ = fetch(f"{ENDPOINT}/dir/k", headers={"Host": f"no-{host}"})
    same((status, code(body)), (404, "NoSuchBucket"))


# Forms


def policy(bucket, conditions, seconds=600):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    document = {"expiration": end.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": [{"bucket": bucket}] + conditions}
    return base64.b64encode(json.dumps(document).encode()).decode()


def signed_v1(bucket, conditions, secret=KEY_SECRET, **more):
    text = policy(bucket, conditions, **more)
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return {"policy": text, "OSSAccessKeyId": KEY_ID, "Signature": signature}


def signed_v4(bucket, conditions, secret=KEY_SECRET, **more):
    now = datetime.datetime.now(datetime.timezone.utc)
    day, time = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    fields = {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": f"{KEY_ID}/{day}/{REGION}/oss/aliyun_v4_request", "x-oss-date": time,
    }
    text = policy(bucket, conditions + [{name: value} for name, value in fields.items()], **more)
    key = ("aliyun_v4" + secret).encode()
    for step in (day, REGION, "oss", "aliyun_v4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return fields | {"policy": text, "x-oss-signature": signature}


def post(bucket, fields, body=b"from a form", name="file.txt", kind="text/plain"):
    return fetch(url(bucket), "POST", dict(fields), files={"file": (name, body, kind)})


@case(forms=["sync"])
async def post_object(api, bucket):
    for sign in (signed_v1, signed_v4):
        fields = {"key": f"dir/{sign.__name__}-${{filename}}", "x-oss-meta-a": "1", "x-oss-object-acl": "private"}
        status, body, headers = post(bucket, fields | sign(bucket, [["starts-with", "$key", "dir/"]]))
        same((status, body), (204, b""), body)
        same(headers["ETag"], f'"{hashlib.md5(b"from a form").hexdigest().upper()}"')
        found = await get(api, bucket, f"dir/{sign.__name__}-file.txt")
        same((found.body.read(), dict(found.metadata), found.content_type), (b"from a form", {"a": "1"}, "text/plain"))

        status, body, _ = post(bucket, fields | sign(bucket, [["starts-with", "$key", "other/"]]))
        same((status, code(body)), (403, "AccessDenied"), "a key that the policy doesn't allow")
        status, body, _ = post(bucket, fields | sign(bucket, [["content-length-range", 0, 5]]))
        same((status, code(body)), (400, "EntityTooLarge"))
        status, body, _ = post(bucket, fields | sign(bucket, [["content-length-range", 100, 200]]))
        same((status, code(body)), (400, "EntityTooSmall"))
        status, body, _ = post(bucket, fields | sign(bucket, [["eq", "$x-oss-meta-a", "2"]]))
        same((status, code(body)), (403, "AccessDenied"))
        status, body, _ = post(bucket, fields | sign(bucket, [], seconds=-5))
        same((status, code(body)), (403, "AccessDenied"), "a policy that has expired")
        status, body, _ = post(bucket, fields | sign(bucket, [], secret="wrong"))
        same((status, code(body)), (403, "SignatureDoesNotMatch"))
        status, body, _ = post(bucket, fields | sign("other-" + bucket, []))
        same((status, code(body)), (403, "AccessDenied"), "another bucket's policy")

        status, body, _ = post(bucket, fields | sign(bucket, []) | {"success_action_status": "201"})
        same((status, b"<PostResponse>" in body), (201, True))
        redirect = {"success_action_redirect": "http://127.0.0.1:9/done?a=b"}
        status, body, headers = post(bucket, fields | sign(bucket, []) | redirect)
        same((status, headers["Location"].startswith("http://127.0.0.1:9/done?a=b&bucket=" + bucket)), (303, True))
    status, body, _ = post(bucket, {"key": "k"} | signed_v1(bucket, []) | {"OSSAccessKeyId": "invalid-ak"})
    same((status, code(body)), (403, "InvalidAccessKeyId"))
    status, body, _ = post(bucket, {"key": "k"})
    same((status, code(body)), (403, "AccessDenied"), "anonymous")
    status, body, _ = post(bucket, {})
    expect(status in (400, 403), "no key")
    status, body, _ = post(bucket + "-none", {"key": "k"})
    same((status, code(body)), (404, "NoSuchBucket"))
    await open_to_public(api, bucket)
    await api.put_bucket_acl(bucket=bucket, acl="public-read-write")
    same(post(bucket, {"key": "by anybody"})[0], 204)
    same(await read(api, bucket, "by anybody"), b"from a form")
    status, body, _ = fetch(url(bucket), "POST", b"no form", {"Content-Type": "multipart/form-data; boundary=b"})
    same((status, code(body)), (400, "MalformedPOSTRequest"))


@case(forms=["sync"])
async def post_object_calls_back(api, bucket):
    with Receiver(b'{"answer":"fine"}') as server:
        callback = {"callbackUrl": server.url, "callbackBody": "key=${object}&size=${size}&mine=${x:mine}"}
        fields = {"key": "k", "x:mine": "yes", "callback": base64.b64encode(json.dumps(callback).encode()).decode()}
        status, body, _ = post(bucket, fields | signed_v1(bucket, []))
        same((status, body, server.bodies), (200, b'{"answer":"fine"}', [b"key=k&size=11&mine=yes"]))
        same(server.headers[0]["Content-Type"], "application/x-www-form-urlencoded")


# Other origins


@case(forms=["sync"])
async def preflight(api, bucket):
    await open_to_public(api, bucket)
    await put(api, bucket, "k", b"x", acl="public-read")
    await api.put_bucket_cors(
        bucket=bucket,
        cors_configuration=oss.CORSConfiguration(
            cors_rules=[
                oss.CORSRule(
                    allowed_origins=["https://*.example.com"], allowed_methods=["GET", "PUT"], allowed_headers=["*"],
                    expose_headers=["ETag"], max_age_seconds=60,
                )
            ],
            response_vary=True,
        ),
    )
    ask = lambda **headers: fetch(
        url(bucket, "k"), "OPTIONS", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    origin = {"Origin": "https://a.example.com"}
    status, _, headers = ask(
        **origin, Access_Control_Request_Method="PUT", Access_Control_Request_Headers="x-one, Authorization"
    )
    same(
        (status, headers["Access-Control-Allow-Origin"], headers["Access-Control-Allow-Methods"]),
        (200, "https://a.example.com", "GET, PUT"),
    )
    same((headers["Access-Control-Max-Age"], headers["Access-Control-Expose-Headers"]), ("60", "ETag"))
    same(
        [name.strip().lower() for name in headers["Access-Control-Allow-Headers"].split(",")],
        ["x-one", "authorization"],
    )
    for refused in (
        ask(**origin, Access_Control_Request_Method="DELETE"),
        ask(Origin="https://example.net", Access_Control_Request_Method="GET"),
    ):
        same((refused[0], code(refused[1])), (403, "AccessForbidden"))
    status, body, headers = fetch(url(bucket, "k"), headers=origin)
    same((status, headers["Access-Control-Allow-Origin"], headers["Vary"]), (200, "https://a.example.com", "Origin"))
    expect("Access-Control-Allow-Origin" not in fetch(url(bucket, "k"), headers={"Origin": "https://b.org"})[2], "none")


# Sites


@case(forms=["sync"])
async def website(api, bucket):
    host = {"Host": f"{bucket}.localhost:{ENDPOINT.rsplit(':', 1)[1]}"}
    visit = lambda path, **more: fetch(ENDPOINT + path, headers=host | more)
    await open_to_public(api, bucket)
    await api.put_bucket_acl(bucket=bucket, acl="public-read")
    for key in ("index.html", "error.html", "sub/index.html"):
        await put(api, bucket, key, key.encode(), content_type="text/html")
    rule = lambda number, condition, **redirect: oss.RoutingRule(
        rule_number=number, condition=oss.RoutingRuleCondition(**condition),
        redirect=oss.RoutingRuleRedirect(**redirect)
    )
    await api.put_bucket_website(
        bucket=bucket,
        website_configuration=oss.WebsiteConfiguration(
            index_document=oss.IndexDocument(suffix="index.html", support_sub_dir=True, type=0),
            error_document=oss.ErrorDocument(key="error.html", http_status=404),
            routing_rules=oss.RoutingRules(
                routing_rules=[
                    rule(
                        1, dict(key_prefix_equals="old/", http_error_code_returned_equals=404),
                        redirect_type="External", protocol="http", host_name="127.0.0.1:9", http_redirect_code=302,
                        enable_replace_prefix=True, replace_key_prefix_with="new/",
                    )
                ]
            ),
        ),
    )
    same(visit("/")[:2], (200, b"index.html"))
    same(visit("/sub/")[:2], (200, b"sub/index.html"))
    same(visit("/none")[:2], (404, b"error.html"))
    status, _, headers = visit("/old/page")
    same((status, headers.get("Location")), (302, "http://127.0.0.1:9/new/page"))
    same((await head(api, bucket, "index.html")).content_type, "text/html")
    await api.delete_bucket_website(bucket=bucket)
    status, body, _ = visit("/")
    same((status, b"<ListBucketResult>" in body), (200, True), "a list again")
