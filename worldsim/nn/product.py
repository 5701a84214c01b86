"""A matrix product by weights that stay."""

from __future__ import annotations

import torch
from torch import Tensor


class Product:
    """``x W + b`` for many x, in the type of W (float32 or bfloat16).

    In bfloat16 on a CPU, and with gradients off, W is laid out once as oneDNN wants it, which `torch.addmm` does anew
    for every x: the same product in less time (docs/world_models.md, "Speed").

    Shapes:
        W (in, out), b (out,); x (B, in) -> (B, out).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias
        self._packed = _pack(weight) if _packable(weight) else None

    def __call__(self, x: Tensor) -> Tensor:
        if self._packed is None or torch.compiler.is_compiling():
            return torch.addmm(self.bias, x, self.weight)
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, self.bias, "none", [], "")
        return made

    def __deepcopy__(self, memo: object) -> Product:
        return Product(self.weight.clone(), self.bias.clone())  # a packed tensor has no copy


def _packable(weight: Tensor) -> bool:
    """The operators are those that torch's own compiler uses; another torch may have none of the name."""
    return (
        weight.dtype == torch.bfloat16
        and weight.device.type == "cpu"
        and not torch.is_grad_enabled()
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_reorder_linear_weight"))
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def _pack(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous())
    return packed
