"""What lies in the jar as an update site has it, and what must not."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from samj_bridge.version import __version__

pytestmark = [pytest.mark.imagej, pytest.mark.slow]


def test_the_jar_is_java_8s_has_nothing_of_others_and_knows_its_version(one_jar: Path) -> None:
    with zipfile.ZipFile(one_jar) as jar:
        names = jar.namelist()
        for name in names:
            if name.endswith(".class"):
                with jar.open(name) as code:
                    assert int.from_bytes(code.read(8)[6:8], "big") <= 52, name
        manifest = jar.read("META-INF/MANIFEST.MF").decode()
        third_party = jar.read("META-INF/THIRD-PARTY.txt").decode()
        services = [name for name in names if name.startswith("META-INF/services/") and not name.endswith("/")]
        pom = jar.read("META-INF/maven/org.samj/SAMJ_Bridge/pom.xml").decode()
        with jar.open(f"org/samj/bridge/setup/samj_bridge-{__version__}-py3-none-any.whl") as file:
            inside = zipfile.ZipFile(io.BytesIO(file.read())).namelist()
    # Not the classes alone: what they call is there in Java 8.
    assert "<maven.compiler.release>8</maven.compiler.release>" in pom
    # A jar in a wheel in a jar would be the same one again.
    assert "samj_bridge/fiji/jar.py" in inside
    assert not [name for name in inside if name.endswith(".jar")]
    assert one_jar.name == f"SAMJ_Bridge-{__version__}.jar"
    assert f"Implementation-Version: {__version__}" in manifest
    assert "Appose" in third_party
    assert f"org/samj/bridge/setup/samj_bridge-{__version__}-py3-none-any.whl" in names
    # Whatever Fiji has of these, it does not meet ours.
    assert {name.split("/")[0] for name in names if name.endswith(".class")} == {"org"}
    assert {"/".join(name.split("/")[:3]) for name in names if name.endswith(".class")} == {"org/samj/bridge"}
    assert all("org.samj.bridge" in name for name in services)
    # SciJava lists what is in a Fiji by these.
    poms = [name for name in names if name.startswith("META-INF/maven/") and name.endswith("pom.xml")]
    assert poms == ["META-INF/maven/org.samj/SAMJ_Bridge/pom.xml"]
    assert not any(name.startswith("META-INF/groovy") or "dgminfo" in name for name in names)
