"""The cases on a real cluster, a file per subject."""
