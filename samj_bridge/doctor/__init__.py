"""Checks of an installation: one function per check, each returns findings, none prints."""

from samj_bridge.doctor.examine import examine
from samj_bridge.doctor.finding import Finding

__all__ = ["Finding", "examine"]
