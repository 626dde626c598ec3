"""A made-up university: SITS and CMIS tables, a mapping table, and the Moodle side, the same every time.

university = generate("small", seed=1)
write(university, "sqlite:///source.db")
"""

from sandbox.university.database import write
from sandbox.university.size import SIZES, Size
from sandbox.university.university import University, generate

__all__ = ["SIZES", "Size", "University", "generate", "write"]
