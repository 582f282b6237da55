"""Kills a real server in the middle of a thousand concurrent uploads, again and again, and looks at what is there after.

    crash.py PROGRAM [ROUNDS [SEED]]

Every worker has keys of its own, and knows of each what was acknowledged and what was under way when the server was
killed: after the next start the former or the latter must be there, whole, with its CRC and metadata, and nothing else.
Every other round is with --no-sync. Before most rounds a start is killed too.
"""

import asyncio
import hashlib
import os
import random
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import wire

WORKERS = 1000
KEYS = 4
BUCKET = "crash"
VERSIONED = "crash-versioned"
BLOCK = random.Random(1).randbytes(4 << 20)


def pattern(seed, size):
    """Bytes that belong to one write and no other."""
    start = hashlib.sha256(str(seed).encode()).digest()[: min(size, 32)]
    offset = seed * 7919 % (3 << 20)
    return start + BLOCK[offset : offset + size - len(start)]


@dataclass(frozen=True)
class Content:
    pieces: tuple  # of (seed, size)
    metadata: str = ""
    tag: str = ""
    acl: str = "default"
    kind: str = "Normal"
    etag: str = ""  # only of multipart uploads, once it is known; else it is the MD5

    def body(self):
        return b"".join(pattern(seed, size) for seed, size in self.pieces)


@dataclass
class Slot:
    """A key: what is there, and what may be there instead as its request was not answered."""

    key: str
    certain: Content | None = None
    maybe: list = field(default_factory=list)
    # By upload ID: the parts that were acknowledged. An upload that may be gone is in `ending`.
    uploads: dict = field(default_factory=dict)
    ending: set = field(default_factory=set)
    initiating: bool = False


@dataclass
class History:
    """A key in a bucket with versioning: its versions, newest first, as (ID, content or None for a delete marker)."""

    key: str
    certain: list = field(default_factory=list)
    maybe: tuple | None = None  # ("put", content) or ("mark",) or ("remove", ID)


class Lost(Exception):
    """The server is gone."""


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def xml(self):
        return ET.fromstring(self.body)


class Connection:
    def __init__(self, server):
        self.server = server
        self.reader = None

    async def send(self, method, bucket, key="", query=(), headers=(), body=b"", expect=(200, 204)):
        path = f"/{bucket}/" + quote(key, safe="/~")
        try:
            if self.reader is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.server.port, limit=1 << 20)
            self.writer.write(wire.head(self.server.signer, method, path, query, headers, len(body)) + body)
            await self.writer.drain()
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            status = int(lines[0].split()[1])
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            size = 0 if method == "HEAD" else int(fields.get("content-length", 0))
            content = await self.reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise Lost from error
        if expect and status not in expect:
            raise AssertionError(f"{method} {path} {query}: {status} {content[:500]}")
        return Reply(status, fields, content)

    def close(self):
        if self.reader is not None:
            self.writer.close()
            self.reader = None


