"""What a person does with a virtual phone: adds one, scans a code, writes, reads, switches it off, loses it."""

from __future__ import annotations

import hashlib
import re
import secrets

import msgspec

from wame_box.kernel import ids
from wame_box.kernel.db import Sql
from wame_box.kernel.errors import N_, FieldError, Problem, Refused, invalid, register
from wame_box.kernel.paging import Window, cut
from wame_box.sessions.engine import MessageKind
from wame_box.sessions.engines.sandbox import fate, store
from wame_box.sessions.engines.sandbox.models import Chat, ChatMessage, Due, Happening, Phone, PhoneState
from wame_box.sessions.engines.sandbox.pairing import answer_of, decode
from wame_box.sessions.engines.sandbox.world import SandboxWorld

register(
    {
        "phone_exists": Problem(409, N_("There is a phone with this number already.")),
        "phone_not_on": Problem(409, N_("This phone is not on. Switch it on first.")),
        "phone_not_owned": Problem(409, N_("This is a customer's phone: only your own phones can link, be lost or be banned.")),
        "session_not_linked": Problem(409, N_("This session is not linked to a phone.")),
    }
)

NAME_LIMIT = 60
TEXT_LIMIT = 4_096
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_FICTION = "+3363998"  # kept by the French regulator for films and examples: it rings at nobody's


def check_number(text: str, field: str = "number") -> str:
    """The number without spaces and dashes, as `+33639980001`.

    Raises: Refused("invalid_input").
    """
    number = re.sub(r"[\s().-]+", "", text)
    if not _NUMBER.fullmatch(number):
        raise invalid(field, "number_wrong")
    return number


async def need_phone(world: SandboxWorld, account_id: int, number: str) -> Phone:
    """The phone of a number: one that was made, or a customer's that a session wrote with.

    Raises: Refused("not_found").
    """
    found = await world.db.read(_find_phone, account_id, check_number(number))
    if found is None:
        raise Refused("not_found")
    return found


def _find_phone(sql: Sql, account_id: int, number: str) -> Phone | None:
    found = store.phone(sql, account_id, number)
    if found is None and (chats := store.chats_of_phone(sql, account_id, number)):
        return Phone(account_id, number, fate.name_of(number), False, PhoneState.ON, chats[-1].last_at)
    return found


async def add_phone(world: SandboxWorld, account_id: int, name: str, number: str | None = None) -> Phone:
    """A phone of the owner's. Without a number it gets a free one from a range kept for fiction.

    Raises: Refused("invalid_input"), Refused("phone_exists").
    """
    name = name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise Refused("invalid_input", fields=[FieldError("name", "too_long" if name else "required", {"limit": NAME_LIMIT})])
    chosen = check_number(number) if number else await free_number(world, account_id)
    if not await world.db.write(store.insert_phone, account_id, chosen, name, owner=True):
        raise Refused("phone_exists")
    world.note_person(account_id, chosen, owner=True)
    world.show_phone(account_id, chosen)
    return await need_phone(world, account_id, chosen)


async def free_number(world: SandboxWorld, account_id: int) -> str:
    """A number that no phone of the account has yet."""
    taken = {phone.number for phone in await world.db.read(store.phones_of, account_id)}
    for last in range(1, 10_000):
        number = f"{_FICTION}{last:04}"
        if number not in taken:
            return number
    raise Refused("phone_exists")


async def scan(world: SandboxWorld, account_id: int, number: str, text: str) -> int:
    """The phone scans a code and links the session that shows it. Returns the session's id.

    Raises: Refused with a `qr_…` code, Refused("number_taken"), Refused("phone_not_on"), Refused("phone_not_owned").
    """
    phone = await need_phone(world, account_id, number)
    if not phone.owner:
        raise Refused("phone_not_owned")
    _need_on(phone)
    return await world.answer(account_id, answer_of(decode(text), phone.number, phone.name))


def _need_on(phone: Phone) -> None:
    if phone.state is not PhoneState.ON:
        raise Refused("phone_not_on", phone=phone.number)


async def write(
    world: SandboxWorld, account_id: int, session_id: int, number: str, text: str, key: str | None = None
) -> ChatMessage:
    """A customer writes to a session's number. It waits for the session should that be away. The same `key`: written once.

    Raises: Refused("session_not_linked"), Refused("phone_not_on"), Refused("invalid_input").
    """
    number = check_number(number, "from")
    if not text.strip():
        raise invalid("text", "required")
    if len(text) > TEXT_LIMIT:
        raise invalid("text", "too_long", limit=TEXT_LIMIT)
    device = world.devices.get(session_id)
    if device is None or device.account_id != account_id:
        raise Refused("session_not_linked")
    phone = await world.db.read(_find_phone, account_id, number)
    if phone is not None:
        _need_on(phone)
    now = world.clock.now()
    content = msgspec.json.encode({"body": text}).decode()
    wa_id = "3A" + (hashlib.sha256(key.encode()).hexdigest()[:18] if key else secrets.token_hex(9)).upper()
    due = Due(now, ids.new_id(), account_id, session_id, number, wa_id, Happening.INBOUND, MessageKind.TEXT, content)
    message = store.inbound_message(due)
    await world.db.write(store.write_inbound, message, due, fate.name_of(number))
    world.note_person(account_id, number)
    world.show(account_id, session_id, number)
    await _tell_engine(world, session_id)
    return message


