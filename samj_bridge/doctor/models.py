"""The models: the starter's weights, the catalog, and what is installed."""

from __future__ import annotations

from collections.abc import Iterator

from samj_bridge.doctor.finding import Finding
from samj_bridge.errors import ModelError
from samj_bridge.models import weights_file
from samj_bridge.settings import Settings

__all__ = ["check_model"]


def check_model(settings: Settings) -> Iterator[Finding]:
    """Look for the starter's weights, read the catalogs, and look whether installed models have their files."""
    from samj_bridge.models.catalog import catalog, packaged_catalog
    from samj_bridge.models.store import Store

    size = weights_file(packaged_catalog()["starter"], settings).stat().st_size
    yield Finding("model", "ok", f"starter, {size / 1e6:.1f} MB, in the package")
    try:
        known = catalog(settings)
    except ModelError as error:
        yield Finding("catalog", "broken", error.message, error.hint)
        return
    if settings.catalog:
        yield Finding("catalog", "ok", f"{settings.catalog}: {len(known)} models with ours")
    store, good = Store(settings), []
    for name in store.names():
        try:
            record = store.record(name)
            if name in known:
                weights_file(known[name], settings)
        except ModelError as error:
            # Waiting for an environment is no trouble: the first use ends it.
            status = "ok" if error.code == "model-not-converted" else "broken"
            yield Finding("model", status, error.message, "" if status == "ok" else error.hint)
            continue
        if record is not None:
            good.append(f"{name} ({record.size / 1e6:,.0f} MB)")
    if good:
        total = f"{store.size() / 1e6:,.0f} MB in {store.folder}"
        yield Finding("models", "ok", f"{', '.join(good)}; {total}")
