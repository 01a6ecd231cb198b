"""What the routes of a server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from starlette.requests import Request

from samj_bridge.models import ModelEntry
from samj_bridge.server.choosing import Models
from samj_bridge.server.fetching import Fetcher
from samj_bridge.server.hub import Hub
from samj_bridge.server.installs import Installs
from samj_bridge.server.page.tiles import Tiles
from samj_bridge.server.page.works import Works
from samj_bridge.server.pictures import Pictures, Sent, Views
from samj_bridge.server.uploads import Uploads
from samj_bridge.settings import Settings

__all__ = ["Services", "services_of"]


@dataclass
class Services:
    """The parts of a server; made by `Services.of`."""

    settings: Settings
    hub: Hub
    models: Models
    installs: Installs
    uploads: Uploads
    works: Works
    roots: tuple[Path, ...] = ()
    """Folders below which files may be opened by their paths."""
    fetcher: Fetcher = field(default_factory=Fetcher)
    views: Views = field(default_factory=Views)
    pictures: Pictures = field(default_factory=Pictures)
    tiles: Tiles = field(default_factory=Tiles)

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        model: str = "starter",
        roots: tuple[Path, ...] = (),
        fetcher: Fetcher | None = None,
        hub: Hub | None = None,
    ) -> Services:
        """Make all parts.

        Parameters
        ----------
        settings : Settings
            For everything.
        model : str
            For whoever names none.
        roots : tuple of Path
            Folders below which files may be opened by their paths.
        fetcher : Fetcher, optional
            Brings images that are named by address; by default none is.
        hub : Hub, optional
            One that is there already.
        """
        works = Works(settings.home / "serve" / "works")
        parts = (hub or Hub(settings), Models(settings, model), Installs(settings), Uploads(), works)
        return cls(settings, *parts, roots, fetcher or Fetcher())

    async def view(self, entry: ModelEntry, text: str) -> Sent:
        """Return the image of a request, decoded only if it has to be encoded for that model.

        Raises
        ------
        ImageError
            It can't be used.
        """
        return await self.views.of_text(text, lambda digest: self.hub.has(entry.id, digest))

    def close(self) -> None:
        """End the workers, stop installations, remove uploads."""
        self.installs.close()
        self.hub.close()
        self.uploads.close()


def services_of(request: Request) -> Services:
    """Return the parts of the server that was asked."""
    return cast("Services", request.app.state.services)
