"""A deliberately broken engine for each rule: what its tests must notice.

Each variant is one edit of one file below ``include/groupsync``; its old text occurs there exactly once.
Where groupings and groups share the code, the variant breaks one of the two only, so that each has to have
tests of its own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """``old`` is replaced by ``new`` in ``file``; ``breaks`` says what goes wrong then."""

    rule: str
    file: str
    old: str
    new: str
    breaks: str


# How many rules each section has; tests/broken/test_broken.py checks that none is forgotten.
SECTIONS = {"K": 7, "G": 8, "P": 11, "L": 2, "M": 6, "O": 4, "C": 6, "I": 3, "J": 5}
BREAKER = ("B1", "B2", "B3", "B5")
RULES = (*(f"{section}{at}" for section, count in SECTIONS.items() for at in range(1, count + 1)), *BREAKER)

VARIANTS = (
    Variant(
        "K1",
        "apply/ids.py",
        "return self.objects.get((kind, course, key), keys.moodle_id_of(key))",
        "return next((i for (k, _, o), i in self.objects.items() if (k, o) == (kind, key)), keys.moodle_id_of(key))",
        "An idnumber is looked up without its course: what is meant for one course is done to another.",
    ),
    Variant(
        "K2",
        "steps/read.py",
        "everywhere = read_course_keys(client, settings.localcoursefield)",
        'everywhere = read_course_keys(client, "idnumber")',
        "Courses are matched by idnumber whatever localcoursefield says.",
    ),
    Variant(
        "K3",
        "model/keys.py",
        'return unicodedata.normalize("NFC", text.strip()) or None if text else None',
        "return text.strip() or None if text else None",
        "Composed and decomposed spellings are two keys.",
    ),
    Variant(
        "K4",
        "quality/suites.py",
        '        _no_longer("idnumber", MAX_IDNUMBER),\n',
        "",
        "An idnumber that is too long is sent to Moodle.",
    ),
    Variant(
        "K5",
        "source/quarantine.py",
        "conflicting = collapsed.duplicated(subset=columns, keep=False)",
        'conflicting = collapsed.duplicated(subset=columns, keep="last")',
        "Of rows with one key and different values the last one wins.",
    ),
    Variant(
        "K6",
        "source/quarantine.py",
        "protected=_protected(dataset, set_aside),",
        "protected=_protected(dataset, set_aside.head(0)),",
        "A key that only a bad row mentions counts as gone.",
    ),
    Variant(
        "K7",
        "model/keys.py",
        "whole = int(plain)",
        "return idnumber",
        "007 and 7 are taken for two idnumbers.",
    ),
    Variant(
        "G1",
        "diff/objects.py",
        "if managed is None or held.key is None or managed.key != held.key or held.key in listed:",
        "if managed is None or (managed.key != held.key and self.words.noun == 'Group') or held.key in listed:",
        "A managed grouping whose idnumber somebody took away is deleted.",
    ),
    Variant(
        "G2",
        "source/clean.py",
        'frame["name"] = frame["name"].fillna(frame["idnumber"])',
        'frame["name"] = frame["name"].fillna("" if dataset == "groupings" else frame["idnumber"])',
        "A grouping without name gets an empty one, not its idnumber.",
    ),
    Variant(
        "G3",
        "diff/objects.py",
        """reason = '{noun} "{name}" was not imported because it belongs to a non-existent course'""",
        """reason = '{noun} "{name}" was not imported because it belongs to no course'""",
        "The message is another than the contract's.",
    ),
    Variant(
        "G4",
        "diff/objects.py",
        "            name = held.name\n        waits = ",
        "            name = held.name if self.words.noun == 'Group' else name\n        waits = ",
        "A rename onto the name of a grouping without idnumber is tried all the same.",
    ),
    Variant(
        "G5",
        "diff/objects.py",
        'self._thing(row.key, name, row.description or "")',
        'self._thing(row.key, name, row.description or "" if self.words.noun == "Group" else "")',
        "A new grouping has no description.",
    ),
    Variant(
        "G6",
        "diff/objects.py",
        "            description = held.description\n        return [",
        "            description = held.description if self.words.noun == 'Group' else ''\n        return [",
        "A description whose column is not configured is blanked.",
    ),
    Variant(
        "G7",
        "diff/objects.py",
        "elif held.moodle_id in self.course.appropriated:",
        "elif held.moodle_id in ():",
        "A grouping that somebody uses for a group of their own is deleted.",
    ),
    Variant(
        "G8",
        "diff/renames.py",
        "if not holder.leaves and holder.key not in pending",
        "if not holder.leaves and not holder.has_idnumber",
        "A name that something with an idnumber keeps is tried all the same.",
    ),
    Variant(
        "P1",
        "diff/together.py",
        'return Held(row[id_column], keys.key(row["idnumber"]), row["name"], row["description"] or "")',
        'key = keys.key(row["idnumber"]) or (row["name"] if id_column == "group_id" else None)\n'
        '    return Held(row[id_column], key, row["name"], row["description"] or "")',
        "A group without idnumber goes by its name, as if that were one.",
    ),
    Variant(
        "P2",
        "source/clean.py",
        'if "description" in frame and "description" in columns.configured:',
        'if "description" in frame and "description" in columns.configured and dataset == "groupings":',
        "An empty description of a group is not looked at.",
    ),
    Variant(
        "P3",
        "diff/together.py",
        "            result.findings += rows_without_course(words, course, own, ambiguous=len(ids) > 1)\n",
        "            result.findings += rows_without_course(words, course, own, ambiguous=len(ids) > 1)\n"
        '            if words.noun == "Group" and own:\n'
        "                break\n",
        "A course that Moodle does not have stops the courses after it.",
    ),
    Variant(
        "P4",
        "diff/objects.py",
        "elif self.policy.adopt_same_name and len(same) == 1 and not same[0].key:",
        "elif self.policy.adopt_same_name and len(same) == 1 and not same[0].key and self.words.noun != 'Group':",
        "adopt_same_name does nothing for groups.",
    ),
    Variant(
        "P5",
        "apply/sending.py",
        'fields = {"name": after.name, "description": after.description or "", "idnumber": after.key}',
        'fields = {"name": after.name, "description": "", "idnumber": after.key}',
        "What is created gets no description.",
    ),
    Variant(
        "P6",
        "diff/objects.py",
        "name, description = self.names[row.key], row.description\n        if self._kept",
        "name, description = self.names[row.key], row.description or None\n        if self._kept",
        "A description that is blank at the source is not blanked.",
    ),
    Variant(
        "P7",
        "diff/memberships.py",
        ' & (ours["fate"] == "stays")',
        "",
        "The members of a group that goes are removed by calls of their own.",
    ),
    Variant(
        "P8",
        "diff/names.py",
        "colliding = {idnumber for idnumber, name in wanted.items() if count[name] > 1}",
        "colliding = {idnumber for idnumber, name in wanted.items() if count[name] > 1} - {min(wanted)}",
        "The first of the colliding rows keeps the bare name.",
    ),
    Variant(
        "P9",
        "diff/renames.py",
        '                ruling.aside[first] = ""\n',
        "",
        "In a cycle of names nobody steps aside.",
    ),
    Variant(
        "P10",
        "diff/rekeys.py",
        "if overlap is not None and overlap >= OVERLAP:",
        "if overlap is not None and overlap > OVERLAP:",
        "Exactly 80 per cent of the members are not enough.",
    ),
    Variant(
        "P11",
        "breaker/split.py",
        'if (row["kind"], row["course"], row["waits_for"]) in held.stuck:',
        'if (row["kind"], row["course"], row["waits_for"]) in set():',
        "What takes the name of something whose delete is held does not wait for it.",
    ),
    Variant(
        "L1",
        "diff/links.py",
        'value = {"id": after.moodle_id, "idnumber": after.key, "name": after.name}[field_name]',
        'value = {"id": after.moodle_id, "idnumber": after.key, "name": after.key}[field_name]',
        "By name, groupings are matched by idnumber.",
    ),
    Variant(
        "L2",
        "diff/links.py",
        "    if ours is None and not there:\n",
        "    if (ours is None or ours.gone) and not there:\n",
        "A link that somebody took out by hand is made again.",
    ),
    Variant(
        "M1",
        "settings.py",
        'wanted = self.memberships is not None and self.localgroupfield != "id"',
        'wanted = self.memberships is not None and self.localgroupfield == "idnumber"',
        "By name, memberships without course are read all the same.",
    ),
    Variant(
        "M2",
        "diff/memberships.py",
        'single = (counted["groups"] == 1) & (counted["people"] == 1)',
        'single = (counted["groups"] >= 1) & (counted["people"] == 1)',
        "Of two groups that fit, one is taken.",
    ),
    Variant(
        "M3",
        "diff/memberships.py",
        'missing = found[~found["packed"].isin(current) & ~found["packed"].isin(excluded)]',
        'missing = found[~found["packed"].isin(excluded)]',
        "Who is a member already is added again, and becomes ours.",
    ),
    Variant(
        "M4",
        "diff/memberships.py",
        "[_adds(missing[can_join]), ",
        "[_adds(missing), ",
        "Who is not enrolled is added all the same.",
    ),
    Variant(
        "M5",
        "diff/memberships.py",
        '        if not row["there"]:\n            terms = ""\n',
        '        if not row["there"]:\n            terms = row["terms"]\n',
        "Who was taken out by hand and put back is ours for ever.",
    ),
    Variant(
        "M6",
        "diff/memberships.py",
        "return pins - bans, bans - pins, ",
        "return pins, bans, ",
        "Who is both pinned and excluded is excluded.",
    ),
    Variant(
        "O1",
        "diff/objects.py",
        "if len(matches) == 1 and row.key not in refused and row.key not in self.set_aside:",
        "if len(matches) == 1 and matches[0].moodle_id in self.managed and row.key not in self.set_aside:",
        "What is found under a listed key is not managed.",
    ),
    Variant(
        "O2",
        "diff/links.py",
        "    elif ours is None:\n        return\n",
        "    elif ours is None:\n"
        '        found = ManagedLink(*pair, row.label, "", False)\n'
        "        result.observed.append(_ledger_row(course, found, policy.term))\n",
        "Links that are found become ours: after a lost ledger a run takes out what others made.",
    ),
    Variant(
        "O2",
        "breaker/rules/reclaim.py",
        "claims, managed, claims > 0,",
        "claims, managed, claims > managed,",
        "With reclaim, what is found becomes ours before a person agrees.",
    ),
    Variant(
        "O3",
        "diff/together.py",
        "        elif ids[0] not in unread:\n",
        "        else:\n",
        "A course that could not be read counts as empty.",
    ),
    Variant(
        "O4",
        "diff/objects.py",
        'if not edited or self.policy.on_local_edit != "keep":',
        "if not edited:",
        "What was edited in Moodle stays, whatever on_local_edit says.",
    ),
    Variant(
        "C1",
        "source/mappings.py",
        "return frame[exact | homeless | nameless].reset_index(drop=True)",
        "return frame[known | homeless | nameless].reset_index(drop=True)",
        "Rows of a module that is not active are used.",
    ),
    Variant(
        "C2",
        "source/mappings.py",
        'return Standing.ACTIVE if row["status"] == "active" and row["import_groups"] == "yes" else Standing.FROZEN',
        'return Standing.ACTIVE if row["status"] == "active" else Standing.WITHDRAWN',
        "An inactive mapping withdraws what it should freeze.",
    ),
    Variant(
        "C3",
        "model/scope.py",
        "return Standing.WITHDRAWN if found == {Standing.WITHDRAWN} else Standing.FROZEN",
        "return Standing.WITHDRAWN if Standing.WITHDRAWN in found else Standing.FROZEN",
        "One withdrawn mapping beside an inactive one withdraws the course.",
    ),
    Variant(
        "C4",
        "model/scope.py",
        "return self.standings.get((course, label if self.carries_module else None), Standing.FROZEN)",
        "return self.standings.get((course, label if self.carries_module else None), Standing.WITHDRAWN)",
        "What has left the mappings counts as withdrawn.",
    ),
    Variant(
        "C5",
        "model/ledger.py",
        "return term in claims and not (others if open_terms is None else others & open_terms)",
        "return term in claims",
        "What one term has dropped is deleted though another open one lists it.",
    ),
    Variant(
        "C5",
        "steps/states.py",
        "return (deployment.calendar.open_on(deployment.today) | lasting) - closed",
        "return deployment.calendar.open_on(deployment.today) | lasting",
        "A term that was closed keeps what it lists.",
    ),
    Variant(
        "C5",
        "steps/states.py",
        "return (deployment.calendar.open_on(deployment.today) | lasting) - closed",
        "return deployment.calendar.open_on(deployment.today) - closed",
        "What a frozen term lists is lost with its last day.",
    ),
    Variant(
        "C2",
        "steps/states.py",
        "            if one.state.most.rank < mode.rank:\n",
        "            if False:\n",
        "A run that is writing goes on when its term is frozen.",
    ),
    Variant(
        "C2",
        "state/term_states.py",
        "    return None if link.execute(sa.select(RUN.c.run_id).where(seen).limit(1)).first() else opened\n",
        "    return None\n",
        "Opened again, a term loses at once what its source has dropped meanwhile.",
    ),
    Variant(
        "C2",
        "model/effective.py",
        'return ("inactive" if switch is Switch.OFF else status), imports',
        "return status, imports",
        "A course that was switched off goes on.",
    ),
    Variant(
        "C2",
        "state/switches.py",
        "            if one.switch is not Switch.OFF and (seen_at is None or seen_at < one.at):\n",
        "            if False:\n",
        "Switched on again, a course loses at once what its source has dropped meanwhile.",
    ),
    Variant(
        "C3",
        "model/effective.py",
        "    elif word in (Word.CONFLICT, Word.DOUBT):\n",
        "    elif word is Word.CONFLICT:\n",
        "A removal that may have been taken back is not stopped by that.",
    ),
    Variant(
        "C3",
        "model/effective.py",
        'several[0]["requested_at"] < row["requested_at"]',
        'several[0]["requested_at"] > row["requested_at"]',
        "The oldest request holds.",
    ),
    Variant(
        "C6",
        "source/mappings.py",
        "            for course in sorted(courses)\n",
        "            for course in sorted(named[dataset])\n",
        "A course is in scope for the tables that name it only.",
    ),
    Variant(
        "B1",
        "breaker/assess.py",
        "observations = [one for rule in RULES for one in rule.observations(evidence, limits)]",
        "observations = [one for rule in RULES for one in rule.observations(evidence, limits) if one.tripped]",
        "The verdict says nothing of the rules that passed.",
    ),
    Variant(
        "B2",
        "breaker/split.py",
        'frame["action"].isin(actions) & frame["kind"].isin(kinds) & _inside(frame, kinds, reaches)',
        'frame["action"].isin(actions) & frame["kind"].isin(kinds)',
        "A hold of one course holds every course's deletes.",
    ),
    Variant(
        "B3",
        "breaker/rules/share.py",
        "most is not None and count > most,",
        "most is not None and count >= most,",
        "A share trips at its limit.",
    ),
    Variant(
        "B5",
        "state/runs.py",
        'accepted = outcome == "applied"',
        'accepted = outcome in ("applied", "held")',
        "A held run is a baseline for those after it.",
    ),
    Variant(
        "I1",
        "model/identity.py",
        'Side("ledger", of_ledger, environment)',
        'Side("ledger", environment, environment)',
        "The ledger of another environment agrees.",
    ),
    Variant(
        "I2",
        "steps/arm.py",
        "control.marker == own or control.marker.deployment_id == run.old_deployment_id",
        "control.marker == own or run.old_deployment_id",
        "Whatever is typed as the old deployment's id takes its site over.",
    ),
    Variant(
        "I3",
        "steps/act.py",
        "        require_identity(deployment, client)\n",
        "",
        "Nobody asks again who the others are before the first write.",
    ),
    Variant(
        "J1",
        "apply/look_again.py",
        '"groupings": sight.links.get(intent.group_id, []), "used_by": used}',
        '"groupings": sight.links.get(intent.group_id, []), "used_by": []}',
        "A deleted group's before-image does not say what used it.",
    ),
    Variant(
        "J2",
        "steps/act.py",
        "        found += differs\n",
        "",
        "What Moodle has otherwise than it was written is not told.",
    ),
    Variant(
        "J3",
        "restore/net.py",
        "                _inside(pairs, entry, kind, moodle_id)\n",
        "                pass\n",
        "A group comes back without its members and links.",
    ),
    Variant(
        "J4",
        "restore/plan.py",
        "        if (now in self.now.pairs) == net.was:\n            return\n",
        "",
        "Links and members that are back are made once more.",
    ),
    Variant(
        "J5",
        "model/ledger.py",
        "    return _RESTORED + term.removeprefix(_RESTORED)",
        "    return term.removeprefix(_RESTORED)",
        "The next run deletes what a restore brought back.",
    ),
)
