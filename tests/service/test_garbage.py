"""Searches for garbage: that they never look at the same objects again, and that nothing needs them to be freed."""

import asyncio
import gc
import subprocess
import sys
from pathlib import Path
from weakref import ref

from service.app import assemble
from service.settings import Settings
from tests.service.conftest import embedded, write_world


def run(program: str) -> str:
    """What a process of its own prints: the settings are those of a whole process."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_what_lived_through_a_search_of_everything_is_not_looked_at_again() -> None:
    assert (
        run("""
import gc
from service.garbage import settle
settle()
kept = [[] for _ in range(1000)]
gc.collect()
print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 100)
""")
        == "True True\n"
    )


def test_to_settle_again_in_a_forked_process_is_to_settle_once() -> None:
    assert (
        run("""
import gc
from service.garbage import settle
settle()
settle()
print(len(gc.callbacks))
""")
        == "1\n"
    )


def test_data_that_was_replaced_is_freed_without_a_search(tmp_path: Path) -> None:
    service = assemble(Settings(data=write_world(tmp_path)), locations=embedded())
    gc.disable()
    try:
        service.programs.load()
        replaced = ref(service.programs.current.screenings)
        write_world(tmp_path, {"resources.csv": "id,tags,provider\nother,,\n"})
        asyncio.run(asyncio.to_thread(service.programs.load))
        assert replaced() is None
    finally:
        gc.enable()
