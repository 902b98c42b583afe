"""HTTP to addresses that members gave: webhooks go out, media come in, and nobody reaches the box's own network.

A name is resolved once, every address it has is checked, and the request goes to a checked address, under the name for TLS
and `Host`: a name that answers differently a moment later changes nothing. Sizes, times and redirects are bounded.
"""

import asyncio
import hashlib
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache, partial

import httpx
from msgspec import Struct

from wame_box.kernel.errors import N_, Refused
from wame_box.kernel.http_clients import HttpClients
from wame_box.kernel.public_addresses import Address, is_permitted, literal_address, parse_url
from wame_box.kernel.settings import Outbound, networks

USER_AGENT = "WaMe-Box"
EXCERPT_BYTES = 1024
DRAIN_BYTES = 64 * 1024  # an answer up to this is read to its end, so that its connection can serve again
FETCH_SECONDS = 120
CONNECT_SECONDS = 5
MAX_REDIRECTS = 3
MAX_ADDRESSES = 4  # of one name, tried in turn
RESOLVED_SECONDS = 30.0
KEPT_HEADERS = ("content-type", "retry-after", "location")

# What went wrong on the network, for logs and pages: codes of OutboundError.
OUTBOUND_ERRORS = {
    "dns": N_("The host name was not found."),
    "connect": N_("The connection was refused or did not come about."),
    "timeout": N_("The server took too long."),
    "tls": N_("The server's certificate is not valid."),
    "broken": N_("The connection broke before the answer was complete."),
    "too_large": N_("The answer is too large."),
    "encoded": N_("The answer came compressed, which was not asked for."),
    "redirect": N_("The address redirects too often, or to nowhere."),
    "status": N_("The server did not answer with the file."),
}

Resolve = Callable[[str, int], Awaitable[list[str]]]
Sink = Callable[[bytes], Awaitable[object]]


