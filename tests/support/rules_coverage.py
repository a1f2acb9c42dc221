"""Branch coverage of the modules that decide what may happen, by the tests that are about them; complete, or it fails.

A line or branch that no test reaches says why in its place, `# pragma: no cover - reason` or `# pragma: no branch -
reason`; without a reason it counts as missing.

    python tests/support/rules_coverage.py [--keep] [pytest's arguments, instead of the tests below]

With `--keep` what was noted before stays: run what is missing alone, and see the sum.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import coverage

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".coverage-rules"
SOURCE = ROOT / "src" / "syft"
# Patterns, so that a module that is new in these packages is looked at from its first day.
MODULES = (
    "access/*.py",
    "policy/*.py",
    "wire/envelope.py",
    "node/dispatch.py",
    "jobs/approved.py",
    "jobs/custom.py",
    "jobs/policystate.py",
    "jobs/prepare.py",
    "jobs/settle.py",
)
TESTS = (
    "tests/integration/test_rehearsals.py",
    "tests/unit/access",
    "tests/unit/policy",
    "tests/unit/jobs",
    "tests/unit/node",
    "tests/unit/wire/test_drafts.py",
    "tests/unit/wire/test_hiding.py",
    "tests/property/test_envelope.py",
    "tests/security/test_accounts.py",
    "tests/security/test_approved_is_what_runs.py",
    "tests/security/test_custom_policies.py",
    "tests/security/test_deposit.py",
    "tests/security/test_envelopes.py",
    "tests/security/test_evidence.py",
    "tests/security/test_held_results.py",
    "tests/security/test_private_output.py",
    "tests/security/test_protocol_sites.py",
    "tests/security/test_single_execution.py",
    "tests/security/test_terms.py",
    "tests/security/test_who_may_what.py",
)


def main() -> int:
    """Run the tests, print the report; the status to end with."""
    arguments = sys.argv[1:]
    keep = "--keep" in arguments
    # Modules and tests that are not there yet are none.
    sources = sorted(str(path) for pattern in MODULES for path in SOURCE.glob(pattern))
    tests = [one for one in TESTS if (ROOT / one).exists()]
    chosen = [one for one in arguments if one != "--keep"] or ["-q", *tests]
    command = [sys.executable, "-m", "coverage", "run", "--branch", f"--data-file={PLACE}"]
    command += [f"--include={','.join(sources)}", *(["--append"] if keep else [])]
    ran = subprocess.run([*command, "-m", "pytest", "-p", "no:cacheprovider", *chosen], cwd=ROOT, check=False)
    judge = coverage.Coverage(data_file=str(PLACE), branch=True, config_file=False)
    judge.set_option("report:exclude_lines", [r"# pragma: no cover - \S", r"^\s*\.\.\.$"])
    judge.set_option("report:partial_branches", [r"# pragma: no branch - \S"])
    judge.load()
    print()
    reached = judge.report(sources, show_missing=True, skip_covered=True, file=sys.stdout)
    if reached < 100:
        print("Write the test that is missing, or say in its place why there is none.")
    return ran.returncode or int(reached < 100)


if __name__ == "__main__":
    sys.exit(main())
