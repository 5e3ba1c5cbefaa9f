"""The registries of an installation: dated copies on disk, and their answers.

    <dir>/us.national/all/current                 which snapshots answer, newest first
    <dir>/us.national/all/20261121T063000-3f2a91c0/  manifest.json, listed.set (and answered.set)

A snapshot of kind `full` says of every address it covers whether it is listed. One of kind
`answers` knows only the addresses it was asked about; several may be in force, and the
newest that knows an address answers. Whatever is not covered is not known: no snapshot,
another area code, an address that was never washed, one the registry had no data on.

A list of hashes is asked with the hash of the address (`hashing`). A registry may be kept in
parts: `us.state.FL` is Florida's list for rules that ask `us.state`; where every operator
keeps a register of its own, `parts.json` names those that make up the whole.

`current` is replaced in one step. Readers keep what they mapped until `refresh`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from forbear.accounts.home import home
from forbear.core.errors import BadInput
from forbear.core.instants import DAY, MISSING, date_of, day_of, moment_of, rfc3339
from forbear.registries import formats
from forbear.registries.hashing import Hashing
from forbear.registries.numberset import (
    AREAS,
    FIRST,
    PER_AREA,
    SPAN,
    Builder,
    Keys,
    NumberSet,
    change,
    sync_folder,
)
from forbear.registries.sources import Source

Kind = Literal["full", "answers"]

EVERYWHERE: Final = "*"  # every address of any kind
ALL: Final = "all"  # the scope of a snapshot that every account of the installation uses
LAYERS: Final = 64  # answers in force at once; older ones are retired
KEPT: Final = 3  # retired sets kept on disk; manifests are kept for good

_PART = re.compile(r"[A-Za-z0-9_]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*(\.[A-Za-z0-9_]+)*")
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
YES, NO, NOT_KNOWN, NO_DATA = np.int8(1), np.int8(0), np.int8(-1), np.int8(-2)


@dataclass(frozen=True, slots=True)
class File:
    """A source as it was read."""

    name: str
    size: int
    lines: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known about one snapshot. Instants in microseconds, days since 1970; None: not known."""

    registry: str
    scope: str
    id: str
    kind: Kind
    n: int  # listed
    answered: int | None  # kind `answers`: how many addresses were asked about
    key_id: int  # of the secret that keyed its e-mail addresses; 0 for numbers
    covers: tuple[str, ...]  # prefixes of E.164 digits, or `*`
    obtained_at: int
    edition_day: int | None
    loaded_at: int
    account_number: str | None  # the subscription (SAN) under which it was got
    files: tuple[File, ...]
    sets: Mapping[str, str]  # file name: digest
    base: str | None = None  # the snapshot a change list was applied to
    adds: int | None = None
    deletes: int | None = None
    hashing: Hashing | None = None  # of a list of hashes

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str, file: str) -> Manifest:
        try:
            said = json.loads(text)
            files = tuple(File(**f) for f in said.pop("files"))
            hashing = said.pop("hashing", None)
            if hashing is not None:
                hashing = Hashing(hashing["algorithm"], tuple(hashing["forms"]), hashing["country"])
            return Manifest(**said | {"covers": tuple(said["covers"]), "files": files, "hashing": hashing})
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"is no manifest: {error}", file=file) from None

    @property
    def mail(self) -> bool:
        """Whether it holds e-mail addresses; a registry may have a list of those and one of numbers in force."""
        return self.key_id != 0 if self.hashing is None else self.hashing.mail

    def speaks_of(self, key_id: int) -> bool:
        """Whether it can answer for numbers (`key_id` 0), or for e-mail addresses keyed with that secret."""
        if self.hashing is not None:
            return self.mail == (key_id != 0)
        return self.key_id == key_id

    @property
    def digest(self) -> str:
        """One name for the content: that of the answers where there are several sets."""
        return "+".join(self.sets[name] for name in sorted(self.sets))


