"""This module keeps worker images, has them built, and removes them.

Owners of data may ask for one; only administrators have it built, since that puts strangers' packages on the node's
disk. Their code is never run here: `jobs/locking.py` says how that is kept.
"""

from __future__ import annotations

import platform
from typing import Final

import msgspec

from syft.access.roles import CAPABILITIES
from syft.errors import InvalidInput, InvalidState, NotFound
from syft.jobs import locking
from syft.jobs.images import pools_with, submitted
from syft.model.event import Event
from syft.model.image import ImageConfig, ImageState, WorkerImage, check_tag, moved
from syft.model.message import Done, Message
from syft.model.messages.images import (
    BuildImage,
    GetImage,
    GetImageLog,
    ImageLogReply,
    ImageReply,
    ImagesReply,
    ImageView,
    ListImages,
    RemoveImage,
    SubmitImage,
)
from syft.model.permission import Capability
from syft.model.uid import UID
from syft.node.context import Context, fitting, page
from syft.node.dispatch import handles
from syft.node.services.waiting import MAX_WAIT_S
from syft.store.base import Reader, Transaction

# Each is a row that everybody's list shows; of what nobody uses some can be removed.
MAX_IMAGES: Final = 1000
_NOT_THERE: Final = "There is no such worker image."


@handles(SubmitImage, needs=Capability.SUBMIT_IMAGES)
def submit_image(ctx: Context, message: SubmitImage) -> Message:
    """Keep what an image is to be; nothing is installed.

    Raises:
        InvalidInput: it asks for another Python than the server's.
        InvalidState: there are too many.
        AlreadyExists: one of that tag is there.
    """
    image = new_image(ctx, message.config, message.tag)
    with ctx.site.store.writing(submitted_event(ctx, image)) as tx:
        add_image(tx, image)
    return ImageReply(view(ctx, image))


@handles(BuildImage, needs=Capability.MANAGE_POOLS)
def build_image(ctx: Context, message: BuildImage) -> Message:
    """Have an image built, in the background; one that can be used as it is stays so, unless it is forced.

    Raises:
        NotFound: there is none.
        InvalidState: it is being built, a pool's runs have it, or this node cannot build any.
        AlreadyExists: another has that tag.
    """
    site = ctx.site
    if message.tag:
        check_tag(message.tag)
    # Before anything is written: what is asked of a node that cannot is no event.
    with site.store.reading() as reader:
        image = _get(reader, message.uid)
    build = not site.images.is_current(image) or (message.force and not image.is_prebuilt)
    if build:
        site.images.check_can_build()
    if not build and message.tag in ("", image.tag):
        return ImageReply(view(ctx, image))
    event = ctx.event(
        "image.build_began" if build else "image.renamed", image.uid, tag=message.tag or image.tag
    )
    with site.store.writing(event) as tx:
        image = _get(tx, message.uid)
        if image.state is ImageState.BUILDING:
            raise InvalidState(f"Worker image '{image.tag}' is being built.")
        used_by = pools_with(tx, image.uid)
        if build and used_by and site.images.is_current(image):
            # Under its runs, what they import would go.
            raise InvalidState(f"Worker image '{image.tag}' is used by worker pool '{used_by[0]}' as it is.")
        if message.tag:
            image = msgspec.structs.replace(image, tag=message.tag)
        if build:
            image = moved(image, ImageState.BUILDING, error="", log="")
        tx.replace(image)
    if build:
        site.images.begin(image.uid)
    return ImageReply(view(ctx, image))


@handles(ListImages, needs=Capability.VIEW_POOLS)
def list_images(ctx: Context, message: ListImages) -> Message:
    """A page of the worker images; whoever may submit code may see what it would find."""
    limit, offset = page(message.limit, message.offset)
    with ctx.site.store.reading() as reader:
        found = reader.select(WorkerImage, limit=limit, offset=offset)
        return ImagesReply(fitting(view(ctx, image) for image in found), reader.count(WorkerImage))


@handles(GetImage, needs=Capability.VIEW_POOLS)
def get_image(ctx: Context, message: GetImage) -> Message:
    """One worker image; while it is being built, after waiting for that as long as an answer may.

    Raises:
        NotFound: there is none.
    """
    with ctx.site.store.reading() as reader:
        image = _find(reader, message)
    if image.state is ImageState.BUILDING and message.wait_s > 0:
        with ctx.site.crews.waiters.seat(ctx.user_uid) as free:
            if free:
                ctx.site.images.wait(image.uid, min(message.wait_s, MAX_WAIT_S))
        with ctx.site.store.reading() as reader:
            image = _get(reader, image.uid)
    return ImageReply(view(ctx, image))


