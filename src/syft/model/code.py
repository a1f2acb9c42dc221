"""This module holds code as data: source, parameters, and the policies under which it may run and answer."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec
from blake3 import blake3

from syft.errors import InvalidInput
from syft.model.limits import JobLimits
from syft.model.plan import Plan
from syft.model.pool import DEFAULT_POOL
from syft.model.uid import UID

MAX_SOURCE = 256 * 1024
MAX_PARAMETERS = 100
# How many results may leave where something else decides: a policy of its author's own, or the inputs.
MANY = 1_000_000
# All the steps of a protocol, with their code, as every owner of one reads them.
MAX_DEPLOYMENT = 4 * 1024 * 1024


class MustBe(msgspec.Struct, frozen=True, tag="must_be"):
    """This parameter takes exactly this object.

    Args:
        object_uid: the object.
        label: what the node calls it, "'asset' of 'dataset'"; the node refuses another. Empty for an object without.
    """

    object_uid: UID
    label: str = ""


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """This parameter is filled in by the node; the caller does not pass it.

    Args:
        value: encoded. There is no text beside it: a reviewer reads the value itself, not its author's word for it.
    """

    value: bytes


class OfType(msgspec.Struct, frozen=True, tag="of_type"):
    """This parameter takes a value of the caller's own.

    Args:
        type_name: one of str, float, int, bool, dict, list, set, tuple.
    """

    type_name: str


class Given(msgspec.Struct, frozen=True, tag="given"):
    """This parameter takes a value of the caller's own, of any type."""


class Handed(msgspec.Struct, frozen=True, tag="handed"):
    """This parameter takes what another step of the same run hands over; the caller does not pass it."""


Rule = MustBe | Constant | OfType | Given | Handed


class CustomPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that a person wrote: a class, as text. It runs behind the fence like any stranger's code.

    Args:
        name: of the class.
        source: the class alone, without decorators and base classes of ours.
        options: what it is made with, by the names of its `__init__`, encoded.
    """

    name: str
    source: str
    options: dict[str, bytes] = {}

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InvalidInput(f"'{self.name[:50]}' is not a valid Python name for a policy.")
        if len(self.source) > MAX_SOURCE:
            raise InvalidInput(f"The source of '{self.name}' is longer than {MAX_SOURCE // 1024} KiB.")
        if len(self.options) > MAX_PARAMETERS:
            raise InvalidInput(f"'{self.name}' has more than {MAX_PARAMETERS} options.")

    @property
    def size(self) -> int:
        """About how many bytes it takes to keep."""
        return len(self.source) + sum(map(len, self.options.values()))


class InputPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a code may be run on: one rule a parameter. A parameter without a rule takes nothing.

    Args:
        kind: "empty", "exact" or "mixed", as the person named it; the rules decide.
        rules: by parameter name.
        custom: a policy of its author's own, which is asked besides. Unset where there is none, so that functions
            from before there were such keep their digests.
    """

    kind: str = "empty"
    rules: dict[str, Rule] = {}
    custom: CustomPolicy | msgspec.UnsetType = msgspec.UNSET

    @property
    def decides(self) -> bool:
        """Whether a policy of its author's own decides about what the caller gives."""
        return not isinstance(self.custom, msgspec.UnsetType)

    @property
    def objects(self) -> dict[str, MustBe]:
        """The parameters that take an object, with that object."""
        return {name: rule for name, rule in self.rules.items() if isinstance(rule, MustBe)}


class OutputPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How many results of a code may leave under one approval.

    Args:
        limit: at least 1.
        per_inputs: how many of them may have been computed on the same inputs; unset: any number up to `limit`.
        custom: a policy of its author's own, which is asked besides, and may change what leaves; unset for none.
    """

    limit: int = 1
    per_inputs: int | msgspec.UnsetType = msgspec.UNSET
    custom: CustomPolicy | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise InvalidInput("An output policy lets at least one result out; its limit must be 1 or more.")
        if self.per_inputs is not msgspec.UNSET and self.per_inputs < 1:
            raise InvalidInput("An output policy lets at least one result out for any inputs.")

    @property
    def decides(self) -> bool:
        """Whether a policy of its author's own decides about what leaves."""
        return not isinstance(self.custom, msgspec.UnsetType)


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a function.

    Args:
        name: as written.
        has_default: whether it may be left out.
        annotation: as written, or empty.
    """

    name: str
    has_default: bool = False
    annotation: str = ""


class Mode(Enum):
    """What a run may see, and so who may see what comes of it."""

    PRIVATE = "private"
    MOCK = "mock"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a function one step of a protocol that runs at several sites.

    Args:
        deployment: the whole, encoded (`model.protocol.Deployment`): every owner approves these very bytes.
        step: which of its steps this function is, from 0.
    """

    deployment: bytes
    step: int

    def __post_init__(self) -> None:
        if len(self.deployment) > MAX_DEPLOYMENT:
            raise InvalidInput(f"A protocol has at most {MAX_DEPLOYMENT >> 20} MiB, with all its code.")

    @property
    def protocol(self) -> str:
        """The digest of the whole, 64 hex digits: by it the sites of one protocol know each other."""
        return blake3(self.deployment).hexdigest()


