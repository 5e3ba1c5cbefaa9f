"""The kernel by itself, and Cedar on the same facts: no store, no network.

`columns` draws sales calls to Florida, Texas and Ohio; `cedar` says in Cedar's language what the
rules that speak about such calls say, and `same` checks that both come to the same verdicts.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forbear.core.codes import Code
from forbear.core.instants import DAY, HOUR, MINUTE, MISSING, parse_rfc3339
from forbear.core.places import Place
from forbear.core.words import Channel, LineType, Mode, Purpose, RecipientKind, SenderKind
from forbear.kernel.facts import NOT_KNOWN, Attempts, Facts, Flag, RegistryColumn, Selector
from forbear.kernel.judge import Engine

CHUNK: Final = 1 << 17  # rows judged at once, as a wash does: the columns stay in the cache
NOW: Final = parse_rfc3339("2026-11-24T17:00:00Z")
STATES: Final = {
    "US-FL": ("America/New_York", "America/Chicago"),
    "US-TX": ("America/Chicago", "America/Denver"),
    "US-OH": ("America/New_York",),
}
KNOWN: Final = (
    Flag.IDENTIFIES_SENDER,
    Flag.STANDING,
    Flag.ADDRESS_UNDERSTOOD,
    Flag.SENDER_FTC,
    Flag.CONSENTS_KNOWN,
    Flag.RELATIONSHIPS_KNOWN,
    Flag.OPT_OUTS_KNOWN,
    Flag.ATTEMPTS_KNOWN,
    Flag.PROMOTIONAL,
)


def selectors() -> list[Selector]:
    return [
        Selector(
            places=frozenset(Place(state, zone) for zone in zones),
            channel=Channel.VOICE,
            purpose=Purpose.MARKETING,
            mode=Mode.LIVE,
            recipient_kind=RecipientKind.CONSUMER,
            sender_kind=SenderKind.COMPANY,
            sender_country="US",
            line_type=line,
        )
        for state, zones in STATES.items()
        for line in (LineType.MOBILE, LineType.LANDLINE)
    ]


def columns(n: int, seed: int = 1, *, now: int = NOW) -> Facts:
    """`n` sales calls: a third listed, one in fifty suppressed, one in five called before today."""
    draw = np.random.default_rng(seed)
    suppressed = draw.random(n) < 0.02
    true = np.full(n, sum(1 << flag for flag in KNOWN), np.uint64) | suppressed.astype(np.uint64) << np.uint64(
        Flag.SUPPRESSED
    )
    false = np.full(n, 1 << Flag.CARRIER_BLOCK, np.uint64) | (~suppressed).astype(np.uint64) << np.uint64(
        Flag.SUPPRESSED
    )
    called = np.flatnonzero(draw.random(n) < 0.2).astype(np.int32)
    row = np.repeat(called, draw.integers(1, 5, len(called))).astype(np.int32)
    m = len(row)
    known = np.full(m, NOT_KNOWN, np.int8)
    return Facts(
        n=n,
        now=np.array(now, np.int64),
        selector=draw.integers(0, len(selectors()), n).astype(np.int32),
        selectors=selectors(),
        true=true,
        false=false,
        registries={
            name: _registry(draw.random(n) < share, now) for name, share in (("us.national", 0.35), ("us.state", 0.05))
        },
        caller=np.array(0, np.int32),
        callers=("+12025550100",),
        attempts=Attempts(
            row=row,
            at=now - draw.integers(10, 47 * 60, m) * MINUTE,
            on_day=np.full(m, MISSING, np.int32),
            channel=np.full(m, Channel.VOICE.bit, np.int16),
            purpose=np.full(m, Purpose.MARKETING.bit, np.int16),
            mode=np.full(m, Mode.LIVE.bit, np.int16),
            same_subject=np.ones(m, np.int8),
            same_debt=known,
            answered=known,
            conversation=known,
            abandoned=known,
            refused=known,
            unreachable=known,
        ),
    )


def _registry(listed: npt.NDArray[np.bool_], now: int) -> RegistryColumn:
    missing = np.array(MISSING, np.int32)
    return RegistryColumn(
        listed=listed.astype(np.int8),
        since_day=missing,
        checked_day=missing,
        checked_at=np.array(now - 5 * DAY, np.int64),
        edition_day=missing,
    )


CEDAR: Final = """
permit(principal, action == Action::"call", resource);
@id("house.address_understood") forbid(principal, action, resource) unless { context.address_understood };
@id("house.carrier_block") forbid(principal, action, resource) when { context.carrier_block };
@id("house.opt_out_all") forbid(principal, action, resource) when { context.opt_outs.contains("all") };
@id("house.opt_out_campaign") forbid(principal, action, resource) when { context.opt_outs.contains("campaign") };
@id("house.opt_out_marketing") forbid(principal, action, resource)
  when { context.opt_outs.contains("marketing") || context.opt_outs.contains("direct_marketing_objection") };
