# /// attack
# tries = "expressions that take the compiler's time and memory: powers of powers, strings times strings"
# fails = ["matmul.*"]
# keeps = ["gpt.*", "scan.*"]
# slow = true
# ///
def build(home):
    (home / "matmul.py").write_text("y = ('x' * 4000 * 4000 * 4000 * 4000)\nz = 9 ** 9 ** 9 ** 9\n")
    return home
