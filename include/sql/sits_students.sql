-- Purpose: how each student stands with the university.
-- Grain:   one row per student and course of study (SRS_SCJ); a student may have several.
-- Binds:   none.
SELECT j.scj_stuc AS student,
       j.scj_stac AS status
  FROM srs_scj j
