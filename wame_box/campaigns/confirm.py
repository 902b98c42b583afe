"""What the confirm page tells before a launch: who, how many, for how long, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass

from wame_box.accounts.models import Caller
from wame_box.campaigns import audience, draft, people_store, preview, store
from wame_box.campaigns.audience import Audience
from wame_box.campaigns.estimate import Estimate, People, estimate
from wame_box.campaigns.models import CampaignRow
from wame_box.campaigns.preview import Preview
from wame_box.kernel.db import Sql
from wame_box.messaging import pacing_store
from wame_box.messaging.pacing import PacingState, read_state
from wame_box.sessions import store as sessions
from wame_box.sessions.models import Session
from wame_box.sessions.policy import Policy, read_policy


@dataclass(frozen=True)
class Review:
    """`estimate`: with consent only; `estimate_all`: with everybody who did not opt out. None without a session."""

    row: CampaignRow
    audience: Audience
    session: Session | None
    policy: Policy | None
    estimate: Estimate | None
    estimate_all: Estimate | None
    preview: Preview | None


def review(sql: Sql, caller: Caller, campaign_id: int, now: int) -> Review:
    """Raises: Refused("not_found")."""
    row = draft.find(sql, caller, campaign_id)
    shown = store.with_progress(sql, [row])[0]
    people = audience.count(sql, row)
    session = sessions.session_of(sql, caller.account_id, row.session_id) if row.session_id else None
    first = preview.first_reached(sql, row)
    if session is None:
        return Review(shown, people, None, None, None, None, first)
    policy = read_policy(session.policy)
    state = _state(sql, session)
    known = people_store.known_people(sql, caller.account_id, session.id, row.list_id)
    estimates = [
        estimate(
            policy,
            state,
            _split(people.reached(include), known, people.total),
            now=now,
            account_zone=caller.time_zone,
            session_age_ms=now - (session.paired_at or now),
        )
        for include in (False, True)
    ]
    return Review(shown, people, session, policy, estimates[0], estimates[1], first)


def _state(sql: Sql, session: Session) -> PacingState:
    stored = pacing_store.state(sql, session.id)
    return read_state(stored) if stored else PacingState()


def _split(reached: int, known: int, total: int) -> People:
    """Who of those reached is known is not asked one by one: as many of a hundred as in the whole audience."""
    familiar = min(reached, known * reached // total) if total else 0
    return People(reached - familiar, familiar)
