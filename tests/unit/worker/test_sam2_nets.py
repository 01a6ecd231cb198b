"""SAM 2.1's and EfficientViT-SAM's networks: published sizes, and rearranged arithmetic against the plain one."""

from __future__ import annotations

from typing import Any

from in_torch import Checks

checks = Checks(__name__, __file__)

PUBLISHED_BYTES = {
    "sam2.1-tiny": 156_008_466,
    "sam2.1-small": 184_416_285,
    "sam2.1-base-plus": 323_606_802,
    "sam2.1-large": 898_083_611,
    "efficientvit-sam-l0": 139_410_184,
    "efficientvit-sam-l1": 190_916_834,
    "efficientvit-sam-l2": 245_724_244,
}
"""Sizes of the published checkpoints."""
PER_KEY = (300, 400)
"""Bytes that a checkpoint of these sizes has for each weight besides its numbers: name, record, alignment."""


@checks.add
def every_size_has_as_many_numbers_as_its_published_checkpoint() -> None:
    import math

    import torch

    from samj_bridge.worker.nets.efficientvit import EFFICIENTVIT, EPS, EfficientVit
    from samj_bridge.worker.nets.memory.network import video_shapes
    from samj_bridge.worker.nets.sam import Sam
    from samj_bridge.worker.nets.sam2 import Sam2
    from samj_bridge.worker.nets.sam2_hiera import HIERA

    for name, size in PUBLISHED_BYTES.items():
        with torch.device("meta"):
            net = Sam2(HIERA[name]) if name in HIERA else Sam(EfficientVit(EFFICIENTVIT[name]), EPS)
        shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
        if name in HIERA:
            assert not set(shapes) & set(video_shapes())
            shapes |= video_shapes()
        rest = size - 4 * sum(math.prod(shape) for shape in shapes.values())
        assert PER_KEY[0] < rest / len(shapes) < PER_KEY[1], (name, rest / len(shapes))


def randomised(net: Any) -> Any:
    import torch

    torch.manual_seed(0)
    for name, value in (*net.named_parameters(), *net.named_buffers()):
        if not value.dtype.is_floating_point:
            continue
        spread = 1.3 / max(1, value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1
        value.data.normal_(0, 0.5 if "pos_embed" in name else spread)
        if value.ndim == 1 and name.endswith(("weight", "running_var")):
            value.data.abs_().add_(0.8)
    return net.eval()


def plain_block(block: Any, x: Any, index: int, config: Any) -> Any:
    """Compute a block on a map (1, H, W, C) as the paper has it: window by window."""
    import torch
    from torch.nn import functional as F

    def shrunk(t: Any) -> Any:
        return F.max_pool2d(t.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)

    normed = block.norm1(x)
    if block.pool:
        x = shrunk(block.proj(normed))
    stage = sum(index - block.pool >= sum(config.stages[: i + 1]) for i in range(4))
    window = normed.shape[1] if index in config.global_blocks else config.windows[stage]
    height = normed.shape[1]
    padded = F.pad(normed, (0, 0, 0, -height % window, 0, -height % window))
    out = torch.zeros(1, padded.shape[1] >> block.pool, padded.shape[2] >> block.pool, x.shape[3])
    for top in range(0, padded.shape[1], window):
        for left in range(0, padded.shape[2], window):
            piece = padded[:, top : top + window, left : left + window]
            q, k, v = block.attn.qkv(piece).chunk(3, -1)
            q = shrunk(q) if block.pool else q
            side = q.shape[1]
            q, k, v = (t.flatten(1, 2).unflatten(2, (block.attn.heads, -1)).transpose(1, 2) for t in (q, k, v))
            weight = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1)
            seen = block.attn.proj((weight @ v).transpose(1, 2).flatten(2)).unflatten(1, (side, side))
            y, z = top >> block.pool, left >> block.pool
            out[:, y : y + side, z : z + side] = seen
    x = x + out[:, : x.shape[1], : x.shape[2]]
    return x + block.mlp(block.norm2(x))


@checks.add
def hiera_in_window_layout_is_hiera_on_maps() -> None:
    import torch
    from torch.nn import functional as F

    from samj_bridge.worker.nets.sam2_hiera import Hiera, HieraConfig, to_map

    kinds = [
        HieraConfig(8, 1, (1, 2, 3, 2), (4, 5, 5), input=256),
        HieraConfig(8, 2, (2, 1, 3, 1), (4, 5, 5), background=(14, 14), input=256),
        HieraConfig(8, 2, (1, 1, 3, 2), (3, 3, 3), windows=(8, 4, 8, 4), input=256),
    ]
    for config in kinds:
        net = randomised(Hiera(config))
        image = torch.randn(1, 3, 256, 256)
        seen: list[float] = []
        with torch.inference_mode():
            net.prepare()
            found = net(image, seen.append)
            stretched = F.interpolate(net.pos_embed, (64, 64), mode="bicubic")
            x = net.patch_embed.proj(image) + stretched + net.pos_embed_window.tile(1, 1, 8, 8)
            x, wanted = x.permute(0, 2, 3, 1), []
            for index, block in enumerate(net.blocks):
                x = plain_block(block, x, index, config)
                if index in net.ends:
                    wanted.append(x[0])
        for stage, plain in zip(found, wanted, strict=True):
            assert stage.grid == plain.shape[0]
            assert float((to_map(stage.tokens, stage.grid) - plain).abs().max()) < 1e-4
        assert seen == sorted(seen)
        assert seen[-1] < 1 <= seen[-1] + 1 / len(net.blocks)
        assert len(seen) >= 4


