"""Branch coverage of `src/syft/sandbox`, most of which runs in processes that nothing gets out of.

coverage.py writes a file when a process ends. Runs are ended with SIGKILL, may not open files, and have every
descriptor closed that is not theirs; so the steps are noted by `fence_recorder.py` instead, and coverage.py only
tells what is missing. The tests named below run with a Python that differs from the ordinary one in that alone.

    python tests/support/fence_coverage.py [--keep] [pytest's arguments, instead of the tests below]

What is listed as missing has a `# pragma: no cover - reason`, or a line in docs/sandbox.md that says why; the status
is that of the tests.
"""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import coverage
from fence_recorder import LINES, SIZE

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".coverage-fence"
FENCE = ROOT / "src" / "syft" / "sandbox"
TESTS = (
    "tests/unit/sandbox",
    "tests/contracts/test_runner.py",
    "tests/security/test_sandbox_acts.py",
    "tests/security/test_sandbox_process.py",
    "tests/security/test_sandbox_workloads.py",
    "tests/integration/test_isolation.py",
    "tests/integration/test_keeper.py",
    "tests/integration/test_lost_runs.py",
)
# What is noted takes frames and time, which these count.
WITHOUT = "not RecursionError and not test_start_returns_at_once"


def main() -> int:
    """Run the tests, print the report; the status to end with."""
    arguments = sys.argv[1:]
    keep = "--keep" in arguments
    # The acts in `acts/` are left out: they are what must fail, so their second half is never reached.
    sources = sorted(str(path) for path in FENCE.glob("*.py"))
    if not keep:
        shutil.rmtree(PLACE, ignore_errors=True)
    python = make_environment(PLACE, sources)
    chosen = [one for one in arguments if one != "--keep"] or ["-q", "-k", WITHOUT, *TESTS]
    tests = [python, "-m", "pytest", "-p", "no:cacheprovider", "--timeout", "900", *chosen]
    status = subprocess.run(tests, cwd=ROOT, check=False).returncode
    report(PLACE, sources)
    return status


def make_environment(place: Path, sources: list[str]) -> str:
    """A virtual environment with everything of this one, in which steps are noted; its Python."""
    if not (place / "bin" / "python").exists():
        venv.create(place, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    ours = sysconfig.get_path("purelib")
    (packages / "fence.pth").write_text(f"import site; site.addsitedir({ours!r})\nimport fence_recorder\n")
    shutil.copy(Path(__file__).parent / "fence_recorder.py", packages)
    (packages / "sources").write_text("\n".join(sources))
    notes = packages / "notes"
    with notes.open("ab") as file:
        file.truncate(SIZE * len(sources))
    # Tests also run as ordinary users.
    notes.chmod(0o666)
    return str(place / "bin" / "python")


def report(place: Path, sources: list[str]) -> None:
    """Print what was not run."""
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    measured = coverage.CoverageData(basename=str(place / "coverage"))
    measured.erase()
    with (packages / "notes").open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as notes:
        steps = {source: list(steps_in(notes, number * SIZE)) for number, source in enumerate(sources)}
    measured.add_arcs(steps)
    measured.write()
    judge = coverage.Coverage(data_file=str(place / "coverage"), branch=True, config_file=False)
    judge.set_option("report:exclude_lines", [r"# pragma: no cover - \S", r"^\s*\.\.\.$", "__main__"])
    judge.set_option("report:partial_branches", [r"# pragma: no branch - \S"])
    judge.load()
    print()
    judge.report(sources, show_missing=True, file=sys.stdout)


def steps_in(notes: mmap.mmap, base: int) -> list[tuple[int, int]]:
    """Every step that was noted for one source."""
    found, at = [], base - 1
    while (at := notes.find(b"\x01", at + 1, base + SIZE)) >= 0:
        start, end = divmod(at - base, LINES)
        found.append((start - LINES // 2, end - LINES // 2))
    return found


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main())
