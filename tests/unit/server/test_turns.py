"""The queue in front of the worker."""

from __future__ import annotations

import random
import threading

import pytest

from samj_bridge.server.turns import PATIENCE, Busy, Job, Turns


def job(client: str, what: str = "") -> Job:
    return Job(client, what, lambda _job: None)


def test_the_latest_of_a_client_comes_first_and_clients_take_turns() -> None:
    turns = Turns()
    for client, what in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("b", "b2")):
        turns.put(job(client, what))
    assert [turns.take(0).what for _ in range(5)] == ["a3", "b2", "a2", "b1", "a1"]
    assert turns.take(0) is None


def test_nobody_is_passed_over_for_long() -> None:
    turns = Turns()
    first = job("a", "first")
    turns.put(first)
    order = []
    for number in range(10):
        turns.put(job("a", str(number)))
        order.append(turns.take(0).what)
    assert order.index("first") == PATIENCE


def test_eight_clients_that_look_the_same_wait_about_as_long_each() -> None:
    turns = Turns()
    owners: dict[int, int] = {}
    asked: dict[int, int] = {}
    waits: list[int] = []

    def ask(owner: int, now: int) -> None:
        made = job("same")
        owners[made.number], asked[made.number] = owner, now
        turns.put(made)

    for owner in range(8):
        ask(owner, 0)
    for now in range(4000):
        taken = turns.take(0)
        waits.append(now - asked[taken.number])
        ask(owners[taken.number], now + 1)
    assert max(waits) <= 3 * sum(waits) / len(waits)


@pytest.mark.parametrize("seed", range(20))
def test_nobody_waits_for_more_than_one_job_of_each_other_client(seed: int) -> None:
    """Eight clients at their own paces, some of which ask many things at once."""
    rng = random.Random(seed)
    turns, clients = Turns(), [str(number) for number in range(8)]
    greedy = set(rng.sample(clients, 3))
    for _ in range(2000):
        for client in clients:
            mine = [waiting for waiting in turns.waiting() if waiting.client == client]
            if rng.random() < 0.5 and (not mine or (client in greedy and len(mine) < 20)):
                turns.put(job(client))
        taken = turns.take(0)
        if taken is not None and taken.client not in greedy:
            assert taken.others <= len(clients) - 1


def test_eight_clients_that_ask_again_at_once_wait_for_just_the_seven_others() -> None:
    turns = Turns()
    for client in range(8):
        turns.put(job(str(client)))
    waited = []
    for _ in range(400):
        taken = turns.take(0)
        waited.append(taken.others)
        turns.put(job(taken.client))
    assert set(waited[8:]) == {7}


def test_a_job_that_waits_can_be_dropped_once() -> None:
    turns = Turns()
    one, two = job("a"), job("a")
    turns.put(one)
    turns.put(two)
    assert turns.drop(two)
    assert not turns.drop(two)
    assert turns.waiting() == [one]
    assert turns.take(0) is one
    assert not turns.drop(one)


def test_more_than_may_wait_are_told_to_come_again() -> None:
    turns = Turns(most_waiting=2)
    turns.put(job("a"))
    turns.put(job("b"))
    with pytest.raises(Busy, match="2 requests wait"):
        turns.put(job("c"))


def test_who_takes_waits_for_a_job() -> None:
    turns = Turns()
    came: list[Job | None] = []
    thread = threading.Thread(target=lambda: came.append(turns.take(30)))
    thread.start()
    made = job("a")
    turns.put(made)
    thread.join(30)
    assert came == [made]


def test_one_that_is_put_back_is_the_next_of_its_client_and_others_come_before_it() -> None:
    turns = Turns(most_waiting=4)
    for client, what in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
        turns.put(job(client, what))
    taken = turns.take(0)
    assert taken.what == "a3"
    turns.put(job("a", "a4"))
    # It was let in before: there is no room for a new one.
    turns.put_back(taken)
    assert [turns.take(0).what for _ in range(5)] == ["b1", "a3", "a4", "a2", "a1"]


def test_one_that_is_put_back_for_later_waits_that_long_and_can_be_dropped() -> None:
    turns = Turns()
    turns.put(job("a", "a1"))
    taken = turns.take(0)
    taken.begun = 1.0
    turns.put_back(taken, 60)
    assert turns.take(0) is None
    assert turns.waiting() == [taken]
    assert taken.begun is None
    assert turns.drop(taken)
    assert not turns.drop(taken)
    turns.put_back(taken, 0.05)
    assert turns.take() is taken
