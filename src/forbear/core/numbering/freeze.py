"""Write the generated tables of this folder again: `python -m forbear.core.numbering.freeze`.

Run by hand when phonenumbers or tzdata moves; the difference is then read before it is
committed. Needs the package `regex` (partial matches), which nothing else here does.
"""

from __future__ import annotations

import csv
import importlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as REGIONS_OF
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.phonemetadata import PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

HERE = Path(__file__).parent

# The name by which a clock goes, where several zones of one country keep it.
_PREFERRED: Final = (
    "America/New_York America/Chicago America/Denver America/Phoenix America/Los_Angeles America/Anchorage "
    "America/Adak Pacific/Honolulu America/Puerto_Rico America/St_Thomas Pacific/Guam Pacific/Saipan Pacific/Pago_Pago "
    "Australia/Sydney Australia/Brisbane Australia/Adelaide Australia/Darwin Australia/Perth Australia/Eucla "
    "Australia/Lord_Howe Indian/Christmas Indian/Cocos Europe/Paris America/Guadeloupe Europe/London Europe/Madrid "
    "Europe/Lisbon America/Toronto America/Halifax America/Winnipeg America/Edmonton America/Vancouver America/Regina "
    "Europe/Moscow America/Sao_Paulo America/Mexico_City Asia/Almaty"
)
PREFERRED: Final = _PREFERRED.split()
# Countries whose law reaches places that ISO 3166 gives codes of their own.
WIDER: Final = {
    "FR": ("FR", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF"),
    "AU": ("AU", "CX", "CC"),
    "US": ("US", "PR", "VI", "GU", "MP", "AS"),
}
TOLL_FREE: Final = (
    "800",
    "822",
    "833",
    "844",
    "855",
    "866",
    "877",
    "880",
    "881",
    "882",
    "883",
    "884",
    "885",
    "886",
    "887",
    "888",
    "889",
)
STATE_NAMES: Final = {"Washington State": "WA", "Washington D.C.": "DC"}
CARIBBEAN_US: Final = {"PR", "VI", "GU", "MP", "AS"}


def write(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with (HERE / name).open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(head)
        table.writerows(rows)


def clocks() -> dict[str, str]:
    """Every IANA name -> the name its clock goes by; two zones share a clock if they agree from 2015 to 2037."""
    hours = [
        datetime(2015, 1, 1, tzinfo=UTC).timestamp() + 1800 * 13 * i for i in range(29_800)
    ]  # 6.5 h steps find every change
    moments = [datetime.fromtimestamp(at, UTC) for at in hours]
    named: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for zone in sorted(available_timezones()):
        if zone.startswith(("posix/", "right/")) or zone in ("Factory", "localtime"):
            continue
        info = ZoneInfo(zone)
        offsets: list[tuple[int, Any]] = []
        last = None
        for i, moment in enumerate(moments):
            offset = moment.astimezone(info).utcoffset()
            if offset != last:
                offsets.append((i, offset))
                last = offset
        named[tuple(offsets)].append(zone)
    order = {zone: i for i, zone in enumerate(PREFERRED)}
    listed = {zone for zones in countries().values() for zone in zones}
    found = {}
    for zones in named.values():
        best = min(zones, key=lambda zone: (order.get(zone, 999), zone not in listed, zone))
        found.update(dict.fromkeys(zones, best))
    return found


def countries() -> dict[str, list[str]]:
    zones: dict[str, list[str]] = defaultdict(list)
    for line in resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones[country].append(zone)
    return zones


def names_of_record(clock: dict[str, str]) -> dict[str, list[str]]:
    """Country -> one zone name for each clock it keeps."""
    own = countries()
    order = {zone: i for i, zone in enumerate(PREFERRED)}
    record: dict[str, list[str]] = {}
    for country in sorted(own):
        by_clock: dict[str, list[str]] = defaultdict(list)
        for member in WIDER.get(country, (country,)):
            for zone in own[member]:
                if not zone.startswith("Antarctica/") or country == "AQ":
                    by_clock[clock[zone]].append(zone)
        record[country] = sorted(
            min(zones, key=lambda zone: (order.get(zone, 999), zones.index(zone))) for zones in by_clock.values()
        )
    return record


def library_leads(metadata: Any, code: int) -> list[str]:
    """Leading digits after the calling code at which the library may strip something: those numbers go to it."""
    regex = importlib.import_module("regex")
    pattern = metadata.national_prefix_for_parsing
    if not pattern:
        return []

    def touched(lead: str) -> bool:
        whole = regex.match(rf"(?:{pattern})(?<=\d)", lead)
        return bool(whole or regex.match(rf"(?:{pattern})Z", lead, partial=True))

    leads: list[str] = []
    for first in "0123456789":
        tails = [first + second + third for second in "0123456789" for third in "0123456789"]
        hit = [tail for tail in tails if touched(tail)]
        if len(hit) == len(tails):
            leads.append(first)
        else:
            leads += hit
    return leads


def calling_codes() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for code, regions in sorted(REGIONS_OF.items()):
        metadata: Any = PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
        lengths = " ".join(map(str, sorted(metadata.general_desc.possible_length)))
        rows.append((code, regions[0], " ".join(regions), lengths, " ".join(library_leads(metadata, code))))
    return rows


def with_record(country: str, zones: Iterable[str], clock: dict[str, str], record: dict[str, list[str]]) -> list[str]:
    """The country's own names for those clocks; all of them if it keeps none of those."""
    wanted = {clock[zone] for zone in zones if zone in clock}
    return [zone for zone in record[country] if clock[zone] in wanted] or record[country]


def area_codes(clock: dict[str, str], record: dict[str, list[str]]) -> list[tuple[object, ...]]:
    with (HERE / "us_states.csv").open(encoding="utf-8") as source:
        states = {row["region"]: row for row in csv.DictReader(source)}
    with (HERE / "area_code_corrections.csv").open(encoding="utf-8") as source:
        corrected = {row["npa"]: row for row in csv.DictReader(source)}
    of_name = {row["name"]: region[3:] for region, row in states.items()} | STATE_NAMES
    rows: list[tuple[object, ...]] = []
    for number in range(200, 1000):
        npa = str(number)
        if npa[1:] == "11":
            continue
        zones = {zone for prefix, found in TIMEZONE_DATA.items() if prefix.startswith("1" + npa) for zone in found}
        sample = phonenumbers.parse(f"+1{npa}2345678")
        country = phonenumbers.region_code_for_number(sample)
        described = GEOCODE_DATA.get("1" + npa, {}).get("en", "")
        # 203, 310, 713 and 718 have no name of their own, only their exchanges have
        leads = [lead for lead in GEOCODE_DATA if lead.startswith("1" + npa)] if not described else ["1" + npa]
        ends = {GEOCODE_DATA.get(lead, {}).get("en", "").rsplit(", ", 1)[-1] for lead in leads}
        found = {end if "US-" + end in states else of_name.get(end, "") for end in ends}
        state = found.pop() if len(found) == 1 else ""
        if npa in corrected:
            row = corrected[npa]
            rows.append((npa, "US-" + row["state"], row["zones"], "corrected: " + row["note"]))
        elif npa in TOLL_FREE:
            rows.append((npa, "US", "", "toll-free: any state"))
        elif country in CARIBBEAN_US:
            rows.append((npa, f"US-{country}", states[f"US-{country}"]["zones"], ""))
        elif state:
            own = states[f"US-{state}"]["zones"].split(";")
            wanted = {clock[zone] for zone in zones}
            rows.append((npa, f"US-{state}", ";".join([z for z in own if clock[z] in wanted] or own), ""))
        elif country == "CA" or ("1" + npa in TIMEZONE_DATA and described and country is None):
            rows.append((npa, "CA", ";".join(with_record("CA", zones, clock, record)), described))
        elif country and country != "US" and country in record:
            rows.append((npa, country, ";".join(record[country]), ""))
        elif country == "US":
            rows.append((npa, "US", "", described or "not geographic: any state"))
        else:
            rows.append((npa, "US", "", "not known to the library: any state"))
    return rows


def not_geographic(code: int) -> dict[str, bool]:
    """National leads of three digits with numbers that are tied to no place (mobiles mostly); True: no others there."""
    metadata: Any = PhoneMetadata.metadata_for_region_or_calling_code(code, REGIONS_OF[code][0])
    leads: dict[str, bool] = {}
    for lead in (f"{n:03d}" for n in range(1000)):
        kinds = set()
        for length in metadata.general_desc.possible_length:
            for i in range(8):
                some = sha256(f"{code} {lead} {length} {i}".encode()).digest()  # a sample, and the same each time
                national = lead + "".join(str(byte % 10) for byte in some)[: length - 3]
                number = phonenumbers.parse(f"+{code}{national}")
                if phonenumbers.is_valid_number(number):
                    kinds.add(phonenumbers.is_number_geographical(number))
        if False in kinds:
            leads[lead] = True not in kinds
    return leads


def prefixes(clock: dict[str, str], record: dict[str, list[str]]) -> list[tuple[object, ...]]:
    """Outside +1: number prefix -> the main region of its calling code and the zones the library gives."""
    rows: dict[str, tuple[str, str]] = {}
    for code, regions in REGIONS_OF.items():
        if code == 1 or regions[0] not in record:
            continue
        own = {p: z for p, z in TIMEZONE_DATA.items() if p.startswith(str(code))}
        own.setdefault(str(code), tuple(record[regions[0]]))
        if len(record[regions[0]]) > 1:
            for lead, alone in not_geographic(code).items():
                prefix = f"{code}{lead}"
                if alone:
                    own = {p: z for p, z in own.items() if not p.startswith(prefix)}
                own[prefix] = own[str(code)]
        rows |= {p: (regions[0], ";".join(with_record(regions[0], z, clock, record))) for p, z in own.items()}
    for parent in sorted({prefix[:-1] for prefix in rows if len(prefix) > 4}, key=len, reverse=True):
        below = {rows.get(f"{parent}{digit}") for digit in range(10)}
        if len(below) == 1 and None not in below:  # ten children that say the same are their parent
            rows[parent] = rows[f"{parent}0"]
    kept: dict[str, tuple[str, str]] = {}
    for prefix in sorted(rows):
        above = next((kept[prefix[:n]] for n in range(len(prefix) - 1, 0, -1) if prefix[:n] in kept), None)
        if above != rows[prefix]:  # else it says the same as the shorter prefix
            kept[prefix] = rows[prefix]
    return [(prefix, *value) for prefix, value in kept.items()]


def main() -> None:
    clock = clocks()
    record = names_of_record(clock)
    write("clocks.csv", ("zone", "clock"), sorted(clock.items()))
    own = countries()
    write(
        "countries.csv",
        ("country", "zones", "own_zones"),
        [(c, ";".join(z), ";".join(own[c])) for c, z in record.items()],
    )
    write("calling_codes.csv", ("code", "region", "regions", "lengths", "library_leads"), calling_codes())
    write("area_codes.csv", ("npa", "region", "zones", "note"), area_codes(clock, record))
    write("prefixes.csv", ("prefix", "region", "zones"), prefixes(clock, record))


if __name__ == "__main__":
    main()
