"""What an approval binds of a worker pool: by what its code runs, behind what fence, and with what packages."""

from __future__ import annotations

from datetime import UTC, datetime

from syft.jobs.pools import Equipment, _place_of, _Unavailable
from syft.model.pool import Dask, Embedded, Engine, Pool, Remote
from syft.model.uid import UID


def pool(engine: Engine, isolation: str = "", workers: int = 0) -> Pool:
    now = datetime.now(UTC)
    return Pool(uid=UID(), name="p", created_at=now, engine=engine, isolation=isolation, workers=workers)


def bound(made: Pool, environment: str = "e") -> str:
    return Equipment(_Unavailable("p", ""), lambda: environment, place=_place_of(made)).bound


def test_what_says_where_code_runs_is_bound_and_what_says_how_much_is_not() -> None:
    different = [
        pool(Embedded()),
        pool(Embedded(), "landlock"),
        pool(Embedded(), "namespaces"),
        pool(Remote()),
        pool(Remote(), "namespaces"),
        pool(Dask()),
        # Another's machines.
        pool(Dask(address="tcp://scheduler:8786")),
    ]
    digests = [bound(one) for one in different]
    assert len(set(digests)) == len(different)
    assert bound(pool(Remote(), workers=9)) == bound(pool(Remote()))
    assert bound(pool(Dask(address="tcp://other:8786"))) == digests[-1]
    assert bound(pool(Remote()), "other packages") != bound(pool(Remote()))


def test_what_was_approved_before_there_were_engines_still_is() -> None:
    assert bound(pool(Embedded()), "f" * 64) == "f" * 64
