"""Where a person may be: sets of places from evidence."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import numpy as np
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import timezone as library_zones

from forbear.core import where
from forbear.core.places import Place

LAW_SPLIT = {  # area codes that span two clocks, overlays and new codes included
    "208": "ID", "219": "IN", "270": "KY", "308": "NE", "364": "KY", "423": "TN", "448": "FL", "458": "OR", "541": "OR",
    "574": "IN", "605": "SD", "606": "KY", "620": "KS", "701": "ND", "729": "TN", "775": "NV", "785": "KS", "812": "IN",
    "850": "FL", "906": "MI", "907": "AK", "928": "AZ", "930": "IN", "986": "ID",
}  # fmt: skip


def zones(places: frozenset[Place]) -> set[str]:
    return {place.zone for place in places}


def regions(places: frozenset[Place]) -> set[str]:
    return {place.region for place in places}


def test_address_and_prefix_that_overlap_are_intersected() -> None:
    both = where.resolve(country="US", region="US-TX", postcode="79901", numbers=[19155550123])
    assert both == {Place("US-TX", "America/Denver")}
    assert zones(where.resolve(country="US", region="US-TX", postcode="79901")) == {"America/Chicago", "America/Denver"}


def test_address_and_prefix_that_disagree_are_united_and_crossed() -> None:
    places = where.resolve(country="US", region="US-NY", numbers=[14155550123])
    coast = {"America/New_York", "America/Los_Angeles"}
    assert places == {Place(region, zone) for region in ("US-NY", "US-CA") for zone in coast}


def test_a_time_zone_elsewhere_adds_its_clock_and_no_law() -> None:
    places = where.resolve(country="US", region="US-NY", postcode="10001", timezone="America/Los_Angeles")
    assert places == {Place("US-NY", "America/New_York"), Place("US-NY", "America/Los_Angeles")}


def test_a_time_zone_abroad_adds_that_country() -> None:
    places = where.resolve(country="US", region="US-NY", timezone="Europe/Paris")
    assert {"US-NY", "FR"} <= regions(places)
    assert Place("US-NY", "Europe/Paris") in places


def test_a_time_zone_narrows_a_state_with_two_clocks() -> None:
    florida = where.resolve(country="US", region="US-FL", timezone="America/Detroit")
    assert florida == {Place("US-FL", "America/New_York")}


def test_a_time_zone_does_not_settle_a_disagreement() -> None:
    places = where.resolve(country="US", region="US-NY", numbers=[14155550123], timezone="America/Los_Angeles")
    assert Place("US-NY", "America/New_York") in places


def test_no_evidence_is_everywhere() -> None:
    assert where.resolve() == where.everywhere()
    assert where.resolve(timezone="No/Such", postcode="79901") == where.everywhere()


@pytest.mark.parametrize(
    ("npa", "state"), [("203", "CT"), ("310", "CA"), ("713", "TX"), ("718", "NY"), ("212", "NY"), ("832", "TX")]
)
def test_an_area_code_leaves_its_state_although_only_its_exchanges_are_named(npa: str, state: str) -> None:
    assert regions(where.resolve(numbers=[int(f"1{npa}5550123")])) == {f"US-{state}"}


@pytest.mark.parametrize("npa", LAW_SPLIT)
def test_a_split_area_code_keeps_both_clocks_of_its_state(npa: str) -> None:
    places = where.resolve(country="US", numbers=[int(f"1{npa}5550123")])
    assert regions(places) == {f"US-{LAW_SPLIT[npa]}"}
    assert len(zones(places)) == 2


@pytest.mark.parametrize(
    ("npa", "region", "zone"),
    [
        ("483", "US-AL", "America/Chicago"),
        ("915", "US-TX", "America/Denver"),
        ("602", "US-AZ", "America/Phoenix"),
        ("787", "US-PR", "America/Puerto_Rico"),
        ("876", "JM", "America/Jamaica"),
        ("441", "BM", "Atlantic/Bermuda"),
        ("416", "CA", "America/Toronto"),
        ("808", "US-HI", "Pacific/Honolulu"),
        ("671", "US-GU", "Pacific/Guam"),
    ],
)
def test_an_area_code_names_its_state_or_country(npa: str, region: str, zone: str) -> None:
    assert where.resolve(numbers=[int(f"1{npa}5550123")]) == {Place(region, zone)}


@pytest.mark.parametrize("npa", [800, 888, 833, 500, 900, 328, 357, 436, 457, 465, 471, 621, 624, 679, 837, 861, 924])
def test_toll_free_and_unknown_area_codes_are_any_state(npa: int) -> None:
    places = where.resolve(numbers=[int(f"1{npa}5550199")])
    assert places == where.resolve(country="US")
    assert len(regions(places)) == 56
    assert {"Pacific/Honolulu", "America/New_York", "Pacific/Guam"} <= zones(places)


@pytest.mark.parametrize("state", ["FL", "OK", "OR", "VA", "SC"])
def test_an_area_code_always_leaves_its_own_state_among_the_candidates(state: str) -> None:
    number = {"FL": 18135550123, "OK": 14055550123, "OR": 15035550123, "VA": 18045550123, "SC": 18035550123}[state]
    assert f"US-{state}" in regions(where.resolve(country="US", region="US-ME", postcode="04101", numbers=[number]))


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        (61755551234, None, {("AU-QLD", "Australia/Brisbane"), ("AU-NSW", "Australia/Sydney")}),
        (61755551234, "AU-QLD", {("AU-QLD", "Australia/Brisbane")}),
        (61733334444, None, {("AU-QLD", "Australia/Brisbane")}),
        (61741234567, None, {("AU-QLD", "Australia/Brisbane")}),
        (61293744000, "AU-NSW", {("AU-NSW", "Australia/Sydney")}),
        (61889991234, "AU-NT", {("AU-NT", "Australia/Darwin")}),
        (61891621234, None, {("AU", "Indian/Cocos")}),
    ],
)
def test_an_australian_land_line_has_its_states_clock(
    number: int, region: str | None, expected: set[tuple[str, str]]
) -> None:
    assert where.resolve(country="AU", region=region, numbers=[number]) == expected


def test_an_australian_mobile_is_anywhere_and_the_house_may_leave_the_islands_out() -> None:
    anywhere = where.resolve(country="AU", numbers=[61412345678])
    assert {"Australia/Darwin", "Australia/Perth", "Australia/Lord_Howe", "Indian/Cocos"} <= zones(anywhere)
    mainland = where.resolve(country="AU", numbers=[61412345678], unknown_location="mainland_states")
    assert zones(mainland) == {f"Australia/{city}" for city in ("Sydney", "Brisbane", "Adelaide", "Darwin", "Perth")}
    known = where.resolve(country="AU", region="AU-NSW", unknown_location="mainland_states")
    assert "Australia/Lord_Howe" in zones(known)


def test_french_mobiles_may_be_overseas_and_land_lines_and_postcodes_say() -> None:
    assert zones(where.resolve(country="FR", numbers=[33612345678])) >= {
        "Europe/Paris",
        "Indian/Reunion",
        "America/Guadeloupe",
    }
    assert where.resolve(numbers=[33145000000]) == {Place("FR", "Europe/Paris")}
    assert where.resolve(country="FR", postcode="97400", numbers=[33612345678]) == {Place("FR", "Indian/Reunion")}
    assert where.resolve(country="RE") == {Place("FR", "Indian/Reunion")}
    assert where.resolve(numbers=[596596123456]) == {Place("FR", "America/Guadeloupe")}


def test_spanish_and_portuguese_mobiles_keep_two_clocks() -> None:
    assert zones(where.resolve(numbers=[34612345678])) == {"Europe/Madrid", "Atlantic/Canary"}
    assert zones(where.resolve(numbers=[351912345678])) == {"Europe/Lisbon", "Atlantic/Azores"}
    assert where.resolve(country="ES", postcode="35001", numbers=[34612345678]) == {Place("ES-CN", "Atlantic/Canary")}


def test_the_channel_islands_and_man_are_not_great_britain() -> None:
    assert regions(where.resolve(numbers=[447781123456])) == {"GG"}
    assert regions(where.resolve(numbers=[441624123456])) == {"IM"}
    assert regions(where.resolve(numbers=[447400123456])) == {"GB"}
    assert regions(where.resolve(country="GB", postcode="JE2 3AB")) == {"GB", "JE"}


def test_a_country_no_table_knows_is_a_place_without_law() -> None:
    assert where.resolve(country="Australia") == {where.NOWHERE_KNOWN}
    assert where.NOWHERE_KNOWN in where.resolve(country="QQ", numbers=[12025550100])


@pytest.mark.parametrize("region", ["US-FL", "fl", "Florida", "us-fl"])
def test_a_region_may_be_written_in_several_ways(region: str) -> None:
    assert regions(where.resolve(country="US", region=region)) == {"US-FL"}


def test_an_unknown_region_leaves_the_whole_country() -> None:
    assert where.resolve(country="US", region="US-ZZ") == where.resolve(country="US")
    assert where.resolve(region="DE-BY") == where.resolve(country="DE")


@pytest.mark.parametrize(
    ("country", "postcode", "region"),
    [
        ("US", "33602", "US-FL"),
        ("US", "02903-1234", "US-RI"),
        ("US", "2903", "US-RI"),
        ("AU", "0800", "AU-NT"),
        ("AU", "4217", "AU-QLD"),
    ],
)
def test_a_postcode_names_its_state(country: str, postcode: str, region: str) -> None:
    assert regions(where.resolve(country=country, postcode=postcode)) == {region}


EVIDENCE = st.fixed_dictionaries(
    {},
    optional={
        "country": st.sampled_from(["US", "AU", "FR", "GB", "DE", "QQ"]),
        "region": st.sampled_from(["US-NY", "US-FL", "US-TX", "AU-QLD", "AU-NSW", "ES-CN"]),
        "postcode": st.sampled_from(["10001", "79901", "4217", "97400"]),
        "timezone": st.sampled_from(["America/New_York", "America/Denver", "Australia/Perth", "Europe/Paris"]),
        "numbers": st.permutations([12125550100, 18505550100, 61412345678, 33612345678]).map(lambda n: n[:3]),
    },
)


@settings(deadline=None)
@given(EVIDENCE)
def test_someone_is_always_somewhere_and_order_does_not_matter(evidence: dict[str, object]) -> None:
    places = where.resolve(**evidence)  # type: ignore[arg-type]
    assert places
    numbers = evidence.get("numbers", [])
    assert isinstance(numbers, list)
    assert places == where.resolve(**{**evidence, "numbers": [*reversed(numbers), *numbers]})  # type: ignore[arg-type]


def test_classes_of_a_column_are_those_of_its_numbers() -> None:
    numbers = [
        0,
        12025550100,
        18005550100,
        61412345678,
        447781123456,
        33145000000,
        888123456789,
        6189162123,
        79161234567,
    ]
    column = where.prefix_class(np.array(numbers, dtype=np.uint64))
    assert column.tolist() == [where.prefix_class_of(number) for number in numbers]
    assert column[0] == where.NO_EVIDENCE
    assert column[6] == where.NO_EVIDENCE


def clock_rows() -> list[dict[str, str]]:
    with resources.files("forbear.core.numbering").joinpath("clocks.csv").open() as lines:
        return list(csv.DictReader(lines))


def test_every_clock_still_agrees_with_the_installed_zones() -> None:
    moments = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=9 * i, hours=1) for i in range(160)]

    def offsets(zone: str) -> list[object]:
        info = ZoneInfo(zone)
        return [moment.astimezone(info).utcoffset() for moment in moments]

    rows = clock_rows()
    of_clock = {clock: offsets(clock) for clock in {row["clock"] for row in rows}}
    assert all(offsets(row["zone"]) == of_clock[row["clock"]] for row in rows)


def test_the_library_says_nothing_that_the_tables_leave_out_for_geographic_us_numbers() -> None:
    clock = {row["zone"]: row["clock"] for row in clock_rows()}
    for npa in range(201, 990, 4):
        number = phonenumbers.parse(f"+1{npa}2345678")
        if phonenumbers.region_code_for_number(number) == "US" and phonenumbers.is_number_geographical(number):
            said = {clock[zone] for zone in library_zones.time_zones_for_number(number)}
            own = {clock[place.zone] for place in where.resolve(numbers=[int(f"1{npa}2345678")])}
            assert said & own, npa


@pytest.mark.parametrize(
    ("region", "locality", "zone"),
    [
        ("AU-NSW", "Sydney", "Australia/Sydney"),
        ("au-nsw", " broken hill ", "Australia/Broken_Hill"),
        ("AU-NSW", "Nowhere", None),
        ("AU-TAS", "Perth", None),
        (None, "Perth", None),
        ("AU-WA", None, None),
    ],
)
def test_a_town_names_the_clock_where_its_state_keeps_several(
    region: str | None, locality: str | None, zone: str | None
) -> None:
    assert where.zone_of_locality(region, locality) == zone


@pytest.mark.parametrize(
    ("region", "number", "zone"),
    [
        ("PT-11", 351912345678, "Europe/Lisbon"),
        ("PT-20", 351912345678, "Atlantic/Azores"),
        ("FR-69", 33612345678, "Europe/Paris"),
        ("FR-2A", 33612345678, "Europe/Paris"),
        ("FR-974", 33612345678, "Indian/Reunion"),
    ],
)
def test_a_district_or_department_says_where_a_mobile_is(region: str, number: int, zone: str) -> None:
    places = where.resolve(country=region[:2], region=region, numbers=(number,))
    assert {place.zone for place in places} == {zone}
