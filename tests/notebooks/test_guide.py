"""The guide of 2024, run as it is written: over HTTP to a server process, and to a node in this process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import syft as sy
from support.cells import Notebook
from syft.client import login as login_module
from syft.transport.memory import MemoryRoute

GUIDE = Path(__file__).with_name("guide_2024.py")


@pytest.fixture(scope="module", params=["server process", "this process"])
def guide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """The whole guide, run once."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SYFT_HOME", str(tmp_path_factory.mktemp("home")))
    notebook = Notebook(GUIDE)
    if request.param == "this process":
        _bring_home(notebook, patch)
    try:
        for name in notebook.names:
            notebook.run(name)
        yield notebook
    finally:
        if "node" in notebook.namespace:
            notebook.namespace["node"].land()
        patch.undo()


def _bring_home(notebook: Notebook, patch: pytest.MonkeyPatch) -> None:
    """The guide names a port; here the same cells get a node without one, and log in to it."""
    launch = sy.orchestra.launch

    def launch_here(**options: Any) -> Any:
        options["port"] = None
        return launch(**options)

    def route(**options: Any) -> dict[str, Any]:
        options.pop("url")
        options.pop("port")
        return {**options, "route": MemoryRoute(notebook.namespace["node"].python_server)}

    patch.setattr(sy.orchestra, "launch", launch_here)
    patch.setattr(sy, "login", lambda **options: login_module.login(**route(**options)))
    patch.setattr(sy, "login_as_guest", lambda **options: login_module.login_as_guest(**route(**options)))


def test_every_cell_runs(guide: Notebook) -> None:
    assert list(guide.cells) == guide.names


def test_launch_says_where_it_is_and_who_is_logged_in(guide: Notebook) -> None:
    printed = guide.cells["launch"].printed
    assert "Logged into <demo_datasite: High side Datasite> as <info@openmined.org>" in printed
    assert "You are using a default password. Please change the password using" in printed
    assert "Uploading: demo_asset" in printed
    assert "Registration feature successfully enabled" in printed + repr(guide.cells["launch"].value)


def test_registering_is_as_a_guest(guide: Notebook) -> None:
    assert "Logged into <demo_datasite: High-side Datasite> as GUEST" in guide.cells["register"].printed


def test_the_asset_shows_its_mock_and_keeps_the_rest(guide: Notebook) -> None:
    asset = guide.cells["asset"].value
    for shown in (str(asset), asset._repr_html_()):
        assert "demo_asset" in shown
        assert "Asset ID" in shown
        assert "Action Object ID" in shown
        assert "You do not have permission to access private data." in shown
        assert "Mock Data" in shown
    assert asset.data is None
    pd.testing.assert_frame_equal(asset.mock, guide.namespace["mock_df"])


def test_prototype_on_the_mock(guide: Notebook) -> None:
    assert guide.cells["prototype"].value.to_dict() == {"A": 4, "B": 50}


def test_the_request_reads_as_in_the_guide(guide: Notebook) -> None:
    shown = str(guide.cells["request"].value)
    assert "Status: RequestStatus.PENDING" in shown
    assert "Requested on: Demo_datasite of type Datasite" in shown
    assert "Requested by: Data Scientist (data_scientist@test.com)" in shown
    assert "Request to change example_function (Pool Id: default-pool)" in shown
    assert "to permission RequestStatus.APPROVED. No nested requests." in shown


def test_the_name_that_does_not_match_is_said_and_mapped(guide: Notebook) -> None:
    printed = guide.cells["request"].printed
    assert "'data'" in printed
    assert "'private_dataset'" in printed
    assert "private_dataset" in str(guide.cells["request"].value)


@pytest.mark.parametrize(
    ("cell", "name"),
    [("outside variable", "CONST"), ("outside function", "helper"), ("outside module", "np")],
)
def test_outside_names_are_named(guide: Notebook, cell: str, name: str) -> None:
    printed = guide.cells[cell].printed
    assert "Syft function 'example' successfully created." in printed
    before, after = (
        printed.split("successfully created")[0],
        printed.split("request_code_execution(example)`.")[1],
    )
    assert name in before + after
    assert "line" in printed


@pytest.mark.parametrize("cell", ["inside variable", "inside function", "inside module", "plot"])
def test_self_contained_functions_are_not_warned_about(guide: Notebook, cell: str) -> None:
    printed = guide.cells[cell].printed
    assert "Syft function 'example' successfully created." in printed
    assert "line" not in printed


def test_bytesio(guide: Notebook) -> None:
    assert guide.cells["bytesio"].value is io.BytesIO


def test_testing_locally_and_on_an_ephemeral_server(guide: Notebook) -> None:
    assert guide.cells["local testing"].value.to_dict() == {"A": 4, "B": 50}
    tested = guide.cells["ephemeral testing"]
    assert "Pointer" in repr(tested.value)
    assert tested.value.get().to_dict() == {"A": 4, "B": 50}
    assert "mock" in tested.printed


def test_testing_on_the_remote_server(guide: Notebook) -> None:
    cell = guide.cells["allow mock execution"]
    assert "User details successfully updated." in cell.printed + repr(cell.value)
    cell = guide.cells["submit"]
    assert "User Code Submitted" in cell.printed + repr(cell.value)
    assert "UserCode" in repr(guide.cells["code list"].value)
    assert guide.cells["remote testing"].value.get().to_dict() == {"A": 4, "B": 50}


def test_nested_request_reads_as_in_the_guide(guide: Notebook) -> None:
    shown = str(guide.cells["nested"].value)
    assert "Request to change process_all (Pool Id: default-pool)" in shown
    assert "Nested Requests not resolved" in shown


def test_what_the_owner_approves_runs_on_the_private_data(guide: Notebook) -> None:
    owner, scientist = guide.namespace["admin_client"], guide.namespace["ds_client"]
    asset = scientist.datasets[0].assets[0]
    with pytest.raises(sy.SyftException, match="waiting for approval"):
        scientist.code.example_function(data=asset)
    owner.requests[0].approve()
    result = scientist.code.example_function(data=asset).get()
    assert isinstance(result, pd.Series)
    assert result.to_dict() == {"A": 6, "B": 60}
    assert result.name is None


def test_nested_jobs_add_up(guide: Notebook) -> None:
    owner, scientist = guide.namespace["admin_client"], guide.namespace["ds_client"]
    nested = next(request for request in owner.requests if request.code.service_func_name == "process_all")
    nested.approve(approve_nested=True)
    total = scientist.code.process_all(data=scientist.datasets[0].assets[0]).get()
    assert total == 66
    assert isinstance(total, int | np.integer)


def test_denied_says_why(guide: Notebook) -> None:
    owner, scientist = guide.namespace["admin_client"], guide.namespace["ds_client"]
    scientist.code.request_code_execution(guide.namespace["example"])
    owner.requests[-1].deny("Too close to the rows themselves.")
    with pytest.raises(sy.SyftException, match="Too close to the rows themselves"):
        scientist.code.example(data=scientist.datasets[0].assets[0])
