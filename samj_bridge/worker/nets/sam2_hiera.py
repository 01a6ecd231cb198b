"""Hiera, the image encoder of SAM 2.1, with its feature pyramid neck.

A hierarchical vision transformer: four stages at strides 4, 8, 16 and 32, each doubling the channels, with
attention in windows except for three blocks of the third stage that see the whole image (Hiera,
arXiv:2306.00989; SAM 2, arXiv:2408.00714; keys and behaviour follow github.com/facebookresearch/sam2).
No code was taken from it.

How it is computed here
-----------------------
Tokens are held in *window layout*, (windows, side, side, channels), as long as the windows tile the grid: pooling
an 8 x 8 window gives the 4 x 4 window of the next stage at the same place, so nothing needs to be moved between
the blocks, and attention over the whole image doesn't mind the order of its tokens. Everything up to the first
block of the third stage stays inside squares of 32 x 32 pixels; on a CPU it is computed strip by strip of such
squares, so that the arrays, of which the MLP's would have 100 MB, stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["HIERA", "Hiera", "HieraConfig", "Stage", "to_map"]

PATCH = 4
"""Pixels of a token of the first stage along each side."""
STRIP = 2048
"""Tokens of the first stage that a CPU takes at once: one row of windows."""
MLP_ROWS = 1024
"""Tokens whose hidden layer a CPU computes at once."""


@dataclass(frozen=True)
class HieraConfig:
    """Sizes of the network."""

    width: int
    """Channels of the first stage."""
    heads: int
    """Attention heads of the first stage."""
    stages: tuple[int, int, int, int]
    """Blocks of each stage."""
    global_blocks: tuple[int, int, int]
    """Blocks that attend to the whole image."""
    background: tuple[int, int] = (7, 7)
    """Grid of the positional embedding that is stretched over the image."""
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    """Tokens of a window along each side, by stage."""
    input: int = 1024
    """Side of the image, pixels."""

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of each stage."""
        return self.width, 2 * self.width, 4 * self.width, 8 * self.width


HIERA = {
    "sam2.1-tiny": HieraConfig(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    "sam2.1-small": HieraConfig(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "sam2.1-base-plus": HieraConfig(112, 2, (2, 3, 16, 3), (12, 16, 20), background=(14, 14)),
    "sam2.1-large": HieraConfig(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8)),
}
"""By architecture; the public configurations sam2.1_hiera_{t,s,b+,l}.yaml."""


@dataclass(frozen=True)
class Stage:
    """Features of one stage."""

    tokens: Tensor
    """(windows, side, side, C), windows row by row; one window may be the whole grid."""
    grid: int
    """Tokens along each side of the image."""


class Attention(nn.Module):
    """Multi-head attention among the tokens of each window; the queries may be pooled 2 x 2."""

    def __init__(self, width_in: int, width_out: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width_in, 3 * width_out)
        self.proj = nn.Linear(width_out, width_out)

    def forward(self, x: Tensor, pool: bool) -> Tensor:
        """Attend: (N, S, S, C) to (N, S, S, D), or half of S with `pool`."""
        q, k, v = self.qkv(x).chunk(3, -1)  # N S S D
        if pool:
            q = pooled(q)
        shape = q.shape
        q, k, v = (t.flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))  # N h T d
        x = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(x.transpose(1, 2).reshape(shape))  # N S S D
        return out


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, 4 * width), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        out: Tensor = self.layers[1](F.gelu(self.layers[0](x)))
        return out


