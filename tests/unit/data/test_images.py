import io
import struct
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tasks.data import images
from tasks.data.images import CorruptImageError
from tasks.project import PROJECT
from tasks.settings.dataset import Canvas
from tests.support.photographs import photograph
from tests.support.single_images import decoded

RGB, GREY = Canvas(40, 60, "rgb", "crop"), Canvas(40, 60, "grey", "crop")
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def plain(mode: str, *colour, **options) -> bytes:
    """A PNG or TIFF of one colour, of the canvas' size."""
    value = colour[0] if len(colour) == 1 else colour
    return encoded(Image.new(mode, (60, 40), value), "TIFF" if mode == "CMYK" else "PNG", **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_pixels_of_every_exact_format_come_back(kind, options):
    """An image of exactly the canvas' size is not touched, whatever lossless format it has."""
    np.testing.assert_array_equal(decoded(encoded(PIXELS, kind, **options), RGB), PIXELS)


def test_pixels_themselves_are_taken_like_a_file():
    """Pixels of the canvas' size and colour are returned as they are; others are treated like the file with them."""
    np.testing.assert_array_equal(decoded(PIXELS, RGB), PIXELS)
    np.testing.assert_array_equal(decoded(PIXELS[..., :1], GREY), PIXELS[..., :1])
    np.testing.assert_array_equal(decoded(PIXELS[..., 0], GREY), PIXELS[..., :1])
    for canvas in (Canvas(17, 23, "rgb", "pad"), Canvas(64, 9, "grey", "crop")):
        np.testing.assert_array_equal(decoded(PIXELS, canvas), decoded(encoded(PIXELS), canvas))


def test_a_jpeg_looks_like_what_it_was_made_of():
    """A JPEG differs from its original by what its compression costs, also when it is decoded at a part of its size."""
    original = photograph(0, 1).resize((512, 512))
    body = encoded(original, "JPEG", quality=95)
    canvas = Canvas(64, 64, "rgb", "stretch")
    assert np.abs(decoded(body, canvas).astype(float) - decoded(encoded(original), canvas)).mean() < 4


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_only_the_first_frame_counts(kind):
    """Of an animation or a file of several pages the first image is taken."""
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue", "green")]
    body = encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    assert (decoded(body, RGB) == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("body", "rgb", "grey"),
    [
        (plain("RGB", 255, 0, 0), (255, 0, 0), 76),
        (plain("RGB", 0, 255, 0), (0, 255, 0), 150),
        (plain("L", 77), (77, 77, 77), 77),
        (plain("1", 1), (255, 255, 255), 255),
        (plain("RGBA", 255, 0, 0, 0), (255, 255, 255), 255),
        (plain("RGBA", 0, 0, 0, 51), (204, 204, 204), 204),
        (plain("LA", 0, 128), (127, 127, 127), 127),
        (plain("RGB", 9, 9, 9, transparency=(9, 9, 9)), (255, 255, 255), 255),
        (plain("L", 9, transparency=9), (255, 255, 255), 255),
        (encoded(Image.new("RGB", (60, 40), (10, 200, 30)).quantize(4)), (10, 200, 30), 124),
        (encoded(Image.new("P", (60, 40), 0), "GIF", transparency=0), (255, 255, 255), 255),
        (plain("CMYK", 0, 255, 255, 0), (255, 0, 0), 76),
        (encoded(Image.new("CMYK", (60, 40), (0, 0, 0, 255)), "JPEG"), (0, 0, 0), 0),
        (plain("I;16", 65535), (255, 255, 255), 255),
        (plain("I;16", 257 * 100), (100, 100, 100), 100),
        (encoded(np.full((40, 60), 257 * 100, ">u2"), "TIFF"), (100, 100, 100), 100),
        (plain("I;16", 300), (1, 1, 1), 1),
    ],
)
def test_every_kind_of_colour_is_brought_to_the_canvas(body, rgb, grey):
    """Palettes, alpha (over white), one bit, 16 bits (scaled, not cut off), CMYK and grey become RGB or grey."""
    np.testing.assert_array_equal(np.unique(decoded(body, RGB).reshape(-1, 3), axis=0), [rgb])
    np.testing.assert_array_equal(np.unique(decoded(body, GREY)), [grey])


@pytest.mark.parametrize(("orientation", "kind"), [*product(range(1, 9), ["PNG", "JPEG", "WEBP", "TIFF"])])
def test_a_picture_that_lies_on_its_side_is_set_upright(orientation, kind):
    """Each orientation of EXIF gives the same picture as an editor that turns the pixels themselves."""
    upright = Image.fromarray(np.kron(PIXELS[:5, :7], np.ones((16, 16, 1), np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"PNG": {}, "JPEG": {"quality": 100}, "WEBP": {"lossless": True}, "TIFF": {}}[kind]
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(upright, exif=exif))))
    canvas = Canvas(turned.height, turned.width, "rgb", "stretch")
    found = decoded(encoded(upright, kind, exif=exif, **options), canvas)
    assert np.abs(found.astype(float) - np.asarray(turned)).mean() < (8 if kind == "JPEG" else 0.01)


