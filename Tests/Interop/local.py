"""HTTP without an SDK: requests as browsers and curl send them, and a server for what the service itself sends."""

import contextlib
import http.server
import json
import os
import threading

import requests
from harness import ENDPOINT


def fetch(url, method="GET", body=None, headers=None, **options):
    """Sends a request without looking at the environment; returns status, body and headers."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, data=body, headers=headers, allow_redirects=False, timeout=20, **options)
        return answer.status_code, answer.content, answer.headers


def url(bucket, key="", query=""):
    """The URL of an object with a plain key, or of the bucket."""
    return f"{ENDPOINT}/{bucket}/{key}" + (f"?{query}" if query else "")


def control(method, path, document=None):
    """Asks the emulator's control endpoint; returns what it says."""
    body = None if document is None else json.dumps(document)
    status, answer, _ = fetch(os.environ["OSS_CONTROL_ENDPOINT"] + path, method, body)
    if status // 100 != 2:
        raise AssertionError(f"{method} {path} of the control endpoint: {status} {answer!r}")
    return json.loads(answer) if answer else None


@contextlib.contextmanager
def clock_ahead(seconds):
    """Puts the server's clock forward for a while. Up to 15 minutes signatures don't mind."""
    control("PUT", "/clock", {"offset": seconds})
    try:
        yield
    finally:
        control("PUT", "/clock", {"offset": 0})


class Receiver:
    """A server on the loopback interface that keeps what is posted to it, and always answers the same."""

    def __init__(self, answer, content_type="application/json"):
        self.bodies = []
        self.headers = []
        self.paths = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.paths.append(self.path)
                receiver.headers.append(dict(self.headers))
                receiver.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self):
                self.do_POST()

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
