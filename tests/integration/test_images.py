"""Worker images from asking for one to code that imports it: real installs, real fences, a real node."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from support.people import on
from support.sites import Cast, account_of, cast_on, fresh, opened, refused, tampering, upload
from support.wheels import make_wheel, only_place
from syft.client.client import Client
from syft.client.images import CustomWorkerConfig, DockerWorkerConfig, PrebuiltWorkerConfig
from syft.client.login import login
from syft.client.session import Session
from syft.code.environment import environment_digest
from syft.config import DEFAULT_EMAIL, DEFAULT_PASSWORD
from syft.errors import AuthorizationException, InvalidInput, InvalidState, NotFound
from syft.jobs import locking
from syft.jobs.images import Images, image_of
from syft.model.image import ImageConfig, ImageState, WorkerImage
from syft.model.job import JobState
from syft.model.message import Done, Message
from syft.model.messages import images, pools, requests
from syft.model.pool import DEFAULT_POOL, Pool, PoolSpec
from syft.model.uid import UID
from syft.node.in_process import InProcessNode
from syft.node.services import images as image_services
from syft.sandbox.runner import EmbeddedRunner, Execution, Outcome, Status
from syft.transport.memory import MemoryRoute
from syft.wire import codec

try:
    locking.find_uv()
except locking.BuildFailed as error:
    pytest.skip(str(error), allow_module_level=True)

LEVELS = ("process", "landlock", "namespaces")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that packages come from, with one in it that this machine has not got."""
    folder = only_place(tmp_path / "wheels", monkeypatch)
    make_wheel(
        folder,
        "pebble",
        "1.0",
        {"pebble/__init__.py": "from pebble.inner import VALUE\n", "pebble/inner.py": "VALUE = 41\n"},
    )
    return folder


@pytest.fixture
def cast(tmp_path: Path, wheels: Path) -> Iterator[Cast]:
    with opened(tmp_path / "home", isolation="process") as node:
        yield cast_on(node, tmp_path / "home")


def stored(cast: Cast, uid: UID) -> WorkerImage:
    with cast.store.reading() as reader:
        return reader.get(WorkerImage, uid)


def built(cast: Cast, *packages: str) -> WorkerImage:
    """An image with these, asked for and built."""
    config = ImageConfig(packages=packages or ("pebble",))
    image = cast.owner.say(images.SubmitImage(config), images.ImageReply).image
    return stored(
        cast, ended(cast, cast.admin.say(images.BuildImage(image.uid), images.ImageReply).image).uid
    )


def ended(cast: Cast, image: images.ImageView) -> images.ImageView:
    while image.state is ImageState.BUILDING:
        image = cast.admin.say(images.GetImage(uid=image.uid, wait_s=20.0), images.ImageReply).image
    return image


def a_runner(level: str, packages: Path | None, *protected: Path) -> EmbeddedRunner:
    runner = EmbeddedRunner(level=level, packages=packages, protected=protected)
    try:
        runner.wait()
    except InvalidState as error:
        runner.close()
        pytest.skip(str(error))
    return runner


def run(runner: EmbeddedRunner, body: str) -> tuple[Outcome, Any]:
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    result = io.BytesIO()
    outcome = runner.run(
        Execution(uid=uuid.uuid4().hex, source=f"def f():\n{lines}", entry="f"), result=result
    )
    return outcome, codec.decode(result.getvalue()) if outcome.status is Status.FINISHED else None


@pytest.mark.parametrize("level", LEVELS)
def test_a_run_imports_what_the_server_has_not(cast: Cast, level: str) -> None:
    image = built(cast)
    assert image.state is ImageState.BUILT
    packages = cast.site.images.packages_of(image)
    body = "import pebble, numpy\nreturn [pebble.VALUE, numpy.__version__]"
    import numpy

    within, without = a_runner(level, packages, cast.home), a_runner(level, None, cast.home)
    try:
        # Beside it, what the server has.
        assert run(within, body)[1] == [41, numpy.__version__]
        outcome, _ = run(without, body)
        assert (outcome.status, outcome.error_type) == (Status.FAILED, "ModuleNotFoundError")
    finally:
        within.close()
        without.close()


