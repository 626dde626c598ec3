-- Purpose: what SITS calls each module, for those of which CMIS has no name.
-- Grain:   one row per module.
-- Binds:   none.
SELECT m.mod_code AS module,
       m.mod_name AS name
  FROM ins_mod m
