"""Who uses an environment keeps it; on a disk without locks it can still be used, and is never taken for free."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from samj_bridge.install.prefixes.environment import Environment, leases_of, write_marker
from samj_bridge.install.prefixes.sweep import is_held, remove_prefix

pytestmark = pytest.mark.skipif(os.name != "posix", reason="flock is POSIX's")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    prefix = tmp_path / "samj" / "abc-1"
    prefix.mkdir(parents=True)
    environment = Environment("samj", prefix, prefix / "bin" / "python", "uv", "cpu", "hash")
    write_marker(environment)
    return environment


def test_an_environment_in_use_is_held_and_afterwards_free(environment: Environment) -> None:
    with environment.hold():
        assert is_held(environment.prefix)
        assert not remove_prefix(environment.prefix)
    assert leases_of(environment.prefix) == []
    assert remove_prefix(environment.prefix)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_on_a_disk_without_locks_it_can_be_used_and_is_not_removed(
    number: int,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import fcntl

    def refuse(_handle: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING), environment.hold():
        assert "has no file locks" in caplog.text
        assert is_held(environment.prefix)
        assert not remove_prefix(environment.prefix)
        assert (environment.prefix / "samj-environment.json").is_file()
    assert leases_of(environment.prefix) == []
