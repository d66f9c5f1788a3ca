"""What the pages show is so: rule sets parse, case files pass, tables load, links lead somewhere."""

from pathlib import Path

import pytest

from rules.cases import parse_cases, run_cases
from rules.parse import parse_ruleset
from service.documents import read_document
from service.gateways.routes import read_routes
from service.packs import pack_documents
from service.storage.directory import POLICY, load_directory
from service.storage.records import COLUMNS
from tests.pages import PAGES, ROOT, Block, all_blocks, blocks, links

WHOLE_YAML = [block for block in all_blocks("yaml") if block.mark != "fragment"]
DIRECTORY_PAGE = ROOT / "docs" / "reference" / "data-directory.md"


def value(block: Block) -> dict[str, object]:
    """The block's document."""
    document = read_document(block.text)
    assert document.problems == ()
    assert isinstance(document.value, dict)
    return document.value


def library(block: Block) -> dict[str, object]:
    """The packs, and every rule set that the same page shows; its first is what it calls `../policy.yaml`."""
    shown = [value(other) for other in WHOLE_YAML if other.page == block.page]
    rule_sets = [document for document in shown if "language" in document]
    first = rule_sets[0] if rule_sets else None
    return {
        **pack_documents(),
        "../policy.yaml": first,
        **{str(document["ruleset"]): document for document in rule_sets},
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_tree_leads_to_a_file(page: Path) -> None:
    assert [target for target in links(page) if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("block", WHOLE_YAML, ids=str)
def test_every_yaml_block_is_a_document_of_ours(block: Block) -> None:
    assert {"language", "cases", "gateways"} & value(block).keys()


@pytest.mark.parametrize("block", [block for block in WHOLE_YAML if "gateways" in value(block)], ids=str)
def test_every_file_of_routes_shown_is_in_order(block: Block) -> None:
    assert read_routes(value(block))


@pytest.mark.parametrize("block", [block for block in WHOLE_YAML if "language" in value(block)], ids=str)
def test_every_rule_set_shown_parses(block: Block) -> None:
    assert parse_ruleset(value(block), library(block)).rules


@pytest.mark.parametrize(
    "block", [block for block in WHOLE_YAML if "cases" in value(block) and not block.file], ids=str
)
def test_every_case_shown_passes(block: Block) -> None:
    results = list(run_cases(parse_cases(value(block), library(block))))
    assert results
    assert [result for result in results if not result.passed] == []


def test_the_directory_shown_loads(tmp_path: Path) -> None:
    files = {block.file: block.text for block in blocks(DIRECTORY_PAGE) if block.file}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    world = load_directory(tmp_path)
    assert files.keys() == {POLICY, *COLUMNS}
    assert world.accounts
    assert world.graph.owners
