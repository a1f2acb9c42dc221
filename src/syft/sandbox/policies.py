"""This module puts questions to policies that people wrote: as runs behind the fence, whose answers are not decoded.

A policy is its author's code, like the function that it is for; one that an owner has read and approved, and a
stranger's all the same. Each question is a run of its own: what a policy remembers is handed to it and taken back as
bytes. An answer is several values in one (`wire.several`), of which the node reads where each begins and ends, and
whether the first is `True`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from syft.errors import LimitExceeded
from syft.model.code import CustomPolicy
from syft.model.limits import MIB
from syft.model.uid import UID
from syft.sandbox.contract import Execution, InlineInput, Input
from syft.sandbox.limits import Limits
from syft.sandbox.profiles import profile_for
from syft.wire.codec import encode
from syft.wire.several import One, Said

# One question: a policy decides, it does not compute. Whoever calls the function waits for it, twice.
WALL_S: Final = 10.0
CPU_S: Final = 10.0
MEMORY_BYTES: Final = 512 * MIB
THREADS: Final = 8
SCRATCH_BYTES: Final = 16 * MIB
# What it remembers between two runs, and what of that it shows to owners.
MAX_STATE_BYTES: Final = MIB
MAX_SHOWN_BYTES: Final = 64 * 1024
# The caller's own values, as an input policy gives them back: they travel with the run.
MAX_VALUES_BYTES: Final = 32 * MIB

_ENTRY: Final = "ask_the_policy"
# Constant text, below the policy's own, so that line numbers are the policy's. Both are one stranger's from here on:
# what comes back is their word, and is looked at by `admitted`, `is_yes` and `let_out`.
_DRIVER: Final = f"""

def {_ENTRY}(asked, options, state, **given):
    import inspect
    import traceback
    from types import SimpleNamespace
    from syft.wire.codec import decode, encode
    from syft.wire.several import together

    def same(kept, name, known):
        if name not in kept or kept[name] is not known[name] and (
            type(kept[name]) is not type(known[name]) or name in asked["fixed"] or kept[name] != known[name]
        ):
            raise ValueError(f"filter_kwargs may not change or drop the approved input '{{name}}'")

    kind = globals()[asked["name"]]
    if state is None:
        policy = kind(**{{name: decode(one) for name, one in options.items()}})
    else:
        policy = object.__new__(kind)
        policy.__dict__.update(decode(state))
    context = SimpleNamespace(**asked["context"])
    valid = getattr(policy, "is_valid", None) or policy._is_valid
    known = dict(asked["objects"])
    known.update({{name: given[f"value_{{at}}"] for at, name in enumerate(asked["values"])}})
    answer = valid(context, dict(known)) if asked["what"] == "admit" else valid(context)
    if type(answer) is not bool:
        raise TypeError(f"is_valid must answer True or False, not a value of type {{type(answer).__name__}}")
    if not answer:
        return together([False] + [None] * asked["more"])
    if asked["what"] == "ask":
        return together([True])
    if asked["what"] == "admit":
        kept = policy.filter_kwargs(dict(known), context)
        if not isinstance(kept, dict):
            raise TypeError(f"filter_kwargs must return a dict, not a value of type {{type(kept).__name__}}")
        for name in [*asked["objects"], *asked["fixed"]]:
            same(kept, name, known)
        for name in kept:
            if name not in asked["objects"] and name not in asked["fixed"] and name not in asked["free"]:
                raise ValueError(f"filter_kwargs returned '{{name}}', which the function has no parameter for")
        values = []
        for name in asked["free"]:
            values += [name in kept, kept.get(name)]
        return together([True, *values])
    more = {{}}
    if "update_policy" in inspect.signature(policy.apply_to_output).parameters:
        more["update_policy"] = asked["update"]
    output = policy.apply_to_output(context, given["outputs"], **more)
    shown = None
    try:
        shown = policy.public_state() if hasattr(policy, "public_state") else None
        if encode(shown).size > {MAX_SHOWN_BYTES}:
            raise ValueError("public_state returned more than {MAX_SHOWN_BYTES} bytes")
    except Exception:
        traceback.print_exc()
        shown = None
    remembered = dict(vars(policy))
    if encode(remembered, name="the state of the policy").size > {MAX_STATE_BYTES}:
        raise ValueError("the policy remembers more than {MAX_STATE_BYTES} bytes")
    return together([True, output, remembered, shown])