class Worker:
    """Writes to its own keys until the server is gone."""

    def __init__(self, number, seed):
        self.random = random.Random(seed * 100003 + number)
        self.number = number
        self.slots = [Slot(f"{number % 7}/{number}/{index}") for index in range(KEYS)]
        self.appended = Slot(f"append/{number}")
        self.history = History(f"v/{number}") if number % 20 == 0 else None
        self.bucket = f"crash-own-{number}" if number % 200 == 0 else None
        self.bucket_states = {None}  # ACLs; None is no such bucket
        self.acknowledged = 0

    def fresh(self, size=None):
        """A write of its own; small ones are as frequent as large ones."""
        if size is None:
            size = int(2 ** self.random.uniform(0, 20))
        return self.random.getrandbits(62), size

    async def run(self, server):
        connection = Connection(server)
        try:
            while True:
                await self.step(connection)
                self.acknowledged += 1
        except Lost:
            pass
        finally:
            connection.close()

    async def step(self, connection):
        if self.history and self.random.random() < 0.5:
            return await self.version(connection)
        if self.bucket and self.random.random() < 0.3:
            return await self.own_bucket(connection)
        slot = self.random.choice(self.slots)
        operations = [(50, self.put), (10, self.delete), (8, self.multipart), (10, self.append), (6, self.tag),
                      (4, self.acl), (6, self.copy), (3, self.delete_many)]
        operation = self.random.choices([one for _, one in operations], [weight for weight, _ in operations])[0]
        await operation(connection, slot)

    @staticmethod
    def begin(slot, content):
        slot.maybe = [content]

    @staticmethod
    def end(slot, content):
        slot.certain, slot.maybe = content, []

    async def put(self, connection, slot):
        content = Content((self.fresh(),), metadata=str(self.random.random()), tag=str(self.random.randrange(1000)))
        self.begin(slot, content)
        body = content.body()
        reply = await connection.send(
            "PUT", BUCKET, slot.key, body=body,
            headers=[("x-oss-meta-m", content.metadata), ("x-oss-tagging", "t=" + content.tag),
                     ("Content-Type", "text/x-crash")])
        assert reply.headers["etag"] == '"' + hashlib.md5(body).hexdigest().upper() + '"', slot.key
        self.end(slot, content)

    async def delete(self, connection, slot):
        self.begin(slot, None)
        await connection.send("DELETE", BUCKET, slot.key)
        self.end(slot, None)

    async def delete_many(self, connection, _):
        for slot in self.slots:
            self.begin(slot, None)
        keys = "".join(f"<Object><Key>{slot.key}</Key></Object>" for slot in self.slots)
        body = f"<Delete><Quiet>true</Quiet>{keys}</Delete>".encode()
        await connection.send(
            "POST", BUCKET, query=[("delete", "")], headers=[("Content-MD5", wire.md5(body))], body=body)
        for slot in self.slots:
            self.end(slot, None)

    async def append(self, connection, _):
        slot = self.appended
        old = slot.certain
        if old and len(old.pieces) > 8:
            return await self.delete(connection, slot)
        content = replace(old or Content((), kind="Appendable"), pieces=(old.pieces if old else ()) + (
            self.fresh(self.random.randrange(1, 30000)),))
        self.begin(slot, content)
        position = sum(size for _, size in old.pieces) if old else 0
        await connection.send(
            "POST", BUCKET, slot.key, query=[("append", ""), ("position", str(position))],
            body=pattern(*content.pieces[-1]))
        self.end(slot, content)

    async def tag(self, connection, slot):
        if not slot.certain:
            return await self.put(connection, slot)
        content = replace(slot.certain, tag=str(self.random.randrange(1000)))
        self.begin(slot, content)
        body = f"<Tagging><TagSet><Tag><Key>t</Key><Value>{content.tag}</Value></Tag></TagSet></Tagging>".encode()
        await connection.send("PUT", BUCKET, slot.key, query=[("tagging", "")], body=body)
        self.end(slot, content)

    async def acl(self, connection, slot):
        if not slot.certain:
            return await self.put(connection, slot)
        content = replace(slot.certain, acl=self.random.choice(["private", "public-read"]))
        self.begin(slot, content)
        await connection.send("PUT", BUCKET, slot.key, query=[("acl", "")], headers=[("x-oss-object-acl", content.acl)])
        self.end(slot, content)

    async def copy(self, connection, slot):
        source = self.random.choice(self.slots)
        if source is slot or not source.certain:
            return await self.put(connection, slot)
        # ACLs aren't copied, tags and metadata are; what was uploaded in parts is a whole then.
        content = replace(source.certain, acl="default", kind="Normal")
        self.begin(slot, content)
        await connection.send(
            "PUT", BUCKET, slot.key, headers=[("x-oss-copy-source", f"/{BUCKET}/{quote(source.key)}")])
        self.end(slot, content)

    async def multipart(self, connection, slot):
        slot.initiating = True
        metadata = str(self.random.random())
        reply = await connection.send(
            "POST", BUCKET, slot.key, query=[("uploads", "")], headers=[("x-oss-meta-m", metadata)])
        slot.initiating = False
        upload = reply.xml().findtext("UploadId")
        parts = slot.uploads[upload] = {}
        content = Content((self.fresh(100 << 10), self.fresh()), metadata=metadata, kind="Multipart")
        for number, piece in enumerate(content.pieces, 1):
            await connection.send(
                "PUT", BUCKET, slot.key, query=[("partNumber", str(number)), ("uploadId", upload)],
                body=pattern(*piece))
            parts[number] = hashlib.md5(pattern(*piece)).hexdigest().upper()
        slot.ending.add(upload)
        if self.random.random() < 0.2:
            await connection.send("DELETE", BUCKET, slot.key, query=[("uploadId", upload)])
        else:
            self.begin(slot, content)
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts.items())
            reply = await connection.send(
                "POST", BUCKET, slot.key, query=[("uploadId", upload)],
                body=f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode())
            self.end(slot, replace(content, etag=reply.xml().findtext("ETag").strip('"')))
        slot.ending.discard(upload)
        del slot.uploads[upload]

    async def version(self, connection):
        history = self.history
        choice = self.random.random()
        if choice < 0.6 or not history.certain:
            content = Content((self.fresh(),), metadata=str(self.random.random()))
            history.maybe = ("put", content)
            reply = await connection.send(
                "PUT", VERSIONED, history.key, headers=[("x-oss-meta-m", content.metadata)], body=content.body())
            history.certain.insert(0, (reply.headers["x-oss-version-id"], content))
        elif choice < 0.75:
            history.maybe = ("mark",)
            reply = await connection.send("DELETE", VERSIONED, history.key)
            history.certain.insert(0, (reply.headers["x-oss-version-id"], None))
        else:
            identifier = self.random.choice(history.certain)[0]
            history.maybe = ("remove", identifier)
            await connection.send("DELETE", VERSIONED, history.key, query=[("versionId", identifier)])
            history.certain = [one for one in history.certain if one[0] != identifier]
        history.maybe = None

    async def own_bucket(self, connection):
        (state,) = self.bucket_states
        if state is None:
            wanted, call = "private", connection.send("PUT", self.bucket)
        elif self.random.random() < 0.5:
            wanted, call = None, connection.send("DELETE", self.bucket)
        else:
            wanted = self.random.choice(["private", "public-read"])
            call = connection.send("PUT", self.bucket, query=[("acl", "")], headers=[("x-oss-acl", wanted)])
        self.bucket_states = {state, wanted}
        await call
        self.bucket_states = {wanted}

    # MARK: After the crash

    async def verify(self, server):
        """Compares what is there with what may be; what is found is certain from then on."""
        connection = Connection(server)
        for slot in [*self.slots, self.appended]:
            await self.verify_slot(connection, slot)
            await self.verify_uploads(connection, slot)
        if self.history:
            await self.verify_history(connection)
        if self.bucket:
            reply = await connection.send("GET", self.bucket, query=[("acl", "")], expect=(200, 404))
            found = reply.xml().findtext("AccessControlList/Grant") if reply.status == 200 else None
            assert found in self.bucket_states, f"{self.bucket}: {found} instead of {self.bucket_states}"
            self.bucket_states = {found}
        connection.close()

    async def verify_slot(self, connection, slot):
        candidates = [slot.certain, *slot.maybe]
        reply = await connection.send("GET", BUCKET, slot.key, expect=(200, 404))
        if reply.status == 404:
            assert None in candidates, f"{slot.key} is gone"
            slot.certain, slot.maybe = None, []
            return
        check_checksums(slot.key, reply)
        acl = (await connection.send("GET", BUCKET, slot.key, query=[("acl", "")])).xml()
        tags = (await connection.send("GET", BUCKET, slot.key, query=[("tagging", "")])).xml()
        found = (
            reply.body, reply.headers.get("x-oss-meta-m", ""), tags.findtext("TagSet/Tag/Value") or "",
            acl.findtext("AccessControlList/Grant"), reply.headers["x-oss-object-type"])
        for candidate in candidates:
            if candidate and found == (
                candidate.body(), candidate.metadata, candidate.tag, candidate.acl, candidate.kind
            ) and (not candidate.etag or candidate.etag == reply.headers["etag"].strip('"')):
                slot.certain, slot.maybe = candidate, []
                return
        same = [one and (one.body() == reply.body) for one in candidates]
        raise AssertionError(f"{slot.key} is none of what was written: {len(reply.body)} bytes (the same: {same}), "
                             f"{reply.headers['etag']}, {found[1:]}, "
                             f"{[one and (sum(size for _, size in one.pieces), one) for one in candidates]}")

    async def verify_uploads(self, connection, slot):
        listing = (await connection.send("GET", BUCKET, query=[("uploads", ""), ("prefix", slot.key)])).xml()
        found = {one.findtext("UploadId") for one in listing.iter("Upload") if one.findtext("Key") == slot.key}
        missing = set(slot.uploads) - found - slot.ending
        assert not missing, f"{slot.key}: the uploads {missing} are gone"
        more = found - set(slot.uploads)
        assert len(more) <= int(slot.initiating), f"{slot.key}: the uploads {more} were ended"
        for upload in found:
            parts = (await connection.send("GET", BUCKET, slot.key, query=[("uploadId", upload)])).xml()
            there = {int(one.findtext("PartNumber")): one.findtext("ETag").strip('"') for one in parts.iter("Part")}
            known = slot.uploads.get(upload, {})
            assert known.items() <= there.items(), f"{slot.key}: the parts {known} are {there}"
            await connection.send("DELETE", BUCKET, slot.key, query=[("uploadId", upload)])
        slot.uploads, slot.ending, slot.initiating = {}, set(), False

    async def verify_history(self, connection):
        history = self.history
        listing = (await connection.send(
            "GET", VERSIONED, query=[("versions", ""), ("prefix", history.key), ("max-keys", "1000")])).xml()
        found = []
        for one in listing:
            if one.tag not in ("Version", "DeleteMarker") or one.findtext("Key") != history.key:
                continue
            identifier = one.findtext("VersionId")
            if one.tag == "DeleteMarker":
                found.append((identifier, None))
                continue
            reply = await connection.send("GET", VERSIONED, history.key, query=[("versionId", identifier)])
            check_checksums(history.key, reply)
            known = dict(history.certain).get(identifier)
            if known is None and history.maybe and history.maybe[0] == "put":
                known = history.maybe[1]
            assert known, f"{history.key}: the version {identifier} was never written"
            assert reply.body == known.body(), f"{history.key}: the version {identifier} is another"
            assert reply.headers["x-oss-meta-m"] == known.metadata, history.key
            found.append((identifier, known))
        kept, maybe = history.certain, history.maybe
        allowed = [kept]
        if maybe and maybe[0] == "remove":
            allowed.append([one for one in kept if one[0] != maybe[1]])
        elif maybe and found:
            allowed.append([found[0], *kept])
        assert found in allowed, f"{history.key}: {found} instead of {kept} and {maybe}"
        history.certain, history.maybe = found, None

    async def remove(self, server):
        """Removes all that is there."""
        connection = Connection(server)
        for slot in [*self.slots, self.appended]:
            if slot.certain:
                await connection.send("DELETE", BUCKET, slot.key)
                slot.certain = None
        for identifier, _ in self.history.certain if self.history else []:
            await connection.send("DELETE", VERSIONED, self.history.key, query=[("versionId", identifier)])
        if self.bucket_states != {None}:
            await connection.send("DELETE", self.bucket)
        connection.close()


