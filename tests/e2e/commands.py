#!/usr/bin/env python3
"""Tests the command line: validate, explain and translate word by word, crds, the commands of users, usage and help.

Expected output stands in testdata/commands/; UPDATE=1 rewrites it.
"""

import sys

from cases import agreement, cli, definitions, offline, verdicts
from harness.scenario import main

if __name__ == "__main__":
    sys.exit(main(__doc__, [offline.SUITE, definitions.SUITE, agreement.SUITE, cli.SUITE, verdicts.SUITE]))
