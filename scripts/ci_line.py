"""Write what a pipeline's later steps need of a grade, as `key=value` lines that no text of a candidate breaks out of.

python scripts/ci_line.py STATUS FILE      FILE holds what `grade --json` printed
"""

import json
import sys
from pathlib import Path


def main(status: str, path: str) -> None:
    line = Path(path).read_text(encoding="utf-8").split("\n")[0]  # splitlines would cut inside strings of JSON
    card = json.loads(line) if line else None
    print(f"status={status}")
    if card is None:
        print(f"score=\nline=not graded: grade ended with status {status}")
        return
    score, name = card["score"], card["submission"]["name"]  # a name is of [A-Za-z0-9._-]: the grader made it
    print(f"score={'' if score is None else f'{score:g}'}")
    if score is None:
        print(f"line={name}: no score, the harness failed (status {status})")
        return
    said = f"{name}: {score:g} of {card['max_score']:g}"
    said += f", bonus {card['bonus']:g}" if card["bonus"] else ""
    said += f", {card['pending']:g} pending" if card["pending"] else ""
    said += f", only {card['run']['only']}" if card["run"].get("only") else ""
    said += ", rejected" if card["outcome"] == "rejected" else ""
    print(f"line={said}")


if __name__ == "__main__":
    main(*sys.argv[1:])
