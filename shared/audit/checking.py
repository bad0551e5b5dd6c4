"""What a kept file says about what a server has now. Pure: whoever asks a server or reads a database hands it in.

`check_source` is what a partner can do from outside: signature, consistency, and the inclusion of every entry that is
shown. `check_rows` has the whole database before it, so it says which row. Neither believes a size, a root or a key that
the server tells: those of the kept file are what everything is held against.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.audit import notes, tree
from shared.audit.leaves import COVERED, Entry, entry_of, hash_of
from shared.audit.notes import BadNote, Checkpoint, PublicKey

WITHHELD = "withheld"
"""The one finding that need not be a fault: an entry is no longer shown, but proven to be in the tree still."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the kept file says. leaf: the entry that it is about, where there is one."""

    kind: str
    text: str
    leaf: int | None = None


@dataclass(slots=True)
class Kept:
    """What a partner keeps of one service's log. keys: verifiers that they trust; checkpoints: signed notes."""

    service: str
    keys: list[str] = field(default_factory=list[str])
    checkpoints: list[str] = field(default_factory=list[str])
    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(slots=True)
class Report:
    """findings: empty where all is well. latest: the server's checkpoint, verified; entries: what was shown with it."""

    findings: list[Finding] = field(default_factory=list[Finding])
    checkpoints: int = 0
    latest: Checkpoint | None = None
    note: str | None = None
    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, kind: str, text: str, leaf: int | None = None) -> None:
        if leaf is None or not any((each.kind, each.leaf) == (kind, leaf) for each in self.findings):
            self.findings.append(Finding(kind, text, leaf))

    @property
    def broken(self) -> bool:
        return any(each.kind != WITHHELD for each in self.findings)


class Unproven(Exception):
    """The server shows no entries, or none that are any."""


class Source(Protocol):
    """A server, asked. None: it has none, or cannot prove it. `entries` raises Unproven."""

    def latest(self) -> str | None: ...
    def consistency(self, older: int, size: int) -> list[bytes] | None: ...
    def inclusion(self, leaf: int, size: int) -> list[bytes] | None: ...
    def entries(self, size: int) -> Iterator[tuple[dict[str, Any], list[bytes]]]: ...


def check_source(kept: Kept, source: Source) -> Report:
    """Hold a server against the file."""
    report = Report()
    held = _held(kept, report)
    note = source.latest()
    if note is None:
        report.add("truncated", "the server has no checkpoint at all") if held else None
        return report
    latest = _verified(kept, note, "the server's checkpoint", report)
    if latest is None:
        return report
    report.latest, report.note = latest, note
    if held and not _extends(held, latest, source, report):
        return report
    log, shown = notes.log_of(latest.origin), dict[int, dict[str, Any]]()
    try:
        for entry, proof in source.entries(latest.size):
            leaf = int(entry["leaf"])
            shown[leaf] = entry
            if not tree.included(_hash(log, entry), leaf, latest.size, latest.root, proof):
                report.add("edited", f"row {leaf} ({_name(entry)}) is not what was sealed", leaf)
    except Unproven as error:
        report.add("unproven", f"the server cannot prove its entries: {error}")
    report.entries = [shown[leaf] for leaf in sorted(shown)]
    told = {each.leaf for each in report.findings}
    for entry in kept.entries:
        leaf = int(entry["leaf"])
        mine = _hash(log, entry)
        if leaf in shown:
            if mine != _hash(log, shown[leaf]) and leaf not in told:
                report.add("edited", _changed(entry, shown[leaf]), leaf)
        elif tree.included(mine, leaf, latest.size, latest.root, source.inclusion(leaf, latest.size) or ()):
            report.add(
                WITHHELD,
                f"row {leaf} ({_name(entry)}) is in the tree as you kept it, but no longer shown to you: deleted, or hidden "
                "from you since (a label was raised, a role ended)",
                leaf,
            )
        else:
            report.add("missing", f"row {leaf} ({_name(entry)}) was shown to you once, and is not in the tree", leaf)
    return report


