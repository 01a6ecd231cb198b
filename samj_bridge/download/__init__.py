"""Files from the network: nothing unverified ever has its final name.

`fetch` streams a file to ``<name>.part`` beside its target, hashes it as it comes, goes on where it broke off, and
renames it when size and hashes are right. `place` does the same with a file that is on the disk already.
`extract_zip_member` and `extract_tar_member` take one file out of an archive that was fetched so. `find_wheel` asks
a package index for the wheel that a `WheelSource` names.
"""

from samj_bridge.download.archive import extract_tar_member, extract_zip_member
from samj_bridge.download.digest import ALGORITHMS, Digests, digest_file
from samj_bridge.download.draft import place
from samj_bridge.download.fetch import fetch
from samj_bridge.download.index import WheelSource, find_wheel
from samj_bridge.download.source import Policy, Source

__all__ = [
    "ALGORITHMS",
    "Digests",
    "Policy",
    "Source",
    "WheelSource",
    "digest_file",
    "extract_tar_member",
    "extract_zip_member",
    "fetch",
    "find_wheel",
    "place",
]
