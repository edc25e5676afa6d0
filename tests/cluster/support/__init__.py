"""What the cases on a real cluster share: the cluster itself, images, a namespace for each case."""

import pathlib
import sys

# The harness of the end-to-end tests, which these build on.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
