"""This module shows worker images and has them built: locked sets of packages that a worker pool's runs find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from syft.client.lists import DictTuple, Listing
from syft.client.present import Card, Shown, SyftSuccess, Text, cell, when
from syft.client.session import Session
from syft.client.waiting import wait_until
from syft.errors import InvalidInput, InvalidState
from syft.model.image import ImageConfig, ImageState
from syft.model.message import Done
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
from syft.model.uid import UID

_DOCKERFILE_BYTES_MAX: Final = 1 << 20


class WorkerConfig(Shown):
    """What a worker image is to be. Use one of those below it.

    Args:
        config: as the node is told.
    """

    def __init__(self, config: ImageConfig) -> None:
        self.config = config

    @property
    def description(self) -> str:
        """For people."""
        return self.config.description

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages asked for, with versions where they were given."""
        return self.config.wanted

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkerConfig) and self.config == other.config

    def __hash__(self) -> int:
        return hash(self.config)

    def _card(self) -> Card:
        facts = [
            ("Packages", ", ".join(self.packages) or "the server's own"),
            ("Description", self.description),
        ]
        return Card(type(self).__name__, [(label, text) for label, text in facts if text])


class CustomWorkerConfig(WorkerConfig):
    """An image of these packages and what they need.

    Args:
        python_packages: names, with versions if wanted: "scikit-learn==1.5", "toolz>=0.12,<1".
        description: for people.
    Raises:
        InvalidInput: one of them is not the name of a package with versions.
    """

    def __init__(self, *, python_packages: Sequence[str], description: str | None = None) -> None:
        if isinstance(python_packages, str):
            raise InvalidInput("python_packages is a list: python_packages=['scikit-learn==1.5'].")
        super().__init__(ImageConfig(packages=tuple(python_packages), description=description or ""))


class DockerWorkerConfig(WorkerConfig):
    """An image by a Dockerfile that installs Python packages and does nothing else.

    Args:
        dockerfile: its text.
        description: for people.
    Raises:
        InvalidInput: a line asks for more; the text names it.
    """

    def __init__(self, *, dockerfile: str, description: str | None = None) -> None:
        super().__init__(ImageConfig(dockerfile=dockerfile, description=description or ""))

    @classmethod
    def from_path(cls, path: str | Path, description: str | None = "") -> DockerWorkerConfig:
        """By a Dockerfile on this machine.

        Raises:
            InvalidInput: it is too large to be one, no text, or a line asks for more than packages.
            OSError: it cannot be read.
        """
        with Path(path).expanduser().open("rb") as file:
            data = file.read(_DOCKERFILE_BYTES_MAX)
        try:
            return cls(dockerfile=data.decode(), description=description)
        except UnicodeDecodeError:
            raise InvalidInput(f"'{path}' is not a text.") from None

    @property
    def dockerfile(self) -> str:
        """Its text."""
        return self.config.dockerfile


class PrebuiltWorkerConfig(WorkerConfig):
    """The server's own environment, by a name it has had.

    Args:
        tag: such as "syft-base" or "openmined/syft-backend:0.9.5".
        description: for people.
    Raises:
        InvalidInput: another image, which would need a container runtime.
    """

    def __init__(self, *, tag: str, description: str | None = None) -> None:
        super().__init__(ImageConfig(prebuilt=tag, description=description or ""))

    @property
    def tag(self) -> str:
        """The name."""
        return self.config.prebuilt


class WorkerImage(Shown):
    """An environment for a worker pool's runs.

    Args:
        session: through which to ask about it.
        view: how it stood when the node was last asked.
    """

    def __init__(self, session: Session, view: ImageView) -> None:
        self._session = session
        self._view = view

    @property
    def id(self) -> UID:
        """Its UID."""
        return self._view.uid

    @property
    def tag(self) -> str:
        """By which people name it."""
        return self._view.tag

    @property
    def image_identifier(self) -> str:
        """The same, by the name it had in PySyft 0.9."""
        return self._view.tag

    built_image_tag = image_identifier

    @property
    def config(self) -> WorkerConfig:
        """What was asked for."""
        config = self._view.config
        kind: type[WorkerConfig] = CustomWorkerConfig
        if config.dockerfile or config.prebuilt:
            kind = DockerWorkerConfig if config.dockerfile else PrebuiltWorkerConfig
        made = kind.__new__(kind)
        WorkerConfig.__init__(made, config)
        return made

    @property
    def packages(self) -> tuple[str, ...]:
        """What it has, "name==version"; empty until it is built."""
        return self._view.packages

    @property
    def state(self) -> str:
        """ "submitted", "building", "built" or "failed"."""
        return self._view.state.value

    @property
    def error(self) -> str:
        """Why it could not be built; empty for whom that does not concern."""
        return self._view.error

    @property
    def image_hash(self) -> str:
        """The digest of the environment, which approvals bind; empty until it is built."""
        return self._view.digest

    @property
    def is_built(self) -> bool:
        """Whether a worker pool can have it as it is."""
        return self._view.is_current

    @property
    def is_prebuilt(self) -> bool:
        """Whether it is the server's own environment."""
        return bool(self._view.config.prebuilt)

    @property
    def created_at(self) -> datetime:
        """When it was asked for, in UTC."""
        return self._view.created_at

    @property
    def built_at(self) -> datetime | None:
        """When it was built, in UTC; None if it is not."""
        return self._view.built_at

    def logs(self) -> str:
        """What building it said, so far. For data owners and administrators."""
        return self._log().log

    @property
    def lock(self) -> str:
        """Every package with its version and the hashes of its files. For data owners and administrators."""
        return self._log().lock

    def _log(self) -> ImageLogReply:
        return self._session.ask(GetImageLog(self.id), ImageLogReply)

    def row(self) -> Mapping[str, object]:
        """Its line in a list."""
        return {
            "image_identifier": self.tag,
            "state": self.state,
            "packages": cell(", ".join(self._view.config.wanted) or "the server's own"),
            "image_hash": self.image_hash[:12],
            "created_at": when(self.created_at),
            "built_at": when(self.built_at),
        }

    def _card(self) -> Card:
        facts: list[tuple[str, object]] = [
            ("id", self.id.hex),
            ("state", self.state),
            ("image_hash", self.image_hash),
            ("created_at", when(self.created_at)),
            ("built_at", when(self.built_at)),
            ("error", self.error),
        ]
        asked = "\n".join(self._view.config.wanted) or "the server's own"
        sections = [("Asked for", Text(asked))]
        if self.packages:
            sections.append(("Packages", Text("\n".join(self.packages))))
        return Card(f"WorkerImage {self.tag}", [fact for fact in facts if fact[1]], sections)


