"""Sends a real server what no client would: valid requests of every operation, mutated and signed anew, and bytes that are
no requests.

    fuzz.py PROGRAM [SECONDS [SEED]]

The server must stay alive and within its memory, must touch nothing but its folder, and every answer must be one: whole,
with a request ID, and never an InternalError. From time to time it is restarted and must find all that it kept.
"""

import base64
import collections
import json
import os
import random
import re
import resource
import shutil
import socket
import sys
import tempfile
import threading
import time
from urllib.parse import quote

import wire

MEMORY = 300  # MiB
PATIENCE = 30  # seconds
WORKERS = 8
RESTART = 20000  # requests
OPERATIONS = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "operations.json")))
BUCKETS = ["fuzz", "fuzz-versioned", "fuzz-public", "fuzz-other", "fuzz-missing"]
KEYS = ["k", "dir/k", "dir/", "é", "a b+c%d", "line\nfeed", "..", "../../x", "k" * 1023, "\x01\x7f", "appended", "parts"]

NASTY = [
    "", " ", "0", "1", "-1", "2", "100", "1000", "1001", "10000", "10001", "99999999999999999999", "9223372036854775807",
    "-9223372036854775808", "9223372036854775808", "18446744073709551615", "4294967296", "0x10", "1e309", "NaN", "+1", "٣",
    "null", "true", "false", "yes", "TRUE", "Enabled", "Suspended", "Disabled", "Standard", "IA", "Archive", "ColdArchive",
    "private", "public-read", "public-read-write", "default", "REPLACE", "COPY", "AES256", "KMS", "SM4", "GOVERNANCE",
    "COMPLIANCE", "ON", "OFF", "url", "%00", "%", "%zz", "%2e%2e%2f", "../../etc/passwd", "/etc/passwd", "..", "/", "//",
    "\x7f", "é", "\U0001f600", "\u202e", "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"),
    b"\xff\xfe".decode("utf-8", "surrogateescape"), "a" * 255, "a" * 5000, "*", "*" * 60, "a*" * 40 + "b", "?" * 60, "bytes=0-",
    "bytes=-1", "bytes=-0", "bytes=5-2", "bytes=0-0", "bytes=1-1,3-4", "bytes=9223372036854775807-", "bytes=0-9223372036854775807",
    "bytes=-9223372036854775808", "bytes=", "bytes=a-b", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
    "Sat, 99 Foo 99999 99:99:99 GMT", "2030-01-01T00:00:00.000Z", "9999-99-99T99:99:99.999Z", "-0001-01-01T00:00:00.000Z",
    "20301301T000000Z", "/fuzz/k", "/fuzz/k?versionId=x", "/fuzz/k?versionId=null", "fuzz/k", "/missing/k", "a=b&a=b", "a=b&&=",
    "k=" + "v" * 300, "{", "{}", "[", "[" * 5000, '{"a":' * 3000, '"', "<", "&", "<![CDATA[", "CAEQ" + "f" * 32, "*/*",
    '"00000000000000000000000000000000"', "AAAA", "====", "1B2M2Y8AsgTpgAAmyY7PhCfg==", "acs:oss:*:*:*", "2.5", "1.", "10.0.0.0/8",
    "::/0", "0.0.0.0/99", "a,b,c", ";", "a;b;c", "gzip", "chunked", "100-continue", "close", "keep-alive", "null, null",
    base64.b64encode(b'{"callbackUrl":"http://127.0.0.1:1/x","callbackBody":"a=${object}&b=${x:c}"}').decode(),
    base64.b64encode(b'{"callbackUrl":"x"').decode(), base64.b64encode(b"k").decode(), "image/resize,w_100", "style/x",
]
HEADERS = [
    "Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Content-Type", "Content-MD5", "Expect",
    "Content-Encoding", "Cache-Control", "Expires", "Origin", "Referer", "Access-Control-Request-Method",
    "Access-Control-Request-Headers", "Accept-Encoding", "User-Agent", "x-oss-meta-a", "x-oss-meta-é", "x-oss-security-token",
    "x-oss-date", "x-oss-content-sha256", "x-oss-range-behavior", "x-oss-forbid-overwrite", "x-oss-tagging", "x-oss-callback",
    "x-oss-callback-var", "x-oss-storage-class", "x-oss-object-acl", "x-oss-acl", "x-oss-copy-source", "x-oss-copy-source-range",
    "x-oss-symlink-target", "x-oss-traffic-limit", "x-oss-server-side-encryption", "x-oss-complete-all", "x-oss-hash-crc64ecma",
    "x-emulator-fault", "Date", "Connection", "Upgrade", "Trailer", "TE", "Cookie", "X-Forwarded-For", "Content-Disposition",
]
PARAMETERS = [
    "max-keys", "max-uploads", "max-parts", "prefix", "delimiter", "marker", "start-after", "continuation-token", "key-marker",
    "version-id-marker", "upload-id-marker", "part-number-marker", "encoding-type", "fetch-owner", "list-type", "versionId",
    "position", "partNumber", "uploadId", "response-content-type", "response-expires", "response-cache-control", "x-oss-process",
    "sequential", "wormId", "comp", "inventoryId", "styleName", "tagging", "acl", "versions", "uploads", "append", "delete", "cors",
    "symlink", "restore", "policy", "x-oss-traffic-limit", "x-oss-expires", "x-oss-signature", "OSSAccessKeyId", "Signature",
    "Expires", "regions", "callback", "callback-var", "objectMeta", "",
]
METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "FOO"]


