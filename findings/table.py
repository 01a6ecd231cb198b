"""Makes the table of findings/README.md from the heads of the scripts: ``python findings/table.py [--write]``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BEGIN = "<!-- made by: python findings/table.py --write; do not edit by hand -->"
END = "<!-- end of what is made -->"
FIELDS = ("finding", "guess", "with")


def head(script: Path) -> dict[str, str]:
    """Return the fields at the head of `script`; a field goes on over comment lines that begin with spaces."""
    fields: dict[str, str] = {}
    last = ""
    for line in script.read_text(encoding="utf-8").splitlines()[1:]:
        if not line.startswith("#"):
            break
        if match := re.match(r"# (\w+): (.*)", line):
            last = match[1]
            fields[last] = match[2].strip()
        elif last and line.startswith("#  "):
            fields[last] += " " + line.lstrip("# ").strip()
    return fields


def page() -> str:
    """Return the README with the table as the scripts' heads make it."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = ["| script | what is so | what we had guessed | with |", "|---|---|---|---|"]
    for script in sorted(set(FOLDER.glob("*.sh")) - {FOLDER / "run.sh"}):
        fields = head(script)
        missing = [name for name in FIELDS if not fields.get(name)]
        if missing:
            message = f"{script.name} lacks the lines {missing} at its head."
            raise SystemExit(message)
        cells = (fields[name].replace("|", "\\|") for name in FIELDS)
        rows.append(f"| [{script.stem}]({script.name}) | {' | '.join(cells)} |")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(rows) + f"\n\n{END}{after}"


if __name__ == "__main__":
    made = page()
    if "--write" in sys.argv[1:]:
        (FOLDER / "README.md").write_text(made, encoding="utf-8")
    else:
        sys.stdout.write(made)
