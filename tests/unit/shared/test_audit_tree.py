"""The audit's tree, leaves and notes against the definitions of RFC 6962, written out here once more and naively."""

import base64
import dataclasses
import hashlib
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.audit import leaves, notes, tree

HASHES = [hashlib.sha256(bytes([0]) + str(number).encode()).digest() for number in range(1100)]


def root_by_definition(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, over leaf hashes."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    left, right = root_by_definition(hashes[:k]), root_by_definition(hashes[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def tiles_of(hashes: list[bytes], *cuts: int) -> dict[tree.Place, bytes]:
    """Grown in batches, each with no more than the frontier at hand."""
    tiles: dict[tree.Place, bytes] = {}
    steps = sorted({0, *(cut for cut in cuts if cut < len(hashes)), len(hashes)})
    for lo, hi in pairwise(steps):
        begun = {place: tiles[place] for place in tree.frontier(lo)}
        tiles |= tree.grow(begun, lo, hashes[lo:hi])
    return tiles


def proof(ranges: list[tree.Range], tiles: dict[tree.Place, bytes]) -> list[bytes]:
    needed = {place: tiles[place] for place in tree.places(ranges)}
    return [tree.hash_of_range(each, needed) for each in ranges]


def root(size: int, tiles: dict[tree.Place, bytes]) -> bytes:
    return tree.hash_of_range((0, size), tiles)


SIZES = st.integers(1, len(HASHES))


@settings(max_examples=80, deadline=None)
@given(size=SIZES, cuts=st.lists(SIZES, max_size=4), data=st.data())
def test_proofs_hold_for_what_they_are_about_and_for_nothing_else(size: int, cuts: list[int], data: Any) -> None:
    hashes = HASHES[:size]
    tiles = tiles_of(hashes, *cuts)
    top = root(size, {place: tiles[place] for place in tree.frontier(size)})
    assert top == root_by_definition(hashes)

    leaf = data.draw(st.integers(0, size - 1))
    path = proof(tree.inclusion(leaf, size), tiles)
    assert tree.included(hashes[leaf], leaf, size, top, path)
    other = data.draw(st.integers(0, size - 1).filter(lambda each: each != leaf)) if size > 1 else None
    if other is not None:
        assert not tree.included(hashes[other], leaf, size, top, path)
        assert not tree.included(hashes[leaf], other, size, top, path)
        assert not tree.included(hashes[leaf], leaf, size, top, path[:-1])
        flipped = [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]]
        assert not tree.included(hashes[leaf], leaf, size, top, flipped)
    assert not tree.included(hashes[leaf], leaf, size, top, [*path, HASHES[0]])

    older = data.draw(st.integers(1, size))
    before, path = root_by_definition(hashes[:older]), proof(tree.consistency(older, size), tiles)
    assert tree.extends(older, before, size, top, path)
    at = data.draw(st.integers(0, older - 1))
    changed = [*hashes[:at], HASHES[at - 1], *hashes[at + 1 : older]]
    assert not tree.extends(older, root_by_definition(changed), size, top, path)
    if older < size:
        assert not tree.extends(older, before, size, before, path)
        assert not tree.extends(older, before, size, top, path[:-1])
        assert not tree.extends(size, top, older, before, path), "a log does not shrink"


def test_every_pair_of_small_sizes_is_consistent() -> None:
    tiles = tiles_of(HASHES[:70])
    for size in range(1, 71):
        for older in range(1, size + 1):
            path = proof(tree.consistency(older, size), tiles)
            assert tree.extends(older, root(older, tiles), size, root(size, tiles), path)


def test_a_tree_of_three_levels_of_tiles() -> None:
    """Seventy thousand leaves: past 256 * 256, where the third level begins."""
    many = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(70_000)]
    tiles = tiles_of(many, 1, 255, 256, 257, 65_535, 65_536)
    assert max(level for level, _ in tiles) == 2
    assert root(len(many), tiles) == root_by_definition(many)
    for leaf in (0, 255, 256, 65_535, 65_536, 69_999):
        assert tree.included(many[leaf], leaf, 70_000, root(70_000, tiles), proof(tree.inclusion(leaf, 70_000), tiles))


def test_a_tile_that_lost_its_end_is_not_built_upon() -> None:
    with pytest.raises(ValueError, match="holds"):
        tree.grow({(0, 0): HASHES[0]}, 2, [HASHES[2]])


# --- leaves

ROW = SimpleNamespace(
    seq=7, at=datetime(2026, 11, 22, 9, 30, 0, 120, UTC), actor="per_nora", action="plan.amended", subject="plan_1",
    version=2, detail={"changed": ["title"], "b": None}, trace_id=None, secret=bytes(range(32)), leaf=3,
)  # fmt: skip


