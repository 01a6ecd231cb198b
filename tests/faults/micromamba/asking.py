"""What the tests of micromamba ask their beds for."""

from __future__ import annotations

from dataclasses import replace

from fakes.beds import Bed
from fakes.conda_channel import CondaChannel
from fakes.standin import StandIn

from samj_bridge.install.builders.base import BuildRequest, Built
from samj_bridge.install.builders.micromamba.builder import MicromambaBuilder
from samj_bridge.install.builders.micromamba.tool import Deadlines
from samj_bridge.install.locks.explicit import ExplicitLock
from samj_bridge.settings import Settings

QUICK = Deadlines(solve_s=1.5, download_s=1.5, unpack_s=1.5)


class FromLock(MicromambaBuilder):
    """Makes environments from one lock, whatever the specification says."""

    def __init__(self, settings: Settings, lock: ExplicitLock) -> None:
        super().__init__(settings)
        self.lock = lock

    def build(self, request: BuildRequest) -> Built:
        return super().build(replace(request, lock=self.lock))


def channel_of(bed: Bed) -> CondaChannel:
    assert bed.channel is not None
    return bed.channel


def standin_of(bed: Bed) -> StandIn:
    assert bed.standin is not None
    return bed.standin
