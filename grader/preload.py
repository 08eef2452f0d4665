"""All that a grading process needs: imported once, by the server they are forked from or beside a sandbox's start."""

import gc

gc.disable()  # nothing that an import makes is garbage

import torch.fx.experimental.symbolic_shapes  # noqa: E402, F401 - torch.autograd.grad wants it, for half a second

import grader.grade  # noqa: E402
import grader.judge  # noqa: E402, F401

gc.enable()
gc.freeze()
