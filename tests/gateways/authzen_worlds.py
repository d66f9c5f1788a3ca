"""The list of things to do that the AuthZEN working group plays with, a larger world, and ways to search both."""

from collections.abc import Mapping
from typing import Any

from tests.service.conftest import Asker

TODO: Mapping[str, str] = {
    "policy.yaml": """
language: 1
ruleset: todo
default: deny
if_unknown: challenge
rules:
  - id: elsewhere
    effect: deny
    when: {location: {in: [CN]}}
    if_unknown: skip
  - id: everyone-reads
    effect: allow
    when: {action: [can_read_todos, can_read_user], account: {tags: [viewer, editor, admin, evil_genius]}}
  - id: editors-write
    effect: allow
    when: {action: [can_create_todo, can_update_todo], account: {tags: [editor, admin, evil_genius]}}
  - id: admins-delete
    effect: allow
    when: {action: [can_delete_todo], account: {tags: [admin]}}
  - id: not-what-is-locked
    effect: deny
    when: {action: [can_update_todo, can_delete_todo], resource: {tags: [locked]}}
  - id: only-in-summer
    effect: allow
    when: {action: [can_swim]}
    effective: {from: 2026-06-01T00:00:00Z, until: 2026-09-01T00:00:00Z}
""",
    "entities.csv": "id,name\n",
    "interests.csv": "owner,subject,share,source\n",
    "accounts.csv": "id,entity,tags\nbeth,,viewer\njerry,,viewer\nmorty,,editor\nrick,,admin;evil_genius\n"
    "summer,,editor\ntammy,,\n",
    "resources.csv": "id,tags,provider\ntodo-1,,\ntodo-2,locked,\ntodo-3,,\nuser-rick,,\n",
}

ACCOUNTS = ("beth", "jerry", "morty", "rick", "summer", "tammy")
RESOURCES = ("todo-1", "todo-2", "todo-3", "user-rick")
ACTIONS = (
    "can_create_todo",
    "can_delete_todo",
    "can_read_todos",
    "can_read_user",
    "can_swim",
    "can_update_todo",
    "use",
)

MANY = 1_150
"""More accounts than one request looks at."""


def is_rare(number: int) -> bool:
    return number % 100 == 99


LARGE: Mapping[str, str] = {
    "policy.yaml": """
language: 1
ruleset: large
default: deny
if_unknown: challenge
rules:
  - id: most
    effect: allow
    when: {action: [use], account: {tags: [even]}}
  - id: few
    effect: allow
    when: {action: [rare], account: {tags: [rare]}}
  - id: last
    effect: allow
    when: {action: [last], account: {id: [a-1149]}}
  - id: first-resources
    effect: allow
    when: {action: [see], resource: {tags: [even]}}
""",
    "entities.csv": "id,name\n",
    "interests.csv": "owner,subject,share,source\n",
    "accounts.csv": "id,entity,tags\n"
    + "".join(
        f"a-{number:04},,{'even' if number % 2 == 0 else 'odd'}{';rare' if is_rare(number) else ''}\n"
        for number in range(MANY)
    ),
    "resources.csv": "id,tags,provider\n"
    + "".join(f"r-{number:03},{'even' if number % 2 == 0 else 'odd'},\n" for number in range(250)),
}


def asked(
    account: str = "rick", resource: str = "todo-1", action: str = "can_read_todos", **context: object
) -> dict[str, Any]:
    """All that a question or a search may say."""
    return {
        "subject": {"type": "account", "id": account},
        "resource": {"type": "todo", "id": resource},
        "action": {"name": action},
        "context": context,
    }


def path_of(kind: str) -> str:
    return f"/access/v1/search/{kind}"


def found(asker: Asker, kind: str, document: dict[str, Any], **page: object) -> dict[str, Any]:
    """One page of a search that is in order."""
    response = asker.post(path_of(kind), {**document, "page": page} if page else document)
    assert response.status_code == 200, response.text
    return dict(response.json())


def pages(asker: Asker, kind: str, document: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """Every page of a search, to the last."""
    every = [found(asker, kind, document, limit=limit)]
    while token := every[-1]["page"]["next_token"]:
        every.append(found(asker, kind, document, limit=limit, token=token))
    return every


def names(page: Mapping[str, Any]) -> list[str]:
    """The ids, or names, of what is on a page."""
    return [result.get("id", result.get("name")) for result in page["results"]]


def all_names(every: list[dict[str, Any]]) -> list[str]:
    return [name for page in every for name in names(page)]


def allowed(asker: Asker, questions: list[dict[str, Any]]) -> list[bool]:
    """What an evaluation says to each."""
    response = asker.post("/access/v1/evaluations", {"evaluations": questions})
    assert response.status_code == 200, response.text
    return [answer["decision"] for answer in response.json()["evaluations"]]
