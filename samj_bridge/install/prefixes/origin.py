"""What an environment was made with, where an option or a setting said so: it can be made again in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from samj_bridge.install.secrets import bare_url
from samj_bridge.install.specification import Specification, specification_path
from samj_bridge.settings import Settings

__all__ = ["Origin", "as_made", "origin_of"]


@dataclass(frozen=True)
class Origin:
    """What was named when an environment was made; empty: what samj-bridge chooses by itself."""

    micromamba: str = ""
    """The executable."""
    channels: tuple[str, ...] = ()
    """Conda channels, without names, passwords and tokens: those stay in the settings."""
    specification: str = ""
    """File of the specification, where it is not samj-bridge's own."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Origin:
        """Return what a marker says; nothing, in markers of older versions."""
        channels = values.get("channels") or ()
        return cls(
            str(values.get("micromamba", "")), tuple(map(str, channels)), str(values.get("specification-file", ""))
        )

    def to_dict(self) -> dict[str, object]:
        """Return it as a marker has it: only what was named."""
        values: dict[str, object] = {
            "micromamba": self.micromamba,
            "channels": list(self.channels),
            "specification-file": self.specification,
        }
        return {key: value for key, value in values.items() if value}


def origin_of(settings: Settings, specification: Specification, builder: str) -> Origin:
    """Return what `settings` name for an environment by `builder`."""
    path = specification.path
    own = path is None or path.absolute() == specification_path(specification.name).absolute()
    file = "" if own else str(path.absolute() if path else "")
    if builder != "micromamba":
        return Origin(specification=file)
    executable = settings.micromamba
    if executable and Path(executable).name != executable:
        executable = str(Path(executable).expanduser().absolute())
    return Origin(executable, tuple(map(bare_url, settings.channels)), file)


def as_made(settings: Settings, origin: Origin) -> Settings:
    """Return `settings` with what `origin` names, where they name nothing themselves."""
    known: dict[str, Any] = {}
    bare = Path(origin.micromamba).name == origin.micromamba
    if origin.micromamba and not settings.micromamba and (bare or Path(origin.micromamba).is_file()):
        known["micromamba"] = origin.micromamba
    if origin.channels and not settings.channels:
        known["channels"] = origin.channels
    return replace(settings, **known)