Texts = Sequence[str | None] | None


class Answer(NamedTuple):
    """One registry's word on n addresses. The last two have shape () where one value holds for all."""

    listed: npt.NDArray[np.int8]  # 1 listed, 0 not listed, -1 not known
    obtained_at: npt.NDArray[np.int64]  # MISSING where not known
    edition_day: npt.NDArray[np.int32]


class Snapshot:
    """One mapped snapshot. A `Snapshot` goes on answering after a newer one has replaced it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.listed = NumberSet(folder / "listed.set")
        self.answered = NumberSet(folder / "answered.set") if self.manifest.kind == "answers" else None
        self.no_data = NumberSet(folder / "no_data.set") if "no_data.set" in self.manifest.sets else None
        for name, number_set in self._sets():
            if number_set is not None and number_set.digest != self.manifest.sets[name]:
                raise BadInput("is not the set its manifest names", file=str(folder / name))
        self._areas, self._prefixes = _coverage(self.manifest.covers)

    def _sets(self) -> list[tuple[str, NumberSet | None]]:
        return [("listed.set", self.listed), ("answered.set", self.answered), ("no_data.set", self.no_data)]

    def answer(self, keys: Keys, texts: Texts = None) -> npt.NDArray[np.int8]:
        """`NO_DATA` where it was asked in vain: then no older answer counts either."""
        if self.manifest.hashing is not None:
            return self._answer_by_hash(self.manifest.hashing, keys, texts)
        return self._said(self.listed.contains(keys), self._known(keys), lambda some: some.contains(keys))

    def _answer_by_hash(self, hashing: Hashing, keys: Keys, texts: Texts) -> npt.NDArray[np.int8]:
        """Hashes only the addresses the list speaks for: hashing is what such a list costs."""
        found = np.full(keys.shape, NOT_KNOWN)
        covered = keys != 0
        if not hashing.mail:
            covered &= True if self._areas is None else self._covered(keys)
        rows = np.flatnonzero(covered)
        if not rows.size or (hashing.mail and texts is None):
            return found

        def contained(some: NumberSet) -> npt.NDArray[np.bool_]:
            if hashing.mail:
                assert texts is not None
                return hashing.mails_in(some, [texts[row] for row in rows.tolist()])
            return hashing.numbers_in(some, keys[rows])

        known = None if self.answered is None else contained(self.answered)
        found[rows] = self._said(contained(self.listed), known, contained)
        return found

    def _said(
        self,
        listed: npt.NDArray[np.bool_],
        known: npt.NDArray[np.bool_] | None,
        contained: Callable[[NumberSet], npt.NDArray[np.bool_]],
    ) -> npt.NDArray[np.int8]:
        said = listed.view(np.int8)
        if known is not None:
            said = np.where(known, said, NOT_KNOWN)
        if self.no_data is not None:
            said = np.where(contained(self.no_data), NO_DATA, said)
        return said

    def _known(self, keys: Keys) -> npt.NDArray[np.bool_] | None:
        if self.answered is not None:
            return self.answered.contains(keys)
        return None if self._areas is None else self._covered(keys)

    def _covered(self, keys: Keys) -> npt.NDArray[np.bool_]:
        assert self._areas is not None
        known: npt.NDArray[np.bool_] = self._areas[
            (np.minimum(keys - FIRST, SPAN) // np.uint64(PER_AREA)).view(np.int64)
        ]
        for prefix in self._prefixes:
            known |= _begins(keys, prefix)
        return known

    def verify(self) -> None:
        for _, number_set in self._sets():
            if number_set is not None:
                number_set.verify()


def _coverage(covers: Iterable[str]) -> tuple[npt.NDArray[np.bool_] | None, list[str]]:
    """What is covered: area codes of the plan of +1 by table, anything else by its prefix."""
    areas, prefixes = np.zeros(AREAS + 1, np.bool_), []
    for prefix in covers:
        if prefix == EVERYWHERE:
            return None, []
        if prefix == "1":
            areas[:AREAS] = True
        elif len(prefix) == 4 and prefix[0] == "1" and prefix[1] in "23456789":
            areas[int(prefix[1:]) - 200] = True
        else:
            prefixes.append(prefix)
    return areas, prefixes


def _begins(keys: Keys, prefix: str) -> npt.NDArray[np.bool_]:
    """E.164 digits that begin with `prefix`, whatever their length."""
    found = np.zeros(keys.shape, np.bool_)
    for length in range(len(prefix), 16):
        low = np.uint64(int(prefix) * 10 ** (length - len(prefix)))
        high = np.uint64((int(prefix) + 1) * 10 ** (length - len(prefix)))
        found |= (keys >= low) & (keys < high)
    return found


def default_folder() -> Path:
    """`FORBEAR_REGISTRIES`, else `registries` in the installation's home."""
    named = os.environ.get("FORBEAR_REGISTRIES")
    return Path(named) if named else home() / "registries"


