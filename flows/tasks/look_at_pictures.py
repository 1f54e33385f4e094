"""Runs the deployed version and the candidate on stored pictures, for the strategies that must look at them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from flows.settings import FlowSettings
from flows.tasks.strategies import Strategy, disagreement_of
from models.bundle import Bundle, load_bundle
from models.errors import BundleError, ModelError
from models.features import FeatureExtractor
from models.intake import read_image
from models.recipe import Recipe, Thresholds
from models.runtime import Runtime, open_runtime
from registry.errors import RegistryError
from registry.local_store import LocalStore
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import CANDIDATE, MODEL_NAME
from serving.client import ClientError, UssopClient
from serving.curation.schemas import CandidateOut
from serving.stations.schemas import StationOut


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in one picture.

    Attributes:
        vector: Features, None if nobody asked.
        disagreement: Between the deployed version and the candidate, None if nobody asked.
    """

    vector: npt.NDArray[np.float32] | None
    disagreement: float | None


@dataclass(slots=True)
class Lookers:
    """What looks at pictures, and which strategies cannot be followed for want of it.

    Attributes:
        deployed: The deployed version.
        candidate: The candidate, on the same backend.
        features: Of the deployed version.
        left_out: Why, by strategy.
    """

    deployed: Runtime | None = None
    candidate: Runtime | None = None
    features: FeatureExtractor | None = None
    left_out: dict[Strategy, str] = field(default_factory=dict)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to look with."""
        return self.features is not None or self.candidate is not None


def open_lookers(settings: FlowSettings, strategies: Collection[Strategy]) -> Lookers:
    """What the strategies need. A strategy that cannot be followed now is left out with its reason.

    Args:
        settings: Where the bundles and the registry are.
        strategies: As named by the user.
    """
    found = Lookers()
    wanted: list[Strategy] = [name for name in ("disagreement", "diversity") if name in strategies]
    if not wanted:
        return found
    store = LocalStore(settings.bundles_dir)
    try:
        # What is deployed on this machine, not in the registry: curation works with MLflow away.
        deployed = load_bundle(store.deployed())
        found.deployed = open_runtime(deployed)
    except (RegistryError, BundleError) as error:
        found.left_out = dict.fromkeys(wanted, str(error))
        return found
    if "diversity" in wanted:
        try:
            found.features = FeatureExtractor(found.deployed)
        except BundleError as error:
            found.left_out["diversity"] = str(error)
    if "disagreement" in wanted:
        try:
            found.candidate = open_runtime(_candidate(settings, store, deployed))
        except (RegistryError, BundleError) as error:
            found.left_out["disagreement"] = str(error)
    return found


def look_at_pictures(
    client: UssopClient,
    chosen: Sequence[CandidateOut],
    lookers: Lookers,
    say: Callable[..., None],
    on_picture: Callable[[int], None],
) -> dict[str, Seen]:
    """What was seen, by inspection id; a picture that is gone, or on which a network fails, is missing.

    Args:
        client: To get the pictures and the rules of their stations.
        chosen: The pictures.
        lookers: What looks at them.
        say: Called with a format and its arguments for each that is missing.
        on_picture: Called with the number of pictures done.

    Raises:
        ClientError: The API does not answer.
    """
    recipes = {station.id: recipe_of(station) for station in client.stations()}
    seen = {}
    for number, each in enumerate(chosen, start=1):
        try:
            data = client.picture(each.image_url)
            seen[each.inspection_id] = _look(data, recipes.get(each.station_id, Recipe()), lookers)
        except ClientError as error:
            if error.status not in {404, 410}:
                raise
            say("inspection %s: %s", each.inspection_id, error)
        except ModelError as error:
            say("inspection %s: %s", each.inspection_id, error)
        on_picture(number)
    return seen


def recipe_of(station: StationOut) -> Recipe:
    """The rules of a station as the runtime takes them."""
    return Recipe(
        name=f"{station.id}@{station.revision}",
        mm_per_px=station.mm_per_px,
        thresholds={k: Thresholds(t.accept_below, t.reject_above) for k, t in station.thresholds.items()},
        min_area_px=station.min_area_px,
        min_area_mm2=station.min_area_mm2,
        region_of_interest=tuple(station.region_of_interest) if station.region_of_interest else None,
    )


def _look(data: bytes, recipe: Recipe, lookers: Lookers) -> Seen:
    picture = read_image(data)
    vector = lookers.features.vector_of(picture.pixels_rgb) if lookers.features is not None else None
    disagreement = None
    if lookers.deployed is not None and lookers.candidate is not None:
        verdicts = [runtime.inspect(picture, recipe) for runtime in (lookers.deployed, lookers.candidate)]
        disagreement = disagreement_of(*verdicts)
    return Seen(vector, disagreement)


def _candidate(settings: FlowSettings, store: LocalStore, deployed: Bundle) -> Bundle:
    with MlflowRest(settings.mlflow_url) as rest:
        bundle = fetch_bundle(rest, store, rest.version_of_alias(MODEL_NAME, CANDIDATE))
    if bundle.digest == deployed.digest:
        raise RegistryError("the candidate is the deployed version")
    return bundle
