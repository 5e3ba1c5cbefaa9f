# ruff: noqa: E501 - rules read best as they would stand in a file
"""A rulebook of no country in particular that needs every check, every condition and every kind of text."""

from __future__ import annotations

from forbear.rulebook.load import load
from forbear.rulebook.model import Rulebook

_HEAD = """\
id = "{id}"
title = "{id}"
check = "{check}"
{on_fail}confidence = "high"
{top}
[[cite]]
title = "none"
seen = 2026-11-21
"""


def rule_file(rule_id: str, check: str, values: str, on_fail: str = "", top: str = "") -> tuple[str, bytes]:
    if not on_fail and check in ("within_hours", "max_attempts", "wait_after"):
        on_fail = "NOT_NOW"
    stated = f'on_fail = "{on_fail}"\n' if on_fail else ""
    head = _HEAD.format(id=rule_id, check=check, on_fail=stated, top=top)
    body = "".join(f"\n[[value]]\n{value.strip()}\n" for value in values.split("---"))
    return f"{rule_id.replace('.', '/')}.toml", (head + body).encode()


_RULES = (
    # windows
    rule_file(
        "us.hours",
        "within_hours",
        """
        to = 2026-10-17
        hours = { every_day = ["08:00-21:00"] }
        ---
        from = 2026-10-18
        hours = { mon_sat = ["09:00-19:00"], sun = [] }
        """,
        top='applies = { places = ["US-FL", "US-TX"], purpose = ["marketing"] }\n'
        'unless = [{ consent = ["any_express"], covers = ["out_of_hours"], evidence = true }]',
    ),
    rule_file(
        "us.night",
        "within_hours",
        'hours = { every_day = ["00:00-01:30", "02:30-03:30", "06:00-24:00"] }',
        top='applies = { places = ["US"], channel = ["voice", "sms"] }',
    ),
    rule_file(
        "fr.hours",
        "within_hours",
        """
        hours = { mon_fri = ["10:00-13:00", "14:00-20:00"], sat_sun = [] }
        closed_on = ["fr.holidays"]
        unless = [{ relationship = ["contract"], ongoing = true, related = true }, { flag = "gave_number" }]
        """,
        top='applies = { places = ["FR"], channel = ["voice"] }\nexempt = [{ purpose = ["debt_collection"] }]',
    ),
    rule_file(
        "au.hours",
        "within_hours",
        """
        to = 2026-11-24
        hours = { mon_fri = ["09:00-20:00"], sat = ["09:00-17:00"], sun = [] }
        closed_on = ["au.holidays"]
        ---
        from = "unknown"
        hours = { every_day = ["10:00-18:00"] }
        clocks = ["local", "+10:00"]
        ---
        from = 2026-11-26
        hours = { mon_fri = ["09:00-20:00"], sat_sun = ["09:30-17:00"] }
        closed_on = ["au.holidays"]
        """,
        top='applies = { places = ["AU", "US-HI"], mode = ["live", "predictive"] }',
    ),
    rule_file(
        "gb.hours",
        "within_hours",
        """
        hours = { mon_fri = ["09:00-20:00"], sat = ["10:00-19:00"], sun = [] }
        closed_on = ["fr.holidays", "au.holidays"]
        eves = ["10:00-12:30", "13:00-19:00"]
        unless = [{ consent = ["express", "express_written"], covers = ["out_of_hours"] }]
        """,
        top='applies = { places = ["GB", "AU-QLD"], counties = ["Erie", "Kings"] }\nexempt = [{ counties = ["kings"], channel = ["sms"] }]',
    ),
    rule_file(
        "us.new_hours",
        "within_hours",
        'from = 2026-11-24\nhours = { every_day = ["00:00-23:00"] }',
        top='applies = { places = ["US-HI", "US-TX", "US-FL"] }',
    ),
    rule_file(
        "us.alert",
        "within_hours",
        'hours = { every_day = ["12:00-15:00"] }',
        top='applies = { places = ["US", "AU"], alert = true }',
    ),
    # caps and waits
    rule_file(
        "us.cap_hours",
        "max_attempts",
        'attempts = 3\nhours = 24\nsame = "subject"\nchannels = ["voice", "sms"]',
        top='applies = { places = ["US"] }\nunless = [{ recipient = ["business"] }, { flag = "gave_number" }]',
    ),
    rule_file(
        "us.cap_days",
        "max_attempts",
        'attempts = 2\ndays = 7\nsame = "debt"\nonly = ["answered", "abandoned"]\npurposes = ["debt_collection"]',
    ),
    rule_file("gb.cap", "max_attempts", "attempts = 2\ndays = 7\nreached = true", top='applies = { places = ["GB"] }'),
    rule_file("fr.cap", "max_attempts", "attempts = 4\ndays = 30\nmodes = ['live']", top='applies = { places = ["FR"] }'),
    rule_file(
        "us.wait",
        "wait_after",
        """
        to = 2026-11-19
        after = ["conversation"]
        days = 3
        ---
        from = 2026-11-20
        after = ["conversation", "refused"]
        hours = 72
        """,
        top='applies = { sender = ["company", "charity"] }',
    ),
    # lists
    rule_file(
        "us.list",
        "not_listed",
        """
        registry = "us.national"
        binds_after_days = 31
        fresh_days = 31
        unless = [
          { consent = ["express_written"], evidence = true, names_seller = true },
          { relationship = ["purchase", "customer"], months = 18 },
          { relationship = ["inquiry"], days = 90 },
        ]
        """,
        on_fail="UNKNOWN",
        top='applies = { places = ["US"], purpose = ["marketing"], recipient = ["consumer", "sole_trader"] }',
    ),
    rule_file(
        "us.state_list",
        "not_listed",
        'registry = "us.state"\neditions = ["01-01", "04-01", "07-01", "11-24"]',
        on_fail="FORBIDDEN",
        top='applies = { places = ["US-TX", "US-AZ"], channel = ["voice"] }',
    ),
    rule_file(
        "gb.list",
        "not_listed",
        """
        registry = "gb.tps"
        edition_months = 2
        unless = [{ consent = ["any_express"], after_listing = "gb.tps", at_most_months = 3 }]
        ---
        registry = "gb.ctps"
        edition_days = 60
        fresh_days = 28
        """.replace("---", "to = 2026-11-20\n---\nfrom = 2026-11-21"),
        on_fail="UNKNOWN",
        top='applies = { places = ["GB"], purpose = ["marketing"] }',
    ),
    rule_file(
        "us.late_list",
        "not_listed",
        'registry = "us.state"\neditions = ["02-01", "05-01", "08-01", "11-01"]\neditions_in_force_after_days = 30',
        on_fail="UNKNOWN",
        top='applies = { places = ["US-FL"] }',
    ),
    rule_file("au.list", "not_listed", 'registry = "au.dncr"\nfresh_days = 30', on_fail="UNKNOWN", top='applies = { places = ["AU"] }'),
    # consent in every form
    rule_file(
        "us.consent",
        "requires",
        """
        any_of = [
          { consent = ["express_written"], covers = ["automated"], evidence = true, names_seller = true },
          { all = [{ consent = ["any_express"], period_stated = true, at_most_days = 90 }, { flag = "ai_disclosed" }] },
        ]
        """,
        on_fail="UNKNOWN",
        top='applies = { mode = ["prerecorded", "ai_voice"] }',
    ),
    rule_file(
        "au.consent",
        "requires",
        """
        any_of = [
          { consent = ["express", "inferred"], lapses_months = 3, at_most_months = 12 },
          { consent = ["soft_opt_in"], given_from = 2026-02-05, after_refusal = true },
        ]
        """,
        on_fail="UNKNOWN",
        top='applies = { channel = ["email", "sms"] }',
    ),
    rule_file(
        "gb.unused",
        "requires",
        'any_of = [{ consent = ["soft_opt_in", "express"], unused_months = 6 }]',
        on_fail="UNKNOWN",
        top='applies = { places = ["GB", "AU"], channel = ["email", "sms", "voice"] }',
    ),
    rule_file(
        "fr.dealing",
        "requires",
        """
        any_of = [
          { relationship = ["contract", "customer"], ongoing = true, months = 2 },
          { relationship = "any", related = true, days = 30 },
          { consent = "any", after_refusal = true },
        ]
        """,
        on_fail="FORBIDDEN",
        top='applies = { places = ["FR", "GB"] }',
    ),
    # the person's word
    rule_file(
        "house.opt_out",
        "requires",
        'any_of = [{ no_opt_out = ["all", "marketing"], joined = [["voice", "sms"]], lifted_by = ["any_express"] }]',
        on_fail="FORBIDDEN",
        top='applies = { purpose = ["marketing", "research"] }',
    ),
    rule_file(
        "house.campaign",
        "requires",
        'any_of = [{ no_opt_out = ["campaign", "direct_marketing_objection"] }]',
        on_fail="FORBIDDEN",
    ),
    rule_file(
        "house.confirm",
        "requires",
        "any_of = [{ confirmation_within_minutes = 5, at_most = 1 }]",
        on_fail="FORBIDDEN",
        top='applies = { purpose = ["optout_confirmation"] }',
    ),
    # the message, the caller, the sender
    rule_file(
        "us.caller",
        "requires",
        'any_of = [{ caller_prefix = ["+1", "+61"], caller_kind = ["email"] }, { flag = "sender_id_registered" }]',
        on_fail="FORBIDDEN",
    ),
    rule_file(
        "au.caller",
        "requires",
        'any_of = [{ caller_kind = ["long_name"] }, { caller_kind = ["alphanumeric"], not = true }]',
        on_fail="FORBIDDEN",
        top='applies = { sender_country = ["AU", "US"] }',
    ),
    rule_file(
        "us.abandoned",
        "requires",
        "any_of = [{ abandoned_percent = 3, window_days = 30 }, { mode = ['live'] }, { flag = 'live_agent_guaranteed' }]",
        on_fail="FORBIDDEN",
        top='applies = { channel = ["voice"] }',
    ),
    rule_file(
        "us.selected",
        "requires",
        'any_of = [{ mode = ["live"], recipient = ["business"] }, { sector = ["energy_supply"], sender = ["company"] }, '
        '{ line_type = ["landline"] }]',
        on_fail="FORBIDDEN",
        top='applies = { purpose = ["research", "fundraising"] }',
    ),
    rule_file(
        "fr.sector",
        "forbidden",
        'unless = [{ answered_no = "us.reassigned" }, { fresh = "us.reassigned", fresh_days = 10 }]',
        on_fail="FORBIDDEN",
        top='applies = { sector = ["home_energy_renovation"] }',
    ),
    rule_file(
        "us.content",
        "requires",
        'any_of = [{ all = [{ flag = "identifies_sender" }, { flag = "opt_out_requires_login", is = false }] }]',
        on_fail="FORBIDDEN",
        top='exempt = [{ purpose = ["transactional", "delivery", "emergency"] }, { mode = ["live"], recipient = ["business"] },'
        ' { places = ["US-AZ"], sender = ["government"] }, { alert = true, channel = ["sms"] },'
        ' { sector = ["energy_supply"], line_type = ["mobile"], sender_country = ["AU"] }]',
    ),
    rule_file(
        "house.policy",
        "forbidden",
        "unless = [{ flag = 'subject_accurate' }]",
        on_fail="FORBIDDEN",
        top="applies = { policy = { it_code_of_conduct = false }, line_type = ['mobile'] }",
    ),
    rule_file(
        "us.if_asked",
        "not_listed",
        """
        registry = "us.reassigned"
        fresh_days = 30
        if_asked = true
        unless = [{ consent = ["express"], evidence = true }]
        """,
        on_fail="UNKNOWN",
        top='applies = { channel = ["sms", "email"] }',
    ),
    rule_file("us.shadow", "forbidden", "from = 2020-01-01", on_fail="FORBIDDEN", top='state = "shadow"'),
    rule_file(
        "us.owes",
        "owes",
        """
        to = 2026-11-24
        obligations = ["identify_caller"]
        ---
        from = 2026-11-25
        obligations = ["identify_caller", "callback_number"]
        """,
        top='applies = { channel = ["voice"], places = ["US", "AU-QLD"] }\nexempt = [{ sender = ["government"] }]',
    ),
    rule_file(
        "us.keeps", "retains", 'record = "consent"\nkeep_months = 60\nafter = "use"', top='applies = { places = ["US"] }'
    ),
    rule_file("gb.honours", "honours", 'business_days = 10\ncalendar = "fr.holidays"', top='applies = { places = ["GB"] }'),
    rule_file(
        "house.lists",
        "requires",
        'any_of = [{ no_opt_out = ["list", "all_but_needed"], joined = [["voice", "sms"]], lifted_by = ["any_express"] }]',
        on_fail="FORBIDDEN",
        top='exempt = [{ purpose = ["transactional", "delivery", "emergency"] }]',
    ),
    rule_file(
        "house.paused",
        "wait_until",
        """
        paused = ["all", "marketing", "campaign", "list", "all_but_needed"]
        joined = [["voice", "sms"]]
        lifted_by = ["express", "express_written"]
        """,
        on_fail="NOT_NOW",
        top='exempt = [{ purpose = ["emergency"] }]',
    ),
    rule_file(
        "house.promised",
        "keeps_promise",
        'uncounted = ["transactional", "delivery"]\nunless = [{ relationship = ["contract"], ongoing = true }]',
        on_fail="NOT_NOW",
    ),
    rule_file(
        "us.reaches",
        "reaches",
        'ways = ["reply"]\ncovers = "all"\nchannels = "same_number"\nbinds = "seller"',
        top='applies = { places = ["US"] }',
    ),
    rule_file("fr.short", "forbidden", "from = 2026-11-24\nto = 2026-11-24", on_fail="FORBIDDEN", top="applies = { places = ['FR'] }"),
)  # fmt: skip

