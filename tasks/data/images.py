"""One image file, or the pixels of one image, brought to the canvas of its dataset.

The orientation of its EXIF data is applied. 16 bits become 8. What is transparent lies over white. Colours are taken as
sRGB, and grey is Pillow's: 0.299 red, 0.587 green, 0.114 blue. The scaling is bicubic, over all the pixels that
make one.
"""

import logging
import warnings
from fractions import Fraction
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tasks.data.part import CHANNELS
from tasks.settings.dataset import Canvas

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 2**26  # of one image: a bomb of some bytes could ask for 2**32
EXPECTED_SIZE = f"expected 1 to {MAX_PIXELS:,} pixels"
MODES = {"rgb": "RGB", "grey": "L"}  # of Pillow's images, by the colour of a canvas
MAX_REASON = 100  # characters
SCALING = Image.Resampling.BICUBIC
# How good a scaled-down decoding must be: so many times the canvas, before the scaling that is exact.
DRAFT = 2

Image.init()  # registers the decoders before several threads ask for them
# Pillow warns of flaws in files that it can read. Nobody could do anything about them here.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


class CorruptImageError(ValueError):
    """Bytes or pixels that are no image, with a short reason."""


def picture(image: bytes | NDArray[np.uint8], canvas: Canvas) -> Image.Image:
    """The first frame of an image file, or pixels [h, w] or [h, w, c], in size and colour of `canvas`.

    An image of exactly that size and colour is returned as it is. May be called in several threads at once.

    Raises:
        CorruptImageError: it is damaged, of another kind than `FORMATS`, or larger than `MAX_PIXELS`.
    """
    try:
        opened = _from_file(image, canvas) if isinstance(image, bytes) else _from_pixels(image)
        fitted, mode = _fitted(_flattened(opened), canvas), MODES[canvas.color]
        return fitted if fitted.mode == mode else fitted.convert(mode)
    except (CorruptImageError, MemoryError):  # too little memory is not the image's fault
        raise
    except UnidentifiedImageError:
        raise CorruptImageError("not an image in PNG, JPEG, WebP, BMP, TIFF or GIF") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise CorruptImageError(f"{EXPECTED_SIZE}, received more") from None
    except Exception as error:  # hostile bytes make Pillow raise nearly anything
        words = "".join(character for character in str(error) if character.isprintable())[:MAX_REASON]
        raise CorruptImageError(f"it cannot be decoded ({type(error).__name__}: {words})") from None


def pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """A picture in grey or in red, green and blue, as uint8 [height, width, 1 or 3]."""
    found = np.asarray(picture)
    return found if found.ndim == 3 else found[..., np.newaxis]


def _from_file(body: bytes, canvas: Canvas) -> Image.Image:
    """The first frame, upright. A JPEG that is much larger than the canvas is decoded at a part of its size."""
    if not body:
        raise CorruptImageError("an empty file")
    image = Image.open(BytesIO(body), formats=FORMATS)
    _check_size(*image.size)
    side = DRAFT * max(canvas.height, canvas.width)
    image.draft(None, (side, side))
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _from_pixels(pixels: NDArray[np.uint8]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim < 2 or pixels.shape[2:] not in CHANNELS:
        raise CorruptImageError(f"expected pixels of uint8 [h, w] or [h, w, c], received {pixels.dtype} {pixels.shape}")
    _check_size(pixels.shape[1], pixels.shape[0])
    return Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise CorruptImageError(f"{EXPECTED_SIZE}, received {width:,} x {height:,}")


def _flattened(image: Image.Image) -> Image.Image:
    """`image` in 8 bits of grey or of red, green and blue."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise CorruptImageError("expected 8 or 16 bits for each colour, received 32")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def _fitted(image: Image.Image, canvas: Canvas) -> Image.Image:
    """`image` in the size of the canvas; one that has this size already is not touched."""
    size = canvas.width, canvas.height
    if image.size == size:
        return image
    if canvas.fit == "pad":
        return _padded(image, size)
    return image.resize(size, SCALING, box=_middle(image.size, size) if canvas.fit == "crop" else None)


def _middle(outer: tuple[int, int], shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest box in the middle of `outer` that has the proportions of `shape`: left, top, right, bottom."""
    (width, height), (across, down) = outer, shape
    if width * down >= height * across:
        inner = height * across / down
        return (width - inner) / 2, 0, (width + inner) / 2, height
    inner = width * down / across
    return 0, (height - inner) / 2, width, (height + inner) / 2


def _padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`image` as large as `size` holds it, in the middle, with black around it."""
    scale = min(Fraction(outer, inner) for outer, inner in zip(size, image.size, strict=True))
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    sheet = Image.new(image.mode, size)
    sheet.paste(image.resize(inner, SCALING), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return sheet
