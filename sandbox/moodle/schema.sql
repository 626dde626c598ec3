-- Moodle's own tables and columns, as far as group web services touch them.
CREATE TABLE mdl_config (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, value TEXT NOT NULL
);
CREATE TABLE mdl_context (
    id INTEGER PRIMARY KEY AUTOINCREMENT, contextlevel INTEGER NOT NULL, instanceid INTEGER NOT NULL,
    path TEXT, depth INTEGER NOT NULL DEFAULT 0, locked INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX mdl_cont_conins_uix ON mdl_context (contextlevel, instanceid);
CREATE TABLE mdl_course_categories (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT '', idnumber TEXT, description TEXT,
    descriptionformat INTEGER NOT NULL DEFAULT 0, parent INTEGER NOT NULL DEFAULT 0,
    sortorder INTEGER NOT NULL DEFAULT 0, coursecount INTEGER NOT NULL DEFAULT 0,
    visible INTEGER NOT NULL DEFAULT 1, visibleold INTEGER NOT NULL DEFAULT 1,
    timemodified INTEGER NOT NULL DEFAULT 0, depth INTEGER NOT NULL DEFAULT 0,
    path TEXT NOT NULL DEFAULT '', theme TEXT
);
CREATE TABLE mdl_course (
    id INTEGER PRIMARY KEY AUTOINCREMENT, category INTEGER NOT NULL DEFAULT 0,
    sortorder INTEGER NOT NULL DEFAULT 0, fullname TEXT NOT NULL DEFAULT '',
    shortname TEXT NOT NULL DEFAULT '', idnumber TEXT NOT NULL DEFAULT '', summary TEXT DEFAULT '',
    summaryformat INTEGER NOT NULL DEFAULT 1, format TEXT NOT NULL DEFAULT 'topics',
    showgrades INTEGER NOT NULL DEFAULT 1, newsitems INTEGER NOT NULL DEFAULT 5,
    startdate INTEGER NOT NULL DEFAULT 0, enddate INTEGER NOT NULL DEFAULT 0,
    marker INTEGER NOT NULL DEFAULT 0, maxbytes INTEGER NOT NULL DEFAULT 0,
    legacyfiles INTEGER NOT NULL DEFAULT 0, showreports INTEGER NOT NULL DEFAULT 0,
    visible INTEGER NOT NULL DEFAULT 1, visibleold INTEGER NOT NULL DEFAULT 1,
    groupmode INTEGER NOT NULL DEFAULT 0, groupmodeforce INTEGER NOT NULL DEFAULT 0,
    defaultgroupingid INTEGER NOT NULL DEFAULT 0, lang TEXT NOT NULL DEFAULT '',
    calendartype TEXT NOT NULL DEFAULT '', theme TEXT NOT NULL DEFAULT '',
    timecreated INTEGER NOT NULL DEFAULT 0, timemodified INTEGER NOT NULL DEFAULT 0,
    requested INTEGER NOT NULL DEFAULT 0, enablecompletion INTEGER NOT NULL DEFAULT 1,
    completionnotify INTEGER NOT NULL DEFAULT 0, cacherev INTEGER NOT NULL DEFAULT 0,
    showactivitydates INTEGER NOT NULL DEFAULT 1, showcompletionconditions INTEGER DEFAULT 1,
    pdfexportfont TEXT
);
CREATE INDEX mdl_cour_cat_ix ON mdl_course (category);
CREATE INDEX mdl_cour_def_ix ON mdl_course (defaultgroupingid);
CREATE INDEX mdl_cour_idn_ix ON mdl_course (idnumber);
CREATE INDEX mdl_cour_sho_ix ON mdl_course (shortname);
CREATE TABLE mdl_course_format_options (
    id INTEGER PRIMARY KEY AUTOINCREMENT, courseid INTEGER NOT NULL, format TEXT NOT NULL,
    sectionid INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL, value TEXT
);
CREATE INDEX mdl_courformopti_cou_ix ON mdl_course_format_options (courseid);
CREATE TABLE mdl_course_sections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, course INTEGER NOT NULL, section INTEGER NOT NULL DEFAULT 0,
    name TEXT, summary TEXT DEFAULT '', summaryformat INTEGER NOT NULL DEFAULT 1, sequence TEXT DEFAULT '',
    visible INTEGER NOT NULL DEFAULT 1, availability TEXT, component TEXT, itemid INTEGER,
    timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX mdl_coursect_cousec_uix ON mdl_course_sections (course, section);
CREATE TABLE mdl_modules (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, visible INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE mdl_course_modules (
    id INTEGER PRIMARY KEY AUTOINCREMENT, course INTEGER NOT NULL, module INTEGER NOT NULL,
    instance INTEGER NOT NULL, section INTEGER NOT NULL DEFAULT 0, idnumber TEXT DEFAULT '',
    added INTEGER NOT NULL DEFAULT 0, score INTEGER NOT NULL DEFAULT 0, indent INTEGER NOT NULL DEFAULT 0,
    visible INTEGER NOT NULL DEFAULT 1, visibleoncoursepage INTEGER NOT NULL DEFAULT 1,
    visibleold INTEGER NOT NULL DEFAULT 1, groupmode INTEGER NOT NULL DEFAULT 0,
    groupingid INTEGER NOT NULL DEFAULT 0, completion INTEGER NOT NULL DEFAULT 0,
    completiongradeitemnumber INTEGER, completionview INTEGER NOT NULL DEFAULT 0,
    completionexpected INTEGER NOT NULL DEFAULT 0, completionpassgrade INTEGER NOT NULL DEFAULT 0,
    showdescription INTEGER NOT NULL DEFAULT 0, availability TEXT,
    deletioninprogress INTEGER NOT NULL DEFAULT 0, downloadcontent INTEGER DEFAULT 1, lang TEXT
);
CREATE INDEX mdl_courmodu_cou_ix ON mdl_course_modules (course);
CREATE INDEX mdl_courmodu_gro_ix ON mdl_course_modules (groupingid);
CREATE TABLE mdl_forum (
    id INTEGER PRIMARY KEY AUTOINCREMENT, course INTEGER NOT NULL, type TEXT NOT NULL DEFAULT 'general',
    name TEXT NOT NULL, intro TEXT NOT NULL DEFAULT '', timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE mdl_assign (
    id INTEGER PRIMARY KEY AUTOINCREMENT, course INTEGER NOT NULL, name TEXT NOT NULL,
    intro TEXT NOT NULL DEFAULT '', timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE mdl_quiz (
    id INTEGER PRIMARY KEY AUTOINCREMENT, course INTEGER NOT NULL, name TEXT NOT NULL,
    intro TEXT NOT NULL DEFAULT '', timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE mdl_page (
    id INTEGER PRIMARY KEY AUTOINCREMENT, course INTEGER NOT NULL, name TEXT NOT NULL,
    intro TEXT NOT NULL DEFAULT '', timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE mdl_label (
    id INTEGER PRIMARY KEY AUTOINCREMENT, course INTEGER NOT NULL, name TEXT NOT NULL,
    intro TEXT NOT NULL DEFAULT '', timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE mdl_user (
    id INTEGER PRIMARY KEY AUTOINCREMENT, auth TEXT NOT NULL DEFAULT 'manual',
    confirmed INTEGER NOT NULL DEFAULT 1, policyagreed INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0, suspended INTEGER NOT NULL DEFAULT 0,
    mnethostid INTEGER NOT NULL DEFAULT 1, username TEXT NOT NULL DEFAULT '',
    password TEXT NOT NULL DEFAULT '', idnumber TEXT NOT NULL DEFAULT '',
    firstname TEXT NOT NULL DEFAULT '', lastname TEXT NOT NULL DEFAULT '', email TEXT NOT NULL DEFAULT '',
    phone1 TEXT NOT NULL DEFAULT '', phone2 TEXT NOT NULL DEFAULT '',
    institution TEXT NOT NULL DEFAULT '', department TEXT NOT NULL DEFAULT '',
    address TEXT NOT NULL DEFAULT '', city TEXT NOT NULL DEFAULT '', country TEXT NOT NULL DEFAULT '',
    lang TEXT NOT NULL DEFAULT 'en', calendartype TEXT NOT NULL DEFAULT 'gregorian',
    theme TEXT NOT NULL DEFAULT '', timezone TEXT NOT NULL DEFAULT '99',
    firstaccess INTEGER NOT NULL DEFAULT 0, lastaccess INTEGER NOT NULL DEFAULT 0,
    description TEXT, descriptionformat INTEGER NOT NULL DEFAULT 1,
    mailformat INTEGER NOT NULL DEFAULT 1, maildisplay INTEGER NOT NULL DEFAULT 2,
    trackforums INTEGER NOT NULL DEFAULT 0, timecreated INTEGER NOT NULL DEFAULT 0,
    timemodified INTEGER NOT NULL DEFAULT 0, lastnamephonetic TEXT, firstnamephonetic TEXT,
    middlename TEXT, alternatename TEXT
);
CREATE UNIQUE INDEX mdl_user_mneuse_uix ON mdl_user (mnethostid, username);
CREATE INDEX mdl_user_idn_ix ON mdl_user (idnumber);
CREATE INDEX mdl_user_ema_ix ON mdl_user (email COLLATE NOCASE);
CREATE INDEX mdl_user_las_ix ON mdl_user (lastname, firstname);
CREATE TABLE mdl_role (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT '', shortname TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '', sortorder INTEGER NOT NULL DEFAULT 0,
    archetype TEXT NOT NULL DEFAULT ''
);
CREATE TABLE mdl_role_capabilities (
    id INTEGER PRIMARY KEY AUTOINCREMENT, contextid INTEGER NOT NULL, roleid INTEGER NOT NULL,
    capability TEXT NOT NULL, permission INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX mdl_rolecapa_rolconcap_uix ON mdl_role_capabilities (roleid, contextid, capability);
CREATE TABLE mdl_role_assignments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, roleid INTEGER NOT NULL, contextid INTEGER NOT NULL,
    userid INTEGER NOT NULL, timemodified INTEGER NOT NULL DEFAULT 0, modifierid INTEGER NOT NULL DEFAULT 0,
    component TEXT NOT NULL DEFAULT '', itemid INTEGER NOT NULL DEFAULT 0, sortorder INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX mdl_roleassi_con_ix ON mdl_role_assignments (contextid, roleid);
CREATE INDEX mdl_roleassi_use_ix ON mdl_role_assignments (userid, contextid);
CREATE TABLE mdl_enrol (
    id INTEGER PRIMARY KEY AUTOINCREMENT, enrol TEXT NOT NULL, status INTEGER NOT NULL DEFAULT 0,
    courseid INTEGER NOT NULL, sortorder INTEGER NOT NULL DEFAULT 0, name TEXT,
    roleid INTEGER NOT NULL DEFAULT 5, customint1 INTEGER, customint2 INTEGER,
    timecreated INTEGER NOT NULL DEFAULT 0, timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX mdl_enro_cou_ix ON mdl_enrol (courseid);
CREATE TABLE mdl_user_enrolments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, status INTEGER NOT NULL DEFAULT 0, enrolid INTEGER NOT NULL,
    userid INTEGER NOT NULL, timestart INTEGER NOT NULL DEFAULT 0, timeend INTEGER NOT NULL DEFAULT 0,
    modifierid INTEGER NOT NULL DEFAULT 0, timecreated INTEGER NOT NULL DEFAULT 0,
    timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX mdl_userenro_enruse_uix ON mdl_user_enrolments (enrolid, userid);
CREATE INDEX mdl_userenro_use_ix ON mdl_user_enrolments (userid);
CREATE TABLE mdl_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, courseid INTEGER NOT NULL, idnumber TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL DEFAULT '', description TEXT, descriptionformat INTEGER NOT NULL DEFAULT 0,
    enrolmentkey TEXT, picture INTEGER NOT NULL DEFAULT 0, visibility INTEGER NOT NULL DEFAULT 0,
    participation INTEGER NOT NULL DEFAULT 1, timecreated INTEGER NOT NULL DEFAULT 0,
    timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX mdl_grou_cou_ix ON mdl_groups (courseid, name);
CREATE INDEX mdl_grou_idn2_ix ON mdl_groups (idnumber);
CREATE TABLE mdl_groups_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, groupid INTEGER NOT NULL DEFAULT 0,
    userid INTEGER NOT NULL DEFAULT 0, timeadded INTEGER NOT NULL DEFAULT 0,
    component TEXT NOT NULL DEFAULT '', itemid INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX mdl_groumemb_usegro_uix ON mdl_groups_members (userid, groupid);
CREATE INDEX mdl_groumemb_gro_ix ON mdl_groups_members (groupid);
CREATE TABLE mdl_groupings (
    id INTEGER PRIMARY KEY AUTOINCREMENT, courseid INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL DEFAULT '', idnumber TEXT NOT NULL DEFAULT '', description TEXT,
    descriptionformat INTEGER NOT NULL DEFAULT 0, configdata TEXT,
    timecreated INTEGER NOT NULL DEFAULT 0, timemodified INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX mdl_grou_cou2_ix ON mdl_groupings (courseid, name);
CREATE INDEX mdl_grou_idn_ix ON mdl_groupings (idnumber);
CREATE TABLE mdl_groupings_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, groupingid INTEGER NOT NULL DEFAULT 0,
    groupid INTEGER NOT NULL DEFAULT 0, timeadded INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX mdl_grougrou_gro_ix ON mdl_groupings_groups (groupingid);
CREATE INDEX mdl_grougrou_gro2_ix ON mdl_groupings_groups (groupid);
CREATE TABLE mdl_external_services (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1,
    shortname TEXT, restrictedusers INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE mdl_external_services_functions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, externalserviceid INTEGER NOT NULL, functionname TEXT NOT NULL
);
CREATE UNIQUE INDEX mdl_exteservfunc_extfun_uix
    ON mdl_external_services_functions (externalserviceid, functionname);
CREATE TABLE mdl_external_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, tokentype INTEGER NOT NULL DEFAULT 0,
    userid INTEGER NOT NULL, externalserviceid INTEGER NOT NULL, contextid INTEGER NOT NULL DEFAULT 1,
    iprestriction TEXT, validuntil INTEGER, timecreated INTEGER NOT NULL DEFAULT 0, lastaccess INTEGER,
    name TEXT
);
-- Not Moodle's: what reached the site, so that a test can count it.
CREATE TABLE standin_calls (
    function TEXT PRIMARY KEY, calls INTEGER NOT NULL, items INTEGER NOT NULL, writes INTEGER NOT NULL
);
