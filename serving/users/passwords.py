"""What a password must be. Length is what counts; rules about digits and signs make people write them down.

Source: NIST SP 800-63B section 3.1.1.2.
"""

from typing import Final

from serving.auth.passwords import hash_password
from serving.errors import InvalidRequest

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 256
_MIN_DIFFERENT: Final = 5


def checked_hash(password: str, username: str = "") -> str:
    """The hash of a password that is neither too easy to guess nor so long that hashing it is an attack.

    Takes some 50 ms of a core: never call it in a write job.

    Raises:
        InvalidRequest: It is.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise InvalidRequest(f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    if len(set(password.casefold())) < _MIN_DIFFERENT:
        raise InvalidRequest(f"a password has at least {_MIN_DIFFERENT} different characters")
    rest = password.casefold().replace(username.casefold(), "") if username else password
    if len(rest) < MIN_PASSWORD_LENGTH // 2:
        raise InvalidRequest("a password is more than the user name")
    return hash_password(password)
