"""All that a grading process needs: imported once, by the server they are forked from or beside a sandbox's start."""

import gc

gc.disable()  # nothing that an import makes is garbage

import grader.grade  # noqa: E402
import grader.judge  # noqa: E402, F401

# isort: split
# torch.autograd.grad wants it, for a third of a second. Last, since who waits for the judge does not wait for this.
import torch.fx.experimental.symbolic_shapes  # noqa: E402, F401

gc.enable()
gc.freeze()
