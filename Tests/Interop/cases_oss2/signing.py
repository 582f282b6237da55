"""Who may: signatures in headers and URLs, tokens, and nobody in particular."""

import base64
import json
import os
import tempfile
import time

import oss2
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from harness import CREDENTIALS, KEY_ID, KEY_SECRET, ODD_KEYS, case, expect, same
from local import Receiver, fetch
from oss2_api import refused


@case
def wrong_credentials(api, name):
    wrong = api.bucket(name, api.auth(secret="wrong"))
    error = refused(lambda: wrong.put_object("k", b"x"), "SignatureDoesNotMatch", 403)
    expect(KEY_SECRET not in str(error.details), "no secret")
    refused(lambda: wrong.list_objects(), "SignatureDoesNotMatch", 403)
    unknown = api.auth(key_id="invalid-ak")
    refused(
        lambda: api.service(unknown).list_buckets(), "InvalidAccessKeyId", 403, ec="0002-00000902",
        message="The OSS Access Key Id you provided does not exist in our records.",
    )
    refused(lambda: api.bucket(name + "-x", unknown).create_bucket(), "InvalidAccessKeyId", 403)
    refused(lambda: api.bucket(name, unknown).get_object("k"), "InvalidAccessKeyId", 403)
    refused(lambda: api.bucket(name, api.auth(token="unknown")).get_object("k"), "InvalidSecurityToken", 403)
    for auth in (api.auth(), unknown, api.auth(secret="wrong"), oss2.AnonymousAuth()):
        missing = api.bucket(name + "-none", auth)
        for call in (
            missing.list_objects, missing.get_bucket_acl, missing.delete_bucket, lambda: missing.get_object("k")
        ):
            refused(
                call, "NoSuchBucket", 404, ec="0015-00000101", message="The specified bucket does not exist."
            )


@case
def signed_urls(api, name):
    bucket = api.bucket(name)
    for key in ODD_KEYS:
        for slash_safe in (False, True):
            url = bucket.sign_url("PUT", key, 60, headers={"Content-Type": "text/p"}, slash_safe=slash_safe)
            bucket.put_object_with_url(url, key.encode(), headers={"Content-Type": "text/p"})
            url = bucket.sign_url("GET", key, 60, slash_safe=slash_safe)
            same(bucket.get_object_with_url(url).read(), key.encode(), repr(key))
    url = bucket.sign_url("GET", "plain.txt", 60, params={"response-content-type": "text/q"})
    found = bucket.get_object_with_url(url)
    same((found.read(), found.content_type), (b"plain.txt", "text/q"))
    refused(lambda: bucket.get_object_with_url(url + "&response-cache-control=x"), "SignatureDoesNotMatch", 403)
    url = bucket.sign_url("PUT", "k", 60, headers={"Content-Type": "text/p"})
    refused(
        lambda: bucket.put_object_with_url(url, b"x", headers={"Content-Type": "text/q"}), "SignatureDoesNotMatch", 403
    )
    if api.form == "v1":
        # Negative, since the service looks at the time before anything else in this version.
        refused(lambda: bucket.get_object_with_url(bucket.sign_url("GET", "k", -5)), "AccessDenied", 403)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        bucket.get_object_with_url_to_file(bucket.sign_url("GET", "plain.txt", 60), path)
        same(open(path, "rb").read(), b"plain.txt")
        bucket.put_object_with_url_from_file(bucket.sign_url("PUT", "file", 60), path)
        same(bucket.get_object("file").read(), b"plain.txt")
        wrong = api.bucket(name, api.auth(secret="wrong"))
        url = wrong.sign_url("GET", "plain.txt", 60)
        refused(lambda: bucket.get_object_with_url_to_file(url, path), "SignatureDoesNotMatch", 403)
        url = wrong.sign_url("PUT", "plain.txt", 60)
        refused(lambda: bucket.put_object_with_url_from_file(url, path), "SignatureDoesNotMatch", 403)
    url = bucket.sign_url("GET", "plain.txt", 60)
    same(fetch(url, "HEAD")[0], 403, "another method than was signed")


@case
def signed_operations(api, name):
    """URLs of other operations than GetObject and PutObject."""
    bucket = api.bucket(name)
    url = bucket.sign_url("POST", "k", 60, params={"uploads": ""})
    status, body, _ = fetch(url, "POST")
    same(status, 200, body)
    upload_id = body.decode().split("<UploadId>")[1].split("<")[0]
    url = bucket.sign_url("PUT", "k", 60, params={"uploadId": upload_id, "partNumber": "1"})
    same(fetch(url, "PUT", b"part")[0], 200)
    url = bucket.sign_url("POST", "k", 60, params={"uploadId": upload_id}, headers={"x-oss-complete-all": "yes"})
    same(fetch(url, "POST", headers={"x-oss-complete-all": "yes"})[0], 200)
    same(bucket.get_object("k").read(), b"part")
    bucket.put_bucket_public_access_block(False)
    url = bucket.sign_url("PUT", "k", 60, params={"acl": ""}, headers={"x-oss-object-acl": "public-read"})
    same(fetch(url, "PUT", headers={"x-oss-object-acl": "public-read"})[0], 200)
    same(bucket.get_object_acl("k").acl, "public-read")
    same(fetch(bucket.sign_url("DELETE", "k", 60), "DELETE")[0], 204)


