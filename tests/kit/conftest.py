"""Small models only: one thread is faster than two, and leaves the other core to whoever runs tests beside us."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
