"""A key outside Ed25519's main subgroup, whose signatures are good all the same."""

from __future__ import annotations

import hashlib
import secrets

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P

Point = tuple[int, int]


def _add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    k = _D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, _P - 2, _P) % _P,
        (y1 * y2 + x1 * x2) * pow(1 - k, _P - 2, _P) % _P,
    )


def _times(count: int, point: Point) -> Point:
    total = (0, 1)
    while count:
        if count & 1:
            total = _add(total, point)
        point = _add(point, point)
        count >>= 1
    return total


def _with_y(y: int) -> Point | None:
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P:
        return None
    return (x if x & 1 == 0 else _P - x, y)


def _of_order_8() -> Point:
    y = 2
    while True:
        point = _with_y(y)
        if point is not None and _times(4, _times(_ORDER, point)) != (0, 1):
            return _times(_ORDER, point)
        y += 1


def _bytes(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


_BASE = _with_y(4 * pow(5, _P - 2, _P) % _P)
assert _BASE is not None


class OddKey:
    """An honest key plus a point of order 8."""

    def __init__(self) -> None:
        self._secret = secrets.randbelow(_ORDER)
        self.verify_key = _bytes(_add(_times(self._secret, _BASE), _of_order_8()))

    def sign(self, data: bytes) -> bytes:
        """A good signature: tried until the odd part falls out, eight times on average."""
        while True:
            nonce = secrets.randbelow(_ORDER)
            commitment = _bytes(_times(nonce, _BASE))
            digest = hashlib.sha512(commitment + self.verify_key + data).digest()
            challenge = int.from_bytes(digest, "little") % _ORDER
            if challenge % 8 == 0:
                return commitment + ((nonce + challenge * self._secret) % _ORDER).to_bytes(32, "little")
