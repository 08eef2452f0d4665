# /// attack
# tries = "submission.toml with 3,000 brackets and a number of 5,000 digits"
# fails = ["diagnosis.*"]
# keeps = ["gpt.*", "matmul.*", "scan.*"]
# only = "[gmsd]*.[lftb][oiu][alrg]*"
# slow = true
# ///
def build(home):
    (home / "submission.toml").write_text("kit = 'k-1'\ny = " + "9" * 5000 + "\nx = " + "[" * 3000 + "]" * 3000 + "\n")
    return home
