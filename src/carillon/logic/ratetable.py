"""The rates of one version of a price list, a million and more: longest prefix by one bisection, no object per rate.

A table is ten arrays. They can be written to a file and be looked up where they lie when the file is mapped into
memory: nothing is read or made then, processes share the pages, and the garbage collector has nothing to look at.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple, Union

from carillon.logic.callflow.feed import Rate
from carillon.logic.pricetext import price_of, price_text

MAX_PREFIX = 17  # E.164 has at most 15 digits; two more for carriers' own codes
_LENGTH_BITS = 5
_MAGIC = 0x43_52_41_54_45_53_00_01  # also the byte order's: read the other way round it is another number
_ALIGNMENT = 8  # bytes: the widest number in a table
_KEPT = 4096  # prices and names of a table that are read already: calls share few of them
_MOST_LEADING = 4  # digits; ten to a hundred ranges begin with the same ones, of a million rates a few hundred
_TAIL = tuple(10 ** (MAX_PREFIX - length) for length in range(MAX_PREFIX + 1))  # what pads so many digits

RateRow = tuple[str, str, str]
"""prefix, name, and the price as `carillon.logic.pricetext` writes it, with or without its tail."""

Buffer = bytes | memoryview
_Ints = Union["array[int]", memoryview]  # arrays cannot be subscripted when the program runs


class RateTableError(ValueError):
    """A price list cannot be used; the message names the prefix, or says what is wrong with its file."""

    slug = "bad-rate-table"


class _Texts:
    """Distinct texts, one after the other as UTF-8, and which of them each key has."""

    __slots__ = ("_read", "blob", "ends", "of")

    def __init__(self, of: _Ints, ends: _Ints, blob: Buffer) -> None:
        self.of, self.ends, self.blob = of, ends, blob
        self._read: dict[int, str] = {}

    def __getitem__(self, index: int) -> str:
        place = self.of[index]
        text = self._read.get(place)
        if text is None:
            if len(self._read) >= _KEPT:
                self._read.clear()
            text = self._read[place] = self.read(place)
        return text

    def read(self, place: int) -> str:
        """One of the texts, which is not kept."""
        return str(self.blob[self.ends[place] : self.ends[place + 1]], "utf-8")


class RateColumns(NamedTuple):
    """A table as it lies in memory, each part a buffer of whole numbers.

    By rate in order: `keys` (`_key` of the prefix), `parents` (the enclosing rate, -1: none) and `price_of` (equal
    prices have the same number). By disjoint range of padded numbers: `starts` and `owners` (its rate, -1: none).
    """

    keys: _Ints
    parents: _Ints
    price_of: _Ints
    starts: _Ints
    owners: _Ints


class RateTable:
    """The rates of one version of a price list: immutable, about 50 bytes a rate with its name.

    Each prefix is one range of numbers padded to 17 digits; nested ranges are flattened to disjoint ones when the
    table is built. Equal names are stored once, and so are equal prices (all of a rate but prefix and name; as text,
    exact). A price that a call has needed is kept as a rate, which all rates of that price are made from.
    """

    __slots__ = ("_keys", "_names", "_near", "_owners", "_parents", "_prices", "_read", "_starts", "_width")

    def __init__(self, rows: Iterable[RateRow | Rate] = ()) -> None:
        """Build from rows in any order (fastest when sorted by prefix as text).

        Raises RateTableError for a prefix that is not 0 to 17 digits or occurs twice. One million rows take about
        2 seconds: for another process.
        """
        keys, self._names, self._prices = _collect(rows)
        ranges: tuple[_Ints, _Ints, _Ints] = _flatten(keys)
        self._keys: _Ints = keys
        self._starts, self._owners, self._parents = ranges
        self._begin()

    def _begin(self) -> None:
        """Make what look-ups use: the prices that were read, and where the ranges with the same beginning are."""
        self._read: dict[int, Rate] = {}
        leading = min(max(len(str(len(self._starts))) - 2, 0), _MOST_LEADING)
        self._width = _TAIL[leading]
        edges = range(0, 10**MAX_PREFIX + 1, self._width)
        self._near = array("I", (bisect_left(self._starts, edge) for edge in edges))

    def __len__(self) -> int:
        return len(self._keys)

    def longest(self, number: str) -> Rate | None:
        """The rate with the longest prefix of `number` (digits or E.164 with plus), or None. Never raises."""
        digits = number[1:] if number[:1] == "+" else number
        if not (digits.isascii() and digits.isdigit()):
            return None
        count = len(digits)
        padded = int(digits) * _TAIL[count] if count < MAX_PREFIX else int(digits[:MAX_PREFIX])
        near = padded // self._width
        place = bisect_right(self._starts, padded, self._near[near], self._near[near + 1]) - 1
        index = self._owners[place] if place >= 0 else -1
        while index >= 0:
            length = self._keys[index] & 31
            if length <= count:
                return self._rate(index, digits[:length])
            index = self._parents[index]
        return None

    def rates(self) -> Iterator[Rate]:
        """All rates, ordered by prefix as text."""
        return map(self.rate_at, range(len(self)))

    def rate_at(self, index: int) -> Rate:
        """The rate in that place of the order."""
        return self._rate(index, _prefix(self._keys[index]))

    def columns(self) -> RateColumns:
        """What the table consists of, for those who look many numbers up at once; not to be changed."""
        return RateColumns(self._keys, self._parents, self._prices.of, self._starts, self._owners)

    def _rate(self, index: int, prefix: str) -> Rate:
        place = self._prices.of[index]
        rate = self._read.get(place)
        if rate is None:
            if len(self._read) >= _KEPT:
                self._read.clear()
            rate = self._read[place] = Rate("", "", *price_of(self._prices.read(place)))
        return rate.under(prefix, self._names[index])

    # ------------------------------------------------------------ as a file

    def parts(self) -> Iterator[bytes]:
        """What a file of this table consists of, for `from_buffer` on a machine of the same byte order."""
        sections = [bytes(section) for section in self._sections()]
        sizes = _SIZES.pack(*map(len, sections))
        padded = [sizes, *(section + b"\0" * (-len(section) % _ALIGNMENT) for section in sections)]
        check = 0
        for part in padded:
            check = zlib.crc32(part, check)
        yield _HEADER.pack(_MAGIC, check)
        yield from padded

    @classmethod
    def from_buffer(cls, buffer: Buffer) -> RateTable:
        """The table whose `parts` lie in `buffer`, which must not change and is looked up in place.

        Raises RateTableError when it is torn or something else. Reads all of it once to know, outside the
        interpreter's lock: 60 MB take about 50 ms.
        """
        whole = memoryview(buffer)
        if len(whole) < _HEADER.size + _SIZES.size:
            raise RateTableError("The file of a price list is too short.")
        magic, check = _HEADER.unpack_from(whole)
        if magic != _MAGIC or check != zlib.crc32(whole[_HEADER.size :]):
            raise RateTableError("The file of a price list is damaged or of another kind.")
        sections, start = [], _HEADER.size + _SIZES.size
        for code, size in zip(_TYPES, _SIZES.unpack_from(whole, _HEADER.size), strict=True):
            sections.append(whole[start : start + size].cast(code))
            start += size + -size % _ALIGNMENT
        table = cls.__new__(cls)
        table._keys, table._starts, table._owners, table._parents = sections[:4]
        table._names, table._prices = _Texts(*sections[4:7]), _Texts(*sections[7:])
        table._begin()
        return table

    def _sections(self) -> tuple[_Ints | Buffer, ...]:
        names, prices = self._names, self._prices
        ranges = (self._keys, self._starts, self._owners, self._parents)
        return (*ranges, names.of, names.ends, names.blob, prices.of, prices.ends, prices.blob)


_Code = Literal["Q", "i", "I", "B"]
_TYPES: tuple[_Code, ...] = ("Q", "Q", "i", "i", "I", "I", "B", "I", "I", "B")  # of the sections, as `array` has them
_HEADER = struct.Struct("=QQ")  # what it is, and the checksum of all that follows
_SIZES = struct.Struct(f"={len(_TYPES)}Q")  # bytes of each section, without what aligns the next one


def _prefix(key: int) -> str:
    return f"{key >> _LENGTH_BITS:0{MAX_PREFIX}d}"[: key & 31]


def _key(prefix: str) -> int:
    """Padded prefix and its length in one integer: sorts as the prefixes do as text, parents before children."""
    length = len(prefix)
    if length > MAX_PREFIX or (prefix and not (prefix.isascii() and prefix.isdigit())):
        raise RateTableError(f"Prefix “{prefix[:40]}” is not 0 to {MAX_PREFIX} digits.")
    return int(prefix.ljust(MAX_PREFIX, "0")) << _LENGTH_BITS | length


def _collect(rows: Iterable[RateRow | Rate]) -> tuple[array[int], _Texts, _Texts]:
    """The keys in order, with their names and prices."""
    keys, name_of, price_of = array("Q"), array("I"), array("I")
    names: dict[str, int] = {}
    prices: dict[str, int] = {}
    for row in rows:
        prefix, name, price = (row.prefix, row.name, price_text(row)) if isinstance(row, Rate) else row
        keys.append(_key(prefix))
        name_of.append(names.setdefault(name, len(names)))
        price_of.append(prices.setdefault(price, len(prices)))
    if any(later < earlier for earlier, later in pairwise(keys)):
        order = sorted(range(len(keys)), key=keys.__getitem__)
        keys, name_of, price_of = (
            array(each.typecode, map(each.__getitem__, order)) for each in (keys, name_of, price_of)
        )
    for earlier, later in pairwise(keys):
        if earlier == later:
            raise RateTableError(f"Prefix “{_prefix(later)}” occurs twice.")
    return keys, _texts(name_of, names), _texts(price_of, prices)


def _texts(of: array[int], distinct: Iterable[str]) -> _Texts:
    ends, blob = array("I", [0]), bytearray()
    for text in distinct:
        blob += text.encode()
        ends.append(len(blob))
    return _Texts(of, ends, bytes(blob))


def _flatten(keys: array[int]) -> tuple[array[int], array[int], array[int]]:
    """Starts of disjoint ranges, the key index owning each (-1: none), and each key's enclosing key (-1: none)."""
    starts, owners, parents = array("Q"), array("i"), array("i")
    open_ranges: list[tuple[int, int]] = []  # (end, key index), innermost last

    def begin(start: int, owner: int) -> None:
        if starts and starts[-1] == start:
            owners[-1] = owner
        else:
            starts.append(start)
            owners.append(owner)

    def close_until(start: int) -> None:
        while open_ranges and open_ranges[-1][0] <= start:
            end, _ = open_ranges.pop()
            begin(end, open_ranges[-1][1] if open_ranges else -1)

    for index, key in enumerate(keys):
        start = key >> _LENGTH_BITS
        close_until(start)
        parents.append(open_ranges[-1][1] if open_ranges else -1)
        begin(start, index)
        open_ranges.append((start + 10 ** (MAX_PREFIX - (key & 31)), index))
    close_until(10 ** (MAX_PREFIX + 1))
    return starts, owners, parents
