-- Purpose: the nodes of CMIS's group tree that are nobody's parent, each with its parent's code.
-- Grain:   one row per module delivery and node of the set; repeated where CMIS repeats its rows.
-- Binds:   setid (CMIS's set of the year: LIVE-26-27).
-- Notes:   As in cmis_groupings.sql. A parent that is not in the same delivery is no parent.
SELECT g.setid    AS setid,
       g.moduleid AS module,
       i.instcode AS instance,
       g.instid   AS instance_id,
       g.grpcode  AS code,
       g.name     AS name,
       d.name     AS description,
       p.grpcode  AS parent
  FROM modulegroups g
  JOIN cminstances i
    ON i.setid = g.setid
   AND i.instid = g.instid
  LEFT JOIN modulegroups p
    ON p.setid = g.setid
   AND p.instid = g.instid
   AND p.moduleid = g.moduleid
   AND p.thiskey = g.parentkey
  LEFT JOIN module d
    ON d.setid = g.setid
   AND d.instid = g.instid
   AND TRIM(d.moduleid) = TRIM(g.moduleid)
 WHERE g.setid = :setid
   AND NOT EXISTS (SELECT 1
                     FROM modulegroups c
                    WHERE c.setid = g.setid
                      AND c.instid = g.instid
                      AND c.moduleid = g.moduleid
                      AND c.parentkey = g.thiskey)
