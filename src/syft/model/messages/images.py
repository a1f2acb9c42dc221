"""This module holds what is said about worker images."""

from __future__ import annotations

from datetime import datetime

import msgspec

from syft.model.image import ImageConfig, ImageState
from syft.model.message import Message
from syft.model.uid import UID


class ImageView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker image as people see it.

    Args:
        uid: the image's own.
        tag: by which people name it.
        config: what was asked for.
        packages: what it has, once it is built: "name==version", sorted.
        state: how far it has come.
        digest: of the environment, 64 hex digits; empty before it is built.
        error: why it could not be built; for data owners and administrators.
        is_current: whether it can be used as it is: it is built, for the packages that the server has today.
        created_at: when it was asked for, in UTC.
        built_at: when it was built, in UTC.
    """

    uid: UID
    tag: str
    config: ImageConfig
    packages: tuple[str, ...] = ()
    state: ImageState
    digest: str = ""
    error: str = ""
    is_current: bool = False
    created_at: datetime
    built_at: datetime | None = None


class SubmitImage(Message, frozen=True, tag="images.submit"):
    """Ask for a worker image; nothing is installed yet. Answered by `ImageReply`.

    Args:
        config: what it is to be.
        tag: by which people name it; the node chooses one if empty.
    """

    config: ImageConfig
    tag: str = ""


class BuildImage(Message, frozen=True, tag="images.build"):
    """Build an image, in the background. Answered by `ImageReply`, at once.

    Args:
        uid: of the image.
        tag: by which people shall name it from now on; as before if empty.
        force: lock it anew and build it again, although it can be used as it is.
    """

    uid: UID
    tag: str = ""
    force: bool = False


class ListImages(Message, frozen=True, tag="images.list"):
    """Which worker images are there, oldest first? Answered by `ImagesReply`."""

    limit: int = 0
    offset: int = 0


class GetImage(Message, frozen=True, tag="images.get"):
    """One worker image, by its UID, its tag, or what it is: the first of these that is given. Answered by `ImageReply`.

    Args:
        uid: of the image.
        tag: by which people name it.
        config: what was asked for.
        wait_s: if it is being built, how long the answer may wait for that.
    """

    uid: UID | None = None
    tag: str = ""
    config: ImageConfig | None = None
    wait_s: float = 0.0


class GetImageLog(Message, frozen=True, tag="images.log"):
    """What building an image said, so far. Answered by `ImageLogReply`."""

    uid: UID


class RemoveImage(Message, frozen=True, tag="images.remove"):
    """Remove an image and its packages, unless a worker pool uses it. Answered by `Done`."""

    uid: UID


class ImageReply(Message, frozen=True, tag="images.reply"):
    """One worker image."""

    image: ImageView


class ImagesReply(Message, frozen=True, tag="images.list.reply"):
    """A page of worker images, and how many there are in all."""

    images: tuple[ImageView, ...]
    total: int


class ImageLogReply(Message, frozen=True, tag="images.log.reply"):
    """What building an image said, and how it is locked.

    Args:
        log: the last of it, if it is long.
        lock: every package with its version and hashes; empty before it is built.
    """

    log: str
    lock: str = ""
