"""Real servers for tests; profiles: `default` tries the same examples on every run, `thorough` looks for new ones."""

from hypothesis import settings

pytest_plugins = ["tests.databases", "tests.postgresql_server", "tests.valkey_server"]

settings.register_profile("default", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("default")
