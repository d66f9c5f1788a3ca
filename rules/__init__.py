"""The pure domain of Cordon: the rule language, ownership, and decisions. No I/O, no clock, no logging.

To read it, start at the bottom of what it means and go up:

1. `truth`, `shares`, `geography`: three-valued logic, exact shares, which place lies in which.
2. `facts`: what is known when a decision is asked for.
3. `language`: what a document says once it is read; `reading` and `parse` get there, or list every fault.
4. `ownership`: who owns an entity (`upstream` walks up, `cascade` and `integrated` attribute).
5. `explain`: the meaning of the language, plainly, with its reasons.
6. `compile`, `facets`, `index`, `readers`, `evaluate`: the same meaning, fast (decision 0007).
7. `cases`: decisions that a lawyer can read, run through both.
"""

from rules.cases import parse_cases, run_cases
from rules.compile import Program, compile_ruleset
from rules.errors import InvalidCases, InvalidRuleSet, Problem, RuleError
from rules.evaluate import evaluate, screen, screen_resource
from rules.explain import explain
from rules.language import LANGUAGE_VERSION, Decision, RuleSet
from rules.parse import parse_ruleset

__all__ = [
    "LANGUAGE_VERSION",
    "Decision",
    "InvalidCases",
    "InvalidRuleSet",
    "Problem",
    "Program",
    "RuleError",
    "RuleSet",
    "compile_ruleset",
    "evaluate",
    "explain",
    "parse_cases",
    "parse_ruleset",
    "run_cases",
    "screen",
    "screen_resource",
]
