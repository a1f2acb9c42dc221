"""This module holds every error that a person or another node can be told about.

    SyftException                  anything this library raises on purpose
    |-- LocalError                 you asked wrongly; changing the question helps
    |   |-- InvalidInput           a value does not satisfy what its docstring asks
    |   |   |-- UnsupportedType    a value of a type that cannot travel
    |   |   `-- InvalidCode        a function that cannot be accepted as it stands
    |   |-- NotFound               it is not there, or not yours: one answer, so that existence does not leak
    |   |-- AlreadyExists          the name is taken
    |   |-- AuthenticationError    wrong e-mail or password, expired or revoked key
    |   |-- AuthorizationException you are known, and you may not
    |   |-- TooManyAttempts        slow down; says for how long
    |   |-- InvalidState           it exists and you may, but not as things stand
    |   |   |-- NotApproved        the request has not been approved (yet, or any more)
    |   |   |-- Denied             the request was denied; carries the owner's reason
    |   |   |-- ResultHeld         it has run; a person looks at the result before it leaves
    |   |   |-- NotDeployed        a protocol has no sites yet, or has them already
    |   |   |-- PlanNotReady       a plan is not built yet, or is not where it is to run
    |   |   |-- PolicyExhausted    the output policy lets nothing more out
    |   |   `-- QuotaExceeded      you keep as much on the node as it allows
    |   `-- MissingExtra           an optional package is needed; says which
    |-- RemoteError                they failed; asking the same again may help
    |   |-- NodeUnreachable        no answer, or none in time
    |   |-- BadReply               an answer that is not signed by the node it should come from
    |   `-- InternalError          a fault of ours; carries the id under which the log has the detail
    |-- WireError                  bytes that are not what they should be
    |   |-- DecodeError            not a value of the closed table of types
    |   |-- EnvelopeError          unsigned, tampered with, or for somebody else
    |   |-- StaleMessage           too old, from the future, or seen before
    |   `-- TooLarge               over a limit of size or depth
    |-- ExecutionError             a stranger's code did not end well
    |   |-- CodeFailed             it raised
    |   |-- LimitExceeded          it used more than it was allowed to
    |   `-- StepFailed             one step of a protocol; says which, at which site, and why
    `-- StorageError               the disk or the database said no
        |-- StorageFull            no space left; nothing half-written is visible
        `-- NewerDatabase          written by a later version of this library

`code` is stable and travels; `public_message` is what strangers are shown. Anything else that is
raised inside a node becomes `InternalError` at the edge, its detail in the log under the error's id.
"""

from __future__ import annotations

from typing import ClassVar


class SyftException(Exception):
    """Something went wrong in a way that a person can be told about.

    Args:
        public_message: what happened and what to do next; shown to whoever asked.
        private_message: detail for the log and for the data owner; never crosses the wire to others.
    """

    code: ClassVar[str] = "error"

    def __init__(self, public_message: str = "", private_message: str = "") -> None:
        super().__init__(public_message)
        self.public_message = public_message
        self.private_message = private_message

    @property
    def public(self) -> str:
        """The text for the person who asked (the name PySyft 0.9 used)."""
        return self.public_message

    def __str__(self) -> str:
        return self.public_message


class LocalError(SyftException):
    """You asked wrongly; changing the question helps."""

    code = "local"


class InvalidInput(LocalError):
    """A value does not satisfy what its docstring asks."""

    code = "invalid_input"


class UnsupportedType(InvalidInput):
    """A value of a type that cannot travel."""

    code = "unsupported_type"


class InvalidCode(InvalidInput):
    """A function that cannot be accepted as it stands."""

    code = "invalid_code"


class NotFound(LocalError):
    """It is not there, or not yours: one answer, so that existence does not leak."""

    code = "not_found"


class AlreadyExists(LocalError):
    """The name is taken."""

    code = "already_exists"


class AuthenticationError(LocalError):
    """Wrong e-mail or password, or a key that has expired or was revoked."""

    code = "authentication"


class AuthorizationException(LocalError):
    """You are known, and you may not. (The name PySyft 0.5 used.)"""

    code = "authorization"


class TooManyAttempts(LocalError):
    """Slow down; the message says for how long."""

    code = "too_many_attempts"


