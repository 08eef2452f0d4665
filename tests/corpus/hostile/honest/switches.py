# /// attack
# tries = "nothing: it sets torch's threads, default dtype, determinism and seeds at import"
# fails = []
# keeps = ["[gcms]*.*"]
# ///
import random

import numpy

torch.set_num_threads(2)
torch.set_default_dtype(torch.float64)
torch.set_printoptions(precision=10)
torch.use_deterministic_algorithms(True)
torch.manual_seed(0)
random.seed(0)
numpy.random.seed(0)
