"""How to use an exported model: programs that run in the folder of its files, as they stand in its card."""

from tasks.settings.dataset import CHANNELS, Dataset

MODES = {CHANNELS["rgb"]: "RGB", CHANNELS["grey"]: "L"}  # of Pillow's images, by the number of channels
FITTED = {
    "crop": "ImageOps.fit(image, {size}, Image.Resampling.BICUBIC)",
    "pad": "ImageOps.pad(image, {size}, Image.Resampling.BICUBIC)",
    "stretch": "image.resize({size}, Image.Resampling.BICUBIC)",
}


def with_keras(about: Dataset) -> str:
    """A program in Python that says what `image.png` shows, by Keras."""
    return _program(
        ["import json"],
        ["import keras"],
        about,
        [
            'model = keras.saving.load_model("model.keras")',
            'with open("classes.json", encoding="utf-8") as file:',
            "    classes = json.load(file)",
            "probabilities = model.predict(images)[0]",
        ],
    )


def with_onnx(about: Dataset) -> str:
    """The same by ONNX Runtime."""
    return _program(
        ["import json"],
        ["import onnxruntime"],
        about,
        [
            'session = onnxruntime.InferenceSession("model.onnx")',
            'classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])',
            'probabilities = session.run(["probabilities"], {"images": images})[0][0]',
        ],
    )


def _program(standard: list[str], library: list[str], about: Dataset, answer: list[str]) -> str:
    is_picture = about.image_shape[-1] in MODES
    others = sorted([*library, "import numpy as np"]) + (["from PIL import Image, ImageOps"] if is_picture else [])
    said = 'print(classes[probabilities.argmax()], f"{probabilities.max():.1%}")'
    images = _picture(about) if is_picture else _array(about)
    return "\n".join([*standard, "", *others, "", *images, *answer, said])


def _picture(about: Dataset) -> list[str]:
    """The lines that bring a file to the size and colours of the training images, as `tasks.data.images` does."""
    height, width, channels = about.image_shape
    return [
        f'image = ImageOps.exif_transpose(Image.open("image.png")).convert("{MODES[channels]}")',
        f"image = {FITTED[about.fit].format(size=(width, height))}",
        f'images = np.asarray(image, "uint8").reshape(1, {height}, {width}, {channels})',
    ]


def _array(about: Dataset) -> list[str]:
    """The line in the place of these where an image is no picture."""
    return [f'images = np.zeros({(1, *about.image_shape)}, "uint8")  # in their place: yours']
