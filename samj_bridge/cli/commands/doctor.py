"""``samj-bridge doctor``: what is installed, where, what is broken and what mends it."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from samj_bridge.cli.result import Result
from samj_bridge.doctor import Finding, examine
from samj_bridge.progress import Progress, ProgressEvent
from samj_bridge.settings import Settings

__all__ = ["run"]

_MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "broken": "[red]broken[/]"}


def run(settings: Settings, *, start_worker: bool, network: bool, progress: Progress) -> Result:
    """Examine the installation; the result is not ok when something is broken."""
    findings: list[Finding] = []
    for finding in examine(settings, start_worker=start_worker, network=network):
        progress(ProgressEvent("doctor", f"Checking ({finding.check} done)", len(findings)))
        findings.append(finding)
    table = Table(box=None, show_header=False)
    for finding in findings:
        text = escape(finding.message) + (f"\n[bold]{escape(finding.mend)}[/]" if finding.mend else "")
        table.add_row(_MARKS[finding.status], finding.check, text)
    broken = [finding for finding in findings if finding.status == "broken"]
    first = next((finding.mend for finding in broken if finding.mend), "")
    if broken:
        last = f"[red]{len(broken)} broken.[/] " + (f"Begin with: {escape(first)}" if first else "")
    else:
        last = "[green]All is well.[/]"
    return Result(
        "doctor",
        data={"findings": [finding.to_dict() for finding in findings]},
        tables=[table],
        lines=[last],
        ok=not broken,
    )
