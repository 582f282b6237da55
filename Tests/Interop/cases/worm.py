"""What may not be changed or deleted for a time: WORM of buckets and of objects."""

import datetime

import alibabacloud_oss_v2 as oss
from harness import case, expect, same
from local import clock_ahead
from sdk import head, put, read, refused, versioning


def in_seconds(seconds):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@case
async def bucket_worm(api, bucket):
    initiate = lambda days: api.initiate_bucket_worm(
        bucket=bucket, initiate_worm_configuration=oss.InitiateWormConfiguration(retention_period_in_days=days)
    )
    extend = lambda worm_id, days: api.extend_bucket_worm(
        bucket=bucket, worm_id=worm_id,
        extend_worm_configuration=oss.ExtendWormConfiguration(retention_period_in_days=days),
    )
    await refused(
        api.get_bucket_worm(bucket=bucket), "NoSuchWORMConfiguration", 404,
        message="The WORM Configuration does not exist.",
    )
    await refused(initiate(None), "MalformedXML", 400)
    await initiate(1)
    same((await api.abort_bucket_worm(bucket=bucket)).status_code, 204)
    await refused(api.abort_bucket_worm(bucket=bucket), "NoSuchWORMConfiguration", 404)
    worm_id = (await initiate(1)).worm_id
    found = (await api.get_bucket_worm(bucket=bucket)).worm_configuration
    same((found.worm_id, found.state, found.retention_period_in_days), (worm_id, "InProgress", 1))
    expect(found.creation_date, "creation date")
    await refused(api.complete_bucket_worm(bucket=bucket, worm_id="none"), "NoSuchWORMConfiguration", 404)
    await refused(extend("none", 2), "NoSuchWORMConfiguration", 404)
    await api.complete_bucket_worm(bucket=bucket, worm_id=worm_id)
    same((await api.get_bucket_worm(bucket=bucket)).worm_configuration.state, "Locked")
    await extend(worm_id, 2)
    same((await api.get_bucket_worm(bucket=bucket)).worm_configuration.retention_period_in_days, 2)
    await refused(extend(worm_id, 1), "InvalidWORMConfiguration", 400)
    await refused(api.abort_bucket_worm(bucket=bucket), "WORMConfigurationLocked", 403)
    await refused(initiate(1), "WORMConfigurationConflict", 409)


@case
async def bucket_worm_protects(api, bucket):
    """Its objects can be written once. The bucket stays behind: nobody can empty it for a day."""
    name = bucket + "-locked"
    await api.put_bucket(bucket=name)
    await put(api, name, "k", b"x")
    worm_id = (
        await api.initiate_bucket_worm(
            bucket=name, initiate_worm_configuration=oss.InitiateWormConfiguration(retention_period_in_days=1)
        )
    ).worm_id
    await refused(api.delete_object(bucket=name, key="k"), "FileImmutable", 409)
    await refused(put(api, name, "k", b"y"), "FileImmutable", 409)
    await api.abort_bucket_worm(bucket=name)
    await api.delete_object(bucket=name, key="k")
    await api.delete_bucket(bucket=name)
    expect(worm_id, "an id")


@case
async def bucket_object_worm(api, bucket):
    retention = oss.ObjectWormConfigurationRuleDefaultRetention
    configuration = lambda enabled="Enabled", **more: oss.ObjectWormConfiguration(
        object_worm_enabled=enabled,
        rule=oss.ObjectWormConfigurationRule(default_retention=retention(**more)) if more else None,
    )
    set_to = lambda configuration: api.put_bucket_object_worm_configuration(
        bucket=bucket, object_worm_configuration=configuration
    )
    await refused(api.get_bucket_object_worm_configuration(bucket=bucket), "NoSuchObjectWormConfiguration", 404)
    await versioning(api, bucket)
    await refused(set_to(oss.ObjectWormConfiguration()), "MalformedXML", 400, ec="0015-00000231")
    await set_to(configuration(mode="GOVERNANCE", days=1))
    found = (await api.get_bucket_object_worm_configuration(bucket=bucket)).object_worm_configuration
    same(
        (found.object_worm_enabled, found.rule.default_retention.mode, found.rule.default_retention.days),
        ("Enabled", "GOVERNANCE", 1),
    )
    version = (await put(api, bucket, "k", b"x")).version_id
    same((await head(api, bucket, "k")).object_worm_mode, "GOVERNANCE")
    await refused(api.delete_object(bucket=bucket, key="k", version_id=version), "FileImmutable", 409)
    await api.delete_object(bucket=bucket, key="k", version_id=version, bypass_governance_retention=True)


