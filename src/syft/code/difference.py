"""This module compares two texts line by line, in time that grows with their length and no faster: they are hostile."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from syft.code.review import lines_of

# Regions without a line of their own on both sides are compared pair by pair as long as this lasts.
_PAIRS: Final = 500_000
_PAIRS_OF_ONE: Final = 40_000
_DEEPEST: Final = 16
CONTEXT: Final = 3


class Line(NamedTuple):
    """One line of a comparison.

    Args:
        sign: "+" for one that is new, "-" for one that is gone, " " for one that is in both, "@" where lines that are
            in both were left out.
        before: its number in the old text, from 1; 0 where it is not in that.
        after: its number in the new text, likewise.
        text: of it, without its end.
    """

    sign: str
    before: int
    after: int
    text: str


def compare(before: str, after: str) -> list[Line]:
    """All lines of both texts, in order. What is told as changed may be more than the least, and is never less."""
    old, new = _lines(before), _lines(after)
    kept = sorted(_matches(old, new))
    lines: list[Line] = []
    at_old = at_new = 0
    for one, other in [*kept, (len(old), len(new))]:
        lines += [Line("-", number + 1, 0, old[number]) for number in range(at_old, one)]
        lines += [Line("+", 0, number + 1, new[number]) for number in range(at_new, other)]
        if one < len(old):
            lines.append(Line(" ", one + 1, other + 1, old[one]))
        at_old, at_new = one + 1, other + 1
    return lines


def hunks(lines: Sequence[Line], context: int = CONTEXT) -> list[Line]:
    """The lines that changed, with so many around them; where lines are left out there is one with the sign "@"."""
    shown: set[int] = set()
    for at, line in enumerate(lines):
        if line.sign != " ":
            shown.update(range(max(0, at - context), min(len(lines), at + context + 1)))
    kept: list[Line] = []
    last = -1
    for at in sorted(shown):
        if at != last + 1:
            kept.append(Line("@", lines[at].before, lines[at].after, ""))
        kept.append(lines[at])
        last = at
    return kept


def _lines(text: str) -> list[str]:
    # A return alone stays at its line, where it can be seen.
    return [
        one.removesuffix("\n").removesuffix("\r") if one.endswith("\n") else one for one in lines_of(text)
    ]


def _matches(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places of lines that are in both, none crossing another.

    By lines that are there once on both sides (patience), between which the same is done again.
    """
    pairs = _PAIRS
    todo = [(0, len(old), 0, len(new), 0)]
    while todo:
        first, last, begin, end, depth = todo.pop()
        while first < last and begin < end and old[first] == new[begin]:
            yield first, begin
            first, begin = first + 1, begin + 1
        while first < last and begin < end and old[last - 1] == new[end - 1]:
            last, end = last - 1, end - 1
            yield last, end
        count = (last - first) * (end - begin)
        if not count:
            continue
        if count <= min(_PAIRS_OF_ONE, pairs):
            pairs -= count
            for one, other in _common(old[first:last], new[begin:end]):
                yield first + one, begin + other
        elif depth < _DEEPEST:
            at = (first, begin)
            for anchor in [*_anchors(old, new, first, last, begin, end), (last, end)]:
                if anchor != (last, end):
                    yield anchor
                todo.append((at[0], anchor[0], at[1], anchor[1], depth + 1))
                at = (anchor[0] + 1, anchor[1] + 1)


def _anchors(
    old: Sequence[str], new: Sequence[str], first: int, last: int, begin: int, end: int
) -> list[tuple[int, int]]:
    """Lines that are once in each region, as many as are in the same order in both."""
    once_old, once_new = Counter(old[first:last]), Counter(new[begin:end])
    place = {new[at]: at for at in range(begin, end) if once_new[new[at]] == 1}
    found = [(at, place[old[at]]) for at in range(first, last) if once_old[old[at]] == 1 and old[at] in place]
    # The longest run whose places in `new` rise.
    ends: list[int] = []
    which: list[int] = []
    before: list[int] = []
    for number, (_, at) in enumerate(found):
        length = bisect_left(ends, at)
        before.append(which[length - 1] if length else -1)
        if length == len(ends):
            ends.append(at)
            which.append(number)
        else:
            ends[length], which[length] = at, number
    chain: list[tuple[int, int]] = []
    number = which[-1] if which else -1
    while number >= 0:
        chain.append(found[number])
        number = before[number]
    return chain[::-1]


def _common(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The longest common subsequence of two short regions."""
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for one in range(len(old) - 1, -1, -1):
        row, below = lengths[one], lengths[one + 1]
        for other in range(len(new) - 1, -1, -1):
            row[other] = below[other + 1] + 1 if old[one] == new[other] else max(below[other], row[other + 1])
    found: list[tuple[int, int]] = []
    one = other = 0
    while one < len(old) and other < len(new):
        if old[one] == new[other]:
            found.append((one, other))
            one, other = one + 1, other + 1
        elif lengths[one + 1][other] >= lengths[one][other + 1]:
            one += 1
        else:
            other += 1
    return found