class Block(nn.Module):
    """Attention and MLP, each after a norm and with a residual; the first of a stage halves the grid."""

    def __init__(self, width_in: int, width_out: int, heads: int, window: int):
        super().__init__()
        self.window = window
        self.pool = width_in != width_out
        self.norm1 = nn.LayerNorm(width_in, eps=1e-6)
        self.attn = Attention(width_in, width_out, heads)
        self.norm2 = nn.LayerNorm(width_out, eps=1e-6)
        self.mlp = Mlp(width_out)
        if self.pool:
            self.proj = nn.Linear(width_in, width_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens (N, S, S, C) to (N, S', S', D); S is the window's side, or N is 1."""
        normed = self.norm1(x)
        x = pooled(self.proj(normed)) if self.pool else x
        x = x + self._attend(normed)
        flat = x.flatten(0, -2)
        rows = MLP_ROWS if x.device.type == "cpu" else len(flat)
        for part in flat.split(rows):
            part.add_(self.mlp(self.norm2(part)))
        return flat.view(x.shape)

    def _attend(self, x: Tensor) -> Tensor:
        n, side, _, width = x.shape
        if not self.window:  # the whole image, whose tokens may come in any order
            out: Tensor = self.attn(x.reshape(1, n * side, side, width), self.pool)
            return out.view(n, side, side, -1)
        if side == self.window:
            return self.attn(x, self.pool)
        # Windows that don't tile the grid: zeros are attended to as well (they become the biases of k and v).
        pad = -side % self.window
        x = to_windows(F.pad(x[0], (0, 0, 0, pad, 0, pad)), self.window)
        x = to_map(self.attn(x, self.pool), (side + pad) // (1 + self.pool))
        kept = side // (1 + self.pool)
        return x[None, :kept, :kept]


class PatchEmbed(nn.Module):
    """Overlapping patches of 7 x 7 pixels every 4 pixels."""

    def __init__(self, width: int):
        super().__init__()
        self.proj = nn.Conv2d(3, width, 7, PATCH, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map an image (1, 3, S, S) to tokens (S / 4, S / 4, C)."""
        out: Tensor = self.proj(x.contiguous(memory_format=torch.channels_last))  # 1 C H W
        return out[0].permute(1, 2, 0)


class Hiera(nn.Module):
    """The trunk: an image to the features of four stages."""

    def __init__(self, config: HieraConfig):
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config.width)
        self.pos_embed = nn.Parameter(torch.empty(1, config.width, *config.background))
        self.pos_embed_window = nn.Parameter(torch.empty(1, config.width, config.windows[0], config.windows[0]))
        self.blocks = nn.ModuleList(_blocks(config))
        self.ends = [sum(config.stages[: i + 1]) - 1 for i in range(4)]
        self.register_buffer("position", None, persistent=False)

    def prepare(self) -> None:
        """Compute, once the weights are there, what is the same for every image."""
        grid = self.config.input // PATCH
        side = self.config.windows[0]
        stretched = F.interpolate(self.pos_embed.detach(), (grid, grid), mode="bicubic")
        position = stretched + self.pos_embed_window.detach().tile(1, 1, grid // side, grid // side)
        self.position = position[0].permute(1, 2, 0).contiguous()  # H W C

    def forward(self, x: Tensor, check: Callable[[float], None]) -> list[Stage]:
        """Encode a normalised image.

        Parameters
        ----------
        x : (1, 3, S, S) tensor
            S is ``config.input``, 1024 as published.
        check : called with the fraction done between parts; may raise

        Returns
        -------
        list of Stage
            Grids 256, 128, 64 and 32 for an image of 1024.
        """
        tokens = self.patch_embed(x) + self.position  # H W C
        first, second, x = self._local(tokens, check)
        third, grid = None, self.config.input // PATCH
        x = to_windows(to_map(x, grid // 4), self._side(2, grid // 4))
        for index in range(self.ends[1] + 2, len(self.blocks)):
            x = self.blocks[index](x)
            check(index / len(self.blocks))
            if index == self.ends[2]:
                third = Stage(x, grid // 4)
        assert third is not None
        return [first, second, third, Stage(x, grid // 8)]

    def _local(self, tokens: Tensor, check: Callable[[float], None]) -> tuple[Stage, Stage, Tensor]:
        """Run the blocks that stay inside a window of the first stage, strip by strip."""
        side, grid = self.config.windows[0], tokens.shape[0]
        rows = max(side, STRIP // grid // side * side) if tokens.device.type == "cpu" else grid
        widths = self.config.widths
        count = (grid // side) ** 2
        outs = [tokens.new_empty(count, side >> i, side >> i, widths[i]) for i in range(3)]
        ends = (*self.ends[:2], self.ends[1] + 1)
        local = self.blocks[: ends[2] + 1]
        done = 0
        for strip in tokens.split(rows):
            x = to_windows(strip, side)
            for index, block in enumerate(local):
                x = block(x)
                if index in ends:
                    outs[ends.index(index)][done : done + len(x)] = x
            done += len(x)
            check(done / count * len(local) / len(self.blocks))
        return Stage(outs[0], grid), Stage(outs[1], grid // 2), outs[2]

    def _side(self, stage: int, grid: int) -> int:
        window = self.config.windows[stage]
        return grid if grid % window else window


def _blocks(config: HieraConfig) -> list[Block]:
    blocks: list[Block] = []
    width, before = config.width, config.windows[0]
    for stage, depth in enumerate(config.stages):
        for step in range(depth):
            # The block that pools still works in windows of the stage before.
            window = before if step == 0 else config.windows[stage]
            window = 0 if len(blocks) in config.global_blocks else window
            blocks.append(Block(width, config.widths[stage], config.heads << stage, window))
            width = config.widths[stage]
        before = config.windows[stage]
    return blocks


def pooled(x: Tensor) -> Tensor:
    """Maximum over 2 x 2 tokens: (N, S, S, C) to (N, S/2, S/2, C)."""
    x = torch.maximum(x[:, 0::2], x[:, 1::2])
    return torch.maximum(x[:, :, 0::2], x[:, :, 1::2])


def to_windows(x: Tensor, side: int) -> Tensor:
    """Cut a map (H, W, C) into windows (N, side, side, C), row by row."""
    height, width, channels = x.shape
    x = x.reshape(height // side, side, width // side, side, channels)
    return x.transpose(1, 2).reshape(-1, side, side, channels)


def to_map(x: Tensor, width: int) -> Tensor:
    """Lay windows (N, S, S, C) out as a map (H, width, C)."""
    _, side, _, channels = x.shape
    x = x.reshape(-1, width // side, side, side, channels)
    return x.transpose(1, 2).reshape(-1, width, channels)
