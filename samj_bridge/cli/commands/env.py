"""``samj-bridge env list|remove``: the environments on this machine."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from samj_bridge.cli.commands.setup import describe
from samj_bridge.cli.result import Result
from samj_bridge.install import list_environments, remove_environment
from samj_bridge.settings import Settings

__all__ = ["run_list", "run_remove"]


def run_list(settings: Settings) -> Result:
    """List the environments with builder, versions, size and place."""
    environments = list_environments(settings)
    sizes = [_folder_size(environment.prefix) for environment in environments]
    table = Table(box=None, header_style="bold")
    for heading in ("name", "builder", "torch", "size", "made", "where"):
        table.add_column(heading, justify="right" if heading == "size" else "left")
    for environment, size in zip(environments, sizes, strict=True):
        table.add_row(
            environment.name,
            environment.builder,
            environment.packages.get("torch", "?"),
            f"{size / 1e9:.1f} GB",
            environment.created[:10],
            str(environment.prefix),
        )
    data = [
        {**describe(environment), "size_bytes": size} for environment, size in zip(environments, sizes, strict=True)
    ]
    if not environments:
        return Result(
            "env list", data={"environments": []}, lines=["No environment yet. Make one: samj-bridge setup"]
        )
    return Result("env list", data={"environments": data}, tables=[table])


def run_remove(settings: Settings, name: str) -> Result:
    """Remove an environment; models and settings stay."""
    freed = remove_environment(settings, name)
    return Result(
        "env remove",
        data={"name": name, "freed_bytes": freed},
        lines=[f"Removed environment {name}: {freed / 1e9:.1f} GB freed. Make it again: samj-bridge setup"],
    )


def _folder_size(folder: Path) -> int:
    # Files hard-linked from a package cache count too: this is what it holds, not what it alone costs.
    return sum(item.lstat().st_size for item in folder.rglob("*") if item.is_file() and not item.is_symlink())
