"""Live channels, to which nobody streams."""

from harness import ENDPOINT, case, same
from oss2.models import LiveChannelInfo, LiveChannelInfoTarget
from oss2_api import refused


@case
def live_channels(api, name):
    bucket = api.bucket(name)
    for call in (bucket.get_live_channel, bucket.get_live_channel_stat, bucket.get_live_channel_history,
                 bucket.delete_live_channel, lambda channel: bucket.put_live_channel_status(channel, "enabled")):
        refused(lambda: call("c"), "NoSuchLiveChannel", 404)
    made = bucket.create_live_channel("c", LiveChannelInfo(description="d", target=LiveChannelInfoTarget()))
    host = f"{name}.{ENDPOINT.split('//')[1]}"
    same((made.publish_url, made.play_url), (f"rtmp://{host}/live/c", f"http://{host}/c/playlist.m3u8"))
    wrong = LiveChannelInfo(target=LiveChannelInfoTarget(type="DASH"))
    refused(lambda: bucket.create_live_channel("d", wrong), "MalformedXML", 400)
    channel = bucket.get_live_channel("c")
    same((channel.status, channel.description, channel.target.frag_count), ("enabled", "d", "3"))
    same(bucket.get_live_channel_stat("c").status, "Idle")
    bucket.put_live_channel_status("c", "disabled")
    same(bucket.get_live_channel_stat("c").status, "Disabled")
    same(bucket.get_live_channel_history("c").records, [])
    listed = bucket.list_live_channel()
    same(([channel.name for channel in listed.channels], listed.max_keys, listed.is_truncated), (["c"], 100, False))
    refused(lambda: bucket.list_live_channel(max_keys=1001), "InvalidArgument", 400)
    refused(lambda: bucket.post_vod_playlist("c", "p.m3u8", 1, 2), "InvalidArgument", 400)
    refused(lambda: bucket.get_vod_playlist("c", 1, 2), "InvalidArgument", 400)
    bucket.delete_live_channel("c")