class Registries:
    """What a process asks: `answer`, and `refresh` now and then to see newer snapshots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._scopes: dict[tuple[str, str], tuple[int, list[Snapshot]]] = {}
        self._parts: dict[str, tuple[str, ...]] = {}
        self.in_parts: frozenset[str] = frozenset()
        self.refresh()

    @classmethod
    def open(cls, folder: Path) -> Registries:
        """The registries under `folder`; one that does not exist yet has none."""
        return cls(folder)

    def refresh(self) -> bool:
        """Map what `current` names now. True if anything changed."""
        found: dict[tuple[str, str], tuple[int, list[Snapshot]]] = {}
        for place in _places(self.folder):
            name = (place.parent.name, place.name)
            stamp = _stamp(place)
            had = self._scopes.get(name)
            found[name] = had if had is not None and had[0] == stamp else (stamp, _open_layers(place))
        parts = _stated_parts(self.folder)
        changed = {k: v[0] for k, v in found.items()} != {k: v[0] for k, v in self._scopes.items()}
        changed |= parts != self._parts
        self._scopes = found  # one assignment: a reader in another thread sees the old or the new
        self._parts = parts
        self.in_parts = frozenset(parts) | {name.rpartition(".")[0] for name, _ in found}
        return changed

    def pinned(self) -> Registries:
        """The snapshots mapped now, for as long as one piece of work lasts."""
        other = Registries.__new__(Registries)
        other.folder, other._scopes = self.folder, self._scopes
        other._parts, other.in_parts = self._parts, self.in_parts
        return other

    def parts(self, registry: str) -> tuple[str, ...]:
        """The names of the parts that were said to make up this registry; none: it is one list."""
        return self._parts.get(registry, ())

    def names(self) -> list[str]:
        return sorted({name for name, _ in self._scopes})

    def layers(self, registry: str, account: str | None = None, seller: str | None = None) -> list[Snapshot]:
        """The snapshots in force for this account and seller, newest first: of the most particular scope with any."""
        for scope in scopes_of(account, seller):
            entry = self._scopes.get((registry, scope))
            if entry is not None and entry[1]:
                return entry[1]
        return []

    def answer(
        self,
        registry: str,
        keys: Keys,
        account: str | None = None,
        seller: str | None = None,
        key_id: int = 0,
        texts: Texts = None,
    ) -> Answer:
        """Is each address listed? `keys` of shape (n,): E.164 digits, or e-mail keys made with secret `key_id`.

        `texts` are the e-mail addresses as they were written, for lists of hashes.
        """
        layers = [s for s in self.layers(registry, account, seller) if s.manifest.speaks_of(key_id)]
        if not layers:
            return Answer(np.full(keys.shape, NOT_KNOWN), np.array(MISSING, np.int64), np.array(MISSING, np.int32))
        first = layers[0]
        if len(layers) == 1:
            said = np.maximum(first.answer(keys, texts), NOT_KNOWN) if first.no_data else first.answer(keys, texts)
            return Answer(said, np.array(first.manifest.obtained_at), _edition(first.manifest))
        listed = np.full(keys.shape, NOT_KNOWN)
        obtained, edition = np.full(keys.shape, MISSING, np.int64), np.full(keys.shape, MISSING, np.int32)
        left = np.arange(keys.size)
        for layer in layers:
            said = layer.answer(keys[left], None if texts is None else [texts[row] for row in left.tolist()])
            knows = said != NOT_KNOWN
            rows = left[knows]
            listed[rows], obtained[rows] = np.maximum(said[knows], NOT_KNOWN), layer.manifest.obtained_at
            edition[rows] = _edition(layer.manifest)
            left = left[~knows]
            if left.size == 0:
                break
        return Answer(listed, obtained, edition)


def _edition(manifest: Manifest) -> npt.NDArray[np.int32]:
    return np.array(MISSING if manifest.edition_day is None else manifest.edition_day, np.int32)


def scopes_of(account: str | None, seller: str | None) -> list[str]:
    """Scopes to try, the most particular first: a subscription is a seller's, wherever it sends from."""
    return [*([f"seller-{seller}"] if seller else []), *([f"account-{account}"] if account else []), ALL]


