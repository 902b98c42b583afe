"""Requests to addresses of members: nothing private is reached, nothing endless is read."""

import asyncio
import gzip
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wame_box.kernel import http_clients
from wame_box.kernel.errors import Refused
from wame_box.kernel.outbound_http import OUTBOUND_ERRORS, Fetched, OutboundError, OutboundHttp
from wame_box.kernel.public_addresses import is_permitted
from wame_box.kernel.settings import Outbound

OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png; charset=x\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """A web server on the loopback that gives prepared answers and notes what it was asked."""

    def __init__(self, answer: bytes | Callable[[asyncio.StreamWriter], object], host: str = "127.0.0.1") -> None:
        self.answer = answer
        self.host = host
        self.requests: list[str] = []
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                text = head.decode()
                length = next((int(line[15:]) for line in text.lower().split("\r\n") if line.startswith("content-length")), 0)
                self.requests.append(text + (await reader.readexactly(length)).decode())
                if isinstance(self.answer, bytes):
                    writer.write(self.answer)
                else:
                    await self.answer(writer)  # type: ignore[misc]
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    answer: bytes | Callable[[asyncio.StreamWriter], object], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(answer, host)
    await server.start(tls)
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[OutboundHttp]:
    """An operator who opened his loopback, as he may for his LAN."""
    made = OutboundHttp(Outbound(allow_private=("127.0.0.1/32",), timeout=2))
    yield made
    await made.close()


@pytest.fixture
async def strict() -> AsyncIterator[OutboundHttp]:
    made = OutboundHttp(Outbound(timeout=2))
    yield made
    await made.close()


async def refusal(http: OutboundHttp, url: str) -> str:
    with pytest.raises(Refused) as refused:
        await http.post(url, b"{}")
    return refused.value.code


async def failure(http: OutboundHttp, url: str) -> str:
    with pytest.raises(OutboundError) as failed:
        await http.post(url, b"{}")
    assert failed.value.code in OUTBOUND_ERRORS
    return failed.value.code


async def fetched(http: OutboundHttp, url: str, max_bytes: int = 1000, timeout: float = 5) -> tuple[Fetched, bytes]:
    content = bytearray()

    async def keep(part: bytes) -> None:
        content.extend(part)

    result = await http.fetch(url, max_bytes, keep, timeout)
    return result, bytes(content)


async def fetch_failure(http: OutboundHttp, url: str, max_bytes: int = 1000, timeout: float = 5) -> str:
    with pytest.raises(OutboundError) as failed:
        await fetched(http, url, max_bytes, timeout)
    return failed.value.code


def fixed(*addresses: str) -> Callable[[str, int], asyncio.Future[list[str]]]:
    """A name service that gives one address after the other."""
    left = list(addresses)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0).split() if len(left) > 1 else left[0].split()

    return resolve  # type: ignore[return-value]


async def test_a_post_arrives_as_sent_and_its_answer_is_kept_short(http: OutboundHttp) -> None:
    answer = b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nX-Other: 1\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000
    async with serving(answer) as server:
        found = await http.post(f"http://127.0.0.1:{server.port}/a?b=c", b'{"a":1}', {"webhook-id": "evt_1", "host": "evil"})
    assert (found.status, found.headers, found.body_excerpt) == (429, {"retry-after": "7"}, "x" * 1024)
    assert 0 <= found.ms < 2000
    head, _, body = server.requests[0].partition("\r\n\r\n")
    assert body == '{"a":1}'
    assert head.startswith("POST /a?b=c HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{server.port}\r\n".lower() in head.lower()
    assert "evil" not in head
    assert "webhook-id: evt_1" in head
    assert "accept-encoding: identity" in head.lower()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/x", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("example.com", "url_scheme"),
        ("//example.com", "url_scheme"),
        ("javascript:alert(1)", "url_scheme"),
        ("http://", "url_invalid"),
        ("http:///path", "url_invalid"),
        ("http://exa mple.com/", "url_invalid"),
        ("http://example.com:99999/", "url_invalid"),
        ("http://[::1/", "url_invalid"),
        ("http://exa%20mple.com/", "url_invalid"),
        ("http://[fe80::1%25eth0]/", "url_invalid"),
        ("https://example.com/" + "a" * 3000, "url_invalid"),
        ("https://alice:secret@example.com/", "url_credentials"),
        ("https://example.com:25/", "url_port"),
        ("https://example.com:0/", "url_port"),
        ("http://localhost/", "url_private"),
        ("http://sub.LOCALHOST./", "url_private"),
        ("http://127.0.0.1/", "url_private"),
        ("http://127.1/", "url_private"),
        ("http://0.0.0.0/", "url_private"),
        ("http://2130706433/", "url_private"),
        ("http://0x7f000001/", "url_private"),
        ("http://0x7f.0.0.1/", "url_private"),
        ("http://0177.0.0.1/", "url_invalid"),
        ("http://017700000001/", "url_private"),
        ("http://①②⑦.0.0.1/", "url_invalid"),
        ("http://10.1.2.3/", "url_private"),
        ("http://192.168.0.1/", "url_private"),
        ("http://169.254.169.254/latest/meta-data", "url_private"),
        ("http://100.64.0.1/", "url_private"),
        ("http://224.0.0.1/", "url_private"),
        ("http://240.0.0.1/", "url_private"),
        ("http://255.255.255.255/", "url_private"),
        ("http://[::1]/", "url_private"),
        ("http://[::]/", "url_private"),
        ("http://[::ffff:127.0.0.1]/", "url_private"),
        ("http://[::ffff:7f00:1]/", "url_private"),
        ("http://[::127.0.0.1]/", "url_private"),
        ("http://[fe80::1]/", "url_private"),
        ("http://[fd00:ec2::254]/", "url_private"),
        ("http://[ff02::1]/", "url_private"),
        ("http://[2002:7f00:1::]/", "url_private"),
        ("http://[64:ff9b::10.0.0.1]/", "url_private"),
        ("http://[2001:db8::1]/", "url_private"),
        ("http://168.63.129.16/", "url_private"),
    ],
)
async def test_wrong_and_private_addresses_are_refused_in_forms_and_when_sent(strict: OutboundHttp, url: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        strict.check_url(url)
    assert refused.value.code == code
    assert refused.value.problem.status == 422
    assert await refusal(strict, url) == code


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://example.com:8080/a?b#c", "https://münchen.example/", "http://8.8.8.8/"]
)
def test_public_addresses_pass_the_form(url: str) -> None:
    OutboundHttp(Outbound()).check_url(url)


