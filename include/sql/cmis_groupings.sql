-- Purpose: the nodes of CMIS's group tree that are some row's parent ("Tutorials" above TUT1, TUT2).
-- Grain:   one row per module delivery and parent node of the set; repeated where CMIS repeats its rows.
-- Binds:   setid (CMIS's set of the year: LIVE-26-27).
-- Notes:   instance is SITS's occurrence, hyphen, period: A6U-T1/2. Codes come as they are stored, padded or
--          not, and a node without code comes too: what is a key is decided afterwards, alike for all databases.
SELECT g.setid    AS setid,
       g.moduleid AS module,
       i.instcode AS instance,
       g.instid   AS instance_id,
       g.grpcode  AS code,
       g.name     AS name,
       d.name     AS description
  FROM modulegroups g
  JOIN cminstances i
    ON i.setid = g.setid
   AND i.instid = g.instid
  LEFT JOIN module d
    ON d.setid = g.setid
   AND d.instid = g.instid
   AND TRIM(d.moduleid) = TRIM(g.moduleid)
 WHERE g.setid = :setid
   AND EXISTS (SELECT 1
                 FROM modulegroups c
                WHERE c.setid = g.setid
                  AND c.instid = g.instid
                  AND c.moduleid = g.moduleid
                  AND c.parentkey = g.thiskey)