@case(forms=["v4"])
def additional_headers(api, name):
    bucket = api.bucket(name)
    bucket.put_object("k", b"x")
    url = bucket.sign_url("GET", "k", 60, headers={"email": "a@b"}, additional_headers=["email"])
    same(fetch(url, headers={"email": "a@b"})[:2], (200, b"x"))
    same(fetch(url, headers={"email": "c@d"})[0], 403)
    same(fetch(url)[0], 400, "an additional header that is missing")


@case
def providers(api, name):
    """Credentials that are asked for anew with each request."""

    class Provider(oss2.CredentialsProvider):
        asked = 0

        def get_credentials(self):
            self.asked += 1
            return oss2.credentials.Credentials(os.environ["OSS_ACCESS_KEY_ID"], KEY_SECRET)

    provider = Provider()
    kind = {"v1": oss2.ProviderAuth, "v2": oss2.ProviderAuthV2, "v4": oss2.ProviderAuthV4}[api.form]
    bucket = api.bucket(name, kind(provider))
    bucket.put_object("k", b"x")
    same((bucket.get_object("k").read(), provider.asked >= 2), (b"x", True))


@case(forms=["v1"])
def clock_that_is_wrong(api, name):
    """Fifteen minutes are the most."""
    now = time.time
    try:
        oss2.utils.time.time = lambda: now() - 3600
        refused(lambda: api.bucket(name).get_bucket_acl(), "RequestTimeTooSkewed", 403)
    finally:
        oss2.utils.time.time = now


@case
def security_tokens(api, name):
    session = api.bucket(name, api.auth_of("STS.owner"))
    for key in ODD_KEYS[:8]:
        session.put_object(key, key.encode())
        same(session.get_object(key).read(), key.encode())
        same(fetch(session.sign_url("GET", key, 60))[:2], (200, key.encode()), repr(key))
    refused(api.bucket(name, api.auth_of("STS.past")).list_objects, "SecurityTokenExpired", 403)


@case
def credentials_of_an_instance(api, name):
    """As a machine in the cloud is given them, at the control endpoint."""
    at = os.environ["OSS_CONTROL_ENDPOINT"] + "/latest/meta-data/ram/security-credentials/"
    provider = oss2.EcsRamRoleCredentialsProvider(at + fetch(at)[1].decode())
    kind = {"v1": oss2.ProviderAuth, "v2": oss2.ProviderAuthV2, "v4": oss2.ProviderAuthV4}[api.form]
    bucket = api.bucket(name, kind(provider))
    bucket.put_object("k", b"x")
    same(bucket.get_object("k").read(), b"x")


@case
def assumed_role(api, name):
    """The core of Alibaba Cloud's SDK asks the token service at the control endpoint."""
    client = AcsClient(KEY_ID, KEY_SECRET, "cn-hangzhou", timeout=20, max_retry_time=1)
    request = CommonRequest(domain=os.environ["OSS_CONTROL_ENDPOINT"].removeprefix("http://"), version="2015-04-01")
    request.set_protocol_type("http")
    request.set_method("POST")
    request.set_action_name("AssumeRole")
    request.set_accept_format("json")
    request.add_query_param("RoleArn", f"acs:ram::{CREDENTIALS['owner']['accountId']}:role/interop")
    request.add_query_param("RoleSessionName", "interop")
    found = json.loads(client.do_action_with_exception(request))["Credentials"]
    auth = api.auth(found["AccessKeyId"], found["AccessKeySecret"], found["SecurityToken"])
    bucket = api.bucket(name, auth)
    bucket.put_object("k", b"x")
    same(bucket.get_object("k").read(), b"x")


@case
def callbacks(api, name):
    bucket = api.bucket(name)
    encoded = lambda document: base64.b64encode(json.dumps(document).encode()).decode()
    with Receiver(b'{"answer":"fine"}') as server:
        callback = encoded({"callbackUrl": server.url, "callbackBody": "key=${object}&mine=${x:mine}"})
        headers = {"x-oss-callback": callback, "x-oss-callback-var": encoded({"x:mine": "yes"})}
        result = bucket.put_object("dir/k", b"x", headers=headers)
        same((result.resp.read(), server.bodies), (b'{"answer":"fine"}', [b"key=dir%2Fk&mine=yes"]))
        url = bucket.sign_url("PUT", "url", 60, params={"callback": callback})
        same(fetch(url, "PUT", b"x")[:2], (200, b'{"answer":"fine"}'))
    result = bucket.put_object("kept", b"kept", headers={"x-oss-callback": callback})
    same((result.status, bucket.get_object("kept").read()), (203, b"kept"))
