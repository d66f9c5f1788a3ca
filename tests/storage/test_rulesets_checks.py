"""What keeps a document from being published, and what it would change."""

import pytest

from service.errors import Unprocessable
from service.publishing.case_runs import case_file_faults
from service.publishing.checks import Verdict, program_revisions, question_of, verdict_on
from service.publishing.publications import Emergency, break_glass, publish_draft, roll_back
from service.storage.case_files import AttachedCases, attach
from service.storage.database import Database
from service.storage.drafts import Actor
from service.storage.rulesets import Publication, Text, publish, published_documents
from tests.storage.ruleset_texts import OTHER, REVIEWER, approved, cases, rules, text_of

GOOD = text_of()


def put_in_force(database: Database, *texts: Text) -> None:
    for text in texts:
        with database.writing() as writing:
            publish(writing, Publication(text, "import", "cli:root"))


def put_cases(database: Database, text: str, *, ruleset: str = "small", name: str = "first.yaml") -> None:
    with database.writing() as writing:
        attach(writing, ruleset, name, text, "cli:root")


def verdict(database: Database, text: Text) -> Verdict:
    with database.reading() as connection:
        return verdict_on(question_of(connection, text))


def messages(database: Database, text: Text) -> list[str]:
    return [f"{fault.file}:{fault.line}: {fault.message}" for fault in verdict(database, text).faults]


def test_a_fault_is_told_with_its_place(database: Database) -> None:
    faulty = Text("small", GOOD.text.replace("effect: deny", "effect: forbid"))
    (fault,) = verdict(database, faulty).faults
    assert (fault.at, fault.file, fault.line, fault.column) == ("/rules/0/effect", "small.yaml", 9, 13)
    assert "`forbid`" in fault.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (Text("small", "rules: ["), "small.yaml:2: not YAML"),
        (Text("small", ""), "small.yaml:1: "),
        (Text("small", '{"language": 1', "json"), "small.json:1: "),
        (Text("small", rules("other")), "small.yaml:3: the document calls itself `other`"),
        (Text("us-embargo", rules("us-embargo")), "us-embargo.yaml:3: `us-embargo` is the id of a pack"),
        (text_of(include=["missing"]), "small.yaml:6: there is no document `missing` to include"),
        (text_of(include=["small"]), "small.yaml:6: documents include one another in a circle"),
    ],
)
def test_no_faulty_document_is_published(database: Database, text: Text, message: str) -> None:
    assert any(found.startswith(message) for found in messages(database, text)), messages(database, text)
    with database.writing() as writing, pytest.raises(Unprocessable):
        break_glass(writing, Emergency(text, "attack", despite_cases=True), OTHER)


def test_a_document_may_include_packs_and_published_documents(database: Database) -> None:
    put_in_force(database, text_of("beside"))
    found = verdict(database, text_of(include=["us-embargo", "beside"]))
    assert found.is_publishable
    assert ("rule", "beside/located", "added") in [(each.what, each.id, each.change) for each in found.effect]


def test_attached_cases_must_pass(database: Database) -> None:
    put_cases(database, cases("CN", "deny"))
    put_cases(database, cases("RU", "allow"), name="second.yaml")
    assert verdict(database, GOOD).passed == 2
    found = verdict(database, text_of(deny=["RU"]))
    assert (found.passed, found.faults, found.is_publishable) == (0, (), False)
    fault = found.failed[0]
    assert (fault.at, fault.file, fault.line) == ("/cases/0", "small/first.yaml", 4)
    assert fault.message.startswith("the case `from CN` fails: ")


def test_no_draft_is_published_whose_cases_fail(database: Database) -> None:
    put_cases(database, cases("CN", "allow"))
    draft = approved(database, GOOD)
    with pytest.raises(Unprocessable) as refused, database.writing() as writing:
        publish_draft(writing, draft, Actor(REVIEWER, 1))
    assert [fault.file for fault in refused.value.faults] == ["small/first.yaml"]


def test_break_glass_fails_cases_only_knowingly(database: Database) -> None:
    put_cases(database, cases("CN", "allow"))
    with database.writing() as writing, pytest.raises(Unprocessable):
        break_glass(writing, Emergency(GOOD, "attack"), OTHER)
    with database.writing() as writing:
        done = break_glass(writing, Emergency(GOOD, "attack", despite_cases=True), OTHER)
    assert len(done.verdict.failed) == 1


