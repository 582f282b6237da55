"""The official Python SDK v2 against oss-emulator: every operation of the service, good and bad, with the synchronous
and the asynchronous client and both versions of the signature."""

import importlib

from harness import run
from operations import NOT_OFFERED, OPERATIONS
from sdk import FORMS, open_client

for module in (
    "objects", "processing", "multipart", "listings", "buckets", "configurations", "access", "worm", "metadata",
    "authentication",
    "transfers", "web", "every_operation",
):
    importlib.import_module(f"cases.{module}")

if __name__ == "__main__":
    run(open_client, FORMS, OPERATIONS, NOT_OFFERED)
