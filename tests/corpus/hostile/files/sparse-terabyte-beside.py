# /// attack
# tries = "a data file of a terabyte, all of it a hole"
# rejected = true
# ///
def build(home):
    with open(home / "weights.bin", "wb") as file:
        file.truncate(1 << 40)
    return home
