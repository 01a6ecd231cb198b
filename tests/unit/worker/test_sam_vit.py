"""SAM's encoder in a small size: both ways to attend, windows that reach beyond the image, cancelling."""

from __future__ import annotations

from typing import Any

from in_torch import Checks

checks = Checks(__name__, __file__)


def small() -> Any:
    import torch

    from samj_bridge.worker.nets.sam_vit import SamVit, VitConfig

    torch.manual_seed(2)
    net = SamVit(VitConfig(24, 3, 3, (1,), window=3, side=8, patch=4, output=16)).eval()
    with torch.no_grad():
        for value in net.parameters():
            value.add_(torch.randn_like(value) * 0.2)
    return net


def plain_block(block: Any, x: Any, window: int | None) -> Any:
    """As the paper has it: zeros fill up the windows, then every pair of tokens has its bias."""
    import torch
    from torch.nn import functional as F

    side, attention = x.shape[0], block.attn
    y = block.norm1(x)
    if window is None:
        windows, size = y[None], side
    else:
        size, fill = window, -side % window
        y = F.pad(y, (0, 0, 0, fill, 0, fill))
        windows = y.unflatten(1, (-1, size)).unflatten(0, (-1, size)).transpose(1, 2).flatten(0, 1)
    q, k, v = attention.qkv(windows).flatten(1, 2).unflatten(2, (3, attention.heads, -1)).permute(2, 0, 3, 1, 4)
    y_at, x_at = torch.arange(size * size) // size, torch.arange(size * size) % size
    table_h = attention.rel_pos_h[y_at[:, None] - y_at[None, :] + size - 1]  # q k D
    table_w = attention.rel_pos_w[x_at[:, None] - x_at[None, :] + size - 1]
    bias = torch.einsum("nhqd,qkd->nhqk", q, table_h + table_w)
    seen = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + bias).softmax(-1) @ v
    seen = attention.proj(seen.transpose(1, 2).flatten(2)).unflatten(1, (size, size))
    across = -(-side // size)
    seen = seen.unflatten(0, (across, across)).transpose(1, 2).flatten(2, 3).flatten(0, 1)
    x = x + seen[:side, :side]
    return x + block.mlp(block.norm2(x))


@checks.add
def windows_padding_and_positions_are_the_papers() -> None:
    import torch
    from torch.nn import functional as F

    net, image = small(), torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        x = F.conv2d(image, net.patch_embed.proj.weight, net.patch_embed.proj.bias, 4)[0].permute(1, 2, 0)
        x = x + net.pos_embed[0]
        for index, block in enumerate(net.blocks):
            x = plain_block(block, x, None if index == 1 else 3)
        wanted = net.neck(x.permute(2, 0, 1)[None])
        found = net(image)
    assert found.shape == (1, 16, 8, 8)
    assert float((found - wanted).abs().max()) < 1e-5


@checks.add
def both_ways_to_attend_give_the_same() -> None:
    import torch

    from samj_bridge.worker.nets import attention

    torch.manual_seed(0)
    side, heads, width = 20, 3, 8
    qkv = torch.randn(side * side, 3, heads, width)
    by_h, by_w = torch.randn(2, side * side, heads, side)
    with torch.inference_mode():
        blocks = attention._by_products(qkv, by_h, by_w, side)
        before = attention._DEVICE_BLOCK
        attention._DEVICE_BLOCK = 64
        try:
            kernels = attention._by_kernels(qkv, by_h, by_w)
        finally:
            attention._DEVICE_BLOCK = before
    assert float((blocks - kernels).abs().max()) < 1e-5


@checks.add
def an_encode_tells_how_far_it_is_and_stops_when_told() -> None:
    import torch

    heard: list[float] = []
    net, image = small(), torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        net(image, heard.append)
    assert heard == [0.0, 1 / 3, 2 / 3]

    def stop(_: float) -> None:
        raise InterruptedError

    try:
        net(image, stop)
    except InterruptedError:
        return
    raise AssertionError


@checks.add
def the_published_sizes_are_right() -> None:
    import math

    from samj_bridge.worker.families import sam

    counts = {name: sum(map(math.prod, sam.shapes(name).values())) for name in ("sam-vit-l", "sam-vit-h")}
    assert abs(counts["sam-vit-l"] - 312.34e6) < 1e5
    assert abs(counts["sam-vit-h"] - 641.09e6) < 1e5


test_sam_vit, said = checks.finish()
