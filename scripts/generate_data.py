"""Write data/handbook_manual.txt and data/queries.jsonl from data/source, or check them.

python scripts/generate_data.py            write both files
python scripts/generate_data.py --check    say whether the files are up to date (exit status)
"""

import argparse
import sys
from pathlib import Path

from rag_tutorials.data_generation import generate

DATA = Path(__file__).resolve().parent.parent / "data"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder to write to")
    options = parser.parse_args(arguments)

    stale = []
    for name, content in generate(DATA / "source").items():
        path: Path = options.data / name
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(f"wrote {path} ({len(content):,} bytes)")
        elif not path.exists() or path.read_bytes() != content:
            stale.append(path)
            print(f"{path} is missing or differs. Run: python scripts/generate_data.py")
        else:
            print(f"{path} is up to date")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
