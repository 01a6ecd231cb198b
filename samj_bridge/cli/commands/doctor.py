"""``samj-bridge doctor``: what is installed, where, what is broken and what mends it."""

from __future__ import annotations

from rich.table import Table

from samj_bridge.cli.result import Result, styled
from samj_bridge.doctor import Finding, examine
from samj_bridge.progress import Progress, ProgressEvent, notify
from samj_bridge.settings import Settings

__all__ = ["run"]

_COLOURS = {"ok": "green", "warning": "yellow", "broken": "red"}


def run(settings: Settings, *, start_worker: bool, network: bool, progress: Progress) -> Result:
    """Examine the installation; the result is not ok when something is broken."""
    findings: list[Finding] = []
    for finding in examine(settings, start_worker=start_worker, network=network):
        notify(progress, ProgressEvent("doctor", f"Checking ({finding.check} done)", len(findings)))
        findings.append(finding)
    table = Table(box=None, show_header=False)
    for finding in findings:
        text = styled(finding.message, *([("\n" + finding.mend, "bold")] if finding.mend else []))
        table.add_row(styled((finding.status, _COLOURS[finding.status])), finding.check, text)
    broken = [finding for finding in findings if finding.status == "broken"]
    first = next((finding.mend for finding in broken if finding.mend), "")
    if broken:
        last = styled((f"{len(broken)} broken.", "red"), f" Begin with: {first}" if first else "")
    else:
        last = styled(("All is well.", "green"))
    return Result(
        "doctor",
        data={"findings": [finding.to_dict() for finding in findings]},
        tables=[table],
        lines=[last],
        ok=not broken,
    )
