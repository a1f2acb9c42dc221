"""This module holds worker pools: named places where jobs run, by what engine, and what a job may use there."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from syft.config import ISOLATION_LEVELS
from syft.errors import InvalidInput
from syft.model.limits import JobLimits
from syft.model.uid import UID

# There is always one of this name. A function that names no pool runs there; what a job launches, where the job does.
DEFAULT_POOL: Final = "default-pool"
_NAME_MAX: Final = 100
# More threads than any machine has cores, and of processes on a cluster more than one site's node keeps up with.
MAX_WORKERS: Final = 1000
_TEXT_MAX: Final = 1000


class Embedded(msgspec.Struct, frozen=True, tag="embedded"):
    """Runs are children of processes on the node's own machine."""


class Remote(msgspec.Struct, frozen=True, tag="remote"):
    """Runs go to workers that join from other machines (`syft worker`) and ask for them."""


class Dask(msgspec.Struct, frozen=True, tag="dask"):
    """Runs go to the workers of a Dask cluster, each of which has a sandbox of its own.

    Args:
        address: of its scheduler, "tls://host:8786"; empty for a cluster that the node starts on its own machine.
        node_url: at which the cluster's workers reach the node; empty where the node knows it itself.
        tls_ca: file with the certificate of whoever signed the scheduler's, on the node's machine; empty: no TLS.
        tls_cert: file with the node's own certificate.
        tls_key: file with its key.
    """

    address: str = ""
    node_url: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            if len(getattr(self, field)) > _TEXT_MAX:
                raise InvalidInput(f"The '{field}' of a Dask engine has at most {_TEXT_MAX} characters.")
        if self.address.startswith("tls:") != bool(self.tls_ca):
            raise InvalidInput(
                "A scheduler at tls://... needs tls_ca, tls_cert and tls_key; one at another address takes none."
            )
        if bool(self.tls_ca) != bool(self.tls_cert and self.tls_key):
            raise InvalidInput("TLS to a Dask scheduler needs all of tls_ca, tls_cert and tls_key.")


Engine = Embedded | Remote | Dask


class PoolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A worker pool as it is wanted: what an administrator launches, and what others ask for.

    Args:
        name: by which functions ask for it; no two pools have the same.
        workers: how many jobs run there at once; 0: as many as the server's settings say. Of a pool whose workers are
            elsewhere the most that do, however many join.
        engine: what its runs are run by.
        isolation: level of the fence, that one and no other; empty: what the server's settings say.
        image_uid: the environment its runs have; None: the server's own.
        limits: where they differ from the server's. What a job may use there, unless less was asked for.
    """

    name: str
    workers: int = 0
    engine: Engine = Embedded()
    isolation: str = ""
    image_uid: UID | None = None
    limits: JobLimits = JobLimits()

    def __post_init__(self) -> None:
        check_pool_name(self.name)
        check_workers(self.workers)
        if self.isolation and self.isolation not in ISOLATION_LEVELS:
            raise InvalidInput(
                f"'{self.isolation[:50]}' is not a level of isolation; they are {', '.join(ISOLATION_LEVELS)}."
            )


class Pool(PoolSpec, frozen=True, kw_only=True):
    """A place where jobs run.

    Args:
        uid: the pool's own.
        created_at: when, in UTC.
    """

    uid: UID
    created_at: datetime

    @property
    def is_plain(self) -> bool:
        """Whether its runs are run as those of the default pool are: here, with the server's packages and fence."""
        return isinstance(self.engine, Embedded) and not self.isolation and self.image_uid is None


def check_workers(count: int) -> None:
    """Raise unless a pool can have so many workers.

    Raises:
        InvalidInput: it cannot.
    """
    if not 0 <= count <= MAX_WORKERS:
        raise InvalidInput(f"A worker pool has from 1 to {MAX_WORKERS} workers, not {count}.")


def check_pool_name(name: str) -> None:
    """Raise unless a pool can be called that.

    Raises:
        InvalidInput: it cannot.
    """
    if not name or len(name) > _NAME_MAX or not all(char.isalnum() or char in "-_." for char in name):
        raise InvalidInput(
            f"'{name[:_NAME_MAX]}' cannot be a worker pool's name: use letters, digits, dots, dashes and underscores."
        )
