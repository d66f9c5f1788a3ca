"""Whom the head of a request admits: by its key, or whoever made the connection."""

from service.fast_lane.asked import Known, Words
from service.fast_lane.check_heads import read_check, tail_of
from service.fast_lane.heads import Head, Headers
from service.fast_lane.questions import Question
from service.gateways.authzen_calls import Admission, Callers
from service.gateways.checks import NOT_KEPT, GatewayChecks


class Admitting:
    """Reads what the heads admit to on connections that admit whoever made them, or on all others."""

    def __init__(self, callers: Callers, checks: GatewayChecks, *, is_admitting: bool) -> None:
        self._callers = callers
        self._checks = checks
        self._is_admitting = is_admitting

    def admit(self, head: Head) -> Known | None:
        """The head with what it admits to; None if that is nothing, or not sure."""
        admission = self._admission(head.authorization, head.api_key)
        if admission is None:
            return None
        return Known(head.body_bytes, head.ending, head.recurs, admission.generation, admission.key_id, admission.until)

    def admit_check(self, url: bytes, headers: Headers) -> Known | None:
        """A gateway's question with what it admits to; None if that is nothing, or not sure, or it is not plain."""
        checks = self._checks
        if not self._is_admitting and not checks.keys_required:
            return None  # an address is believed then, which is not this lane's to look at
        head = read_check(url, headers, checks.routes)
        if head is None:
            return None
        admission = self._admission(None, head.key)
        if admission is None:
            return None
        who = (admission.generation, admission.key_id, admission.until)
        tail = b"" if head.route.keep_seconds else tail_of(head.wire, (NOT_KEPT,))
        return Known(0, head.ending, head.recurs, *who, head.question, head, _words(head.question), tail)

    def _admission(self, authorization: bytes | None, api_key: bytes | None) -> Admission | None:
        if self._is_admitting:
            return Admission(self._callers.generation)
        return self._callers.admission(authorization, api_key)


def _words(question: Question) -> Words:
    """All of a question that counts."""
    return question.subject.id, question.resource.id, question.action.name, question.context.ip