_CALENDARS = {
    "calendars/fr.toml": b"""
id = "fr.holidays"
title = "France"
from = 2020-01-01
through = 2027-06-30
[[cite]]
title = "none"
seen = 2026-11-21
[[holiday]]
day = 2026-11-11
name = "Armistice"
[[holiday]]
day = 2026-12-25
name = "Christmas"
[[holiday]]
day = 2027-01-01
name = "New Year"
""",
    "calendars/au.toml": b"""
id = "au.holidays"
title = "Australia"
from = 2020-01-01
through = 2030-12-31
[[cite]]
title = "none"
seen = 2026-11-21
[[holiday]]
day = 2026-12-25
name = "Christmas"
[[holiday]]
day = 2026-12-28
name = "Boxing Day, observed"
substitute = true
[[holiday]]
day = 2026-01-26
name = "Australia Day"
""",
}

_COVERAGE = b"""
[[read]]
places = ["US", "FR"]
status = "complete"
confidence = "high"
source = "none"
seen = 2026-11-21

[[read]]
places = ["AU", "GB"]
channels = ["voice", "sms"]
purposes = ["marketing", "research", "debt_collection", "transactional"]
recipients = ["consumer", "business"]
status = "partial"
confidence = "high"
source = "none"
seen = 2026-11-21

[[read]]
places = ["AU-QLD"]
purposes = ["delivery"]
status = "partial"
confidence = "high"
source = "none"
seen = 2026-11-21
"""


def files() -> dict[str, bytes]:
    return {**dict(_RULES), **_CALENDARS, "coverage.toml": _COVERAGE}


def rulebook() -> Rulebook:
    return load(files())
