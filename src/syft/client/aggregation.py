"""This module puts a secure sum together: sites add up what none of them, and nobody between them, sees of another.

Each site splits its summand into random shares, one for each site; each adds the shares it was handed; what these sums
add up to is the sum of the summands. A share alone, or all but one, is uniformly random: it says nothing.

Source:
    Additive secret sharing in the ring of integers modulo 2**64, with fixed-point numbers: Cramer, Damgård and Nielsen,
    "Secure Multiparty Computation and Secret Sharing" (2015), chapter 3. It holds against sites that do as the
    protocol says and look at all they get, as long as one besides the summand's own keeps its part to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syft.client.steps import Step
from syft.errors import InvalidInput
from syft.model.code import CodeSubmission, Parameter

_MODULUS_BITS: Final = 64

_SPLIT: Final = '''\
def {name}(value):
    """Split a number, or an array of them, into {count} shares, modulo 2**64. All but one of them are random."""
    import secrets

    import numpy as np

    number = np.asarray(value, dtype=np.float64)
    if not np.all(np.abs(number) < 2.0**{whole_bits}):
        raise ValueError("a summand is not a number, or 2**{whole_bits} or more")
    rest = np.asarray(np.round(number * 2.0**{fraction_bits}), dtype=np.int64).view(np.uint64)
    shares = []
    with np.errstate(over="ignore"):
        for _ in range({count} - 1):
            random = np.frombuffer(secrets.token_bytes(8 * rest.size), dtype=np.uint64)
            shares.append(random.reshape(rest.shape))
            rest = rest - shares[-1]
    return (*shares, rest)
'''
_ADD: Final = '''\
def {name}({parameters}):
    """Add the shares that this site was handed, modulo 2**64."""
    import numpy as np

    with np.errstate(over="ignore"):
        return {terms}
'''
_TOTAL: Final = '''\
def {name}({parameters}):
    """Add the sums of the sites, modulo 2**64: the sum of all summands."""
    import numpy as np

    with np.errstate(over="ignore"):
        total = {terms}
    return np.asarray(total, dtype=np.uint64).view(np.int64) / 2.0**{fraction_bits}
'''


def secure_sum(summands: Mapping[str, Step], at: str, *, fraction_bits: int = 24) -> Step:
    """The sum of what several steps return, each at its own site, without any of them leaving it.

    Args:
        summands: by role, the step there that returns a number or array; all of one shape.
        at: the role where the sum is put together; it, too, sees the sum only.
        fraction_bits: binary places that are kept. With `n` sites, summands are below 2**(63 - fraction_bits) / n.
    Returns:
        The step that returns the sum, in float64. It knows those it needs: `sy.Protocol([total])` is all of them.
    Raises:
        InvalidInput: fewer than three sites: of two, each could subtract its own; or a step at another role than said.
    """
    roles = list(summands)
    if len(roles) < 3:
        raise InvalidInput(
            "A secure sum takes three sites or more: of two, each would know the other's summand from the sum."
        )
    for role, step in summands.items():
        if step.role != role:
            raise InvalidInput(f"{step!r} is named as the summand of '{role}'.")
    if type(fraction_bits) is not int or not 0 <= fraction_bits <= 52:
        raise InvalidInput("The binary places of a secure sum are a number from 0 to 52.")
    whole_bits = _MODULUS_BITS - 1 - fraction_bits - (len(roles) - 1).bit_length()
    split = _code("split_into_shares", ("value",), _SPLIT, len(roles), fraction_bits, whole_bits)
    shares = {role: Step(role, split, value=step) for role, step in summands.items()}
    names = tuple(f"share_{number + 1}" for number in range(len(roles)))
    add = _code("add_shares", names, _ADD, len(roles), fraction_bits, whole_bits)
    sums = [
        Step(role, add, **{name: shares[source][number] for name, source in zip(names, roles, strict=True)})
        for number, role in enumerate(roles)
    ]
    names = tuple(f"sum_{number + 1}" for number in range(len(roles)))
    total = _code("add_up", names, _TOTAL, len(roles), fraction_bits, whole_bits)
    return Step(at, total, **dict(zip(names, sums, strict=True)))


def _code(
    name: str, parameters: tuple[str, ...], text: str, count: int, fraction_bits: int, whole_bits: int
) -> CodeSubmission:
    source = text.format(
        name=name,
        parameters=", ".join(parameters),
        terms=" + ".join(parameters),
        count=count,
        fraction_bits=fraction_bits,
        whole_bits=whole_bits,
    )
    return CodeSubmission(
        name=name, source=source, parameters=tuple(Parameter(name=one) for one in parameters)
    )
