# /// attack
# tries = "nothing: it prints some megabytes of debugging at import"
# fails = []
# keeps = ["*"]
# slow = true
# ///
print("debug " * 500_000)
