"""Moodle's exceptions, as far as a web-service client gets to see them."""


class MoodleException(Exception):
    """An exception with the class name, errorcode, message and debuginfo Moodle would report."""

    php_class = "core\\exception\\moodle_exception"

    def __init__(self, errorcode: str | None, message: str, debuginfo: str | None = None) -> None:
        super().__init__(message)
        self.errorcode, self.message, self.debuginfo = errorcode, message, debuginfo


class InvalidParameter(MoodleException):
    """Every wrong parameter reads the same; only debuginfo tells which."""

    php_class = "core\\exception\\invalid_parameter_exception"

    def __init__(self, debuginfo: str) -> None:
        super().__init__("invalidparameter", "Invalid parameter value detected", debuginfo)


class InvalidResponse(MoodleException):
    """The function did its work, but its answer does not fit its own description."""

    php_class = "core\\exception\\invalid_response_exception"

    def __init__(self, debuginfo: str) -> None:
        super().__init__("invalidresponse", "Invalid response value detected", debuginfo)


class MissingRecord(MoodleException):
    """A row that must exist does not; a missing user has an errorcode of its own."""

    php_class = "dml_missing_record_exception"

    def __init__(self, table: str, debuginfo: str) -> None:
        if table == "user":
            super().__init__("invaliduser", "Invalid user", debuginfo)
        elif table:
            super().__init__("invalidrecord", f"Can't find data record in database table {table}.", debuginfo)
        else:
            super().__init__("invalidrecordunknown", "Can't find data record in database.", debuginfo)


class WriteError(MoodleException):
    """The database refused a row, for whatever reason."""

    php_class = "dml_write_exception"

    def __init__(self, debuginfo: str) -> None:
        super().__init__("dmlwriteexception", "Error writing to database", debuginfo)


class AccessDenied(MoodleException):
    """The token is known, but not for this."""

    php_class = "webservice_access_exception"

    def __init__(self, debuginfo: str) -> None:
        super().__init__("accessexception", "Access control exception", debuginfo)


class RequireLogin(MoodleException):
    """The account may not enter the course or activity."""

    php_class = "core\\exception\\require_login_exception"

    def __init__(self, debuginfo: str) -> None:
        super().__init__("requireloginerror", "Course or activity not accessible.", debuginfo)


class MissingCapability(MoodleException):
    """The account is in the course but may not do this."""

    php_class = "core\\exception\\required_capability_exception"

    def __init__(self, title: str) -> None:
        super().__init__(
            "nopermissions",
            f"Sorry, but you do not currently have permissions to do that ({title}).",
        )


class CodingError(MoodleException):
    """A mistake Moodle blames on the programmer."""

    php_class = "core\\exception\\coding_exception"

    def __init__(self, hint: str, debuginfo: str | None = None) -> None:
        message = f"Coding error detected, it must be fixed by a programmer: {hint}"
        super().__init__("codingerror", message, debuginfo)


class PhpError(MoodleException):
    """An error of PHP itself; it has no errorcode."""

    php_class = "Error"

    def __init__(self, message: str, php_class: str = "Error") -> None:
        super().__init__(None, message)
        self.php_class = php_class
