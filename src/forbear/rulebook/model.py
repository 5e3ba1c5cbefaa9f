"""A rule as data: where it applies, what it checks, by which text, since when.

Everything here is frozen and hashable, so that equal conditions of different rules are
evaluated once (`forbear.kernel.atoms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forbear.core.codes import Code
from forbear.core.instants import date_of
from forbear.core.words import Binding, OptOutScope, Reaching

ALWAYS = -(2**31)  # a value without `from`
NEVER = 2**31 - 1  # a value without `to`


@dataclass(frozen=True, slots=True)
class ConsentCondition:
    """A consent that covers this contact's channel and purpose, is in force today and is good enough.

    `levels` and `covers` are masks of `ConsentLevel` and `ConsentCover`. A consent that stated no period
    lapses after `lapses_months`; a stated one counts for at most `at_most_months` or `at_most_days`.
    """

    levels: int
    covers: int = 0
    evidence: bool = False
    names_seller: bool = False
    period_stated: bool = False
    lapses_months: int | None = None
    at_most_months: int | None = None
    at_most_days: int | None = None
    unused_months: int | None = None  # it lapses so long after it was given or last used on this channel
    after_refusal: bool = False  # given after the last attempt the person refused
    given_from: int | None = None  # given on this day or later
    after_listing: str | None = None  # given on a later day than the listing in this registry, if it is listed


@dataclass(frozen=True, slots=True)
class RelationshipCondition:
    """A dealing with the person: one of `kinds` (mask), recent enough by every clock given, or going on."""

    kinds: int
    days: int | None = None
    months: int | None = None
    related: bool = False
    ongoing: bool = False


@dataclass(frozen=True, slots=True)
class FlagCondition:
    """A yes/no fact (`forbear.kernel.facts.Flag` by name) has this value."""

    flag: str
    value: bool = True


@dataclass(frozen=True, slots=True)
class CallerCondition:
    """What the person sees as sender: a number that begins with one of `prefixes`, or of one of `kinds`."""

    prefixes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()  # number, alphanumeric, long_name (alphanumeric, over eleven characters), email
    negate: bool = False


@dataclass(frozen=True, slots=True)
class ListedCondition:
    """The registry's answer says not listed (or: not yet listed for `binds_after_days`)."""

    registry: str
    binds_after_days: int | None = None
    if_asked: bool = False  # an answer that nobody asked for, or that says nothing, stands in no way


@dataclass(frozen=True, slots=True)
class FreshCondition:
    """How old the registry's answer, or the list it came from, may be; all that is stated must hold.

    The answer is at most `days` old; it is of the latest of the `editions` (MM-DD of each year) that had been
    published `in_force_after_days` ago; the list's own date is at most `edition_days` or `edition_months` back.
    """

    registry: str
    days: int | None = None
    editions: tuple[str, ...] = ()
    in_force_after_days: int = 0
    edition_days: int | None = None
    edition_months: int | None = None
    if_asked: bool = False  # so too here


@dataclass(frozen=True, slots=True)
class OptOutCondition:
    """No opt-out of one of `scopes` (mask) covers this contact, unless the person opted in again after it.

    `joined` are masks of channels that one opt-out silences together.
    """

    scopes: int
    joined: tuple[int, ...] = ()
    lifted_by_levels: int = 0  # consents, evidenced and given after it, that lift it; 0: none does


@dataclass(frozen=True, slots=True)
class CapCondition:
    """Fewer than `attempts` in the last `hours` (rolling) or `days` (calendar days, today included)."""

    attempts: int
    hours: int | None = None
    days: int | None = None
    same: str | None = None  # subject, debt
    only: tuple[str, ...] = ()  # answered, conversation, abandoned, refused: what counts
    modes: int = 0  # mask; 0 all
    channels: int = 0
    purposes: int = 0
    reached: bool = False  # a call to a line that was busy or out of service is not counted


@dataclass(frozen=True, slots=True)
class PauseCondition:
    """No pause of one of `scopes` (mask) that the person asked for covers this contact today, as for `OptOutCondition`.

    A pause is an opt-out with an end; which purposes its scope is about says `forbear.core.words.stops`.
    """

    scopes: int
    joined: tuple[int, ...] = ()
    lifted_by_levels: int = 0


@dataclass(frozen=True, slots=True)
class PromiseCondition:
    """Fewer contacts on this channel than were promised with any consent that covers this contact and stands.

    Each promise counts so many days back, to the hour. Contacts of the purposes `uncounted` (mask) are not
    counted, unless the consent is for them.
    """

    uncounted: int = 0


@dataclass(frozen=True, slots=True)
class AbandonmentCondition:
    """Abandoned calls are at most `percent` of those a person answered, over at least `window_days`."""

    percent: int
    window_days: int


@dataclass(frozen=True, slots=True)
class ConfirmationCondition:
    """The one confirmation of an opt-out: within `minutes` of it, fewer than `at_most` sent before."""

    minutes: int
    at_most: int


@dataclass(frozen=True, slots=True)
class SelectorCondition:
    """A selecting input has one of these values for sure (used in `unless`, settled when compiling)."""

    recipient: int = 0
    sender: int = 0
    sector: tuple[str, ...] = ()
    mode: int = 0
    line_type: int = 0


Condition = (
    ConsentCondition
    | RelationshipCondition
    | FlagCondition
    | CallerCondition
    | ListedCondition
    | FreshCondition
    | OptOutCondition
    | CapCondition
    | PauseCondition
    | PromiseCondition
    | AbandonmentCondition
    | ConfirmationCondition
    | SelectorCondition
)
AnyOf = tuple[tuple[Condition, ...], ...]
"""Alternatives, each a conjunction."""

