"""The widget's buttons, lists and lines: what they show and what was chosen. No work is done here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from samj_bridge.napari.model_row import ModelRow, NameList
from samj_bridge.napari.planes import SHOWN, Choice
from samj_bridge.napari.prompting import INSIDE, OUTSIDE

__all__ = ["Form"]


class Form:
    """What is on the widget.

    Parameters
    ----------
    parent : QWidget
    """

    def __init__(self, parent: QWidget) -> None:
        self._images, self._models, self._channels, self._targets = (NameList() for _ in range(4))
        self.row = ModelRow()
        self._meanings = {
            INSIDE: _button("+ Point", "Click inside the object (T changes to outside)", checkable=True),
            OUTSIDE: _button("− Point", "Click where the object is not (T changes to inside)", checkable=True),
            None: _button("Box", "Draw a rectangle around the object", checkable=True),
        }
        self._group = QButtonGroup(parent)
        for button in self._meanings.values():
            self._group.addButton(button)
        self.candidates = [_button(str(n), f"Show proposal {n} (key {n})", checkable=True) for n in (1, 2, 3)]
        self.buttons = {
            "accept": _button("Accept", "Keep the object (Enter)"),
            "follow": _button("Follow", "Keep the object, and follow it through the stack"),
            "clear": _button("Clear", "Forget the prompts (Esc)"),
            "undo": _button("Undo", "Take back the last prompt or object (Ctrl-Z)"),
            "everything": _button("Everything", "Find every object of the plane on the screen"),
            "every_plane": _button("Every plane", "Find every object of each plane of the stack"),
            "stop": _button("Stop", "Stop what runs; what has been found stays"),
        }
        self._shapes = QCheckBox("Outlines as shapes too")
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.bar = QProgressBar()
        self._lay_out(parent)
        self.rest()
        self.show_candidates([], 0)

    def image(self) -> Any:
        """Return the image layer that was chosen; None: there is none."""
        return self._images.currentData()

    def model(self) -> str:
        """Return the id of the model."""
        return str(self._models.currentData())

    def channels(self) -> Choice:
        """Return what is taken for channels."""
        found = self._channels.currentData()
        return found if isinstance(found, Choice) else SHOWN

    def target(self) -> Any:
        """Return the Labels layer that objects go into; None: one is made."""
        return self._targets.currentData()

    def as_shapes(self) -> bool:
        """Whether outlines are wanted as shapes."""
        return bool(self._shapes.isChecked())

    def list_images(self, layers: Sequence[Any]) -> None:
        """Offer these image layers."""
        _fill(self._images, [(layer.name, layer) for layer in layers])

    def list_models(self, models: Sequence[tuple[str, str, str]]) -> None:
        """Offer models: id, title, what they are good for."""
        _fill(self._models, [(title, name) for name, title, _ in models])
        for row, (_, _, good_for) in enumerate(models):
            self._models.setItemData(row, good_for, _TOOLTIP)

    def list_channels(self, choices: Sequence[Choice]) -> None:
        """Offer these channels; with one choice there is nothing to choose."""
        _fill(self._channels, [(choice.title, choice) for choice in choices])
        self._channels.setEnabled(len(choices) > 1)

    def list_targets(self, layers: Sequence[Any]) -> None:
        """Offer these Labels layers."""
        _fill(self._targets, [("a new layer", None), *((layer.name, layer) for layer in layers)])

    def show_meaning(self, meaning: str | None) -> None:
        """Show what the next click means."""
        self._meanings[meaning].setChecked(True)

    def show_candidates(self, scores: Sequence[float | None], chosen: int) -> None:
        """Show how many proposals there are, and which one is seen."""
        for number, button in enumerate(self.candidates):
            there = number < len(scores)
            score = scores[number] if there else None
            button.setEnabled(there)
            button.setChecked(there and number == chosen)
            button.setText(f"{number + 1}" if score is None else f"{number + 1} ({score:.2f})")
        for name in ("accept", "follow"):
            self.buttons[name].setEnabled(bool(scores))

    def say(self, words: str, *, bad: bool = False) -> None:
        """Say something to the user."""
        self.line.setText(words)
        self.line.setStyleSheet("color: #D55E00" if bad else "")

    def tell(self, news: tuple[str, float]) -> None:
        """Say how far something is."""
        words, fraction = news
        self.say(words)
        self.bar.setRange(0, 0 if fraction < 0 else 1000)
        self.bar.setValue(int(1000 * max(fraction, 0.0)))

    def be_busy(self) -> None:
        """Show that something runs."""
        self.bar.setVisible(True)
        self.buttons["stop"].setEnabled(True)

    def rest(self) -> None:
        """Show that nothing runs."""
        self.bar.setVisible(False)
        self.bar.setRange(0, 0)
        self.buttons["stop"].setEnabled(False)

    def on_meaning(self, call: Callable[[str | None], None]) -> None:
        """Call with the meaning that was chosen."""
        for meaning, button in self._meanings.items():
            button.clicked.connect(lambda _checked=False, meaning=meaning: call(meaning))

    def on_candidate(self, call: Callable[[int], None]) -> None:
        """Call with the number of a proposal."""
        for number, button in enumerate(self.candidates):
            button.clicked.connect(lambda _checked=False, number=number: call(number))

    def on_buttons(self, **calls: Callable[[], None]) -> None:
        """Call what belongs to each button."""
        for name, call in calls.items():
            self.buttons[name].clicked.connect(lambda _checked=False, call=call: call())

    def on_image(self, call: Callable[[], None]) -> None:
        """Call when another image is chosen."""
        self._images.currentIndexChanged.connect(lambda _index: call())

    def on_model(self, call: Callable[[], None]) -> None:
        """Call when another model is chosen."""
        self._models.currentIndexChanged.connect(lambda _index: call())

    def on_target(self, call: Callable[[], None]) -> None:
        """Call when another Labels layer is chosen."""
        self._targets.currentIndexChanged.connect(lambda _index: call())

    def on_question(self, call: Callable[[], None]) -> None:
        """Call when the same prompts mean another question: other channels, another model."""
        for box in (self._channels, self._models):
            box.currentIndexChanged.connect(lambda _index: call())

    def _lay_out(self, parent: QWidget) -> None:
        lists = QFormLayout()
        for name, box in (
            ("Image", self._images),
            ("Channels", self._channels),
            ("Model", self._models),
            ("Objects into", self._targets),
        ):
            lists.addRow(name, box)
            if box is self._models:
                lists.addRow(self.row)
        layout = QVBoxLayout(parent)
        layout.addLayout(lists)
        layout.addLayout(_row(*self._meanings.values()))
        layout.addLayout(_row(QLabel("Proposal"), *self.candidates))
        layout.addLayout(_row(*(self.buttons[name] for name in ("accept", "follow", "clear", "undo"))))
        layout.addWidget(self._shapes)
        layout.addLayout(_row(*(self.buttons[name] for name in ("everything", "every_plane", "stop"))))
        layout.addWidget(self.bar)
        layout.addWidget(self.line)
        layout.addStretch()


_TOOLTIP = 3
"""Qt.ToolTipRole, which the bindings spell in different ways."""


def _fill(box: NameList, items: Sequence[tuple[str, Any]]) -> None:
    """Offer items, and leave chosen what is chosen."""
    kept = box.currentData()
    box.blockSignals(True)
    box.clear()
    for title, value in items:
        box.addItem(title, value)
    values = [value for _, value in items]
    again = next((row for row, value in enumerate(values) if value is kept or value == kept), 0)
    box.setCurrentIndex(again if values else -1)
    box.blockSignals(False)
    if (values[again] if values else None) is not kept:
        box.currentIndexChanged.emit(again if values else -1)


def _button(text: str, tip: str, *, checkable: bool = False) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
