"""The providers of credentials of the official Python libraries and ours, side by side: what each asks STS, an instance's
metadata server, a credentials URI and KMS, and that what each is given works.

    providers.py PROGRAM [CASE ...]

`PROGRAM credentials KIND [ARGUMENT ...]` prints the credentials that our provider of the kind gets, as JSON. Both ask
through a relay to the control endpoint of the local server, which notes the requests and checks the signatures.
"""

import base64
import datetime
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import traceback
from urllib.parse import parse_qsl, urlsplit

import alibabacloud_oss_v2 as oss
from alibabacloud_credentials.provider import (
    EcsRamRoleCredentialsProvider,
    OIDCRoleArnCredentialsProvider,
    RamRoleArnCredentialsProvider,
    URLCredentialsProvider,
)
from alibabacloud_credentials.utils import parameter_helper
from aliyunsdkcore.auth.algorithm import sha_hmac256
from aliyunsdkcore.client import AcsClient
from aliyunsdkkms.request.v20160120.GetSecretValueRequest import GetSecretValueRequest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from Tea.core import TeaCore

from harness import ENDPOINT, KEY_ID, KEY_SECRET, REGION, expect, same

PROGRAM = sys.argv[1]
CONTROL = urlsplit(os.environ["OSS_CONTROL_ENDPOINT"]).netloc
ROLE = "acs:ram::1234567890123456:role/interop"
IDP = "acs:ram::1234567890123456:oidc-provider/idp"
POLICY = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}'
# Of every signed request its own.
VARYING = {"Signature", "SignatureNonce", "Timestamp"}


def control(method, path, body=None):
    connection = http.client.HTTPConnection(CONTROL, timeout=60)
    connection.request(method, path, body)
    response = connection.getresponse()
    text = response.read()
    expect(200 <= response.status < 300, f"{method} {path}: {response.status} {text}")
    return json.loads(text) if text else None


class Seen:
    """A request, with the parameters wherever they are."""

    def __init__(self, method, target, headers, body):
        url = urlsplit(target)
        self.method, self.path = method, url.path
        self.query = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
        form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        self.form = dict(parse_qsl(body.decode(), keep_blank_values=True)) if form else {}
        self.parameters = {**self.query, **self.form}
        self.fixed = {name: value for name, value in self.parameters.items() if name not in VARYING}
        self.ecs = {name: value for name, value in headers.items() if name.startswith("x-aliyun-ecs")}


class Relay:
    """Notes what comes and passes it on."""

    def __init__(self):
        self.seen = []
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                relay.seen.append(Seen(self.command, self.path, headers, body))
                connection = http.client.HTTPConnection(CONTROL, timeout=60)
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                text = response.read()
                self.send_response(response.status)
                self.send_header("content-type", response.getheader("content-type", "text/plain"))
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        seen, self.seen = self.seen, []
        return seen


RELAY = Relay()

# The library asks STS with TLS, which nothing here speaks.
_do_action = TeaCore.do_action


def over_http(request, runtime=None):
    request.protocol = "http"
    expect(request.headers["host"].startswith("127.0.0.1"), "the traffic must stay on the loopback interface")
    return _do_action(request, runtime)


TeaCore.do_action = over_http


