"""No name that a client chose becomes part of a path, and a hash alone reads nothing (THREATS 4.2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3

from support.people import Person, new_value, on
from support.sites import Cast, account_of, asset_of, fresh, refused, settings_in, tampering, upload
from syft.errors import InvalidInput, NotFound, StorageError
from syft.model.code import CodeSubmission
from syft.model.dataset import DatasetRecord
from syft.model.job import JobState, ValueArgument
from syft.model.message import Done
from syft.model.messages import codes, datasets, jobs, objects
from syft.model.object import INLINE_BYTES, Face, ObjectRecord
from syft.model.permission import Grant
from syft.model.uid import UID
from syft.server.open_node import folder_of, open_node
from syft.wire.codec import encode

BAD_PATHS = (
    "../outside",
    "..",
    ".",
    "",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "a\x00b",
    "a\nb",
    ".hidden",
    " ",
    "a" * 101,
    "~",
    "$HOME",
    "%2e%2e",
    "a:b",
    "*",
)


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", BAD_PATHS)
def test_a_node_is_not_named_by_a_path(tmp_path: Path, name: str) -> None:
    """THREATS 4.2: nothing is made, and with `reset` nothing is removed."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "node.key").write_text("kept")
    before = files_under(tmp_path)
    for reset in (False, True):
        with pytest.raises(InvalidInput):
            open_node(settings_in(home), name, reset=reset).close()
    assert files_under(tmp_path) == before


def test_a_node_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """THREATS 4.2, outside the fence: names of people's choosing, within the home."""
    for name in ("demo", "My Node 2", "a-b_c.d", "Zürich", "a..b", "x" * 100):
        folder = folder_of(settings_in(tmp_path), name)
        assert folder.parent == tmp_path
        assert folder.resolve().parent == tmp_path.resolve()


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    """THREATS 4.2, 2.2: the folder is its owner's alone, and so is the key."""
    node = open_node(settings_in(tmp_path), "private")
    node.close()
    folder = tmp_path / "private"
    assert folder.stat().st_mode & 0o077 == 0
    (folder / "node.key").chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        open_node(settings_in(tmp_path), "private")


NAMES = (
    "../../escape",
    "..",
    "/etc/passwd",
    "a/b/../../c",
    "%2e%2e%2f",
    "con",
    "a.tmp",
    "x" * 200,
    "\u202eevil",
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_datasets_and_assets_stay_names(site: Cast, name: str) -> None:
    """THREATS 4.2: large values, so that files are written; none is called by a client's word."""
    before = files_under(site.home.parent)
    value = new_value(b"large" * INLINE_BYTES)
    asset = datasets.NewAsset(name=name, private=value)
    dataset = site.owner.say(datasets.CreateDataset(name, (asset,)), datasets.DatasetReply).dataset
    made = files_under(site.home.parent) - before
    assert all(path.startswith(site.home.name) for path in made)
    assert not any(part in path for path in made for part in ("escape", "passwd", "evil", "con", "xxx"))
    assert site.owner.read(dataset.assets[0].object_uid) == b"large" * INLINE_BYTES
    site.owner.say(datasets.DeleteDataset(dataset.uid), Done)
    assert {
        path for path in files_under(site.home) if "blobs" in path and (site.home / path).is_file()
    } <= before


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "a\nb", "a\x1bb", "a\x7fb", "x" * 201])
def test_names_that_cannot_be_shown_are_refused(site: Cast, name: str) -> None:
    """THREATS 4.2: NUL, line ends and other control characters; too long, or nothing at all."""
    count = site.count(DatasetRecord)
    assert refused(site.owner, datasets.CreateDataset(name))[0] == "invalid_input"
    asset = datasets.NewAsset(name=name, private=new_value(1))
    assert refused(site.owner, datasets.CreateDataset(UID().hex, (asset,)))[0] == "invalid_input"
    assert site.count(DatasetRecord) == count


@pytest.mark.parametrize(
    "name",
    ["../x", "a.b", "a b", "", "x\x00", "__import__", "_hidden", "class", "get_all", "os.system", "1x"],
)
def test_names_of_functions_are_identifiers(site: Cast, name: str) -> None:
    """THREATS 4.2: a function's name becomes a name in Python, and in `client.code`."""
    with pytest.raises(InvalidInput):
        site.scientist.submit(CodeSubmission(name=name, source=f"def {name}():\n    return 1\n"))


# Values


def bring(person: Person, data: bytes) -> UID:
    """A finished upload."""
    uid = person.say(objects.BeginUpload(len(data)), objects.UploadReply).upload_uid
    person.say(objects.PutPart(uid, 0), Done, data)
    person.say(objects.FinishUpload(uid, blake3(data).hexdigest()), objects.UploadReply)
    return uid


