"""Reads the project's own pages, so that what they show can be run: fenced blocks, console sessions, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "demo").glob("*.md")])

_FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*) *(?P<mark>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    mark: str
    """What follows the language: `fragment` for a part that means nothing alone, a file's name for its content."""
    text: str

    @property
    def file(self) -> str | None:
        """The file whose content this is."""
        return self.mark if "." in self.mark else None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a console session, and what the page says it prints."""

    command: str
    shown: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match["language"], match["mark"], dedent(match["text"]))
        for match in _FENCED.finditer(text)
    ]


def all_blocks(language: str) -> list[Block]:
    """The fenced blocks of every page in one language."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def session(page: Path) -> Iterator[Block | Step]:
    """What a reader does in turn: write a file that the page shows, or run commands and see what they print.

    Commands stand after `$ ` in a block of `console`, or in a block of `bash` that one of `text` may follow.
    """
    shown = blocks(page)
    for block, following in zip_longest(shown, shown[1:]):
        if block.file:
            yield block
        elif block.language == "bash":
            yield Step(block.text, following.text if following and following.language == "text" else "…")
        elif block.language == "console" and block.mark != "not run":
            yield from _prompted(block)


def _prompted(block: Block) -> Iterator[Step]:
    text = block.text.replace("\\\n", "")
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield Step(command, shown)


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; a line `…` stands for any number of lines, `…` within one for any text."""
    pattern = r"\n".join(_line_pattern(line) for line in shown.rstrip("\n").split("\n"))
    return re.fullmatch(pattern, printed.rstrip("\n")) is not None


def _line_pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?s:.*)"
    return r"[^\n]*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*"


def links(page: Path) -> list[str]:
    """Targets of a page's links within this tree, without their anchors."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    targets = (match["target"].partition("#")[0] for match in _LINK.finditer(text))
    return [target for target in targets if target and "://" not in target and not target.startswith("mailto:")]