def ours(kind, *arguments, environment=None):
    base = {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_CLOUD_")}
    base["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"
    done = subprocess.run(
        [PROGRAM, "credentials", kind, *arguments], capture_output=True, text=True, timeout=300,
        env={**base, **(environment or {})},
    )
    expect(done.returncode == 0, f"{kind} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    found = json.loads(done.stdout)
    return found["id"], found["secret"], found.get("token")


def theirs(provider):
    found = provider.get_credentials()
    return found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token()


def works(credentials):
    configuration = oss.config.load_default()
    configuration.credentials_provider = oss.credentials.StaticCredentialsProvider(*credentials)
    configuration.endpoint, configuration.region = ENDPOINT, REGION
    same(oss.Client(configuration).list_buckets(oss.ListBucketsRequest()).status_code, 200, "list_buckets")


def both(provider, kind, *arguments, environment=None):
    """What each asked, after a look at whether what it got works."""
    RELAY.take()
    works(theirs(provider))
    asked = RELAY.take()
    works(ours(kind, *arguments, environment=environment))
    return asked, RELAY.take()


def signed_well(seen, secret):
    """By their composer of strings to sign."""
    rest = {name: value for name, value in seen.parameters.items() if name != "Signature"}
    text = parameter_helper.compose_string_to_sign(seen.method, rest)
    same(seen.parameters["Signature"], parameter_helper.sign_string(text, secret + "&"), "the signature")


def same_call(their, our, secret):
    """One call of STS each: the same parameters, theirs in the query of a GET, ours in the body of a POST."""
    same((len(their), len(our)), (1, 1), "the number of requests")
    their, our = their[0], our[0]
    same(our.fixed, their.fixed, "the parameters")
    same(set(our.parameters), set(their.parameters), "the names of the parameters")
    same((their.method, their.path, their.form), ("GET", "/", {}), "theirs")
    same((our.method, our.path, our.query), ("POST", "/", {}), "ours")
    for seen in (their, our):
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", seen.parameters["Timestamp"]), "the form of the time")
        if secret:
            signed_well(seen, secret)
        else:
            expect("Signature" not in seen.parameters, "no signature")


def ram_role():
    provider = RamRoleArnCredentialsProvider(
        access_key_id=KEY_ID, access_key_secret=KEY_SECRET, role_arn=ROLE, role_session_name="interop",
        duration_seconds=1800, policy=POLICY, external_id="an-id", sts_endpoint=RELAY.host,
    )
    same_call(*both(provider, "ram-role", RELAY.url, ROLE, "interop", "1800", "an-id", POLICY), KEY_SECRET)


def ram_role_of_a_role():
    source = control("GET", "/credentials")
    keys = source["AccessKeyId"], source["AccessKeySecret"], source["SecurityToken"]
    provider = RamRoleArnCredentialsProvider(
        access_key_id=keys[0], access_key_secret=keys[1], security_token=keys[2], role_arn=ROLE,
        role_session_name="interop", sts_endpoint=RELAY.host,
    )
    environment = dict(zip(["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"], keys))
    same_call(*both(provider, "ram-role", RELAY.url, ROLE, "interop", "3600", environment=environment), keys[1])


def oidc():
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("a-token")
        file.flush()
        provider = OIDCRoleArnCredentialsProvider(
            role_arn=ROLE, oidc_provider_arn=IDP, oidc_token_file_path=file.name, role_session_name="interop",
            sts_endpoint=RELAY.host,
        )
        environment = {
            "ALIBABA_CLOUD_ROLE_ARN": ROLE, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": IDP,
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE": file.name, "ALIBABA_CLOUD_ROLE_SESSION_NAME": "interop",
        }
        same_call(*both(provider, "oidc", RELAY.url, environment=environment), None)


def ecs_role():
    folder = "/latest/meta-data/ram/security-credentials/"
    for mode in ("open", "hardened"):
        control("PUT", "/metadata", json.dumps({"mode": mode, "role": "a-role"}))
        for name in (None, "a-role"):
            provider = EcsRamRoleCredentialsProvider(role_name=name, async_update_enabled=False)
            provider._EcsRamRoleCredentialsProvider__metadata_service_host = RELAY.host
            their, our = both(provider, "ecs-role", RELAY.url, *([name] if name else []))
            # They ask for a token for each of the two steps, ours for both.
            steps = []
            for seen in their:
                step = seen.method, seen.path, seen.parameters, sorted(seen.ecs)
                if step not in steps:
                    steps.append(step)
            same([(seen.method, seen.path, seen.parameters, sorted(seen.ecs)) for seen in our], steps, mode)
            paths = ["/latest/api/token", *([] if name else [folder]), folder + "a-role"]
            same([step[1] for step in steps], paths, mode)
            same(our[0].ecs, their[0].ecs, "the token's lifetime")
    control("PUT", "/metadata", json.dumps({"mode": "open", "role": "emulator-role"}))


def credentials_uri():
    uri = RELAY.url + "/credentials?a=b%20c"
    their, our = both(URLCredentialsProvider(uri=uri), "uri", environment={"ALIBABA_CLOUD_CREDENTIALS_URI": uri})
    same([(s.method, s.path, s.parameters) for s in our], [(s.method, s.path, s.parameters) for s in their])
    same(our[0].parameters, {"a": "b c"})


def environment_and_chain():
    for kind in ("environment", "chain"):
        works(ours(kind))
    found = ours(
        "chain", environment={
            "OSS_ACCESS_KEY_ID": "", "HOME": "/nonexistent", "ALIBABA_CLOUD_CREDENTIALS_URI": RELAY.url + "/credentials"
        })
    expect(found[2], "temporary credentials")
    works(found)


def profiles():
    keys = {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET}
    role = {"ram_role_arn": ROLE, "ram_session_name": "interop"}
    found = [
        {"name": "fixed", "mode": "AK", **keys}, {"name": "role", "mode": "RamRoleArn", **keys, **role},
        {"name": "chained", "mode": "ChainableRamRoleArn", "source_profile": "fixed", **role},
        {"name": "instance", "mode": "EcsRamRole"},
    ]
    with tempfile.TemporaryDirectory() as home:
        os.mkdir(f"{home}/.aliyun")
        with open(f"{home}/.aliyun/config.json", "w", encoding="utf-8") as file:
            json.dump({"current": "fixed", "profiles": found}, file)
        base = {
            "HOME": home, "ALIBABA_CLOUD_STS_ENDPOINT": RELAY.url, "ALIBABA_CLOUD_ECS_METADATA_ENDPOINT": RELAY.url,
        }
        same(ours("profile", environment=base)[0], KEY_ID)
        for profile in found:
            works(ours("profile", environment={**base, "ALIBABA_CLOUD_PROFILE": profile["name"]}))


class ClientKeySigner:
    """As the official Secrets Manager client has it."""

    def __init__(self, key_id, key):
        self.key_id, self.key = key_id, key

    def sign(self, region, request):
        header = request.get_signed_header(region, self.key_id, self.key)
        return header, request.get_url(region, self.key_id, self.key)


def rotating():
    password = b"Client-key-1"
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "KAAP.interop")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    )
    archive = pkcs12.serialize_key_and_certificates(
        b"KAAP.interop", key, certificate, None, serialization.BestAvailableEncryption(password))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    control("PUT", "/kms/client-keys/KAAP.interop", public)
    control("PUT", "/kms/secrets/interop", json.dumps({"rotationInterval": 604800}))
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump({"KeyId": "KAAP.interop", "PrivateKeyData": base64.b64encode(archive).decode()}, file)
        file.flush()
        loaded, _, _ = pkcs12.load_key_and_certificates(archive, password)
        der = loaded.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        signer = ClientKeySigner("KAAP.interop", base64.b64encode(der).decode())
        client = AcsClient(ak="none", secret="none", region_id="cn-hangzhou", port=RELAY.port)

        def get():
            request = GetSecretValueRequest()
            request.set_protocol_type("http")
            request.set_endpoint("127.0.0.1")
            request.set_SecretName("interop")
            request.set_VersionStage("ACSCurrent")
            request.set_FetchExtendedConfig(True)
            request.set_accept_format("JSON")
            request._signer = sha_hmac256
            status, _, body, problem = client._implementation_of_do_action(request, signer)
            expect(status == 200 and problem is None, f"{status} {body} {problem}")
            data = json.loads(json.loads(body)["SecretData"])
            return data["AccessKeyId"], data["AccessKeySecret"]

        RELAY.take()
        their_keys = get()
        their = RELAY.take()
        our_keys = ours("rotating", RELAY.url, "interop", file.name, password.decode())
        our = RELAY.take()
        same(our_keys[:2], their_keys, "the keys")
        works(their_keys)
        # They also ask for what only tells them the secret's kind.
        same((len(our), len(their)), (1, 1))
        same({**our[0].fixed, "FetchExtendedConfig": "True"}, their[0].fixed, "the parameters")
        same([(s.method, s.path, s.form) for s in our + their], [("POST", "/", {})] * 2)
        for seen in our + their:
            rest = {name: value for name, value in seen.query.items() if name != "Signature"}
            text = parameter_helper.compose_string_to_sign("POST", rest)
            key.public_key().verify(
                base64.b64decode(seen.query["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())
        control("POST", "/kms/secrets/interop")
        new_keys = get()
        expect(new_keys != their_keys, "rotated")
        same(ours("rotating", RELAY.url, "interop", file.name, password.decode())[:2], new_keys)
        works(new_keys)


CASES = [
    ram_role, ram_role_of_a_role, oidc, ecs_role, credentials_uri, environment_and_chain, profiles, rotating,
]
failed = 0
chosen = [case for case in CASES if not sys.argv[2:] or case.__name__ in sys.argv[2:]]
control("DELETE", "/requests")
for case in chosen:
    try:
        case()
    except Exception:
        failed += 1
        print(f"FAIL  {case.__name__}")
        traceback.print_exc(limit=-3, file=sys.stdout)
# The server checked every signature.
for operation in ("AssumeRole", "GetSecretValue"):
    for record in control("GET", f"/requests?operation={operation}&limit=500")["requests"]:
        if record["outcome"] != "valid":
            failed += 1
            print(f"FAIL  {operation}: {record['status']} {record['code']}")
print(f"{len(chosen) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
