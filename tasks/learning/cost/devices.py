"""The devices that the backend computes with."""

import keras


def gpus() -> int:
    """How many GPUs this process holds, whether it computes on all of them or not."""
    if keras.config.backend() == "torch":
        import torch

        return torch.cuda.device_count()
    return sum(device.startswith("gpu") for device in keras.distribution.list_devices())