Hours = tuple[tuple[tuple[int, int], ...], ...]
"""Seven weekdays from Monday, each a tuple of [open, close) in minutes of the local day."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a record is kept: `months` (None: for ever) after an event."""

    record: str  # consent, opt_out, contact, ...
    months: int | None
    after: str  # grant, use, withdrawal, ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when an opt-out must have been carried out: so many of the unit after it was received."""

    number: int
    unit: str  # business_days, days, hours
    calendar: str | None = None  # whose holidays are no business days


@dataclass(frozen=True, slots=True)
class Extent:
    """How far an opt-out said in one of `ways` (mask; 0 every way) reaches where nobody said so."""

    ways: int
    covers: OptOutScope
    channels: Reaching
    binds: Binding


@dataclass(frozen=True, slots=True)
class Value:
    """One text of the rule, in force on local days `from_day`..`to_day` (both included).

    `undated`: nobody knows the day it takes effect, so it holds beside the text before it and the stricter decides.
    """

    from_day: int
    to_day: int
    undated: bool
    unless: AnyOf
    any_of: AnyOf = ()  # requires
    hours: Hours | None = None  # within_hours
    clocks: tuple[str, ...] = ("local",)
    closed_on: tuple[str, ...] = ()
    eves: tuple[tuple[int, int], ...] = ()  # the day before a closed one is open within these only; empty: as any day
    cap: CapCondition | PauseCondition | PromiseCondition | None = (
        None  # max_attempts, wait_after, wait_until, keeps_promise
    )
    listed: ListedCondition | None = None  # not_listed
    fresh: FreshCondition | None = None
    obligations: tuple[str, ...] = ()  # owes
    terms: tuple[tuple[str, int], ...] = ()  # owes: how soon, how long
    retention: Retention | None = None  # retains
    deadline: Deadline | None = None  # honours
    extent: Extent | None = None  # reaches


@dataclass(frozen=True, slots=True)
class Selection:
    """Which contacts a rule is about. An empty field selects all; masks are of the words' bits."""

    places: tuple[str, ...] = ()  # countries or regions
    counties: tuple[str, ...] = ()  # of those regions; a person whose county is not known may live there
    channel: int = 0
    mode: int = 0
    purpose: int = 0
    recipient: int = 0
    sender: int = 0
    sender_country: tuple[str, ...] = ()
    sector: tuple[str, ...] = ()
    line_type: int = 0
    alert: bool = False  # only where a declared emergency is in force
    policy: tuple[tuple[str, bool | str], ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    title: str
    seen: int  # day
    url: str | None = None
    quote: str | None = None
    source: str | None = None  # where the text was read, if not in the text itself


@dataclass(frozen=True, slots=True)
class Example:
    """One worked example: the rule's `base` case with `facts` (dotted keys) laid over it."""

    when: str
    facts: Mapping[str, Any]
    want: Code
    line: int


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator put in the place of a shipped rule's text, on local days `from_day`..`to_day`."""

    rule: str
    by: str
    on_day: int | None  # the day it was decided
    reason: str
    from_day: int
    to_day: int
    what: str  # value, off, state
    loosens: bool  # it is not provably stricter than what is shipped
    line: int

    @property
    def mention(self) -> str:
        """What every verdict it affected says: `us.fl.calling_hours by Jane Roe 2026-11-20`."""
        who = f" by {self.by}" if self.by else " by the operator"
        return self.rule + who + ("" if self.on_day is None else f" {date_of(self.on_day)}")


@dataclass(frozen=True)
class Rule:
    id: str
    title: str
    file: str
    check: str
    on_fail: Code
    applies: Selection
    exempt: tuple[Selection, ...]
    values: tuple[Value, ...]
    cites: tuple[Citation, ...]
    confidence: str
    note: str = ""
    shadow: bool = False
    base: Mapping[str, Any] = field(default_factory=dict)
    examples: Sequence[Example] = ()
    override: Override | None = None  # an operator's text stands here
    twin_of: str = ""  # as shipped, behind the overridden rule of this id: it decides nothing
    twin_counted: bool = False  # and would have decided, were it not overridden


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a place's law was read: whose, for which channels and purposes, how far, when."""

    places: tuple[str, ...]
    channels: int
    purposes: int
    status: str  # complete, partial
    confidence: str
    source: str
    seen: int
    note: str = ""
    recipients: int = 0  # mask; 0 all


@dataclass(frozen=True, slots=True)
class Topic:
    """What is known of one topic of a place's law beyond what its rules show (`forbear.rulebook.topics`)."""

    places: tuple[str, ...]
    topic: str
    status: str  # complete, partial, none
    confidence: str
    source: str
    seen: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Holiday:
    day: int
    name: str
    substitute: bool = False  # stands in for a holiday that fell on a weekend


@dataclass(frozen=True, slots=True)
class Calendar:
    id: str
    title: str
    from_day: int
    through_day: int
    days: tuple[Holiday, ...]


@dataclass(frozen=True)
class Rulebook:
    """Everything the kernel judges by. `digest` is over the bytes of the files, by name; `files` are those bytes."""

    rules: tuple[Rule, ...]
    coverage: tuple[Coverage, ...]
    calendars: Mapping[str, Calendar]
    digest: str
    topics: tuple[Topic, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def rule(self, rule_id: str) -> Rule:
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)
