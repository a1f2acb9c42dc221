"""Worker pools as they are wanted: what cannot be."""

from __future__ import annotations

import pytest

from syft.errors import InvalidInput
from syft.model.pool import MAX_WORKERS, Dask, PoolSpec


@pytest.mark.parametrize("workers", [-1, MAX_WORKERS + 1])
def test_a_pool_has_so_many_workers(workers: int) -> None:
    assert PoolSpec(name="a", workers=MAX_WORKERS).workers == MAX_WORKERS
    with pytest.raises(InvalidInput, match="from 1 to"):
        PoolSpec(name="a", workers=workers)


def test_a_level_of_isolation_is_one_that_there_is() -> None:
    assert PoolSpec(name="a", isolation="landlock").isolation == "landlock"
    with pytest.raises(InvalidInput, match="not a level of isolation"):
        PoolSpec(name="a", isolation="none")


@pytest.mark.parametrize(
    "fields",
    [
        {"address": "tls://scheduler:8786"},
        {"address": "tcp://scheduler:8786", "tls_ca": "ca", "tls_cert": "cert", "tls_key": "key"},
        {"address": "tls://scheduler:8786", "tls_ca": "ca", "tls_cert": "cert"},
        {"node_url": "x" * 1001},
    ],
)
def test_tls_is_whole_or_not_there(fields: dict[str, str]) -> None:
    assert Dask(address="tls://s:1", tls_ca="a", tls_cert="b", tls_key="c").tls_ca == "a"
    with pytest.raises(InvalidInput):
        Dask(**fields)
