"""Reading the settings: one TOML file, the environment and the command line over it, checked before anything starts."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from wame_box.kernel.paths import StartError
from wame_box.kernel.settings import CHECKS, Config, Section

__all__ = ["Config", "ConfigError", "load_config"]

ENV_PREFIX = "WAME_BOX_"
ENV_FILE = "WAME_BOX_CONFIG"
USUAL_FILES = (Path("wame-box.toml"), Path("/etc/wame-box/wame-box.toml"))


class ConfigError(StartError):
    """One or more settings are wrong. `problems` has a sentence for each; the text has them all."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


_SECTIONS: dict[str, type[Section]] = {item.name: item.type for item in msgspec.structs.fields(Config)}


class _Given(Struct, frozen=True):
    """A value as somebody gave it; `origin` is how the message names the place; only TOML is typed."""

    section: str
    key: str
    value: object
    origin: str
    typed: bool = False


def load_config(
    file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, str] | None = None,
) -> Config:
    """Read the settings: defaults, then the file, then the environment, then `overrides` (`{"server.port": "8080"}`).

    Without `file`: `$WAME_BOX_CONFIG`, else the first of USUAL_FILES that exists, else no file.
    Raises ConfigError with one sentence for each wrong setting.
    """
    problems: list[str] = []
    values: dict[str, dict[str, object]] = {name: {} for name in _SECTIONS}
    for given in _all_given(_choose_file(file, environ), environ, overrides or {}, problems):
        try:
            values[given.section][_attribute(given.section, given.key)] = _convert(given)
        except ValueError as error:
            problems.append(f"{given.origin}: {error}.")
    if problems:
        raise ConfigError(problems)
    config = Config(**{name: _SECTIONS[name](**found) for name, found in values.items()})  # type: ignore[arg-type]
    if config.mail.host and not config.mail.sender:
        raise ConfigError(["[mail] from: is required when host is set, such as `WaMe Box <box@example.com>`."])
    return config


def _choose_file(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    if file is None and environ.get(ENV_FILE):
        file = Path(environ[ENV_FILE])
    return file or next((usual for usual in USUAL_FILES if usual.is_file()), None)


def _all_given(
    file: Path | None, environ: Mapping[str, str], overrides: Mapping[str, str], problems: list[str]
) -> Iterator[_Given]:
    if file is not None:
        yield from _from_file(file, problems)
    yield from _from_environment(environ, problems)
    for name, text in overrides.items():
        section, _, key = name.partition(".")
        yield _Given(section, key, _split(section, key, text), f"command line, [{section}] {key}")


def _from_file(file: Path, problems: list[str]) -> Iterator[_Given]:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}.")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{file}: is not TOML: {error}.")
        return
    for section, keys in content.items():
        if section not in _SECTIONS or not isinstance(keys, dict):
            problems.append(f"{file}: [{section}] {_unknown_section(section, isinstance(keys, dict))}")
            continue
        for key, value in keys.items():
            origin = f"{file}: [{section}] {key}"
            if key in _keys(section):
                yield _Given(section, key, value, origin, typed=True)
            else:
                problems.append(f"{origin}: {_unknown_key(section, key)}")


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[_Given]:
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX) or name == ENV_FILE:
            continue
        section, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        if section not in _SECTIONS:
            problems.append(f"environment, {name}: {_unknown_section(section, bool(key))}")
        elif key not in _keys(section):
            problems.append(f"environment, {name}: {_unknown_key(section, key)}")
        else:
            yield _Given(section, key, _split(section, key, environ[name]), f"environment, {name}")


def _split(section: str, key: str, text: str) -> object:
    """Lists are given with commas where there is only text."""
    if isinstance(plain_type(_keys(section)[key].type), msgspec.inspect.VarTupleType):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _convert(given: _Given) -> object:
    wanted = _keys(given.section)[given.key].type
    try:
        value = msgspec.convert(given.value, wanted, strict=given.typed)
    except msgspec.ValidationError as error:
        raise ValueError(f"should be {allowed(wanted)}, not {_shown(given)}") from error
    if check := CHECKS.get(f"{given.section}.{given.key}"):
        check(value)
    return value


def _shown(given: _Given) -> str:
    return "what is there" if given.key == "password" else f"`{given.value}`"


def _keys(section: str) -> dict[str, msgspec.structs.FieldInfo]:
    return {item.encode_name: item for item in msgspec.structs.fields(_SECTIONS[section])}


def _attribute(section: str, key: str) -> str:
    return _keys(section)[key].name


def _unknown_section(section: str, is_table: bool) -> str:
    for home in _SECTIONS:
        if not is_table and section in _keys(home):
            return f"this key belongs in [{home}]."
    near = difflib.get_close_matches(section, _SECTIONS, n=1)
    hint = f" Did you mean [{near[0]}]?" if near else ""
    return f"there is no such section.{hint} There are: {', '.join(_SECTIONS)}."


def _unknown_key(section: str, key: str) -> str:
    for home in _SECTIONS:
        if home != section and key in _keys(home):
            return f"there is no such key here. Did you mean [{home}] {key}?"
    near = difflib.get_close_matches(key, _keys(section), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"there is no such key.{hint} There are: {', '.join(_keys(section))}."


def plain_type(wanted: Any) -> msgspec.inspect.Type:
    """The type under its description."""
    info = msgspec.inspect.type_info(wanted)
    return info.type if isinstance(info, msgspec.inspect.Metadata) else info


def allowed(wanted: Any) -> str:
    """What a setting may be, in words: `a number from 1 to 65535`."""
    match plain_type(wanted):
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType(ge=low, le=high):
            return f"a whole number from {low} to {high}"
        case msgspec.inspect.LiteralType():
            return " or ".join(f"`{value}`" for value in get_args(get_args(wanted)[0]))
        case msgspec.inspect.VarTupleType():
            return "a list of texts"
    return "a text"