def _held(kept: Kept, report: Report) -> list[Checkpoint]:
    """The kept checkpoints that their keys verify, the smallest first."""
    found = [_verified(kept, note, "a checkpoint of your file", report) for note in kept.checkpoints]
    return sorted((each for each in found if each), key=lambda each: each.size)


def _verified(kept: Kept, note: str, what: str, report: Report) -> Checkpoint | None:
    try:
        checkpoint, kid = notes.read(note)
        keys = [PublicKey.read(text) for text in kept.keys]
        known = {key.kid: key for key in keys}
        if kid not in known:
            origins = {key.origin for key in keys}
            other = checkpoint.origin not in origins
            report.add(
                "log" if other else "key",
                f"{what} is of another log: {checkpoint.origin}" if other
                else f"{what} is signed with key {kid}, which you do not trust ({', '.join(sorted(known))})",
            )  # fmt: skip
            return None
        found = notes.verify(note, known[kid])
    except BadNote as error:
        report.add("signature", f"{what}: {error}")
        return None
    report.checkpoints += 1
    return found


def _extends(held: Sequence[Checkpoint], latest: Checkpoint, source: Source, report: Report) -> bool:
    """Whether the server's tree begins with that of every kept checkpoint."""
    good = 0
    for each in held:
        if latest.size < each.size:
            report.add(
                "truncated",
                f"the log has {latest.size} rows; at {each.time} it had {each.size}: the last {each.size - latest.size} are gone",
            )
            return False
        proof = source.consistency(each.size, latest.size)
        if proof is None or not tree.extends(each.size, each.root, latest.size, latest.root, proof):
            report.add(
                "rewritten", f"history was rewritten: of the rows {good} to {each.size - 1}, as sealed at {each.time}"
            )
            return False
        good = each.size
    return True


def check_rows(
    kept: Kept, log: str, rows: Sequence[Any], tiles: Mapping[tree.Place, bytes], stored: Sequence[str], size: int
) -> Report:
    """Hold a whole database against the file.

    rows: of the table `audit` with a place, by place; stored: its checkpoints; size: what the log says of itself
    """
    report = Report()
    held = _held(kept, report)
    _check_log(held, log, report)
    sound = _Rows(log, rows, tiles, max([size, *(each.size for each in held)]), report)
    good = 0
    for each in held:
        good = sound.check(each, good, f"at {each.time}")
    told = {each.leaf for each in report.findings}
    for entry in kept.entries:
        leaf = int(entry["leaf"])
        row = sound.entries.get(leaf)
        if row is not None and _hash(log, entry) != sound.hashes[leaf] and leaf not in told:
            report.add("edited", _changed(entry, row), leaf)
    own = [_verified(kept, note, "a stored checkpoint", report) for note in stored]
    for each in sorted((each for each in own if each), key=lambda each: each.size):
        if each.size > good:
            good = sound.check(each, good, f"at {each.time} (the server's own checkpoint)")
    sound.compare(good)
    missing = {each.size for each in held} - {notes.read(note)[0].size for note in stored if _readable(note)}
    for each in sorted(missing):
        report.add("checkpoint", f"the checkpoint of {each} rows, which you keep, is no longer stored")
    report.entries = [sound.entries[leaf] for leaf in sorted(sound.entries)]
    return report


def _check_log(held: Sequence[Checkpoint], log: str, report: Report) -> None:
    for each in held:
        if notes.log_of(each.origin) != log:
            report.add("log", f"the database holds {log}, your checkpoint is of {notes.log_of(each.origin)}")
            return


