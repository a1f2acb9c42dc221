"""In containers as Docker, Podman and Kubernetes make them the fence holds, and a server does its work.

Made by `crun`, which Debian has; only root can make them. See `support/containers.py` for what is not emulated.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from support import containers, one_question
from support.containers import (
    DOCKER_NO_RIGHTS,
    DOCKER_RAISED,
    DOCKER_ROOT,
    DOCKER_USER,
    KUBERNETES,
    PODMAN,
    PODMAN_UNMASKED,
    Container,
    Profile,
)
from syft.sandbox.acts.every import ACTS
from syft.sandbox.launch import UNGROUPED
from syft.sandbox.levels import LANDLOCK, NAMESPACES, NOT_PROMISED, PROMISES
from syft.sandbox.report import Examined

pytestmark = [
    pytest.mark.skipif(containers.why_not() != "", reason=containers.why_not()),
    # Four containers at once, each with more than 200 processes one after the other.
    pytest.mark.timeout(400),
]

# What each comes to. Docker's filter forbids new user namespaces; Podman's does not, but parts of /proc are covered.
LEVELS: dict[Profile, str] = {
    DOCKER_ROOT: LANDLOCK,
    DOCKER_USER: LANDLOCK,
    DOCKER_NO_RIGHTS: LANDLOCK,
    DOCKER_RAISED: NAMESPACES,
    PODMAN: LANDLOCK,
    PODMAN_UNMASKED: NAMESPACES,
    KUBERNETES: LANDLOCK,
}
# In these, every act is tried; in all, those of the self-test with which a server starts.
EXAMINED = (DOCKER_ROOT, DOCKER_USER, PODMAN_UNMASKED, KUBERNETES)
SYFT = (sys.executable, "-m", "syft.cli")
PROGRAM = Path(one_question.__file__)
PASSWORD = "correct horse battery staple"
READY = "Submitted code runs at isolation level"


def examine(folder: Path, profile: Profile) -> Examined:
    folder.mkdir()
    with Container(folder, profile, [*SYFT, "doctor", "--json"]) as container:
        said, errors = container.process.communicate(timeout=350)
    assert said, errors
    return msgspec.json.decode(said, type=Examined)


@pytest.fixture(scope="module")
def examinations(tmp_path_factory: pytest.TempPathFactory) -> dict[Profile, Examined]:
    """All at once, since most of the time they wait for what is to be stopped at a limit of time."""
    folder = tmp_path_factory.mktemp("containers")
    with ThreadPoolExecutor(len(EXAMINED)) as pool:
        found = pool.map(lambda profile: examine(folder / profile.name.replace(", ", "-"), profile), EXAMINED)
        return dict(zip(EXAMINED, found, strict=True))


@pytest.fixture(scope="module", params=EXAMINED, ids=lambda profile: profile.name)
def profile(request: pytest.FixtureRequest) -> Profile:
    found: Profile = request.param
    return found


@pytest.fixture
def examined(profile: Profile, examinations: dict[Profile, Examined]) -> Examined:
    return examinations[profile]


def test_the_strongest_level_that_is_possible_is_taken(profile: Profile, examined: Examined) -> None:
    assert examined.level == LEVELS[profile], examined.passed_over
    assert [one.partition(":")[0] for one in examined.passed_over] == (
        [] if examined.level == NAMESPACES else [NAMESPACES]
    )


@pytest.mark.parametrize("name", ACTS)
def test_the_act_fails_inside(examined: Examined, name: str) -> None:
    (one,) = (one for one in examined.findings if one.name == name)
    if one.outside and one.inside:
        pytest.skip(f"the container forbids it: {one.outside}")
    assert one.inside or name in NOT_PROMISED[examined.level], one


def test_most_acts_work_in_the_container_itself(examined: Examined) -> None:
    """Else it would be the container that forbids them, and the fence would not have been tested."""
    assert sum(not one.outside for one in examined.findings) >= 70
    assert examined.breaches == []


def test_root_of_a_container_gives_runs_users_of_their_own(examinations: dict[Profile, Examined]) -> None:
    found = examinations[DOCKER_ROOT]
    # A container's tree of control groups can only be read.
    assert [one for one in found.weaknesses if not one.startswith(UNGROUPED)] == []
    for name in ("ask whether a file of the server's exists", "start very many threads"):
        (one,) = (one for one in found.findings if one.name == name)
        assert one.verdict == "held"


def test_the_report_says_what_stands_in_the_way(examinations: dict[Profile, Examined]) -> None:
    calls, proc = examinations[DOCKER_ROOT].to_do
    assert "seccomp filter" in calls
    assert "unshare" in calls
    assert "systempaths=unconfined" in proc
    assert examinations[PODMAN_UNMASKED].to_do == ()


# A server in a container, as its first process


class Site:
    """A server, of which what it said last while it started is known."""

    def __init__(self, folder: Path, profile: Profile, **environ: str) -> None:
        environ |= {"SYFT_ROOT_PASSWORD": PASSWORD, "PYTHONUNBUFFERED": "1"}
        command = [*SYFT, "launch", "--host", "0.0.0.0"]
        self.container = Container(folder, profile, command, environ, [PROGRAM.parent])

    def line(self, beginning: str) -> str:
        """The next line that begins so."""
        assert self.container.process.stdout is not None
        for line in self.container.process.stdout:
            if line.startswith(beginning):
                return line
        pytest.fail(f"it ended: {self.container.process.communicate()[1]}")

    def processes(self) -> dict[int, str]:
        """Pid and name of all, with `(dead)` where nobody has waited for one."""
        script = "for one in /proc/[0-9]*/stat; do cat $one; done 2>/dev/null"
        found = {}
        for line in self.container.inside("/bin/sh", "-c", script).stdout.splitlines():
            pid, _, rest = line.partition(" (")
            name, _, rest = rest.rpartition(") ")
            found[int(pid)] = f"{name} (dead)" if rest.startswith("Z") else name
        return found


@pytest.mark.parametrize("profile", LEVELS, ids=lambda profile: profile.name)
def test_approved_code_runs_there(tmp_path: Path, profile: Profile) -> None:
    site = Site(tmp_path, profile)
    with site.container as container:
        level = LEVELS[profile]
        assert site.line(READY) == f"{READY} '{level}': {PROMISES[level]}.\n"
        done = container.inside(sys.executable, str(PROGRAM))
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
    assert answer == {"result": sum(range(one_question.ROWS)), "isolation": level, "note": ""}


@pytest.mark.parametrize("profile", [DOCKER_USER, PODMAN], ids=lambda profile: profile.name)
def test_below_the_minimum_nothing_runs_and_it_is_said_what_to_do(tmp_path: Path, profile: Profile) -> None:
    site = Site(tmp_path, profile, SYFT_ISOLATION_MIN=NAMESPACES)
    with site.container as container:
        site.line("Ctrl-C stops it")
        answer = json.loads(container.inside(sys.executable, str(PROGRAM)).stdout)
    assert "result" not in answer
    assert "isolation of at least 'namespaces' is required and not available" in answer["note"]
    assert "systempaths=unconfined" in answer["note"]
    assert ("a seccomp filter is in force" in answer["note"]) == (profile is DOCKER_USER)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, DOCKER_USER)
    with site.container:
        site.line(READY)
        yield site


def test_the_first_process_waits_for_those_that_have_lost_their_parents(site: Site) -> None:
    assert min(site.processes()) == 1
    # The shell ends before what it has started.
    site.container.inside("/bin/sh", "-c", "sh -c 'exit 0' & sleep 0.1 & exit 0")
    site.container.inside("/bin/sleep", "0.5")
    left = site.processes()
    assert [name for name in left.values() if "sleep" in name or "(dead)" in name] == []


def test_it_ends_in_order_when_it_is_told_to(site: Site, tmp_path: Path) -> None:
    data = tmp_path / "rootfs" / containers.HOME[1:] / "data" / "syft-server"
    assert (data / "node.db-wal").exists()
    site.container.signal("TERM")
    assert site.container.process.wait(20) == 0
    assert (data / "node.db").exists()
    assert not (data / "node.db-wal").exists(), "the database was not closed"
    # The places of what the container is given, where that lies below /tmp, are not the server's.
    left = [one.name for one in (tmp_path / "rootfs/tmp").iterdir()]
    assert [one for one in left if one.startswith("syft")] == []