@checks.add
def joined_convolutions_are_the_two_after_each_other() -> None:
    import torch
    from torch.nn import functional as F

    from samj_bridge.worker.nets.sam2 import Sam2
    from samj_bridge.worker.nets.sam2_hiera import HieraConfig, to_map
    from samj_bridge.worker.nets.sam_decoder import Upscaler

    net = randomised(Sam2(HieraConfig(8, 1, (1, 1, 2, 1), (3, 3, 3), input=256)))
    image = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        net.prepare()
        found, details = net(image)
        stages = net.image_encoder.trunk(image, lambda _: None)
        neck, decoder = net.image_encoder.neck, net.sam_mask_decoder
        maps = [to_map(stage.tokens, stage.grid).permute(2, 0, 1)[None] for stage in stages]
        levels = [neck.convs[3 - i].conv(maps[i]) for i in range(4)]
        embedding = levels[2] + F.interpolate(levels[3], scale_factor=2) + net.no_mem_embed.view(1, -1, 1, 1)
        for rows, conv, level in zip(
            details, (decoder.conv_s1, decoder.conv_s0), (levels[1], levels[0]), strict=True
        ):
            assert torch.allclose(rows, Upscaler.rows_of(conv(level)[0], 16), atol=1e-4)
        assert torch.allclose(found, embedding, atol=1e-4)


@checks.add
def one_mask_is_the_best_of_three_only_where_it_is_unstable() -> None:
    import torch

    from samj_bridge.worker.nets.sam2 import STABLE, Sam2MaskDecoder, stability

    decoder = randomised(Sam2MaskDecoder())
    detail = (torch.randn(1024, 64), torch.randn(4096, 32))
    prompts = torch.randn(3, 2, 256)
    last = decoder.output_hypernetworks_mlps[0].layers[2]
    with torch.inference_mode():
        image = decoder.prepare(torch.randn(256, 256), torch.randn(256, 256), detail)
        three, scores = decoder(prompts, image, several=True)
        for weight, bias, unstable in ((10.0, 0.0, False), (0.0, 1.0, True)):
            last.weight.mul_(weight)
            last.bias.copy_(bias * 1e-4 * last.bias)
            one, score = decoder(prompts, image, several=False)
            wobbles = stability(one)[:, 0] < STABLE
            assert one.shape == (3, 1, 64, 64)
            for i in range(3):
                same = torch.allclose(one[i, 0], three[i, scores[i].argmax()], atol=1e-4)
                assert same == unstable
                assert (float(score[i, 0]) == float(scores[i].max())) == unstable
            if not unstable:
                assert not wobbles.any()
        assert float(stability(torch.full((4, 4), -9.0))) == 1.0


@checks.add
def folding_the_normalisations_changes_nothing_but_the_work() -> None:
    import torch

    from samj_bridge.worker.nets.efficientvit import EFFICIENTVIT, EfficientVit

    net = randomised(EfficientVit(EFFICIENTVIT["efficientvit-sam-l0"]))
    image = torch.randn(1, 3, 96, 96)
    seen: list[float] = []
    with torch.inference_mode():
        plain = net(image)
        net.fold()
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
        net.to(memory_format=torch.channels_last)
        found = net(image, seen.append)
    assert found.shape == (1, 256, 64, 64)
    assert float(found.std()) > 0.1
    assert float((found - plain).abs().max()) < 1e-3
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@checks.add
def linear_attention_is_attention_with_a_relu_kernel() -> None:
    import torch

    from samj_bridge.worker.nets.efficientvit import HEAD, LinearAttention

    net = randomised(LinearAttention(64))
    x = torch.randn(1, 64, 6, 7)
    with torch.inference_mode():
        fine = net.qkv(x)
        both = torch.cat([fine, net.aggreg[0](fine)], 1)
        heads = []
        for group in both.split(3 * HEAD, 1):
            q, k, v = group[0].flatten(1).split(HEAD)  # d P
            weight = q.relu().t() @ k.relu()  # P P
            heads.append((v @ (weight / (weight.sum(1, keepdim=True) + 1e-15)).t()).unflatten(1, (6, 7)))
        wanted = net.proj(torch.cat(heads)[None])
        assert float((net(x) - wanted).abs().max()) < 1e-4