class Failure(Exception):
    pass


class Request:
    """One before it is signed; what is mutated."""

    def __init__(self, rng, operation):
        self.name = operation["name"]
        self.method = operation["method"]
        scope = operation["scope"]
        self.bucket = rng.choice(BUCKETS) if scope != "service" else None
        self.key = rng.choice(KEYS) if scope == "object" else ""
        self.query = [(name, value) for name, value in operation["query"]]
        self.upload = STATE.upload(rng) if "uploadId" in operation.get("parameters", []) else None
        if self.upload:
            self.bucket, self.key, _ = self.upload
        # Few are right with all that they may have.
        share = rng.choice([0, 0, 0.1, 0.3])
        for name in operation.get("parameters", []):
            if name in ("uploadId", "partNumber", "position", "wormId") or rng.random() < share:
                self.query.append((name, self.parameter(rng, name)))
        self.headers = []
        for name in set(operation.get("headers", [])):
            # Those that the request has anyhow.
            if name.lower() not in ("content-length", "authorization", "date", "x-oss-date") and (
                name in REQUIRED or rng.random() < share
            ):
                self.headers.append((name, header(rng, name)))
        body = operation.get("body")
        if body == "binary":
            self.body = rng.randbytes(rng.choice([0, 1, 100, 1000, 70000]))
        else:
            self.body = xml(rng, body) if body else b""
        self.has_digest = any(name == "delete" for name, _ in self.query)

    def parameter(self, rng, name):
        usual = {"uploadId": self.upload[2] if self.upload else "x", "partNumber": str(rng.randrange(1, 3)),
                 "position": rng.choice(["0", "1", "100"]), "max-keys": "10", "encoding-type": "url",
                 "versionId": STATE.version(rng)}
        return usual[name] if name in usual and rng.random() < 0.8 else rng.choice(NASTY)


REQUIRED = {
    "x-oss-copy-source", "x-oss-symlink-target", "x-oss-acl", "x-oss-object-acl", "x-oss-access-point-name",
    "x-oss-access-point-for-object-process-name",
}
USUAL = {
    "x-oss-copy-source": "/fuzz/k", "x-oss-complete-all": "yes", "Range": "bytes=0-9", "x-oss-tagging": "a=b",
    "x-oss-callback": NASTY[-5], "x-oss-symlink-target": "k", "x-oss-acl": "private", "x-oss-object-acl": "private",
    "x-oss-storage-class": "IA", "x-oss-access-point-name": "point", "x-oss-metadata-directive": "REPLACE",
}


def header(rng, name):
    return USUAL[name] if name in USUAL and rng.random() < 0.7 else rng.choice(NASTY)


class State:
    """Names that the server gave out, so that requests can name them."""

    def __init__(self):
        self.uploads = collections.deque([("fuzz", "k", "x")], 50)
        self.versions = collections.deque(["null"], 200)

    def upload(self, rng):
        return rng.choice(list(self.uploads))

    def version(self, rng):
        return rng.choice(list(self.versions))

    def learn(self, headers, body):
        if headers.get("x-oss-version-id"):
            self.versions.append(headers["x-oss-version-id"])
        found = re.search(rb"<Bucket>(.*)</Bucket><Key>([ -~]*)</Key><UploadId>([0-9A-F]+)</UploadId>", body)
        if found:
            self.uploads.append(tuple(group.decode() for group in found.groups()))