@id("house.standing") forbid(principal, action, resource) unless { context.standing };
@id("house.suppressed") forbid(principal, action, resource) when { context.suppressed };
@id("us.caller_id") forbid(principal, action, resource) unless { context.caller_is_number };
@id("us.tcpa.identification") forbid(principal, action, resource) unless { context.identifies_sender };
@id("us.dnc.national") forbid(principal, action, resource)
  when { context.national_listed && !context.consent_written && !context.purchased && !context.inquired };
@id("us.dnc.national.fresh") forbid(principal, action, resource) when { context.national_age_days > 31 };
@id("us.tcpa.calling_hours") forbid(principal, action, resource)
  when { context.local_minute_earliest < 480 || context.local_minute_latest >= 1260 };
@id("us.fl.calling_hours") forbid(principal, action, resource)
  when { context.region == "US-FL" && (context.local_minute_earliest < 480 || context.local_minute_latest >= 1200) };
@id("us.fl.cap") forbid(principal, action, resource)
  when { context.region == "US-FL" && context.attempts_24h_same_subject >= 3 };
@id("us.fl.dnc") forbid(principal, action, resource)
  when { context.region == "US-FL" && context.state_listed && !context.consent_written && !context.customer };
@id("us.fl.dnc.fresh") forbid(principal, action, resource)
  when { context.region == "US-FL" && context.state_age_days > 31 };
@id("us.tx.calling_hours") forbid(principal, action, resource)
  when { context.region == "US-TX" && (context.local_minute_earliest < 540 || context.local_minute_latest >= 1260) };
@id("us.tx.dnc") forbid(principal, action, resource)
  when { context.region == "US-TX" && context.state_listed && !context.consent_written && !context.customer };
@id("us.tx.dnc.fresh") forbid(principal, action, resource)
  when { context.region == "US-TX" && context.state_age_days > 31 };
@id("coverage") forbid(principal, action, resource) unless { context.covered };
"""


def cedar_requests(facts: Facts) -> list[dict[str, Any]]:
    """The same facts as Cedar's contexts. What needs a calendar or a count is worked out beforehand, and not timed."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    at = int(facts.now)
    moment = datetime.fromtimestamp(at / 1e6, UTC)
    minutes = [
        sorted(
            (local.hour * 60 + local.minute)
            for local in (moment.astimezone(ZoneInfo(place.zone)) for place in selector.places)
        )
        for selector in facts.selectors
    ]
    attempts = facts.attempts
    assert attempts is not None
    recent = np.bincount(attempts.row[attempts.at > at - 24 * HOUR], minlength=facts.n)
    national, state = facts.registries["us.national"], facts.registries["us.state"]
    requests = []
    for row in range(facts.n):
        selector = int(facts.selector[row])
        true = int(facts.true[row])
        (region,) = {place.region for place in facts.selectors[selector].places}
        context = {
            "address_understood": bool(true >> Flag.ADDRESS_UNDERSTOOD & 1),
            "carrier_block": bool(true >> Flag.CARRIER_BLOCK & 1),
            "opt_outs": [],
            "standing": bool(true >> Flag.STANDING & 1),
            "suppressed": bool(true >> Flag.SUPPRESSED & 1),
            "caller_is_number": True,
            "identifies_sender": bool(true >> Flag.IDENTIFIES_SENDER & 1),
            "national_listed": bool(national.listed[row]),
            "national_age_days": (at - int(national.checked_at)) // DAY,
            "state_listed": bool(state.listed[row]),
            "state_age_days": (at - int(state.checked_at)) // DAY,
            "consent_written": False,
            "purchased": False,
            "inquired": False,
            "customer": False,
            "region": region,
            "local_minute_earliest": minutes[selector][0],
            "local_minute_latest": minutes[selector][-1],
            "attempts_24h_same_subject": int(recent[row]),
            "covered": True,
        }
        requests.append(
            {
                "principal": 'Caller::"bench"',
                "action": 'Action::"call"',
                "resource": f'Person::"{row}"',
                "context": context,
            }
        )
    return requests