class WorkerImages(Listing[WorkerImage]):
    """The worker images at a node: `client.images`, by place, tag or UID."""

    _title: ClassVar[str] = "WorkerImage List"
    _what: ClassVar[str] = "worker image"

    def __init__(self, session: Session) -> None:
        self._session = session

    def _page(self, limit: int, offset: int) -> tuple[Sequence[WorkerImage], int]:
        reply = self._session.ask(ListImages(limit, offset), ImagesReply)
        return [WorkerImage(self._session, view) for view in reply.images], reply.total

    def _named(self, key: str) -> WorkerImage:
        return self._one(GetImage(tag=key))

    def _by_uid(self, uid: UID) -> WorkerImage:
        return self._one(GetImage(uid=uid))

    def _one(self, message: GetImage) -> WorkerImage:
        return WorkerImage(self._session, self._session.ask(message, ImageReply).image)

    def submit(self, worker_config: WorkerConfig, tag: str = "") -> SyftSuccess:
        """Ask for an image. Nothing is installed before an administrator builds it. For data owners.

        Args:
            worker_config: what it is to be.
            tag: by which people name it; the node chooses one if left out.
        Returns:
            with the image as its `value`.
        Raises:
            AuthorizationException: you are no data owner.
            AlreadyExists: there is one of that tag.
        """
        image = WorkerImage(
            self._session, self._session.ask(SubmitImage(config_of(worker_config), tag), ImageReply).image
        )
        what = "Dockerfile" if image._view.config.dockerfile else "Worker image"
        return SyftSuccess(f"{what} ID: {image.id.hex} successfully submitted.", value=image)

    def build(
        self,
        image_uid: UID,
        tag: str = "",
        *,
        force_build: bool = False,
        blocking: bool = True,
        timeout: float | None = None,
    ) -> SyftSuccess:
        """Lock the image's packages and install them at the node. Administrators only.

        Args:
            image_uid: which.
            tag: by which people shall name it from now on.
            force_build: do so even if it is built; other versions may come of it.
            blocking: wait until it is over.
            timeout: for how many seconds to wait; None for as long as it takes. It goes on at the node.
        Returns:
            with the image as its `value`.
        Raises:
            InvalidState: it could not be built (the text says why, and `image.logs()` all of it), or not in that time.
            NotFound: there is no such image.
            AuthorizationException: you are no administrator.
        """
        view = self._session.ask(BuildImage(image_uid, tag, force_build), ImageReply).image
        image = WorkerImage(self._session, view)
        if image.is_prebuilt:
            return SyftSuccess(
                f"Image '{image.tag}' is the server's own environment; there is nothing to build.",
                value=image,
            )
        if not blocking:
            return SyftSuccess(f"Image '{image.tag}' is being built.", value=image)

        def is_over(wait_s: float) -> bool:
            image._view = self._session.ask(GetImage(uid=image_uid, wait_s=wait_s), ImageReply).image
            return image._view.state is not ImageState.BUILDING

        if image._view.state is ImageState.BUILDING and not wait_until(is_over, timeout):
            raise InvalidState(f"Worker image '{image.tag}' is still being built after {timeout:g} s.")
        if image._view.state is ImageState.FAILED:
            raise InvalidState(
                f"Worker image '{image.tag}' could not be built: {image.error} "
                f"All that was said: client.images['{image.tag}'].logs()"
            )
        return SyftSuccess(f"Image '{image.tag}' is built: {len(image.packages)} packages.", value=image)

    def remove(self, uid: UID) -> SyftSuccess:
        """Remove an image and its packages. Administrators only.

        Raises:
            InvalidState: a worker pool uses it, or it is being built.
            NotFound: there is no such image.
            AuthorizationException: you are no administrator.
        """
        self._session.ask(RemoveImage(uid), Done)
        return SyftSuccess(f"Worker image {uid.hex} is removed.")

    def get_by_uid(self, uid: UID) -> WorkerImage:
        """The image with that UID."""
        return self._by_uid(uid)

    def get_by_config(self, worker_config: WorkerConfig) -> WorkerImage:
        """An image that was asked for in these words, or in others that mean the same."""
        return self._one(GetImage(config=config_of(worker_config)))

    def by_tag(self) -> DictTuple[WorkerImage]:
        """All of them as they are now, by tag."""
        return DictTuple(self._title, {image.tag: image for image in self})


def config_of(given: object) -> ImageConfig:
    """What a node is told of a worker's configuration.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(given, WorkerConfig):
        raise InvalidInput(
            "worker_config is a CustomWorkerConfig, a DockerWorkerConfig or a PrebuiltWorkerConfig."
        )
    return given.config
