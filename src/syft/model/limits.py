"""This module holds what a job may use: six figures, of which any may be left for somebody else to say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from syft.errors import InvalidInput

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
TIB: Final = 1 << 40
_DAY_S: Final = 86_400.0
_DIGITS_MOST: Final = 1e30  # more is not written out

Unit = Literal["bytes", "seconds", "threads"]


@dataclass(frozen=True)
class Figure:
    """One of the six.

    Args:
        field: of `JobLimits`.
        word: by which people set it.
        label: by which it is shown.
        unit: what its number counts.
        least: below this no run can be set up, or none can answer.
        most: more than any machine has; the kernel's own figures end not far above.
    """

    field: str
    word: str
    label: str
    unit: Unit
    least: float
    most: float


FIGURES: Final = (
    Figure("memory_bytes", "memory", "memory", "bytes", 16 * MIB, 1024 * TIB),
    Figure("cpu_s", "cpu", "CPU", "seconds", 0.1, 366 * _DAY_S),
    Figure("wall_s", "wall", "wall clock", "seconds", 0.1, 366 * _DAY_S),
    Figure("scratch_bytes", "scratch", "scratch space", "bytes", MIB, 1024 * TIB),
    Figure("output_bytes", "output", "output", "bytes", KIB, 1024 * TIB),
    Figure("threads", "threads", "threads", "threads", 1, 100_000),
)


class JobLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one job may use. What is None is not said here.

    Args:
        memory_bytes: beyond the interpreter with its libraries and the inputs, which are not counted.
        cpu_s: processor seconds of all its threads together.
        wall_s: seconds from its start to its end.
        scratch_bytes: files in its own scratch directory, all together.
        output_bytes: its encoded result.
        threads: beside the first.
    Raises:
        InvalidInput: a figure is outside of what it can be (`FIGURES`).
    """

    memory_bytes: int | None = None
    cpu_s: float | None = None
    wall_s: float | None = None
    scratch_bytes: int | None = None
    output_bytes: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for figure in FIGURES:
            amount = getattr(self, figure.field)
            if amount is None:
                continue
            # Not a number is neither; nor need an integer be one that a float can hold.
            if not figure.least <= amount <= figure.most:
                raise InvalidInput(
                    f"The limit '{figure.word}' is from {amount_text(figure, figure.least)} to "
                    f"{amount_text(figure, figure.most)}, not {amount_text(figure, amount)}."
                )
            if figure.unit == "seconds":
                # 5 and 5.0 are one limit, and must have one digest.
                msgspec.structs.force_setattr(self, figure.field, float(amount))

    @property
    def said(self) -> dict[str, int | float]:
        """The figures that are said here, by field, in the order of `FIGURES`."""
        amounts = {figure.field: getattr(self, figure.field) for figure in FIGURES}
        return {field: amount for field, amount in amounts.items() if amount is not None}


def limits_text(limits: JobLimits) -> str:
    """Limits as people read them: "memory 2 GiB, wall clock 10 min"; empty where none is said."""
    said = limits.said
    return ", ".join(
        f"{figure.label} {amount_text(figure, said[figure.field])}"
        for figure in FIGURES
        if figure.field in said
    )


def amount_text(figure: Figure, amount: float) -> str:
    """An amount of that figure with its unit."""
    if amount > _DIGITS_MOST or not math.isfinite(amount):
        return f"{amount:g}" if isinstance(amount, float) else "a number of very many digits"
    match figure.unit:
        case "bytes":
            return bytes_text(int(amount))
        case "seconds":
            return seconds_text(amount)
        case "threads":
            return str(int(amount))


def bytes_text(count: int) -> str:
    """A size as a person writes it: the largest unit that leaves no fraction, as in "512 MiB"."""
    for unit, name in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"


def seconds_text(seconds: float) -> str:
    """A time as a person writes it: the largest unit that leaves no fraction, as in "10 min"."""
    for unit, name in ((_DAY_S, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds and seconds % unit == 0:
            return f"{int(seconds // unit)} {name}"
    return f"{seconds:g} s"
