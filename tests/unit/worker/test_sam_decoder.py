"""SAM's decoder in its rearranged order against the order of the paper, and the prompt encoder's parts."""

from __future__ import annotations

from typing import Any

from in_torch import Checks

checks = Checks(__name__, __file__)


def plain_attention(attention: Any, queries: Any, keys: Any, values: Any) -> Any:
    """Project all three, attend head by head, project back: as written in the paper."""
    q, k, v = attention.q_proj(queries), attention.k_proj(keys), attention.v_proj(values)
    heads = attention.heads
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    weight = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    return attention.out_proj((weight @ v).transpose(1, 2).flatten(2))


def plain_transformer(net: Any, tokens: Any, image: Any, positions: Any) -> tuple[Any, Any]:
    queries, keys = tokens, image.expand(len(tokens), -1, -1)
    for index, layer in enumerate(net.layers):
        if index == 0:
            queries = plain_attention(layer.self_attn, queries, queries, queries)
        else:
            at = queries + tokens
            queries = queries + plain_attention(layer.self_attn, at, at, queries)
        queries = layer.norm1(queries)
        read = layer.cross_attn_token_to_image
        queries = layer.norm2(queries + plain_attention(read, queries + tokens, keys + positions, keys))
        queries = layer.norm3(queries + layer.mlp(queries))
        tell = layer.cross_attn_image_to_token
        keys = layer.norm4(keys + plain_attention(tell, keys + positions, queries + tokens, queries))
    last = plain_attention(net.final_attn_token_to_image, queries + tokens, keys + positions, keys)
    return net.norm_final_attn(queries + last), keys


def plain_decoder(net: Any, prompts: Any, image: Any, positions: Any, side: int) -> tuple[Any, Any]:
    import torch

    own = torch.cat([net.iou_token.weight, net.mask_tokens.weight]).expand(len(prompts), -1, -1)
    queries, keys = plain_transformer(net.transformer, torch.cat([own, prompts], 1), image, positions)
    up = net.output_upscaling(keys.transpose(1, 2).unflatten(2, (side, side)))
    hyper = torch.stack([mlp(queries[:, 1 + i]) for i, mlp in enumerate(net.output_hypernetworks_mlps)], 1)
    return torch.einsum("bkc,bcyx->bkyx", hyper, up), net.iou_prediction_head(queries[:, 0])


def random_decoder(side: int) -> tuple[Any, Any, Any]:
    import torch

    from samj_bridge.worker.nets.sam_decoder import MaskDecoder

    torch.manual_seed(3)
    net = MaskDecoder().eval()
    with torch.no_grad():
        for value in net.parameters():
            value.add_(torch.randn_like(value) * 0.05)
    return net, torch.randn(side * side, 256), torch.randn(side * side, 256)


@checks.add
def the_order_of_computation_does_not_matter() -> None:
    import torch

    net, rows, positions = random_decoder(16)
    with torch.inference_mode():
        for batch, count in ((1, 0), (1, 2), (3, 7), (2, 40)):
            prompts = torch.randn(batch, count, 256)
            masks, scores = net(prompts, net.prepare(rows, positions))
            wanted, said = plain_decoder(net, prompts, rows, positions, 16)
            assert masks.shape == wanted.shape == (batch, 4, 64, 64)
            assert float((masks - wanted).abs().max()) < 2e-4 * float(wanted.abs().max())
            assert float((scores - said).abs().max()) < 2e-5 * float(said.abs().max())


@checks.add
def some_of_the_masks_are_what_all_of_them_hold() -> None:
    import torch

    net, rows, positions = random_decoder(8)
    with torch.inference_mode():
        image, prompts = net.prepare(rows, positions), torch.randn(2, 3, 256)
        masks, scores = net(prompts, image)
        for part in (slice(0, 1), slice(1, None)):
            some, said = net(prompts, image, part)
            assert torch.allclose(some, masks[:, part], atol=1e-6)
            assert torch.equal(said, scores[:, part])


@checks.add
def detail_is_added_while_upscaling() -> None:
    import torch
    from torch.nn import functional as F

    from samj_bridge.worker.nets.sam_decoder import Upscaler

    torch.manual_seed(0)
    up = Upscaler().eval()
    rows, hyper = torch.randn(64, 256), torch.randn(2, 32)
    fine1, fine2 = torch.randn(64, 16, 16), torch.randn(32, 32, 32)
    with torch.inference_mode():
        detail = (Upscaler.rows_of(fine1, 8), Upscaler.rows_of(fine2, 8))
        found = Upscaler.maps_of(up.product(rows, hyper, detail), 8)
        x = rows.t().unflatten(1, (8, 8))[None]
        x = F.gelu(up[1](up[0](x) + fine1))
        wanted = torch.einsum("kc,cyx->kyx", hyper, F.gelu(up[3](x) + fine2)[0])
    assert float((found - wanted).abs().max()) < 1e-4


@checks.add
def padding_points_lie_nowhere_and_kinds_differ() -> None:
    import torch

    from samj_bridge.worker.nets.sam_prompt import PADDING, PromptEncoder

    torch.manual_seed(0)
    net = PromptEncoder()
    net.pe_layer.positional_encoding_gaussian_matrix.normal_()
    with torch.inference_mode():
        far = net.tokens(torch.tensor([[[0.0, 0.0], [900.0, 3.0]]]), torch.tensor([[PADDING, PADDING]]))
        assert torch.equal(far[0, 0], far[0, 1])
        kinds = net.tokens(torch.full((1, 5, 2), 7.0), torch.tensor([[-1, 0, 1, 2, 3]]))[0]
        assert len({tuple(row.tolist()) for row in kinds}) == 5
        at = net.tokens(torch.tensor([[[7.5, 23.5]]]), torch.tensor([[1]]))[0, 0]
        # The place of a token and that of an image position are one: the centre of cell (0, 1).
        cell = net.positions()[64] + net.point_embeddings[1].weight[0]
        assert float((at - cell).abs().max()) < 1e-5
        assert net.mask(torch.randn(2, 1, 256, 256)).shape == (2, 4096, 256)


test_sam_decoder, said = checks.finish()
