# /// attack
# tries = "prints escapes, bidi marks, markup and lines that CI systems obey"
# fails = []
# docker = true
# ///
import sys

print("\x1b[2J\x1b]0;owned\x07\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\")
print("\u202egnp.exe\u2066 \u200e\u200f\x00\x9b31m")
print("<script>alert(1)</script></pre><img src=x onerror=alert(1)>")
print("::error file=x,line=1::all is lost\n::add-mask::a\n##[error]x\n##vso[task.complete]x\n%0A::stop-commands::x")
print("![x](http://evil.example/x.png) [x](javascript:alert(1)) =cmd|'/c calc'!A1", flush=True)
sys.stderr.buffer.write(bytes(range(256)) * 10)
sys.stderr.flush()
