"""A worker over the record answers like one over the directory that the record was filled from."""

import json
from pathlib import Path
from typing import Any

from tests.record.worker import Worker
from tests.service.conftest import Asker, question, serving, write_world

SUBJECTS = ("acct-near", "acct-half", "acct-bare", "nobody")
RESOURCES = ("tool", "nothing")
ADDRESSES = ("8.8.8.8", "1.2.4.8", "10.0.0.1", "not an address")


def questions() -> list[dict[str, Any]]:
    return [
        {**question(ip=ip), "subject": {"type": "account", "id": id}, "resource": {"type": "tool", "id": resource}}
        for id in SUBJECTS
        for resource in RESOURCES
        for ip in ADDRESSES
    ]


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What an answer says, its id and the names of its data apart."""
    context = {name: value for name, value in answer["context"].items() if name not in ("decision_id", "data")}
    return {"decision": answer["decision"], "context": context}


def test_the_record_answers_like_the_directory(asker: Asker, tmp_path: Path) -> None:
    directory = serving(write_world(tmp_path / "beside"))
    for asked in questions():
        for _ in range(2):  # from the record, then from the memo
            assert told(asker.evaluate(asked)) == told(directory.evaluate(asked)), asked


def test_the_trace_is_that_of_the_directory(asker: Asker, tmp_path: Path) -> None:
    directory = serving(write_world(tmp_path / "beside"))
    for id in SUBJECTS:
        asked = {**question(), "subject": {"type": "account", "id": id}}
        found, expected = (each.post("/access/v1/evaluation?explain=true", asked).json() for each in (asker, directory))
        assert found["context"]["trace"]["address"] == expected["context"]["trace"]["address"]
        assert json.dumps(found["context"]["trace"]["rules"]) == json.dumps(expected["context"]["trace"]["rules"])


def test_a_worker_says_which_state_of_the_record_it_decides_from(worker: Worker, asker: Asker) -> None:
    source = asker.evaluate(question())["context"]["data"][0]
    assert source["name"] == "database"
    assert asker.evaluate(question(at_least=source["revision"]))["decision"] is True
