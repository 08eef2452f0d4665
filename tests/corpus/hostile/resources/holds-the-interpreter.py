# /// attack
# tries = "one operation in C that holds the interpreter's lock and never ends"
# verdicts = { "matmul.forward" = "time_limit" }
# slow = true
# ///
import re

re.match(r"(a+)+$", "a" * 60 + "b")