@pytest.mark.parametrize("level", ["landlock", "namespaces"])
def test_a_run_sees_the_packages_of_its_own_image_only(tmp_path: Path, cast: Cast, level: str) -> None:
    """Not another image's, not another node's, and nothing else of the folder that they are in."""
    own = cast.site.images.packages_of(built(cast))
    assert own is not None
    other = tmp_path / "home" / "other" / "environments" / ("0" * 64) / "packages"
    shutil.copytree(own, other)
    beside = own.parent.parent / ("0" * 64)
    shutil.copytree(own.parent, beside)
    secret = tmp_path / "home" / "site" / "secret"
    secret.write_text("secret")
    places = [own / "pebble", other / "pebble", beside / "packages" / "pebble", beside, own.parent.parent]
    files = [own / "pebble/inner.py", other / "pebble/inner.py", own.parent / "lock.txt", secret]
    body = f"""
import os
def tried(act, path):
    try:
        return bool(act(path))
    except OSError:
        return False
return [[tried(os.listdir, one) for one in {list(map(str, places))}],
        [tried(lambda path: not os.close(os.open(path, os.O_RDONLY)), one) for one in {list(map(str, files))}],
        [tried(lambda path: not os.close(os.open(path, os.O_WRONLY)), one) for one in {list(map(str, files))}]]
"""
    # Outside all of it can be done.
    namespace: dict[str, Any] = {}
    exec("def f():\n" + "".join(f"    {line}\n" for line in body.strip().splitlines()), namespace)
    assert namespace["f"]() == [[True] * 5, [True] * 4, [True] * 4]

    runner = a_runner(level, own, cast.home)
    try:
        outcome, seen = run(runner, body)
        assert outcome.status is Status.FINISHED, outcome
        assert seen[0][0] is True
        if level == "landlock":
            assert seen[0][1:] == [False] * 4
        else:
            # The way to its own packages is there, and nothing else on it.
            assert seen[0][1:4] == [False] * 3
            _, above = run(
                runner,
                f"import os\nreturn [os.listdir({str(own.parent)!r}), os.listdir({str(own.parent.parent)!r})]",
            )
            assert above == [["packages"], [own.parent.name]]
        assert seen[1] == [True, False, False, False]
        assert seen[2] == [False] * 4
    finally:
        runner.close()


@pytest.mark.parametrize("level", ["landlock", "namespaces"])
def test_no_package_is_imported_before_the_fence(cast: Cast, wheels: Path, level: str) -> None:
    """Its own numpy is imported by each run itself; the parent of runs, which is not behind the fence, never does it.

    Nor does it run what an interpreter runs at its start (`.pth`), nor take the sandbox's own libraries from there.
    """
    # The moment at which a process began is its own also where each is the first in its namespace.
    where = "BY = open('/proc/self/stat').read().split()[21]\n__version__ = '999.0'\n"
    make_wheel(wheels, "numpy", "999.0", {"numpy/__init__.py": where})
    make_wheel(
        wheels,
        "shadow",
        "1.0",
        {
            "msgspec/__init__.py": "raise SystemExit('not ours')\n",
            "encodings/__init__.py": "raise SystemExit('not ours')\n",
            "shadow.pth": "import os; os.environ['OF_PTH'] = '1'\n",
            "sitecustomize.py": "import os; os.environ['OF_CUSTOM'] = '1'\n",
        },
    )
    image = built(cast, "numpy==999.0", "shadow")
    assert image.state is ImageState.BUILT, image.error
    packages = cast.site.images.packages_of(image)
    assert packages is not None
    # Outside, an interpreter that has them in its site runs them.
    outside = f"import site, os; site.addsitedir({str(packages)!r}); print(os.environ['OF_PTH'])"
    assert subprocess.check_output([sys.executable, "-c", outside], text=True).strip() == "1"

    body = """
import os, sys
import msgspec
before = "numpy" in sys.modules or "pandas" in sys.modules
import numpy
mine = open("/proc/self/stat").read().split()[21]
return [before, numpy.__version__, numpy.BY == mine,
        hasattr(msgspec, "Struct"), os.environ.get("OF_PTH"), os.environ.get("OF_CUSTOM")]
"""
    runner = a_runner(level, packages, cast.home)
    try:
        for _ in range(2):
            outcome, value = run(runner, body)
            assert outcome.status is Status.FINISHED, outcome
            assert value == [False, "999.0", True, True, None, None]
    finally:
        runner.close()


