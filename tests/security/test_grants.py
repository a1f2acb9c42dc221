"""Letting others read an object: only its owner does, only as it is, and who has an account is not told."""

from __future__ import annotations

import pytest

from support.people import Person, new_value
from support.sites import Cast
from syft.errors import NotFound
from syft.model.message import Done
from syft.model.messages import objects
from syft.model.uid import UID

OWNER, SCIENTIST, OTHER = "owner@site.org", "scientist@site.org", "other_scientist@site.org"


def kept(owner: Person, value: object = 7) -> UID:
    return owner.say(objects.PutObject(new_value(value), findable=False), objects.ObjectReply).object.uid


def test_who_is_granted_reads_it_and_who_is_not_does_not(site: Cast) -> None:
    uid = kept(site.owner)
    with pytest.raises(NotFound):
        site.scientist.read(uid)
    site.owner.say(objects.GrantObject(uid, (SCIENTIST,)), Done)
    assert site.scientist.read(uid) == 7
    with pytest.raises(NotFound):
        site.other_scientist.read(uid)
    site.owner.say(objects.GrantObject(uid, (SCIENTIST,), withdraw=True), Done)
    with pytest.raises(NotFound):
        site.scientist.read(uid)


def test_who_was_granted_grants_nobody(site: Cast) -> None:
    uid = kept(site.owner)
    site.owner.say(objects.GrantObject(uid, (SCIENTIST,)), Done)
    with pytest.raises(NotFound):
        site.scientist.say(objects.GrantObject(uid, (OTHER,)), Done)
    with pytest.raises(NotFound):
        site.other_scientist.read(uid)


def test_a_grant_is_to_the_value_that_was_there(site: Cast) -> None:
    uid = kept(site.owner)
    site.owner.say(objects.GrantObject(uid, (SCIENTIST,)), Done)
    site.owner.say(objects.ReplaceObject(uid, new_value(8)), objects.ObjectReply)
    with pytest.raises(NotFound):
        site.scientist.read(uid)


def test_an_e_mail_of_nobody_gets_the_same_answer(site: Cast) -> None:
    uid = kept(site.scientist)
    there = site.scientist.say(objects.GrantObject(uid, (OWNER,)), Done)
    assert site.scientist.say(objects.GrantObject(uid, ("nobody@x.org",)), Done) == there
