"""The account under which the platform's own processes (the flows) call the API: a user like any other, an operator.

It answers to no rate limit: a batch of pictures asks as fast as the answers come, and what protects the line from it
is the bounded queue of the inspections. Its id is fixed, so that a verified token says whose it is without a look-up.
"""

from typing import Final

SERVICE_USER_ID: Final = "service"
SERVICE_USERNAME: Final = "service"
SERVICE_ROLES: Final = ("operator",)
"""What the flows need: to inspect, and to report on their jobs. A few routes are open to this account beside a role."""
