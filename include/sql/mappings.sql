-- Purpose: which course takes the groups of which module delivery, in one term.
-- Grain:   one row per course and module delivery, as stored; inactive and withdrawn ones too.
-- Binds:   academic_year (SITS's AYR_CODE: 2026), periods (SITS's PSL_CODEs of the term, expanding).
SELECT m.course        AS course,
       m.module        AS module,
       m.occurrence    AS occurrence,
       m.academic_year AS academic_year,
       m.period        AS period,
       m.department    AS department,
       m.import_groups AS import_groups,
       m.status        AS status
  FROM group_mappings m
 WHERE TRIM(m.academic_year) = :academic_year
   AND TRIM(m.period) IN :periods