"""
_YES: Final = encode(True).to_bytes()


@dataclass(frozen=True)
class Subject:
    """About which function a policy is asked.

    Args:
        name: of the function.
        mode: "private" or "mock".
        released: how many results have left under the approval.
    """

    name: str
    mode: str
    released: int = 0

    @property
    def _context(self) -> dict[str, object]:
        return {"name": self.name, "mode": self.mode, "released": self.released}


@dataclass(frozen=True)
class Called:
    """What a function is called with, as its input policy is shown it.

    Args:
        objects: by parameter, the objects of the node: their UIDs, and nothing of their values.
        labels: likewise, what the node calls them.
        values: by parameter, the caller's own values and the constants of the approval.
        fixed: which of those are constants.
        free: parameters that take values of the caller's: those that the policy may fill, change and leave out.
    """

    objects: Mapping[str, UID]
    labels: Mapping[str, str]
    values: Mapping[str, Input]
    fixed: frozenset[str]
    free: tuple[str, ...]


@dataclass(frozen=True)
class LetOut:
    """What an output policy makes of a result.

    Args:
        said: of the output, by the policy.
        output: encoded: what may leave.
        state: encoded: what the policy remembers from now on.
        shown: encoded: what it shows of that.
    """

    said: Said
    output: memoryview
    state: bytes
    shown: bytes


def admitting(uid: str, policy: CustomPolicy, subject: Subject, called: Called, limits: Limits) -> Execution:
    """The question whether a call may be made, and what the code gets of it; `admitted` reads the answer.

    Args:
        uid: of the run.
        policy: of the inputs.
        subject: about which function.
        called: what it is called with.
        limits: of the run that it is for.
    """
    names = list(called.values)
    inputs = {f"value_{at}": called.values[name] for at, name in enumerate(names)}
    asked = {
        "what": "admit",
        "objects": dict(called.objects),
        "values": names,
        "fixed": sorted(called.fixed),
        "free": list(called.free),
        "more": pieces_of(called) - 1,
        "context": subject._context | {"labels": dict(called.labels)},
    }
    return _run(uid, policy, asked, None, inputs, limits, MAX_VALUES_BYTES)


def pieces_of(called: Called) -> int:
    """How many values the answer to `admitting` is."""
    return 1 + 2 * len(called.free)


def asking(
    uid: str, policy: CustomPolicy, subject: Subject, state: bytes | None, limits: Limits
) -> Execution:
    """The question whether one more result may leave; its answer is one value, see `is_yes`.

    Args:
        uid: of the run.
        policy: of the outputs.
        subject: about which function.
        state: what it remembers, encoded; None: nothing yet.
        limits: of the run that it is for.
    """
    asked = {"what": "ask", "more": 0, "context": subject._context}
    return _run(uid, policy, asked | _NO_INPUTS, state, {}, limits, MIB)


def letting_out(
    uid: str,
    policy: CustomPolicy,
    subject: Subject,
    state: bytes | None,
    outputs: Input,
    limits: Limits,
    *,
    update: bool,
) -> Execution:
    """The question what may leave of a result; `let_out` reads the answer, which is `LET_OUT` values.

    Args:
        uid: of the run.
        policy: of the outputs.
        subject: about which function.
        state: what it remembers, encoded; None: nothing yet.
        outputs: what the function returned.
        limits: of the run that it is for.
        update: whether what it remembers is kept: not of a try.
    """
    asked = {"what": "release", "update": update, "more": LET_OUT - 1, "context": subject._context}
    most = limits.output_bytes + MAX_STATE_BYTES + MAX_SHOWN_BYTES + MIB
    return _run(uid, policy, asked | _NO_INPUTS, state, {"outputs": outputs}, limits, most)


LET_OUT: Final = 4
_NO_INPUTS: Final[dict[str, object]] = {"objects": {}, "values": [], "fixed": [], "free": []}


def is_yes(pieces: Sequence[One]) -> bool:
    """Whether an answer begins with `True`: those very bytes, and nothing that would only count as true."""
    return bytes(pieces[0].data[: len(_YES) + 1]) == _YES


def admitted(called: Called, pieces: Sequence[One]) -> dict[str, bytes] | None:
    """By parameter, the values that the code gets in place of the caller's, encoded; None: it may not be called.

    Args:
        called: as it was asked.
        pieces: the answer.
    """
    if not is_yes(pieces):
        return None
    given = zip(called.free, pieces[1::2], pieces[2::2], strict=True)
    return {name: bytes(one.data) for name, there, one in given if is_yes([there])}


def let_out(pieces: Sequence[One]) -> LetOut | None:
    """What may leave; None: nothing may.

    Raises:
        LimitExceeded: the policy wants to remember or to show more than it may.
    """
    if not is_yes(pieces):
        return None
    _, output, state, shown = pieces
    # Asked in the run, too, where it can be said better; but what is said there is the policy's own word.
    if len(state.data) > MAX_STATE_BYTES or len(shown.data) > MAX_SHOWN_BYTES:
        raise LimitExceeded(f"A policy remembers at most {MAX_STATE_BYTES >> 20} MiB.")
    return LetOut(output.said, output.data, bytes(state.data), bytes(shown.data))


def _run(
    uid: str,
    policy: CustomPolicy,
    asked: dict[str, object],
    state: bytes | None,
    inputs: Mapping[str, Input],
    limits: Limits,
    output_bytes: int,
) -> Execution:
    own = {"asked": asked | {"name": policy.name}, "options": policy.options, "state": state}
    return Execution(
        uid=uid,
        source=policy.source.rstrip("\n") + "\n" + _DRIVER,
        entry=_ENTRY,
        inputs=dict(inputs) | {name: InlineInput(encode(value).to_bytes()) for name, value in own.items()},
        limits=msgspec.structs.replace(
            limits,
            memory_bytes=min(limits.memory_bytes, MEMORY_BYTES),
            cpu_s=min(limits.cpu_s, CPU_S),
            wall_s=min(limits.wall_s, WALL_S),
            threads=min(limits.threads, THREADS),
            scratch_bytes=min(limits.scratch_bytes, SCRATCH_BYTES),
            output_bytes=output_bytes,
        ),
        profile=profile_for(policy.source),
    )
