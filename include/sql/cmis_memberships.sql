-- Purpose: who is in which group of a module delivery, and whether CMIS says that they have left it.
-- Grain:   one row per module delivery, group and student record of the set; repeated where CMIS repeats its
--          rows, and once per student number of a person who has two.
-- Binds:   setid (CMIS's set of the year: LIVE-26-27).
-- Notes:   A row without group code is the whole class and makes no membership. upi is as CMIS stores it,
--          upper-case; NULL where CMIS has no student or no UPI: the row comes all the same, so that it can be
--          reported and never be taken for a person who left. Those who dropped the module or are inactive come
--          with their flags, and are left out afterwards, by rule and counted.
SELECT s.setid      AS setid,
       s.moduleid   AS module,
       i.instcode   AS instance,
       s.instid     AS instance_id,
       s.modgrpcode AS code,
       s.studentid  AS student,
       u.qtype2     AS upi,
       s.moddropped AS dropped,
       s.inactive   AS inactive
  FROM stumodules s
  JOIN cminstances i
    ON i.setid = s.setid
   AND i.instid = s.instid
  LEFT JOIN students u
    ON u.setid = s.setid
   AND u.studentid = s.studentid
 WHERE s.setid = :setid
   AND LENGTH(TRIM(s.modgrpcode)) > 0
