"""Models whose publisher offers two files: the network's checkpoint, and the decoder's for automatic segmentation.

The store knows one checkpoint for each model. So the two become one: an archive that holds both as they are, with
the same bytes for the same two files.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from samj_bridge.download import Digests, digest_file
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.record import Record
from samj_bridge.progress import CancelToken
from samj_bridge.protocol.conversion import HALVES

__all__ = ["decoder_entry", "has_halves", "joined", "of_decoder"]

_OF_DECODER = "decoder-"
_PIECE = 4 << 20


def decoder_entry(entry: ModelEntry) -> ModelEntry | None:
    """Return the second file as if it were a model's only one; None where there is none."""
    if not entry.decoder_url:
        return None
    return replace(
        entry,
        url=entry.decoder_url,
        hashes=entry.decoder_hashes,
        file_name=f"{entry.id}-decoder.pt",
        mirrors=(),
        size=None,
        archive="",
        member="",
        member_size=None,
        decoder_url="",
        decoder_hashes=(),
    )


def of_decoder(hashes: Iterable[str]) -> tuple[str, ...]:
    """Return the hashes of a second file as a record names them, beside those of the first."""
    return tuple(_OF_DECODER + item for item in hashes)


def has_halves(entry: ModelEntry, record: Record) -> bool:
    """Tell whether what is installed has the decoder, where the catalog names one.

    What was installed before it did goes on answering prompts, and is completed by another installation.
    """
    return not entry.decoder_url or any(item.startswith(_OF_DECODER) for item in record.hashes)


def joined(network: Path, decoder: Path, cancel: CancelToken | None) -> tuple[Path, Digests]:
    """Make one file of two, beside them.

    Raises
    ------
    OSError
        It can't be written.
    Cancelled
        `cancel` was set.
    """
    target = network.with_name(f"{network.name}.pair")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, path in zip(HALVES, (network, decoder), strict=True):
            # Without the time of day: the same two files give the same bytes.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as stored:
                while piece := source.read(_PIECE):
                    if cancel is not None:
                        cancel.check()
                    stored.write(piece)
    return target, digest_file(target, cancel=cancel)
