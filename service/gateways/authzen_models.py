"""The documents that AuthZEN 1.0 requests and answers consist of, as the OpenAPI document shows them.

SOURCE: OpenID AuthZEN Authorization API 1.0, sections 5 to 9. Members that are not named here are ignored.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, WithJsonSchema
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from rules.facts import ActivityCount

NAME_LIMIT = 1024
"""Characters of an id, a type or an action: memos are keyed by them."""

Name = Annotated[str, Field(max_length=NAME_LIMIT)]
Effect = Literal["allow", "challenge", "deny"]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


MOMENT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
"""As `rules.times` reads it. Only described: the reader says better what is wrong with a time that is none."""
TIME_SCHEMA: JsonDict = {"format": "date-time", "pattern": MOMENT_PATTERN}
TIME = "Decide as of then (RFC 3339, offset); only where allowed."
KNOWN_AT = "Explain from what was recorded then, by the rules in force then; with `explain=true`, only where allowed."
AT_LEAST = "The position that a write was answered with: decide from data that has seen it, or not at all."


class SubjectProperties(TypedDict):
    """Facts that the caller gives in place of the registered ones, for this request; only where it may."""

    entity: NotRequired[Annotated[Name, Field(description="Id of the entity behind the account.")]]
    declared: NotRequired[Annotated[dict[str, str], Field(description="Country or province by signal.")]]


class Subject(TypedDict):
    """Who asks. Any type but `account` is an account that is not registered."""

    type: Name
    id: Name
    properties: NotRequired[SubjectProperties]


class Resource(TypedDict):
    """What is asked for. One that is not registered has no tags and no known provider."""

    type: Name
    id: Name
    properties: NotRequired[dict[str, Any]]


class Action(TypedDict):
    """What is to be done with it."""

    name: Name
    properties: NotRequired[dict[str, Any]]


class Circumstances(TypedDict):
    """What the contexts of questions and of searches have in common."""

    ip: NotRequired[Annotated[str, Field(description="The client's address. One that is none is an unknown address.")]]
    time: NotRequired[Annotated[str, Field(description=TIME, json_schema_extra=TIME_SCHEMA)]]
    at_least: NotRequired[Annotated[str, Field(description=AT_LEAST, max_length=100)]]
    activity: NotRequired[
        Annotated[
            dict[ActivityCount, dict[str, Annotated[int, Field(ge=0)]]],
            Field(description="Distinct values used, by duration such as `PT24H`; only where allowed."),
        ]
    ]


class Context(Circumstances):
    """The circumstances."""

    known_at: NotRequired[Annotated[str, Field(description=KNOWN_AT, json_schema_extra=TIME_SCHEMA)]]


class Evaluation(TypedDict):
    """One question."""

    subject: Subject
    resource: Resource
    action: Action
    context: NotRequired[Context]


class Options(TypedDict):
    """How several questions are answered."""

    evaluations_semantic: NotRequired[Semantic]


class Evaluations(TypedDict):
    """Several questions as they come in: each of them is read by itself, so that a faulty one harms no other."""

    subject: NotRequired[dict[str, Any]]
    resource: NotRequired[dict[str, Any]]
    action: NotRequired[dict[str, Any]]
    context: NotRequired[dict[str, Any]]
    evaluations: NotRequired[list[Any]]
    options: NotRequired[Options]


class SubjectDefault(TypedDict):
    """Who asks, unless a question says otherwise."""

    type: NotRequired[Name]
    id: NotRequired[Name]
    properties: NotRequired[SubjectProperties]


class ResourceDefault(TypedDict):
    """What is asked for, unless a question says otherwise."""

    type: NotRequired[Name]
    id: NotRequired[Name]
    properties: NotRequired[dict[str, Any]]


class ActionDefault(TypedDict):
    """What is to be done with it, unless a question says otherwise."""

    name: NotRequired[Name]
    properties: NotRequired[dict[str, Any]]


class EvaluationItem(TypedDict):
    """One question of several. A member that it has replaces the default whole."""

    subject: NotRequired[Subject]
    resource: NotRequired[Resource]
    action: NotRequired[Action]
    context: NotRequired[Context]


class EvaluationsDocument(TypedDict):
    """Several questions, as senders see them; a question that is not so is answered by an error in its place."""

    subject: NotRequired[SubjectDefault]
    resource: NotRequired[ResourceDefault]
    action: NotRequired[ActionDefault]
    context: NotRequired[Context]
    evaluations: NotRequired[list[EvaluationItem]]
    options: NotRequired[Options]


IGNORED = "Ignored: it is what is searched for."
TOKEN = "The `next_token` of the page before. Everything else must be as it was in the request for that."
LIMIT = "The most results on a page."


Refused = Annotated[Any, WithJsonSchema({"not": {}, "description": "Refused: a search cannot heed it."})]
"""What would change the results if it were heeded, and so is not ignored as other members are."""


class SearchContext(Circumstances):
    """The circumstances of a search, which is made from what is known now."""

    known_at: NotRequired[Refused]


class PropertiesWanted(TypedDict):
    """Facts of one account, which cannot be said of all that are searched for."""

    entity: NotRequired[Refused]
    declared: NotRequired[Refused]


class PageWanted(TypedDict):
    """Which part of the results is wanted."""

    token: NotRequired[Annotated[str, Field(description=TOKEN)]]
    limit: NotRequired[Annotated[int, Field(ge=0, description=LIMIT)]]


class SubjectWanted(TypedDict):
    """Which kind of subject is searched for. Only those of the type `account` can be found."""

    type: Name
    id: NotRequired[Annotated[Any, Field(description=IGNORED)]]
    properties: NotRequired[PropertiesWanted]


class ResourceWanted(TypedDict):
    """Which kind of resource is searched for. What is registered has no type: it is found whatever the type."""

    type: Name
    id: NotRequired[Annotated[Any, Field(description=IGNORED)]]
    properties: NotRequired[dict[str, Any]]


class SubjectSearch(TypedDict):
    """Who may do this with that resource?"""

    subject: SubjectWanted
    resource: Resource
    action: Action
    context: NotRequired[SearchContext]
    page: NotRequired[PageWanted]


class ResourceSearch(TypedDict):
    """With which resources may this subject do this?"""

    subject: Subject
    resource: ResourceWanted
    action: Action
    context: NotRequired[SearchContext]
    page: NotRequired[PageWanted]


class ActionSearch(TypedDict):
    """What may this subject do with that resource?"""

    subject: Subject
    resource: Resource
    context: NotRequired[SearchContext]
    page: NotRequired[PageWanted]


class RuleSetName(TypedDict):
    """The rule set that decided."""

    id: str
    revision: str


class DataSource(TypedDict):
    """One source of data that the decision used."""

    name: str
    revision: str
    date: Annotated[Moment, Field(description="When a database was built; when the data directory was read.")]
    age: Annotated[int, Field(ge=0, description="Seconds from then until the question came.")]


class ObligationMember(TypedDict):
    """What the caller must do with the decision."""

    id: str
    type: str
    properties: dict[str, Any]


class AnswerContext(TypedDict):
    """What the decision rests on."""

    decision_id: str
    effect: Effect
    rule: Annotated[str | None, Field(description="The first rule that holds with this effect; null for the default.")]
    reason_user: Annotated[dict[str, str], Field(description="Text for the user, by reason.")]
    reason_admin: Annotated[dict[str, str], Field(description="Text for those who run the service, by reason.")]
    ruleset: RuleSetName
    data: list[DataSource]
    unknown: Annotated[list[str], Field(description="What could not be known, as `fact.why`.")]
    monitored: Annotated[list[str], Field(description="Rules in monitor mode that would have held.")]
    obligations: list[ObligationMember]
    expires_at: Annotated[Moment | None, Field(description="When a date next changes what is decided; null if never.")]
    status: NotRequired[
        Annotated[int, Field(description="What HTTP answers to a client that is not let through; not with `allow`.")]
    ]
    trace: NotRequired[Annotated[dict[str, Any], Field(description="Why; only if `explain=true`.")]]


class EvaluationAnswer(TypedDict):
    """The answer to one question."""

    decision: Annotated[bool, Field(description="True only for the effect `allow`.")]
    context: AnswerContext


class ItemError(TypedDict):
    """Why a question has no answer."""

    status: int
    message: str


class ItemErrorContext(TypedDict):
    """Stands in place of what a decision rests on."""

    error: ItemError


class FaultyItem(TypedDict):
    """A question that could not be answered."""

    decision: Literal[False]
    context: ItemErrorContext


class EvaluationsAnswer(TypedDict):
    """The answers, in the order of the questions; fewer, if the semantic says to stop."""

    evaluations: list[EvaluationAnswer | FaultyItem]


class PageFound(TypedDict):
    """Which part of the results this is."""

    next_token: Annotated[str, Field(description="Where the next page begins; empty if there is none.")]
    count: Annotated[int, Field(ge=0, description="Results on this page.")]
    total: NotRequired[Annotated[int, Field(ge=0, description="Results on all pages; only if that is known.")]]


class FoundMember(TypedDict):
    """A subject or a resource that was found."""

    type: str
    id: str


class FoundAction(TypedDict):
    """An action that was found."""

    name: str


class MembersFound(TypedDict):
    """Subjects or resources of which an evaluation says `allow`, in the order of their ids."""

    page: PageFound
    results: list[FoundMember]


class ActionsFound(TypedDict):
    """Actions of which an evaluation says `allow`, in the order of their names."""

    page: PageFound
    results: list[FoundAction]


class Configuration(TypedDict):
    """Where the endpoints are."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str


class ProblemFault(TypedDict):
    """One fault of a body."""

    at: Annotated[str, Field(description="JSON Pointer to the faulty value.")]
    message: str


class ProblemDocument(TypedDict):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[ProblemFault]]
