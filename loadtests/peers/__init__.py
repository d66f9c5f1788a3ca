"""The same question put to Cordon and to others, in one run, interleaved: `python -m loadtests.peers --help`.

Decisions come first: whoever decides one of some thousand seeded cases otherwise than the oracle is not measured, and
the case is shown. Whoever needs a program that is missing is reported as not measured, with what to install.

- `question`   the rules that all of them can express, the world they are about, and the oracle
- `engines`    cedarpy, regopy and casbin, in process
- `endpoint`   the same three over HTTP, behind a bare ASGI application
- `plain`      a service as people write it: FastAPI, pydantic, geoip2
- `nginx`      nginx and its geoip2 module
- `cerbos`     Cerbos, from npm
- `own`        Cordon, in process and over HTTP
- `wire`       what a peer over HTTP is, and whether it decides as it should
- `over_http`, `in_process`   who is measured when
- `result`     what that comes to, as a table and as JSON
"""
