# /// attack
# tries = "a source of one line, a megabyte long, that fails at its end"
# fails = ["matmul.*"]
# keeps = ["gpt.*", "scan.*"]
# slow = true
# ///
def build(home):
    (home / "matmul.py").write_text("x = [" + "1," * 400_000 + "] + nothing\n")
    return home