def measure_cedar(n: int) -> dict[str, Any]:
    """Cedar in this process with parsed policies: one at a time and as a batch; its verdicts beside the kernel's."""
    import cedarpy

    from forbear.rulebook.load import shipped

    facts = columns(n)
    kernel = Engine(shipped()).judge(facts).code <= Code.SATISFIED
    requests = cedar_requests(facts)
    policies = cedarpy.PolicySet.from_str(CEDAR)
    entities = cedarpy.Entities.from_json_str("[]")
    cedarpy.is_authorized(requests[0], policies, entities)
    begun = time.perf_counter()
    results = [cedarpy.is_authorized(request, policies, entities) for request in requests]
    single_s = time.perf_counter() - begun
    begun = time.perf_counter()
    cedarpy.is_authorized_batch(requests, policies, entities)
    batch_s = time.perf_counter() - begun
    allowed = np.array([result.allowed for result in results])
    return {
        "cedar_single_us": round(1e6 * single_s / n, 1),
        "cedar_single_per_s": round(n / single_s),
        "cedar_batch_per_s": round(n / batch_s),
        "cedar_policies": CEDAR.count("forbid(") + 1,
        "same_verdicts": bool((allowed == kernel).all()),
        "differ": int((allowed != kernel).sum()),
    }


def measure_kernel(rows: int) -> dict[str, Any]:
    """One row with a warm profile, a cold profile, and a long column, with every shipped rule loaded."""
    from forbear.rulebook.load import shipped

    book = shipped()
    engine = Engine(book)
    ones = [columns(1, seed) for seed in range(400)]
    for facts in ones:
        engine.judge(facts)
    singles = []
    for facts in ones:
        begun = time.perf_counter()
        engine.judge(facts)
        singles.append(time.perf_counter() - begun)
    colds = []
    for number in range(12):
        facts = columns(1, number, now=NOW + number * 90 * DAY)  # another horizon: nothing compiled before serves
        fresh = Engine(book)
        fresh.judge(columns(1, 1000 + number))
        begun = time.perf_counter()
        fresh.judge(facts)
        colds.append(time.perf_counter() - begun)
    parts = [columns(CHUNK, seed) for seed in range(8)]
    rates = {}
    for name, some in (("", parts), ("_no_history", [replace(part, attempts=None) for part in parts])):
        engine.judge(some[0])
        done, begun = 0, time.perf_counter()
        while done < rows:
            engine.judge(some[done // CHUNK % len(some)])
            done += CHUNK
        rates[f"kernel_bulk{name}_per_s"] = round(done / (time.perf_counter() - begun))
    return {
        "kernel_rules": len(book.rules),
        "kernel_one_warm_us": round(1e6 * statistics.median(singles), 1),
        "kernel_cold_profile_ms": round(1e3 * statistics.median(colds), 2),
        "kernel_bulk_rows": rows,
        **rates,
    }
