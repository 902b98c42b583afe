"""Words that end, or take up again, what a business sends."""

from __future__ import annotations

import pytest

from wame_box.contacts.optout import _OPT_IN_WORDS, _OPT_OUT_WORDS, is_opt_in, is_opt_out


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", " Stop. ", "STOP!!!", "«stop»", "stop 🙏", "S​top", "ＳＴＯＰ", "Stop\n", "STOPALL", "Stop all",
        "opt-out", "UNSUBSCRIBE",
        "ARRET", "ARRÊT", "arrêt", "arre\u0302t", "Désabonner", "DESABONNER", "se désabonner", "BAJA", "¡Baja!", "cancelar",
        "Darme de baja", "PARAR", "SAIR", "STOPP", "Abmelden", "СТОП", "Стоп.", "إيقاف", "ايقاف",
        "إِيقَاف", "停止", "退订", "रोकें", "Dừng lại", "İptal", "διακοπη",
    ],
)  # fmt: skip
def test_opt_out(text: str) -> None:
    assert is_opt_out(text)
    assert not is_opt_in(text)


@pytest.mark.parametrize(
    "text", ["START", "start!", "Unstop", "REPRENDRE", "m'abonner", "M’abonner", "Alta", "СТАРТ", "ابدأ", "Subscribe"]
)
def test_opt_in(text: str) -> None:
    assert is_opt_in(text)
    assert not is_opt_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "🛑", "please stop by tomorrow", "non-stop", "bus stop", "stop it's too good", "Je m'arrête à 8 h", "bajada",
        "no", "yes", "voltar", "acha", "Đúng", "dung",
        "ok", "the end of the month", "start tomorrow?", "1", "stop " * 40,
    ],
)  # fmt: skip
def test_ordinary_messages_are_neither(text: str) -> None:
    assert not is_opt_out(text)
    assert not is_opt_in(text)


def test_no_word_means_both() -> None:
    assert not _OPT_OUT_WORDS & _OPT_IN_WORDS
    assert "" not in _OPT_OUT_WORDS | _OPT_IN_WORDS
