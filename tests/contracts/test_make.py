"""The commands that a newcomer types, as far as they can be checked without running themselves."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def planned(*words: str) -> str:
    """What make would run."""
    done = subprocess.run(
        ["make", "--always-make", "--dry-run", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_run_sets_up_and_serves_the_demo_on_the_loopback_address() -> None:
    plan = planned("run")
    assert "-m venv .venv" in plan
    assert "serve --data demo --gateways deploy/gateways/gateways.yaml --host 127.0.0.1 --port 8080" in plan


def test_run_takes_another_port() -> None:
    assert "--port 9090" in planned("run", "PORT=9090")


def test_set_up_installs_by_hash_and_fetches_nothing_for_the_build() -> None:
    installs = [line for line in planned("setup").splitlines() if "pip install" in line]
    assert [line for line in installs if "--require-hashes" not in line and "--no-build-isolation" not in line] == []


def test_test_runs_lint_types_contracts_cases_and_tests() -> None:
    plan = planned("test")
    assert [tool for tool in ("ruff", "mypy", "lint-imports", "cordon test", "pytest") if tool not in plan] == []


def test_every_check_is_what_the_build_calls() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "exec make test" in script.read_text(encoding="utf-8")
