"""Fetch the browser libraries again and put them under assets/static/vendor/, with versions, checksums and licences.

Run by hand when a version below changes: `python packaging/vendor_assets.py`. Needs npm; the product itself never does.
Everything the pages load comes from that folder, so a box works without any other server.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "assets" / "static" / "vendor"
SOURCE_MAP = re.compile(rb"\s*(?:/\*#\s*sourceMappingURL=[^*]*\*/|//#\s*sourceMappingURL=\S*)\s*")

MIT = """MIT License

Copyright (c) {holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

ICON_NAMES = """
activity address-book adjustments adjustments-horizontal alert-circle alert-octagon alert-triangle api archive
arrow-back-up arrow-down arrow-forward-up arrow-left arrow-right arrow-up arrows-sort at ban battery-off bell bell-off
bolt book box brand-whatsapp bug building calendar calendar-event camera chart-bar chart-funnel chart-line check
checklist checks chevron-down chevron-left chevron-right chevron-up chevron-compact-down circle circle-check
circle-dashed circle-dot circle-minus circle-plus circle-x clipboard clipboard-check clock clock-pause code columns
copy credit-card database device-desktop device-mobile device-mobile-off device-mobile-message dots dots-vertical
download edit external-link eye eye-off file file-import file-spreadsheet file-text filter filter-off flag flask
folder forms gauge hash heart-rate-monitor help-circle history home hourglass inbox info-circle key language
layout-dashboard link list list-check list-details loader-2 lock lock-open login logout mail mail-opened map-pin menu-2
message message-2 message-circle message-circle-off message-reply messages message-off mood-empty mood-smile moon
paperclip pencil phone phone-off photo photo-off player-pause player-play player-stop plug plug-connected
plug-connected-x plus point power qrcode refresh repeat robot rotate-clockwise route search selector send send-off
server settings shield shield-check shield-lock skull sort-ascending sort-descending sparkles speakerphone star sun
sun-moon tag tags target terminal-2 trash trending-down trending-up unlink upload user user-check user-minus user-off
user-plus user-x users users-group users-plus variable webhook wifi wifi-off world x zoom-question
"""


@dataclass(frozen=True)
class Package:
    """One npm package: `files` maps a path inside the package to the name it gets in our folder."""

    name: str
    version: str
    licence: str
    folder: str
    files: dict[str, str] = field(default_factory=dict)
    holder: str = ""  # the package ships no licence file: write the MIT text for this holder


PACKAGES = [
    Package(
        "@tabler/core",
        "1.6.1",
        "MIT",
        "tabler",
        {"dist/css/tabler.min.css": "tabler.min.css"},
        "2018-2026 The Tabler Authors",
    ),
    Package("@tabler/icons", "3.51.0", "MIT", "tabler-icons"),
    Package(
        "uplot",
        "1.6.32",
        "MIT",
        "uplot",
        {"dist/uPlot.iife.min.js": "uPlot.iife.min.js", "dist/uPlot.min.css": "uPlot.min.css"},
    ),
    Package("htmx.org", "2.0.11", "0BSD", "htmx", {"dist/htmx.min.js": "htmx.min.js"}),
    Package(
        "@alpinejs/csp",
        "3.17.4",
        "MIT",
        "alpine-csp",
        {"dist/cdn.min.js": "alpine-csp.min.js"},
        "2019-2026 Caleb Porzio and contributors",
    ),
    Package("jsqr", "1.4.0", "Apache-2.0", "jsqr", {"dist/jsQR.js": "jsQR.js"}),
]


def download(package: Package, into: Path) -> Path:
    """Unpack the package with npm's own client; returns the folder that holds its files."""
    into.mkdir()
    subprocess.run(["npm", "pack", "--silent", f"{package.name}@{package.version}"], cwd=into, check=True)
    (archive,) = into.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    return into / "package"


def copy_licence(package: Package, source: Path, target: Path) -> None:
    """Keep the licence beside the files it covers."""
    if package.holder:
        (target / "LICENSE").write_text(MIT.format(holder=package.holder), encoding="utf-8")
        return
    shutil.copyfile(source / "LICENSE", target / "LICENSE")


def symbol(name: str, svg: str) -> str:
    """One icon as a sprite symbol that takes its colour from the text around it."""
    body = re.sub(r"\s+", " ", svg[svg.index(">") + 1 : svg.rindex("</svg>")]).strip()
    body = body.replace('<path stroke="none" d="M0 0h24v24H0z" fill="none" /> ', "")
    return (
        f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" '
        f'stroke-linecap="round" stroke-linejoin="round">{body}</symbol>'
    )


def write_sprite(source: Path, target: Path) -> None:
    """Build sprite.svg from the icons the pages use."""
    symbols = [
        symbol(name, (source / f"icons/outline/{name}.svg").read_text("utf-8")) for name in sorted(set(ICON_NAMES.split()))
    ]
    text = "\n".join(['<svg xmlns="http://www.w3.org/2000/svg">', *symbols, "</svg>", ""])
    (target / "sprite.svg").write_text(text, encoding="utf-8")


def install(package: Package, scratch: Path) -> None:
    """Replace the package's folder by a fresh copy."""
    source = download(package, scratch / package.folder)
    target = VENDOR / package.folder
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path, name in package.files.items():
        (target / name).write_bytes(SOURCE_MAP.sub(b"\n", (source / path).read_bytes()))
    if package.folder == "tabler-icons":
        write_sprite(source, target)
    copy_licence(package, source, target)


def table(package: Package) -> str:
    """The package's entry in VENDOR.toml."""
    lines = [
        "[[package]]",
        f'name = "{package.name}"',
        f'version = "{package.version}"',
        f'licence = "{package.licence}"',
        f'folder = "{package.folder}"',
        "[package.sha256]",
    ]
    for path in sorted((VENDOR / package.folder).iterdir()):
        lines.append(f'"{path.name}" = "{hashlib.sha256(path.read_bytes()).hexdigest()}"')
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fetch all, then write the list."""
    with tempfile.TemporaryDirectory() as scratch:
        for package in PACKAGES:
            install(package, Path(scratch))
            print(f"{package.name} {package.version}")
    head = "# Written by packaging/vendor_assets.py: libraries that the pages load, without source-map lines.\n"
    (VENDOR / "VENDOR.toml").write_text("\n".join([head, *map(table, PACKAGES)]), encoding="utf-8")


if __name__ == "__main__":
    main()
