"""Settings of the service: frozen, read once from options and `CORDON_*` variables, and passed on explicitly."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Permission = Literal["time", "facts", "explain"]
"""What a caller may be trusted with: to set the time, to give facts of its own, to be told why."""
EVERY_PERMISSION: frozenset[Permission] = frozenset(("time", "facts", "explain"))


class Settings(BaseSettings):
    """Options of `cordon serve` win over variables, and those over what stands here."""

    model_config = SettingsConfigDict(env_prefix="CORDON_", frozen=True, extra="ignore")

    data: Path
    """Directory of data to serve."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0 takes any free one."""
    geo: Annotated[tuple[Path, ...], NoDecode] = ()
    """Address databases beside the embedded one; in the variable, separated as in PATH."""
    caller_may: Annotated[frozenset[Permission] | None, NoDecode] = None
    """In the variable, separated by commas. None: everything where only this machine can connect, else nothing."""
    public_url: str | None = None
    """Where callers reach the service, for its metadata; None: what the request says."""
    reload_seconds: Annotated[float, Field(ge=0.05, le=3600)] = 0.5
    """How often the directory is looked at. A change is read once it has been still for as long."""
    body_limit_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    evaluations_limit: Annotated[int, Field(ge=1)] = 1000
    """The most decisions that one request may ask for."""
    explanations_limit: Annotated[int, Field(ge=1)] = 20
    """The most decisions that one request may ask to be explained."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("geo", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("caller_may", mode="before")
    @classmethod
    def _split_permissions(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What callers may do."""
        if self.caller_may is not None:
            return self.caller_may
        return EVERY_PERMISSION if is_loopback(self.host) else frozenset()


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a server bound there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
