"""Every command that the documents tell a person to type is there."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def test_every_make_command_in_the_documents_is_a_target() -> None:
    unknown = [
        f"{path.name}: make {target}"
        for path in sorted(PROJECT.glob("*.md"))
        for target in re.findall(
            r"(?:^|`)make ([a-z][a-z-]*)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        if target not in TARGETS
    ]
    assert unknown == []


def test_every_target_is_listed_for_developers_and_made_whatever_files_there_are() -> None:
    listed = re.findall(
        r"^make ([a-z][a-z-]*) {2,}", (PROJECT / "DEVELOPERS.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    # Every target sets up first; `make` alone lists them.
    assert TARGETS - set(listed) == {"help", "setup"}
    assert set(phony.split()) == TARGETS


def test_the_readme_names_the_two_commands_a_newcomer_needs() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^make (demo|test)\b", readme, re.MULTILINE) == ["demo", "test"]


def test_the_checks_run_what_the_readme_tells_people_to_run() -> None:
    script = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    assert {"make test", "make check"} <= set(re.findall(r"make [a-z-]+", script))