def test_a_rollback_is_not_kept_back_by_cases_that_came_later(database: Database) -> None:
    put_in_force(database, GOOD, text_of(deny=["RU"]))
    put_cases(database, cases("CN", "allow"))
    with database.writing() as writing:
        done = roll_back(writing, "small", GOOD.revision, "it locked us out", REVIEWER)
    assert [fault.file for fault in done.verdict.failed] == ["small/first.yaml"]


def test_a_case_file_that_cannot_be_run_keeps_a_document_back(database: Database) -> None:
    put_cases(database, "ruleset: small\ncases: 7\n")
    found = verdict(database, GOOD)
    assert not found.is_publishable
    assert [fault.at for fault in found.failed] == ["/cases"]


def test_a_document_must_not_break_those_that_include_it(database: Database) -> None:
    put_in_force(database, GOOD)
    with database.reading() as connection:
        pin = program_revisions(published_documents(connection), ["small"])["small"]
    put_in_force(database, text_of("pinning", include=[f"small@{pin}"]), text_of("above", include=["pinning"]))
    found = verdict(database, text_of(deny=["RU"]))
    assert found.includers == ("above", "pinning")
    assert [fault.file for fault in found.faults] == ["above.yaml", "pinning.yaml"]
    assert f"not `{pin}`" in found.faults[1].message


def test_a_document_that_was_broken_before_keeps_no_other_back(database: Database) -> None:
    put_in_force(database, GOOD, text_of("pinning", include=["small@0123456789ab"]))
    assert verdict(database, text_of(deny=["RU"])).is_publishable


def test_the_cases_of_those_that_include_it_must_still_pass(database: Database) -> None:
    put_in_force(database, GOOD, text_of("above", include=["small"], deny=["KP"]))
    put_cases(database, cases("CN", "deny", "above"), ruleset="above")
    put_cases(database, cases("IR", "deny", "above"), ruleset="above", name="fails-already.yaml")
    found = verdict(database, text_of(deny=["RU"]))
    assert [fault.file for fault in found.failed] == ["above/first.yaml"]
    assert verdict(database, text_of(deny=["CN", "RU"])).is_publishable


def test_a_path_in_a_case_file_means_the_rule_set_that_it_is_attached_to(database: Database) -> None:
    put_cases(database, cases("CN", "deny", "../policy.yaml"))
    assert verdict(database, GOOD).passed == 1


def test_a_case_file_is_about_the_rule_set_that_it_is_attached_to() -> None:
    (fault,) = case_file_faults(AttachedCases("small", "first.yaml", cases("CN", "deny", "us-embargo")))
    assert fault.message == "a case file of `small` must be about `small`"
    assert case_file_faults(AttachedCases("small", "first.yaml", cases("CN", "deny"))) == ()


def test_the_effect_names_what_is_new_gone_and_different(database: Database) -> None:
    rule = """  - id: {}
    effect: {}
    when: {{action: [use]}}
"""
    put_in_force(database, Text("small", GOOD.text + rule.format("gone", "deny") + rule.format("kept", "deny")))
    after = GOOD.text.replace("default: allow", "default: deny") + rule.format("kept", "challenge")
    exempt = "exemptions:\n  - {id: licence, lifts: [kept], when: {action: [use]}}\n"
    found = verdict(database, Text("small", after + rule.format("new", "deny") + exempt)).effect
    assert [(each.what, each.id, each.change, each.members) for each in found] == [
        ("default", "", "changed", ()),
        ("rule", "kept", "changed", ("effect",)),
        ("rule", "new", "added", ()),
        ("rule", "gone", "removed", ()),
        ("exemption", "licence", "added", ()),
    ]


def test_what_decisions_name_changes_with_what_is_included(database: Database) -> None:
    put_in_force(database, GOOD, text_of("above", include=["small"]))
    with database.reading() as connection:
        before = program_revisions(published_documents(connection), ["above", "small"])
    put_in_force(database, text_of(deny=["RU"]))
    with database.reading() as connection:
        after = program_revisions(published_documents(connection), ["above", "small"])
    assert before["above"] != after["above"]
    assert before["small"] != after["small"]
