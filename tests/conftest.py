"""Hypothesis profiles: `default` gives the same examples on every run, `thorough` looks for new ones."""

from hypothesis import settings

settings.register_profile("default", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("default")