@handles(GetImageLog, needs=Capability.SUBMIT_IMAGES)
def get_image_log(ctx: Context, message: GetImageLog) -> Message:
    """What building an image said, so far, and its lock.

    Raises:
        NotFound: there is none.
    """
    with ctx.site.store.reading() as reader:
        image = _get(reader, message.uid)
    return ImageLogReply(ctx.site.images.log_of(image), image.lock)


@handles(RemoveImage, needs=Capability.MANAGE_POOLS)
def remove_image(ctx: Context, message: RemoveImage) -> Message:
    """Remove an image, and its packages unless another image has the same.

    Raises:
        NotFound: there is none.
        InvalidState: it is being built, or a pool uses it.
    """
    with ctx.site.store.reading() as reader:
        tag = _get(reader, message.uid).tag
    with ctx.site.store.writing(ctx.event("image.removed", message.uid, tag=tag)) as tx:
        image = _get(tx, message.uid)
        if image.state is ImageState.BUILDING:
            raise InvalidState(f"Worker image '{image.tag}' is being built; remove it when that is over.")
        used_by = pools_with(tx, image.uid)
        if used_by:
            raise InvalidState(
                f"Worker image '{image.tag}' is used by worker pool '{used_by[0]}'. Remove the pool first."
            )
        tx.remove(WorkerImage, image.uid)
    ctx.site.images.forget(image.digest)
    return Done()


# For requests that ask for an image, too


def new_image(ctx: Context, config: ImageConfig, tag: str) -> WorkerImage:
    """An image of the caller's, not kept yet.

    Raises:
        InvalidInput: it asks for another Python than the server's, or cannot have that tag.
    """
    own = ".".join(platform.python_version_tuple()[:2])
    if config.python not in ("", own):
        raise InvalidInput(
            f"This asks for Python {config.python}, and the server has {own}. Another Python needs a container runtime."
        )
    uid = UID()
    return submitted(
        WorkerImage(
            uid=uid,
            tag=tag or f"image-{uid.hex[:12]}",
            config=config,
            created_by=ctx.user_uid,
            created_at=ctx.now,
        )
    )


def add_image(tx: Transaction, image: WorkerImage) -> None:
    """Keep an image.

    Raises:
        InvalidState: there are too many.
        AlreadyExists: one of that tag is there.
    """
    if tx.count(WorkerImage) >= MAX_IMAGES:
        raise InvalidState(f"There are {MAX_IMAGES} worker images; remove some first.")
    tx.add(image)


def submitted_event(ctx: Context, image: WorkerImage) -> Event:
    """That an image was asked for."""
    return ctx.event("image.submitted", image.uid, tag=image.tag)


def view(ctx: Context, image: WorkerImage) -> ImageView:
    """An image as its caller sees it."""
    # What a failed build says may tell of the machine.
    with_error = Capability.SUBMIT_IMAGES in CAPABILITIES[ctx.caller.role]
    return ImageView(
        uid=image.uid,
        tag=image.tag,
        config=image.config,
        packages=locking.installed_names(locking.locked(image.lock)),
        state=image.state,
        digest=ctx.site.equipped.base.environment() if image.is_prebuilt else image.digest,
        error=image.error if with_error else "",
        is_current=ctx.site.images.is_current(image),
        created_at=image.created_at,
        built_at=image.built_at,
    )


def _get(reader: Reader, uid: UID) -> WorkerImage:
    image = reader.find(WorkerImage, uid=uid)
    if image is None:
        raise NotFound(_NOT_THERE)
    return image


def _find(reader: Reader, message: GetImage) -> WorkerImage:
    if message.uid is not None:
        return _get(reader, message.uid)
    if message.tag:
        image = reader.find(WorkerImage, tag=message.tag)
    elif message.config is not None:
        config = message.config
        image = next((one for one in reader.select(WorkerImage) if one.config.is_same(config)), None)
    else:
        raise InvalidInput("A worker image is found by its UID, its tag, or what was asked for.")
    if image is None:
        raise NotFound(_NOT_THERE)
    return image
