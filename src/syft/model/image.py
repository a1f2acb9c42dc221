"""This module holds worker images: locked sets of Python packages that a pool's runs find beside the server's."""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from syft.errors import InvalidInput
from syft.model.dockerfile import is_own, read_dockerfile
from syft.model.packages import check_packages
from syft.model.uid import UID

_TAG_MAX: Final = 200
_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]*", re.ASCII)
_DESCRIPTION_MAX: Final = 10_000


class ImageState(Enum):
    """How far an image has come."""

    SUBMITTED = "submitted"
    BUILDING = "building"
    BUILT = "built"
    FAILED = "failed"


# From each state, those that may follow. What is built can be built again: when the server's own packages change.
IMAGE_MOVES: Final[dict[ImageState, frozenset[ImageState]]] = {
    ImageState.SUBMITTED: frozenset({ImageState.BUILDING}),
    ImageState.BUILDING: frozenset({ImageState.BUILT, ImageState.FAILED}),
    ImageState.BUILT: frozenset({ImageState.BUILDING}),
    ImageState.FAILED: frozenset({ImageState.BUILDING}),
}


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What an image is to be, in one of three ways.

    Args:
        packages: names and versions: "scikit-learn==1.5".
        dockerfile: a text whose only instructions are FROM and RUN pip install.
        prebuilt: a name of the server's own environment, such as "syft-base": no packages of its own.
        description: for people.
    Raises:
        InvalidInput: none of the three or more than one, or something else than packages is asked for.
    """

    packages: tuple[str, ...] = ()
    dockerfile: str = ""
    prebuilt: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.packages, self.dockerfile, self.prebuilt))) != 1:
            raise InvalidInput(
                "A worker image is asked for by packages, by a Dockerfile, or by a prebuilt tag: by one."
            )
        if len(self.description) > _DESCRIPTION_MAX:
            raise InvalidInput(f"A worker image's description has at most {_DESCRIPTION_MAX} characters.")
        if self.prebuilt and not is_own(self.prebuilt):
            raise InvalidInput(
                f"There is no prebuilt image '{self.prebuilt[:100]}' here. 'syft-base' stands for the server's own "
                "environment; any other needs a container runtime."
            )
        if not self.prebuilt and not self.wanted:
            raise InvalidInput(
                "This asks for no packages; PrebuiltWorkerConfig(tag='syft-base') is what you mean."
            )

    @property
    def wanted(self) -> tuple[str, ...]:
        """The packages asked for, each in its one form, sorted."""
        return check_packages(read_dockerfile(self.dockerfile).packages if self.dockerfile else self.packages)

    @property
    def python(self) -> str:
        """The version of Python asked for, such as "3.11"; empty for whichever the server has."""
        return read_dockerfile(self.dockerfile).python if self.dockerfile else ""

    def is_same(self, other: ImageConfig) -> bool:
        """Whether both ask for the same."""
        return (self.wanted, self.python, bool(self.prebuilt)) == (
            other.wanted,
            other.python,
            bool(other.prebuilt),
        )


class WorkerImage(msgspec.Struct, frozen=True, kw_only=True):
    """An environment for a worker pool's runs.

    Args:
        uid: the image's own.
        tag: by which people name it; no two images have the same.
        config: what was asked for.
        state: how far it has come.
        lock: every package with its version and the hashes of its files, as built; empty before that.
        digest: of the environment, 64 hex digits (`code.environment`): the name of its folder, and what approvals
            bind; empty before it is built.
        tree: of every file in that folder, 64 hex digits: whether it still is what was built.
        log: what building it said, for administrators.
        error: why it could not be built, in one sentence.
        created_by: the account that asked for it.
        created_at: when, in UTC.
        built_at: when it was last built, in UTC.
    """

    uid: UID
    tag: str
    config: ImageConfig
    state: ImageState = ImageState.SUBMITTED
    lock: str = ""
    digest: str = ""
    tree: str = ""
    log: str = ""
    error: str = ""
    created_by: UID
    created_at: datetime
    built_at: datetime | None = None

    def __post_init__(self) -> None:
        check_tag(self.tag)

    @property
    def is_prebuilt(self) -> bool:
        """Whether it is the server's own environment."""
        return bool(self.config.prebuilt)


def check_tag(tag: str) -> None:
    """Raise unless an image can be called that.

    Raises:
        InvalidInput: it cannot.
    """
    if len(tag) > _TAG_MAX or not _TAG.fullmatch(tag):
        raise InvalidInput(
            f"'{tag[:100]}' cannot be a worker image's tag: use letters, digits, dots, dashes, slashes and colons."
        )


def moved(image: WorkerImage, state: ImageState, **changes: object) -> WorkerImage:
    """The image in its next state.

    Raises:
        ValueError: that state does not follow.
    """
    if state not in IMAGE_MOVES[image.state]:
        raise ValueError(f"a worker image does not go from {image.state.value} to {state.value}")
    return msgspec.structs.replace(image, state=state, **changes)
