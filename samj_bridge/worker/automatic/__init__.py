"""Objects from what a network says of each pixel; numpy only, and no network: contracts of ``families.base``.

- ``smoothing``: the Gaussian of the published post-processing;
- ``flooding``, ``passes``: a watershed from seeds, of a whole image at once;
- ``distances``: seeds and objects from foreground and distances;
- ``extents``: where each of them lies;
- ``prompts``: the same maps as points to be asked, and masks merged to objects.

Every result is a function of the maps and parameters alone: no state, no block, no number of threads.
"""
