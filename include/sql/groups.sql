-- Purpose: the groups that each mapped course should have: the nodes of CMIS's group tree that are
--          nobody's parent, each with the grouping that its parent makes.
-- Grain:   one row per course, module delivery and node; repeated where CMIS repeats its rows.
-- Binds:   setid (CMIS's set of the year: LIVE-26-27), academic_year (2026), periods (expanding).
-- Notes:   As in groupings.sql. A parent that is not in the same delivery is no parent: no grouping.
SELECT m.course     AS course,
       CASE WHEN LENGTH(TRIM(g.grpcode)) > 0
            THEN TRIM(g.setid) || ':' || TRIM(g.moduleid) || ':' || TRIM(i.instcode) || ':' || TRIM(g.grpcode)
       END          AS idnumber,
       g.name       AS name,
       d.name       AS description,
       CASE WHEN LENGTH(TRIM(p.grpcode)) > 0
            THEN TRIM(p.setid) || ':' || TRIM(p.moduleid) || ':' || TRIM(i.instcode) || ':' || TRIM(p.grpcode)
       END          AS grouping_idnumber,
       m.module     AS module,
       m.occurrence AS occurrence,
       m.period     AS period
  FROM group_mappings m
  JOIN cminstances i
    ON i.setid = :setid
   AND TRIM(i.instcode) = TRIM(m.occurrence) || '-' || TRIM(m.period)
  JOIN modulegroups g
    ON g.setid = i.setid
   AND g.instid = i.instid
   AND TRIM(g.moduleid) = TRIM(m.module)
  LEFT JOIN modulegroups p
    ON p.setid = g.setid
   AND p.instid = g.instid
   AND p.moduleid = g.moduleid
   AND p.thiskey = g.parentkey
  LEFT JOIN module d
    ON d.setid = g.setid
   AND d.instid = g.instid
   AND TRIM(d.moduleid) = TRIM(g.moduleid)
 WHERE TRIM(m.academic_year) = :academic_year
   AND TRIM(m.period) IN :periods
   AND NOT EXISTS (SELECT 1
                     FROM modulegroups c
                    WHERE c.setid = g.setid
                      AND c.instid = g.instid
                      AND c.moduleid = g.moduleid
                      AND c.parentkey = g.thiskey)