def test_the_operators_networks_open_what_they_name_and_no_more() -> None:
    allowed = (ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("fd00::/8"))
    for text in ("192.168.1.7", "::ffff:192.168.1.7", "64:ff9b::192.168.1.7", "fd00::1", "8.8.8.8", "64:ff9b::8.8.8.8"):
        assert is_permitted(ipaddress.ip_address(text), allowed), text
    for text in ("192.168.2.7", "::ffff:192.168.2.7", "fc00::1", "127.0.0.1"):
        assert not is_permitted(ipaddress.ip_address(text), allowed), text


async def test_nothing_reaches_a_private_server(strict: OutboundHttp) -> None:
    async with serving(OK) as server:
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
            assert await refusal(strict, f"http://{host}:{server.port}/") == "url_private"
        assert server.connections == 0


async def test_a_name_with_one_private_address_is_refused() -> None:
    http = OutboundHttp(Outbound(), resolve=fixed("8.8.8.8 10.0.0.1"))
    assert await refusal(http, "https://hook.example/") == "url_private"
    await http.close()


async def test_a_name_that_changes_its_answer_helps_nobody() -> None:
    async with serving(OK) as allowed, serving(OK, "127.0.0.2") as private:
        http = OutboundHttp(Outbound(allow_private=("127.0.0.1/32",)), resolve=fixed("127.0.0.1", "127.0.0.2"))
        for _ in range(2):  # the checked address is used, however often the name would change
            assert (await http.post(f"http://hook.example:{allowed.port}/", b"")).status == 200
        assert await refusal(http, f"http://hook.example:{private.port}/") == "url_private"
        assert (len(allowed.requests), private.connections) == (2, 0)
        assert f"host: hook.example:{allowed.port}\r\n" in allowed.requests[0].lower()
        await http.close()


async def test_the_next_address_is_tried_when_one_is_dead() -> None:
    async with serving(OK) as server:
        http = OutboundHttp(Outbound(allow_private=("127.0.0.0/8",)), resolve=fixed("127.0.0.9 127.0.0.1"))
        assert (await http.post(f"http://hook.example:{server.port}/", b"")).status == 200
        await http.close()


async def test_an_unknown_name_and_a_closed_port(http: OutboundHttp) -> None:
    async with serving(OK) as server:
        pass
    assert await failure(http, f"http://127.0.0.1:{server.port}/") == "connect"
    nowhere = OutboundHttp(Outbound(), resolve=fixed(""))
    assert await failure(nowhere, "http://nowhere.example/") == "dns"
    await nowhere.close()


async def test_a_webhook_never_follows_a_redirect(http: OutboundHttp) -> None:
    async with serving(OK) as other:
        location = f"http://127.0.0.1:{other.port}/"
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(redirect) as server:
            answer = await http.post(f"http://127.0.0.1:{server.port}/", b"{}")
        assert (answer.status, answer.headers["location"], other.connections) == (302, location, 0)


