"""Settings of the service: frozen, read once from options and `CORDON_*` variables, and passed on explicitly."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Permission = Literal["time", "facts", "explain", "search"]
"""What a caller may be trusted with: to set the time, to give facts of its own, to be told why, to be told who may."""
EVERY_PERMISSION: frozenset[Permission] = frozenset(("time", "facts", "explain", "search"))


class Settings(BaseSettings):
    """Options of `cordon serve` win over variables, and those over what stands here."""

    model_config = SettingsConfigDict(env_prefix="CORDON_", frozen=True, extra="ignore")

    data: Path | None = None
    """Directory of data to serve."""
    database: str | None = None
    """URL of the database to serve, in place of a directory: `sqlite:///cordon.db` or `postgresql://…`."""
    ruleset: str | None = None
    """Id of the rule set of the database that decides; None: the only one that no other includes."""
    redis: str | None = None
    """URL of the Redis that workers share facts by: `redis://…`, `unix://…`, `sentinel://…`, `cluster://…`."""
    redis_namespace: str = "cordon"
    """What the names of everything in Redis begin with."""
    facts_ttl_seconds: Annotated[int, Field(ge=1, le=86_400)] = 3600
    """How long facts stay in Redis."""
    max_staleness_seconds: Annotated[float, Field(ge=1, le=3600)] = 10
    """A worker that could not confirm its facts for so long takes accounts as unknown."""
    keys: Literal["required", "none"] | None = None
    """Whether callers need a key; None: where a database is served."""
    approvals_required: Annotated[int, Field(ge=1, le=20)] = 1
    """How many others must approve a draft of a rule set."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0 takes any free one."""
    socket: Path | None = None
    """Unix socket on which decisions are answered too; None: there is none."""
    socket_mode: str = "0660"
    """Who may open it, as an octal number."""
    socket_callers: Literal["trusted", "keys"] = "trusted"
    """Whether whoever may open it may ask, or needs a key as others do."""
    tls_certificate: Path | None = None
    """Certificate (PEM, its chain after it) of the port of decisions; None: it is in the clear."""
    tls_key: Path | None = None
    """Its key; None: in the same file."""
    tls_client_ca: Path | None = None
    """Whose certificates are required of everyone who connects; None: nobody's."""
    grpc_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port at `host` on which Envoy asks by gRPC; 0 takes any free one. None: there is none."""
    grpc_socket: Path | None = None
    """Unix socket on which it does; None: there is none. One process listens there, and not several workers."""
    admin_host: str = "127.0.0.1"
    admin_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    """Over a database, the port of the admin API; 0 takes any free one."""
    workers: Annotated[int, Field(ge=0, le=256)] = 1
    """How many processes answer; 0, or `auto`: one a core that this process may use."""
    oidc_issuer: str | None = None
    """URL of the issuer whose tokens count for people, as its tokens name it."""
    oidc_audience: str | None = None
    """What its tokens must be meant for."""
    oidc_roles_claim: str | None = None
    """The claim of a token that holds roles; None: roles are given by the admin API."""
    audit_key: Path | None = None
    """The key (PEM, Ed25519) that signs how far the audit trail has come; None: beside an SQLite file, else none."""
    audit_heads: Path | None = None
    """File to which those signatures are exported; None: beside an SQLite file, else none."""
    decision_log: Path | None = None
    """Directory of the decision log; None: beside an SQLite file, else none."""
    decision_log_required: bool = False
    """An answer waits for its record, and is refused without."""
    decision_log_addresses: Literal["masked", "full", "none"] = "masked"
    """How much of an address is recorded."""
    decision_log_days: Annotated[int, Field(ge=0)] = 90
    """How long decisions are kept; 0: for ever."""
    geo: Annotated[tuple[Path, ...], NoDecode] = ()
    """Address databases beside the embedded one; in the variable, separated as in PATH."""
    gateways: Path | None = None
    """File of the routes that gateways ask about; None: there are none."""
    caller_may: Annotated[frozenset[Permission] | None, NoDecode] = None
    """In the variable, separated by commas. None: everything where only this machine can connect, else nothing."""
    public_url: str | None = None
    """Where callers reach the service, for its metadata; None: what the request says."""
    reload_seconds: Annotated[float, Field(ge=0.05, le=3600)] = 0.5
    """How often the directory is looked at. A change is read once it has been still for as long."""
    fast_lane: bool = True
    """Answer what was decided before for the like straight from the connection, without the framework."""
    memo_mib: Annotated[int, Field(ge=8)] = 256
    """How many MiB the memo of screenings may take, in each process."""
    body_limit_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    evaluations_limit: Annotated[int, Field(ge=1)] = 1000
    """The most decisions that one request may ask for."""
    explanations_limit: Annotated[int, Field(ge=1)] = 20
    """The most decisions that one request may ask to be explained."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("workers", mode="before")
    @classmethod
    def _count_of_auto(cls, value: object) -> object:
        return 0 if value == "auto" else value

    @field_validator("geo", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("caller_may", mode="before")
    @classmethod
    def _split_permissions(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("socket_mode")
    @classmethod
    def _octal(cls, value: str) -> str:
        if re.fullmatch(r"0?[0-7]{3}", value, re.ASCII) is None:
            raise ValueError(f"`{value}` is no mode of a file, such as `0660`")
        return value

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.data is None and self.database is None:
            raise ValueError("nothing is named to serve: give `data`, a directory, or `database`, a URL")
        if self.data is not None and self.database is not None:
            raise ValueError("give `data` or `database`, and not both; `CORDON_DATA` and `CORDON_DATABASE` count too")
        return self

    @model_validator(mode="after")
    def _whole_issuer(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            raise ValueError("an issuer needs an audience, and an audience an issuer")
        if self.oidc_roles_claim is not None and self.oidc_issuer is None:
            raise ValueError("a claim of roles needs an issuer")
        return self

    @model_validator(mode="after")
    def _whole_certificate(self) -> Self:
        if self.tls_certificate is None and (self.tls_key is not None or self.tls_client_ca is not None):
            raise ValueError("`tls_key` and `tls_client_ca` need a certificate (`tls_certificate`)")
        return self

    @model_validator(mode="after")
    def _ports_apart(self) -> Self:
        if self.database is not None and self.port == self.admin_port != 0:
            raise ValueError(f"decisions and the admin API need a port each, and not both {self.port} (`admin_port`)")
        return self

    @model_validator(mode="after")
    def _grpc_for_gateways(self) -> Self:
        if not self.takes_grpc:
            return self
        if self.gateways is None:
            raise ValueError("`grpc_port` and `grpc_socket` are for gateways, and need their routes (`gateways`)")
        if self.grpc_port is not None and self.tls_certificate is None and not is_loopback(self.host):
            raise ValueError(f"gRPC at `{self.host}` needs a certificate (`tls_certificate`): others can connect")
        if self.grpc_socket is not None and self.worker_count > 1:
            raise ValueError("`grpc_socket` is for one worker; several share a port (`grpc_port`)")
        return self

    @model_validator(mode="after")
    def _grpc_apart(self) -> Self:
        """Where workers share ports, and at a Unix socket, gRPC would take a part of what others are sent, or all."""
        others = {self.port, self.admin_port if self.database is not None else 0} - {0}
        if self.grpc_port in others:
            raise ValueError(f"gRPC needs a port of its own, and not {self.grpc_port} (`grpc_port`)")
        if self.grpc_socket is not None and self.grpc_socket == self.socket:
            raise ValueError(f"gRPC needs a Unix socket of its own, and not `{self.grpc_socket}` (`grpc_socket`)")
        return self

    @property
    def takes_grpc(self) -> bool:
        """Whether there is anywhere that Envoy asks by gRPC."""
        return self.grpc_port is not None or self.grpc_socket is not None

    @property
    def socket_permissions(self) -> int:
        """Who may open the Unix socket, as the system has it."""
        return int(self.socket_mode, 8)

    @property
    def decision_log_directory(self) -> Path | None:
        """Where decisions are recorded; None: nowhere."""
        if self.decision_log is not None or self.database is None:
            return self.decision_log
        file = re.fullmatch(r"sqlite:///([^?]+)(?:[?].*)?", self.database)
        return Path(f"{file[1]}.decisions") if file else None

    @property
    def worker_count(self) -> int:
        """How many processes answer."""
        return self.workers or available_cores()

    @property
    def keys_required(self) -> bool:
        """Whether callers need a key."""
        return self.keys == "required" if self.keys is not None else self.database is not None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What callers without a key may do, wherever they come from."""
        if self.caller_may is not None:
            return self.caller_may
        return EVERY_PERMISSION if is_loopback(self.host) else frozenset()


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a server bound there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
