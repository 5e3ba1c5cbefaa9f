"""A set answers for every key as a Python set would, whatever its layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forbear.core.errors import BadInput
from forbear.registries.numberset import FIRST, SPAN, Keys, Layout, NumberSet, build, change

EDGES = [
    *(0, 1, 2**64 - 1, 2**63),
    *(int(FIRST) + d for d in (-1, 0, 1, 7, 8, 9_999, 10_000, 9_999_999, 10_000_000)),
    *(int(FIRST) + int(SPAN) + d for d in (-1, 0, 1)),
]
key = st.one_of(
    st.sampled_from(EDGES),
    st.integers(13_055_550_000, 13_055_550_040),
    st.integers(12_000_000_000, 19_999_999_999),
    st.integers(0, 2**64 - 1),
)
layouts = pytest.mark.parametrize("layout", ["paged", "hashed", "auto"])
fresh = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def column(values: list[int]) -> Keys:
    return np.array(values, np.uint64)


@layouts
@fresh
@given(members=st.lists(key, max_size=60), others=st.lists(key, max_size=60))
def test_it_answers_as_a_set_would(tmp_path: Path, layout: Layout, members: list[int], others: list[int]) -> None:
    made = build(tmp_path / "one.set", [column(members[::2]), column(members[1::2])], layout)
    asked = [*members, *others, *EDGES]
    assert made.contains(column(asked)).tolist() == [k in set(members) for k in asked]
    assert made.count == len(set(members))
    assert sorted(k for chunk in made.chunks() for k in chunk.tolist()) == sorted(set(members))
    made.verify()


@layouts
@fresh
@given(old=st.lists(key, max_size=40), add=st.lists(key, max_size=40), remove=st.lists(key, max_size=40))
def test_a_change_removes_then_adds(
    tmp_path: Path, layout: Layout, old: list[int], add: list[int], remove: list[int]
) -> None:
    before = build(tmp_path / "old.set", [column(old)], layout)
    after = change(before, tmp_path / "new.set", column(add), column(remove))
    wanted = set(old) - set(remove) | set(add)
    asked = [*old, *add, *remove, *EDGES]
    assert after.contains(column(asked)).tolist() == [k in wanted for k in asked]
    assert after.count == len(wanted)
    assert before.contains(column(asked)).tolist() == [k in set(old) for k in asked]
    after.verify()


def test_many_numbers_of_one_area_code_are_folded_and_none_is_lost(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    members = rng.choice(10_000_000, 900_000, replace=False).astype(np.uint64) + np.uint64(13_050_000_000)
    made = build(tmp_path / "one.set", [members[i : i + 70_000] for i in range(0, members.size, 70_000)])
    asked = np.arange(13_050_000_000, 13_060_000_000, dtype=np.uint64)
    wanted = np.zeros(asked.size, np.bool_)
    wanted[(members - np.uint64(13_050_000_000)).astype(np.int64)] = True
    assert (made.contains(asked) == wanted).all()
    assert made.count == members.size
    assert made.nbytes < 1_250 * 1_001 + 3_300_000


@pytest.mark.parametrize("harm", ["cut", "longer", "flipped", "header", "version", "not a set"])
def test_a_harmed_file_is_found_out(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "one.set"
    build(path, [np.arange(13_055_550_000, 13_055_560_000, dtype=np.uint64)]).verify()
    whole = bytearray(path.read_bytes())
    if harm == "cut":
        whole = whole[:-1]
    elif harm == "longer":
        whole += b"\0"
    elif harm == "flipped":
        whole[-40] ^= 1
    elif harm == "header":
        whole[60] ^= 0x55
    elif harm == "version":
        whole[8] += 1
    else:
        whole = bytearray(b"number\n+13055550100\n" * 300)
    path.write_bytes(whole)
    with pytest.raises(BadInput, match=r"one\.set"):
        NumberSet(path).verify()


def test_nothing_is_left_of_a_set_whose_making_failed(tmp_path: Path) -> None:
    before = build(tmp_path / "one.set", [column([13_055_550_100])])

    def chunks() -> object:
        yield column([13_055_550_101])
        raise BadInput("the source is torn")

    with pytest.raises(BadInput):
        build(tmp_path / "one.set", chunks())  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["one.set"]
    assert NumberSet(tmp_path / "one.set").digest == before.digest
