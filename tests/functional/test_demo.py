"""The demo, run as a newcomer runs it: what it prints is true, and nothing of it is left behind."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


class Ran(NamedTuple):
    """One run of the demo, in a folder and with a home folder of its own."""

    folder: Path
    home: Path
    code: int
    out: str
    err: str

    def scene(self, title: str) -> list[str]:
        """The lines under a title."""
        lines = self.out.splitlines()
        first = lines.index(title) + 1
        length = next((at for at, line in enumerate(lines[first:]) if not line), len(lines))
        return lines[first : first + length]


def run(folder: Path, *command: str) -> Ran:
    home = folder / "home"
    home.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SYFT_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
    )
    return Ran(folder, home, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    ran = run(tmp_path_factory.mktemp("demo"), str(DEMO))
    assert ran.code == 0, ran.out + ran.err
    return ran


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expected_cells(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """What the demo's function should find, worked out in another way: a cell at a time."""
    pays = {"nothing": [0], "25 %": [25], "50 %": [50], "95 % or all": [95, 100]}
    other = table["hlthg"] + table["hlthf"] + table["hlthp"] == 0
    health = {"excellent": other, "good": table["hlthg"] == 1, "fair": table["hlthf"] == 1}
    health["poor"] = table["hlthp"] == 1
    per_cent = (np.exp(table["lncoins"]) - 1).round().astype(int)
    cells = {}
    for pays_name, rates in pays.items():
        for health_name, flag in health.items():
            visits = table["mdvis"][per_cent.isin(rates) & flag]
            shown = f"{visits.mean().round(3):.2f} ({len(visits):,})"
            cells[pays_name, health_name] = shown if len(visits) >= 25 else "-"
    return cells


def printed_cells(lines: list[str]) -> dict[tuple[str, str], str]:
    start = next(at for at, line in enumerate(lines) if "people pay" in line and "excellent" in line)
    names = lines[start].split()[2:]
    cells = {}
    for line in lines[start + 1 : start + 5]:
        pays, *values = re.split(r"\s{2,}", line.strip())
        cells.update({(pays, name): value for name, value in zip(names, values, strict=True)})
    return cells


def test_the_printed_result_is_that_of_the_private_table(ran: Ran, demo: ModuleType):
    lines = ran.scene("It runs next to the real table, and only the result comes back")
    expected = expected_cells(demo.private_table())
    assert printed_cells(lines) == expected
    left_out = sum(text == "-" for text in expected.values())
    assert left_out == 1
    assert f"left out: {left_out}." in "\n".join(lines)
    assert "the same result, from the first run" in "\n".join(lines)


def test_the_test_on_the_mock_shows_the_mock(ran: Ran, demo: ModuleType):
    lines = ran.scene("She writes a function, and tests it on the mock behind the same fence as the real run")
    assert printed_cells(lines) == expected_cells(demo.mock_table())


def test_the_mock_has_no_real_row_and_the_same_columns(demo: ModuleType):
    private, mock = demo.private_table(), demo.mock_table()
    assert list(mock.columns) == list(private.columns)
    assert list(mock.dtypes) == list(private.dtypes)
    assert len(mock.merge(private.round(4).drop_duplicates())) == 0


def test_the_plot_is_a_picture(ran: Ran):
    data = (ran.folder / "demo-output" / "visits.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert data.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    assert 400 < width < 2000
    assert 200 < height < 2000


def test_what_is_not_allowed_is_refused_and_says_why(ran: Ran):
    seen = " ".join(ran.scene("A data scientist registers, and looks at what is there"))
    assert "You do not have permission to access private data." in seen
    asked = " ".join(ran.scene("She asks the owner to run it on the real table"))
    assert "NotApproved: Your code is waiting for approval" in asked
    told = " ".join(" ".join(ran.scene("She asks for too much, and learns why not")).split())
    assert "Reason: This returns the rows themselves. Ask for counts or means of groups." in told


def test_the_log_tells_the_story_and_is_checked(ran: Ran):
    lines = ran.scene("What happened stands in the log")
    verbs = [line.split()[2] for line in lines if re.match(r"\s+\d+  \d\d:", line)]
    story = ["dataset.created", "request.created", "request.approved", "result.released", "request.denied"]
    assert [verb for verb in dict.fromkeys(verbs) if verb in story] == story
    assert verbs.count("result.released") == 1
    assert f"{len(verbs)} events, checked with the node's public key" in lines[-1]


def test_it_fits_the_screen_and_leaves_nothing_behind(ran: Ran):
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "Traceback" not in ran.err
    assert list(ran.home.rglob("syft*")) == []
    check_stopped(ran)


def test_the_server_is_stopped_when_something_goes_wrong(tmp_path: Path):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import demo; demo.owner_uploads = None; demo.main()"
    )
    ran = run(tmp_path, "-c", script, str(DEMO.parent))
    assert ran.code == 1
    assert "'NoneType' object is not callable" in ran.err
    check_stopped(ran)


def check_stopped(ran: Ran) -> None:
    found = re.search(r"http://localhost:(\d+)", ran.out)
    assert found is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(found[1])), timeout=5).close()
