"""The plugin for napari (extra ``napari``): prompts on layers in, labels and shapes out.

``napari.yaml`` says what napari finds here, without importing anything. ``lazy``, ``planes`` and ``places`` know
layers and no window; ``asking`` and ``working`` do the work, on a thread of their own; ``widget`` is what is seen.
"""
