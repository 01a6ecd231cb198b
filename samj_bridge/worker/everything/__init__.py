"""Everything mode: all objects of an image, without a prompt. numpy only; networks come in as `ProposingModel`.

- ``parameters``: what it can be told, in the words of SAM's automatic mask generator;
- ``grid``: where it asks: point grids, crops;
- ``boxes``: boxes of masks, non-maximum suppression, edges of crops;
- ``masks``: one found object: stability, packing, removal of specks and holes;
- ``exact``: the generator of SAM, mask for mask;
- ``fast``: the same question answered with fewer points, object by object.
"""
