from dataclasses import dataclass, replace

import numpy as np

from samj_bridge.protocol.messages import EncodeReply
from samj_bridge.worker.cache import Encodings, Entry, size_of


@dataclass
class Features:
    levels: list


def entry(name, size):
    encoding = Features([np.zeros(size, np.uint8)])
    return Entry(EncodeReply(name, (1, 1), ((0.0, 1.0),), 1, 0.0, False), None, encoding, size)


def test_the_least_recently_used_goes_first():
    cache = Encodings(budget=250)
    cache.add(entry("a", 100))
    cache.add(entry("b", 100))
    assert cache.find("a") is not None
    cache.add(entry("c", 100))
    assert (cache.find("b"), cache.bytes, len(cache)) == (None, 200, 2)


def test_the_newest_stays_even_above_the_budget():
    cache = Encodings(budget=10)
    cache.add(entry("a", 100))
    assert cache.find("a") is not None
    cache.add(entry("b", 100))
    assert cache.find("a") is None
    assert cache.bytes == 100


def test_an_encoding_that_grows_is_weighed_again():
    cache = Encodings(budget=150)
    cache.add(entry("a", 50))
    cache.add(entry("b", 50))
    cache.find("b").encoding.levels.append(np.zeros(60, np.uint8))
    cache.weigh("b")
    assert cache.bytes == 110
    assert cache.find("a") is None


def test_removing_what_is_not_there_is_harmless():
    cache = Encodings(budget=10)
    assert not cache.remove("x")
    cache.weigh("x")


def test_the_size_counts_everything_inside():
    inside = {"a": [np.zeros(3), (np.zeros(2, np.float32),)], "b": Features([np.zeros(5, np.uint8)]), "c": "text"}
    assert size_of(inside) == 24 + 8 + 5


def test_the_tiles_of_one_image_do_not_drive_out_all_others():
    cache = Encodings(budget=1000)
    cache.add(entry("small", 100))
    for number in range(30):
        cache.add(replace(entry(f"tile {number}", 100), group="slide"))
    assert cache.find("small") is not None
    # The least recently used tiles went.
    assert [cache.find(f"tile {number}") is not None for number in (0, 20, 21, 29)] == [False, False, True, True]
    # Two images in turn share what there is: neither drives out the other.
    for number in range(30):
        cache.add(replace(entry(f"other {number}", 100), group="other slide"))
    names = ("small", "tile 29", "tile 28", "other 29", "other 26")
    assert [name for name in names if cache.find(name) is None] == []
