"""The engine: keeps a Moodle's groupings, groups and memberships in step with student records.

It knows nothing of Airflow.  ``steps`` has one function per task; the folders follow the data:
``source`` and ``moodle`` read, ``quality`` judges rows, ``diff`` plans, ``breaker`` judges the plan,
``apply`` writes, ``state`` remembers, ``report`` tells.
"""
