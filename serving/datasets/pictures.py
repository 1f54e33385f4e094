"""What the readers of every format give: pictures with their labels, and what could not be read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from serving.errors import InvalidRequest
from serving.review.labels import Box, Label, Ring

PICTURE_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture of an import.

    Attributes:
        name: Path of the picture in the source.
        labels: What is wrong with the part; empty for a good part, None where nobody has said anything.
        shape_hw: Height and width that the labels were made for, None where the format does not say.
        in_shares: Whether coordinates are shares of width and height (YOLO) and not pixels.
    """

    name: str
    labels: tuple[Label, ...] | None
    shape_hw: tuple[int, int] | None = None
    in_shares: bool = False

    def labels_in_px(self, shape_hw: tuple[int, int]) -> tuple[Label, ...]:
        """The labels in pixels of a picture of that height and width.

        Raises:
            InvalidRequest: They were made for a picture of another size.
        """
        if self.shape_hw is not None and self.shape_hw != shape_hw:
            raise InvalidRequest(
                f"the labels are for {self.shape_hw[1]} x {self.shape_hw[0]} px, "
                f"the picture has {shape_hw[1]} x {shape_hw[0]}"
            )
        if not self.in_shares:
            return self.labels or ()
        height, width = shape_hw
        return tuple(_scaled(label, width, height) for label in self.labels or ())


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that an import found.

    Attributes:
        class_names: In the order of their numbers.
        pictures: With their labels.
        problems: (file, what is wrong) of what is left out.
    """

    class_names: tuple[str, ...]
    pictures: tuple[LabelledPicture, ...]
    problems: tuple[tuple[str, str], ...] = field(default=())


class PictureFinder:
    """Finds the file that a label means, by path or, where that is unambiguous, by its bare name."""

    def __init__(self, names: Sequence[str]) -> None:
        self.pictures = [name for name in names if name.lower().endswith(PICTURE_ENDINGS)]
        self._known = frozenset(self.pictures)
        self._by_bare_name: dict[str, list[str]] = {}
        for name in self.pictures:
            self._by_bare_name.setdefault(PurePosixPath(name).name, []).append(name)

    def find(self, told: str, beside: str) -> str:
        """The path of the picture.

        Args:
            told: What the label says, a path or a bare name.
            beside: Path of the file that says so.

        Raises:
            InvalidRequest: There is none, or there are several.
        """
        told = told.replace("\\", "/")
        folder = PurePosixPath(beside).parent
        for candidate in (folder / told, folder / "images" / told, PurePosixPath(told)):
            if str(candidate) in self._known:
                return str(candidate)
        found = self._by_bare_name.get(PurePosixPath(told).name, [])
        if len(found) != 1:
            raise InvalidRequest("the picture is missing" if not found else "several pictures have this name")
        return found[0]


class Collection:
    """Gathers what the labels speak of, keeping what is good and saying what is wrong with the rest."""

    def __init__(self, finder: PictureFinder) -> None:
        self._finder = finder
        self._pictures: dict[str, LabelledPicture] = {}
        self._problems: list[tuple[str, str]] = []
        # Labels that could not be read speak of these: nobody may take them for unlabelled, let alone for good.
        self._spoiled: set[str] = set()

    def take(self, told: str, locate: Callable[[], str], read: Callable[[str], LabelledPicture]) -> None:
        """Adds one picture, or the reason why it stays out.

        Args:
            told: The picture as the label names it.
            locate: Gives its path in the source.
            read: Gives the picture with its labels.
        """
        found = None
        try:
            found = locate()
            self._require_new(found)
            self._pictures[found] = read(found)
        except InvalidRequest as error:
            self._leave_out(told, found, str(error))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self._leave_out(told, found, f"its labels do not parse: {type(error).__name__} {error}")

    def contents(self, class_names: Sequence[str]) -> Contents:
        """Everything gathered, and after it the pictures that no label speaks of."""
        unnamed = [
            LabelledPicture(name, None)
            for name in self._finder.pictures
            if name not in self._pictures and not self._spoiled & {name, PurePosixPath(name).name}
        ]
        return Contents(tuple(class_names), (*self._pictures.values(), *unnamed), tuple(self._problems))

    @property
    def pictures(self) -> Sequence[LabelledPicture]:
        """Those that labels speak of, so far."""
        return tuple(self._pictures.values())

    def _require_new(self, found: str) -> None:
        if found in self._pictures:
            raise InvalidRequest("the picture is listed twice; the first counts")

    def _leave_out(self, told: str, found: str | None, problem: str) -> None:
        self._problems.append((told, problem))
        self._spoiled.add(found or PurePosixPath(told.replace("\\", "/")).name)


def bounds_of(rings: Sequence[Ring]) -> Box:
    """Left, top, right, bottom of the rings together."""
    xs = [x for ring in rings for x, _ in ring]
    ys = [y for ring in rings for _, y in ring]
    return (min(xs), min(ys), max(xs), max(ys))


def _scaled(label: Label, width: int, height: int) -> Label:
    x_min, y_min, x_max, y_max = label.box_xyxy
    rings = tuple(tuple((x * width, y * height) for x, y in ring) for ring in label.rings)
    return Label(label.class_name, (x_min * width, y_min * height, x_max * width, y_max * height), rings)
