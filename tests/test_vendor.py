"""What the browser loads comes from this box alone: vendored files are as recorded, and nothing points outside."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

ASSETS = Path(__file__).resolve().parent.parent / "assets"
VENDOR = ASSETS / "static" / "vendor"
PACKAGES = tomllib.loads((VENDOR / "VENDOR.toml").read_text("utf-8"))["package"]

OWN_CODE = sorted(path for path in (ASSETS / "static").glob("*.*") if path.suffix in {".css", ".js", ".svg"})
TEMPLATES = sorted((ASSETS / "templates").rglob("*.html"))
VENDORED_CODE = sorted(path for path in VENDOR.rglob("*") if path.suffix in {".css", ".js", ".svg"})

NAMESPACES = re.compile(r"http://www\.w3\.org/\S+")
OUTSIDE = re.compile(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", re.IGNORECASE)
LOADED_CSS = re.compile(r"@import|@font-face|url\(\s*(?![\"']?data:)", re.IGNORECASE)
LOADED_HTML = re.compile(
    r"<(?:script|link|img|iframe|source|video|audio|form|use|object|embed)\b[^>]*"
    r"\b(?:src|srcset|href|action|data|poster)\s*=\s*[\"']?\s*(?:https?:)?//",
    re.IGNORECASE,
)
REFUSED_BY_CSP = re.compile(r"\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|<style\b|hx-on|javascript:", re.IGNORECASE)
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE)


def name(path: Path) -> str:
    return str(path.relative_to(ASSETS))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_files_are_as_recorded(package: dict[str, object]) -> None:
    folder = VENDOR / str(package["folder"])
    recorded = package["sha256"]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert found == recorded
    assert "LICENSE" in found
    assert package["version"] and package["licence"]


def test_every_folder_is_recorded() -> None:
    assert {package["folder"] for package in PACKAGES} == {path.name for path in VENDOR.iterdir() if path.is_dir()}


@pytest.mark.parametrize("path", OWN_CODE + VENDORED_CODE, ids=name)
def test_code_has_no_source_map_and_styles_load_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "sourceMappingURL" not in text
    if path.suffix == ".css":
        assert not LOADED_CSS.search(text)


@pytest.mark.parametrize("path", OWN_CODE, ids=name)
def test_own_code_names_no_other_server(path: Path) -> None:
    text = NAMESPACES.sub("", path.read_text("utf-8"))
    assert not OUTSIDE.search(text)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_templates_load_from_this_box_and_pass_the_csp(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not LOADED_HTML.search(text)
    assert not REFUSED_BY_CSP.search(text)
    assert not INLINE_SCRIPT.search(text)


def test_every_icon_a_template_names_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (VENDOR / "tabler-icons" / "sprite.svg").read_text("utf-8")))
    named = {
        (path.name, icon)
        for path in TEMPLATES
        for icon in re.findall(r"""\b_?icon(?:=|\()\s*["']([a-z0-9-]+)["']""", path.read_text("utf-8"))
    }
    assert named
    assert {one for one in named if one[1] not in sprite} == set()