def test_what_does_not_touch_it_is_still_imported_beforehand(cast: Cast) -> None:
    runner = a_runner("process", cast.site.images.packages_of(built(cast)), cast.home)
    try:
        assert (
            run(runner, "import sys\nreturn 'pandas' in sys.modules and 'pebble' not in sys.modules")[1]
            is True
        )
    finally:
        runner.close()


def test_what_was_approved_in_one_image_does_not_run_in_another(cast: Cast) -> None:
    """THREATS 1.1: the worker image differs: its pool is made anew, under the same name, from another."""
    image, data = built(cast), upload(cast.owner, 3)

    def make(with_it: bool) -> None:
        spec = PoolSpec(name="lab", image_uid=image.uid) if with_it else PoolSpec(name="lab")
        cast.admin.say(pools.LaunchPool(spec), pools.PoolReply)

    make(with_it=True)
    request = cast.owner.approve(cast.scientist.request(fresh("return data", data, pool="lab", limit=2)))
    name = request.code.submission.name
    for with_it in (False, True):
        cast.admin.say(pools.RemovePool("lab"), Message)
        make(with_it=with_it)
        job = cast.scientist.call(name, data=on(data))
        # Outside the fence: in the image that was approved it runs, although the pool is a new one.
        assert job.error_code == ("" if with_it else "not_approved")
    assert cast.scientist.read(job.result_uid) == 3


def test_a_build_that_fails_says_why_and_its_log_says_more(cast: Cast) -> None:
    image = built(cast, "pebble>=2")
    assert image.state is ImageState.FAILED
    assert "pebble" in image.error
    view = cast.owner.say(images.GetImage(uid=image.uid), images.ImageReply).image
    assert view.error == image.error
    assert not view.is_current
    assert "pebble" in cast.owner.say(images.GetImageLog(image.uid), images.ImageLogReply).log
    # How it failed may tell of the machine.
    assert cast.scientist.say(images.GetImage(uid=image.uid), images.ImageReply).image.error == ""
    assert refused(cast.scientist, images.GetImageLog(image.uid))[0] == "authorization"
    with pytest.raises(InvalidState, match="not built"):
        cast.site.images.packages_of(image)
    with pytest.raises(InvalidState, match="not built"):
        cast.site.images.digest_of(image)
    # What failed can be tried again.
    assert (
        ended(cast, cast.admin.say(images.BuildImage(image.uid), images.ImageReply).image).state
        is ImageState.FAILED
    )
    assert [one.event.verb for one in cast.events()][-2:] == ["image.build_began", "image.failed"]
    assert not list(cast.home.glob("*/environments/.building-*"))


