"""Opens what `cordon serve` answers on; by one process, or held by a parent and opened by each of its workers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from service.certificates import Certificates, InvalidCertificates, files_of, report_refused
from service.cli_output import fail
from service.gateways.wire import Door
from service.listening import Listening, hold, listen, listening_at
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Places:
    """Where the service answers."""

    decisions: Listening
    socket: Listening | None
    """Decisions too."""
    admin: Listening | None
    """None: there is no admin API."""


@contextmanager
def opened(settings: Settings) -> Iterator[Places]:
    """The places of a process that serves alone. Ends for one that cannot be listened on."""
    with _bound(settings, listen) as places:
        yield replace(places, decisions=_under_tls(places.decisions, settings))


@contextmanager
def held(settings: Settings) -> Iterator[Places]:
    """The places that workers will share; only the Unix socket takes connections already."""
    with _bound(settings, hold) as places:
        yield places


@contextmanager
def _bound(settings: Settings, bind: Callable[[str, int], Listening]) -> Iterator[Places]:
    """The places of the settings, in the clear; `bind`: how a port is opened."""
    with _refusing(settings.host, settings.port):
        decisions = bind(settings.host, settings.port)
    admin = None
    if settings.database is not None:
        with _refusing(settings.admin_host, settings.admin_port):
            admin = bind(settings.admin_host, settings.admin_port)
    with _socket(settings) as socket:
        yield Places(decisions, socket, admin)


def shared(places: Places, settings: Settings) -> Places:
    """A worker's part of the places that its parent holds: ports of its own, and the same Unix socket."""
    decisions = _under_tls(_part(places.decisions), settings)
    return Places(decisions, places.socket, _part(places.admin) if places.admin is not None else None)


def _part(whole: Listening) -> Listening:
    address, port = whole.socket.getsockname()[:2]
    with _refusing(address, port):
        part = replace(whole, socket=listen(address, port, is_shared=True).socket)
    whole.socket.close()
    return part


def _under_tls(listening: Listening, settings: Settings) -> Listening:
    """The same, with the certificate of the settings, if there is one."""
    files = files_of(settings)
    if files is None:
        return listening
    try:
        certificates = Certificates(files, report_refused)
    except InvalidCertificates as invalid:
        fail(f"cordon: not serving: {invalid}")
    url = listening.url.replace("http:", "https:", 1)
    door: Door | None = "certificate" if certificates.asks_for_clients else None
    return replace(listening, url=url, certificates=certificates, door=door)


@contextmanager
def _socket(settings: Settings) -> Iterator[Listening | None]:
    """The Unix socket of the settings, if there is one."""
    if settings.socket is None:
        yield None
        return
    with ExitStack() as stack:
        try:
            listening = stack.enter_context(listening_at(settings.socket, settings.socket_permissions))
        except OSError as error:
            fail(_unusable(str(settings.socket), error))
        yield listening if settings.socket_callers == "trusted" else replace(listening, door=None)


@contextmanager
def grpc_held(settings: Settings) -> Iterator[Settings]:
    """The settings with the port for gRPC that is held meanwhile, and room for its Unix socket: gRPC binds them itself.

    Ends for one that cannot be listened on.
    """
    if settings.grpc_socket is not None:
        try:
            with listening_at(settings.grpc_socket, settings.socket_permissions):
                pass  # removed again: it is known now that it can be made
        except OSError as error:
            fail(_unusable(str(settings.grpc_socket), error))
    if settings.grpc_port is None:
        yield settings
        return
    with _refusing(settings.host, settings.grpc_port):
        kept = hold(settings.host, settings.grpc_port)
    with kept.socket:
        yield settings.model_copy(update={"grpc_port": kept.socket.getsockname()[1]})


@contextmanager
def _refusing(host: str, port: int) -> Iterator[None]:
    """End for an address that cannot be listened on."""
    try:
        yield
    except OSError as error:
        fail(_unusable(f"{host}:{port}", error))


def _unusable(place: str, error: OSError) -> str:
    return f"cordon: cannot listen on {place}: {(error.strerror or str(error)).lower()}"
