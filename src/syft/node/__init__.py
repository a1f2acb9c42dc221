"""This package is the node: it opens what comes in, asks whether the sender may, and hands it to one handler."""
