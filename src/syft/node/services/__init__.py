"""This package is what a node does about each kind of message, an area a module; importing it fills the table."""

from syft.node.services import (
    access,
    calls,
    codes,
    datasets,
    events,
    handlers,
    jobs,
    kept,
    leases,
    objects,
    operations,
    requests,
    session,
    settings,
    users,
)

__all__ = [
    "access",
    "calls",
    "codes",
    "datasets",
    "events",
    "handlers",
    "jobs",
    "kept",
    "leases",
    "objects",
    "operations",
    "requests",
    "session",
    "settings",
    "users",
]
