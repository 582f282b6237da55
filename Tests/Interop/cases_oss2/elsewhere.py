"""What oss2 can ask for and the emulator hasn't: refused, not mistaken for something else."""

import inspect

from harness import case, same
from oss2.models import (
    AsyncFetchTaskConfiguration, BucketQosInfo, BucketUserQos, CallbackPolicyInfo, QoSConfiguration,
)
from operations import OSS2_ELSEWHERE
from oss2_api import refused


@case
def not_implemented(api, name):
    bucket, service = api.bucket(name), api.service()
    calls = {
        "put_bucket_qos_info": lambda call: call(BucketQosInfo(total_qps=1)),
        "put_async_fetch_task": lambda call: call(AsyncFetchTaskConfiguration("http://127.0.0.1:9/", "k")),
        "put_bucket_callback_policy": lambda call: call([CallbackPolicyInfo("p", "e30=", "e30=")]),
        "put_bucket_requester_qos_info": lambda call: call("1", QoSConfiguration(total_qps=1)),
        "put_resource_pool_requester_qos_info": lambda call: call("1", "pool", QoSConfiguration(total_qps=1)),
        "get_resource_pool_requester_qos_info": lambda call: call("1", "pool"),
        "delete_resource_pool_requester_qos_info": lambda call: call("1", "pool"),
    }
    for method in OSS2_ELSEWHERE:
        function = getattr(bucket, method, None) or getattr(service, method)
        asks = calls.get(method) or (lambda call: call() if takes_nothing(call) else call("1"))
        try:
            refused(lambda: asks(function), "NotImplemented", 501)
        except AssertionError as error:
            raise AssertionError(f"{method}: {error}") from error
    same(bucket.list_objects().object_list, [], "nothing was written")


@case
def storage_capacity(api, name):
    bucket = api.bucket(name)
    bucket.set_bucket_storage_capacity(BucketUserQos(10))
    same(bucket.get_bucket_storage_capacity().storage_capacity, 10)
    refused(lambda: bucket.set_bucket_storage_capacity(BucketUserQos("many")), "MalformedXML", 400)
    refused(api.bucket("no-such-bucket-of-mine").get_bucket_storage_capacity, "NoSuchBucket", 404)


@case
def no_live_channels(api, name):
    bucket = api.bucket(name)
    same(bucket.list_live_channel().channels, [])
    refused(api.anonymous(name).list_live_channel, "AccessDenied", 403)
    for call in (bucket.get_live_channel, bucket.delete_live_channel):
        refused(lambda: call("none"), "NoSuchLiveChannel", 404)


def takes_nothing(method):
    return not [
        parameter for parameter in inspect.signature(method).parameters.values() if parameter.default is parameter.empty
    ]