# --- on disk -------------------------------------------------------------------------------


def read_manifest(folder: Path) -> Manifest:
    file = folder / "manifest.json"
    try:
        return Manifest.from_json(file.read_text(), str(file))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", file=str(file)) from None


def _stated_parts(folder: Path) -> dict[str, tuple[str, ...]]:
    """Registries that were said to be made of parts, with the parts' names."""
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted(folder.glob("*/parts.json")) if folder.is_dir() else ():
        try:
            parts = tuple(str(part) for part in json.loads(file.read_text())["parts"])
        except (ValueError, KeyError, TypeError):
            raise BadInput("is damaged", file=str(file), todo="state the parts again") from None
        found[file.parent.name] = tuple(f"{file.parent.name}.{part}" for part in parts)
    return found


def state_parts(folder: Path, registry: str, parts: Sequence[str]) -> None:
    """Say of which parts a registry is made: each is asked, and only all of them together say "not listed"."""
    if not _NAME.fullmatch(registry):
        raise BadInput(f"`{registry}` is no registry's name", key="registry", todo="like gr.article11")
    for part in parts:
        if not _PART.fullmatch(part) or parts.count(part) > 1:
            raise BadInput(f"`{part}` is no name of a part, or stands there twice", key="parts")
    file = folder / registry / "parts.json"
    if not parts:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(file, json.dumps({"parts": list(parts)}))


def _places(folder: Path) -> list[Path]:
    return sorted(p.parent for p in folder.glob("*/*/current")) if folder.is_dir() else []


def _stamp(place: Path) -> int:
    try:
        return (place / "current").stat().st_ino << 64 | (place / "current").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def layer_ids(place: Path) -> list[str]:
    """The snapshots in force, newest first."""
    file = place / "current"
    try:
        ids = json.loads(file.read_text())["layers"]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError):
        raise BadInput("is damaged", file=str(file), todo="load the registry again") from None
    return [str(i) for i in ids]


def _open_layers(place: Path) -> list[Snapshot]:
    for attempt in range(3):
        try:
            return [Snapshot(place / name) for name in layer_ids(place)]
        except BadInput:
            if attempt == 2:  # a set may be retired between the reading of `current` and its opening
                raise
    raise AssertionError


def current(folder: Path, registry: str, scope: str = ALL) -> Snapshot | None:
    """The newest snapshot in force, or None."""
    layers = _open_layers(folder / registry / scope)
    return layers[0] if layers else None


