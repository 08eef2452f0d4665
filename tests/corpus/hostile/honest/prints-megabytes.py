# /// attack
# tries = "nothing: it prints some megabytes of debugging at import"
# fails = []
# keeps = ["[gcms]*.*"]
# slow = true
# ///
print("debug " * 500_000)
