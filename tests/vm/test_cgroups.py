"""Control groups in a virtual machine that has them: what happens there is in `guest_cgroups.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm import machine

WHY_NOT = machine.why_not()
TIMEOUT_S = 900.0


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
@pytest.mark.timeout(TIMEOUT_S + 60)
def test_control_groups_hold_what_they_promise(tmp_path: Path) -> None:
    folder = Path(__file__).parent.relative_to(machine.PROJECT)
    # Plugins take longer to import there than the tests to run, and want to write.
    plugins = "-p pytest_timeout -p no:cacheprovider"
    command = (
        f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 .venv/bin/python -m pytest -q --noconftest {plugins}".split()
    )
    command += ["--timeout", str(TIMEOUT_S), "--durations", "5", "--color", "no"]
    answer = machine.run([*command, f"{folder}/guest_cgroups.py"], tmp_path, timeout_s=TIMEOUT_S)
    print(answer.text)
    assert answer.status == 0
    assert " passed" in answer.text
