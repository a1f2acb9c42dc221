"""Launching from a notebook: what was there is there again, in every mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import syft as sy
from syft.errors import InvalidInput, NodeUnreachable, StorageError

ROOT = {"email": "info@openmined.org", "password": "changethis"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SYFT_HOME", str(tmp_path))
    yield tmp_path
    sy.orchestra.land_all()


def upload(client: sy.Client, name: str = "kept") -> None:
    frame = pd.DataFrame({"A": [1, 2, 3]})
    asset = sy.Asset(name="a", data=frame, mock=frame * 0)
    client.upload_dataset(sy.Dataset(name=name, asset_list=[asset]))


@pytest.mark.parametrize("port", [None, "auto"])
def test_data_survives_a_relaunch_and_reset_throws_it_away(port: str | None) -> None:
    server = sy.orchestra.launch(name="site", port=port, reset=True)
    upload(server.login(**ROOT))
    server.land()
    server = sy.orchestra.launch(name="site", port=port, reset=False)
    assert [dataset.name for dataset in server.login(**ROOT).datasets] == ["kept"]
    server.land()
    server = sy.orchestra.launch(name="site", port=port, reset=True)
    assert len(server.login(**ROOT).datasets) == 0


def test_data_survives_from_one_mode_to_the_other() -> None:
    server = sy.orchestra.launch(name="site", port="auto", reset=True)
    upload(server.login(**ROOT))
    server.land()
    server = sy.orchestra.launch(name="site")
    assert server.port is None
    assert server.login(**ROOT).datasets["kept"].assets["a"].data["A"].sum() == 6


def test_launching_a_cell_again_takes_or_replaces_what_it_launched() -> None:
    first = sy.orchestra.launch(name="here", reset=True)
    upload(first.login(**ROOT))
    assert sy.orchestra.launch(name="here").python_server is first.python_server
    served = sy.orchestra.launch(name="there", port="auto", reset=True)
    upload(served.login(**ROOT))
    again = sy.orchestra.launch(name="there", port="auto")
    assert again.pid != served.pid
    assert len(again.login(**ROOT).datasets) == 1


def test_the_handle() -> None:
    server = sy.orchestra.launch(name="site", port="auto", reset=True)
    assert server.url == f"http://localhost:{server.port}"
    assert repr(server.client) == "<DatasiteClient: site>"
    admin = server.login(**ROOT)
    admin.settings.allow_guest_signup(enable=True)
    server.register(name="Sheldon", email="s@example.org", password="123", password_verify="123")
    assert server.login(email="s@example.org", password="123").logged_in_user == "s@example.org"
    guest = server.login_as_guest()
    server.land()
    server.land()
    with pytest.raises(NodeUnreachable, match="Is the server running"):
        len(guest.datasets)


def test_what_cannot_be_launched_says_why(home: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be a node's name"):
        sy.orchestra.launch(name="../x")
    with pytest.raises(InvalidInput, match="does not know nonsense"):
        sy.orchestra.launch(name="x", nonsense=1)
    with pytest.raises(InvalidInput, match="A port is a number"):
        sy.orchestra.launch(name="x", port="many")
    with pytest.raises(InvalidInput, match="one of datasite"):
        sy.orchestra.launch(name="x", server_type="spaceship")
    server = sy.orchestra.launch(name="x", port="auto", reset=True)
    with pytest.raises(StorageError, match=str(server.pid)):
        sy.orchestra.launch(name="x", reset=True)


def test_a_server_process_that_cannot_start_is_said_with_its_reason(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = sy.orchestra.launch(name="x", port="auto", reset=True)
    server.land()
    (home / "x" / "node.key").chmod(0o644)
    with pytest.raises(StorageError, match="Others may read the node's key"):
        sy.orchestra.launch(name="x", port="auto")
