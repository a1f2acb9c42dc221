"""Launching from a notebook: what was there is there again, in every mode."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import syft as sy
from syft import orchestra
from syft.errors import InvalidInput, NodeUnreachable, StorageError
from syft.node.node import Node

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
    assert again is served
    anew = sy.orchestra.launch(name="there", port="auto", reset=True)
    assert anew.pid != served.pid
    assert len(anew.login(**ROOT).datasets) == 0
    anew.land()
    again = sy.orchestra.launch(name="there", port="auto")
    assert again.pid != anew.pid
    upload(again.login(**ROOT))
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
    for port in (0, -1, 65536, "65536", "80.5", True, "٨٠"):
        with pytest.raises(InvalidInput, match="A port is a number"):
            sy.orchestra.launch(name="x", port=port)
    with pytest.raises(InvalidInput, match="'datasite' or 'gateway'"):
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
    with pytest.raises(StorageError, match="Others may read the key in"):
        sy.orchestra.launch(name="x", port="auto")


def test_an_old_handle_does_not_take_the_new_node_away() -> None:
    first = sy.orchestra.launch(name="site", reset=True)
    second = sy.orchestra.launch(name="site", reset=True)
    assert first.python_server is not second.python_server
    first.land()
    assert sy.orchestra.launch(name="site").python_server is second.python_server
    assert len(second.login(**ROOT).datasets) == 0


def test_a_node_in_this_process_has_one_handle_that_ends_it() -> None:
    for reset in (True, False, False, True):
        last = sy.orchestra.launch(name="site", reset=reset)
    assert [one for one in orchestra._handles if one.name == "site"] == [last]
    sy.orchestra.land_all()
    assert (orchestra._handles, orchestra._nodes) == ([], {})


def test_a_node_that_does_not_start_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Node) -> None:
        raise StorageError("It does not start.")

    with monkeypatch.context() as patch:
        patch.setattr(Node, "start", refuse)
        with pytest.raises(StorageError, match="does not start"):
            sy.orchestra.launch(name="site", reset=True)
    assert orchestra._nodes == {}
    assert len(sy.orchestra.launch(name="site").login(**ROOT).datasets) == 0


def test_a_port_may_be_text() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = sy.orchestra.launch(name="site", port=str(port), reset=True)
    assert server.port == port
    assert server.client.name == "site"


@pytest.mark.parametrize(
    ("address", "port", "url", "number"),
    [
        (None, None, "http://localhost:8080", 8080),
        (None, "8099", "http://localhost:8099", 8099),
        ("http://localhost", "8099", "http://localhost:8099", 8099),
        ("https://data.example.org/syft/", None, "https://data.example.org/syft", 443),
        ("https://data.example.org/syft", "8443", "https://data.example.org:8443/syft", 8443),
        ("http://data.example.org", "", "http://data.example.org", 80),
        ("data.example.org:81", None, "http://data.example.org:81", 81),
    ],
)
def test_a_remote_server_is_where_the_environment_says(
    address: str | None, port: str | None, url: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SERVER_URL", address), ("SERVER_PORT", port)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    server = sy.orchestra.launch(name="far", deploy_to="remote")
    assert (server.url, server.port) == (url, number)
    assert repr(server) == f"<ServerHandle far at {url}>"


@pytest.mark.parametrize(("name", "value"), [("SERVER_PORT", "many"), ("SERVER_URL", "ftp://x")])
def test_a_remote_server_that_is_nowhere(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match=r"SERVER_URL and SERVER_PORT: .*is not a"):
        sy.orchestra.launch(name="far", deploy_to="remote")


def test_a_remote_handle_reaches_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    server = sy.orchestra.launch(name="site", port="auto", reset=True)
    assert server.url is not None
    monkeypatch.setenv("SERVER_URL", server.url)
    remote = sy.orchestra.launch(name="far", deploy_to="remote")
    assert remote.client.name == "site"
    assert remote.login(**ROOT).name == "site"


def test_a_handle_in_a_notebook() -> None:
    server = sy.orchestra.launch(name="site", reset=True)
    assert "<b>URL:</b> in this process" in server._repr_html_()


@pytest.mark.parametrize("says", ["", "sys.stdout.write('half a line'); sys.stdout.flush();"])
def test_a_server_that_hangs_is_ended(says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestra, "_START_S", 0.5)
    command = [sys.executable, "-c", f"import sys, time; {says} time.sleep(60)"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    began = time.monotonic()
    with pytest.raises(NodeUnreachable, match="'site' did not answer within"):
        orchestra._wait_ready(process, "site")
    assert time.monotonic() - began < 10
    assert process.returncode is not None


def test_a_server_that_ends_without_a_word_is_said() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with pytest.raises(StorageError, match="ended before it answered"):
        orchestra._wait_ready(process, "site")
