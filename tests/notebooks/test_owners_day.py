"""A day of an owner of data: evidence, conditions, held and refused results, a revoked approval, the checked log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import syft as sy
from support.cells import Notebook
from support.replay import check_executed

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """The whole day, run once."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SYFT_HOME", str(tmp_path_factory.mktemp("home")))
    patch.chdir(tmp_path_factory.mktemp("desk"))
    notebook = Notebook(Path(__file__).with_name("owners_day.py"))
    quiet = sy.settings.quiet
    try:
        for cell in notebook.names:
            notebook.run(cell)
        yield notebook
    finally:
        sy.settings.quiet = quiet
        for server in notebook.namespace.get("servers", {}).values():
            server.land()
        patch.undo()


def _printed(notebook: Notebook, beginning: str) -> list[str]:
    (name,) = [one for one in notebook.names if one.startswith(beginning)]
    return notebook.cells[name].printed.splitlines()


def test_the_evidence_points_to_what_is_the_matter(day: Notebook) -> None:
    told = _printed(day, "What is the matter")
    assert [line.partition(":")[0] for line in told] == [
        "line 2, process",
        "line 4, print",
        "line 4, process",
        "line 5, return",
    ]


def test_what_is_denied_does_not_run_and_what_is_out_of_bounds_neither(day: Notebook) -> None:
    assert _printed(day, "No, and why")[0].startswith("Denied: ")
    told = _printed(day, "Noon")
    assert told[1].startswith("ResultHeld: ")
    assert told[2].startswith("InvalidInput: This approval bounds 'decade': from 20 to 70.")


def test_of_a_held_result_leaves_what_was_let_go(day: Notebook) -> None:
    table = day.namespace["table"]
    young = table[(table["age"] >= 20) & (table["age"] < 30)]
    assert day.namespace["job"].wait().get() == {
        "patients": len(young),
        "mean_bmi": pytest.approx(young["bmi"].mean()),
    }


def test_a_refused_result_and_a_revoked_approval_give_their_reasons(day: Notebook) -> None:
    assert _printed(day, "A refused one")[-1].endswith("Reason: fewer than twenty patients")
    assert _printed(day, "Afternoon")[0].endswith("it was revoked. Reason: The study has ended.")


def test_the_log_of_the_day_verifies_and_a_changed_one_does_not(day: Notebook) -> None:
    assert _printed(day, "Checked") == ["exit code 0"]
    assert _printed(day, "And what if") == ["exit code 1"]
    told = _printed(day, "Evening")[0]
    for verb in ("request.approved", "request.denied", "request.revoked", "result.held", "result.refused"):
        assert f"'{verb}'" in told


def test_the_executed_notebook_in_the_documents_is_this(day: Notebook) -> None:
    check_executed(
        day, "owners_day.ipynb", "A day of somebody who answers for data", "At a datasite of its own process"
    )
