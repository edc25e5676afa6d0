"""The port reference, row by row: one installation of the chart, and a case for each of its ports."""

from .rows import SUITE

__all__ = ["SUITE"]
