"""The Merkle tree of RFC 6962 (section 2.1), its proofs, and how they are checked (RFC 9162, sections 2.1.3 and 2.1.4).

Hashes are kept in tiles of 256, as transparency logs do (C2SP tlog-tiles): tile (0, i) holds the leaf hashes from
256 i on, tile (1, i) the roots of full tiles (0, 256 i ...), and so on. A full tile never changes; a proof over a
million leaves reads a handful of them. Making proofs and checking them share no code but the two hash functions. Pure.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

WIDTH = 256
"""Hashes of a full tile: eight levels of the tree."""
BYTES = 32

Range = tuple[int, int]
"""Leaves from `lo` up to, not including, `hi`: a subtree."""
Place = tuple[int, int]
"""A tile: its level, and its number in that level."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- what the log keeps


def frontier(size: int) -> list[Place]:
    """The tiles that are begun and not full in a tree of this size: what `grow` and the root need."""
    found, level, count = list[Place](), 0, size
    while count:
        if count % WIDTH:
            found.append((level, count // WIDTH))
        count, level = count // WIDTH, level + 1
    return found


def grow(tiles: Mapping[Place, bytes], size: int, leaves: Iterable[bytes]) -> dict[Place, bytes]:
    """The tiles that change when these leaf hashes are appended. `tiles` has those of `frontier(size)`."""
    changed = dict[Place, bytes]()

    def append(level: int, position: int, found: bytes) -> None:
        place = level, position // WIDTH
        held = changed.get(place, tiles.get(place, b"") if position % WIDTH else b"")
        if len(held) != position % WIDTH * BYTES:
            raise ValueError(f"tile {place} holds {len(held)} bytes before hash {position}")
        changed[place] = held + found
        if position % WIDTH == WIDTH - 1:
            append(level + 1, position // WIDTH, _fold(_split(changed[place])))

    for index, leaf in enumerate(leaves):
        append(0, size + index, leaf)
    return changed


def places(ranges: Iterable[Range]) -> set[Place]:
    """The tiles that the hashes of these ranges are made of."""
    return {_tile(part) for each in ranges for part in _parts(each)}


def hash_of_range(found: Range, tiles: Mapping[Place, bytes]) -> bytes:
    """The hash of a subtree. `tiles` has those of `places`; KeyError or ValueError where a hash is missing."""
    parts = [_perfect(part, tiles) for part in _parts(found)]
    if not parts:
        return hashlib.sha256().digest()
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def inclusion(leaf: int, size: int) -> list[Range]:
    """The subtrees whose hashes prove that leaf `leaf` is in the tree of `size` leaves (RFC 6962, 2.1.1)."""
    lo, hi, found = 0, size, list[Range]()
    while hi - lo > 1:
        middle = lo + _half(hi - lo)
        if leaf < middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo = middle
    return found[::-1]


def consistency(older: int, size: int) -> list[Range]:
    """The subtrees whose hashes prove that the tree of `size` leaves begins with that of `older` (RFC 6962, 2.1.2)."""
    if older in (0, size):
        return []
    lo, hi, whole, found = 0, size, True, list[Range]()
    while hi != older:
        middle = lo + _half(hi - lo)
        if older <= middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo, whole = middle, False
    return ([] if whole else [(lo, hi)]) + found[::-1]


def _half(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _parts(found: Range) -> list[Range]:
    """A subtree as perfect ones, the largest first."""
    lo, hi = found
    parts = list[Range]()
    while lo < hi:
        width = 1 << ((hi - lo).bit_length() - 1)
        parts.append((lo, lo + width))
        lo += width
    return parts


def _tile(part: Range) -> Place:
    lo, hi = part
    level = (hi - lo).bit_length() - 1 >> 3
    return level, lo >> (8 * level + 8)


def _perfect(part: Range, tiles: Mapping[Place, bytes]) -> bytes:
    lo, hi = part
    level, number = _tile(part)
    first = (lo >> (8 * level)) % WIDTH
    count = (hi - lo) >> (8 * level)
    hashes = _split(tiles[level, number])[first : first + count]
    if len(hashes) != count:
        raise ValueError(f"tile {level, number} is too short")
    return _fold(hashes)


def _split(raw: bytes) -> list[bytes]:
    return [raw[at : at + BYTES] for at in range(0, len(raw), BYTES)]


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


# --- what a partner checks


def included(found: bytes, leaf: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the hash `found` is that of leaf `leaf` in the tree with this size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= leaf < size:
        return False
    fn, sn, r = leaf, size - 1, found
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def extends(older: int, older_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree with `size` and `root` begins with that of `older` and `older_root` (RFC 9162, 2.1.4.2)."""
    if older == size:
        return older_root == root and not proof
    if not 0 < older < size or not proof:
        return False
    path = list(proof)
    if older & (older - 1) == 0:
        path.insert(0, older_root)
    fn, sn = older - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == older_root and sr == root
