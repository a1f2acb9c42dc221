"""This module builds worker images in the background, and says where a pool's runs find the packages of one.

An environment is a folder, named by its digest: `lock.txt` and `packages/`. It is built beside its place and renamed,
so that what has that name is whole; and it is looked through, file by file, before runs are given it.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from syft.code.environment import layered_digest
from syft.errors import InvalidState, NotFound, SyftException
from syft.jobs import locking
from syft.logger import say
from syft.model.event import Event
from syft.model.image import ImageState, WorkerImage, moved
from syft.model.pool import Pool
from syft.model.uid import UID
from syft.store.base import Reader, Store
from syft.store.files import disk_errors, make_private, sync_directory

LOG_CHARS_MAX: Final = 200_000
_UNFINISHED: Final = ".building-"
_STOPPED: Final = "the server was stopped meanwhile; build it again"
_NOWHERE: Final = (
    "This node keeps nothing on disk, and so no worker images; start one with a folder (syft launch)."
)


class Images:
    """The environments of a node.

    Args:
        store: where the images' records are.
        folder: where their packages are; None for a node that keeps nothing.
        own: the digest of the server's own environment, beside which they stand.
        clock: the time, in UTC.
        timeout_s: after which a step of a build is ended.
    """

    def __init__(
        self,
        store: Store,
        folder: Path | None,
        own: Callable[[], str],
        clock: Callable[[], datetime],
        timeout_s: float = locking.BUILD_S,
    ) -> None:
        self._store = store
        self._folder = folder
        self._own = own
        self._clock = clock
        self._timeout_s = timeout_s
        # One build at a time: two of the same would be in each other's way, and of others the line is one.
        self._line: queue.SimpleQueue[UID | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._waiting: set[UID] = set()
        self._thread: threading.Thread | None = None
        self._program: locking.Program | None = None
        self._closed = False

    def recover(self) -> None:
        """Take up what the last server left: no build goes on, and none is half done. Called before any is begun."""
        with self._store.reading() as reader:
            left = reader.select(WorkerImage, state=ImageState.BUILDING)
        for image in left:
            self._settle(
                image.uid, lambda image: moved(image, ImageState.FAILED, error=_STOPPED), "image.failed"
            )
        if self._folder is not None and self._folder.exists():
            for path in self._folder.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(path, ignore_errors=True)

    def check_can_build(self) -> None:
        """Raise unless images can be built here.

        Raises:
            InvalidState: they cannot; the text says why.
        """
        if self._folder is None:
            raise InvalidState(_NOWHERE)
        try:
            locking.find_uv()
        except locking.BuildFailed as error:
            raise InvalidState(f"Worker images cannot be built: {error}.") from None

    def begin(self, uid: UID) -> None:
        """Build an image whose state is BUILDING, in the background, when its turn comes."""
        with self._changed:
            if self._closed:
                raise InvalidState("The server is being stopped.")
            self._waiting.add(uid)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="syft-images", daemon=True)
                self._thread.start()
        self._line.put(uid)

    def wait(self, uid: UID, timeout_s: float) -> bool:
        """Wait until an image is not being built any more, at most so long; whether it is not."""
        with self._changed:
            return self._changed.wait_for(lambda: uid not in self._waiting, timeout_s)

    def close(self) -> None:
        """End what is being built."""
        with self._changed:
            self._closed = True
            program, thread = self._program, self._thread
        if program is not None:
            program.stop()
        if thread is not None:
            self._line.put(None)
            thread.join()

    # What runs get

    def digest_of(self, image: WorkerImage | None) -> str:
        """The digest of the environment that runs with this image have: what approvals bind. None: the server's own.

        It is of the image as it is now: an approval from before it was built again is for another environment.

        Raises:
            InvalidState: it has none; the text says what to do.
        """
        if image is None or image.is_prebuilt:
            return self._own()
        self._check_usable(image)
        return image.digest

    def packages_of(self, image: WorkerImage | None) -> Path | None:
        """The folder with the packages of an image, for `EmbeddedRunner`; None for the server's own environment.

        Every file of it is read: asked for when a runner is made, not for each run.

        Raises:
            InvalidState: the image is not built, or not any more what was built; the text says what to do.
        """
        if image is None or image.is_prebuilt:
            return None
        self._check_usable(image)
        if not self._is_whole(image):
            # Whoever can write there puts code into runs; those are behind the fence, but their results are trusted.
            raise InvalidState(
                f"The packages of worker image '{image.tag}' are not what was built: something has changed them on "
                "disk. Remove the pools that use it, then build it again, with force_build=True."
            )
        return self._place(image.digest) / locking.PACKAGES_NAME

    def is_current(self, image: WorkerImage) -> bool:
        """Whether an image can be used as it stands."""
        if image.is_prebuilt:
            return True
        return image.state is ImageState.BUILT and image.digest == layered_digest(self._own(), image.lock)

    def log_of(self, image: WorkerImage) -> str:
        """What building it said, so far."""
        if image.state is ImageState.BUILDING and self._folder is not None:
            return locking.readable_log(self._work(image.uid) / "log", LOG_CHARS_MAX)
        return image.log

    def forget(self, digest: str) -> None:
        """Remove the packages of an environment that no image has any more."""
        if self._folder is None or not digest:
            return
        with self._store.reading() as reader:
            if reader.count(WorkerImage, digest=digest):
                return
        self._discard(self._place(digest))

    def _is_whole(self, image: WorkerImage) -> bool:
        """Whether what is on disk is what was built, file by file."""
        place = self._place(image.digest)
        try:
            same_lock = (place / locking.LOCK_NAME).read_text() == image.lock
            return same_lock and locking.tree_digest(place / locking.PACKAGES_NAME) == image.tree
        except (OSError, ValueError):
            return False

    def _check_usable(self, image: WorkerImage) -> None:
        if image.state is not ImageState.BUILT:
            raise InvalidState(
                f"Worker image '{image.tag}' is not built: it is {image.state.value}. "
                f"An administrator builds it: client.images.build(image_uid=client.images['{image.tag}'].id)."
            )
        if not self.is_current(image):
            raise InvalidState(
                f"Worker image '{image.tag}' was built beside other packages than the server has now. Build it again."
            )

    # Building

    def _loop(self) -> None:
        while (uid := self._line.get()) is not None:
            try:
                self._build(uid)
            except Exception as error:
                # Such as a full disk, or a store that is gone: the next build may fare better, and this thread is
                # the only one. The record says BUILDING until the next start, where it cannot be written now.
                say(logging.ERROR, "building a worker image failed", uid=uid.hex, error=type(error).__name__)
                with contextlib.suppress(SyftException):
                    self._fail(uid, "something unexpected happened on the server; its log says what", "")
            finally:
                with self._changed:
                    self._waiting.discard(uid)
                    self._changed.notify_all()

    def _build(self, uid: UID) -> None:
        with self._store.reading() as reader:
            image = reader.get(WorkerImage, uid)
        assert self._folder is not None
        make_private(self._folder)
        work = self._work(uid)
        shutil.rmtree(work, ignore_errors=True)
        (work / "lock").mkdir(parents=True)
        (work / "new").mkdir(mode=0o755)
        log = work / "log"
        try:
            lock = locking.make_lock(image.config.wanted, work / "lock", self._steps(work / "lock", log))
            digest = layered_digest(self._own(), lock)
            tree = self._standing(digest)
            if tree is None:
                tree = locking.install(lock, work / "new", self._steps(work / "new", log))
                self._put(work / "new", digest)
        except locking.BuildFailed as error:
            self._fail(uid, str(error), locking.readable_log(log, LOG_CHARS_MAX))
            return
        finally:
            said = locking.readable_log(log, LOG_CHARS_MAX)
            shutil.rmtree(work, ignore_errors=True)
        changes: dict[str, Any] = {
            "lock": lock,
            "digest": digest,
            "tree": tree,
            "log": said,
            "error": "",
            "built_at": self._clock(),
        }
        self._settle(
            uid,
            lambda image: moved(image, ImageState.BUILT, **changes),
            "image.built",
            digest=digest,
            tree=tree,
        )
        say(logging.INFO, "built a worker image", uid=uid.hex, digest=digest)
        if image.digest != digest:
            self.forget(image.digest)

    def _standing(self, digest: str) -> str | None:
        """The digest of the files of that environment, if it is there already: it is built once."""
        with self._store.reading() as reader:
            same = reader.select(WorkerImage, digest=digest)
        return next((image.tree for image in same if self._is_whole(image)), None)

    def _steps(self, place: Path, log: Path) -> locking.Run:
        with self._changed:
            self._program = program = locking.Program(place, log, self._timeout_s)
            if self._closed:
                program.stop()
        return program.run

    def _put(self, new: Path, digest: str) -> None:
        """Give an environment its name, in the place of one that has it."""
        place = self._place(digest)
        with disk_errors():
            # The very same, or what somebody has made of it.
            self._discard(place)
            new.rename(place)
            sync_directory(place.parent)

    def _discard(self, place: Path) -> None:
        if not place.exists():
            return
        assert self._folder is not None
        # First out of the way: what is half removed has not that name.
        doomed = self._folder / f"{_UNFINISHED}removed-{UID().hex}"
        place.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def _fail(self, uid: UID, why: str, log: str) -> None:
        self._settle(
            uid, lambda image: moved(image, ImageState.FAILED, error=why[:1000], log=log), "image.failed"
        )

    def _settle(
        self, uid: UID, change: Callable[[WorkerImage], WorkerImage], verb: str, **detail: str
    ) -> None:
        with self._store.writing(
            Event(verb=verb, subject_uid=uid, detail=detail, created_at=self._clock())
        ) as tx:
            image = change(tx.get(WorkerImage, uid))
            tx.replace(image)
            if image.state is ImageState.BUILT:
                # Others that are the very same have their packages in the same place. (What is compiled is not the
                # same to the byte each time.)
                for other in tx.select(WorkerImage, digest=image.digest):
                    if other.uid != uid:
                        tx.replace(msgspec.structs.replace(other, tree=image.tree))

    def _place(self, digest: str) -> Path:
        assert self._folder is not None
        return self._folder / digest

    def _work(self, uid: UID) -> Path:
        assert self._folder is not None
        return self._folder / f"{_UNFINISHED}{uid.hex}"


def pools_with(reader: Reader, image_uid: UID) -> list[str]:
    """The names of the pools that use an image."""
    return [pool.name for pool in reader.select(Pool) if pool.image_uid == image_uid]


def image_of(reader: Reader, pool: Pool) -> WorkerImage | None:
    """The image that a pool's runs have; None where they have the server's own environment.

    Raises:
        NotFound: it is not there.
    """
    if pool.image_uid is None:
        return None
    image = reader.find(WorkerImage, uid=pool.image_uid)
    if image is None:
        raise NotFound(f"There is no such worker image for pool '{pool.name}'.")
    return image


def submitted(image: WorkerImage) -> WorkerImage:
    """An image as it is first kept: a prebuilt one is built by nature."""
    return msgspec.structs.replace(image, state=ImageState.BUILT) if image.is_prebuilt else image
