"""core_webservice_get_site_info: the site, the account and the functions its token may call."""

from sandbox.moodle.access import Call
from sandbox.moodle.database import Row
from sandbox.moodle.descriptions import Many, One, Value, optional

VERSION = "2024100706"
RELEASE = "4.5.6 (Build: 20250811)"

SITE_INFO_PARAMETERS = One({"serviceshortnames": Many(Value("alphanumext"), "default")})
_TEXTS = ["sitename", "username", "firstname", "lastname", "fullname", "lang", "siteurl", "userpictureurl"]
_OPTIONAL = {
    "downloadfiles": "int", "uploadfiles": "int", "release": "raw", "version": "raw", "mobilecssurl": "url",
    "usercanmanageownfiles": "bool", "userquota": "int", "usermaxuploadfilesize": "int",
    "userhomepage": "int", "userprivateaccesskey": "alphanum", "siteid": "int", "sitecalendartype": "plugin",
    "usercalendartype": "plugin", "userissiteadmin": "bool", "theme": "theme",
    "limitconcurrentlogins": "int", "policyagreed": "int",
}  # fmt: skip
SITE_INFO = One(
    {
        **{name: Value("raw") for name in _TEXTS},
        "userid": Value("int"),
        "functions": Many(One({"name": Value("raw"), "version": Value("text")})),
        **{name: optional(kind) for name, kind in _OPTIONAL.items()},
        "advancedfeatures": Many(One({"name": Value("alphanumext"), "value": Value("int")}), "optional"),
    }
)


def get_site_info(call: Call, serviceshortnames: list[str]) -> Row:
    """What a client asks first; the list of service names is ignored, as in Moodle."""
    del serviceshortnames
    site = call.database.must_find("course", id=1)
    sql = "SELECT functionname AS name FROM mdl_external_services_functions WHERE externalserviceid = ? ORDER BY id"
    functions = call.database.all(sql, [call.serviceid])
    user = call.user
    return {
        "sitename": site["fullname"],
        **{name: user[name] for name in ("username", "firstname", "lastname")},
        "fullname": f"{user['firstname']} {user['lastname']}",
        "lang": "en",
        "userid": user["id"],
        "siteurl": call.site_url,
        "userpictureurl": f"{call.site_url}/theme/image.php/boost/core/u/f1",
        "functions": [{**function, "version": VERSION} for function in functions],
        "downloadfiles": 0,
        "uploadfiles": 0,
        "release": RELEASE,
        "version": VERSION,
        "mobilecssurl": "",
        "advancedfeatures": [{"name": "enablecompletion", "value": 1}, {"name": "messaging", "value": 1}],
        "usercanmanageownfiles": True,
        "userquota": 104857600,
        "usermaxuploadfilesize": 8388608,
        "userhomepage": 1,
        "siteid": 1,
        "sitecalendartype": "gregorian",
        "usercalendartype": user["calendartype"],
        "userissiteadmin": call.is_site_admin,
        "userprivateaccesskey": f"{user['id']:032x}",
        "theme": "boost",
        "limitconcurrentlogins": 0,
        "policyagreed": user["policyagreed"],
    }
