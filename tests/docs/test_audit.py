"""docs/audit.md names every verb that a node writes, and no other; its commands and figures are those of the source."""

from __future__ import annotations

import re
from pathlib import Path

from click import Group

from syft import cli
from syft.model.job import JobState
from syft.node import refusals
from syft.store.logfile import CHECKPOINT_FORMAT, FORMAT

PROJECT = Path(__file__).parent.parent.parent
TEXT = (PROJECT / "docs" / "audit.md").read_text(encoding="utf-8")
WRITERS = [
    path
    for folder in ("node", "jobs", "policy")
    for path in (PROJECT / "src" / "syft" / folder).rglob("*.py")
]
# An end of a run has its verb from its state; a run that released has an event of its own instead.
ENDS = {f"job.{state.value}" for state in (JobState.FAILED, JobState.WITHHELD, JobState.CANCELLED)}
# What looks like a verb and is a file, a setting, a tag or a name of a type.
AREAS = (
    "node|pool|user|session|settings|dataset|object|objects|request|request_handler|request_handlers|code|job|result"
    "|mock_result|value|run|mail|network|grant|act|refusals|operation"
    "|image|worker"
)


def written_in_the_source() -> set[str]:
    found: set[str] = set()
    for path in WRITERS:
        found |= set(re.findall(rf'"((?:{AREAS})\.[a-z_]+)"', path.read_text(encoding="utf-8")))
    return found


def test_every_verb_is_in_the_document() -> None:
    table = TEXT.partition("| about | verbs |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", table))
    assert named == written_in_the_source() | ENDS


def test_no_event_is_of_an_area_that_is_not_looked_for() -> None:
    """Otherwise the test above would pass by looking away."""
    areas = set(AREAS.split("|"))
    for path in WRITERS:
        text = path.read_text(encoding="utf-8")
        for verb in re.findall(r'(?:verb=|\.event\(\s*|also\(Event\(verb=)"([a-z_]+)\.', text):
            assert verb in areas, f"{path.name}: {verb}"


def test_the_bounds_are_those_of_the_source() -> None:
    assert f"may cause {refusals._OF_A_PARTY} such entries" in TEXT
    assert f"together, {refusals._OF_STRANGERS} at once" in TEXT
    a_day = 24 * 60 * 60 * (refusals._PER_S + 1 / refusals._PAUSE_S)
    assert f"at most {a_day:,.0f} entries a day" in TEXT


def test_the_formats_and_commands_are_those_of_the_source() -> None:
    assert FORMAT in TEXT
    assert CHECKPOINT_FORMAT in TEXT
    assert isinstance(cli.audit, Group)
    for name in re.findall(r"syft audit (\w+)", TEXT):
        assert name in cli.audit.commands or name in ("log", "checkpoint"), name
    assert {f"syft audit {name}" for name in cli.audit.commands} <= set(re.findall(r"syft audit \w+", TEXT))
