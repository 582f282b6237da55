"""What a real server does at the limits of what the system gives it: space, open files, memory.

    limits.py PROGRAM
"""

import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time

import wire

IDLE = 10_000
MEMORY = 300  # MiB
LARGE = 200  # MiB


def exchange(server, method, path, body=b"", connection=None):
    """The status of an answer and its body."""
    own = connection or socket.create_connection(("127.0.0.1", server.port), timeout=30)
    own.sendall(wire.head(server.signer, method, path, length=len(body)) + body)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = own.recv(65536)
        if not piece:
            raise ConnectionResetError("closed")
        data += piece
    head, data = data.split(b"\r\n\r\n", 1)
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(data) < int(fields.get(b"content-length", 0)):
        data += own.recv(65536)
    if connection is None:
        own.close()
    return int(head.split()[1]), data


def full_disk(program, data):
    """A file that may not grow stands for a disk that is full."""
    server = wire.Server(program, "--data", data, limits={resource.RLIMIT_FSIZE: 1 << 20})
    assert exchange(server, "PUT", "/limits/")[0] == 200
    assert exchange(server, "PUT", "/limits/k", b"before")[0] == 200
    for key in ("k", "new"):
        status, body = exchange(server, "PUT", f"/limits/{key}", b"x" * (2 << 20))
        assert status == 500 and b"InternalError" in body, (status, body)
    assert exchange(server, "GET", "/limits/k") == (200, b"before")
    assert exchange(server, "GET", "/limits/new")[0] == 404
    assert exchange(server, "PUT", "/limits/k", b"after")[0] == 200
    server.stop()
    assert "File too large" in server.logged(), "the log doesn't say why"
    left = [path for path in wire.files_below(data) if "/temporary/" in path]
    assert not left, left
    assert len(wire.files_below(os.path.join(data, "blobs"))) == 1
    print("a full disk: refused, nothing left of it")


def few_files(program, data):
    """More connections than files: some are refused, and afterwards all is as before."""
    server = wire.Server(program, "--data", data, limits={resource.RLIMIT_NOFILE: 96})
    connections = []
    for _ in range(300):
        connections.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    for connection in connections:
        connection.close()
    end = time.monotonic() + 30
    while True:
        try:
            assert exchange(server, "GET", "/limits/k") == (200, b"after")
            break
        except OSError:
            assert time.monotonic() < end, "nobody is answered any more"
            time.sleep(0.05)
    server.stop()
    print("too few open files: answers again once there are enough")


def idle_connections(program, data):
    if wire.raise_file_limit() < IDLE + 100:
        return print("idle connections: this process may not open enough files")
    server = wire.Server(program, "--data", data)
    before = server.memory()
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(IDLE)]
    # Half of them say something, and half of those come to a half.
    for number, connection in enumerate(connections):
        if number % 4 == 0:
            connection.sendall(b"GET /limits/k HTTP/1.1\r\nHost: h\r\nX: ")
    started = time.monotonic()
    answered = 0
    for number, connection in enumerate(connections):
        if number % 4 == 1:
            assert exchange(server, "GET", "/limits/k", connection=connection) == (200, b"after")
            answered += 1
    memory = server.memory()
    assert memory < MEMORY, f"{IDLE} connections take {memory:.0f} MiB"
    seconds = time.monotonic() - started
    for connection in connections:
        connection.close()
    server.stop()
    print(f"{IDLE} connections: {memory - before:.0f} MiB more, {answered} of them answered in {seconds:.1f} s")


def large_bodies(program, data):
    """A body passes through and doesn't pile up, also while the client is slower than the disk."""
    server = wire.Server(program, "--data", data)
    assert exchange(server, "PUT", "/limits/")[0] == 200
    before = server.memory()
    block = b"x" * (1 << 20)
    sender = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    sender.sendall(wire.head(server.signer, "PUT", "/limits/large", length=LARGE << 20))
    for _ in range(LARGE):
        sender.sendall(block)
    assert sender.recv(65536).startswith(b"HTTP/1.1 200")
    # Asked for, and not read until something else was answered.
    sender.sendall(wire.head(server.signer, "GET", "/limits/large", headers=[("Connection", "close")]))
    assert exchange(server, "GET", "/limits/k")[0] == 404
    count = 0
    while piece := sender.recv(1 << 20):
        count += len(piece)
    assert count > LARGE << 20, count
    memory = server.memory("VmHWM") - before
    assert memory < LARGE / 2, f"a body of {LARGE} MiB takes {memory:.0f} MiB"
    sender.close()
    server.stop()
    print(f"a body of {LARGE} MiB: {memory:.0f} MiB more")


def bad_folders(program, folder):
    """Each is said in a sentence, and with a status."""
    file = os.path.join(folder, "file")
    with open(file, "w") as output:
        output.write("x")
    foreign = os.path.join(folder, "foreign")
    os.makedirs(os.path.join(foreign, "temporary"))
    locked = os.path.join(folder, "locked")
    first = wire.Server(program, "--data", locked)
    cases = [(file, "cannot"), (file + "/below", "cannot create"), (foreign, "neither empty nor"), (locked, "in use")]
    if os.geteuid() != 0:
        closed = os.path.join(folder, "closed")
        os.makedirs(closed, mode=0o500)
        cases.append((os.path.join(closed, "data"), "Permission denied"))
    for path, reason in cases:
        server = wire.Server(program, "--data", path, wait=False)
        assert server.process.wait(30) != 0, f"{path} was taken"
        logged = server.logged()
        assert reason in logged and len(logged.splitlines()) == 1, f"{path}: {logged}"
    first.stop()
    assert os.listdir(foreign) == ["temporary"]
    print("bad folders: each with its reason")


def main(program):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    folder = tempfile.mkdtemp(prefix="oss-limits-")
    data = os.path.join(folder, "data")
    try:
        full_disk(program, data)
        few_files(program, data)
        idle_connections(program, data)
        large_bodies(program, os.path.join(folder, "large"))
        bad_folders(program, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
