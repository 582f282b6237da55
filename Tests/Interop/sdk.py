"""The official Python SDK v2, in its forms, behind one face, so that one case serves all of them."""

import contextlib
import datetime
import inspect
import xml.etree.ElementTree as ElementTree

import alibabacloud_oss_v2 as oss
import alibabacloud_oss_v2.aio as oss_aio
from alibabacloud_oss_v2 import crc as oss_crc
from alibabacloud_oss_v2 import operations as oss_operations
from harness import COVERAGE, CREDENTIALS, ENDPOINT, KEY_ID, KEY_SECRET, REGION, same

#: The SDK's synchronous and asynchronous client, each with both versions of the signature.
FORMS = ["sync", "asyncio", "sync-v1", "asyncio-v1"]
SYNC = ["sync", "sync-v1"]
V4 = ["sync", "asyncio"]


def configuration(provider, form="sync", **options):
    config = oss.config.load_default()
    config.credentials_provider = provider
    config.signature_version = "v1" if form.endswith("v1") else "v4"
    config.region = REGION
    config.endpoint = ENDPOINT
    config.retry_max_attempts = 1
    for name, value in options.items():
        expected = hasattr(config, name)
        same(expected, True, f"the configuration's {name}")
        setattr(config, name, value)
    return config


def client(key_id=KEY_ID, secret=KEY_SECRET, token=None, **options):
    return oss.Client(configuration(oss.credentials.StaticCredentialsProvider(key_id, secret, token), **options))


class API:
    """A client whose calls are awaited in every form, and take the members of the request:
    `await api.get_object(bucket=…, key=…)`. It notes which operations succeed and which are refused."""

    def __init__(self, form, provider, signer=None, **options):
        self.form = form
        self._others = []
        config = configuration(provider, form, **options)
        more = {} if signer is None else {"signer": signer}
        self.client = (oss_aio.AsyncClient if self.is_asyncio else oss.Client)(config, **more)
        self._observe(self.client._client)

    @property
    def is_asyncio(self):
        return self.form.startswith("asyncio")

    def _observe(self, inner):
        original = inner.invoke_operation

        def note(name, error):
            if error is None:
                COVERAGE.succeeded(self.form, name)
                return
            cause = error.unwrap()
            # `BadErrorResponse` is the SDK's word for an answer without a document; only 304 may have none.
            if isinstance(cause, oss.exceptions.ServiceError) and (
                cause.code != "BadErrorResponse" or cause.status_code == 304
            ):
                COVERAGE.refused(self.form, name, cause.status_code, cause.code)

        @contextlib.contextmanager
        def noting(name):
            try:
                yield
                note(name, None)
            except oss.exceptions.OperationError as error:
                note(name, error)
                raise

        # What is signed into a URL is not sent.
        def invoke(op_input, **kwargs):
            with contextlib.nullcontext() if "auth_method" in kwargs else noting(op_input.op_name):
                return original(op_input, **kwargs)

        async def invoke_later(op_input, **kwargs):
            with contextlib.nullcontext() if "auth_method" in kwargs else noting(op_input.op_name):
                return await original(op_input, **kwargs)

        inner.invoke_operation = invoke_later if self.is_asyncio else invoke

    # Clients

    def other(self, key_id=KEY_ID, secret=KEY_SECRET, token=None, **options):
        """The same kind of client with other credentials or options; it is closed together with this one."""
        return self._keep(API(self.form, oss.credentials.StaticCredentialsProvider(key_id, secret, token), **options))

    def using(self, name):
        """The same kind of client with one of the pairs of keys in `credentials`."""
        pair = CREDENTIALS[name]
        return self.other(pair["accessKeyId"], pair["accessKeySecret"], pair.get("securityToken"))

    def signing_by(self, signer):
        return self._keep(API(self.form, oss.credentials.StaticCredentialsProvider(KEY_ID, KEY_SECRET), signer))

    def anonymous(self):
        return self._keep(API(self.form, oss.credentials.AnonymousCredentialsProvider()))

    def _keep(self, api):
        self._others.append(api)
        return api

    async def close(self):
        for api in self._others:
            await api.close()
        if self.is_asyncio:
            await self.client.close()

    # Calls

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        async def call(*arguments, **members):
            kind = getattr(oss, "".join(word.capitalize() for word in name.split("_")) + "Request", None)
            if kind is not None and not arguments:
                arguments, members = (self.request(kind, **members),), {}
            own = getattr(self.client, name, None)
            if own is None:
                return await self._borrowed(name, *arguments)
            answer = own(*arguments, **members)
            return await answer if inspect.isawaitable(answer) else answer

        return call

    @staticmethod
    def request(kind, **members):
        """A request; the SDK itself takes members that it doesn't know, and forgets them."""
        known = set(inspect.signature(kind.__init__).parameters) | {"headers", "parameters", "payload"}
        same(sorted(set(members) - known), [], f"members that {kind.__name__} doesn't have")
        return kind(**members)

    async def _borrowed(self, name, request):
        """An operation that only the synchronous client has. The SDK's code for that one makes the request and reads
        the answer; the asynchronous client sends it."""
        operation = getattr(oss_operations, name)
        with contextlib.suppress(_Built):
            operation(built := _Built(), request)
        output = await self.client.invoke_operation(built.op_input)
        await _finish(output.http_response)
        output.http_response = _Answered(output.http_response)
        return operation(_Sent(output), request)

    async def pages(self, name, limit=None, **members):
        """The pages of a list operation, by the SDK's paginator."""
        paginator = getattr(self.client, f"{name}_paginator")(**({} if limit is None else {"limit": limit}))
        kind = getattr(oss, "".join(word.capitalize() for word in name.split("_")) + "Request")
        found = paginator.iter_page(self.request(kind, **members))
        if hasattr(found, "__aiter__"):
            async for page in found:
                yield page
        else:
            for page in found:
                yield page

    async def presign(self, request, **options):
        signed = self.client.presign(request, **options)
        return await signed if inspect.isawaitable(signed) else signed

    async def invoke(
        self, name, method, bucket=None, key=None, parameters=None, headers=None, body=None, signed=None
    ):
        """An operation that the SDK has no function for. `signed` are the parameters that V1 signs, if not all."""
        op_input = oss.OperationInput(
            op_name=name, method=method, bucket=bucket, key=key, parameters=parameters or {}, headers=headers or {},
            body=body, op_metadata={"sub-resource": list(parameters or {}) if signed is None else signed},
        )
        output = self.client.invoke_operation(op_input)
        if inspect.isawaitable(output):
            output = await output
            await _finish(output.http_response)
        return Answer(output)

    # For the runner

    async def make_bucket(self, bucket):
        await self.put_bucket(bucket=bucket)

    async def remove_bucket(self, bucket):
        try:
            await empty(self, bucket)
            await self.delete_bucket(bucket=bucket)
        except oss.exceptions.OperationError as error:
            if "NoSuchBucket" not in str(error):
                raise


