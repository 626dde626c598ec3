-- Purpose: who should be in which group of each mapped course.
-- Grain:   one row per course, module delivery, group and student record; repeated where CMIS repeats its
--          rows, and once per student number of a person who has two.
-- Binds:   setid (CMIS's set of the year: LIVE-26-27), academic_year (2026), periods (expanding).
-- Notes:   As in groupings.sql. A row without group code is the whole class and makes no membership.
--          username is the UPI as CMIS stores it, upper-case; NULL where CMIS has no student or no UPI: the
--          row comes all the same, so that it can be reported and never be taken for a person who left.
SELECT m.course     AS course,
       TRIM(s.setid) || ':' || TRIM(s.moduleid) || ':' || TRIM(i.instcode) || ':' || TRIM(s.modgrpcode)
                    AS group_idnumber,
       u.qtype2     AS username,
       m.module     AS module,
       m.occurrence AS occurrence,
       m.period     AS period
  FROM group_mappings m
  JOIN cminstances i
    ON i.setid = :setid
   AND TRIM(i.instcode) = TRIM(m.occurrence) || '-' || TRIM(m.period)
  JOIN stumodules s
    ON s.setid = i.setid
   AND s.instid = i.instid
   AND TRIM(s.moduleid) = TRIM(m.module)
  LEFT JOIN students u
    ON u.setid = s.setid
   AND u.studentid = s.studentid
 WHERE TRIM(m.academic_year) = :academic_year
   AND TRIM(m.period) IN :periods
   AND LENGTH(TRIM(s.modgrpcode)) > 0
   AND COALESCE(s.inactive, 'N') <> 'Y'
   AND COALESCE(s.moddropped, 'N') <> 'Y'
