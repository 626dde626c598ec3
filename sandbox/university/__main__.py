"""python -m sandbox.university --size small --seed 1 --url sqlite:///PATH"""

import argparse

from sandbox.university import SIZES, generate, write


def main() -> None:
    """Generate a sample and write it, and print how many rows each table has."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.university", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", required=True, help="SQLAlchemy URL; its tables are dropped and made anew")
    asked = parser.parse_args()
    university = generate(asked.size, asked.seed)
    write(university, asked.url)
    for name, frame in university.tables.items():
        print(f"{name:<16} {len(frame):>9,}")
    print(f"digest {university.digest()}")


if __name__ == "__main__":
    main()
