"""This package runs strangers' code in processes of its own, behind the contract `Runner`."""
