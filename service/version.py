"""The version of this installation."""

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The version that is installed; `0` where the source runs as it lies."""
    try:
        return version("cordon")
    except PackageNotFoundError:
        return "0"
