"""The page of an arming: the five sides before and after, what was typed, and the settings to paste."""

from collections.abc import Mapping
from typing import Any

import yaml

from include.groupsync.report.pages import render

_NO_ANSWER = ("no answer", "no identity")


def arming_page(document: Mapping[str, Any]) -> str:
    """The arming's document as HTML; it is whole at every moment of the run."""
    empty = dict.fromkeys(("before", "after", "settings", "refused", "done"))
    return render("arming.html", arming={**empty, **document}, headline=_headline(document))


def settings_to_paste(environment: str, site: str, databases: Mapping[str, str]) -> str:
    """The YAML that configures an environment as it was found; what did not answer is a comment in it."""
    answered = {name: says for name, says in databases.items() if not says.startswith(_NO_ANSWER)}
    silent = {name: says for name, says in {"moodle": site, **databases}.items() if says.startswith(_NO_ANSWER)}
    found: dict[str, Any] = {} if "moodle" in silent else {"moodle": site}
    text = yaml.safe_dump(
        {"environments": {environment: found | {"databases": answered}}},
        sort_keys=False,
        width=1000,
        allow_unicode=True,
    )
    return text + "".join(f"# {name}: {' '.join(says.split())}\n" for name, says in silent.items())


def _headline(document: Mapping[str, Any]) -> str:
    if document.get("refused"):
        return "Not armed"
    match document.get("done"):
        case None:
            return "What was found; nothing is written yet"
        case "nothing to do":
            return "The site is armed already: nothing to do"
        case done:
            return f"The site is {done}"