@case
async def object_retention(api, bucket):
    set_to = lambda mode, until, **more: api.put_object_retention(
        bucket=bucket, key="k", retention=oss.Retention(mode=mode, retain_until_date=until), **more
    )
    await versioning(api, bucket)
    await api.put_bucket_object_worm_configuration(
        bucket=bucket, object_worm_configuration=oss.ObjectWormConfiguration(object_worm_enabled="Enabled")
    )
    version = (await put(api, bucket, "k", b"x")).version_id
    until, later = in_seconds(3600), in_seconds(7200)
    found = (await api.get_object_retention(bucket=bucket, key="k")).retention
    same((found.mode, found.retain_until_date), (None, None), "none yet")
    await refused(api.get_object_retention(bucket=bucket, key="none"), "NoSuchKey", 404)
    await refused(set_to("SOMETIMES", until), "InvalidArgument", 400)
    await refused(set_to("GOVERNANCE", in_seconds(-60)), "InvalidArgument", 400)
    await set_to("GOVERNANCE", later)
    found = (await api.get_object_retention(bucket=bucket, key="k")).retention
    same((found.mode, found.retain_until_date), ("GOVERNANCE", later))
    found = await head(api, bucket, "k")
    same((found.object_worm_mode, found.object_worm_retain_until_date), ("GOVERNANCE", later))
    await refused(set_to("GOVERNANCE", until), "FileImmutable", 409)
    await refused(api.delete_object(bucket=bucket, key="k", version_id=version), "FileImmutable", 409)
    await set_to("GOVERNANCE", until, bypass_governance_retention=True)
    same((await api.get_object_retention(bucket=bucket, key="k")).retention.retain_until_date, until)
    same((await api.delete_object(bucket=bucket, key="k")).delete_marker, True, "a marker hides it, no more")
    await api.delete_object(bucket=bucket, key="k", version_id=version, bypass_governance_retention=True)


@case
async def retention_ends(api, bucket):
    await versioning(api, bucket)
    await api.put_bucket_object_worm_configuration(
        bucket=bucket, object_worm_configuration=oss.ObjectWormConfiguration(object_worm_enabled="Enabled")
    )
    version = (await put(api, bucket, "k", b"x")).version_id
    await api.put_object_retention(
        bucket=bucket, key="k", retention=oss.Retention(mode="COMPLIANCE", retain_until_date=in_seconds(60))
    )
    remove = lambda: api.delete_object(
        bucket=bucket, key="k", version_id=version, bypass_governance_retention=True
    )
    await refused(remove(), "FileImmutable", 409)
    with clock_ahead(120):
        same((await remove()).status_code, 204)


@case
async def legal_hold(api, bucket):
    hold = lambda status, key="k": api.put_object_legal_hold(
        bucket=bucket, key=key, legal_hold=oss.LegalHold(status=status)
    )
    await versioning(api, bucket)
    await api.put_bucket_object_worm_configuration(
        bucket=bucket, object_worm_configuration=oss.ObjectWormConfiguration(object_worm_enabled="Enabled")
    )
    version = (await put(api, bucket, "k", b"x")).version_id
    await refused(hold("ON", key="none"), "NoSuchKey", 404)
    await refused(api.get_object_legal_hold(bucket=bucket, key="none"), "NoSuchKey", 404)
    await refused(hold("PERHAPS"), "InvalidArgument", 400)
    await hold("ON")
    same((await api.get_object_legal_hold(bucket=bucket, key="k")).legal_hold.status, "ON")
    same((await head(api, bucket, "k")).object_worm_legal_hold, "ON")
    await refused(
        api.delete_object(bucket=bucket, key="k", version_id=version, bypass_governance_retention=True),
        "FileImmutable", 409,
    )
    same(await read(api, bucket, "k"), b"x")
    await hold("OFF")
    same((await api.get_object_legal_hold(bucket=bucket, key="k")).legal_hold.status, "OFF")


@case
async def written_with_retention(api, bucket):
    """Retention and hold as headers of the request that writes the object."""
    await versioning(api, bucket)
    await api.put_bucket_object_worm_configuration(
        bucket=bucket, object_worm_configuration=oss.ObjectWormConfiguration(object_worm_enabled="Enabled")
    )
    until = in_seconds(3600)
    await put(
        api, bucket, "k", b"x", object_worm_mode="GOVERNANCE", object_worm_retain_until_date=until,
        object_worm_legal_hold="ON",
    )
    found = (await api.get_object_retention(bucket=bucket, key="k")).retention
    same((found.mode, found.retain_until_date), ("GOVERNANCE", until))
    same((await api.get_object_legal_hold(bucket=bucket, key="k")).legal_hold.status, "ON")
    await api.put_object_legal_hold(bucket=bucket, key="k", legal_hold=oss.LegalHold(status="OFF"))
    version = (await head(api, bucket, "k")).version_id
    await api.delete_object(bucket=bucket, key="k", version_id=version, bypass_governance_retention=True)