async def read_chats(world: SandboxWorld, account_id: int, number: str, session_id: int | None = None) -> int:
    """The customer reads what came, in one chat or all. Returns how many messages.

    Raises: Refused("not_found"), Refused("phone_not_on").
    """
    phone = await need_phone(world, account_id, number)
    _need_on(phone)
    chats = await world.db.read(store.chats_of_phone, account_id, phone.number)
    count = 0
    for chat in chats:
        if session_id in (None, chat.session_id):
            count += await _read_chat(world, account_id, chat)
    return count


async def _read_chat(world: SandboxWorld, account_id: int, chat: Chat) -> int:
    unread = await world.db.read(store.unread, chat.session_id, chat.number)
    now = world.clock.now()
    dues = [Due(now, ids.new_id(), account_id, chat.session_id, chat.number, wa_id, Happening.READ) for wa_id in unread]
    if dues:
        await world.db.write(store.insert_pending, dues)
        await _tell_engine(world, chat.session_id)
    return len(dues)


async def set_state(world: SandboxWorld, account_id: int, number: str, state: PhoneState) -> Phone:
    """Switches a phone on or off, loses it, has it banned, or restores it (on).

    Raises: Refused("not_found"), Refused("phone_not_owned").
    """
    phone = await need_phone(world, account_id, number)
    if not phone.owner and state in (PhoneState.LOST, PhoneState.BANNED):
        raise Refused("phone_not_owned")
    await world.db.write(store.put_phone_state, phone, state)
    world.note_state(account_id, phone.number, state)
    if state is PhoneState.ON:
        await _release_held(world, account_id, phone.number)
    for session_id in world.sessions_on(account_id, phone.number):
        engine = world.engines.get(session_id)
        if state is PhoneState.LOST:
            await world.unlink(session_id)
            if engine is not None:
                engine.unlinked("device_removed")
        elif engine is not None:
            engine.news()
    world.show_phone(account_id, phone.number)
    return msgspec.structs.replace(phone, state=state)


async def _release_held(world: SandboxWorld, account_id: int, number: str) -> None:
    """What waited for the phone happens now: the same steps, as far apart as they were to be."""
    held = await world.db.read(store.held_of_phone, account_id, number)
    if not held:
        return
    first = min(due.due_at for due in held)
    now = fate.rounded(world.clock.now())
    await world.db.write(store.release, [due._replace(due_at=now + due.due_at - first) for due in held])
    for session_id in {due.session_id for due in held}:
        await _tell_engine(world, session_id)


async def _tell_engine(world: SandboxWorld, session_id: int) -> None:
    engine = world.engines.get(session_id)
    if engine is not None:
        await engine.reload()


# -- looking ---------------------------------------------------------------------------------------------------------------


async def list_phones(world: SandboxWorld, account_id: int) -> list[Phone]:
    """The owner's phones, and customers' that somebody used by hand."""
    return await world.db.read(store.phones_of, account_id)


async def list_chats(world: SandboxWorld, phone: Phone) -> list[Chat]:
    """The chats on a phone: the owner's has those of its sessions, a customer's those with the account's sessions."""
    if not phone.owner:
        return await world.db.read(store.chats_of_phone, phone.account_id, phone.number)
    found: list[Chat] = []
    for session_id in world.sessions_on(phone.account_id, phone.number):
        found += await world.db.read(store.chats_of_session, session_id)
    return sorted(found, key=lambda chat: -chat.last_at)


async def list_session_chats(world: SandboxWorld, session_id: int, limit: int) -> list[Chat]:
    """The latest chats of one session."""
    return await world.db.read(store.chats_of_session, session_id, limit)


async def list_messages(
    world: SandboxWorld, session_id: int, number: str, window: Window
) -> tuple[list[ChatMessage], str | None]:
    """One page of a chat, newest first, and the cursor of the next one."""
    rows = await world.db.read(store.messages_of_chat, session_id, number, window.before, window.limit + 1)
    return cut(rows, window)


async def count_pending(world: SandboxWorld, account_id: int, session_id: int | None = None) -> int:
    """How many deliveries, readings and answers are still to come; those of phones that are off count too."""
    return await world.db.read(store.count_pending, account_id, session_id)
