# /// attack
# tries = "names of files that are markup, formulas, options, links and control characters"
# fails = []
# keeps = ["gpt.*", "matmul.*"]
# slow = true
# ///
import os


def build(home):
    for name in (
        "<script>alert(1)<.py", "\"onload='alert(1)'.md", "=HYPERLINK(x).csv", "@SUM(1).txt", "+1.txt",
        "![x](y).md", "::error::.txt", "a&lt;b.txt", "{{7*7}}.txt", "javascript:alert(1)", "\u202etxt.exe",
    ):  # fmt: skip
        with open(os.path.join(home, name), "w") as file:
            file.write("x")
    return home
