"""Every event a leaf, in a tree that others can check; and nothing that was changed is published over."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from forbear.accounts.connect import Connection
from forbear.core.errors import BadInput
from forbear.ledger import addresses, leaves, log, logkeys, logrows, writes
from forbear.ledger.kinds import Kind, KnownBy, Leaf
from forbear.ledger.logfiles import Folder, LogDiffers
from forbear.sequencer.run import Sequencer
from forbear.tlog import check, merkle, notes
from forbear.tlog.tiles import Tile, Tree
from tests.conftest import Database
from tests.sequencer.conftest import happen


def published(folder: Folder, conn: Connection) -> tuple[Tree, notes.Checkpoint]:
    """The tree under the published head, whose signature is checked."""
    note = folder.checkpoint()
    assert note is not None
    notes.signed_by(note, [logkeys.known(conn)[-1].key])
    said = notes.checkpoint(note)
    tree = Tree(folder.read, said.size)
    assert tree.root() == said.root
    return tree, said


def test_every_event_becomes_a_leaf_of_a_signed_tree(conn: Connection, folder: Folder, sequencer: Sequencer) -> None:
    events = happen(conn, 300)
    assert sequencer.step() == 300
    tree, said = published(folder, conn)
    assert (said.origin, said.size) == ("log.example.org/forbear", 301)  # the first leaf says which key signs
    for event in (events[0], events[255], events[299]):
        ((index, entry),) = log.found(conn, event)
        (record,) = logrows.records(conn, event)
        assert entry == leaves.Entry(Leaf.EVENT, event, record.hash)
        assert tree.entries(index // 256)[index % 256] == entry.bytes()
        assert merkle.includes(merkle.leaf_hash(entry.bytes()), index, said.size, tree.inclusion(index), said.root)
    assert log.waiting(conn) == 0


def test_a_list_is_one_leaf_over_its_own_small_tree(conn: Connection, folder: Folder, sequencer: Sequencer) -> None:
    numbers = np.arange(1_000, dtype=np.int64) + (1 << 40)
    with conn.transaction():
        now = writes.now(conn)
        happened = now - np.arange(1_000, dtype=np.int64)
        hashes: list[bytes | None] = [bytes([i % 256]) * 32 if i % 2 else None for i in range(1_000)]
        ids = writes.append_events(
            *(conn, now, Kind.SUPPRESSION_PLACED, KnownBy.IMPORT, addresses.of_numbers(numbers), happened),
            {"list": "old one", "rows": 1000},
            account=UUID(int=7),
            seller=None,
            hashes=hashes,
        )
    assert sequencer.step() == 1
    for i in (0, 1, 999):
        (record,) = logrows.records(conn, UUID(bytes=ids[i].tobytes()), UUID(int=7))
        assert record.batch is not None
        assert record.batch_index == i
        together = logrows.batch_hashes(conn, record)
        assert len(together) == 1_000
        assert together[i] == record.hash
        ((_, entry),) = log.found(conn, record.batch)
        assert entry == leaves.Entry(Leaf.EVENTS, record.batch, merkle.root(together))


def test_nothing_personal_is_in_the_log(conn: Connection, folder: Folder, sequencer: Sequencer) -> None:
    happen(conn, 3)
    sequencer.step()
    (record,) = logrows.records(conn, happen(conn)[0])
    assert record.values is not None
    assert not {"addr", "mac", "key_id"} & set(record.values)
    for path in folder.at.rglob("*"):
        assert not path.is_file() or b"1202555" not in path.read_bytes()


def test_without_anything_new_nothing_is_signed(conn: Connection, folder: Folder, sequencer: Sequencer) -> None:
    before = folder.checkpoint()
    assert sequencer.step() == 0
    assert folder.checkpoint() == before


def test_only_one_sequences_a_database(conn: Connection, database: Database, folder: Folder) -> None:
    assert Sequencer(conn, folder).stands_alone()
    other = database.app()
    assert not Sequencer(other, folder).stands_alone()
    conn.close()
    for _ in range(100):  # the server lets go of the lock once it notices
        if Sequencer(other, folder).stands_alone():
            break
    else:
        pytest.fail("the lock outlived its connection")


def test_a_folder_is_written_by_one_at_a_time(folder: Folder) -> None:
    with folder.held() as first, Folder(folder.at).held() as second:
        assert (first, second) == (True, False)


def test_a_lost_folder_is_built_again_from_the_database(
    conn: Connection, folder: Folder, sequencer: Sequencer, home: Path
) -> None:
    happen(conn, 700)
    sequencer.step()
    happen(conn, 5)
    sequencer.step()
    note = folder.checkpoint()
    shutil.rmtree(folder.at)
    again = Sequencer(conn, folder, home)
    again.open()
    assert folder.checkpoint() == note
    _, said = published(folder, conn)
    assert said.size == again.size == 706
    assert folder.read("keys") is not None
    happen(conn, 1)
    assert again.step() == 1
    published(folder, conn)


def test_whole_tiles_take_the_place_of_partial_ones(conn: Connection, folder: Folder, sequencer: Sequencer) -> None:
    for n in (100, 100, 100):
        happen(conn, n)
        sequencer.step()
    left = sorted(str(path.relative_to(folder.at)) for path in folder.at.rglob("*.p/*"))
    assert left == ["tile/0/001.p/45", "tile/1/000.p/1", "tile/entries/001.p/45"]
    published(folder, conn)


def test_a_folder_ahead_of_the_database_is_refused(
    database: Database, conn: Connection, folder: Folder, sequencer: Sequencer, home: Path
) -> None:
    happen(conn, 3)
    sequencer.step()
    owner = database.owner()
    for table in ("ledger_checkpoint", "ledger_logentry"):  # as a database restored from an old backup has it
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse")
        owner.execute(f"DELETE FROM {table} WHERE {'size' if 'check' in table else 'index'} > 1")
    note = folder.checkpoint()
    with pytest.raises(LogDiffers, match="a head of 4 entries was published, and the database knows of 1"):
        Sequencer(conn, folder, home).open()
    assert folder.checkpoint() == note


@pytest.mark.parametrize("publish", [True, False])
def test_a_changed_entry_is_refused(
    database: Database, conn: Connection, folder: Folder, sequencer: Sequencer, home: Path, publish: bool
) -> None:
    happen(conn, 3)
    sequencer.step()
    owner = database.owner()
    owner.execute("ALTER TABLE ledger_logentry DISABLE TRIGGER refuse")
    owner.execute("UPDATE ledger_logentry SET hash = sha256('changed') WHERE index = 2")
    if not publish:
        shutil.rmtree(folder.at)
    said = "entry 2 was published otherwise" if publish else "do not give the root that was signed over 4"
    with pytest.raises(LogDiffers, match=said):
        Sequencer(conn, folder, home).open()


def test_a_head_other_than_the_one_that_was_recorded_is_refused(
    database: Database, conn: Connection, folder: Folder, sequencer: Sequencer, home: Path
) -> None:
    happen(conn, 3)
    sequencer.step()
    happen(conn, 3)
    sequencer.step()
    keys = logkeys.load(home)
    assert keys is not None
    text = notes.checkpoint_text(keys.newest.name, 4, bytes(32))  # by our key, and of a size there was
    folder.publish(notes.sign(text, [keys.newest]))
    with pytest.raises(LogDiffers, match="no head of 4 entries with this root"):
        Sequencer(conn, folder, home).open()


def test_a_changed_tile_is_refused(conn: Connection, folder: Folder, sequencer: Sequencer, home: Path) -> None:
    happen(conn, 3)
    sequencer.step()
    tile = folder.at / "tile/0/000.p/4"
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    with pytest.raises(LogDiffers, match="the tiles do not give the published root"):
        Sequencer(conn, folder, home).open()


def test_a_folder_of_another_log_is_refused(conn: Connection, folder: Folder, home: Path, tmp_path: Path) -> None:
    stranger = notes.Signer("log.example.org/forbear", bytes(32))
    folder.at.mkdir()
    folder.publish(notes.sign(notes.checkpoint_text(stranger.name, 0, merkle.EMPTY_ROOT), [stranger]))
    with pytest.raises(LogDiffers, match="not a head this database knows"):
        Sequencer(conn, folder, home).open()


def test_what_was_recorded_before_there_was_a_log_becomes_leaves_once(
    database: Database, conn: Connection, folder: Folder, home: Path
) -> None:
    early = happen(conn, 3)
    conn.execute("DELETE FROM ledger_logqueue")
    late = happen(conn, 2)
    sequencer = Sequencer(conn, folder, home)
    sequencer.open()
    assert sequencer.step() == 6
    assert all(len(log.found(conn, event)) == 1 for event in [*early, *late])
    again = Sequencer(conn, folder, home)
    again.open()
    assert again.step() == 0


# --- keys


def test_a_new_key_is_vouched_for_by_the_one_before(
    conn: Connection, folder: Folder, sequencer: Sequencer, home: Path
) -> None:
    first = logkeys.load(home)
    assert first is not None
    happen(conn)
    sequencer.step()
    new = logkeys.rotate(home, at=writes.now(conn)).newest.verifier
    assert sequencer.step() == 1  # the event that says so
    note = folder.checkpoint()
    assert note is not None
    assert notes.signed_by(note, [new]) == [new]
    assert notes.signed_by(note, [first.newest.verifier]) == [first.newest.verifier]
    happen(conn)
    sequencer.step()
    note = folder.checkpoint()
    assert note is not None
    assert len(notes.note(note).signatures) == 1
    notes.signed_by(note, [new])
    history = logkeys.known(conn)
    assert [one.key for one in history] == [first.newest.verifier, new]
    assert history[0].until == history[1].since
    text = folder.read("keys")
    assert text is not None
    assert logkeys.read_published(text) == [first.newest.verifier, new]
    for path in [*folder.at.rglob("*")]:
        assert not path.is_file() or b"PRIVATE" not in path.read_bytes()


def test_a_lost_key_stops_the_log_until_it_is_said_why(
    conn: Connection, folder: Folder, sequencer: Sequencer, home: Path
) -> None:
    happen(conn)
    sequencer.step()
    (home / logkeys.FILE).unlink()
    with pytest.raises(BadInput, match="they are not here"):
        Sequencer(conn, folder, home).open()
    logkeys.rotate(home, at=writes.now(conn), lost="the disk burnt", origin="log.example.org/forbear")
    again = Sequencer(conn, folder, home)
    again.open()
    assert again.step() == 1
    published(folder, conn)
    ((payload,),) = conn.execute(
        "SELECT payload FROM ledger_event WHERE kind = %s ORDER BY id DESC LIMIT 1", [Kind.LOG_KEY_MADE.value]
    )
    assert payload["lost"] == "the disk burnt"


def test_a_key_that_nobody_vouches_for_signs_nothing(
    conn: Connection, folder: Folder, sequencer: Sequencer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = folder.checkpoint()
    monkeypatch.setenv(logkeys.KEY, notes.Signer("log.example.org/forbear", b"\7" * 32).skey)
    happen(conn)
    with pytest.raises(BadInput, match="which signed last, is not here"):
        sequencer.step()
    with pytest.raises(BadInput, match="which signed last, is not here"):
        Sequencer(conn, folder, home).open()
    assert folder.checkpoint() == note
    assert len(logkeys.known(conn)) == 1


def test_keys_are_read_by_nobody_else_and_never_printed(home: Path) -> None:
    keys = logkeys.make("log.example.org/x", home, at=0)
    path = home / logkeys.FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.newest.seed.hex() not in repr(keys)
    path.chmod(0o640)
    with pytest.raises(BadInput, match="others may read"):
        logkeys.load(home)


def test_machines_of_one_log_share_its_key_by_the_environment(
    conn: Connection, folder: Folder, sequencer: Sequencer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = logkeys.load(home)
    assert keys is not None
    old, new = keys.newest, notes.Signer(keys.newest.name, b"\7" * 32)
    monkeypatch.setenv(logkeys.KEY, f"{old.skey},{new.skey}")
    other = Sequencer(conn, Folder(tmp_path / "other"), tmp_path / "other-home")
    other.open()
    other.step()
    note = other.folder.checkpoint()
    assert note is not None
    assert notes.signed_by(note, [old.verifier, new.verifier]) == [new.verifier, old.verifier]
    monkeypatch.setenv(logkeys.KEY, old.skey)
    with pytest.raises(BadInput, match="superseded"):
        Sequencer(conn, Folder(tmp_path / "third"), tmp_path / "third-home").open()
    monkeypatch.setenv(logkeys.KEY, "PRIVATE+KEY+secret+nonsense")
    with pytest.raises(BadInput) as refused:
        logkeys.load(home)
    assert "nonsense" not in str(refused.value)


def test_a_log_keeps_its_origin(sequencer: Sequencer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logkeys.ORIGIN, "another.example.org")
    with pytest.raises(BadInput, match="a log keeps its origin"):
        logkeys.load(home)


def test_a_tile_is_never_written_over(folder: Folder) -> None:
    folder.write_tiles([(Tile(0, 1, 3), bytes(96))])
    folder.write_tiles([(Tile(0, 1, 3), bytes(96))])  # the same again is no change
    with pytest.raises(LogDiffers, match="published with other hashes"):
        folder.write_tiles([(Tile(0, 1, 3), b"\1" * 96)])
    assert folder.read("tile/0/001.p/3") == bytes(96)


def test_while_many_write_every_event_gets_one_place(
    database: Database, folder: Folder, sequencer: Sequencer, conn: Connection
) -> None:
    def write(connection: Connection) -> list[UUID]:
        return [event for n in (1, 7, 1, 30, 2) for event in happen(connection, n)]

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, database.app()) for _ in range(4)]
        while not all(one.done() for one in writing):
            sequencer.step()
    sequencer.step()
    events = {event for one in writing for event in one.result()}
    assert len(events) == 4 * 41
    assert sequencer.size == 1 + len(events)
    placed = conn.execute("SELECT source FROM ledger_logentry WHERE kind = 2 AND source = ANY(%s)", [list(events)])
    assert {row[0] for row in placed} == events
    tree, said = published(folder, conn)
    assert check.check(folder.read, said) == []
    for size, root in conn.execute("SELECT size, root FROM ledger_checkpoint"):
        assert merkle.extends(size, bytes(root), said.size, said.root, tree.consistency(size))


@pytest.mark.parametrize(
    ("origin", "public", "made"),
    [
        ("log.example.org/a", "https://stop.example.org", "log.example.org/a"),
        ("", "https://stop.example.org", "stop.example.org/log"),
        ("", "https://example.org:8443/forbear/", "example.org:8443/forbear/log"),
        ("", "http://127.0.0.1:8700", ".forbear.invalid/log"),
        ("", "", ".forbear.invalid/log"),
    ],
)
def test_a_log_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch, origin: str, public: str, made: str) -> None:
    monkeypatch.setenv(logkeys.ORIGIN, origin)
    monkeypatch.setenv("FORBEAR_PUBLIC_URL", public)
    assert logkeys.new_origin().endswith(made)
    assert notes.is_name(logkeys.new_origin())
