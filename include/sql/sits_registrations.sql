-- Purpose: who takes which module delivery, as SITS has it: confirmed (CAM_SMO) or still selecting (CAM_SMS).
-- Grain:   one row per delivery and student route; of a selection, one per period of its occurrence.
-- Binds:   academic_year (SITS's AYR_CODE: 2026), periods (SITS's PSL_CODEs of the term, expanding).
-- Notes:   A selection has no period of its own: the deliveries (CAM_MAV) give it. student is NULL where SITS
--          has no route (INS_SPR) of that code; the row comes all the same, so that nobody is taken for
--          unregistered because of it.
SELECT o.mod_code  AS module,
       o.mav_occur AS occurrence,
       o.psl_code  AS period,
       p.spr_stuc  AS student
  FROM cam_smo o
  LEFT JOIN ins_spr p
    ON TRIM(p.spr_code) = TRIM(o.spr_code)
 WHERE TRIM(o.ayr_code) = :academic_year
   AND TRIM(o.psl_code) IN :periods
UNION ALL
SELECT s.mod_code  AS module,
       s.sms_occl  AS occurrence,
       v.psl_code  AS period,
       p.spr_stuc  AS student
  FROM cam_sms s
  JOIN cam_mav v
    ON TRIM(v.mod_code) = TRIM(s.mod_code)
   AND TRIM(v.mav_occur) = TRIM(s.sms_occl)
   AND TRIM(v.ayr_code) = TRIM(s.ayr_code)
  LEFT JOIN ins_spr p
    ON TRIM(p.spr_code) = TRIM(s.spr_code)
 WHERE TRIM(s.ayr_code) = :academic_year
   AND TRIM(v.psl_code) IN :periods
