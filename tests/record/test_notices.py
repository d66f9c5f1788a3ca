"""What is not as it should be is said once in the log, and once when it is over."""

from service.housekeeping import Noticeboard


def test_a_notice_is_logged_when_it_begins_and_when_it_ends() -> None:
    said: list[str] = []
    board = Noticeboard(lambda notice: said.append(f"+{notice}"), lambda notice: said.append(f"-{notice}"))
    for notices in ((), ("a",), ("a",), ("b", "a"), ("b",), ()):
        board.show(notices)
    assert said == ["+a", "+b", "-a", "-b"]
