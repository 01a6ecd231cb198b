"""Pixels on their way to the worker, to be encoded there: an image, or a tile or block of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from samj_bridge.progress import CancelToken
from samj_bridge.protocol.arrays import ArrayDescription
from samj_bridge.protocol.messages import EncodeRequest
from samj_bridge.session.connection.client import Call
from samj_bridge.session.connection.supervisor import Running
from samj_bridge.session.images import BlockPool, Loan, Plane, fill

__all__ = ["encode_call"]


@contextmanager
def encode_call(
    pool: BlockPool,
    running: Running,
    plane: Plane,
    request: Callable[[ArrayDescription], EncodeRequest],
    *,
    cancel: CancelToken | None,
    timeout_s: float | None,
) -> Iterator[tuple[Call, Loan]]:
    """Send pixels and ask for their encoding; the shared memory comes back at the end, however that comes.

    Parameters
    ----------
    pool : BlockPool
        Lends the shared memory.
    running : Running
        The worker.
    plane : Plane
        The pixels.
    request : callable
        Makes the request, from where the pixels are.
    cancel, timeout_s
        As for every call.

    Yields
    ------
    call : Call
        Its result is the caller's to wait for.
    loan : Loan
        The shared memory with the pixels.
    """
    with pool.lend(plane.nbytes) as loan:
        fill(loan, plane)
        wanted = request(loan.describe(plane))
        call = running.client.start("encode", wanted.to_wire(), timeout_s=timeout_s, cancel=cancel)
        try:
            yield call, loan
        finally:
            call.abandon()
            loan.reusable = call.settled
