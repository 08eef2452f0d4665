# /// attack
# tries = "sources whose syntax trees are 50,000 deep: minus signs, attributes, comparisons, nested lambdas"
# fails = ["matmul.*", "scan.*"]
# keeps = ["gpt.*"]
# ///
def build(home):
    (home / "matmul.py").write_text("x = " + "-" * 200_000 + "1\n")
    (home / "scan.py").write_text("f = " + "lambda: " * 50_000 + "0\ny = a" + ".b" * 200_000 + "\n")
    return home
