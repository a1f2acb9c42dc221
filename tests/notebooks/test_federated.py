"""Two things people do with protocols, on real data, over datasites that are processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import syft as sy
from support.cells import Notebook
from support.replay import check_executed

pytest.importorskip("sklearn")

_HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers keep their data where nobody else's are."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SYFT_HOME", str(tmp_path_factory.mktemp("homes")))
    yield
    patch.undo()


def _ran(name: str) -> Notebook:
    notebook = Notebook(_HERE / name)
    quiet = sy.settings.quiet
    try:
        for cell in notebook.names:
            notebook.run(cell)
    finally:
        sy.settings.quiet = quiet
        for server in notebook.namespace.get("servers", {}).values():
            server.land()
    return notebook


@pytest.fixture(scope="module")
def average(homes: None) -> Notebook:
    return _ran("federated_average.py")


@pytest.fixture(scope="module")
def pooled(homes: None) -> Notebook:
    return _ran("pooled_statistic.py")


def _printed(notebook: Notebook, beginning: str) -> list[str]:
    (name,) = [one for one in notebook.names if one.startswith(beginning)]
    return notebook.cells[name].printed.splitlines()


def test_three_hospitals_train_a_model_together(average: Notebook) -> None:
    weights, central = average.namespace["weights"], average.namespace["central"]
    assert weights == pytest.approx(central, abs=0.2)
    assert average.namespace["right"] > 0.9


def test_it_does_not_run_before_all_have_agreed_nor_more_often_than_asked(average: Notebook) -> None:
    assert _printed(average, "Asked of the hospitals")[-1].startswith("NotApproved: ")
    assert _printed(average, "An eleventh round")[-1].startswith("NotApproved: ")


def test_a_pooled_statistic_is_that_of_all_rows(pooled: Notebook) -> None:
    assert _printed(pooled, "The answer")[-1] == "True True"


def test_what_a_site_added_is_seen_by_nobody_else(pooled: Notebook) -> None:
    told = _printed(pooled, "What each clinic added")
    assert "'moments': 'released'" in told[0]
    assert told[-1].startswith("InvalidState: ")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("average", "A federated average: a model that three hospitals train together"),
        ("pooled", "A pooled statistic over three clinics, with secure aggregation"),
    ],
)
def test_the_executed_notebooks_in_the_documents_are_these(
    request: pytest.FixtureRequest, name: str, title: str
) -> None:
    file = {"average": "federated_average.ipynb", "pooled": "pooled_statistic.ipynb"}[name]
    heading = "Over datasites that are processes of their own"
    check_executed(request.getfixturevalue(name), file, title, heading)
