"""This module reads and shows what a job may use, as people write it: `sy.Limits(memory="2 GiB", wall="10 min")`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from syft.client.present import Card, Shown
from syft.errors import InvalidInput
from syft.model.limits import FIGURES, GIB, KIB, MIB, TIB, Figure, JobLimits, amount_text, limits_text

Amount = int | float | str | timedelta | None

_BYTES: Final[dict[str, float]] = {
    "": 1, "b": 1, "byte": 1, "bytes": 1,
    "kib": KIB, "mib": MIB, "gib": GIB, "tib": TIB,
    "k": KIB, "m": MIB, "g": GIB, "t": TIB,
    "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}  # fmt: skip
_SECONDS: Final[dict[str, float]] = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    "ms": 0.001,
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
}
_THREADS: Final[dict[str, float]] = dict.fromkeys(("", "thread", "threads"), 1)
_UNITS: Final = {"bytes": _BYTES, "seconds": _SECONDS, "threads": _THREADS}
_HOW: Final = {
    "bytes": "a size such as '512 MiB' or '2 GiB' (a bare number counts bytes)",
    "seconds": "a time such as '90 s', '10 min' or '2 h' (a bare number counts seconds)",
    "threads": "a whole number",
}
_AMOUNT: Final = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*")
# Far above what can be meant; an integer above 1e308 has no float.
_LARGEST: Final = 1e30
_WORDS: Final = tuple(figure.word for figure in FIGURES)


class Limits(Shown):
    """What a job may use. What is left out is not asked for: the worker pool's own limit holds.

    Args:
        memory: beyond its inputs: "2 GiB".
        cpu: processor time of all its threads together: "5 min".
        wall: time from its start to its end: "10 min".
        scratch: files it writes while it runs: "1 GiB".
        output: its result, encoded: "10 MiB".
        threads: beside the first: 8.
    Raises:
        InvalidInput: a figure that cannot be read, or is too small or too large to be meant.
    """

    def __init__(
        self,
        *,
        memory: Amount = None,
        cpu: Amount = None,
        wall: Amount = None,
        scratch: Amount = None,
        output: Amount = None,
        threads: Amount = None,
    ) -> None:
        given = (memory, cpu, wall, scratch, output, threads)
        self.record = _record({figure.word: one for figure, one in zip(FIGURES, given, strict=True)})

    @classmethod
    def of(cls, record: JobLimits) -> Limits:
        """Limits that a node told of."""
        limits = cls()
        limits.record = record
        return limits

    @property
    def memory(self) -> int | None:
        """Bytes of memory beyond its inputs; None where nothing is said."""
        return self.record.memory_bytes

    @property
    def cpu(self) -> float | None:
        """Processor seconds."""
        return self.record.cpu_s

    @property
    def wall(self) -> float | None:
        """Seconds from start to end."""
        return self.record.wall_s

    @property
    def scratch(self) -> int | None:
        """Bytes of files in its scratch directory."""
        return self.record.scratch_bytes

    @property
    def output(self) -> int | None:
        """Bytes of its encoded result."""
        return self.record.output_bytes

    @property
    def threads(self) -> int | None:
        """Threads beside the first."""
        return self.record.threads

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and other.record == self.record

    def __hash__(self) -> int:
        return hash(self.record)

    def _card(self) -> Card:
        return Card("Limits of a job", limit_facts(self.record))


def as_limits(value: Limits | Mapping[str, Amount] | None) -> JobLimits:
    """The limits that somebody wrote: `sy.Limits(...)`, a dict of the same names, or nothing.

    Raises:
        InvalidInput: something else, another name, or a figure that cannot be read.
    """
    if value is None:
        return JobLimits()
    if isinstance(value, Limits):
        return value.record
    if isinstance(value, Mapping):
        return _record(value)
    raise InvalidInput(
        f"Limits are written sy.Limits(memory='2 GiB', wall='10 min'); this is {type(value).__name__}."
    )


def limit_facts(record: JobLimits) -> list[tuple[str, object]]:
    """Each figure that is said, with its label, as lines of a card."""
    said = record.said
    return [
        (
            figure.label.capitalize() if figure.label.islower() else figure.label,
            amount_text(figure, said[figure.field]),
        )
        for figure in FIGURES
        if figure.field in said
    ]


def asked_text(limits: JobLimits, asked: JobLimits) -> str:
    """Limits as a reviewer reads them: all of them, and which of them the author asked for."""
    text = limits_text(limits)
    return f"{text} (asked for: {limits_text(asked)})" if asked.said else text


def _record(given: Mapping[str, Any]) -> JobLimits:
    unknown = [word for word in given if word not in _WORDS]
    if unknown:
        raise InvalidInput(f"There is no limit '{str(unknown[0])[:50]}'. There is: {', '.join(_WORDS)}.")
    amounts = {
        figure.field: read_amount(figure, given[figure.word])
        for figure in FIGURES
        if given.get(figure.word) is not None
    }
    return msgspec.structs.replace(JobLimits(), **amounts)


def read_amount(figure: Figure, value: Amount) -> int | float:
    """The number that somebody wrote for one figure, in the unit it counts.

    Raises:
        InvalidInput: it is none.
    """
    amount = _number(figure, value)
    if amount is None:
        raise InvalidInput(f"The limit '{figure.word}' is {_HOW[figure.unit]}, not {value!r}.")
    return amount if figure.unit == "seconds" else int(amount)


def _number(figure: Figure, value: Amount) -> float | None:
    match value:
        case bool():
            return None
        case timedelta():
            return value.total_seconds() if figure.unit == "seconds" else None
        case int() | float():
            if abs(value) > _LARGEST:
                return None
            amount = float(value)
        case str():
            found = _AMOUNT.fullmatch(value)
            factor = _UNITS[figure.unit].get(found[2].lower()) if found else None
            if found is None or factor is None:
                return None
            amount = float(found[1]) * factor
        case _:
            return None
    whole = (
        figure.unit == "seconds" or amount.is_integer() or (figure.unit == "bytes" and isinstance(value, str))
    )
    return amount if math.isfinite(amount) and whole else None
