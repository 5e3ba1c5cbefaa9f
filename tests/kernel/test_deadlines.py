"""The date by which the law wants an opt-out carried out."""

from __future__ import annotations

import pytest

from forbear.core import where
from forbear.core.instants import date_of, parse_rfc3339
from forbear.core.words import Channel
from forbear.kernel.deadlines import opt_out_due
from forbear.rulebook.load import shipped

OHIO, FLORIDA, SYDNEY, BERLIN, LONDON = 16145550123, 18135550123, 61290000001, 493012345678, 442079460000


@pytest.mark.parametrize(
    ("number", "channel", "said", "wanted"),
    [
        # ten business days from Monday the 9th: Veterans Day and Thanksgiving are none
        (OHIO, Channel.SMS, "2026-11-09T17:00:00Z", ("2026-11-24", "us.tcpa.dnc_request_deadline")),
        (OHIO, Channel.VOICE, "2026-11-13T17:00:00Z", ("2026-11-30", "us.tcpa.dnc_request_deadline")),
        # before the deadline of ten days there is none that was read
        (OHIO, Channel.SMS, "2025-04-10T17:00:00Z", None),
        # fifteen days after STOP in Florida end later than ten business days
        (FLORIDA, Channel.SMS, "2026-11-02T17:00:00Z", ("2026-11-17", "us.fl.text_opt_out")),
        # still Monday in Ohio, Tuesday by UTC
        (OHIO, Channel.SMS, "2026-11-10T03:00:00Z", ("2026-11-24", "us.tcpa.dnc_request_deadline")),
        (SYDNEY, Channel.SMS, "2026-11-23T02:00:00Z", ("2026-11-27", "au.spam.honours")),
        (BERLIN, Channel.VOICE, "2026-11-01T12:00:00Z", ("2026-11-29", "eu.gdpr.honours")),
        (LONDON, Channel.VOICE, "2026-11-01T12:00:00Z", None),
    ],
)
def test_an_opt_out_has_the_date_of_its_place(
    number: int, channel: Channel, said: str, wanted: tuple[str, str] | None
) -> None:
    due = opt_out_due(shipped(), where.resolve(numbers=(number,)), channel, parse_rfc3339(said))
    assert (None if due is None else (str(date_of(due.day)), due.rule)) == wanted


def test_an_address_that_may_be_anywhere_has_the_earliest_date() -> None:
    at = parse_rfc3339("2026-11-23T02:00:00Z")
    anywhere = opt_out_due(shipped(), where.resolve(), Channel.EMAIL, at)
    assert anywhere is not None
    for number in (OHIO, SYDNEY, BERLIN):
        own = opt_out_due(shipped(), where.resolve(numbers=(number,)), Channel.EMAIL, at)
        assert own is not None
        assert anywhere.day <= own.day
