"""The same question put to Cordon and to others: checked first, then measured in interleaved rounds.

Prints a table, and writes JSON if asked to. Ends with status 1 if somebody decides otherwise than the oracle, or if
Cordon could not be measured. Needs taskset and wrk for the figures over HTTP.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from loadtests.peers.cerbos import fetch_cerbos
from loadtests.peers.in_process import country_lookup_us, makers, measure_in_process
from loadtests.peers.over_http import PEERS, Plan, measure_over_http
from loadtests.peers.question import QUESTIONS, make_questions, make_world, oracle
from loadtests.peers.result import OWN, NotMeasured, Result, lines, markdown
from loadtests.servers import NotInstalled

CACHE_VARIABLE = "CORDON_PEERS"
CACHE = Path("build/peers")


def main() -> int:
    """Measure, print, and write; the exit status."""
    options = _options()
    world = make_world()
    asked = [world.told(question) for question in make_questions(world, options.questions)]
    missing = _fetched(options.cache) if options.fetch else []
    with tempfile.TemporaryDirectory() as directory:
        plan = Plan(world, asked, Path(directory), options.cache, options.rounds, options.seconds, _say)
        peers = {name: make for name, make in PEERS.items() if name == OWN or not options.only or name in options.only}
        http, absent = measure_over_http(plan, peers) if not options.no_http else ({}, [])
        inside, unready = measure_in_process(makers(world, asked, plan.scratch), asked, options.rounds)
    result = Result(
        cases=len(asked),
        allowed=sum(map(oracle, asked)) / len(asked),
        http=http,
        in_process=inside,
        country_lookup_us=country_lookup_us(world, asked, options.rounds),
        not_measured=(*missing, *absent, *unready),
    )
    print("\n".join(markdown(result) if options.markdown else lines(result)))
    if options.json:
        options.json.write_text(json.dumps(result.document(), indent=1) + "\n")
    return 0 if result.is_agreed and (options.no_http or OWN in http) else 1


def _fetched(cache: Path) -> list[NotMeasured]:
    try:
        fetch_cerbos(cache)
    except NotInstalled as reason:
        return [NotMeasured("cerbos", str(reason))]
    return []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=3, help="of each load")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--only", nargs="+", choices=list(PEERS), help="peers over HTTP beside Cordon")
    parser.add_argument("--no-http", action="store_true", help="in process alone")
    parser.add_argument("--fetch", action="store_true", help="install Cerbos from npm into the cache first")
    cache = Path(os.environ.get(CACHE_VARIABLE, CACHE))
    parser.add_argument("--cache", type=Path, default=cache, help=f"what was fetched; or {CACHE_VARIABLE}")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--markdown", action="store_true", help="print the tables of `docs/explanation/compared.md`")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
