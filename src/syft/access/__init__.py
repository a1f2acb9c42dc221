"""This package answers one question: may they? Nothing in it reads a store or knows what time it is."""
