"""Ids: always rising, and the same inside and outside."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wame_box.kernel import ids
from wame_box.kernel.errors import Refused


def test_ids_rise_across_threads_and_never_repeat() -> None:
    made: list[list[int]] = [[] for _ in range(4)]

    def work(mine: list[int]) -> None:
        mine.extend(ids.new_id() for _ in range(5_000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({number for mine in made for number in mine}) == 20_000


def test_ids_go_on_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new_id()
    earlier = time.time_ns() - 3_600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: earlier)
    after = [ids.new_id() for _ in range(3)]
    assert before < after[0] < after[1] < after[2]
    assert ids.milliseconds(after[2]) >= ids.milliseconds(before)


@given(st.integers(min_value=0, max_value=(1 << 63) - 1))
def test_the_public_form_comes_back(number: int) -> None:
    assert ids.parse("msg", ids.show("msg", number)) == number
    assert ids.parse("msg", ids.show("msg", number).replace("msg_", "msg_").upper().replace("MSG", "msg")) == number


@pytest.mark.parametrize("text", ["", "msg", "msg_", "msg_1", "con_0000000000001", "msg_000000000000u", "msg_zzzzzzzzzzzzz"])
def test_wrong_ids_are_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        ids.parse("msg", text)
    assert refusal.value.code == "bad_id"
    assert refusal.value.problem.status == 404


@given(st.integers(min_value=0, max_value=(1 << 63) - 2))
def test_public_ids_sort_as_the_numbers_do(number: int) -> None:
    assert ids.show("msg", number) < ids.show("msg", number + 1)
