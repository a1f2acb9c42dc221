"""Who fills in, who has the last word, and what is left for a launched run."""

from __future__ import annotations

import pytest

from syft.errors import InvalidInput, LimitExceeded
from syft.model.limits import GIB, MIB, JobLimits
from syft.policy.limits import capped, check_within, filled, nested_limits

CEILING = JobLimits(
    memory_bytes=GIB, cpu_s=60, wall_s=100, scratch_bytes=64 * MIB, output_bytes=MIB, threads=8
)


def test_what_is_not_said_is_filled_in() -> None:
    limits = filled(JobLimits(wall_s=5, threads=99), CEILING)
    assert limits.said == {**CEILING.said, "wall_s": 5.0, "threads": 99}
    assert filled(JobLimits(), CEILING) == CEILING
    assert filled(CEILING, JobLimits(wall_s=5)) == CEILING


def test_the_lower_of_two_holds() -> None:
    limits = capped(JobLimits(memory_bytes=2 * GIB, wall_s=5), CEILING)
    assert limits.said == {**CEILING.said, "wall_s": 5.0}
    assert capped(JobLimits(wall_s=5), JobLimits(cpu_s=7)) == JobLimits(wall_s=5, cpu_s=7)


@pytest.mark.parametrize("field", CEILING.__struct_fields__)
def test_each_figure_has_its_ceiling(field: str) -> None:
    most = CEILING.said[field]
    check_within(JobLimits(**{field: most}), CEILING, "small", "'f' asks for")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="'f' asks for more than worker pool 'small' gives a job"):
        check_within(JobLimits(**{field: most + 1}), CEILING, "small", "'f' asks for")  # type: ignore[arg-type]


def test_all_that_is_too_much_is_named_with_its_ceiling() -> None:
    asked = JobLimits(memory_bytes=2 * GIB, wall_s=200, threads=8)
    with pytest.raises(InvalidInput) as error:
        check_within(asked, CEILING, "small", "'f' asks for")
    assert "memory 2 GiB (at most 1 GiB), wall clock 200 s (at most 100 s)." in str(error.value)
    assert "threads" not in str(error.value)


def test_a_launched_run_is_within_its_parents_limits_and_its_time() -> None:
    assert nested_limits(JobLimits(), CEILING, 100.0) == CEILING
    more = JobLimits(memory_bytes=4 * GIB, wall_s=1000)
    assert nested_limits(more, CEILING, 100.0) == CEILING
    less = nested_limits(JobLimits(memory_bytes=32 * MIB, wall_s=50), CEILING, 7.31)
    assert less.said == {**CEILING.said, "memory_bytes": 32 * MIB, "wall_s": 7.4}
    assert nested_limits(JobLimits(wall_s=5), CEILING, 7.31).wall_s == 5
    assert nested_limits(JobLimits(), CEILING, 0.001).wall_s == 0.1
    for left in (0.0, -3.0):
        with pytest.raises(LimitExceeded, match="Nothing is left"):
            nested_limits(JobLimits(), CEILING, left)
