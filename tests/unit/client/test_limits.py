"""Limits as people write them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syft.client.limits import Limits, as_limits, asked_text
from syft.errors import InvalidInput
from syft.model.limits import FIGURES, GIB, KIB, MIB, JobLimits


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"memory": "2 GiB"}, {"memory_bytes": 2 * GIB}),
        ({"memory": "2gib"}, {"memory_bytes": 2 * GIB}),
        ({"memory": "1.5 GiB"}, {"memory_bytes": 3 * GIB // 2}),
        ({"memory": "512M"}, {"memory_bytes": 512 * MIB}),
        ({"memory": "512 MB"}, {"memory_bytes": 512_000_000}),
        ({"memory": 512 * MIB}, {"memory_bytes": 512 * MIB}),
        ({"scratch": "1 GiB", "output": "10 KiB"}, {"scratch_bytes": GIB, "output_bytes": 10 * KIB}),
        ({"wall": "10 min"}, {"wall_s": 600.0}),
        ({"wall": "90 s"}, {"wall_s": 90.0}),
        ({"wall": "1.5 h"}, {"wall_s": 5400.0}),
        ({"wall": "500 ms"}, {"wall_s": 0.5}),
        ({"wall": "2 days"}, {"wall_s": 172_800.0}),
        ({"wall": timedelta(minutes=3)}, {"wall_s": 180.0}),
        ({"cpu": 7}, {"cpu_s": 7.0}),
        ({"cpu": "7"}, {"cpu_s": 7.0}),
        ({"cpu": 0.5}, {"cpu_s": 0.5}),
        ({"threads": 8}, {"threads": 8}),
        ({"threads": "8"}, {"threads": 8}),
        ({"threads": None, "wall": 5}, {"wall_s": 5.0}),
        ({}, {}),
    ],
)
def test_what_people_write_is_read(given: dict[str, Any], read: dict[str, float]) -> None:
    assert Limits(**given).record.said == read
    assert as_limits(given).said == read
    assert as_limits(Limits(**given)).said == read


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"memory": "lots"}, "'memory' is a size such as '512 MiB'"),
        ({"memory": "2 min"}, "'memory' is a size"),
        ({"memory": True}, "'memory' is a size"),
        ({"memory": [1]}, "'memory' is a size"),
        ({"memory": 1.5}, "'memory' is a size"),
        ({"memory": "-2 GiB"}, "'memory' is a size"),
        ({"memory": timedelta(1)}, "'memory' is a size"),
        ({"memory": 512}, "'memory' is from 16 MiB to 1024 TiB, not 512 bytes"),
        ({"wall": "2 GiB"}, "'wall' is a time such as '90 s'"),
        ({"wall": float("nan")}, "'wall' is a time"),
        ({"memory": 10**400}, "'memory' is a size"),
        ({"wall": "0 s"}, "'wall' is from 0.1 s to 366 d, not 0 s"),
        ({"threads": 1.5}, "'threads' is a whole number"),
        ({"threads": "2 GiB"}, "'threads' is a whole number"),
        ({"ram": "2 GiB"}, "There is no limit 'ram'. There is: memory, cpu, wall, scratch, output, threads"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_allowed(given: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        as_limits(given)
    assert text in str(error.value)


def test_something_else_is_refused() -> None:
    assert as_limits(None) == JobLimits()
    with pytest.raises(InvalidInput, match=r"sy.Limits\(memory='2 GiB', wall='10 min'\); this is str"):
        as_limits("2 GiB")  # type: ignore[arg-type]


def test_they_are_shown_and_compared() -> None:
    limits = Limits(memory="2 GiB", wall="10 min")
    assert repr(limits) == "Limits of a job\nMemory: 2 GiB\nWall clock: 10 min"
    assert "2 GiB" in limits._repr_html_()
    assert limits == Limits.of(limits.record) != Limits()
    assert len({limits, Limits(memory="2 GiB", wall="600 s")}) == 1
    words = [getattr(limits, figure.word) for figure in FIGURES]
    assert words == [2 * GIB, None, 600.0, None, None, None]


def test_a_reviewer_reads_what_holds_and_what_was_asked() -> None:
    all_of_it = JobLimits(memory_bytes=GIB, wall_s=60)
    assert asked_text(all_of_it, JobLimits()) == "memory 1 GiB, wall clock 1 min"
    assert asked_text(all_of_it, JobLimits(wall_s=60)).endswith("(asked for: wall clock 1 min)")
