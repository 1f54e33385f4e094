"""The one way in which a question, or a part of it, is turned down."""

from typing import Final

from serving.errors import ServingError

NOT_IN_DATA: Final = "That is not in the data."


class NotInData(ServingError):  # noqa: N818 - as in `serving.errors`: the name is what is raised
    """What is asked for does not exist, or not for this caller. The message says what does."""

    code = "not_in_data"


class NotUnderstood(NotInData):
    """The question has words, or a sense, that the local backend does not know. The message says what it knows."""

    code = "not_understood"
