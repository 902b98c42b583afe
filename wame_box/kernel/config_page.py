"""The reference page of the settings, written from their own descriptions.

`python -m wame_box.kernel.config_page` prints it; it is kept as `assets/docs/en/configuration.md`.
"""

import inspect
import sys

import msgspec

from wame_box.kernel.config import ENV_PREFIX, Config, allowed
from wame_box.kernel.settings import Section

OPENING = f"""# Configuration

The box runs without any setting. To change one, write it in a file named `wame-box.toml` in the working folder, in
`/etc/wame-box/wame-box.toml`, or in the file that `$WAME_BOX_CONFIG` or `--config` names. Only one file is read.

The environment goes over the file: `{ENV_PREFIX}SERVER__PORT=9000` is `port` of the section `[server]`. Lists are
given with commas there. The command line goes over both.

A key that does not exist or a value that is not allowed stops the start, and the message names it.
"""


def config_page() -> str:
    """The page, in Markdown."""
    sections = [(item.name, item.type) for item in msgspec.structs.fields(Config)]
    parts = [OPENING, *(_reference(name, section) for name, section in sections)]
    example = "\n".join(_example(name, section) for name, section in sections)
    parts.append(f"## A whole file\n\nEverything at its default:\n\n```toml\n{example}```\n")
    return "\n".join(parts)


def _reference(name: str, section: type[Section]) -> str:
    lines = [
        f"## [{name}]",
        "",
        inspect.getdoc(section) or "",
        "",
        "| key | default | allowed | meaning |",
        "|---|---|---|---|",
    ]
    for key in msgspec.structs.fields(section):
        lines.append(f"| `{key.encode_name}` | {_code(key.default)} | {allowed(key.type)} | {_description(key)} |")
    return "\n".join(lines) + "\n"


def _example(name: str, section: type[Section]) -> str:
    lines = [f"{key.encode_name} = {_toml(key.default)}" for key in msgspec.structs.fields(section)]
    return f"[{name}]\n" + "\n".join(lines) + "\n"


def _description(key: msgspec.structs.FieldInfo) -> str:
    info = msgspec.inspect.type_info(key.type)
    extra = info.extra_json_schema if isinstance(info, msgspec.inspect.Metadata) else None
    return str((extra or {}).get("description", ""))


def _code(default: object) -> str:
    return f"`{_toml(default)}`" if default not in ("", ()) else "empty"


def _toml(default: object) -> str:
    # JSON's texts, numbers, booleans and lists of texts are TOML's.
    return msgspec.json.encode(default).decode()


if __name__ == "__main__":
    sys.stdout.write(config_page())
