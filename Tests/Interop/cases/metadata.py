"""Searching objects by what is known of them: data index, metadata tables, data pipelines."""

import alibabacloud_oss_v2 as oss
from harness import case, expect, same
from sdk import put, refused


@case
async def meta_query(api, bucket):
    ask = lambda **members: api.do_meta_query(bucket=bucket, meta_query=oss.MetaQuery(**members))
    await refused(api.get_meta_query_status(bucket=bucket), "MetaQueryNotExist", 404)
    await refused(ask(query='{"Field":"Size","Value":"1","Operation":"gt"}'), "MetaQueryNotExist", 404)
    await refused(api.anonymous().close_meta_query(bucket=bucket), "AccessDenied", 403)
    for number in range(1, 6):
        await put(api, bucket, f"k{number}", b"x" * number * 100)
    await api.open_meta_query(bucket=bucket)
    status = (await api.get_meta_query_status(bucket=bucket)).meta_query_status
    same((status.state, status.meta_query_mode), ("Ready", "basic"))
    expect(status.create_time and status.update_time, "times")
    await refused(api.open_meta_query(bucket=bucket), "MetaQueryAlreadyExist", 409)
    found = await ask(
        query='{"Field":"Size","Value":"200","Operation":"gt"}', sort="Size", order="desc", max_results=2, next_token=""
    )
    same([(item.filename, item.size) for item in found.files.file], [("k5", 500), ("k4", 400)])
    expect(found.next_token, "a token")
    found = await ask(
        query='{"Field":"Size","Value":"200","Operation":"gt"}', sort="Size", order="desc", max_results=2,
        next_token=found.next_token,
    )
    same([item.filename for item in found.files.file], ["k3"])
    found = await ask(
        query='{"Field":"Size","Value":"200","Operation":"gt"}', sort="Size", order="asc",
        aggregations=oss.MetaQueryAggregations(
            aggregations=[
                oss.MetaQueryAggregation(field="Size", operation="sum"),
                oss.MetaQueryAggregation(field="Size", operation="max"),
            ]
        ),
    )
    same(
        [(item.field, item.operation, item.value) for item in found.aggregations.aggregations],
        [("Size", "sum", 1200), ("Size", "max", 500)],
    )
    await refused(ask(query="{"), "InvalidArgument", 400)
    same((await api.close_meta_query(bucket=bucket)).status_code, 200)
    await refused(api.get_meta_query_status(bucket=bucket), "MetaQueryNotExist", 404)


@case
async def semantic_meta_query(api, bucket):
    await api.open_meta_query(bucket=bucket, mode="semantic")
    same((await api.get_meta_query_status(bucket=bucket)).meta_query_status.meta_query_mode, "semantic")
    found = await api.do_meta_query(
        bucket=bucket, mode="semantic",
        meta_query=oss.MetaQuery(
            max_results=10, query="a forest under snow", media_types=oss.MetaQueryMediaTypes(media_type=["image"]),
            simple_query='{"Operation":"gt","Field":"Size","Value":"30"}',
        ),
    )
    same(found.status_code, 200)
    await api.close_meta_query(bucket=bucket)


@case
async def metadata_tables(api, bucket):
    journal = lambda expiration="ENABLED", days=7: oss.JournalTableConfiguration(
        record_expiration=oss.MetadataTableRecordExpiration(expiration=expiration, days=days)
    )
    table = lambda state: oss.InventoryTableConfiguration(configuration_state=state)
    create = lambda **members: api.create_bucket_metadata_configuration(
        bucket=bucket, metadata_configuration=oss.MetadataConfiguration(**members)
    )
    update_inventory = lambda state: api.update_bucket_metadata_inventory_table_configuration(
        bucket=bucket, inventory_table_configuration=table(state)
    )
    update_journal = lambda **members: api.update_bucket_metadata_journal_table_configuration(
        bucket=bucket, journal_table_configuration=journal(**members)
    )
    for call in (
        api.get_bucket_metadata_configuration(bucket=bucket), api.delete_bucket_metadata_configuration(bucket=bucket),
        update_inventory("ENABLED"), update_journal(),
    ):
        await refused(call, "MetadataConfigurationNotFound", 404)
    await refused(create(), "MalformedXML", 400)
    await create(journal_table_configuration=journal(), inventory_table_configuration=table("DISABLED"))
    found = (await api.get_bucket_metadata_configuration(bucket=bucket)).metadata_configuration_result
    expect(found.destination_result.table_bucket_arn and found.destination_result.table_namespace, "a destination")
    same(found.journal_table_configuration_result.record_expiration.days, 7)
    expect(found.journal_table_configuration_result.table_name, "a name")
    same(found.inventory_table_configuration_result.configuration_state, "DISABLED")
    await update_inventory("ENABLED")
    await update_journal(expiration="DISABLED", days=None)
    found = (await api.get_bucket_metadata_configuration(bucket=bucket)).metadata_configuration_result
    same(found.inventory_table_configuration_result.configuration_state, "ENABLED")
    same(found.journal_table_configuration_result.record_expiration.expiration, "DISABLED")
    same((await api.delete_bucket_metadata_configuration(bucket=bucket)).status_code, 204)
    await refused(api.get_bucket_metadata_configuration(bucket=bucket), "MetadataConfigurationNotFound", 404)


@case
async def meta_query_action(api, bucket):
    """Data sets are kept in buckets of another kind, so those at hand answer that they have none. This SDK writes
    `MetaQuery` where the service, and its SDKs for other languages, say `metaQuery`."""
    await refused(api.do_meta_query_action(bucket=bucket, action="listDatasets"), "MethodNotAllowed", 405)
    for action in ("listDatasets", "createDataset"):
        parameters = {"metaQuery": "", "action": action, "datasetName": "set"}
        await refused(
            api.invoke("DoMetaQueryAction", "POST", bucket, parameters=parameters, signed=["metaQuery"]),
            "OperationNotSupported", 400, ec="0037-00000001",
            message="The operation is not supported for this resource",
        )
    await refused(
        api.do_meta_query_action(bucket=bucket + "-none", action="listDatasets"), "NoSuchBucket", 404,
        ec="0015-00000101"
    )


@case
async def data_pipelines(api, bucket):
    same((await api.do_data_pipeline_action(action="listDataPipelineConfigurations")).status_code, 200)
    for action in ("putDataPipelineConfiguration", "getDataPipelineConfiguration"):
        await refused(
            api.do_data_pipeline_action(action=action), "NoSuchDataPipeline", 404,
            message="The specified resource dataPipeline is not found.",
        )
