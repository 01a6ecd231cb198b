"""The list of models, and what is shown below it of one that is not installed: size, licence, a button, a bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QProgressBar,
    QPushButton,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from samj_bridge.models import ModelEntry

__all__ = ["ModelRow", "NameList"]


class NameList(QComboBox):
    """A list that may be narrower than its names: one that is cut off ends in dots. The open list has it whole."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)

    def showPopup(self) -> None:  # noqa: N802 (Qt's name)
        """Open the list, as wide as its names."""
        view = self.view()
        bar = view.verticalScrollBar().sizeHint().width()
        view.setMinimumWidth(view.sizeHintForColumn(0) + 2 * view.frameWidth() + bar)
        super().showPopup()

    def paintEvent(self, _event: Any) -> None:  # noqa: N802 (Qt's name)
        """Draw the name that is chosen, with dots where it is cut off."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.shown()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def shown(self) -> str:
        """Return the name that is chosen as it is drawn."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        name = self.currentText()
        # The style keeps some pixels beside the text to itself.
        return str(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, max(0, field.width() - 6)))

    def about(self) -> str:
        """Return the name that is chosen, and what is known of it."""
        known = self.currentData(Qt.ItemDataRole.ToolTipRole)
        return f"{self.currentText()}\n{known}" if known else str(self.currentText())

    def event(self, event: Any) -> bool:
        """Say the whole name to who rests with the mouse on it."""
        if event.type() == QEvent.Type.ToolTip:
            self.setToolTip(self.about())
        return bool(super().event(event))


class ModelRow(QWidget):
    """Installs the model that is chosen, where it is not there yet; hidden where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.accepts = QCheckBox()
        self.button = QPushButton()
        self.bar = QProgressBar()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.words, self.accepts, self.button, self.bar):
            layout.addWidget(widget)
        self.setVisible(False)

    def show_model(self, entry: ModelEntry | None, *, runs: bool = False) -> None:
        """Show what a model that is not installed costs; None: there is nothing to install."""
        self.setVisible(entry is not None)
        if entry is None:
            return
        asks = entry.asks_licence
        self.words.setText(facts_of(entry))
        self.accepts.setText("I have read the licence, and may use the model so")
        self.accepts.setVisible(asks and not runs)
        self.accepts.setChecked(False)
        self.button.setText("Cancel the installation" if runs else "Install")
        self.bar.setVisible(runs)
        self.bar.setRange(0, 0)

    def tell(self, news: tuple[str, float]) -> None:
        """Say how far it is."""
        words, fraction = news
        self.words.setText(words)
        self.bar.setRange(0, 0 if fraction < 0 else 1000)
        self.bar.setValue(int(1000 * max(fraction, 0.0)))

    def say(self, words: str) -> None:
        """Say why it did not come to an end."""
        self.words.setText(words)

    def on_button(self, call: Callable[[], None]) -> None:
        """Call when the button is pressed."""
        self.button.clicked.connect(lambda _checked=False: call())


def facts_of(entry: ModelEntry) -> str:
    """Return what somebody wants to know before an installation."""
    size = f"{entry.size / 1e6:.0f} MB" if entry.size else "size not stated"
    good_for = f" Good for {entry.good_for}." if entry.good_for else ""
    return f"Not installed: {size}, licence: {entry.licence_text}.{good_for}"
