"""Sealed positions: they come back whole, and nobody makes, changes or borrows one."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.settings import NotificationsSettings
from services.notifications.stream.cursor import NoCursorKey, Sealer, sealer_for
from shared.problem import Problem

POSITION = {("activities.v1", n): n * 1000 for n in range(6)}
SEALER = Sealer(bytes(32))

positions = st.dictionaries(
    st.tuples(st.sampled_from(["activities.v1", "partners.v1", "ä"]), st.integers(0, 300)), st.integers(0, 1 << 63)
)


@given(positions)
def test_a_position_comes_back(position: dict[tuple[str, int], int]) -> None:
    sealed = SEALER.seal("per_1", "log_1", position)
    assert SEALER.open(sealed, "per_1", "log_1", where="?cursor") == position


def test_replicas_with_the_same_key_open_each_others() -> None:
    sealed = SEALER.seal("per_1", "log_1", POSITION)
    assert Sealer(bytes(32)).open(sealed, "per_1", "log_1", where="?cursor") == POSITION


def test_it_tells_nothing() -> None:
    sealed = {SEALER.seal("per_1", "log_1", POSITION) for _ in range(10)}
    assert len(sealed) == 10
    assert all(b"activities" not in base64.urlsafe_b64decode(each + "==") for each in sealed)
    assert max(map(len, sealed)) < 120


@pytest.mark.parametrize("where", ["Last-Event-ID", "?cursor"])
def test_forged_changed_or_foreign_is_a_400(where: str) -> None:
    sealed = SEALER.seal("per_1", "log_1", POSITION)
    changed = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    attempts = [
        (changed, "per_1"),
        (sealed[:-4], "per_1"),
        (sealed + "AAAA", "per_1"),
        (sealed, "per_2"),
        (sealed, "public"),
        (Sealer(bytes([1]) * 32).seal("per_1", "log_1", POSITION), "per_1"),
        ("", "per_1"),
        ("AAAA", "per_1"),
        ("not base64!", "per_1"),
        ("\u00e4", "per_1"),
        ("A" * 100_000, "per_1"),
    ]
    for text, principal in attempts:
        with pytest.raises(Problem) as refused:
            SEALER.open(text, principal, "log_1", where=where)
        assert refused.value.kind == "malformed"
        assert refused.value.errors[0].pointer == where


def test_another_logs_is_gone() -> None:
    sealed = SEALER.seal("per_1", "log_1", POSITION)
    with pytest.raises(Problem) as refused:
        SEALER.open(sealed, "per_1", "log_2", where="?cursor")
    assert refused.value.kind == "gone"
    assert "lists" in refused.value.detail


def test_embedded_the_key_is_drawn_once_and_kept_to_oneself(tmp_path: Path) -> None:
    settings = NotificationsSettings(database_url="sqlite+aiosqlite:///x.db", data_dir=tmp_path / "data")
    sealed = sealer_for(settings).seal("per_1", "log_1", POSITION)
    assert sealer_for(settings).open(sealed, "per_1", "log_1", where="?cursor") == POSITION
    (kept,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_replicas_without_a_shared_key_are_refused() -> None:
    with pytest.raises(NoCursorKey):
        sealer_for(NotificationsSettings(database_url="postgresql+asyncpg://x/y"))


@pytest.mark.parametrize("key", ["short", "ä" * 43, base64.urlsafe_b64encode(bytes(31)).decode()])
def test_a_weak_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        NotificationsSettings(database_url="sqlite+aiosqlite:///x.db", cursor_key=key)
