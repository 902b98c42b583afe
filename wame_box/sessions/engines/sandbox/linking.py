"""The device's side of linking: shows codes one after the other, checks the phone that answers, tells the box and the phone."""

from __future__ import annotations

import asyncio

from wame_box.kernel.errors import Refused
from wame_box.sessions.engine import LoggedOut, Paired, QrShown, SessionContext
from wame_box.sessions.engines.sandbox.models import Device
from wame_box.sessions.engines.sandbox.pairing import CODE_TIMES, Answer, Code, DeviceKeys, is_proof, new_ref
from wame_box.sessions.engines.sandbox.pump import Pump
from wame_box.sessions.engines.sandbox.world import Offer, SandboxWorld


class Linking:
    """One attempt to link a session, from the first code to a device or to its end."""

    def __init__(self, world: SandboxWorld, context: SessionContext, pump: Pump) -> None:
        self._world = world
        self._context = context
        self._pump = pump
        self._keys = DeviceKeys.generate()
        self._phone: asyncio.Future[None] | None = None
        self._end: LoggedOut | None = None

    async def run(self) -> Device | LoggedOut:
        """The device, once a phone has scanned a code and the box knows; or why there is none."""
        for time in CODE_TIMES:
            answer = await self._show_code(time)
            if answer is not None:
                return await self._link(answer)
            if self._end is not None:
                return self._end
        return LoggedOut("qr_expired")

    def give_up(self, reason: str) -> None:
        """No code is shown any more, and a phone that waits for its answer gets one."""
        self._end = LoggedOut(reason)
        self._tell_phone(Refused("qr_expired"))
        self._pump.news()

    async def _show_code(self, time: int) -> Answer | None:
        """Shows one code for `time` milliseconds. Returns what the phone that scanned it sent, if one did."""
        code = Code(new_ref(), self._keys.public, self._keys.identity, self._keys.secret)
        answers: list[Answer] = []

        async def answered(answer: Answer) -> None:
            if not is_proof(self._keys, answer):
                raise Refused("qr_wrong")
            self._world.withdraw(offer, "qr_used")
            self._phone = asyncio.get_running_loop().create_future()
            answers.append(answer)
            self._pump.news()
            await self._phone

        expires_at = self._world.clock.now() + time
        offer = Offer(code.ref, self._context.account_id, self._context.session_id, self._keys, expires_at, answered)
        self._world.offer(offer)
        try:
            await self._context.outlet.commit(lambda _: [QrShown(code.text, expires_at)])
            while not answers and self._end is None and self._world.clock.now() < expires_at:
                await self._pump.wait_for_news(expires_at)
        finally:
            self._world.withdraw(offer)
        return answers[0] if answers else None

    async def _link(self, answer: Answer) -> Device | LoggedOut:
        """The phone proved that it saw the code: the box is told, and then the phone that it worked."""
        device = await self._world.link(self._context.session_id, self._context.account_id, answer.number)
        try:
            await self._context.outlet.commit(lambda _: [Paired(answer.number, answer.name)])
        except Refused as error:
            await self._world.unlink(self._context.session_id)
            self._tell_phone(error)
            return LoggedOut(error.code)
        self._tell_phone(None)
        return device

    def _tell_phone(self, error: Refused | None) -> None:
        if self._phone is None or self._phone.done():
            return
        if error is None:
            self._phone.set_result(None)
        else:
            self._phone.set_exception(error)
