"""Run every check."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from samj_bridge.doctor.environment import check_builder, check_environment, check_worker
from samj_bridge.doctor.finding import Finding
from samj_bridge.doctor.home import check_home
from samj_bridge.doctor.java import check_java, check_tool
from samj_bridge.doctor.machine import check_host, check_machine, check_settings
from samj_bridge.doctor.models import check_model
from samj_bridge.doctor.network import check_network
from samj_bridge.errors import SamjError
from samj_bridge.settings import Settings

__all__ = ["examine"]

_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    check_host,
    check_machine,
    check_settings,
    check_home,
    check_builder,
    check_network,
    check_environment,
    check_model,
    check_worker,
    check_java,
    check_tool,
)


def examine(settings: Settings, *, start_worker: bool = True, network: bool = True) -> Iterator[Finding]:
    """Run every check, in the order in which one builds on the other.

    Parameters
    ----------
    settings : Settings
        The settings to examine.
    start_worker : bool
        Also start the worker and talk to it (some seconds).
    network : bool
        Also ask the servers that an installation would need (at most a few seconds).

    Yields
    ------
    Finding
        One or more per check, as soon as it is known. A check that fails itself is a finding too.
    """
    left_out = {check_worker} if not start_worker else set()
    if not network or settings.offline:
        left_out.add(check_network)
    for check in _CHECKS:
        if check in left_out:
            continue
        try:
            yield from check(settings)
        except SamjError as error:
            yield Finding(_name(check), "broken", error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - a doctor that falls ill helps nobody
            yield Finding(_name(check), "broken", f"The check itself failed: {type(error).__name__}: {error}")


def _name(check: Callable[..., object]) -> str:
    return check.__name__.removeprefix("check_")
