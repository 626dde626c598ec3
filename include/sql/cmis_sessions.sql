-- Purpose: as what each group is timetabled: lecture, tutorial, lab.
-- Grain:   one row per slot of the timetable that is for a group; a slot for the whole class is left out.
-- Binds:   setid (CMIS's set of the year: LIVE-26-27).
SELECT t.moduleid   AS module,
       i.instcode   AS instance,
       t.instid     AS instance_id,
       t.modgrpcode AS code,
       t.moduletype AS session_type
  FROM timetable t
  JOIN cminstances i
    ON i.setid = t.setid
   AND i.instid = t.instid
 WHERE t.setid = :setid
   AND LENGTH(TRIM(t.modgrpcode)) > 0