class InvalidState(LocalError):
    """It exists and you may, but not as things stand."""

    code = "invalid_state"


class NotApproved(InvalidState):
    """The request has not been approved, or is not any more."""

    code = "not_approved"


class Denied(InvalidState):
    """The request was denied; the message carries the owner's reason."""

    code = "denied"


class ResultHeld(InvalidState):
    """It has run, and a person looks at its result before it leaves; the message names the job to ask later.

    Args:
        public_message: which job, and how to wait for the decision.
        job: the job, where it is known: `client.jobs` has it, too.
    """

    code = "result_held"

    def __init__(
        self, public_message: str = "", private_message: str = "", *, job: object | None = None
    ) -> None:
        super().__init__(public_message, private_message)
        self.job = job


class NotDeployed(InvalidState, RuntimeError):
    """A protocol has no sites yet, or has them already; a RuntimeError, as PySyft 0.2 raised."""

    code = "not_deployed"


class PlanNotReady(InvalidState, RuntimeError):
    """A plan is not built yet, or is not where it is to run; a RuntimeError, as PySyft 0.2 raised."""

    code = "plan_not_ready"


class PolicyExhausted(InvalidState):
    """The output policy lets nothing more out."""

    code = "policy_exhausted"


class QuotaExceeded(InvalidState):
    """You keep as much on the node as it allows; the message says how much that is."""

    code = "quota_exceeded"


class MissingExtra(LocalError):
    """An optional package is needed; the message says which and how to get it."""

    code = "missing_extra"


class RemoteError(SyftException):
    """They failed; asking the same again may help."""

    code = "remote"


class NodeUnreachable(RemoteError):
    """No answer, or none in time."""

    code = "node_unreachable"


class BadReply(RemoteError):
    """An answer that is not signed by the node it should come from."""

    code = "bad_reply"


class InternalError(RemoteError):
    """A fault of ours; the message carries the id under which the log has the detail."""

    code = "internal"


class WireError(SyftException):
    """Bytes that are not what they should be."""

    code = "wire"


class DecodeError(WireError):
    """Not a value of the closed table of types."""

    code = "decode"


class EnvelopeError(WireError):
    """Unsigned, tampered with, or for somebody else."""

    code = "envelope"


class StaleMessage(WireError):
    """Too old, from the future, or seen before."""

    code = "stale_message"


class TooLarge(WireError):
    """Over a limit of size or depth."""

    code = "too_large"


class ExecutionError(SyftException):
    """A stranger's code did not end well."""

    code = "execution"


class CodeFailed(ExecutionError):
    """The code raised."""

    code = "code_failed"


class LimitExceeded(ExecutionError):
    """The code used more than it was allowed to."""

    code = "limit_exceeded"


class StepFailed(ExecutionError):
    """One step of a protocol did not end well, and so the run did not; nothing of it is left anywhere.

    Args:
        public_message: which step, at which site, and what went wrong there.
        step: its number, from 1; 0 where the error came over a wire.
        role: the name that the protocol gives the site.
        site: what the node calls itself.
    """

    code = "step_failed"

    def __init__(
        self,
        public_message: str = "",
        private_message: str = "",
        *,
        step: int = 0,
        role: str = "",
        site: str = "",
    ) -> None:
        super().__init__(public_message, private_message)
        self.step = step
        self.role = role
        self.site = site


class StorageError(SyftException):
    """The disk or the database said no."""

    code = "storage"


class StorageFull(StorageError):
    """No space left; nothing half-written is visible."""

    code = "storage_full"


class NewerDatabase(StorageError):
    """Written by a later version of this library."""

    code = "newer_database"


def _tree(root: type[SyftException]) -> dict[str, type[SyftException]]:
    """Every class of the tree by its code; two classes with one code are a programming error."""
    found = {root.code: root}
    for child in root.__subclasses__():
        for code, cls in _tree(child).items():
            if code in found:
                raise AssertionError(f"error code {code!r} is used by {found[code]} and {cls}")
            found[code] = cls
    return found


BY_CODE = _tree(SyftException)


def from_code(code: str, public_message: str) -> SyftException:
    """The error that another node reported.

    Args:
        code: as sent; an unknown one (from a newer node) becomes a plain `RemoteError`.
        public_message: as sent.
    """
    return BY_CODE.get(code, RemoteError)(public_message)
