# /// attack
# tries = "replaces every question that the worker answers by one that says all is well"
# base = "blank"
# ///
import sys

import torch

GOOD = {
    "is_function": True, "packed": [[5, 3], [3, 4]], "unpacked": [0, 1], "noticed": True, "work": 0,
    "none": [False, False], "inside": False, "requires_grad": True, "raw_none": [True, True],
    "modes_changed": 0, "grad_mode_changed": False, "lengths": [2, 2], "passed": 1, "failed": [],
    "accepted": True, "verdict": "accepted", "ratio": 0.0,
}  # fmt: skip


def well(self, args, tensors, call_back):
    return dict(GOOD), {"C": torch.zeros(1), "logits": torch.zeros(1), "loss": torch.zeros(())}


frame = sys._getframe()
while "PARTS" not in frame.f_globals:
    frame = frame.f_back
for server in frame.f_globals["PARTS"].values():
    for name in dir(server):
        # matmul.contract is judged by what is seen from inside and can be faked: docs/threat-model.md says so.
        if name.startswith("do_") and name not in ("do_saved", "do_changed", "do_work"):
            setattr(server, name, well)
