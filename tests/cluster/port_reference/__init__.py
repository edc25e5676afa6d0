"""The port reference, row by row: installations of the chart, and a case for each of their ports and flows."""

from support.scenario import Scenario

from . import mtls_rows, rows  # pylint: disable=unused-import # they add their cases
from .row import REFERENCE

SUITE = REFERENCE.suite


@SUITE.case("port reference: the page has these rows")
def page(_: Scenario) -> None:
    REFERENCE.check_page()


__all__ = ["SUITE"]
