"""Which two networks are the segmenter now: those loaded by key, else the files that the settings name."""

import os
import threading
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from models.errors import BundleError, ModelError, NetworkLayoutError
from models.networks import Network, OnnxRuntimeNetwork, OpenVinoNetwork
from models.segmenter import PromptableSegmenter, read_layout
from serving.errors import NotReady, ServingError
from serving.openvino.paths import checked_path
from serving.openvino.service import LoadedNetworks
from serving.settings import Settings

Role = Literal["encoder", "decoder"]
ROLES: Final[tuple[Role, ...]] = ("encoder", "decoder")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pair:
    """A segmenter that is ready.

    Attributes:
        encoder: Its first network.
        decoder: Its second.
        segmenter: Both together.
        generation: Grows with each change; embeddings of another generation are of no use.
    """

    encoder: Network
    decoder: Network
    segmenter: PromptableSegmenter
    generation: int


class SegmenterPair:
    """Finds and loads the two. A network that was loaded by its key comes before the file of the settings."""

    def __init__(self, settings: Settings, networks: LoadedNetworks) -> None:
        """Takes where to look; nothing is loaded yet."""
        self._settings = settings
        self._networks = networks
        self._files: dict[Role, str] = {"encoder": settings.segmenter_encoder, "decoder": settings.segmenter_decoder}
        # On ONNX Runtime: without OpenVINO, or where it does not take the file. Those are not OpenVINO's to list.
        self._beside: dict[Role, Network] = {}
        self._current: Pair | None = None
        self._generation = 0
        self._loading = threading.Lock()
        self._problem: str | None = None

    def is_configured(self) -> bool:
        """Whether the settings name both files."""
        return all(self._files.values())

    def is_ready(self) -> bool:
        """Whether the pair is loaded and nobody has loaded another network since."""
        pair = self._current
        return pair is not None and pair.encoder is self._loaded("encoder") and pair.decoder is self._loaded("decoder")

    def absence(self) -> str | None:
        """Which networks are neither loaded nor named by the settings; None where there is something to try."""
        absent = [role for role in ROLES if self._loaded(role) is None and not self._files[role]]
        if not absent:
            return None
        if len(absent) == len(ROLES):
            return "there is no promptable segmenter here: set SEGMENTER_ENCODER and SEGMENTER_DECODER"
        name = absent[0]
        return f"the promptable segmenter has no {name}: set SEGMENTER_{name.upper()}, or load one by the key {name}"

    def problem(self) -> str | None:
        """Why there is no segmenter, as far as is known without loading anything; None if nothing speaks against it."""
        if self.is_ready():
            return None
        encoder, decoder = (self._loaded(role) for role in ROLES)
        if encoder is not None and decoder is not None:
            try:
                read_layout(encoder, decoder)
            except NetworkLayoutError as error:
                return _unsupported(error)
            return None
        return self.absence() or self._problem

    def backend(self) -> str | None:
        """What the present pair runs on, None while none is loaded."""
        pair = self._current
        return f"{pair.encoder.runs_on}, {pair.decoder.runs_on}" if pair else None

    def current(self) -> Pair:
        """The pair, loaded where it is not yet; that takes a while, so call it in a thread.

        Raises:
            NotReady: There is none, or the files are none that can be used.
        """
        with self._loading:
            try:
                encoder, decoder = (self._loaded(role) or self._load(role) for role in ROLES)
                known = self._current
                if known is None or known.encoder is not encoder or known.decoder is not decoder:
                    segmenter = PromptableSegmenter(encoder, decoder)
                    self._generation += 1
                    self._current = known = Pair(encoder, decoder, segmenter, self._generation)
                    _log.info("segmenter_ready", backend=self.backend(), side_px=segmenter.layout.encoder_side_px)
            except NotReady as error:
                self._problem = str(error)
                raise
            except NetworkLayoutError as error:
                self._problem = _unsupported(error)
                raise NotReady(self._problem) from error
            self._problem = None
            return known

    def _loaded(self, role: Role) -> Network | None:
        return self._networks.find(role) or self._beside.get(role)

    def _load(self, role: Role) -> Network:
        """The network that the settings name.

        Raises:
            NotReady: None is named, or it cannot be used.
        """
        setting, settings = f"SEGMENTER_{role.upper()}", self._settings
        if not self._files[role]:
            raise NotReady(self.absence() or f"{setting} is not set")
        # The line keeps half of the processors to itself.
        threads = max(1, (os.cpu_count() or 1) // 2)
        try:
            path = checked_path(self._files[role], (settings.models_dir,))
            if settings.openvino_enabled:
                try:
                    network = OpenVinoNetwork(path, settings.openvino_device, threads=threads)
                    self._networks.put(role, network)
                    return self._networks.find(role) or network
                except BundleError as error:
                    _log.warning("segmenter_falls_back", role=role, error=str(error))
            self._beside[role] = OnnxRuntimeNetwork(path, threads=threads)
            return self._beside[role]
        except (ServingError, ModelError) as error:
            said = str(error).replace("model_path", setting)
            raise NotReady(f"the promptable segmenter cannot be loaded: {setting}: {said}") from error


def _unsupported(error: NetworkLayoutError) -> str:
    return f"the loaded networks are no promptable segmenter that is supported: {error}"
