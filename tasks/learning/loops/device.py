"""The augmentation of one batch on a device, by the same plan as on the processor: traced once, in a compiled call.

It gives the bits of `tasks.learning.loops.augmentation`, which needs fewer operations and more branches.
JAX is imported by its name: the backend is in the key of a stage, and JAX is not in those of other backends.
"""

import importlib
from typing import Any

from tasks.learning.loops.augmentation import mixed, noise, positions, whole
from tasks.learning.loops.plan import Chance, Plan

jax = importlib.import_module("jax")
jnp = jax.numpy


def altered(images: Any, targets: Any, step: Plan, chance: Chance) -> tuple[Any, Any]:
    """Images, uint8 [batch, h, w, c], and targets [batch, classes], as one step of a plan alters them."""
    if step.mirrored is not None:
        images = jnp.where(step.mirrored[:, None, None, None], images[:, :, ::-1], images)
    if step.offsets is not None:
        images = _shifted(images, step.offsets, chance.augmentation.shift)
    if step.corners is not None:
        images = _erased(images, step.corners, step.seeds, chance.side)
    if step.shares is not None:
        pixels, targets = mixed(images, targets, step.shares)
        images = whole(pixels)
    return images, targets


def _shifted(images: Any, offsets: Any, reach: int) -> Any:
    """Each image cut out of one with black borders, `reach` pixels wide."""
    padded = jnp.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))

    def cut(image: Any, offset: Any) -> Any:
        return jax.lax.dynamic_slice(image, (reach - offset[0], reach - offset[1], 0), images.shape[1:])

    return jax.vmap(cut)(padded, offsets.astype(jnp.int32))


def _erased(images: Any, corners: Any, seeds: Any, side: int) -> Any:
    """Noise wherever row and column are in an image's square; one outside covers nothing."""
    rows, columns = (
        (corners[:, axis, None] <= jnp.arange(extent)) & (jnp.arange(extent) < corners[:, axis, None] + side)
        for axis, extent in enumerate(images.shape[1:3])
    )
    inside = (rows[:, :, None] & columns[:, None, :])[..., None]
    return jnp.where(inside, noise(seeds[:, None, None, None], positions(*images.shape[1:])), images)
