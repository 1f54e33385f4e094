"""Users as they travel over the wire."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from serving.auth.principal import ROLES
from serving.auth.schemas import UserProfile
from serving.strict import Flag

Role = Literal["viewer", "operator", "engineer", "admin"]


def _each_once(roles: list[Role]) -> list[Role]:
    return sorted(set(roles), key=ROLES.index)


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("control characters are not allowed")
    return value


Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
Email = Annotated[
    str, StringConstraints(pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$", max_length=254), AfterValidator(_printable)
]
Roles = Annotated[list[Role], Field(min_length=1, max_length=len(ROLES)), AfterValidator(_each_once)]
# Its length is judged where every password is; here it is only kept from being endless.
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class UserIn(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    username: Username
    password: Password
    """At least 12 characters."""
    email: Email | None = None
    roles: Roles = ["viewer"]
    """One is enough: each role may do what the lower ones may."""
    must_change_password: Flag = True
    """Whether they are asked to choose a password of their own."""


class UserUpdate(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    email: Email | None = None
    roles: Roles | None = None
    """Ends every session of the user, as `is_active` and `password` do."""
    is_active: Flag | None = None
    password: Password | None = None
    """For people who have forgotten theirs."""
    must_change_password: Flag | None = None
    """True if left out where a password is set."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_unset(cls, values: Any) -> Any:
        """Only the e-mail address may be taken away."""
        if isinstance(values, dict):
            for name in ("roles", "is_active", "password", "must_change_password"):
                if name in values and values[name] is None:
                    msg = f"{name} must not be null"
                    raise ValueError(msg)
        return values


class OwnUpdate(BaseModel):
    """What users may change of themselves."""

    model_config = ConfigDict(extra="forbid")

    email: Email | None


class OwnPassword(BaseModel):
    """The old password and a new one."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    old_password: Annotated[Password, Field(validation_alias=AliasChoices("old_password", "current_password"))]
    """Also taken as `current_password`."""
    new_password: Password
    """At least 12 characters."""


class UserOut(UserProfile):
    """A user as administrators see them."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    is_platform: bool
    """Whether it is the account of the platform's own processes, which nobody changes here."""


class UserList(BaseModel):
    """Every user, by name."""

    users: list[UserOut]
    total: int


class UserDeleted(BaseModel):
    """Who was deleted."""

    status: Literal["deleted"] = "deleted"
    id: str
