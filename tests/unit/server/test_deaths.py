"""Workers that die: killed by somebody, or by what they were asked."""

from __future__ import annotations

import random

import pytest

from samj_bridge.errors import WorkerCrashed
from samj_bridge.server.deaths import LONGEST_PAUSE_S, MOST_BLAMED, MOST_TRIES, Deaths
from samj_bridge.server.turns import Job


def job(client: str = "a") -> Job:
    return Job(client, "a prompt", lambda _job: None)


def crash(operation: str, code: int = -9) -> WorkerCrashed:
    return WorkerCrashed("It died.", operation=operation, exit_code=code)


@pytest.mark.parametrize("operation", ["load", "encode", "segment", "everything"])
@pytest.mark.parametrize("code", [-9, -11, 1])
def test_what_no_worker_survives_ends_in_words(operation: str, code: int) -> None:
    deaths, poison = Deaths(), job()
    for _ in range(MOST_BLAMED - 1):
        assert isinstance(deaths.of(poison, crash(operation, code)), float)
    verdict = deaths.of(poison, crash(operation, code))
    assert isinstance(verdict, WorkerCrashed)
    assert "in each of 3 tries to do this (a prompt)" in verdict.message


def test_two_that_no_worker_survives_do_not_excuse_each_other() -> None:
    deaths, one, other = Deaths(), job("a"), job("b")
    for _ in range(MOST_BLAMED - 1):
        deaths.of(one, crash("encode"))
        deaths.of(other, crash("encode"))
    assert isinstance(deaths.of(one, crash("encode")), WorkerCrashed)
    assert isinstance(deaths.of(other, crash("encode")), WorkerCrashed)


def test_workers_that_are_killed_before_they_had_work_are_nobodys_fault() -> None:
    deaths, asked = Deaths(), job()
    pauses = []
    for number in range(MOST_TRIES - 1):
        # Now and then one is hit at work as well.
        verdict = deaths.of(asked, crash("encode" if number % 3 else "hello"))
        assert isinstance(verdict, float)
        pauses.append(verdict)
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.2
    assert pauses[-1] == LONGEST_PAUSE_S
    assert "again and again" in str(deaths.of(asked, crash("hello")))


def test_one_that_was_done_after_all_shows_that_somebody_else_ends_workers() -> None:
    deaths, unlucky, lucky = Deaths(), job("a"), job("b")
    for _ in range(4):
        deaths.of(lucky, crash("segment"))
        assert isinstance(deaths.of(unlucky, crash("segment")), float)
        deaths.ended(lucky, done=True)
    for _ in range(MOST_BLAMED - 1):
        assert isinstance(deaths.of(unlucky, crash("segment")), float)
        # One that was never hit, or that was given up, shows nothing.
        deaths.ended(job("c"), done=True)
        deaths.ended(lucky, done=False)
    assert isinstance(deaths.of(unlucky, crash("segment")), WorkerCrashed)


@pytest.mark.parametrize("code", [1, -4, -11])
def test_a_worker_that_ends_by_itself_at_once_can_not_be_started(code: int) -> None:
    deaths, asked = Deaths(), job()
    for _ in range(MOST_BLAMED - 1):
        assert isinstance(deaths.of(asked, crash("hello", code)), float)
    assert "can't be started" in str(deaths.of(asked, crash("hello", code)))


def test_nobody_who_asks_sees_twenty_kills_at_any_moments() -> None:
    """Each kill ends a start, or work on a job; a job fails over two in a row, as the session tries twice."""
    for seed in range(200):
        rng, deaths, kills = random.Random(seed), Deaths(), 20
        waiting = [job(str(number)) for number in range(4)]
        while kills > 0:
            asked = waiting.pop(0)
            # Starts take seconds and work takes tenths of them: that is where most kills hit.
            hits = [rng.random() < 0.15 for _ in range(rng.choice([0, 1, 2]))]
            kills -= len(hits)
            if len(hits) < 2:
                deaths.ended(asked, done=True)
                waiting.append(job(asked.client))
                continue
            assert isinstance(deaths.of(asked, crash("encode" if hits[-1] else "hello")), float), seed
            waiting.append(asked)
