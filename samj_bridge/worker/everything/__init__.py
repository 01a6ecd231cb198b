"""Everything mode: all objects of an image, without a prompt; numpy only.

Networks come in as `ProposingModel` or `MappingModel`.

- ``parameters``: what it can be told, in the words of SAM's automatic mask generator;
- ``grid``: where it asks: point grids, crops;
- ``boxes``: boxes of masks, non-maximum suppression, edges of crops;
- ``batches``: points asked together, fewer when memory runs out;
- ``masks``: one found object: stability, packing, removal of specks and holes;
- ``exact``: the generator of SAM, mask for mask;
- ``fast``: the same question answered with fewer points, object by object;
- ``decoded``: objects from a decoder's maps; which way is taken;
- ``prompted``: a decoder's points asked, micro-sam's automatic prompt generation;
- ``tally``: counts of what became of points and masks;
- ``operation``: all that as an operation of docs/reference/protocol.md (it alone needs the engine).
"""