def history(folder: Path) -> Iterator[tuple[Manifest, str]]:
    """Every snapshot ever loaded, with `current`, `kept` or `retired` (its manifest only), newest first by registry."""
    for place in _places(folder):
        ids = layer_ids(place)
        for entry in sorted(place.glob("*/manifest.json"), reverse=True):
            state = "current" if entry.parent.name in ids else "kept" if _has_sets(entry.parent) else "retired"
            yield read_manifest(entry.parent), state


def _has_sets(folder: Path) -> bool:
    return (folder / "listed.set").exists()


@contextmanager
def _writing(folder: Path, registry: str, scope: str) -> Iterator[Path]:
    """The place of a registry, to this process alone."""
    if not _NAME.fullmatch(registry):
        raise BadInput(f"`{registry}` is no registry's name", key="registry", todo="like us.national or us.state.FL")
    place = folder / registry / scope
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"{registry} is being loaded by another process", todo="wait for it to end") from None
        for left in place.glob("*.part"):  # by a process that was killed
            shutil.rmtree(left)
        yield place


@dataclass(slots=True)
class Terms:
    """What the person who loads a file states about it."""

    registry: str
    now: int
    account: str | None = None
    seller: str | None = None
    obtained_at: int | None = None  # not stated: when the file was last changed, or now if that is later
    edition_day: int | None = None
    account_number: str | None = None
    covers: tuple[str, ...] | None = None  # not stated: the area codes the list has
    key_id: int = 0
    expect_lines: int | None = None
    force: bool = False
    hashing: Hashing | None = None
    files: list[File] = field(default_factory=list)

    @property
    def mail(self) -> bool:
        return self.key_id != 0 if self.hashing is None else self.hashing.mail

    @property
    def scope(self) -> str:
        scope = scopes_of(self.account, self.seller)[0]
        if not _SCOPE.fullmatch(scope):
            raise BadInput("not a name of letters, digits, `.`, `_` and `-`", key="account or seller")
        return scope


def load_full(folder: Path, terms: Terms, sources: Iterable[tuple[Source, Iterator[Keys]]]) -> Manifest:
    """A whole list, from one or several files, as the new snapshot. All of it or nothing."""
    with _writing(folder, terms.registry, terms.scope) as place:
        builder = Builder()
        sources = list(sources)
        for source, chunks in sources:
            for keys in chunks:
                builder.add(keys)
            _read(terms, source)
        _check_terms(terms, [source for source, _ in sources])
        _hold_some(builder, terms)
        with _new(place, terms) as part:
            listed = builder.write(part / "listed.set")
            before = _newest(place, "full", terms.mail)
            if before is not None and listed.count * 2 < before.n and not terms.force:
                raise BadInput(
                    f"{listed.count:,} addresses, less than half of the {before.n:,} of the snapshot in force",
                    file=terms.files[0].name,
                    todo="if the list did shrink so, say --force",
                )
            areas = () if terms.hashing is not None else tuple(f"1{area}" for area in sorted(listed.areas()))
            covers = terms.covers or areas or (EVERYWHERE,)
            manifest = _manifest(terms, part, "full", covers, {"listed.set": listed})
            _finish(place, part, manifest, [manifest.id, *_beside(place, manifest)])
    return manifest


def load_made(folder: Path, terms: Terms, maker: str, chunks: Iterator[Keys]) -> Manifest:
    """A full list that comes from a program, such as a generator of samples, and from no file."""
    with _writing(folder, terms.registry, terms.scope) as place, _new(place, terms) as part:
        builder = Builder()
        for keys in chunks:
            builder.add(keys)
        terms.files.append(File(maker, 0, builder.added, ""))
        terms.obtained_at = terms.obtained_at or terms.now
        _hold_some(builder, terms)
        listed = builder.write(part / "listed.set")
        manifest = _manifest(terms, part, "full", terms.covers or (EVERYWHERE,), {"listed.set": listed})
        _finish(place, part, manifest, [manifest.id, *_beside(place, manifest)])
    return manifest