class OutboundError(Exception):
    """The network or the other side failed. `code` is a key of OUTBOUND_ERRORS, `detail` a technical word for the log."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class Answer(Struct, frozen=True):
    """What a server answered to a POST: its beginning as text (1 KB at most), and how long it took."""

    status: int
    headers: dict[str, str]
    body_excerpt: str
    ms: int


class Fetched(Struct, frozen=True):
    """What was fetched: `url` is where the redirects ended, `content_type` what the server said, without parameters."""

    url: str
    content_type: str
    size: int
    sha256: bytes


class OutboundHttp:
    """The one way out to addresses of members."""

    def __init__(
        self, config: Outbound, *, resolve: Resolve | None = None, tls: Callable[[], ssl.SSLContext] | None = None
    ) -> None:
        """`resolve` and `tls` replace the system's name resolution and certificates in tests."""
        self._allowed = networks(config.allow_private)
        self._timeout = float(config.timeout)
        self._resolve = resolve or self._ask_system
        # Threads of its own: names whose servers don't answer must not hold up whatever else waits for a thread.
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")
        self._resolved: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._clients = HttpClients(tls or httpx.create_ssl_context)

    async def close(self) -> None:
        """Close every connection."""
        await self._clients.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def check_url(self, url: str) -> None:
        """For forms: refuse what can be refused without asking the network.

        Raises Refused: url_invalid, url_scheme, url_credentials, url_port, url_private.
        """
        self._check_spelled(parse_url(url).raw_host.decode("ascii"))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None, timeout: float | None = None) -> Answer:
        """Send a body; any status is an answer, redirects too. `timeout` is for everything, in seconds.

        Raises Refused as `check_url`, OutboundError.
        """
        started = time.perf_counter()
        parsed = parse_url(url)
        limit = timeout or self._timeout
        async with _bounded(limit), self._open("POST", parsed, limit, body, headers) as response:
            excerpt = await _excerpt(response)
            kept = {name: response.headers[name][:200] for name in KEPT_HEADERS if name in response.headers}
            return Answer(response.status_code, kept, excerpt, round((time.perf_counter() - started) * 1000))

    async def fetch(self, url: str, max_bytes: int, sink: Sink, timeout: float = FETCH_SECONDS) -> Fetched:
        """Give the content at an address to `sink`, part by part; what the sink raises ends it.

        Raises Refused as `check_url` (after a redirect too), OutboundError.
        """
        target = parse_url(url)
        async with _bounded(timeout):
            for _hop in range(MAX_REDIRECTS + 1):
                async with self._open("GET", target, self._timeout) as response:
                    if not response.has_redirect_location:
                        return await _receive(response, str(target), max_bytes, sink)
                    target = _redirected(target, response)
        raise OutboundError("redirect", f"more than {MAX_REDIRECTS}")

    @asynccontextmanager
    async def _open(
        self, method: str, url: httpx.URL, wait: float, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[httpx.Response]:
        host = url.raw_host.decode("ascii")
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await self._addresses(host, port)
        sent = httpx.Headers(headers)
        sent.update({"Host": url.netloc.decode("ascii"), "User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
        timeout = httpx.Timeout(wait, connect=min(CONNECT_SECONDS, wait))
        async with self._clients.borrow((url.scheme, host, port)) as client:
            requests = [
                # The connection goes to the address, the certificate must be the name's.
                httpx.Request(
                    method,
                    _at(url, address),
                    content=body,
                    headers=sent,
                    extensions={"sni_hostname": host, "timeout": timeout.as_dict()},
                )
                for address in addresses
            ]
            try:
                response = await self._first_answer(client, requests)
            except httpx.TransportError as error:
                self._resolved.pop((host, port), None)
                raise _translated(error) from error
            try:
                yield response
            except httpx.HTTPError as error:
                raise _translated(error) from error
            finally:
                await response.aclose()

    async def _first_answer(self, client: httpx.AsyncHTTPTransport, requests: list[httpx.Request]) -> httpx.Response:
        """The answer of the first address that can be reached."""
        for request in requests[:-1]:
            try:
                return await client.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if _is_tls(error):
                    raise
        return await client.handle_async_request(requests[-1])

    async def _addresses(self, host: str, port: int) -> list[str]:
        """The checked addresses of a host; for half a minute it is not asked again."""
        known = self._resolved.get((host, port))
        if known and known[0] > time.monotonic():
            return known[1]
        self._check_spelled(host)
        found = await self._resolve(host, port)
        for text in found:
            self._check_address(host, ipaddress.ip_address(text))
        if not found:
            raise OutboundError("dns", host)
        if len(self._resolved) > 1000:
            self._resolved.clear()
        self._resolved[host, port] = (time.monotonic() + RESOLVED_SECONDS, found[:MAX_ADDRESSES])
        return found[:MAX_ADDRESSES]

    async def _ask_system(self, host: str, port: int) -> list[str]:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except (OSError, UnicodeError) as error:
            raise OutboundError("dns", host) from error
        return list(dict.fromkeys(str(address[0]) for *_kind, address in found))

    def _check_spelled(self, host: str) -> None:
        """Refuse a host whose name says itself that it is private."""
        name = host.rstrip(".")
        local = name == "localhost" or name.endswith(".localhost")
        if address := literal_address("127.0.0.1" if local else name):
            self._check_address(host, address)

    def _check_address(self, host: str, address: Address) -> None:
        if not is_permitted(address, self._allowed):
            raise Refused("url_private", host=host)


@lru_cache(maxsize=256)
def _at(url: httpx.URL, address: str) -> httpx.URL:
    """The same URL, at an address of its host. The same few come again and again."""
    return url.copy_with(host=address)


@asynccontextmanager
async def _bounded(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise OutboundError("timeout", f"{seconds:g} s") from error


async def _excerpt(response: httpx.Response) -> str:
    kept = bytearray()
    seen = 0
    async for part in response.aiter_raw():
        kept += part[: EXCERPT_BYTES - len(kept)]
        seen += len(part)
        if seen > DRAIN_BYTES:
            break
    return "" if _is_encoded(response) else kept.decode("utf-8", "replace")


async def _receive(response: httpx.Response, url: str, max_bytes: int, sink: Sink) -> Fetched:
    if response.status_code != 200:
        raise OutboundError("status", str(response.status_code))
    if _is_encoded(response):
        raise OutboundError("encoded", response.headers["content-encoding"][:50])
    if int(response.headers.get("content-length", 0)) > max_bytes:
        raise OutboundError("too_large")
    size, digest = 0, hashlib.sha256()
    async for part in response.aiter_raw():
        size += len(part)
        if size > max_bytes:
            raise OutboundError("too_large")
        digest.update(part)
        await sink(part)
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(url, content_type, size, digest.digest())


def _redirected(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    try:
        return parse_url(str(url.join(response.headers["location"])))
    except httpx.InvalidURL as error:
        raise OutboundError("redirect", "to nowhere") from error


def _is_encoded(response: httpx.Response) -> bool:
    return response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}


def _translated(error: httpx.HTTPError) -> OutboundError:
    if isinstance(error, httpx.TimeoutException):
        return OutboundError("timeout", type(error).__name__)
    if _is_tls(error):
        return OutboundError("tls", str(error)[:200])
    code = "connect" if isinstance(error, httpx.ConnectError) else "broken"
    return OutboundError(code, str(error)[:200])


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