def test_a_hash_alone_reads_nothing(site: Cast) -> None:
    """THREATS 4.2: who knows the digest of another's private value cannot claim it, by whatever message."""
    private = encode("private" * INLINE_BYTES).to_bytes()
    digest = blake3(private).hexdigest()
    data = upload(site.owner, "private" * INLINE_BYTES)
    with site.store.reading() as reader:
        record = reader.get(ObjectRecord, data)
    assert record.private is not None
    assert record.private.digest == digest  # it is known, and in a file named by it
    assert site.site.blobs.path(digest).is_file()
    # Finishing an upload by that digest without its bytes.
    uid = site.scientist.say(objects.BeginUpload(len(private)), objects.UploadReply).upload_uid
    finish = objects.FinishUpload(uid, digest)
    reply = site.scientist.say(finish, objects.UploadReply)
    assert reply.missing == (0,)
    site.scientist.say(objects.PutPart(uid, 0), Done, bytes(len(private)))
    assert refused(site.scientist, finish)[0] == "invalid_input"
    # As the value of a call, or of a dataset.
    submission = fresh("return 1")
    site.scientist.submit(submission)
    call = jobs.CallCode({"x": ValueArgument(upload_uid=uid)}, None, submission.name, 0)
    assert refused(site.scientist, call)[0] != "ok"
    asset = datasets.NewAsset(name="a", private=datasets.NewValue(type_name="str", upload_uid=uid))
    assert refused(site.other_owner, datasets.CreateDataset("claimed", (asset,)))[0] == "not_found"
    # And the bytes are where they were.
    with pytest.raises(NotFound):
        site.scientist.read(data)
    assert site.owner.read(data) == "private" * INLINE_BYTES


def test_equal_values_have_owners_of_their_own(site: Cast) -> None:
    """THREATS 4.2: two owners brought the same bytes, which are kept once; one deletes theirs."""
    value = "same" * INLINE_BYTES
    first = site.owner.upload(UID().hex, value, "")
    second = site.other_owner.upload(UID().hex, value, "")
    for person, own, other in (
        (site.owner, first, second),
        (site.other_owner, second, first),
    ):
        assert person.read(asset_of(own)) == value
        with pytest.raises(NotFound):
            person.read(asset_of(other))
    site.owner.say(datasets.DeleteDataset(first.dataset.uid), Done)
    with pytest.raises(NotFound):
        site.owner.read(asset_of(first))
    assert site.other_owner.read(asset_of(second)) == value


def test_an_upload_is_its_bringers_alone(site: Cast) -> None:
    """THREATS 4.2: another may not add to it, finish it, or use it; nor after it is finished."""
    data = b"brought"
    uid = site.owner.say(objects.BeginUpload(len(data)), objects.UploadReply).upload_uid
    finish = objects.FinishUpload(uid, blake3(data).hexdigest())
    for other in (site.other_owner, site.scientist, site.admin):
        assert refused(other, objects.PutPart(uid, 0), b"changed")[0] == "not_found"
        assert refused(other, finish)[0] == "not_found"
    site.owner.say(objects.PutPart(uid, 0), Done, data)
    site.owner.say(finish, objects.UploadReply)
    value = datasets.NewValue(type_name="bytes", upload_uid=uid)
    message = lambda: datasets.CreateDataset(UID().hex, (datasets.NewAsset(name="a", private=value),))  # noqa: E731
    for other in (site.other_owner, site.admin):
        assert refused(other, message())[0] == "not_found"
    assert refused(site.owner, message())[0] == "ok"
    assert refused(site.owner, message())[0] == "not_found"  # used up
    assert refused(site.owner, objects.PutPart(uid, 0), data)[0] == "not_found"


def test_parts_have_their_places(site: Cast) -> None:
    """THREATS 4.2: before the beginning, behind the end, of another length, and more than there is room for."""
    uid = site.owner.say(objects.BeginUpload(10), objects.UploadReply).upload_uid
    for offset, data in ((-1, b"x"), (10, b"x"), (1, b"x" * 9), (0, b"x" * 11), (0, b""), (2**62, b"x")):
        assert refused(site.owner, objects.PutPart(uid, offset), data)[0] == "invalid_input"
    for size in (-1, 2**40, 2**63):
        assert refused(site.owner, objects.BeginUpload(size))[0] in ("invalid_input", "too_large")


def test_reading_stays_within_the_value(site: Cast) -> None:
    """THREATS 4.2: an offset is a place in the value, small or large, and nowhere else."""
    for value in ("small", "large" * INLINE_BYTES):
        data = upload(site.owner, value)
        size = encode(value).size
        for offset in (-1, size + 1, 2**63 - 1, -(2**63)):
            message = objects.ReadValue(data, Face.PRIVATE, offset)
            assert refused(site.owner, message)[0] == "invalid_input"
        assert refused(site.owner, objects.ReadValue(data, Face.PRIVATE, size)) == ("ok", "ValueReply")


def test_a_result_is_read_by_its_grant(site: Cast) -> None:
    """THREATS 4.2: whose grant is gone reads no more, though they know UID and digest."""
    data = upload(site.owner, "value")
    request = site.owner.approve(site.scientist.request(fresh("return data", data)))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    assert job.state is JobState.RELEASED
    assert site.scientist.read(job.result_uid) == "value"
    assert site.owner.read(job.result_uid) == "value"
    for other in (site.other_scientist, site.other_owner, site.guest):
        with pytest.raises(NotFound):
            other.read(job.result_uid)

    with tampering(site.store) as tx:
        grant = tx.find(Grant, object_uid=job.result_uid, user_uid=account_of(site.scientist))
        tx.remove(Grant, grant.uid)
    with pytest.raises(NotFound):
        site.scientist.read(job.result_uid)


def test_code_and_values_do_not_mix(site: Cast) -> None:
    """THREATS 4.2: the UID of a job, a code or an account is not that of a value."""
    data = upload(site.owner, "value")
    request = site.owner.approve(site.scientist.request(fresh("return data", data)))
    job = site.scientist.call(request.code.submission.name, data=on(data))
    for uid in (request.uid, request.code.uid, job.uid, account_of(site.owner), site.owner.node.uid):
        for face in Face:
            assert refused(site.admin, objects.ReadValue(uid, face))[0] == "not_found"
    assert refused(site.admin, codes.GetCode(data))[0] == "not_found"
