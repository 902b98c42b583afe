"""Drafts: what is wrong is named field by field, and only drafts change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.campaigns.conftest import NOW, Desk
from wame_box.campaigns import draft, preview
from wame_box.campaigns.models import CampaignChange, CampaignStatus, CampaignText, NewCampaign, SkipReason
from wame_box.kernel import ids
from wame_box.kernel.errors import Refused
from wame_box.messaging.models import ImageContent
from wame_box.sessions.engine import MessageKind


def wish(**changes: Any) -> NewCampaign:
    return msgspec.structs.replace(NewCampaign(name="Autumn", text=CampaignText("Hello")), **changes)


async def refused(desk: Desk, **changes: Any) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        await desk.write(draft.create, desk.alice, wish(**changes), desk.kernel.http.check_url)
    return {error.field: error.code for error in caught.value.fields}


async def test_a_draft_keeps_what_was_said(desk: Desk) -> None:
    list_id = await desk.list_of(await desk.people(2))
    row = await desk.draft("Hi {{ First_Name | friend }}", list=ids.show("lst", list_id))
    assert (row.status, row.kind, row.session_id, row.list_id) == (
        CampaignStatus.DRAFT,
        MessageKind.TEXT,
        desk.session_id,
        list_id,
    )
    assert (row.name, row.body, row.image_url) == ("Autumn", "Hi {{ First_Name | friend }}", None)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"name": "  "}, "name", "required"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"text": CampaignText("  ")}, "text.body", "required"),
        ({"text": CampaignText("x" * 4097)}, "text.body", "too_long"),
        ({"text": CampaignText("Hi {{name")}, "text.body", "variable_unclosed"),
        ({"text": CampaignText("Hi {{}}")}, "text.body", "variable_nameless"),
        ({"text": CampaignText("Hi {{first name}}")}, "text.body", "variable_bad_name"),
        ({"text": None}, "text", "campaign_type_missing"),
        ({"image": ImageContent("https://example.com/a.png")}, "image", "campaign_type_other"),
        ({"type": "image", "text": None, "image": ImageContent("ftp://example.com")}, "image.url", "url_scheme"),
        ({"type": "image", "text": None, "image": ImageContent("http://127.0.0.1/a.png")}, "image.url", "url_private"),
        ({"session": "ses_0000000000001"}, "session", "campaign_session_unknown"),
        ({"session": "nonsense"}, "session", "campaign_session_unknown"),
        ({"list": "lst_0000000000001"}, "list", "campaign_list_unknown"),
        ({"scheduled_at": datetime.fromtimestamp(NOW / 1000, UTC)}, "scheduled_at", "campaign_schedule_past"),
        ({"scheduled_at": datetime(2099, 1, 1, tzinfo=UTC)}, "scheduled_at", "campaign_schedule_far"),
    ],
)
async def test_what_is_wrong_is_named(desk: Desk, changes: dict[str, Any], field: str, code: str) -> None:
    assert await refused(desk, **changes) == {field: code}


async def test_all_wrong_fields_are_named_at_once(desk: Desk) -> None:
    found = await refused(desk, name="", text=CampaignText("{{"), list="x")
    assert set(found) == {"name", "text.body", "list"}


async def test_sessions_and_lists_of_others_are_unknown(desk: Desk) -> None:
    list_id = await desk.list_of(await desk.people(1))
    with pytest.raises(Refused) as caught:
        theirs = wish(session=ids.show("ses", desk.session_id), list=ids.show("lst", list_id))
        await desk.write(draft.create, desk.charlie, theirs, desk.kernel.http.check_url)
    assert {error.field for error in caught.value.fields} == {"session", "list"}


async def test_a_change_leaves_the_rest(desk: Desk) -> None:
    row = await desk.draft("Hello", scheduled_at=datetime(2027, 2, 1, 9, tzinfo=UTC))
    changed = await desk.write(draft.change, desk.alice, row.id, CampaignChange(name="Winter"), desk.kernel.http.check_url)
    assert (changed.name, changed.body, changed.session_id, changed.scheduled_at) == (
        "Winter",
        "Hello",
        row.session_id,
        row.scheduled_at,
    )
    image = CampaignChange(type="image", image=ImageContent("https://example.com/a.png", "Look, {{name}}"), scheduled_at=None)
    changed = await desk.write(draft.change, desk.alice, row.id, image, desk.kernel.http.check_url)
    assert (changed.kind, changed.image_url, changed.body) == (MessageKind.IMAGE, "https://example.com/a.png", "Look, {{name}}")
    assert changed.scheduled_at is None


async def test_only_drafts_change_and_go(desk: Desk) -> None:
    await desk.people(1)
    row = await desk.launch(await desk.draft())
    with pytest.raises(Refused, match="campaign_not_draft"):
        await desk.write(draft.change, desk.alice, row.id, CampaignChange(name="x"), desk.kernel.http.check_url)
    with pytest.raises(Refused, match="campaign_not_draft"):
        await desk.write(draft.delete, desk.alice, row.id)
    copy = await desk.write(draft.duplicate, desk.alice, row.id, "Autumn (copy)")
    assert (copy.status, copy.name, copy.body, copy.batch_id) == (CampaignStatus.DRAFT, "Autumn (copy)", row.body, None)
    await desk.write(draft.delete, desk.alice, copy.id)
    with pytest.raises(Refused, match="not_found"):
        await desk.read(draft.find, desk.alice, copy.id)


async def test_charlie_sees_nothing_of_it(desk: Desk) -> None:
    row = await desk.draft()
    for act in (draft.find, draft.delete):
        with pytest.raises(Refused, match="not_found"):
            await desk.write(act, desk.charlie, row.id)


# -- preview -----------------------------------------------------------------------------------------------------------


async def test_the_preview_pages_through_the_audience(desk: Desk) -> None:
    known = await desk.people(2, city="Lyon")
    unasked = await desk.people(1, first=2, opted_in=False)
    row = await desk.draft("Hi {{first_name}}, from {{city}} {{nickname|dear}}")
    first = await desk.read(preview.preview, row)
    assert (first.contact, first.previous, first.next) == (ids.show("con", known[0]), None, ids.show("con", known[1]))
    assert (first.text, first.missing, first.skip) == ("Hi Person, from Lyon dear", [], None)
    last = await desk.read(preview.preview, row, unasked[0])
    assert (last.previous, last.next) == (ids.show("con", known[1]), None)
    assert (last.text, last.missing, last.skip) == ("Hi Person, from {{city}} dear", ["city"], SkipReason.NO_CONSENT)


async def test_the_preview_says_why_somebody_is_skipped(desk: Desk) -> None:
    people = await desk.people(2)
    await desk.opt_out(people[0])
    row = await desk.draft("Hi {{nickname}}")
    assert (await desk.read(preview.preview, row)).skip is SkipReason.OPTED_OUT
    assert (await desk.read(preview.preview, row, people[1])).skip is SkipReason.MISSING_VARIABLE


async def test_the_preview_stays_within_the_audience(desk: Desk) -> None:
    people = await desk.people(3)
    list_id = await desk.list_of(people[:1])
    row = await desk.draft(list=ids.show("lst", list_id))
    only = await desk.read(preview.preview, row)
    assert (only.previous, only.next) == (None, None)
    with pytest.raises(Refused, match="campaign_contact_elsewhere"):
        await desk.read(preview.preview, row, people[1])


async def test_nobody_to_preview(desk: Desk) -> None:
    assert await desk.read(preview.preview, await desk.draft()) is None


async def test_variables_on_offer(desk: Desk) -> None:
    await desk.people(2, city="Lyon")
    await desk.people(1, first=5, city="Nice", club="gold", name="x")
    assert await desk.read(preview.offered_variables, desk.alice.account_id, None) == ["first_name", "name", "city", "club"]
    assert await desk.read(preview.offered_variables, desk.charlie.account_id, None) == ["first_name", "name"]
