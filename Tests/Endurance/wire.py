"""What the endurance tests share: a real server, and requests that are signed by hand. Python's own library only."""

import base64
import hashlib
import hmac
import os
import resource
import signal
import subprocess
import tempfile
import time
from urllib.parse import quote

REGION = "cn-hangzhou"


class Server:
    """The server in a process of its own. `limits` are resource limits of it: {resource.RLIMIT_AS: bytes}."""

    def __init__(self, program, *arguments, limits=None, wait=True):
        self.log = tempfile.TemporaryFile(mode="w+")

        def prepare():
            for name, value in (limits or {}).items():
                resource.setrlimit(name, (value, value))

        self.process = subprocess.Popen(
            [program, "--port", "0", "--region", REGION, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True, preexec_fn=prepare)
        if wait:
            self.ready()

    def ready(self):
        words = self.process.stdout.readline().split()
        if not words or words[0] != "ready":
            raise AssertionError(f"the server did not start:\n{self.logged()}")
        self.port = int(words[1].rsplit(":", 1)[1])
        fields = dict(word.split("=", 1) for word in words[2:])
        self.signer = Signer(fields["accessKeyId"], fields["accessKeySecret"])

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it as a terminal would."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=120)
        if status != 0:
            raise AssertionError(f"the server ended with status {status}:\n{self.logged()}")

    def memory(self, kind="VmRSS"):
        """MiB of memory now, or at most so far (VmHWM); 0 where the system doesn't tell."""
        try:
            with open(f"/proc/{self.process.pid}/status") as file:
                return next(int(line.split()[1]) / 1024 for line in file if line.startswith(kind + ":"))
        except (OSError, StopIteration):
            return 0


class Signer:
    """Signature version 4, in the Authorization header."""

    def __init__(self, key_id, secret):
        self.key_id = key_id
        self.secret = secret
        self._key = (None, None)

    def _signing_key(self, scope):
        if self._key[0] != scope:
            key = b"aliyun_v4" + self.secret.encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (scope, key)
        return self._key[1]

    def sign(self, method, path, query, headers):
        """Adds what makes a request signed.

        `path` is the encoded resource, `query` a list of pairs of bytes as they are meant, `headers` a list of pairs.
        """
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{date[:8]}/{REGION}/oss/aliyun_v4_request"
        headers = headers + [("x-oss-date", date), ("x-oss-content-sha256", "UNSIGNED-PAYLOAD")]
        pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query)
        signed = {}
        for name, value in headers:
            name = name.lower()
            if name.startswith("x-oss-") or name in ("content-type", "content-md5"):
                value = value.strip(" \t")
                signed[name] = signed[name] + "," + value if name in signed else value
        canonical = "\n".join([
            method, path, "&".join(f"{name}={value}" if value else name for name, value in pairs),
            "".join(f"{name}:{signed[name]}\n" for name in sorted(signed)), "", "UNSIGNED-PAYLOAD",
        ])
        digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
        text = f"OSS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
        signature = hmac.new(self._signing_key(scope), text.encode(), "sha256").hexdigest()
        credential = f"OSS4-HMAC-SHA256 Credential={self.key_id}/{scope},Signature={signature}"
        return headers + [("Authorization", credential)]


def encode_query(query):
    return "&".join(quote(name, safe="~") + ("=" + quote(value, safe="~") if value else "") for name, value in query)


def head(signer, method, path, query=(), headers=(), length=None):
    """A signed request up to its body, as bytes. Texts hold bytes that aren't UTF-8 as surrogates."""
    query = list(query)
    headers = signer.sign(method, path, query, list(headers))
    if length is not None:
        headers.append(("Content-Length", str(length)))
    target = path + ("?" + encode_query(query) if query else "")
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"] + [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


_CRC_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0xC96C5795D7870F42 if _byte & 1 else 0)
    _CRC_TABLE.append(_byte)


def crc64(body):
    """CRC-64/XZ, slowly."""
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in body:
        crc = _CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFFFFFFFFFF


def files_below(folder):
    return [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]


def raise_file_limit():
    """As many open files as the system lets this process have; returns their number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, 65536, 10240):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
        except (OSError, ValueError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
