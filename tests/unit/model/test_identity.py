"""Keys: who said it, and for whom it is."""

import pytest

from syft.model.identity import Identity, is_signed_by, seal_for


def test_a_signature_is_good_for_its_key_and_its_bytes_only() -> None:
    ours, theirs = Identity.generate(), Identity.generate()
    signature = ours.sign(b"hello")
    assert is_signed_by(ours.verify_key, signature, b"hello")
    assert not is_signed_by(theirs.verify_key, signature, b"hello")
    assert not is_signed_by(ours.verify_key, signature, b"hullo")
    assert not is_signed_by(ours.verify_key, signature[:-1], b"hello")
    assert not is_signed_by(b"short", signature, b"hello")


def test_a_key_of_small_order_signs_nothing() -> None:
    # With the neutral element as key and commitment, a lax verifier accepts any message.
    neutral = b"\x01" + bytes(31)
    assert not is_signed_by(neutral, neutral + bytes(32), b"anything")


def test_what_is_sealed_opens_for_its_recipient_only() -> None:
    ours, theirs = Identity.generate(), Identity.generate()
    sealed = seal_for(ours.verify_key, b"secret")
    assert b"secret" not in sealed
    assert ours.unseal(sealed) == b"secret"
    assert theirs.unseal(sealed) is None
    assert ours.unseal(sealed[:-1]) is None
    assert ours.unseal(b"") is None


def test_a_seed_brings_the_same_identity_back_and_is_not_shown() -> None:
    ours = Identity.generate()
    assert Identity.from_seed(ours.seed).verify_key == ours.verify_key
    assert ours.seed.hex() not in repr(ours)
    with pytest.raises(ValueError):
        Identity.from_seed(b"short")
