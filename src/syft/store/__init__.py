"""This package keeps a node's records, its log and its large values, on disk or in memory."""
