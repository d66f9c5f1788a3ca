"""The figures of several workers as one exposition."""

import threading
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from service.worker_metrics import SLOT_BYTES, Board, Figures, merged

FIRST = b'# HELP a_total One.\n# TYPE a_total counter\na_total{worker="0"} 1.0\n'
SECOND = b'# HELP a_total One.\n# TYPE a_total counter\na_total{worker="1"} 2.0\n# HELP b B\n# TYPE b gauge\nb 3.0\n'


def samples(text: bytes) -> Iterable[tuple[str, dict[str, str], float]]:
    """As the library reads them: a family that is there twice would be two."""
    families = list(text_string_to_metric_families(text.decode()))
    assert len({family.name for family in families}) == len(families)
    return [(each.name, each.labels, each.value) for family in families for each in family.samples]


def test_the_samples_of_a_family_stand_together_under_one_heading() -> None:
    assert merged([FIRST, b"", SECOND]) == (
        b'# HELP a_total One.\n# TYPE a_total counter\na_total{worker="0"} 1.0\na_total{worker="1"} 2.0\n'
        b"# HELP b B\n# TYPE b gauge\nb 3.0\n"
    )


def test_whichever_worker_is_asked_tells_the_figures_of_all_marked_as_theirs() -> None:
    board, registries = Board(2), (CollectorRegistry(), CollectorRegistry())
    counters = [Counter("asked", "What was,\nasked.", ["name"], registry=each) for each in registries]
    first, second = (Figures(board, number, 4 * number, each) for number, each in enumerate(registries))
    counters[0].labels('a "\n# HELP b').inc()
    counters[1].labels("b").inc(2)
    first.publish()
    told = [each for each in samples(second.exposition()) if not each[0].endswith("_created")]
    assert told == [
        ("asked_total", {"name": 'a "\n# HELP b', "worker": "0"}, 1.0),
        ("asked_total", {"name": "b", "worker": "1"}, 2.0),
        ("cordon_worker_restarts_total", {"worker": "0"}, 0.0),
        ("cordon_worker_restarts_total", {"worker": "1"}, 4.0),
    ]
    counters[1].labels("b").inc()
    assert ("asked_total", {"name": "b", "worker": "1"}, 3.0) in samples(second.exposition())


def test_a_worker_that_has_ended_has_no_figures() -> None:
    board = Board(2)
    board.write(0, FIRST)
    board.write(1, SECOND)
    board.clear(1)
    assert [board.read(worker) for worker in range(2)] == [FIRST, b""]


def test_a_text_that_does_not_fit_is_left_out_and_harms_no_other() -> None:
    board = Board(2)
    board.write(0, b"x" * SLOT_BYTES)
    board.write(1, SECOND)
    assert [board.read(worker) for worker in range(2)] == [b"", SECOND]


def test_nobody_reads_half_a_text_however_often_it_is_written() -> None:
    board, ended = Board(1), threading.Event()
    texts = (FIRST, SECOND, FIRST + SECOND)

    def write() -> None:
        while not ended.is_set():
            for text in texts:
                board.write(0, text)

    writer = threading.Thread(target=write)
    writer.start()
    read = {board.read(0) for _ in range(20_000)}
    ended.set()
    writer.join()
    assert read <= {b"", *texts}