class CodeSubmission(msgspec.Struct, frozen=True, kw_only=True):
    """A function as its author hands it in.

    Args:
        name: of the function.
        source: self-contained Python, decorators taken off.
        parameters: in order, without `datasite`.
        uses_datasite: whether the function takes the `datasite` object.
        input_policy: what it may be run on.
        output_policy: how often its result may leave.
        renamed: policy input name to parameter name, where the author's names differ and only one reading is possible.
        nested: names of the functions it launches as jobs.
        pool: the worker pool it wants to run in.
        share_results_with_owners: whether the owners of its inputs may read its results.
        limits: what a run of it is to be allowed to use. Unset where nothing was asked for, so that functions from
            before there were limits keep their digests.
        plan: what runs in place of `source`, where the function was traced: `source` is then its text for readers.
        part: which step of which protocol it is, where it is one.
    """

    name: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    uses_datasite: bool = False
    input_policy: InputPolicy = InputPolicy()
    output_policy: OutputPolicy = OutputPolicy()
    renamed: dict[str, str] = {}
    nested: tuple[str, ...] = ()
    pool: str = DEFAULT_POOL
    share_results_with_owners: bool = False
    limits: JobLimits | msgspec.UnsetType = msgspec.UNSET
    plan: Plan | msgspec.UnsetType = msgspec.UNSET
    part: Part | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InvalidInput(f"'{self.name[:50]}' is not a valid Python name for a function.")
        if len(self.source) > MAX_SOURCE:
            raise InvalidInput(f"The source of '{self.name}' is longer than {MAX_SOURCE // 1024} KiB.")
        if len(self.parameters) > MAX_PARAMETERS:
            raise InvalidInput(f"'{self.name}' has more than {MAX_PARAMETERS} parameters.")

    @property
    def custom_policies(self) -> tuple[CustomPolicy, ...]:
        """The policies of its author's own, that of its inputs first."""
        both = (self.input_policy.custom, self.output_policy.custom)
        return tuple(one for one in both if not isinstance(one, msgspec.UnsetType))

    @property
    def asked(self) -> JobLimits:
        """The limits that its author asks for; nothing said where they asked for none."""
        return JobLimits() if isinstance(self.limits, msgspec.UnsetType) else self.limits


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A submitted function as the node keeps it.

    Args:
        uid: the code's own.
        owner_uid: its author.
        digest: BLAKE3 over everything in `submission`, 64 hex digits; what approvals bind.
        submission: the function itself.
        version: 1 for an author's first function of this name, 2 for the next, and so on.
        created_at: when, in UTC.
    """

    uid: UID
    owner_uid: UID
    digest: str
    name: str
    version: int
    submission: CodeSubmission
    created_at: datetime

    @property
    def protocol(self) -> str | None:
        """The digest of the deployment that it is a step of; None where it is none."""
        part = self.submission.part
        return None if isinstance(part, msgspec.UnsetType) else part.protocol

    @property
    def step(self) -> int | None:
        """Which of its steps, from 0."""
        part = self.submission.part
        return None if isinstance(part, msgspec.UnsetType) else part.step

    @property
    def size(self) -> int:
        """About how many bytes it takes to keep: its text, what its plan brings along, and the protocol around it."""
        code = self.submission
        size = len(code.source) + sum(
            len(rule.value) for rule in code.input_policy.rules.values() if isinstance(rule, Constant)
        )
        if not isinstance(code.plan, msgspec.UnsetType):
            size += sum(map(len, code.plan.state))
        if not isinstance(code.part, msgspec.UnsetType):
            size += len(code.part.deployment)
        size += sum(one.size for one in code.custom_policies)
        return size
