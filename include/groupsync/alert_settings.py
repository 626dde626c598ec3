"""Who is told what, over which Airflow connection (rule W2)."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from include.groupsync.breaker_settings import Strict

Gets = Literal["warning", "error", "critical", "summary"]
_ALERTS: tuple[Gets, ...] = ("warning", "error", "critical")


class Channel(Strict):
    """An Airflow connection that messages go out over: of type smtp (``mail``, with addresses) or of type apprise."""

    mail: str | None = Field(None, min_length=1)
    apprise: str | None = Field(None, min_length=1)
    to: tuple[str, ...] = ()
    gets: tuple[Gets, ...] = Field((), validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _by_default(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "gets" not in raw:
            return {**raw, "gets": (*_ALERTS, "summary") if raw.get("mail") else _ALERTS}
        return raw

    @field_validator("to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for n, one in enumerate(value, start=1):
            if "@" not in one or any(char.isspace() or char in ",;" for char in one):
                raise ValueError(f"number {n} is no mail address, such as team@example.ac.uk")
        if len(set(value)) != len(value):
            raise ValueError("an address stands there twice")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> "Channel":
        if (self.mail is None) == (self.apprise is None):
            raise ValueError("name one connection: 'mail' (type smtp) or 'apprise' (type apprise)")
        if self.mail is not None and not self.to:
            raise ValueError("'mail' needs 'to', a list of addresses")
        if self.apprise is not None and self.to:
            raise ValueError("'to' goes with 'mail'; where an apprise connection sends to is in the connection")
        return self

    @property
    def recipients(self) -> list[str]:
        """What each addressee is called where it is kept who was told what."""
        return [f"mail {self.mail} {one}" for one in self.to] if self.mail else [f"apprise {self.apprise}"]

    def address_of(self, recipient: str) -> str:
        """The mail address of one of ``recipients``."""
        return self.to[self.recipients.index(recipient)]


class Alerts(Strict):
    """``channels`` may be empty: then nobody is told anything."""

    channels: tuple[Channel, ...] = ()
    run_summary: Literal["off", "daily", "every_run"] = "off"

    @field_validator("run_summary", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return "off" if value is False else value  # YAML reads a bare off as false

    @model_validator(mode="after")
    def _somebody_reads_it(self) -> "Alerts":
        if self.run_summary != "off" and not any("summary" in one.gets for one in self.channels):
            raise ValueError("run_summary is on and no channel gets 'summary': add one, or write 'run_summary: off'")
        everybody = [name for one in self.channels for name in one.recipients]
        if len(set(everybody)) != len(everybody):
            raise ValueError("two channels send to one address over one connection: make them one")
        return self
