"""Loads the page of the control endpoint in a browser and checks what is in it.

Usage: page_test.py BROWSER [FOLDER]; with a folder, pictures of the page are left there.
Run by Scripts/page-test, which starts an emulator and says in the environment where it is.
"""
import html.parser
import http.server
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request

from client import Client, exchange

BROWSER = sys.argv[1]
PICTURES = sys.argv[2] if len(sys.argv) > 2 else None
CONTROL = os.environ["OSS_CONTROL_ENDPOINT"]
CONTROL_HOST = CONTROL.split("//")[1]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&amp;"
SECRET = os.environ["OSS_ACCESS_KEY_SECRET"]

client = Client(os.environ["OSS_ENDPOINT"], os.environ["OSS_REGION"], os.environ["OSS_ACCESS_KEY_ID"], SECRET)
checks = 0


def check(truth, what):
    global checks
    checks += 1
    if not truth:
        sys.exit(f"page-test: {what}")


class Page(html.parser.HTMLParser):
    """The elements of a document: each with its tag, attributes and text."""

    EMPTY = {"meta", "input", "br", "link", "img"}

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **{name: value or "" for name, value in attributes}}
        self.elements.append(element)
        if tag not in self.EMPTY:
            self.open.append(element)

    def handle_endtag(self, tag):
        while self.open and self.open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        return [
            element for element in self.elements
            if element["tag"] == tag
            and all(value in element.get(name.rstrip("_"), "").split() for name, value in attributes.items())
        ]

    def section(self, name):
        return next(element["text"] for element in self.elements if element.get("id") == name)


def browse(*options, base=CONTROL, fragment=""):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={folder}",
             *options, f"{base}/{fragment}"],
            capture_output=True, text=True, timeout=120)
    return run.stdout


def load(fragment="", base=CONTROL, budget=5000):
    page = Page(browse("--dump-dom", f"--virtual-time-budget={budget}", base=base, fragment=fragment))
    check(page.all("title")[0]["text"] == "oss-emulator", "a script of somebody else ran")
    check(not page.all("img") and len(page.all("script")) == 1, "an object's key became markup")
    check(page.section("live") == "live", f"the page got no answer: {page.section('live')}")
    check(SECRET not in str(page.elements), "the page shows a secret")
    return page


def prepare():
    for bucket in ("photos", "many"):
        check(client.send("PUT", f"/{bucket}/")[0] == 200, "a bucket could not be made")
    for key in ("index.html", "2026/summer/a.jpg", "2026/winter/b.jpg", HOSTILE, "tab\tkey", "\u202egnp.exe", "目录/a"):
        status, _, text = client.send("PUT", f"/photos/{key}", body=b"0123456789")
        check(status == 200, text)
    for number in range(230):
        client.send("PUT", f"/many/{number:04}", body=b"1")
    _, _, text = client.send("POST", f"/photos/up/{HOSTILE}", [("uploads", "")])
    upload = re.search("<UploadId>(.*?)<", text)[1]
    for part in ("1", "7"):
        client.send("PUT", f"/photos/up/{HOSTILE}", [("partNumber", part), ("uploadId", upload)], body=b"1" * 3000)
    client.send("GET", "/photos/none")
    client.send("GET", "/photos/index.html", headers={"x-emulator-fault": "status=503; qos-delay=250"})
    exchange(client.host, "GET", "/photos/index.html", {"User-Agent": HOSTILE})
    return upload


def mismatches():
    """The request IDs of two bad signatures: one of a known mistake, one of none."""
    reply = subprocess.run(
        ["curl", "-s", "-i", "--noproxy", "*", "-H", "x-oss-security-token: ", "-H",
         "Authorization: OSS4-HMAC-SHA256 Credential=" + client.key_id + "/20200101/" + client.region
         + "/oss/aliyun_v4_request,Signature=" + "0" * 64, f"http://{client.host}/photos/index.html"],
        capture_output=True, text=True, check=True).stdout
    check(" 403 " in reply or " 400 " in reply, reply)
    known = client.send(
        "PUT", "/photos/a b.txt", [("x", "1/2")], {"content-type": "text/html; charset=utf-8", "x-oss-meta-a": HOSTILE},
        mistake=lambda lines: [line for line in lines if not line.startswith("content-type:")])
    unknown = client.send("GET", "/photos/index.html", mistake=lambda lines: lines + ["something else"])
    check(known[0] == 403 and unknown[0] == 403, "a wrong signature was taken")
    return known[1]["x-oss-request-id"], unknown[1]["x-oss-request-id"]


