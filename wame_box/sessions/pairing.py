"""The QR code of a session that is being linked: as text, as a picture, and as a stream of what happens until it is linked."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from functools import lru_cache

import msgspec
import qrcode
from qrcode.constants import ERROR_CORRECT_L
from qrcode.image.pil import PilImage
from qrcode.image.svg import SvgPathImage

from wame_box.kernel.clock import SECOND, to_rfc3339
from wame_box.kernel.errors import Refused
from wame_box.kernel.kernel import Kernel
from wame_box.kernel.live import STILL_HERE, Allowed, sse
from wame_box.sessions import store
from wame_box.sessions.live import topic_of
from wame_box.sessions.lookup import need_session
from wame_box.sessions.models import Qr, Session, SessionStatus
from wame_box.sessions.runner import first_of
from wame_box.sessions.supervisor import Supervisor

PATIENCE = 5 * SECOND  # how long a reader who comes too early waits for the first code
PIXELS = 8
OVER = {SessionStatus.CONNECTED, SessionStatus.LOGGED_OUT, SessionStatus.BANNED, SessionStatus.STOPPED}


class QrView(msgspec.Struct, frozen=True):
    """What to draw as a QR code, and until when a phone can scan it."""

    qr: str
    expires_at: str

    @classmethod
    def of(cls, shown: Qr) -> QrView:
        return cls(shown.text, to_rfc3339(shown.expires_at))


@lru_cache(maxsize=64)
def as_svg(text: str) -> bytes:
    """The code as a crisp drawing of any size, black on white."""
    drawing = _code(text).make_image(image_factory=SvgPathImage)
    # Phones need the light border also where the page around it is dark.
    return bytes(drawing.to_string()).replace(b"<path", b'<rect width="100%" height="100%" fill="#fff"/><path', 1)


@lru_cache(maxsize=64)
def as_png(text: str) -> bytes:
    picture = io.BytesIO()
    _code(text).make_image(image_factory=PilImage).save(picture, "PNG")
    return picture.getvalue()


def _code(text: str) -> qrcode.QRCode:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_L, box_size=PIXELS, border=4)
    code.add_data(text)
    return code


async def current_qr(kernel: Kernel, supervisor: Supervisor, account_id: int, session_id: int) -> Qr:
    """The code to scan now. A session that is just starting is given a moment to show its first one.

    Raises: Refused("not_found"), Refused("not_pairing").
    """
    session = await kernel.db.read(need_session, account_id, session_id)
    if session.status is SessionStatus.STARTING and supervisor.qr(session_id) is None:
        await first_of(_first_news(kernel, supervisor, session), kernel.clock.sleep(PATIENCE))
    shown = supervisor.qr(session_id)
    if shown is None:
        raise Refused("not_pairing")
    return shown


async def _first_news(kernel: Kernel, supervisor: Supervisor, session: Session) -> None:
    """Returns once the session has a code, or is no longer starting."""
    with kernel.live.subscribe(session.account_id, [topic_of(session.id)]) as subscription:
        news = kernel.live.follow(subscription)
        while supervisor.qr(session.id) is None:
            now = await kernel.db.read(store.session_row, session.id)
            if now is None or now.status is not SessionStatus.STARTING or await anext(news, session) is session:
                return


async def follow_pairing(kernel: Kernel, supervisor: Supervisor, session: Session, allowed: Allowed) -> AsyncIterator[bytes]:
    """Server-sent events until the session is linked, its pairing is over, or the reader is not `allowed` any more: `qr` {qr,
    expires_at, svg}, `status` {status, reason, number}; a comment every 20 s. It begins with how things are now."""
    with kernel.live.subscribe(session.account_id, [topic_of(session.id)], allowed) as subscription:
        told: tuple[object, ...] = ()
        shown: Qr | None = None
        now = await kernel.db.read(store.session_row, session.id)
        yield b"retry: 3000\n\n"
        news = kernel.live.follow(subscription)
        while now is not None:
            if (now.status, now.reason) != told:
                told = (now.status, now.reason)
                yield sse("status", {"status": now.status, "reason": now.reason, "number": now.number})
            if now.status in OVER:
                return
            code = supervisor.qr(session.id)
            if code is not None and code != shown:
                shown = code
                yield sse("qr", {"qr": code.text, "expires_at": to_rfc3339(code.expires_at), "svg": as_svg(code.text).decode()})
            try:
                item = await anext(news)
            except StopAsyncIteration:
                return
            if item is None:
                yield STILL_HERE
            now = await kernel.db.read(store.session_row, session.id)
