"""Draw ``docs/images/large-images.png``: levels, their grids, and the tiles that two prompts are asked in.

Run it in a checkout: ``python docs/scripts/tiles.py``. The places come from the rule itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from samj_bridge.geometry.halve import halve
from samj_bridge.geometry.tiling import Box, Tile, Tiling

ROOT = Path(__file__).resolve().parents[2]
TILING = Tiling((3000, 4200), 1024)
PROMPTS: list[tuple[str, Box, tuple[int, int, int]]] = [
    ("a nucleus of 40 pixels", (2560, 1190, 2600, 1230), (255, 190, 60)),
    ("a region of 900 pixels", (700, 1500, 1600, 2200), (80, 220, 255)),
]
SHRUNK, MARGIN, FONT_PX = 5, 24, 15
"""Level 0 is drawn so many times smaller; the others in the same pixels."""


def mosaic() -> np.ndarray:
    """Return an image of the size of the tiling, made of a bundled one."""
    piece = np.asarray(Image.open(ROOT / "samj_bridge/cli/demo_data/nuclei.png").convert("L"))
    height, width = TILING.image_hw
    tall, wide = -(-height // piece.shape[0]), -(-width // piece.shape[1])
    rows = [np.hstack([np.rot90(piece, (y * 7 + x * 3) % 4 // 2 * 2) for x in range(wide)]) for y in range(tall)]
    image = np.vstack(rows)[:height, :width].astype(float)
    return np.clip(image / np.percentile(image, 99.5) * 255, 0, 255).astype(np.uint8)


def draw_level(canvas: Image.Image, image: np.ndarray, level: int, left: int, top: int) -> None:
    """Draw a level with its grid, and the tiles in which prompts are asked there."""
    height, width = image.shape
    shown = Image.fromarray(image).resize((width // SHRUNK, height // SHRUNK), Image.Resampling.BOX)
    canvas.paste(shown, (left, top))
    pen, font = ImageDraw.Draw(canvas, "RGBA"), ImageFont.load_default(FONT_PX)
    rows, columns = TILING.grid(level)
    step = TILING.side // 2

    def box_of(y0: float, x0: float, tall: float, wide: float) -> list[float]:
        return [left + x0 / SHRUNK, top + y0 / SHRUNK, left + (x0 + wide) / SHRUNK, top + (y0 + tall) / SHRUNK]

    for row in range(1, rows + 1):
        y = min(row * step, height) / SHRUNK
        pen.line([left, top + y, left + width / SHRUNK, top + y], fill=(255, 255, 255, 110))
    for column in range(1, columns + 1):
        x = min(column * step, width) / SHRUNK
        pen.line([left + x, top, left + x, top + height / SHRUNK], fill=(255, 255, 255, 110))
    for _, box, colour in PROMPTS:
        tile: Tile = TILING.of(box)
        x0, y0, x1, y1 = (edge / 2**level for edge in box)
        pen.rectangle(box_of(y0, x0, max(y1 - y0, 10), max(x1 - x0, 10)), outline=colour, width=1)
        if tile.level == level:
            pen.rectangle(box_of(*TILING.pixels(tile)), fill=(*colour, 40), outline=colour, width=4)
            x0, y0, x1, y1 = (edge / 2**level for edge in TILING.core(tile))
            pen.rectangle(box_of(y0, x0, y1 - y0, x1 - x0), outline=(*colour, 160), width=2)
    words = f"level {level}: {width} x {height}, {rows * columns} tile{'s' if rows * columns > 1 else ''}"
    pen.text((left, top - FONT_PX - 5), words, fill=(20, 20, 20), font=font)


def main() -> None:
    """Draw all levels side by side."""
    levels = [mosaic()]
    for _ in range(TILING.top):
        levels.append(halve(levels[-1]))
    sizes = [(image.shape[1] // SHRUNK, image.shape[0] // SHRUNK) for image in levels]
    canvas = Image.new(
        "RGB", (sizes[0][0] + sizes[1][0] + 3 * MARGIN, sizes[0][1] + 3 * MARGIN + FONT_PX * 2), "white"
    )
    top = MARGIN + FONT_PX
    draw_level(canvas, levels[0], 0, MARGIN, top)
    left = sizes[0][0] + 2 * MARGIN
    for level, image in enumerate(levels[1:], 1):
        draw_level(canvas, image, level, left, top)
        top += sizes[level][1] + MARGIN + FONT_PX
    pen, x = ImageDraw.Draw(canvas), MARGIN
    for words, _, colour in PROMPTS:
        line = sizes[0][1] + 2 * MARGIN + FONT_PX
        pen.rectangle([x, line, x + 22, line + 14], outline=colour, width=4)
        pen.text((x + 30, line - 2), words, fill=(20, 20, 20), font=ImageFont.load_default(FONT_PX))
        x += 260
    canvas.save(ROOT / "docs/images/large-images.png", optimize=True)


if __name__ == "__main__":
    main()