class _Rows:
    """The rows of a database as leaves, and the hashes that are stored for them."""

    def __init__(
        self, log: str, rows: Sequence[Any], tiles: Mapping[tree.Place, bytes], size: int, report: Report
    ) -> None:
        self.log, self.report, self.tiles = log, report, tiles
        self.entries, self.hashes = dict[int, dict[str, Any]](), dict[int, bytes]()
        self._gone = 0
        for row in rows:
            if row.leaf in self.entries:
                report.add("moved", f"two rows claim place {row.leaf}: seq {row.seq} is one too many", row.leaf)
                continue
            self.entries[row.leaf] = entry = entry_of(row, row.leaf)
            self.hashes[row.leaf] = hash_of(log, entry)
        self.count = max(self.entries, default=-1) + 1
        for leaf in range(self.count):
            if leaf not in self.entries:
                report.add("missing", f"row {leaf} is missing", leaf)
                self._gone += 1
        if self.count < size:
            report.add(
                "truncated", f"the rows end at {self.count}; there were {size}: the last {size - self.count} are gone"
            )
        raw = b"".join(tiles[place] for place in sorted(tiles) if place[0] == 0)
        self.sealed = {at // tree.BYTES: raw[at : at + tree.BYTES] for at in range(0, len(raw), tree.BYTES)}
        self._wholly = tree.grow({}, 0, [self.hashes.get(leaf, b"\0" * 32) for leaf in range(self.count)])
        self._differs = [leaf for leaf, found in self.hashes.items() if self.sealed.get(leaf) != found]
        self._places = {found: leaf for leaf, found in self.sealed.items()}

    def check(self, checkpoint: Checkpoint, good: int, when: str) -> int:
        """Whether the rows have this checkpoint's root; how far they are known to be sound then."""
        if checkpoint.size > self.count or any(leaf not in self.entries for leaf in range(good, checkpoint.size)):
            return good  # said already: rows are missing
        root = tree.hash_of_range((0, checkpoint.size), _begun(self._wholly, checkpoint.size))
        if root == checkpoint.root:
            return checkpoint.size
        changed = [leaf for leaf in self._differs if good <= leaf < checkpoint.size]
        for leaf in changed:
            self._say(leaf)
        if not changed and not any(each.leaf is not None and each.leaf < good for each in self.report.findings):
            self.report.add(
                "rewritten",
                f"history was rewritten, its hashes too: of the rows {good} to {checkpoint.size - 1}, as sealed {when}",
            )
        return good

    def compare(self, good: int) -> None:
        """The stored hashes beside the rows: what no kept checkpoint speaks of can only be told by these."""
        told = {each.leaf for each in self.report.findings}
        for leaf in self._differs:
            if leaf >= good and leaf not in told:
                self._say(leaf)
        if not self._differs and not self._gone and any(
            self.tiles.get(place) != found for place, found in self._wholly.items()
        ):  # fmt: skip
            self.report.add("hashes", "the rows are as sealed, but the stored tree is not: its proofs will fail")
        elif self._differs and not {each.leaf for each in self.report.findings} & set(self._differs):
            self.report.add("hashes", f"the rows are as sealed, but the hash stored for row {self._differs[0]} is not")

    def _say(self, leaf: int) -> None:
        """What became of a row whose hash is not the sealed one."""
        entry = self.entries[leaf]
        for place in self._differs:
            if place != leaf and self._places.get(_hash(self.log, entry | {"leaf": place})) == place:
                self.report.add("moved", f"row {leaf} ({_name(entry)}) stood at {place}: rows were reordered", leaf)
                return
        self.report.add("edited", f"row {leaf} ({_name(entry)}) is not what was sealed", leaf)


def _begun(tiles: Mapping[tree.Place, bytes], size: int) -> dict[tree.Place, bytes]:
    return {place: tiles[place] for place in tree.frontier(size)}


def _readable(note: str) -> bool:
    try:
        notes.read(note)
    except BadNote:
        return False
    return True


def _hash(log: str, entry: Entry) -> bytes:
    """Of no entry at all: nothing that could be in a tree."""
    try:
        return hash_of(log, entry)
    except (ValueError, TypeError):
        return b""


def _name(entry: Entry) -> str:
    return f"{entry.get('action')} {entry.get('subject')}"


def _changed(before: Entry, after: Entry) -> str:
    names = [name for name in (*COVERED, "actor") if before.get(name) != after.get(name) and name in before]
    told = "; ".join(f"{name} was {str(before[name])[:80]!r}, is {str(after.get(name))[:80]!r}" for name in names)
    return f"row {before['leaf']} ({_name(before)}) was changed: {told or 'who acted'}"
