"""No two modules of ours need each other, not even inside a function or for a type checker."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from imports import circles, graph

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["samj_bridge", "benchmarks", "training"])
def test_no_module_imports_one_that_imports_it(package: str) -> None:
    assert circles(graph(ROOT, {package, "samj_bridge"})) == []


@pytest.mark.parametrize(
    "way_back",
    [
        "from shop.counter import Counter",
        "import shop.counter",
        "from shop import counter",
        "def buy():\n    from shop.counter import Counter",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.counter import Counter",
        "from shop.till import Till",
    ],
    ids=["names", "module", "from package", "in a function", "for types", "over a third"],
)
def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path, way_back: str) -> None:
    sources = {
        "__init__": "",
        "counter": "from shop.basket import Basket\nclass Counter: ...",
        "basket": f"{way_back}\nclass Basket: ...",
        "till": "from shop.counter import Counter\nclass Till: ...",
        "street": "import shop.counter",
    }
    (tmp_path / "shop").mkdir()
    for name, source in sources.items():
        (tmp_path / "shop" / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    third = ["shop.till"] if "till" in way_back else []
    assert circles(graph(tmp_path, ["shop"])) == [["shop.basket", "shop.counter", *third]]


def test_a_shop_window_that_shows_what_asks_it_for_something_is_a_circle(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").write_text("from shop.counter import Counter\nversion = 1\n", encoding="utf-8")
    (tmp_path / "shop/counter.py").write_text("from shop import version\nclass Counter: ...\n", encoding="utf-8")
    assert circles(graph(tmp_path, ["shop"])) == [["shop", "shop.counter"]]