def check_checksums(key, reply):
    etag = reply.headers["etag"].strip('"')
    if reply.headers["x-oss-object-type"] == "Normal" and "-" not in etag:
        assert etag == hashlib.md5(reply.body).hexdigest().upper(), f"{key}: the ETag is another's"
    if len(reply.body) <= 4096:
        assert int(reply.headers["x-oss-hash-crc64ecma"]) == wire.crc64(reply.body), f"{key}: the CRC is another's"


async def verify(server, workers):
    await asyncio.gather(*(worker.verify(server) for worker in workers))
    # And nothing else.
    connection = Connection(server)
    listed, token = set(), ""
    while token is not None:
        query = [("list-type", "2"), ("max-keys", "1000")] + ([("continuation-token", token)] if token else [])
        page = (await connection.send("GET", BUCKET, query=query)).xml()
        listed |= {(one.findtext("Key"), int(one.findtext("Size"))) for one in page.iter("Contents")}
        token = page.findtext("NextContinuationToken")
    connection.close()
    slots = [slot for worker in workers for slot in [*worker.slots, worker.appended] if slot.certain]
    known = {(slot.key, sum(size for _, size in slot.certain.pieces)) for slot in slots}
    assert listed == known, f"listed, but never acknowledged: {listed - known}; not listed: {known - listed}"
    return len(slots), sum(size for _, size in known)


