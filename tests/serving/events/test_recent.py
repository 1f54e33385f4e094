"""What followers get without the database being asked."""

from serving.events.fresh import MOST_KEPT as MOST_ANSWERS
from serving.events.fresh import FreshAnswers
from serving.events.messages import Choice, Message
from serving.events.recent import FRESH_S, MOST_KEPT, MOST_KEPT_BYTES, RecentMessages
from tests.serving.events.following import answer_of

ALL = Choice()


class _Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def _message(seq: int, station_id: str | None = "a", text: str = "{}") -> Message:
    return Message(seq, "alert", station_id, text)


def _numbers(recent: RecentMessages, after: int, upto: int, limit: int = 100, choice: Choice = ALL) -> list[int] | None:
    page = recent.page(choice, after, upto, limit)
    return None if page is None else [message.seq for message in page.messages]


def test_messages_come_in_order_when_all_of_them_are_kept() -> None:
    recent = RecentMessages(_Clock())
    recent.begin_after(4)
    recent.keep([_message(5), _message(6, "b")])
    recent.keep([_message(8)])
    assert _numbers(recent, 4, 8) == [5, 6, 8]
    assert _numbers(recent, 5, 8) == [6, 8]
    assert _numbers(recent, 4, 8, choice=Choice(frozenset({"a"}))) == [5, 8]
    first = recent.page(ALL, 4, 8, 2)
    assert first is not None
    assert ([message.seq for message in first.messages], first.last_seq) == ([5, 6], 6)
    last = recent.page(Choice(frozenset({"b"})), 6, 8, 2)
    assert last is not None
    assert (last.messages, last.last_seq) == ([], 8)


def test_nothing_is_given_when_a_message_may_be_missing() -> None:
    recent = RecentMessages(_Clock())
    assert _numbers(recent, 0, 0) is None
    recent.begin_after(4)
    recent.keep([_message(5)])
    assert _numbers(recent, 3, 5) is None, "4 was never here"
    assert _numbers(recent, 6, 5) is None, "6 was not published"
    recent.begin_after(9)
    assert _numbers(recent, 5, 9) is None, "9 was skipped"
    assert _numbers(recent, 9, 9) == []


def test_nothing_is_given_when_a_message_is_no_longer_fresh() -> None:
    clock = _Clock()
    recent = RecentMessages(clock)
    recent.begin_after(0)
    recent.keep([_message(1)])
    clock.now_s += FRESH_S / 2
    recent.keep([_message(2)])
    clock.now_s += FRESH_S * 0.75
    assert _numbers(recent, 0, 2) is None
    assert _numbers(recent, 1, 2) == [2]


def test_oldest_messages_go_when_there_are_too_many() -> None:
    recent = RecentMessages(_Clock())
    recent.begin_after(0)
    recent.keep([_message(seq) for seq in range(1, MOST_KEPT + 3)])
    assert _numbers(recent, 1, MOST_KEPT + 2) is None
    assert _numbers(recent, 2, MOST_KEPT + 2, limit=3) == [3, 4, 5]
    recent.keep([_message(MOST_KEPT + 3, text="x" * MOST_KEPT_BYTES)])
    assert _numbers(recent, MOST_KEPT + 2, MOST_KEPT + 3) == [MOST_KEPT + 3]
    assert _numbers(recent, MOST_KEPT + 1, MOST_KEPT + 3) is None


def test_answer_is_given_once_when_it_is_among_the_newest() -> None:
    fresh = FreshAnswers()
    for number in range(MOST_ANSWERS + 1):
        fresh.put(answer_of(str(number)))
    assert set(fresh.take(["0", "1", "7", "never"])) == {"1", "7"}
    assert fresh.take(["1", "7"]) == {}