async def _finish(response):
    """Reads an asynchronous response to its end, which it allows once."""
    if not response.is_stream_consumed:
        await response.read()


class _Built(Exception):
    """Stands in for the client while the SDK makes a request, and stops where that would be sent."""

    def invoke_operation(self, op_input, **kwargs):
        self.op_input = op_input
        raise self


class _Sent:
    """Stands in for the client while the SDK reads an answer."""

    def __init__(self, output):
        self.output = output

    def invoke_operation(self, op_input, **kwargs):
        return self.output


class _Answered:
    """An asynchronous response that has been read, for code that reads synchronously."""

    def __init__(self, response):
        self._response = response
        self.content = response.content

    def __getattr__(self, name):
        return getattr(self._response, name)

    def read(self):
        return self.content

    def iter_bytes(self, **kwargs):
        yield self.content

    def close(self):
        pass


class Answer:
    """An answer that the SDK has no model for."""

    def __init__(self, output):
        self.status_code = output.status_code
        self.headers = output.headers
        self.body = output.http_response.content

    def text(self, path):
        """The text of an element of the document; None where it is missing."""
        return ElementTree.fromstring(self.body).findtext(path)

    def texts(self, path):
        return [element.text for element in ElementTree.fromstring(self.body).findall(path)]


@contextlib.asynccontextmanager
async def open_client(form):
    api = API(form, oss.credentials.StaticCredentialsProvider(KEY_ID, KEY_SECRET))
    try:
        yield api
    finally:
        await api.close()


# Shorthands


async def put(api, bucket, key, body, **more):
    return await api.put_object(bucket=bucket, key=key, body=body, **more)


async def get(api, bucket, key, **more):
    return await api.get_object(bucket=bucket, key=key, **more)


async def head(api, bucket, key, **more):
    return await api.head_object(bucket=bucket, key=key, **more)


async def content(answer):
    """The body of an answer."""
    # An empty one, which the asynchronous client has read already, can't be read again.
    data = answer.body.content if answer.body.is_stream_consumed else answer.body.read()
    return await data if inspect.isawaitable(data) else data


async def read(api, bucket, key, **more):
    """What an object contains."""
    return await content(await get(api, bucket, key, **more))


def in_pieces(api, pieces):
    """A body of unknown length."""

    async def later():
        for piece in pieces:
            yield piece

    return later() if api.is_asyncio else iter(pieces)


async def keys(api, bucket, **more):
    """The keys of a bucket."""
    return [
        item.key async for page in api.pages("list_objects_v2", bucket=bucket, **more) for item in page.contents or []
    ]


async def versioning(api, bucket, status="Enabled"):
    await api.put_bucket_versioning(
        bucket=bucket, versioning_configuration=oss.VersioningConfiguration(status=status)
    )


async def open_to_public(api, bucket):
    """Allows what a new bucket blocks: that anything in it is made public."""
    await api.put_bucket_public_access_block(
        bucket=bucket, public_access_block_configuration=oss.PublicAccessBlockConfiguration(block_public_access=False)
    )


def crc64(data):
    value = oss_crc.Crc64(0)
    value.update(data)
    return str(value.sum64())


def http_date(seconds):
    """The time so many seconds from now, as HTTP writes it."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return then.strftime("%a, %d %b %Y %H:%M:%S GMT")


async def refused(call, code, status=None, ec=None, message=None):
    """Awaits a call that must end in the service's error `code`; returns the error."""
    try:
        await call
    except oss.exceptions.OperationError as error:
        inner = error.unwrap()
        if not isinstance(inner, oss.exceptions.ServiceError):
            raise AssertionError(f"{inner!r} instead of {code}") from error
        same(inner.code, code, f"code ({inner.status_code} {inner.message})")
        if status is not None:
            same(inner.status_code, status, "status")
        if ec is not None:
            same(inner.ec, ec, "EC")
        if message is not None:
            same(inner.message, message, "message")
        same(len(inner.request_id), 24, "length of the request id")
        return inner
    raise AssertionError(f"no error, {code} was expected")


async def empty(api, bucket):
    """Removes all that is in a bucket."""
    async for page in api.pages("list_object_versions", limit=1000, bucket=bucket):
        for item in (page.version or []) + (page.delete_marker or []):
            await api.delete_object(bucket=bucket, key=item.key, version_id=item.version_id)
    async for page in api.pages("list_multipart_uploads", bucket=bucket):
        for upload in page.uploads or []:
            await api.abort_multipart_upload(bucket=bucket, key=upload.key, upload_id=upload.upload_id)
