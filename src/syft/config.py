"""This module is what an operator sets from outside, read once from an environment that is passed in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from syft.errors import InvalidInput

DEFAULT_EMAIL = "info@openmined.org"
# As in `sandbox.levels`, which is above this module.
ISOLATION_LEVELS = ("gvisor", "namespaces", "landlock", "process")
# Everybody knows it: a node accepts it from its own machine only, and says so.
DEFAULT_PASSWORD = "changethis"  # noqa: S105
# What one job may use; these have JOB in their names outside.
_OF_A_JOB: Final = ("memory_mb", "cpu_s", "wall_s", "scratch_mb", "output_kb", "threads")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sets.

    Args:
        home: the folder under which each node has one of its own (`SYFT_HOME`).
        root_email: login of the first administrator (`SYFT_ROOT_EMAIL`).
        root_password: their password when the node is first made (`SYFT_ROOT_PASSWORD`).
        session_hours: after which a login must be repeated (`SYFT_SESSION_HOURS`).
        workers: how many jobs run at once in a worker pool that does not say (`SYFT_WORKERS`).
        running_per_user: how many of one person's jobs run at once in one pool, at most; 0: as many as the pool has
            room for, since whose turn it is goes by who has the fewest (`SYFT_RUNNING_PER_USER`).
        open_per_user: how many of one person's jobs wait or run at once, at most (`SYFT_OPEN_PER_USER`).
        memory_mb: what one job may use beyond its inputs, in MiB (`SYFT_JOB_MEMORY_MB`).
        cpu_s: processor seconds of one job (`SYFT_JOB_CPU_S`).
        wall_s: seconds one job may take (`SYFT_JOB_WALL_S`).
        scratch_mb: files one job may have in its scratch directory, in MiB (`SYFT_JOB_SCRATCH_MB`).
        output_kb: the encoded result of one job, in KiB (`SYFT_JOB_OUTPUT_KB`).
        threads: of one job beside the first (`SYFT_JOB_THREADS`). These six are what a job may use where neither
            its worker pool nor its approval says otherwise.
        isolation: level of the fence around submitted code: "auto" takes the strongest that proves itself, a name
            takes that and no other; only "process" here lets code run without a fence (`SYFT_ISOLATION`).
        isolation_min: with "auto", the weakest level at which code is run (`SYFT_ISOLATION_MIN`).
        worker_lease_s: seconds without a word after which a worker on another machine is given up, with what it runs
            (`SYFT_WORKER_LEASE_S`).
        durability: "full" survives loss of power, "normal" only a crash (`SYFT_DURABILITY`).
        log_level: of the server's log (`SYFT_LOG_LEVEL`).
    """

    home: Path
    root_email: str = DEFAULT_EMAIL
    root_password: str = DEFAULT_PASSWORD
    session_hours: float = 12.0
    workers: int = 2
    running_per_user: int = 0
    open_per_user: int = 200
    memory_mb: int = 4096
    cpu_s: float = 300.0
    wall_s: float = 600.0
    scratch_mb: int = 256
    output_kb: int = 1 << 20
    threads: int = 64
    isolation: str = "auto"
    isolation_min: str = "landlock"
    worker_lease_s: float = 15.0
    durability: str = "full"
    log_level: str = "WARNING"

    def __repr__(self) -> str:
        return f"Settings(home={str(self.home)!r}, …)"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """The settings that an environment asks for.

        Args:
            environ: such as `os.environ`; names are `SYFT_` and the field in capitals.
        Raises:
            InvalidInput: a value that cannot be read as what it should be; the text names the variable.
        """
        names = {field: "SYFT_" + field.upper() for field in cls.__struct_fields__}
        names.update({field: "SYFT_JOB_" + field.upper() for field in _OF_A_JOB})
        given: dict[str, object] = {"home": _default_home(environ)}
        given.update({field: environ[name] for field, name in names.items() if environ.get(name)})
        given["home"] = Path(str(given["home"])).expanduser().absolute()
        for field, name in names.items():
            if field in ("home",) or field not in given:
                continue
            kind = cls.__annotations__[field]
            try:
                given[field] = {"str": str, "int": int, "float": float}[kind](str(given[field]))
            except ValueError:
                raise InvalidInput(f"{name} must be a number, not '{given[field]}'.") from None
        if given.get("durability", "full") not in ("full", "normal"):
            raise InvalidInput("SYFT_DURABILITY is 'full' or 'normal'.")
        if "log_level" in given:
            given["log_level"] = wanted = str(given["log_level"]).strip().upper()
            if wanted not in LOG_LEVELS:
                raise InvalidInput(f"SYFT_LOG_LEVEL is one of {', '.join(LOG_LEVELS)}, not '{wanted}'.")
        for field, also in (("isolation", ("auto",)), ("isolation_min", ())):
            level = given.get(field)
            if level is not None and level not in (*also, *ISOLATION_LEVELS):
                allowed = ", ".join((*also, *ISOLATION_LEVELS))
                raise InvalidInput(f"{names[field]} must be one of {allowed}, not '{level}'.")
        if not int(str(given.get("running_per_user", 0))) >= 0:
            raise InvalidInput("SYFT_RUNNING_PER_USER is 0 for no limit, or a number above it.")
        for field in ("workers", "open_per_user", "session_hours", *_OF_A_JOB):
            value = given.get(field, 1)
            if not isinstance(value, int | float) or not 0 < value < math.inf:
                raise InvalidInput(f"{names[field]} must be a number above 0.")
        return cls(**given)  # type: ignore[arg-type]  # each value was converted by its field's annotation above


def _default_home(environ: Mapping[str, str]) -> str:
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "~")) / ".local" / "share")
    return str(Path(base) / "syft")
