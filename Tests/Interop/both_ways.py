"""A Swift program and the official Python SDK, each reading what the other wrote.

    both_ways.py PROGRAM

`PROGRAM write ENDPOINT REGION BUCKET` writes objects and prints a JSON line for each:
{"key","size","crc64","metadata":{…},"contentType","sha256"}; `PROGRAM read ENDPOINT REGION BUCKET` reads such lines,
and the objects that they describe, and fails where something differs. Both take the keys from OSS_ACCESS_KEY_ID and
OSS_ACCESS_KEY_SECRET.
"""

import hashlib
import json
import subprocess
import sys

from harness import ENDPOINT, ODD_KEYS, REGION, case, expect, pattern, run, same
from sdk import content, crc64, get, open_client, put

PROGRAM = sys.argv.pop(1)


def program(verb, bucket, lines=None):
    done = subprocess.run(
        [PROGRAM, verb, ENDPOINT, REGION, bucket], input=lines, capture_output=True, text=True, timeout=300
    )
    if done.returncode != 0:
        raise AssertionError(f"{verb} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


@case
async def swift_writes_python_reads(api, bucket):
    lines = [json.loads(line) for line in program("write", bucket).splitlines() if line.strip()]
    expect(lines, "at least one object")
    for line in lines:
        answer = await get(api, bucket, line["key"])
        body = await content(answer)
        same(len(body), line["size"], line["key"])
        same(hashlib.sha256(body).hexdigest(), line["sha256"], line["key"])
        same((answer.hash_crc64, crc64(body)), (str(line["crc64"]), str(line["crc64"])), line["key"])
        same(dict(answer.metadata or {}), line["metadata"], line["key"])
        same(answer.content_type, line["contentType"], line["key"])


@case
async def python_writes_swift_reads(api, bucket):
    lines = []
    sizes = [0, 1, 65536, 1_000_001]
    for number, key in enumerate(ODD_KEYS):
        body = pattern(sizes[number % len(sizes)])
        metadata = {"number": str(number), "by": "python"}
        content_type = ["text/plain", "application/octet-stream"][number % 2]
        await put(api, bucket, key, body, metadata=metadata, content_type=content_type)
        lines.append(
            json.dumps(
                {
                    "key": key, "size": len(body), "crc64": crc64(body), "metadata": metadata,
                    "contentType": content_type, "sha256": hashlib.sha256(body).hexdigest(),
                }
            )
        )
    program("read", bucket, "\n".join(lines) + "\n")


if __name__ == "__main__":
    run(open_client, ["sync", "asyncio"])
