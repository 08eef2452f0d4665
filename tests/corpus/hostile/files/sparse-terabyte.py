# /// attack
# tries = "a part of a terabyte, all of it a hole"
# fails = ["matmul.*"]
# keeps = ["gpt.*", "scan.*"]
# ///
def build(home):
    with open(home / "matmul.py", "r+b") as file:
        file.truncate(1 << 40)
    return home
