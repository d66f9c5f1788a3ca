"""Asks Cordon from a Python application.

`CordonClient` and `AsyncCordonClient` ask over HTTP and need nothing of the service: importing this package loads the
standard library and httpx. `service.client.middleware` checks the requests of an ASGI application, over HTTP or with
`service.client.in_process`.
"""

from service.client.client import AsyncCordonClient, CordonClient
from service.client.decisions import DataSource, Decision, Effect, FaultyItem, Obligation, RuleSet
from service.client.errors import CordonError, CordonRefused, CordonUnreachable, Fault, Trouble, WhenUnreachable
from service.client.options import Options
from service.client.questions import ActionSearch, Question, ResourceSearch, Semantic, SubjectSearch

__all__ = [
    "ActionSearch",
    "AsyncCordonClient",
    "CordonClient",
    "CordonError",
    "CordonRefused",
    "CordonUnreachable",
    "DataSource",
    "Decision",
    "Effect",
    "Fault",
    "FaultyItem",
    "Obligation",
    "Options",
    "Question",
    "ResourceSearch",
    "RuleSet",
    "Semantic",
    "SubjectSearch",
    "Trouble",
    "WhenUnreachable",
]
