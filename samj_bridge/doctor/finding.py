"""What a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from samj_bridge.install.causes import Cause

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    """Name of the check."""
    status: str
    """``ok``, ``warning`` (works, but) or ``broken``."""
    message: str
    """What is so, with versions and places."""
    mend: str = ""
    """The command or the step that mends it; empty when nothing is to do."""

    def to_dict(self) -> dict[str, str]:
        """Return the finding as plain data."""
        return asdict(self)

    @classmethod
    def of(cls, check: str, cause: Cause) -> Finding:
        """Return the finding that `cause` was found."""
        return cls(check, "broken" if cause.fatal else "warning", f"{cause.message}.", cause.mend)