async def crash(program, data, number, rng, workers):
    options = ["--data", data, "--no-block-public-access"] + (["--no-sync"] if number % 2 else [])
    if rng.random() < 0.7:
        # A start that is killed must not do harm either.
        server = wire.Server(program, *options, wait=False)
        await asyncio.sleep(rng.uniform(0, 0.2))
        server.kill()
    started = time.monotonic()
    server = wire.Server(program, *options)
    started = time.monotonic() - started
    try:
        objects, size = await verify(server, workers)
        before = sum(worker.acknowledged for worker in workers)
        tasks = [asyncio.create_task(worker.run(server)) for worker in workers]
        # At any moment, but not before it was in the middle of something.
        enough, latest = before + rng.randrange(200, 4000), time.monotonic() + 20
        while sum(worker.acknowledged for worker in workers) < enough and time.monotonic() < latest:
            await asyncio.sleep(0.005)
            if any(task.done() for task in tasks):
                break
        await asyncio.sleep(rng.uniform(0, 0.05))
        server.kill()
        for task in tasks:
            await task
    finally:
        server.kill()
    check_log(server)
    acknowledged = sum(worker.acknowledged for worker in workers) - before
    print(f"round {number + 1}{' --no-sync' if number % 2 else ''}: start {started:.2f} s, {objects} objects "
          f"({size >> 20} MiB) whole; killed after {acknowledged} changes", flush=True)
    return acknowledged


