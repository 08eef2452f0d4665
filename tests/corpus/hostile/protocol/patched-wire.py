# /// attack
# tries = "patches the wire, json, struct and safetensors in its process so that replies carry what it likes"
# base = "blank"
# ///
import json
import struct
import sys

import safetensors.torch
import torch

frame = sys._getframe()
while not ("reply_bytes" in frame.f_locals and "line" in frame.f_locals):
    frame = frame.f_back
WIRE = type(frame.f_locals["line"]).send.__globals__["wire"]

DUMPS = json.dumps
json.dumps = lambda value, **_: DUMPS({"id": value.get("id"), "ok": {"requires_grad": True, "verdict": "accepted"}})
safetensors.torch.save = lambda tensors, metadata=None: b"\x02\0\0\0\0\0\0\0{}"
WIRE.HEADER_LIMIT = WIRE.CHUNK_LIMIT = 2**62
WIRE.Message.__eq__ = lambda self, other: True
torch.Tensor.__ne__ = torch.Tensor.__eq__
