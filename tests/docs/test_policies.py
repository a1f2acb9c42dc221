"""The lines of code about policies of one's own run as they stand, and print what is said beside them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from syft.model.code import MANY
from syft.sandbox import policies

TEXT = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text(encoding="utf-8")


def test_the_lines_run(tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    script = tmp_path / "policies.py"
    script.write_text(code, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "SYFT_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    printed = [
        line for line in ran.stdout.splitlines() if line in ("58", "56", "44", "too few rows", "2 of 2 given")
    ]
    assert printed == ["58", "56", "too few rows", "44", "2 of 2 given", "44"], ran.stdout


def test_the_figures_are_those_of_the_source() -> None:
    for figure in (
        f"{policies.WALL_S:.0f} seconds",
        f"{policies.MEMORY_BYTES >> 20} MiB beside",
        f"{policies.MAX_STATE_BYTES >> 20} MiB at most",
        f"{policies.MAX_SHOWN_BYTES >> 10} KiB at most",
        f"{policies.MAX_VALUES_BYTES >> 20} MiB together",
        f"{MANY:,} results",
    ):
        assert figure in TEXT.replace("\n", " "), figure