@pytest.mark.parametrize("what", ["lock", "a file", "another file", "a link", "nothing left", "record"])
def test_what_was_changed_on_disk_is_not_run(cast: Cast, what: str) -> None:
    image = built(cast)
    packages = cast.site.images.packages_of(image)
    assert packages is not None
    match what:
        case "lock":
            (packages.parent / "lock.txt").write_text(image.lock.replace("pebble", "marble"))
        case "a file":
            (packages / "pebble" / "inner.py").write_text("VALUE = 42\n")
        case "another file":
            (packages / "numpy.py").write_text("")
        case "a link":
            (packages / "numpy.py").symlink_to("/etc/passwd")
        case "nothing left":
            shutil.rmtree(packages.parent)
        case "record":
            with tampering(cast.store) as tx:
                tx.replace(msgspec.structs.replace(image, lock=image.lock + "\n"))
            image = stored(cast, image.uid)
    with pytest.raises(InvalidState, match=r"(?i)build it again"):
        cast.site.images.packages_of(image)
    if what == "record":
        return
    # Building it again puts it right.
    cast.admin.say(images.BuildImage(image.uid, force=True), images.ImageReply)
    view = ended(cast, cast.admin.say(images.GetImage(uid=image.uid), images.ImageReply).image)
    assert view.digest == image.digest
    assert cast.site.images.packages_of(stored(cast, image.uid)) == packages


def test_an_environment_is_named_by_what_is_in_it_and_below_it(cast: Cast, wheels: Path) -> None:
    image, same = built(cast), built(cast)
    assert image.digest == same.digest != environment_digest()
    assert cast.site.images.digest_of(image) == image.digest
    assert cast.site.images.digest_of(None) == environment_digest()
    make_wheel(wheels, "gravel", "1.0", {"gravel.py": ""})
    assert built(cast, "pebble", "gravel").digest != image.digest
    # The same lock beside other packages is another environment: approvals for the one are none for the other.
    later = Images(
        cast.store, cast.home / "site" / "environments", lambda: "0" * 64, lambda: datetime.now(UTC)
    )
    with pytest.raises(InvalidState, match="beside other packages"):
        later.packages_of(image)
    with pytest.raises(InvalidState, match="beside other packages"):
        later.digest_of(image)


def test_an_image_that_a_pool_has_is_not_removed(cast: Cast) -> None:
    image, same = built(cast), built(cast)
    packages = cast.site.images.packages_of(image)
    assert packages is not None
    with tampering(cast.store) as tx:
        pool = tx.find(Pool, name=DEFAULT_POOL)
        assert pool is not None
        tx.replace(msgspec.structs.replace(pool, image_uid=image.uid))
    for message in (images.RemoveImage(image.uid), images.BuildImage(image.uid, force=True)):
        assert refused(cast.admin, message)[0] == "invalid_state"
    assert refused(cast.admin, images.BuildImage(image.uid))[0] == "ok"
    with tampering(cast.store) as tx:
        tx.replace(pool)
    cast.admin.say(images.RemoveImage(image.uid), Done)
    # Another has the same packages.
    assert cast.site.images.packages_of(same) == packages
    cast.admin.say(images.RemoveImage(same.uid), Done)
    assert not packages.parent.exists()
    assert refused(cast.admin, images.RemoveImage(image.uid))[0] == "not_found"


def a_slow_installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that begins, tells its number by a pipe, and never ends."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = tmp_path / "uv"
    script.write_text(f"#!/bin/sh\necho begun >&2\necho $$ > {pipe}\nexec sleep 1000\n")
    script.chmod(0o755)
    monkeypatch.setattr(locking, "find_uv", lambda: str(script))
    return pipe


