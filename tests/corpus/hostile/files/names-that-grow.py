# /// attack
# tries = "a name within the limit that is three times as long once it is normalised"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# ///
def build(home):
    (home / ("\U0001d160" * 63)).write_text("pass\n")
    (home / ("\ufb2c" * 80 + ".py")).mkdir()
    (home / ("\ufb2c" * 80 + ".py") / "x.py").write_text("pass\n")
    return home
