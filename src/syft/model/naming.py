"""This module gives names to what comes without one: two words, for telling things apart in a log."""

from __future__ import annotations

import secrets
from typing import Final

from syft.model.uid import hex_char

_ADJECTIVES: Final = """
able agile amber ample ardent attentive bold brave bright brisk calm candid careful cheerful clever curious
daring deft diligent eager earnest easy elegant exact fair faithful festive fluent focused fond frank gallant
generous gentle glad goofy graceful happy hearty honest hopeful humble ingenious jolly jovial keen kind lively
loyal lucid mellow merry mindful modest neat nimble noble observant patient peaceful playful polite proud
prudent quick quiet radiant ready relaxed serene sharp sincere steady stoic sunny tender thorough tidy
tranquil trusting upbeat vivid warm wise witty wonderful zealous zen
"""
ADJECTIVES: Final = tuple(_ADJECTIVES.split())
_SURNAMES: Final = """
agnesi babbage banach bardeen bayes bell bernoulli blackwell bohr boole born bose cantor cauchy cerf
chandrasekhar chebyshev church clarke cori cray curie darwin deligne diffie dijkstra dirac dwork easley
einstein elion engelbart erdos euclid euler faraday fermat fermi feynman fisher fourier franklin galileo
galois gauss germain gosset goldberg goldwasser hamilton hamming hardy hawking hellman hermann hertz hilbert
hodgkin hopper hypatia jang johnson joliot kalman keller kepler kirch knuth kolmogorov kovalevskaya lamarr
lamport laplace leavitt legendre leibniz liskov lovelace markov maxwell mayer mccarthy mcclintock meitner
mendel merkle mirzakhani nash neumann newton nightingale noether pascal pasteur payne perlman poincare poisson
ramanujan rao rivest robinson rubin shamir shannon sinoussi snow spence stonebraker tarski tesla thompson
tukey turing villani wilcoxon wiles wing wozniak wright wu yalow yao yonath zhukovsky
"""
SURNAMES: Final = tuple(_SURNAMES.split())


def random_name() -> str:
    """Two words, such as "Festive Goldberg": for the eye, not unique, and no secret."""
    return f"{secrets.choice(ADJECTIVES)} {secrets.choice(SURNAMES)}".title()


def key_emoji(key: object) -> str:
    """One character that stands for a key; not unique.

    Args:
        key: bytes, or anything with 32 of them (PyNaCl's keys); "ALL" stands for everything else.
    Source:
        The values that PySyft 0.5 printed (docs/doors.md).
    """
    try:
        return hex_char(bytes(key).hex()[-8:]) if not isinstance(key, str | int) else "ALL"  # type: ignore[call-overload, unused-ignore]
    except TypeError:
        return "ALL"