def test_the_bytes_of_a_leaf_are_as_the_page_says() -> None:
    """A second program can make them from the description alone; format 1 never changes."""
    entry = leaves.entry_of(ROW, 3)
    who = hashlib.sha256(entry["actor_salt"].encode() + b"\0per_nora").hexdigest()
    assert leaves.bytes_of("log_1", entry).decode() == (
        f'{{"action":"plan.amended","actor":"{who}","at":"2026-11-22T09:30:00.000120Z",'
        '"detail":{"b":null,"changed":["title"]},"format":"convene.audit.1","leaf":3,"log":"log_1",'
        f'"salt":"{entry["salt"]}","seq":7,"subject":"plan_1","trace_id":null,"version":2}}'
    )
    assert bytes(ROW.secret).hex() not in str(entry)


def test_the_actor_is_covered_and_need_not_be_told() -> None:
    told, hidden = leaves.entry_of(ROW, 3), leaves.entry_of(ROW, 3, actor_told=False)
    assert "per_nora" not in str(hidden)
    assert "actor_salt" not in hidden, "with the salt it could be guessed"
    assert leaves.hash_of("log_1", told) == leaves.hash_of("log_1", hidden)
    assert leaves.hash_of("log_1", told | {"actor": "per_ivan"}) != leaves.hash_of("log_1", told)


OTHERS: dict[str, Any] = {
    "seq": 8, "at": datetime(2026, 11, 22, 9, 30, 0, 121, UTC), "actor": "per_ivan", "action": "plan.posted",
    "subject": "plan_2", "version": 3, "detail": {"changed": ["title"]}, "trace_id": "1" * 32, "secret": bytes(32),
}  # fmt: skip


@pytest.mark.parametrize("column", OTHERS)
def test_each_column_is_covered(column: str) -> None:
    other = SimpleNamespace(**{**vars(ROW), column: OTHERS[column]})
    assert leaves.hash_of("log_1", leaves.entry_of(other, 3)) != leaves.hash_of("log_1", leaves.entry_of(ROW, 3))


def test_place_and_log_are_covered() -> None:
    entry = leaves.entry_of(ROW, 3)
    assert leaves.hash_of("log_1", entry) != leaves.hash_of("log_2", entry)
    assert leaves.hash_of("log_1", entry) != leaves.hash_of("log_1", leaves.entry_of(ROW, 4))


@pytest.mark.parametrize("detail", [{"a": 1.5}, {"a": [b""]}, {1: "a"}, {"a": {"b": object()}}])
def test_what_has_no_one_form_is_no_detail(detail: Any) -> None:
    with pytest.raises(TypeError):
        leaves.check_detail(detail)


# --- notes

SEED = bytes(range(32))
CHECKPOINT = notes.Checkpoint("convene/activities/log_1", 12, HASHES[1], "2026-11-22T09:30:00.000000Z")


def test_a_checkpoint_is_a_small_text_that_its_key_verifies() -> None:
    note, key = notes.sign(CHECKPOINT, SEED), notes.public_key(SEED, CHECKPOINT.origin)
    assert len(note.encode()) < 400
    assert note.startswith(f"convene/activities/log_1\n12\n{base64.b64encode(HASHES[1]).decode()}\ntime 2026-")
    assert notes.verify(note, notes.PublicKey.read(key.text)) == CHECKPOINT
    assert notes.log_of(CHECKPOINT.origin) == "log_1"


FORGED = {
    "size": lambda note: note.replace("\n12\n", "\n13\n"),
    "root": lambda note: note.replace(note.split("\n")[2], base64.b64encode(HASHES[2]).decode()),
    "time": lambda note: note.replace("09:30", "09:31"),
    "log": lambda note: note.replace("log_1", "log_2"),
    "another form of the size": lambda note: note.replace("\n12\n", "\n012\n"),
    "a line more": lambda note: note.replace("\n\n", "\nmore\n\n"),
    "cut": lambda note: note[:-1],
    "signature": lambda note: note[:-10] + ("A" if note[-10] != "A" else "B") + note[-9:],
}


@pytest.mark.parametrize("what", FORGED)
def test_a_changed_checkpoint_is_none(what: str) -> None:
    note, key = notes.sign(CHECKPOINT, SEED), notes.public_key(SEED, CHECKPOINT.origin)
    with pytest.raises(notes.BadNote):
        notes.verify(FORGED[what](note), key)


def test_another_key_does_not_verify_it_even_under_the_same_id() -> None:
    key, other = notes.public_key(SEED, CHECKPOINT.origin), notes.public_key(bytes(32), CHECKPOINT.origin)
    note = notes.sign(CHECKPOINT, bytes(32))
    with pytest.raises(notes.BadNote, match="another key"):
        notes.verify(note, key)
    raw = base64.b64decode(note.rsplit(" ", 1)[1])
    posing = base64.b64encode(bytes.fromhex(key.kid) + raw[4:]).decode()
    with pytest.raises(notes.BadNote, match="signature"):
        notes.verify(note.rsplit(" ", 1)[0] + f" {posing}\n", key)
    with pytest.raises(notes.BadNote):
        notes.PublicKey.read(other.text.replace(other.kid, key.kid))
    with pytest.raises(notes.BadNote, match="another log"):
        notes.verify(note, dataclasses.replace(other, origin="convene/activities/log_2"))


def test_each_service_has_a_key_of_its_own() -> None:
    assert notes.derived(SEED, "activities") != notes.derived(SEED, "partners") != SEED
