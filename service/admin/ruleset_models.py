"""Rule sets, drafts and case files as the admin API reads and shows them."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from service.admin.fact_models import Document, Moment, Text, refused
from service.admin.pagination import PAGE_ITEMS, PAGE_ITEMS_LIMIT
from service.errors import RequestFault
from service.storage.draft_states import Status
from service.storage.rulesets import Form

DOCUMENT_LIMIT = 1_000_000
"""The most characters of a document or a case file."""
_ID = r"^[a-z0-9-]{1,64}$"
_REVISION = r"^[0-9a-f]{12}$"
_DRAFT = r"^[0-9a-f]{1,64}$"
_CASES = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise refused("the text holds characters that no text may hold")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise refused("must say something")
    return text


DocumentText = Annotated[str, Field(max_length=DOCUMENT_LIMIT), AfterValidator(_storable)]
Reason = Annotated[Text, AfterValidator(_said)]
RuleSetId = Annotated[str, Field(pattern=_ID)]
Revision = Annotated[str, Field(pattern=_REVISION)]

RuleSetPath = Annotated[str, Path(pattern=_ID, description="Id of the rule set.")]
RevisionPath = Annotated[str, Path(pattern=_REVISION)]
DraftPath = Annotated[str, Path(pattern=_DRAFT, description="Id of the draft.")]
CasesPath = Annotated[str, Path(pattern=_CASES, description="Name of the case file.")]


class NewDraftBody(Document):
    """A draft to begin."""

    ruleset: RuleSetId
    text: DocumentText
    form: Form = "yaml"
    title: Text = ""
    base: Revision | None = None
    """The revision that it is written upon; what is published, unless said."""


class DraftBody(Document):
    """What a draft is to say from now on."""

    text: DocumentText
    form: Form | None = None
    title: Text | None = None
    """What is left out stays."""
    base: Revision | None = None
    """To rebase: the revision that is published, and no other. What is left out stays."""


class ApprovalBody(Document):
    """Why somebody stands by a draft."""

    comment: Text = ""


class ReasonBody(Document):
    """Why something is done."""

    reason: Reason


class ScheduleBody(Document):
    """When a draft is to be published."""

    at: Moment


class RollbackBody(ReasonBody):
    """The earlier revision that is to be in force again."""

    revision: Revision


class EmergencyBody(ReasonBody):
    """What is to be in force at once, though nobody approved it."""

    text: DocumentText
    form: Form = "yaml"
    despite_cases: Annotated[bool, Field(strict=True)] = False
    """Publish even if attached cases fail."""


class CaseFileBody(Document):
    """A case file."""

    text: DocumentText


class _Paged(Document):
    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_LIMIT, description="The most items of one page.")] = PAGE_ITEMS
    cursor: Annotated[str | None, Field(description="`next` of the page before.")] = None


class RuleSetFilters(_Paged):
    """Rule sets that people look for."""

    containing: Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9-]*$", description="A part of the id.")] = ""
    break_glass: Annotated[bool | None, Field(description="Only those in force by break-glass, or only others.")] = None


class DraftFilters(_Paged):
    """Drafts that people look for."""

    status: Status | None = None
    ruleset: RuleSetId | None = None
    author: Annotated[Text | None, Field(description="Id of whoever wrote it.")] = None


class PublicationView(TypedDict):
    """One time that a revision came into force."""

    number: int
    revision: str
    program_revision: str
    """What decisions named from then on, until it or something that it includes was published."""
    kind: Literal["approved", "scheduled", "rollback", "break_glass", "import"]
    at: str
    actor: str
    reason: str
    draft: str | None
    replaced: str | None


class RuleSetView(TypedDict):
    """A rule set."""

    id: str
    revision: str | None
    """Of the document that is in force; null before the first."""
    program_revision: str | None
    """What decisions name: of that document with all that it includes."""
    break_glass: bool
    """What is in force was put there by break-glass, or nobody ever approved it."""
    publication: PublicationView | None


class RevisionView(TypedDict):
    """A document that was published."""

    revision: str
    form: Form
    draft: str | None
    """The draft that it was first published from."""
    created_at: str
    created_by: str


class RevisionText(TypedDict):
    """A document that was published, and what it says."""

    ruleset: str
    revision: str
    """Of the document, whichever was asked for."""
    program_revision: str | None
    """The revision that was asked for, if it is one that decisions name."""
    form: Form
    text: str


class DiffView(TypedDict):
    """What differs between two revisions."""

    older: str | None
    newer: str | None
    diff: str
    """A unified diff."""


class ApprovalView(TypedDict):
    """Somebody stands by the text of a draft."""

    approver: str
    at: str
    comment: str


class ConflictView(TypedDict):
    """What was published since a draft was written."""

    base: str | None
    published: str | None
    diff: str
    """From the base to what is published, as a unified diff."""


class DraftSummary(TypedDict):
    """A draft in a list."""

    id: str
    ruleset: str
    title: str
    status: Status
    author: str
    revision: str
    """What its text would be published as."""
    base: str | None
    version: int
    approvals: list[ApprovalView]
    """Those of this text."""
    approvals_required: int
    publish_at: str | None
    notice: str
    created_at: str
    updated_at: str
    submitted_at: str | None


class DraftView(DraftSummary):
    """A draft."""

    form: Form
    text: str
    conflict: ConflictView | None
    """Null as long as its base is what is published, and once it is closed."""


class FaultView(TypedDict):
    """One fault, where it is."""

    at: str
    message: str
    file: str
    line: int
    column: int


class CasesView(TypedDict):
    """What came of the case files."""

    passed: int
    failed: list[FaultView]


class ChangeView(TypedDict):
    """One rule or exemption, or the default, that is not as it is in force."""

    what: Literal["rule", "exemption", "default"]
    id: str
    change: Literal["added", "removed", "changed"]
    members: list[str]


class CheckView(TypedDict):
    """What would come of publishing a draft."""

    publishable: bool
    """Nothing speaks against its text; of approvals it says nothing."""
    revision: str
    program_revision: str
    faults: list[FaultView]
    cases: CasesView
    effect: list[ChangeView]
    includers: list[str]
    """Published rule sets that include this one, and change with it."""
    conflict: ConflictView | None


class PublishedView(TypedDict):
    """A publication that was made."""

    ruleset: str
    revision: str
    program_revision: str
    break_glass: bool
    publication: int
    replaced: str | None
    cases: CasesView
    effect: list[ChangeView]


class CaseFileSummary(TypedDict):
    """A case file in a list."""

    name: str
    version: int
    updated_at: str
    updated_by: str


class CaseFileView(CaseFileSummary):
    """A case file that is attached to a rule set."""

    ruleset: str
    text: str


class RuleSetPage(TypedDict):
    """One page of rule sets, in the order of their ids."""

    items: list[RuleSetView]
    next: str | None


class RevisionPage(TypedDict):
    """One page of revisions, the newest first."""

    items: list[RevisionView]
    next: str | None


class PublicationPage(TypedDict):
    """One page of publications, the newest first."""

    items: list[PublicationView]
    next: str | None


class DraftPage(TypedDict):
    """One page of drafts, the last changed first."""

    items: list[DraftSummary]
    next: str | None


class CaseFilePage(TypedDict):
    """The case files of a rule set, in the order of their names."""

    items: list[CaseFileSummary]


def fault_view(fault: RequestFault) -> FaultView:
    """A fault as it is shown where it is no error."""
    return FaultView(at=fault.at, message=fault.message, file=fault.file, line=fault.line, column=fault.column)
