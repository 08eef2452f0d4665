"""Requests about scan.py."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.worker.plain import Answer, Answers, Unfit, plain, turned

LAID: dict[str, Callable[[Tensor], Tensor]] = {
    "in order": lambda x: x,
    "transposed": turned,
    "columns": lambda x: torch.cat([x, x], -1)[..., : x.size(-1)],  # of a wider tensor
    "every other": lambda x: torch.stack([x, x], 1)[:, 0],  # row of one with twice as many
}


class Server:
    """Runs scans; combining is left to the judge, who so sees every operand."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.buffers: dict[tuple[Any, ...], Tensor] = {}
        self.answers = Answers()

    def do_inclusive(self, args: dict[str, Any], tensors: dict[str, Tensor], ask_judge: Any) -> Answer:
        if not hasattr(self.module, "inclusive_scan"):
            raise Unfit("scan.py has no inclusive_scan")
        # Rows of one buffer, filled anew for each scan of this size, as a loop has it.
        n, *row = tensors["xs"].shape
        buffer = self.buffers.setdefault((n, *row, tensors["xs"].dtype), tensors["xs"].new_zeros((n + 2, *row)))
        xs = buffer[2:]
        xs.copy_(tensors["xs"])
        xs = LAID[args["laid"]](xs)

        def combine(left: Any, right: Any) -> Tensor:
            answer: Tensor = ask_judge(plain(left, "combine's left"), plain(right, "combine's right"))
            return answer

        if "torch._dynamo" in sys.modules:  # which would look for the module of ours that combine is from
            combine = torch.compiler.disable(combine)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            ys = self.module.inclusive_scan(xs, combine)
        return {}, {"ys": self.answers.plain(ys, "what inclusive_scan returns"), "xs": plain(xs, "xs")}

    def do_before(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        return self.answers.before()

    def do_tiled(self, args: dict[str, Any], tensors: dict[str, Tensor], _: Any) -> Answer:
        if not hasattr(self.module, "tiled_prefix_matmul"):
            raise Unfit("scan.py has no tiled_prefix_matmul")
        A, B = (LAID[args["laid"]](tensors[n]) for n in "AB")
        with torch.no_grad():
            out = self.module.tiled_prefix_matmul(A, B, args["tile"])
        out = self.answers.plain(out, "what tiled_prefix_matmul returns")
        return {}, {"out": out, "A": plain(A, "A"), "B": plain(B, "B")}
