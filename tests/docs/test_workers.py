"""The lines of code in docs/workers.md run as they stand, and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "workers.md"


def test_the_lines_about_workers_run(tmp_path: Path) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    said = re.findall(r"^print\(.*?\)  # (.*)$", code, re.MULTILINE)
    pointer, *rest = said
    assert ran.stdout.startswith(re.sub(r":\d+.*", ":", pointer))
    for line in rest:
        if line != "any value that travels":
            assert line in ran.stdout.splitlines()
