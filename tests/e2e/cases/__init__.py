"""The cases of whole processes, by what they are about."""