async def test_media_follow_redirects_but_not_to_a_private_address() -> None:
    async with serving(OK, "127.0.0.2") as private, serving(OK) as public:
        http = OutboundHttp(Outbound(allow_private=("127.0.0.1/32",)))

        def redirect(target: str) -> bytes:
            return f"HTTP/1.1 301 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()

        async with serving(redirect(f"http://127.0.0.1:{public.port}/b")) as server:
            found, content = await fetched(http, f"http://127.0.0.1:{server.port}/a")
            assert (found.url, content) == (f"http://127.0.0.1:{public.port}/b", b"hello")
            for target in (f"http://127.0.0.2:{private.port}/", "http://2130706434/", "http://[::ffff:127.0.0.2]:1/"):
                server.answer = redirect(target)
                with pytest.raises(Refused, match="url_private"):
                    await fetched(http, f"http://127.0.0.1:{server.port}/")
            server.answer = redirect("file:///etc/passwd")
            with pytest.raises(Refused, match="url_scheme"):
                await fetched(http, f"http://127.0.0.1:{server.port}/")
            server.requests.clear()
            server.answer = redirect("/again")
            assert await fetch_failure(http, f"http://127.0.0.1:{server.port}/") == "redirect"
            assert len(server.requests) == 4
        assert private.connections == 0
        await http.close()


async def test_fetched_content_is_measured_and_named(http: OutboundHttp) -> None:
    async with serving(OK) as server:
        found, content = await fetched(http, f"http://127.0.0.1:{server.port}/cat")
    assert content == b"hello"
    assert (found.content_type, found.size, found.sha256) == ("image/png", 5, sha256(b"hello").digest())


async def test_an_error_page_is_no_media(http: OutboundHttp) -> None:
    async with serving(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno") as server:
        assert await fetch_failure(http, f"http://127.0.0.1:{server.port}/") == "status"


async def test_too_much_is_cut_announced_or_not(http: OutboundHttp) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 10_000)
            sent += 10_000
            await writer.drain()

    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n") as server:
        assert await fetch_failure(http, f"http://127.0.0.1:{server.port}/") == "too_large"
    async with serving(endless) as server:
        assert await fetch_failure(http, f"http://127.0.0.1:{server.port}/", 100_000) == "too_large"
        answer = await http.post(f"http://127.0.0.1:{server.port}/", b"")
        assert answer.body_excerpt == "x" * 1024
    assert sent < 50_000_000


async def test_a_compressed_bomb_is_never_opened(http: OutboundHttp) -> None:
    bomb = gzip.compress(bytes(5_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with serving(head + bomb) as server:
        assert await fetch_failure(http, f"http://127.0.0.1:{server.port}/", 10_000_000) == "encoded"
        assert (await http.post(f"http://127.0.0.1:{server.port}/", b"")).body_excerpt == ""


async def test_a_server_that_dawdles_is_left(http: OutboundHttp) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async def silent(writer: asyncio.StreamWriter) -> None:
        await writer.wait_closed()

    async with serving(drip) as server:
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(OutboundError, match=r"timeout: 0\.2 s"):
            await http.post(url, b"", timeout=0.2)
        assert await fetch_failure(http, url, timeout=0.2) == "timeout"
    async with serving(silent) as server:
        with pytest.raises(OutboundError, match="timeout"):
            await http.post(f"http://127.0.0.1:{server.port}/", b"", timeout=0.2)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"", b"220 mail ESMTP\r\n"])
async def test_a_broken_answer(http: OutboundHttp, answer: bytes) -> None:
    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with serving(hang_up) as server:
        assert await failure(http, f"http://127.0.0.1:{server.port}/") == "broken"


def certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for a name, and the TLS of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, issuer, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    certificate = builder.add_extension(names, False).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(pem + private)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


async def test_tls_checks_the_name_though_the_connection_is_to_the_address(tmp_path: Path) -> None:
    server_tls, client_tls = certificates(tmp_path, "hook.example")
    config = Outbound(allow_private=("127.0.0.1/32",), timeout=2)
    async with serving(OK, tls=server_tls) as server:
        http = OutboundHttp(config, resolve=fixed("127.0.0.1"), tls=lambda: client_tls)
        assert (await http.post(f"https://hook.example:{server.port}/", b"")).status == 200
        assert await failure(http, f"https://other.example:{server.port}/") == "tls"
        await http.close()
        untrusting = OutboundHttp(config, resolve=fixed("127.0.0.1"))
        assert await failure(untrusting, f"https://hook.example:{server.port}/") == "tls"
        await untrusting.close()
        assert len(server.requests) == 1


async def test_connections_are_used_again_and_a_busy_destination_gets_several(http: OutboundHttp) -> None:
    async with serving(OK) as server:
        url = f"http://127.0.0.1:{server.port}/"
        for _ in range(5):
            await http.post(url, b"")
        assert server.connections == 1
        answers = await asyncio.gather(*(http.post(url, b"") for _ in range(100)))
        assert {answer.status for answer in answers} == {200}
        assert 2 <= server.connections <= http_clients.MAX_CLIENTS


async def test_destinations_are_few_and_resting_ones_closed(http: OutboundHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_clients, "MAX_DESTINATIONS", 2)
    destinations = http._clients._destinations
    async with serving(OK) as one, serving(OK) as two, serving(OK) as three:
        for server in (one, two, one, three):
            await http.post(f"http://127.0.0.1:{server.port}/", b"")
        assert [key[2] for key in destinations] == [one.port, three.port]
        monkeypatch.setattr(http_clients, "IDLE_SECONDS", 0.0)
        http._clients._sweep()
        assert not destinations
