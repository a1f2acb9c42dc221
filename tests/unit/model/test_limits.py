"""Six figures: what they can be, and how they read."""

from __future__ import annotations

import math

import msgspec
import pytest

from syft.errors import InvalidInput
from syft.model.limits import FIGURES, GIB, KIB, MIB, JobLimits, bytes_text, limits_text, seconds_text
from syft.model.pool import Pool, check_pool_name
from syft.model.uid import UID


def test_every_field_has_its_figure() -> None:
    assert tuple(figure.field for figure in FIGURES) == JobLimits.__struct_fields__
    assert len({figure.word for figure in FIGURES}) == len(FIGURES)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.word)
def test_a_figure_has_a_least_and_a_most(figure: object) -> None:
    field, least, most = figure.field, figure.least, figure.most  # type: ignore[attr-defined]
    for good in (least, most):
        amount = good if field.endswith("_s") else int(good)
        assert getattr(JobLimits(**{field: amount}), field) == good
    for bad in (0, -1, least / 2, most * 2, math.inf, math.nan, 10**400):
        with pytest.raises(InvalidInput, match=f"The limit '{figure.word}' is from"):  # type: ignore[attr-defined]
            JobLimits(**{field: bad})


def test_what_comes_in_a_message_is_checked_too() -> None:
    """A message is anybody's: its figures are checked when they are read."""
    with pytest.raises(InvalidInput, match="'memory' is from 16 MiB"):
        msgspec.msgpack.decode(msgspec.msgpack.encode({"memory_bytes": 1}), type=JobLimits)


def test_whole_seconds_are_the_same_limit_in_either_type() -> None:
    """An approval's digest is made of what is given, and made anew of what is stored."""
    whole = JobLimits(wall_s=5)
    assert type(whole.wall_s) is float
    assert msgspec.json.decode(msgspec.json.encode(whole), type=JobLimits).said == {"wall_s": 5.0}


def test_only_what_is_said_is_kept_and_told() -> None:
    limits = JobLimits(memory_bytes=2 * GIB, wall_s=600, threads=1)
    assert limits.said == {"memory_bytes": 2 * GIB, "wall_s": 600.0, "threads": 1}
    assert limits_text(limits) == "memory 2 GiB, wall clock 10 min, threads 1"
    assert limits_text(JobLimits()) == ""


def test_amounts_are_written_in_the_unit_that_leaves_no_fraction() -> None:
    sizes = [0, 1, KIB, 1500, 3 * MIB, GIB, 4 << 40]
    assert [bytes_text(one) for one in sizes] == [
        "0 bytes",
        "1 bytes",
        "1 KiB",
        "1500 bytes",
        "3 MiB",
        "1 GiB",
        "4 TiB",
    ]
    times = [0.5, 90, 120, 7200, 86_400]
    assert [seconds_text(one) for one in times] == ["0.5 s", "90 s", "2 min", "2 h", "1 d"]


@pytest.mark.parametrize("name", ["", "a b", "x" * 101, "../up", "a\nb", "a\u202eb"])
def test_a_pool_cannot_be_called_anything(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a worker pool's name"):
        check_pool_name(name)
    with pytest.raises(InvalidInput):
        Pool(uid=UID(), name=name, created_at=None)  # type: ignore[arg-type]


def test_names_that_a_pool_can_have() -> None:
    for name in ("default-pool", "gpu_2", "big.memory"):
        check_pool_name(name)
        assert name
