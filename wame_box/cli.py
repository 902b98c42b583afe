"""The command line: serve, demo, migrate, account create, key create, password reset, version."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, TypeVar

import click

from wame_box.kernel import i18n, paths
from wame_box.kernel.clock import SystemClock
from wame_box.kernel.config import Config, load_config
from wame_box.kernel.db import Database, Tx
from wame_box.kernel.errors import Refused
from wame_box.kernel.log import set_up_log
from wame_box.kernel.migrations import migrate as migrate_file
from wame_box.kernel.sql import WrongKey
from wame_box.kernel.web import field_text, refusal_text

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Place:
    """Where this command works: the settings, the data folder, its key."""

    config: Config
    folder: paths.DataFolder
    key: bytes


def _say_what_is_wrong(command: F) -> F:
    """Mistakes end with a sentence and exit code 1, never with a traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (paths.StartError, Refused, WrongKey) as error:
            raise click.ClickException(_sentence(error)) from None

    return run  # type: ignore[return-value]


def _sentence(error: Exception) -> str:
    if isinstance(error, WrongKey):
        return f"{error} opens with another key, or is damaged. Give the key file that was made with it."
    if not isinstance(error, Refused):
        return str(error)
    details = [f"{field.field}: {field_text(field)}" for field in error.fields]
    return " ".join([refusal_text(error), *details])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The settings file.")
@click.option("--data", help="The data folder, instead of the one in the settings.")
@click.pass_context
def main(context: click.Context, config_file: Path | None, data: str | None) -> None:
    """A WhatsApp gateway and campaign manager in one process."""
    context.obj = (config_file, {"data.dir": data} if data else {})


def _place(context: click.Context, **more: str | None) -> Place:
    file, overrides = context.obj
    given = {name.replace("__", "."): value for name, value in more.items() if value is not None}
    config = load_config(file, overrides=overrides | given)
    folder = paths.data_folder(config.data.dir)
    folder.create()
    key = paths.load_key(paths.key_path(config.data.key_file, folder), folder)
    return Place(config, folder, key)


@main.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", help="Port to listen on; 0 takes a free one.")
@click.pass_context
@_say_what_is_wrong
def serve(context: click.Context, host: str | None, port: str | None) -> None:
    """Run the box."""
    from wame_box.server import serve as run_server

    place = _place(context, server__host=host, server__port=port)
    set_up_log(place.config.log.level, place.config.log.format)
    with paths.FolderLock(place.folder):
        run_server(place.config, place.folder, place.key)


@main.command()
@click.option("--once", is_flag=True, help="End by itself when the story is told.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON with the numbers.")
@click.option("--port", default=0, show_default="a free one", help="Port to listen on.")
@click.option(
    "--contacts", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A CSV instead of the built-in one."
)
@_say_what_is_wrong
def demo(once: bool, as_json: bool, port: int, contacts: Path | None) -> None:
    """Tell the whole story on a temporary box: link, import, campaign, receipts, webhooks."""
    from wame_box.demo import tell

    set_up_log("warning", "text")
    sys.exit(tell(once=once, as_json=as_json, port=port, contacts=contacts))


@main.command()
@click.pass_context
@_say_what_is_wrong
def migrate(context: click.Context) -> None:
    """Bring the database up to date; a copy is kept first."""
    place = _place(context)
    with paths.FolderLock(place.folder):
        done = migrate_file(place.folder.database, place.key)
    click.echo(f"Applied: {', '.join(done)}" if done else "The database is up to date.")


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(package_version("wame-box"))


# -- commands that write a few rows, also beside a running box ---------------------------------------------------------


def _write(place: Place, fn: Callable[..., Any], *args: Any) -> Any:
    migrate_file(place.folder.database, place.key)
    database = Database(place.folder.database, place.key, SystemClock())
    database.open_writer()
    try:
        return database.write_sync(fn, *args)
    finally:
        database.close_writer()


@main.group()
def account() -> None:
    """Accounts."""


@account.command("create")
@click.option("--name", required=True, help="The business.")
@click.option("--owner", required=True, help="The owner's name.")
@click.option("--email", required=True, help="The owner's email address, to sign in with.")
@click.option("--time-zone", default="UTC", show_default=True)
@click.option("--language", type=click.Choice(list(i18n.LANGUAGES)), default="en", show_default=True)
@click.option("--region", help="Country of numbers without a country code, such as FR.")
@click.password_option(help="The owner's password; asked for when not given.")
@click.pass_context
@_say_what_is_wrong
def account_create(
    context: click.Context, name: str, owner: str, email: str, time_zone: str, language: str, region: str | None, password: str
) -> None:
    """Make an account with its owner. The first one is the operator."""
    from wame_box.accounts import setup, store
    from wame_box.accounts.models import Setup
    from wame_box.kernel import ids
    from wame_box.kernel.secrets import hash_password

    wish = Setup(name, owner, email, password, time_zone, language, region)
    setup.check_setup(wish)
    password_hash = asyncio.run(hash_password(password))

    def create(tx: Tx) -> tuple[int, int]:
        return setup.create_account(tx, wish, password_hash, is_operator=not store.any_member(tx))

    made, _ = _write(_place(context), create)
    click.echo(ids.show("acc", made))


@main.group()
def key() -> None:
    """API keys."""


@key.command("create")
@click.option("--account", "account_name", required=True, help="The account: its id (acc_…) or its name.")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, help="What it may do; several times. Without: everything a key can.")
@click.pass_context
@_say_what_is_wrong
def key_create(context: click.Context, account_name: str, name: str, scopes: tuple[str, ...]) -> None:
    """Make an API key and print it, this once."""
    from wame_box.accounts import keys, store
    from wame_box.accounts.models import Caller, NewKey
    from wame_box.accounts.permissions import EVERYTHING, KEY_SCOPES, Scope
    from wame_box.kernel import ids

    try:
        wish = NewKey(name, [Scope(scope) for scope in scopes] or list(KEY_SCOPES))
    except ValueError as error:
        raise click.ClickException(f"{error}. Scopes: {', '.join(KEY_SCOPES)}.") from None

    def create(tx: Tx) -> str:
        by_id = account_name.startswith("acc_")
        found = store.account(tx, ids.parse("acc", account_name)) if by_id else store.account_named(tx, account_name)
        if found is None:
            raise Refused("not_found")
        caller = Caller(found.id, found.name, found.time_zone, found.region, found.language, EVERYTHING)
        return keys.create_key(tx, caller, wish)[1]

    click.echo(_write(_place(context), create))


@main.group()
def password() -> None:
    """Passwords."""


@password.command("reset")
@click.option("--email", required=True, help="Whose password.")
@click.password_option("--password", "new", help="The new one; asked for when not given.")
@click.pass_context
@_say_what_is_wrong
def password_reset(context: click.Context, email: str, new: str) -> None:
    """Set a member's password; every login of his ends."""
    from wame_box.accounts import signin
    from wame_box.kernel.secrets import check_password, hash_password

    check_password(new, email)
    _write(_place(context), signin.replace_password, email, asyncio.run(hash_password(new)))
    click.echo("The new password is set.")
