"""Ten thousand random requests, signed by our client and by the official Python SDK: the signatures must be the same.

    signatures.py PROGRAM [COUNT [SEED]]

`PROGRAM sign` reads a JSON line for each request and prints one with its signature. Both versions, in the header and
in the query, with and without tokens and additional headers; keys and values with bytes of every class.

Three things the two do differently by choice, so the requests keep clear of them (see facts in the code):
the Python SDK signs header values with the blanks around them, sends the token of version 1 under a name that no
signature covers, and signs parameters that begin with `x-oss-` in version 1 only where an operation says so.
"""

import datetime
import json
import random
import subprocess
import sys
from urllib.parse import quote

from alibabacloud_oss_v2.credentials import Credentials
from alibabacloud_oss_v2.signer.v1 import SignerV1
from alibabacloud_oss_v2.signer.v4 import SignerV4
from alibabacloud_oss_v2.types import HttpRequest, SigningContext

METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"]
CLASSES = [
    "abcXYZ019", "-._~", "!$'()*,;:@", "+&=?#%/", " \t", "\"<>\\^`{|}", "\x01\x1f\x7f", "éÄß", "中文键", "😀🎉", "e\u0301\u200d",
]
SUBRESOURCES = [
    "acl", "append", "bucketInfo", "callback", "callback-var", "cloudboxes", "continuation-token", "delete", "location",
    "objectMeta", "partNumber", "position", "regionList", "resourceGroup", "response-cache-control",
    "response-content-type", "restore", "sequential", "stat", "symlink", "tagging", "uploadId", "uploads", "versionId",
    "versioning", "versions",
]
# Signed in version 1 because their operations say so.
PER_OPERATION = ["lifecycle", "cors", "policy", "comp", "cname", "style", "styleName", "inventory", "inventoryId", "wormId"]


def text(rng, longest, classes=CLASSES):
    return "".join(rng.choice(rng.choice(classes)) for _ in range(rng.randint(0, longest)))


def header_text(rng, longest):
    # What a header field can carry, without blanks at its ends.
    return text(rng, longest, [c for c in CLASSES if c not in (" \t", "\x01\x1f\x7f")] + [" "]).strip()


def make(rng):
    version = rng.choice(["v4", "v1"])
    in_query = rng.random() < 0.5
    bucket = rng.choice([None, "bucket", "my-bucket-1", "a" * 63])
    key = None if bucket is None or rng.random() < 0.2 else (text(rng, 40) or "key")
    pairs = {}
    for _ in range(rng.randint(0, 6)):
        name = rng.choice([rng.choice(SUBRESOURCES), rng.choice(PER_OPERATION), text(rng, 8), text(rng, 8)])
        if not name or name.startswith("x-oss-"):
            continue
        pairs[quote(name, safe="")] = quote(rng.choice(["", text(rng, 12), text(rng, 12)]), safe="")
    query = "&".join(f"{n}={v}" if v else n for n, v in pairs.items())
    headers = {}
    for name in ["content-type", "content-md5", "range", "cache-control", "if-match", "x-custom-one", "x-custom-two"]:
        if rng.random() < 0.4:
            headers[name] = header_text(rng, 20)
    for _ in range(rng.randint(0, 4)):
        headers[f"x-oss-{rng.choice(['meta-', ''])}{rng.choice(['a', 'b', 'author', 'x1', 'zz-top'])}"] = header_text(rng, 30)
    headers = {n: v for n, v in headers.items() if v}
    additional = rng.sample(["Range", "cache-control", "X-Custom-One", "x-custom-two", "content-type", "if-match"], rng.randint(0, 4))
    token = None if rng.random() < 0.5 else text(rng, 40, ["abcXYZ019", "+/="]) or None
    if version == "v1" and not in_query:
        token = None
    return {
        "version": version, "inQuery": in_query, "method": rng.choice(METHODS), "bucket": bucket, "key": key,
        "query": query, "headers": sorted(headers.items()), "additional": additional if version == "v4" else [],
        "id": text(rng, 20, ["abcXYZ019", "-._~"]) or "ak", "secret": text(rng, 40) or "sk", "token": token,
        "region": rng.choice(["cn-hangzhou", "us-east-1", "ap-southeast-7"]),
        "product": rng.choice(["oss", "oss", "oss-cloudbox"]),
        "time": rng.randint(0, 4_000_000_000), "expires": rng.randint(1, 604_800),
    }


def official(case):
    path = "/" + quote(case["key"] or "", safe="/~-._")
    url = f"https://host.example{path}" + (f"?{case['query']}" if case["query"] else "")
    request = HttpRequest(case["method"], url, headers=dict(case["headers"]))
    moment = datetime.datetime.fromtimestamp(case["time"], datetime.timezone.utc)
    context = SigningContext(
        product=case["product"], region=case["region"], bucket=case["bucket"], key=case["key"], request=request,
        credentials=Credentials(case["id"], case["secret"], case["token"]), signing_time=moment,
        additional_headers=set(case["additional"]),
    )
    context.auth_method_query = case["inQuery"]
    context.expiration_time = moment + datetime.timedelta(seconds=case["expires"])
    context.sub_resource = PER_OPERATION
    (SignerV4() if case["version"] == "v4" else SignerV1()).sign(context)
    signed_query = request.url.partition("?")[2]
    return request.headers.get("Authorization"), sorted(signed_query.split("&"))


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randint(0, 2**32)
    rng = random.Random(seed)
    cases = [make(rng) for _ in range(count)]
    done = subprocess.run(
        [program, "sign"], input="".join(json.dumps(case) + "\n" for case in cases), capture_output=True, text=True,
        timeout=300,
    )
    if done.returncode != 0:
        sys.exit(f"the program ended with {done.returncode}\n{done.stderr}")
    failed = 0
    lines = done.stdout.splitlines()
    for number, case in enumerate(cases):
        found = json.loads(lines[number])
        authorization, query = official(case)
        ours = (found.get("authorization"), sorted(found["query"].split("&")))
        if not case["inQuery"]:
            same = ours[0] == authorization
        else:
            same = ours[1] == query
        if not same:
            failed += 1
            if failed <= 3:
                print(f"FAIL  seed {seed}, request {number}: {json.dumps(case)}\n  ours {ours}\n  theirs {(authorization, query)}")
    print(f"signatures of {count} random requests, seed {seed}")
    print(f"{count - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