def halves(height: int, width: int, axis: int) -> np.ndarray:
    """A grey image: a tenth black at each end of the axis, and white between."""
    place = np.arange((height, width)[axis]) * 10 // (height, width)[axis]
    row = np.where((place == 0) | (place == 9), 0, 255).astype(np.uint8)
    return np.broadcast_to(row[:, None] if axis == 0 else row, (height, width)).copy()


def test_crop_covers_the_canvas_from_the_middle():
    """What is too wide or too high loses as much at both ends; nothing is distorted."""
    assert decoded(halves(50, 100, 1), Canvas(50, 50, "grey", "crop")).min() > 250
    assert decoded(halves(100, 50, 0), Canvas(25, 25, "grey", "crop")).min() > 250


def test_pad_keeps_all_of_the_image():
    """What does not fill the canvas lies in its middle, with black around it."""
    found = decoded(np.full((50, 100), 255, np.uint8), Canvas(40, 40, "rgb", "pad"))
    assert (found[10:30] == 255).all()
    assert (found[:10] == 0).all()
    assert (found[30:] == 0).all()
    assert decoded(np.full((1, 1000), 255, np.uint8), Canvas(9, 9, "grey", "pad"))[..., 0].sum(axis=1).tolist() == [
        *[0] * 4, 9 * 255, *[0] * 4,
    ]  # fmt: skip


def test_stretch_scales_each_side_by_itself():
    """All of the image is there, and fills the canvas."""
    found = decoded(halves(50, 100, 1), Canvas(20, 20, "grey", "stretch"))[..., 0]
    assert (found[:, [0, -1]] < 60).all()
    assert (found[:, 4:-4] > 250).all()


