"""Endpoints of accounts: whose each is, its tags, and what was declared of it."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import Row

from rules.facts import Account, AccountId, EntityId
from rules.geography import Jurisdiction
from service.admin.fact_filters import AccountFilters, KnownAt, PageFilters
from service.admin.fact_models import AccountBody, AccountView, FactPage, Id
from service.admin.facts import (
    Editing,
    FactKind,
    Reading,
    View,
    delete_fact,
    list_facts,
    put_fact,
    read_fact,
    read_history,
)
from service.storage.database import Writing
from service.storage.fact_pages import account_page
from service.storage.fact_rows import ACCOUNTS
from service.storage.facts import put_all, remove_account
from service.storage.schema import accounts

router = APIRouter(prefix="/admin/v1/accounts", tags=["accounts"])


def _put(writing: Writing, bodies: Mapping[str, AccountBody]) -> None:
    put_all(writing, ACCOUNTS, (_recorded(id, body) for id, body in bodies.items()))


def _recorded(id: str, body: AccountBody) -> Account:
    entity = None if body.entity is None else EntityId(body.entity)
    declared = {signal: Jurisdiction(code) for signal, code in body.declared.items()}
    return Account(AccountId(id), True, entity, frozenset(body.tags), declared)


def _view(row: Row[Any]) -> View:
    return {"entity": row.entity, "tags": json.loads(row.tags), "declared": json.loads(row.declared)}


ACCOUNT = FactKind("account", "accounts", accounts, AccountBody, _put, remove_account, _view)


@router.get("", response_model=FactPage[AccountView])
def list_accounts(call: Reading, filters: Annotated[AccountFilters, Query()]) -> Response:
    """Accounts, in the order of their ids."""
    return list_facts(call, ACCOUNT, account_page, filters)


@router.get("/{id:path}/history", response_model=FactPage[AccountView])
def read_account_history(call: Reading, id: Id, filters: Annotated[PageFilters, Query()]) -> Response:
    """Everything that was ever recorded of an account, the newest first, and by whom."""
    return read_history(call, ACCOUNT, id, filters)


@router.get("/{id:path}", response_model=AccountView)
def read_account(call: Reading, id: Id, known_at: KnownAt = None) -> Response:
    """An account as it is recorded, or was at a time."""
    return read_fact(call, ACCOUNT, id, known_at)


@router.put("/{id:path}", response_model=AccountView)
def put_account_fact(call: Editing, id: Id, body: AccountBody) -> Response:
    """Record an account, or what is now known of it in place of what was."""
    return put_fact(call, ACCOUNT, id, body)


@router.delete("/{id:path}", status_code=204)
def delete_account(call: Editing, id: Id) -> Response:
    """Record that nothing is known of an account any more."""
    return delete_fact(call, ACCOUNT, id)
