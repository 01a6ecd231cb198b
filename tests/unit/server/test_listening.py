"""The sockets of a server."""

from __future__ import annotations

import socket

import pytest

from samj_bridge.errors import SamjError
from samj_bridge.server.serving import listen


def test_sockets_name_their_protocol_so_that_small_answers_leave_at_once() -> None:
    found = listen("127.0.0.1", 0)
    try:
        # asyncio sets TCP_NODELAY on no other ones; answers of two pieces then wait 40 ms for an acknowledgement.
        assert {one.proto for one in found} == {socket.IPPROTO_TCP}
        assert len({one.getsockname()[1] for one in found}) == 1
    finally:
        for one in found:
            one.close()


def test_a_port_that_is_taken_is_refused_or_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(SamjError, match="in use by"):
            listen("127.0.0.1", taken)
        found = listen("127.0.0.1", taken, any_port=True)
        assert found[0].getsockname()[1] > taken
        for one in found:
            one.close()


def test_an_interface_that_is_not_this_machines_is_refused() -> None:
    with pytest.raises(SamjError, match="can't be listened on"):
        listen("203.0.113.7", 0)