STATE = State()
ELEMENT = re.compile(r"<(\w+)>([^<>]*)</\1>|<(\w+)>(.*?)</\3>", re.S)


def xml(rng, text):
    """Leaves out elements, repeats them, and gives them other texts."""
    for _ in range(rng.randrange(4)):
        elements = list(ELEMENT.finditer(text, text.find(">") + 1))
        if not elements:
            break
        one = rng.choice(elements)
        choice = rng.randrange(8)
        if choice < 3:
            text = text[: one.start()] + text[one.end() :]
        elif choice < 5 and one.group(1):
            value = rng.choice(NASTY)
            if rng.random() < 0.9:
                value = value.replace("&", "&amp;").replace("<", "&lt;")
            text = f"{text[: one.start()]}<{one.group(1)}>{value}</{one.group(1)}>{text[one.end() :]}"
        elif choice == 5:
            text = text[: one.start()] + one.group(0) * rng.choice([2, 3, 50, 1001]) + text[one.end() :]
            text = text[: 1 << 20]
        elif choice == 6:
            inside = rng.choice(elements)
            text = text[: one.start()] + f"<{inside.group(1) or inside.group(3)}>" + one.group(0) + text[one.end() :]
        else:
            text = text[: one.start()] + rng.choice(["&#0;", "&#1;", "&x;", "<!-- -->", "<?x?>", "<a/>", "<x:y z='1'/>"]) + text[
                one.start() :]
    return text.encode("utf-8", "surrogateescape")


