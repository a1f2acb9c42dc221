"""This module holds what a run may use, and what it did use."""

from __future__ import annotations

import math

import msgspec

from syft.errors import InvalidInput
from syft.model.limits import GIB, KIB, MIB, JobLimits

# Not for each run to choose: enough for any library, and few enough to count.
OPEN_FILES_MAX = 256


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one run may use. Every figure must be above 0.

    Args:
        memory_bytes: beyond the interpreter with its libraries and the inputs, which are not counted.
        cpu_s: processor seconds of all its threads together; noticed within a tenth of a second.
        wall_s: seconds from the moment the run is handed to the sandbox; at level `gvisor`, from when its
            container is ready.
        scratch_bytes: files in its own scratch directory, all together.
        output_bytes: the encoded result.
        printed_bytes: printed text that is kept, for each of stdout and stderr; more is cut off.
        threads: threads (and processes, where the level allows any) beside the first.
    Raises:
        InvalidInput: a figure is not finite and above 0.
    """

    memory_bytes: int = GIB
    cpu_s: float = 60.0
    wall_s: float = 300.0
    scratch_bytes: int = 256 * MIB
    output_bytes: int = GIB
    printed_bytes: int = 256 * KIB
    threads: int = 64

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            figure = getattr(self, name)
            if not (math.isfinite(figure) and figure > 0):
                raise InvalidInput(f"the limit {name} must be finite and above 0, not {figure!r}")


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What one run used, as the kernel counted it; zeros where it never began.

    Args:
        wall_s: seconds from hand-over to answer, or from the moment at which the limit on them begins.
        cpu_s: processor seconds of its first process, all threads.
        max_rss_bytes: largest resident memory, the shared pages of the interpreter included.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    max_rss_bytes: int = 0


def limits_of(limits: JobLimits) -> Limits:
    """A job's limits, as its run is given them; figures that are not said are those of `Limits`."""
    return msgspec.structs.replace(Limits(), **limits.said)
