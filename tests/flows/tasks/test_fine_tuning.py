"""What is shown in training follows the options: pasted pictures, the share of good ones, the size of the input."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from flows.settings import FlowSettings
from flows.tasks import recipes
from flows.tasks.coco import Picture
from flows.tasks.few_pictures import choose_input_size
from flows.tasks.fine_tuning import FineTuning
from flows.tasks.recipes import RECIPES
from flows.tasks.simulated_dataset import write_surface_dataset

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Picture, ...]:
    """Twenty surfaces, some of them good."""
    return write_surface_dataset(tmp_path_factory.mktemp("surfaces"), seed=9, count=20, side_px=160).pictures


def _how(**options: object) -> FineTuning:
    return FineTuning("v1", epochs=9, batch_size=4, learning_rate=0.001, **options)  # type: ignore[arg-type]


def test_recipe_decides_what_is_shown_when_nothing_is_asked_for(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    assert _how().shown(pictures, tmp_path) == RECIPES["few-pictures"].repeated(pictures)
    assert list(tmp_path.iterdir()) == []


def test_pasted_pictures_and_good_ones_make_up_the_share_when_both_are_asked_for(
    pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    defective = sum(not p.is_good for p in pictures)
    shown = _how(pasted=1.0, good_share=0.75).shown(pictures, tmp_path)
    pasted = {p.path for p in shown if p.path.parent == tmp_path}
    assert 0.5 * defective <= len(pasted) <= defective
    assert {p.path for p in pictures} <= {p.path for p in shown}
    assert sum(p.is_good for p in shown) / len(shown) == pytest.approx(0.75, abs=0.02)


def test_recipe_pastes_when_it_is_the_one_for_surfaces(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    how = FineTuning("v1", epochs=9, batch_size=4, learning_rate=0.001, recipe="surface")
    shown = how.shown(pictures, tmp_path)
    defective = sum(not p.is_good for p in pictures)
    made = [p for p in shown if p.path.parent == tmp_path]
    pasted = [p for p in made if p.path.name.startswith("pasted")]
    assert defective < len(pasted) <= RECIPES["surface"].pasted * defective
    painted = RECIPES["surface"].painted * (len(pictures) - defective)
    assert 0.5 * painted < len(made) - len(pasted) <= painted
    options = how.options(None, pictures)
    assert options.window_px % 32 == 0
    assert abs(options.window_px - options.input_px / 2) <= 16


def test_no_more_is_painted_than_memory_takes(
    pictures: tuple[Picture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "MOST_PAINTED", 3)
    shown = _how(recipe="surface", pasted=0.0, painted=20.0).shown(pictures, tmp_path)
    assert len(pictures) < len(shown) <= len(pictures) + 3


def test_nothing_is_made_when_none_is_asked_for(pictures: tuple[Picture, ...], tmp_path: Path) -> None:
    assert _how(recipe="surface", pasted=0.0, painted=0.0).shown(pictures, tmp_path) == pictures


def test_painted_defects_are_refused_when_the_network_learns_classes_alone(
    pictures: tuple[Picture, ...], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="only a surface network"):
        _how(painted=1.0).shown(pictures, tmp_path)


def test_published_weights_lie_below_the_data_or_where_a_path_says(tmp_path: Path) -> None:
    def found(named: str) -> Path | None:
        return FlowSettings(base_weights=named, data_dir=tmp_path).base_weights_file

    assert found("") is None
    assert found("yolo26n-seg.pt") == tmp_path / "weights" / "yolo26n-seg.pt"
    assert found("/srv/yolo26n-seg.pt") == Path("/srv/yolo26n-seg.pt")


def test_said_which_weights_are_started_from() -> None:
    named = Path("weights") / "yolo26n-seg.pt"
    assert "random weights, as asked for" in _how().said_of_start(None)
    assert "yolo26n-seg.pt" in _how(from_base=True, base_weights=named).said_of_start(None)
    assert "BASE_WEIGHTS names none" in _how(from_base=True).said_of_start(None)
    assert "simulated surfaces" in _how(recipe="surface", from_base=True, base_weights=named).said_of_start(None)


def test_input_fits_the_defects_when_there_is_no_version_to_start_from(pictures: tuple[Picture, ...]) -> None:
    assert _how().options(None, pictures).input_px == choose_input_size(pictures)
    assert _how(input_px=96).options(None, pictures).input_px == 96
