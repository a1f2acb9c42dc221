"""This module is a door: errors of PySyft 0.2 by their names; each is one of this library's, too."""

from __future__ import annotations

from syft.errors import AuthorizationException, InvalidInput, NotFound


class TensorsNotCollocatedException(InvalidInput):
    """Values at different places are to be computed with."""


class ObjectNotFoundError(NotFound):
    """There is no such object at that worker, or it is not yours to see."""


class WorkerNotFoundException(NotFound):
    """Nobody in this process knows a worker of that name."""


class GetNotPermittedError(AuthorizationException):
    """You may know of the object, but not read it."""


class SendNotPermittedError(AuthorizationException):
    """The worker takes nothing from you."""
