"""Which addresses a member may make the box talk to: the public internet's, and those that the operator opened."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from functools import lru_cache

import httpx

from wame_box.kernel.errors import N_, Problem, Refused, register
from wame_box.kernel.settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL = 2048
# Ports of mail, names and terminals: what listens there is no web server, but can be made to act by what looks like one.
REFUSED_PORTS = frozenset({0, 22, 23, 25, 53, 110, 143, 389, 465, 587, 993, 995})
HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+")  # a name, as on the wire, or an IPv6 address

register(
    {
        "url_invalid": Problem(422, N_("This is not a web address. It should look like https://example.com/path.")),
        "url_scheme": Problem(422, N_("The address must begin with https:// or http://.")),
        "url_credentials": Problem(422, N_("The address must not contain a name or password.")),
        "url_port": Problem(422, N_("Port %(port)s is not accepted in an address.")),
        "url_private": Problem(422, N_("%(host)s is on a private network, which this box does not reach.")),
    }
)


_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # how a network without IPv4 reaches it
_NEVER: tuple[Network, ...] = (
    ipaddress.IPv6Network("2002::/16"),  # 6to4 and Teredo: an IPv4 address inside, and nobody's web server
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's host, reachable from each of its machines
)


def is_permitted(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether requests may go there. `allowed` are the private networks that the operator opened."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_permitted(address.ipv4_mapped, allowed)
        if address in _NAT64:
            return is_permitted(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF), allowed)
    if any(address in network for network in allowed):
        return True
    return _is_public(address)


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NEVER):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def literal_address(host: str) -> Address | None:
    """The address that a host name spells out, in any way the system reads it: `127.1`, `2130706433`, `0x7f000001`."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


@lru_cache(maxsize=256)
def parse_url(url: str) -> httpx.URL:
    """The URL that a member gave.

    Raises Refused: url_invalid, url_scheme, url_credentials, url_port.
    """
    try:
        if len(url) > MAX_URL:
            raise Refused("url_invalid")
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise Refused("url_invalid") from error
    if parsed.scheme not in {"http", "https"}:
        raise Refused("url_scheme")
    if not HOST.fullmatch(parsed.raw_host.decode("ascii")) or (parsed.port or 0) > 65535:
        raise Refused("url_invalid")
    if parsed.userinfo:
        raise Refused("url_credentials")
    if parsed.port in REFUSED_PORTS:
        raise Refused("url_port", port=parsed.port)
    return parsed
