"""Figures of a decision's candidates as bytes, equal to the last bit when they are read.

A value is written once, however many candidates and columns have it; one that occurs in the sample is not written at
all. Whole numbers describe c columns of r values: the number of distinct values of each column, which of them each
candidate has (columns with more than one), and the place of each among all distinct values. Then come the values that
are not in the sample, as 64-bit floating-point numbers: all first bytes, then all second ones, …, because those of
similar numbers are alike. All of it is compressed (deflate) beside the whole numbers of the sample itself.
"""

import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

FORMAT: Final = 1
"""The first byte, for readers of later formats; the second is the width of the whole numbers in bytes."""
_SIZE: Final = 8
_WHOLE: Final = {1: "B", 2: "H", 4: "I"}

Columns = Sequence[Sequence[float]]


class Sample:
    """Figures that those of decisions resemble; both who writes and who reads has to know it."""

    def __init__(self, columns: Columns) -> None:
        places: dict[bytes, int] = {}
        self._whole = _described(columns, places)
        self._known: Final = tuple(places)
        self._values: Final = array("d", b"".join(places))
        self._beside: Final = array("B", self._whole).tobytes() if len(places) < 256 and self._whole else b""

    def packed(self, columns: Columns) -> bytes:
        """The columns, of r numbers each, as bytes."""
        places = {value: place for place, value in enumerate(self._known)}
        whole = _described(columns, places)
        width = next(each for each in _WHOLE if max(whole, default=0) < 256**each)
        own = b"".join(islice(places, len(self._known), None))
        turned = b"".join(own[byte::_SIZE] for byte in range(_SIZE))
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=self._beside)
        content = array(_WHOLE[width], whole).tobytes() + turned
        return bytes((FORMAT, width)) + deflate.compress(content) + deflate.flush()

    def unpacked(self, packed: bytes, *, rows: int, columns: int) -> list[list[float]]:
        """The columns that were packed, each of `rows` numbers; raises `ValueError` for another format."""
        if packed[0] != FORMAT or packed[1] not in _WHOLE:
            raise ValueError(f"figures of the format {packed[0]}, width {packed[1]}: unknown to this version")
        inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._beside)
        content, whole = inflate.decompress(packed[2:]), array(_WHOLE[packed[1]])
        sizes = array(whole.typecode, content[: columns * whole.itemsize])
        count = columns + rows * sum(size > 1 for size in sizes) + sum(sizes)
        whole.frombytes(content[: count * whole.itemsize])
        own = content[count * whole.itemsize :]
        turned = b"".join(own[place :: len(own) // _SIZE] for place in range(len(own) // _SIZE))
        return list(_restored(whole, rows=rows, columns=columns, distinct=self._values + array("d", turned)))


def _described(columns: Columns, places: dict[bytes, int]) -> list[int]:
    """The whole numbers of the columns; values that `places` does not have yet are added to it."""
    sizes, patterns, codes = [], [], []
    for column in columns:
        content = array("d", column).tobytes()
        local: dict[bytes, int] = {}  # by their bytes: they tell −0.0 from 0.0 and find NaN again
        pattern = [
            local.setdefault(content[start : start + _SIZE], len(local)) for start in range(0, len(content), _SIZE)
        ]
        sizes.append(len(local))
        if len(local) > 1:
            patterns += pattern
        codes += [places.setdefault(value, len(places)) for value in local]
    return [*sizes, *patterns, *codes]


def _restored(whole: "array[int]", *, rows: int, columns: int, distinct: "array[float]") -> Iterator[list[float]]:
    sizes = whole[:columns]
    patterns = iter(whole[columns : len(whole) - sum(sizes)])
    codes = iter(whole[len(whole) - sum(sizes) :])
    for size in sizes:
        local = [distinct[next(codes)] for _ in range(size)]
        yield [local[next(patterns)] for _ in range(rows)] if size > 1 else local * rows
