# /// attack
# tries = "a source of 50 MB"
# fails = ["matmul.*"]
# keeps = ["gpt.*", "scan.*"]
# slow = true
# ///
def build(home):
    with open(home / "matmul.py", "ab") as file:
        file.write(b"x = 1\n" * 8_000_000)
    return home