def test_document():
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(CONTROL + "/") as reply:
        policy, text = reply.headers["Content-Security-Policy"], reply.read().decode()
    check("default-src 'none'" in policy and "unsafe" not in policy, policy)
    check(not re.search(r"https?:|//[a-z]+\.|@import|url\(", text), "the page names something outside")
    check("innerHTML" not in text and "<noscript>" in text, "the page is not as it should be")
    check(len(text) < 64 << 10, f"the page has {len(text)} bytes")


def test_overview():
    page = load()
    buckets = page.section("buckets")
    check("photos" in buckets and "many" in buckets and "230" in buckets, buckets)
    check(os.environ["OSS_ENDPOINT"] in page.section("facts"), page.section("facts"))
    requests = page.section("requests")
    for word in ("GetObject", "UploadPart", "NoSuchKey", "ServiceUnavailable", "status=503; qos-delay=250", "anonymous",
                 "V4 does not match", "not checked"):
        check(word in requests, f"the requests lack {word}")
    check(len(page.all("tr", class_="row")) == 100, "the page shows a hundred requests")


def test_objects():
    page = load("#/photos/")
    keys = [cell["text"] for cell in page.all("td", class_="key")]
    folder = HOSTILE[: HOSTILE.index("/") + 1]
    for key in ("index.html", folder, "tab\\tkey", "\\u202egnp.exe", "2026/", "目录/"):
        check(key in keys, f"{key!r} is not among {keys}")
    check("2026/summer/a.jpg" not in keys, "what is in a folder is shown beside it")
    uploads = page.section("uploads")
    check(HOSTILE in uploads and "2 parts, 5.9 KiB" in uploads, uploads)
    check([row["text"][0] for row in page.all("tr") if row["text"].startswith(("1", "7"))][:2] == ["1", "7"], uploads)
    page = load("#/photos/2026%2F")
    check("summer/" in page.section("objects") and "index.html" not in page.section("objects"), "a prefix is opened")
    page = load("#/many/")
    cells = [cell["text"] for cell in page.all("td", class_="key") if re.fullmatch(r"\d{4}", cell["text"])]
    check(cells[:2] == ["0000", "0001"] and len([cell for cell in cells if cell < "0100"]) == 100, "objects come in pages")
    buttons = {button["text"]: "disabled" in button for button in page.all("button")}
    check(buttons.get("Next") is False and buttons.get("Back") is True, "there are buttons for the pages")


def test_mismatch(known, unknown):
    page = load(f"#request={known}")
    requests = page.section("requests")
    check("The client signed without the header content-type." in requests, "the mistake is named")
    removed = [cell["text"] for cell in page.all("td", class_="removed")]
    added = [cell["text"] for cell in page.all("td", class_="added")]
    check(removed[0] == "content-type:text/html; charset=utf-8", removed)
    check(len(removed) == 2 and len(added) == 1, "only what differs is marked")
    check(f"x-oss-meta-a:{HOSTILE}" in requests, "the canonical request is shown")
    page = load(f"#request={unknown}")
    requests = page.section("requests")
    check("usual mistakes, nor two of them together, gives the client's signature" in requests, requests[:2000])
    check(len(page.all("option")) > 90, "there are candidates to compare with")
    check("GET\n/photos/index.html\n\nx-oss-content-sha256:UNSIGNED-PAYLOAD" in requests, "the canonical request is shown")


def test_refresh():
    """The page is loaded through a server of ours, which makes a bucket once the page has asked for the state twice."""
    asked = []

    class Between(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/state":
                asked.append(self.path)
                if len(asked) == 3:
                    client.send("PUT", "/made-later/")
            status, headers, text = exchange(CONTROL_HOST, "GET", self.path, {"Host": CONTROL_HOST})
            body = text.encode()
            self.send_response(status)
            for name in ("Content-Type", "Content-Security-Policy"):
                if name in headers:
                    self.send_header(name, headers[name])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = load(base=f"http://127.0.0.1:{server.server_port}", budget=20000)
    server.shutdown()
    check(len(asked) > 3 and "made-later" in page.section("buckets"), f"the page does not refresh: asked {len(asked)}")


def main():
    prepare()
    known, unknown = mismatches()
    test_document()
    test_overview()
    test_objects()
    test_mismatch(known, unknown)
    test_refresh()
    if PICTURES:
        for name, fragment in (("overview", ""), ("objects", "#/photos/"), ("mismatch", f"#request={known}")):
            for scheme in ("light", "dark"):
                browse(f"--screenshot={PICTURES}/{name}-{scheme}.png", "--window-size=1300,1400",
                       "--virtual-time-budget=5000", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
                       fragment=fragment)
    print(f"page-test: {checks} checks passed")


main()
