"""Every network keeps the contracts of ``families/base.py`` that its class claims, and claims all that it keeps."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from in_torch import Checks
from networks import CHEAP, model_of, weights_of

from samj_bridge.worker.families import ARCHITECTURES, FAMILIES, base

checks = Checks(__name__, __file__)

CONTRACTS: Mapping[str, type] = {
    name: value
    for name, value in vars(base).items()
    if name in base.__all__ and getattr(value, "_is_protocol", False) and name not in ("Family", "Proposals")
}
"""The contracts of networks by name."""
CLAIMED = {
    "starter-1": {"Model", "BatchingModel", "ProposingModel", "SeedingModel", "SketchingModel", "TiledModel"},
    "mobile-sam": {"Model", "BatchingModel", "ProposingModel", "TiledModel"},
    "efficient-sam-ti": {"Model", "BatchingModel", "ProposingModel", "TiledModel"},
    "sam2.1-tiny": {"Model", "BatchingModel", "ProposingModel", "RememberingModel", "TiledModel"},
    "efficientvit-sam-l0": {"Model", "BatchingModel", "ProposingModel", "TiledModel"},
    "lite-medsam": {"Model", "BatchingModel", "TiledModel"},
}
"""What each family is used for: a contract that a class no longer claims would go unnoticed otherwise."""


def members(contract: type) -> dict[str, Any]:
    """Return what a contract asks for, its own and what it takes over: a function, or None for a value."""
    found: dict[str, Any] = {}
    for part in reversed(contract.__mro__):
        if getattr(part, "_is_protocol", False) and part.__module__ == base.__name__:
            found |= dict.fromkeys(part.__annotations__)
            found |= {name: value for name, value in vars(part).items() if inspect.isfunction(value)}
    return {name: value for name, value in found.items() if not name.startswith("_")}


def kept(model: Any, contract: type) -> list[str]:
    """Return what a network lacks of a contract: nothing when it keeps it."""
    lacking = []
    for name, wanted in members(contract).items():
        owner = next((part for part in type(model).__mro__ if name in vars(part)), None)
        if owner is None or getattr(owner, "_is_protocol", False):
            # A class that derives from a contract has its empty functions: that is not keeping it.
            if wanted is not None or not hasattr(model, name):
                lacking.append(name)
        elif wanted is not None:
            taken, asked = (list(inspect.signature(item).parameters) for item in (vars(owner)[name], wanted))
            if taken != asked:
                lacking.append(f"{name}({', '.join(taken)}) for ({', '.join(asked)})")
    return lacking


def claims(model: Any) -> set[str]:
    return {name for name, contract in CONTRACTS.items() if contract in type(model).__mro__}


def it_claims_what_it_is_used_for(architecture: str) -> None:
    assert claims(model_of(architecture)) == CLAIMED[architecture]


def it_keeps_what_it_claims_and_claims_what_it_keeps(architecture: str) -> None:
    model = model_of(architecture)
    lacking = {name: kept(model, contract) for name, contract in CONTRACTS.items()}
    assert {name for name, lacks in lacking.items() if not lacks} == claims(model), lacking


def its_module_is_a_family(architecture: str) -> None:
    module = importlib.import_module(FAMILIES[ARCHITECTURES[architecture]])
    for name, wanted in members(base.Family).items():
        taken = inspect.signature(getattr(module, name)).parameters
        # A name that is not used may say so by an underscore.
        assert [item.lstrip("_") for item in taken] == list(inspect.signature(wanted).parameters)[1:]
    assert {"float32"} <= set(getattr(module, "PRECISIONS", ("float32",))) <= {"float32", "bfloat16", "float16"}


for _architecture in CHEAP:
    for _promise in (
        it_claims_what_it_is_used_for,
        it_keeps_what_it_claims_and_claims_what_it_keeps,
        its_module_is_a_family,
    ):
        checks.functions[f"{_architecture}-{_promise.__name__}"] = functools.partial(_promise, _architecture)


@checks.add
def a_network_that_knows_boxes_only_does_not_claim_to_be_asked_by_points() -> None:
    module = importlib.import_module(FAMILIES["sam"])
    model = module.build(base.BuildSpec(weights_of("mobile-sam"), "mobile-sam", "medsam"))
    assert claims(model) == {"Model", "BatchingModel", "TiledModel"}
    assert kept(model, base.ProposingModel) == ["propose"]


@checks.add
def a_network_of_sam_with_a_decoder_in_its_file_gives_maps_too() -> None:
    from random_weights import random_decoder
    from safetensors.torch import load_file, save_file

    module = importlib.import_module(FAMILIES["sam"])
    for transposed in (False, True):
        path = weights_of("mobile-sam").with_name(f"mapping-{transposed}.safetensors")
        save_file({**load_file(weights_of("mobile-sam")), **random_decoder(transposed=transposed)}, path)
        model = module.build(base.BuildSpec(path, "mobile-sam", "micro-sam"))
        assert claims(model) == {*CLAIMED["mobile-sam"], "MappingModel"}
        assert not kept(model, base.MappingModel)


@checks.add
def a_decoder_that_does_not_fit_is_left_out_and_it_is_said_why() -> None:
    from random_weights import random_decoder

    from samj_bridge.worker.checkpoints.beside import decoder_of

    whole = {name.removeprefix("decoder_state."): value for name, value in random_decoder().items()}
    taken, notes = decoder_of({"decoder_state": whole}, FAMILIES["sam"])
    assert len(taken) == len(whole)
    assert "was taken too" in notes[0]
    name = "out_conv.weight"
    wrong = {
        "out_conv.weight has the shape (3, 64, 3, 3) instead of (3, 64, 1, 1)": {
            **whole,
            name: whole[name].expand(3, 64, 3, 3),
        },
        "1 of its 66 weights are missing (out_conv.weight)": {k: v for k, v in whole.items() if k != name},
        "third.weight is not one of its weights": {**whole, "third.weight": whole[name]},
        "66 of its 66 weights are missing": {},
    }
    for words, weights in wrong.items():
        taken, notes = decoder_of({"decoder_state": weights}, FAMILIES["sam"])
        assert not taken
        assert "was left out" in notes[0]
        assert words in notes[0], notes


@checks.add
def what_proposals_are_is_kept_by_both_kinds_of_them() -> None:
    from samj_bridge.worker.families.promptable import LowProposals
    from samj_bridge.worker.families.starter import StarterProposals

    for kind in (LowProposals, StarterProposals):
        assert base.Proposals in kind.__mro__
        assert list(inspect.signature(kind.soft).parameters) == list(
            inspect.signature(base.Proposals.soft).parameters
        )


@checks.add
def a_class_that_only_says_so_does_not_keep_a_contract() -> None:
    class Idle(base.SeedingModel):
        pass

    class Other:
        def seeds(self, picture: Any) -> Any:
            return picture

    assert kept(Idle(), base.SeedingModel) == ["seeds"]
    assert kept(Other(), base.SeedingModel) == ["seeds(self, picture) for (self, encoding, check)"]
    assert len(CONTRACTS) >= 8


test_family_contracts, said = checks.finish()
