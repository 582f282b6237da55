"""The older official Python SDK, oss2, with all versions of the signature."""

import contextlib
import functools
import inspect

import oss2
from harness import COVERAGE, CREDENTIALS, ENDPOINT, KEY_ID, KEY_SECRET, REGION, same

FORMS = ["v1", "v2", "v4"]

#: What signs URLs, reads lists or asks twice: no operations of their own.
HELPERS = {"sign_url", "sign_rtmp_url", "object_exists"}


def methods(kind):
    return [
        name
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and name not in HELPERS
    ]


def observing(kind, form):
    """A subclass that notes which methods succeed and which are refused."""

    def observe(name, method):
        @functools.wraps(method)
        def observed(self, *arguments, **members):
            try:
                result = method(self, *arguments, **members)
            except oss2.exceptions.ServerError as error:
                COVERAGE.refused(form, name, error.status, error.code or (error.status == 304 and "NotModified"))
                raise
            COVERAGE.succeeded(form, name)
            return result

        return observed

    return type(kind.__name__, (kind,), {name: observe(name, getattr(kind, name)) for name in methods(kind)})


class API:
    def __init__(self, form):
        self.form = form
        self._bucket = observing(oss2.Bucket, form)
        self._service = observing(oss2.Service, form)
        self._sessions = []

    def auth(self, key_id=KEY_ID, secret=KEY_SECRET, token=None):
        if token is not None:
            return oss2.StsAuth(key_id, secret, token, auth_version=self.form)
        return oss2.make_auth(key_id, secret, self.form)

    def auth_of(self, name):
        """What signs with one of the pairs of keys in `credentials`."""
        pair = CREDENTIALS[name]
        return self.auth(pair["accessKeyId"], pair["accessKeySecret"], pair.get("securityToken"))

    def _options(self, auth):
        session = oss2.Session()
        session.session.trust_env = False
        self._sessions.append(session)
        return dict(auth=auth or self.auth(), endpoint=ENDPOINT, session=session, region=REGION, connect_timeout=20)

    def bucket(self, name, auth=None, **options):
        return self._bucket(bucket_name=name, **self._options(auth), **options)

    def service(self, auth=None):
        return self._service(**self._options(auth))

    def anonymous(self, name):
        return self.bucket(name, oss2.AnonymousAuth())

    def close(self):
        for session in self._sessions:
            session.session.close()

    # For the runner

    async def make_bucket(self, name):
        self.bucket(name).create_bucket()

    async def remove_bucket(self, name):
        with contextlib.suppress(oss2.exceptions.NoSuchBucket):
            empty(self.bucket(name))
            self.bucket(name).delete_bucket()


@contextlib.asynccontextmanager
async def open_client(form):
    api = API(form)
    try:
        yield api
    finally:
        api.close()


def empty(bucket):
    """Removes all that is in a bucket."""
    page = None
    while page is None or page.is_truncated:
        page = bucket.list_object_versions(
            max_keys=1000, key_marker=page.next_key_marker if page else "",
            versionid_marker=page.next_versionid_marker if page else "",
        )
        for item in page.versions + page.delete_marker:
            bucket.delete_object(item.key, params={"versionId": item.versionid})
    for upload in oss2.MultipartUploadIterator(bucket):
        bucket.abort_multipart_upload(upload.key, upload.upload_id)


def refused(call, code, status=None, ec=None, message=None):
    """Runs a call that must end in the service's error `code`; returns the error."""
    try:
        call()
    except oss2.exceptions.ServerError as error:
        same(error.code, code, f"code ({error.status} {error.message})")
        if status is not None:
            same(error.status, status, "status")
        if ec is not None:
            same(error.ec, ec, "EC")
        if message is not None:
            same(error.message, message, "message")
        same(len(error.request_id), 24, "length of the request id")
        return error
    raise AssertionError(f"no error, {code} was expected")
