"""Variables of a campaign's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wame_box.kernel.errors import CODES
from wame_box.messaging.variables import MissingVariables, Variable, VariableError, fill, longest, missing, names, parse, required

TEXT = "Hello {{ First_Name | there }}, your {{plan}} plan in {{ville}} ends. Bye {{first_name}}!"


def test_parts_and_names() -> None:
    assert parse("Hi {{name|there}}!") == ("Hi ", Variable("name", "there"), "!")
    assert parse("plain { text } }} |") == ("plain { text } }} |",)
    assert parse("") == ()
    assert names(TEXT) == ["first_name", "plan", "ville"]
    assert required(TEXT) == ["plan", "ville", "first_name"]
    assert names("{{город}} {{العنوان}}") == ["город", "العنوان"]


def test_fill() -> None:
    values = {"first_name": " Zoé ", "plan": "pro", "ville": "Lyon"}
    assert fill(TEXT, values) == "Hello Zoé, your pro plan in Lyon ends. Bye Zoé!"
    assert fill("{{a|x}}{{b|}}-{{c| two words }}", {"a": " ", "c": ""}) == "x-two words"


def test_values_are_never_expanded_again() -> None:
    assert fill("{{a}} {{b}}", {"a": "{{b}}", "b": "{{a}} %s {0} <b>"}) == "{{b}} {{a}} %s {0} <b>"


def test_missing_values_are_all_named() -> None:
    assert missing(TEXT, {"plan": "  "}) == ["plan", "ville", "first_name"]
    with pytest.raises(MissingVariables) as caught:
        fill(TEXT, {"first_name": "Zoé"})
    assert caught.value.names == ["plan", "ville"]


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("Hi {{name", "variable_unclosed", 4),
        ("Hi {{name {{plan}}", "variable_unclosed", 4),
        ("{{}}", "variable_nameless", 1),
        ("ab{{ | x }}", "variable_nameless", 3),
        ("{{first name}}", "variable_bad_name", 1),
        ("{{{name}}}", "variable_bad_name", 1),
        ("{{name.upper()}}", "variable_bad_name", 1),
        ("{{" + "x" * 65 + "}}", "variable_bad_name", 1),
        ("{% if x %}{{ 1+1 }}", "variable_bad_name", 11),
    ],
)
def test_unknown_syntax_is_refused_with_its_place(text: str, code: str, position: int) -> None:
    with pytest.raises(VariableError) as caught:
        parse(text)
    assert (caught.value.code, caught.value.position) == (code, position)
    assert CODES[code].text % caught.value.params


def test_longest() -> None:
    assert longest("Hi {{a|friend}}!", {"a": 3}) == len("Hi friend!")
    assert longest("Hi {{a|friend}}!", {"a": 30}) == 4 + 30
    assert longest("{{a}}{{a}}", {"a": 5}) == 10
    assert longest("plain", {}) == 5


@given(st.text(), st.dictionaries(st.sampled_from(["a", "b", "name"]), st.text(max_size=20)))
def test_any_text_is_filled_or_refused(text: str, values: dict[str, str]) -> None:
    try:
        filled = fill(text, values)
    except (VariableError, MissingVariables):
        return
    assert len(filled) <= longest(text, {name: len(value) for name, value in values.items()})
    if not names(text):
        assert filled == text
