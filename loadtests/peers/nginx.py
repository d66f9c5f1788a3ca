"""nginx with its geoip2 module: the rules as maps, the account and the resource as headers, a denial as a 403.

It reads no bodies, so it is asked by GET. What is recorded of accounts stands in its configuration: another account
means another configuration.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

from loadtests.peers.question import DATABASE, DENIED, RESTRICTED, Told, World
from loadtests.peers.wire import Peer, Place, get
from loadtests.servers import NotInstalled, Server, free_port, need

MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"), Path("/usr/share/nginx/modules"))
MODULE = "ngx_http_geoip2_module.so"
DEBIAN_PACKAGE = "libnginx-mod-http-geoip2"
SEARCHED = ":/usr/sbin:/usr/local/sbin"

_CONFIGURATION = """\
load_module {module};
daemon off;
worker_processes 1;
pid {scratch}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  client_body_temp_path {scratch}/body;
  proxy_temp_path {scratch}/proxy;
  fastcgi_temp_path {scratch}/fastcgi;
  uwsgi_temp_path {scratch}/uwsgi;
  scgi_temp_path {scratch}/scgi;
  map_hash_max_size 65536;
  map_hash_bucket_size 128;
  geoip2 {database} {{ $country default=none source=$http_x_address country_code; }}
{maps}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      if ($denied) {{ return 403 '{{"decision":false}}'; }}
      return 200 '{{"decision":true}}';
    }}
  }}
}}
"""


def make_nginx(place: Place) -> Peer:
    """nginx, configured for this world.

    Raises:
        NotInstalled: nginx or its module is missing.
    """
    need("nginx", "nginx")
    program = shutil.which("nginx") or shutil.which("nginx", path=SEARCHED) or "nginx"
    port, file = free_port(), place.scratch / "nginx.conf"
    file.write_text(
        _CONFIGURATION.format(
            module=_module(), scratch=place.scratch, database=DATABASE, maps="\n".join(_maps(place.world)), port=port
        )
    )
    command = (program, "-e", "stderr", "-c", str(file))
    server = Server("nginx-geoip2", command, f"http://127.0.0.1:{port}")
    return Peer(_version(program), server, _request, lambda status, _: status == 200, denies_by_status=True)


def _module() -> Path:
    for directory in MODULES:
        if (directory / MODULE).exists():
            return directory / MODULE
    raise NotInstalled(f"`{MODULE}` is not installed (Debian package `{DEBIAN_PACKAGE}`)")


def _version(program: str) -> str:
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    return str(re.findall(r"nginx/([0-9.]+)", said)[0])


def _request(told: Told) -> bytes:
    return get("/", {"X-Account": told.account, "X-Resource": told.resource, "X-Address": told.address})


def _maps(world: World) -> Iterator[str]:
    yield _map("$country", "$from_denied", [(code, "1") for code in DENIED])
    restricted = [id for id, tags in world.resources.items() if RESTRICTED in tags]
    yield _map("$http_x_resource", "$restricted", [(id, "1") for id in restricted])
    for signal in ("billing", "seat"):
        known = [(id, getattr(account, signal)) for id, account in world.accounts.items()]
        yield _map("$http_x_account", f"${signal}", [(id, code) for id, code in known if code], default="none")
        yield _map(f"${signal}", f"${signal}_denied", [(code, "1") for code in DENIED])
    facts = ["".join(bits) for bits in product("01", repeat=4)]
    denied = [(bits, "1") for bits in facts if bits.startswith("11") or "1" in bits[2:]]
    yield _map('"$from_denied$restricted$billing_denied$seat_denied"', "$denied", denied)


def _map(source: str, target: str, rows: Iterable[tuple[str, str]], *, default: str = "0") -> str:
    lines = (f"    {value} {result};" for value, result in rows)
    return "\n".join((f"  map {source} {target} {{", f"    default {default};", *lines, "  }"))
