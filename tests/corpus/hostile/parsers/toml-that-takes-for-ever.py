# /// attack
# tries = "submission.toml with dotted keys and brackets without end"
# fails = []
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# only = "[gmsd]*.[lftb][oiu][alrg]*"
# ///
def build(home):
    (home / "submission.toml").write_text("kit = 'k-1'\n" + "a." * 400_000 + "b = 1\nx = " + "[" * 100_000 + "\n")
    return home