def test_a_build_ends_with_the_server_and_can_be_begun_anew(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    with opened(home, isolation="process") as node:
        cast = cast_on(node, home)
        with monkeypatch.context() as patch:
            pipe = a_slow_installer(tmp_path, patch)
            image = cast.admin.say(
                images.SubmitImage(ImageConfig(packages=("pebble",))), images.ImageReply
            ).image
            began = cast.admin.say(images.BuildImage(image.uid), images.ImageReply).image
            assert began.state is ImageState.BUILDING
            installer = psutil.Process(int(pipe.read_text()))
            # It can be followed, and stands in the way of another build and of its removal.
            assert "begun" in cast.admin.say(images.GetImageLog(image.uid), images.ImageLogReply).log
            for message in (images.BuildImage(image.uid), images.RemoveImage(image.uid)):
                assert refused(cast.admin, message)[0] == "invalid_state"
            node.close()
            installer.wait(30)
    with opened(home, isolation="process") as node:
        cast = Cast(**{**vars(cast), "node": node})
        left = stored(cast, image.uid)
        assert left.state is ImageState.FAILED
        assert "stopped" in left.error


def test_what_a_crash_left_is_put_right(tmp_path: Path, wheels: Path) -> None:
    home = tmp_path / "home"
    with opened(home, isolation="process") as node:
        cast = cast_on(node, home)
        image = cast.admin.say(images.SubmitImage(ImageConfig(packages=("pebble",))), images.ImageReply).image
        # As it is when the server dies in the middle.
        with tampering(cast.store) as tx:
            tx.replace(msgspec.structs.replace(stored(cast, image.uid), state=ImageState.BUILDING))
    (home / "site" / "environments" / f".building-{image.uid.hex}" / "new").mkdir(parents=True)
    with opened(home, isolation="process") as node:
        cast = Cast(**{**vars(cast), "node": node})
        assert stored(cast, image.uid).state is ImageState.FAILED
        assert list((home / "site" / "environments").iterdir()) == []
        assert cast.events("image.failed")


def test_two_builds_at_once_are_one_after_the_other(cast: Cast, wheels: Path) -> None:
    make_wheel(wheels, "gravel", "1.0", {"gravel.py": ""})
    wanted = [("pebble",), ("pebble",), ("gravel",), ("pebble", "gravel")]
    uids = [
        cast.admin.say(images.SubmitImage(ImageConfig(packages=one)), images.ImageReply).image.uid
        for one in wanted
    ]
    begun = [cast.admin.say(images.BuildImage(uid), images.ImageReply).image for uid in uids]
    assert [ended(cast, one).state for one in begun] == [ImageState.BUILT] * 4
    made = [stored(cast, uid) for uid in uids]
    assert made[0].digest == made[1].digest
    for one in made:
        assert cast.site.images.packages_of(one) is not None
    assert len(list((cast.home / "site" / "environments").iterdir())) == 3
    assert sum(thread.name == "syft-images" for thread in threading.enumerate()) == 1


def test_the_same_environment_is_built_once(cast: Cast) -> None:
    image = built(cast)
    packages = cast.site.images.packages_of(image)
    assert packages is not None
    first = packages.stat().st_ino
    same = built(cast, "pebble==1.0")
    assert (same.digest, same.tree) == (image.digest, image.tree)
    assert packages.stat().st_ino == first
    # Built anew where it was changed, for both.
    (packages / "pebble" / "inner.py").write_text("VALUE = 42\n")
    cast.admin.say(images.BuildImage(same.uid, force=True), images.ImageReply)
    ended(cast, cast.admin.say(images.GetImage(uid=same.uid), images.ImageReply).image)
    assert packages.stat().st_ino != first
    for uid in (image.uid, same.uid):
        assert cast.site.images.packages_of(stored(cast, uid)) == packages


def test_a_fault_while_building_ends_the_build_and_not_the_builder(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise OSError(28, "no space left, secret")

    with monkeypatch.context() as patch:
        patch.setattr(locking, "make_lock", broken)
        image = built(cast)
    assert image.state is ImageState.FAILED
    assert "unexpected" in image.error
    assert "secret" not in image.error
    # The next fares better.
    cast.admin.say(images.BuildImage(image.uid), images.ImageReply)
    view = cast.admin.say(images.GetImage(uid=image.uid), images.ImageReply).image
    assert ended(cast, view).state is ImageState.BUILT


def test_where_there_is_no_installer_nothing_is_begun(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    image = cast.owner.say(images.SubmitImage(ImageConfig(packages=("pebble",))), images.ImageReply).image
    before = cast.count_events()
    code, text = refused(cast.admin, images.BuildImage(image.uid))
    assert (code, "datasite[images]" in text) == ("invalid_state", True)
    assert cast.count_events() == before


def test_a_pool_tells_its_image(cast: Cast) -> None:
    image = built(cast)
    with cast.store.reading() as reader:
        pool = reader.find(Pool, name=DEFAULT_POOL)
        assert pool is not None
        assert image_of(reader, pool) is None
        assert image_of(reader, msgspec.structs.replace(pool, image_uid=image.uid)) == image
        with pytest.raises(NotFound):
            image_of(reader, msgspec.structs.replace(pool, image_uid=UID()))


def test_after_the_end_nothing_is_begun(cast: Cast) -> None:
    cast.site.images.close()
    with pytest.raises(InvalidState, match="being stopped"):
        cast.site.images.begin(UID())


def test_there_are_not_too_many(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_services, "MAX_IMAGES", 1)
    message = images.SubmitImage(ImageConfig(packages=("pebble",)), "one")
    assert refused(cast.owner, message)[0] == "ok"
    assert refused(cast.owner, images.SubmitImage(ImageConfig(packages=("pebble",))))[0] == "invalid_state"
    monkeypatch.setattr(image_services, "MAX_IMAGES", 2)
    assert refused(cast.owner, message)[0] == "already_exists"
    assert refused(cast.owner, images.GetImage())[0] == "invalid_input"


def test_waiting_has_an_end(
    cast: Cast, admin: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = a_slow_installer(tmp_path, monkeypatch)
    image = admin.images.submit(worker_config=CustomWorkerConfig(python_packages=["pebble"])).value
    with pytest.raises(InvalidState, match="still being built"):
        admin.images.build(image_uid=image.id, timeout=0.05)
    assert pipe.read_text().strip().isdigit()


def test_a_node_that_keeps_nothing_builds_nothing() -> None:
    node = InProcessNode("passing", "domain")
    try:
        with pytest.raises(InvalidState, match="on disk"):
            node.open().images.check_can_build()
    finally:
        node.close()


def test_another_python_is_refused(cast: Cast) -> None:
    config = ImageConfig(dockerfile="FROM python:3.1\nRUN pip install pebble")
    code, text = refused(cast.owner, images.SubmitImage(config))
    assert code == "invalid_input"
    assert "container runtime" in text
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    config = ImageConfig(dockerfile=f"FROM python:{own}\nRUN pip install pebble")
    assert cast.owner.say(images.SubmitImage(config), images.ImageReply).image.config == config


# As people use it


@pytest.fixture
def admin(cast: Cast) -> Client:
    return login(DEFAULT_EMAIL, DEFAULT_PASSWORD, route=MemoryRoute(cast.node))


def test_the_images_api(cast: Cast, admin: Client) -> None:
    config = DockerWorkerConfig(dockerfile="FROM syft-base\nRUN pip install pebble==1.0", description="ours")
    answer = admin.images.submit(worker_config=config)
    image = answer.value
    assert str(answer) == f"SyftSuccess: Dockerfile ID: {image.id.hex} successfully submitted."
    assert (image.state, image.is_built, image.is_prebuilt, image.image_hash) == (
        "submitted",
        False,
        False,
        "",
    )

    answer = admin.worker_images.build(image_uid=image.id, tag="ours:1")
    image = answer.value
    assert "is built" in answer.message
    assert (image.state, image.is_built, image.image_identifier) == ("built", True, "ours:1")
    assert image.packages == ("pebble==1.0",)
    assert image.built_at >= image.created_at
    assert "--hash=sha256:" in image.lock
    assert "pebble" in image.logs()
    # Again is nothing to do.
    assert admin.images.build(image_uid=image.id).value.built_at == image.built_at

    assert admin.images["ours:1"].id == admin.images[0].id == admin.images[image.id].id == image.id
    assert admin.images.get_by_uid(image.id).config == config
    assert admin.images.get_by_config(CustomWorkerConfig(python_packages=["Pebble == 1.0"])).id == image.id
    assert [one.tag for one in admin.images.get_all()] == ["ours:1"]
    assert admin.images.by_tag()["ours:1"].id == image.id
    assert admin.api.services.worker_image[0].id == image.id
    for shown in (repr(admin.images), repr(image), image._repr_html_(), repr(config)):
        assert "pebble" in shown

    assert "removed" in admin.images.remove(uid=image.id).message
    with pytest.raises(NotFound):
        admin.images["ours:1"]


def test_a_function_runs_in_a_pool_with_an_image(cast: Cast, admin: Client) -> None:
    """The whole way: what the pool has, the default pool has not."""
    image = admin.images.submit(
        worker_config=CustomWorkerConfig(python_packages=["pebble"]), tag="mine"
    ).value
    with pytest.raises(InvalidState, match="not built"):
        admin.worker_pools.launch(pool_name="pebbles", image_uid=image.id, num_workers=1)
    with pytest.raises(NotFound):
        admin.worker_pools.launch(pool_name="pebbles", image_uid=UID(), num_workers=1)
    admin.images.build(image_uid=image.id)
    admin.worker_pools.launch(pool_name="pebbles", image_uid=image.id, num_workers=1)
    assert admin.worker_pools["pebbles"].name == "pebbles"
    with pytest.raises(InvalidState, match="used by worker pool 'pebbles'"):
        admin.images.remove(uid=image.id)
    assert (
        cast.site.equipped.environment(["pebbles"]) == admin.images["mine"].image_hash != environment_digest()
    )
    pool = cast.site.equipped.runner_of("pebbles")
    usual = cast.site.equipped.runner_of(DEFAULT_POOL)
    assert isinstance(pool, EmbeddedRunner)
    assert isinstance(usual, EmbeddedRunner)
    body = "import pebble\nreturn pebble.VALUE"
    assert run(pool, body)[1] == 41
    assert run(usual, body)[0].error_type == "ModuleNotFoundError"


@pytest.mark.parametrize("level", ["landlock", "namespaces"])
def test_a_pool_with_packages_from_asking_for_it_to_a_released_result(
    tmp_path: Path, wheels: Path, level: str
) -> None:
    """A scientist asks, the administrator builds and says yes, an owner approves, and the package is there."""
    with opened(tmp_path / "home", isolation=level) as node:
        cast = cast_on(node, tmp_path / "home")
        wanted = requests.RequestPool(
            PoolSpec(name="pebbles", workers=1), "for pebble", ImageConfig(packages=("pebble",)), "pebbles"
        )
        asked = cast.scientist.say(wanted, requests.RequestReply).request
        assert asked.pool is not None
        assert asked.pool.image_uid is not None
        # One of the two, not both; and one that there is.
        both = msgspec.structs.replace(wanted, pool=msgspec.structs.replace(asked.pool, name="other"))
        assert refused(cast.scientist, both)[0] == "invalid_input"
        unknown = requests.RequestPool(PoolSpec(name="other", image_uid=UID()))
        assert refused(cast.scientist, unknown)[0] == "not_found"
        # Not before it is built, which is an administrator's.
        approve = requests.ApproveRequest(asked.uid, "")
        assert refused(cast.admin, approve)[0] == "invalid_state"
        build = images.BuildImage(asked.pool.image_uid)
        assert refused(cast.scientist, build)[0] == "authorization"
        assert ended(cast, cast.admin.say(build, images.ImageReply).image).state is ImageState.BUILT
        cast.admin.say(approve, requests.RequestReply)

        data = upload(cast.owner, 1)
        body = "import pebble\nreturn data + pebble.VALUE"
        names = []
        for pool in ("pebbles", DEFAULT_POOL):
            request = cast.scientist.request(fresh(body, data, pool=pool))
            cast.owner.approve(request)
            names.append(request.code.submission.name)
        job = cast.scientist.call(names[0], wait_s=25, data=on(data))
        assert (job.state, job.isolation, job.pool) == (JobState.RELEASED, level, "pebbles"), job.note
        assert cast.scientist.read(job.result_uid) == 42
        outside = cast.scientist.call(names[1], wait_s=25, data=on(data))
        assert outside.state is JobState.FAILED
        assert "ModuleNotFoundError" in outside.note


def test_the_servers_own_environment_is_built_by_nature(cast: Cast, admin: Client) -> None:
    image = admin.images.submit(worker_config=PrebuiltWorkerConfig(tag="openmined/syft-backend:0.9.5")).value
    assert (image.is_prebuilt, image.is_built, image.image_hash) == (True, True, environment_digest())
    assert "nothing to build" in admin.images.build(image_uid=image.id).message
    assert image.config.tag == "openmined/syft-backend:0.9.5"
    assert cast.site.images.packages_of(stored(cast, image.id)) is None


def test_a_failure_is_raised_with_its_reason(cast: Cast, admin: Client, tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM python\nRUN pip install no-such-pebble")
    image = admin.images.submit(worker_config=DockerWorkerConfig.from_path(path), tag="broken").value
    with pytest.raises(InvalidState, match=r"no-such-pebble.*logs\(\)"):
        admin.images.build(image_uid=image.id)
    assert admin.images["broken"].state == "failed"
    assert "no-such-pebble" in admin.images["broken"].error
    began = admin.images.build(image_uid=image.id, blocking=False)
    assert "is being built" in began.message


def test_what_cannot_be_asked_for_is_refused_here(admin: Client, cast: Cast) -> None:
    for make in (
        lambda: CustomWorkerConfig(python_packages="pebble"),
        lambda: CustomWorkerConfig(python_packages=["-r /etc/passwd"]),
        lambda: DockerWorkerConfig(dockerfile="FROM python\nRUN id"),
        lambda: PrebuiltWorkerConfig(tag="nvidia/cuda"),
        lambda: admin.images.submit(worker_config="pebble"),  # type: ignore[arg-type]
        lambda: admin.images.submit(worker_config=CustomWorkerConfig(python_packages=["pebble"]), tag="../x"),
    ):
        with pytest.raises(InvalidInput):
            make()
    owner = Client(Session(cast.owner.route, cast.owner.identity, cast.owner.node))
    image = owner.images.submit(worker_config=CustomWorkerConfig(python_packages=["pebble"])).value
    with pytest.raises(AuthorizationException):
        owner.images.build(image_uid=image.id)
    assert account_of(cast.owner) == stored(cast, image.id).created_by


def test_a_package_from_the_index_of_this_machine(tmp_path: Path) -> None:
    """The whole way with a package that many use, where there is an index."""
    (tmp_path / "wanted").write_text("humanize==4.9.0\n")
    command = [
        locking.find_uv(),
        "pip",
        "compile",
        "-q",
        "--python",
        sys.executable,
        str(tmp_path / "wanted"),
    ]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no packages can be had here")
    with opened(tmp_path / "home", isolation="process") as node:
        cast = cast_on(node, tmp_path / "home")
        image = built(cast, "humanize==4.9.0")
        assert image.state is ImageState.BUILT, image.error
        body = "import humanize\nreturn [humanize.__version__, humanize.intcomma(1234567)]"
        for level in ("landlock", "namespaces"):
            runner = a_runner(level, cast.site.images.packages_of(image), cast.home)
            try:
                assert run(runner, body)[1] == ["4.9.0", "1,234,567"]
            finally:
                runner.close()
