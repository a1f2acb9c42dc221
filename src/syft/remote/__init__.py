"""This package is a worker on another machine: it takes orders from a node and runs them on a fence of its own."""