def load_answers(folder: Path, terms: Terms, sources: Iterable[tuple[Source, Iterator[formats.Answers]]]) -> Manifest:
    """A washing service's answers, put on top of those in force."""
    with _writing(folder, terms.registry, terms.scope) as place:
        listed, answered, no_data = Builder(), Builder(), Builder()
        sources = list(sources)
        for source, chunks in sources:
            for said in chunks:
                answered.add(said.keys)
                listed.add(said.keys[said.listed])
                if said.no_data is not None:
                    no_data.add(said.keys[said.no_data])
            _read(terms, source)
        _check_terms(terms, [source for source, _ in sources])
        _hold_some(answered, terms)
        with _new(place, terms) as part:
            sets = {
                "listed.set": listed.write(part / "listed.set"),
                "answered.set": answered.write(part / "answered.set"),
            }
            if no_data.added:
                sets["no_data.set"] = no_data.write(part / "no_data.set")
            manifest = _manifest(terms, part, "answers", terms.covers or (EVERYWHERE,), sets)
            old = [read_manifest(place / i) for i in layer_ids(place)]
            same = [m for m in old if m.kind == "answers" and m.mail == manifest.mail]
            layers = sorted([manifest, *same], key=lambda m: -m.obtained_at)
            _finish(place, part, manifest, [*(m.id for m in layers[:LAYERS]), *_beside(place, manifest)])
    return manifest


def apply_changes(folder: Path, terms: Terms, source: Source, chunks: Iterator[formats.Changes]) -> Manifest:
    """A change list on the snapshot in force, as the new snapshot."""
    with _writing(folder, terms.registry, terms.scope) as place:
        ids = [i for i in layer_ids(place) if read_manifest(place / i).mail == terms.mail]
        old = Snapshot(place / ids[0]) if ids else None
        if old is None or old.manifest.kind != "full":
            raise BadInput(f"no full list of {terms.registry} to change", file=source.name, todo="load one first")
        add, remove = formats.settled(list(chunks))
        _read(terms, source)
        _check_terms(terms, [source])
        base = old.manifest
        assert terms.obtained_at is not None
        if terms.obtained_at < base.obtained_at or (terms.edition_day or base.edition_day or 0) < (
            base.edition_day or 0
        ):
            raise BadInput("is older than the snapshot in force", file=source.name, todo="apply change lists in order")
        terms.edition_day = terms.edition_day or base.edition_day
        absent = remove.size - int(old.listed.contains(remove).sum())
        if base.key_id != terms.key_id or base.hashing is not None:
            raise BadInput(f"{terms.registry} holds addresses of another kind", file=source.name)
        if absent * 2 > remove.size and absent > 100 and not terms.force:
            raise BadInput(
                f"{absent:,} of {remove.size:,} deletes are of numbers that are not listed",
                file=source.name,
                todo="is this the change list since the snapshot in force? If so, say --force",
            )
        with _new(place, terms) as part:
            listed = change(old.listed, part / "listed.set", add, remove)
            covers = base.covers
            if EVERYWHERE not in covers and "1" not in covers:
                covers = tuple(sorted({*covers, *(f"1{area}" for area in listed.areas())}))
            manifest = _manifest(
                terms, part, "full", covers, {"listed.set": listed}, base=base.id, changes=(add, remove)
            )
            _finish(place, part, manifest, [manifest.id, *_beside(place, manifest)])
    return manifest


def verify(folder: Path, registry: str | None = None) -> Iterator[tuple[Manifest, str | None]]:
    """Each snapshot that still has its sets, read again in full, with what is wrong or None."""
    for manifest, state in history(folder):
        if state == "retired" or (registry is not None and manifest.registry != registry):
            continue
        try:
            Snapshot(folder / manifest.registry / manifest.scope / manifest.id).verify()
        except BadInput as error:
            yield manifest, str(error)
        else:
            yield manifest, None


