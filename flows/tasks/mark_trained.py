"""Tells the API which pictures a version has learned from, so that the review pages show them as *trained*."""

from typing import Any, Final

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.settings import FlowSettings
from serving.client import ClientError, ServiceAccount, UssopClient

# A restart of the API takes seconds, an update of the platform a minute or two.
_PAUSES_S: Final = [1.0, 2.0, 5.0, 15.0, 60.0]
_TIMEOUT_S: Final = 10.0


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    error = state.data  # Prefect asks with what was raised
    return isinstance(error, ClientError) and error.is_passing


@task(
    name="mark-trained",
    retries=len(_PAUSES_S),
    retry_delay_seconds=_PAUSES_S,
    retry_condition_fn=_may_pass,
    cache_policy=NO_CACHE,
)
def mark_trained(dataset_id: str, version: str) -> int:
    """The number of pictures that count as trained now.

    Args:
        dataset_id: The data set, as the API names it.
        version: Number of the version in the registry.

    Raises:
        FileNotFoundError: This machine has no service account.
        ClientError: The API does not answer, or refuses.
    """
    settings = FlowSettings()
    if not settings.service_account_file.is_file():  # waiting would not help
        raise FileNotFoundError(f"there is no {settings.service_account_file.name}: `ussop up` makes it")
    account = ServiceAccount.read(settings.service_account_file)
    with UssopClient(settings.api_url, account, timeout_s=_TIMEOUT_S) as client:
        count = client.mark_trained(dataset_id, version)
    get_run_logger().info("%d pictures count as trained by version %s", count, version)
    return count
