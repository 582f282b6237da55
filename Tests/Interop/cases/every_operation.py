"""What holds for all operations alike. The calls here don't count as coverage."""

import inspect
import re

import alibabacloud_oss_v2 as oss
from harness import case, expect, same
from operations import OPERATIONS
from sdk import refused

#: These make a bucket that is missing, or would if the body were one for that; all others find out first that it is.
MAKE_BUCKETS = {"PutBucket", "PutBucketAcl", "PutBucketOverwriteConfig", "PutBucketObjectWormConfiguration"}

#: What some requests must have by the SDK's own rules.
CONFIGURATIONS = {"tagging": oss.Tagging}


def function_of(operation):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()


def requests(bucket):
    """A request for each operation on a bucket or an object that the SDK models, complete as far as it asks."""
    for operation in OPERATIONS:
        kind = getattr(oss, f"{operation}Request", None)
        if kind is None:
            continue
        parameters = inspect.signature(kind.__init__).parameters
        if "bucket" not in parameters or operation in MAKE_BUCKETS:
            continue
        values = {
            "key": "k", "upload_id": "u", "part_number": 1, "position": 0, "source_key": "k", "symlink_target": "t",
            "target": "t", "acl": "private", "process": "image/info", "access_point_name": "ap", "inventory_id": "i",
            "style_name": "s", "worm_id": "w", "rule_id": "r", "redundancy_transition_taskid": "t",
            "target_redundancy_type": "ZRS", "cname": "example.com", "action": "listDatasets",
            "origin": "http://a.example",
            "access_control_request_method": "GET",
        }
        members = {name: values[name] for name in parameters if name in values}
        if operation in ("PutObject", "AppendObject", "UploadPart"):
            members["body"] = b"x"
        if operation in ("PutBucketPolicy", "PutAccessPointPolicy"):
            members["body"] = "{}"
        if operation == "DeleteMultipleObjects":
            members["objects"] = [oss.DeleteObject(key="k")]
        if operation == "SelectObject":
            members["select_request"] = oss.SelectRequest(expression="c2VsZWN0")
            members["process"] = "csv/select"
        if operation == "CreateSelectObjectMeta":
            members["select_meta_request"] = oss.CSVMetaRequest()
            members["process"] = "csv/meta"
        for name, attribute in kind._attribute_map.items():
            if attribute.get("required") and name not in members and name != "bucket":
                members[name] = "x" if attribute["type"] == "str" else CONFIGURATIONS[name]()
        yield operation, kind(bucket=bucket, **members)


@case(counts=False)
async def a_missing_bucket_comes_first(api, bucket):
    """Before the key, the signature and the body are looked at."""
    name = bucket + "-none"
    clients = [api, api.other(key_id="invalid-ak"), api.other(secret="wrong"), api.anonymous()]
    found = 0
    for operation, request in requests(name):
        for number, client in enumerate(clients):
            try:
                await refused(
                    getattr(client, function_of(operation))(request), "NoSuchBucket", 404, ec="0015-00000101",
                    message="The specified bucket does not exist.",
                )
            except AssertionError as error:
                raise AssertionError(f"{operation} by client {number}: {error}") from error
        found += 1
    expect(found > 130, f"{found} operations")
    configurations = {
        "overwrite_config": oss.OverwriteConfiguration(rules=[oss.OverwriteRule(action="forbid")]),
        "object_worm_configuration": oss.ObjectWormConfiguration(object_worm_enabled="Enabled"),
    }
    for function, configuration in configurations.items():
        member = function if function.endswith("configuration") else function.replace("config", "configuration")
        await refused(
            getattr(api, f"put_bucket_{function}")(bucket=name, **{member: configuration}), "MalformedXML", 400,
            ec="0015-00000231",
        )


@case(counts=False)
async def nobody_unknown_gets_in(api, bucket):
    """An unknown key, a wrong secret and no credentials at all, on a bucket that is there."""
    unknown, wrong, anonymous = api.other(key_id="invalid-ak"), api.other(secret="wrong"), api.anonymous()
    for operation, request in requests(bucket):
        call = lambda client: getattr(client, function_of(operation))(request)
        try:
            # A preflight request is never signed, and no signature on one is looked at.
            if operation == "OptionObject":
                await refused(call(unknown), "AccessForbidden", 403)
                continue
            await refused(call(unknown), "InvalidAccessKeyId", 403, ec="0002-00000902")
            await refused(call(wrong), "SignatureDoesNotMatch", 403)
            await refused(call(anonymous), "AccessDenied", 403)
        except AssertionError as error:
            raise AssertionError(f"{operation}: {error}") from error


@case(counts=False)
async def headers_of_every_answer(api, bucket):
    found = await api.get_bucket_acl(bucket=bucket)
    for name in ("Date", "Server", "x-oss-request-id", "x-oss-server-time"):
        expect(found.headers.get(name), name)
    same((len(found.request_id), found.headers["Server"]), (24, "AliyunOSS"))
    error = await refused(api.get_object(bucket=bucket, key="none"), "NoSuchKey", 404)
    same((error.headers.get("x-oss-ec"), error.headers.get("Content-Type")), (error.ec, "application/xml"))
