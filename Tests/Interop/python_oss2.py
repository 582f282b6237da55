"""The older official Python SDK, oss2, against oss-emulator: everything that it can ask for, good and bad, with all
versions of the signature."""

import importlib

import oss2
from harness import run, same
from oss2_api import FORMS, methods, open_client
from operations import NOT_OFFERED, OPERATIONS, OSS2_ELSEWHERE, OSS2_LACKS, OSS2_LIVE, OSS2_NAMES, OSS2_PLAYLISTS

for module in ("objects", "signing", "buckets", "live", "elsewhere"):
    importlib.import_module(f"cases_oss2.{module}")

METHODS = methods(oss2.Bucket) + methods(oss2.Service)


def operation(method):
    return OSS2_NAMES.get(method) or "".join(word.capitalize() for word in method.split("_"))


if __name__ == "__main__":
    others = {*OSS2_ELSEWHERE, *OSS2_LIVE, *OSS2_PLAYLISTS}
    answered = {operation(method) for method in METHODS if method not in others}
    same(sorted(answered | set(OSS2_LACKS)), sorted(OPERATIONS), "the operations that oss2 has and lacks")
    never = {*OSS2_ELSEWHERE, *OSS2_PLAYLISTS}
    refused = [method for method in METHODS if method in never or operation(method) in NOT_OFFERED]
    run(open_client, FORMS, METHODS, refused)
