"""``samj-bridge env list|check|remove|prune``: look after the environments on this machine."""

from __future__ import annotations

from datetime import datetime, timezone

from rich.table import Table

from samj_bridge.cli.commands.setup import describe
from samj_bridge.cli.result import Line, Result, styled
from samj_bridge.install.care import (
    Surveyed,
    check_named,
    mend_of,
    named_environment,
    remove_environment,
    survey,
)
from samj_bridge.install.prefixes.environment import ADOPTED_NAME, environment_folder, read_adopted
from samj_bridge.install.prefixes.rubbish import Rubbish, find_rubbish, remove_rubbish
from samj_bridge.settings import Settings

__all__ = ["run_check", "run_list", "run_prune", "run_remove"]


def run_list(settings: Settings, *, probe: bool) -> Result:
    """List the environments: size, age, builder, Python, torch, device, healthy or not."""
    found = survey(settings, try_out=probe)
    if not found:
        hint = "No environment yet. Make one: samj-bridge setup"
        return Result("env list", data={"environments": []}, lines=[hint])
    table = Table(box=None, header_style="bold")
    for heading in ("name", "state", "healthy", "builder", "python", "torch", "device", "size", "age", "where"):
        table.add_column(heading, justify="right" if heading in {"size", "age"} else "left")
    for item in found:
        environment = item.environment
        table.add_row(
            environment.name,
            item.state,
            styled(("no", "red") if item.problem else ("yes", "green") if item.report else "not tried"),
            environment.builder,
            environment.python_version or str(item.report.get("python", "?")),
            environment.packages.get("torch", "?"),
            _device(item),
            "" if environment.adopted else f"{item.size_bytes / 1e9:.1f} GB",
            _age(environment.created),
            str(environment.prefix),
        )
    broken = [item for item in found if item.problem]
    lines: list[Line] = [styled((item.environment.name, "red"), f": {item.problem}.") for item in broken]
    lines += dict.fromkeys(mend_of(item.environment) for item in broken if item.state != "not in use")
    return Result("env list", data={"environments": [_data(item) for item in found]}, tables=[table], lines=lines)


def run_check(settings: Settings, name: str) -> Result:
    """Try an environment out; fails unless it works."""
    environment, report = check_named(settings, name)
    versions = {"python": report["python"], **report["modules"]}
    shown = ", ".join(f"{module} {version}".strip() for module, version in versions.items())
    torch = report.get("torch", {})
    where = f"{environment.builder}, {environment.feature}, {environment.prefix}"
    return Result(
        "env check",
        data={"environment": describe(environment), "healthy": True, "report": report},
        lines=[
            styled((f"{name} works", "green"), f" ({where})"),
            f"{shown}; device {torch.get('device', 'cpu')}",
        ],
    )


def run_remove(settings: Settings, name: str) -> Result:
    """Remove an environment; models and settings stay, and so does one that was made elsewhere."""
    folder = environment_folder(settings, name)
    adopted = read_adopted(folder / ADOPTED_NAME, name)
    if not folder.is_dir():
        named_environment(settings, name)
    freed = remove_environment(settings, name)
    lines = [f"Removed environment {name}: {freed / 1e9:.1f} GB freed. Make it again: samj-bridge setup"]
    if adopted is not None:
        lines.append(f"{adopted.prefix!s}, which was used for it, was made elsewhere and is as it was.")
    return Result("env remove", data={"name": name, "freed_bytes": freed}, lines=lines)


def run_prune(settings: Settings, *, caches: bool, dry_run: bool) -> Result:
    """Remove old and half-made builds (and caches), and say how much that frees."""
    found = find_rubbish(settings, caches=caches)
    gone = found if dry_run else remove_rubbish(found)
    table = Table(box=None, show_header=False)
    for item in gone:
        table.add_row(item.kind, _megabytes(item.size_bytes), str(item.path))
    total = sum(item.size_bytes for item in gone)
    if not found:
        line = "Nothing to remove." + ("" if caches else " --caches also looks at what can be fetched again.")
    else:
        line = f"{'Would free' if dry_run else 'Freed'} {_megabytes(total)}."
    left = [item for item in found if item not in gone]
    lines = [line, *(f"In use, and still there: {item.path!s}" for item in left)]
    data = {
        "removed": [] if dry_run else [_rubbish(item) for item in gone],
        "found": [_rubbish(item) for item in found],
        "bytes": total,
    }
    return Result("env prune", data=data, tables=[table] if gone else [], lines=lines)


def _data(item: Surveyed) -> dict[str, object]:
    return {
        **describe(item.environment),
        "state": item.state,
        "size_bytes": item.size_bytes,
        "healthy": not item.problem if item.problem or item.report else None,
        "problem": item.problem,
        "device": _device(item),
    }


def _device(item: Surveyed) -> str:
    torch = item.report.get("torch", {})
    return str(torch.get("device") or item.environment.feature)


def _age(created: str) -> str:
    """Return how long ago an ISO time was: ``3 days``."""
    try:
        seconds = (datetime.now(timezone.utc) - datetime.fromisoformat(created)).total_seconds()
    except (ValueError, TypeError):
        return "?"
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return "new"


def _megabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _rubbish(item: Rubbish) -> dict[str, object]:
    return {"kind": item.kind, "path": str(item.path), "size_bytes": item.size_bytes}
