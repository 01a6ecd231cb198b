"""Package, jar, worker, protocol and citation say the same version: who changes one is told of the others."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import samj_bridge
from samj_bridge.cli.version import commit, describe, jar_version
from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.session.connection.bundle import bundle_bytes, bundle_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


def test_the_jar_is_made_with_the_version_of_the_package() -> None:
    pom = (ROOT / "java_glue" / "pom.xml").read_text(encoding="utf-8")
    assert re.search(r"<artifactId>SAMJ_Bridge</artifactId>\s*<version>([^<]+)</version>", pom)[1] == (
        samj_bridge.__version__
    )


def test_the_citation_is_of_the_version_of_the_package() -> None:
    assert f"\nversion: {samj_bridge.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_workers_bundle_carries_version_and_protocol() -> None:
    with zipfile.ZipFile(io.BytesIO(bundle_bytes())) as bundle:
        code = b"\n".join(bundle.read(name) for name in bundle.namelist()).decode("utf-8")
    assert f'__version__ = "{samj_bridge.__version__}"' in code
    assert f'PROTOCOL_VERSION = "{PROTOCOL_VERSION}"' in code


def test_the_version_that_is_printed_names_package_commit_worker_and_jar() -> None:
    package, worker, tool = describe().splitlines()
    assert package == f"samj-bridge {samj_bridge.__version__} (commit {commit()})"
    assert worker == f"worker: protocol {PROTOCOL_VERSION}, {bundle_name()}"
    assert tool.startswith("tool for ImageJ: SAMJ_Bridge.jar ")


def test_a_wheel_says_the_commit_that_its_build_wrote_down(tmp_path: Path) -> None:
    (tmp_path / "commit.txt").write_text("0123456789ab\n", encoding="utf-8")
    assert commit(tmp_path) == "0123456789ab"


def test_a_package_without_commit_and_checkout_says_so(tmp_path: Path) -> None:
    package = tmp_path / "samj_bridge"
    package.mkdir()
    assert commit(package) == "unknown"


def test_a_checkout_says_its_own_commit_and_that_it_was_changed(tmp_path: Path) -> None:
    package = tmp_path / "samj_bridge"
    package.mkdir()
    file = package / "file.py"
    file.write_text("1\n", encoding="utf-8")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    clean = commit(package)
    assert re.fullmatch(r"[0-9a-f]{12}", clean)
    file.write_text("2\n", encoding="utf-8")
    assert commit(package) == f"{clean}+"


@pytest.mark.parametrize("content", [b"", b"no zip at all"])
def test_a_jar_that_says_no_version_is_told_as_unknown(tmp_path: Path, content: bytes) -> None:
    jar = tmp_path / "SAMJ_Bridge.jar"
    jar.write_bytes(content)
    assert jar_version(jar) == "unknown"


def test_the_jars_version_is_read_from_what_maven_wrote(tmp_path: Path) -> None:
    jar = tmp_path / "SAMJ_Bridge.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(
            "META-INF/maven/org.samj/SAMJ_Bridge/pom.properties", "artifactId=SAMJ_Bridge\nversion=9.8.7\n"
        )
    assert jar_version(jar) == "9.8.7"


def test_the_recipe_for_conda_asks_for_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    recipe = yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    wanted = {"python" + project["requires-python"]}
    for requirement in project["dependencies"]:
        # conda-forge calls it so; tomli does no harm where it is not needed.
        wanted.add(requirement.split(";")[0].strip().replace("xxhash", "python-xxhash"))
    assert {re.sub(r"\s+", "", line) for line in recipe["requirements"]["run"]} == wanted
    assert recipe["context"]["version"] == samj_bridge.__version__
    script = recipe["build"]["python"]["entry_points"]
    assert script == [f"{name} = {place}" for name, place in project["scripts"].items()]
