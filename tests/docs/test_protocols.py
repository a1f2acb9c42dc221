"""The blocks of docs/protocols.md run as a file, one after the other, and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_page_runs_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    # A file: the text of a Syft function is read from where it stands.
    page = tmp_path / "page.py"
    page.write_text("\n\n".join(BLOCKS), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(page)],
        cwd=tmp_path,
        env={"SYFT_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert ran.returncode == 0, ran.stderr
    said = [
        line
        for block in BLOCKS
        for line in re.findall(r"^print\(.*  # .*?([\[\d][\d.\]]*)$", block, re.MULTILINE)
    ]
    assert said == ["[13.]", "1.5", "25.166666666666668"]
    printed = ran.stdout.splitlines()
    for line in said:
        assert line in printed
    # What the owners read before they answered.
    assert "table is 'table' of 'patients'" in ran.stdout
    assert "def pooled(one, other):" in printed