def mutate(rng, request):
    choice = rng.randrange(12)
    if choice == 0:
        request.method = rng.choice(METHODS)
    elif choice == 1:
        request.bucket = rng.choice([None, "", "..", ".", "A", "a/b", "x" * 64, "fuzz%", "é", "-a", *BUCKETS])
    elif choice == 2:
        request.key = rng.choice(KEYS + NASTY)
    elif choice == 3:
        request.query.append((rng.choice(PARAMETERS), rng.choice(NASTY)))
    elif choice == 4 and request.query:
        index = rng.randrange(len(request.query))
        request.query[index] = (request.query[index][0], rng.choice(NASTY))
    elif choice == 5 and request.query:
        request.query.append(rng.choice(request.query))
    elif choice == 6 and request.query:
        request.query.remove(rng.choice(request.query))
    elif choice in (7, 8):
        request.headers.append((rng.choice(HEADERS), rng.choice(NASTY)))
    elif choice == 9 and request.body:
        body = bytearray(request.body)
        for _ in range(rng.randrange(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        request.body = bytes(body[: rng.randrange(len(body) + 1)] if rng.random() < 0.3 else body)
    elif choice == 10:
        request.body = rng.choice([
            b"", b"\0", b"<", b"<a>" * 1000, b"<Delete>" * 30, b"{" * 1000, rng.randbytes(100), b"\xef\xbb\xbf<Tagging/>",
            b'<!DOCTYPE a [<!ENTITY b "cc">]><Delete><Object><Key>&b;</Key></Object></Delete>',
            rng.choice(OPERATIONS).get("body", "").encode()])
    elif choice == 11:
        size = rng.choice([300, 3000, 30000])
        request.query += [(f"q{index}", "") for index in range(size // 10)] if rng.random() < 0.5 else [("prefix", "x" * size)]


def printable(value):
    """What can stand in a field: anything but line ends and NUL, which `raw` tries."""
    return value.replace("\r", "").replace("\n", "").replace("\0", "")


def encode(rng, signer, request):
    """The bytes of a signed request, and whether its framing is right: then there must be an answer."""
    path = "/" if request.bucket is None else f"/{quote(request.bucket, safe='~', errors='surrogateescape')}/"
    path += quote(request.key, safe="/~", errors="surrogateescape") if request.bucket is not None else ""
    headers = [(name, printable(value)) for name, value in request.headers]
    if request.has_digest:
        headers.append(("Content-MD5", wire.md5(request.body)))
    query = [(name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape")) for name, value in request.query]
    framing = rng.random()
    body = request.body
    if framing < 0.8:
        return wire.head(signer, request.method, path, query, headers, len(body)) + body, True
    if framing < 0.9:
        pieces, rest = b"", body
        while rest:
            size = rng.randrange(1, len(rest) + 1)
            pieces += b"%x\r\n%s\r\n" % (size, rest[:size])
            rest = rest[size:]
        head = wire.head(signer, request.method, path, query, headers + [("Transfer-Encoding", "chunked")])
        return head + pieces + b"0\r\n\r\n", True
    if framing < 0.95:
        length = rng.choice([len(body) + 1, len(body) + 100000, max(0, len(body) - 1), 1 << 40, 1 << 62])
        return wire.head(signer, request.method, path, query, headers, length) + body, False
    data = wire.head(signer, request.method, path, query, headers, len(body)) + body
    return broken(rng, data), False


def broken(rng, data):
    """Bytes that were a request once."""
    data = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(data)) if data else 0
        choice = rng.randrange(5)
        if choice == 0 and data:
            data[place] = rng.randrange(256)
        elif choice == 1:
            del data[place : place + rng.randrange(20)]
        elif choice == 2:
            data[place:place] = rng.choice([b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\xff", b"a" * 70000, b"\r\nX: y" * 300])
        elif choice == 3:
            data[place:place] = data[place : place + rng.randrange(200)]
        else:
            del data[place:]
    return bytes(data)


def raw(rng, signer):
    return rng.choice([
        lambda: rng.randbytes(rng.randrange(1, 300)),
        lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500),
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rng.randbytes(50),
        lambda: b"GET " + rng.randbytes(200).replace(b"\n", b"") + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        lambda: b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * rng.choice([100, 1000, 100000]),
        lambda: b"GET / HTTP/1.1\r\nX: " + b"x" * rng.choice([1000, 100000, 5000000]),
        lambda: b"GET http://127.0.0.1/fuzz/k HTTP/1.1\r\nHost: h\r\n\r\n",
        lambda: b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        lambda: b"PUT /fuzz/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + rng.choice([
            b"ffffffffffffffff\r\n", b"-1\r\n", b"1;" + b"x" * 100000, b"1\r\na", b"0\r\n" + b"A: b\r\n" * 1000, b"\r\n\r\n"]),
        lambda: b"\r\n" * rng.randrange(1, 1000) + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        lambda: wire.head(signer, "GET", "/fuzz/k") * rng.randrange(2, 20),
    ])()


FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t\x20-\x7e\x80-\xff]*")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Wire:
    """Reads answers, and believes nothing."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""

    def more(self):
        data = self.connection.recv(1 << 18)
        self.buffer += data
        return bool(data)

    def answer(self, method):
        """The next answer; None when the connection was closed before it."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                if self.buffer:
                    raise Failure(f"the answer ends in its head: {self.buffer[:300]}")
                return None
            if len(self.buffer) > 1 << 20:
                raise Failure("the answer's head doesn't end")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        if not re.fullmatch(rb"HTTP/1\.1 [1-5]\d\d [ -~]*", lines[0]):
            raise Failure(f"not a status line: {lines[0]}")
        headers = {}
        for line in lines[1:]:
            if not FIELD.fullmatch(line):
                raise Failure(f"not a field: {line}")
            name, value = line.split(b":", 1)
            name = name.decode().lower()
            if name in headers and name not in ("vary",):
                raise Failure(f"{name} comes twice")
            headers[name] = value.strip().decode("utf-8", "surrogateescape")
        status = int(lines[0][9:12])
        if status < 200:
            return self.answer(method)
        length = headers.get("content-length")
        if status in (204, 304):
            if length:
                raise Failure(f"{status} with a length")
            length = "0"
        if length is None or not length.isdigit():
            raise Failure(f"no length: {head}")
        size = 0 if method == "HEAD" else int(length)
        while len(self.buffer) < size:
            if not self.more():
                raise Failure(f"the answer ends after {len(self.buffer)} of {size} bytes")
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        self.check(status, headers, body, method)
        return Answer(status, headers, body)

    @staticmethod
    def check(status, headers, body, method):
        identifier = headers.get("x-oss-request-id", "")
        if not re.fullmatch("[0-9A-F]{24}", identifier) or "date" not in headers:
            raise Failure(f"{status} without request ID or date: {headers}")
        if status >= 500 and status != 501:
            raise Failure(f"{status}: {body[:500]}")
        if status >= 400 and status not in (412, 416) and method != "HEAD" and identifier.encode() not in body:
            raise Failure(f"{status}, and the document has no request ID: {body[:500]}")


class Worker(threading.Thread):
    def __init__(self, fuzzer, number):
        super().__init__(daemon=True)
        self.fuzzer = fuzzer
        self.rng = random.Random(fuzzer.seed * 1009 + number)
        self.statuses = collections.Counter()
        self.slowest = 0.0
        self.sent = b""

    def run(self):
        while not self.fuzzer.is_over():
            self.fuzzer.gate.wait()
            with self.fuzzer.working:
                self.fuzzer.active += 1
            try:
                self.connection()
            except Failure as failure:
                self.fuzzer.fail(f"{failure}\nafter {self.sent[:20000]!r}")
            except OSError as error:
                # A reset is a way to close; that the server is gone is found elsewhere.
                if isinstance(error, TimeoutError):
                    self.fuzzer.fail(f"no answer within {PATIENCE} s to {self.sent[:20000]!r}")
            finally:
                with self.fuzzer.working:
                    self.fuzzer.active -= 1
                    self.fuzzer.working.notify_all()

    def connection(self):
        """Some requests over one connection."""
        server, rng = self.fuzzer.server, self.rng
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            reader = Wire(connection)
            for _ in range(rng.choice([1, 1, 5, 20])):
                if self.fuzzer.is_over() or not self.fuzzer.gate.is_set():
                    return
                self.fuzzer.count += 1
                if rng.random() < 0.1:
                    return self.garbage(connection, reader, raw(rng, server.signer), "GET")
                request = Request(rng, rng.choice(OPERATIONS))
                for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
                    mutate(rng, request)
                data, is_framed = encode(rng, server.signer, request)
                if not is_framed:
                    return self.garbage(connection, reader, data, request.method)
                if not self.exchange(connection, reader, data, request):
                    return

    def garbage(self, connection, reader, data, method):
        """What may be answered or not."""
        self.sent = data
        try:
            connection.sendall(data)
            if self.rng.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
            elif self.rng.random() < 0.5:
                return
            else:
                # The server waits for more, and rightly so.
                connection.settimeout(0.2)
            while (answer := reader.answer(method)) is not None:
                self.statuses[answer.status] += 1
                # What follows an answer to HEAD can't be told from its body when it isn't known what was understood.
                if method == "HEAD":
                    return
        except TimeoutError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.statuses["closed"] += 1

    def exchange(self, connection, reader, data, request):
        self.sent = data
        started = time.monotonic()
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # Answered before all was sent.
            pass
        answer = reader.answer(request.method)
        self.slowest = max(self.slowest, time.monotonic() - started)
        if answer is None:
            raise Failure(f"{request.name} was not answered")
        self.statuses[answer.status] += 1
        self.fuzzer.answered[request.name] += 1
        if answer.status < 300:
            self.fuzzer.succeeded[request.name] += 1
            STATE.learn(answer.headers, answer.body)
        return answer.headers.get("connection") != "close"


class Fuzzer:
    def __init__(self, program, seconds, seed):
        self.program, self.seed = program, seed
        self.folder = tempfile.mkdtemp(prefix="oss-fuzz-")
        self.data = os.path.join(self.folder, "data")
        with open(os.path.join(self.folder, "canary"), "w") as file:
            file.write("untouched")
        self.end = time.monotonic() + seconds
        self.failure = None
        self.count = 0
        self.peak = 0.0
        self.starts = 0
        self.answered, self.succeeded = collections.Counter(), collections.Counter()
        self.gate = threading.Event()
        self.working = threading.Condition()
        self.active = 0

    def is_over(self):
        return self.failure is not None or time.monotonic() > self.end

    def fail(self, what):
        if self.failure is None:
            self.failure = what

    def start(self):
        self.server = wire.Server(
            self.program, "--data", self.data, "--no-sync", "--no-block-public-access",
            limits={resource.RLIMIT_AS: 8 << 30} if sys.platform == "linux" else None)
        self.starts += 1
        self.furnish()
        self.gate.set()

    def furnish(self):
        """Makes what requests are about; some of them delete it."""
        signer = self.server.signer
        for bucket in BUCKETS[:-1]:
            acl = "public-read-write" if bucket == "fuzz-public" else "private"
            self.simple(wire.head(signer, "PUT", f"/{bucket}/", headers=[("x-oss-acl", acl)], length=0))
            for key in KEYS[:5]:
                path = f"/{bucket}/" + quote(key, safe="/~")
                self.simple(wire.head(signer, "PUT", path, headers=[("x-oss-tagging", "a=b")], length=1000) + b"x" * 1000)
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.simple(wire.head(signer, "PUT", "/fuzz-versioned/", [("versioning", "")], length=len(body)) + body)
        upload = self.simple(wire.head(signer, "POST", "/fuzz/parts", [("uploads", "")], length=0))
        if upload is not None:
            STATE.learn(upload.headers, upload.body)

    def simple(self, data):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE) as connection:
            connection.sendall(data)
            return Wire(connection).answer("PUT")

    def stop(self):
        self.gate.clear()
        with self.working:
            self.working.wait_for(lambda: self.active == 0, timeout=2 * PATIENCE)
        if self.server.is_alive():
            self.server.stop()
        logged = self.server.logged()
        if logged:
            self.fail(f"the server complains:\n{logged[:3000]}")
        left = os.listdir(os.path.join(self.data, "temporary"))
        if left:
            self.fail(f"left in temporary: {left[:5]}")

    def guarded(self, body):
        try:
            body()
        except (Failure, OSError) as error:
            self.fail(f"{error!r}")

    def watch(self):
        if not self.server.is_alive():
            self.fail(f"the server ended with {self.server.process.returncode}:\n{self.server.logged()[-5000:]}")
        memory = self.server.memory()
        self.peak = max(self.peak, memory)
        if memory > MEMORY:
            self.fail(f"the server takes {memory:.0f} MiB")
        if sorted(os.listdir(self.folder)) != ["canary", "data"]:
            self.fail(f"files outside the folder: {os.listdir(self.folder)}")
        if open(os.path.join(self.folder, "canary")).read() != "untouched":
            self.fail("a file outside the folder was changed")
        more = set(os.listdir(self.data)) - {"lock", "temporary", "blobs", "buckets", "accounts"}
        if more:
            self.fail(f"unknown files: {more}")

    def run(self):
        self.start()
        workers = [Worker(self, number) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
        next_restart, next_furnishing = RESTART, 0.0
        while not self.is_over():
            time.sleep(0.1)
            self.watch()
            if time.monotonic() > next_furnishing and self.failure is None:
                self.guarded(self.furnish)
                next_furnishing = time.monotonic() + 1
            if self.count >= next_restart and not self.is_over():
                next_restart += RESTART
                self.stop()
                self.start()
        self.gate.set()
        for worker in workers:
            worker.join(2 * PATIENCE)
        self.stop()
        if self.failure is None:
            # What was kept can be read again, and nothing of it is left out.
            self.start()
            self.stop()
        statuses = sum((worker.statuses for worker in workers), collections.Counter())
        classes = collections.Counter()
        for status, count in statuses.items():
            classes[status if isinstance(status, str) else f"{status // 100}xx"] += count
        never = sorted(one["name"] for one in OPERATIONS if one["name"] not in self.succeeded)
        print(f"fuzz: seed {self.seed}, {self.count} requests, "
              + ", ".join(f"{name} {count}" for name, count in sorted(classes.items()))
              + f"; at most {self.peak:.0f} MiB, slowest answer {max(worker.slowest for worker in workers):.2f} s, "
              f"{self.starts} starts")
        print(f"fuzz: {len(self.answered)} operations answered, {len(self.succeeded)} of them with success")
        if os.environ.get("FUZZ_VERBOSE"):
            print("statuses:", dict(statuses), "\nnever with success:", " ".join(never))
        if self.failure is not None:
            print(f"FAILED: {self.failure}")
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.failure is None


if __name__ == "__main__":
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    wire.raise_file_limit()
    sys.exit(0 if Fuzzer(sys.argv[1], seconds, seed).run() else 1)
