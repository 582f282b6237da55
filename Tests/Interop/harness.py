"""What the interop programs share: what to connect to, what is expected of an answer, and a runner of cases.

A case is `async def name(api, bucket)`. It runs once with each form of client that its program has (`sync`, `asyncio`,
`v1` …), each time with a bucket of its own, which is emptied and removed afterwards.
"""

import argparse
import asyncio
import hashlib
import inspect
import os
import sys
import time
import traceback
from collections import defaultdict

ENDPOINT = os.environ["OSS_ENDPOINT"]
REGION = os.environ["OSS_REGION"]
KEY_ID = os.environ["OSS_ACCESS_KEY_ID"]
KEY_SECRET = os.environ["OSS_ACCESS_KEY_SECRET"]

#: All that `credentials` has, by the part of the key after `interop-`: `owner` is the pair above.
CREDENTIALS = {}
with open(os.path.join(os.path.dirname(__file__), "credentials"), encoding="utf-8") as file:
    for line in file:
        fields = dict(word.split("=", 1) for word in line.split() if not line.startswith("#"))
        if fields:
            CREDENTIALS[fields["accessKeyId"].replace("interop-", "")] = fields

assert ENDPOINT.startswith("http://127.0.0.1:"), "the traffic must stay on the loopback interface"

# Without `.` and `..` between slashes: the SDKs' HTTP libraries resolve those before they send.
ODD_KEYS = [
    "plain.txt",
    "dir/sub/file",
    "//double//slash//",
    "a..b/...c/..d",
    " !@#$%^&*()_+-=;'><,?.txt",
    "url-%123-/?#:key-0",
    "plus+and space",
    "中文/键 名.txt",
    "emoji-\U0001f600",
    "e\u0301-decomposed",
    "\u00e9-composed",
    "tab\tand\nline\rfeed",
    "&amp;<tag>\"quoted\"'",
    ".hidden",
    "trailing/",
] + [f"control-{chr(code)}-end" for code in range(1, 32)]


# What is expected


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def same(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


def pattern(size):
    block = hashlib.sha512(str(size).encode()).digest() * 1024
    return (block * (size // len(block) + 1))[:size]


# What was seen


class Coverage:
    """Which operations were answered well, and which were refused, by each form of client."""

    def __init__(self):
        self.good = defaultdict(set)
        self.bad = defaultdict(lambda: defaultdict(set))
        #: Sweeps over all operations and the runner's own calls prove nothing about a single one.
        self.counts = True

    def succeeded(self, form, operation):
        if self.counts:
            self.good[form].add(operation)

    def refused(self, form, operation, status, code):
        if self.counts and code:
            self.bad[form][operation].add((status, code))

    def gaps(self, form, operations, only_refused=()):
        """What is missing until each of the operations has been seen good and bad; those in `only_refused` only bad."""
        for operation in sorted(operations):
            if operation not in only_refused and operation not in self.good[form]:
                yield f"{operation} never succeeded"
            if not self.bad[form][operation]:
                yield f"{operation} was never refused"
        for operation in sorted(set(self.good[form]) | set(self.bad[form])):
            if operation not in operations:
                yield f"{operation} is in no list"
            elif operation in only_refused and operation in self.good[form]:
                yield f"{operation} succeeded, but is listed as not offered"


COVERAGE = Coverage()

_cases = []


def case(function=None, *, forms=None, counts=True):
    """Makes a function a case. `forms` are those that it runs with (all, where none are named); with `counts=False` its
    calls don't count as coverage."""

    def add(function):
        _cases.append((function, forms, counts))
        return function

    return add(function) if function else add


async def _run_case(open_client, form, function, counts, bucket):
    async with open_client(form) as api:
        COVERAGE.counts = False
        await api.make_bucket(bucket)
        try:
            COVERAGE.counts = counts
            done = function(api, bucket)
            if inspect.isawaitable(done):
                await done
        finally:
            COVERAGE.counts = False
            problem = sys.exc_info()[1]
            try:
                await api.remove_bucket(bucket)
            except Exception:
                # What is left behind by a case that failed is no news.
                if problem is None:
                    raise


def _where(error):
    """An error with its place in the cases, without the insides of the SDKs and of what the cases share."""
    here = os.path.dirname(__file__)
    shared = {os.path.join(here, name) for name in ("harness.py", "sdk.py", "oss2_api.py")}
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(here) and frame.filename not in shared
    ]
    return "".join(traceback.format_list(frames) + traceback.format_exception_only(error)).rstrip()


def run(open_client, forms, operations=None, only_refused=()):
    """Runs the cases and exits.

    `open_client(form)` is an asynchronous context manager that gives a client with `make_bucket` and `remove_bucket`;
    `operations` are those that must have been seen good and bad at the end, if all cases ran.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--form", action="append", choices=forms, help="run with this form of client only")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--verbose", action="store_true", help="name the cases that pass, too")
    parser.add_argument("case", nargs="*", help="run the cases whose names begin so")
    options = parser.parse_args()
    if options.list:
        for function, _, _ in _cases:
            print(f"{function.__module__}.{function.__name__}")
        sys.exit(0)
    passed = failed = 0
    for form in options.form or forms:
        begun = time.monotonic()
        count = 0
        for number, (function, only, counts) in enumerate(_cases):
            name = function.__name__
            if only and form not in only or options.case and not any(map(name.startswith, options.case)):
                continue
            count += 1
            started = time.monotonic()
            try:
                asyncio.run(_run_case(open_client, form, function, counts, f"interop-{os.getpid()}-{form}-{number}"))
                passed += 1
                if options.verbose:
                    print(f"ok    {form} {name} ({(time.monotonic() - started) * 1000:.0f} ms)")
            except Exception:
                failed += 1
                print(f"FAIL  {form} {name}")
                print(_where(sys.exc_info()[1]))
            sys.stdout.flush()
        if operations and not options.case:
            for gap in COVERAGE.gaps(form, operations, only_refused):
                failed += 1
                print(f"FAIL  {form} coverage: {gap}")
        print(f"{form}: {count} cases in {time.monotonic() - begun:.1f} s", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