@checks.add
def half_precision_gives_nearly_the_same() -> None:
    import torch

    from samj_bridge.worker.nets.efficientvit import EfficientVit, EfficientVitConfig, LinearAttention
    from samj_bridge.worker.nets.sam2 import Sam2
    from samj_bridge.worker.nets.sam2_hiera import HieraConfig

    net = randomised(Sam2(HieraConfig(8, 1, (1, 1, 2, 1), (3, 3, 3), input=256)))
    image, points = torch.randn(1, 3, 256, 256), torch.tensor([[[99.5, 30.5]]])

    def answer(kind: torch.dtype) -> tuple[Any, Any]:
        embedding, detail = net(image.to(kind))
        assert {embedding.dtype, *(part.dtype for part in detail)} == {kind}
        side = net.image_side(embedding, detail, torch.full((1, 1, 64, 64), 50.0))
        tokens = net.sam_prompt_encoder.tokens(points, torch.tensor([[1]]))
        return net.sam_mask_decoder(tokens, side, several=True)

    with torch.inference_mode():
        net.prepare()
        low, scores = answer(torch.float32)
        net.to(torch.bfloat16).sam_prompt_encoder.float()
        rough, rough_scores = answer(torch.bfloat16)
        assert rough.dtype == rough_scores.dtype == torch.float32
        assert float((rough - low).abs().mean()) < 0.1 * float(low.std())
        assert float((rough_scores - scores).abs().max()) < 0.1
        attention, x = randomised(LinearAttention(64)), torch.randn(1, 64, 6, 7)
        wanted = attention(x)
        found = attention.to(torch.bfloat16)(x.to(torch.bfloat16))
        assert found.dtype == torch.bfloat16
        assert float((found.float() - wanted).abs().mean()) < 0.05 * float(wanted.std())
        encoder, x = randomised(EfficientVit(EfficientVitConfig((0, 0, 0, 1, 1), 1))), torch.randn(1, 3, 64, 64)
        encoder.fold()
        wanted = encoder(x)
        found = encoder.to(torch.bfloat16, memory_format=torch.channels_last)(x.to(torch.bfloat16))
        assert found.dtype == torch.bfloat16
        assert float((found.float() - wanted).abs().mean()) < 0.05 * float(wanted.std())


@checks.add
def what_is_kept_is_what_the_next_plane_looks_at_and_no_more() -> None:
    import torch

    from samj_bridge.worker.families.sam2_memory.bank import Memory, sight
    from samj_bridge.worker.nets.memory.network import Kept

    def kept(plane: int) -> Kept:
        return Kept(torch.full((4, 2), float(plane)).bfloat16(), torch.full((3,), float(plane)))

    def numbers(found: Any) -> Any:
        return [[(slot, float(t.flatten()[0])) for slot, t in part] for part in found[:2]], found[2]

    for step, planes in ((1, 60), (-1, 60), (1, 9)):
        order = list(range(planes))[::step]
        memory, everything, sizes = Memory(planes, step), {}, []
        drawn = {order[0]: kept(order[0]), order[planes // 2]: kept(order[planes // 2])}
        for plane, item in drawn.items():
            memory.give(plane, item)
        for plane in order[1:]:
            if plane in drawn:
                continue
            cells = {at: item.cells for at, item in everything.items()}
            pointers = {at: item.pointer for at, item in everything.items()}
            all_of_it = sight(plane, step, planes, drawn, cells, pointers)
            assert numbers(memory.sight(plane)) == numbers(all_of_it)
            everything[plane] = kept(plane)
            memory.follow(plane, everything[plane])
            sizes.append(memory.nbytes)
        assert planes < 60 or max(sizes) == 2 * (16 + 12) + 6 * 16 + 15 * 12

    # Of what is drawn ahead the cells are seen, but no pointer. Slot 6 is what is drawn, 0 the plane before.
    found = sight(3, 1, 60, {5: kept(5)}, {1: kept(1).cells, 2: kept(2).cells}, {2: kept(2).pointer})
    assert numbers(found) == ([[(6, 5.0), (1, 1.0), (0, 2.0)], [(1, 2.0)]], 16)


@checks.add
def a_plane_that_is_drawn_on_anew_is_not_remembered_as_followed() -> None:
    import torch

    from samj_bridge.worker.families.sam2_memory.bank import Memory
    from samj_bridge.worker.nets.memory.network import Kept

    memory = Memory(10, 1)
    item = Kept(torch.zeros(4, 2).bfloat16(), torch.zeros(3))
    memory.follow(4, item)
    memory.give(4, item)
    assert [slot for slot, _ in memory.sight(5).cells] == [6]
    assert [distance for distance, _ in memory.sight(5).pointers] == [1]


test_sam2_nets, said = checks.finish()