def check_log(server):
    logged = server.logged()
    assert not logged, f"the server complains:\n{logged}"


async def run(program, rounds, seed):
    rng = random.Random(seed)
    folder = tempfile.mkdtemp(prefix="oss-crash-")
    data = os.path.join(folder, "data")
    workers = [Worker(number, seed) for number in range(WORKERS)]
    try:
        server = wire.Server(program, "--data", data, "--no-block-public-access")
        connection = Connection(server)
        for bucket in (BUCKET, VERSIONED):
            await connection.send("PUT", bucket)
        await connection.send(
            "PUT", VERSIONED, query=[("versioning", "")],
            body=b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        connection.close()
        # These are acknowledged too.
        server.kill()
        changes = 0
        for number in range(rounds):
            changes += await crash(program, data, number, rng, workers)

        # A clean end leaves nothing half done, and another start finds the same.
        server = wire.Server(program, "--data", data, "--no-block-public-access")
        await verify(server, workers)
        server.stop()
        check_log(server)
        assert not os.listdir(os.path.join(data, "temporary")), "something is left in temporary"
        server = wire.Server(program, "--data", data, "--no-block-public-access")
        objects, size = await verify(server, workers)
        await asyncio.gather(*(worker.remove(server) for worker in workers))
        connection = Connection(server)
        for bucket in (BUCKET, VERSIONED):
            await connection.send("DELETE", bucket)
        connection.close()
        server.stop()
        check_log(server)
        left = [path for path in wire.files_below(data) if os.path.basename(path) != "lock"]
        assert not left, f"{len(left)} files are left, such as {left[0]}"
        print(f"crash test: {rounds} crashes, {changes} acknowledged changes, {objects} objects ({size >> 20} MiB) whole "
              f"at the end, and nothing left once they were deleted")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    wire.raise_file_limit()
    asyncio.run(run(program, rounds, seed))
