"""The settings, each with its type, limits, default and description.

They make the checks and messages of `config.py` and the reference page of `config_page.py`.
"""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the file. Its docstring opens its part of the reference page."""


class Server(Section, frozen=True):
    """Where the pages and the API are served."""

    host: Annotated[str, Meta(description="Address to listen on. `0.0.0.0` or `::` for every network.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    public_url: Annotated[
        str,
        Meta(description="How people reach the box, such as `https://wa.example.com`: used in links and mails. "
             "Empty: the address it listens on."),
    ] = ""  # fmt: skip
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks of the reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."),
    ] = ()
    max_upload_mb: Annotated[int, Meta(ge=1, le=2048, description="Largest file a member may upload, in MB.")] = 100


class Data(Section, frozen=True):
    """Where the box keeps its data, and the key that encrypts it."""

    dir: Annotated[
        str,
        Meta(description="The data folder. Empty: systemd's state folder, `/var/lib/wame-box` for root, else "
             "`$XDG_DATA_HOME/wame-box`. A relative path starts at the working folder."),
    ] = ""  # fmt: skip
    key_file: Annotated[
        str,
        Meta(description="The key file, made at the first start. Empty: systemd's credential `box.key` if any, "
             "else beside the data folder (`data` → `data.key`). Keep a copy elsewhere: without it the data is lost."),
    ] = ""  # fmt: skip


class Outbound(Section, frozen=True):
    """Requests to addresses that members gave: webhooks and media."""

    allow_private: Annotated[
        tuple[str, ...],
        Meta(description="Private networks that webhooks and media may be on, such as `192.168.1.0/24`. "
             "All others that are not public are refused."),
    ] = ()  # fmt: skip
    timeout: Annotated[int, Meta(ge=1, le=120, description="Longest wait for a webhook's answer, in seconds.")] = 15
    max_mb: Annotated[int, Meta(ge=1, le=2048, description="Largest media file fetched, in MB.")] = 100


class Mail(Section, frozen=True):
    """The mail server for invitations, password resets and warnings. Without `host` no mail leaves."""

    host: Annotated[str, Meta(description="The SMTP server. Empty: mail is off.")] = ""
    port: Annotated[int, Meta(ge=1, le=65535, description="Its port: usually 587 for `starttls`, 465 for `tls`.")] = 587
    user: Annotated[str, Meta(description="Name to sign in with. Empty: no sign-in.")] = ""
    password: Annotated[str, Meta(description="Password to sign in with.")] = ""
    sender: Annotated[str, Meta(description="Sender, such as `WaMe Box <box@example.com>`. Required when `host` is set.")] = (
        field(default="", name="from")
    )
    tls: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(description="`starttls` and `tls` never fall back to plain text; `none` is for a relay on this machine."),
    ] = "starttls"

    def __repr__(self) -> str:
        return f"Mail(host={self.host!r}, port={self.port}, user={self.user!r}, password=…, from={self.sender!r})"


class Log(Section, frozen=True):
    """What the box writes to its standard error. Never message texts, numbers or secrets."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least important lines shown.")] = "info"
    format: Annotated[Literal["text", "json"], Meta(description="`text` for people, `json` for log collectors.")] = "text"


class Sandbox(Section, frozen=True):
    """The built-in make-believe WhatsApp, for trials and tests."""

    enabled: Annotated[bool, Meta(description="Whether members may add sandbox sessions.")] = True


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings. Made by `load_config`; tests may build it by hand."""

    server: Server = Server()
    data: Data = Data()
    outbound: Outbound = Outbound()
    mail: Mail = Mail()
    log: Log = Log()
    sandbox: Sandbox = Sandbox()


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parse networks such as `10.0.0.0/8` or one address. Raises ValueError naming the wrong one."""
    return tuple(_network(text) for text in texts)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is not a network such as `192.168.1.0/24` ({error})") from error


def _check_public_url(text: str) -> None:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("should be a URL such as `https://wa.example.com`")
    if parts.path.strip("/"):
        raise ValueError("the box needs a host name of its own: no path is allowed after it")


def _check_sender(text: str) -> None:
    if text and ("@" not in text or any(ord(letter) < 32 for letter in text)):
        raise ValueError("should be a mail address such as `WaMe Box <box@example.com>`")


CHECKS: dict[str, Callable[[Any], object]] = {
    "server.public_url": _check_public_url,
    "server.trusted_proxies": networks,
    "outbound.allow_private": networks,
    "mail.from": _check_sender,
}
