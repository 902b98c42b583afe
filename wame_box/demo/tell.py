"""Sets the demo's stage: a temporary folder, a box that serves, an account with a key; and says how it went."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from pathlib import Path

import click
import httpx
import msgspec
import uvloop

from wame_box.accounts import keys, setup
from wame_box.accounts.models import Caller, NewKey, Setup
from wame_box.accounts.permissions import EVERYTHING, KEY_SCOPES
from wame_box.app import Box
from wame_box.demo.sink import Sink
from wame_box.demo.story import Story
from wame_box.kernel.db import Tx
from wame_box.kernel.paths import DataFolder, StartError, asset_dir
from wame_box.kernel.secrets import hash_password
from wame_box.kernel.settings import Config, Outbound, Server
from wame_box.server import Server as WebServer
from wame_box.server import make_server
from wame_box.sessions.engines.sandbox.store import pending_count

EMAIL = "demo@example.com"


def tell(*, once: bool, as_json: bool, port: int, contacts: Path | None) -> int:
    """The exit code: 0 only when all numbers agree."""
    story = contacts or built_in_contacts()
    temporary = tempfile.TemporaryDirectory(prefix="wame-box-demo-")
    with temporary as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Stage(Path(folder), once, as_json, port).play(story))


def built_in_contacts() -> Path:
    """The CSV of 1,000 made-up contacts: among the assets of an installed box, among the tests of a clone.

    Raises: StartError.
    """
    name = "contacts_1000.csv"
    for place in (asset_dir() / "demo" / name, asset_dir().parent / "tests" / "data" / name):
        if place.is_file():
            return place
    raise StartError("The demo's contacts are missing. Give a CSV with --contacts.")


class _Stage:
    def __init__(self, folder: Path, once: bool, as_json: bool, port: int) -> None:
        self._folder = DataFolder(folder / "data")
        self._once = once
        self._as_json = as_json
        self._port = port
        self._password = secrets.token_urlsafe(9)

    def _say(self, text: str) -> None:
        click.echo(text, err=self._as_json)

    async def play(self, contacts: Path) -> int:
        config = Config(server=Server(port=self._port), outbound=Outbound(allow_private=("127.0.0.0/8",)))
        box = Box(config, self._folder, secrets.token_bytes(32))
        server, bound, address = make_server(box)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            await _started(server, serving)
            return await self._tell(box, server, address, contacts, serving)
        finally:
            server.should_exit = True
            box.close_streams()
            await serving

    async def _tell(self, box: Box, server: WebServer, address: str, contacts: Path, serving: asyncio.Task[None]) -> int:
        self._say(f"A temporary box serves at {address}; WhatsApp is played by the built-in sandbox.")
        key = await self._open_account(box)
        sink = Sink()
        async with httpx.AsyncClient(base_url=address, headers={"authorization": f"Bearer {key}"}, timeout=60) as http:
            story = Story(http, sink, self._folder, contacts, lambda: box.world.db.read(pending_count), self._say)
            telling = asyncio.create_task(story.tell())
            await asyncio.wait({telling, serving}, return_when=asyncio.FIRST_COMPLETED)
            if not telling.done():  # stopped by a signal
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
                return 130
            telling.result()
        self._conclude(story)
        if not self._once:
            self._say(
                f"\nThe box stays up: {address}/sign-in\n  email:    {EMAIL}\n  password: {self._password}\nEnd it with Ctrl-C."
            )
            await serving
        await sink.stop()
        return 1 if story.wrong else 0

    def _conclude(self, story: Story) -> None:
        numbers = msgspec.structs.asdict(story.numbers)
        if self._as_json:
            click.echo(msgspec.json.encode(numbers))
        else:
            self._say("\n".join(f"  {name:<20}{value:>10}" for name, value in numbers.items()))
        for line in story.wrong:
            self._say(f"Does not agree: {line}")
        if not story.wrong:
            self._say("The box, the sandbox's ledger and the webhook receiver agree.")

    async def _open_account(self, box: Box) -> str:
        wish = Setup("Demo shop", "Demo", EMAIL, self._password, "Europe/Paris", "en", None)
        hashed = await hash_password(self._password)

        def create(tx: Tx) -> str:
            account_id, member_id = setup.create_account(tx, wish, hashed, is_operator=True)
            caller = Caller(account_id, wish.account, wish.time_zone, None, "en", EVERYTHING, member_id=member_id)
            return keys.create_key(tx, caller, NewKey("Demo", list(KEY_SCOPES)))[1]

        return await box.kernel.db.write(create)


async def _started(server: WebServer, serving: asyncio.Task[None]) -> None:
    while not server.started:
        if serving.done():
            serving.result()
            raise StartError("The box did not start.")
        await asyncio.sleep(0.01)
