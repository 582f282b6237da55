"""What the interop programs share: clients, cases that print ok or FAIL, and buckets that are emptied again."""

import hashlib
import os
import sys
import time
import traceback

import alibabacloud_oss_v2 as oss
from alibabacloud_oss_v2 import crc as oss_crc

ENDPOINT = os.environ["OSS_ENDPOINT"]
REGION = os.environ["OSS_REGION"]
KEY_ID = os.environ["OSS_ACCESS_KEY_ID"]
KEY_SECRET = os.environ["OSS_ACCESS_KEY_SECRET"]

assert ENDPOINT.startswith("http://127.0.0.1:"), "the traffic must stay on the loopback interface"

# Without `.` and `..` between slashes: the SDK's HTTP library resolves those before it sends.
ODD_KEYS = [
    "plain.txt",
    "dir/sub/file",
    "//double//slash//",
    "a..b/...c/..d",
    " !@#$%^&*()_+-=;'><,?.txt",
    "url-%123-/?#:key-0",
    "plus+and space",
    "中文/键 名.txt",
    "emoji-\U0001f600",
    "e\u0301-decomposed",
    "\u00e9-composed",
    "tab\tand\nline\rfeed",
    "&amp;<tag>\"quoted\"'",
    ".hidden",
    "trailing/",
] + [f"control-{chr(code)}-end" for code in range(1, 32)]

_cases = []


def client(key_id=KEY_ID, secret=KEY_SECRET, token=None, **options):
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(key_id, secret, token)
    config.region = REGION
    config.endpoint = ENDPOINT
    config.retry_max_attempts = 1
    for name, value in options.items():
        setattr(config, name, value)
    return oss.Client(config)


def anonymous():
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.AnonymousCredentialsProvider()
    config.region = REGION
    config.endpoint = ENDPOINT
    config.retry_max_attempts = 1
    return oss.Client(config)


def case(function):
    """Makes a function a case. It is given a client and the name of a bucket of its own."""
    _cases.append(function)
    return function


def put(api, bucket, key, body, **more):
    return api.put_object(oss.PutObjectRequest(bucket=bucket, key=key, body=body, **more))


def get(api, bucket, key, **more):
    return api.get_object(oss.GetObjectRequest(bucket=bucket, key=key, **more))


def crc64(data):
    value = oss_crc.Crc64(0)
    value.update(data)
    return str(value.sum64())


def pattern(size):
    block = hashlib.sha512(str(size).encode()).digest() * 1024
    return (block * (size // len(block) + 1))[:size]


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def same(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


def refused(call, code, status=None):
    """Runs a call that must end in the service's error `code`; returns the error."""
    try:
        call()
    except oss.exceptions.OperationError as error:
        inner = error.unwrap()
        if not isinstance(inner, oss.exceptions.ServiceError):
            raise AssertionError(f"{inner!r} instead of {code}") from error
        same(inner.code, code, "code")
        if status is not None:
            same(inner.status_code, status, "status")
        same(len(inner.request_id), 24, "length of the request id")
        return inner
    raise AssertionError(f"no error, {code} was expected")


def empty(api, bucket):
    """Removes a bucket with all that is in it."""
    try:
        for page in api.list_object_versions_paginator(limit=1000).iter_page(
            oss.ListObjectVersionsRequest(bucket=bucket)
        ):
            for item in (page.version or []) + (page.delete_marker or []):
                api.delete_object(
                    oss.DeleteObjectRequest(bucket=bucket, key=item.key, version_id=item.version_id)
                )
        for page in api.list_multipart_uploads_paginator().iter_page(
            oss.ListMultipartUploadsRequest(bucket=bucket)
        ):
            for upload in page.uploads or []:
                api.abort_multipart_upload(
                    oss.AbortMultipartUploadRequest(bucket=bucket, key=upload.key, upload_id=upload.upload_id)
                )
        api.delete_bucket(oss.DeleteBucketRequest(bucket=bucket))
    except oss.exceptions.OperationError as error:
        if "NoSuchBucket" not in str(error):
            raise


def run():
    """Runs all cases, or those whose names begin with the arguments, and exits."""
    wanted = sys.argv[1:]
    api = client()
    passed = failed = 0
    for number, function in enumerate(_cases):
        name = function.__name__
        if wanted and not any(name.startswith(prefix) for prefix in wanted):
            continue
        bucket = f"interop-{os.getpid()}-{number}"
        started = time.monotonic()
        try:
            api.put_bucket(oss.PutBucketRequest(bucket=bucket))
            function(api, bucket)
            empty(api, bucket)
            passed += 1
            print(f"ok    {name} ({(time.monotonic() - started) * 1000:.0f} ms)")
        except Exception:
            failed += 1
            print(f"FAIL  {name}")
            traceback.print_exc(file=sys.stdout)
            try:
                empty(api, bucket)
            except Exception:
                pass
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
