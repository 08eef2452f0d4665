# /// attack
# tries = "nothing: it turns grad mode off when it is imported, for a computation of its own, and forgets it"
# fails = []
# keeps = ["[gcms]*.*"]
# ///
torch.set_grad_enabled(False)
