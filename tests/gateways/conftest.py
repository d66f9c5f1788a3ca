"""One Cordon over the demo for all tests of gateways, and each gateway that is installed, once."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.gateways.programs import LAUNCHING, Gateway, guarding, is_installed
from tests.gateways.running import Cordon, cordon


@pytest.fixture(scope="session")
def demo_cordon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cordon]:
    """A Cordon that is found as it is left: serving, by HTTP and by gRPC."""
    directory = tmp_path_factory.mktemp("cordon")
    with cordon(directory, "--grpc-socket", str(directory / "grpc.sock"), "--grpc-port", "0") as serving:
        yield serving


@pytest.fixture(scope="session")
def gateways(demo_cordon: Cordon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Gateway]]:
    """Every gateway that is installed, each asking the same Cordon."""
    directory = tmp_path_factory.mktemp("gateways")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(guarding(directory / name, name, demo_cordon.socket))
            for name in LAUNCHING
            if is_installed(name)
        }


@pytest.fixture(params=list(LAUNCHING))
def gateway(request: pytest.FixtureRequest, gateways: Mapping[str, Gateway]) -> Gateway:
    """Each of them in turn."""
    name = str(request.param)
    if name not in gateways:
        pytest.skip(f"{name} is not installed")
    return gateways[name]


@pytest.fixture(params=list(LAUNCHING))
def gateway_name(request: pytest.FixtureRequest) -> str:
    """Name of each that is installed, for a test that starts its own."""
    name = str(request.param)
    if not is_installed(name):
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Of a socket: its path is short enough everywhere."""
    return tmp_path / "c.sock"