def _hold_some(builder: Builder, terms: Terms) -> None:
    if builder.added == 0:
        raise BadInput("holds no address", file=terms.files[0].name, todo="an empty list is taken for a broken one")


def _read(terms: Terms, source: Source) -> None:
    terms.files.append(File(source.path.name, source.size, source.lines, source.digest))


def _check_terms(terms: Terms, sources: list[Source]) -> None:
    """Fill in when the copy was got, never later than can be believed, and hold the count against what was stated."""
    lines = sum(f.lines for f in terms.files)
    if terms.expect_lines is not None and lines != terms.expect_lines:
        raise BadInput(
            f"{lines:,} lines instead of {terms.expect_lines:,}", file=sources[0].name, todo="fetch it again"
        )
    if terms.obtained_at is None:
        terms.obtained_at = min(terms.now, *(source.changed_at for source in sources))
    if terms.obtained_at > terms.now:
        raise BadInput(f"{rfc3339(terms.obtained_at)} has not come yet", key="obtained_at")
    if terms.edition_day is not None and terms.edition_day > day_of(moment_of(terms.now + DAY).date()):
        raise BadInput(f"{date_of(terms.edition_day)} has not come yet", key="edition")


@contextmanager
def _new(place: Path, terms: Terms) -> Iterator[Path]:
    """A folder for a snapshot in the making; gone if the making fails."""
    part = place / f"{moment_of(terms.now):%Y%m%dT%H%M%S}-{os.urandom(4).hex()}.part"
    part.mkdir()
    try:
        yield part
    finally:
        if part.exists():
            shutil.rmtree(part)


def _manifest(
    terms: Terms,
    part: Path,
    kind: Kind,
    covers: tuple[str, ...],
    sets: dict[str, NumberSet],
    base: str | None = None,
    changes: tuple[Keys, Keys] | None = None,
) -> Manifest:
    assert terms.obtained_at is not None
    return Manifest(
        registry=terms.registry,
        scope=terms.scope,
        id=part.name.removesuffix(".part"),
        kind=kind,
        n=sets["listed.set"].count,
        answered=sets["answered.set"].count if "answered.set" in sets else None,
        key_id=terms.key_id,
        covers=covers,
        obtained_at=terms.obtained_at,
        edition_day=terms.edition_day,
        loaded_at=terms.now,
        account_number=terms.account_number,
        files=tuple(terms.files),
        sets={name: s.digest for name, s in sets.items()},
        base=base,
        adds=changes[0].size if changes else None,
        deletes=changes[1].size if changes else None,
        hashing=terms.hashing,
    )


def _newest(place: Path, kind: Kind, mail: bool) -> Manifest | None:
    found = (read_manifest(place / i) for i in layer_ids(place))
    return next((m for m in found if m.kind == kind and m.mail == mail), None)


def _beside(place: Path, manifest: Manifest) -> list[str]:
    """The snapshots in force of the other kind of address, which stay so."""
    return [i for i in layer_ids(place) if read_manifest(place / i).mail != manifest.mail]


def _finish(place: Path, part: Path, manifest: Manifest, layers: list[str]) -> None:
    """Make the snapshot lasting, then let it answer, then retire what is old."""
    _write_whole(part / "manifest.json", manifest.to_json())
    part.rename(place / manifest.id)
    sync_folder(place)
    _write_whole(place / "current", json.dumps({"layers": layers}))
    done = sorted(e.parent for e in place.glob("*/listed.set") if e.parent.name not in layers)
    for folder in done[:-KEPT]:
        for file in folder.glob("*.set"):
            file.unlink()


def _write_whole(file: Path, text: str) -> None:
    temp = file.with_name(f".{file.name}.tmp")
    with temp.open("w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    temp.replace(file)
    sync_folder(file.parent)
