"""The servers that the budget compares: Cordon in several ways, and the constant answers that it is measured by."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from loadtests.servers import SERVER_CORES, Server, free_port, need

CORDON_READY_SECONDS: Final = 180.0
"""Ten thousand rules take a while to read."""


def cordon(
    name: str,
    data: Path,
    *options: str,
    log: Path | None = None,
    cores: str = SERVER_CORES,
) -> Server:
    """Cordon over a directory of data, with its metrics, and with the decision log if it is told where."""
    port = free_port()
    command = (sys.executable, "-m", "service.cli", "serve", "--data", str(data), "--port", str(port), *options)
    env: Mapping[str, str] = {"CORDON_DECISION_LOG": str(log)} if log else {}
    url = f"http://127.0.0.1:{port}"
    return Server(name, command, url, env, "/readyz", cores, CORDON_READY_SECONDS)


def unrecorded(name: str, data: Path) -> Server:
    """Cordon that neither counts nor records its decisions."""
    port = free_port()
    command = (sys.executable, "-m", "loadtests.unrecorded", "--data", str(data), "--port", str(port))
    return Server(name, command, f"http://127.0.0.1:{port}", {}, "/readyz", SERVER_CORES, CORDON_READY_SECONDS)


def constant_asgi(name: str, answer_bytes: int) -> Server:
    """uvicorn with the service's settings, and an application that answers the same always."""
    port = free_port()
    command = (sys.executable, "-m", "loadtests.constant", "--port", str(port), "--bytes", str(answer_bytes))
    return Server(name, command, f"http://127.0.0.1:{port}")


def nginx_constant(
    name: str, answer_bytes: int, directory: Path, *, workers: int = 1, cores: str = SERVER_CORES
) -> Server:
    """nginx that returns a constant body.

    Raises:
        NotInstalled: nginx is missing.
    """
    program = need("nginx", "nginx-light")
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = directory / "nginx.conf"
    values = {"DIRECTORY": str(directory), "WORKERS": str(workers), "PORT": str(port), "BODY": "x" * answer_bytes}
    text = NGINX
    for key, value in values.items():
        text = text.replace(key, value)
    configuration.write_text(text, encoding="utf-8")
    command = (program, "-p", str(directory), "-c", str(configuration), "-e", str(directory / "error.log"))
    return Server(name, command, f"http://127.0.0.1:{port}", {}, "/", cores)


NGINX: Final = """
daemon off;
worker_processes WORKERS;
pid DIRECTORY/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  client_body_temp_path DIRECTORY/body;
  proxy_temp_path DIRECTORY/proxy;
  fastcgi_temp_path DIRECTORY/fastcgi;
  uwsgi_temp_path DIRECTORY/uwsgi;
  scgi_temp_path DIRECTORY/scgi;
  server {
    listen 127.0.0.1:PORT reuseport backlog=2048;
    location / { return 200 'BODY'; }
  }
}
"""
