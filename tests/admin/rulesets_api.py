"""Short words for what tests do with rule sets through the admin API."""

from collections.abc import Mapping
from typing import Any

import httpx

from service.admin import case_files, drafts, rulesets
from tests.admin.conftest import Asker
from tests.storage.ruleset_texts import rules

ROUTERS = (rulesets.router, case_files.router, drafts.router)
DRAFTS = "/admin/v1/drafts"
RULESETS = "/admin/v1/rulesets"
AUTHOR, APPROVER, OTHER_APPROVER, VIEWER = "editor", "approver", "other-approver", "viewer"


def begin(asker: Asker, text: str = "", **members: Any) -> dict[str, Any]:
    """A draft of AUTHOR's."""
    answer = asker.post(DRAFTS, {"ruleset": "small", "text": text or rules(), **members}, who=AUTHOR)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def etag(asker: Asker, draft: Mapping[str, Any], who: str = AUTHOR) -> str:
    return asker.get(f"{DRAFTS}/{draft['id']}", who=who).headers["ETag"]


def act(asker: Asker, draft: Mapping[str, Any], verb: str, who: str, body: object = None) -> httpx.Response:
    """Do something to the draft as it is now."""
    tag = etag(asker, draft)
    return asker.post(f"{DRAFTS}/{draft['id']}/{verb}", body, who=who, headers={"If-Match": tag})


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def approved(asker: Asker, text: str = "", **members: Any) -> dict[str, Any]:
    draft = begin(asker, text, **members)
    done(act(asker, draft, "submit", AUTHOR))
    return done(act(asker, draft, "approve", APPROVER))


def publish(asker: Asker, text: str = "", **members: Any) -> dict[str, Any]:
    """A draft that went all the way."""
    return done(act(asker, approved(asker, text, **members), "publish", APPROVER))


def put_cases(asker: Asker, text: str, name: str = "first.yaml", ruleset: str = "small") -> httpx.Response:
    return asker.put(f"{RULESETS}/{ruleset}/cases/{name}", {"text": text}, who=AUTHOR, headers={"If-None-Match": "*"})
