"""Texts, dates and numbers in three languages, and the check that keeps the catalogues whole."""

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from wame_box.kernel import i18n, pages
from wame_box.kernel.i18n import gettext as _
from wame_box.kernel.i18n import ngettext, use_language

ROOT = Path(__file__).resolve().parents[2]
MOMENT = 1_790_000_000_000  # 2026-09-21 14:13:20 UTC


def _translations_tool() -> ModuleType:
    # By its path: `packaging` is also the name of a library.
    spec = importlib.util.spec_from_file_location("translations_tool", ROOT / "packaging" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = _translations_tool()


def filled(folder: Path, language: str, replace: dict[str, str]) -> None:
    """Put translations into a catalogue made by `update`."""
    path = folder / "assets" / "locales" / language / "LC_MESSAGES" / "messages.po"
    text = path.read_text("utf-8")
    for before, after in replace.items():
        assert before in text
        text = text.replace(before, after)
    path.write_text(text, "utf-8")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with two sources, both languages translated."""
    (tmp_path / "wame_box").mkdir()
    (tmp_path / "assets" / "templates" / "home").mkdir(parents=True)
    source = '_("Hello %(name)s")\nN_("Marked")\nngettext("One contact", "%(num)s contacts", n)\nprint("not this")\n'
    (tmp_path / "wame_box" / "x.py").write_text(source)
    page = "{% trans %}\n  Good\n  <b>day</b>\n{% endtrans %}{{ _('50 %%') }}"
    (tmp_path / "assets" / "templates" / "home" / "page.html").write_text(page)
    tool.update(tmp_path)
    plural = 'msgstr[0] ""\nmsgstr[1] ""'
    common = {'msgid "50 %%"\nmsgstr ""': 'msgid "50 %%"\nmsgstr "50 %%"'}
    filled(tmp_path, "fr", common | {
        'msgid "Hello %(name)s"\nmsgstr ""': 'msgid "Hello %(name)s"\nmsgstr "Bonjour %(name)s"',
        'msgid "Marked"\nmsgstr ""': 'msgid "Marked"\nmsgstr "Marqué"',
        'day</b>"\nmsgstr ""': 'day</b>"\nmsgstr "Bonne <b>journée</b>"',
        plural: 'msgstr[0] "%(num)s contact"\nmsgstr[1] "%(num)s contacts"',
    })  # fmt: skip
    filled(tmp_path, "es", common | {
        'msgid "Hello %(name)s"\nmsgstr ""': 'msgid "Hello %(name)s"\nmsgstr "Hola %(name)s"',
        'msgid "Marked"\nmsgstr ""': 'msgid "Marked"\nmsgstr "Marcado"',
        'day</b>"\nmsgstr ""': 'day</b>"\nmsgstr "Buen <b>día</b>"',
        plural: 'msgstr[0] "Un contacto"\nmsgstr[1] "%(num)s contactos"',
    })  # fmt: skip
    monkeypatch.setattr(i18n, "asset_dir", lambda: tmp_path / "assets")
    i18n.translations.cache_clear()
    return tmp_path


@pytest.fixture(autouse=True)
def _own_catalogues_only() -> Iterator[None]:
    yield
    i18n.translations.cache_clear()


def test_texts_in_the_language_spoken_now(clone: Path) -> None:
    assert _("Hello %(name)s", name="Alice") == "Hello Alice"
    with use_language("fr"):
        assert _("Hello %(name)s", name="Alice") == "Bonjour Alice"
        with use_language("es"):
            assert _("Hello %(name)s", name="Alice") == "Hola Alice"
        assert _("50 %%") == "50 %"
        assert _("Not in the catalogue") == "Not in the catalogue"
    assert i18n.language() == "en"


def test_plurals_follow_the_language(clone: Path) -> None:
    said = {}
    for language in i18n.LANGUAGES:
        with use_language(language):
            said[language] = [ngettext("One contact", "%(num)s contacts", num) for num in (0, 1, 1500)]
    assert said == {
        "en": ["0 contacts", "One contact", "1,500 contacts"],
        "fr": ["0 contact", "1 contact", "1\u202f500 contacts"],
        "es": ["0 contactos", "Un contacto", "1.500 contactos"],
    }


async def test_each_task_speaks_its_own_language(clone: Path) -> None:
    async def greet(language: str) -> str:
        with use_language(language):
            await asyncio.sleep(0)
            return _("Hello %(name)s", name="Bob")

    assert await asyncio.gather(*map(greet, ["fr", "es", "xx"])) == ["Bonjour Bob", "Hola Bob", "Hello Bob"]


async def test_a_request_speaks_its_members_language_to_its_end(clone: Path) -> None:
    async def request() -> tuple[str, str]:
        i18n.speak("fr", "Asia/Tokyo")
        await asyncio.sleep(0)
        return _("Hello %(name)s", name="Alice"), i18n.time_zone()

    assert await asyncio.create_task(request()) == ("Bonjour Alice", "Asia/Tokyo")
    assert (i18n.language(), i18n.time_zone()) == ("en", "UTC")


def test_templates_escape_what_goes_into_a_text(clone: Path) -> None:
    pages._environment.cache_clear()
    page = pages._environment().from_string(
        "{{ _('Hello %(name)s', name='<i>') }} {% trans %}\n Good\n <b>day</b>\n{% endtrans %} {{ _('50 %%') }} "
        "{% trans num=n %}One contact{% pluralize %}{{ num }} contacts{% endtrans %}"
    )
    with use_language("fr"):
        assert page.render(n=2) == "Bonjour &lt;i&gt; Bonne <b>journée</b> 50 % 2 contacts"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de, es;q=0.7, en;q=0.3", "es"),
        ("en;q=0.2,es-419;q=0.9", "es"),
        ("de,it", "en"),
        ("fr;q=0", "en"),
        ("fr;q=nonsense,es;q=0.1", "es"),
        ("", "en"),
        ("*", "en"),
    ],
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert i18n.best_language(header) == language


def test_dates_and_numbers_as_written_there() -> None:
    said = {}
    for language in i18n.LANGUAGES:
        with use_language(language, "Africa/Douala"):
            said[language] = [
                i18n.show_datetime(MOMENT),
                i18n.show_date(MOMENT, "long"),
                i18n.show_time(MOMENT),
                i18n.show_relative(MOMENT, MOMENT + 180_000),
                i18n.show_duration(7_200_000),
                i18n.show_number(1234.5, 2),
                i18n.show_percent(0.2555, 1),
            ]
    assert [[text.replace("\u202f", " ").replace("\xa0", " ") for text in texts] for texts in said.values()] == [
        ["Sep 21, 2026, 3:13:20 PM", "September 21, 2026", "3:13 PM", "3 minutes ago", "2 hours", "1,234.50", "25.6%"],
        ["21 sept. 2026, 15:13:20", "21 septembre 2026", "15:13", "il y a 3 minutes", "2 heures", "1 234,50", "25,6 %"],
        ["21 sept 2026, 15:13:20", "21 de septiembre de 2026", "15:13", "hace 3 minutos", "2 horas", "1.234,50", "25,6 %"],
    ]


def test_zones() -> None:
    assert {"Africa/Douala", "Europe/Paris", "UTC"} <= set(i18n.time_zones())
    with use_language("en", "Mars/Base"):
        assert i18n.time_zone() == "UTC"
    with use_language("en", "Asia/Tokyo"), use_language("fr"):
        assert i18n.time_zone() == "Asia/Tokyo"
        assert i18n.show_time(MOMENT, zone="America/Bogota") == "09:13"


def test_whole_catalogues_pass_and_update_changes_nothing(clone: Path) -> None:
    assert tool.check(clone) == []
    catalogues = sorted((clone / "assets" / "locales").rglob("*.po"))
    before = [path.read_bytes() for path in catalogues]
    tool.update(clone)
    assert [path.read_bytes() for path in catalogues] == before


def test_the_check_knows_each_fault(clone: Path) -> None:
    filled(clone, "fr", {"Bonjour %(name)s": "Bonjour %(nom)s", '"Marqué"': '""', "<b>journée</b>": "<b>journée"})
    filled(clone, "es", {'msgid "Marked"': '#, fuzzy\nmsgid "Marked"', '"50 %%"\nmsgstr "50 %%"': '"50 %%"\nmsgstr "50 %"'})
    (clone / "wame_box" / "y.py").write_text('_("New")\n_("100 %")\n_("late ")\n')
    page = clone / "assets" / "templates" / "home" / "page.html"
    page.write_text(page.read_text().replace("Good", "Fine"))
    assert sorted(tool.check(clone)) == sorted([
        "sources: write placeholders as %(name)s, a plain percent sign as %%: '100 %'",
        "sources: starts or ends with white space: 'late '",
        *(f"{language}: missing, run update: {text!r}" for language in tool.LANGUAGES
          for text in ("New", "100 %", "late ", "Fine <b>day</b>")),
        *(f"{language}: no longer in the sources, run update: 'Good <b>day</b>'" for language in tool.LANGUAGES),
        "fr: placeholders differ: 'Hello %(name)s' → 'Bonjour %(nom)s'",
        "fr: untranslated: 'Marked'",
        "es: fuzzy: 'Marked'",
        "es: percent signs differ: '50 %%' → '50 %'",
    ])  # fmt: skip


def test_the_check_compares_tags_and_plurals(clone: Path) -> None:
    filled(clone, "fr", {"<b>journée</b>": "<b>journée", 'msgstr[1] "%(num)s contacts"': 'msgstr[1] "des contacts"'})
    assert tool.check(clone) == [
        "fr: tags differ: 'Good <b>day</b>' → 'Bonne <b>journée'",
        "fr: placeholders differ: 'One contact' → 'des contacts'",
    ]


def test_a_singular_that_also_means_zero_says_its_number(clone: Path) -> None:
    filled(clone, "fr", {'msgstr[0] "%(num)s contact"': 'msgstr[0] "Un contact"'})
    assert tool.check(clone) == ["fr: placeholders differ: 'One contact' → 'Un contact'"]


def test_obsolete_entries_are_refused(clone: Path) -> None:
    path = clone / "assets" / "locales" / "fr" / "LC_MESSAGES" / "messages.po"
    path.write_text(path.read_text("utf-8") + '\n#~ msgid "Gone"\n#~ msgstr "Parti"\n', "utf-8")
    assert tool.check(clone) == ["fr: obsolete, run update: 'Gone'"]
    tool.update(clone)
    assert tool.check(clone) == []
