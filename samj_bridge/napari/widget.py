"""The widget *Segment Anything (SAMJ)* under *Layers > Segment*."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QWidget

from samj_bridge.errors import ImageError, SamjError
from samj_bridge.geometry.region import Region
from samj_bridge.napari import planes
from samj_bridge.napari.asking import Asker
from samj_bridge.napari.form import Form
from samj_bridge.napari.installing import Models
from samj_bridge.napari.objects import Objects, Proposal, Step
from samj_bridge.napari.offers import bind_keys, first_words, image_layers, targets_for
from samj_bridge.napari.planes import SHOWN, Plane, channel_choices, plane_of
from samj_bridge.napari.prompting import INSIDE, OUTSIDE, Prompting
from samj_bridge.napari.working import Job, Work
from samj_bridge.settings import Settings

__all__ = ["SegmentWidget"]

_CANDIDATES = 3


class SegmentWidget(QWidget):
    """Objects by clicks and boxes, in any image layer.

    Parameters
    ----------
    napari_viewer : napari Viewer
        Given by napari.
    asker : Asker, optional
        Answers prompts; one of its own by default.
    """

    def __init__(self, napari_viewer: Any, asker: Asker | None = None) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.asker = Asker(Settings.from_environment()) if asker is None else asker
        self.work = Work()
        self.form = Form(self)
        self.prompting: Prompting | None = None
        self.objects: Objects | None = None
        self.proposal = Proposal(napari_viewer)
        self.candidates: list[Region] = []
        """Answers to the current prompts, best score first."""
        self.chosen = 0
        """Which of them is shown."""
        self._plane: Plane | None = None
        self._closed = False
        # Several events of one deed, or a drag along a slider, are one question.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(30)
        self._soon.timeout.connect(self._ask)
        self._connect()
        self.models = Models(self.form, self.asker.settings, self._soon.start)
        self._list_images()
        self.form.say(first_words(self.asker.settings))

    # What the user does.

    def start(self, meaning: str | None = INSIDE) -> None:
        """Let the user point: inside or outside an object, or with a box (None)."""
        prompting = self._prompting_on_image()
        if prompting is None:
            return
        layers = self.viewer.layers
        if meaning is None:
            layers.selection.active = prompting.box
            prompting.box.mode = "add_rectangle"
        else:
            prompting.mean(meaning)
            layers.selection.active = prompting.points
            prompting.points.mode = "add"
        self.form.show_meaning(meaning)

    def toggle(self) -> None:
        """Let the next points mean the other thing."""
        if self.prompting is not None:
            self.start(OUTSIDE if self.prompting.meaning == INSIDE else INSIDE)

    def choose(self, number: int) -> None:
        """Show another candidate, from 0."""
        if 0 <= number < len(self.candidates):
            self.chosen = number
            self._show()

    def accept(self) -> None:
        """Keep the object that is shown, and begin another."""
        if not self.candidates or self._plane is None or self.prompting is None or self.objects is None:
            self.form.say("There is nothing to accept yet: click on an object, or draw a box around it.")
            return
        region = self.candidates[self.chosen]
        step = self.objects.step(self.prompting.state())
        if self._keep(step, self._plane, [region]):
            self.prompting.clear()
            self._forget()
            self.form.say(f"Kept: {region.area} pixels.")

    def follow(self) -> None:
        """Keep the object that is shown, and follow it through the stack: one label on all planes."""
        if not self.candidates or self._plane is None or self.prompting is None or self.objects is None:
            self.form.say("There is nothing to follow yet: click on an object, or draw a box around it.")
            return
        if not self.models.is_ready():
            return
        given, model = (self._plane, self.candidates[self.chosen]), self.form.model()
        try:
            along = planes.axis_to_follow(self._plane, self.viewer.dims)
        except ImageError as error:
            self._failed(error)
            return
        taking = self.work.in_window(partial(self._keep, self.objects.step(self.prompting.state()), same=True))
        self.prompting.clear()
        self._forget()
        self._submit(
            "The propagation",
            lambda progress, cancel: self.asker.follow(model, given, along, taking, progress, cancel),
            lambda count: self.form.say(f"Found on {count} planes."),
        )

    def clear(self) -> None:
        """Forget the prompts and what came of them."""
        if self.prompting is not None and self.prompting.alive:
            self.prompting.clear()
        self._forget()

    def undo(self) -> None:
        """Take back the last prompt, or else the last object, whose prompts come back."""
        if self.prompting is not None and self.prompting.alive and self.prompting.take_back():
            return
        there, prompts = self.objects.take_back() if self.objects is not None else (False, None)
        if there and prompts is not None and self.prompting is not None and self.prompting.alive:
            self.prompting.put(prompts)
        self.form.say("Taken back." if there else "There is nothing to take back.")

    def everything(self, *, every_plane: bool = False) -> None:
        """Find every object of the plane on the screen, or of all planes of its stack."""
        image = self.form.image()
        plane = self._plane_shown(image) if image is not None else None
        if (
            plane is None
            or self._prompting_on_image() is None
            or self.objects is None
            or not self.models.is_ready()
        ):
            return
        among = planes.planes_along(plane) if every_plane else [plane]
        model = self.form.model()
        taking = self.work.in_window(partial(self._keep, self.objects.step()))
        self._submit(
            "The search",
            lambda progress, cancel: self.asker.everything(model, among, taking, progress, cancel),
            lambda count: self.form.say(f"{count} objects found."),
        )

    def closeEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """End the worker when the widget is closed with its viewer."""
        self.end()
        super().closeEvent(event)

    def changeEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """End the worker, and take the prompt layers away, when napari's dock lets go of the widget."""
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is None:
            self.end()
            if self.prompting is not None:
                self.prompting.remove()
            self.proposal.remove()
        super().changeEvent(event)

    def showEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Offer what models there are now: some may have been installed meanwhile."""
        self.models.look()
        super().showEvent(event)

    def end(self) -> None:
        """Stop everything and let go of the viewer."""
        if self._closed:
            return
        self._closed = True
        self._soon.stop()
        for event, callback in self._connections():
            event.disconnect(callback)
        self.models.close()
        self.work.close(self.asker.close)

    # What happens in the viewer.

    def _connections(self) -> list[tuple[Any, Callable[..., None]]]:
        layers, dims = self.viewer.layers.events, self.viewer.dims.events
        return [
            (layers.inserted, self._list_images),
            (layers.removed, self._list_images),
            (dims.current_step, self._moved),
            (dims.order, self._moved),
            (dims.ndisplay, self._moved),
        ]

    def _connect(self) -> None:
        for event, callback in self._connections():
            event.connect(callback)
        form = self.form
        form.on_meaning(self.start)
        form.on_candidate(self.choose)
        form.on_buttons(
            accept=self.accept,
            follow=self.follow,
            clear=self.clear,
            undo=self.undo,
            everything=self.everything,
            every_plane=lambda: self.everything(every_plane=True),
            stop=self.work.cancel,
        )
        form.on_image(self._image_chosen)
        form.on_question(self._soon.start)
        form.on_target(self._target_chosen)
        self.work.told.connect(form.tell)
        self.work.failed.connect(self._failed)
        self.work.idle.connect(form.rest)

    def _list_images(self, _event: Any = None) -> None:
        self.form.list_images(image_layers(self.viewer))
        self.form.list_targets(targets_for(self.viewer, self.form.image(), self.proposal.layer))

    def _image_chosen(self) -> None:
        image = self.form.image()
        if self.prompting is not None and self.prompting.image is not image:
            self.prompting.remove()
            self.prompting = self.objects = None
            self._forget()
        self.form.list_channels([SHOWN] if image is None else channel_choices(image, self._displayed(image)))
        self.form.list_targets(targets_for(self.viewer, self.form.image(), self.proposal.layer))

    def _target_chosen(self) -> None:
        if self.objects is not None:
            self.objects.use(self.form.target())

    def _moved(self, _event: Any = None) -> None:
        if self.prompting is not None:
            self._soon.start()

    def _pixels_changed(self, _event: Any = None) -> None:
        self.asker.forget_images()
        self._soon.start()

    # Questions and answers.

    def _prompting_on_image(self) -> Prompting | None:
        image = self.form.image()
        if image is None:
            self.form.say("There is no image. Open one first.")
            return None
        if self.prompting is None or not self.prompting.alive:
            if self.prompting is not None:
                self.prompting.remove()
            self.prompting = Prompting(self.viewer, image, self._soon.start)
            self._bind_keys(self.prompting)
            image.events.data.connect(self._pixels_changed)
        if self.objects is None:
            self.objects = Objects(self.viewer, image)
            self.objects.use(self.form.target())
        return self.prompting

    def _bind_keys(self, prompting: Prompting) -> None:
        keys: dict[str, Callable[[], None]] = {
            "Enter": self.accept,
            "Return": self.accept,
            "Escape": self.clear,
            "Control-Z": self.undo,
            "T": self.toggle,
        }
        keys |= {str(n + 1): (lambda n=n: self.choose(n)) for n in range(_CANDIDATES)}  # type: ignore[misc]
        bind_keys(prompting.layers, keys)

    def _displayed(self, image: Any) -> list[int]:
        offset = self.viewer.dims.ndim - image.ndim
        return [axis - offset for axis in self.viewer.dims.displayed]

    def _plane_shown(self, image: Any) -> Plane | None:
        try:
            return plane_of(image, self.viewer.dims, self.form.channels())
        except ImageError as error:
            self.form.say(str(error))
            return None

    def _ask(self) -> None:
        """Ask for what the layers say now."""
        image = self.form.image()
        if self._closed or image is None or self.prompting is None or not self.prompting.alive:
            return
        plane = self._plane_shown(image)
        prompt = None if plane is None else self.prompting.prompt(plane)
        if plane is None or prompt is None or not self.models.is_ready():
            self._forget()
            return
        model = self.form.model()

        def take(regions: list[Region]) -> None:
            # The user may have moved on meanwhile.
            if self.prompting is None or not self.prompting.alive or self.prompting.prompt(plane) != prompt:
                return
            self.candidates, self.chosen, self._plane = regions, 0, plane
            self._show()

        self._submit(
            "The prompt",
            lambda progress, cancel: self.asker.segment(model, plane, prompt, _CANDIDATES, progress, cancel),
            take,
            gives_way=True,
        )

    def _submit(self, what: str, run: Any, done: Any, *, gives_way: bool = False) -> None:
        self.form.be_busy()
        self.work.submit(Job(what, run, done, gives_way))

    def _show(self) -> None:
        region = self.candidates[self.chosen] if self.candidates else None
        self.proposal.show(region, self._plane)
        self.form.show_candidates([one.score for one in self.candidates], self.chosen)
        if region is None:
            self.form.say("Nothing was found there. Try another place, or a box.")
        else:
            self.form.say(f"{region.area} pixels. Enter keeps it, a click more makes it better.")

    def _forget(self) -> None:
        self.candidates, self.chosen = [], 0
        self.proposal.show(None, None)
        self.form.show_candidates([], 0)

    def _keep(self, step: Step, plane: Plane, regions: list[Region], *, same: bool = False) -> bool:
        if self.objects is None or self.objects.image is not plane.layer:
            return False
        try:
            self.objects.add(regions, plane, step, as_shapes=self.form.as_shapes(), same=same)
        except SamjError as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: SamjError) -> None:
        self.form.say(str(error), bad=True)
