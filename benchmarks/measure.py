"""This module measures: times, their median and 95th percentile, the load around them, and memory of processes."""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil


class Measure:
    """One measure, as it is printed.

    Args:
        name: of what is measured.
        target: what issue or design asks for, in the unit of `unit`.
        reference: what PySyft 0.9.1 took on the same kind of machine; None where it was not measured.
        unit: of all three.
        higher_is_better: for rates.
    """

    def __init__(
        self,
        name: str,
        *,
        target: float | None,
        reference: float | None = None,
        unit: str = "ms",
        higher_is_better: bool = False,
    ) -> None:
        self.name = name
        self.target = target
        self.reference = reference
        self.unit = unit
        self.higher_is_better = higher_is_better
        self.values: list[float] = []
        self.notes: dict[str, Any] = {}
        self._load_before = os.getloadavg()[0]
        self._load_after = self._load_before

    def add(self, *values: float) -> None:
        """Keep values, in the measure's unit."""
        self.values += values
        self._load_after = os.getloadavg()[0]

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Keep how long the block takes, in milliseconds."""
        began = time.perf_counter()
        yield
        self.add((time.perf_counter() - began) * 1000)

    def repeat(self, count: int, work: Callable[[], object]) -> None:
        """Keep how long the work takes, `count` times."""
        for _ in range(count):
            with self.timed():
                work()

    def report(self) -> dict[str, Any]:
        """Everything about it, for JSON."""
        median = statistics.median(self.values)
        # The end that one would rather not meet: the slowest times, the lowest rates.
        ordered = sorted(self.values, reverse=self.higher_is_better)
        tail = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
        met = None
        if self.target is not None:
            met = median >= self.target if self.higher_is_better else median <= self.target
        return {
            "measure": self.name,
            "unit": self.unit,
            "median": _rounded(median),
            "p95": _rounded(tail),
            "n": len(self.values),
            "target": self.target,
            "met": met,
            "reference": self.reference,
            "load_before": round(self._load_before, 2),
            "load_after": round(self._load_after, 2),
            **self.notes,
        }


def _rounded(value: float) -> float:
    return round(value, 3 if abs(value) < 10 else 1)


def rss_mb(pid: int) -> float:
    """Resident memory of a process, in MB."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def family_rss_mb(pid: int) -> float:
    """Resident memory of a process and all it has started; pages that they share are counted once."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(float(one.memory_full_info().pss) for one in family) / 1e6


class Growth:
    """By how much the memory of a process grows at most while a block runs, looked at every few milliseconds.

    Attributes:
        own_mb: memory of its own.
        all_mb: with the pages of files that it has mapped, which the kernel may take back at any time.
    """

    _EVERY_S = 0.003

    def __init__(self, pid: int) -> None:
        self.own_mb = self.all_mb = 0.0
        self._path = f"/proc/{pid}/status"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Growth:
        self._start = self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._note()

    def _watch(self) -> None:
        while not self._done.wait(self._EVERY_S):
            self._note()

    def _note(self) -> None:
        own, everything = self._look()
        self.own_mb = max(self.own_mb, own - self._start[0])
        self.all_mb = max(self.all_mb, everything - self._start[1])

    def _look(self) -> tuple[float, float]:
        with open(self._path) as file:
            fields = dict(line.split(":", 1) for line in file if line.startswith(("VmRSS", "RssAnon")))
        own, everything = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "VmRSS"))
        return own, everything
