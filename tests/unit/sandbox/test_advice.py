"""What stands between a machine and level `namespaces` is recognised, and the operator told what to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from syft import cli
from syft.sandbox import advice, report, selection
from syft.sandbox.advice import Machine, apparmor_profile, how_to_raise, look
from syft.sandbox.launch import Launcher, LevelError
from syft.sandbox.report import Examined, as_text

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
24 23 0:22 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw
"""


def machine_with(root: Path, **files: str) -> Machine:
    for name, text in files.items():
        path = root / "proc" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return look(root)


def test_a_machine_that_forbids_nothing(tmp_path: Path) -> None:
    machine = machine_with(
        tmp_path,
        self__status="Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n",
        self__mountinfo=MOUNTS,
        sys__kernel__apparmor_restrict_unprivileged_userns="0\n",
        sys__kernel__unprivileged_userns_clone="1\n",
        sys__user__max_user_namespaces="96365\n",
    )
    assert machine == Machine()
    assert how_to_raise(machine, "namespaces: OSError: [Errno 22] something else") == ()


def test_a_kernel_that_knows_none_of_the_files(tmp_path: Path) -> None:
    assert look(tmp_path) == Machine()


@pytest.mark.parametrize(
    ("name", "text", "seen", "said"),
    [
        ("self__status", "Name:\tx\nSeccomp:\t2\n", Machine(filtered=True), "mount_setattr"),
        (
            "self__mountinfo",
            MOUNTS + "30 23 0:30 / /proc/acpi ro - tmpfs tmpfs ro\n",
            Machine(covered=True),
            "systempaths=unconfined",
        ),
        (
            "sys__kernel__apparmor_restrict_unprivileged_userns",
            "1\n",
            Machine(apparmor=True),
            "syft doctor",
        ),
        (
            "sys__kernel__unprivileged_userns_clone",
            "0\n",
            Machine(switched_off=True),
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "sys__user__max_user_namespaces",
            "0\n",
            Machine(none_allowed=True),
            "sysctl -w user.max_user_namespaces=",
        ),
    ],
)
def test_each_thing_in_the_way_is_seen_and_named(
    tmp_path: Path, name: str, text: str, seen: Machine, said: str
) -> None:
    machine = machine_with(tmp_path, **{name: text})
    assert machine == seen
    (sentence,) = how_to_raise(
        machine, "namespaces: PermissionError: [Errno 1] unshare: Operation not permitted"
    )
    assert said in sentence


def test_a_filter_that_let_all_calls_through_is_not_blamed() -> None:
    machine = Machine(filtered=True, covered=True)
    (sentence,) = how_to_raise(
        machine, "namespaces: PermissionError: [Errno 1] mount proc on /x/proc: Operation not permitted"
    )
    assert "parts of /proc are covered" in sentence


def test_nothing_is_blamed_for_a_self_test_that_broke_off() -> None:
    machine = Machine(filtered=True, covered=True, apparmor=True)
    assert how_to_raise(machine, "namespaces: the self-test could not be run: wall-clock limit") == ()


def test_the_profile_names_the_interpreter_that_links_lead_to(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    text = apparmor_profile(str(link))
    assert f'profile syft "{os.path.realpath(sys.executable)}" flags=(unconfined) {{\n  userns,\n' in text
    assert text.startswith("# Save as /etc/apparmor.d/syft")
    assert "apparmor_parser -r /etc/apparmor.d/syft" in text


@pytest.fixture
def restricted_by_apparmor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "look", lambda: Machine(apparmor=True))


@pytest.mark.usefixtures("restricted_by_apparmor")
def test_the_report_has_the_profile_only_where_it_would_help() -> None:
    why = ("namespaces: PermissionError: [Errno 13] mount tmpfs on /x: Permission denied",)
    to_do, profile = report.missing(why)
    text = as_text(Examined("landlock", 7, "", (), why, (), to_do, profile))
    assert "AppArmor takes the rights" in text
    assert "  userns,\n" in text
    assert report.missing(()) == ((), "")


@pytest.mark.usefixtures("restricted_by_apparmor")
def test_a_refusal_says_what_to_do_and_doctor_prints_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(launcher: Launcher, level: str) -> object:
        raise LevelError(f"[Errno 1] this machine has no {level}")

    monkeypatch.setattr(selection, "_prove", prove)
    done = CliRunner().invoke(cli.main, ["doctor"], env={"SYFT_ISOLATION_MIN": "namespaces"})
    assert done.exit_code == 1
    assert "this machine has no namespaces" in done.output
    assert "For `namespaces`: AppArmor takes the rights" in done.output
    assert "  userns,\n" in done.output
