"""Who a campaign would reach: how many get it, and how many are left out and why."""

from __future__ import annotations

import msgspec

from wame_box.campaigns import text
from wame_box.campaigns.models import Campaign, SkipReason
from wame_box.contacts.audience_store import AudienceCounts, audience_counts
from wame_box.kernel.db import Sql


class Audience(msgspec.Struct, frozen=True):
    """The people of a draft's audience, counted. total = reached + everybody skipped, whatever was chosen about consent."""

    counts: AudienceCounts

    @property
    def total(self) -> int:
        return self.counts.total

    @property
    def unconsented(self) -> int:
        """People without consent on record who could get it otherwise."""
        return self.counts.unconsented

    def reached(self, include_unconsented: bool) -> int:
        return self.counts.consented + (self.counts.unconsented if include_unconsented else 0)

    def skipped(self, include_unconsented: bool) -> dict[str, int]:
        """How many are left out, by reason; reasons without anybody are absent."""
        c = self.counts
        unconsented = c.unconsented + c.unconsented_missing + c.unconsented_too_long
        found = {
            SkipReason.OPTED_OUT: c.opted_out,
            SkipReason.NO_CONSENT: 0 if include_unconsented else unconsented,
            SkipReason.MISSING_VARIABLE: c.consented_missing + (c.unconsented_missing if include_unconsented else 0),
            SkipReason.TEXT_TOO_LONG: c.consented_too_long + (c.unconsented_too_long if include_unconsented else 0),
        }
        return {str(reason): number for reason, number in found.items() if number}


def count(sql: Sql, row: Campaign) -> Audience:
    return Audience(audience_counts(sql, row.account_id, row.list_id, text.measure(row)))
