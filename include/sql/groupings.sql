-- Purpose: the groupings that each mapped course should have: the nodes of CMIS's group tree that are
--          some row's parent ("Tutorials" above TUT1, TUT2).
-- Grain:   one row per course, module delivery and parent node; repeated where CMIS repeats its rows.
-- Binds:   setid (CMIS's set of the year: LIVE-26-27), academic_year (2026), periods (expanding).
-- Notes:   A delivery's code in CMIS is occurrence, hyphen, period: A6U-T1/2. Codes are CHAR in some tables
--          and VARCHAR in others, hence TRIM on both sides. A node without code has no idnumber, and its
--          row comes all the same; LENGTH tells a blank code alike in every database, Oracle's NULL too.
SELECT m.course     AS course,
       CASE WHEN LENGTH(TRIM(g.grpcode)) > 0
            THEN TRIM(g.setid) || ':' || TRIM(g.moduleid) || ':' || TRIM(i.instcode) || ':' || TRIM(g.grpcode)
       END          AS idnumber,
       g.name       AS name,
       d.name       AS description,
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
  LEFT JOIN module d
    ON d.setid = g.setid
   AND d.instid = g.instid
   AND TRIM(d.moduleid) = TRIM(g.moduleid)
 WHERE TRIM(m.academic_year) = :academic_year
   AND TRIM(m.period) IN :periods
   AND EXISTS (SELECT 1
                 FROM modulegroups c
                WHERE c.setid = g.setid
                  AND c.instid = g.instid
                  AND c.moduleid = g.moduleid
                  AND c.parentkey = g.thiskey)