@settings(max_examples=60)
@given(
    st.tuples(*[st.integers(1, 90)] * 2),
    st.tuples(*[st.integers(1, 40)] * 2),
    st.sampled_from(["crop", "pad", "stretch"]),
)
def test_every_size_fits_every_canvas(size, canvas, fit):
    """However long and thin, an image fills its canvas; a white one stays white where it lies."""
    found = decoded(np.full(size, 255, np.uint8), Canvas(*canvas, "grey", fit))
    assert found.shape == (*canvas, 1)
    assert found.max() == 255
    assert fit == "pad" or found.min() == 255


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width: int, height: int) -> bytes:
    """A PNG of some bytes that claims so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    )


CORRUPT = {
    "empty": (b"", "an empty file"),
    "text": (b"Not a photograph.\n", "not an image in PNG, JPEG, WebP, BMP, TIFF or GIF"),
    "cut JPEG": (encoded(PIXELS, "JPEG")[:-300], "cannot be decoded .OSError: image file is truncated"),
    "cut PNG": (encoded(PIXELS)[:-3000], "cannot be decoded"),
    "cut WebP": (encoded(PIXELS, "WEBP")[:-300], "cannot be decoded|not an image"),
    "cut TIFF": (encoded(PIXELS, "TIFF")[:-3000], "cannot be decoded|not an image"),
    "head of a GIF": (b"GIF89a", "cannot be decoded|not an image"),
    "bomb": (bomb(2**13, 2**13 + 1), "expected 1 to 67,108,864 pixels, received 8,192 x 8,193"),
    "larger bomb": (bomb(2**14, 2**13), "expected 1 to 67,108,864 pixels, received"),
    "largest bomb": (bomb(2**31 - 1, 2**31 - 1), "expected 1 to 67,108,864 pixels, received more"),
    "no pixels": (bomb(0, 4), "cannot be decoded|not an image|expected 1 to"),
    "another format": (encoded(PIXELS, "PPM"), "not an image in PNG"),
    "another format of Pillow's": (encoded(PIXELS, "ICO"), "not an image in PNG"),
    "32 bits": (encoded(np.zeros((4, 4), np.float32), "TIFF"), "expected 8 or 16 bits for each colour, received 32"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize("name", CORRUPT)
def test_what_is_no_image_is_corrupt_with_a_short_reason(name):
    """Empty, cut, foreign, a bomb: one short reason that is the same each time, and no memory for a bomb."""
    body, words = CORRUPT[name]
    with pytest.raises(CorruptImageError, match=words) as caught:
        decoded(body, RGB)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 160
    assert " at 0x" not in str(caught.value)


@pytest.mark.parametrize(
    "pixels",
    [
        PIXELS.astype(np.float32), PIXELS.astype(np.int8), PIXELS[..., :2], PIXELS[0, 0], PIXELS[None], PIXELS[:0],
        np.zeros((4, 4, 0), np.uint8), np.broadcast_to(np.uint8(0), (2**14, 2**13)),
    ],
)  # fmt: skip
def test_pixels_that_are_no_image_are_corrupt(pixels):
    """Another type, a number of channels that means nothing, no pixels or too many of them."""
    with pytest.raises(CorruptImageError, match=r"expected (pixels of uint8|1 to 67,108,864 pixels)"):
        decoded(pixels, RGB)


JUNK = (b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x05", b"Exif\0\0", b"Exif\0\0what")
SILENT = """
import sys
from tasks.data.images import CorruptImageError
from tests.support.single_images import decoded
from tasks.project import PROJECT
from tasks.settings.dataset import Canvas
for path in sys.argv[1:]:
    try:
        decoded(open(path, "rb").read(), Canvas(4, 4, "rgb", "crop"))
    except CorruptImageError:
        pass
"""


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("junk", JUNK)
def test_flawed_exif_data_do_not_spoil_an_image(junk):
    """An image whose pixels are whole is taken, whatever its EXIF data are."""
    found = decoded(encoded(PIXELS, "JPEG", quality=100, subsampling=0, exif=junk), RGB)
    assert np.abs(found.astype(float) - PIXELS).mean() < 2


def test_flawed_files_leave_no_noise_in_the_log(tmp_path):
    """Neither Pillow nor the libraries below it write about a flawed file, as thousands of them would fill a log."""
    bodies = [encoded(PIXELS, "JPEG", exif=junk) for junk in JUNK] + [body for body, _ in CORRUPT.values()]
    tiff = encoded(PIXELS, "TIFF", compression="tiff_lzw")
    bodies += [tiff[:200] + bytes(40) + tiff[240:], tiff[:-9] + b"\xff" * 9]
    for number, body in enumerate(bodies):
        (tmp_path / f"{number}").write_bytes(body)
    command = [sys.executable, "-c", SILENT, *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_too_little_memory_is_not_the_images_fault(monkeypatch):
    """A machine short of memory says so, and calls no image corrupt."""

    def exhausted(*arguments):
        raise MemoryError

    monkeypatch.setattr(images, "_fitted", exhausted)
    with pytest.raises(MemoryError):
        decoded(PIXELS, RGB)


def test_threads_decode_what_one_thread_does():
    """Many threads at once give the same pixels as one after the other."""
    bodies = [
        encoded(photograph(number % 6, number), kind)
        for number, kind in enumerate(["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"] * 8)
    ]
    canvas, together = Canvas(32, 32, "rgb", "crop"), threading.Barrier(8)

    def work(place: int) -> list[np.ndarray]:
        together.wait()
        return [decoded(body, canvas) for body in bodies[place:] + bodies[:place]]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(work, range(8)))
    alone = [decoded(body, canvas) for body in bodies]
    for place, each in enumerate(found):
        np.testing.assert_array_equal(each, alone[place:] + alone[:place])
