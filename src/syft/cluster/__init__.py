"""Runs on a Dask cluster: the node's side of it, the process that speaks to the cluster, and what its workers do."""
