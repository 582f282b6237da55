"""Images and other media, and questions in SQL."""

import base64

import alibabacloud_oss_v2 as oss
from harness import case, expect, same
from sdk import content, get, put, refused

CSV = b"name,age\nann,34\nbob,9\ncarol,51\n"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@case
async def processing_is_not_offered(api, bucket):
    await put(api, bucket, "image.png", b"\x89PNG\r\n\x1a\n and so on")
    await put(api, bucket, "text.png", b"no image")
    await refused(get(api, bucket, "image.png", process="image/info"), "NotImplemented", 501)
    await refused(get(api, bucket, "text.png", process="image/info"), "BadRequest", 400)
    save = encoded("to.png")
    await refused(
        api.process_object(bucket=bucket, key="image.png", process=f"image/resize,w_1|sys/saveas,o_{save}"),
        "NotImplemented", 501,
    )
    await refused(
        api.async_process_object(bucket=bucket, key="image.png", process=f"video/convert,f_avi|sys/saveas,o_{save}"),
        "Imm Client", 404,
    )


def select(api, bucket, expression, key="people.csv", header="Use", output=None, **members):
    return api.select_object(
        bucket=bucket, key=key, process="csv/select",
        select_request=oss.SelectRequest(
            expression=encoded(expression),
            input_serialization=oss.InputSerialization(csv=oss.CSVInput(file_header_info=header)),
            output_serialization=output or oss.OutputSerialization(),
            **members,
        ),
    )


def rows(answer):
    return b"".join(answer.body.iter_bytes()) if hasattr(answer.body, "iter_bytes") else answer.body.read()


@case
async def select_csv(api, bucket):
    await put(api, bucket, "people.csv", CSV)
    same(rows(await select(api, bucket, "select * from ossobject", header="None")), CSV, "rows as they are")
    same(rows(await select(api, bucket, "select name from ossobject where cast(age as int) > 20")), b"ann\ncarol\n")
    raw = oss.OutputSerialization(output_raw_data=True)
    same(rows(await select(api, bucket, "select age from ossobject where name = 'bob'", output=raw)), b"9\n")
    await refused(select(api, bucket, "selekt"), "InvalidSqlParameter", 400)
    await refused(select(api, bucket, "select * from ossobject", key="none"), "NoSuchKey", 404)


@case
async def select_meta(api, bucket):
    await put(api, bucket, "people.csv", CSV)
    create = lambda key="people.csv": api.create_select_object_meta(
        bucket=bucket, key=key, process="csv/meta",
        select_meta_request=oss.CSVMetaRequest(
            input_serialization=oss.InputSerialization(csv=oss.CSVInput()), overwrite_if_exists=True
        ),
    )
    found = await create()
    same((found.rows_count, found.cols_count, found.total_scanned_bytes), (4, 2, len(CSV)))
    expect(found.splits_count >= 1, "splits")
    await refused(create("none"), "NoSuchKey", 404)
