# /// attack
# tries = "a source with 100,000 brackets in each other, which has crashed parsers"
# fails = ["matmul.*"]
# keeps = ["gpt.*", "scan.*"]
# docker = true
# ///
def build(home):
    (home / "matmul.py").write_text("x = " + "(" * 100_000 + ")" * 100_000 + "\n")
    return home
