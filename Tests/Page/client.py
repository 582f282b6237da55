"""A small client for the page's test: it signs, on demand wrongly."""
import datetime
import hashlib
import hmac
import http.client
import urllib.parse


def escape(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


class Client:
    def __init__(self, endpoint, region, key_id, secret):
        self.host = urllib.parse.urlsplit(endpoint).netloc
        self.region, self.key_id, self.secret = region, key_id, secret

    def send(self, method, resource, query=(), headers=None, body=b"", mistake=None):
        """Sends a signed request; `mistake` changes the lines of the canonical request before it is signed."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {"x-oss-date": now, "x-oss-content-sha256": "UNSIGNED-PAYLOAD", **(headers or {})}
        pairs = sorted((escape(name), escape(value)) for name, value in query)
        text = "&".join(f"{name}={value}" if value else name for name, value in pairs)
        lines = [method, escape(resource, "/"), text]
        names = sorted(name for name in headers if name.startswith("x-oss-") or name in ("content-type", "content-md5"))
        lines += [f"{name}:{headers[name]}" for name in names] + ["", "", "UNSIGNED-PAYLOAD"]
        if mistake:
            lines = mistake(lines)
        scope = f"{now[:8]}/{self.region}/oss/aliyun_v4_request"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = f"aliyun_v4{self.secret}".encode()
        for part in scope.split("/") + [f"OSS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"OSS4-HMAC-SHA256 Credential={self.key_id}/{scope},Signature={key.hex()}"
        return exchange(self.host, method, escape(resource, "/") + ("?" + text if text else ""), headers, body)


def exchange(host, method, target, headers=None, body=b""):
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request(method, target, body, headers or {})
    reply = connection.getresponse()
    result = reply.status, dict(reply.getheaders()), reply.read().decode()
    connection.close()
    return result
