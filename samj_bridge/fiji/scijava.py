"""ImageJ2 around ImageJ 1.x, where there is one: its user interface, and its search bar.

ImageJ2 keeps a register of its own of what can be run. It took ImageJ 1.x's menus into it when it started, and its
search bar looks there: commands that come later are entered here.
"""

from __future__ import annotations

import logging
from typing import Any

from samj_bridge.errors import FijiError
from samj_bridge.fiji.jvm import java_class

__all__ = ["context", "make_searchable", "show_user_interface"]

_log = logging.getLogger(__name__)
_MENU = "Plugins>SAMJ"


def context() -> Any:
    """Return SciJava's context, in which ImageJ2 has its services; None: this is ImageJ 1.x alone."""
    try:
        java_class("net.imagej.legacy.LegacyService")
    except FijiError:
        return None
    # ImageJ2 answers this call itself.
    return java_class("ij.IJ").runPlugIn("org.scijava.Context", "")


def show_user_interface(gateway: Any = None) -> bool:
    """Have ImageJ2 show its windows in its own way, with theme and search bar; False: there is no ImageJ2.

    Parameters
    ----------
    gateway : optional
        PyImageJ's.
    """
    if gateway is not None:
        gateway.ui().showUI()
        return True
    found = context()
    if found is None:
        return False
    found.service("org.scijava.ui.UIService").showUI()
    return True


def make_searchable(found: Any = None) -> list[str]:
    """Enter the commands that ImageJ2's search bar does not know yet; returns their names.

    Parameters
    ----------
    found : org.scijava.Context, optional
        Where to enter them; by default the one of the ImageJ2 that runs, if one does.
    """
    try:
        found = context() if found is None else found
        return [] if found is None else _enter(found)
    except Exception as error:  # noqa: BLE001  # the commands work without: this is no reason to stop
        _log.warning("ImageJ2's search bar does not get to know the commands of SAMJ: %s", error)
        return []


def _enter(found: Any) -> list[str]:
    modules = found.service("org.scijava.module.ModuleService")
    leaves = [info.getMenuPath().getLeaf() for info in modules.getModules()]
    known = {str(leaf.getName()) for leaf in leaves if leaf is not None}
    entered = [name for name in map(str, java_class("org.samj.bridge.ij.Bridge").commands()) if name not in known]
    for name in entered:
        modules.addModule(_as_script(found, name))
    return entered


def _as_script(found: Any, name: str) -> Any:
    """Return a macro of one line, as ImageJ2 has them from its folder of scripts."""
    reader = java_class("java.io.StringReader")(f'run("{name}");\n')
    path = f"{name.replace(' ', '_')}.ijm"
    info = java_class("org.scijava.script.ScriptInfo")(found, path, java_class("java.io.BufferedReader")(reader))
    info.setMenuPath(java_class("org.scijava.MenuPath")(f"{_MENU}>{name}"))
    return info
