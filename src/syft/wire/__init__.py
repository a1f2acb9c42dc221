"""This package turns what is said into bytes and back, and opens nothing that is not signed."""
