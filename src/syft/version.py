"""This module is the version of this library, as its package metadata has it."""

VERSION = "0.1.0"
