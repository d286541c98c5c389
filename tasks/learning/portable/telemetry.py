"""ONNX Runtime without its telemetry: since 1.29 it tells its maker of every session, unless a variable forbids it.

The variable must stand before ONNX Runtime is imported:
https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md#disabling-telemetry.
"""

from collections.abc import Mapping
from types import MappingProxyType

NO_TELEMETRY: Mapping[str, str] = MappingProxyType({"ORT_DISABLE_TELEMETRY": "1"})
