"""The word lists of the sample: departments, subjects, names of people, codes of periods and occurrences."""

DEPARTMENTS = (
    ("COMP", "Computer Science"), ("STAT", "Statistical Science"), ("MATH", "Mathematics"),
    ("PHAS", "Physics and Astronomy"), ("CHEM", "Chemistry"), ("BIOL", "Biosciences"),
    ("ECON", "Economics"), ("HIST", "History"), ("ENGL", "English Language and Literature"),
    ("PHIL", "Philosophy"), ("GEOG", "Geography"), ("GEOL", "Earth Sciences"),
    ("LAWS", "Laws"), ("PSYC", "Psychology"), ("ARCL", "Archaeology"), ("CLAS", "Greek and Latin"),
    ("ELEC", "Electronic Engineering"), ("MECH", "Mechanical Engineering"), ("CIVE", "Civil Engineering"),
    ("BENV", "Built Environment"), ("MEDC", "Medicine"), ("NEUR", "Neurology"), ("PHAR", "Pharmacy"),
    ("PALS", "Language Sciences"), ("POLS", "Political Science"), ("SPAN", "Spanish"), ("FREN", "French"),
    ("GERM", "German"), ("ITAL", "Italian"), ("SLAV", "Slavonic Studies"), ("SCAN", "Scandinavian Studies"),
    ("HEBR", "Hebrew and Jewish Studies"), ("INST", "Information Studies"), ("MSIN", "Management"),
    ("SPCE", "Space and Climate Physics"), ("HPSC", "Science and Technology Studies"),
    ("EDUC", "Education"), ("SLAN", "Slade School of Fine Art"), ("BIOC", "Biochemical Engineering"),
    ("CENG", "Chemical Engineering"),
)  # fmt: skip

SUBJECTS = (
    "Principles", "Introduction", "Methods", "Theory", "Practice", "Foundations", "History", "Structures",
    "Systems", "Modelling", "Ethics", "Writing", "Measurement", "Design", "Fieldwork", "Sources",
)  # fmt: skip

GIVEN = (
    "Aisha", "Ben", "Chloë", "Dmytro", "Efua", "Fatima", "George", "Hannah", "Isla", "Jakub", "Kwame", "Li",
    "Małgorzata", "Noah", "Oluwaseun", "Priya", "Qiang", "René", "Sofía", "Tomáš", "Uma", "Vikram", "Wen",
    "Xin", "Yusuf", "Zoë", "André", "Bronagh", "Carys", "गौहर",
)  # fmt: skip

FAMILY = (
    "Adeyemi", "Brown", "Chen", "Das", "Evans", "Fernández", "Green", "Hughes", "Ivanov", "Jones", "Khan",
    "Łaskawiec", "Murphy", "Nguyen", "O'Connor", "Patel", "Quinn", "Rossi", "Smith", "Taylor", "Usman",
    "van der Berg", "Wilson", "Xu", "Young", "Zając", "D'Souza", "Müller", "Smith-Jones", "王",
)  # fmt: skip

# [A-E][level][U|P]: the run of a module, its level, undergraduate or postgraduate.
OCCURRENCES = ("A4U", "A5U", "A6U", "A7U", "A7P", "B6U")

# The codes of teaching periods seen in SITS (PSL_CODE); they hold '/' and '+'.
PERIODS = (
    "T1", "T1/2", "T1/2/3", "YEAR", "T2", "T2/3", "T2/3/S", "T3", "T3/S", "T4", "T1/3", "S1", "S2", "S1+2",
    "SUMMER", "LSR",
)  # fmt: skip
