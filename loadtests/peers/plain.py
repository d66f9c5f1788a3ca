"""A service as people write it: FastAPI, a pydantic model for the body, a geoip2 reader, dicts and a list of countries.

`COUNTRIES_MMDB=FILE uvicorn --factory loadtests.peers.plain:make_app`. The handler is `async def`, which is the faster
of the two ways: FastAPI runs a plain `def` in a thread.
"""

import os

import geoip2.database
from fastapi import FastAPI
from geoip2.errors import AddressNotFoundError
from pydantic import BaseModel

from loadtests.peers.question import DENIED, NOBODY, RESTRICTED, make_world

DATABASE_VARIABLE = "COUNTRIES_MMDB"
PATH = "/check"


class Check(BaseModel):
    account: str
    resource: str
    address: str


class Verdict(BaseModel):
    decision: bool
    reason: str | None = None


def make_app() -> FastAPI:
    """The application, over the database that the variable names."""
    app = FastAPI()
    reader = geoip2.database.Reader(os.environ[DATABASE_VARIABLE])
    world = make_world()

    @app.post(PATH)
    async def check(question: Check) -> Verdict:
        account = world.accounts.get(question.account, NOBODY)
        if account.billing in DENIED or account.seat in DENIED:
            return Verdict(decision=False, reason="account")
        if RESTRICTED in world.resources.get(question.resource, ()):
            try:
                country = reader.country(question.address).country.iso_code
            except AddressNotFoundError:
                country = None
            if country in DENIED:
                return Verdict(decision=False, reason="location")
        return Verdict(decision=True)

    return app
