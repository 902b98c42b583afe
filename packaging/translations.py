"""Keeps the catalogues of the three languages: `extract`, `update` and `check`.

python packaging/translations.py extract    print the texts of the sources as a template (.pot)
python packaging/translations.py update     bring the .po files up to date: new texts empty, gone ones dropped
python packaging/translations.py check      fail on whatever a user could see untranslated or broken
"""

import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("en", "fr", "es")
SOURCES: tuple[tuple[Path, str, str], ...] = (
    (Path("wame_box"), "**.py", "python"),
    (Path("assets/templates"), "**.html", "jinja2.ext:babel_extract"),
)
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
# `silent` off: a template with an error is an error here, not a template without texts.
TEMPLATE_OPTIONS = {option: "true" for option in ("trimmed", "trim_blocks", "lstrip_blocks", "newstyle_gettext")} | {
    "silent": "false"
}
WIDTH = 120

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
PERCENT = re.compile(r"%%|%\(\w+\)s")
TAG = re.compile(r"</?[a-z][a-z0-9]*")


def extract(root: Path = ROOT) -> Catalog:
    """The texts that the sources mark, without places and dates."""
    template = Catalog(charset="utf-8")
    for folder, pattern, method in SOURCES:
        found = extract_from_dir(
            root / folder,
            method_map=[(pattern, method)],
            options_map={pattern: TEMPLATE_OPTIONS if folder.name == "templates" else {}},
            keywords=KEYWORDS,
        )
        for _file, _line, text, _comments, _context in found:
            template.add(text)
    return template


def update(root: Path = ROOT) -> None:
    """Write the three catalogues anew: kept translations, new texts empty."""
    template = extract(root)
    for language in LANGUAGES:
        catalogue = _load(root, language)
        catalogue.update(template, no_fuzzy_matching=True)
        _path(root, language).parent.mkdir(parents=True, exist_ok=True)
        _path(root, language).write_text(as_text(catalogue), "utf-8")


def check(root: Path = ROOT) -> list[str]:
    """What is wrong, one line each; empty when all is well."""
    template = extract(root)
    problems = [f"sources: {line}" for message in template if message.id for line in _wrong_text(message)]
    for language in LANGUAGES:
        catalogue = _load(root, language)
        problems += [f"{language}: {line}" for line in _compare(template, catalogue, translated=language != "en")]
    return problems


def as_text(catalogue: Catalog) -> str:
    """The catalogue as a .po file that changes only when a text does."""
    body = io.BytesIO()
    write_po(body, catalogue, width=WIDTH, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    header = {
        "Language": str(catalogue.locale),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": catalogue.plural_forms,
    }
    lines = "".join(f'"{name}: {value}\\n"\n' for name, value in header.items())
    return f'msgid ""\nmsgstr ""\n{lines}\n{body.getvalue().decode("utf-8").strip()}\n'


def _path(root: Path, language: str) -> Path:
    return root / "assets" / "locales" / language / "LC_MESSAGES" / "messages.po"


def _load(root: Path, language: str) -> Catalog:
    path = _path(root, language)
    if not path.is_file():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language, charset="utf-8")


def _compare(template: Catalog, catalogue: Catalog, translated: bool) -> Iterator[str]:
    wanted = {_key(message): message for message in template if message.id}
    present = {_key(message): message for message in catalogue if message.id}
    for key in sorted(wanted.keys() - present.keys()):
        yield f"missing, run update: {key[0]!r}"
    for key in sorted(present.keys() - wanted.keys()):
        yield f"no longer in the sources, run update: {key[0]!r}"
    for gone in catalogue.obsolete:
        yield f"obsolete, run update: {gone!r}"
    for key in sorted(wanted.keys() & present.keys()):
        yield from _wrong_message(present[key], translated, zero_is_singular="n > 1" in catalogue.plural_forms)


def _wrong_message(message: Message, translated: bool, zero_is_singular: bool) -> Iterator[str]:
    name = repr(_key(message)[0])
    if message.fuzzy:
        yield f"fuzzy: {name}"
    originals = _forms(message.id)
    for index, form in enumerate(_forms(message.string)):
        # A singular may say "one" without its number, unless the language also uses it for zero.
        against = originals if index == 0 and not zero_is_singular else originals[-1:]
        if not form:
            if translated:
                yield f"untranslated: {name}"
            continue
        for what, find in PARTS.items():
            if find(form) not in [find(original) for original in against]:
                yield f"{what} differ: {name} → {form!r}"
    if translated and len(_forms(message.string)) < len(originals):
        yield f"untranslated plural: {name}"


def _wrong_text(message: Message) -> Iterator[str]:
    for form in _forms(message.id):
        if _stray_percent(form):
            yield f"write placeholders as %(name)s, a plain percent sign as %%: {form!r}"
        if form != form.strip():
            yield f"starts or ends with white space: {form!r}"


PARTS: dict[str, Callable[[str], object]] = {
    "placeholders": lambda text: set(PLACEHOLDER.findall(text)),
    "tags": lambda text: Counter(TAG.findall(text)),
    "percent signs": lambda text: _stray_percent(text),
    "outer white space": lambda text: (text[:1].isspace(), text[-1:].isspace()),
}


def _stray_percent(text: str) -> bool:
    return "%" in PERCENT.sub("", text)


def _forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def _key(message: Message) -> tuple[str, ...]:
    return tuple(_forms(message.id))


def main(command: str) -> int:
    """Run one of the three commands; the result is the exit code."""
    match command:
        case "extract":
            write_po(sys.stdout.buffer, extract(), width=WIDTH, no_location=True, omit_header=True, sort_output=True)
        case "update":
            update()
        case "check":
            problems = check()
            print("\n".join(problems) or "The catalogues are complete.")
            return 1 if problems else 0
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
